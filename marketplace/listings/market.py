"""
The market as it is searched. These rows are written by the database itself, in the transaction that changes a listing.

A *kind* is what units have in common that are judged and found alike: a configuration, from a checked seller or not.
A *cell* is a kind in a place, in a grade, with its traits: everything that is chosen from a list. A unit's own row is
what is left: figures to sort and to narrow by, and its own words. How many units each cell has, and each kind beside
each answer, is kept as well.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Identity, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from ..extensions import Base

UNKNOWN = 2**31 - 1
"""What `MarketUnit.used` and `landed` say where nothing is known: it sorts last, and is below no limit."""


class MarketKind(Base):
    """A configuration on the market. Never changed, never removed."""

    __tablename__ = "market_kinds"
    __table_args__ = (UniqueConstraint("configuration", "checked", name="kinds_differ"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    configuration: Mapped[str]
    checked: Mapped[bool] = mapped_column(comment="Whether the seller is a verified one.")
    model_id: Mapped[UUID] = mapped_column(ForeignKey("device_models.id"))
    modality_codes: Mapped[list[str]] = mapped_column(ARRAY(Text))


class MarketCell(Base):
    """A kind with what is chosen from lists. Never changed, never removed."""

    __tablename__ = "market_cells"
    __table_args__ = (UniqueConstraint("kind_id", "state_code", "grade", "traits", name="cells_differ"),)

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    kind_id: Mapped[int] = mapped_column(ForeignKey("market_kinds.id"))
    state_code: Mapped[str]
    grade: Mapped[str]
    traits: Mapped[list[str]] = mapped_column(ARRAY(Text))


class MarketShard(Base):
    """A share of the market's figures, held by one transaction at a time; together the versions name what is seen."""

    __tablename__ = "market_shards"

    shard: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    version: Mapped[UUID]


class MarketCount(Base):
    """How many units a cell has: the sum over the shards. One alone may be below zero."""

    __tablename__ = "market_counts"

    cell_id: Mapped[int] = mapped_column(ForeignKey("market_cells.id"), primary_key=True)
    shard: Mapped[int] = mapped_column(ForeignKey("market_shards.shard"), primary_key=True)
    units: Mapped[int]


class MarketTally(Base):
    """How many units a kind has beside one answer: the sum over the shards, as of the cells."""

    __tablename__ = "market_tallies"

    kind_id: Mapped[int] = mapped_column(ForeignKey("market_kinds.id"), primary_key=True)
    answer: Mapped[str] = mapped_column(primary_key=True, comment="As facet:answer; empty: all units of the kind.")
    shard: Mapped[int] = mapped_column(ForeignKey("market_shards.shard"), primary_key=True)
    units: Mapped[int]


class MarketUnit(Base):
    """A unit that is for sale now, as narrow as can be: many are read at once."""

    __tablename__ = "market_units"
    __table_args__ = (
        Index("ix_market_units_newest", "published_at", "listing_id"),
        Index("ix_market_units_price", "price_minor", "listing_id"),
        Index("ix_market_units_used", "used", "listing_id"),
        Index("ix_market_units_landed", "landed", "listing_id"),
        Index("ix_market_units_kind_newest", "kind_id", "published_at", "listing_id"),
        Index("ix_market_units_kind_price", "kind_id", "price_minor", "listing_id"),
        Index("ix_market_units_kind_used", "kind_id", "used", "listing_id"),
        Index("ix_market_units_kind_landed", "kind_id", "landed", "listing_id"),
        Index("ix_market_units_latitude", "latitude"),
        Index("ix_market_units_words", "words", postgresql_using="gin"),
    )

    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id", ondelete="CASCADE"), primary_key=True)
    published_at: Mapped[datetime]
    latitude: Mapped[float | None]
    longitude: Mapped[float | None]
    cell_id: Mapped[int] = mapped_column(ForeignKey("market_cells.id"))
    kind_id: Mapped[int] = mapped_column(ForeignKey("market_kinds.id"))
    price_minor: Mapped[int]
    year: Mapped[int]
    used: Mapped[int] = mapped_column(comment="Life used, in per cent; 2147483647: not known, sorts last.")
    shots_left: Mapped[int | None]
    landed: Mapped[int] = mapped_column(comment="What it costs in all; 2147483647: not known, sorts last.")
    state_code: Mapped[str]
    grade: Mapped[str]
    traits: Mapped[list[str]] = mapped_column(ARRAY(Text))
    words: Mapped[str] = mapped_column(TSVECTOR, comment="The unit's own; those of its kind are not repeated.")
