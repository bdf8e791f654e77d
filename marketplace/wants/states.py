"""Where a want stands, and what may happen to it. Pure."""

from enum import StrEnum

from ..kernel.machine import Machine


class WantState(StrEnum):
    """Only an open one is shown to anybody but its buyer and staff."""

    OPEN = "open"
    PAUSED = "paused"
    CLOSED = "closed"
    EXPIRED = "expired"
    REMOVED = "removed"


class WantEvent(StrEnum):
    """What can happen to it."""

    PAUSED = "paused"
    RESUMED = "resumed"
    CLOSED = "closed"
    EXPIRED = "expired"
    REMOVED = "removed"


_S, _E = WantState, WantEvent

WANT: Machine[WantState, WantEvent] = Machine(
    {
        (_S.OPEN, _E.PAUSED): _S.PAUSED,
        (_S.OPEN, _E.CLOSED): _S.CLOSED,
        (_S.OPEN, _E.EXPIRED): _S.EXPIRED,
        (_S.OPEN, _E.REMOVED): _S.REMOVED,
        (_S.PAUSED, _E.RESUMED): _S.OPEN,
        (_S.PAUSED, _E.CLOSED): _S.CLOSED,
        (_S.PAUSED, _E.EXPIRED): _S.EXPIRED,
        (_S.PAUSED, _E.REMOVED): _S.REMOVED,
    }
)
ALIVE = (WantState.OPEN, WantState.PAUSED)
