"""Recalls that may concern a model of the catalogue, and what was made of each. What happened is never changed."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Identity, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from ..extensions import Base, Keyed
from .matching import Basis
from .states import MatchEvent, MatchState


class Recall(Keyed, Base):
    """A recall in the words of the newest file that has it. Empty fields are unknown."""

    __tablename__ = "recalls"
    __table_args__ = (CheckConstraint("length(trim(number)) > 0", name="recall_has_a_number"),)

    number: Mapped[str] = mapped_column(unique=True, comment="Such as Z-1346-2022.")
    event: Mapped[str | None]
    firm: Mapped[str | None]
    product_code: Mapped[str | None]
    k_numbers: Mapped[list[str]] = mapped_column(ARRAY(Text))
    device: Mapped[str | None]
    codes: Mapped[str | None] = mapped_column(comment="Lots, serial numbers, ranges, or a rule; free text.")
    reason: Mapped[str | None]
    classification: Mapped[str | None] = mapped_column(comment="Stands in enforcement reports alone.")
    status: Mapped[str | None]
    started_on: Mapped[date | None]
    posted_on: Mapped[date | None]
    ended_on: Mapped[date | None]
    snapshot_id: Mapped[UUID] = mapped_column(
        ForeignKey("register_snapshots.id"), comment="The file whose words these are."
    )


class RecallMatch(Keyed, Base):
    """
    A recall beside a model that it may concern.

    `state` is written by `service._move` and nowhere else. While it is confirmed the gate is closed for the model.
    """

    __tablename__ = "recall_matches"
    __table_args__ = (
        UniqueConstraint("recall_id", "model_id", name="one_match_per_recall_and_model"),
        CheckConstraint(
            "(state = 'candidate') = (decided_by IS NULL) AND (decided_by IS NULL) = (decided_at IS NULL)"
            " AND (state = 'candidate' OR coalesce(length(trim(reason)), 0) > 0)",
            name="judged_with_a_reason",
        ),
        Index("ix_recall_matches_open", "model_id", postgresql_where=text("state = 'confirmed'")),
    )

    recall_id: Mapped[UUID] = mapped_column(ForeignKey("recalls.id"))
    model_id: Mapped[UUID] = mapped_column(ForeignKey("device_models.id"), index=True)
    basis: Mapped[Basis]
    state: Mapped[MatchState] = mapped_column(default=MatchState.CANDIDATE)
    found_at: Mapped[datetime]
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]


class RecallMove(Base):
    """A change of state. Rows are never changed or removed; a trigger refuses it."""

    __tablename__ = "recall_moves"

    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    match_id: Mapped[UUID] = mapped_column(ForeignKey("recall_matches.id"), index=True)
    event: Mapped[MatchEvent]
    state: Mapped[MatchState]
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), comment="Empty: the house itself.")
    reason: Mapped[str]
    at: Mapped[datetime]


class ReleaseKind(StrEnum):
    """Why an open recall does not concern some units of its model."""

    NARROWED = "narrowed"  # The notice names others.
    CORRECTED = "corrected"  # The correction was performed on this one.


class RecallRelease(Keyed, Base):
    """
    Units that an open recall does not, or no longer, concern, once a second person has agreed and until it is over.

    What it says is never changed. Which units it lets out is answered by `recall_concerns` in the database alone.
    """

    __tablename__ = "recall_releases"
    __table_args__ = (
        CheckConstraint(
            "CASE kind WHEN 'narrowed' THEN serial IS NULL AND document_id IS NULL AND performed_by IS NULL"
            " AND performed_on IS NULL AND coalesce(cardinality(named_from), 0) > 0"
            " AND cardinality(named_from) = coalesce(cardinality(named_to), 0)"
            " ELSE named_from IS NULL AND named_to IS NULL AND coalesce(length(serial), 0) > 0"
            " AND document_id IS NOT NULL AND coalesce(length(trim(performed_by)), 0) > 0"
            " AND performed_on IS NOT NULL END",
            name="release_is_whole",
        ),
        CheckConstraint("length(trim(words)) > 0", name="release_says_why"),
        CheckConstraint("confirmed_by <> proposed_by", name="release_takes_two_people"),
        CheckConstraint("(confirmed_by IS NULL) = (confirmed_at IS NULL)", name="agreement_is_dated"),
        CheckConstraint("(ended_at IS NULL) = (ended_because IS NULL)", name="end_says_why"),
        Index(
            "one_living_narrowing_per_match", "match_id", unique=True,
            postgresql_where=text("kind = 'narrowed' AND ended_at IS NULL"),
        ),
        Index(
            "one_living_correction_per_unit", "match_id", "serial", unique=True,
            postgresql_where=text("kind = 'corrected' AND ended_at IS NULL"),
        ),
    )  # fmt: skip

    match_id: Mapped[UUID] = mapped_column(ForeignKey("recall_matches.id"), index=True)
    kind: Mapped[ReleaseKind]
    named_from: Mapped[list[str] | None] = mapped_column(
        ARRAY(Text), comment="Serial numbers that the notice names, normalised: of each range the first."
    )
    named_to: Mapped[list[str] | None] = mapped_column(ARRAY(Text), comment="Of each range the last.")
    serial: Mapped[str | None] = mapped_column(comment="Of the unit that was corrected, normalised.")
    document_id: Mapped[UUID | None] = mapped_column(ForeignKey("documents.id"), comment="Shows the correction.")
    performed_by: Mapped[str | None]
    performed_on: Mapped[date | None]
    words: Mapped[str]
    proposed_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    proposed_at: Mapped[datetime]
    confirmed_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    confirmed_at: Mapped[datetime | None]
    ended_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), comment="Empty: the house itself.")
    ended_at: Mapped[datetime | None]
    ended_because: Mapped[str | None]
