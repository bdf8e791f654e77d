"""Shut an account for whoever got into it, so that its person begins anew with a password of theirs. A step."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete

from ..extensions import adapter_of, db
from ..kernel.tokens import new_token
from . import factors, tokens
from .models import KnownBrowser, SessionEnd, TokenPurpose, User, UserSession
from .passwords import Passwords
from .sessions import end_sessions


@dataclass(frozen=True, slots=True)
class Shut:
    """Which sessions ended, and the token of a link for a new password: None for staff, who get theirs by command."""

    sessions: list[UUID]
    right: str | None


def password_of_nobody() -> str:
    """Return what is kept of a password that nobody knows. It takes a while: made before anything is locked."""
    return adapter_of(Passwords).hash(new_token())


def shut(user: User, *, password_hash: str, since: datetime, at: datetime) -> Shut:
    """
    End the sessions of a locked person, let their password open nothing, and know no browser of theirs any more.

    A second factor that was set up after `since` goes, too: it is whoever got in who has it.
    """
    user.password_hash = password_hash
    for purpose in (TokenPurpose.SECOND_STEP, TokenPurpose.RESET_PASSWORD):
        tokens.cancel(user_id=user.id, purpose=purpose, at=at)
    ended = end_sessions(UserSession.user_id == user.id, because=SessionEnd.DISOWNED, at=at)
    db.session.execute(delete(KnownBrowser).where(KnownBrowser.user_id == user.id))
    factors.forget_since(user, since=since, at=at)
    right = None
    if user.staff_role is None:
        right = tokens.issue(user_id=user.id, purpose=TokenPurpose.RESET_PASSWORD, at=at)
    return Shut(ended, right)
