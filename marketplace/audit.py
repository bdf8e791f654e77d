"""The record of what happened: append-only, each event chained by hash to the one before."""

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, Select, func, select
from sqlalchemy.orm import Mapped, mapped_column

from .extensions import Base, db

_CHAIN_LOCK = 0x5EC0DD  # One writer at a time: ids in commit order, no two events with the same predecessor.
_GENESIS = "0" * 64


class AuditEvent(Base):
    """One thing that happened. Rows are never changed or removed; a trigger refuses it."""

    __tablename__ = "audit_events"
    __table_args__ = (Index("ix_audit_events_subject", "subject_type", "subject_id"),)

    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str] = mapped_column(comment="What happened, such as order:placed.")
    actor_id: Mapped[UUID | None] = mapped_column(index=True, comment="Who did it; empty for the house itself.")
    subject_type: Mapped[str]
    subject_id: Mapped[UUID]
    at: Mapped[datetime]
    data: Mapped[dict[str, Any]]
    previous_hash: Mapped[str] = mapped_column(unique=True, comment="The hash of the event before this one.")
    hash: Mapped[str] = mapped_column(unique=True)


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing to record. `data` must be JSON; never put secrets or documents in it."""

    kind: str
    actor_id: UUID | None
    subject_type: str
    subject_id: UUID
    at: datetime
    data: dict[str, Any]


def record(kind: str, *, actor_id: UUID | None, subject_type: str, subject_id: UUID, at: datetime, **data: Any) -> None:
    """Append an event in the caller's transaction. `data` must be JSON; never put secrets or documents in it."""
    record_all([Happening(kind, actor_id, subject_type, subject_id, at, data)])


def record_all(happenings: Iterable[Happening]) -> None:
    """Append several events in the caller's transaction, the earliest first."""
    db.session.execute(select(func.pg_advisory_xact_lock(_CHAIN_LOCK)))
    previous = db.session.scalar(select(AuditEvent.hash).order_by(AuditEvent.position.desc()).limit(1)) or _GENESIS
    for happening in happenings:
        event = AuditEvent(
            kind=happening.kind,
            actor_id=happening.actor_id,
            subject_type=happening.subject_type,
            subject_id=happening.subject_id,
            at=happening.at,
            data=json.loads(json.dumps(happening.data, default=str)),
            previous_hash=previous,
        )
        previous = event.hash = _digest(event)
        db.session.add(event)
    db.session.flush()


def broken_links(*, after: int = 0) -> Iterator[int]:
    """
    Yield the position of every event whose hash or link to the event before does not hold.

    `after` is a position from which on to look; the event there is taken to be what it says.
    """
    before = select(AuditEvent.hash).where(AuditEvent.position <= after).order_by(AuditEvent.position.desc()).limit(1)
    previous = db.session.scalar(before) or _GENESIS
    rest = select(AuditEvent).where(AuditEvent.position > after).order_by(AuditEvent.position)
    with db.session.scalars(rest.execution_options(yield_per=1000)) as events:
        for event in events:
            if event.previous_hash != previous or event.hash != _digest(event):
                yield event.position
            previous = event.hash


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events to show; what is not given does not narrow them."""

    kind: str | None = None
    subject_type: str | None = None
    subject_id: UUID | None = None
    before: int | None = None

    def among(self, events: Select[tuple[AuditEvent]]) -> Select[tuple[AuditEvent]]:
        """Return the statement, narrowed."""
        if self.kind is not None:
            events = events.where(AuditEvent.kind == self.kind)
        if self.subject_type is not None:
            events = events.where(AuditEvent.subject_type == self.subject_type)
        if self.subject_id is not None:
            events = events.where(AuditEvent.subject_id == self.subject_id)
        if self.before is not None:
            events = events.where(AuditEvent.position < self.before)
        return events


def newest(wanted: Wanted, *, limit: int) -> list[AuditEvent]:
    """Return the events, newest first, at most `limit`."""
    return list(db.session.scalars(wanted.among(select(AuditEvent)).order_by(AuditEvent.position.desc()).limit(limit)))


@dataclass(frozen=True, slots=True)
class Extent:
    """How long the chain is, its last hash (empty before the first event), and what it speaks of."""

    events: int
    head: str | None
    kinds: tuple[str, ...]
    subject_types: tuple[str, ...]


def extent() -> Extent:
    """Measure the chain."""
    counts = db.session.execute(
        select(AuditEvent.kind, AuditEvent.subject_type, func.count()).group_by(
            AuditEvent.kind, AuditEvent.subject_type
        )
    ).all()
    return Extent(
        events=sum(number for _, _, number in counts),
        head=db.session.scalar(select(AuditEvent.hash).order_by(AuditEvent.position.desc()).limit(1)),
        kinds=tuple(sorted({kind for kind, _, _ in counts})),
        subject_types=tuple(sorted({subject for _, subject, _ in counts})),
    )


def position_before_newest(number: int) -> int:
    """Return the position after which the newest `number` events stand."""
    newest_first = select(AuditEvent.position).order_by(AuditEvent.position.desc())
    return db.session.scalar(newest_first.offset(number).limit(1)) or 0


def events_about(subject_type: str, subject_id: UUID) -> list[AuditEvent]:
    """Return what happened to one subject, oldest first."""
    return list(
        db.session.scalars(
            select(AuditEvent)
            .where(AuditEvent.subject_type == subject_type, AuditEvent.subject_id == subject_id)
            .order_by(AuditEvent.position)
        )
    )


def kinds_about(subject_type: str, subject_ids: Collection[UUID]) -> set[tuple[UUID | None, str]]:
    """Return which kinds of events each of the subjects has behind it, in one statement."""
    rows = select(AuditEvent.subject_id, AuditEvent.kind).where(
        AuditEvent.subject_type == subject_type, AuditEvent.subject_id.in_(subject_ids)
    )
    return {(subject_id, kind) for subject_id, kind in db.session.execute(rows.distinct())}


def written(data: object) -> str:
    """Write JSON so that equal data is equal text."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"))


def _digest(event: AuditEvent) -> str:
    body = written(
        [
            event.kind,
            str(event.actor_id),
            event.subject_type,
            str(event.subject_id),
            event.at.astimezone(UTC).isoformat(),
            event.data,
        ]
    )
    return hashlib.sha256(f"{event.previous_hash}|{body}".encode()).hexdigest()
