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
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.types import Text

from ..extensions import Base, Keyed, Sequenced
from ..links.states import LinkPurpose
from .policy import AddressFrom, Asked
from .states import CredentialEvent, CredentialState

_PENDING = "state IN ('submitted', 'in_review', 'awaiting_second', 'in_second_review', 'needs_info')"
_STANDING = "state IN ('verified', 'suspended')"
_OPEN = "state IN ('submitted', 'in_review', 'awaiting_second', 'in_second_review')"


class CredentialTypeRow(Base):
    """A kind of credential that is known here; the whole entry of `data/types.json` is kept in `entry`."""

    __tablename__ = "credential_types"

    code: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    subject: Mapped[str] = mapped_column(comment="person or site")
    entry: Mapped[dict[str, Any]]
    two_verifiers: Mapped[bool] = mapped_column(comment="Two different people must confirm it.")
    evidence_days: Mapped[int] = mapped_column(comment="How old a look at its source may be when it is decided on.")

    __table_args__ = (
        CheckConstraint("subject IN ('person', 'site')", name="subject_is_person_or_site"),
        CheckConstraint("evidence_days > 0", name="evidence_grows_old"),
    )


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
            " (deciding_check_id IS NOT NULL AND verified_at IS NOT NULL AND verified_by IS NOT NULL"
            " AND decided_at IS NOT NULL)",
            name="verified_rests_on_a_check",
        ),
        CheckConstraint("verified_by <> holder_id AND verified_by <> submitted_by", name="nobody_verifies_their_own"),
        CheckConstraint(
            "first_approved_by <> holder_id AND first_approved_by <> submitted_by", name="nobody_approves_their_own"
        ),
        CheckConstraint(
            "first_approved_by <> verified_by AND first_approved_by <> claimed_by", name="second_eyes_are_anothers"
        ),
        CheckConstraint(
            "(first_approved_by IS NULL) = (first_check_id IS NULL) AND"
            " (first_approved_by IS NULL) = (first_approved_at IS NULL)",
            name="first_yes_is_whole",
        ),
        CheckConstraint(
            "CASE WHEN state IN ('awaiting_second', 'in_second_review') THEN first_approved_by IS NOT NULL"
            " ELSE state NOT IN ('submitted', 'in_review', 'needs_info') OR first_approved_by IS NULL END",
            name="second_review_follows_a_first_yes",
        ),
        CheckConstraint(
            "(state IN ('in_review', 'in_second_review')) = (claimed_by IS NOT NULL)", name="review_has_a_reviewer"
        ),
        CheckConstraint(
            "state NOT IN ('rejected', 'needs_info', 'suspended', 'revoked') OR length(trim(coalesce(reason, ''))) > 0",
            name="a_no_has_a_reason",
        ),
        ForeignKeyConstraint(
            ["deciding_check_id", "id"],
            ["credential_checks.id", "credential_checks.credential_id"],
            name="deciding_check_is_of_this_credential",
            use_alter=True,
        ),
        ForeignKeyConstraint(
            ["first_check_id", "id"],
            ["credential_checks.id", "credential_checks.credential_id"],
            name="first_check_is_of_this_credential",
            use_alter=True,
        ),
        # A renewal repeats the number of the entry it will replace. Somebody else may claim it, too: that is a conflict
        # for the desk to settle, and only one of them can come to stand.
        Index(
            "one_pending_credential_per_number", "type_code", "jurisdiction", "number_normal", "holder_id", unique=True,
            postgresql_where=text(_PENDING),
        ),
        Index(
            "one_pending_credential_per_number_of_a_site", "type_code", "jurisdiction", "number_normal", "site_id",
            unique=True, postgresql_where=text(_PENDING),
        ),
        Index(
            "one_standing_credential_per_number", "type_code", "jurisdiction", "number_normal", unique=True,
            postgresql_where=text(_STANDING),
        ),
        Index("ix_credentials_queue", "submitted_at", postgresql_where=text(_OPEN)),
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
    drawn_for: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id"), comment="On which verifier the lot fell: nobody else takes the case (trigger)."
    )
    drawn_at: Mapped[datetime | None]
    claimed_at: Mapped[datetime | None]
    verified_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    verified_at: Mapped[datetime | None] = mapped_column(comment="When the primary source was last seen to confirm it.")
    deciding_check_id: Mapped[UUID | None]
    decided_at: Mapped[datetime | None] = mapped_column(comment="When the last yes was given.")
    first_approved_by: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id"), comment="The other of the two people who said yes, where it takes two."
    )
    first_approved_at: Mapped[datetime | None]
    first_check_id: Mapped[UUID | None] = mapped_column(comment="What the other of the two saw at the source.")

    documents: Mapped[list["CredentialDocument"]] = relationship(order_by="CredentialDocument.position")
    checks: Mapped[list["CredentialCheck"]] = relationship(
        foreign_keys="CredentialCheck.credential_id", order_by="CredentialCheck.recorded_at"
    )
    moves: Mapped[list["CredentialMove"]] = relationship(order_by="CredentialMove.position")


class CredentialDocument(Base):
    """A scanned page that was submitted with a credential."""

    __tablename__ = "credential_documents"

    credential_id: Mapped[UUID] = mapped_column(ForeignKey("credentials.id"), primary_key=True)
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"), primary_key=True, index=True)
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
            "outcome <> 'confirmed' OR document_id IS NOT NULL OR length(trim(note)) > 0 OR matched <> '{}'",
            name="confirmation_shows_what_was_seen",
        ),
        CheckConstraint("outcome <> 'confirmed' OR next_due IS NOT NULL", name="confirmation_falls_due_again"),
        CheckConstraint("file_digest ~ '^[0-9a-f]{64}$'", name="file_digest_is_sha256"),
        CheckConstraint("score BETWEEN 0 AND 100", name="score_is_a_percentage"),
        CheckConstraint("retrieved_at <= recorded_at", name="seen_before_it_was_recorded"),
        CheckConstraint("(snapshot_id IS NULL) = (row_digest IS NULL)", name="a_register_row_is_of_a_file"),
        CheckConstraint("snapshot_id IS NULL OR method = 'register_file'", name="a_register_row_is_seen_in_a_register"),
        CheckConstraint("link_id IS NULL OR method = 'issuer_link'", name="an_answer_came_through_a_link"),
        ForeignKeyConstraint(
            ["link_id", "credential_id"],
            ["confirmation_requests.link_id", "confirmation_requests.credential_id"],
            name="answer_is_about_this_credential",
        ),
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
    file_digest: Mapped[str | None] = mapped_column(comment="SHA-256 of the screenshot, letter or register file.")
    link_id: Mapped[UUID | None] = mapped_column(
        comment="The mailed link through which the source answered; the look says what was answered (trigger)."
    )
    matched: Mapped[dict[str, Any]] = mapped_column(comment="Field -> what the source showed.")
    score: Mapped[int | None] = mapped_column(comment="How many of a hundred compared fields agree with the claim.")
    next_due: Mapped[date | None] = mapped_column(comment="The day by which the source must be looked at again.")
    note: Mapped[str] = mapped_column(default="")


class ConfirmationRequest(Base):
    """
    Whom a mailed link asks to confirm a claim, and where their address was found. Never changed, never removed.

    The link itself, and what was answered through it, are of the room of links.
    """

    __tablename__ = "confirmation_requests"
    __table_args__ = (
        UniqueConstraint("link_id", "credential_id", name="request_is_about_one_credential"),
        ForeignKeyConstraint(
            ["link_id", "purpose", "credential_id"],
            ["signed_links.id", "signed_links.purpose", "signed_links.subject_id"],
            name="request_is_what_its_link_asks",
        ),
        CheckConstraint("purpose = 'confirm_claim'", name="request_asks_for_a_confirmation"),
        CheckConstraint("length(trim(office)) > 0", name="office_is_named"),
        CheckConstraint("length(trim(address_source)) > 0", name="source_of_the_address_is_named"),
    )

    link_id: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[LinkPurpose] = mapped_column(default=LinkPurpose.CONFIRM_CLAIM)
    credential_id: Mapped[UUID] = mapped_column(ForeignKey("credentials.id"), index=True)
    asked: Mapped[Asked]
    office: Mapped[str] = mapped_column(comment="Who is asked, by name.")
    address_from: Mapped[AddressFrom]
    address_source: Mapped[str] = mapped_column(
        comment="Where exactly the address was found: a page, a register, a call."
    )


class CredentialMove(Sequenced, Base):
    """Every change of state: who, what, why, when."""

    __tablename__ = "credential_moves"
    __table_args__ = (
        CheckConstraint("event NOT IN ('rejected', 'info_asked') OR reason_code IS NOT NULL", name="a_no_has_a_code"),
    )

    credential_id: Mapped[UUID] = mapped_column(ForeignKey("credentials.id"), index=True)
    event: Mapped[CredentialEvent | None] = mapped_column(comment="Empty for the submission itself.")
    state: Mapped[CredentialState] = mapped_column(comment="The state it led to.")
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str | None]
    reason_code: Mapped[str | None] = mapped_column(comment="Why, of the desk's list; of a refusal or a question.")
    at: Mapped[datetime]


class SignalKind(StrEnum):
    """What about a submission asks for a second look."""

    NUMBER_ELSEWHERE = "number_elsewhere"
    DOCUMENT_ELSEWHERE = "document_elsewhere"
    NUMBER_FORM = "number_form"
    NAME_DIFFERS = "name_differs"
    DATES = "dates"
    REJECTIONS = "rejections"
    NPI = "npi"


class RiskSignal(Keyed, Base):
    """A cause for doubt about a credential, until a person has said in words what came of it."""

    __tablename__ = "risk_signals"
    __table_args__ = (
        Index(
            "one_signal_per_cause", "credential_id", "kind", "cause", unique=True,
            postgresql_where=text("other_id IS NULL"),
        ),
        Index("one_signal_per_pair", "credential_id", "kind", "other_id", unique=True),
        CheckConstraint("other_id <> credential_id", name="signal_points_elsewhere"),
        CheckConstraint("length(trim(cause)) > 0", name="signal_has_a_cause"),
        CheckConstraint(
            "(resolved_at IS NULL) = (resolved_by IS NULL) AND (resolved_at IS NULL"
            " OR length(trim(coalesce(resolution, ''))) > 0)",
            name="signal_is_resolved_in_words",
        ),
    )  # fmt: skip

    credential_id: Mapped[UUID] = mapped_column(ForeignKey("credentials.id"))
    kind: Mapped[SignalKind]
    other_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("credentials.id"), index=True, comment="The other credential of a pair that cannot both be true."
    )
    cause: Mapped[str] = mapped_column(comment="What was found, in words for staff.")
    raised_at: Mapped[datetime]
    resolved_at: Mapped[datetime | None]
    resolved_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    resolution: Mapped[str | None]


class AuditOutcome(StrEnum):
    """What somebody else found who looked at an approval again."""

    UPHELD = "upheld"
    FAILED = "failed"


class ApprovalAudit(Keyed, Base):
    """An approval of the sample that somebody else looks at again, and what they found."""

    __tablename__ = "approval_audits"
    __table_args__ = (
        CheckConstraint(
            "auditor_id <> verified_by AND auditor_id <> first_approved_by", name="audit_is_somebody_elses"
        ),
        CheckConstraint(
            "(audited_at IS NULL) = (auditor_id IS NULL) AND (audited_at IS NULL) = (outcome IS NULL)",
            name="audit_is_whole",
        ),
        CheckConstraint("outcome <> 'failed' OR length(trim(coalesce(words, ''))) > 0", name="failed_audit_says_why"),
        CheckConstraint("outcome <> 'upheld' OR audit_check_id IS NOT NULL", name="upheld_audit_rests_on_a_look"),
    )

    credential_id: Mapped[UUID] = mapped_column(ForeignKey("credentials.id"), index=True)
    check_id: Mapped[UUID] = mapped_column(
        ForeignKey("credential_checks.id"), unique=True, comment="What the approval rested on."
    )
    verified_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    first_approved_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    chosen_at: Mapped[datetime]
    outcome: Mapped[AuditOutcome | None]
    auditor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    audited_at: Mapped[datetime | None]
    audit_check_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("credential_checks.id"), comment="What the auditor saw."
    )
    words: Mapped[str | None]
