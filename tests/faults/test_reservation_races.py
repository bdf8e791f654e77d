"""A grant and an order, or two grants, at one instant: one of them has the unit, and the other is told so."""

import os

import pytest
from sqlalchemy import select

from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.kernel.errors import Conflict
from marketplace.orders import reserving
from marketplace.orders import service as orders
from marketplace.orders.models import Order, Reservation
from marketplace.orders.reservation_states import ReservationState
from tests.factories.accounts import make_user
from tests.factories.clinics import make_member
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.orders import make_scene, wish
from tests.faults.test_order_races import at_once, house

__all__ = ["house"]

pytestmark = pytest.mark.own_database

ROUNDS = int(os.environ.get("SECOND_LIGHT_RACE_ROUNDS", "5"))


def asked_by(scene, now):
    apprentice = make_user()
    make_member(clinic=scene.clinic, user=apprentice)
    return reserving.ask(
        listing_id=scene.listing.id, buyer_id=apprentice.id, site_id=scene.site.id, message="In review.", at=now
    )


def test_a_grant_and_an_order_of_another_at_once_leave_one_truth(house):
    now = clock.now().replace(microsecond=0)
    scene = make_scene(now)
    seller_id = scene.seller.id
    for _ in range(ROUNDS):
        scene.listing = make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("DIODE_HR")])
        listing_id, reservation_id, wanted = scene.listing.id, asked_by(scene, now), wish(scene, at=now)
        db.session.rollback()

        granted, placed = at_once(
            house,
            [
                lambda r=reservation_id: reserving.grant(reservation_id=r, actor_id=seller_id, days=3, at=now),
                lambda wanted=wanted: orders.place(**wanted),
            ],
        )

        assert isinstance(granted, Conflict) is not isinstance(placed, Conflict)
        assert isinstance(placed, Conflict) or db.session.scalar(select(Order.id).where(Order.listing_id == listing_id))
        kept = reserving.kept(listing_id, at=now)
        assert (kept is not None) is isinstance(placed, reserving.KeptForAnother)
        db.session.rollback()


def test_two_grants_at_once_keep_it_for_one(house):
    now = clock.now().replace(microsecond=0)
    scene = make_scene(now)
    seller_id = scene.seller.id
    for _ in range(ROUNDS):
        scene.listing = make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("DIODE_HR")])
        listing_id, asked = scene.listing.id, [asked_by(scene, now) for _ in range(4)]
        db.session.rollback()

        came_of_it = at_once(
            house, [lambda r=r: reserving.grant(reservation_id=r, actor_id=seller_id, days=3, at=now) for r in asked]
        )

        assert sum(isinstance(one, Conflict) for one in came_of_it) == 3
        states = db.session.scalars(select(Reservation.state).where(Reservation.listing_id == listing_id)).all()
        assert sorted(states) == [ReservationState.ASKED] * 3 + [ReservationState.GRANTED]
        db.session.rollback()
