"""Pages of what somebody watches: theirs alone, and the end of mails for whoever has the link."""

from uuid import uuid4

import pytest
from sqlalchemy import select

from marketplace.adapters.mail import SmtpMailer
from marketplace.extensions import db
from marketplace.watching import queries, service
from marketplace.watching.models import Cadence, Watch
from tests.factories.accounts import make_staff, make_user
from tests.factories.listings import make_listing
from tests.pages import browser_of, text


@pytest.fixture
def person():
    return make_user()


@pytest.fixture
def browser(app, person):
    return browser_of(app, person)


@pytest.fixture
def unit():
    return make_listing()


def test_a_device_is_watched_and_let_go(browser, person, unit):
    assert f'href="/devices/{unit.id}/watch"' in browser.get(f"/devices/{unit.id}").text
    assert "Watch it" in text(browser.get(f"/devices/{unit.id}/watch"))

    answer = browser.post(f"/devices/{unit.id}/watch")
    assert (answer.status_code, answer.location) == (303, "/watching")
    assert unit.title in text(browser.get("/watching"))
    assert "You watch it." in text(browser.get(f"/devices/{unit.id}/watch"))

    assert browser.post(f"/devices/{unit.id}/unwatch").status_code == 303
    assert "You watch no device" in text(browser.get("/watching"))


def test_a_search_is_saved_without_its_page(browser, person):
    assert "/searches/new?maker=Lumenis" in browser.get("/devices?maker=Lumenis").text
    address = "/searches/new?maker=Lumenis&sort=price&after=1~2&max=x"
    page = text(browser.get(address))
    assert "maker: Lumenis" in page
    assert "Left out, because it makes no sense" in page

    answer = browser.post(address, data={"name": "Lumenis", "cadence": "instant"})
    assert (answer.status_code, answer.location) == (303, "/watching")
    (saved,) = queries.saved_by(person.id)
    assert (saved.name, saved.query, saved.cadence) == ("Lumenis", "maker=Lumenis&max=x", Cadence.INSTANT)
    assert 'href="/devices?maker=Lumenis&amp;max=x"' in browser.get("/watching").text


def test_every_device_may_be_a_search(browser, person):
    assert "Every device on the market." in text(browser.get("/searches/new"))
    browser.post("/searches/new", data={"name": "All", "cadence": "daily"})

    assert queries.saved_by(person.id)[0].query == ""
    assert '<a href="/devices">All</a>' in browser.get("/watching").text


@pytest.mark.parametrize("sent", [{"cadence": "daily"}, {"name": "x", "cadence": "hourly"}, {"name": "\u2003"}])
def test_half_a_search_is_not_saved(browser, person, sent):
    assert browser.post("/searches/new", data=sent).status_code == 422
    assert queries.saved_by(person.id) == []


def test_a_search_is_changed_and_forgotten_by_its_person_alone(app, browser, person, now):
    browser.post("/searches/new", data={"name": "All", "cadence": "daily"})
    search, stranger = queries.saved_by(person.id)[0].id, browser_of(app, make_user())

    for act in ("cadence", "forget"):
        assert stranger.post(f"/searches/{search}/{act}", data={"cadence": "paused"}).status_code == 404
    assert browser.post(f"/searches/{search}/cadence", data={"cadence": "x"}).status_code == 422
    assert browser.post(f"/searches/{search}/cadence", data={"cadence": "paused"}).status_code == 303
    assert queries.saved_by(person.id)[0].cadence is Cadence.PAUSED
    assert browser.post(f"/searches/{search}/forget").status_code == 303
    assert queries.saved_by(person.id) == []


def test_strangers_sign_in_and_staff_do_not_trade(app, client, unit):
    for address in ("/watching", f"/devices/{unit.id}/watch", "/searches/new"):
        assert client.get(address).status_code == 303
        assert browser_of(app, make_staff()).get(address).status_code == 403
    assert "/watch" not in client.get(f"/devices/{unit.id}").text
    assert "/searches/new" not in client.get("/devices").text


def test_the_link_of_a_mail_ends_it_for_whoever_has_it_but_not_by_looking(client, person, unit, now):
    service.watch(user_id=person.id, listing_id=unit.id, at=now)
    key = db.session.scalar(select(Watch.stop_key))

    assert "This ends mails about the" in text(client.get(f"/stop/{key}"))
    assert queries.watches(person.id, unit.id)
    assert "No more of these mails" in text(client.post(f"/stop/{key}"))
    assert not queries.watches(person.id, unit.id)
    assert client.get(f"/stop/{key}").status_code == 410
    assert client.post(f"/stop/{uuid4()}").status_code == 410


@pytest.mark.parametrize(
    ("template", "context"),
    [
        ("watched", {"subject": "S", "device": "D", "words": "W", "path": "/devices/1"}),
        ("saved_search", {"search": "S", "devices": [{"title": "T", "path": "/devices/1"}], "path": "/devices"}),
    ],
)
def test_the_mails_lead_to_the_device_and_to_their_end(app, template, context):
    mailer = SmtpMailer(app, app.extensions["second_light_settings"])
    mail = mailer.written(
        mail_id=uuid4(), to="a@b.example", template=template, context={**context, "name": "N", "stop": "/stop/1"}
    )

    for part in mail.walk():
        if not part.is_multipart():
            words = part.get_content()
            assert "http://localhost/devices/1" in words
            assert "http://localhost/stop/1" in words
