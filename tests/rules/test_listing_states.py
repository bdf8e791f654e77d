"""What can happen to a listing, pair by pair."""

from itertools import product

import pytest

from marketplace.kernel.machine import IllegalMove
from marketplace.listings.states import LISTING, PHOTO, ListingEvent, ListingState, PhotoEvent, PhotoState

_S, _E = ListingState, ListingEvent

ALLOWED = {
    (_S.DRAFT, _E.SUBMITTED): _S.IN_REVIEW,
    (_S.DRAFT, _E.WITHDRAWN): _S.WITHDRAWN,
    (_S.IN_REVIEW, _E.APPROVED): _S.PUBLISHED,
    (_S.IN_REVIEW, _E.SENT_BACK): _S.DRAFT,
    (_S.IN_REVIEW, _E.RECALLED): _S.DRAFT,
    (_S.PUBLISHED, _E.RESERVED): _S.RESERVED,
    (_S.PUBLISHED, _E.SENT_BACK): _S.DRAFT,
    (_S.PUBLISHED, _E.RECALLED): _S.DRAFT,
    (_S.PUBLISHED, _E.WITHDRAWN): _S.WITHDRAWN,
    (_S.PUBLISHED, _E.STOPPED): _S.IN_REVIEW,
    (_S.PAUSED, _E.STOPPED): _S.IN_REVIEW,
    (_S.PUBLISHED, _E.PAUSED): _S.PAUSED,
    (_S.PAUSED, _E.RESUMED): _S.PUBLISHED,
    (_S.PAUSED, _E.SENT_BACK): _S.DRAFT,
    (_S.PAUSED, _E.RECALLED): _S.DRAFT,
    (_S.PAUSED, _E.WITHDRAWN): _S.WITHDRAWN,
    (_S.RESERVED, _E.RELEASED): _S.PUBLISHED,
    (_S.RESERVED, _E.SOLD): _S.SOLD,
}


@pytest.mark.parametrize(("state", "event"), list(product(ListingState, ListingEvent)))
def test_a_move_is_listed_or_refused(state, event):
    if (state, event) in ALLOWED:
        assert LISTING.after(state, event) is ALLOWED[state, event]
    else:
        with pytest.raises(IllegalMove):
            LISTING.after(state, event)


@pytest.mark.parametrize("state", [_S.SOLD, _S.WITHDRAWN])
def test_what_is_sold_or_withdrawn_stays_so(state):
    assert LISTING.events_from(state) == ()


@pytest.mark.parametrize("event", [_E.RESERVED, _E.RELEASED, _E.SOLD])
def test_what_is_claimed_in_one_statement_has_one_source(event):
    assert len(LISTING.sources_of(event)) == 1


_P, _H = PhotoState, PhotoEvent

OF_A_PHOTO = {
    (_P.WAITING, _H.MADE): _P.READY,
    (_P.WAITING, _H.REFUSED): _P.REFUSED,
    (_P.WAITING, _H.GIVEN_UP): _P.FAILED,
    (_P.FAILED, _H.TRIED_AGAIN): _P.WAITING,
    (_P.FAILED, _H.REPLACED): _P.WAITING,
    (_P.REFUSED, _H.REPLACED): _P.WAITING,
}


@pytest.mark.parametrize(("state", "event"), list(product(PhotoState, PhotoEvent)))
def test_a_move_of_a_photo_is_listed_or_refused(state, event):
    if (state, event) in OF_A_PHOTO:
        assert PHOTO.after(state, event) is OF_A_PHOTO[state, event]
    else:
        with pytest.raises(IllegalMove):
            PHOTO.after(state, event)
