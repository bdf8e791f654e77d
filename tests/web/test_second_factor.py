"""The second factor on its pages: set up, asked for at the door, demanded of staff."""

import re
from dataclasses import replace
from datetime import timedelta

import pyotp
import pytest
from sqlalchemy import func, select

from marketplace.accounts import factors
from marketplace.accounts.models import User, UserSession
from marketplace.extensions import db
from marketplace.kernel import clock
from tests.factories.accounts import PASSWORD, make_staff, make_user
from tests.factories.factors import code_of, with_second_factor
from tests.pages import browser_of
from tests.support import count_statements, let_confirmations_lapse, sign_in

PAGE = "/account/security"


def earlier():
    """A moment whose code is not one of those of now."""
    return clock.now() - timedelta(minutes=10)


def secret_on(page: str) -> str:
    return re.search(r"Secret: <code>([A-Z2-7 ]+)</code>", page)[1].replace(" ", "")


@pytest.fixture
def user():
    return make_user()


class TestSettingUp:
    def test_scan_write_the_code_and_keep_the_recovery_codes(self, client, user):
        sign_in(client, user)
        assert "Set up a second factor" in client.get(PAGE).text
        shown = client.post(f"{PAGE}/second-factor")
        assert 'src="data:image/svg+xml' in shown.text

        wrong = client.post(f"{PAGE}/second-factor/on", data={"code": "1"})
        assert (wrong.status_code, factors.is_on(user.id)) == (422, False)
        secret = secret_on(wrong.text)
        assert secret == secret_on(shown.text)

        done = client.post(f"{PAGE}/second-factor/on", data={"code": pyotp.TOTP(secret).now()})
        codes = re.findall(r"<code>((?:[A-Z2-9]{4}-){3}[A-Z2-9]{4})</code>", done.text)
        assert len(codes) == 10
        page = client.get(PAGE).text
        assert "10 recovery codes left" in page
        assert "Second factor turned on" in page
        assert not any(code in page for code in codes)

    def test_the_page_asks_the_database_little(self, client, user):
        sign_in(client, user)
        client.get(PAGE)

        with count_statements() as sent:
            client.get(PAGE)

        assert len(sent) == 4

    def test_a_stolen_session_sets_up_none(self, app, user):
        browser = browser_of(app, user)
        let_confirmations_lapse()

        for path in ("second-factor", "second-factor/on", "recovery-codes"):
            assert browser.post(f"{PAGE}/{path}", data={"code": "1"}).location.startswith("/account/confirm")

        assert not factors.is_on(user.id)

    def test_new_recovery_codes_are_shown_once(self, app, user):
        browser = browser_of(app, user)
        old = with_second_factor(user, at=earlier()).codes

        page = browser.post(f"{PAGE}/recovery-codes").text

        assert "The codes that you had before serve no more." in page
        assert old[0] not in page

    def test_off_again_with_both(self, app, user):
        browser = browser_of(app, user)
        secret = with_second_factor(user, at=earlier()).secret
        assert browser.get(f"{PAGE}/second-factor/off").status_code == 200

        code = code_of(secret, clock.now())
        wrong = browser.post(f"{PAGE}/second-factor/off", data={"password": "guess", "code": code})
        assert (wrong.status_code, factors.is_on(user.id)) == (422, True)

        right = browser.post(f"{PAGE}/second-factor/off", data={"password": PASSWORD, "code": code})
        assert (right.location, factors.is_on(user.id)) == (PAGE, False)


class TestDoor:
    def test_password_then_code_then_where_one_was_heading(self, client, user):
        secret = with_second_factor(user, at=earlier()).secret

        half = client.post("/sign-in?next=/orders", data={"email": user.email, "password": PASSWORD})
        assert half.location == "/sign-in/code?next=/orders"
        assert client.get("/account").location == "/sign-in?next=/account"
        assert "One more step" in client.get(half.location).text
        assert client.post(half.location, data={"code": "000"}).status_code == 422
        assert db.session.scalar(select(func.count()).select_from(UserSession)) == 0

        whole = client.post(half.location, data={"code": code_of(secret, clock.now())})
        assert whole.location == "/orders"
        assert client.get("/account").status_code == 200
        assert client.get(half.location).location == "/orders"

    def test_without_a_password_there_is_no_second_step(self, client):
        assert client.get("/sign-in/code").location == "/sign-in"
        assert client.post("/sign-in/code", data={"code": "1"}).location == "/sign-in"

    def test_who_is_too_slow_begins_again(self, client, user):
        secret = with_second_factor(user, at=earlier()).secret
        client.post("/sign-in", data={"email": user.email, "password": PASSWORD})
        db.session.execute(db.text("UPDATE mailed_tokens SET expires_at = created_at"))
        db.session.commit()

        answer = client.post("/sign-in/code", data={"code": code_of(secret, clock.now())})

        assert answer.status_code == 410
        assert "The time between password and code is over." in answer.text

    def test_the_code_is_asked_again_with_the_password(self, app, user):
        browser = browser_of(app, user)
        secret = with_second_factor(user, at=earlier()).secret
        let_confirmations_lapse()
        assert 'name="code"' in browser.get("/account/confirm").text
        assert 'name="code"' in browser.get("/account/password").text

        assert browser.post("/account/confirm", data={"password": PASSWORD}).status_code == 422
        code = code_of(secret, clock.now())
        assert browser.post("/account/confirm", data={"password": PASSWORD, "code": code}).status_code == 303
        again = browser.post("/account/confirm", data={"password": PASSWORD, "code": code})
        assert "This code does not fit, or was used already." in again.text

    def test_and_before_the_password_is_changed(self, app, user):
        browser = browser_of(app, user)
        with_second_factor(user, at=earlier())
        was = user.password_hash

        answer = browser.post(
            "/account/password", data={"old_password": PASSWORD, "new_password": "four words nobody says"}
        )

        assert answer.status_code == 422
        assert db.session.get_one(User, user.id).password_hash == was


class TestStaff:
    @pytest.fixture
    def demanded(self, app, monkeypatch):
        settings = replace(app.extensions["second_light_settings"], staff_need_second_factor=True)
        monkeypatch.setitem(app.extensions, "second_light_settings", settings)

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_without_one_they_cannot_act_and_are_led_to_set_it_up(self, app, demanded, method):
        browser = browser_of(app, make_staff("verifier"))

        answer = getattr(browser, method)("/staff/credentials" if method == "get" else "/staff/credentials/next")

        assert (answer.status_code, answer.location) == (303, PAGE)
        page = browser.get(PAGE)
        assert "Staff need a second factor before they can act: set it up now." in page.text

    def test_with_one_they_act(self, app, demanded):
        verifier = make_staff("verifier")
        browser = browser_of(app, verifier)
        with_second_factor(verifier, at=earlier())

        assert browser.get("/staff/credentials").status_code == 200

    def test_members_are_free_to_have_none(self, app, demanded, user):
        assert browser_of(app, user).get("/clinics").status_code == 200

    def test_where_the_setting_does_not_ask_staff_act_without(self, app):
        assert browser_of(app, make_staff("verifier")).get("/staff/credentials").status_code == 200
