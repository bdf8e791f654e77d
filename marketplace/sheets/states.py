"""What can happen to an import of a table, in one table. Pure."""

from enum import StrEnum

from ..kernel.machine import Machine


class ImportState(StrEnum):
    """Where an import stands."""

    RECEIVED = "received"
    CHECKED = "checked"
    WRITING = "writing"
    DONE = "done"
    CANCELLED = "cancelled"
    REFUSED = "refused"


class ImportEvent(StrEnum):
    """What happens to an import."""

    CHECKED = "checked"
    STARTED = "started"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    REFUSED = "refused"


_S, _E = ImportState, ImportEvent

IMPORT: Machine[ImportState, ImportEvent] = Machine(
    {
        (_S.RECEIVED, _E.CHECKED): _S.CHECKED,
        (_S.RECEIVED, _E.REFUSED): _S.REFUSED,
        (_S.RECEIVED, _E.CANCELLED): _S.CANCELLED,
        (_S.CHECKED, _E.STARTED): _S.WRITING,
        (_S.CHECKED, _E.CANCELLED): _S.CANCELLED,
        (_S.WRITING, _E.FINISHED): _S.DONE,
        (_S.WRITING, _E.REFUSED): _S.REFUSED,
        (_S.WRITING, _E.CANCELLED): _S.CANCELLED,
    }
)

MOVING = (_S.RECEIVED, _S.WRITING)
"""Where the house is at work, and nobody has to do anything."""
