"""The record of what happened: append-only, each event chained by hash to the one before."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, func, select
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


def record(kind: str, *, actor_id: UUID | None, subject_type: str, subject_id: UUID, at: datetime, **data: Any) -> None:
    """Append an event in the caller's transaction. `data` must be JSON; never put secrets or documents in it."""
    db.session.execute(select(func.pg_advisory_xact_lock(_CHAIN_LOCK)))
    previous = db.session.scalar(select(AuditEvent.hash).order_by(AuditEvent.position.desc()).limit(1)) or _GENESIS
    event = AuditEvent(
        kind=kind,
        actor_id=actor_id,
        subject_type=subject_type,
        subject_id=subject_id,
        at=at,
        data=json.loads(json.dumps(data, default=str)),
        previous_hash=previous,
    )
    event.hash = _digest(event)
    db.session.add(event)
    db.session.flush()


def broken_links() -> Iterator[int]:
    """Yield the position of every event whose hash or link to the event before does not hold."""
    previous = _GENESIS
    for event in db.session.scalars(select(AuditEvent).order_by(AuditEvent.position).execution_options(yield_per=1000)):
        if event.previous_hash != previous or event.hash != _digest(event):
            yield event.position
        previous = event.hash


def events_about(subject_type: str, subject_id: UUID) -> list[AuditEvent]:
    """Return what happened to one subject, oldest first."""
    return list(
        db.session.scalars(
            select(AuditEvent)
            .where(AuditEvent.subject_type == subject_type, AuditEvent.subject_id == subject_id)
            .order_by(AuditEvent.position)
        )
    )


def latest(limit: int = 200) -> list[AuditEvent]:
    """Return the newest events, newest first."""
    return list(db.session.scalars(select(AuditEvent).order_by(AuditEvent.position.desc()).limit(limit)))


def _digest(event: AuditEvent) -> str:
    body = json.dumps(
        [
            event.kind,
            str(event.actor_id),
            event.subject_type,
            str(event.subject_id),
            event.at.astimezone(UTC).isoformat(),
            event.data,
        ],
        sort_keys=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(f"{event.previous_hash}|{body}".encode()).hexdigest()
