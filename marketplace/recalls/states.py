"""What may become of a recall beside a model that it may concern. Pure."""

from enum import StrEnum

from ..kernel.machine import Machine


class MatchState(StrEnum):
    """Where a recall stands with a model. Only a confirmed one closes the gate."""

    CANDIDATE = "candidate"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    CLOSED = "closed"


class MatchEvent(StrEnum):
    """What happens to it. All but the last are somebody's judgement, with a reason."""

    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    CLOSED = "closed"
    SAYS_MORE = "says_more"  # A newer file names other devices or units than those that were judged.


_S, _E = MatchState, MatchEvent

MATCH: Machine[MatchState, MatchEvent] = Machine(
    {
        (_S.CANDIDATE, _E.CONFIRMED): _S.CONFIRMED,
        (_S.CANDIDATE, _E.CLOSED): _S.CLOSED,
        (_S.CANDIDATE, _E.REJECTED): _S.REJECTED,
        (_S.CONFIRMED, _E.CLOSED): _S.CLOSED,
        (_S.CONFIRMED, _E.REJECTED): _S.REJECTED,
        (_S.REJECTED, _E.CONFIRMED): _S.CONFIRMED,
        (_S.CLOSED, _E.CONFIRMED): _S.CONFIRMED,
        (_S.REJECTED, _E.SAYS_MORE): _S.CANDIDATE,
        (_S.CLOSED, _E.SAYS_MORE): _S.CANDIDATE,
    }
)
