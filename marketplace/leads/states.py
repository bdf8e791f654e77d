"""Where a request to arrange something stands, and what may happen to it. Pure."""

from enum import StrEnum

from ..kernel.machine import Machine


class LeadKind(StrEnum):
    """What somebody wants arranged."""

    FINANCE = "finance"
    TRADE_IN = "trade_in"
    BROKERAGE = "brokerage"
    CONSIGNMENT = "consignment"


class LeadState(StrEnum):
    """Nothing of it leaves the house before its person has agreed to whom."""

    OPEN = "open"
    PROPOSED = "proposed"
    HANDED_ON = "handed_on"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


class LeadEvent(StrEnum):
    """What can happen to it."""

    PROPOSED = "proposed"
    AGREED = "agreed"
    DECLINED = "declined"
    CLOSED = "closed"
    WITHDRAWN = "withdrawn"


_S, _E = LeadState, LeadEvent

LEAD: Machine[LeadState, LeadEvent] = Machine(
    {
        (_S.OPEN, _E.PROPOSED): _S.PROPOSED,
        (_S.OPEN, _E.CLOSED): _S.CLOSED,
        (_S.OPEN, _E.WITHDRAWN): _S.WITHDRAWN,
        (_S.PROPOSED, _E.AGREED): _S.HANDED_ON,
        (_S.PROPOSED, _E.DECLINED): _S.OPEN,
        (_S.PROPOSED, _E.CLOSED): _S.CLOSED,
        (_S.PROPOSED, _E.WITHDRAWN): _S.WITHDRAWN,
        (_S.HANDED_ON, _E.CLOSED): _S.CLOSED,
    }
)
ALIVE = (LeadState.OPEN, LeadState.PROPOSED)
"""What its person can still take back: nobody outside has heard of it."""
