"""What pages and commands ask about partners, codes and the questions asked with them, as plain values."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select

from ..clinics.models import Clinic, ClinicSite
from ..eligibility.verdict import Verdict
from ..extensions import db
from ..kernel.errors import NotFound
from .models import Partner, PartnerAnswer, PartnerKey, SharingCode
from .tokens import written
from .told import reasons_of

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Key:
    """A key, spoken of by its prefix."""

    prefix: str
    made_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class PartnerFacts:
    """A partner and its keys, the newest first."""

    id: UUID
    name: str
    email: str
    opened_at: datetime
    ended_at: datetime | None
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Shared:
    """A code as its person looks at it: for whom, for which site, until when, and how often it was used."""

    id: UUID
    partner: str
    ending: str
    clinic: str
    site: str
    state: str
    given_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    asked: int
    asked_last_at: datetime | None

    def is_living(self, at: datetime) -> bool:
        """Say whether its partner may still ask with it."""
        return self.revoked_at is None and at < self.expires_at


@dataclass(frozen=True, slots=True)
class Asked:
    """One question that was asked with a code, and what its partner was told."""

    receipt: str
    model: str
    allowed: bool
    reasons: tuple[str, ...]
    at: datetime


def partners() -> list[PartnerFacts]:
    """Return every partner with its keys, by name; in two statements."""
    keys: dict[UUID, list[Key]] = {}
    for row in db.session.scalars(select(PartnerKey).order_by(PartnerKey.made_at.desc(), PartnerKey.prefix)):
        keys.setdefault(row.partner_id, []).append(Key(row.prefix, row.made_at, row.used_at, row.revoked_at))
    rows = db.session.scalars(select(Partner).order_by(func.lower(Partner.name), Partner.opened_at))
    return [
        PartnerFacts(row.id, row.name, row.email, row.opened_at, row.ended_at, tuple(keys.get(row.id, ())))
        for row in rows
    ]


def choice() -> list[tuple[UUID, str]]:
    """Return whom somebody can let ask, by name."""
    rows = db.session.execute(
        select(Partner.id, Partner.name).where(Partner.ended_at.is_(None)).order_by(func.lower(Partner.name))
    )
    return [(row.id, row.name) for row in rows]


def shared_by(person_id: UUID) -> list[Shared]:
    """Return every code that the person ever gave, the newest first."""
    rows = db.session.execute(
        _shared().where(SharingCode.person_id == person_id).order_by(SharingCode.given_at.desc(), SharingCode.id)
    )
    return [Shared(*row) for row in rows]


def shared(sharing_id: UUID, *, person_id: UUID) -> Shared:
    """
    Return one code of the person's.

    :raises NotFound: it is not theirs
    """
    row = db.session.execute(
        _shared().where(SharingCode.id == sharing_id, SharingCode.person_id == person_id)
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such code of yours.")
    return Shared(*row)


def asked_with(sharing_id: UUID, *, page: int = 1) -> list[Asked]:
    """Return what was asked with a code and answered, the newest first, a page at a time."""
    rows = db.session.execute(
        select(PartnerAnswer)
        .where(PartnerAnswer.sharing_code_id == sharing_id)
        .order_by(PartnerAnswer.position.desc())
        .limit(PER_PAGE)
        .offset((max(page, 1) - 1) * PER_PAGE)
    ).scalars()
    return [
        Asked(
            receipt=written(row.receipt_code),
            model=f"{row.facts['device']['maker']} {row.facts['device']['model']}",
            allowed=row.allowed,
            reasons=tuple(reasons_of(Verdict.from_json(row.verdict))),
            at=row.answered_at,
        )
        for row in rows
    ]


def _shared() -> Select[Any]:
    asked = (
        select(func.count().label("number"), func.max(PartnerAnswer.answered_at).label("last"))
        .where(PartnerAnswer.sharing_code_id == SharingCode.id)
        .lateral()
    )
    return (
        select(
            SharingCode.id,
            Partner.name,
            SharingCode.ending,
            Clinic.name,
            ClinicSite.name,
            ClinicSite.state,
            SharingCode.given_at,
            SharingCode.expires_at,
            SharingCode.revoked_at,
            asked.c.number,
            asked.c.last,
        )
        .join(Partner, Partner.id == SharingCode.partner_id)
        .join(ClinicSite, ClinicSite.id == SharingCode.site_id)
        .join(Clinic, Clinic.id == SharingCode.clinic_id)
        .join(asked, asked.c.number >= 0)
    )
