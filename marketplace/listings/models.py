"""A unit for sale: the device itself, its handpieces, condition, photos and moves."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, INT4MULTIRANGE, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship
from sqlalchemy.types import Text

from ..extensions import Base, Keyed, Sequenced
from .states import ListingEvent, ListingState, PhotoState
from .terms import CounterDirection, CounterUnit, Grade, Modification, PaperKind, Recertification, Warranty


class Listing(Keyed, Base):
    """
    One unit offered by one clinic. The serial number is private to seller, buyer after payment, and staff.

    `state` is written by `service._move` and `_claim` and nowhere else. What left the state DRAFT has everything a
    buyer needs.
    """

    __tablename__ = "listings"
    __table_args__ = (
        CheckConstraint("price_minor BETWEEN 10000 AND 99999999", name="price_is_within_limits"),
        CheckConstraint("currency ~ '^[a-z]{3}$'", name="currency_is_iso"),
        CheckConstraint("year BETWEEN 1985 AND 2100", name="year_is_plausible"),
        CheckConstraint("state_code ~ '^[A-Z]{2}$'", name="place_is_a_postal_code"),
        CheckConstraint("postal_code ~ '^[0-9]{5}$'", name="postal_code_is_a_zip"),
        CheckConstraint("(latitude IS NULL) = (longitude IS NULL)", name="point_is_whole"),
        CheckConstraint(
            "state IN ('draft', 'withdrawn') OR (serial_normal IS NOT NULL AND year IS NOT NULL AND grade IS NOT NULL"
            " AND price_minor IS NOT NULL AND rx_label_present IS NOT NULL AND id_label_present IS NOT NULL"
            " AND modification IS NOT NULL)",
            name="offered_unit_is_complete",
        ),
        CheckConstraint(
            "state NOT IN ('published', 'paused', 'reserved', 'sold')"
            " OR (published_at IS NOT NULL AND approved_by IS NOT NULL)",
            name="published_was_approved",
        ),
        CheckConstraint("jsonb_typeof(particulars) = 'object'", name="particulars_are_answers"),
        CheckConstraint("jsonb_typeof(review_notes) = 'object'", name="review_notes_are_words"),
        CheckConstraint("warranty_months BETWEEN 1 AND 120", name="warranty_months_are_plausible"),
        CheckConstraint(
            "coalesce(warranty, 'none') <> 'none' OR (warranty_months IS NULL AND warranty_transferable IS NULL"
            " AND warranty_provider IS NULL)",
            name="no_warranty_promises_nothing",
        ),
        Index(
            "one_live_listing_per_unit", "maker_id", "serial_normal", unique=True,
            postgresql_where=text("state IN ('in_review', 'published', 'paused', 'reserved')"),
        ),
        ForeignKeyConstraint(
            ["model_id", "maker_id"], ["device_models.id", "device_models.maker_id"], name="maker_is_that_of_the_model"
        ),
        Index("ix_listings_on_market", "published_at", "id", postgresql_where=text("state = 'published'")),
        Index("ix_listings_configuration", "configuration", postgresql_where=text("state = 'published'")),
    )  # fmt: skip

    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"), index=True)
    created_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    model_id: Mapped[UUID] = mapped_column(ForeignKey("device_models.id"), index=True)
    maker_id: Mapped[UUID] = mapped_column(comment="Who made the unit: with its serial number, which unit it is.")
    title: Mapped[str] = mapped_column(comment="Maker and model as they were when it was listed.")
    serial: Mapped[str | None]
    serial_normal: Mapped[str | None]
    year: Mapped[int | None]
    grade: Mapped[Grade | None]
    price_minor: Mapped[int | None]
    currency: Mapped[str] = mapped_column(default="usd")
    city: Mapped[str]
    state_code: Mapped[str] = mapped_column(comment="Where the unit stands; not where it may be used.")
    description: Mapped[str] = mapped_column(default="")
    rx_label_present: Mapped[bool | None] = mapped_column(comment="The seller sees the Rx legend, 21 CFR 801.109(b).")
    id_label_present: Mapped[bool | None] = mapped_column(comment="The seller sees the maker's label, 21 CFR 1010.3.")
    modification: Mapped[Modification | None]
    recertification: Mapped[Recertification | None] = mapped_column(comment="What the maker asks of a new owner.")
    recertification_minor: Mapped[int | None] = mapped_column(comment="The maker's quote, where the seller has one.")
    warranty: Mapped[Warranty | None]
    warranty_months: Mapped[int | None] = mapped_column(comment="That are left for the buyer.")
    warranty_transferable: Mapped[bool | None] = mapped_column(comment="Empty: not known.")
    warranty_provider: Mapped[str | None]
    training_included: Mapped[bool | None]
    last_service_on: Mapped[date | None]
    particulars: Mapped[dict[str, str]] = mapped_column(
        JSONB, default=dict, comment="Answers to what `fields` asks of the unit, by the key of the question."
    )
    inclusions: Mapped[dict[str, str]] = mapped_column(
        JSONB, default=dict, comment="Checklist item -> included, absent or not_stated."
    )
    modality_codes: Mapped[list[str]] = mapped_column(ARRAY(Text), comment="Those of the handpieces, for finding.")
    life_used_percent: Mapped[int | None] = mapped_column(comment="The most used part, where rated life is known.")
    state: Mapped[ListingState] = mapped_column(default=ListingState.DRAFT)
    review_note: Mapped[str | None] = mapped_column(comment="Why staff sent it back.")
    review_notes: Mapped[dict[str, dict[str, str]]] = mapped_column(
        JSONB, default=dict, comment="What staff ask to change at single places, by the step that asks for it."
    )
    approved_version: Mapped[int | None] = mapped_column(comment="Of the condition report that was approved last.")
    created_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]
    approved_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    published_at: Mapped[datetime | None]
    form_key: Mapped[UUID] = mapped_column(unique=True, comment="The form it came from; a second submission finds it.")
    search_words: Mapped[str] = mapped_column(
        default="", comment="Everything it can be found by, folded as questions are."
    )
    postal_code: Mapped[str | None] = mapped_column(comment="ZIP code of where the unit stands.")
    latitude: Mapped[float | None] = mapped_column(comment="Of the middle of its ZIP code's area; empty: not known.")
    longitude: Mapped[float | None]
    shots_left: Mapped[int | None] = mapped_column(comment="Of the part with the fewest, where rated life is known.")
    beyond_minor: Mapped[int | None] = mapped_column(
        comment="What it costs in all beyond its price, without any assumption; empty: not known."
    )
    traits: Mapped[list[str]] = mapped_column(
        ARRAY(Text), default=list, server_default="{}",
        comment="What else it can be filtered by, each as kind:value; few different ones, in order.",
    )  # fmt: skip
    configuration: Mapped[str] = mapped_column(
        comment="Digest of what the gate looks at: two units with the same one get the same answer."
    )

    handpieces: Mapped[list["Handpiece"]] = relationship(order_by="Handpiece.position", cascade="all, delete-orphan")
    counters: Mapped[list["ConsoleCounter"]] = relationship(
        order_by="ConsoleCounter.position", cascade="all, delete-orphan"
    )
    photos: Mapped[list["Photo"]] = relationship(order_by="Photo.position", cascade="all, delete-orphan")
    moves: Mapped[list["ListingMove"]] = relationship(order_by="ListingMove.position")


class Handpiece(Keyed, Base):
    """A part sold with the unit that treats: it decides which procedures the buyer must be cleared for."""

    __tablename__ = "listing_handpieces"
    __table_args__ = (
        UniqueConstraint(
            "listing_id", "position", name="handpiece_positions_differ", deferrable=True, initially="DEFERRED"
        ),
        CheckConstraint("counter_value >= 0", name="counter_is_not_negative"),
        CheckConstraint("rated_life > 0", name="rated_life_is_positive"),
        CheckConstraint("reduction_minor > 0", name="reduction_is_positive"),
        CheckConstraint("jsonb_typeof(particulars) = 'object'", name="particulars_are_answers"),
        CheckConstraint(
            "(counter_value IS NULL) = (counter_unit IS NULL)"
            " AND (counter_value IS NULL) = (counter_direction IS NULL)",
            name="counter_is_whole",
        ),
    )

    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]
    name: Mapped[str]
    modality_code: Mapped[str] = mapped_column(ForeignKey("modalities.code"))
    serial: Mapped[str | None]
    particulars: Mapped[dict[str, str]] = mapped_column(
        JSONB, default=dict, comment="Answers to what `fields` asks of a handpiece, by the key of the question."
    )
    counter_value: Mapped[int | None]
    counter_unit: Mapped[CounterUnit | None]
    counter_direction: Mapped[CounterDirection | None]
    counter_read_on: Mapped[date | None]
    rated_life: Mapped[int | None] = mapped_column(
        comment="In the counter's unit, as the seller states it; empty: not stated."
    )
    rated_life_source: Mapped[str | None]
    reduction_minor: Mapped[int | None] = mapped_column(
        comment="By how much the price falls for a buyer who leaves it out; empty: not at all."
    )
    spots: Mapped[Any] = mapped_column(
        INT4MULTIRANGE,
        Computed("spots_of(particulars)", persisted=True),
        nullable=True,
        deferred=True,
        comment="Spot sizes in hundredths of a millimetre, read out of the answers.",
    )


class ConsoleCounter(Keyed, Base):
    """
    What a part of the console has counted: a laser head, a lamp, a tube, a card, the console itself.

    A handpiece's own counter stands in the handpiece's row: it goes where the handpiece goes.
    """

    __tablename__ = "listing_counters"
    __table_args__ = (
        UniqueConstraint(
            "listing_id", "position", name="counter_positions_differ", deferrable=True, initially="DEFERRED"
        ),
        CheckConstraint("value >= 0 AND (unit <> 'percent_left' OR value <= 100)", name="value_can_be"),
        CheckConstraint("rated_life > 0", name="rated_life_is_positive"),
        CheckConstraint("length(trim(part)) > 0", name="part_is_named"),
        CheckConstraint(
            "rated_life IS NULL OR length(trim(coalesce(rated_life_source, ''))) > 0", name="rated_life_has_a_source"
        ),
    )

    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]
    part: Mapped[str]
    serial: Mapped[str | None]
    value: Mapped[int]
    unit: Mapped[CounterUnit]
    direction: Mapped[CounterDirection]
    read_on: Mapped[date]
    rated_life: Mapped[int | None] = mapped_column(comment="In the counter's unit; empty: not stated.")
    rated_life_source: Mapped[str | None] = mapped_column(comment="Who says so.")


class Photo(Keyed, Base):
    """
    A photo of the unit: sent by its seller, and made anew by the worker in the sizes that pages need.

    `state` is written by `darkroom.change` and nowhere else. What leaves the draft has ready photos only (trigger).
    """

    __tablename__ = "listing_photos"
    __table_args__ = (
        UniqueConstraint(
            "listing_id", "position", name="photo_positions_differ", deferrable=True, initially="DEFERRED"
        ),
        CheckConstraint("digest ~ '^[0-9a-f]{64}$'", name="digest_is_sha256"),
        CheckConstraint("storage_key ~ '^[0-9a-f]{2}/[0-9a-f-]{36}$'", name="storage_key_is_ours"),
        CheckConstraint(
            "shows <@ ARRAY['front', 'rating_plate', 'rx_label', 'counter_screen', 'tip', 'accessories', 'possession']",
            name="photo_shows_what_is_asked",
        ),
        CheckConstraint("width > 0 AND height > 0", name="photo_has_its_dimensions"),
        CheckConstraint("(state = 'ready') = (digest IS NOT NULL)", name="ready_photo_has_its_files"),
        CheckConstraint(
            "(state IN ('refused', 'failed')) = (length(trim(coalesce(refusal, ''))) > 0)",
            name="refused_photo_says_why",
        ),
        CheckConstraint("counter_id IS NULL OR handpiece_id IS NULL", name="photo_is_of_one_counter"),
        Index("a_counter_has_one_photo", "counter_id", unique=True),
        Index("a_handpiece_counter_has_one_photo", "handpiece_id", unique=True),
    )

    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]
    shows: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list, comment="Of `Shot`, as its seller says.")
    added_at: Mapped[datetime | None] = mapped_column(comment="Its day is that of the code of possession.")
    storage_key: Mapped[str] = mapped_column(comment="Stem; each size and format is a file beside it.")
    alternative_text: Mapped[str] = mapped_column(comment="What the photo shows, in the seller's words.")
    state: Mapped[PhotoState] = mapped_column(default=PhotoState.WAITING)
    filename: Mapped[str | None] = mapped_column(comment="As it was sent, to tell its seller which; empty once ready.")
    refusal: Mapped[str | None] = mapped_column(comment="Why it cannot be shown, for its seller.")
    width: Mapped[int] = mapped_column(comment="Of the largest file; until it is ready, as the sent file says.")
    height: Mapped[int]
    digest: Mapped[str | None] = mapped_column(comment="SHA-256 of the largest JPEG; empty until there is one.")
    counter_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("listing_counters.id", ondelete="SET NULL"), comment="The counter whose screen it shows."
    )
    handpiece_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("listing_handpieces.id", ondelete="SET NULL"), comment="The handpiece whose counter it shows."
    )


COVER = (
    select(Photo.storage_key)
    .where(Photo.listing_id == Listing.id, Photo.state == PhotoState.READY)
    .order_by(Photo.position)
    .limit(1)
    .correlate(Listing)
    .scalar_subquery()
    .label("cover")
)
"""The stem of a listing's first photo, beside whatever else is asked of the listing; empty where it has none yet."""


class Paper(Keyed, Base):
    """A paper of the unit, a private document: seen by its seller, by staff, and by whoever paid for the unit."""

    __tablename__ = "listing_papers"
    __table_args__ = (CheckConstraint("length(trim(words)) > 0", name="paper_is_named"),)

    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id", ondelete="CASCADE"), index=True)
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"), unique=True)
    kind: Mapped[PaperKind]
    words: Mapped[str] = mapped_column(comment="What it is, in the seller's words.")
    added_at: Mapped[datetime]


class ConditionReport(Keyed, Base):
    """Everything that was stated of a unit, frozen; written by `reports.freeze` alone, and never changed (trigger)."""

    __tablename__ = "condition_reports"
    __table_args__ = (
        CheckConstraint("version > 0", name="version_is_counted_from_one"),
        CheckConstraint(
            "digest = encode(sha256(convert_to(canonical, 'UTF8')), 'hex')", name="digest_is_of_what_is_kept"
        ),
        UniqueConstraint("listing_id", "version", name="report_versions_differ"),
        UniqueConstraint("id", "listing_id", name="report_is_of_this_unit"),
    )

    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id"))
    version: Mapped[int]
    canonical: Mapped[str] = mapped_column(comment="Canonical JSON; nothing that was stated is anywhere else.")
    digest: Mapped[str] = mapped_column(comment="SHA-256 of `canonical` in UTF-8.")
    made_by: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id"), comment="Who submitted or ordered; empty: the house itself."
    )
    made_at: Mapped[datetime]


class PriceSet(Keyed, Base):
    """A price that was asked, from then on; the first when it came to the market. Never changed (trigger)."""

    __tablename__ = "listing_prices"
    __table_args__ = (CheckConstraint("price_minor > 0", name="price_is_positive"),)

    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id"), index=True)
    price_minor: Mapped[int]
    currency: Mapped[str]
    set_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]


class ViewsOfDay(Base):
    """How often the page of a unit was looked at on a day, by anybody: a figure, and nothing about people."""

    __tablename__ = "listing_views"
    __table_args__ = (CheckConstraint("number > 0", name="views_are_counted"),)

    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    number: Mapped[int]


class ListingMove(Sequenced, Base):
    """Every change of state: who, what, why, when."""

    __tablename__ = "listing_moves"

    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id"), index=True)
    event: Mapped[ListingEvent | None] = mapped_column(comment="Empty for the creation itself.")
    state: Mapped[ListingState]
    actor_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str | None]
    at: Mapped[datetime]
