"""Drafts from a table, and a clinic's own listings to keep: never another's, never past a moderator."""

from io import BytesIO

import pytest
from sqlalchemy import select

from marketplace.extensions import db
from marketplace.kernel.terms import ClinicRole
from marketplace.listings import bulk
from marketplace.listings.models import Listing
from marketplace.listings.states import ListingState
from marketplace.web import tables
from tests.factories.accounts import make_user
from tests.factories.catalog import load_catalogue
from tests.factories.clinics import make_clinic, make_member
from tests.factories.listings import make_listing
from tests.pages import browser_of, text

HEADER = ",".join((*bulk.COLUMNS, "standing", "id"))
GOOD = 'Lumenis,m22,=SN-1,2016,b,"24,900",Austin,tx,78704,Serviced,published,1'


@pytest.fixture
def seller():
    return make_user()


@pytest.fixture
def clinic(seller):
    load_catalogue()
    return make_clinic(owner=seller, seller=True)


@pytest.fixture
def browser(app, seller, clinic):
    return browser_of(app, seller)


def send(browser, clinic, *rows, act="write", header=HEADER, content=None):
    content = "\n".join((header, *rows, "")).encode() if content is None else content
    return browser.post(
        "/sell/import",
        data={"clinic_id": str(clinic.id), "act": act, "file": (BytesIO(content), "t.csv")},
        content_type="multipart/form-data",
    )


def drafts():
    return db.session.scalars(select(Listing).order_by(Listing.serial)).all()


class TestImport:
    def test_a_trial_makes_nothing_and_says_what_is_wrong(self, browser, clinic):
        bad = "Lumenis,M99,,20l6,E,1,,Texas,1,,,"
        page = text(send(browser, clinic, GOOD, bad, act="try"))

        assert "2 rows: 1 row could become drafts" in page
        for words in (
            "The catalogue does not know this maker and model.",
            "This must not be empty.",
            "Write the state by its two letters",
            "Write the year in four figures.",
            "A grade is one of A, B, C, D.",
            "A device can be sold here for",
        ):
            assert words in page
        assert drafts() == []
        assert "Nothing is wrong." in text(send(browser, clinic, GOOD, act="try"))

    def test_every_row_becomes_a_draft_whatever_standing_it_names(self, browser, clinic, seller):
        answer = send(browser, clinic, GOOD)

        assert (answer.status_code, answer.location) == (303, "/sell")
        (one,) = drafts()
        assert (one.state, one.clinic_id, one.created_by) == (ListingState.DRAFT, clinic.id, seller.id)
        assert (one.title, one.serial, one.year, one.grade, one.price_minor) == (
            "Lumenis M22",
            "=SN-1",
            2016,
            "B",
            2_490_000,
        )
        assert (one.city, one.state_code, one.postal_code, one.description) == ("Austin", "TX", "78704", "Serviced")

    def test_sent_again_it_finds_its_drafts_and_keeps_what_was_written_since(self, browser, clinic):
        send(browser, clinic, GOOD)
        drafts()[0].description = "Better words"
        db.session.commit()
        send(browser, clinic, GOOD)

        (one,) = drafts()
        assert one.description == "Better words"

    def test_rows_that_cannot_be_are_left_out_and_named(self, browser, clinic):
        page = text(
            send(
                browser,
                clinic,
                GOOD,
                GOOD.replace("2016", "1066"),
                "Lumenis,None,,,,,Austin,TX,,,,",
                GOOD.replace("24,900", "x"),
            )
        )

        assert "4 rows: 1 draft made" in page
        assert "Write the year of manufacture, from 1985" in page
        assert "Write an amount such as" in page
        assert len(drafts()) == 1

    def test_what_left_its_draft_is_not_touched(self, browser, clinic):
        send(browser, clinic, GOOD)
        db.session.execute(Listing.__table__.update().values(state="withdrawn"))
        db.session.commit()

        assert "no longer a draft" in text(send(browser, clinic, GOOD))
        assert len(drafts()) == 1

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"maker,model\nA,B\n", "These columns are missing: city, state."),
            (HEADER.encode(), "The table has no row below its header."),
            (b"\xff\xfe", "not in UTF-8"),
            (b"a\0,b\n", "The table has a NUL in it"),
            (b"x" * 400_001, "A table may have 400 KB."),
        ],
    )
    def test_what_is_no_such_table_is_refused(self, browser, clinic, content, words):
        answer = send(browser, clinic, content=content)

        assert (answer.status_code, words in text(answer)) == (422, True)
        assert drafts() == []

    def test_a_table_has_its_limit(self, browser, clinic, monkeypatch):
        monkeypatch.setattr(bulk, "MOST_ROWS", 1)

        assert "A table may have 1 rows; this one has 2." in text(send(browser, clinic, GOOD, GOOD))

    def test_nobody_writes_for_another_clinic(self, app, browser, clinic):
        assert send(browser, make_clinic(owner=make_user(), seller=True), GOOD).status_code == 422
        technician = make_user()
        make_member(clinic=clinic, user=technician, role=ClinicRole.TECHNICIAN)
        assert send(browser_of(app, technician), clinic, GOOD).status_code == 422
        assert drafts() == []

    def test_the_form_is_shown(self, browser):
        assert "Make the drafts" in text(browser.get("/sell/import"))
        assert browser.get("/sell/import/template.csv").text.strip("\ufeff\r\n") == ",".join(bulk.COLUMNS)


class TestExport:
    def test_is_of_the_own_clinics_without_a_formula_and_comes_back(self, browser, clinic):
        make_listing(clinic=clinic, description="=HYPERLINK(1)", price_minor=2_490_050)
        make_listing(clinic=clinic, state="draft", price_minor=None, description="'quoted")
        make_listing(description="another's")
        written = browser.get("/sell/export.csv").text

        assert "another" not in written
        assert ",=HYPERLINK" not in written
        rows = tables.rows_of(written)
        assert {row["description"] for row in rows} == {"=HYPERLINK(1)", "'quoted"}
        assert {(row["standing"], row["price_usd"]) for row in rows} == {("published", "24900.50"), ("draft", "")}
        assert browser.get("/sell/export.json").json == rows

    def test_strangers_have_nothing(self, app, client):
        assert client.get("/sell/export.csv").status_code == 303
        assert tables.rows_of(browser_of(app, make_user()).get("/sell/export.csv").text) == []
