"""Watch devices and searches, and write to people when something happens: once for each event, never twice."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from ..accounts.models import User
from ..extensions import db, unit_of_work
from ..guides import knowing
from ..kernel.errors import Gone, Invalid, NotFound
from ..kernel.money import Money
from ..kernel.shapes import read, write
from ..kernel.wording import gettext_noop
from ..listings import queries as listings
from ..listings import search
from ..listings.models import Listing
from ..listings.search import Card, Wanted
from ..listings.states import ListingState
from ..notifications import service as notifications
from ..wants.service import mute_by_link
from .models import Cadence, SavedSearch, SearchHit, Watch

MOST_SEARCHES = 30
_TOO_MANY = gettext_noop("You can keep 30 searches.")
MOST_PAGES = 10
"""Of a search, looked through in one round; what lies behind comes in the next."""


def watch(*, user_id: UUID, listing_id: UUID, at: datetime) -> None:
    """
    Watch a device; nothing happens where it is watched already.

    :raises NotFound: there is no such device on display
    """
    with unit_of_work():
        device = listings.on_display(listing_id)
        assert device.price is not None  # What is on display has one.
        sold = device.state is ListingState.SOLD
        row = {"user_id": user_id, "listing_id": listing_id, "seen_minor": device.price.minor, "since": at}
        db.session.execute(insert(Watch).values(**row, sold_told=sold).on_conflict_do_nothing())


def unwatch(*, user_id: UUID, listing_id: UUID) -> None:
    """Watch a device no longer; nothing happens where it was not."""
    with unit_of_work():
        db.session.execute(delete(Watch).where(Watch.user_id == user_id, Watch.listing_id == listing_id))


def save(*, user_id: UUID, name: str, query: str, wanted: Wanted, cadence: Cadence, at: datetime) -> UUID:
    """
    Save a search, or give the saved one another name and cadence.

    :raises Invalid: no name, or there are too many
    """
    said = name.strip()[:100]
    if not said:
        raise Invalid(gettext_noop("Give the search a name."), field="name")
    with unit_of_work():
        # Two forms sent at once must not both be the first of a search, or the last one that is allowed.
        db.session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))
        mine = db.session.scalars(select(SavedSearch).where(SavedSearch.user_id == user_id)).all()
        known = next((one for one in mine if one.query == query), None)
        if known is not None:
            known.name, known.cadence = said, cadence
            return known.id
        if len(mine) >= MOST_SEARCHES:
            raise Invalid(_TOO_MANY, cure=gettext_noop("Forget one of them first."))
        # Where it was looked from, and on which page, is no part of what is looked for.
        kept = search.kept(wanted)
        one = SavedSearch(user_id=user_id, name=said, query=query, wanted=write(kept), cadence=cadence, since=at)
        db.session.add(one)
        db.session.flush()
        return one.id


def change_cadence(*, user_id: UUID, search_id: UUID, cadence: Cadence) -> None:
    """
    Hear of a saved search sooner, later, or not at all.

    :raises NotFound: it is not theirs
    """
    with unit_of_work():
        _mine(user_id, search_id).cadence = cadence


def forget(*, user_id: UUID, search_id: UUID) -> None:
    """
    Forget a saved search.

    :raises NotFound: it is not theirs
    """
    with unit_of_work():
        db.session.delete(_mine(user_id, search_id))


def forget_all(*, user_id: UUID) -> None:
    """Watch nothing for a person any longer, and forget every search that they saved."""
    with unit_of_work():
        for kept in (Watch, SavedSearch):
            db.session.execute(delete(kept).where(kept.user_id == user_id))


def stop(*, stop_key: UUID) -> None:
    """
    End what the link of a mail is about: a watch is over, a search and a want are kept without mails.

    :raises Gone: there is nothing any more
    """
    with unit_of_work():
        ended = db.session.scalar(delete(Watch).where(Watch.stop_key == stop_key).returning(Watch.id))
        paused = update(SavedSearch).where(SavedSearch.stop_key == stop_key).values(cadence=Cadence.PAUSED)
        if ended is None and db.session.scalar(paused.returning(SavedSearch.id)) is None and not mute_by_link(stop_key):
            raise Gone(
                gettext_noop("These mails have ended already."), cure=gettext_noop("There is nothing left to do.")
            )


def look_at_watched(*, at: datetime) -> int:
    """Tell people of falls in price and of sales among what they watch; return how many mails were promised."""
    told = 0
    with unit_of_work():
        for watched, listing, person in _changed():
            before, now = Money(watched.seen_minor, listing.currency), _price(listing)
            if listing.state is ListingState.SOLD:
                watched.sold_told = True
                told += _tell(person, watched, listing, "It was sold.", "was sold", at)
            elif now < before:
                told += _tell(person, watched, listing, f"Its price fell from {before} to {now}.", f"now {now}", at)
            watched.seen_minor = now.minor
    return told


def look_for_new(*, cadence: Cadence, at: datetime) -> int:
    """Tell people of new devices of their saved searches of this cadence; return how many mails were promised."""
    told = 0
    for search_id in db.session.scalars(
        select(SavedSearch.id)
        .join(User, User.id == SavedSearch.user_id)
        .where(SavedSearch.cadence == cadence, User.disabled_at.is_(None))
        .order_by(SavedSearch.id)
    ).all():
        told += _look_for(search_id, at)
    return told


def _look_for(search_id: UUID, at: datetime) -> int:
    with unit_of_work():
        saved = db.session.get(SavedSearch, search_id, with_for_update=True, populate_existing=True)
        if saved is None:
            return 0
        new = list(_new_for(saved))
        if not new:
            return 0
        db.session.add_all(SearchHit(search_id=saved.id, listing_id=card.id, told_at=at) for card in new)
        person = db.session.get_one(User, saved.user_id)
        notifications.promise_mail(
            to=person.email,
            template="saved_search",
            context={
                "name": person.name,
                "search": saved.name,
                "devices": [
                    {"title": f"{card.title} {card.year}, {card.price}", "path": f"/devices/{card.id}"} for card in new
                ],
                "path": f"/devices?{saved.query}" if saved.query else "/devices",
                "stop": f"/stop/{saved.stop_key}",
            },
            at=at,
        )
        return 1


def _new_for(saved: SavedSearch) -> Iterator[Card]:
    """Yield what the search finds, came to the market since it was saved, and was not told of."""
    wanted = read(Wanted, saved.wanted)
    known = set(db.session.scalars(select(SearchHit.listing_id).where(SearchHit.search_id == saved.id)))
    for _ in range(MOST_PAGES):
        found = search.find(wanted, literally=True)
        since = knowing.published_of([card.id for card in found.cards])
        new = [card for card in found.cards if card.id not in known and since[card.id] > saved.since]
        yield from new
        # The newest come first: behind a page without news there is none.
        if not new or found.later is None:
            return
        wanted = replace(wanted, cursor=found.later)


def _changed() -> list[Row[Watch, Listing, User]]:
    """Return what differs from what those who watch it know, locked so that two rounds cannot tell it twice."""
    sold = (Listing.state == ListingState.SOLD) & Watch.sold_told.is_(False)
    repriced = (Listing.state == ListingState.PUBLISHED) & (Listing.price_minor != Watch.seen_minor)
    return list(
        db.session.execute(
            select(Watch, Listing, User)
            .join(Listing, Listing.id == Watch.listing_id)
            .join(User, User.id == Watch.user_id)
            .where(User.disabled_at.is_(None), sold | repriced)
            .order_by(Watch.id)
            .with_for_update(of=Watch, skip_locked=True)
        )
    )


def _tell(person: User, watched: Watch, listing: Listing, words: str, subject: str, at: datetime) -> int:
    notifications.promise_mail(
        to=person.email,
        template="watched",
        context={
            "name": person.name,
            "subject": f"{listing.title}: {subject}",
            "device": f"{listing.title} {listing.year}",
            "words": words,
            "path": f"/devices/{listing.id}",
            "stop": f"/stop/{watched.stop_key}",
        },
        at=at,
    )
    return 1


def _price(listing: Listing) -> Money:
    assert listing.price_minor is not None  # What was published has one.
    return Money(listing.price_minor, listing.currency)


def _mine(user_id: UUID, search_id: UUID) -> SavedSearch:
    found = db.session.get(SavedSearch, search_id)
    if found is None or found.user_id != user_id:
        raise NotFound(gettext_noop("There is no such search among yours."))
    return found
