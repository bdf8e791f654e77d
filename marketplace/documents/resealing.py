"""Seal every private file under the first of the keys, so that an older one can be given up. May be killed."""

from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select

from ..extensions import adapter_of, db, unit_of_work
from .models import Document
from .ports import CannotBeOpened, DocumentStore

BATCH = 200


@dataclass(frozen=True, slots=True)
class Resealed:
    """How far it has come: of `total` documents `looked_at`, and what could not be sealed anew, with why."""

    total: int
    looked_at: int
    sealed: int
    trouble: tuple[tuple[UUID, str], ...]


def reseal() -> Iterator[Resealed]:
    """
    Look at every document and seal anew what is not under the first key; yield how far it has come after each batch.

    Begun again it goes on where it stood: what is sealed already is only looked at.
    """
    with unit_of_work():
        total = db.session.scalar(select(func.count()).where(Document.forgotten_at.is_(None))) or 0
    looked_at, sealed, last = 0, 0, UUID(int=0)
    trouble: list[tuple[UUID, str]] = []
    while True:
        with unit_of_work():
            wanted = select(Document.id).where(Document.id > last, Document.forgotten_at.is_(None))
            ids = db.session.scalars(wanted.order_by(Document.id).limit(BATCH)).all()
        for document_id in ids:
            try:
                sealed += _reseal(document_id)
            except KeyError:
                trouble.append((document_id, "its file is not there"))
            except CannotBeOpened as why:
                trouble.append((document_id, str(why)))
        looked_at += len(ids)
        yield Resealed(total, looked_at, sealed, tuple(trouble))
        if len(ids) < BATCH:
            return
        last = ids[-1]


def _reseal(document_id: UUID) -> bool:
    with unit_of_work():
        # Held while its file is replaced: whoever forgets it deletes the file afterwards, and nothing brings it back.
        key = db.session.scalar(
            select(Document.storage_key)
            .where(Document.id == document_id, Document.forgotten_at.is_(None))
            .with_for_update(key_share=True)
        )
        return key is not None and adapter_of(DocumentStore).reseal(key)
