"""Wants, the units that fit them, and what sellers answered."""

from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ..accounts.reports import Report, rules_of_reports
from ..extensions import Base, Keyed, Sequenced
from .states import WantEvent, WantState


class Want(Keyed, Base):
    """
    Something that a person looks for, for themselves or for a clinic of theirs.

    `query` is its address as of a search, `wanted` what it looks for: `listings.search.Wanted`, as saved searches have
    it. `state` is written by `service._move` alone.
    """

    __tablename__ = "wants"
    __table_args__ = (
        CheckConstraint("length(trim(title)) BETWEEN 1 AND 200", name="want_has_a_title"),
        CheckConstraint("length(note) <= 500", name="want_note_is_short"),
        CheckConstraint("site_id IS NULL OR clinic_id IS NOT NULL", name="site_is_of_a_clinic"),
        CheckConstraint("(state = 'removed') = (removed_because IS NOT NULL)", name="removal_has_a_reason"),
        CheckConstraint("until >= (created_at AT TIME ZONE 'UTC')::date", name="want_ends_after_it_began"),
        Index("ix_wants_open", "created_at", "id", postgresql_where=text("state = 'open'")),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    clinic_id: Mapped[UUID | None] = mapped_column(ForeignKey("clinics.id"), comment="Empty: for the person.")
    site_id: Mapped[UUID | None] = mapped_column(ForeignKey("clinic_sites.id"))
    title: Mapped[str] = mapped_column(comment="What is looked for, in the catalogue's words and the buyer's.")
    query: Mapped[str]
    wanted: Mapped[dict[str, Any]]
    note: Mapped[str] = mapped_column(default="", comment="For sellers of what fits; never on the public page.")
    place: Mapped[str] = mapped_column(comment="State where it will be used; all that strangers learn of the buyer.")
    until: Mapped[date] = mapped_column(comment="The last day, as UTC has it.")
    state: Mapped[WantState] = mapped_column(default=WantState.OPEN)
    muted: Mapped[bool] = mapped_column(default=False)
    stop_key: Mapped[UUID] = mapped_column(
        unique=True, default=uuid4, comment="In the mails' link that mutes it; it opens nothing else."
    )
    removed_because: Mapped[str | None]
    created_at: Mapped[datetime]


class WantMove(Sequenced, Base):
    """Every change of state: what, who, when. `event` is empty for the beginning."""

    __tablename__ = "want_moves"

    want_id: Mapped[UUID] = mapped_column(ForeignKey("wants.id"), index=True)
    event: Mapped[WantEvent | None]
    state: Mapped[WantState]
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), comment="Empty: time itself.")
    at: Mapped[datetime]


class WantMatch(Base):
    """A unit that fits, or did: once for each want and unit. `told_at`: when its buyer was told, never again."""

    __tablename__ = "want_matches"

    want_id: Mapped[UUID] = mapped_column(ForeignKey("wants.id"), primary_key=True)
    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id"), primary_key=True, index=True)
    fits: Mapped[bool] = mapped_column(comment="Now; a unit that became too dear stays on record.")
    since: Mapped[datetime]
    told_at: Mapped[datetime | None]


class WantAnswer(Keyed, Base):
    """A seller's one answer: a unit of theirs that is for sale."""

    __tablename__ = "want_answers"
    __table_args__ = (UniqueConstraint("want_id", "clinic_id", name="one_answer_per_want_and_seller"),)

    want_id: Mapped[UUID] = mapped_column(ForeignKey("wants.id"))
    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id"), index=True)
    answered_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]


class WantReport(Report, Base):
    """Somebody asks staff to look at a want."""

    __tablename__ = "want_reports"
    __table_args__ = (
        UniqueConstraint("want_id", "reporter_id", name="one_report_per_want_and_person"),
        *rules_of_reports(),
    )

    want_id: Mapped[UUID] = mapped_column(ForeignKey("wants.id"))


class ListingToMatch(Base):
    """A unit that has changed since it was last held against the wants; written by a trigger, with the change."""

    __tablename__ = "listings_to_match"

    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id", ondelete="CASCADE"), primary_key=True)
