"""What pages ask about inspections."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import aliased

from ..accounts.models import User
from ..clinics.access import MANAGERS
from ..clinics.models import Clinic, ClinicMember
from ..extensions import db
from ..kernel.errors import NotFound
from ..listings.models import Listing
from .models import Inspection, InspectionReport, Inspector
from .states import LIVE, InspectionKind, InspectionState


@dataclass(frozen=True, slots=True)
class Signed:
    """What an inspector signed. `document` is what is kept, word for word."""

    document: dict[str, Any]
    digest: str
    signed_name: str
    signed_at: datetime


@dataclass(frozen=True, slots=True)
class InspectionFacts:
    """An inspection as its buyer, its seller, its inspector and staff see it."""

    id: UUID
    listing_id: UUID
    title: str
    seller_clinic_id: UUID
    seller_name: str
    asker_id: UUID
    asker_name: str
    kind: InspectionKind
    words: str
    state: InspectionState
    asked_at: datetime
    seller_words: str | None
    inspector_id: UUID | None
    inspector_name: str | None
    inspector_firm: str | None
    report_id: UUID | None
    closed_because: str | None


@dataclass(frozen=True, slots=True)
class InspectorFacts:
    """Somebody who looks at devices for others."""

    user_id: UUID
    name: str
    email: str
    firm: str
    skills: str
    appointed_at: datetime


def sellers_of(listing_id: UUID) -> list[UUID]:
    """Return who runs the clinic that sells a unit and can sign in, those who joined first before the others."""
    return list(
        db.session.scalars(
            select(ClinicMember.user_id)
            .join(Listing, Listing.clinic_id == ClinicMember.clinic_id)
            .join(User, User.id == ClinicMember.user_id)
            .where(
                Listing.id == listing_id, ClinicMember.left_at.is_(None), ClinicMember.role.in_(MANAGERS),
                User.disabled_at.is_(None),
            )
            .order_by(ClinicMember.joined_at, ClinicMember.user_id)
        )
    )  # fmt: skip


def of_person(user_id: UUID) -> list[InspectionFacts]:
    """Return what somebody asked for, was asked to allow, or inspects, the latest first."""
    return _facts(_theirs(user_id))


def one(inspection_id: UUID, *, user_id: UUID) -> InspectionFacts:
    """
    Return an inspection to one of its three sides.

    :raises NotFound: there is none, or it is none of theirs
    """
    found = _facts(_theirs(user_id), Inspection.id == inspection_id)
    if not found:
        raise NotFound("There is no such inspection among yours.")
    return found[0]


def live() -> list[InspectionFacts]:
    """Return what staff have to do with, those first that wait longest."""
    return list(reversed(_facts(Inspection.state.in_(LIVE))))


def signed(inspection_id: UUID) -> Signed | None:
    """Return what was signed, if it was. Asks nothing about the reader."""
    row = db.session.get(InspectionReport, inspection_id)
    return Signed(json.loads(row.canonical), row.digest, row.signed_name, row.signed_at) if row is not None else None


def inspectors() -> list[InspectorFacts]:
    """Return those who look at devices now, by name."""
    rows = db.session.execute(
        select(Inspector.user_id, User.name, User.email, Inspector.firm, Inspector.skills, Inspector.appointed_at)
        .join(User, User.id == Inspector.user_id)
        .where(Inspector.ended_at.is_(None), User.disabled_at.is_(None))
        .order_by(User.name, Inspector.user_id)
    )
    return [InspectorFacts(*row) for row in rows]


def _theirs(user_id: UUID) -> ColumnElement[bool]:
    run = select(ClinicMember.clinic_id).where(
        ClinicMember.user_id == user_id, ClinicMember.left_at.is_(None), ClinicMember.role.in_(MANAGERS)
    )
    return or_(Inspection.asker_id == user_id, Inspection.inspector_id == user_id, Listing.clinic_id.in_(run))


def _facts(*which: ColumnElement[bool]) -> list[InspectionFacts]:
    asker, looks = aliased(User), aliased(User)
    rows: Sequence[Any] = db.session.execute(
        select(
            Inspection.id, Inspection.listing_id, Listing.title, Listing.clinic_id, Clinic.name, Inspection.asker_id,
            asker.name, Inspection.kind, Inspection.words, Inspection.state, Inspection.asked_at,
            Inspection.seller_words, Inspection.inspector_id, looks.name, Inspector.firm, Inspection.report_id,
            Inspection.closed_because,
        )
        .join(Listing, Listing.id == Inspection.listing_id)
        .join(Clinic, Clinic.id == Listing.clinic_id)
        .join(asker, asker.id == Inspection.asker_id)
        .outerjoin(looks, looks.id == Inspection.inspector_id)
        .outerjoin(Inspector, Inspector.user_id == Inspection.inspector_id)
        .where(*which)
        .order_by(Inspection.asked_at.desc(), Inspection.id)
        .limit(200)
    ).all()  # fmt: skip
    return [InspectionFacts(*row) for row in rows]
