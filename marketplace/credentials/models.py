"""Credential types, what people submitted, the checks against primary sources, and every move."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    LargeBinary,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.types import Text

from ..extensions import Base, Keyed
from .states import CredentialEvent, CredentialState

_PENDING = "state IN ('submitted', 'in_review', 'needs_info')"
_STANDING = "state IN ('verified', 'suspended')"
_LIVE = "state IN ('submitted', 'in_review', 'needs_info', 'verified', 'suspended')"


class CredentialTypeRow(Base):
    """A kind of credential that is known here; the whole entry of `data/types.json` is kept in `entry`."""

    __tablename__ = "credential_types"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    subject: Mapped[str] = mapped_column(comment="person or site")
    entry: Mapped[dict[str, Any]]

    __table_args__ = (CheckConstraint("subject IN ('person', 'site')", name="subject_is_person_or_site"),)


class Credential(Keyed, Base):
    """
    One licence, certificate or registration of one person or one site.

    `state` is written by `moving.move` and nowhere else. Dates are calendar days; a credential holds through the
    end of `expires_on` in the time zone of the place of use.
    """

    __tablename__ = "credentials"
    __table_args__ = (
        CheckConstraint("(holder_id IS NULL) <> (site_id IS NULL)", name="belongs_to_a_person_or_a_site"),
        CheckConstraint("jurisdiction ~ '^[A-Z]{2}$'", name="jurisdiction_is_a_postal_code"),
        CheckConstraint("length(number_normal) > 0", name="number_is_given"),
        CheckConstraint(
            "expires_on IS NULL OR issued_on IS NULL OR expires_on >= issued_on", name="expiry_follows_issue"
        ),
        CheckConstraint(
            "state NOT IN ('verified', 'suspended', 'revoked', 'superseded') OR"
            " (deciding_check_id IS NOT NULL AND verified_at IS NOT NULL AND verified_by IS NOT NULL)",
            name="verified_rests_on_a_check",
        ),
        CheckConstraint("verified_by <> holder_id AND verified_by <> submitted_by", name="nobody_verifies_their_own"),
        CheckConstraint("(state = 'in_review') = (claimed_by IS NOT NULL)", name="review_has_a_reviewer"),
        CheckConstraint(
            "state NOT IN ('rejected', 'needs_info', 'suspended', 'revoked') OR length(trim(reason)) > 0",
            name="a_no_has_a_reason",
        ),
        ForeignKeyConstraint(
            ["deciding_check_id", "id"],
            ["credential_checks.id", "credential_checks.credential_id"],
            name="deciding_check_is_of_this_credential",
            use_alter=True,
        ),
        # A renewal repeats the number of the entry it will replace: one of each kind may be live, of one holder.
        Index(
            "one_pending_credential_per_number", "type_code", "jurisdiction", "number_normal", unique=True,
            postgresql_where=text(_PENDING),
        ),
        Index(
            "one_standing_credential_per_number", "type_code", "jurisdiction", "number_normal", unique=True,
            postgresql_where=text(_STANDING),
        ),
        ExcludeConstraint(
            ("type_code", "="), ("jurisdiction", "="), ("number_normal", "="),
            (text("COALESCE(holder_id, site_id)"), "<>"),
            name="a_number_has_one_holder", using="gist", where=text(_LIVE),
        ),
        Index("ix_credentials_queue", "submitted_at", postgresql_where=text("state IN ('submitted', 'in_review')")),
    )  # fmt: skip

    holder_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), index=True)
    site_id: Mapped[UUID | None] = mapped_column(ForeignKey("clinic_sites.id"), index=True)
    submitted_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    type_code: Mapped[str] = mapped_column(ForeignKey("credential_types.code"), index=True)
    jurisdiction: Mapped[str] = mapped_column(comment="The state that issued it or, for private ones, of the holder.")
    number: Mapped[str] = mapped_column(comment="As typed.")
    number_normal: Mapped[str]
    name_on_credential: Mapped[str]
    level: Mapped[str | None]
    endorsements: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    device_model_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("device_models.id"), comment="For training records: the model trained on."
    )
    issued_on: Mapped[date | None]
    expires_on: Mapped[date | None] = mapped_column(comment="Empty: the credential carries no end.")
    state: Mapped[CredentialState] = mapped_column(default=CredentialState.SUBMITTED)
    reason: Mapped[str | None] = mapped_column(
        comment="Why it was rejected, or what is asked for; shown to the person."
    )
    submitted_at: Mapped[datetime]
    claimed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    claimed_at: Mapped[datetime | None]
    verified_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    verified_at: Mapped[datetime | None] = mapped_column(comment="When the primary source was last seen to confirm it.")
    deciding_check_id: Mapped[UUID | None]

    documents: Mapped[list["CredentialDocument"]] = relationship(order_by="CredentialDocument.position")
    checks: Mapped[list["CredentialCheck"]] = relationship(
        foreign_keys="CredentialCheck.credential_id", order_by="CredentialCheck.recorded_at"
    )
    moves: Mapped[list["CredentialMove"]] = relationship(order_by="CredentialMove.at")


class CredentialDocument(Base):
    """A scanned page that was submitted with a credential."""

    __tablename__ = "credential_documents"

    credential_id: Mapped[UUID] = mapped_column(ForeignKey("credentials.id"), primary_key=True)
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"), primary_key=True)
    position: Mapped[int]


class CheckMethod(StrEnum):
    """How the primary source was asked."""

    PORTAL = "portal"
    REGISTER_FILE = "register_file"
    PHONE = "phone"
    LETTER = "letter"
    ISSUER_LINK = "issuer_link"
    DOCUMENT_SEEN = "document_seen"  # Contracts and training records have no register; the document is the source.


class CheckOutcome(StrEnum):
    """What the primary source answered. Silence is neither a yes nor a no."""

    CONFIRMED = "confirmed"
    DIFFERS = "differs"
    NOT_FOUND = "not_found"
    NOT_REACHABLE = "not_reachable"


class CredentialCheck(Keyed, Base):
    """One look at the primary source, as evidence. Never changed, never removed; a re-check is a new row."""

    __tablename__ = "credential_checks"
    __table_args__ = (
        UniqueConstraint("id", "credential_id", name="check_belongs_to_one_credential"),
        CheckConstraint("length(trim(source_name)) > 0", name="source_is_named"),
        CheckConstraint(
            "outcome <> 'confirmed' OR document_id IS NOT NULL OR length(trim(note)) > 0",
            name="confirmation_shows_what_was_seen",
        ),
        CheckConstraint("retrieved_at <= recorded_at", name="seen_before_it_was_recorded"),
        CheckConstraint("(snapshot_id IS NULL) = (row_digest IS NULL)", name="a_register_row_is_of_a_file"),
        CheckConstraint("snapshot_id IS NULL OR method = 'register_file'", name="a_register_row_is_seen_in_a_register"),
    )

    credential_id: Mapped[UUID] = mapped_column(ForeignKey("credentials.id"), index=True)
    source_name: Mapped[str]
    source_url: Mapped[str | None]
    method: Mapped[CheckMethod]
    outcome: Mapped[CheckOutcome]
    retrieved_at: Mapped[datetime] = mapped_column(comment="When the source was looked at.")
    recorded_at: Mapped[datetime]
    verifier_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    document_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("documents.id"), comment="A screenshot or letter; its digest is the document's."
    )
    snapshot_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("register_snapshots.id"), comment="The file of a register in which it was seen; it has its digest."
    )
    row_digest: Mapped[bytes | None] = mapped_column(LargeBinary, comment="Of the row in that file.")
    matched: Mapped[dict[str, Any]] = mapped_column(comment="Field -> what the source showed.")
    note: Mapped[str] = mapped_column(default="")


class CredentialMove(Keyed, Base):
    """Every change of state: who, what, why, when."""

    __tablename__ = "credential_moves"

    credential_id: Mapped[UUID] = mapped_column(ForeignKey("credentials.id"), index=True)
    event: Mapped[CredentialEvent | None] = mapped_column(comment="Empty for the submission itself.")
    state: Mapped[CredentialState] = mapped_column(comment="The state it led to.")
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str | None]
    at: Mapped[datetime]
