"""Tables of devices on their pages: sent in, tried, imported, repaired; never another's, never past a moderator."""

from io import BytesIO
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from marketplace.extensions import db
from marketplace.kernel.spreadsheets import MARK, rows_of
from marketplace.kernel.terms import ClinicRole
from marketplace.listings.models import Listing
from marketplace.listings.states import ListingState
from marketplace.sheets import columns, service
from marketplace.sheets.models import ListingImport
from tests.factories.accounts import make_user
from tests.factories.catalog import load_catalogue
from tests.factories.clinics import make_clinic, make_member
from tests.factories.listings import make_listing
from tests.pages import browser_of
from tests.pages import text as page_of
from tests.support import count_statements, promised_jobs, run_jobs

HEADER = "maker,model,serial,year,grade,price_usd,city,state,zip,description,standing,id"
GOOD = 'Lumenis,m22,=SN-1,2016,b,"24,900",Austin,tx,78704,Serviced,published,1'
BAD = "Lumenis,M99,,,,,Austin,TX,,,,"


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


def send(browser, clinic, *rows, content=None, form_key=None):
    content = "\n".join((HEADER, *rows, "")).encode() if content is None else content
    return browser.post(
        "/sell/import",
        data={
            "clinic_id": str(clinic.id),
            "form_key": form_key or str(uuid4()),
            "file": (BytesIO(content), "stock.csv"),
        },
        content_type="multipart/form-data",
    )


def tried(browser, clinic, *rows):
    address = send(browser, clinic, *rows).location
    run_jobs()
    return address


def drafts():
    return db.session.scalars(select(Listing)).all()


class TestSend:
    def test_a_table_is_kept_and_its_page_says_how_far_it_is(self, browser, clinic):
        answer = send(browser, clinic, GOOD)
        page = browser.get(answer.location)

        assert answer.status_code == 303
        assert "being tried" in page_of(page)
        assert "0 of 0 devices tried" in page_of(page)
        assert 'data-progress="received"' in page.text
        assert "js/progress.js" in page.text
        assert [name for name, _ in promised_jobs()] == ["check_listing_import"]

    def test_the_form_explains_its_columns_and_lists_what_was_sent(self, browser, clinic):
        address = tried(browser, clinic, GOOD, BAD)
        page = browser.get("/sell/import")

        for words in ("20,000 rows and 5 MB", "maker, model, city, state must be there", "Try it, make nothing",
                      "In the unit of the counter.", "tried, nothing made yet"):  # fmt: skip
            assert words in page_of(page)
        assert f'href="{address}"' in page.text

    def test_the_template_is_a_table_to_fill_in(self, browser):
        answer = browser.get("/sell/import/template.csv")

        assert answer.text == MARK + columns.template()
        assert answer.headers["Content-Disposition"] == "attachment; filename=second-light-template.csv"

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"maker,model\nA,B\n", "These columns are missing: city, state."),
            (b"\xff\xfe", "not in UTF-8"),
            (b"x" * (5 * 1024 * 1024 + 1), "A table may have 5 MB."),
        ],
    )
    def test_what_is_no_such_table_is_refused_at_once(self, browser, clinic, content, words):
        answer = send(browser, clinic, content=content)

        assert (answer.status_code, words in page_of(answer)) == (422, True)
        assert db.session.scalars(select(ListingImport.id)).all() == []
        assert promised_jobs() == []

    def test_a_form_without_its_key_is_too_old(self, browser, clinic):
        assert "has grown too old" in page_of(send(browser, clinic, GOOD, form_key="x"))
        assert promised_jobs() == []

    def test_nobody_writes_for_another_clinic(self, app, browser, clinic):
        assert send(browser, make_clinic(owner=make_user(), seller=True), GOOD).status_code == 422
        technician = make_user()
        make_member(clinic=clinic, user=technician, role=ClinicRole.TECHNICIAN)
        assert send(browser_of(app, technician), clinic, GOOD).status_code == 422
        assert promised_jobs() == []


class TestPage:
    def test_says_what_would_be_made_and_what_is_wrong(self, browser, clinic):
        page = browser.get(tried(browser, clinic, GOOD, BAD))

        for words in (
            "1 device can become a draft.",
            "1 device to repair is left out.",
            "Import 1 device",
            "The catalogue does not know this maker and model.",
            "standing, id",
        ):
            assert words in page_of(page)
        assert "progress.js" not in page.text
        assert drafts() == []

    def test_says_when_nothing_can_be_made(self, browser, clinic):
        address = tried(browser, clinic, BAD)
        assert "No device of it can become a draft as it is." in page_of(browser.get(address))

        answer = browser.post(f"{address}/start")
        assert (answer.status_code, "no device in it of which" in page_of(answer)) == (422, True)
        assert promised_jobs() == []

    def test_says_why_a_table_was_refused(self, browser, clinic):
        page = page_of(browser.get(tried(browser, clinic, '"a')))

        assert "This is no table that can be read" in page

    def test_takes_few_statements(self, browser, clinic):
        address = tried(browser, clinic, GOOD, *[BAD] * 120)
        with count_statements() as sent:
            page = browser.get(address)

        assert len(sent) == 5
        assert "row by row, the first 100" in page_of(page)


class TestImport:
    def test_makes_the_drafts_in_the_background_whatever_standing_they_name(self, browser, clinic, seller):
        address = tried(browser, clinic, GOOD, BAD)
        assert browser.post(f"{address}/start").location == address
        assert "0 of 1 drafts made" in page_of(browser.get(address))
        run_jobs()

        page = page_of(browser.get(address))
        assert "1 draft made. Complete each, and submit it." in page
        (one,) = drafts()
        assert (one.state, one.clinic_id, one.created_by, one.title) == (
            ListingState.DRAFT, clinic.id, seller.id, "Lumenis M22",
        )  # fmt: skip

    def test_sent_again_there_is_nothing_to_make(self, browser, clinic):
        browser.post(f"{tried(browser, clinic, GOOD)}/start")
        run_jobs()

        assert "All devices of it are drafts already." in page_of(browser.get(tried(browser, clinic, GOOD)))
        assert len(drafts()) == 1

    def test_can_be_cancelled_half_way(self, browser, clinic, monkeypatch):
        monkeypatch.setattr(service, "WRITTEN_AT_ONCE", 1)
        address = tried(browser, clinic, GOOD, GOOD.replace("SN-1", "SN-2"))
        browser.post(f"{address}/start")
        service.write(import_id=db.session.scalars(select(ListingImport.id)).one(), at=drafted_at())
        assert browser.post(f"{address}/cancel").location == address

        assert "the 1 draft made before stay" in page_of(browser.get(address))
        run_jobs()
        assert len(drafts()) == 1

    def test_gives_out_what_is_to_repair(self, browser, clinic):
        answer = browser.get(f"{tried(browser, clinic, GOOD, BAD)}/repair.csv")

        assert [(row["model"], row["problems"]) for row in rows_of(answer.text)] == [
            ("M99", "model: The catalogue does not know this maker and model.")
        ]

    @pytest.mark.parametrize("path", ["", "/repair.csv", "/start", "/cancel"])
    def test_is_nobody_elses(self, app, client, browser, clinic, path):
        address = tried(browser, clinic, GOOD)
        technician = make_user()
        make_member(clinic=clinic, user=technician, role=ClinicRole.TECHNICIAN)
        for person, status in ((make_user(), 404), (technician, 403)):
            other = browser_of(app, person)
            answer = other.post(address + path) if path in {"/start", "/cancel"} else other.get(address + path)
            assert answer.status_code == status
        assert db.session.scalar(select(ListingImport.state)) == "checked"

    def test_there_is_no_such_import(self, browser):
        assert browser.get(f"/sell/imports/{uuid4()}").status_code == 404


class TestExport:
    def test_is_of_the_own_clinics_without_a_formula_and_comes_back(self, browser, clinic):
        make_listing(clinic=clinic, description="=HYPERLINK(1)", price_minor=2_490_050)
        make_listing(clinic=clinic, state="draft", price_minor=None, description="'quoted")
        make_listing(description="another's")
        written = browser.get("/sell/export.csv").text

        assert "another" not in written
        assert ",=HYPERLINK" not in written
        rows = [row for row in rows_of(written) if row["line"] == "device"]
        assert {(row["description"], row["price_usd"]) for row in rows} == {
            ("=HYPERLINK(1)", "24900.50"), ("'quoted", ""),
        }  # fmt: skip
        found = browser.get("/sell/export.json")
        assert {one["standing"] for one in found.json} == {"published", "draft"}
        assert found.headers["Content-Disposition"] == "attachment; filename=second-light-listings.json"

    def test_strangers_have_nothing(self, app, client):
        assert client.get("/sell/export.csv").status_code == 303
        assert rows_of(browser_of(app, make_user()).get("/sell/export.csv").text) == []


def drafted_at():
    return db.session.scalar(text("SELECT clock_timestamp()"))
