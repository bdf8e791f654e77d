"""Imports of tables, and what became of each device in them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, text
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base, Keyed
from .states import ImportState


class ListingImport(Keyed, Base):
    """
    One table that somebody sent for one clinic.

    `state` is written by `service._move` and nowhere else. `checked_through` moves while the table is tried,
    `written_through` while drafts are made of it: each in the transaction of the very devices that it has passed.
    """

    __tablename__ = "listing_imports"
    __table_args__ = (
        CheckConstraint("size_bytes BETWEEN 1 AND 5242880", name="size_is_within_limits"),
        CheckConstraint(
            "(content IS NOT NULL) = (state = 'received' AND units = 0)", name="file_is_kept_until_it_is_read"
        ),
        CheckConstraint("(state = 'refused') = (refusal IS NOT NULL)", name="refusal_is_said"),
        CheckConstraint("(state IN ('done', 'cancelled', 'refused')) = (ended_at IS NOT NULL)", name="end_is_dated"),
        CheckConstraint(
            "least(wrong, found, made, remarks) >= 0 AND wrong + found + made <= units", name="units_add_up"
        ),
        CheckConstraint(
            "checked_through BETWEEN 0 AND units AND written_through BETWEEN 0 AND checked_through",
            name="cursors_are_within_the_table",
        ),
        CheckConstraint(
            "state NOT IN ('checked', 'writing', 'done') OR (units > 0 AND checked_through = units)",
            name="checked_is_all_of_it",
        ),
        CheckConstraint(
            "state <> 'done' OR (written_through = units AND wrong + found + made = units)", name="done_is_all_of_it"
        ),
        Index(
            "one_import_at_a_time", "clinic_id", unique=True,
            postgresql_where=text("state IN ('received', 'writing')"),
        ),
    )  # fmt: skip

    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"), index=True)
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    form_key: Mapped[UUID] = mapped_column(unique=True, comment="The form it came from; a second sending finds it.")
    state: Mapped[ImportState] = mapped_column(default=ImportState.RECEIVED)
    filename: Mapped[str] = mapped_column(comment="As sent; shown, never used as a path.")
    size_bytes: Mapped[int]
    content: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True, comment="Until it is read.")
    header: Mapped[list[Any]] = mapped_column(comment="Its columns, as sent.")
    units: Mapped[int] = mapped_column(default=0, comment="Devices in it; 0 until it was taken apart.")
    wrong: Mapped[int] = mapped_column(default=0, comment="Of them, those of which something must be repaired.")
    found: Mapped[int] = mapped_column(default=0, comment="Of them, those that were drafts of the clinic already.")
    made: Mapped[int] = mapped_column(default=0, comment="Of them, those of which a draft was made.")
    remarks: Mapped[int] = mapped_column(default=0, comment="Lines that were passed over.")
    checked_through: Mapped[int] = mapped_column(default=0, comment="The last device that was tried.")
    written_through: Mapped[int] = mapped_column(default=0, comment="The last device that was looked at for writing.")
    refusal: Mapped[str | None]
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class ImportUnit(Base):
    """One device of a table: its lines as they were sent, what is wrong with them, or the draft made of them."""

    __tablename__ = "listing_import_units"
    __table_args__ = (
        CheckConstraint("listing_id IS NULL OR problems = '[]'::jsonb", name="wrong_unit_has_no_draft"),
        CheckConstraint("NOT found OR listing_id IS NOT NULL", name="found_unit_has_a_draft"),
        Index("draft_is_made_once", "listing_id", unique=True, postgresql_where=text("NOT found")),
    )

    import_id: Mapped[UUID] = mapped_column(ForeignKey("listing_imports.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, comment="Counted from 1.")
    rows: Mapped[list[Any]] = mapped_column(comment="Pairs of a row's number and its cells.")
    form_key: Mapped[UUID] = mapped_column(comment="Made of what the lines say: sent again, they find their draft.")
    problems: Mapped[list[Any]] = mapped_column(comment="Row, column and sentence.")
    found: Mapped[bool] = mapped_column(default=False, comment="The draft was there before.")
    listing_id: Mapped[UUID | None] = mapped_column(ForeignKey("listings.id"))
