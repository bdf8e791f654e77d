"""One unit, many hands at the same instant, on real connections."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from uuid import uuid4

import pytest
from sqlalchemy import select

from marketplace.extensions import db, unit_of_work
from marketplace.kernel.errors import Refusal
from marketplace.listings import drafting, service
from marketplace.listings.models import Listing, ListingMove
from marketplace.listings.states import ListingState
from tests.factories.accounts import make_user
from tests.factories.catalog import make_model
from tests.factories.clinics import make_clinic
from tests.factories.listings import make_listing

pytestmark = pytest.mark.own_database
NOW = datetime(2026, 6, 1, 17, tzinfo=UTC)


def at_once(app, *acts):
    """Do every act in a thread of its own, all at the same instant; return what each came to."""
    start = Barrier(len(acts))

    def run(act):
        with app.app_context():
            start.wait(10)
            try:
                return act()
            except Refusal as refusal:
                return type(refusal).__name__

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def reserving(listing_id, actor_id):
    def reserve():
        with unit_of_work():
            service.reserve(listing_id=listing_id, actor_id=actor_id, at=NOW)
        return "reserved"

    return reserve


def test_of_eight_buyers_one_reserves_and_seven_are_told(own_app):
    with own_app.app_context():
        unit, person = make_listing().id, make_user().id
    outcomes = at_once(own_app, *(reserving(unit, person) for _ in range(8)))

    assert sorted(outcomes) == ["ListingTaken"] * 7 + ["reserved"]
    with own_app.app_context():
        events = db.session.scalars(
            select(ListingMove.event).where(ListingMove.listing_id == unit, ListingMove.event.is_not(None))
        )
        assert events.all() == ["reserved"]


def test_a_buyer_and_a_seller_who_withdraws_cannot_both_have_their_way(own_app):
    with own_app.app_context():
        seller = make_user()
        unit, owner = make_listing(clinic=make_clinic(owner=seller, seller=True)).id, seller.id
        buyer = make_user().id
    outcomes = at_once(
        own_app,
        reserving(unit, buyer),
        lambda: service.withdraw(listing_id=unit, actor_id=owner, at=NOW) or "withdrawn",
    )

    with own_app.app_context():
        state = db.session.scalar(select(Listing.state).where(Listing.id == unit))
    assert (state, outcomes) in [
        (ListingState.RESERVED, ["reserved", "IllegalMove"]),
        (ListingState.WITHDRAWN, ["ListingTaken", "withdrawn"]),
    ]


def test_one_form_sent_five_times_at_once_is_one_draft(own_app):
    with own_app.app_context():
        seller = make_user()
        clinic, model, owner = make_clinic(owner=seller).id, make_model().id, seller.id
    key = uuid4()
    made = at_once(
        own_app,
        *(
            lambda: drafting.draft(
                actor_id=owner, clinic_id=clinic, model_id=model, city="Austin", state_code="TX", form_key=key, at=NOW
            )
            for _ in range(5)
        ),
    )

    assert len(set(made)) == 1
    with own_app.app_context():
        assert db.session.scalars(select(Listing.id)).all() == [made[0]]


def test_two_clinics_offer_the_same_unit_and_one_is_told(own_app):
    with own_app.app_context():
        first, second = make_user(), make_user()
        model = make_model()
        drafts = [
            (
                make_listing(
                    state="draft", clinic=make_clinic(owner=owner, seller=True), model=model, serial="SN 1", photos=1
                ).id,
                owner.id,
            )
            for owner in (first, second)
        ]
    outcomes = at_once(
        own_app,
        *(
            lambda listing=listing, owner=owner: (
                service.submit(listing_id=listing, actor_id=owner, at=NOW) or "submitted"
            )
            for listing, owner in drafts
        ),
    )

    assert sorted(outcomes) == ["UnitAlreadyListed", "submitted"]
