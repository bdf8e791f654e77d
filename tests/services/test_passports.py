"""The passport of a unit: it survives a resale, and a counter that goes back is seen."""

from datetime import date, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from marketplace.extensions import db
from marketplace.kernel.errors import Conflict, Invalid, NotFound
from marketplace.listings import passport, queries, service
from marketplace.listings.models import Listing
from marketplace.listings.passport import Reading, rollbacks
from marketplace.listings.terms import CounterDirection, CounterUnit, UnitEventKind
from tests.conftest import NOON
from tests.factories.accounts import make_user
from tests.factories.clinics import make_clinic
from tests.factories.listings import make_counter, make_handpiece, make_listing
from tests.support import assert_refused_by

UP, DOWN = CounterDirection.UP, CounterDirection.DOWN
DAY = date(2026, 5, 1)


@pytest.fixture
def seller():
    return make_user(name="Sella Ruiz")


@pytest.fixture
def draft(seller):
    return make_listing(state="draft", clinic=make_clinic(owner=seller, seller=True), photos=1, serial="GMP-4471")


def of(listing):
    facts = queries.listing(listing.id)
    return passport.of_unit(maker_id=facts.model.maker_id, serial_normal=facts.serial_normal)


def reading(value, days=0, *, part="Head", direction=UP, unit=CounterUnit.SHOTS):
    return Reading(part, value, unit, direction, DAY + timedelta(days=days))


class TestRollbacks:
    @pytest.mark.parametrize(
        ("direction", "values", "back"),
        [(UP, (100, 100), 0), (UP, (100, 101), 0), (UP, (100, 99), 1), (DOWN, (50, 50), 0), (DOWN, (50, 51), 1), (DOWN, (50, 49), 0)],
    )  # fmt: skip
    def test_are_where_a_later_look_shows_less_use(self, direction, values, back):
        series = [reading(value, days, direction=direction) for days, value in enumerate(values)]

        assert len(rollbacks(reversed(series))) == back

    def test_compare_a_part_with_itself_alone(self):
        assert rollbacks([reading(100), reading(5, 1, part="Lamp"), reading(5, 1, unit=CounterUnit.HOURS)]) == ()
        assert rollbacks([reading(100), reading(50, 1, direction=DOWN)]) == ()

    def test_name_both_looks(self):
        (found,) = rollbacks([reading(100), reading(40, 1, part="HEAD")])
        assert (found.part, found.before.value, found.after.value) == ("HEAD", 100, 40)


class TestReadings:
    def test_are_kept_when_it_is_submitted_and_once(self, draft, seller):
        draft.counters = [make_counter()]
        draft.handpieces.append(make_handpiece("ALEX", position=2, counter_read_on=None))
        draft.handpieces.append(
            make_handpiece("ALEX", position=3, counter_value=None, counter_unit=None, counter_direction=None)
        )
        db.session.commit()
        for _ in range(2):
            service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)
            service.recall(listing_id=draft.id, actor_id=seller.id, at=NOON)

        assert [(one.part, one.value) for one in of(draft).readings] == [
            ("ALEX handpiece", 400_000),
            ("Alexandrite laser head", 600_000),
        ]

    def test_of_a_unit_without_counters_are_none(self, seller):
        bare = make_handpiece(counter_value=None, counter_unit=None, counter_direction=None, counter_read_on=None)
        draft = make_listing(state="draft", clinic=make_clinic(owner=seller, seller=True), handpieces=[bare], photos=1)
        service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)

        assert of(draft).readings == ()

    def test_survive_a_resale(self, draft, seller):
        service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)
        service.recall(listing_id=draft.id, actor_id=seller.id, at=NOON)
        service.withdraw(listing_id=draft.id, actor_id=seller.id, at=NOON)
        later = make_listing(
            state="draft", serial="gmp 4471",
            handpieces=[make_handpiece(counter_value=90_000, counter_read_on=NOON.date())],
        )  # fmt: skip
        passport.note_readings(db.session.get(Listing, later.id), at=NOON)
        db.session.commit()

        (back,) = of(later).rollbacks
        assert (back.before.value, back.after.value) == (400_000, 90_000)

    def test_of_no_serial_number_are_nobodys(self, draft):
        assert passport.of_unit(maker_id=draft.maker_id, serial_normal=None) == passport.Passport((), ())


class TestEvents:
    def add(self, draft, seller, **changes):
        given = {"kind": UnitEventKind.PART_REPLACED, "happened_on": DAY, "words": " New head ", "at": NOON, **changes}
        passport.add_event(listing_id=draft.id, actor_id=seller.id, **given)

    def test_stand_in_the_passport(self, draft, seller):
        self.add(draft, seller)
        (event,) = of(draft).events

        assert (event.kind, event.on, event.words, event.stated) == (UnitEventKind.PART_REPLACED, DAY, "New head", True)

    def test_a_sale_here_is_noted_by_itself(self):
        unit = make_listing(state="reserved")
        service.mark_sold(listing_id=unit.id, actor_id=None, at=NOON)
        db.session.commit()
        (event,) = of(unit).events

        assert (event.kind, event.stated) == (UnitEventKind.SOLD_HERE, False)

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"words": " "}, "words"),
            ({"happened_on": (NOON + timedelta(days=1)).date()}, "happened_on"),
            ({"kind": UnitEventKind.SOLD_HERE}, "kind"),
        ],
    )
    def test_that_cannot_be_are_refused(self, draft, seller, changes, field):
        with pytest.raises(Invalid) as refusal:
            self.add(draft, seller, **changes)

        assert (refusal.value.field, of(draft).events) == (field, ())

    def test_belong_to_a_serial_number_and_to_its_seller(self, draft, seller):
        with pytest.raises(NotFound):
            self.add(draft, make_user())
        nameless = make_listing(state="draft", clinic=make_clinic(owner=seller), serial="")
        with pytest.raises(Conflict):
            self.add(nameless, seller)


class TestTheDatabaseRefuses:
    @pytest.mark.parametrize("table", ["unit_readings", "unit_events"])
    def test_another_past(self, draft, seller, table):
        TestEvents().add(draft, seller)
        service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)
        for change in (f"DELETE FROM {table}", f"UPDATE {table} SET serial_normal = 'X'"):
            with assert_refused_by(f"{table}_is_append_only"):
                db.session.execute(text(change))

    def reading(self, draft, **values):
        given = {"id": uuid4(), "maker_id": draft.maker_id, "listing_id": draft.id, "value": 1, "unit": "shots", "direction": "up", **values}  # fmt: skip
        db.session.execute(
            text(
                "INSERT INTO unit_readings (id, maker_id, serial_normal, part, value, unit, direction, read_on,"
                " listing_id, at) VALUES (:id, :maker_id, 'X', 'Head', :value, :unit, :direction, '2026-05-01',"
                " :listing_id, now())"
            ),
            given,
        )

    @pytest.mark.parametrize(
        ("values", "constraint"),
        [
            ({"value": -1}, "unit_readings_reading_is_not_negative"),
            ({"unit": "miles"}, "unit_readings_counterunit"),
            ({"direction": "left"}, "unit_readings_counterdirection"),
        ],
    )
    def test_a_reading_that_lies(self, draft, values, constraint):
        with assert_refused_by(constraint):
            self.reading(draft, **values)

    def test_one_reading_twice(self, draft):
        self.reading(draft)
        with assert_refused_by("a_reading_is_kept_once"):
            self.reading(draft)

    @pytest.mark.parametrize(
        ("kind", "words", "constraint"),
        [("service", " ", "unit_events_event_is_told"), ("magic", "x", "unit_events_uniteventkind")],
    )
    def test_an_event_that_lies(self, draft, kind, words, constraint):
        with assert_refused_by(constraint):
            db.session.execute(
                text(
                    "INSERT INTO unit_events (id, maker_id, serial_normal, kind, happened_on, words, listing_id, at)"
                    " VALUES (:id, :maker, 'X', :kind, '2026-05-01', :words, :listing, now())"
                ),
                {"id": uuid4(), "maker": draft.maker_id, "kind": kind, "words": words, "listing": draft.id},
            )

    def test_notes_that_are_no_words(self, draft):
        with assert_refused_by("listings_review_notes_are_words"):
            db.session.execute(text("UPDATE listings SET review_notes = '[]'"))
