"""What the registers say against somebody, and which of a register's words mean which credential here."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base, Keyed
from ..kernel.machine import Machine


class FindingKind(StrEnum):
    """What was found."""

    MISSING = "missing"
    STATUS_CHANGED = "status_changed"
    EXPIRY_CHANGED = "expiry_changed"
    DISCIPLINE = "discipline"
    EXCLUSION = "exclusion"

    @property
    def words(self) -> str:
        """Say it on the desk."""
        return _KIND_WORDS[self]


_KIND_WORDS = {
    FindingKind.MISSING: "No longer in the register",
    FindingKind.STATUS_CHANGED: "Another status in the register",
    FindingKind.EXPIRY_CHANGED: "Another day of expiry in the register",
    FindingKind.DISCIPLINE: "Discipline in the register",
    FindingKind.EXCLUSION: "Possible entry in the list of excluded persons",
}


class FindingState(StrEnum):
    """What staff made of it."""

    OPEN = "open"
    DISMISSED = "dismissed"
    CONFIRMED = "confirmed"


class FindingEvent(StrEnum):
    """What staff do with it."""

    DISMISSED = "dismissed"
    CONFIRMED = "confirmed"


_S, _E = FindingState, FindingEvent

FINDING: Machine[FindingState, FindingEvent] = Machine(
    {
        (_S.OPEN, _E.DISMISSED): _S.DISMISSED,
        (_S.OPEN, _E.CONFIRMED): _S.CONFIRMED,
        (_S.CONFIRMED, _E.DISMISSED): _S.DISMISSED,  # People are taken off lists again.
    }
)


class RegisterFinding(Keyed, Base):
    """
    Something that a register says and somebody has to judge. It changes nothing by itself but what the gate may say.

    `state` is written by `screening.resolve_finding` and nowhere else; who said what, and when, is in the audit trail.
    """

    __tablename__ = "register_findings"
    __table_args__ = (
        CheckConstraint("(kind = 'exclusion') = (user_id IS NOT NULL)", name="exclusions_are_of_people"),
        CheckConstraint("(kind = 'exclusion') = (credential_id IS NULL)", name="changes_are_of_credentials"),
        CheckConstraint("(kind = 'missing') = (row_digest IS NULL)", name="only_what_is_missing_has_no_row"),
        CheckConstraint(
            "(state = 'open') = (resolved_at IS NULL) AND (state = 'open') = (resolved_by IS NULL)"
            " AND (state = 'open' OR coalesce(length(trim(reason)), 0) > 0)",
            name="resolved_with_a_reason",
        ),
        UniqueConstraint("credential_id", "kind", "snapshot_id", name="one_finding_per_change"),
        Index(
            "one_finding_per_person_and_entry", "user_id", "row_digest", unique=True,
            postgresql_where=text("kind = 'exclusion'"),
        ),
        Index("ix_register_findings_open", "found_at", postgresql_where=text("state = 'open'")),
    )  # fmt: skip

    kind: Mapped[FindingKind]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    credential_id: Mapped[UUID | None] = mapped_column(ForeignKey("credentials.id"))
    snapshot_id: Mapped[UUID] = mapped_column(ForeignKey("register_snapshots.id"))
    row_digest: Mapped[bytes | None] = mapped_column(LargeBinary)
    strength: Mapped[str] = mapped_column(comment="How well the entry fits, in words.")
    shown: Mapped[dict[str, Any]] = mapped_column(comment="What the register shows, and what it showed before.")
    found_at: Mapped[datetime]
    state: Mapped[FindingState] = mapped_column(default=FindingState.OPEN)
    resolved_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    resolved_at: Mapped[datetime | None]
    reason: Mapped[str | None]


class RegisterTypeMapping(Base):
    """What a register's own words for a type of licence mean here; decided by staff, never guessed."""

    __tablename__ = "register_type_mappings"

    source_code: Mapped[str] = mapped_column(primary_key=True)
    license_type: Mapped[str] = mapped_column(primary_key=True)
    type_code: Mapped[str | None] = mapped_column(
        ForeignKey("credential_types.code"), comment="Empty: none that is known here."
    )
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime]


class PersonNpi(Base):
    """The National Provider Identifier that a person states as theirs."""

    __tablename__ = "person_npis"
    __table_args__ = (CheckConstraint("npi ~ '^[12][0-9]{9}$'", name="npi_has_ten_digits"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    npi: Mapped[str]
    stated_at: Mapped[datetime]
