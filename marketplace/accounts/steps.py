"""What every act on an account is built of: lock the person, clean what they wrote, keep a password, leave an event."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert

from .. import audit
from ..extensions import adapter_of, db
from ..kernel.errors import Invalid, NotFound
from ..kernel.text import normal_email
from ..kernel.wording import gettext_noop
from ..notifications.service import promise_mail
from . import tokens
from .models import EmailChange, TokenPurpose, User
from .passwords import Passwords
from .policy import LONGEST_NAME, OLD_ADDRESS_KEPT_FOR, email_problem, password_problem

_ADDRESSES = 0x0E3A11
"""Under this number addresses are held, apart from whatever else takes locks without rows."""


def clean_name(name: str) -> str:
    """
    Return the name as one clean line.

    :raises Invalid: it is empty, too long, or carries what no name does
    """
    name = " ".join(name.split())
    if not name or not name.isprintable():
        raise Invalid(gettext_noop("Write your name as it stands on your certificates."), field="name")
    if len(name) > LONGEST_NAME:
        raise Invalid(f"Use at most {LONGEST_NAME} characters for the name.", field="name")
    return name


def clean_email(email: str) -> str:
    """
    Return the address as it is compared.

    :raises Invalid: it is none
    """
    address = normal_email(email)
    problem = email_problem(address)
    if problem is not None:
        raise Invalid(problem, field="email")
    return address


def new_hash(password: str, *, about: tuple[str, ...], field: str = "password") -> str:
    """
    Return what is kept of a password somebody chooses, none of whose words may be `about` them.

    :raises Invalid: it will not do
    """
    problem = password_problem(password, about=about)
    if problem is not None:
        raise Invalid(problem, field=field)
    return adapter_of(Passwords).hash(password)


def hold_addresses(*emails: str) -> None:
    """
    Let whoever gives or frees one of these addresses at this moment wait for us: an address is nobody's row yet.

    Taken before the people themselves are locked.
    """
    for email in sorted(emails):
        db.session.execute(select(func.pg_advisory_xact_lock(_ADDRESSES, func.hashtext(email))))


def is_taken(email: str, *, by_another_than: UUID | None = None, at: datetime) -> bool:
    """
    Say whether somebody else has the address, or had it until lately and may still want it back.

    Whoever moved away by a thief's hand needs their old address for a week: nobody may sit on it meanwhile.
    """
    has = select(User.id).where(User.email == email)
    had = select(EmailChange.id).where(
        EmailChange.old_email == email,
        EmailChange.moved_at > at - OLD_ADDRESS_KEPT_FOR,
        EmailChange.ended_at.is_(None),
    )
    if by_another_than is not None:
        has, had = has.where(User.id != by_another_than), had.where(EmailChange.user_id != by_another_than)
    return db.session.scalars(select(or_(has.exists(), had.exists()))).one()


def add_user(*, name: str, email: str, password_hash: str, at: datetime) -> UUID | None:
    """Add the person, or return None because the address is taken, also in a race."""
    hold_addresses(email)
    if is_taken(email, at=at):
        return None
    return db.session.scalar(
        insert(User)
        .values(id=uuid4(), name=name, email=email, password_hash=password_hash, created_at=at)
        .on_conflict_do_nothing(index_elements=[User.email])
        .returning(User.id)
    )


def locked(user_id: UUID) -> User:
    """
    Return the person, locked, so that what happens to their account happens one after the other.

    :raises NotFound: there is no such person
    """
    user = db.session.scalar(
        select(User).where(User.id == user_id).with_for_update(key_share=True).execution_options(populate_existing=True)
    )
    if user is None:
        raise NotFound(gettext_noop("There is no such person."))
    return user


def id_at(email: str) -> UUID:
    """
    Return whose address it is.

    :raises NotFound: nobody's
    """
    user_id = db.session.scalar(select(User.id).where(User.email == normal_email(email)))
    if user_id is None:
        raise NotFound("Nobody has this address.")
    return user_id


def replace_password(user: User, password_hash: str, *, at: datetime) -> None:
    """Keep the new password, let links for another one die, and tell the person by mail."""
    user.password_hash = password_hash
    for purpose in (TokenPurpose.RESET_PASSWORD, TokenPurpose.SECOND_STEP):
        tokens.cancel(user_id=user.id, purpose=purpose, at=at)
    promise_mail(to=user.email, template="password_changed", context={"name": user.name}, at=at)


def record(kind: str, user: User, *, actor_id: UUID | None, at: datetime, **data: object) -> None:
    """Leave an event about the account in the audit trail; from here on nothing else is locked."""
    audit.record(kind, actor_id=actor_id, subject_type="user", subject_id=user.id, at=at, **data)
