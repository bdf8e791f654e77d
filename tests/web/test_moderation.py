"""What moderators see of a unit beyond its listing, what they ask, and the list of stolen units."""

import io

import pytest

from marketplace.extensions import db
from marketplace.listings import passport, reporting, service
from marketplace.listings.models import Listing
from marketplace.listings.states import ListingState
from marketplace.listings.stolen import entries
from tests.conftest import NOON
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_clinic
from tests.factories.listings import make_handpiece, make_listing
from tests.pages import browser_of, text


@pytest.fixture
def seller():
    return make_user(name="Sella Ruiz")


@pytest.fixture
def draft(seller):
    return make_listing(state="draft", clinic=make_clinic(owner=seller, seller=True), photos=1, serial="PRIVATE-4471")


@pytest.fixture
def moderator():
    return make_staff("moderator")


@pytest.fixture
def desk(app, moderator):
    return browser_of(app, moderator)


def state_of(unit):
    db.session.expire_all()
    return db.session.get(Listing, unit.id).state


class TestChanges:
    def test_since_the_last_approval_are_listed(self, desk, draft, seller, moderator):
        service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)
        assert "Changed since it was approved" not in text(desk.get(f"/staff/listings/{draft.id}"))
        service.approve(listing_id=draft.id, actor_id=moderator.id, at=NOON)
        service.recall(listing_id=draft.id, actor_id=seller.id, at=NOON)
        service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)
        html = text(desk.get(f"/staff/listings/{draft.id}"))
        assert "Changed since it was approved" in html
        assert "Nothing." in html
        db.session.get(Listing, draft.id).year = 2011
        db.session.commit()
        html = text(desk.get(f"/staff/listings/{draft.id}"))
        assert "unit · year" in html
        assert ">2011<" in html


class TestNotes:
    def test_on_single_steps_reach_the_seller(self, app, desk, draft, seller):
        service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)
        desk.post(
            f"/staff/listings/{draft.id}/send-back",
            data={"note": "Two things.", "note_photos": "Show the rating plate.", "note_terms": " "},
        )
        assert state_of(draft) is ListingState.DRAFT
        assert draft.review_notes == {"photos": "Show the rating plate."}
        mine = browser_of(app, seller)
        assert "Show the rating plate." in text(mine.get(f"/sell/{draft.id}"))
        assert "Our staff ask here:" in text(mine.get(f"/sell/{draft.id}/photos"))
        assert "Our staff ask here:" not in text(mine.get(f"/sell/{draft.id}/terms"))
        service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)
        assert db.session.get(Listing, draft.id).review_notes == {}


class TestPassport:
    @pytest.fixture
    def unit(self, draft, seller):
        service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)
        unit = make_listing(
            serial="private4471",
            handpieces=[make_handpiece(counter_value=90_000, counter_read_on=NOON.date())],
            state="draft",
        )
        passport.note_readings(unit, at=NOON)
        db.session.commit()
        return unit

    def test_a_counter_that_went_back_is_seen_by_staff_and_buyers(self, client, desk, unit, draft, moderator):
        html = text(desk.get(f"/staff/listings/{unit.id}"))
        assert "counter went back" in html
        assert "400,000 shots" in html
        service.approve(listing_id=draft.id, actor_id=moderator.id, at=NOON)
        html = text(client.get(f"/devices/{draft.id}"))
        assert "counter went back" in html
        assert "PRIVATE" not in html
        assert "Serial number ••••71" in html

    def test_is_added_to_by_its_seller(self, app, seller, draft):
        mine = browser_of(app, seller)
        address = f"/sell/{draft.id}/history"
        assert "Nothing yet." in text(mine.get(address))
        assert address in text(mine.get(f"/sell/{draft.id}/condition"))
        given = {"kind": "repair", "happened_on": "2026-05-01", "words": "New pump, by Acme"}
        assert mine.post(address, data=given).location == address
        assert "New pump, by Acme" in text(mine.get(address))
        assert mine.post(address, data={**given, "words": ""}).status_code == 422
        assert mine.post(address, data={**given, "happened_on": "2099-01-01"}).status_code == 422
        stranger = browser_of(app, make_user())
        assert (stranger.get(address).status_code, stranger.post(address, data=given).status_code) == (404, 404)


class TestStolen:
    ROW = "maker,serial,reported_on\n,PRIVATE-4471,2026-05-01\n"

    def test_a_unit_is_added_and_withdrawn(self, desk):
        assert "Nothing is reported" in text(desk.get("/staff/stolen"))
        desk.post("/staff/stolen", data={"one-maker": "Candela", "one-serial": "A-1", "one-source": "Police", "one-reported_on": "2026-05-01"})  # fmt: skip
        (entry,) = entries()
        html = text(desk.get("/staff/stolen"))
        assert "1 put on the list, 0 stood there already, 0 taken off the market." in html
        address = f"/staff/stolen/{entry.id}/withdraw"
        assert desk.post(address, data={"because": ""}).status_code == 422
        desk.post(address, data={"because": "Found again"})
        assert "Found again" in text(desk.get("/staff/stolen"))

    def test_a_file_is_loaded_and_a_unit_on_the_market_stopped(self, client, desk):
        unit = make_listing(serial="PRIVATE-4471")
        desk.post("/staff/stolen/file", data={"file-source": "Police", "file-file": (io.BytesIO(self.ROW.encode()), "x.csv")})  # fmt: skip
        assert state_of(unit) is ListingState.IN_REVIEW
        assert client.get(f"/devices/{unit.id}").status_code == 404
        html = text(desk.get(f"/staff/listings/{unit.id}"))
        assert "on the list of stolen units" in html
        assert desk.post(f"/staff/listings/{unit.id}/approve").status_code == 409
        assert state_of(unit) is ListingState.IN_REVIEW

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"", "Choose a CSV file of at most 1 MB."),
            (b"\xff\xfe", "This is not UTF-8 text."),
            (b"serial\nA\n", "maker: This column is missing."),
        ],
    )
    def test_a_file_that_is_none_is_refused(self, desk, content, said):
        answer = desk.post("/staff/stolen/file", data={"file-source": "Police", "file-file": (io.BytesIO(content), "x.csv")})  # fmt: skip
        assert (answer.status_code, said in text(answer)) == (422, True)
        assert entries() == []

    def test_needs_its_words(self, desk):
        assert desk.post("/staff/stolen", data={"one-serial": ""}).status_code == 422
        assert desk.post("/staff/stolen/file", data={"file-source": ""}).status_code == 422
        assert entries() == []

    def test_is_written_by_moderators_and_read_by_reviewing_staff(self, app, moderator):
        reporting.load(actor_id=moderator.id, text=self.ROW, source="Police", at=NOON)
        reader = browser_of(app, make_staff("auditor"))
        html = text(reader.get("/staff/stolen"))
        assert "PRIVATE-4471" in html
        assert "Add a unit" not in html
        assert reader.post("/staff/stolen").status_code == 403
        for person in (make_user(), make_staff("finance")):
            assert browser_of(app, person).get("/staff/stolen").status_code == 403
