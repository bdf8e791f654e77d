"""
Give files up for good: first the row says so, then the bytes go; whoever dies in between is made good by the sweep.

The other way round a page would stumble over a file that is gone while its row still promises it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update

from ..extensions import adapter_of, db
from .models import Document
from .ports import DocumentStore

ORPHANS_ARE_SWEPT_AFTER = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Astray:
    """
    Where the store and the rows differ.

    `orphans`: files that no row knows, and since when. `lingering`: files whose row says they are gone. `missing`:
    documents whose file is not there.
    """

    orphans: tuple[tuple[str, datetime], ...]
    lingering: tuple[str, ...]
    missing: tuple[UUID, ...]


def forget(document_ids: Collection[UUID], *, at: datetime) -> dict[UUID, Document]:
    """
    Say of documents that they are gone, as a step of the caller's unit of work; return those that were not yet.

    Their files are deleted by `erase` once that is committed. The database refuses it for what is a source of a check,
    of a condition report or of a correction, and while a case about it is open.
    """
    rows = db.session.scalars(
        update(Document)
        .where(Document.id.in_(document_ids), Document.forgotten_at.is_(None))
        .values(forgotten_at=at)
        .returning(Document)
    )
    return {row.id: row for row in rows}


def erase(keys: Iterable[str]) -> None:
    """Delete the files of what was said to be gone. Once more changes nothing."""
    store = adapter_of(DocumentStore)
    for key in keys:
        store.delete(key)


def sweep(*, at: datetime) -> int:
    """
    Delete files that nothing stands for: what no row knows a day after it came, and what a row says is gone.

    Return how many files that were.
    """
    found = astray()
    keys = [key for key, since in found.orphans if since < at - ORPHANS_ARE_SWEPT_AFTER]
    keys += found.lingering
    erase(keys)
    return len(keys)


def astray() -> Astray:
    """Compare the store with the rows."""
    # The rows first: a file is there before its row is.
    rows = db.session.execute(select(Document.id, Document.storage_key, Document.forgotten_at)).all()
    there = dict(adapter_of(DocumentStore).names())
    known = {row.storage_key for row in rows}
    return Astray(
        orphans=tuple((key, since) for key, since in there.items() if key not in known),
        lingering=tuple(row.storage_key for row in rows if row.forgotten_at and row.storage_key in there),
        missing=tuple(row.id for row in rows if row.forgotten_at is None and row.storage_key not in there),
    )
