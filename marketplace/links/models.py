"""Mailed links, of whose tokens only digests are kept, and what was answered through them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base, Keyed
from .states import Answer, LinkPurpose, LinkState


class SignedLink(Keyed, Base):
    """
    One link, for one thing, to one address.

    `state` is written by `service._end` and nowhere else. Once it has ended nothing of it changes, and what it is about
    never does (trigger).
    """

    __tablename__ = "signed_links"
    __table_args__ = (
        UniqueConstraint("id", "purpose", "subject_id", name="link_has_one_subject"),
        CheckConstraint("octet_length(digest) = 32", name="token_is_digested"),
        CheckConstraint("sent_to = lower(sent_to) AND sent_to LIKE '%_@_%'", name="address_is_normal"),
        CheckConstraint("expires_at > sent_at", name="expiry_follows_sending"),
        CheckConstraint("(state = 'waiting') = (ended_at IS NULL)", name="end_is_dated"),
        CheckConstraint("ended_at >= sent_at", name="end_follows_sending"),
        CheckConstraint("state <> 'used' OR ended_at < expires_at", name="used_in_time"),
        CheckConstraint("opened_at >= sent_at AND opened_at < expires_at", name="opened_in_time"),
        CheckConstraint(
            "purpose <> 'confirm_claim' OR state <> 'used' OR (opened_at IS NOT NULL AND opened_at <= ended_at)",
            name="read_before_it_is_answered",
        ),
        CheckConstraint("(purpose = 'sign_order') = (recipient_id IS NOT NULL)", name="who_signs_is_known_here"),
        Index(
            "one_waiting_link_per_address", "purpose", "subject_id", "sent_to", unique=True,
            postgresql_where=text("state = 'waiting'"),
        ),
        Index("ix_signed_links_subject", "subject_id"),
    )  # fmt: skip

    purpose: Mapped[LinkPurpose]
    subject_id: Mapped[UUID] = mapped_column(comment="The order to be signed, or the credential that is claimed.")
    recipient_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id"), comment="The only person for whom it serves; empty: somebody without an account."
    )
    bound: Mapped[dict[str, Any]] = mapped_column(comment="What it is about, as it was when it was sent.")
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True, comment="SHA-256 of the token, which is not kept.")
    sent_to: Mapped[str]
    sent_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    sent_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    opened_at: Mapped[datetime | None] = mapped_column(comment="When somebody pressed the button to read it.")
    state: Mapped[LinkState] = mapped_column(default=LinkState.WAITING)
    ended_at: Mapped[datetime | None] = mapped_column(comment="When it was used, withdrawn or replaced.")


class LinkAnswer(Base):
    """What was answered through a link, once. Never changed, never removed."""

    __tablename__ = "link_answers"
    __table_args__ = (
        ForeignKeyConstraint(
            ["link_id", "purpose", "subject_id"],
            ["signed_links.id", "signed_links.purpose", "signed_links.subject_id"],
            name="answer_is_of_its_link",
        ),
        CheckConstraint("(purpose = 'sign_order') = (answer = 'signed')", name="answer_fits_its_purpose"),
        CheckConstraint("length(trim(name)) > 0 AND length(trim(role)) > 0", name="answer_says_who"),
        CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name="digest_is_sha256"),
    )

    link_id: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[LinkPurpose]
    subject_id: Mapped[UUID]
    answer: Mapped[Answer]
    name: Mapped[str] = mapped_column(comment="As the person wrote it, or as their account has it.")
    role: Mapped[str]
    words: Mapped[str]
    answered_at: Mapped[datetime]
    digest: Mapped[str] = mapped_column(comment="SHA-256 of the question, the address it went to, and the answer.")
