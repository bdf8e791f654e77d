"""A unit is paused and comes back where it stood; prices are kept as they were asked; looks are counted, not people."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from marketplace.extensions import db
from marketplace.kernel.errors import Conflict, NotFound
from marketplace.kernel.machine import IllegalMove
from marketplace.kernel.money import Money
from marketplace.listings import queries, service, views
from marketplace.listings.models import Listing, ViewsOfDay
from marketplace.listings.service import ListingTaken
from marketplace.listings.states import ListingState
from tests.conftest import NOON
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_clinic
from tests.factories.listings import make_listing
from tests.support import assert_refused_by, count_statements


@pytest.fixture
def seller():
    return make_user(name="Sella Ruiz")


@pytest.fixture
def unit(seller):
    return make_listing(clinic=make_clinic(owner=seller, seller=True))


def state_of(unit):
    db.session.expire_all()
    return db.session.get(Listing, unit.id).state


class TestPause:
    def test_keeps_its_approval_and_its_place(self, unit, seller):
        before = (unit.published_at, unit.approved_by)
        service.pause(listing_id=unit.id, actor_id=seller.id, at=NOON)
        assert state_of(unit) is ListingState.PAUSED
        assert queries.on_display(unit.id).state is ListingState.PAUSED
        assert unit.id not in queries.for_sale()

        service.resume(listing_id=unit.id, actor_id=seller.id, at=NOON + timedelta(days=1))
        assert state_of(unit) is ListingState.PUBLISHED
        assert (unit.published_at, unit.approved_by) == before
        assert [move.event for move in queries.moves_of(unit.id)] == [None, "paused", "resumed"]

    def test_lets_nobody_order_it(self, unit, seller):
        service.pause(listing_id=unit.id, actor_id=seller.id, at=NOON)
        with pytest.raises(ListingTaken):
            service.reserve(listing_id=unit.id, actor_id=make_user().id, at=NOON)

        assert state_of(unit) is ListingState.PAUSED

    def test_is_its_sellers_and_of_what_is_on_the_market(self, unit, seller):
        for act in (service.pause, service.resume):
            with pytest.raises(NotFound):
                act(listing_id=unit.id, actor_id=make_user().id, at=NOON)
        with pytest.raises(IllegalMove):
            service.resume(listing_id=unit.id, actor_id=seller.id, at=NOON)

        assert state_of(unit) is ListingState.PUBLISHED

    def test_does_not_free_its_serial_number(self, unit, seller):
        service.pause(listing_id=unit.id, actor_id=seller.id, at=NOON)
        other = make_listing(state="draft", serial=unit.serial)
        with assert_refused_by("one_live_listing_per_unit"):
            db.session.execute(text("UPDATE listings SET state = 'in_review' WHERE id = :id"), {"id": other.id})


class TestPrices:
    def asked(self, unit):
        return [(price, at) for price, at in queries.price_history(unit.id)]

    def test_are_kept_from_the_market_on(self, seller):
        unit = make_listing(state="in_review", clinic=make_clinic(owner=seller, seller=True))
        service.approve(listing_id=unit.id, actor_id=make_staff("moderator").id, at=NOON)
        later = NOON + timedelta(days=2)
        for _ in range(2):
            service.change_price(listing_id=unit.id, actor_id=seller.id, price=Money(3_990_000), at=later)

        assert self.asked(unit) == [(Money(4_250_000), NOON), (Money(3_990_000), later)]

    def test_change_while_it_is_paused_and_not_otherwise(self, unit, seller):
        service.pause(listing_id=unit.id, actor_id=seller.id, at=NOON)
        service.change_price(listing_id=unit.id, actor_id=seller.id, price=Money(3_990_000), at=NOON)
        assert self.asked(unit) == [(Money(3_990_000), NOON)]
        service.withdraw(listing_id=unit.id, actor_id=seller.id, at=NOON)
        with pytest.raises(Conflict):
            service.change_price(listing_id=unit.id, actor_id=seller.id, price=Money(1_000_000), at=NOON)

    def test_of_a_second_approval_at_the_same_price_say_nothing_new(self, unit, seller):
        service.change_price(listing_id=unit.id, actor_id=seller.id, price=Money(3_990_000), at=NOON)
        service._note_price(db.session.get(Listing, unit.id), actor_id=seller.id, at=NOON)

        assert len(self.asked(unit)) == 1

    @pytest.mark.parametrize("change", ["UPDATE listing_prices SET price_minor = 1", "DELETE FROM listing_prices"])
    def test_that_were_asked_stay(self, unit, seller, change):
        service.change_price(listing_id=unit.id, actor_id=seller.id, price=Money(3_990_000), at=NOON)
        with assert_refused_by("listing_prices_is_append_only"):
            db.session.execute(text(change))

    def test_are_something(self, unit):
        with assert_refused_by("listing_prices_price_is_positive"):
            db.session.execute(
                text(
                    "INSERT INTO listing_prices (id, listing_id, price_minor, currency, at)"
                    " VALUES (:id, :unit, 0, 'usd', now())"
                ),
                {"id": uuid4(), "unit": unit.id},
            )


class TestViews:
    def test_wait_in_memory_and_are_written_in_one_statement(self, unit):
        unit_id = unit.id
        with count_statements() as sent:
            for _ in range(views.WRITTEN_AT - 1):
                views.seen(unit_id, at=NOON)
        assert sent == []
        views.seen(unit.id, at=NOON)
        views.seen(unit.id, at=NOON)
        views.write()

        assert db.session.scalars(select(ViewsOfDay.number)).all() == [views.WRITTEN_AT + 1]
        assert views.lately([unit.id], at=NOON) == {unit.id: views.WRITTEN_AT + 1}

    @pytest.mark.parametrize(("seconds", "written"), [(59, []), (60, [2])])
    def test_wait_a_minute_at_most(self, unit, seconds, written):
        views.seen(unit.id, at=NOON)
        views.seen(unit.id, at=NOON + timedelta(seconds=seconds))

        assert db.session.scalars(select(ViewsOfDay.number)).all() == written

    def test_of_what_is_gone_are_let_go(self):
        views.seen(uuid4(), at=NOON)
        views.write()

        assert db.session.scalars(select(ViewsOfDay)).all() == []

    @pytest.mark.parametrize(("days", "counted"), [(29, 1), (30, 0)])
    def test_count_for_thirty_days(self, unit, days, counted):
        views.seen(unit.id, at=NOON - timedelta(days=days))
        views.write()

        assert views.lately([unit.id], at=NOON).get(unit.id, 0) == counted

    def test_are_some(self, unit):
        with assert_refused_by("listing_views_views_are_counted"):
            db.session.add(ViewsOfDay(listing_id=unit.id, day=NOON.date(), number=0))
            db.session.flush()


class TestTheMaker:
    def test_is_that_of_the_model(self, unit):
        with assert_refused_by("maker_is_that_of_the_model"):
            db.session.execute(text("UPDATE listings SET maker_id = gen_random_uuid()"))

    def test_belongs_to_the_model_once(self):
        names = {one["name"] for one in db.inspect(db.engine).get_unique_constraints("device_models")}
        assert "model_has_one_maker" in names
