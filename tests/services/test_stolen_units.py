"""The list of stolen units: what stands on it stays off the market, and no seller or buyer learns of it."""

from uuid import uuid4

import pytest
from sqlalchemy import select, text

from marketplace.extensions import db
from marketplace.kernel.errors import Conflict, Invalid, NotFound
from marketplace.listings import reporting, service, stolen
from marketplace.listings.models import Listing
from marketplace.listings.reporting import ListRefused, Loaded
from marketplace.listings.states import ListingState
from marketplace.listings.stolen import StolenUnitReported
from marketplace.listings.units import StolenUnit
from marketplace.notifications.models import Mail
from tests.conftest import NOON
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_clinic, make_member
from tests.factories.listings import make_listing
from tests.support import assert_refused_by, count_statements


@pytest.fixture
def moderator():
    return make_staff("moderator")


def state_of(unit):
    db.session.expire_all()
    return db.session.get(Listing, unit.id).state


def load(moderator, rows, *, source="Police Austin 26-1188", header="maker,serial,reported_on"):
    return reporting.load(actor_id=moderator.id, text=f"{header}\n{rows}\n", source=source, at=NOON)


class TestLoad:
    def test_is_by_header_and_once(self, moderator):
        rows = "2026-05-01,gmp 4471,candela\n,X-1,\n"
        assert load(moderator, rows, header="reported_on,serial,maker") == Loaded(2, 0, 0)
        assert load(moderator, "candela,GMP-4471,\nNobody Inc,7,2026-05-02") == Loaded(1, 1, 0)

        assert {
            (one.maker, one.serial_normal, one.maker_id is None) for one in db.session.scalars(select(StolenUnit))
        } == {
            ("candela", "GMP4471", True),  # The catalogue of this test knows no Candela yet.
            ("", "X1", True),
            ("Nobody Inc", "7", True),
        }

    def test_knows_makers_by_all_their_names(self, moderator):
        unit = make_listing()
        load(moderator, "CANDELA,A-1,")

        assert db.session.scalars(select(StolenUnit.maker_id)).one() == unit.maker_id

    @pytest.mark.parametrize(
        ("rows", "said"),
        [
            ("Candela,,", "stolen.csv, row 2, serial: This must not be empty."),
            ("Candela,--,", "stolen.csv, row 2, serial: There is no letter and no figure in it."),
            ("Candela,A,yesterday", "stolen.csv, row 2, reported_on: Write the day as 2026-05-31."),
            ("", "There is no row in it."),
        ],
    )
    def test_is_whole_or_not_at_all(self, moderator, rows, said):
        with pytest.raises(ListRefused) as refusal:
            load(moderator, f"{rows}")

        assert said in refusal.value.problems
        assert stolen.entries() == []

    def test_has_a_source_and_a_limit(self, moderator, monkeypatch):
        with pytest.raises(Invalid) as refusal:
            load(moderator, "Candela,A,", source=" ")
        assert refusal.value.field == "source"
        monkeypatch.setattr(reporting, "MOST_ROWS", 1)
        with pytest.raises(ListRefused):
            load(moderator, "Candela,A,\nCandela,B,")

        assert stolen.entries() == []


class TestMarket:
    def test_a_reported_unit_is_submitted_but_never_approved(self, moderator):
        seller = make_user()
        draft = make_listing(state="draft", clinic=make_clinic(owner=seller, seller=True), serial="GMP-4471", photos=1)
        load(moderator, "Candela,gmp4471,2026-05-01")
        service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)
        assert state_of(draft) is ListingState.IN_REVIEW
        (mail,) = db.session.scalars(select(Mail))
        assert (mail.to, mail.template, mail.context["source"]) == (
            moderator.email,
            "stolen_unit",
            "Police Austin 26-1188",
        )
        with pytest.raises(StolenUnitReported):
            service.approve(listing_id=draft.id, actor_id=moderator.id, at=NOON)
        assert state_of(draft) is ListingState.IN_REVIEW

        (entry,) = stolen.entries()
        reporting.withdraw(entry_id=entry.id, actor_id=moderator.id, because="Another unit", at=NOON)
        service.approve(listing_id=draft.id, actor_id=moderator.id, at=NOON)
        assert state_of(draft) is ListingState.PUBLISHED

    @pytest.mark.parametrize(
        ("state", "after", "stopped"),
        [
            ("published", ListingState.IN_REVIEW, 1),
            ("paused", ListingState.IN_REVIEW, 1),
            ("reserved", ListingState.RESERVED, 0),
            ("in_review", ListingState.IN_REVIEW, 0),
            ("draft", ListingState.DRAFT, 0),
        ],
    )
    def test_what_is_reported_later_is_stopped(self, moderator, state, after, stopped):
        unit = make_listing(state=state, serial="GMP-4471", approved_by=moderator.id, published_at=NOON)

        assert load(moderator, ",GMP-4471,").stopped == stopped
        assert state_of(unit) is after
        mails = db.session.scalars(select(Mail.template)).all()
        assert mails == ([] if state == "draft" else ["stolen_unit"])

    def test_all_devices_are_held_before_the_audit_trail_for_which_their_buyers_wait(self, moderator):
        units = [make_listing(serial=f"GMP-{number}") for number in range(3)]
        with count_statements() as statements:
            assert load(moderator, "\n".join(f",{unit.serial}," for unit in units)).stopped == 3

        # The first lock is the load's own.
        _, trail, *_ = [number for number, one in enumerate(statements) if "pg_advisory_xact_lock" in one]
        held = [number for number, one in enumerate(statements) if "FROM listings" in one and "FOR UPDATE" in one]
        assert held[0] < trail

    def test_an_entry_stands_against_units_of_its_own_maker_alone(self, moderator):
        from tests.factories.catalog import make_maker

        unit, other = make_listing(), make_maker(name="Sciton")
        load(moderator, f"Sciton,{unit.serial},")

        assert stolen.hits(maker_id=unit.maker_id, serial_normal=unit.serial_normal) == []
        [found] = stolen.hits(maker_id=other.id, serial_normal=unit.serial_normal)
        assert found.maker == "Sciton"

    def test_another_makers_number_is_another_unit(self, moderator):
        unit = make_listing(serial="GMP-4471")
        load(moderator, "Nobody Inc,GMP-4471,")
        # A maker that the catalogue does not know may be anybody under another name.
        assert state_of(unit) is ListingState.IN_REVIEW
        from tests.factories.catalog import make_maker

        make_maker(name="Sciton")
        other = make_listing(serial="S-9")
        load(moderator, "Sciton,S-9,")
        assert state_of(other) is ListingState.PUBLISHED

    def test_who_left_is_not_told(self, moderator):
        moderator.disabled_at = NOON
        make_staff("verifier")
        db.session.commit()
        make_listing(state="in_review", serial="GMP-4471")
        load(moderator, ",GMP-4471,")

        assert db.session.scalars(select(Mail)).all() == []


class TestWithdraw:
    def test_is_once_and_in_words(self, moderator):
        load(moderator, ",A-1,")
        (entry,) = stolen.entries()
        with pytest.raises(Invalid):
            reporting.withdraw(entry_id=entry.id, actor_id=moderator.id, because=" ", at=NOON)
        with pytest.raises(NotFound):
            reporting.withdraw(entry_id=uuid4(), actor_id=moderator.id, because="x", at=NOON)
        reporting.withdraw(entry_id=entry.id, actor_id=moderator.id, because=" Found again ", at=NOON)
        with pytest.raises(Conflict):
            reporting.withdraw(entry_id=entry.id, actor_id=moderator.id, because="x", at=NOON)

        (entry,) = stolen.entries()
        assert (entry.withdrawn_because, entry.withdrawn_at) == ("Found again", NOON)
        assert load(moderator, ",A-1,") == Loaded(1, 0, 0)

    @pytest.mark.parametrize("left_at", [None, NOON])
    def test_an_entry_against_ones_own_clinic_is_for_a_colleague(self, moderator, left_at):
        clinic = make_clinic(seller=True)
        make_member(clinic=clinic, user=moderator, left_at=left_at)
        make_listing(clinic=clinic, state="draft", serial="GMP-4471")
        load(moderator, ",GMP-4471,\n,A-1,")
        theirs, other = sorted(stolen.entries(), key=lambda entry: entry.serial, reverse=True)

        with pytest.raises(reporting.OwnUnit):
            reporting.withdraw(entry_id=theirs.id, actor_id=moderator.id, because="It is ours.", at=NOON)
        reporting.withdraw(entry_id=other.id, actor_id=moderator.id, because="Found again", at=NOON)
        reporting.withdraw(entry_id=theirs.id, actor_id=make_staff("moderator").id, because="An error", at=NOON)


class TestTheDatabaseRefuses:
    def test_to_publish_what_is_reported(self, moderator):
        unit = make_listing(state="in_review", serial="GMP-4471")
        load(moderator, ",GMP-4471,")
        with assert_refused_by("stolen_units_stay_off_the_market"):
            db.session.execute(
                text("UPDATE listings SET state = 'published', approved_by = :by, published_at = now() WHERE id = :id"),
                {"id": unit.id, "by": moderator.id},
            )

    @pytest.mark.parametrize("change", ["UPDATE stolen_units SET serial = 'B'", "DELETE FROM stolen_units"])
    def test_another_report(self, moderator, change):
        load(moderator, ",A-1,")
        with assert_refused_by("stolen_units_keep_what_was_reported"):
            db.session.execute(text(change))

    @pytest.mark.parametrize(
        ("changes", "constraint"),
        [
            ({"serial_normal": ""}, "stolen_units_stolen_unit_has_a_serial"),
            ({"source": " "}, "stolen_units_stolen_unit_has_a_source"),
            ({"withdrawn_at": NOON}, "stolen_units_withdrawal_is_signed"),
        ],
    )
    def test_an_entry_that_lies(self, moderator, changes, constraint):
        values = {"maker": "", "serial": "A", "serial_normal": "A", "source": "x", "added_by": moderator.id, "added_at": NOON, **changes}  # fmt: skip
        with assert_refused_by(constraint):
            db.session.add(StolenUnit(**values))
            db.session.flush()

    def test_one_report_twice(self, moderator):
        load(moderator, ",A-1,")
        with assert_refused_by("stolen_units_stand_once"):
            db.session.add(StolenUnit(maker="", serial="A1", serial_normal="A1", source="Police Austin 26-1188", added_by=moderator.id, added_at=NOON))  # fmt: skip
            db.session.flush()
