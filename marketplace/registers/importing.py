"""Files of registers come in here: received, mapped, tried, loaded, and put in the place of the one before."""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import chain, islice
from typing import Any, BinaryIO
from uuid import UUID, uuid4

from sqlalchemy import delete, func, select, text, update

from .. import audit
from ..extensions import adapter_of, db, unit_of_work
from ..kernel.errors import Conflict, Invalid, NotFound
from ..queue import promise
from . import notices, queries
from .models import RegisterNotice, RegisterRow, RegisterSnapshot
from .ports import RegisterFiles
from .reading import (
    LOST,
    ROW_FIELDS,
    Inspection,
    Problem,
    Read,
    Unreadable,
    Watch,
    check_columns,
    first_record,
    guessed_columns,
    headers_of,
    line_of,
    rows,
)
from .sources import Field, Layout, Source, sources
from .states import SNAPSHOT, SnapshotEvent, SnapshotState

CHUNK = 20_000
"""Rows of one transaction: what is kept in memory, and how often the progress moves."""

SMALLEST_SHARE = 0.9
"""A file with a smaller share of the rows of the one before it was probably cut off."""

MOST_LOST = 0.05
"""A file of which more rows than this cannot be read is read by the wrong columns, or damaged."""

_PIECE = 1_000
FIRST_ROWS = 20
MOST_TYPES = 2_000
_LONGEST_REASON = 2_000
_ARRIVING = timedelta(hours=1)  # A file is there before its row is.
_SLOW = "SET LOCAL statement_timeout = '10min'"  # What is done to a whole register takes longer than a page may.
_COPY = "COPY {table} (snapshot_id, position, digest, {fields}) FROM STDIN (NULL '')"
_ESCAPE, _ESCAPED = "\\", "\\\\"  # The only character of a value that COPY would not take as it stands.

_E, _S = SnapshotEvent, SnapshotState


@dataclass(slots=True)
class Tally:
    """What was found so far in a file."""

    read: int = 0
    loaded: int = 0
    types: Counter[str] = field(default_factory=Counter)
    counts: Counter[Problem] = field(default_factory=Counter)
    first: dict[Problem, list[tuple[int, str]]] = field(default_factory=dict)

    @classmethod
    def of(cls, snapshot: RegisterSnapshot) -> "Tally":
        """Go on from what was written down."""
        tally = cls(snapshot.rows_read, snapshot.rows_loaded, Counter(snapshot.report.get("license_types", {})))
        for kind, found in snapshot.report.get("problems", {}).items():
            tally.counts[Problem(kind)] = found["count"]
            tally.first[Problem(kind)] = [tuple(entry) for entry in found["first"]]
        return tally

    def add(self, found: Read) -> None:
        """Count one record."""
        self.read = found.position
        for kind, shown in found.problems:
            self.note(kind, found.position, shown)
        if found.row is not None:
            self.loaded += 1
            license_type = found.row.license_type or ""
            if license_type in self.types or len(self.types) < MOST_TYPES:
                self.types[license_type] += 1

    def note(self, kind: Problem, position: int, shown: str, count: int = 1) -> None:
        """Count a problem; the first rows that have it are remembered."""
        self.counts[kind] += count
        first = self.first.setdefault(kind, [])
        if len(first) < FIRST_ROWS:
            first.append((position, shown))

    def written_to(self, snapshot: RegisterSnapshot) -> None:
        """Write it down."""
        snapshot.rows_read, snapshot.rows_loaded = self.read, self.loaded
        snapshot.rows_refused = sum(self.counts[kind] for kind in LOST)
        snapshot.report = {
            "problems": {kind: {"count": self.counts[kind], "first": self.first[kind]} for kind in self.counts},
            "license_types": dict(self.types),
        }


def receive(
    *,
    source_code: str,
    filename: str,
    chunks: Iterable[bytes],
    retrieved_at: datetime,
    actor_id: UUID | None,
    at: datetime,
) -> UUID:
    """
    Keep a file that was fetched from a register's publisher at `retrieved_at`; nothing of it counts yet.

    :raises NotFound: no such register
    :raises Invalid: it was fetched in the future, or before the file that counts
    :raises Unreadable: it is not a file of this register, or not whole
    """
    source = sources().get(source_code)
    if source is None:
        raise NotFound("There is no such register.")
    if retrieved_at > at:
        raise Invalid("It cannot have been fetched in the future.", field="retrieved_at")
    with unit_of_work():  # No transaction stays open while a large file arrives.
        newest = queries.current([source_code]).get(source_code)
    if newest is not None and retrieved_at < newest.retrieved_at:
        raise Invalid("The file that counts was fetched after this one.", field="retrieved_at")
    store, ident = adapter_of(RegisterFiles), uuid4()
    key = f"{ident.hex[:2]}/{ident}.txt"
    watch = Watch(source)
    store.keep(key, watch.through(chunks))
    try:
        seen, headers = watch.verdict(), []
        with store.opened(key) as file:
            headers = _headers(file, source, seen.encoding)
        with unit_of_work():
            _keep(ident, source, filename, key, seen, headers, retrieved_at=retrieved_at, actor_id=actor_id, at=at)
    except BaseException:
        store.delete(key)
        raise
    return ident


def _headers(file: BinaryIO, source: Source, encoding: str) -> list[str]:
    if source.layout is Layout.OPENFDA:
        notices.first(file, source)
        return []
    return headers_of(file, source, encoding)


def _keep(
    ident: UUID,
    source: Source,
    filename: str,
    key: str,
    seen: Inspection,
    headers: list[str],
    *,
    retrieved_at: datetime,
    actor_id: UUID | None,
    at: datetime,
) -> None:
    db.session.add(
        RegisterSnapshot(
            id=ident,
            source_code=source.code,
            filename=filename[:200] or "file",
            file_key=key,
            file_digest=seen.digest,
            size_bytes=seen.size,
            lines=seen.lines,
            encoding=seen.encoding,
            headers=headers,
            columns=_earlier_columns(source, headers) or guessed_columns(headers, source),
            retrieved_at=retrieved_at,
            received_at=at,
            received_by=actor_id,
        )
    )
    db.session.flush()
    _record("received", ident, actor_id, at, source=source.code, digest=seen.digest)


def _earlier_columns(source: Source, headers: list[str]) -> dict[str, Any] | None:
    """Return how a file with these very headers was read before: what staff decided once holds."""
    return db.session.scalar(
        select(RegisterSnapshot.columns)
        .where(
            RegisterSnapshot.source_code == source.code,
            RegisterSnapshot.headers == headers,
            RegisterSnapshot.current_since.is_not(None),
        )
        .order_by(RegisterSnapshot.current_since.desc())
        .limit(1)
    )


def choose_columns(*, snapshot_id: UUID, columns: Mapping[str, Field], actor_id: UUID, at: datetime) -> None:
    """
    Say what each column of a file is read into, and have the file tried; columns not named are left out.

    :raises NotFound: no such file
    :raises Invalid: the file cannot be read by these columns
    :raises Conflict: it is loading, or over
    """
    with unit_of_work():
        snapshot = _open_file(snapshot_id)
        check_columns(columns, snapshot.headers, sources()[snapshot.source_code])
        snapshot.columns = {header: chosen.value for header, chosen in columns.items()}
        Tally().written_to(snapshot)
        _record("mapped", snapshot_id, actor_id, at, columns=snapshot.columns)
        promise("check_register_file", lock=f"register:{snapshot_id}", snapshot_id=str(snapshot_id))


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
        reading = _Reading.of(snapshot)
    try:
        tally = Tally()
        with closing(reading.records(tally)) as found:
            while list(islice(found, CHUNK)):
                with unit_of_work():
                    tally.written_to(queries.row(snapshot_id))
        with unit_of_work():
            snapshot = queries.row(snapshot_id)
            _refuse_if_misread(snapshot)
            _move(snapshot, _E.CHECKED, actor_id=None, at=at)
            return snapshot.state
    except Unreadable as problem:
        return _refused(snapshot_id, problem.sentence, at)


def first_row(snapshot_id: UUID) -> dict[str, str]:
    """
    Return what stands in the first row of a file that is not loaded, by header, to tell its columns apart by.

    :raises NotFound: no such file
    """
    snapshot = queries.row(snapshot_id)
    if snapshot.file_key is None:
        return {}
    source = sources()[snapshot.source_code]
    with adapter_of(RegisterFiles).opened(snapshot.file_key) as file:
        if source.layout is Layout.OPENFDA:
            return notices.first(file, source)
        return first_record(file, source, snapshot.encoding)


def start(*, snapshot_id: UUID, actor_id: UUID, smaller_because: str | None = None, at: datetime) -> None:
    """
    Have a file that was tried loaded, and put in the place of the one that counts.

    :raises NotFound: no such file
    :raises Invalid: it holds far fewer rows than the one that counts, and nobody says why that may be
    :raises Conflict: it was not tried, or is loading already, or over; or another of this register is loading
    """
    with unit_of_work():
        snapshot = _open_file(snapshot_id)
        if snapshot.state is not _S.CHECKED:
            raise Conflict("The file has to be tried first.")
        snapshot.smaller_because = (smaller_because or "").strip()[:_LONGEST_REASON] or None
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
        reading, tally = _Reading.of(snapshot), Tally.of(snapshot)
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


def discard(*, snapshot_id: UUID, actor_id: UUID, reason: str, at: datetime) -> None:
    """
    Drop a file that was not loaded.

    :raises NotFound: no such file
    :raises Invalid: no reason
    :raises Conflict: it is loading, or over
    """
    said = reason.strip()[:_LONGEST_REASON]
    if not said:
        raise Invalid("Say why, for the record.", field="reason")
    with unit_of_work():
        snapshot = _open_file(snapshot_id)
        key = snapshot.file_key
        _move(snapshot, _E.REFUSED, actor_id=actor_id, at=at, refusal=said, file_key=None)
    assert key is not None
    adapter_of(RegisterFiles).delete(key)


def sweep(*, at: datetime) -> int:
    """Delete files that no row waits for: they hold more of people than is kept here. Return how many."""
    store = adapter_of(RegisterFiles)
    waiting = set(db.session.scalars(select(RegisterSnapshot.file_key).where(RegisterSnapshot.file_key.is_not(None))))
    over = [name for name, since in store.names() if name not in waiting and at - since > _ARRIVING]
    for name in over:
        store.delete(name)
    return len(over)


@dataclass(frozen=True, slots=True)
class _Reading:
    """How one file is read. Holds nothing of the session, so that it may outlive a transaction."""

    source: Source
    key: str
    encoding: str
    columns: Mapping[str, Field]
    day: datetime

    @classmethod
    def of(cls, snapshot: RegisterSnapshot) -> "_Reading":
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


def _table(source: Source) -> type[RegisterRow | RegisterNotice]:
    return RegisterNotice if source.layout is Layout.OPENFDA else RegisterRow


def _copy(snapshot_id: UUID, source: Source, found: Iterator[Read]) -> None:
    kept = notices.NOTICE_FIELDS if source.layout is Layout.OPENFDA else ROW_FIELDS
    copying = _COPY.format(table=_table(source).__tablename__, fields=", ".join(kept))
    db.session.execute(text(_SLOW))
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
        session.execute(text(_SLOW))
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
            _move(earlier, _E.REPLACED, actor_id=None, at=at, replaced_at=at)
        _move(snapshot, _E.LOADED, actor_id=None, at=at, current_since=at, file_key=None)
        promise("register_changed", source_code=snapshot.source_code)
        _drop_old_rows(snapshot.source_code, keep={snapshot.id, *([earlier.id] if earlier else [])})
        # The planner must know of a million new rows before the first question about them.
        session.execute(text(f"ANALYZE {_table(sources()[snapshot.source_code]).__tablename__}"))


def _note_doubles(snapshot: RegisterSnapshot) -> None:
    source = sources()[snapshot.source_code]
    if not source.key:
        return
    found = _table(source).__table__.c
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
    rows_of = _table(sources()[source_code])
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


def _refused(snapshot_id: UUID, sentence: str, at: datetime) -> SnapshotState:
    with unit_of_work() as session:
        session.execute(text(_SLOW))
        snapshot = queries.row(snapshot_id)
        rows_of = _table(sources()[snapshot.source_code])
        session.execute(delete(rows_of).where(rows_of.snapshot_id == snapshot_id))
        key = snapshot.file_key
        _move(
            snapshot, _E.REFUSED, actor_id=None, at=at, refusal=sentence, file_key=None, rows_loaded=0, rows_refused=0
        )
    assert key is not None
    adapter_of(RegisterFiles).delete(key)
    return _S.REFUSED


def _start(snapshot: RegisterSnapshot, *, actor_id: UUID | None, at: datetime) -> None:
    busy = select(RegisterSnapshot.id).where(
        RegisterSnapshot.source_code == snapshot.source_code, RegisterSnapshot.state == _S.LOADING
    )
    if db.session.scalar(busy) is not None:
        raise Conflict("Another file of this register is being loaded.", cure="Wait until it is done.")
    Tally().written_to(snapshot)
    _move(snapshot, _E.STARTED, actor_id=actor_id, at=at)


def _open_file(snapshot_id: UUID) -> RegisterSnapshot:
    snapshot = queries.row(snapshot_id)
    if snapshot.state not in {_S.RECEIVED, _S.CHECKED}:
        raise Conflict("This file is being loaded, or over.")
    return snapshot


def _move(
    snapshot: RegisterSnapshot, event: SnapshotEvent, *, actor_id: UUID | None, at: datetime, **changes: Any
) -> None:
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
    _record(event, snapshot.id, actor_id, at, source=snapshot.source_code, before=before)


def _record(what: str, snapshot_id: UUID, actor_id: UUID | None, at: datetime, **data: Any) -> None:
    audit.record(
        f"register:{what}",
        actor_id=actor_id,
        subject_type="register_snapshot",
        subject_id=snapshot_id,
        at=at,
        **data,
    )
