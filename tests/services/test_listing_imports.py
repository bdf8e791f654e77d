"""A table becomes drafts: tried first, a few devices in each transaction, each device once, and what is wrong is named."""

from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from marketplace import audit
from marketplace.catalog import queries as catalog
from marketplace.clinics.models import Clinic, ClinicMember
from marketplace.extensions import db
from marketplace.kernel.errors import Conflict, Invalid, NotFound, Refused
from marketplace.kernel.machine import IllegalMove
from marketplace.kernel.spreadsheets import csv_of, rows_of
from marketplace.kernel.terms import ClinicRole
from marketplace.kernel.text import in_our_letters, normal_number
from marketplace.listings import fields
from marketplace.listings.conditions import INCLUSIONS
from marketplace.listings.fields import Kind, Place
from marketplace.listings.models import Listing, ListingMove
from marketplace.listings.states import ListingState
from marketplace.listings.terms import CounterDirection, CounterUnit, Grade, Recertification, Warranty
from marketplace.sheets import columns, exporting, queries, service
from marketplace.sheets.columns import Line
from marketplace.sheets.models import ImportUnit, ListingImport
from marketplace.sheets.states import ImportState
from tests.factories.accounts import make_user
from tests.factories.catalog import load_catalogue, real_model
from tests.factories.clinics import make_clinic, make_member
from tests.factories.listings import make_listing
from tests.support import assert_refused_by, count_statements, promised_jobs, run_jobs

DEVICE = {"maker": "Candela", "model": "GentleMax Pro", "city": "Austin", "state": "TX"}
HANDPIECE = {"line": "handpiece", "name": "18 mm", "modality": "ALEX"}
COUNTER = {
    "line": "counter", "name": "Lamp", "counter": "900", "counter_unit": "hours", "counter_direction": "up",
    "counter_read_on": "2026-05-04",
}  # fmt: skip


@pytest.fixture
def seller():
    return make_user()


@pytest.fixture
def clinic(seller):
    load_catalogue()
    return make_clinic(owner=seller, seller=True)


def table(*lines):
    return csv_of(columns.names(), ([line.get(name, "") for name in columns.names()] for line in lines)).encode()


def send(clinic, seller, content, at, **values):
    return service.receive(
        **{"clinic_id": clinic.id, "actor_id": seller.id, "filename": "stock.csv", "content": content,
           "form_key": uuid4(), "at": at, **values}
    )  # fmt: skip


def tried(clinic, seller, content, at, **values):
    import_id = send(clinic, seller, content, at, **values)
    run_jobs(only="check_listing_import")
    return queries.one(import_id)


def imported(clinic, seller, content, at, **values):
    facts = tried(clinic, seller, content, at, **values)
    service.start(import_id=facts.id, actor_id=seller.id, at=at)
    run_jobs(only="write_listing_import")
    return queries.one(facts.id)


def drafts(clinic):
    return db.session.scalars(select(Listing).where(Listing.clinic_id == clinic.id).order_by(Listing.serial)).all()


def counted(facts):
    return facts.state, facts.units, facts.wrong, facts.found, facts.made


class TestJudging:
    @pytest.mark.parametrize(
        ("lines", "problems"),
        [
            ([DEVICE | {"maker": ""}], [(2, "maker", "This must not be empty.")]),
            ([DEVICE | {"model": "M99"}], [(2, "model", "The catalogue does not know this maker and model.")]),
            (
                [DEVICE | {"city": "", "state": "Texas"}],
                [
                    (2, "city", "This must not be empty."),
                    (2, "state", "Write the state by its two letters, such as TX."),
                ],
            ),
            ([DEVICE | {"zip": "787"}], [(2, "zip", "Write the ZIP code in five figures.")]),
            (
                [DEVICE | {"serial": "СN-1"}],
                [(2, "serial", "Write the serial number with letters from A to Z and digits, as it is printed.")],
            ),
            ([DEVICE | {"year": "20l6"}], [(2, "year", "Write a whole number.")]),
            ([DEVICE | {"year": "99999999999"}], [(2, "year", "Write a whole number.")]),
            ([DEVICE | {"year": "0000000000099999999999"}], [(2, "year", "Write a whole number.")]),
            ([DEVICE | {"year": "1066"}], [(2, "year", "Write the year of manufacture, from 1985 to 2026.")]),
            ([DEVICE | {"grade": "E"}], [(2, "grade", "This is one of A, B, C, D.")]),
            ([DEVICE | {"price_usd": "x"}], [(2, "price_usd", "Write an amount such as $42,500 or 42500.00.")]),
            (
                [DEVICE | {"price_usd": "1"}],
                [(2, "price_usd", "A device can be sold here for $100 to $999,999.99.")],
            ),
            ([DEVICE | {"city": "x" * 201}], [(2, "city", "This is longer than we keep here.")]),
            ([DEVICE | {"last_service_on": "May"}], [(2, "last_service_on", "Write the day as 2026-05-31.")]),
            (
                [DEVICE | {"last_service_on": "2099-01-01"}],
                [(2, "last_service_on", "The last service cannot lie ahead of us.")],
            ),
            (
                [DEVICE | {"training_included": "perhaps"}],
                [(2, "training_included", "Write yes or no, or leave it empty.")],
            ),
            (
                [DEVICE | {"warranty_months": "12"}],
                [(2, "warranty", "Without a warranty there are no months, and nobody to give it.")],
            ),
            (
                [DEVICE | {"comes_with": "keys; crown", "absent": "keys"}],
                [
                    (2, "comes_with", f"“crown” is not one of {', '.join(INCLUSIONS)}."),
                    (2, "absent", "“keys” cannot both come with it and be absent."),
                ],
            ),
            ([DEVICE | {"chiller": "big"}], [(2, "chiller", "Choose one of the answers.")]),
            ([DEVICE | {"last_calibration_on": "May"}], [(2, "last_calibration_on", "Write the day as 2026-05-31.")]),
            (
                [DEVICE | {"model": "GentleMax Pro", "supply_to_new_owner": "yes"}],
                [(2, "supply_to_new_owner", "This is not asked where its modalities treat. Leave it empty.")],
            ),
            ([DEVICE | {"line": "toy"}], [(2, "line", "This is one of device, handpiece, counter.")]),
            (
                [DEVICE | {"modality": "ALEX"}],
                [(2, "modality", "This is said on the line of a handpiece, not of a device.")],
            ),
            ([HANDPIECE], [(2, "line", "No line says of which device this is a part.")]),
            (
                [DEVICE | {"unit": "a"}, DEVICE | {"unit": "a"}],
                [(3, "unit", "Another line says already which device this is.")],
            ),
            ([DEVICE, HANDPIECE | {"name": ""}], [(3, "name", "This must not be empty.")]),
            (
                [DEVICE, HANDPIECE | {"modality": "X"}],
                [(3, "modality", "The catalogue does not know this modality.")],
            ),
            ([DEVICE, HANDPIECE | {"modality": ""}], [(3, "modality", "This must not be empty.")]),
            (
                [DEVICE, HANDPIECE | {"counter": "5"}],
                [(3, "counter", "Write what it shows, its unit and its direction, or none of them.")],
            ),
            (
                [DEVICE, HANDPIECE | {"counter_read_on": "2026-05-04"}],
                [(3, "counter", "Write what it shows, its unit and its direction, or none of them.")],
            ),
            (
                [DEVICE, HANDPIECE | {"reduction_usd": "0"}],
                [(3, "reduction_usd", "Write by how much the price falls, or leave it empty: it then stays.")],
            ),
            ([DEVICE, HANDPIECE | {"rated_life": "0"}], [(3, "rated_life", "A rated life is above zero.")]),
            ([DEVICE, HANDPIECE | {"spot_sizes_mm": "wide"}],
             [(3, "spot_sizes_mm", "Write numbers with commas between them, such as 6, 9, 12.")]),
            ([DEVICE, *[HANDPIECE] * 21], [(23, "line", "A device has at most 20 handpieces here.")]),
            ([DEVICE, *[COUNTER] * 21], [(23, "line", "A device has at most 20 counters here.")]),
            (
                [DEVICE, COUNTER | {"counter": "", "counter_read_on": ""}],
                [(3, "counter", "This must not be empty."), (3, "counter_read_on", "This must not be empty.")],
            ),
            (
                [DEVICE, COUNTER | {"counter_read_on": "2099-01-01"}],
                [(3, "counter", "The counter cannot have been read in the future.")],
            ),
            (
                [DEVICE, COUNTER | {"counter": "101", "counter_unit": "percent_left", "counter_direction": "down"}],
                [(3, "counter", "A part cannot have more than 100 per cent left.")],
            ),
            (
                [DEVICE, COUNTER | {"rated_life": "5000"}],
                [(3, "rated_life_source", "Name who states the rated life, or leave it empty.")],
            ),
        ],
    )  # fmt: skip
    def test_says_of_every_line_what_is_wrong_and_makes_nothing(self, clinic, seller, now, lines, problems):
        facts = tried(clinic, seller, table(*lines), now)

        assert queries.problems_of(facts.id) == problems
        assert counted(facts) == (ImportState.CHECKED, 1, 1, 0, 0)
        assert drafts(clinic) == []

    def test_a_row_with_more_cells_than_the_header_is_wrong(self, clinic, seller, now):
        content = b"maker,model,city,state\nCandela,GentleMax Pro,Austin,TX,over\n"
        facts = tried(clinic, seller, content, now)

        assert queries.problems_of(facts.id) == [(2, "row", "This row has more cells than the header.")]

    def test_takes_the_example_of_the_template(self, clinic, seller, now):
        content = columns.template().replace("# A-1", "A-1").encode()
        facts = imported(clinic, seller, content, now)

        assert (*counted(facts), facts.remarks) == (ImportState.DONE, 1, 0, 0, 1, 1)
        (one,) = drafts(clinic)
        assert [(part.name, part.counter_value) for part in one.handpieces] == [("18 mm handpiece", 412_000)]
        assert [(counter.part, counter.value) for counter in one.counters] == [("Alexandrite laser head", 1_200_000)]


class TestReceive:
    def test_keeps_the_table_and_has_it_tried(self, clinic, seller, now):
        import_id = send(clinic, seller, table(DEVICE), now, filename="../a/stock.csv")

        facts = queries.one(import_id)
        assert (facts.state, facts.filename, facts.units, facts.percent) == (ImportState.RECEIVED, "stock.csv", 0, 0)
        assert promised_jobs() == [("check_listing_import", {"import_id": str(import_id)})]
        assert db.session.scalar(text("SELECT lock FROM procrastinate_jobs")) == f"listing_import:{clinic.id}"
        assert audit.newest(audit.Wanted(subject_id=import_id), limit=1)[0].kind == "listing_import:received"

    def test_the_same_form_is_one_import(self, clinic, seller, now):
        form_key = uuid4()
        import_id = send(clinic, seller, table(DEVICE), now, form_key=form_key)

        assert send(clinic, seller, table(DEVICE), now, form_key=form_key) == import_id
        assert len(promised_jobs()) == 1

    def test_one_at_a_time_for_a_clinic(self, clinic, seller, now):
        send(clinic, seller, table(DEVICE), now)

        with pytest.raises(Conflict, match="Another table of this clinic is being read"):
            send(clinic, seller, table(DEVICE), now)
        assert len(queries.newest_of([clinic.id])) == 1

    def test_refuses_what_is_no_such_table_at_once(self, clinic, seller, now):
        with pytest.raises(Invalid, match="These columns are missing"):
            send(clinic, seller, b"maker\nA\n", now)
        assert queries.newest_of([clinic.id]) == []

    def test_nobody_writes_for_another_clinic(self, clinic, now):
        technician = make_user()
        make_member(clinic=clinic, user=technician, role=ClinicRole.TECHNICIAN)
        for person, refusal in ((make_user(), NotFound), (technician, Refused)):
            with pytest.raises(refusal):
                send(clinic, person, table(DEVICE), now)
        assert queries.newest_of([clinic.id]) == []
        assert promised_jobs() == []


class TestCheck:
    def test_tries_some_devices_in_each_transaction_and_goes_on(self, clinic, seller, now, monkeypatch):
        monkeypatch.setattr(service, "CHECKED_AT_ONCE", 2)
        import_id = send(clinic, seller, table(*[DEVICE | {"serial": f"S{n}"} for n in range(3)]), now)
        seen = []
        for _ in range(3):
            service.check(import_id=import_id, at=now)
            facts = queries.one(import_id)
            seen.append((facts.state, facts.units, facts.checked_through, facts.percent))

        assert seen == [("received", 3, 0, 0), ("received", 3, 2, 66), ("checked", 3, 3, 0)]
        service.check(import_id=import_id, at=now)
        assert counted(queries.one(import_id)) == (ImportState.CHECKED, 3, 0, 0, 0)
        assert db.session.scalar(select(ListingImport.content)) is None
        assert drafts(clinic) == []

    def test_what_turns_out_to_be_no_table_is_refused_with_a_sentence(self, clinic, seller, now):
        facts = tried(clinic, seller, table(DEVICE) + b'"a', now)

        assert (facts.state, facts.ended_at is not None) == (ImportState.REFUSED, True)
        assert facts.refusal == "This is no table that can be read: unexpected end of data."

    def test_a_device_stands_once_in_a_table(self, clinic, seller, now):
        one, same = DEVICE | {"serial": "S-1"}, DEVICE | {"serial": "s 1", "maker": "candela"}
        facts = tried(clinic, seller, table(one, HANDPIECE, same, DEVICE, DEVICE), now)

        assert queries.problems_of(facts.id) == [(4, "serial", "This device stands in row 2 already.")]
        assert facts.sound == 3

    def test_a_device_that_the_clinic_has_is_wrong_unless_it_left(self, clinic, seller, now):
        model = real_model("Candela GentleMax Pro")
        make_listing(clinic=clinic, model=model, serial="S1", state="in_review")
        make_listing(clinic=clinic, model=model, serial="S2", state="withdrawn")
        make_listing(model=model, serial="S3")
        facts = tried(clinic, seller, table(*[DEVICE | {"serial": f"S{n}"} for n in (1, 2, 3)]), now)

        assert queries.problems_of(facts.id) == [
            (2, "serial", "Your clinic has this device here already. It is in review.")
        ]

    def test_says_what_is_wrong_by_kinds(self, clinic, seller, now):
        facts = tried(clinic, seller, table(DEVICE | {"zip": "1"}, DEVICE | {"zip": "2", "grade": "E"}), now)

        assert queries.kinds_of(facts.id) == [
            queries.Kind("zip", "Write the ZIP code in five figures.", 2, 2),
            queries.Kind("grade", "This is one of A, B, C, D.", 1, 3),
        ]

    def test_there_is_no_such_import(self, now):
        for use_case in (service.check, service.write):
            with pytest.raises(NotFound, match="no such import"):
                use_case(import_id=uuid4(), at=now)
        with pytest.raises(NotFound, match="no such import"):
            queries.one(uuid4())


class TestStart:
    def test_needs_something_to_make(self, clinic, seller, now):
        facts = tried(clinic, seller, table(DEVICE | {"zip": "1"}), now)

        with pytest.raises(Invalid, match="no device in it of which a draft could be made"):
            service.start(import_id=facts.id, actor_id=seller.id, at=now)
        assert promised_jobs() == []

    def test_only_after_it_was_tried_and_once(self, clinic, seller, now):
        import_id = send(clinic, seller, table(DEVICE), now)
        with pytest.raises(IllegalMove):
            service.start(import_id=import_id, actor_id=seller.id, at=now)
        run_jobs()
        service.start(import_id=import_id, actor_id=seller.id, at=now)
        with pytest.raises(IllegalMove):
            service.start(import_id=import_id, actor_id=seller.id, at=now)
        assert promised_jobs() == [("write_listing_import", {"import_id": str(import_id)})]

    def test_waits_for_another_table_of_the_clinic(self, clinic, seller, now):
        facts = tried(clinic, seller, table(DEVICE), now)
        send(clinic, seller, table(DEVICE), now)

        with pytest.raises(Conflict, match="Another table of this clinic"):
            service.start(import_id=facts.id, actor_id=seller.id, at=now)
        assert queries.one(facts.id).state is ImportState.CHECKED

    @pytest.mark.parametrize("use_case", [service.start, service.cancel])
    def test_is_nobody_elses(self, clinic, seller, now, use_case):
        facts = tried(clinic, seller, table(DEVICE), now)
        technician = make_user()
        make_member(clinic=clinic, user=technician, role=ClinicRole.TECHNICIAN)

        for person, refusal in ((make_user(), NotFound), (technician, Refused)):
            with pytest.raises(refusal):
                use_case(import_id=facts.id, actor_id=person.id, at=now)
        assert queries.one(facts.id).state is ImportState.CHECKED


class TestWrite:
    def test_makes_a_draft_of_every_sound_device_and_says_all_that_was_said(self, clinic, seller, now):
        whole = DEVICE | {
            "unit": "a", "serial": " =SN-1", "year": "2018", "grade": "b", "price_usd": "$24,900", "zip": "78704-1234",
            "description": "Serviced,\nas new", "last_service_on": "2026-03-02", "recertification": "yes",
            "recertification_quote_usd": "9000", "warranty": "seller", "warranty_months": "3",
            "warranty_transferable": "no", "warranty_provider": "We", "training_included": "yes",
            "comes_with": "keys; Crate", "absent": "goggles", "chiller": "built_in", "known_faults": "None known",
        }  # fmt: skip
        part = HANDPIECE | {
            "unit": "a", "modality": "long-pulsed alexandrite", "serial": "H1", "counter": "1,000", "counter_unit": "shots",
            "counter_direction": "up", "counter_read_on": "2026-05-04", "rated_life": "5000",
            "rated_life_source": "its label", "reduction_usd": "500", "spot_sizes_mm": "6, 9",
        }  # fmt: skip
        part["modality"] = catalog.modalities()["ALEX"].name.upper()
        facts = imported(clinic, seller, table(part, whole, COUNTER | {"unit": "a"}, DEVICE | {"zip": "1"}), now)

        assert counted(facts) == (ImportState.DONE, 2, 1, 0, 1)
        assert (facts.ended_at is not None, facts.percent) == (True, 100)
        (one,) = drafts(clinic)
        assert (one.state, one.created_by) == (ListingState.DRAFT, seller.id)
        assert (one.title, one.serial, one.serial_normal, one.year, one.grade) == (
            "Candela GentleMax Pro", "=SN-1", normal_number("=SN-1"), 2018, "B",
        )  # fmt: skip
        assert (one.price_minor, one.postal_code, one.city, one.state_code) == (2_490_000, "78704", "Austin", "TX")
        assert (one.description, str(one.last_service_on)) == ("Serviced,\nas new", "2026-03-02")
        assert (one.recertification, one.recertification_minor, one.training_included) == ("yes", 900_000, True)
        assert (one.warranty, one.warranty_months, one.warranty_transferable, one.warranty_provider) == (
            "seller", 3, False, "We",
        )  # fmt: skip
        assert one.inclusions == {"keys": "included", "crate": "included", "goggles": "absent"}
        assert one.particulars == {"chiller": "built_in", "known_faults": "None known"}
        assert (one.rx_label_present, one.id_label_present, one.modification) == (None, None, None)
        (handpiece,) = one.handpieces
        assert (handpiece.name, handpiece.modality_code, handpiece.serial) == ("18 mm", "ALEX", "H1")
        assert (handpiece.counter_value, handpiece.counter_unit, handpiece.counter_direction) == (1000, "shots", "up")
        assert (handpiece.rated_life, handpiece.rated_life_source) == (5000, "its label")
        assert (handpiece.reduction_minor, handpiece.particulars) == (50_000, {"spot_sizes_mm": "6;9"})
        (counter,) = one.counters
        assert (counter.part, counter.value, counter.unit, str(counter.read_on)) == ("Lamp", 900, "hours", "2026-05-04")
        assert one.latitude is not None
        assert one.life_used_percent == 20
        assert db.session.scalars(select(ListingMove.event)).all() == [None]
        assert [event.kind for event in audit.newest(audit.Wanted(subject_id=one.id), limit=9)] == ["listing:drafted"]

    def test_sets_no_standing_and_touches_no_other_row(self, clinic, seller, now):
        other = make_listing(serial="S9", description="theirs")
        content = table(DEVICE).decode().replace("unit,", "unit,id,standing,published_at,", 1)
        content = content.replace("\r\n,", f"\r\n,{other.id},published,2020-01-01,", 1).encode()
        facts = imported(clinic, seller, content, now)

        assert counted(facts) == (ImportState.DONE, 1, 0, 0, 1)
        (one,) = drafts(clinic)
        assert (one.state, one.published_at, one.id != other.id) == (ListingState.DRAFT, None, True)
        assert (other.description, other.state) == ("theirs", ListingState.PUBLISHED)

    def test_passes_over_a_few_of_which_nothing_can_be_made(self, clinic, seller, now, monkeypatch):
        monkeypatch.setattr(service, "WRITTEN_AT_ONCE", 1)
        facts = imported(clinic, seller, table(DEVICE | {"zip": "1"}, DEVICE), now)

        assert counted(facts) == (ImportState.DONE, 2, 1, 0, 1)

    def test_moves_its_cursor_with_each_few(self, clinic, seller, now, monkeypatch):
        monkeypatch.setattr(service, "WRITTEN_AT_ONCE", 2)
        facts = tried(clinic, seller, table(DEVICE, DEVICE | {"zip": "1"}, DEVICE), now)
        service.start(import_id=facts.id, actor_id=seller.id, at=now)
        service.write(import_id=facts.id, at=now)

        half = queries.one(facts.id)
        assert (half.state, half.written_through, half.made, half.percent) == (ImportState.WRITING, 2, 1, 66)
        assert len(drafts(clinic)) == 1
        run_jobs()
        assert counted(queries.one(facts.id)) == (ImportState.DONE, 3, 1, 0, 2)
        service.write(import_id=facts.id, at=now)
        assert len(drafts(clinic)) == 2

    def test_takes_the_same_statements_however_many_devices_there_are(self, clinic, seller, now):
        sent = []
        for many in (3, 30):
            lines = [line for n in range(many) for line in (DEVICE | {"serial": f"{many}-{n}"}, HANDPIECE, COUNTER)]
            facts = tried(clinic, seller, table(*lines), now)
            service.start(import_id=facts.id, actor_id=seller.id, at=now)
            with count_statements() as statements:
                service.write(import_id=facts.id, at=now)
            sent.append(len(statements))

        assert sent == [21, 21]

    def test_sent_again_it_finds_its_drafts_and_keeps_what_was_written_since(self, clinic, seller, now):
        content = table(DEVICE | {"serial": "S1"}, HANDPIECE, DEVICE)
        imported(clinic, seller, content, now)
        drafts(clinic)[0].description = "Better words"
        db.session.commit()
        facts = tried(clinic, seller, content, now)

        assert counted(facts) == (ImportState.CHECKED, 2, 0, 2, 0)
        assert sorted(one.description for one in drafts(clinic)) == ["", "Better words"]

    def test_what_became_wrong_since_it_was_tried_is_named_and_not_made(self, clinic, seller, now):
        facts = tried(clinic, seller, table(DEVICE | {"serial": "S1"}, DEVICE), now)
        make_listing(clinic=clinic, model=real_model("Candela GentleMax Pro"), serial="S1", state="draft")
        service.start(import_id=facts.id, actor_id=seller.id, at=now)
        run_jobs()

        assert counted(queries.one(facts.id)) == (ImportState.DONE, 2, 1, 0, 1)
        assert queries.problems_of(facts.id) == [
            (2, "serial", "Your clinic has this device here already. It is draft.")
        ]

    def test_who_no_longer_sells_for_the_clinic_makes_nothing(self, clinic, seller, now):
        facts = tried(clinic, seller, table(DEVICE), now)
        service.start(import_id=facts.id, actor_id=seller.id, at=now)
        member = db.session.scalars(select(ClinicMember).where(ClinicMember.user_id == seller.id)).one()
        member.left_at = now
        db.session.commit()
        run_jobs()

        stopped = queries.one(facts.id)
        assert (stopped.state, stopped.refusal) == (
            ImportState.REFUSED, "Who sent it no longer sells for this clinic.",
        )  # fmt: skip
        assert drafts(clinic) == []


class TestCancel:
    @pytest.mark.parametrize("until", ["received", "checked", "writing"])
    def test_leaves_the_rest_and_keeps_what_was_made(self, clinic, seller, now, monkeypatch, until):
        monkeypatch.setattr(service, "WRITTEN_AT_ONCE", 1)
        import_id = send(clinic, seller, table(DEVICE, DEVICE), now)
        if until != "received":
            run_jobs()
        if until == "writing":
            service.start(import_id=import_id, actor_id=seller.id, at=now)
            service.write(import_id=import_id, at=now)
        service.cancel(import_id=import_id, actor_id=seller.id, at=now)
        run_jobs()

        facts = queries.one(import_id)
        assert (facts.state, facts.ended_at, facts.made) == (ImportState.CANCELLED, now, until == "writing")
        assert len(drafts(clinic)) == facts.made
        with pytest.raises(IllegalMove):
            service.cancel(import_id=import_id, actor_id=seller.id, at=now)

    def test_one_that_another_moved_on_meanwhile_is_refused(self, clinic, seller, now):
        facts = tried(clinic, seller, table(DEVICE), now)
        sheet = db.session.get_one(ListingImport, facts.id)
        db.session.execute(
            text("UPDATE listing_imports SET state = 'cancelled', ended_at = created_at WHERE id = :id"),
            {"id": facts.id},
        )
        with pytest.raises(Conflict, match="Somebody has just moved this import on"):
            service._move(sheet, service.ImportEvent.STARTED, actor_id=None, at=now)


class TestRepair:
    def test_what_was_wrong_comes_back_as_it_was_sent_is_repaired_and_sent_again(self, clinic, seller, now):
        header = "mine,maker,model,city,state,zip,line,name,modality"
        rows = [
            "=1,Candela,GentleMax Pro,Austin,TX,,,,",
            "2,Candela,GentleMax Pro,Austin,TX,787,,,",
            "3,,,,,,handpiece,18 mm,XX",
        ]
        facts = imported(clinic, seller, "\n".join([header, *rows]).encode(), now)
        written = queries.repairs(facts)

        assert counted(facts) == (ImportState.DONE, 2, 1, 0, 1)
        assert [(row["mine"], row["problems"]) for row in rows_of(written)] == [
            ("2", "zip: Write the ZIP code in five figures."),
            ("3", "modality: The catalogue does not know this modality."),
        ]
        repaired = written.replace("787", "78704").replace("XX", "ALEX").encode()
        assert counted(imported(clinic, seller, repaired, now)) == (ImportState.DONE, 1, 0, 0, 1)
        assert len(drafts(clinic)) == 2


class TestSweep:
    def test_forgets_lines_after_ninety_days_and_ends_what_nobody_started(self, clinic, seller, now):
        done = imported(clinic, seller, table(DEVICE), now)
        left = tried(clinic, seller, table(DEVICE, DEVICE), now)

        assert service.sweep(at=now + timedelta(days=90)) == 0
        assert service.sweep(at=now + timedelta(days=90, hours=1)) == 2
        assert queries.one(done.id).made == 1
        assert queries.one(left.id).state is ImportState.CANCELLED
        assert db.session.scalars(select(ImportUnit.import_id)).all() == [left.id] * 2
        assert len(drafts(clinic)) == 1


class TestConstraints:
    @pytest.fixture
    def facts(self, clinic, seller, now):
        return imported(clinic, seller, table(DEVICE, DEVICE | {"zip": "1"}), now)

    @pytest.mark.parametrize(
        ("changes", "constraint"),
        [
            ("size_bytes = 5242881", "listing_imports_size_is_within_limits"),
            ("content = 'a'", "listing_imports_file_is_kept_until_it_is_read"),
            ("refusal = 'No.'", "listing_imports_refusal_is_said"),
            ("ended_at = NULL", "listing_imports_end_is_dated"),
            ("state = 'cancelled', made = 2", "listing_imports_units_add_up"),
            ("remarks = -1", "listing_imports_units_add_up"),
            ("state = 'cancelled', written_through = 3", "listing_imports_cursors_are_within_the_table"),
            (
                "state = 'checked', ended_at = NULL, written_through = 0, checked_through = 1",
                "listing_imports_checked_is_all_of_it",
            ),
            ("written_through = 1", "listing_imports_done_is_all_of_it"),
        ],
    )
    def test_of_imports(self, facts, changes, constraint):
        with assert_refused_by(constraint):
            db.session.execute(text(f"UPDATE listing_imports SET {changes}"))

    @pytest.mark.parametrize(
        ("changes", "constraint"),
        [
            ('problems = \'[[2, "a", "b"]]\' WHERE number = 1', "listing_import_units_wrong_unit_has_no_draft"),
            ("found = true, listing_id = NULL WHERE number = 1", "listing_import_units_found_unit_has_a_draft"),
            ("problems = '[]', listing_id = (SELECT id FROM listings)", "draft_is_made_once"),
        ],
    )
    def test_of_devices(self, facts, changes, constraint):
        with assert_refused_by(constraint):
            db.session.execute(text(f"UPDATE listing_import_units SET {changes}"))

    def test_one_import_of_a_clinic_moves_and_a_form_is_one(self, facts, clinic, seller, now):
        send(clinic, seller, table(DEVICE), now)
        with assert_refused_by("one_import_at_a_time"):
            db.session.execute(
                text("UPDATE listing_imports SET state = 'writing', ended_at = NULL WHERE state = 'done'")
            )
        with assert_refused_by("uq_listing_imports_form_key"):
            db.session.execute(
                text("UPDATE listing_imports SET form_key = (SELECT form_key FROM listing_imports LIMIT 1)")
            )


SIGNS = st.characters(exclude_categories=("Cs",), exclude_characters="\0")
WORDS = st.one_of(
    st.text(SIGNS, max_size=12), st.sampled_from(["=1+1", "'=x", "'", "-", "# no remark", 'a,"b"\r\nc', "@", "\tx"])
).map(str.strip)
MODELS = [("Candela", "GentleMax Pro", "ALEX"), ("Lumenis", "M22", "IPL"), ("Zeltiq", "CoolSculpting", "CRYO")]
NAMED = WORDS.filter(bool)
DAYS = st.dates(max_value=fields.date(2026, 5, 1), min_value=fields.date(1990, 1, 1)).map(str)
AMOUNTS = st.integers(10_000, 99_999_999).map(lambda minor: f"{minor // 100}.{minor % 100:02}")
ANSWERS = {
    Kind.TEXT: WORDS, Kind.NOTE: WORDS, Kind.DATE: DAYS, Kind.NUMBER: st.integers(0, 999).map(str),
    Kind.NUMBERS: st.lists(st.integers(1, 2000), min_size=1, max_size=3, unique=True).map(
        lambda found: ";".join(map(str, found))
    ),
}  # fmt: skip


def one_of(kind):
    return st.sampled_from(["", *kind])


@st.composite
def counted_by(draw):
    return {
        "counter": draw(st.integers(0, 100).map(str)), "counter_unit": draw(st.sampled_from(list(CounterUnit))),
        "counter_direction": draw(st.sampled_from(list(CounterDirection))), "counter_read_on": draw(DAYS),
    }  # fmt: skip


def answered(draw, place, codes):
    return {
        field.key: draw(
            st.sampled_from([answer for answer, _ in field.answers]) if field.answers else ANSWERS[field.kind]
        )
        for field in fields.asked(place, codes)
        if draw(st.booleans())
    }


@st.composite
def devices(draw, unit):
    maker, model, code = draw(st.sampled_from(MODELS))
    codes = [*catalog.model(real_model(f"{maker} {model}").id).modality_codes, code]
    warranty = draw(one_of(Warranty))
    promised = warranty not in {"", Warranty.NONE}
    given = draw(st.lists(st.sampled_from(list(INCLUSIONS)), unique=True))
    cut = draw(st.integers(0, len(given)))
    device = {
        "unit": unit, "maker": maker, "model": model, "serial": draw(WORDS.filter(in_our_letters)), "year": draw(st.sampled_from(["", "2018"])),
        "grade": draw(one_of(Grade)), "price_usd": draw(st.just("") | AMOUNTS), "city": draw(NAMED), "state": "TX",
        "zip": draw(st.sampled_from(["", "78704", "00000"])), "description": draw(WORDS),
        "last_service_on": draw(st.just("") | DAYS), "recertification": draw(one_of(Recertification)),
        "recertification_quote_usd": draw(st.just("") | AMOUNTS), "warranty": warranty,
        "warranty_months": draw(st.sampled_from(["", "12"])) if promised else "",
        "warranty_transferable": draw(st.sampled_from(["", "yes", "no"])) if promised else "",
        "warranty_provider": draw(WORDS) if promised else "",
        "training_included": draw(st.sampled_from(["", "yes", "no"])),
        "comes_with": "; ".join(given[:cut]), "absent": ";".join(given[cut:]),
        **answered(draw, Place.DEVICE, codes), **answered(draw, Place.CONDITION, codes),
    }  # fmt: skip
    handpieces = [
        {
            "unit": unit, "line": "handpiece", "name": draw(NAMED), "modality": code, "serial": draw(WORDS),
            **draw(st.just({}) | counted_by()), "rated_life": draw(st.sampled_from(["", "5000"])),
            "rated_life_source": draw(WORDS), "reduction_usd": draw(st.just("") | AMOUNTS),
            **answered(draw, Place.HANDPIECE, [code]),
        }
        for _ in range(draw(st.integers(0, 3)))
    ]  # fmt: skip
    counters = [
        {
            "unit": unit, "line": "counter", "name": draw(NAMED), "serial": draw(WORDS), **draw(counted_by()),
            "rated_life": "9000", "rated_life_source": draw(NAMED),
        }
        for _ in range(draw(st.integers(0, 2)))
    ]  # fmt: skip
    return [device, *handpieces, *counters]


@settings(max_examples=6, deadline=None)
@given(st.data())
def test_what_is_given_out_comes_in_and_is_given_out_the_same(clinic, seller, now, data):
    """Any devices that a table can say: export, import by another clinic, export: the very same bytes."""
    said = [data.draw(devices(f"u{number}")) for number in range(data.draw(st.integers(1, 3)))]
    serials = [(lines[0]["maker"], normal_number(lines[0]["serial"])) for lines in said if lines[0]["serial"]]
    for lines in said:
        if serials.count((lines[0]["maker"], normal_number(lines[0]["serial"]))) > 1:
            lines[0]["serial"] = ""
    tables = [table(*(line for lines in said for line in lines))]
    for _ in range(2):
        owner = make_user()
        another = make_clinic(owner=owner, seller=True)
        facts = tried(another, owner, tables[-1], now)
        assert (queries.problems_of(facts.id), facts.remarks) == ([], 0)
        service.start(import_id=facts.id, actor_id=owner.id, at=now)
        run_jobs()
        assert queries.one(facts.id).made == len(said)
        tables.append(exporting.as_table(exporting.exported([another.id])).encode())

    assert tables[1] == tables[2]


class TestExport:
    def test_leaves_out_what_was_sold_or_withdrawn_and_whatever_is_another_clinics(self, clinic, now):
        for state in ListingState:
            make_listing(clinic=clinic, state=state, serial=f"S-{state}")
        make_listing(serial="theirs")
        found = exporting.exported([clinic.id])

        assert {row["serial"] for row in rows_of(exporting.as_table(found))} - {""} == {
            "S-draft", "S-in_review", "S-published", "S-paused", "S-reserved",
        }  # fmt: skip
        assert {one["standing"] for one in exporting.as_values(found)} == set(ListingState)

    def test_takes_three_statements_however_many_there_are(self, clinic):
        clinic_id = clinic.id
        for number in (1, 5):
            for _ in range(number):
                make_listing(clinic=db.session.get(Clinic, clinic_id))
            with count_statements() as sent:
                exporting.exported([clinic_id])
            assert len(sent) == 3

    def test_says_as_values_what_is_said(self, clinic):
        listing = make_listing(clinic=clinic, price_minor=2_490_050, serial="S1")
        (one,) = exporting.as_values(exporting.exported([clinic.id]))

        assert (one["id"], one["standing"], one["price_usd"], one["serial"]) == (
            str(listing.id), "published", "24900.50", "S1",
        )  # fmt: skip
        assert [part["counter"] for part in one["handpieces"]] == ["400000"]
        assert "description" not in one
        assert one["counters"] == []


def test_lines_are_those_of_the_form():
    assert set(Line) == {"device", "handpiece", "counter"}
