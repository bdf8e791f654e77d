"""Who belonged to a clinic at a moment that is over and as what, which site was open then, and who its officer was."""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute
from sqlalchemy.sql.selectable import LateralFromClause

from ..accounts.models import AccountClosure, User
from ..extensions import db
from ..kernel.errors import NotFound
from .models import ClinicMember, ClinicSite, MemberBefore, SiteBefore
from .queries import Member, Site, every_site


def members_at(clinic_id: UUID, then: datetime) -> list[Member]:
    """Return the people who belonged to the clinic at `then`, by name, each with the role and days of that moment."""
    was = _first_after(MemberBefore, MemberBefore.member_id == ClinicMember.id, then)
    closed = select(AccountClosure.number).where(
        AccountClosure.user_id == User.id, AccountClosure.closed_at <= then, AccountClosure.reopened_at > then
    )
    rows = db.session.execute(
        select(
            User.id,
            User.name,
            User.email,
            _as_was(was, ClinicMember.role),
            ClinicMember.joined_at,
            _as_was(was, ClinicMember.starts_on),
            _as_was(was, ClinicMember.ends_on),
            and_(or_(User.disabled_at.is_(None), User.disabled_at > then), ~closed.exists()),
        )
        .join(User, User.id == ClinicMember.user_id)
        .outerjoin(was, true())
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
    Return the site as it was open at `then`, with the state, the zone and the officer of that moment.

    :raises NotFound: it was not open
    """
    was = _first_after(SiteBefore, SiteBefore.site_id == ClinicSite.id, then)
    row = db.session.execute(
        every_site()
        .add_columns(
            _as_was(was, ClinicSite.state).label("state_then"),
            _as_was(was, ClinicSite.time_zone).label("zone_then"),
            _as_was(was, ClinicSite.laser_safety_officer_id).label("officer_then"),
        )
        .outerjoin(was, true())
        .where(
            ClinicSite.id == site_id,
            ClinicSite.created_at <= then,
            or_(ClinicSite.closed_at.is_(None), ClinicSite.closed_at > then),
        )
    ).one_or_none()
    if row is None:
        raise NotFound("There was no such site then.")
    *today, state, zone, officer = row
    return replace(Site(*today), state=state, time_zone=zone, laser_safety_officer_id=officer)


def sites_ever_of(user_id: UUID) -> list[Site]:
    """Return every site of every clinic that the person belongs to or ever did, by the names of clinic and site."""
    theirs = select(ClinicMember.clinic_id).where(ClinicMember.user_id == user_id)
    rows = db.session.execute(
        every_site().where(ClinicSite.clinic_id.in_(theirs)).order_by(ClinicSite.name, ClinicSite.id)
    )
    return [Site(*row) for row in rows]


def _first_after(
    before: type[MemberBefore | SiteBefore], of_this: ColumnElement[bool], then: datetime
) -> LateralFromClause:
    """Join what was until the first change after `then`, if there was one: that is what was at `then`."""
    rows = select(before).where(of_this, before.until > then).order_by(before.until, before.number)
    return rows.limit(1).lateral()


def _as_was(was: LateralFromClause, today: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    return case((was.c.number.is_not(None), was.c[today.key]), else_=today)
