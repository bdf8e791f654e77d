"""Where a question stands, and what may happen to it. Pure."""

from enum import StrEnum

from ..kernel.machine import Machine
from ..listings.states import ListingState


class QuestionState(StrEnum):
    """Only an answered one is shown to anybody but who asked, who sells and staff."""

    OPEN = "open"
    ANSWERED = "answered"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class QuestionEvent(StrEnum):
    """What can happen to it. What was answered is only added to."""

    ANSWERED = "answered"
    ADDED_TO = "added_to"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class Shown(StrEnum):
    """What staff did to its being shown."""

    HIDDEN = "hidden"
    RESTORED = "restored"


_S, _E = QuestionState, QuestionEvent

QUESTION: Machine[QuestionState, QuestionEvent] = Machine(
    {
        (_S.OPEN, _E.ANSWERED): _S.ANSWERED,
        (_S.OPEN, _E.DECLINED): _S.DECLINED,
        (_S.OPEN, _E.WITHDRAWN): _S.WITHDRAWN,
        (_S.DECLINED, _E.ANSWERED): _S.ANSWERED,
        (_S.ANSWERED, _E.ADDED_TO): _S.ANSWERED,
    }
)

ANSWERABLE = (ListingState.PUBLISHED, ListingState.PAUSED, ListingState.RESERVED)
"""States of a unit about which something can be answered: after the sale both sides write to each other."""
