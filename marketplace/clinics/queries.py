"""What other rooms and pages ask about clinics, sites and members."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from ..accounts.models import User
from ..extensions import db
from ..kernel.errors import Gone, NotFound, Refused
from ..kernel.money import Money
from ..kernel.terms import ClinicRole
from ..kernel.tokens import digest_of
from .access import EVERY_ROLE
from .models import Clinic, ClinicInvitation, ClinicMember, ClinicSite
from .states import SELLER, SellerBasis, SellerEvent, SellerStanding


class WrongRole(Refused):
    """The person belongs to the clinic, but their role there does not allow this."""

    code = "wrong_clinic_role"


class InvitationIsDead(Gone):
    """The invitation was accepted, withdrawn, replaced, has grown too old, or was never ours."""

    code = "invitation_is_dead"

    def __init__(self) -> None:
        super().__init__(
            "This invitation was used before, withdrawn, or has grown too old.",
            cure="Ask the clinic for a new one.",
        )


@dataclass(frozen=True, slots=True)
class ClinicFacts:
    """A clinic as pages know it."""

    id: UUID
    name: str
    legal_name: str
    seller_standing: SellerStanding
    seller_basis: SellerBasis | None
    seller_statement: str | None
    seller_asked_at: datetime | None
    seller_reason: str | None
    seller_evidence: str | None
    seller_checked_by: UUID | None
    seller_checked_at: datetime | None
    seller_first_checked_by: UUID | None
    purchase_limit: Money | None
    purchase_limit_then: Money | None
    purchase_limit_then_at: datetime | None
    created_at: datetime

    def limit_at(self, at: datetime) -> Money | None:
        """Return above which price a second person approves what is ordered then; None: never."""
        waits = self.purchase_limit_then_at is not None and self.purchase_limit_then_at <= at
        return self.purchase_limit_then if waits else self.purchase_limit

    @property
    def may_ask_to_sell(self) -> bool:
        """Whether the clinic can ask staff to look at it as a seller."""
        return SELLER.allows(self.seller_standing, SellerEvent.ASKED)


@dataclass(frozen=True, slots=True)
class Site:
    """A place of use."""

    id: UUID
    clinic_id: UUID
    clinic_name: str
    name: str
    street: str
    city: str
    state: str
    postal_code: str
    time_zone: str
    laser_safety_officer_id: UUID | None


@dataclass(frozen=True, slots=True)
class Member:
    """A person who belongs to a clinic."""

    user_id: UUID
    name: str
    email: str
    role: ClinicRole
    joined_at: datetime
    starts_on: date | None
    ends_on: date | None
    account_open: bool


@dataclass(frozen=True, slots=True)
class Membership:
    """What a person is to one of their clinics."""

    clinic_id: UUID
    clinic_name: str
    role: ClinicRole
    seller_standing: SellerStanding


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation that still stands."""

    id: UUID
    clinic_id: UUID
    clinic_name: str
    email: str
    role: ClinicRole
    invited_by: str
    invited_at: datetime
    expires_at: datetime
    starts_on: date | None
    ends_on: date | None


def clinic(clinic_id: UUID) -> ClinicFacts:
    """
    Return the clinic.

    :raises NotFound: there is none of that id
    """
    row = db.session.get(Clinic, clinic_id)
    if row is None:
        raise NotFound("There is no such clinic.")
    return _facts(row)


def memberships_of(user_id: UUID) -> list[Membership]:
    """Return what the person is to which clinics, by the clinics' names."""
    rows = db.session.execute(
        select(ClinicMember.clinic_id, Clinic.name, ClinicMember.role, Clinic.seller_standing)
        .join(ClinicMember.clinic)
        .where(ClinicMember.user_id == user_id, ClinicMember.left_at.is_(None))
        .order_by(Clinic.name, Clinic.id)
    )
    return [Membership(*row) for row in rows]


def require_role(*, user_id: UUID, clinic_id: UUID, roles: Collection[ClinicRole] = EVERY_ROLE) -> ClinicRole:
    """
    Return the person's role in the clinic.

    :raises NotFound: they do not belong to it, or there is no such clinic: strangers learn neither
    :raises WrongRole: they do, but not in one of `roles`
    """
    role = db.session.scalar(
        select(ClinicMember.role).where(
            ClinicMember.clinic_id == clinic_id,
            ClinicMember.user_id == user_id,
            ClinicMember.left_at.is_(None),
        )
    )
    if role is None:
        raise NotFound("There is no such clinic.")
    if role not in roles:
        allowed = " or ".join(sorted(roles))
        raise WrongRole(f"As {role} of this clinic you cannot do this.", cure=f"Ask one who is {allowed} there.")
    return role


def members_of(clinic_id: UUID) -> list[Member]:
    """Return the people who belong to the clinic, by name."""
    rows = db.session.execute(
        select(
            User.id,
            User.name,
            User.email,
            ClinicMember.role,
            ClinicMember.joined_at,
            ClinicMember.starts_on,
            ClinicMember.ends_on,
            User.disabled_at.is_(None),
        )
        .join(User, User.id == ClinicMember.user_id)
        .where(ClinicMember.clinic_id == clinic_id, ClinicMember.left_at.is_(None))
        .order_by(User.name, User.id)
    )
    return [Member(*row) for row in rows]


def other_owners(clinic_id: UUID, user_id: UUID) -> list[Member]:
    """Return the owners of the clinic beside this person who stay."""
    return [
        other
        for other in members_of(clinic_id)
        if other.role is ClinicRole.OWNER and other.user_id != user_id
        # Whoever has a last day goes by themselves, and nobody is asked then; who cannot sign in runs nothing.
        if other.ends_on is None and other.account_open
    ]


def member(*, clinic_id: UUID, user_id: UUID) -> Member:
    """
    Return the member.

    :raises NotFound: the person does not belong to the clinic
    """
    found = next((one for one in members_of(clinic_id) if one.user_id == user_id), None)
    if found is None:
        raise NotFound("This person does not belong to the clinic.")
    return found


def sites_of(clinic_id: UUID) -> list[Site]:
    """Return the clinic's open sites, by name."""
    rows = db.session.execute(
        _sites().where(ClinicSite.clinic_id == clinic_id).order_by(ClinicSite.name, ClinicSite.id)
    )
    return [Site(*row) for row in rows]


def sites_of_person(user_id: UUID) -> list[Site]:
    """Return the open sites of every clinic the person belongs to, by the names of clinic and site."""
    rows = db.session.execute(
        _sites()
        .join(ClinicMember, ClinicMember.clinic_id == ClinicSite.clinic_id)
        .where(ClinicMember.user_id == user_id, ClinicMember.left_at.is_(None))
        .order_by(Clinic.name, ClinicSite.name, ClinicSite.id)
    )
    return [Site(*row) for row in rows]


def open_sites() -> list[Site]:
    """Return every open site of every clinic, by the names of clinic and site."""
    return [Site(*row) for row in db.session.execute(_sites().order_by(Clinic.name, ClinicSite.name, ClinicSite.id))]


def site(site_id: UUID) -> Site:
    """
    Return the open site.

    :raises NotFound: there is none of that id, or it is closed
    """
    row = db.session.execute(_sites().where(ClinicSite.id == site_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such site, or it is closed.")
    return Site(*row)


def site_of_record(site_id: UUID) -> Site:
    """
    Return the site, also one that was closed since: what was asked about it stays on record.

    :raises NotFound: there is none of that id
    """
    row = db.session.execute(every_site().where(ClinicSite.id == site_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such site.")
    return Site(*row)


def seller_standings(clinic_ids: Iterable[UUID]) -> dict[UUID, SellerStanding]:
    """Return how each of the clinics stands as a seller; unknown ones are left out."""
    rows = db.session.execute(select(Clinic.id, Clinic.seller_standing).where(Clinic.id.in_(set(clinic_ids))))
    return {row.id: row.seller_standing for row in rows}


def sellers(standing: SellerStanding) -> list[ClinicFacts]:
    """Return the clinics of one standing, those first that have waited longest since they asked."""
    rows = db.session.scalars(
        select(Clinic)
        .where(Clinic.seller_standing == standing)
        .order_by(Clinic.seller_asked_at.asc().nulls_last(), Clinic.name, Clinic.id)
    )
    return [_facts(row) for row in rows]


def ever_member(*, user_id: UUID, clinic_id: UUID) -> bool:
    """Say whether the person belongs to the clinic or ever did."""
    row = select(ClinicMember.id).where(ClinicMember.clinic_id == clinic_id, ClinicMember.user_id == user_id)
    return db.session.scalar(row.limit(1)) is not None


def clinics_ever_of(user_id: UUID) -> set[UUID]:
    """Return the clinics that the person belongs to or ever did."""
    return set(db.session.scalars(select(ClinicMember.clinic_id).where(ClinicMember.user_id == user_id)))


def invitations_of(clinic_id: UUID, *, at: datetime) -> list[Invitation]:
    """Return the clinic's invitations that still stand, the newest first."""
    rows = db.session.execute(
        _invitations(at)
        .where(ClinicInvitation.clinic_id == clinic_id)
        .order_by(ClinicInvitation.invited_at.desc(), ClinicInvitation.id)
    )
    return [Invitation(*row) for row in rows]


def invitation(token: str, *, at: datetime) -> Invitation:
    """
    Return the invitation behind a mailed link, without accepting it.

    :raises InvitationIsDead: it does not stand any more
    """
    row = db.session.execute(_invitations(at).where(ClinicInvitation.token_digest == digest_of(token))).one_or_none()
    if row is None:
        raise InvitationIsDead
    return Invitation(*row)


def _facts(row: Clinic) -> ClinicFacts:
    return ClinicFacts(
        id=row.id,
        name=row.name,
        legal_name=row.legal_name,
        seller_standing=row.seller_standing,
        seller_basis=row.seller_basis,
        seller_statement=row.seller_statement,
        seller_asked_at=row.seller_asked_at,
        seller_reason=row.seller_reason,
        seller_evidence=row.seller_evidence,
        seller_checked_by=row.seller_checked_by,
        seller_checked_at=row.seller_checked_at,
        seller_first_checked_by=row.seller_first_checked_by,
        purchase_limit=_money(row.purchase_limit_minor),
        purchase_limit_then=_money(row.purchase_limit_then_minor),
        purchase_limit_then_at=row.purchase_limit_then_at,
        created_at=row.created_at,
    )


def _money(minor: int | None) -> Money | None:
    return Money(minor) if minor is not None else None


def every_site() -> Select[*tuple[Any, ...]]:
    """Return the question for sites as `Site` takes them, closed ones too; for the queries of this room."""
    return select(
        ClinicSite.id,
        ClinicSite.clinic_id,
        Clinic.name,
        ClinicSite.name,
        ClinicSite.street,
        ClinicSite.city,
        ClinicSite.state,
        ClinicSite.postal_code,
        ClinicSite.time_zone,
        ClinicSite.laser_safety_officer_id,
    ).join(ClinicSite.clinic)


def _sites() -> Select[*tuple[Any, ...]]:
    return every_site().where(ClinicSite.closed_at.is_(None))


def _invitations(at: datetime) -> Select[*tuple[Any, ...]]:
    return (
        select(
            ClinicInvitation.id,
            ClinicInvitation.clinic_id,
            Clinic.name,
            ClinicInvitation.email,
            ClinicInvitation.role,
            User.name,
            ClinicInvitation.invited_at,
            ClinicInvitation.expires_at,
            ClinicInvitation.starts_on,
            ClinicInvitation.ends_on,
        )
        .join(ClinicInvitation.clinic)
        .join(User, User.id == ClinicInvitation.invited_by)
        .where(
            ClinicInvitation.accepted_at.is_(None),
            ClinicInvitation.withdrawn_at.is_(None),
            ClinicInvitation.expires_at > at,
        )
    )
