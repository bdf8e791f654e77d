"""The rows themselves, for this room's use-cases only, and who stands too near to look at one."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import select

from ..clinics import queries as clinics
from ..clinics.access import MANAGERS
from ..clinics.models import Clinic, ClinicSite
from ..clinics.queries import Site
from ..extensions import db
from ..kernel.errors import NotFound
from ..kernel.text import normal_number
from .models import Credential
from .refusals import NotClaimed, NotYoursToReview
from .states import PENDING, STANDING


def row(credential_id: UUID) -> Credential:
    """
    Return the row itself.

    :raises NotFound: there is no such credential
    """
    found = db.session.get(Credential, credential_id, populate_existing=True)
    if found is None:
        raise NotFound("There is no such credential.")
    return found


def own_row(credential_id: UUID, *, user_id: UUID) -> Credential:
    """
    Return the row of one of the person's own credentials, or of a site they manage.

    :raises NotFound: no such credential, or not one of the person's
    """
    found = row(credential_id)
    if found.holder_id == user_id:
        return found
    if found.site_id is not None:
        clinic_id = sites_of([found])[found.site_id].clinic_id
        if clinic_id in managed_clinics(user_id):
            return found
    raise NotFound("There is no such credential.")


def reviewable(credential_id: UUID, actor_id: UUID) -> Credential:
    """
    Return the row of a credential that the person may review.

    :raises NotFound: there is no such credential
    :raises NotYoursToReview: it is their own, or of somebody they work with
    """
    found = row(credential_id)
    if stands_too_near(found, actor_id):
        raise NotYoursToReview
    return found


def claimed(credential_id: UUID, actor_id: UUID) -> Credential:
    """
    Return the row of a credential that the person may review, and has taken.

    :raises NotFound: there is no such credential
    :raises NotYoursToReview: it is their own, or of somebody they work with
    :raises NotClaimed: they have not taken it
    """
    found = reviewable(credential_id, actor_id)
    if found.claimed_by != actor_id:
        raise NotClaimed
    return found


def rows_of_number(type_code: str, jurisdiction: str, number: str) -> Sequence[Credential]:
    """Return the live rows of one number, whoever claims it."""
    return db.session.scalars(
        select(Credential).where(
            Credential.type_code == type_code,
            Credential.jurisdiction == jurisdiction,
            Credential.number_normal == normal_number(number),
            Credential.state.in_(PENDING | STANDING),
        )
    ).all()


def stands_too_near(credential: Credential, person_id: UUID) -> bool:
    """
    Say whether the person must not review it: their own, handed in by them, or of somebody of a clinic of theirs.

    A clinic that somebody has left counts as theirs: nobody leaves one to decide, and comes back.
    """
    if person_id in {credential.holder_id, credential.submitted_by}:
        return True
    theirs = clinics.clinics_ever_of(person_id)
    if not theirs:
        return False
    if credential.site_id is not None:
        return sites_of([credential])[credential.site_id].clinic_id in theirs
    assert credential.holder_id is not None
    return not theirs.isdisjoint(clinics.clinics_ever_of(credential.holder_id))


def clinic_names(site_id: UUID) -> tuple[str, ...]:
    """Return the names that the clinic of a site goes by, the legal one first."""
    names = select(Clinic.legal_name, Clinic.name).join(ClinicSite, ClinicSite.clinic_id == Clinic.id)
    return tuple(db.session.execute(names.where(ClinicSite.id == site_id)).one())


def managed_clinics(user_id: UUID) -> list[UUID]:
    """Return the clinics that the person owns or manages."""
    return [member.clinic_id for member in clinics.memberships_of(user_id) if member.role in MANAGERS]


def sites_of(rows: Iterable[Credential]) -> dict[UUID, Site]:
    """Return the sites that the credentials are about, closed ones too: a credential outlives its site."""
    site_ids = {row.site_id for row in rows if row.site_id}
    if not site_ids:
        return {}
    columns = ClinicSite.__table__.c
    found = db.session.execute(
        select(
            columns.id,
            columns.clinic_id,
            Clinic.name,
            columns.name,
            columns.street,
            columns.city,
            columns.state,
            columns.postal_code,
            columns.time_zone,
            columns.laser_safety_officer_id,
        )
        .join(Clinic, Clinic.id == columns.clinic_id)
        .where(columns.id.in_(site_ids))
    )
    return {values[0]: Site(*values) for values in found}
