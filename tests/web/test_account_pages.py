"""The account's pages: as its owner, as a stranger, signed out; and what they give away."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from marketplace.accounts import queries, service
from marketplace.accounts.models import SessionEnd, User, UserSession
from marketplace.config import Mode
from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.notifications.models import Mail
from marketplace.web.known_browsers import browser
from marketplace.web.parking import own_path
from tests.factories.accounts import PASSWORD, make_session, make_staff, make_user
from tests.support import count_statements, run_jobs, sign_in

NEW_PASSWORD = "nine copper kettles"


def mailed_token(template: str) -> str:
    return db.session.scalars(select(Mail).where(Mail.template == template)).one().context["token"]


def text_of(answer) -> str:
    return answer.get_data(as_text=True)


class TestRegister:
    FORM = {"name": "Dana Reyes", "email": "dana@clinic.example", "password": NEW_PASSWORD}  # noqa: RUF012  Nobody changes it.

    def test_from_the_form_to_a_confirmed_account(self, client):
        answer = client.post("/register", data=self.FORM)
        assert (answer.status_code, answer.location) == (303, "/register/sent")
        assert "Look into your mailbox" in text_of(client.get("/register/sent"))

        link = f"/confirm-email/{mailed_token('confirm_email')}"
        page = text_of(client.get(link))
        assert "Dana Reyes" in page
        assert db.session.scalars(select(User)).one().email_confirmed_at is None  # Opening the link proves nothing.

        answer = client.post(link)
        assert (answer.status_code, answer.location) == (303, "/account")
        assert db.session.scalars(select(User)).one().email_confirmed_at is not None
        assert client.get(link).status_code == 410
        assert client.post(link).status_code == 410

    def test_answers_the_same_for_an_address_that_is_taken(self, client):
        make_user(email="dana@clinic.example")

        known = client.post("/register", data=self.FORM)
        unknown = client.post("/register", data={**self.FORM, "email": "new@clinic.example"})

        assert (known.status_code, known.location, known.data) == (unknown.status_code, unknown.location, unknown.data)
        assert {mail.template for mail in db.session.scalars(select(Mail))} == {"address_taken", "confirm_email"}

    @pytest.mark.parametrize(
        ("change", "sentence"),
        [
            ({"name": ""}, "Write your name."),
            ({"email": "dana"}, "Write a whole e-mail address, such as name@clinic.example."),
            ({"password": "short"}, "Use at least 12 characters."),
        ],
    )
    def test_shows_the_form_again_with_what_was_typed(self, client, change, sentence):
        answer = client.post("/register", data={**self.FORM, **change})

        page = text_of(answer)
        assert answer.status_code == 422
        assert sentence in page
        assert "data-error-summary" in page
        assert NEW_PASSWORD not in page
        assert db.session.scalars(select(User)).all() == []

    def test_takes_no_field_that_it_did_not_offer(self, client):
        client.post("/register", data={**self.FORM, "staff_role": "admin", "email_confirmed_at": "2020-01-01"})

        user = db.session.scalars(select(User)).one()
        assert (user.staff_role, user.email_confirmed_at) == (None, None)


class TestSignIn:
    def test_opens_a_session_and_goes_where_the_person_was_heading(self, client):
        user = make_user()
        heading = client.get("/account")
        assert (heading.status_code, heading.location) == (303, "/sign-in?next=/account")
        assert "Then you go on to the page that you asked for." in client.get(heading.location).text

        answer = client.post(heading.location, data={"email": user.email, "password": PASSWORD})

        assert (answer.status_code, answer.location) == (303, "/account")
        assert client.get("/account").status_code == 200
        assert client.get("/sign-in?next=/clinics").location == "/clinics"

    def test_says_the_same_whatever_was_wrong(self, client):
        user, gone = make_user(), make_user(disabled_at=clock.now())

        bodies = set()
        for email, password in ((user.email, "wrong"), ("nobody@example.test", PASSWORD), (gone.email, PASSWORD)):
            answer = client.post("/sign-in", data={"email": email, "password": password})
            assert answer.status_code == 422
            bodies.add(text_of(answer).replace(email, "…"))
        [body] = bodies
        assert "This address and this password do not belong together." in body
        assert db.session.scalars(select(UserSession)).all() == []

    def test_the_cookie_brought_along_is_worth_nothing_afterwards(self, client):
        user = make_user()
        with client.session_transaction() as session:
            session["token"] = "planted"
            session["anything"] = "planted"

        sign_in(client, user)

        with client.session_transaction() as session:
            assert session["token"] != "planted"
            assert "anything" not in session
            assert queries.user_behind(session["token"]) == user.id

    def test_the_cookie_is_not_for_scripts_nor_other_sites(self, client):
        user = make_user()

        answer = client.post("/sign-in", data={"email": user.email, "password": PASSWORD})

        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie

    @pytest.mark.parametrize(
        "target",
        ["//evil.example", "///evil.example", "https://evil.example", "http:evil.example", "javascript:alert(1)",
         "/\\evil.example", "\\\\evil.example", "/\t/evil.example", "/\n/evil.example", "/\r\nSet-Cookie: a=b",
         " /account", "evil.example", "", "/ /evil.example", "\x00/account", "/\x7f/evil.example", "/\u2028/evil.example"],
    )  # fmt: skip
    def test_never_leads_to_another_site(self, client, target):
        user = make_user()

        assert own_path(target) is None
        answer = client.post(
            "/sign-in", query_string={"next": target}, data={"email": user.email, "password": PASSWORD}
        )
        # NUL is stopped before anything looks at it.
        assert answer.status_code == 400 if "\x00" in target else answer.location == "/account"

    @pytest.mark.parametrize("target", ["/", "/account", "/devices?q=alex%20755&page=2", "/x#part"])
    def test_leads_to_any_place_of_ours(self, target):
        assert own_path(target) == target

    def test_no_place_at_all_is_none(self):
        assert own_path(None) is None

    def test_costs_one_statement_a_request_to_know_who_is_asking(self, client):
        user = make_user()
        sign_in(client, user)

        with count_statements() as sent:
            client.get("/account/password")

        assert [statement.split()[0] for statement in sent if "SAVEPOINT" not in statement] == ["SELECT"]


class TestSignOut:
    def test_ends_the_session_also_for_a_copied_cookie(self, app, client):
        user = make_user()
        sign_in(client, user)
        with client.session_transaction() as session:
            copied = dict(session)

        answer = client.post("/sign-out")

        assert (answer.status_code, answer.location) == (303, "/sign-in")
        thief = app.test_client()
        with thief.session_transaction() as session:
            session.update(copied)
        assert thief.get("/account").location == "/sign-in?next=/account"

    def test_signed_out_already_is_no_fault(self, client):
        assert client.post("/sign-out").status_code == 303

    def test_is_not_done_by_a_link(self, client):
        assert client.get("/sign-out").status_code == 405


class TestReset:
    def test_from_the_question_to_a_new_password(self, client):
        user = make_user()

        answer = client.post("/reset-password", data={"email": user.email})
        assert (answer.status_code, answer.location) == (303, "/reset-password/sent")
        assert "If the address has an account here" in text_of(client.get(answer.location))
        run_jobs(only="answer_reset_request")
        link = f"/reset-password/{mailed_token('reset_password')}"
        assert user.email in text_of(client.get(link))
        weak = client.post(link, data={"password": "short"})
        assert (weak.status_code, "Use at least 12 characters." in text_of(weak)) == (422, True)

        answer = client.post(link, data={"password": NEW_PASSWORD})

        assert (answer.status_code, answer.location) == (303, "/sign-in")
        assert client.get(link).status_code == 410
        assert service.sign_in(email=user.email, password=NEW_PASSWORD, at=clock.now()).user_id == user.id

    def test_answers_the_same_for_an_address_that_nobody_has(self, client):
        user = make_user()

        known = client.post("/reset-password", data={"email": user.email})
        unknown = client.post("/reset-password", data={"email": "nobody@example.test"})

        assert (known.status_code, known.location, known.data) == (unknown.status_code, unknown.location, unknown.data)
        assert client.post("/reset-password", data={"email": ""}).status_code == 422

    def test_the_address_in_the_mail_does_not_follow_the_request(self, client):
        user = make_user()
        client.post("/reset-password", data={"email": user.email}, headers={"X-Forwarded-Host": "evil.example"})
        run_jobs(only="answer_reset_request")

        mail = db.session.scalars(select(Mail)).one()
        assert set(mail.context) == {"name", "token"}


class TestAccount:
    @pytest.mark.parametrize("path", ["/account", "/account/password"])
    def test_is_for_those_who_are_signed_in(self, client, path):
        assert client.get(path).location == f"/sign-in?next={path}"

    def test_shows_where_one_is_signed_in(self, client):
        user = make_user()
        make_session(
            user, at=clock.now(), user_agent="Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0", address="203.0.113.7"
        )
        sign_in(client, user)

        page = text_of(client.get("/account"))

        assert "Firefox on Linux" in page
        assert "203.0.113.7" in page
        assert "this one" in page

    def test_asks_an_unconfirmed_person_to_confirm_and_sends_again(self, client):
        user = make_user(confirmed=False)
        sign_in(client, user)
        assert "First, confirm your address" in text_of(client.get("/account"))
        shut = client.get("/clinics")
        assert (shut.status_code, "Please confirm your e-mail address first." in text_of(shut)) == (403, True)

        assert client.post("/account/confirm-email").status_code == 303

        client.post(f"/confirm-email/{mailed_token('confirm_email')}")
        assert client.get("/clinics").status_code == 200
        assert client.post("/account/confirm-email").status_code == 409

    def test_changes_the_password(self, client):
        user = make_user()
        there, _ = make_session(user, at=clock.now())
        sign_in(client, user)
        form = {"old_password": PASSWORD, "new_password": NEW_PASSWORD}

        wrong = client.post("/account/password", data={**form, "old_password": "wrong"})
        assert (wrong.status_code, "This is not your present password." in text_of(wrong)) == (422, True)
        assert service.identity_of(token=there, at=clock.now()) is not None

        assert client.post("/account/password", data=form).location == "/account"
        assert client.get("/account").status_code == 200
        assert service.identity_of(token=there, at=clock.now()) is None

    def test_ends_other_sessions_one_or_all(self, client):
        user = make_user()
        sign_in(client, user)
        _, one = make_session(user, at=clock.now())
        _, two = make_session(user, at=clock.now())

        assert client.post(f"/account/sessions/{one.id}/end").location == "/account"
        assert (one.ended_because, two.ended_because) == (SessionEnd.ENDED_BY_OWNER, None)
        assert client.post("/account/sessions/end-others").location == "/account"
        assert two.ended_because is SessionEnd.ENDED_BY_OWNER
        assert client.get("/account").status_code == 200

    def test_does_not_end_another_persons_session(self, client):
        _, session = make_session(make_user(), at=clock.now())
        sign_in(client, make_user())

        assert client.post(f"/account/sessions/{session.id}/end").status_code == 404
        assert client.post(f"/account/sessions/{uuid4()}/end").status_code == 404
        assert session.ended_at is None

    def test_an_expired_session_is_none(self, client):
        user = make_user()
        sign_in(client, user)
        row = db.session.scalars(select(UserSession)).one()
        row.last_seen_at = clock.now() - timedelta(hours=12, seconds=1)
        db.session.commit()

        assert client.get("/account").location == "/sign-in?next=/account"

    def test_staff_see_their_role(self, client):
        sign_in(client, make_staff())

        assert "Staff: verifier" in text_of(client.get("/account"))

    def test_pages_of_the_signed_in_are_kept_nowhere(self, client):
        sign_in(client, make_user())

        assert client.get("/account").headers["Cache-Control"] == "no-store"


class TestDemoAccounts:
    OFFERED = {"label": "Dana, technician", "email": "dana@demo.example", "password": PASSWORD, "story": "In Texas."}  # noqa: RUF012  Nobody changes it.

    @pytest.fixture
    def offering(self, app, monkeypatch):
        def offer(mode, accounts):
            settings = app.extensions["second_light_settings"]
            monkeypatch.setitem(app.extensions, "second_light_settings", replace(settings, mode=mode))
            monkeypatch.setitem(app.extensions, "second_light_demo_accounts", accounts)

        return offer

    @pytest.mark.parametrize("accounts", [[OFFERED], lambda: [TestDemoAccounts.OFFERED]])
    def test_are_offered_in_a_demo_as_forms_that_need_no_script(self, client, offering, accounts):
        offering(Mode.DEMO, accounts)

        page = text_of(client.get("/sign-in"))

        assert "Dana, technician" in page
        assert '<input type="hidden" name="email" value="dana@demo.example">' in page

    @pytest.mark.parametrize("mode", [Mode.PRODUCTION, Mode.TEST])
    def test_are_offered_nowhere_else(self, client, offering, mode):
        offering(mode, [self.OFFERED])

        page = text_of(client.get("/sign-in"))

        assert "dana@demo.example" not in page
        assert PASSWORD not in page


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 15) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) CriOS/140 Safari/604.1", "Chrome on iPhone"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 15_0) Version/18.0 Safari/605.1", "Safari on Mac"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("", "A browser"),
    ],
)
def test_says_what_kind_of_browser_it_was(user_agent, words):
    assert browser(user_agent) == words
