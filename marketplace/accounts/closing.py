"""An account is closed: by an administrator, or by the person whose it is."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete

from .. import ripple
from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict, Refused
from ..notifications.service import promise_mail
from ..ripple import Cause, Ground, Loss
from . import tokens
from .models import KnownBrowser, ParkedForm, SessionEnd, TokenPurpose, User, UserSession
from .sessions import end_sessions
from .steps import locked, record

BY_ITS_OWNER = "Closed by the person whose it is."


class StaffAccount(Refused):
    """Who works for the house does not go without its knowing."""

    code = "staff_account"

    def __init__(self) -> None:
        super().__init__("Accounts of staff are closed by an administrator.", cure="Ask another administrator.")


def close(user: User, *, actor_id: UUID, reason: str, at: datetime) -> None:
    """
    Close the account of a locked person, end their sessions, and hold what rests on them. A step.

    :raises Conflict: it is closed already
    """
    if user.disabled_at is not None:
        raise Conflict("This account is disabled already.")
    user.disabled_at = at
    for purpose in TokenPurpose:
        tokens.cancel(user_id=user.id, purpose=purpose, at=at)
    end_sessions(UserSession.user_id == user.id, because=SessionEnd.ACCOUNT_DISABLED, at=at)
    words = f"The account of {user.name} was closed."
    ripple.lost(Loss(Cause.ACCOUNT_CLOSED, Ground(person_id=user.id), user.id, words), actor_id=actor_id, at=at)
    record("account:disabled", user, actor_id=actor_id, at=at, reason=reason)


def close_own(*, user_id: UUID, at: datetime) -> None:
    """
    Close one's own account; forms kept for it and the browsers it knew are forgotten. They are mailed that it is done.

    :raises NotFound: there is no such person
    :raises StaffAccount: they are staff
    :raises Conflict: it is closed already
    """
    with unit_of_work():
        user = locked(user_id)
        if user.staff_role is not None:
            raise StaffAccount
        for kept in (ParkedForm, KnownBrowser):
            db.session.execute(delete(kept).where(kept.user_id == user_id))
        promise_mail(to=user.email, template="account_closed", context={"name": user.name}, at=at)
        close(user, actor_id=user_id, reason=BY_ITS_OWNER, at=at)
