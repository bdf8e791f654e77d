"""An offer is accepted while somebody else orders, and two are accepted at once: one has the unit, at one price."""

import os
from datetime import timedelta

import pytest
from sqlalchemy import select

from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.kernel.errors import Conflict
from marketplace.kernel.money import Money
from marketplace.orders import offering, reserving
from marketplace.orders import service as orders
from marketplace.orders.models import Offer, Order
from marketplace.orders.offer_states import OfferState
from tests.factories.accounts import make_user
from tests.factories.clinics import make_member
from tests.factories.credentials import make_credential
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.orders import make_scene, wish
from tests.faults.test_order_races import at_once, house

__all__ = ["house"]

pytestmark = pytest.mark.own_database

ROUNDS = int(os.environ.get("SECOND_LIGHT_RACE_ROUNDS", "3"))


def cleared(scene, now):
    buyer = make_user()
    make_member(clinic=scene.clinic, user=buyer)
    make_credential(
        type_code="US-TX:TDLR:LHR", holder=buyer, level="SENIOR_TECHNICIAN",
        expires_on=(now + timedelta(days=200)).date(), at=now - timedelta(days=2),
    )  # fmt: skip
    return buyer


def test_two_acceptances_and_an_order_of_a_third_at_once_leave_one_truth(house):
    now = clock.now().replace(microsecond=0)
    scene = make_scene(now)
    seller_id, site_id = scene.seller.id, scene.site.id
    buyers = [cleared(scene, now).id for _ in range(2)]
    for _ in range(ROUNDS):
        scene.listing = make_listing(
            clinic=scene.seller_clinic, handpieces=[make_handpiece("DIODE_HR")], price_minor=4_250_000
        )
        listing_id, wanted = scene.listing.id, wish(scene, at=now)
        made = [
            offering.make(listing_id=listing_id, buyer_id=buyer, site_id=site_id, amount=Money(3_900_000), at=now)
            for buyer in buyers
        ]
        db.session.rollback()

        came_of_it = at_once(
            house,
            [
                *(lambda o=o: offering.accept(offer_id=o, actor_id=seller_id, at=now) for o in made),
                lambda wanted=wanted: orders.place(**wanted),
            ],
        )

        assert sum(isinstance(one, Conflict) for one in came_of_it) == 2
        agreed = db.session.scalars(
            select(Offer.id).where(Offer.listing_id == listing_id, Offer.state == OfferState.ACCEPTED)
        ).all()
        ordered = db.session.scalars(select(Order.price_minor).where(Order.listing_id == listing_id)).all()
        kept = reserving.kept(listing_id, at=now)
        assert (len(agreed), ordered, kept is None) in [(1, [], False), (0, [4_250_000], True)]
        db.session.rollback()


def test_an_agreed_price_is_ordered_once_however_often_it_is_pressed(house):
    now = clock.now().replace(microsecond=0)
    scene = make_scene(now)
    offer_id = offering.make(
        listing_id=scene.listing.id, buyer_id=scene.buyer.id, site_id=scene.site.id, amount=Money(3_900_001), at=now
    )
    offering.accept(offer_id=offer_id, actor_id=scene.seller.id, at=now)
    wanted = [wish(scene, at=now) for _ in range(3)]
    db.session.rollback()

    came_of_it = at_once(house, [lambda one=one: orders.place(**one) for one in wanted])

    assert sum(isinstance(one, Conflict) for one in came_of_it) == 2
    assert db.session.execute(select(Order.price_minor, Order.fee_minor, Order.offer_id)).all() == [
        (3_900_001, 234_000, offer_id)
    ]
