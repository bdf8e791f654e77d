"""Recalls that may concern a model of the catalogue, and what was made of each. What happened is never changed."""

from datetime import date, datetime
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
