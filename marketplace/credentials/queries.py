"""What the gate, other rooms and pages ask about credentials, as plain values."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import selectinload

from .. import audit
from ..accounts import queries as accounts
from ..clinics import queries as clinics
from ..clinics.access import MANAGERS
from ..clinics.models import Clinic, ClinicSite
from ..clinics.queries import Site
from ..documents.models import Document, MediaType
from ..extensions import db
from ..kernel.errors import NotFound
from ..kernel.terms import STATES, time_zone_of
from ..kernel.text import normal_number
from .models import CheckMethod, CheckOutcome, Credential, CredentialCheck
from .policy import Standing, review_is_due, standing_of
from .states import CREDENTIAL, PENDING, STANDING, CredentialEvent, CredentialState
from .types import CredentialType, credential_types

NUMBER_CLASH = "credential:number_clash"
QUEUE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A credential as the gate looks at it."""

    id: UUID
    type_code: str
    jurisdiction: str
    state: CredentialState
    issued_on: date | None
    expires_on: date | None
    verified_at: datetime | None
    level: str | None
    endorsements: tuple[str, ...]
    device_model_id: UUID | None


@dataclass(frozen=True, slots=True)
class Step:
    """One move of a credential; `event` is None for its submission."""

    event: CredentialEvent | None
    state: CredentialState
    actor: str
    reason: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class Paper:
    """A document by name and kind, without its bytes."""

    id: UUID
    filename: str
    media_type: MediaType
    pages: int | None
    width: int | None
    height: int | None


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
class CredentialView:
    """A credential with all that its holder may see."""

    id: UUID
    kind: CredentialType
    holder_id: UUID | None
    site: Site | None
    jurisdiction: str
    number: str
    name_on_credential: str
    level: str | None
    endorsements: tuple[str, ...]
    device_model_id: UUID | None
    issued_on: date | None
    expires_on: date | None
    state: CredentialState
    reason: str | None
    submitted_at: datetime
    verified_at: datetime | None
    steps: tuple[Step, ...]
    papers: tuple[Paper, ...]

    @property
    def place(self) -> str:
        """The name of the state that issued it."""
        return STATES[self.jurisdiction]

    @property
    def zone(self) -> str:
        """The IANA zone in which its days end: its site's, else the usual one of its state."""
        return self.site.time_zone if self.site else time_zone_of(self.jurisdiction)

    @property
    def level_name(self) -> str | None:
        """The level as people say it."""
        return next((level.name for level in self.kind.levels if level.code == self.level), self.level)

    @property
    def endorsement_names(self) -> tuple[str, ...]:
        """What it lists, as people say it."""
        names = {endorsement.code: endorsement.name for endorsement in self.kind.endorsements}
        return tuple(names.get(code, code) for code in self.endorsements)

    def standing(self, at: datetime, *, fresh_for: timedelta | None = None) -> Standing:
        """Return what it is worth `at`; `fresh_for` is how long a look at its source counts, None for ever."""
        return standing_of(
            state=self.state,
            issued_on=self.issued_on,
            expires_on=self.expires_on,
            verified_at=self.verified_at,
            at=at,
            zone=self.zone,
            fresh_for=fresh_for,
        )

    def allows(self, event: CredentialEvent) -> bool:
        """Say whether the table lists the event for the state it is in."""
        return CREDENTIAL.allows(self.state, event)


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


def held_by(user_ids: Iterable[UUID]) -> dict[UUID, list[HeldRow]]:
    """Return what each person has here, in whatever state, oldest first; in one statement."""
    return _held(Credential.__table__.c.holder_id, user_ids)


def held_by_sites(site_ids: Iterable[UUID]) -> dict[UUID, list[HeldRow]]:
    """Return what each site has here, in whatever state, oldest first; in one statement."""
    return _held(Credential.__table__.c.site_id, site_ids)


def mine(user_id: UUID) -> list[CredentialView]:
    """Return the person's own credentials and those of the sites they manage, the newest first."""
    sites = select(ClinicSite.id).where(ClinicSite.clinic_id.in_(_managed_clinics(user_id)))
    rows = db.session.scalars(
        _whole()
        .where(or_(Credential.holder_id == user_id, Credential.site_id.in_(sites)))
        .order_by(Credential.submitted_at.desc(), Credential.id)
    ).all()
    return _views(rows, _sites_of(rows))


def own(credential_id: UUID, *, user_id: UUID) -> CredentialView:
    """
    Return one of the person's own credentials, or of a site they manage.

    :raises NotFound: no such credential, or not one of the person's
    """
    row = own_row(credential_id, user_id=user_id)
    return _views([row], _sites_of([row]))[0]


def managed_sites(user_id: UUID) -> list[Site]:
    """Return the sites of the clinics that the person owns or manages."""
    return [site for clinic_id in _managed_clinics(user_id) for site in clinics.sites_of(clinic_id)]


def managed_site(site_id: UUID, *, user_id: UUID) -> Site:
    """
    Return a site of a clinic that the person owns or manages.

    :raises NotFound: no such site, or not one of the person's
    :raises Refused: the person's role in the clinic does not allow it
    """
    site = clinics.site(site_id)
    clinics.require_role(user_id=user_id, clinic_id=site.clinic_id, roles=MANAGERS)
    return site


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
    sites = _sites_of(rows)
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
    row = db.session.scalar(_whole().where(Credential.id == credential_id))
    if row is None or stands_too_near(row, reader_id):
        raise NotFound("There is no such case.")
    sites = _sites_of([row])
    earlier = _renewed([row]).get(row.id)
    view, *renews = _views([row, *([earlier] if earlier else [])], sites)
    clashes = [event for event in audit.events_about("credential", row.id) if event.kind == NUMBER_CLASH]
    people = accounts.people(
        {
            *(check.verifier_id for check in row.checks),
            *(event.actor_id for event in clashes if event.actor_id),
            *filter(None, (row.holder_id, row.submitted_by, row.claimed_by)),
        }
    )
    names = {user_id: person.name for user_id, person in people.items()}
    screenshots = _papers([check.document_id for check in row.checks if check.document_id])
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


def row(credential_id: UUID) -> Credential:
    """
    Return the row itself. For this room's use-cases only.

    :raises NotFound: there is no such credential
    """
    found = db.session.get(Credential, credential_id, populate_existing=True)
    if found is None:
        raise NotFound("There is no such credential.")
    return found


def own_row(credential_id: UUID, *, user_id: UUID) -> Credential:
    """
    Return the row of one of the person's own credentials, or of a site they manage. For this room's use-cases only.

    :raises NotFound: no such credential, or not one of the person's
    """
    found = row(credential_id)
    if found.holder_id == user_id:
        return found
    if found.site_id is not None:
        clinic_id = _sites_of([found])[found.site_id].clinic_id
        if clinic_id in _managed_clinics(user_id):
            return found
    raise NotFound("There is no such credential.")


def rows_of_number(type_code: str, jurisdiction: str, number: str) -> Sequence[Credential]:
    """Return the live rows of one number: at most one that waits, one that stands. For this room's use-cases only."""
    return db.session.scalars(
        select(Credential).where(
            Credential.type_code == type_code,
            Credential.jurisdiction == jurisdiction,
            Credential.number_normal == normal_number(number),
            Credential.state.in_(PENDING | STANDING),
        )
    ).all()


def stands_too_near(credential: Credential, person_id: UUID) -> bool:
    """Say whether the person must not review it: their own, handed in by them, or of somebody of the same clinic."""
    if person_id in {credential.holder_id, credential.submitted_by}:
        return True
    theirs = {membership.clinic_id for membership in clinics.memberships_of(person_id)}
    if not theirs:
        return False
    if credential.site_id is not None:
        return _sites_of([credential])[credential.site_id].clinic_id in theirs
    assert credential.holder_id is not None
    return not theirs.isdisjoint(membership.clinic_id for membership in clinics.memberships_of(credential.holder_id))


def _managed_clinics(user_id: UUID) -> list[UUID]:
    return [member.clinic_id for member in clinics.memberships_of(user_id) if member.role in MANAGERS]


def _held(owner: "ColumnElement[Any]", owner_ids: Iterable[UUID]) -> dict[UUID, list[HeldRow]]:
    columns = Credential.__table__.c
    held: dict[UUID, list[HeldRow]] = defaultdict(list)
    for found in db.session.execute(
        select(
            owner.label("owner_id"),
            columns.id,
            columns.type_code,
            columns.jurisdiction,
            columns.state,
            columns.issued_on,
            columns.expires_on,
            columns.verified_at,
            columns.level,
            columns.endorsements,
            columns.device_model_id,
        )
        .where(owner.in_(list(owner_ids)))
        .order_by(columns.submitted_at, columns.id)
    ):
        owner_id, *values = found
        values[8] = tuple(values[8])
        held[owner_id].append(HeldRow(*values))
    return dict(held)


def _whole() -> Any:
    return select(Credential).options(
        selectinload(Credential.moves), selectinload(Credential.documents), selectinload(Credential.checks)
    )


def _views(rows: Sequence[Credential], sites: dict[UUID, Site]) -> list[CredentialView]:
    names = accounts.people({move.actor_id for row in rows for move in row.moves if move.actor_id})
    papers = _papers([page.document_id for row in rows for page in row.documents])
    return [
        CredentialView(
            id=row.id,
            kind=credential_types()[row.type_code],
            holder_id=row.holder_id,
            site=sites[row.site_id] if row.site_id else None,
            jurisdiction=row.jurisdiction,
            number=row.number,
            name_on_credential=row.name_on_credential,
            level=row.level,
            endorsements=tuple(row.endorsements),
            device_model_id=row.device_model_id,
            issued_on=row.issued_on,
            expires_on=row.expires_on,
            state=row.state,
            reason=row.reason,
            submitted_at=row.submitted_at,
            verified_at=row.verified_at,
            steps=tuple(
                Step(
                    move.event,
                    move.state,
                    names[move.actor_id].name if move.actor_id else "Second Light",
                    move.reason,
                    move.at,
                )
                for move in row.moves
            ),
            papers=tuple(papers[page.document_id] for page in row.documents),
        )
        for row in rows
    ]


def _papers(document_ids: Collection[UUID]) -> dict[UUID, Paper]:
    return {
        found.id: Paper(found.id, found.filename, found.media_type, found.pages, found.width, found.height)
        for found in db.session.scalars(select(Document).where(Document.id.in_(document_ids)))
    }


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


def _sites_of(rows: Iterable[Credential]) -> dict[UUID, Site]:
    # Closed ones too: a credential outlives its site.
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
        .where(columns.id.in_({row.site_id for row in rows if row.site_id}))
    )
    return {values[0]: Site(*values) for values in found}


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
