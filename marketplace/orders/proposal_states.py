"""What can happen to a proposal that a part of the price go back. Pure."""

from enum import StrEnum

from ..kernel.machine import Machine


class ProposalState(StrEnum):
    """Where a proposal stands."""

    OPEN = "open"
    AGREED = "agreed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class ProposalEvent(StrEnum):
    """What becomes of it."""

    AGREED = "agreed"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


_S, _E = ProposalState, ProposalEvent

PROPOSAL: Machine[ProposalState, ProposalEvent] = Machine(
    {
        (_S.OPEN, _E.AGREED): _S.AGREED,
        (_S.OPEN, _E.DECLINED): _S.DECLINED,
        (_S.OPEN, _E.WITHDRAWN): _S.WITHDRAWN,
    }
)


class Side(StrEnum):
    """Which side of a sale proposes."""

    BUYER = "buyer"
    SELLER = "seller"
