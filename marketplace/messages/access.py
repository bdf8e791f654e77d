"""Who writes in the thread of an order, when, and from when on contact is shared: one place. Pure."""

from enum import StrEnum

from ..orders.access import Party
from ..orders.states import OrderEvent, OrderState


class Speaker(StrEnum):
    """For whom somebody writes."""

    BUYER = "buyer"
    SELLER = "seller"
    STAFF = "staff"


_SPEAKS_FOR = {Party.BUYER: Speaker.BUYER, Party.BUYING_CLINIC: Speaker.BUYER, Party.SELLER: Speaker.SELLER}

CLOSED = frozenset({OrderState.CANCELLED, OrderState.LAPSED})
"""States of an order that came to nothing before it was paid: what was written stays, and nothing is added."""

SHARING_CONTACT = (OrderEvent.PAID, OrderEvent.CLEARED)
"""Once one of these has happened the payment is held for a cleared buyer, and what was hidden is shown for good."""


def speaks_for(parties: frozenset[Party]) -> Speaker | None:
    """Return for which side a person writes; None: the thread is not theirs."""
    return next((speaker for party, speaker in _SPEAKS_FOR.items() if party in parties), None)
