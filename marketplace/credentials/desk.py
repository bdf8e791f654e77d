"""What the verification desk looks at: the open cases, and one of them with all that it is decided by."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from .. import audit
from ..accounts import queries as accounts
from ..clinics.queries import Site
from ..extensions import db
from ..kernel.errors import NotFound
from .models import CheckMethod, CheckOutcome, Credential, CredentialCheck
from .policy import review_is_due
from .rows import NUMBER_CLASH, sites_of, stands_too_near
from .states import PENDING, STANDING, CredentialState
from .types import credential_types
from .views import CredentialView, Paper, papers_of, views_of, whole

QUEUE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class SourceCheck:
    """One look at the primary source."""

    id: UUID
    source_name: str
    source_url: str | None
    method: CheckMethod
    outcome: CheckOutcome
    retrieved_at: datetime
    recorded_at: datetime
    verifier_id: UUID
    verifier: str
    matched: dict[str, str]
    note: str
    screenshot: Paper | None


@dataclass(frozen=True, slots=True)
class QueueItem:
    """A case that waits, or that somebody has taken."""

    id: UUID
    type_name: str
    jurisdiction: str
    holder: str
    submitted_at: datetime
    due_at: datetime
    claimed_by: UUID | None
    claimed_by_name: str | None
    renews: bool


@dataclass(frozen=True, slots=True)
class Clash:
    """Somebody else tried to submit the number of this credential."""

    name: str
    email: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that a verifier decides by."""

    credential: CredentialView
    holder: str
    submitted_by: str
    claimed_by: UUID | None
    claimed_by_name: str | None
    due_at: datetime
    checks: tuple[SourceCheck, ...]
    clashes: tuple[Clash, ...]
    renews: "CredentialView | None"


def queue(*, reader_id: UUID, at: datetime) -> list[QueueItem]:
    """
    Return the open cases, the longest waiting first, without those that the reader handed in.

    The number of statements does not grow with the cases.
    """
    rows = db.session.scalars(
        select(Credential)
        .where(
            Credential.state.in_((CredentialState.SUBMITTED, CredentialState.IN_REVIEW)),
            Credential.submitted_by != reader_id,
            Credential.submitted_at <= at,
        )
        .order_by(Credential.submitted_at, Credential.id)
        .limit(QUEUE_LENGTH)
    ).all()
    sites = sites_of(rows)
    names = _names(rows)
    renewed = _renewed(rows)
    return [
        QueueItem(
            id=row.id,
            type_name=credential_types()[row.type_code].name,
            jurisdiction=row.jurisdiction,
            holder=_holder(row, names, sites),
            submitted_at=row.submitted_at,
            due_at=review_is_due(row.submitted_at),
            claimed_by=row.claimed_by,
            claimed_by_name=names[row.claimed_by] if row.claimed_by else None,
            renews=row.id in renewed,
        )
        for row in rows
    ]


def case(credential_id: UUID, *, reader_id: UUID) -> Case:
    """
    Return everything about one credential that a verifier decides by.

    :raises NotFound: no such credential, or it is the reader's own or of somebody they work with
    """
    row = db.session.scalar(whole().where(Credential.id == credential_id))
    if row is None or stands_too_near(row, reader_id):
        raise NotFound("There is no such case.")
    sites = sites_of([row])
    earlier = _renewed([row]).get(row.id)
    view, *renews = views_of([row, *([earlier] if earlier else [])], sites)
    clashes = [event for event in audit.events_about("credential", row.id) if event.kind == NUMBER_CLASH]
    people = accounts.people(
        {
            *(check.verifier_id for check in row.checks),
            *(event.actor_id for event in clashes if event.actor_id),
            *filter(None, (row.holder_id, row.submitted_by, row.claimed_by)),
        }
    )
    names = {user_id: person.name for user_id, person in people.items()}
    screenshots = papers_of([check.document_id for check in row.checks if check.document_id])
    return Case(
        credential=view,
        holder=_holder(row, names, sites),
        submitted_by=names[row.submitted_by],
        claimed_by=row.claimed_by,
        claimed_by_name=names[row.claimed_by] if row.claimed_by else None,
        due_at=review_is_due(row.submitted_at),
        checks=tuple(_check(check, names, screenshots) for check in row.checks),
        clashes=tuple(
            Clash(people[event.actor_id].name, people[event.actor_id].email, event.at)
            for event in clashes
            if event.actor_id
        ),
        renews=renews[0] if renews else None,
    )


def _check(check: CredentialCheck, names: dict[UUID, str], screenshots: dict[UUID, Paper]) -> SourceCheck:
    return SourceCheck(
        id=check.id,
        source_name=check.source_name,
        source_url=check.source_url,
        method=check.method,
        outcome=check.outcome,
        retrieved_at=check.retrieved_at,
        recorded_at=check.recorded_at,
        verifier_id=check.verifier_id,
        verifier=names[check.verifier_id],
        matched=dict(check.matched),
        note=check.note,
        screenshot=screenshots[check.document_id] if check.document_id else None,
    )


def _names(rows: Iterable[Credential]) -> dict[UUID, str]:
    ids = {user_id for row in rows for user_id in (row.holder_id, row.claimed_by) if user_id}
    return {user_id: person.name for user_id, person in accounts.people(ids).items()}


def _holder(row: Credential, names: dict[UUID, str], sites: dict[UUID, Site]) -> str:
    if row.site_id is not None:
        site = sites[row.site_id]
        return f"{site.clinic_name}, {site.name}"
    assert row.holder_id is not None
    return names[row.holder_id]


def _renewed(rows: Sequence[Credential]) -> dict[UUID, Credential]:
    """Return, by the id of each waiting row, the standing row whose place it would take."""
    standing = {
        (found.type_code, found.jurisdiction, found.number_normal): found
        for found in db.session.scalars(
            select(Credential).where(
                Credential.number_normal.in_({row.number_normal for row in rows}), Credential.state.in_(STANDING)
            )
        )
    }
    keys = {row.id: (row.type_code, row.jurisdiction, row.number_normal) for row in rows if row.state in PENDING}
    return {row_id: standing[key] for row_id, key in keys.items() if key in standing}
