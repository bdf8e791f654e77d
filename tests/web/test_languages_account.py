"""The pages by which somebody comes in, and the page of errors, in the reader's language."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from marketplace.accounts import service, tokens
from marketplace.accounts.models import MailedToken, TokenPurpose, UserSession
from marketplace.app import create_app
from marketplace.config import Mode
from marketplace.extensions import db, unit_of_work
from marketplace.kernel import clock
from marketplace.kernel.errors import Conflict
from marketplace.notifications.models import Mail
from marketplace.web import errors
from marketplace.web.access import public
from marketplace.web.language import in_every_language
from tests.conftest import settings_for
from tests.factories.accounts import PASSWORD, make_user
from tests.factories.factors import with_second_factor
from tests.languages import forgotten, in_pseudo
from tests.support import let_confirmations_lapse, sign_in

SPANISH = {"Accept-Language": "es"}
DANA = ("Dana Reyes", "dana@clinic.example")


def sent(client, address, data=None, status=422):
    """Return the page with which a form is answered that somebody sends who asks for another language."""
    answer = client.post(address, data=data or {}, headers=SPANISH)
    assert answer.status_code == status
    html = answer.get_data(as_text=True)
    assert '<html lang="es"' in html
    return html


def led_to(client, address, data=None, **more):
    """Return the page to which a form leads."""
    answer = client.post(address, data=data or {}, headers={**SPANISH, **more})
    assert answer.status_code == 303
    return in_pseudo(client, answer.location)


def expire_sessions():
    db.session.execute(update(UserSession).values(last_seen_at=clock.now() - timedelta(days=1)))
    db.session.commit()


def link_for(somebody, purpose):
    with unit_of_work():
        return tokens.issue(user_id=somebody.id, purpose=purpose, at=clock.now())


def mailed_token(template):
    return db.session.scalars(select(Mail).where(Mail.template == template)).one().context["token"]


@pytest.fixture
def user(client):
    somebody = make_user(name=DANA[0], email=DANA[1])
    sign_in(client, somebody)
    return somebody


@pytest.fixture
def away(tmp_path):
    """The app while nobody answers on the database's port."""
    return create_app(settings_for("postgresql+psycopg://nobody@127.0.0.1:1/none", tmp_path), WTF_CSRF_ENABLED=False)


class TestRegister:
    def test_the_form_and_the_mail_that_follows(self, client, pseudo):
        assert forgotten(in_pseudo(client, "/register")) == []
        form = {"name": DANA[0], "email": DANA[1], "password": "nine copper kettles"}
        assert forgotten(led_to(client, "/register", form)) == []
        link = f"/confirm-email/{mailed_token('confirm_email')}"
        # In the middle of a sentence, between its two elements.
        assert forgotten(in_pseudo(client, link), *DANA, "with the address") == []
        assert client.post(link, headers=SPANISH).status_code == 303
        assert forgotten(in_pseudo(client, link, 410)) == []
        assert forgotten(sent(client, link, status=410)) == []

    @pytest.mark.parametrize(
        "wrong",
        [
            {},
            {"name": "x" * 121, "email": "x" * 255, "password": "nine copper kettles"},
            {"name": "\u200b", "email": "dana", "password": "short"},
            {"name": "Dana", "email": "dana", "password": "nine copper kettles"},
            {"name": "Dana", "email": "d@clinic.example", "password": "short"},
            {"name": "Dana", "email": "d@clinic.example", "password": "x" * 129},
            {"name": "Dana", "email": "d@clinic.example", "password": "password123456"},
        ],
    )
    def test_what_is_wrong_in_the_form(self, client, pseudo, wrong):
        assert forgotten(sent(client, "/register", wrong)) == []


class TestSignIn:
    def test_the_form_and_what_is_wrong_in_it(self, client, pseudo):
        assert forgotten(in_pseudo(client, "/sign-in?next=/orders")) == []
        assert forgotten(sent(client, "/sign-in")) == []
        assert forgotten(sent(client, "/sign-in", {"email": DANA[1], "password": "guess"}), *DANA) == []

    def test_the_accounts_of_a_demo(self, app, client, pseudo, monkeypatch):
        settings = app.extensions["second_light_settings"]
        demo = replace(settings, mode=Mode.DEMO, mailbox_url="http://mailbox.example")
        monkeypatch.setitem(app.extensions, "second_light_settings", demo)
        one = {"label": "Ada Quist, admin", "email": "a@b.co", "password": PASSWORD, "story": "Appoints staff."}
        monkeypatch.setitem(app.extensions, "second_light_demo_accounts", [one])

        html = in_pseudo(client, "/sign-in")
        assert forgotten(html, one["label"]) == []
        assert '<strong lang="en">Ada Quist, admin</strong><p class="small muted">⟦Appoints staff.⟧</p>' in html
        assert forgotten(in_pseudo(client, "/register/sent")) == []

    def test_the_second_factor(self, client, pseudo):
        with_second_factor(make_user(name=DANA[0], email=DANA[1]), at=clock.now())

        assert forgotten(led_to(client, "/sign-in", {"email": DANA[1], "password": PASSWORD}), *DANA) == []
        assert forgotten(sent(client, "/sign-in/code"), *DANA) == []
        assert forgotten(sent(client, "/sign-in/code", {"code": "000"}), *DANA) == []

    def test_a_second_factor_that_came_too_late(self, client, pseudo):
        with_second_factor(make_user(name=DANA[0], email=DANA[1]), at=clock.now())
        led_to(client, "/sign-in", {"email": DANA[1], "password": PASSWORD})
        db.session.execute(update(MailedToken).values(expires_at=clock.now()))
        db.session.commit()

        assert forgotten(sent(client, "/sign-in/code", {"code": "000"}, status=410)) == []

    def test_whoever_signs_out_is_told_so(self, client, user, pseudo):
        html = led_to(client, "/sign-out")

        assert "⟦You are signed out.⟧" in html
        assert forgotten(html) == []


class TestReset:
    def test_from_the_question_to_a_new_password(self, client, pseudo):
        somebody = make_user(name=DANA[0], email=DANA[1])
        assert forgotten(in_pseudo(client, "/reset-password")) == []
        assert forgotten(sent(client, "/reset-password")) == []
        assert forgotten(led_to(client, "/reset-password", {"email": DANA[1]})) == []
        link = f"/reset-password/{link_for(somebody, TokenPurpose.RESET_PASSWORD)}"
        assert forgotten(in_pseudo(client, link), *DANA) == []
        assert forgotten(sent(client, link, {"password": "short"}), *DANA) == []
        html = led_to(client, link, {"password": "nine copper kettles"})
        assert "⟦Your new password is set. Sign in with it.⟧" in html
        assert forgotten(html) == []
        assert forgotten(in_pseudo(client, link, 410)) == []

    def test_after_somebody_was_not_me(self, client, pseudo):
        link = f"/not-me/{link_for(make_user(name=DANA[0], email=DANA[1]), TokenPurpose.DISOWN)}"

        html = led_to(client, link)

        assert "⟦Whoever it was is signed out," in html
        assert forgotten(html, *DANA) == []


class TestConfirm:
    def test_the_form_and_what_is_wrong_in_it(self, app, client, user, pseudo, monkeypatch):
        assert forgotten(in_pseudo(client, "/account/confirm"), *DANA) == []
        assert forgotten(sent(client, "/account/confirm"), *DANA) == []
        assert forgotten(sent(client, "/account/confirm", {"password": "guess"}), *DANA) == []
        with_second_factor(user, at=clock.now())
        assert forgotten(sent(client, "/account/confirm", {"password": PASSWORD}), *DANA) == []
        settings = app.extensions["second_light_settings"]
        monkeypatch.setitem(app.extensions, "second_light_settings", replace(settings, mode=Mode.DEMO))
        monkeypatch.setitem(app.extensions, "second_light_demo_accounts", [{"password": PASSWORD}])
        assert forgotten(in_pseudo(client, "/account/confirm"), *DANA, PASSWORD) == []


class TestParking:
    """What became of a form is said in the language of the page that comes next, whatever page it stood on."""

    @pytest.mark.parametrize(
        ("typed", "begins"),
        [
            ({}, "Nothing was sent: you had been signed out"),
            ({"name": "Lone Star"}, "You had been signed out for a while. What you typed is kept"),
            ({"name": "x" * 128 * 1024}, "You had been signed out for a while, and what you sent was too much"),
        ],
    )
    def test_after_an_expired_session(self, client, user, pseudo, typed, begins):
        expire_sessions()

        html = led_to(client, "/clinics/new", typed)

        assert f"⟦{begins}" in html
        assert forgotten(html) == []

    @pytest.mark.parametrize(
        ("typed", "begins"),
        [
            ({}, "Nothing was sent: before this we ask"),
            ({"email": "new@clinic.example"}, "Before this we ask whether it is you. What you typed is kept"),
            ({"email": "x" * 128 * 1024}, "Before this we ask whether it is you, and what you sent was too much"),
        ],
    )
    def test_before_what_asks_who_it_is(self, client, user, pseudo, typed, begins):
        let_confirmations_lapse()

        html = led_to(client, "/account/address", typed)

        assert f"⟦{begins}" in html
        assert forgotten(html, *DANA) == []

    def test_what_was_typed_is_found_again(self, client, pseudo):
        fields = [("name", DANA[0])]
        ticket = service.park_form(path="/register", fields=fields, user_id=None, at=clock.now())
        with client.session_transaction() as session:
            session["parked"] = [ticket, "/register"]

        html = in_pseudo(client, "/register")

        assert "⟦This is what you had typed." in html
        assert forgotten(html) == []


class TestErrors:
    def answer(self, app, made, method="GET"):
        """Return what is answered by a page that does this."""
        app.add_url_rule("/here", view_func=public(in_every_language(made)), methods=["GET", "POST"])
        return app.test_client().open("/here", method=method, headers=SPANISH).get_data(as_text=True)

    @pytest.mark.parametrize("status", sorted(errors.WORDS))
    @pytest.mark.parametrize("method", ["GET", "POST"])
    def test_every_status(self, away, pseudo, status, method):
        html = self.answer(away, lambda: errors.page(status, unsure=status == 503, cure_url="/"), method)

        assert '<html lang="es">' in html
        assert forgotten(html) == []

    def test_what_is_marked_of_a_refusal(self, away, pseudo):
        def somebody_was_first():
            raise Conflict("Somebody was first.", cure="Look for another device.")

        html = self.answer(away, somebody_was_first)

        assert "<dd>⟦Somebody was first.⟧</dd>" in html
        assert "<dd>⟦Look for another device.⟧</dd>" in html
        assert forgotten(html) == []

    def test_a_form_that_nobody_of_ours_sent(self, tmp_path, pseudo):
        app = create_app(settings_for("postgresql+psycopg://nobody@127.0.0.1:1/none", tmp_path))

        answer = app.test_client().post("/sign-in", headers=SPANISH)

        assert (answer.status_code, "⟦The page you sent this from" in answer.text) == (400, True)
        assert forgotten(answer.text) == []

    @pytest.mark.parametrize(
        ("address", "more", "status"),
        [("/sign-in?next=%00", {}, 400), ("/sign-in", {"content_type": "text/plain", "data": "x"}, 415)],
    )
    def test_what_is_refused_before_anybody_looks_at_it(self, client, pseudo, address, more, status):
        answer = client.open(address, method="POST" if more else "GET", headers=SPANISH, **more)

        assert answer.status_code == status
        assert '<html lang="es"' in answer.text
        assert forgotten(answer.text) == []

    def test_pages_that_are_told_in_english_alone_refuse_in_english(self, client, user, pseudo):
        answer = client.get("/orders/00000000-0000-4000-8000-000000000000", headers=SPANISH)

        assert answer.status_code == 404
        assert '<html lang="en"' in answer.text
        assert "⟦There is nothing here⟧" not in answer.text
