"""Clinics and their places of use: founded, opened, corrected, closed; and who looks after laser safety there."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from .. import ripple
from ..accounts.queries import person
from ..extensions import db, unit_of_work
from ..kernel.errors import Invalid, NotFound
from ..kernel.terms import ClinicRole, time_zone_of
from ..notifications.service import promise_mail
from ..ripple import OBJECTIONS_TAKE, Cause, Ground, Loss
from . import steps
from .access import MANAGERS
from .models import Clinic, ClinicMember, ClinicSite
from .policy import site_problem
from .queries import members_of, require_role
from .queries import site as site_facts


def found(*, owner_id: UUID, name: str, legal_name: str, at: datetime) -> UUID:
    """
    Found a clinic with its first owner; return its id.

    :raises Invalid: a name is missing or too long
    """
    name = steps.line(name, field="name", words="the name that people know the clinic by")
    legal_name = steps.line(legal_name, field="legal_name", words="the name on its licence or registration")
    with unit_of_work():
        clinic = Clinic(name=name, legal_name=legal_name, created_at=at)
        db.session.add(clinic)
        db.session.flush()
        db.session.add(ClinicMember(clinic_id=clinic.id, user_id=owner_id, role=ClinicRole.OWNER, joined_at=at))
        steps.record("clinic:founded", clinic.id, actor_id=owner_id, at=at, name=name, legal_name=legal_name)
        return clinic.id


def add_site(
    *,
    clinic_id: UUID,
    actor_id: UUID,
    name: str,
    street: str,
    city: str,
    state: str,
    postal_code: str,
    at: datetime,
    time_zone: str = "",
) -> UUID:
    """
    Open a place of use; return its id. Without a time zone it keeps the usual one of its state.

    :raises NotFound: the actor is a stranger to the clinic
    :raises WrongRole: the actor does not run it
    :raises Invalid: something in the address will not do
    """
    address = _address(name, street, city, postal_code, state=state, time_zone=time_zone or time_zone_of(state))
    with unit_of_work():
        require_role(user_id=actor_id, clinic_id=clinic_id, roles=MANAGERS)
        site = ClinicSite(clinic_id=clinic_id, state=state, created_at=at, **address)
        db.session.add(site)
        db.session.flush()
        steps.record("clinic:site_added", clinic_id, actor_id=actor_id, at=at, site=site.id, state=state, **address)
        return site.id


def correct_site(
    *,
    site_id: UUID,
    actor_id: UUID,
    name: str,
    street: str,
    city: str,
    postal_code: str,
    time_zone: str,
    at: datetime,
) -> None:
    """
    Correct a site's address. Its state stays: another state is another place of use, under other rules.

    Where it leads devices elsewhere, those on order for it wait for a day, and the owners are told: whoever has come by
    an account of the clinic must not have a device sent to themselves.

    :raises NotFound: there is no such open site, or the actor is a stranger to its clinic
    :raises WrongRole: the actor does not run it
    :raises Invalid: something in the address will not do
    """
    with unit_of_work():
        site = _site_to_manage(site_id, actor_id)
        address = _address(name, street, city, postal_code, state=site.state, time_zone=time_zone)
        before = _written(site)
        for field, value in address.items():
            setattr(site, field, value)
        site.changed_at = at
        if _written(site) != before:
            db.session.flush()
            _tell_of_the_move(site, before, actor_id=actor_id, at=at)
        steps.record("clinic:site_corrected", site.clinic_id, actor_id=actor_id, at=at, site=site.id, **address)


def close_site(*, site_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Close a place of use: from now on the gate lets nothing go there, and orders on their way are held.

    :raises NotFound: there is no such open site, or the actor is a stranger to its clinic
    :raises WrongRole: the actor does not run it
    """
    with unit_of_work():
        site = _site_to_manage(site_id, actor_id)
        site.closed_at = at
        db.session.flush()
        loss = Loss(Cause.SITE_CLOSED, Ground(site_id=site.id), site.id, f"The site {site.name} was closed.")
        ripple.lost(loss, actor_id=actor_id, at=at)
        steps.record("clinic:site_closed", site.clinic_id, actor_id=actor_id, at=at, site=site.id)


def name_laser_safety_officer(*, site_id: UUID, actor_id: UUID, officer_id: UUID | None, at: datetime) -> None:
    """
    Name the member who is laser safety officer of the site, or with None that nobody is.

    :raises NotFound: there is no such open site, or the actor is a stranger to its clinic
    :raises WrongRole: the actor does not run it
    :raises Invalid: the person named is not a member
    """
    with unit_of_work():
        site = _site_to_manage(site_id, actor_id)
        if officer_id is not None and steps.membership(site.clinic_id, officer_id) is None:
            raise Invalid("Choose a member of the clinic.", field="officer")
        site.laser_safety_officer_id, site.changed_at = officer_id, at
        db.session.flush()
        if officer_id is None:
            ripple.lost(steps.officer_lost(site), actor_id=actor_id, at=at)
        else:
            ripple.changed(Ground(site_id=site.id))
        steps.record(
            "clinic:safety_officer_named",
            site.clinic_id,
            actor_id=actor_id,
            at=at,
            site=site.id,
            officer=officer_id,
        )


def _written(site: ClinicSite) -> str:
    """Return where devices for the site are sent, on one line."""
    return f"{site.street}, {site.city}, {site.state} {site.postal_code}"


def _tell_of_the_move(site: ClinicSite, before: str, *, actor_id: UUID, at: datetime) -> None:
    words = f"The address of the site {site.name} was changed, from {before} to {_written(site)}."
    loss = Loss(Cause.ADDRESS_CHANGED, Ground(site_id=site.id), site.id, words, until=at + OBJECTIONS_TAKE)
    ripple.lost(loss, actor_id=actor_id, at=at)
    by = person(actor_id).name
    for owner in members_of(site.clinic_id):
        if owner.role is ClinicRole.OWNER:
            said = {"name": owner.name, "site": site.name, "before": before, "after": _written(site), "by": by}
            said["path"] = f"/clinics/{site.clinic_id}"
            promise_mail(to=owner.email, template="site_moved", context=said, at=at)


def _site_to_manage(site_id: UUID, actor_id: UUID) -> ClinicSite:
    # The clinic is locked first, then its sites and members: everywhere in this order.
    steps.locked(site_facts(site_id).clinic_id)
    site = db.session.scalar(
        select(ClinicSite).where(ClinicSite.id == site_id, ClinicSite.closed_at.is_(None)).with_for_update()
    )
    if site is None:
        raise NotFound("There is no such site, or it is closed.")
    require_role(user_id=actor_id, clinic_id=site.clinic_id, roles=MANAGERS)
    return site


def _address(name: str, street: str, city: str, postal_code: str, *, state: str, time_zone: str) -> dict[str, str]:
    postal_code = postal_code.strip()
    problem = site_problem(state=state, postal_code=postal_code, time_zone=time_zone)
    if problem is not None:
        field, sentence = problem
        raise Invalid(sentence, field=field)
    return {
        "name": steps.line(name, field="name", words="a name for the place, such as its street"),
        "street": steps.line(street, field="street", words="street and number"),
        "city": steps.line(city, field="city", words="the city"),
        "postal_code": postal_code,
        "time_zone": time_zone,
    }
