"""Inspectors, inspections, and the reports that inspectors sign."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, ForeignKeyConstraint, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base, Keyed, Sequenced
from .states import InspectionEvent, InspectionKind, InspectionState


class Inspector(Base):
    """A person whom the house appointed to look at devices. It makes nobody staff, and opens no gate."""

    __tablename__ = "inspectors"
    __table_args__ = (
        CheckConstraint("length(trim(firm)) > 0", name="inspector_has_a_firm"),
        CheckConstraint("length(trim(skills)) > 0", name="inspector_has_skills"),
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="inspector_end_is_signed"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    firm: Mapped[str] = mapped_column(comment="For whom they work; their own name, if for themselves.")
    skills: Mapped[str] = mapped_column(comment="What they know, and how staff found that out.")
    appointed_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    appointed_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))


class Inspection(Keyed, Base):
    """
    A buyer wants a unit looked at. It reserves nothing and opens no gate.

    `state` is written by `service._move` alone. Once assigned, what is looked at is a condition report as it was then.
    """

    __tablename__ = "inspections"
    __table_args__ = (
        CheckConstraint("length(trim(words)) BETWEEN 1 AND 1000", name="inspection_is_asked_in_words"),
        CheckConstraint(
            "state NOT IN ('agreed', 'assigned', 'signed', 'declined') OR (answered_by IS NOT NULL"
            " AND length(trim(coalesce(seller_words, ''))) > 0)",
            name="seller_answers_in_words",
        ),
        CheckConstraint(
            "(inspector_id IS NULL) = (assigned_by IS NULL) AND (inspector_id IS NULL) = (report_id IS NULL)"
            " AND (state NOT IN ('assigned', 'signed') OR inspector_id IS NOT NULL)",
            name="assigned_inspection_is_whole",
        ),
        CheckConstraint("inspector_id <> asker_id AND inspector_id <> assigned_by", name="inspector_is_a_third_person"),
        CheckConstraint(
            "(state = 'closed') = (length(trim(coalesce(closed_because, ''))) > 0)", name="closed_inspection_says_why"
        ),
        ForeignKeyConstraint(
            ["report_id", "listing_id"], ["condition_reports.id", "condition_reports.listing_id"],
            name="inspection_looks_at_a_report_of_its_unit",
        ),
        Index(
            "one_live_inspection_per_person_and_unit", "asker_id", "listing_id", unique=True,
            postgresql_where=text("state IN ('asked', 'agreed', 'assigned')"),
        ),
    )  # fmt: skip

    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id"), index=True)
    asker_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    kind: Mapped[InspectionKind]
    words: Mapped[str] = mapped_column(comment="What the buyer wants looked at.")
    state: Mapped[InspectionState] = mapped_column(default=InspectionState.ASKED)
    asked_at: Mapped[datetime]
    seller_words: Mapped[str | None] = mapped_column(comment="Where and when the inspector may come, or why not.")
    answered_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    inspector_id: Mapped[UUID | None] = mapped_column(ForeignKey("inspectors.user_id"), index=True)
    assigned_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    report_id: Mapped[UUID | None] = mapped_column(comment="What was stated of the unit when somebody was assigned.")
    closed_because: Mapped[str | None]


class InspectionMove(Sequenced, Base):
    """Every change of state: what, who, when. `event` is empty for the beginning."""

    __tablename__ = "inspection_moves"

    inspection_id: Mapped[UUID] = mapped_column(ForeignKey("inspections.id"), index=True)
    event: Mapped[InspectionEvent | None]
    state: Mapped[InspectionState]
    actor_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]


class InspectionReport(Base):
    """What an inspector found and signed. Never changed, never removed (trigger)."""

    __tablename__ = "inspection_reports"
    __table_args__ = (
        CheckConstraint(
            "digest = encode(sha256(convert_to(canonical, 'UTF8')), 'hex')", name="inspection_digest_is_of_what_is_kept"
        ),
        CheckConstraint("length(trim(signed_name)) > 0", name="inspection_is_signed_with_a_name"),
    )

    inspection_id: Mapped[UUID] = mapped_column(ForeignKey("inspections.id"), primary_key=True)
    canonical: Mapped[str] = mapped_column(comment="Canonical JSON: each line of the form, and what was found.")
    digest: Mapped[str] = mapped_column(comment="SHA-256 of `canonical` in UTF-8.")
    signed_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    signed_name: Mapped[str]
    signed_at: Mapped[datetime]
