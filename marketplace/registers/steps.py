"""What every step of a file of a register is built of: the file as it is read, its table, its moves, its end."""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from sqlalchemy import update

from .. import audit
from ..extensions import adapter_of, db
from ..kernel.errors import Conflict
from . import notices, queries
from .models import RegisterNotice, RegisterRow, RegisterSnapshot
from .ports import RegisterFiles
from .reading import rows
from .records import Read
from .sources import Field, Layout, Source, sources
from .states import SNAPSHOT, SnapshotEvent, SnapshotState
from .tally import Tally

SLOW = "SET LOCAL statement_timeout = '10min'"  # What is done to a whole register takes longer than a page may.


@dataclass(frozen=True, slots=True)
class Reading:
    """How one file is read. Holds nothing of the session, so that it may outlive a transaction."""

    source: Source
    key: str
    encoding: str
    columns: Mapping[str, Field]
    day: datetime

    @classmethod
    def of(cls, snapshot: RegisterSnapshot) -> "Reading":
        assert snapshot.file_key is not None
        columns = {header: Field(name) for header, name in snapshot.columns.items()}
        source = sources()[snapshot.source_code]
        return cls(source, snapshot.file_key, snapshot.encoding, columns, snapshot.retrieved_at)

    def records(self, tally: Tally) -> Generator[Read]:
        """Yield what comes behind the rows that the tally has seen; each is counted in it."""
        with adapter_of(RegisterFiles).opened(self.key) as file:
            if self.source.layout is Layout.OPENFDA:
                found = notices.rows(file, self.source, today=self.day.date())
            else:
                found = rows(file, self.source, self.encoding, self.columns, today=self.day.date())
            for record in islice(found, tally.read, None):
                tally.add(record)
                yield record


def table_of(source: Source) -> type[RegisterRow | RegisterNotice]:
    """Return where the rows of a register are kept."""
    return RegisterNotice if source.layout is Layout.OPENFDA else RegisterRow


def open_file(snapshot_id: UUID) -> RegisterSnapshot:
    """
    Return a file that people may still decide about, locked: of two decisions at once the second sees the first.

    :raises NotFound: no such file
    :raises Conflict: it is loading, or over
    """
    snapshot = queries.row(snapshot_id)
    db.session.refresh(snapshot, with_for_update=True)
    if snapshot.state not in {SnapshotState.RECEIVED, SnapshotState.CHECKED}:
        raise Conflict("This file is being loaded, or over.")
    return snapshot


def move(
    snapshot: RegisterSnapshot, event: SnapshotEvent, *, actor_id: UUID | None, at: datetime, **changes: Any
) -> None:
    """
    Move a file on by one event, with what else changes in its row, and leave the event in the audit trail.

    :raises Conflict: somebody else moved it in the meantime
    """
    before = snapshot.state
    db.session.flush()
    won = db.session.scalar(
        update(RegisterSnapshot)
        .where(RegisterSnapshot.id == snapshot.id, RegisterSnapshot.state == before)
        .values({"state": SNAPSHOT.after(before, event), **changes})
        .returning(RegisterSnapshot.id)
        .execution_options(synchronize_session=False)
    )
    if won is None:
        raise Conflict("Somebody has just moved this file on.")
    db.session.refresh(snapshot)
    record(event, snapshot.id, actor_id, at, source=snapshot.source_code, before=before)


def record(what: str, snapshot_id: UUID, actor_id: UUID | None, at: datetime, **data: Any) -> None:
    """Leave an event about a file in the audit trail; from here on nothing else is locked."""
    audit.record(
        f"register:{what}",
        actor_id=actor_id,
        subject_type="register_snapshot",
        subject_id=snapshot_id,
        at=at,
        **data,
    )


LONGEST_REASON = 2_000
