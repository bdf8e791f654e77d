"""Devices and searches that somebody watches, and what they have heard of."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base, Keyed


class Cadence(StrEnum):
    """How soon somebody wants to hear of new devices."""

    INSTANT = "instant"
    DAILY = "daily"
    PAUSED = "paused"  # It stays on the page; no mail is sent.


class Watch(Keyed, Base):
    """A device that somebody watches. `seen_minor` is the price they know, so that each fall is told once."""

    __tablename__ = "watches"
    __table_args__ = (UniqueConstraint("user_id", "listing_id", name="one_watch_per_person_and_device"),)

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id"), index=True)
    seen_minor: Mapped[int]
    sold_told: Mapped[bool] = mapped_column(default=False)
    stop_key: Mapped[UUID] = mapped_column(
        unique=True, default=uuid4, comment="In the mails' link that ends it; it opens nothing else."
    )
    since: Mapped[datetime]


class SavedSearch(Keyed, Base):
    """A search that somebody saved. `query` is its address, `wanted` what it looks for."""

    __tablename__ = "saved_searches"
    __table_args__ = (
        UniqueConstraint("user_id", "query", name="one_saved_search_per_person_and_query"),
        CheckConstraint("length(trim(name)) BETWEEN 1 AND 100", name="saved_search_has_a_name"),
    )

    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    name: Mapped[str]
    query: Mapped[str]
    wanted: Mapped[dict[str, Any]]
    cadence: Mapped[Cadence]
    stop_key: Mapped[UUID] = mapped_column(
        unique=True, default=uuid4, comment="In the mails' link that ends it; it opens nothing else."
    )
    since: Mapped[datetime] = mapped_column(comment="Devices that came to the market before are no news.")


class SearchHit(Base):
    """A device that was told of for a saved search: never a second time."""

    __tablename__ = "saved_search_hits"

    search_id: Mapped[UUID] = mapped_column(ForeignKey("saved_searches.id", ondelete="CASCADE"), primary_key=True)
    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id"), primary_key=True)
    told_at: Mapped[datetime]
