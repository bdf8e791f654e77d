"""What can happen to a question about a procedure for which no rule opens. Pure."""

from enum import StrEnum

from ..kernel.machine import Machine


class ReviewState(StrEnum):
    """Only APPROVED opens anything, and only while it lasts; "lapsed" follows from its last day."""

    ASKED = "asked"
    PROPOSED = "proposed"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"


class ReviewEvent(StrEnum):
    """What people do to it. PROPOSED and APPROVED are the acts of two different members of staff."""

    PROPOSED = "proposed"
    SENT_BACK = "sent_back"
    APPROVED = "approved"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"


_S, _E = ReviewState, ReviewEvent

REVIEW: Machine[ReviewState, ReviewEvent] = Machine(
    {
        (_S.ASKED, _E.PROPOSED): _S.PROPOSED,
        (_S.ASKED, _E.REFUSED): _S.REFUSED,
        (_S.ASKED, _E.WITHDRAWN): _S.WITHDRAWN,
        (_S.PROPOSED, _E.APPROVED): _S.APPROVED,
        (_S.PROPOSED, _E.SENT_BACK): _S.ASKED,
        (_S.PROPOSED, _E.REFUSED): _S.REFUSED,
        (_S.PROPOSED, _E.WITHDRAWN): _S.WITHDRAWN,
        (_S.APPROVED, _E.ENDED): _S.ENDED,
    }
)

OPEN = frozenset({_S.ASKED, _S.PROPOSED})
"""States in which somebody still has to decide."""
