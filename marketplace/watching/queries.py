"""What pages ask about watched devices and saved searches."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from ..extensions import db
from ..kernel.errors import Gone
from ..kernel.money import Money
from ..kernel.wording import gettext_noop
from ..listings.models import Listing
from ..listings.states import ListingState
from ..wants.queries import title_by_stop_key
from .models import Cadence, SavedSearch, Watch


@dataclass(frozen=True, slots=True)
class Watched:
    """A device that somebody watches, as it is now."""

    listing_id: UUID
    title: str
    year: int | None
    price: Money
    state: ListingState
    since: datetime


@dataclass(frozen=True, slots=True)
class Saved:
    """A search that somebody saved."""

    id: UUID
    name: str
    query: str
    cadence: Cadence
    since: datetime


@dataclass(frozen=True, slots=True)
class Stoppable:
    """What a mail's link would end: a message that has a place for the name of it."""

    message: str
    name: str

    @property
    def words(self) -> str:
        """Say it in English."""
        return self.message % {"name": self.name}


def watched_by(user_id: UUID) -> list[Watched]:
    """Return the devices somebody watches, the latest first; what was taken off the market is left out."""
    rows = db.session.execute(
        select(
            Listing.id, Listing.title, Listing.year, Listing.price_minor, Listing.currency, Listing.state, Watch.since
        )
        .join(Watch, Watch.listing_id == Listing.id)
        .where(
            Watch.user_id == user_id,
            Listing.state.in_((ListingState.PUBLISHED, ListingState.RESERVED, ListingState.SOLD)),
        )
        .order_by(Watch.since.desc(), Watch.id)
    )
    return [
        Watched(row.id, row.title, row.year, Money(row.price_minor, row.currency), row.state, row.since) for row in rows
    ]


def watches(user_id: UUID, listing_id: UUID) -> bool:
    """Say whether the person watches the device."""
    mine = select(Watch.id).where(Watch.user_id == user_id, Watch.listing_id == listing_id)
    return db.session.scalar(mine) is not None


def saved_by(user_id: UUID) -> list[Saved]:
    """Return the searches somebody saved, the latest first."""
    rows = db.session.scalars(
        select(SavedSearch).where(SavedSearch.user_id == user_id).order_by(SavedSearch.since.desc(), SavedSearch.id)
    )
    return [Saved(row.id, row.name, row.query, row.cadence, row.since) for row in rows]


def stoppable(stop_key: UUID) -> Stoppable:
    """
    Return what the link of a mail would end.

    :raises Gone: it has ended already
    """
    title = db.session.scalar(
        select(Listing.title).join(Watch, Watch.listing_id == Listing.id).where(Watch.stop_key == stop_key)
    )
    if title is not None:
        return Stoppable(gettext_noop("mails about the %(name)s that you watch"), title)
    name = db.session.scalar(select(SavedSearch.name).where(SavedSearch.stop_key == stop_key))
    if name is None:
        wanted = title_by_stop_key(stop_key)
        if wanted is not None:
            return Stoppable(gettext_noop("mails about the %(name)s that you look for"), wanted)
        raise Gone(gettext_noop("These mails have ended already."), cure=gettext_noop("There is nothing left to do."))
    return Stoppable(gettext_noop("mails about your search “%(name)s”"), name)
