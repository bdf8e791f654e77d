"""Published policies and the gate's answers, kept for ever."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.types import Text

from ..extensions import Base, Keyed


class PolicyState(StrEnum):
    """A draft never gates; at most one version is published."""

    DRAFT = "draft"
    PUBLISHED = "published"
    RETIRED = "retired"


class PolicyStanding(StrEnum):
    """Who stands behind the rules."""

    REFERENCE = "reference"
    CONFIRMED_BY_COUNSEL = "confirmed_by_counsel"


class PolicyVersion(Keyed, Base):
    """One whole policy. Its document never changes once it was published (trigger)."""

    __tablename__ = "policy_versions"
    __table_args__ = (
        CheckConstraint(
            "state = 'draft' OR (published_at IS NOT NULL AND published_by IS NOT NULL AND proposed_by IS NOT NULL)",
            name="publication_is_signed",
        ),
        CheckConstraint("published_by <> proposed_by", name="published_by_two"),
        CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name="digest_is_sha256"),
        Index("one_published_policy", "state", unique=True, postgresql_where=text("state = 'published'")),
    )

    number: Mapped[int] = mapped_column(unique=True)
    state: Mapped[PolicyState] = mapped_column(default=PolicyState.DRAFT)
    standing: Mapped[PolicyStanding]
    document: Mapped[dict[str, Any]]
    digest: Mapped[str] = mapped_column(comment="SHA-256 of the document in canonical JSON.")
    proposed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    proposed_at: Mapped[datetime]
    published_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    published_at: Mapped[datetime | None]
    retired_at: Mapped[datetime | None]


class Moment(StrEnum):
    """The moments at which the gate's answer is kept."""

    ORDER = "order"
    PAYMENT_START = "payment_start"
    PAYMENT_RECEIVED = "payment_received"
    SHIP_RELEASE = "ship_release"


class EligibilityDecision(Keyed, Base):
    """One answer of the gate, with everything it was based on. Never changed, never removed (trigger)."""

    __tablename__ = "eligibility_decisions"
    __table_args__ = (
        CheckConstraint(
            "cleared = (jsonb_array_length(verdict -> 'objections') = 0)", name="cleared_means_no_objection"
        ),
        # Lets an order point at a yes for exactly its own listing, buyer, operator and site.
        UniqueConstraint(
            "id", "moment", "cleared", "listing_id", "buyer_id", "operator_id", "site_id", name="decision_is_about_this"
        ),
        Index("ix_eligibility_decisions_listing", "listing_id", "buyer_id"),
    )

    moment: Mapped[Moment]
    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id"))
    buyer_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    operator_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    site_id: Mapped[UUID] = mapped_column(ForeignKey("clinic_sites.id"))
    practitioner_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    declared_uses: Mapped[list[str]] = mapped_column(ARRAY(Text))
    policy_version_id: Mapped[UUID] = mapped_column(ForeignKey("policy_versions.id"))
    facts: Mapped[dict[str, Any]]
    verdict: Mapped[dict[str, Any]]
    cleared: Mapped[bool]
    decided_at: Mapped[datetime]
    valid_until: Mapped[datetime | None] = mapped_column(comment="The earliest expiry or freshness limit it rests on.")

    credentials: Mapped[list["DecisionCredential"]] = relationship()


class GateReceipt(Base):
    """What makes a kept answer presentable: a code to check it by, its evidence, and one digest over all of it."""

    __tablename__ = "gate_receipts"
    __table_args__ = (
        CheckConstraint("code ~ '^[0-9A-HJKMNP-TV-Z]{16}$'", name="code_is_readable"),
        CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name="digest_is_sha256"),
    )

    decision_id: Mapped[UUID] = mapped_column(ForeignKey("eligibility_decisions.id"), primary_key=True)
    code: Mapped[str] = mapped_column(unique=True, comment="Whoever has it may check the receipt.")
    serial: Mapped[str | None] = mapped_column(comment="The unit's, as it was then.")
    evidence: Mapped[list[dict[str, Any]]] = mapped_column(
        JSONB, comment="What each credential rested on, with its digests."
    )
    digest: Mapped[str] = mapped_column(comment="SHA-256 of the answer and everything beside it.")


class DecisionCredential(Base):
    """A credential that a decision rests on, so that the database can ask whether it still stands."""

    __tablename__ = "decision_credentials"

    decision_id: Mapped[UUID] = mapped_column(ForeignKey("eligibility_decisions.id"), primary_key=True)
    credential_id: Mapped[UUID] = mapped_column(ForeignKey("credentials.id"), primary_key=True, index=True)
