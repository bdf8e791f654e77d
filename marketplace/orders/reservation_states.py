"""What can happen to a request to wait for a buyer who is still qualifying. Pure."""

from datetime import timedelta
from enum import StrEnum

from ..kernel.machine import Machine

MOST_DAYS = 14
ANSWERED_WITHIN = timedelta(days=14)
"""A request that nobody answered is over after this."""
MOST_AT_ONCE = 5
"""So many requests and reservations one buyer may have that are not over."""


class ReservationState(StrEnum):
    """Where a request stands."""

    ASKED = "asked"
    GRANTED = "granted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    GIVEN_UP = "given_up"
    USED = "used"
    LAPSED = "lapsed"


class ReservationEvent(StrEnum):
    """What buyer, seller and time do to it."""

    GRANTED = "granted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    GIVEN_UP = "given_up"
    USED = "used"
    LAPSED = "lapsed"


_S, _E = ReservationState, ReservationEvent

RESERVATION: Machine[ReservationState, ReservationEvent] = Machine(
    {
        (_S.ASKED, _E.GRANTED): _S.GRANTED,
        (_S.ASKED, _E.DECLINED): _S.DECLINED,
        (_S.ASKED, _E.WITHDRAWN): _S.WITHDRAWN,
        (_S.ASKED, _E.LAPSED): _S.LAPSED,
        (_S.GRANTED, _E.USED): _S.USED,
        (_S.GRANTED, _E.GIVEN_UP): _S.GIVEN_UP,
        (_S.GRANTED, _E.LAPSED): _S.LAPSED,
    }
)
