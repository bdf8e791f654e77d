"""What is needed, what one may buy, what one watches, looks for and asks: no word of these pages is forgotten."""

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from sqlalchemy import select, update

from marketplace.accounts.models import User
from marketplace.catalog import queries as catalog
from marketplace.catalog.terms import Emission
from marketplace.credentials.states import CredentialState
from marketplace.credentials.types import credential_types
from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.kernel.contacts import EMAIL, HIDDEN, TELEPHONE
from marketplace.kernel.terms import STATES
from marketplace.listings.models import Listing
from marketplace.questions import service as questions
from marketplace.wants import matching, queries
from marketplace.wants import service as wants
from marketplace.wants.models import Want
from marketplace.watching import service as watching
from marketplace.watching.models import Cadence, SavedSearch, Watch
from tests.factories.accounts import make_user
from tests.factories.catalog import real_model
from tests.factories.clinics import make_clinic, make_member, make_site
from tests.factories.listings import make_listing
from tests.languages import forgotten, in_pseudo
from tests.pages import browser_of, text
from tests.support import count_statements

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
TIME_ZONES = ("UTC", "CST", "CDT")
PERSON, CLINIC, OTHER, CITY = "Dana Reyes", "Lone Star", "Sonoran", "Austin"
NAMES = ("Lumenis M22", "Lumenis", PERSON, CLINIC, OTHER, CITY, "Elsewhere", *STATES.values(), *STATES, *MONTHS)

# What the macros of writing to somebody and of the gate show is told where they are.
WRITING = (
    "We hid", EMAIL, TELEPHONE, "and", "Contact is shared after payment. Others would read:", HIDDEN,
    "Nothing was sent yet. Send it like this, or write it in other words.", "Send it as it reads above",
    "A buyer,", "The seller,", ": added later",
)  # fmt: skip
GATE = (
    *sorted({one.dark for one in Emission if one.dark}), "no light:", "wavelength not known", "Emits", "No light:",
    "not yet", "no rule here yet", "cleared",
)  # fmt: skip
CITED = re.compile(r'<details class="citations-fold">.*?</details>|<ul class="citations".*?</ul>', re.DOTALL)


def left(html, *data):
    """What is forgotten on a page, without the texts that are cited on it; of names that begin alike the longest counts."""
    return forgotten(CITED.sub("", html), *sorted({*NAMES, *data}, key=len, reverse=True))


def models():
    """What makers and their models are called."""
    return [
        name for maker, several in catalog.models_for_choice().items() for name in (maker, *(n for _, n in several))
    ]


@pytest.fixture
def person():
    return make_user(name=PERSON)


@pytest.fixture
def unit():
    shop = make_clinic(owner=make_user(name="Walter Finch"), seller=True, name=OTHER)
    return make_listing(
        clinic=shop, model=real_model("Lumenis M22"), price_minor=3_900_000, year=2018, postal_code="78704"
    )


@pytest.fixture
def browser(app, person):
    return browser_of(app, person)


def sent(client, address, status=422, **data):
    """What the page answers to what was sent, in the other language."""
    answer = client.post(address, data=data, headers={"Accept-Language": "es"})
    assert answer.status_code == status
    html = answer.get_data(as_text=True)
    assert '<html lang="es"' in html
    return html


class TestNeeds:
    def shown(self, client, **query):
        return in_pseudo(client, f"/what-would-i-need?{urlencode(query)}")

    def test_before_anything_is_asked(self, scene, client, pseudo):
        assert left(self.shown(client), *models()) == []
        assert left(self.shown(client, listing=scene.listing.id), *models(), scene.listing.title) == []

    def test_for_somebody_who_has_nothing(self, scene, client, pseudo):
        html = self.shown(client, listing=scene.listing.id, state="TX")

        assert left(html, *models(), scene.listing.title) == []
        assert 'lang="en">The operator has not submitted' in html
        model = self.shown(client, model=scene.listing.model_id, state="TX")
        assert left(model, *models(), scene.listing.title) == []
        assert "⟦Issued by <span lang=" in model

    def test_for_a_buyer_who_has_everything(self, scene, app, pseudo):
        html = self.shown(browser_of(app, scene.buyer), listing=scene.listing.id, state="TX")

        assert "⟦Nothing is missing in Texas⟧" in html
        assert left(html, *models(), scene.listing.title, scene.buyer.name, scene.site.name) == []

    def test_what_stays_english_says_so_elsewhere_alone(self, scene, client):
        address = f"/what-would-i-need?listing={scene.listing.id}&state=TX"
        english = client.get(address).text
        assert 'lang="en"' not in english.partition("<main")[2].partition("</main")[0]


class TestWhatIMayBuy:
    def written(self, scene):
        return (scene.clinic.name, scene.site.name, scene.site.city, "Oakland", "Bay Skin", "Toni Webb", scene.owner.name,
                scene.buyer.name, *GATE)  # fmt: skip

    def test_for_those_who_have_no_site(self, client, app, person, pseudo):
        assert left(in_pseudo(client, "/what-may-i-buy")) == []
        assert left(in_pseudo(browser_of(app, person), "/what-may-i-buy"), PERSON) == []

    def test_for_a_technician_and_a_colleague_who_proved_nothing(self, scene, app, pseudo):
        make_site(clinic=scene.clinic, state="CA", city="Oakland")
        colleague = make_user(name="Toni Webb")
        make_member(clinic=scene.clinic, user=colleague)
        for somebody in (scene.buyer, colleague):
            html = in_pseudo(browser_of(app, somebody), f"/what-may-i-buy?site={scene.site.id}")
            assert left(html, *self.written(scene)) == []
        assert re.search(r'<summary lang="en">[^<]*Toni Webb has not submitted', html)

    def test_where_the_clinic_lacks_something(self, scene, app, pseudo):
        scene.prescriber.state, scene.prescriber.reason = CredentialState.SUSPENDED, "The board says so."
        db.session.commit()
        html = in_pseudo(browser_of(app, scene.buyer), "/what-may-i-buy")

        assert "⟦Before you can buy what you may operate⟧" in html
        assert left(html, *self.written(scene)) == []

    def test_for_a_clinic(self, scene, app, pseudo):
        make_site(clinic=scene.clinic, state="OH", name="North")
        names = ("Alice Martin", "Dana Okafor", "Olive Stone", "Priya Nair", "North")
        address = f"/clinics/{scene.clinic.id}/capacity"
        html = in_pseudo(browser_of(app, scene.owner), address)

        assert left(html, *self.written(scene), *names, *TIME_ZONES) == []
        assert "⟦The site⟧: <span lang=" in html
        assert any(kind.name in html for kind in credential_types().values())

    def test_for_a_clinic_without_a_site(self, app, person, pseudo):
        clinic = make_clinic(owner=person, name=CLINIC)
        assert left(in_pseudo(browser_of(app, person), f"/clinics/{clinic.id}/capacity")) == []


class TestWatching:
    def test_with_nothing(self, browser, pseudo):
        assert left(in_pseudo(browser, "/watching")) == []

    def test_devices_and_searches(self, browser, person, unit, pseudo):
        address = f"/devices/{unit.id}/watch"
        assert left(in_pseudo(browser, address)) == []
        assert browser.post(address).status_code == 303
        assert browser.post("/searches/new?maker=Lumenis", data={"name": "Xyz", "cadence": "daily"}).status_code == 303
        assert left(in_pseudo(browser, address)) == []
        for state in ("published", "sold", "reserved"):
            db.session.execute(update(Listing).values(state=state))
            db.session.commit()
            html = in_pseudo(browser, "/watching")
            assert left(html, "Xyz") == []
            assert (f"⟦{state}⟧" in html) is (state != "published")

    @pytest.mark.parametrize("query", ["", "?maker=Lumenis&max=9000&zip=78701&within=50&q=xyz&year=x&foo=1"])
    def test_a_search_to_save(self, browser, query, pseudo):
        address = f"/searches/new{query}"
        assert left(in_pseudo(browser, address), "xyz", "foo") == []
        html = sent(browser, address)
        assert left(html, "xyz", "foo") == []

    def test_the_end_of_mails(self, client, browser, person, unit, now, pseudo):
        watching.watch(user_id=person.id, listing_id=unit.id, at=now)
        browser.post("/searches/new?q=xyz", data={"name": "Xyz", "cadence": "daily"})
        browser.post("/wanted/new", data=filled())
        keys = [db.session.scalar(select(one.stop_key)) for one in (Watch, SavedSearch, Want)]

        for key in keys:
            assert left(in_pseudo(client, f"/stop/{key}"), "Xyz") == []
            assert left(sent(client, f"/stop/{key}", 200)) == []

    def test_what_the_house_says_has_its_figure(self, person, now):
        with pytest.raises(watching.Invalid) as refusal:
            for number in range(watching.MOST_SEARCHES + 1):
                watching.save(
                    user_id=person.id,
                    name="x",
                    query=f"q={number}",
                    wanted=watching.Wanted(),
                    cadence=Cadence.DAILY,
                    at=now,
                )
        assert refusal.value.sentence == "You can keep 30 searches."


def filled(**changed):
    until = (clock.now() + timedelta(days=30)).date().isoformat()
    return {
        "model": "Lumenis M22", "maker": "", "modality": "", "words": "", "max": "$40,000", "year": "2016",
        "condition": "B", "states": "TX, AZ", "zip": "78701", "within": "500", "site_id": "", "place": "TX",
        "note": "Xyz", "until": until,
    } | changed  # fmt: skip


def posted(browser, **changed):
    answer = browser.post("/wanted/new", data=filled(**changed))
    assert answer.status_code == 303, text(answer)
    want_id = answer.location.rpartition("/")[2]
    matching.match_want(want_id=want_id, at=clock.now())
    return want_id


class TestWanted:
    def test_the_board(self, client, browser, unit, pseudo, monkeypatch):
        assert left(in_pseudo(client, "/wanted")) == []
        monkeypatch.setattr(queries, "PAGE_SIZE", 1)
        posted(browser)
        posted(browser, model="", modality="IPL", condition="A", states="", zip="", within="")
        html = in_pseudo(client, "/wanted")
        assert left(html) == []
        assert left(in_pseudo(browser, "/wanted?after=2099-01-01T00:00:00+00:00~" + str(unit.id))) == []

    def test_a_title_of_words_of_ours_is_told_and_kept_in_english(self, client, browser, unit, person, pseudo):
        answer = browser.post("/wanted/new?lang=es", data=filled(model="", modality="IPL", words="xyz"))
        assert answer.status_code == 303
        html = in_pseudo(client, "/wanted")

        assert "⟦Intense pulsed light⟧, xyz" in html
        (own,) = queries.of_person(person.id)
        assert own.title == "Intense pulsed light, xyz"
        assert "Intense pulsed light, xyz" in client.get("/wanted").text
        db.session.execute(update(Want).values(title="As it was called before"))
        db.session.commit()
        assert "<strong>As it was called before</strong>" in in_pseudo(client, "/wanted")

    def test_the_form_new_and_changed_and_with_errors(self, browser, person, unit, pseudo):
        make_site(clinic=make_clinic(owner=person, name=CLINIC), name="Elsewhere")
        shown = models()
        assert left(in_pseudo(browser, "/wanted/new?maker=Lumenis"), *shown) == []
        want_id = posted(browser)
        assert left(in_pseudo(browser, f"/wanted/{want_id}/edit"), *shown, "Xyz") == []
        for changed in (
            {"model": ""}, {"max": "99x", "year": "98y"}, {"states": "TX, XX"}, {"zip": ""},
            {"note": "dana@clinic.example"}, {"until": ""}, {"until": "2020-01-01"},
        ):  # fmt: skip
            html = sent(browser, "/wanted/new", **filled(**changed))
            assert left(html, *shown, "Xyz", "dana@clinic.example") == []

    def test_ones_own(self, app, browser, person, unit, pseudo):
        assert left(in_pseudo(browser, "/wanted/mine")) == []
        owner = make_user(name="Elsewhere")
        clinic = make_clinic(owner=owner, name=CLINIC)
        make_member(clinic=clinic, user=person)
        want_id = posted(browser, site_id=str(make_site(clinic=clinic).id))
        other = posted(browser, model="", maker="Candela")
        wants.answer(
            want_id=db.session.scalar(select(Want.id).where(Want.title == "Lumenis M22")), listing_id=unit.id,
            actor_id=unit_seller(unit), at=clock.now(),
        )  # fmt: skip
        desk = browser_of(app, owner)
        shown = ("Candela", "Xyz")
        for client in (browser, desk):
            assert left(in_pseudo(client, "/wanted/mine"), *shown) == []
            assert left(in_pseudo(client, f"/wanted/{want_id}"), *shown) == []
        assert left(in_pseudo(browser, f"/wanted/{other}"), *shown) == []
        for state in ("paused", "reserved", "sold", "draft", "in_review"):
            db.session.execute(update(Listing).values(state=state))
            db.session.commit()
            html = in_pseudo(browser, f"/wanted/{want_id}")
            assert f"⟦{state}⟧" in html
            assert left(html, *shown) == []
        for event in ("paused", "resumed", "closed"):
            assert browser.post(f"/wanted/{want_id}/move", data={"event": event}).status_code == 303
            assert left(in_pseudo(browser, f"/wanted/{want_id}"), *shown) == []
        assert browser.post(f"/wanted/{other}/mute", data={"muted": "1"}).status_code == 303
        assert left(in_pseudo(browser, f"/wanted/{other}"), *shown) == []

    def test_what_staff_took_away(self, browser, person, unit, pseudo):
        want_id = posted(browser)
        wants.remove(
            want_id=db.session.scalar(select(Want.id)),
            actor_id=make_user().id,
            because="It names people.",
            at=clock.now(),
        )
        html = in_pseudo(browser, f"/wanted/{want_id}")
        assert '<p class="as-written" lang="en">It names people.</p>' in html
        assert left(html, "Xyz") == []
        assert left(in_pseudo(browser, "/wanted/mine")) == []

    def test_what_the_house_says_has_its_figures(self):
        assert f"Choose a day from today on, at most {wants.LONGEST.days} days ahead." == wants._WRONG_DAY
        assert {f"Write at most {longest} signs." for longest in questions._TOO_LONG} == set(
            questions._TOO_LONG.values()
        )
        assert (
            str(questions.TooManyOpen())
            == f"{questions.MOST_OPEN} questions of yours about this device wait for an answer."
        )


class TestAsking:
    def test_a_question_and_what_was_asked(self, browser, person, unit, now, pseudo):
        address = f"/devices/{unit.id}/ask"
        assert left(in_pseudo(browser, address)) == []
        html = sent(browser, address, 200, words="Xyz: dana@clinic.example, 512 555 0100")
        assert left(html, "Xyz", "dana@clinic.example", *WRITING) == []
        assert left(sent(browser, address)) == []

        seller_id = unit_seller(unit)
        for words in ("Xyz?", "Xyzzy?", "Zyx?"):
            questions.ask(listing_id=unit.id, asker_id=person.id, words=words, at=now)
        asked = [one.id for one in db.session.scalars(select(questions.Question).order_by(questions.Question.words))]
        for words in ("Qux.", "Quux."):
            questions.answer(question_id=asked[0], actor_id=seller_id, words=words, at=now)
        questions.decline(question_id=asked[1], actor_id=seller_id, because="Corge.", at=now)
        words = ("Xyzzy", "Xyz", "Zyx", "Quux", "Qux")
        html = in_pseudo(browser, address)
        assert "⟦not answered⟧" in html
        assert left(html, *WRITING, *words) == []
        db.session.execute(update(Listing).values(state="sold"))
        db.session.commit()
        assert left(in_pseudo(browser, address), *WRITING, *words) == []


def unit_seller(unit):
    """The one who sells for the clinic of a unit."""
    (seller_id,) = questions.sellers_of(unit)
    return seller_id


def test_what_is_refused(app, client, browser, person, unit, now, pseudo):
    assert left(in_pseudo(client, f"/stop/{unit.id}", 410)) == []
    want_id = posted(browser)
    stranger = browser_of(app, make_user(name="Elsewhere"))
    assert left(in_pseudo(stranger, f"/wanted/{want_id}", 404)) == []
    assert left(sent(browser, f"/wanted/{want_id}/move", event="x")) == []
    assert left(sent(stranger, f"/searches/{unit.id}/forget", 404)) == []
    assert left(sent(browser, f"/searches/{unit.id}/cadence", cadence="x")) == []
    seller = browser_of(app, db.session.get_one(User, unit_seller(unit)))
    assert left(sent(seller, f"/devices/{unit.id}/ask", 403, words="Xyz?"), "Walter Finch") == []
    for number in range(questions.MOST_OPEN):
        questions.ask(listing_id=unit.id, asker_id=person.id, words=f"Number {number}", at=now)
    assert left(sent(browser, f"/devices/{unit.id}/ask", 429, words="Xyz?")) == []
    for _ in range(wants.MOST_WANTS - 1):
        posted(browser)
    assert left(sent(browser, "/wanted/new", **filled()), *models(), "Xyz") == []
    db.session.execute(update(Listing).values(state="sold"))
    db.session.commit()
    assert left(sent(browser, f"/devices/{unit.id}/ask", 404, words="Xyz?")) == []


def test_the_other_language_asks_no_more_of_the_database(client, browser, unit, pseudo):
    posted(browser)
    taken = []
    for spoken in ("en", "es"):
        client.get("/wanted", headers={"Accept-Language": spoken})
        with count_statements() as said:
            client.get("/wanted", headers={"Accept-Language": spoken})
        taken.append(len(said))
    assert taken[0] == taken[1]
