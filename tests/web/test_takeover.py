"""Whoever has come by somebody's session: what spends trust asks for more than a cookie, and nothing has happened."""

from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import select
from werkzeug.routing import AnyConverter, UUIDConverter

from marketplace import audit
from marketplace.accounts.access import ASKED_ON_THE_FORM, GRANTED, Grant, Permission
from marketplace.accounts.models import ParkedForm, User
from marketplace.clinics.models import ClinicInvitation, ClinicSite
from marketplace.config import Mode
from marketplace.extensions import db
from marketplace.listings.models import Listing
from marketplace.listings.states import ListingState
from marketplace.notifications.models import Mail
from marketplace.orders.models import Order
from marketplace.orders.states import OrderState
from tests.factories.accounts import PASSWORD, make_staff, make_user
from tests.factories.orders import make_order
from tests.pages import browser_of, text
from tests.support import let_confirmations_lapse, promised_mails, sign_in

ASKED = "Confirm that it is you"
KEPT = "Before this we ask whether it is you. What you typed is kept: nothing was sent yet."
FOUND = "This is what you had typed. Nothing was sent yet: look it over and send it."


@pytest.fixture
def stolen(app):
    """A function that returns a browser with somebody's session, in which nobody has shown who they are for long."""

    def steal(user):
        browser = browser_of(app, user)
        let_confirmations_lapse()
        return browser

    return steal


def an_order(**more):
    return {"form_key": str(uuid4()), "terms": "y", **more}


def weighty_doors(app):
    for rule in app.url_map.iter_rules():
        act = getattr(app.view_functions[rule.endpoint], "weighty", None)
        if act is not None and act not in ASKED_ON_THE_FORM:
            yield rule, app.view_functions[rule.endpoint].access


def value_for(converter) -> object:
    if isinstance(converter, UUIDConverter):
        return uuid4()
    return min(converter.items) if isinstance(converter, AnyConverter) else "something"


def address_of(app, rule) -> str:
    values = {name: value_for(converter) for name, converter in rule._converters.items()}
    with app.test_request_context():
        return rule.build(values)[1]


def one_who_may(permission: Permission) -> User:
    grant = min(GRANTED[permission] - {Grant.SIGNED_IN, Grant.MEMBER}, default=Grant.MEMBER)
    return make_user() if grant is Grant.MEMBER else make_staff(grant.value)


class TestEveryWeightyAct:
    def test_asks_a_session_of_a_quarter_of_an_hour_ago_and_lets_a_fresh_one_through(self, app):
        # Whoever closes their account opens no other door afterwards.
        doors = [(rule, (grant, rule.endpoint == "own_data.close")) for rule, grant in weighty_doors(app)]

        def asked(*, lapsed: bool) -> set[bool]:
            browsers = {who: browser_of(app, one_who_may(who[0])) for _, who in doors}
            if lapsed:
                let_confirmations_lapse()
            answers = [browsers[who].post(address_of(app, rule)) for rule, who in doors]
            return {(answer.location or "").startswith("/account/confirm") for answer in answers}

        assert asked(lapsed=True) == {True}
        assert asked(lapsed=False) == {False}

    def test_only_what_is_sent_is_asked_about_and_not_what_is_read(self, stolen, scene):
        assert stolen(scene.buyer).get(f"/devices/{scene.listing.id}/order").status_code == 200


class TestStolenSession:
    def test_cannot_buy(self, stolen, scene):
        answer = stolen(scene.buyer).post(f"/devices/{scene.listing.id}/order", data=an_order())

        assert (answer.status_code, answer.location) == (
            303,
            f"/account/confirm?next=/devices/{scene.listing.id}/order",
        )
        assert db.session.scalars(select(Order)).all() == []
        assert db.session.get_one(Listing, scene.listing.id).state is ListingState.PUBLISHED
        assert promised_mails() == []

    def test_cannot_accept_a_device(self, stolen, scene, now):
        order = make_order("under_inspection", scene, at=now)

        answer = stolen(scene.buyer).post(f"/orders/{order.id}/accept")

        assert answer.location.startswith("/account/confirm")
        assert db.session.get_one(Order, order.id).state is OrderState.UNDER_INSPECTION

    def test_cannot_lead_a_device_elsewhere(self, stolen, scene):
        elsewhere = {
            "name": "Main", "street": "1 Elsewhere", "city": "Dallas", "postal_code": "75201",
            "time_zone": "America/Chicago",
        }  # fmt: skip
        street = scene.site.street

        answer = stolen(scene.owner).post(f"/sites/{scene.site.id}", data=elsewhere)

        assert answer.location == f"/account/confirm?next=/sites/{scene.site.id}"
        assert db.session.get_one(ClinicSite, scene.site.id).street == street

    def test_cannot_bring_its_own_people_in(self, stolen, scene):
        answer = stolen(scene.owner).post(
            f"/clinics/{scene.clinic.id}/invite", data={"email": "thief@elsewhere.example", "role": "owner"}
        )

        assert answer.location.startswith("/account/confirm")
        assert db.session.scalars(select(ClinicInvitation)).all() == []

    def test_cannot_confirm_itself_without_the_password(self, stolen, scene):
        browser = stolen(scene.buyer)

        answer = browser.post("/account/confirm?next=/orders", data={"password": "guess"})

        assert answer.status_code == 422
        assert "This is not your password." in answer.text
        assert browser.post(f"/devices/{scene.listing.id}/order", data=an_order()).location.startswith(
            "/account/confirm"
        )
        assert db.session.scalars(select(Order)).all() == []

    def test_changes_no_password_without_the_present_one(self, stolen, scene):
        was = scene.buyer.password_hash

        answer = stolen(scene.buyer).post(
            "/account/password", data={"old_password": "guess", "new_password": "four words nobody says"}
        )

        assert answer.status_code == 422
        assert db.session.get_one(User, scene.buyer.id).password_hash == was

    def test_is_not_led_away_from_us_by_what_it_brings_along(self, client):
        sign_in(client, make_user())
        let_confirmations_lapse()

        answer = client.post("/account/confirm?next=//elsewhere.example/", data={"password": PASSWORD})

        assert answer.location == "/account"


class TestOwner:
    """The same doors, and the person whose they are."""

    def test_is_asked_once_and_finds_the_form_as_it_was_left(self, stolen, scene):
        browser, path = stolen(scene.buyer), f"/devices/{scene.listing.id}/order"
        sent = an_order()
        asked = browser.post(path, data=sent)

        page = browser.get(asked.location)
        assert (page.status_code, ASKED in page.text, KEPT in page.text) == (200, True, True)

        back = browser.post(asked.location, data={"password": PASSWORD})
        assert (back.status_code, back.location) == (303, path)
        assert db.session.scalars(select(Order)).all() == []  # Nothing was sent on by itself.

        form = text(browser.get(path))
        assert FOUND in form
        assert sent["form_key"] in form
        assert browser.post(path, data=sent).status_code == 303
        assert [str(order.form_key) for order in db.session.scalars(select(Order))] == [sent["form_key"]]
        kinds = [event.kind for event in audit.events_about("user", scene.buyer.id)]
        assert kinds == ["account:signed_in", "account:confirmed"]

    def test_presses_a_button_again_where_it_stood(self, stolen, scene, now):
        order = make_order("under_inspection", scene, at=now)
        browser = stolen(scene.buyer)
        asked = browser.post(f"/orders/{order.id}/accept", headers={"Referer": f"http://localhost/orders/{order.id}"})
        assert asked.location == f"/account/confirm?next=/orders/{order.id}"
        assert "Nothing was sent: before this we ask whether it is you." in browser.get(asked.location).text

        back = browser.post(asked.location, data={"password": PASSWORD})
        assert back.location == f"/orders/{order.id}"
        assert "Thank you. Nothing was sent yet: now do what you were about to do." in browser.get(back.location).text
        assert db.session.get_one(Order, order.id).state is OrderState.UNDER_INSPECTION

    def test_passwords_are_not_kept_with_the_form(self, stolen, scene):
        stolen(scene.buyer).post(
            f"/devices/{scene.listing.id}/order", data=an_order(password="seven", csrf_token="mark")
        )

        [row] = db.session.scalars(select(ParkedForm))
        assert {name for name, _ in row.fields} == {"form_key", "terms"}
        assert row.user_id == scene.buyer.id

    def test_somebody_else_at_the_same_browser_does_not_find_the_form(self, stolen, scene):
        browser, path = stolen(scene.buyer), f"/devices/{scene.listing.id}/order"
        browser.post(path, data=an_order())

        browser.post("/sign-out")
        sign_in(browser, scene.owner)

        assert FOUND not in browser.get(path).text

    def test_who_has_just_shown_it_may_change_their_mind(self, client):
        sign_in(client, make_user())

        page = client.get("/account/confirm?next=/orders")

        assert (page.status_code, ASKED in page.text) == (200, True)

    def test_the_page_is_for_those_who_are_signed_in(self, client):
        assert client.get("/account/confirm").location == "/sign-in?next=/account/confirm"

    def test_the_demo_says_its_password_and_nowhere_else_is_it_said(self, app, client, monkeypatch):
        sign_in(client, make_user())
        assert "In this demo" not in client.get("/account/confirm").text

        settings = replace(app.extensions["second_light_settings"], mode=Mode.DEMO)
        monkeypatch.setitem(app.extensions, "second_light_settings", settings)
        monkeypatch.setitem(
            app.extensions, "second_light_demo_accounts", [{"email": "a@b.co", "password": "demo second light"}]
        )
        assert "In this demo it is: demo second light" in client.get("/account/confirm").text


class TestNewBrowser:
    def link(self, user) -> str:
        return f"/not-me/{promised_mails(Mail.to == user.email, Mail.template == 'new_browser')[-1].context['token']}"

    def test_is_told_of_once_and_then_known(self, app):
        user = make_user()
        first, second = app.test_client(), app.test_client()
        for browser in (first, second, second, first):
            sign_in(browser, user)
            browser.post("/sign-out")

        assert len(promised_mails(Mail.template == "new_browser")) == 1

    def test_keeps_what_it_is_known_by_to_itself_and_to_the_door(self, app):
        browser = app.test_client()
        user = make_user()
        answer = browser.post("/sign-in", data={"email": user.email, "password": PASSWORD})

        kept = browser.get_cookie("browser", path="/sign-in")
        assert (kept.http_only, kept.same_site, kept.max_age) == (True, "Lax", 365 * 24 * 3600)
        assert kept.value not in answer.get_data(as_text=True)
        assert browser.get_cookie("browser") is None

    def test_serves_eight_people_and_forgets_the_ninth_before_the_latest(self, app):
        browser = app.test_client()
        people = [make_user() for _ in range(9)]
        for user in people:
            sign_in(browser, user)
            browser.post("/sign-out")
        assert browser.get_cookie("browser", path="/sign-in").value.count(".") == 7
        for user in (people[8], people[1]):
            sign_in(browser, user)
            browser.post("/sign-out")
        assert promised_mails(Mail.template == "new_browser") == []

        sign_in(browser, people[0])
        assert [mail.to for mail in promised_mails(Mail.template == "new_browser")] == [people[0].email]

    def test_the_button_shuts_the_thief_out_and_asks_for_a_new_password(self, app, client):
        user = make_user()
        sign_in(app.test_client(), user)
        thief = app.test_client()
        sign_in(thief, user)
        address = self.link(user)

        assert "That was not me" in client.get(address).text
        assert thief.get("/account").status_code == 200
        answer = client.post(address)
        assert answer.status_code == 303
        assert answer.location.startswith("/reset-password/")
        assert client.get(answer.location).status_code == 200
        assert thief.get("/account").status_code == 303
        assert thief.post("/sign-in", data={"email": user.email, "password": PASSWORD}).status_code == 422
        assert client.get(address).status_code == 410

    def test_staff_are_sent_to_an_administrator(self, app, client):
        staff = make_staff()
        for _ in range(2):
            sign_in(app.test_client(), staff)
        answer = client.post(self.link(staff))

        assert answer.location == "/sign-in"
        assert "An administrator sets a new password for you." in client.get("/sign-in").text

    def test_the_mail_says_which_browser(self, app):
        context = {"name": "Dana", "user_agent": "Firefox/1 Linux", "at": "May 1, 2026, 10:00 UTC", "token": "t0k"}
        for form in ("txt", "html"):
            template = app.jinja_env.get_template(f"mail/new_browser.{form}")
            said = template.render(context, base_url="https://house", address="198.51.100.7")
            assert "Firefox on Linux, on May 1, 2026, 10:00 UTC, from the network address 198.51.100.7." in said
            assert "https://house/not-me/t0k" in said
            assert "network address" not in template.render(context, base_url="https://house", address="")


class TestOwnAddress:
    """The person, whoever has their session, and whoever has only a mailbox."""

    NEW = "new@place.example"

    def link(self, to: str, template: str, leads: str) -> str:
        return f"{leads}/{promised_mails(Mail.to == to, Mail.template == template)[-1].context['token']}"

    def asked(self, browser) -> str:
        assert browser.post("/account/address", data={"email": self.NEW}).location == "/account"
        return self.link(self.NEW, "email_change_link", "/account/address")

    def test_is_changed_by_its_person_from_the_new_mailbox(self, app):
        user = make_user()
        browser, elsewhere = browser_of(app, user), browser_of(app, user)
        assert user.email in text(browser.get("/account/address"))
        link = self.asked(browser)
        home = text(browser.get("/account"))
        assert f"Your address changes to <strong>{self.NEW}</strong> when you follow the link" in home

        assert elsewhere.get(link).status_code == 200
        assert db.session.get_one(User, user.id).email == user.email  # To open a link changes nothing.
        assert self.NEW in text(browser.get(link))
        assert browser.post(link).location == "/account"
        page = text(browser.get("/account"))
        assert "Your address is changed. Everywhere else you are signed out." in page
        assert self.NEW in page
        assert "Your address changes to" not in page
        assert elsewhere.get("/account").location == "/sign-in?next=/account"
        assert browser.post(link).status_code == 410
        assert "E-mail address changed" in browser.get("/account/security").text

    def test_a_stolen_session_neither_asks_for_a_change_nor_makes_one(self, app, stolen):
        user = make_user()
        link = self.asked(browser_of(app, user))
        thief = stolen(user)

        assert thief.post("/account/address", data={"email": "x@y.example"}).location == (
            "/account/confirm?next=/account/address"
        )
        assert thief.post(link).location == f"/account/confirm?next={link}"
        assert db.session.get_one(User, user.id).email == user.email
        assert promised_mails(Mail.to == "x@y.example") == []

    def test_a_stranger_with_the_link_changes_nothing(self, app, client):
        user = make_user()
        link = self.asked(browser_of(app, user))
        assert client.get(link).location == f"/sign-in?next={link}"

        stranger = browser_of(app, make_user())
        for answer in (stranger.get(link), stranger.post(link)):
            assert answer.status_code == 403
            assert user.email not in answer.text
        assert db.session.get_one(User, user.id).email == user.email

    def test_a_taken_address_and_a_free_one_answer_alike(self, app):
        taken = make_user().email
        answers = []
        for email in (taken, "free@place.example"):
            browser = browser_of(app, make_user(email=f"asks-{len(answers)}@place.example"))
            answer = browser.post("/account/address", data={"email": email})
            page = text(browser.get("/account")).replace(email, "").replace(f"asks-{len(answers)}", "")
            answers.append((answer.status_code, answer.location, "Your address changes to" in page, "in use" in page))

        assert answers == [(303, "/account", True, False)] * 2

    def test_what_is_no_address_is_asked_for_again(self, client):
        sign_in(client, make_user())
        answer = client.post("/account/address", data={"email": "nonsense"})

        assert answer.status_code == 422
        assert "Write a whole e-mail address" in answer.text
        assert promised_mails(Mail.template == "email_change_asked") == []

    def test_a_wish_is_withdrawn(self, app, client):
        user = make_user()
        sign_in(client, user)
        link = self.asked(client)

        assert client.post("/account/address/withdraw").location == "/account"
        assert client.get(link).status_code == 410
        assert client.post("/account/address/withdraw").status_code == 409

    def test_the_old_mailbox_takes_the_account_back_without_signing_in(self, app, client):
        user = make_user()
        old, thief = user.email, browser_of(app, user)
        thief.post(self.asked(thief))
        undo = self.link(old, "email_changed", "/not-my-address")
        page = text(client.get(undo))
        assert f"The address of your account was changed to <strong>{self.NEW}</strong>." in page
        assert db.session.get_one(User, user.id).email == self.NEW

        answer = client.post(undo)
        assert answer.location.startswith("/reset-password/")
        assert "now choose a new one" in text(client.get(answer.location)).lower()
        assert thief.get("/account").location == "/sign-in?next=/account"
        assert client.post(answer.location, data={"password": "four words nobody says"}).location == "/sign-in"
        assert client.post("/sign-in", data={"email": old, "password": "four words nobody says"}).status_code == 303
        assert client.get(undo).status_code == 410

    def test_also_what_is_only_asked_for(self, app, client):
        user = make_user()
        thief = browser_of(app, user)
        self.asked(thief)
        undo = self.link(user.email, "email_change_asked", "/not-my-address")
        assert "Somebody who was signed in to your account asked to change its address" in text(client.get(undo))

        assert client.post(undo).status_code == 303
        assert thief.get("/account").location == "/sign-in?next=/account"

    def test_staff_are_sent_to_an_administrator(self, app, client):
        staff = make_staff()
        old, browser = staff.email, browser_of(app, staff)
        self.asked(browser)

        assert client.post(self.link(old, "email_change_asked", "/not-my-address")).location == "/sign-in"
        assert "An administrator sets a new password for you." in client.get("/sign-in").text

    def test_the_mails_say_which_address_and_lead_where_they_say(self, app):
        said = {"name": "Dana", "address": "new@place.example", "token": "t0k", "base_url": "https://house"}
        leads = {
            "email_change_link": "https://house/account/address/t0k",
            "email_change_asked": "https://house/not-my-address/t0k",
            "email_changed": "https://house/not-my-address/t0k",
            "address_in_use": "https://house/sign-in",
        }
        for template, address in leads.items():
            for form in ("txt", "html"):
                mail = app.jinja_env.get_template(f"mail/{template}.{form}").render(said)
                assert address in mail
                assert ("new@place.example" in mail) == (template != "address_in_use")
