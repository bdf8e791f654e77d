"""Somebody who is signed in shows again that it is them; who cannot has confirmed nothing."""

from datetime import timedelta

import pytest
from sqlalchemy import update

from marketplace import audit
from marketplace.accounts import confirming, service
from marketplace.accounts.models import SessionEnd, User, UserSession
from marketplace.accounts.passwords import Passwords
from marketplace.extensions import adapter_of, db
from marketplace.kernel.errors import Invalid
from tests.conftest import NOON
from tests.factories.accounts import PASSWORD, hash_of, make_session, make_user

LATER = NOON + timedelta(hours=1)


def confirm(user, session, *, password=PASSWORD, at=LATER):
    confirming.confirm(user_id=user.id, session_id=session.id, password=password, at=at)


def events(user) -> list[str]:
    return [event.kind for event in audit.events_about("user", user.id)]


class TestConfirm:
    def test_the_password_confirms_this_session_and_no_other(self):
        user = make_user()
        token, session = make_session(user, at=NOON)
        _, other = make_session(user, at=NOON)

        confirm(user, session)

        assert service.identity_of(token=token, at=LATER).confirmed_at == LATER
        assert (session.confirmed_at, other.confirmed_at) == (LATER, NOON)
        [event] = audit.events_about("user", user.id)
        assert (event.kind, event.actor_id, event.data) == ("account:confirmed", user.id, {"session": str(session.id)})

    def test_a_wrong_password_confirms_nothing(self):
        user = make_user()
        _, session = make_session(user, at=NOON)

        with pytest.raises(Invalid) as refusal:
            confirm(user, session, password="seven ruby lantern")

        assert refusal.value.field == "password"
        assert session.confirmed_at == NOON
        assert events(user) == []

    @pytest.mark.parametrize(
        "values", [{"expires_at": LATER}, {"ended_at": NOON, "ended_because": SessionEnd.SIGNED_OUT}]
    )
    def test_a_session_that_is_over_is_not_confirmed(self, values):
        user = make_user()
        _, session = make_session(user, at=NOON, **values)

        with pytest.raises(confirming.SessionIsOver):
            confirm(user, session)

        assert session.confirmed_at == NOON
        assert events(user) == []

    def test_a_password_that_is_changed_while_it_is_checked_wins(self, monkeypatch):
        user = make_user()
        _, session = make_session(user, at=NOON)

        def slowly(_password, _kept):
            db.session.execute(update(User).values(password_hash=hash_of("four words nobody says")))
            return True

        monkeypatch.setattr(adapter_of(Passwords), "fits", slowly)
        with pytest.raises(confirming.SessionIsOver):
            confirm(user, session)

        assert db.session.get_one(UserSession, session.id).confirmed_at == NOON
        assert events(user) == []

    def test_signing_in_is_the_first_confirmation(self):
        user = make_user()

        signed_in = service.sign_in(email=user.email, password=PASSWORD, at=NOON)

        assert service.identity_of(token=signed_in.token, at=NOON).confirmed_at == NOON
