"""Sign-ins on the server's side: opened under a new token, looked up at every request, ended for a cause. Steps."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, update

from ..extensions import db, reading
from ..kernel.terms import StaffRole
from ..kernel.tokens import digest_of, new_token
from .access import Identity
from .models import SessionEnd, User, UserSession
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
_LIVING = """
    SELECT session.id, session.last_seen_at, session.confirmed_at, factor.on_since, person.id, person.name,
        person.email, person.staff_role, person.email_confirmed_at
    FROM user_sessions session JOIN users person ON person.id = session.user_id
    LEFT JOIN second_factors factor ON factor.user_id = person.id
    WHERE session.token_digest = %(digest)s AND session.ended_at IS NULL AND session.expires_at > %(at)s
        AND person.disabled_at IS NULL
"""


def living(*, token: str, at: datetime) -> tuple[Identity, bool] | None:
    """Return who is behind a living session, and whether it is time to write down that it was seen: one statement."""
    with reading() as connection:
        found = connection.exec_driver_sql(_LIVING, {"digest": digest_of(token), "at": at}).one_or_none()
    if found is None:
        return None
    session_id, last_seen_at, confirmed_at, factor_since, user_id, name, email, role, email_confirmed_at = found
    if rested_too_long(last_seen_at=last_seen_at, staff=role is not None, at=at):
        return None
    identity = Identity(
        id=user_id,
        session_id=session_id,
        name=name,
        email=email,
        staff_role=StaffRole(role) if role else None,
        email_confirmed=email_confirmed_at is not None,
        confirmed_at=confirmed_at,
        has_second_factor=factor_since is not None,
    )
    return identity, at - last_seen_at >= SEEN_IS_WRITTEN_EVERY


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
