"""What may become of a file of a register. Pure."""

from enum import StrEnum

from ..kernel.machine import Machine


class SnapshotState(StrEnum):
    """Where a file stands. Only the rows of a current one are looked at."""

    RECEIVED = "received"
    CHECKED = "checked"
    LOADING = "loading"
    CURRENT = "current"
    REPLACED = "replaced"
    REFUSED = "refused"


class SnapshotEvent(StrEnum):
    """What happens to a file."""

    CHECKED = "checked"
    STARTED = "started"
    LOADED = "loaded"
    REPLACED = "replaced"
    REFUSED = "refused"


_S, _E = SnapshotState, SnapshotEvent

SNAPSHOT: Machine[SnapshotState, SnapshotEvent] = Machine(
    {
        (_S.RECEIVED, _E.CHECKED): _S.CHECKED,
        (_S.RECEIVED, _E.STARTED): _S.LOADING,
        (_S.RECEIVED, _E.REFUSED): _S.REFUSED,
        (_S.CHECKED, _E.CHECKED): _S.CHECKED,
        (_S.CHECKED, _E.STARTED): _S.LOADING,
        (_S.CHECKED, _E.REFUSED): _S.REFUSED,
        (_S.LOADING, _E.LOADED): _S.CURRENT,
        (_S.LOADING, _E.REFUSED): _S.REFUSED,
        (_S.CURRENT, _E.REPLACED): _S.REPLACED,
    }
)
