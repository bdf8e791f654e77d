"""What the database itself refuses about people, sessions and tokens, sent past the code."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, text

from marketplace.accounts.models import MailedToken, ParkedForm, TokenPurpose, User, UserSession
from marketplace.extensions import db
from tests.conftest import NOON
from tests.factories.accounts import make_session, make_user
from tests.support import assert_refused_by

SECOND = timedelta(seconds=1)


@pytest.fixture
def user():
    user = make_user()
    assert user.id  # Loaded now: inside a refusal the session cannot load anything.
    return user


@pytest.mark.parametrize("confirmed_at", [NOON - SECOND, NOON + 2 * SECOND])
def test_nobody_shows_who_they_are_outside_of_their_session(user, confirmed_at):
    with assert_refused_by("user_sessions_confirmed_while_it_lasts"):
        add_session(user, confirmed_at=confirmed_at)


def test_an_address_is_one_persons():
    user = make_user()

    with assert_refused_by("uq_users_email"):
        db.session.execute(insert(User).values(name="B", email=user.email, password_hash="x", created_at=NOON))


@pytest.mark.parametrize("email", ["Dana@clinic.example", "dana", "@clinic"])
def test_an_address_is_kept_in_its_normal_form(email):
    with assert_refused_by("users_email_is_normal"):
        db.session.execute(insert(User).values(name="B", email=email, password_hash="x", created_at=NOON))


def test_a_person_has_a_name():
    with assert_refused_by("users_name_is_given"):
        db.session.execute(insert(User).values(name=" ", email="a@b.co", password_hash="x", created_at=NOON))


def test_a_staff_role_is_one_of_ours():
    user = make_user()

    with assert_refused_by("users_staffrole"):
        db.session.execute(text("UPDATE users SET staff_role = 'king' WHERE id = :id"), {"id": user.id})


def add_session(user, **changes):
    given = {
        "user_id": user.id,
        "token_digest": b"d" * 32,
        "created_at": NOON,
        "last_seen_at": NOON,
        "expires_at": NOON + SECOND,
        "confirmed_at": NOON,
        "user_agent": "",
        "address": "",
    }
    db.session.execute(insert(UserSession).values({**given, **changes}))


def test_a_session_token_is_digested(user):
    with assert_refused_by("user_sessions_token_is_digested"):
        add_session(user, token_digest=b"d" * 31)


def test_a_session_token_is_one_sessions(user):
    add_session(user)
    with assert_refused_by("uq_user_sessions_token_digest"):
        add_session(user)


def test_a_session_ends_after_it_began(user):
    with assert_refused_by("user_sessions_expiry_follows_creation"):
        add_session(user, expires_at=NOON)


def test_the_end_of_a_session_has_a_reason(user):
    with assert_refused_by("user_sessions_end_has_a_reason"):
        add_session(user, ended_at=NOON)


def test_the_reason_is_one_of_ours():
    _, session = make_session(make_user(), at=NOON)

    with assert_refused_by("user_sessions_sessionend"):
        db.session.execute(
            text("UPDATE user_sessions SET ended_at = now(), ended_because = 'bored' WHERE id = :id"),
            {"id": session.id},
        )


def add_token(user, **changes):
    given = {
        "user_id": user.id,
        "purpose": TokenPurpose.CONFIRM_EMAIL,
        "digest": b"d" * 32,
        "created_at": NOON,
        "expires_at": NOON,
    }
    db.session.execute(insert(MailedToken).values({**given, **changes}))


def test_a_mailed_token_is_digested(user):
    with assert_refused_by("mailed_tokens_token_is_digested"):
        add_token(user, digest=b"d")


def test_a_mailed_token_is_one_persons(user):
    add_token(user)
    with assert_refused_by("uq_mailed_tokens_digest"):
        add_token(user)


def test_a_mailed_token_has_a_purpose_of_ours(user):
    add_token(user)
    with assert_refused_by("mailed_tokens_tokenpurpose"):
        db.session.execute(text("UPDATE mailed_tokens SET purpose = 'joy'"))


def test_a_ticket_is_one_forms():
    given = {"ticket_digest": b"d" * 32, "path": "/", "fields": [], "created_at": NOON, "expires_at": NOON}
    db.session.execute(insert(ParkedForm).values(given))
    with assert_refused_by("uq_parked_forms_ticket_digest"):
        db.session.execute(insert(ParkedForm).values(given))
