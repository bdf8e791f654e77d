"""Published policies and the gate's answers, kept for ever."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.types import Text

from ..extensions import Base, Keyed, Sequenced
from ..kernel.terms import ProcedureClass
from .facts import OneOff
from .states import ReviewEvent, ReviewState
from .verdict import Evidence


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
        CheckConstraint(
            "discarded_at IS NULL OR (state = 'draft' AND discarded_by IS NOT NULL)", name="only_drafts_are_discarded"
        ),
        CheckConstraint("revision > 0", name="revision_counts_from_one"),
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
    based_on_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("policy_versions.id"), comment="The version that this one began as a copy of."
    )
    revision: Mapped[int] = mapped_column(
        default=1, server_default="1", comment="Counts the edits, so that nobody writes over what they have not seen."
    )
    discarded_at: Mapped[datetime | None]
    discarded_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))


class PolicyEdit(Keyed, Base):
    """One edit of a draft: one rule, before and after. Never changed, never removed (trigger)."""

    __tablename__ = "policy_edits"
    __table_args__ = (UniqueConstraint("version_id", "revision", name="each_revision_is_one_edit"),)

    version_id: Mapped[UUID] = mapped_column(ForeignKey("policy_versions.id"))
    revision: Mapped[int] = mapped_column(comment="The revision that it led to.")
    actor_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]
    rule_id: Mapped[str]
    before: Mapped[dict[str, Any] | None] = mapped_column(comment="Empty: the rule is new.")
    after: Mapped[dict[str, Any] | None] = mapped_column(comment="Empty: the rule was left out.")


class RuleReview(Keyed, Base):
    """
    A question about a procedure for which no rule of the place opens, and what two members of staff made of it.

    What was asked about never changes (trigger). Approved, it is a decision for this physician, unit, site and
    procedure, as long as it lasts; the physician's licence of the place stands behind it (trigger).
    """

    __tablename__ = "rule_reviews"
    __table_args__ = (
        CheckConstraint("place ~ '^[A-Z]{2}$'", name="place_is_a_postal_code"),
        CheckConstraint(
            "state NOT IN ('proposed', 'approved', 'ended') OR (licence_id IS NOT NULL"
            " AND length(trim(coalesce(grounds, ''))) > 0 AND length(trim(coalesce(cited_ref, ''))) > 0"
            " AND length(trim(coalesce(cited_version, ''))) > 0 AND cited_evidence IS NOT NULL"
            " AND valid_from IS NOT NULL AND valid_to IS NOT NULL AND proposed_by IS NOT NULL)",
            name="proposal_is_whole",
        ),
        CheckConstraint("cited_evidence IN ('P', 'O')", name="one_off_rests_on_a_text_that_was_read"),
        CheckConstraint("valid_to BETWEEN valid_from AND valid_from + 90", name="one_off_ends_within_90_days"),
        CheckConstraint(
            "state NOT IN ('approved', 'ended') OR decided_by IS NOT NULL", name="approval_of_a_one_off_is_signed"
        ),
        CheckConstraint("decided_by <> proposed_by", name="one_off_is_decided_by_two"),
        CheckConstraint(
            "asked_by NOT IN (proposed_by, decided_by) AND operator_id NOT IN (proposed_by, decided_by)",
            name="nobody_decides_their_own_one_off",
        ),
        CheckConstraint(
            "state NOT IN ('refused', 'ended') OR length(trim(coalesce(reason, ''))) > 0",
            name="no_to_a_review_has_a_reason",
        ),
        Index(
            "one_open_review_of_a_purchase", "listing_id", "site_id", "operator_id", "procedure", unique=True,
            postgresql_where=text("state IN ('asked', 'proposed')"),
        ),
    )  # fmt: skip

    state: Mapped[ReviewState] = mapped_column(default=ReviewState.ASKED)
    place: Mapped[str] = mapped_column(comment="The state of the site.")
    procedure: Mapped[ProcedureClass]
    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id"))
    site_id: Mapped[UUID] = mapped_column(ForeignKey("clinic_sites.id"))
    operator_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    asked_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    asked_at: Mapped[datetime]
    question: Mapped[str] = mapped_column(comment="Why the asker believes that it is lawful there.")
    licence_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("credentials.id"), comment="The physician's licence of the place that the decision rests on."
    )
    grounds: Mapped[str | None]
    cited_ref: Mapped[str | None]
    cited_url: Mapped[str | None]
    cited_version: Mapped[str | None]
    cited_evidence: Mapped[Evidence | None]
    valid_from: Mapped[date | None]
    valid_to: Mapped[date | None]
    proposed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str | None] = mapped_column(comment="Why not, or why no longer; the asker reads it.")

    moves: Mapped[list["RuleReviewMove"]] = relationship(order_by="RuleReviewMove.position")

    def as_fact(self) -> OneOff:
        """Return an approved review as the gate reads it."""
        return OneOff(
            id=self.id,
            state=self.place,
            procedure=self.procedure,
            listing_id=self.listing_id,
            site_id=self.site_id,
            operator_id=self.operator_id,
            valid_from=cast("date", self.valid_from),
            valid_to=cast("date", self.valid_to),
            ref=cast("str", self.cited_ref),
            text_version=cast("str", self.cited_version),
            evidence=str(self.cited_evidence),
            url=self.cited_url,
        )


class RuleReviewMove(Sequenced, Base):
    """Every step of a review: who, what, why, when. Never changed, never removed (trigger)."""

    __tablename__ = "rule_review_moves"

    review_id: Mapped[UUID] = mapped_column(ForeignKey("rule_reviews.id"), index=True)
    event: Mapped[ReviewEvent | None] = mapped_column(comment="Empty for the question itself.")
    state: Mapped[ReviewState] = mapped_column(comment="The state it led to.")
    actor_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    words: Mapped[str]
    at: Mapped[datetime]


class Moment(StrEnum):
    """The moments at which the gate's answer is kept."""

    OFFER = "offer"
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


class EvidenceDigest(Base):
    """The one mail of a day to verifiers about evidence that is due."""

    __tablename__ = "evidence_digests"
    __table_args__ = (
        CheckConstraint("overdue >= 0 AND due_soon >= 0 AND overdue + due_soon > 0", name="digest_is_about_something"),
        CheckConstraint("extract(isodow FROM on_day) < 6", name="digest_is_of_a_working_day"),
    )

    on_day: Mapped[date] = mapped_column(primary_key=True)
    sent_at: Mapped[datetime]
    overdue: Mapped[int]
    due_soon: Mapped[int]


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
