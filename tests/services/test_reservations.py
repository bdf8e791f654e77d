"""A seller waits for a buyer who is qualifying: asked, granted for some days, over by itself; the gate is as it is."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from marketplace.audit import events_about
from marketplace.extensions import db
from marketplace.jobs import JOBS
from marketplace.kernel.errors import Conflict, Invalid, NotFound, TooMany
from marketplace.kernel.machine import IllegalMove
from marketplace.listings import service as market
from marketplace.notifications.models import Mail
from marketplace.orders import reserving
from marketplace.orders.models import Order, Reservation
from marketplace.orders.reservation_states import RESERVATION, ReservationEvent, ReservationState
from marketplace.orders.reserving import KeptForAnother, NothingToWaitFor
from marketplace.orders.service import NotCleared
from tests.factories.accounts import make_user
from tests.factories.clinics import make_clinic, make_member, make_site
from tests.factories.credentials import make_credential
from tests.factories.listings import make_listing
from tests.factories.orders import place
from tests.support import assert_refused_by, promised_mails

DAY = timedelta(days=1)


@pytest.fixture
def apprentice(scene):
    """A colleague of the buyer who has no licence yet."""
    apprentice = make_user(name="Ada Lamb")
    make_member(clinic=scene.clinic, user=apprentice)
    return apprentice


def ask(scene, who, now, **changed):
    wanted = {"listing_id": scene.listing.id, "buyer_id": who.id, "site_id": scene.site.id, "message": "My licence is in review.", "at": now}  # fmt: skip
    return reserving.ask(**wanted | changed)


def grant(scene, reservation_id, now, days=7):
    return reserving.grant(reservation_id=reservation_id, actor_id=scene.seller.id, days=days, at=now)


@pytest.fixture
def granted(scene, apprentice, now):
    reservation_id = ask(scene, apprentice, now)
    grant(scene, reservation_id, now)
    return reservation_id


def state_of(reservation_id):
    return db.session.get_one(Reservation, reservation_id, populate_existing=True).state


def qualify(scene, who, now):
    make_credential(holder=who, type_code="US-TX:TDLR:LHR", level="SENIOR_TECHNICIAN", at=now - 2 * DAY, expires_on=(now + 200 * DAY).date())  # fmt: skip


def mails(to):
    found = promised_mails(Mail.template == "reservation_news", Mail.to == to.email)
    return [mail.context["subject"] for mail in found]


class TestAsk:
    def test_tells_the_seller_who_asks_and_why(self, scene, apprentice, now):
        reservation_id = ask(scene, apprentice, now)

        (one,) = reserving.of_sellers(scene.seller.id, at=now)
        assert (one.id, one.buyer_name, one.clinic_name, one.message, one.state) == (
            reservation_id, "Ada Lamb", scene.clinic.name, "My licence is in review.", ReservationState.ASKED,
        )  # fmt: skip
        assert reserving.of_buyer(apprentice.id, at=now) == [one]
        assert reserving.of_sellers(apprentice.id, at=now) == []
        assert mails(scene.seller) == [f"Somebody asks you to wait with your {scene.listing.title}"]
        assert "reservation:asked" in [event.kind for event in events_about("listing", scene.listing.id)]

    def test_binds_nobody(self, scene, apprentice, now):
        ask(scene, apprentice, now)

        assert reserving.kept(scene.listing.id, at=now) is None
        place(scene, at=now)

    def test_is_not_for_who_is_cleared(self, scene, now):
        with pytest.raises(NothingToWaitFor, match="You are cleared"):
            ask(scene, scene.buyer, now)

    def test_is_not_for_where_no_rule_opens(self, scene, apprentice, now):
        elsewhere = make_site(clinic=scene.clinic, state="OH")
        with pytest.raises(NothingToWaitFor, match="No rule"):
            ask(scene, apprentice, now, site_id=elsewhere.id)

    def test_is_not_for_the_sellers_own(self, scene, now):
        site = make_site(clinic=scene.seller_clinic)
        with pytest.raises(NothingToWaitFor, match="your own"):
            ask(scene, scene.seller, now, site_id=site.id)

    def test_is_for_ones_own_site(self, scene, apprentice, now):
        with pytest.raises(NotFound):
            ask(scene, apprentice, now, site_id=make_site(clinic=make_clinic()).id)

    def test_is_for_what_is_on_the_market(self, scene, apprentice, now):
        place(scene, at=now)
        with pytest.raises(Conflict, match="not on the market"):
            ask(scene, apprentice, now)

    @pytest.mark.parametrize("message", ["", "  ", "x" * 1001])
    def test_says_something(self, scene, apprentice, message, now):
        with pytest.raises(Invalid):
            ask(scene, apprentice, now, message=message)

    def test_is_asked_once(self, scene, apprentice, now):
        ask(scene, apprentice, now)
        with pytest.raises(Conflict, match="already"):
            ask(scene, apprentice, now)

        assert len(reserving.of_buyer(apprentice.id, at=now)) == 1

    def test_is_asked_for_five_devices_at_most(self, scene, apprentice, now):
        units = [make_listing(clinic=scene.seller_clinic, handpieces=["DIODE_HR"]) for _ in range(5)]
        for unit in units:
            ask(scene, apprentice, now, listing_id=unit.id)
        with pytest.raises(TooMany):
            ask(scene, apprentice, now)

        reserving.give_up(
            reservation_id=reserving.of_buyer(apprentice.id, at=now)[0].id, actor_id=apprentice.id, at=now
        )
        ask(scene, apprentice, now)

    def test_lapses_when_nobody_answers(self, scene, apprentice, now):
        first = ask(scene, apprentice, now)
        later = now + 14 * DAY

        assert reserving.of_buyer(apprentice.id, at=later)[0].state is ReservationState.LAPSED
        with pytest.raises(IllegalMove):
            grant(scene, first, later)
        ask(scene, apprentice, later)
        assert state_of(first) is ReservationState.LAPSED


class TestGrant:
    def test_keeps_the_unit_for_the_buyer_alone(self, scene, apprentice, granted, now):
        assert reserving.kept(scene.listing.id, at=now) == reserving.Kept(apprentice.id, now + 7 * DAY)
        with pytest.raises(KeptForAnother) as refusal:
            place(scene, at=now)

        assert refusal.value.until == now + 7 * DAY
        assert db.session.scalars(select(Order)).all() == []
        assert mails(apprentice) == [f"The {scene.listing.title} is reserved for you"]

    def test_relaxes_nothing_for_the_holder(self, scene, apprentice, granted, now):
        with pytest.raises(NotCleared):
            place(scene, buyer_id=apprentice.id, operator_id=apprentice.id, at=now)

        assert state_of(granted) is ReservationState.GRANTED

    def test_ends_with_the_holders_order(self, scene, apprentice, granted, now):
        qualify(scene, apprentice, now)
        place(scene, buyer_id=apprentice.id, operator_id=apprentice.id, at=now)

        assert state_of(granted) is ReservationState.USED

    def test_is_over_at_its_moment_without_anybody_tidying_up(self, scene, apprentice, granted, now):
        until = now + 7 * DAY
        assert reserving.kept(scene.listing.id, at=until - timedelta.resolution) is not None
        assert reserving.kept(scene.listing.id, at=until) is None
        assert reserving.of_buyer(apprentice.id, at=until)[0].state is ReservationState.LAPSED

    def test_is_tidied_up_by_a_job(self, scene, apprentice, granted, now):
        JOBS["lapse_reservations"]()
        assert state_of(granted) is ReservationState.GRANTED
        assert reserving.lapse_reservations(at=now + 7 * DAY) == 1

        assert state_of(granted) is ReservationState.LAPSED
        assert reserving.lapse_reservations(at=now + 8 * DAY) == 0
        assert mails(apprentice)[-1] == f"The {scene.listing.title} is no longer reserved for you"

    def test_waits_for_one(self, scene, apprentice, granted, now):
        other = make_user()
        make_member(clinic=scene.clinic, user=other)
        second = ask(scene, other, now)
        with pytest.raises(Conflict, match="another buyer"):
            grant(scene, second, now)
        assert state_of(second) is ReservationState.ASKED

        grant(scene, second, now + 7 * DAY)
        assert (state_of(granted), state_of(second)) == (ReservationState.LAPSED, ReservationState.GRANTED)

    @pytest.mark.parametrize("days", [0, 15, -1])
    def test_is_for_one_to_fourteen_days(self, scene, apprentice, days, now):
        reservation_id = ask(scene, apprentice, now)
        with pytest.raises(Invalid):
            grant(scene, reservation_id, now, days=days)

        assert state_of(reservation_id) is ReservationState.ASKED

    @pytest.mark.parametrize("days", [1, 14])
    def test_may_be_one_day_or_fourteen(self, scene, apprentice, days, now):
        assert grant(scene, ask(scene, apprentice, now), now, days=days) == now + days * DAY

    def test_is_the_sellers(self, scene, apprentice, now):
        reservation_id = ask(scene, apprentice, now)
        for stranger in (apprentice, make_user()):
            for act in (
                lambda who: reserving.grant(reservation_id=reservation_id, actor_id=who.id, days=3, at=now),
                lambda who: reserving.decline(reservation_id=reservation_id, actor_id=who.id, at=now),
            ):
                with pytest.raises(NotFound):
                    act(stranger)
        with pytest.raises(NotFound):
            grant(scene, uuid4(), now)
        assert state_of(reservation_id) is ReservationState.ASKED

    def test_needs_the_unit_on_the_market(self, scene, apprentice, now):
        reservation_id = ask(scene, apprentice, now)
        market.recall(listing_id=scene.listing.id, actor_id=scene.seller.id, at=now)
        with pytest.raises(Conflict, match="not on the market"):
            grant(scene, reservation_id, now)


class TestOtherEnds:
    def test_the_seller_declines(self, scene, apprentice, now):
        reservation_id = ask(scene, apprentice, now)
        reserving.decline(reservation_id=reservation_id, actor_id=scene.seller.id, at=now)

        assert state_of(reservation_id) is ReservationState.DECLINED
        assert mails(apprentice) == [f"The seller does not wait with the {scene.listing.title}"]
        with pytest.raises(IllegalMove):
            grant(scene, reservation_id, now)

    def test_the_buyer_gives_it_up(self, scene, apprentice, granted, now):
        reserving.give_up(reservation_id=granted, actor_id=apprentice.id, at=now)

        assert state_of(granted) is ReservationState.GIVEN_UP
        place(scene, at=now)

    def test_the_buyer_takes_the_request_back(self, scene, apprentice, now):
        reservation_id = ask(scene, apprentice, now)
        reserving.give_up(reservation_id=reservation_id, actor_id=apprentice.id, at=now)

        assert state_of(reservation_id) is ReservationState.WITHDRAWN
        assert mails(scene.seller)[-1] == f"Nobody asks you to wait with your {scene.listing.title} any more"

    def test_only_the_buyer_gives_it_up(self, scene, granted, now):
        for stranger in (scene.seller.id, scene.buyer.id):
            with pytest.raises(NotFound):
                reserving.give_up(reservation_id=granted, actor_id=stranger, at=now)
        with pytest.raises(NotFound):
            reserving.give_up(reservation_id=uuid4(), actor_id=scene.buyer.id, at=now)
        assert state_of(granted) is ReservationState.GRANTED


def test_every_state_but_the_two_open_ones_is_an_end():
    assert {state for state in ReservationState if RESERVATION.events_from(state)} == {
        ReservationState.ASKED,
        ReservationState.GRANTED,
    }
    assert {event for state in ReservationState for event in RESERVATION.events_from(state)} == set(ReservationEvent)


class TestDatabase:
    def insert(self, scene, buyer, now, **changed):
        values = {
            "id": uuid4(), "listing_id": scene.listing.id, "buyer_id": buyer.id, "clinic_id": scene.clinic.id,
            "message": "x", "state": "granted", "asked_at": now, "decided_at": now, "decided_by": scene.seller.id,
            "held_until": now + DAY, **changed,
        }  # fmt: skip
        names, marks = ", ".join(values), ", ".join(f":{name}" for name in values)
        db.session.execute(text(f"INSERT INTO reservations ({names}) VALUES ({marks})"), values)

    def test_two_holders(self, scene, granted, now):
        with assert_refused_by("one_holder_per_unit"):
            self.insert(scene, scene.buyer, now)

    def test_two_requests_of_one_buyer(self, scene, apprentice, granted, now):
        with assert_refused_by("one_request_per_buyer_and_unit"):
            self.insert(scene, apprentice, now, state="asked", held_until=None, decided_at=None, decided_by=None)

    def test_an_order_of_somebody_else(self, scene, apprentice, now):
        order = db.session.get_one(Order, place(scene, at=now))
        columns = {column.name: getattr(order, column.name) for column in order.__table__.columns}
        columns |= {"id": uuid4(), "form_key": uuid4(), "number": order.number + 1}
        db.session.execute(text("ALTER TABLE reservations DISABLE TRIGGER reservations_keep_their_promise"))
        self.insert(scene, apprentice, now)
        names, marks = ", ".join(columns), ", ".join(f":{name}" for name in columns)
        with assert_refused_by("orders_wait_for_the_holder"):
            db.session.execute(
                text(f"INSERT INTO orders ({names}) OVERRIDING SYSTEM VALUE VALUES ({marks})"),
                {name: getattr(value, "value", value) for name, value in columns.items()},
            )

    @pytest.mark.parametrize(
        ("constraint", "changed"),
        [
            ("reservations_grant_is_bounded", {"held_until": 14 * DAY + timedelta.resolution}),
            ("reservations_grant_is_bounded", {"held_until": 0 * DAY}),
            ("reservations_granted_has_an_end", {"held_until": None}),
            ("reservations_decision_is_signed", {"decided_by": None}),
            ("reservations_decision_is_signed", {"state": "declined", "held_until": None, "decided_at": None, "decided_by": None}),
            ("reservations_message_is_said", {"message": ""}),
        ],
    )  # fmt: skip
    def test_what_cannot_be(self, scene, apprentice, constraint, changed, now):
        changed = {name: now + value if isinstance(value, timedelta) else value for name, value in changed.items()}
        with assert_refused_by(constraint):
            self.insert(scene, apprentice, now, **changed)

    @pytest.mark.parametrize(
        "setting",
        ["held_until = held_until + interval '1 day'", "held_until = NULL, state = 'lapsed'", "buyer_id = decided_by"],
    )
    def test_a_promise_that_changes(self, granted, setting):
        with assert_refused_by("reservations_keep_their_promise"):
            db.session.execute(text(f"UPDATE reservations SET {setting}"))

    def test_a_unit_that_is_not_on_the_market(self, scene, apprentice, now):
        place(scene, at=now)
        with assert_refused_by("reservations_keep_units_on_the_market"):
            self.insert(scene, apprentice, now)

    def test_the_sellers_own(self, scene, now):
        with assert_refused_by("reservations_keep_units_on_the_market"):
            self.insert(scene, scene.seller, now, clinic_id=scene.seller_clinic.id)
