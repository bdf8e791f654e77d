"""Who belonged to a clinic at a moment that is over, and which site was open then."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select

from ..accounts.models import User
from ..extensions import db
from ..kernel.errors import NotFound
from .models import ClinicMember, ClinicSite
from .queries import Member, Site, every_site


def members_at(clinic_id: UUID, then: datetime) -> list[Member]:
    """Return the people who belonged to the clinic at `then`, by name, each with the role of today or of the end."""
    rows = db.session.execute(
        select(
            User.id,
            User.name,
            User.email,
            ClinicMember.role,
            ClinicMember.joined_at,
            ClinicMember.starts_on,
            ClinicMember.ends_on,
            or_(User.disabled_at.is_(None), User.disabled_at > then),
        )
        .join(User, User.id == ClinicMember.user_id)
        .where(
            ClinicMember.clinic_id == clinic_id,
            ClinicMember.joined_at <= then,
            or_(ClinicMember.left_at.is_(None), ClinicMember.left_at > then),
        )
        .order_by(User.name, User.id)
    )
    return [Member(*row) for row in rows]


def site_at(site_id: UUID, then: datetime) -> Site:
    """
    Return the site as it was open at `then`.

    :raises NotFound: it was not
    """
    row = db.session.execute(
        every_site().where(
            ClinicSite.id == site_id,
            ClinicSite.created_at <= then,
            or_(ClinicSite.closed_at.is_(None), ClinicSite.closed_at > then),
        )
    ).one_or_none()
    if row is None:
        raise NotFound("There was no such site then.")
    return Site(*row)


def sites_ever_of(user_id: UUID) -> list[Site]:
    """Return every site of every clinic that the person belongs to or ever did, by the names of clinic and site."""
    theirs = select(ClinicMember.clinic_id).where(ClinicMember.user_id == user_id)
    rows = db.session.execute(
        every_site().where(ClinicSite.clinic_id.in_(theirs)).order_by(ClinicSite.name, ClinicSite.id)
    )
    return [Site(*row) for row in rows]
