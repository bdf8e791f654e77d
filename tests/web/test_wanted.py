"""Pages of what buyers look for: strangers see what, sellers see that theirs fits, and nobody sees who."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from marketplace.catalog import queries as catalog
from marketplace.catalog.models import DeviceModel
from marketplace.clinics.models import Clinic
from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.listings.models import Listing
from marketplace.listings.search import Wanted
from marketplace.wants import matching, queries, service
from marketplace.wants.models import Want, WantAnswer, WantReport
from marketplace.wants.service import Said
from marketplace.wants.states import WantState
from tests.factories.accounts import make_staff, make_user
from tests.factories.catalog import load_modalities, real_model
from tests.factories.clinics import make_clinic, make_member, make_site
from tests.factories.listings import make_listing
from tests.factories.orders import make_scene
from tests.factories.sales import make_sales
from tests.pages import browser_of, text
from tests.support import count_statements

FILLED = {
    "model": "Lumenis M22", "maker": "", "modality": "", "words": "", "max": "$40,000", "year": "2016", "condition": "B",
    "states": "tx; AZ", "zip": "78701", "within": "500", "site_id": "", "place": "TX", "note": "With ResurFX, please.",
}  # fmt: skip
SECRETS = ("Dana Reyes", "Lone Star", "78701", "ResurFX")


@pytest.fixture
def person():
    return make_user(name="Dana Reyes")


@pytest.fixture
def seller():
    return make_user(name="Walter Finch")


@pytest.fixture
def unit(seller):
    shop = make_clinic(owner=seller, seller=True, name="Sonoran")
    return make_listing(
        clinic=shop, model=real_model("Lumenis M22"), price_minor=3_900_000, year=2018, postal_code="78704"
    )


@pytest.fixture
def buyer(app, person):
    return browser_of(app, person)


@pytest.fixture
def desk(app, seller):
    return browser_of(app, seller)


def filled(**changed):
    return FILLED | {"until": (clock.now() + timedelta(days=30)).date().isoformat()} | changed


def posted(buyer, **changed):
    answer = buyer.post("/wanted/new", data=filled(**changed))
    assert answer.status_code == 303, text(answer)
    want_id = answer.location.rpartition("/")[2]
    matching.match_want(want_id=want_id, at=clock.now())
    return want_id


class TestPublicPage:
    def test_says_what_is_looked_for_and_nothing_of_whom(self, client, buyer, person, unit):
        clinic = make_clinic(owner=person, name="Lone Star")
        posted(buyer, site_id=str(make_site(clinic=clinic).id))
        page = text(client.get("/wanted"))

        assert "Lumenis M22" in page
        said = "up to $40,000 · made in 2016 or later · condition B or better · standing in Texas, Arizona · within 500 miles"
        assert said in page
        assert "For use in Texas" in page
        assert [secret for secret in SECRETS if secret in page] == []

    def test_says_so_while_nobody_looks_for_anything(self, client):
        assert "Nobody looks for anything" in text(client.get("/wanted"))

    def test_turns_its_pages_in_one_statement(self, client, person, monkeypatch):
        monkeypatch.setattr(queries, "PAGE_SIZE", 2)
        at = clock.now()
        for number in range(3):
            said = Said(f"Number {number}", "q=x", Wanted(text="x"), "", at.date(), "TX")
            service.post(user_id=person.id, said=said, at=at + timedelta(seconds=number))
        load_modalities()
        catalog.modalities()  # Read once a process.
        with count_statements() as sent:
            first = client.get("/wanted").text
        assert len(sent) == 1
        later = re.search(r'rel="next" href="([^"]+)"', first)[1]
        second = client.get(later).text

        assert re.findall(r"Number \d", first) == ["Number 2", "Number 1"]
        assert re.findall(r"Number \d", second) == ["Number 0"]
        assert "The latest" in second
        for odd in ("x~y", "2026-01-01~9dd1b5f4-6f5b-4b4e-8f2c-3d6a9d0e6a10"):
            assert re.findall(r"Number \d", client.get(f"/wanted?after={odd}").text) == ["Number 2", "Number 1"]


class TestForm:
    def test_begins_with_what_a_search_says(self, buyer, unit):
        page = buyer.get("/devices?maker=Lumenis&max=9000").text
        assert 'href="/wanted/new?maker=Lumenis&amp;max=9000"' in page
        page = buyer.get("/wanted/new?maker=Lumenis&max=9000&grade=A&grade=B&state=TX").text
        assert '<option selected value="Lumenis">' in page
        assert 'value="9000"' in page
        assert '<option selected value="B">' in page
        assert 'value="TX"' in page

    def test_is_kept_changed_paused_and_closed(self, buyer, person, unit):
        want_id = posted(buyer)
        page = text(buyer.get(f"/wanted/{want_id}"))
        assert "shown to sellers" in page
        assert f'href="/devices/{unit.id}"' in page
        assert "Lumenis M22" in text(buyer.get("/wanted/mine"))

        form = buyer.get(f"/wanted/{want_id}/edit").text
        assert 'value="TX, AZ"' in form
        assert "With ResurFX, please." in form
        answer = buyer.post(f"/wanted/{want_id}/edit", data=filled(model="", maker="Candela", zip="", within=""))
        assert answer.status_code == 303
        assert queries.own(person.id, want_id).title == "Candela"
        for event, state in (("paused", WantState.PAUSED), ("resumed", WantState.OPEN), ("closed", WantState.CLOSED)):
            assert buyer.post(f"/wanted/{want_id}/move", data={"event": event}).status_code == 303
            assert queries.own(person.id, want_id).state is state
        assert "Edit" not in text(buyer.get(f"/wanted/{want_id}")).partition("<main")[2]
        assert buyer.post(f"/wanted/{want_id}/move", data={"event": "removed"}).status_code == 422

    def test_mails_are_ended_and_wanted_again(self, buyer, person, unit):
        want_id = posted(buyer)
        for muted in ("1", "0"):
            assert buyer.post(f"/wanted/{want_id}/mute", data={"muted": muted}).status_code == 303
            assert queries.own(person.id, want_id).muted is (muted == "1")
            assert ("No mails about it" in text(buyer.get(f"/wanted/{want_id}"))) is (muted == "0")

    @pytest.mark.parametrize(
        ("changed", "sentence"),
        [
            ({"model": ""}, "Choose a model, a maker or a modality"),
            ({"max": "cheap"}, "We cannot make sense of the highest price “cheap”"),
            ({"states": "TX, Utopia"}, "Write states as two letters: UTOPIA is none."),
            ({"zip": ""}, "Write the ZIP code to measure from."),
            ({"note": "dana@clinic.example"}, "Leave out addresses"),
            ({"until": ""}, "Choose the last day."),
            ({"until": "2020-01-01"}, "Choose a day from today on"),
        ],
    )
    def test_what_makes_no_sense_is_said_beside_what_was_typed(self, buyer, unit, changed, sentence):
        answer = buyer.post("/wanted/new", data=filled(**changed))

        assert answer.status_code == 422
        assert sentence in text(answer)
        assert "With ResurFX, please." in answer.text or "note" in changed
        assert db.session.scalars(select(Want)).all() == []

    def test_words_and_modality_are_a_title_too(self, buyer, person, unit):
        want_id = posted(buyer, model="", modality="IPL", words="resurfx", condition="A", states="", zip="", within="")

        own = queries.own(person.id, want_id)
        assert own.title == "Intense pulsed light (broadband), resurfx" or own.title.endswith(", resurfx")
        assert "condition A" in text(buyer.get(f"/wanted/{want_id}"))

    def test_is_for_members_alone(self, app, client, buyer, person, unit):
        want_id = posted(buyer)
        assert client.get("/wanted/mine").status_code == 303
        assert browser_of(app, make_user()).get(f"/wanted/{want_id}").status_code == 404
        assert browser_of(app, make_staff("moderator")).get("/wanted/mine").status_code == 403
        assert "You look for nothing" in text(browser_of(app, make_user()).get("/wanted/mine"))
        other = posted(buyer, model="", maker="Candela")
        assert "Nothing fits yet" in text(buyer.get(f"/wanted/{other}"))


class TestSellersPages:
    def test_show_who_looks_for_it_without_who_they_are(self, buyer, desk, unit, person):
        clinic = make_clinic(owner=person, name="Lone Star")
        want_id = posted(buyer, site_id=str(make_site(clinic=clinic).id))
        posted(buyer, model="", maker="Lumenis")
        home, own = text(desk.get("/sell")), text(desk.get(f"/sell/{unit.id}"))
        assert "2 buyers look for this" in home
        assert "2 buyers look for this" in own
        listed, one = text(desk.get(f"/sell/{unit.id}/wanted")), text(desk.get(f"/sell/{unit.id}/wanted/{want_id}"))
        assert "2 buyers look for a device that yours fits" in listed
        assert "With ResurFX, please." in one
        assert "not known" in one  # No rules are published.
        for page in (home, own, listed, one):
            assert [secret for secret in ("Dana Reyes", "Lone Star", "78701", person.email) if secret in page] == []

    def test_say_yes_or_no_of_the_gate(self, app, now):
        scene = make_scene(now)
        desk = browser_of(app, scene.seller)
        for who, words in (
            (scene.buyer, "The gate would let them have"),
            (scene.owner, "The gate would not let them have"),
        ):
            said = Said(
                "Diode",
                "modality=DIODE_HR",
                Wanted(chosen={"modality": ("DIODE_HR",)}),
                "",
                now.date(),
                "TX",
                scene.site.id,
            )
            want_id = service.post(user_id=who.id, said=said, at=now)
            matching.match_want(want_id=want_id, at=now)
            assert words in text(desk.get(f"/sell/{scene.listing.id}/wanted/{want_id}"))

    def test_let_it_be_offered_once(self, buyer, desk, unit, person):
        want_id = posted(buyer)
        answer = desk.post(f"/sell/{unit.id}/wanted/{want_id}/answer")
        assert (answer.status_code, answer.location) == (303, f"/sell/{unit.id}/wanted")
        assert desk.post(f"/sell/{unit.id}/wanted/{want_id}/answer").status_code == 409

        assert len(db.session.scalars(select(WantAnswer)).all()) == 1
        assert "offered to you" in text(buyer.get(f"/wanted/{want_id}"))
        assert "1 offer" in text(buyer.get("/wanted/mine"))
        assert "answered" in text(desk.get(f"/sell/{unit.id}/wanted"))
        assert "Your clinic has answered." in text(desk.get(f"/sell/{unit.id}/wanted/{want_id}"))

    def test_a_draft_waits_until_it_is_on_the_market(self, buyer, desk, unit):
        want_id = posted(buyer)
        db.session.execute(update(Listing).values(state="draft"))
        db.session.commit()

        assert "Once the device is on the market" in text(desk.get(f"/sell/{unit.id}/wanted/{want_id}"))
        assert "1 buyer looks for this" in text(desk.get("/sell"))
        assert desk.post(f"/sell/{unit.id}/wanted/{want_id}/answer").status_code == 409

    def test_who_submits_it_hears_how_many_look_for_it(self, buyer, desk, unit, monkeypatch):
        posted(buyer)
        monkeypatch.setattr("marketplace.listings.service.missing", lambda _: [])
        for submitted, said in ((3_900_000, " 1 buyer looks for this."), (4_900_000, "")):
            db.session.execute(update(Listing).values(state="draft", price_minor=submitted))
            db.session.commit()
            matching.match_changed(at=clock.now())
            assert desk.post(f"/sell/{unit.id}/submit").status_code == 303
            assert f"before it goes on the market.{said}<" in text(desk.get(f"/sell/{unit.id}")).replace(" <", "<")

    def test_are_the_sellers_alone(self, app, buyer, client, unit):
        want_id = posted(buyer)
        stranger = browser_of(app, make_user())
        for address in (f"/sell/{unit.id}/wanted", f"/sell/{unit.id}/wanted/{want_id}"):
            assert client.get(address).status_code == 303
            assert stranger.get(address).status_code == 404
        assert stranger.post(f"/sell/{unit.id}/wanted/{want_id}/answer").status_code == 404
        assert db.session.scalars(select(WantAnswer)).all() == []

    def test_say_so_where_nobody_looks_for_it(self, desk, unit):
        assert "Nobody looks for this now" in text(desk.get(f"/sell/{unit.id}"))
        assert "Nobody looks for it now" in text(desk.get(f"/sell/{unit.id}/wanted"))
        assert desk.get(f"/sell/{unit.id}/wanted/{uuid4()}").status_code == 404

    def test_the_desk_sets_a_price_beside_what_was_paid(self, app, now):
        scene = make_scene(now)
        model = db.session.get_one(DeviceModel, scene.listing.model_id)
        make_sales(scene, model, 50_000, 50_000, 50_000, year=2018)
        desk = browser_of(app, scene.seller)
        assert "below what was paid" in text(desk.get("/sell"))
        assert "The price is below what was paid for this year of make: $50,000 to $50,000, 3 sales" in text(
            desk.get(f"/sell/{scene.listing.id}")
        )

    def test_the_desk_takes_as_many_statements_for_many_devices_as_for_one(self, desk, unit):
        desk.get("/sell")
        taken = []
        for _ in range(2):
            with count_statements() as sent:
                desk.get("/sell")
            taken.append(len(sent))
            make_listing(clinic=db.session.get_one(Clinic, unit.clinic_id))
        assert taken[0] == taken[1]


class TestModeration:
    def test_what_is_reported_is_left_or_taken_away(self, app, buyer, desk, unit, person):
        want_id = posted(buyer)
        report = f"/sell/{unit.id}/wanted/{want_id}/report"
        assert desk.post(report, data={"reason": ""}).status_code == 422
        assert db.session.scalars(select(WantReport)).all() == []
        assert desk.post(report, data={"reason": "It names a rival."}).status_code == 303

        moderator, reader = browser_of(app, make_staff("moderator")), browser_of(app, make_staff("auditor"))
        page = text(moderator.get("/staff/wanted"))
        assert "It names a rival." in page
        assert "Dana Reyes" in page
        assert "Take it away" not in text(reader.get("/staff/wanted"))
        assert reader.post(f"/staff/wanted/{want_id}/remove", data={"because": "No."}).status_code == 403
        assert moderator.post(f"/staff/wanted/{want_id}/leave").status_code == 303
        assert "Nothing is reported" in text(moderator.get("/staff/wanted"))
        assert moderator.post(f"/staff/wanted/{want_id}/remove", data={"because": ""}).status_code == 422
        assert queries.own(person.id, want_id).state is WantState.OPEN
        assert (
            moderator.post(f"/staff/wanted/{want_id}/remove", data={"because": "It names people."}).status_code == 303
        )
        assert "It names people." in text(buyer.get(f"/wanted/{want_id}"))
        assert "Nobody looks for anything" in text(moderator.get("/staff/wanted"))


def test_who_runs_the_clinic_looks_after_what_is_looked_for_on_its_behalf(app, buyer, person, unit):
    owner = make_user(name="Olive Stone")
    clinic = make_clinic(owner=owner, name="Lone Star")
    make_member(clinic=clinic, user=person)
    site = str(make_site(clinic=clinic).id)
    make_site(clinic=make_clinic(owner=owner, name="Elsewhere"))
    want_id = posted(buyer, site_id=site)
    desk = browser_of(app, owner)
    assert "Dana Reyes for Lone Star" in text(desk.get("/wanted/mine"))
    page = text(desk.get(f"/wanted/{want_id}"))
    assert "Mails about it go to Dana Reyes." in page
    assert "No mails about it" not in page
    form = text(desk.get(f"/wanted/{want_id}/edit"))
    assert "for myself" not in form
    assert "Elsewhere" not in form
    answer = desk.post(f"/wanted/{want_id}/edit", data=filled(site_id=site, max="$39,000"))
    assert answer.status_code == 303
    assert desk.post(f"/wanted/{want_id}/move", data={"event": "closed"}).status_code == 303
    assert "closed" in text(buyer.get(f"/wanted/{want_id}"))
    assert "up to $39,000" in text(buyer.get(f"/wanted/{want_id}"))
