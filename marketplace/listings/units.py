"""Units themselves: what counters showed, what happened, which are stolen, what was found to rest on them."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base, Keyed, Sequenced
from .terms import CounterDirection, CounterUnit, FilingFound, UnitEventKind


class UnitReading(Keyed, Base):
    """What a counter of a unit showed when somebody offered it here. The unit is told by maker and serial number."""

    __tablename__ = "unit_readings"
    __table_args__ = (
        CheckConstraint("value >= 0", name="reading_is_not_negative"),
        UniqueConstraint("listing_id", "part", "read_on", "value", name="a_reading_is_kept_once"),
        Index("ix_unit_readings_unit", "maker_id", "serial_normal"),
    )

    maker_id: Mapped[UUID] = mapped_column(ForeignKey("makers.id"))
    serial_normal: Mapped[str]
    part: Mapped[str]
    value: Mapped[int]
    unit: Mapped[CounterUnit]
    direction: Mapped[CounterDirection]
    read_on: Mapped[date]
    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id"))
    at: Mapped[datetime]


class UnitEvent(Keyed, Base):
    """Something that happened to a unit, in its passport: what its sellers state, and each sale here."""

    __tablename__ = "unit_events"
    __table_args__ = (
        CheckConstraint("length(trim(words)) > 0", name="event_is_told"),
        Index("ix_unit_events_unit", "maker_id", "serial_normal"),
    )

    maker_id: Mapped[UUID] = mapped_column(ForeignKey("makers.id"))
    serial_normal: Mapped[str]
    kind: Mapped[UnitEventKind]
    happened_on: Mapped[date]
    words: Mapped[str]
    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id"))
    stated_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"), comment="Empty: the house itself.")
    at: Mapped[datetime]


class StolenUnit(Keyed, Base):
    """A unit that somebody reports as stolen, kept by staff. What stands on the list stays off the market (trigger)."""

    __tablename__ = "stolen_units"
    __table_args__ = (
        CheckConstraint("length(serial_normal) > 0", name="stolen_unit_has_a_serial"),
        CheckConstraint("length(trim(source)) > 0", name="stolen_unit_has_a_source"),
        CheckConstraint(
            "(withdrawn_at IS NULL) = (withdrawn_by IS NULL)"
            " AND (withdrawn_at IS NULL OR length(trim(coalesce(withdrawn_because, ''))) > 0)",
            name="withdrawal_is_signed",
        ),
        Index(
            "stolen_units_stand_once", "maker", "serial_normal", "source", unique=True,
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
        Index("ix_stolen_units_serial", "serial_normal"),
    )  # fmt: skip

    maker: Mapped[str] = mapped_column(comment="As the source writes it; empty: it names none.")
    maker_id: Mapped[UUID | None] = mapped_column(ForeignKey("makers.id"), comment="Empty: any maker with this number.")
    serial: Mapped[str]
    serial_normal: Mapped[str]
    source: Mapped[str] = mapped_column(comment="Who reports it, and where: a police number, a regulator's notice.")
    reported_on: Mapped[date | None]
    added_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    added_at: Mapped[datetime]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    withdrawn_because: Mapped[str | None]


class FilingSearch(Sequenced, Base):
    """A search of filings that staff made before or while a unit is offered. Never changed, never removed (trigger)."""

    __tablename__ = "filing_searches"
    __table_args__ = (
        CheckConstraint("length(trim(debtor_name)) > 0", name="filings_are_searched_under_a_name"),
        CheckConstraint("length(trim(office)) > 0", name="filings_are_searched_somewhere"),
        CheckConstraint(
            "found = 'nothing' OR length(trim(coalesce(file_number, ''))) > 0", name="what_is_found_has_its_number"
        ),
        CheckConstraint("through <= (at AT TIME ZONE 'UTC')::date", name="filings_are_searched_up_to_a_day_that_was"),
    )

    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id"), index=True)
    debtor_name: Mapped[str] = mapped_column(comment="Exactly as it was searched.")
    office: Mapped[str] = mapped_column(comment="Where: the filing office, and how.")
    through: Mapped[date] = mapped_column(comment="The day up to which the office's index was complete.")
    found: Mapped[FilingFound]
    file_number: Mapped[str | None] = mapped_column(comment="Of the filing that was found.")
    searched_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]
