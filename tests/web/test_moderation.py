"""What moderators see of a unit beyond its listing, what they ask, and the list of stolen units."""

import io
from datetime import timedelta

import pytest
from sqlalchemy import select

from marketplace.catalog.models import DeviceModel
from marketplace.extensions import db
from marketplace.kernel.errors import Invalid
from marketplace.listings import noting, passport, queries, reporting, service
from marketplace.listings.models import Listing
from marketplace.listings.states import ListingState
from marketplace.listings.stolen import entries
from marketplace.notifications.models import Mail
from marketplace.orders.reselling import earlier_sales
from tests.conftest import NOON
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_clinic
from tests.factories.listings import make_counter, make_handpiece, make_listing
from tests.factories.orders import make_order, make_scene
from tests.pages import browser_of, text
from tests.support import count_statements


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
    @pytest.fixture
    def sent_back(self, desk, draft, seller):
        """Send the unit back with notes on places, and return what was asked where."""

        def send(status=303, **notes):
            service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)
            data = {"note": "Look again.", **{f"ask.{key.replace('__', '.')}": words for key, words in notes.items()}}
            answer = desk.post(f"/staff/listings/{draft.id}/send-back", data=data)
            assert answer.status_code == status
            db.session.expire_all()
            return answer

        return send

    @pytest.fixture
    def mine(self, app, seller):
        return browser_of(app, seller)

    def test_are_asked_beside_what_stands_there(self, desk, draft, seller):
        service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)
        html = text(desk.get(f"/staff/listings/{draft.id}"))
        assert 'name="ask.device.year"' in html
        assert "Year of manufacture: 2018" in html
        assert f'name="ask.handpieces.{draft.handpieces[0].id}.counter_value"' in html
        assert "ALEX handpiece: Counter: 400000" in html

    def test_stand_beside_their_field_until_it_is_answered(self, draft, sent_back, mine, desk):
        sent_back(device__year="Is this the year of the label?", terms="Name a price.", terms__price=" ")
        assert draft.review_notes == {
            "device.year": {"words": "Is this the year of the label?", "was": "2018"},
            "terms": {"words": "Name a price.", "was": draft.review_notes["terms"]["was"]},
        }
        overview = text(mine.get(f"/sell/{draft.id}"))
        assert f'<a href="/sell/{draft.id}/device#year">Device, Year of manufacture</a>: Is this the year' in overview
        assert f'<a href="/sell/{draft.id}/terms">Price</a>: Name a price.' in overview
        html = text(mine.get(f"/sell/{draft.id}/device"))
        assert '<p class="field-note" id="year-note"><strong>Our staff ask:</strong> Is this the year' in html
        assert 'aria-describedby="year-note"' in html
        assert "Our staff ask here:</strong> Name a price." in text(mine.get(f"/sell/{draft.id}/terms"))

        service_of = {"model_id": str(draft.model_id), "clinic_id": str(draft.clinic_id), "serial": draft.serial}
        place = {"city": draft.city, "state_code": draft.state_code}
        assert mine.post(f"/sell/{draft.id}/device", data={**service_of, **place, "year": "2017"}).status_code == 303
        assert "Our staff ask" not in text(mine.get(f"/sell/{draft.id}/device"))
        overview = text(mine.get(f"/sell/{draft.id}"))
        assert "Device, Year" not in overview
        assert "Name a price." in overview
        # What was asked stays in its course, for both sides.
        for reader, address in ((mine, f"/sell/{draft.id}"), (desk, f"/staff/listings/{draft.id}")):
            assert "Year of manufacture: Is this the year of the label?" in text(reader.get(address))

    def test_stand_in_the_mail(self, sent_back):
        sent_back(device__year="Really?", photos="Show the rating plate.")
        (mail,) = db.session.scalars(select(Mail))
        assert mail.context["note"] == "Look again.\nYear of manufacture: Really?\nPhotos: Show the rating plate."

    def test_on_handpieces_counters_photos_and_papers_lead_there(self, draft, sent_back, mine):
        draft.counters = [make_counter()]
        db.session.commit()
        part, counter, photo = draft.handpieces[0].id, draft.counters[0].id, draft.photos[0].id
        sent_back(
            **{
                f"handpieces__{part}__serial": "It has one.",
                f"console__{counter}__counter_value": "The photo says less.",
                f"photos__photo-{photo}": "Too dark.",
                "condition__papers": "Add the report.",
                "condition__grade": "Rather C?",
            }
        )
        base = f"/sell/{draft.id}"
        overview = text(mine.get(base))
        for address in (
            f"handpieces/{part}#serial", f"counters/{counter}#counter_value", f"photos#photo-{photo}", "condition#papers",
            "condition#grade-0",
        ):  # fmt: skip
            assert f'href="{base}/{address}"' in overview
        assert "It has one." in text(mine.get(f"{base}/handpieces"))
        assert text(mine.get(f"{base}/handpieces/{part}")).count("It has one.") == 1
        assert "The photo says less." in text(mine.get(f"{base}/console"))
        assert text(mine.get(f"{base}/counters/{counter}")).count("The photo says less.") == 1
        assert "Too dark." in text(mine.get(f"{base}/photos"))
        assert text(mine.get(f"{base}/condition")).count("Our staff ask:") == 2
        mine.post(f"{base}/photos/{photo}/remove")
        mine.post(f"{base}/counters/{counter}/remove")
        mine.post(f"{base}/handpieces/{part}/remove")
        overview = text(mine.get(base))
        assert [words in overview for words in ("Too dark.</li>", "It has one.</li>", "says less.</li>")] == [False] * 3

    def test_when_all_are_answered_that_is_said_and_submitting_closes_them(self, draft, seller, sent_back, mine):
        sent_back(device__year="Really?")
        draft.year = 2016
        db.session.commit()
        assert "You have answered everything that was asked" in text(mine.get(f"/sell/{draft.id}"))
        service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)
        assert db.session.get(Listing, draft.id).review_notes == {}

    def test_of_before_stay_until_it_is_submitted(self, draft):
        draft.review_notes = {"photos": {"words": "Show the rating plate."}}
        db.session.commit()
        (note,) = noting.open_notes(queries.listing(draft.id))
        assert (note.spot.key, note.words) == ("photos", "Show the rating plate.")

    def test_are_about_places_that_there_are(self, draft, seller, moderator):
        service.submit(listing_id=draft.id, actor_id=seller.id, at=NOON)
        with pytest.raises(Invalid):
            service.send_back(
                listing_id=draft.id, actor_id=moderator.id, note="x", notes={"device.colour": "Red?"}, at=NOON
            )
        assert state_of(draft) is ListingState.IN_REVIEW

    def test_that_are_too_long_are_said_beside_their_field(self, draft, sent_back):
        html = text(sent_back(422, device__year="x" * 501))
        assert "<details open><summary>Ask about: Device</summary>" in html
        assert state_of(draft) is ListingState.IN_REVIEW

    def test_have_a_place_for_every_field_of_every_step(self, mine, draft):
        """Each place on the moderator's page is a field on the page of its step, where its note can stand."""
        draft.counters = [make_counter()]
        db.session.commit()
        pages = {}
        for spot in noting.spots(queries.listing(draft.id)):
            if not spot.field:
                continue
            page = {"photos": "photos", "handpieces": f"handpieces/{spot.part_id}"}.get(spot.step, spot.step)
            page = f"counters/{spot.part_id}" if spot.step == "console" and spot.part_id else page
            html = pages.setdefault(page, text(mine.get(f"/sell/{draft.id}/{page}")))
            assert f'id="{spot.anchor}"' in html, spot


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
        answer = desk.post(f"/staff/listings/{unit.id}/approve", data={"read": queries.listing(unit.id).submitted_at})
        assert (answer.status_code, "stolen" in text(answer)) == (409, True)
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


class TestResale:
    """A unit that was sold here and comes back: whose is it, and why so soon?"""

    @staticmethod
    def again(scene, clinic):
        model = db.session.get_one(DeviceModel, scene.listing.model_id)
        return make_listing(state="in_review", clinic=clinic, model=model, photos=1, serial=scene.listing.serial)

    @staticmethod
    def sold(scene, state, at, ago=0):
        order = make_order(state, scene, at=at)
        order.placed_at -= timedelta(days=ago)
        db.session.get_one(Listing, scene.listing.id).state = ListingState.SOLD
        db.session.commit()
        return order

    def test_by_another_clinic_than_its_buyer_is_asked_about(self, desk, now):
        scene = make_scene(now)
        order = self.sold(scene, "in_transit", now, ago=400)
        unit = self.again(scene, make_clinic(owner=make_user(), seller=True, name="Nobody Knows"))

        html = text(desk.get(f"/staff/listings/{unit.id}"))

        assert f"{scene.clinic.name} bought this unit here, order {order.number} of" in html
        assert "and another clinic offers it now. Ask for the bill of sale" in html

    @pytest.mark.parametrize(("ago", "soon"), [(180, True), (181, False)])
    def test_by_its_buyer_within_half_a_year_is_too(self, desk, now, ago, soon):
        scene = make_scene(now)
        order = self.sold(scene, "in_transit", now, ago=ago)
        unit = self.again(scene, scene.clinic)

        html = text(desk.get(f"/staff/listings/{unit.id}"))

        assert (f"bought this unit here {ago} days ago, order {order.number}" in html) is soon
        assert ("sold here before" in html) is soon

    def test_a_sale_that_came_to_nothing_is_none(self, now):
        scene = make_scene(now)
        make_order("cancelled", scene, at=now)

        asked = {"maker_id": scene.listing.maker_id, "offered_by": scene.seller_clinic.id, "at": now}
        assert earlier_sales(serial_normal=scene.listing.serial_normal, **asked) == ()
        assert earlier_sales(serial_normal=None, **asked) == ()

    def test_the_newest_tells_whose_it_is_and_it_takes_one_statement(self, now):
        scene = make_scene(now)
        self.sold(scene, "in_transit", now)

        asked = {
            "maker_id": scene.listing.maker_id,
            "serial_normal": scene.listing.serial_normal,
            "offered_by": scene.clinic.id,
        }
        name = scene.clinic.name

        with count_statements() as sent:
            (earlier,) = earlier_sales(**asked, at=now)

        assert (earlier.by_whoever_offers_it, earlier.days, earlier.clinic_name) == (True, 0, name)
        assert len(sent) == 1
