"""Files of registers as they come in: kept, mapped by people, dropped again."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, BinaryIO
from uuid import UUID, uuid4

from sqlalchemy import select

from ..extensions import adapter_of, db, unit_of_work
from ..kernel.errors import Invalid, NotFound
from ..queue import promise
from . import notices, queries
from .arriving import Inspection, Watch
from .models import RegisterSnapshot
from .ports import RegisterFiles
from .reading import check_columns, first_record, guessed_columns, headers_of
from .sources import Field, Layout, Source, sources
from .states import SnapshotEvent
from .steps import LONGEST_REASON, move, open_file, record
from .tally import Tally

_ARRIVING = timedelta(hours=1)  # A file is there before its row is.


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
    record("received", ident, actor_id, at, source=source.code, digest=seen.digest)


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
        snapshot = open_file(snapshot_id)
        check_columns(columns, snapshot.headers, sources()[snapshot.source_code])
        snapshot.columns = {header: chosen.value for header, chosen in columns.items()}
        Tally().written_to(snapshot)
        record("mapped", snapshot_id, actor_id, at, columns=snapshot.columns)
        promise("check_register_file", lock=f"register:{snapshot_id}", snapshot_id=str(snapshot_id))


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


def discard(*, snapshot_id: UUID, actor_id: UUID, reason: str, at: datetime) -> None:
    """
    Drop a file that was not loaded.

    :raises NotFound: no such file
    :raises Invalid: no reason
    :raises Conflict: it is loading, or over
    """
    said = reason.strip()[:LONGEST_REASON]
    if not said:
        raise Invalid("Say why, for the record.", field="reason")
    with unit_of_work():
        snapshot = open_file(snapshot_id)
        key = snapshot.file_key
        move(snapshot, SnapshotEvent.REFUSED, actor_id=actor_id, at=at, refusal=said, file_key=None)
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
