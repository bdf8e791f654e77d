"""What other rooms and pages ask about people."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self
from uuid import UUID

from sqlalchemy import func, literal, or_, select, union, union_all

from ..extensions import db
from ..kernel.errors import NotFound
from ..kernel.terms import StaffRole
from ..kernel.text import normal_email
from ..kernel.tokens import digest_of
from ..kernel.wording import gettext_noop
from .models import EmailChange, ParkedForm, TokenPurpose, User, UserSession
from .policy import rested_too_long
from .tokens import holder_of

PEOPLE_PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Person:
    """A person as other rooms and pages know them: no password, no session."""

    id: UUID
    name: str
    email: str
    staff_role: StaffRole | None
    email_confirmed_at: datetime | None
    disabled_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> Self:
        """Return what may be known of the row."""
        return cls(
            id=user.id,
            name=user.name,
            email=user.email,
            staff_role=user.staff_role,
            email_confirmed_at=user.email_confirmed_at,
            disabled_at=user.disabled_at,
            created_at=user.created_at,
        )


@dataclass(frozen=True, slots=True)
class LivingSession:
    """A sign-in that has not ended."""

    id: UUID
    created_at: datetime
    last_seen_at: datetime
    confirmed_at: datetime
    user_agent: str
    address: str


@dataclass(frozen=True, slots=True)
class Parked:
    """What somebody had typed on the page at `path` before their session ran out."""

    path: str
    fields: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class FoundPeople:
    """One page of people, and how many there are on all pages."""

    people: tuple[Person, ...]
    total: int

    @property
    def pages(self) -> int:
        """How many pages it takes to show all of them."""
        return max(1, -(-self.total // PEOPLE_PER_PAGE))


def person(user_id: UUID) -> Person:
    """
    Return the person.

    :raises NotFound: there is none of that id
    """
    user = db.session.get(User, user_id)
    if user is None:
        raise NotFound(gettext_noop("There is no such person."))
    return Person.of(user)


def people(user_ids: Iterable[UUID]) -> dict[UUID, Person]:
    """Return those of the people who exist, by id."""
    rows = db.session.scalars(select(User).where(User.id.in_(set(user_ids))))
    return {user.id: Person.of(user) for user in rows}


def person_at(email: str) -> Person:
    """
    Return whose address it is, however it is written.

    :raises NotFound: nobody's
    """
    user = db.session.scalar(select(User).where(User.email == normal_email(email)))
    if user is None:
        raise NotFound("Nobody has this address.")
    return Person.of(user)


def whose_once(email: str) -> UUID:
    """Return whose address it is, or else whose it was last: whoever is registered under it, or would want it back."""
    now = select(User.id, literal(0).label("age"), User.created_at.label("since")).where(User.email == email)
    once = select(EmailChange.user_id, literal(1), EmailChange.moved_at).where(
        EmailChange.old_email == email, EmailChange.moved_at.is_not(None)
    )
    either = union_all(now, once).subquery()
    found: UUID = db.session.scalars(select(either.c.id).order_by(either.c.age, either.c.since.desc()).limit(1)).one()
    return found


def addresses_of(user_ids: Iterable[UUID]) -> set[str]:
    """Return every address under which these people are known here, or once were."""
    ids = set(user_ids)
    once = select(EmailChange.old_email).where(EmailChange.user_id.in_(ids), EmailChange.moved_at.is_not(None))
    return set(db.session.scalars(union(select(User.email).where(User.id.in_(ids)), once)))


def address_to_come(user_id: UUID, *, at: datetime) -> str | None:
    """Return the address to which the person wants to change, while its link serves; None without such a wish."""
    return db.session.scalar(
        select(EmailChange.new_email).where(
            EmailChange.user_id == user_id,
            EmailChange.moved_at.is_(None),
            EmailChange.ended_at.is_(None),
            EmailChange.expires_at > at,
        )
    )


def staff() -> list[Person]:
    """Return everybody who holds a staff role, by name."""
    rows = db.session.scalars(select(User).where(User.staff_role.is_not(None)).order_by(User.name, User.id))
    return [Person.of(user) for user in rows]


def at_work(*roles: StaffRole) -> list[Person]:
    """Return the staff of these roles whose accounts are open, by name: those who can be told of something."""
    rows = db.session.scalars(
        select(User).where(User.staff_role.in_(roles), User.disabled_at.is_(None)).order_by(User.name, User.id)
    )
    return [Person.of(user) for user in rows]


def found_people(*, text: str = "", page: int = 1) -> FoundPeople:
    """Return the people whose name or address contains `text`, the newest first, one page of them."""
    wanted = select(User)
    for word in text.split():
        pattern = "%" + word.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        wanted = wanted.where(or_(User.name.ilike(pattern), User.email.ilike(pattern)))
    rows = db.session.scalars(
        wanted.order_by(User.created_at.desc(), User.id).limit(PEOPLE_PER_PAGE).offset((page - 1) * PEOPLE_PER_PAGE)
    )
    found = tuple(Person.of(user) for user in rows)
    total = db.session.scalar(select(func.count()).select_from(wanted.subquery())) or 0
    return FoundPeople(found, total)


def sessions_of(user_id: UUID, *, at: datetime) -> list[LivingSession]:
    """Return the person's sign-ins that have not ended, the last used first."""
    rows = db.session.execute(
        select(UserSession, User.staff_role)
        .join(UserSession.user)
        .where(UserSession.user_id == user_id, UserSession.ended_at.is_(None), UserSession.expires_at > at)
        .order_by(UserSession.last_seen_at.desc(), UserSession.id)
    )
    return [
        LivingSession(row.id, row.created_at, row.last_seen_at, row.confirmed_at, row.user_agent, row.address)
        for row, role in rows
        if not rested_too_long(last_seen_at=row.last_seen_at, staff=role is not None, at=at)
    ]


def person_of_link(token: str, *, purpose: TokenPurpose, at: datetime) -> Person:
    """
    Return whose mailed link it is, without using it up.

    :raises marketplace.accounts.tokens.LinkIsDead: it serves no more
    """
    return person(holder_of(token, purpose=purpose, at=at))


def user_behind(session_token: str) -> UUID | None:
    """Return whose session the token was of, also when it has ended; None when it never was one."""
    return db.session.scalar(select(UserSession.user_id).where(UserSession.token_digest == digest_of(session_token)))


def parked_form(ticket: str, *, user_id: UUID | None, at: datetime) -> Parked | None:
    """Return what was parked under the ticket, unless its time is over or it was somebody else's."""
    row = db.session.scalar(
        select(ParkedForm).where(ParkedForm.ticket_digest == digest_of(ticket), ParkedForm.expires_at > at)
    )
    if row is None or row.user_id not in {None, user_id}:
        return None
    return Parked(row.path, [(name, value) for name, value in row.fields])


def forgotten_after(at: datetime) -> datetime:
    """Return the moment before which ended sessions and dead tokens are of no use to anybody."""
    return at - timedelta(days=90)
