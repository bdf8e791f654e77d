"""What every use-case of the room is built of: lock a clinic, find a member, clean a line, leave an event."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from .. import audit
from ..extensions import db
from ..kernel.errors import Invalid, NotFound
from ..ripple import Cause, Ground, Loss
from .models import Clinic, ClinicMember, ClinicSite
from .policy import LONGEST_LINE, LONGEST_TEXT


def locked(clinic_id: UUID) -> Clinic:
    """
    Return the clinic, locked, so that its members, sites and standing change one after the other.

    :raises NotFound: there is none
    """
    clinic = db.session.scalar(
        select(Clinic)
        .where(Clinic.id == clinic_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    if clinic is None:
        raise NotFound("There is no such clinic.")
    return clinic


def membership(clinic_id: UUID, user_id: UUID) -> ClinicMember | None:
    """Return the membership that has not been ended, if there is one."""
    return db.session.scalar(
        select(ClinicMember).where(
            ClinicMember.clinic_id == clinic_id,
            ClinicMember.user_id == user_id,
            ClinicMember.left_at.is_(None),
        )
    )


def line(written: str, *, field: str, words: str) -> str:
    """
    Return the text as one clean line.

    :raises Invalid: it is empty or too long; `words` say what belongs there
    """
    clean = " ".join(written.split())
    if not clean or not clean.isprintable():
        raise Invalid(f"Write {words}.", field=field)
    if len(clean) > LONGEST_LINE:
        raise Invalid(f"Use at most {LONGEST_LINE} characters.", field=field)
    return clean


def text(written: str, *, field: str, words: str) -> str:
    """
    Return the text without space around it.

    :raises Invalid: it is empty or too long; `words` say what belongs there
    """
    clean = written.strip()
    if not clean:
        raise Invalid(f"Write {words}.", field=field)
    if len(clean) > LONGEST_TEXT:
        raise Invalid(f"Use at most {LONGEST_TEXT:,} characters.", field=field)
    return clean


def record(kind: str, clinic_id: UUID, *, actor_id: UUID | None, at: datetime, **data: object) -> None:
    """Leave an event about the clinic in the audit trail; from here on nothing else is locked."""
    audit.record(kind, actor_id=actor_id, subject_type="clinic", subject_id=clinic_id, at=at, **data)


def officer_lost(site: ClinicSite) -> Loss:
    """Return the loss that nobody looks after laser safety at the site any more."""
    words = f"{site.name} has no laser safety officer any more."
    return Loss(Cause.SAFETY_OFFICER_UNNAMED, Ground(site_id=site.id), site.id, words)
