"""Private files: the shortest legal rows, and bytes of every kind that people send."""

from datetime import datetime
from hashlib import sha256
from io import BytesIO
from typing import Any
from uuid import uuid4

from PIL import Image
from pypdf import PdfWriter

from marketplace.accounts.models import User
from marketplace.documents.models import Document, MediaType
from marketplace.documents.ports import DocumentStore
from marketplace.extensions import adapter_of
from tests.factories.accounts import LONG_AGO, kept, make_user

_ENDINGS = {MediaType.PDF: "pdf", MediaType.JPEG: "jpg", MediaType.PNG: "png"}


def picture(kind: str = "PNG", size: tuple[int, int] = (60, 40), **options: Any) -> bytes:
    """Return a small picture."""
    target = BytesIO()
    Image.new("RGB", size, (168, 15, 55)).save(target, kind, **options)
    return target.getvalue()


def pdf(pages: int = 1) -> bytes:
    """Return a PDF of empty pages."""
    writer = PdfWriter()
    for _ in range(pages):
        writer.add_blank_page(300, 400)
    target = BytesIO()
    writer.write(target)
    return target.getvalue()


def make_document(
    *,
    owner: User | None = None,
    media_type: MediaType | str = MediaType.PNG,
    content: bytes | None = None,
    filename: str | None = None,
    created_at: datetime = LONG_AGO,
    **values: Any,
) -> Document:
    """Keep a document with its bytes in the store."""
    media_type = MediaType(media_type)
    content = content or (
        pdf() if media_type is MediaType.PDF else picture("JPEG" if media_type is MediaType.JPEG else "PNG")
    )
    ending = _ENDINGS[media_type]
    key = uuid4()
    values.setdefault("storage_key", f"{key.hex[:2]}/{key}.{ending}")
    values.setdefault("pages", 1 if media_type is MediaType.PDF else None)
    adapter_of(DocumentStore).put(values["storage_key"], content)
    return kept(
        Document(
            owner_id=(owner or make_user()).id,
            media_type=media_type,
            filename=filename or f"certificate.{ending}",
            size_bytes=len(content),
            digest=sha256(content).hexdigest(),
            received_digest=sha256(content).hexdigest(),
            created_at=created_at,
            **values,
        )
    )
