"""What a mailed link is for, what can happen to it, and what can be answered through it. Pure."""

from datetime import datetime
from enum import StrEnum

from ..kernel.machine import Machine


class LinkPurpose(StrEnum):
    """The one thing that a link allows."""

    SIGN_ORDER = "sign_order"
    CONFIRM_CLAIM = "confirm_claim"


class LinkState(StrEnum):
    """Where a link stands. One whose time is over serves nobody, whatever its state says."""

    WAITING = "waiting"
    USED = "used"
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"


class LinkEvent(StrEnum):
    """How a link ends."""

    USED = "used"
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"


_S, _E = LinkState, LinkEvent

LINK: Machine[LinkState, LinkEvent] = Machine(
    {
        (_S.WAITING, _E.USED): _S.USED,
        (_S.WAITING, _E.WITHDRAWN): _S.WITHDRAWN,
        (_S.WAITING, _E.REPLACED): _S.REPLACED,
    }
)


class Worth(StrEnum):
    """What a link is worth at a moment."""

    WAITING = "waiting"
    EXPIRED = "expired"
    USED = "used"
    WITHDRAWN = "withdrawn"
    REPLACED = "replaced"


def worth(state: LinkState, *, expires_at: datetime, at: datetime) -> Worth:
    """Return what a link is worth: at its last instant it is worth nothing any more."""
    if state is LinkState.WAITING and at >= expires_at:
        return Worth.EXPIRED
    return Worth(state.value)


class Answer(StrEnum):
    """What was answered. Who cannot say has said neither yes nor no."""

    SIGNED = "signed"
    CONFIRMED = "confirmed"
    NOT_CONFIRMED = "not_confirmed"
    CANNOT_SAY = "cannot_say"
