"""
The market as it is searched. These rows are written by the database itself, in the transaction that changes a listing.

A *kind* is what units have in common that are judged and found alike: a configuration, from a checked seller or not,
under the recalls of its model or let out of all of them.
A *face* is a state, a grade and traits: everything else that is chosen from a list. A *place* is a point on the map,
*spots* are sizes. A unit's own row is what is left: figures to sort and to narrow by, and its own words. How many units
each kind has with each face, and beside each answer, is kept as well.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Index, UniqueConstraint, false
from sqlalchemy.dialects.postgresql import ARRAY, INT4MULTIRANGE, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from ..extensions import Base

UNKNOWN = 2**31 - 1
"""What `MarketUnit.used` and `landed` say where nothing is known: it sorts last, and is below no limit."""


class MarketKind(Base):
    """A configuration on the market, as what is judged alike. Never changed, never removed."""

    __tablename__ = "market_kinds"
    __table_args__ = (UniqueConstraint("configuration", "checked", "spared", name="kinds_differ"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    configuration: Mapped[str]
    checked: Mapped[bool] = mapped_column(comment="Whether the seller is a verified one.")
    spared: Mapped[bool] = mapped_column(
        server_default=false(), comment="Recalls of its model are open, and its units were let out of every one."
    )
    model_id: Mapped[UUID] = mapped_column(ForeignKey("device_models.id"))
    modality_codes: Mapped[list[str]] = mapped_column(ARRAY(Text))


class MarketFace(Base):
    """What is chosen from lists and stands in no kind: thousands at most. Never changed, never removed."""

    __tablename__ = "market_faces"
    __table_args__ = (UniqueConstraint("state_code", "grade", "traits", name="faces_differ"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    state_code: Mapped[str]
    grade: Mapped[str]
    traits: Mapped[list[str]] = mapped_column(ARRAY(Text))


class MarketPlace(Base):
    """A point where units stand or stood: the middle of a ZIP code's area. Never changed, never removed."""

    __tablename__ = "market_places"
    __table_args__ = (UniqueConstraint("latitude", "longitude", name="places_differ"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    latitude: Mapped[float]
    longitude: Mapped[float]


class MarketSpots(Base):
    """The spot sizes of a unit's handpieces, all together. Never changed, never removed."""

    __tablename__ = "market_spots"
    __table_args__ = (UniqueConstraint("spots", name="spots_differ"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    spots: Mapped[Any] = mapped_column(INT4MULTIRANGE, comment="In hundredths of a millimetre.")


class MarketShard(Base):
    """A share of the market's figures, held by one transaction at a time; together the versions name what is seen."""

    __tablename__ = "market_shards"

    shard: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    version: Mapped[UUID]


class MarketCount(Base):
    """How many units a kind has with a face: the sum over the shards. One alone may be below zero."""

    __tablename__ = "market_counts"

    kind_id: Mapped[int] = mapped_column(ForeignKey("market_kinds.id"), primary_key=True)
    face_id: Mapped[int] = mapped_column(ForeignKey("market_faces.id"), primary_key=True)
    shard: Mapped[int] = mapped_column(ForeignKey("market_shards.shard"), primary_key=True)
    units: Mapped[int]


class MarketTally(Base):
    """How many units a kind has beside one answer: the sum over the shards, as above."""

    __tablename__ = "market_tallies"

    kind_id: Mapped[int] = mapped_column(ForeignKey("market_kinds.id"), primary_key=True)
    answer: Mapped[str] = mapped_column(primary_key=True, comment="As facet:answer; empty: all units of the kind.")
    shard: Mapped[int] = mapped_column(ForeignKey("market_shards.shard"), primary_key=True)
    units: Mapped[int]


class MarketGrain(Base):
    """How many units a kind has on a grain of a range: the sum over the shards, as above. See `ladders`."""

    __tablename__ = "market_grains"

    kind_id: Mapped[int] = mapped_column(ForeignKey("market_kinds.id"), primary_key=True)
    ladder: Mapped[str] = mapped_column(primary_key=True, comment="price, year or used.")
    grain: Mapped[int] = mapped_column(primary_key=True, comment="In whole grains of that ladder.")
    shard: Mapped[int] = mapped_column(ForeignKey("market_shards.shard"), primary_key=True)
    units: Mapped[int]


_COUNTED = ("kind_id", "face_id")


class MarketUnit(Base):
    """A unit that is for sale now, as narrow as can be: many are read at once."""

    __tablename__ = "market_units"
    __table_args__ = (
        Index("ix_market_units_newest", "published_at", "listing_id"),
        # A narrow range is counted from its own index, with the steps of the others.
        Index("ix_market_units_price", "price_minor", "listing_id", postgresql_include=[*_COUNTED, "year", "used"]),
        Index("ix_market_units_used", "used", "listing_id", postgresql_include=[*_COUNTED, "price_minor", "year"]),
        Index("ix_market_units_landed", "landed", "listing_id"),
        Index("ix_market_units_kind_newest", "kind_id", "published_at", "listing_id"),
        Index("ix_market_units_kind_price", "kind_id", "price_minor", "listing_id"),
        Index("ix_market_units_kind_used", "kind_id", "used", "listing_id"),
        Index("ix_market_units_kind_landed", "kind_id", "landed", "listing_id"),
        Index("ix_market_units_place", "place_id", "face_id", "kind_id"),
        # Everything that figures are counted by: they are read from here, and the rows stay where they are.
        Index(
            "ix_market_units_counted",
            "face_id", "kind_id", "price_minor", "year", "used", "landed", "shots_left", "place_id", "spot_id",
        ),
        Index("ix_market_units_words", "words", postgresql_using="gin"),
    )  # fmt: skip

    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id", ondelete="CASCADE"), primary_key=True)
    published_at: Mapped[datetime]
    kind_id: Mapped[int] = mapped_column(ForeignKey("market_kinds.id"))
    face_id: Mapped[int] = mapped_column(ForeignKey("market_faces.id"))
    price_minor: Mapped[int]
    year: Mapped[int]
    used: Mapped[int] = mapped_column(comment="Life used, in per cent; 2147483647: not known, sorts last.")
    landed: Mapped[int] = mapped_column(comment="What it costs in all; 2147483647: not known, sorts last.")
    place_id: Mapped[int | None] = mapped_column(ForeignKey("market_places.id"))
    spot_id: Mapped[int | None] = mapped_column(ForeignKey("market_spots.id"))
    shots_left: Mapped[int | None]
    words: Mapped[str] = mapped_column(TSVECTOR, comment="The unit's own; those of its kind are not repeated.")
