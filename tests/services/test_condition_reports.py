"""The condition report: frozen at submission and at the order, and never changed by anybody."""

import hashlib
import json
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text

from marketplace.documents.service import FileNotTaken
from marketplace.extensions import db
from marketplace.kernel.errors import Conflict, Invalid, NotFound
from marketplace.listings import drafting, papers, queries, reports, service, unsaid
from marketplace.listings.models import ConditionReport, Listing, Paper
from marketplace.listings.terms import Grade, PaperKind
from marketplace.orders import views
from tests.conftest import NOON
from tests.factories.accounts import make_user
from tests.factories.clinics import make_clinic
from tests.factories.documents import picture
from tests.factories.listings import make_counter, make_listing
from tests.factories.orders import make_order, make_scene, place
from tests.support import assert_refused_by


@pytest.fixture
def seller():
    return make_user(name="Sella Ruiz")


@pytest.fixture
def clinic(seller):
    return make_clinic(owner=seller, seller=True)


@pytest.fixture
def draft(clinic):
    return make_listing(state="draft", clinic=clinic, photos=1, serial="GMP-4471")


def frozen(listing):
    return db.session.scalars(
        select(ConditionReport).where(ConditionReport.listing_id == listing.id).order_by(ConditionReport.version)
    ).all()


class TestFreeze:
    def test_happens_when_it_is_submitted(self, draft, seller):
        service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)
        (report,) = frozen(draft)

        assert (report.version, report.made_by, report.made_at) == (1, seller.id, NOON)
        assert report.digest == hashlib.sha256(report.canonical.encode()).hexdigest()
        assert json.loads(report.canonical) == reports.document_of(queries.listing(draft.id))

    def test_makes_no_second_one_of_the_same_words(self, draft, seller):
        service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)
        service.recall(listing_id=draft.id, actor_id=seller.id, at=NOON)
        service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)
        assert [report.version for report in frozen(draft)] == [1]

        service.recall(listing_id=draft.id, actor_id=seller.id, at=NOON)
        drafting.describe_condition(
            listing_id=draft.id, actor_id=seller.id, grade=Grade.C, inclusions={"keys": "included"},
            last_service_on=None, description="", at=NOON,
            said={"cosmetic": "Marked.", "functional": "All.", "known_faults": "A weak lamp."},
        )  # fmt: skip
        service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)
        assert [report.version for report in frozen(draft)] == [1, 2]

    def test_does_not_happen_when_it_is_refused(self, clinic, seller):
        draft = make_listing(state="draft", clinic=clinic)
        with pytest.raises(Invalid):
            service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)

        assert frozen(draft) == []

    def test_keeps_the_words_and_the_definition_of_the_grade(self, draft, seller):
        document = reports.document_of(queries.listing(draft.id))

        assert document["condition"]["definition"].startswith("Everything works to the maker's specification. Light")
        assert document["condition"]["said"]["Known faults"] == "As it should be."
        assert document["lawful_sale"]["said"]["Whose is it?"] == "our clinic’s own, and nothing rests on it"
        assert document["unit"]["serial"] == "GMP-4471"
        assert document["inclusions"]["Keys"] == "not_stated"

    def test_an_unfinished_unit_has_a_document_too(self, clinic):
        bare = make_listing(state="draft", clinic=clinic, grade=None, serial="", modification=None, particulars={})
        document = reports.document_of(queries.listing(bare.id))

        assert (document["condition"]["grade"], document["unit"]["serial"]) == (None, "")


class TestWhatAnOrderRestsOn:
    def test_is_what_was_stated_when_it_was_placed(self, now):
        scene = make_scene(now)
        order_id = place(scene, at=now)
        seen = views.order_for(order_id, user_id=scene.buyer.id)
        report = reports.report(seen.report_id)

        assert (report.version, report.listing_id, report.made_at) == (1, scene.listing.id, now)
        assert report.document == reports.document_of(queries.listing(scene.listing.id))
        assert reports.of_version(scene.listing.id, 1) == report
        assert reports.of_version(scene.listing.id, 2) is None

    def test_cannot_be_swapped(self, now):
        scene = make_scene(now)
        order = make_order("awaiting_practitioner", scene, at=now)
        with assert_refused_by("orders_report_is_fixed"):
            db.session.execute(text("UPDATE orders SET report_id = NULL"))
        assert order.report_id is not None

    def test_is_the_newest_and_of_this_unit(self, now):
        scene = make_scene(now)
        order = make_order("awaiting_practitioner", scene, at=now)
        columns = {column.name: getattr(order, column.name) for column in order.__table__.columns}
        columns |= {"id": uuid4(), "form_key": uuid4(), "number": order.number + 1}
        db.session.execute(text("ALTER TABLE orders DISABLE TRIGGER orders_ask_the_gate"))
        names, marks = ", ".join(columns), ", ".join(f":{name}" for name in columns)
        other = make_listing()
        for report_id in (None, reports.freeze(listing_id=other.id, actor_id=None, at=now)):
            with assert_refused_by("orders_rest_on_the_newest_report"):
                db.session.execute(
                    text(f"INSERT INTO orders ({names}) OVERRIDING SYSTEM VALUE VALUES ({marks})"),
                    {
                        name: getattr(value, "value", value)
                        for name, value in (columns | {"report_id": report_id}).items()
                    },
                )

    def test_is_not_what_does_not_exist(self):
        with pytest.raises(NotFound):
            reports.report(uuid4())


class TestWithoutSerials:
    def test_masks_every_serial_number_and_nothing_else(self):
        document = {"unit": {"serial": "GMP-4471", "year": 2018}, "handpieces": [{"serial": None}, {"serial": "A1"}]}

        assert reports.without_serials(document) == {
            "unit": {"serial": "••••71", "year": 2018},
            "handpieces": [{"serial": None}, {"serial": "••••1"}],
        }

    @pytest.mark.parametrize(("serial", "shown"), [("", "••••"), ("1", "••••"), ("12", "••••2"), ("123456", "••••56")])
    def test_shows_never_more_than_half(self, serial, shown):
        assert reports.masked(serial) == shown


class TestDifferences:
    def test_are_said_with_their_place(self, draft):
        draft.counters = [make_counter()]
        db.session.commit()
        before = reports.document_of(queries.listing(draft.id))
        draft.year = 2019
        draft.handpieces[0].counter_value = 500_000
        draft.counters = []
        db.session.commit()
        after = reports.document_of(queries.listing(draft.id))

        found = reports.differences(before, after)
        assert ("unit · year", "2018", "2019") in found
        assert ("handpieces · ALEX handpiece · value", "400000", "500000") in found
        assert ("console · counters · Alexandrite laser head · value", "600000", "") in found
        assert reports.differences(after, after) == []

    def test_an_answer_of_none_reads_as_nothing(self):
        assert reports.differences({"a": None}, {"a": "x"}) == [("a", "", "x")]

    def test_rows_without_a_name_are_numbered(self):
        assert reports.differences({"a": [{"b": 1}]}, {"a": [{"b": 2}]}) == [("a · 1 · b", "1", "2")]


class TestPapers:
    def add(self, draft, seller, **changes):
        given = {"kind": PaperKind.SERVICE, "words": " Service of March ", "filename": "march.png", "content": picture(), "at": NOON, **changes}  # fmt: skip
        return papers.add(listing_id=draft.id, actor_id=seller.id, **given)

    def test_are_kept_as_private_documents_and_named_in_the_report(self, draft, seller):
        self.add(draft, seller)
        (paper,) = queries.listing(draft.id).papers

        assert (paper.kind, paper.words, len(paper.digest)) == (PaperKind.SERVICE, "Service of March", 64)
        assert reports.document_of(queries.listing(draft.id))["papers"] == [
            {"id": str(paper.document_id), "kind": "service", "words": "Service of March", "digest": paper.digest}
        ]

    def test_are_taken_out_again(self, draft, seller):
        paper_id = self.add(draft, seller)
        with pytest.raises(NotFound):
            papers.remove(listing_id=draft.id, actor_id=seller.id, paper_id=uuid4())
        papers.remove(listing_id=draft.id, actor_id=seller.id, paper_id=paper_id)

        assert queries.listing(draft.id).papers == ()

    def test_are_said_to_be_something_and_are_scans(self, draft, seller):
        with pytest.raises(Invalid) as refusal:
            self.add(draft, seller, words=" ")
        assert refusal.value.field == "words"
        with pytest.raises(FileNotTaken):
            self.add(draft, seller, content=b"MZ")

        assert queries.listing(draft.id).papers == ()

    def test_are_twelve_at_most_and_their_sellers_alone(self, draft, seller, clinic, monkeypatch):
        monkeypatch.setattr(papers, "MOST_PAPERS", 1)
        self.add(draft, seller)
        with pytest.raises(Invalid):
            self.add(draft, seller)
        with pytest.raises(NotFound):
            self.add(draft, make_user())
        with pytest.raises(Conflict):
            self.add(make_listing(clinic=clinic), seller)

        assert db.session.scalar(select(func.count()).select_from(Paper)) == 1

    def test_of_a_released_lien_are_asked_for(self, draft, seller):
        draft.particulars = {**draft.particulars, "title": "released"}
        db.session.commit()
        assert [(item.step, item.field, item.sentence) for item in unsaid.missing_from(draft.id)] == [
            ("condition", "papers", "Attach the release of what rested on the device.")
        ]
        self.add(draft, seller, kind=PaperKind.LIEN_RELEASE)
        assert unsaid.missing_from(draft.id) == []


class TestStatements:
    @pytest.mark.parametrize(
        ("said", "sentence"),
        [
            ({"title": "lien"}, "What a lien, a loan or a lease rests on cannot be sold here"),
            ({"title": "leased"}, "What a lien, a loan or a lease rests on cannot be sold here"),
            ({"patient_data": "kept"}, "Wipe patients’ data before you sell the device."),
            ({"decontaminated": None}, "Confirm: It was cleaned and disinfected after its last use."),
            ({"title": None}, "Say: Whose is it."),
            ({"known_faults": None}, "Say: Known faults."),
        ],
    )
    def test_that_stand_against_a_sale_stop_the_submission(self, draft, seller, said, sentence):
        draft.particulars = {key: word for key, word in (draft.particulars | said).items() if word is not None}
        db.session.commit()
        with pytest.raises(service.ListingIncomplete) as refusal:
            service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)

        assert refusal.value.sentence.startswith(sentence)
        assert db.session.get(Listing, draft.id).state == "draft"

    def test_are_kept(self, draft, seller):
        drafting.attest(
            listing_id=draft.id, actor_id=seller.id, rx_label_present=None, id_label_present=False, modification=None,
            said={"title": "free", "decontaminated": "yes", "patient_data": "none", "hazard_class": "4"},
        )  # fmt: skip
        facts = queries.listing(draft.id)

        assert (facts.rx_label_present, facts.id_label_present, facts.modification) == (None, False, None)
        assert (facts.particulars["title"], facts.particulars["hazard_class"]) == ("free", "4")
        assert facts.particulars["cosmetic"] == "As it should be."


class TestTheDatabaseRefuses:
    @pytest.fixture
    def unit_id(self):
        return make_listing().id

    def kept(self, unit_id, **changes):
        values = {"id": uuid4(), "listing": unit_id, "version": 1, "canonical": "{}", "digest": hashlib.sha256(b"{}").hexdigest(), **changes}  # fmt: skip
        db.session.execute(
            text(
                "INSERT INTO condition_reports (id, listing_id, version, canonical, digest, made_at)"
                " VALUES (:id, :listing, :version, :canonical, :digest, now())"
            ),
            values,
        )

    @pytest.mark.parametrize(
        ("changes", "constraint"),
        [
            ({"version": 0}, "condition_reports_version_is_counted_from_one"),
            ({"canonical": "{ }"}, "condition_reports_digest_is_of_what_is_kept"),
        ],
    )
    def test_a_report_that_lies(self, unit_id, changes, constraint):
        with assert_refused_by(constraint):
            self.kept(unit_id, **changes)

    def test_two_of_one_number(self, unit_id):
        self.kept(unit_id)
        with assert_refused_by("report_versions_differ"):
            self.kept(unit_id)

    def test_two_of_one_key(self):
        # The key alone is unique already; with its unit it is what an order points at.
        names = {one["name"] for one in db.inspect(db.engine).get_unique_constraints("condition_reports")}
        assert "report_is_of_this_unit" in names

    @pytest.mark.parametrize("change", ["UPDATE condition_reports SET version = 9", "DELETE FROM condition_reports"])
    def test_what_was_stated_otherwise(self, unit_id, change):
        self.kept(unit_id)
        with assert_refused_by("condition_reports_is_append_only"):
            db.session.execute(text(change))

    def test_a_paper_without_words_and_one_that_is_two(self, draft, seller):
        paper_id = papers.add(
            listing_id=draft.id, actor_id=seller.id, kind=PaperKind.OTHER, words="x", filename="x.png", content=picture(),
            at=NOON,
        )  # fmt: skip
        with assert_refused_by("listing_papers_paper_is_named"):
            db.session.execute(text("UPDATE listing_papers SET words = ' '"))
        with assert_refused_by("listing_papers_paperkind"):
            db.session.execute(text("UPDATE listing_papers SET kind = 'novel'"))
        with assert_refused_by("uq_listing_papers_document_id"):
            db.session.execute(
                text(
                    "INSERT INTO listing_papers (id, listing_id, document_id, kind, words, added_at)"
                    " SELECT :id, listing_id, document_id, kind, words, added_at FROM listing_papers WHERE id = :of"
                ),
                {"id": uuid4(), "of": paper_id},
            )
