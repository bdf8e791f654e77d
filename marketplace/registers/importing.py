"""Files of registers that were received are tried, loaded, and put in the place of the one before."""

from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime
from hashlib import sha256
from itertools import chain, islice
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, text

from ..extensions import adapter_of, db, unit_of_work
from ..kernel.errors import Conflict, Invalid
from ..queue import promise
from . import notices, queries
from .arriving import Unreadable
from .models import RegisterSnapshot
from .ports import RegisterFiles
from .records import ROW_FIELDS, Problem, Read, line_of
from .sources import Layout, Source, sources
from .states import SnapshotEvent, SnapshotState
from .steps import LONGEST_REASON, SLOW, Reading, move, open_file, table_of
from .tally import Tally

CHUNK = 20_000
"""Rows of one transaction: what is kept in memory, and how often the progress moves."""

SMALLEST_SHARE = 0.9
"""A file with a smaller share of the rows of the one before it was probably cut off."""

MOST_LOST = 0.05
"""A file of which more rows than this cannot be read is read by the wrong columns, or damaged."""

_PIECE = 1_000
_COPY = "COPY {table} (snapshot_id, position, digest, {fields}) FROM STDIN (NULL '')"
_ESCAPE, _ESCAPED = "\\", "\\\\"  # The only character of a value that COPY would not take as it stands.

_E, _S = SnapshotEvent, SnapshotState


def check(*, snapshot_id: UUID, at: datetime) -> SnapshotState:
    """
    Read a whole file without loading it, so that staff see what would come of it; return where it stands then.

    :raises NotFound: no such file
    """
    with unit_of_work():
        snapshot = queries.row(snapshot_id)
        if not {_S.RECEIVED, _S.CHECKED} & {snapshot.state}:
            return snapshot.state
        Tally().written_to(snapshot)
        reading = Reading.of(snapshot)
    try:
        tally = Tally()
        with closing(reading.records(tally)) as found:
            while list(islice(found, CHUNK)):
                with unit_of_work():
                    tally.written_to(queries.row(snapshot_id))
        with unit_of_work():
            snapshot = queries.row(snapshot_id)
            _refuse_if_misread(snapshot)
            move(snapshot, _E.CHECKED, actor_id=None, at=at)
            return snapshot.state
    except Unreadable as problem:
        return _refused(snapshot_id, problem.sentence, at)


def start(*, snapshot_id: UUID, actor_id: UUID, smaller_because: str | None = None, at: datetime) -> None:
    """
    Have a file that was tried loaded, and put in the place of the one that counts.

    :raises NotFound: no such file
    :raises Invalid: it holds far fewer rows than the one that counts, and nobody says why that may be
    :raises Conflict: it was not tried, or is loading already, or over; or another of this register is loading
    """
    with unit_of_work():
        snapshot = open_file(snapshot_id)
        if snapshot.state is not _S.CHECKED:
            raise Conflict("The file has to be tried first.")
        snapshot.smaller_because = (smaller_because or "").strip()[:LONGEST_REASON] or None
        shrunk = _shrunk(snapshot)
        if shrunk is not None:
            raise Invalid(shrunk, field="smaller_because", cure="Fetch it again, or say why it may be so.")
        _start(snapshot, actor_id=actor_id, at=at)
        promise("load_register_file", lock=f"register:{snapshot_id}", snapshot_id=str(snapshot_id))


def load(*, snapshot_id: UUID, at: datetime) -> SnapshotState:
    """
    Load a file by chunks, each in a transaction of its own, and put it in the place of the one that counts.

    Rows count from the last step on, all at once. Interrupted, it goes on where it was. Return where the file stands.

    :raises NotFound: no such file
    :raises Conflict: another file of this register is loading
    """
    with unit_of_work():
        snapshot = queries.row(snapshot_id)
        if snapshot.state is _S.RECEIVED:
            Tally().written_to(snapshot)
            _start(snapshot, actor_id=None, at=at)
        elif snapshot.state is not _S.LOADING:
            return snapshot.state
        reading, tally = Reading.of(snapshot), Tally.of(snapshot)
    try:
        with closing(reading.records(tally)) as found:
            # A transaction begins when there is something for it.
            while piece := list(islice(found, min(_PIECE, CHUNK))):
                with unit_of_work():
                    _copy(snapshot_id, reading.source, chain(piece, islice(found, CHUNK - len(piece))))
                    tally.written_to(queries.row(snapshot_id))
        _put_into_place(snapshot_id, at)
    except Unreadable as problem:
        return _refused(snapshot_id, problem.sentence, at)
    adapter_of(RegisterFiles).delete(reading.key)
    return _S.CURRENT


def _copy(snapshot_id: UUID, source: Source, found: Iterator[Read]) -> None:
    kept = notices.NOTICE_FIELDS if source.layout is Layout.OPENFDA else ROW_FIELDS
    copying = _COPY.format(table=table_of(source).__tablename__, fields=", ".join(kept))
    db.session.execute(text(SLOW))
    connection: Any = db.session.connection().connection.driver_connection
    with connection.cursor() as cursor, cursor.copy(copying) as copy:
        # By pieces, so that the database takes one in while the next is read and written.
        while piece := list(islice(found, _PIECE)):
            copy.write("".join(_lines(str(snapshot_id), piece)))


def _lines(snapshot_id: str, found: Iterable[Read]) -> Iterator[str]:
    for record in found:
        if record.row is not None:
            line = line_of(record.row.cells())  # What is digested is what is sent; it need not be written twice.
            digest = sha256(line.encode()).hexdigest()
            yield f"{snapshot_id}\t{record.position}\t\\\\x{digest}\t{line.replace(_ESCAPE, _ESCAPED)}\n"


def _put_into_place(snapshot_id: UUID, at: datetime) -> None:
    with unit_of_work() as session:
        session.execute(text(SLOW))
        snapshot = queries.row(snapshot_id)
        _refuse_if_misread(snapshot)
        shrunk = _shrunk(snapshot)
        if shrunk is not None:
            raise Unreadable(shrunk)
        _note_doubles(snapshot)
        earlier = session.scalar(
            select(RegisterSnapshot).where(
                RegisterSnapshot.source_code == snapshot.source_code, RegisterSnapshot.state == _S.CURRENT
            )
        )
        if earlier is not None:
            move(earlier, _E.REPLACED, actor_id=None, at=at, replaced_at=at)
        move(snapshot, _E.LOADED, actor_id=None, at=at, current_since=at, file_key=None)
        promise("register_changed", source_code=snapshot.source_code)
        _drop_old_rows(snapshot.source_code, keep={snapshot.id, *([earlier.id] if earlier else [])})
        # The planner must know of a million new rows before the first question about them.
        session.execute(text(f"ANALYZE {table_of(sources()[snapshot.source_code]).__tablename__}"))


def _note_doubles(snapshot: RegisterSnapshot) -> None:
    source = sources()[snapshot.source_code]
    if not source.key:
        return
    found = table_of(source).__table__.c
    columns = [found[field.value] for field in source.key]
    doubled = (
        select(func.min(found.position), func.count(), *columns)
        .where(found.snapshot_id == snapshot.id)
        .group_by(*columns)
        .having(func.count() > 1)
        .order_by(func.min(found.position))
    )
    tally = Tally.of(snapshot)
    for position, count, *key in db.session.execute(doubled):
        tally.note(Problem.DOUBLE, position, f"{' '.join(key)} stands {count} times", count - 1)
    tally.written_to(snapshot)


def _drop_old_rows(source_code: str, keep: set[UUID]) -> None:
    """Forget the rows of all but the newest two files: what is compared is only ever the last with the one before."""
    over = select(RegisterSnapshot.id).where(
        RegisterSnapshot.source_code == source_code,
        RegisterSnapshot.state == _S.REPLACED,
        RegisterSnapshot.id.not_in(keep),
    )
    rows_of = table_of(sources()[source_code])
    db.session.execute(delete(rows_of).where(rows_of.snapshot_id.in_(over)))


def _refuse_if_misread(snapshot: RegisterSnapshot) -> None:
    if not snapshot.rows_loaded:
        raise Unreadable("Not one row of the file could be read.")
    if snapshot.rows_refused > snapshot.rows_read * MOST_LOST:
        raise Unreadable(
            f"{snapshot.rows_refused:,} of {snapshot.rows_read:,} rows could not be read: it is damaged, or the"
            " columns are not what they were taken for."
        )


def _shrunk(snapshot: RegisterSnapshot) -> str | None:
    current = queries.current([snapshot.source_code]).get(snapshot.source_code)
    if not sources()[snapshot.source_code].whole:
        return None  # A week of few changes is no damaged file.
    if current is None or snapshot.smaller_because or snapshot.rows_loaded >= current.rows_loaded * SMALLEST_SHARE:
        return None
    return (
        f"The file has {snapshot.rows_loaded:,} rows where the one that counts has {current.rows_loaded:,}: it was"
        " probably cut off."
    )


def _start(snapshot: RegisterSnapshot, *, actor_id: UUID | None, at: datetime) -> None:
    busy = select(RegisterSnapshot.id).where(
        RegisterSnapshot.source_code == snapshot.source_code, RegisterSnapshot.state == _S.LOADING
    )
    if db.session.scalar(busy) is not None:
        raise Conflict("Another file of this register is being loaded.", cure="Wait until it is done.")
    Tally().written_to(snapshot)
    move(snapshot, _E.STARTED, actor_id=actor_id, at=at)


def _refused(snapshot_id: UUID, sentence: str, at: datetime) -> SnapshotState:
    with unit_of_work() as session:
        session.execute(text(SLOW))
        snapshot = queries.row(snapshot_id)
        rows_of = table_of(sources()[snapshot.source_code])
        session.execute(delete(rows_of).where(rows_of.snapshot_id == snapshot_id))
        key = snapshot.file_key
        move(snapshot, _E.REFUSED, actor_id=None, at=at, refusal=sentence, file_key=None, rows_loaded=0, rows_refused=0)
    assert key is not None
    adapter_of(RegisterFiles).delete(key)
    return _S.REFUSED
