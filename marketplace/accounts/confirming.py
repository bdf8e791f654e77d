"""Ask somebody who is signed in whether it is them: what a session alone does not carry needs their password again."""

from datetime import datetime
from uuid import UUID

from ..extensions import adapter_of, db, unit_of_work
from ..kernel.errors import Gone, Invalid
from ..kernel.wording import gettext_noop
from . import factors
from .models import User
from .passwords import Passwords
from .sessions import confirmed
from .steps import locked, record


class SessionIsOver(Gone):
    """The session ended while its person was being asked."""

    code = "session_is_over"

    def __init__(self) -> None:
        super().__init__(gettext_noop("You were signed out in the meantime."), cure=gettext_noop("Sign in again."))


def confirm(*, user_id: UUID, session_id: UUID, password: str, at: datetime, code: str = "") -> None:
    """
    Take the password, and a code of those who have a second factor, as proof that it is still the person.

    :raises Invalid: the password is wrong
    :raises marketplace.accounts.factors.WrongCode: the code does not fit, or was used
    :raises SessionIsOver: the session, or the password, is not any more what it was
    """
    kept = db.session.get_one(User, user_id).password_hash
    if not adapter_of(Passwords).fits(password, kept):
        raise Invalid(gettext_noop("This is not your password."), field="password")
    with unit_of_work():
        user = locked(user_id)
        # Checking took a while: a password changed or a session ended meanwhile must win.
        if user.password_hash != kept or not confirmed(session_id=session_id, at=at):
            raise SessionIsOver
        if factors.is_on(user_id):
            factors.spend(user, code, at=at)
        record("account:confirmed", user, actor_id=user.id, at=at, session=session_id)
