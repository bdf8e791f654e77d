"""The door of every page."""

from uuid import uuid4

import pytest
from flask import g

from marketplace.accounts.access import GRANTED, Identity, Permission
from marketplace.web.access import PUBLIC, by_person, public, requires
from tests.factories.accounts import make_staff, make_user
from tests.support import sign_in


def test_signs_are_written_on_the_door():
    @public
    def shown():
        pass

    @requires(Permission.AUDIT_READ)
    def guarded():
        pass

    assert (shown.access, guarded.access) == (PUBLIC, Permission.AUDIT_READ)


class TestDoor:
    def test_the_public_enters_what_is_public(self, client):
        assert client.get("/sign-in").status_code == 200

    def test_nobody_is_sent_to_sign_in_and_back(self, client):
        answer = client.get("/account?tab=sessions")

        assert (answer.status_code, answer.location) == (303, "/sign-in?next=/account?tab%3Dsessions")

    def test_a_form_of_nobody_is_kept_and_brought_back(self, client):
        answer = client.post("/account/password", data={"old_password": "x"})

        assert (answer.status_code, answer.location) == (303, "/sign-in?next=/account/password")

    def test_who_holds_the_permission_enters(self, client):
        sign_in(client, make_staff("auditor"))

        assert client.get("/staff/audit").status_code == 200

    @pytest.mark.parametrize("role", ["verifier", "moderator", "finance"])
    def test_who_does_not_is_told_so(self, client, role):
        sign_in(client, make_staff(role))
        answer = client.get("/staff/audit")

        assert answer.status_code == 403
        assert "Your account does not allow this." in answer.text

    def test_a_member_is_no_staff(self, client):
        sign_in(client, make_user())

        assert client.get("/staff/audit").status_code == 403

    def test_staff_do_not_trade(self, client):
        sign_in(client, make_staff("admin"))

        assert client.get("/clinics").status_code == 403

    def test_without_a_confirmed_address_one_is_told_how_to_confirm_it(self, client):
        sign_in(client, make_user(confirmed=False))
        answer = client.get("/clinics")

        assert answer.status_code == 403
        assert "Please confirm your e-mail address first." in answer.text
        assert client.get("/account").status_code == 200

    def test_a_door_without_a_sign_stays_shut(self, app, client):
        unsigned = app.view_functions["account.home"]
        app.view_functions["account.home"] = lambda: "open"
        try:
            assert client.get("/account").status_code == 303
            sign_in(client, make_staff("admin"))
            assert client.get("/account").status_code == 403
        finally:
            app.view_functions["account.home"] = unsigned

    def test_a_page_that_does_not_exist_is_nobodys(self, client):
        assert client.get("/no-such-page").status_code == 404

    def test_an_ended_session_is_nobodys(self, client):
        sign_in(client, make_user())
        client.post("/sign-out")

        assert client.get("/account").status_code == 303


@pytest.mark.parametrize("permission", Permission)
def test_every_permission_is_granted_to_somebody(permission):
    assert GRANTED[permission]


def test_what_somebody_does_is_counted_under_their_own_name(app):
    person = make_user()
    grants = {"session_id": uuid4(), "name": "", "email": "", "staff_role": None, "email_confirmed": True}
    with app.test_request_context():
        g._login_user = Identity(id=person.id, **grants)
        assert by_person() == f"person:{person.id}"
