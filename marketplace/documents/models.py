"""Private files as rows; their bytes lie in the store under names the server made."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base, Keyed


class MediaType(StrEnum):
    """The types we take, told by their content and never by their name."""

    PDF = "application/pdf"
    JPEG = "image/jpeg"
    PNG = "image/png"


class Document(Keyed, Base):
    """
    One private file. Images were re-encoded before they were kept; `digest` is that of what is kept.

    Once it is forgotten its bytes are gone for good, and the row goes on to say what they were.
    """

    __tablename__ = "documents"
    __table_args__ = (
        CheckConstraint("size_bytes BETWEEN 1 AND 10485760", name="size_is_within_limits"),
        CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name="digest_is_sha256"),
        CheckConstraint("storage_key ~ '^[0-9a-f]{2}/[0-9a-f-]{36}\\.(pdf|jpg|png)$'", name="storage_key_is_ours"),
        CheckConstraint("forgotten_at > created_at", name="forgotten_after_it_came"),
    )

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    media_type: Mapped[MediaType]
    filename: Mapped[str] = mapped_column(comment="What the owner called it; shown, never used as a path.")
    size_bytes: Mapped[int]
    digest: Mapped[str]
    received_digest: Mapped[str] = mapped_column(comment="SHA-256 of the bytes as they arrived.")
    storage_key: Mapped[str] = mapped_column(unique=True)
    width: Mapped[int | None] = mapped_column(comment="Pixels; images only.")
    height: Mapped[int | None]
    pages: Mapped[int | None] = mapped_column(comment="PDF only.")
    created_at: Mapped[datetime]
    forgotten_at: Mapped[datetime | None] = mapped_column(
        comment="When its bytes were given up; refused for what is a source, and while its case is open (trigger)."
    )
