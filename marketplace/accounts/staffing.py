"""What the house does: appoint and hire its staff, and close or open other people's accounts."""

from datetime import datetime
from uuid import UUID

from .. import ripple
from ..extensions import unit_of_work
from ..kernel.errors import Conflict, Invalid, Refused
from ..kernel.terms import StaffRole
from ..ripple import Ground
from . import factors
from .closing import close
from .models import SessionEnd, UserSession
from .queries import Person
from .sessions import end_sessions
from .steps import add_user, clean_email, clean_name, id_at, locked, new_hash, record, replace_password


class NotYourself(Refused):
    """Staff do not do this to their own account."""

    code = "not_yourself"


def end_sessions_of(*, user_id: UUID, actor_id: UUID, at: datetime) -> int:
    """
    End all sessions of a person on behalf of the house; return how many.

    :raises NotFound: there is no such person
    """
    with unit_of_work():
        user = locked(user_id)
        ended = end_sessions(UserSession.user_id == user_id, because=SessionEnd.ENDED_BY_STAFF, at=at)
        record("account:sessions_ended", user, actor_id=actor_id, at=at, sessions=ended)
        return len(ended)


def disable(*, user_id: UUID, actor_id: UUID, reason: str, at: datetime) -> None:
    """
    Close the account to its person and end their sessions. What they did stays on record; their orders are held.

    :raises NotFound: there is no such person
    :raises NotYourself: the account is the actor's own
    :raises Conflict: it is disabled already
    :raises Invalid: no reason is given
    """
    if user_id == actor_id:
        raise NotYourself("You cannot disable your own account.", cure="Ask another administrator.")
    if not reason.strip():
        raise Invalid("Say why, for the record.", field="reason")
    with unit_of_work():
        user = locked(user_id)
        close(user, actor_id=actor_id, reason=reason.strip(), at=at)


def enable(*, user_id: UUID, actor_id: UUID, reason: str, at: datetime) -> None:
    """
    Open a disabled account to its person again; they sign in anew.

    :raises NotFound: there is no such person
    :raises Conflict: it is not disabled
    :raises Invalid: no reason is given
    """
    if not reason.strip():
        raise Invalid("Say why, for the record.", field="reason")
    with unit_of_work():
        user = locked(user_id)
        if user.disabled_at is None:
            raise Conflict("This account is not disabled.")
        user.disabled_at, user.reopened_at = None, at
        ripple.changed(Ground(person_id=user.id))
        record("account:enabled", user, actor_id=actor_id, at=at, reason=reason.strip())


def appoint(*, email: str, role: StaffRole | None, at: datetime) -> Person:
    """
    Give the person a staff role, or take it away with None. Their sessions end: rights never change under one.

    :raises NotFound: nobody has this address
    """
    with unit_of_work():
        user = locked(id_at(email))
        user.staff_role = role
        # Whoever runs commands on this machine vouches for the address.
        user.email_confirmed_at = user.email_confirmed_at or at
        end_sessions(UserSession.user_id == user.id, because=SessionEnd.ROLE_CHANGED, at=at)
        record("staff:appointed" if role else "staff:dismissed", user, actor_id=None, at=at, role=role)
        return Person.of(user)


def hire(*, name: str, email: str, password: str, role: StaffRole, at: datetime) -> Person:
    """
    Open an account for a member of staff, address taken as confirmed.

    :raises Invalid: name, address or password will not do
    :raises Conflict: the address has an account already
    """
    name, address = clean_name(name), clean_email(email)
    password_hash = new_hash(password, about=(name, address))
    with unit_of_work():
        user_id = add_user(name=name, email=address, password_hash=password_hash, at=at)
        if user_id is None:
            raise Conflict("This address has an account already.", cure="Appoint it without a new password.")
        user = locked(user_id)
        user.email_confirmed_at = at
        user.staff_role = role
        record("staff:appointed", user, actor_id=None, at=at, role=role)
        return Person.of(user)


def forget_second_factor(*, email: str, at: datetime) -> Person:
    """
    Take a second factor away by command from somebody who has lost it, end their sessions, and tell them by mail.

    :raises NotFound: nobody has this address
    :raises Conflict: they have none
    """
    with unit_of_work():
        user = locked(id_at(email))
        if not factors.forget(user, at=at):
            raise Conflict("This person has no second factor.")
        end_sessions(UserSession.user_id == user.id, because=SessionEnd.ENDED_BY_STAFF, at=at)
        record("account:second_factor_forgotten_by_command", user, actor_id=None, at=at)
        return Person.of(user)


def set_password(*, email: str, password: str, at: datetime) -> Person:
    """
    Set a person's password by command, end their sessions, and tell them by mail.

    :raises NotFound: nobody has this address
    :raises Invalid: the password will not do
    """
    with unit_of_work():
        user = locked(id_at(email))
        replace_password(user, new_hash(password, about=(user.name, user.email)), at=at)
        end_sessions(UserSession.user_id == user.id, because=SessionEnd.PASSWORD_CHANGED, at=at)
        record("account:password_set_by_command", user, actor_id=None, at=at)
        return Person.of(user)
