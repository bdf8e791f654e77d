"""An expired session in the middle of a form: what was typed is kept, and nothing else changes."""

import re
from datetime import timedelta
from io import BytesIO

import pytest
from flask import get_flashed_messages, session
from sqlalchemy import select, update

from marketplace.accounts import service
from marketplace.accounts.models import ParkedForm, UserSession
from marketplace.clinics.models import Clinic, ClinicSite
from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.web import parking
from tests.factories.accounts import PASSWORD, make_staff, make_user
from tests.factories.clinics import make_clinic, make_site
from tests.support import sign_in

TYPED = {"name": "Lone Star Skin", "legal_name": "Lone Star Skin PLLC"}
KEPT = "What you typed is kept: nothing was sent yet."
FOUND = "This is what you had typed. Nothing was sent yet: look it over and send it."
OURS = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}


def text_of(answer) -> str:
    return answer.get_data(as_text=True)


def expire_sessions() -> None:
    db.session.execute(update(UserSession).values(last_seen_at=clock.now() - timedelta(days=1)))
    db.session.commit()


def parked() -> list[ParkedForm]:
    return list(db.session.scalars(select(ParkedForm)))


@pytest.fixture
def user(client):
    user = make_user()
    sign_in(client, user)
    return user


class TestExpiredSession:
    def test_what_was_typed_waits_behind_the_sign_in(self, client, user):
        expire_sessions()

        answer = client.post("/clinics/new", data={**TYPED, "csrf_token": "secret"})

        assert (answer.status_code, answer.location) == (303, "/sign-in?next=/clinics/new")
        assert db.session.scalars(select(Clinic)).all() == []
        [row] = parked()
        assert (row.path, row.fields, row.user_id) == ("/clinics/new", [list(pair) for pair in TYPED.items()], user.id)
        assert KEPT in text_of(client.get(answer.location))

        answer = client.post(answer.location, data={"email": user.email, "password": PASSWORD})
        assert answer.location == "/clinics/new"
        page = text_of(client.get(answer.location))
        assert FOUND in page
        assert 'value="Lone Star Skin"' in page
        assert 'value="Lone Star Skin PLLC"' in page

        assert client.post("/clinics/new", data=TYPED).status_code == 303
        assert db.session.scalars(select(Clinic.name)).all() == ["Lone Star Skin"]
        again = text_of(client.get("/clinics/new"))
        assert FOUND not in again
        assert "Lone Star Skin PLLC" not in again

    def test_another_person_at_the_same_browser_does_not_see_it(self, client, user):
        expire_sessions()
        client.post("/clinics/new", data=TYPED)

        sign_in(client, make_user())

        page = text_of(client.get("/clinics/new"))
        assert FOUND not in page
        assert "Lone Star Skin" not in page

    def test_other_pages_and_other_forms_are_left_alone(self, client, user):
        clinic = make_clinic(owner=user)
        make_site(clinic=clinic)
        expire_sessions()
        client.post("/clinics/new", data=TYPED)
        sign_in(client, user)

        for path in ("/clinics", f"/clinics/{clinic.id}/sites/new", "/account/password"):
            assert FOUND not in text_of(client.get(path))

    def test_passwords_are_never_kept(self, client, user):
        expire_sessions()

        answer = client.post("/account/password", data={"old_password": PASSWORD, "new_password": "x" * 20})

        assert answer.location == "/sign-in?next=/account/password"
        assert parked() == []
        assert "Nothing was sent: you had been signed out for a while." in text_of(client.get(answer.location))

    def test_files_are_not_kept_but_the_rest_is(self, client, user):
        expire_sessions()

        client.post("/clinics/new", data={**TYPED, "scan": (BytesIO(b"%PDF"), "scan.pdf")})

        assert [name for name, _ in parked()[0].fields] == ["name", "legal_name"]

    def test_too_much_is_not_kept_and_it_is_said(self, client, user):
        expire_sessions()

        answer = client.post("/clinics/new", data={"name": "x" * (128 * 1024)})

        assert parked() == []
        assert "was too much to keep" in text_of(client.get(answer.location))

    def test_just_not_too_much_is_kept(self, client, user):
        expire_sessions()

        client.post("/clinics/new", data={"name": "x" * (128 * 1024 - 4)})

        assert len(parked()) == 1

    def test_a_button_without_a_page_leads_back_to_where_it_stood(self, client, user):
        site = make_site(clinic=make_clinic(owner=user))
        expire_sessions()

        answer = client.post(f"/sites/{site.id}/close", headers={"Referer": f"http://localhost/sites/{site.id}"})

        assert answer.location == f"/sign-in?next=/sites/{site.id}"
        assert db.session.scalars(select(ClinicSite.closed_at)).one() is None

    @pytest.mark.parametrize("referrer", ["https://evil.example/sites", "http://localhost//evil.example", None])
    def test_a_button_from_nowhere_leads_to_the_front_page(self, client, user, referrer):
        site = make_site(clinic=make_clinic(owner=user))
        expire_sessions()

        answer = client.post(f"/sites/{site.id}/close", headers={"Referer": referrer} if referrer else {})

        assert answer.location == "/sign-in?next=/"

    def test_a_form_that_belongs_to_another_page_is_found_there(self, client):
        verifier, clinic = make_staff(), make_clinic()
        page = f"/staff/clinics/{clinic.id}"
        client.post("/sign-in", data={"email": verifier.email, "password": PASSWORD})
        expire_sessions()

        answer = client.post(
            f"{page}/decide",
            data={"evidence": "Register: active.", "pressed": "yes"},
            headers={"Referer": f"http://localhost{page}"},
        )

        assert answer.location == f"/sign-in?next={page}"
        assert (parked()[0].path, parked()[0].user_id) == (page, verifier.id)

    def test_somebody_who_never_was_signed_in_finds_it_too(self, client):
        user = make_user()
        answer = client.post("/clinics/new", data=TYPED)
        assert parked()[0].user_id is None

        client.post(answer.location, data={"email": user.email, "password": PASSWORD})

        assert FOUND in text_of(client.get("/clinics/new"))

    def test_the_ticket_opens_nothing_after_its_time(self, client, user):
        expire_sessions()
        client.post("/clinics/new", data=TYPED)
        db.session.execute(update(ParkedForm).values(expires_at=clock.now()))
        db.session.commit()
        sign_in(client, user)

        assert FOUND not in text_of(client.get("/clinics/new"))

    def test_two_forms_on_one_page_say_it_once(self, app, client):
        ticket = service.park_form(path="/x", fields=[("name", "Lone Star")], user_id=None, at=clock.now())

        with app.test_request_context("/x"):
            session[parking.TICKET] = [ticket, "/x"]
            assert parking.parked_fields({"name", "city"})["name"] == "Lone Star"
            assert parking.parked_fields({"name"})["name"] == "Lone Star"
            assert parking.parked_fields({"email"}) is None
            assert get_flashed_messages() == [FOUND]

    def test_lists_in_a_form_find_their_entries(self, app):
        fields = [("lines-0-shots", "12"), ("lines-1-shots", "13"), ("save", "draft")]
        ticket = service.park_form(path="/x", fields=fields, user_id=None, at=clock.now())

        with app.test_request_context("/x"):
            session[parking.TICKET] = [ticket, "/x"]
            assert parking.parked_fields({"lines"})["lines-1-shots"] == "13"

    def test_a_form_that_is_wrong_is_shown_wrong_and_not_parked_again(self, client, user):
        expire_sessions()
        client.post("/clinics/new", data=TYPED)
        sign_in(client, user)

        answer = client.post("/clinics/new", data={"name": "Other", "legal_name": ""})

        page = text_of(answer)
        assert answer.status_code == 422
        assert 'value="Other"' in page
        assert "Lone Star Skin" not in page


class TestLostMark:
    """CSRF protection is on; the mark of the form belongs to a session that is over."""

    @pytest.fixture(autouse=True)
    def _protected(self, app, monkeypatch):
        monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)

    def mark(self, page: str) -> str:
        return re.search(r'name="csrf_token"[^>]* value="([^"]+)"', page)[1]

    def enter(self, client, user) -> None:
        mark = self.mark(text_of(client.get("/sign-in")))
        answer = client.post("/sign-in", data={"email": user.email, "password": PASSWORD, "csrf_token": mark})
        assert answer.status_code == 303

    def test_a_form_without_a_cookie_is_kept_until_the_sign_in(self, client):
        answer = client.post("/clinics/new", data=TYPED, headers=OURS)

        assert answer.location == "/sign-in?next=/clinics/new"
        assert len(parked()) == 1

    def test_signed_in_again_in_another_tab_the_form_comes_back_at_once(self, client):
        user = make_user()
        self.enter(client, user)

        answer = client.post("/clinics/new", data={**TYPED, "csrf_token": "of the session before"}, headers=OURS)

        assert answer.location == "/clinics/new"
        page = text_of(client.get(answer.location))
        assert FOUND in page
        assert 'value="Lone Star Skin"' in page
        sent = client.post("/clinics/new", data={**TYPED, "csrf_token": self.mark(page)})
        assert sent.status_code == 303
        assert db.session.scalars(select(Clinic.name)).all() == ["Lone Star Skin"]

    def test_a_public_form_comes_back_filled_in_but_for_the_password(self, client):
        answer = client.post(
            "/register", data={"name": "Dana", "email": "d@clinic.example", "password": PASSWORD}, headers=OURS
        )

        assert answer.location == "/register"
        page = text_of(client.get("/register"))
        assert 'value="d@clinic.example"' in page
        assert PASSWORD not in page

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Origin": "https://evil.example"},
            {"Origin": "null"},
            {"Origin": "http://localhost", "Sec-Fetch-Site": "cross-site"},
            {"Origin": "http://localhost.evil.example", "Sec-Fetch-Site": "same-origin"},
        ],
    )
    def test_nobody_else_fills_in_our_forms(self, client, headers):
        self.enter(client, make_user())

        answer = client.post("/clinics/new", data=TYPED, headers=headers)

        assert answer.status_code == 400
        assert "had grown too old, or it was not ours" in text_of(answer)
        assert parked() == []
        assert db.session.scalars(select(Clinic)).all() == []

    def test_a_page_that_is_not_there_is_not_there(self, client):
        assert client.post("/nowhere", data=TYPED, headers=OURS).status_code == 404
