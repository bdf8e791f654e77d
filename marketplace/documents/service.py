"""Take private files in and give them out again. Who may see which is asked by the room that the file belongs to."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import PurePosixPath
from uuid import UUID, uuid4

from sqlalchemy import func, select

from ..extensions import adapter_of, db
from ..kernel.days import written
from ..kernel.errors import Gone, Invalid, NotFound, TooMany, Unavailable
from ..logs import log
from . import isolation
from .contents import NotTaken
from .forgetting import Astray, astray, erase, forget, sweep
from .models import Document, MediaType
from .ports import CannotBeOpened, DocumentStore
from .resealing import Resealed, reseal

__all__ = [
    "Astray",
    "DocumentDamaged",
    "DocumentForgotten",
    "ExaminedFile",
    "FileNotTaken",
    "KeptFile",
    "QuotaReached",
    "Resealed",
    "astray",
    "content_of",
    "erase",
    "examine",
    "forget",
    "page_of",
    "receive",
    "reseal",
    "shown_name",
    "sweep",
]

QUOTA_BYTES = 250 * 1024 * 1024  # Of one person: two dozen of the largest files, and hundreds of ordinary scans.
_ENDINGS = {MediaType.PDF: "pdf", MediaType.JPEG: "jpg", MediaType.PNG: "png"}
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f/\\]")


class FileNotTaken(Invalid):
    """The file is not a harmless PDF, JPEG or PNG within the limits."""

    code = "file_not_taken"


class QuotaReached(TooMany):
    """This person has as many files here as we keep for one."""

    code = "document_quota_reached"


class DocumentDamaged(Unavailable):
    """What the store gave back is not what was put in."""

    code = "document_damaged"


class DocumentForgotten(Gone):
    """It was deleted, as everybody was told it would be."""

    code = "document_forgotten"


@dataclass(frozen=True, slots=True)
class ExaminedFile:
    """A file that may be kept."""

    filename: str
    media_type: MediaType
    content: bytes
    received_digest: str
    width: int | None
    height: int | None
    pages: int | None


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file as it is given out."""

    id: UUID
    owner_id: UUID
    filename: str
    media_type: MediaType
    pages: int | None
    content: bytes


def examine(*, filename: str, content: bytes, field: str = "documents") -> ExaminedFile:
    """
    Look at a file in a process apart and return what would be kept of it. Call it before the unit of work opens.

    `field` is the form's, for the refusal to point at.

    :raises FileNotTaken: it is empty, too large, of another type, damaged, or carries more than a scan
    """
    shown = shown_name(filename)
    try:
        clean = isolation.cleaned(content)
    except NotTaken as refusal:
        raise FileNotTaken(
            f"“{shown}” {refusal}.",
            field=field,
            cure="Send a plain scan or photograph: PDF, JPEG or PNG, up to 10 MB.",
        ) from refusal
    return ExaminedFile(
        filename=shown,
        media_type=MediaType(clean.media_type),
        content=clean.content,
        received_digest=sha256(content).hexdigest(),
        width=clean.width,
        height=clean.height,
        pages=clean.pages,
    )


def receive(*, owner_id: UUID, file: ExaminedFile, at: datetime, quota: int | None = QUOTA_BYTES) -> UUID:
    """
    Keep an examined file as a step of the caller's unit of work. The bytes are there before the row is.

    `quota` is how many bytes the owner may have here; None: as many as it takes.

    :raises QuotaReached: the owner has too much here already
    """
    theirs = select(func.sum(Document.size_bytes)).where(Document.owner_id == owner_id, Document.forgotten_at.is_(None))
    held = db.session.scalar(theirs) or 0
    if quota is not None and held + len(file.content) > quota:
        raise QuotaReached(
            "You have as many files here as we keep for one person.", cure="Write to us if you need to add more."
        )
    document = Document(
        id=uuid4(),
        owner_id=owner_id,
        media_type=file.media_type,
        filename=file.filename,
        size_bytes=len(file.content),
        digest=sha256(file.content).hexdigest(),
        received_digest=file.received_digest,
        width=file.width,
        height=file.height,
        pages=file.pages,
        created_at=at,
    )
    # Not the row's own id: whoever reads an address learns nothing about the disk.
    key = uuid4()
    document.storage_key = f"{key.hex[:2]}/{key}.{_ENDINGS[file.media_type]}"
    adapter_of(DocumentStore).put(document.storage_key, file.content)
    db.session.add(document)
    db.session.flush()
    return document.id


def content_of(document_id: UUID) -> KeptFile:
    """
    Return a file with its bytes. Asks nothing about the reader: only for rooms that did.

    :raises NotFound: there is no such document
    :raises DocumentForgotten: it was deleted
    :raises DocumentDamaged: the store lost it or gave back something else
    """
    row = db.session.get(Document, document_id)
    if row is None:
        raise NotFound("There is no such document.")
    if row.forgotten_at is not None:
        raise DocumentForgotten(
            f"This document was deleted on {written(row.forgotten_at.date())}.",
            cure="What it was is kept: its kind, its size and its fingerprint.",
        )
    try:
        content = adapter_of(DocumentStore).get(row.storage_key)
    except CannotBeOpened as trouble:
        # To the reader it is the house's trouble; whoever keeps the keys finds in the log which of them is wanted.
        log.error("document_not_opened", document=str(row.id), why=str(trouble))
        raise DocumentDamaged(
            "This file cannot be opened right now.", cure="We look into it. Please try later."
        ) from trouble
    except KeyError as trouble:
        raise DocumentDamaged(
            "This file cannot be shown right now.", cure="We look into it. Please try later."
        ) from trouble
    if sha256(content).hexdigest() != row.digest:
        raise DocumentDamaged("This file cannot be shown: it is not what was sent.", cure="Please send it again.")
    return KeptFile(row.id, row.owner_id, row.filename, row.media_type, row.pages, content)


def page_of(document_id: UUID, number: int) -> bytes:
    """
    Draw page `number` (from 1) of a PDF as a JPEG. Asks nothing about the reader: only for rooms that did.

    :raises NotFound: there is no such document or page
    :raises DocumentForgotten: it was deleted
    :raises DocumentDamaged: the store lost it or gave back something else
    """
    file = content_of(document_id)
    if not 1 <= number <= (file.pages or 0):
        raise NotFound("There is no such page.")
    try:
        return isolation.page_picture(file.content, number)
    except NotTaken as refusal:
        raise DocumentDamaged("This page cannot be drawn.", cure="Download the file instead.") from refusal


def shown_name(filename: str) -> str:
    """Return a file's name as it is shown: no path, nothing unprintable, at most 120 characters."""
    name = PurePosixPath(unicodedata.normalize("NFC", filename).replace("\\", "/")).name
    return "".join(letter for letter in _UNPRINTABLE.sub("", name) if letter.isprintable())[-120:] or "document"
