"""Sign-ins on the server's side: opened under a new token, looked up at every request, ended for a cause. Steps."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, select, update

from ..extensions import db, reading
from ..kernel.tokens import digest_of, new_token
from .access import Identity
from .models import SecondFactor, SessionEnd, User, UserSession
from .policy import SEEN_IS_WRITTEN_EVERY, absolute_limit, rested_too_long

LONGEST_AGENT = 300


@dataclass(frozen=True, slots=True)
class SignIn:
    """A new session: the tokens are for the person's cookies and for nobody else; they are not kept here."""

    token: str
    browser: str
    session_id: UUID
    user_id: UUID
    expires_at: datetime


def open_session(*, user: User, at: datetime, user_agent: str, address: str, browser: str = "") -> SignIn:
    """Open a session under a token that never existed before, whatever the browser brought along."""
    token = new_token()
    row = UserSession(
        user_id=user.id,
        token_digest=digest_of(token),
        created_at=at,
        last_seen_at=at,
        confirmed_at=at,
        expires_at=at + absolute_limit(staff=user.staff_role is not None),
        user_agent=user_agent[:LONGEST_AGENT],
        address=address,
    )
    db.session.add(row)
    db.session.flush()
    return SignIn(token=token, browser=browser, session_id=row.id, user_id=user.id, expires_at=row.expires_at)


# Every page of a signed-in person begins with it: to put it together takes longer than to ask it.
_LIVING = (
    select(
        UserSession.id.label("session_id"),
        UserSession.last_seen_at,
        UserSession.confirmed_at,
        SecondFactor.on_since,
        User.id,
        User.name,
        User.email,
        User.staff_role,
        User.email_confirmed_at,
    )
    .join(User, User.id == UserSession.user_id)
    .outerjoin(SecondFactor, SecondFactor.user_id == User.id)
    .where(
        UserSession.token_digest == bindparam("digest"),
        UserSession.ended_at.is_(None),
        UserSession.expires_at > bindparam("at"),
        User.disabled_at.is_(None),
    )
)


def living(*, token: str, at: datetime) -> tuple[Identity, bool] | None:
    """Return who is behind a living session, and whether it is time to write down that it was seen: one statement."""
    with reading() as connection:
        row = connection.execute(_LIVING, {"digest": digest_of(token), "at": at}).one_or_none()
    if row is None or rested_too_long(last_seen_at=row.last_seen_at, staff=row.staff_role is not None, at=at):
        return None
    identity = Identity(
        id=row.id,
        session_id=row.session_id,
        name=row.name,
        email=row.email,
        staff_role=row.staff_role,
        email_confirmed=row.email_confirmed_at is not None,
        confirmed_at=row.confirmed_at,
        has_second_factor=row.on_since is not None,
    )
    return identity, at - row.last_seen_at >= SEEN_IS_WRITTEN_EVERY


def seen(*, session_id: UUID, at: datetime) -> None:
    """Write down that the session was used. An UPDATE, never more: what has ended in the meantime stays ended."""
    db.session.execute(
        update(UserSession)
        .where(UserSession.id == session_id, UserSession.ended_at.is_(None), UserSession.last_seen_at < at)
        .values(last_seen_at=at)
    )


def confirmed(*, session_id: UUID, at: datetime) -> bool:
    """Write down that the person showed that it is them; False if the session has ended in the meantime."""
    return (
        db.session.scalar(
            update(UserSession)
            .where(UserSession.id == session_id, UserSession.ended_at.is_(None), UserSession.expires_at > at)
            .values(confirmed_at=at)
            .returning(UserSession.id)
        )
        is not None
    )


def end_sessions(*conditions: ColumnElement[bool], because: SessionEnd, at: datetime) -> list[UUID]:
    """End every session that meets the conditions and has not ended yet; return which."""
    values: dict[str, Any] = {"ended_at": at, "ended_because": because}
    return list(
        db.session.scalars(
            update(UserSession)
            .where(UserSession.ended_at.is_(None), *conditions)
            .values(values)
            .returning(UserSession.id)
        )
    )
