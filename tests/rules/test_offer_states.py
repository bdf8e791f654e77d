"""What can happen to an offer: every pair of state and event is listed here or refused."""

from itertools import product

import pytest

from marketplace.kernel.machine import IllegalMove
from marketplace.orders.offer_states import OFFER, OfferEvent, OfferState

_S, _E = OfferState, OfferEvent
MOVES = {
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


@pytest.mark.parametrize(("state", "event"), list(product(OfferState, OfferEvent)))
def test_a_move_is_listed_or_refused(state, event):
    if (state, event) in MOVES:
        assert OFFER.after(state, event) is MOVES[state, event]
    else:
        with pytest.raises(IllegalMove):
            OFFER.after(state, event)
