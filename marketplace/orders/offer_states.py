"""What can happen to an offer: a price that a cleared buyer names below the one that is asked. Pure."""

from datetime import timedelta
from enum import StrEnum

from ..kernel.machine import Machine

KEPT_DAYS = 5
"""For so many days an agreed price stands, and the device is kept for its buyer."""
ANSWERED_WITHIN = timedelta(days=7)
"""What nobody answers for so long, an offer or the seller's own price, is over."""
MOST_AT_ONCE = 10
"""So many offers one buyer may have that are not over."""


class OfferState(StrEnum):
    """Where an offer stands."""

    OPEN = "open"
    COUNTERED = "countered"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class OfferEvent(StrEnum):
    """What seller, buyer and time do to it."""

    COUNTERED = "countered"
    ACCEPTED = "accepted"  # by the seller, as it was made
    TAKEN = "taken"  # by the buyer: the seller's price
    DECLINED = "declined"
    DECLINED_BY_FLOOR = "declined_by_floor"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


_S, _E = OfferState, OfferEvent

OFFER: Machine[OfferState, OfferEvent] = Machine(
    {
        (_S.OPEN, _E.COUNTERED): _S.COUNTERED,
        (_S.OPEN, _E.ACCEPTED): _S.ACCEPTED,
        (_S.OPEN, _E.DECLINED): _S.DECLINED,
        (_S.OPEN, _E.DECLINED_BY_FLOOR): _S.DECLINED,
        (_S.OPEN, _E.WITHDRAWN): _S.WITHDRAWN,
        (_S.OPEN, _E.LAPSED): _S.LAPSED,
        (_S.COUNTERED, _E.TAKEN): _S.ACCEPTED,
        (_S.COUNTERED, _E.DECLINED): _S.DECLINED,
        (_S.COUNTERED, _E.WITHDRAWN): _S.WITHDRAWN,
        (_S.COUNTERED, _E.LAPSED): _S.LAPSED,
    }
)
