"""What the verification desk looks at: the open cases, and one of them with all that it is decided by."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import select

from ..accounts import queries as accounts
from ..clinics.queries import Site
from ..extensions import db
from ..kernel.errors import NotFound
from .models import ApprovalAudit, CheckMethod, CheckOutcome, Credential, CredentialCheck, RiskSignal, SignalKind
from .policy import why_two
from .replies import Reply, replies_to
from .rows import sites_of, stands_too_near
from .signals import signals_of
from .standards import review_is_due, standards
from .states import OPEN, PENDING, STANDING, CredentialState
from .types import credential_types
from .views import CredentialView, Paper, actors_of, pages_of, papers_of, shown, whole

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
    file_digest: str | None
    row_digest: bytes | None
    matched: dict[str, str]
    score: int | None
    next_due: date | None
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
    state: CredentialState
    claimed_by: UUID | None
    claimed_by_name: str | None
    claim_is_stale: bool
    drawn_for: UUID | None
    first_approved_by: UUID | None
    renews: bool
    takes_two: bool
    signals: tuple[SignalKind, ...]
    replies: tuple[Reply, ...]

    @property
    def waits_for_second(self) -> bool:
        """Whether one verifier has said yes and another one must."""
        return self.first_approved_by is not None

    def is_open_to(self, reader_id: UUID) -> bool:
        """Say whether the reader can take it now."""
        if self.drawn_for not in {None, reader_id}:
            return False
        return self.first_approved_by != reader_id and (self.claimed_by is None or self.claim_is_stale)


@dataclass(frozen=True, slots=True)
class Other:
    """The credential of somebody else that a signal points at."""

    id: UUID
    holder: str
    state: CredentialState
    submitted_at: datetime


@dataclass(frozen=True, slots=True)
class Signal:
    """A cause for doubt, and what a person found about it."""

    id: UUID
    kind: SignalKind
    cause: str
    other: Other | None
    raised_at: datetime
    resolved_at: datetime | None
    resolved_by: str | None
    resolution: str | None


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
    signals: tuple[Signal, ...]
    why_two: str | None
    drawn_for: UUID | None
    drawn_for_name: str | None
    first_approved_by: UUID | None
    first_approved_by_name: str | None
    first_approved_at: datetime | None
    claim_is_stale: bool
    renews: "CredentialView | None"

    @property
    def has_open_signal(self) -> bool:
        """Whether there is a doubt that nobody has resolved."""
        return any(signal.resolved_at is None for signal in self.signals)


@dataclass(frozen=True, slots=True)
class Audit:
    """An approval that somebody else is to look at again."""

    id: UUID
    credential_id: UUID
    type_name: str
    jurisdiction: str
    holder: str
    chosen_at: datetime


class Show(StrEnum):
    """Which part of the queue to show."""

    ALL = "all"
    FREE = "free"
    MINE = "mine"
    LATE = "late"
    SIGNALS = "signals"
    SECOND = "second"
    ANSWERED = "answered"


def queue(*, reader_id: UUID, at: datetime) -> list[QueueItem]:
    """
    Return the open cases, the longest waiting first, without those that the reader handed in.

    The number of statements does not grow with the cases.
    """
    rows = db.session.scalars(
        select(Credential)
        .where(
            Credential.state.in_(OPEN),
            Credential.submitted_by != reader_id,
            Credential.submitted_at <= at,
        )
        .order_by(Credential.submitted_at, Credential.id)
        .limit(QUEUE_LENGTH)
    ).all()
    sites = sites_of(rows)
    names = _names(rows)
    renewed = _renewed(rows)
    signals, replies = _open_signals([row.id for row in rows]), replies_to(rows)
    return [
        QueueItem(
            id=row.id,
            type_name=credential_types()[row.type_code].name,
            jurisdiction=row.jurisdiction,
            holder=_holder(row, names, sites),
            submitted_at=row.submitted_at,
            due_at=review_is_due(row.submitted_at),
            state=row.state,
            claimed_by=row.claimed_by,
            claimed_by_name=names[row.claimed_by] if row.claimed_by else None,
            claim_is_stale=_claim_is_stale(row, at),
            drawn_for=row.drawn_for,
            first_approved_by=row.first_approved_by,
            renews=row.id in renewed,
            takes_two=credential_types()[row.type_code].two_verifiers,
            signals=tuple(signals[row.id]),
            replies=replies.get(row.id, ()),
        )
        for row in rows
    ]


def narrowed(queue: Iterable[QueueItem], show: Show, *, reader_id: UUID, at: datetime) -> list[QueueItem]:
    """Return the part of the queue that was asked for, in its order."""
    wanted: dict[Show, Callable[[QueueItem], bool]] = {
        Show.ALL: lambda item: True,  # noqa: ARG005  The others look at it.
        Show.FREE: lambda item: item.is_open_to(reader_id),
        Show.MINE: lambda item: item.claimed_by == reader_id,
        Show.LATE: lambda item: item.due_at < at,
        Show.SIGNALS: lambda item: bool(item.signals),
        Show.SECOND: lambda item: item.waits_for_second,
        Show.ANSWERED: lambda item: bool(item.replies),
    }
    return [item for item in queue if wanted[show](item)]


def case(credential_id: UUID, *, reader_id: UUID, at: datetime) -> Case:
    """
    Return everything about one credential that a verifier decides by.

    :raises NotFound: no such credential, or it is the reader's own or of somebody they work with
    """
    row = db.session.scalar(whole().where(Credential.id == credential_id))
    if row is None or stands_too_near(row, reader_id):
        raise NotFound("There is no such case.")
    signals = signals_of(row.id)
    others = _by_ids({signal.other_id for signal in signals if signal.other_id})
    sites = sites_of([row, *others])
    earlier = _renewed([row]).get(row.id)
    both = [row, *([earlier] if earlier else [])]
    people = accounts.people(
        {
            *actors_of(both),
            *(check.verifier_id for check in row.checks),
            *(signal.resolved_by for signal in signals if signal.resolved_by),
            *(other.holder_id for other in others if other.holder_id),
            *filter(None, (row.holder_id, row.submitted_by, row.claimed_by, row.first_approved_by, row.drawn_for)),
        }
    )
    names = {user_id: person.name for user_id, person in people.items()}
    pointed_at = {
        other.id: Other(other.id, _holder(other, names, sites), other.state, other.submitted_at) for other in others
    }
    papers = papers_of([*pages_of(both), *(check.document_id for check in row.checks if check.document_id)])
    view, *renews = shown(both, sites, names, papers)
    return Case(
        credential=view,
        holder=_holder(row, names, sites),
        submitted_by=names[row.submitted_by],
        claimed_by=row.claimed_by,
        claimed_by_name=names[row.claimed_by] if row.claimed_by else None,
        claim_is_stale=_claim_is_stale(row, at),
        due_at=review_is_due(row.submitted_at),
        checks=tuple(_check(check, names, papers) for check in row.checks),
        signals=tuple(
            Signal(
                id=signal.id,
                kind=signal.kind,
                cause=signal.cause,
                other=pointed_at[signal.other_id] if signal.other_id else None,
                raised_at=signal.raised_at,
                resolved_at=signal.resolved_at,
                resolved_by=names[signal.resolved_by] if signal.resolved_by else None,
                resolution=signal.resolution,
            )
            for signal in signals
        ),
        why_two=why_two(
            dangerous=view.kind.two_verifiers,
            signals=(signal.resolved_by in {None, reader_id} for signal in signals),
        ),
        drawn_for=row.drawn_for,
        drawn_for_name=names[row.drawn_for] if row.drawn_for else None,
        first_approved_by=row.first_approved_by,
        first_approved_by_name=names[row.first_approved_by] if row.first_approved_by else None,
        first_approved_at=row.first_approved_at,
        renews=renews[0] if renews else None,
    )


def audits(*, reader_id: UUID) -> list[Audit]:
    """Return the approvals that somebody else than the reader gave and somebody is to look at again, in their order."""
    found = db.session.execute(
        select(ApprovalAudit, Credential)
        .join(Credential, Credential.id == ApprovalAudit.credential_id)
        .where(
            ApprovalAudit.outcome.is_(None),
            ApprovalAudit.verified_by != reader_id,
            ApprovalAudit.first_approved_by.is_distinct_from(reader_id),
            Credential.submitted_by != reader_id,
        )
        .order_by(ApprovalAudit.chosen_at, ApprovalAudit.id)
        .limit(QUEUE_LENGTH)
    ).all()
    rows = [row for _, row in found]
    sites, names = sites_of(rows), _names(rows)
    return [
        Audit(
            id=audit.id,
            credential_id=row.id,
            type_name=credential_types()[row.type_code].name,
            jurisdiction=row.jurisdiction,
            holder=_holder(row, names, sites),
            chosen_at=audit.chosen_at,
        )
        for audit, row in found
    ]


def audit_of(credential_id: UUID) -> ApprovalAudit | None:
    """Return the newest re-audit of a credential, if it was chosen for one."""
    return db.session.scalar(
        select(ApprovalAudit)
        .where(ApprovalAudit.credential_id == credential_id)
        .order_by(ApprovalAudit.chosen_at.desc())
        .limit(1)
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
        file_digest=check.file_digest,
        row_digest=check.row_digest,
        matched=dict(check.matched),
        score=check.score,
        next_due=check.next_due,
        note=check.note,
        screenshot=screenshots[check.document_id] if check.document_id else None,
    )


def _claim_is_stale(row: Credential, at: datetime) -> bool:
    return row.claimed_at is not None and standards().claim_is_stale(row.claimed_at, at)


def _open_signals(credential_ids: list[UUID]) -> dict[UUID, list[SignalKind]]:
    raised: dict[UUID, list[SignalKind]] = defaultdict(list)
    for credential_id, kind in db.session.execute(
        select(RiskSignal.credential_id, RiskSignal.kind)
        .where(RiskSignal.credential_id.in_(credential_ids), RiskSignal.resolved_at.is_(None))
        .order_by(RiskSignal.raised_at, RiskSignal.kind)
    ):
        raised[credential_id].append(kind)
    return raised


def _by_ids(credential_ids: Collection[UUID]) -> Sequence[Credential]:
    if not credential_ids:
        return []
    return db.session.scalars(select(Credential).where(Credential.id.in_(credential_ids))).all()


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
    """Return, by the id of each waiting row, the standing row of the same holder whose place it would take."""
    waiting = [row for row in rows if row.state in PENDING]
    if not waiting:
        return {}
    standing = {
        _key(found): found
        for found in db.session.scalars(
            select(Credential).where(
                Credential.number_normal.in_({row.number_normal for row in waiting}), Credential.state.in_(STANDING)
            )
        )
    }
    return {row.id: standing[_key(row)] for row in waiting if _key(row) in standing}


def _key(row: Credential) -> tuple[object, ...]:
    return row.type_code, row.jurisdiction, row.number_normal, row.holder_id, row.site_id
