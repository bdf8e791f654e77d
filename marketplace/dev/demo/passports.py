"""What the units of the demo have behind them: readings, services, prices, and two that staff must look at."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from ...extensions import db
from ...listings import passport
from ...listings.models import Listing, PriceSet
from ...listings.passport import Reading
from ...listings.states import ListingState
from ...listings.terms import CounterDirection, UnitEventKind
from ...listings.units import StolenUnit, UnitEvent, UnitReading
from .people import Stage

_SERVICES = (
    (400, UnitEventKind.SERVICE, "Planned maintenance by an independent firm (demo)"),
    (90, UnitEventKind.CALIBRATION, "Energy checked on every handpiece; within tolerance (demo)"),
)
_LAST_READ = timedelta(days=430)
_FELL_AFTER = timedelta(minutes=50)  # The newest unit came to the market an hour ago.


def write(listings: Sequence[Listing]) -> None:
    """Write the past of every unit that was offered. A step of the caller's work."""
    for number, listing in enumerate(listings):
        if listing.published_at is not None and listing.price_minor is not None:
            _ask(listing, listing.price_minor, listing.published_at, dearer_at_first=number % 4 == 0)
        if listing.submitted_at is not None:
            passport.note_readings(listing, at=listing.submitted_at)
            if number % 3 == 0:
                _serve(listing)


def write_doubts(stage: Stage, listings: Sequence[Listing]) -> None:
    """Let one unit's counter have run backwards, and one that waits for review be reported as stolen."""
    _turn_back(next(one for one in listings if one.state is ListingState.PUBLISHED and _counting_up(one)))
    reported = next(one for one in listings if one.state is ListingState.IN_REVIEW)
    db.session.add(
        StolenUnit(
            maker="",
            maker_id=reported.maker_id,
            serial=reported.serial,
            serial_normal=reported.serial_normal,
            source="A police report from the demo",
            reported_on=(reported.created_at - timedelta(days=30)).date(),
            added_by=stage.moderator,
            added_at=reported.created_at - timedelta(days=20),
        )
    )


def _ask(listing: Listing, price: int, at: datetime, *, dearer_at_first: bool) -> None:
    first = round(price * 1.08 / 10_000) * 10_000 if dearer_at_first else price
    asked = [(first, at), (price, at + _FELL_AFTER)]
    for minor, since in asked if first != price else asked[:1]:
        db.session.add(
            PriceSet(
                listing_id=listing.id, price_minor=minor, currency=listing.currency, set_by=listing.created_by, at=since
            )
        )


def _turn_back(listing: Listing) -> None:
    """Let an earlier reading of a unit have been higher than the one its seller states now."""
    now = _counting_up(listing)[0]
    db.session.add(
        UnitReading(
            maker_id=listing.maker_id,
            serial_normal=listing.serial_normal,
            part=now.part,
            value=now.value * 3,
            unit=now.unit,
            direction=now.direction,
            read_on=now.read_on - _LAST_READ,
            listing_id=listing.id,
            at=listing.submitted_at,
        )
    )


def _counting_up(listing: Listing) -> list[Reading]:
    return [one for one in passport.stated(listing) if one.direction is CounterDirection.UP]


def _serve(listing: Listing) -> None:
    for days, kind, words in _SERVICES:
        db.session.add(
            UnitEvent(
                maker_id=listing.maker_id,
                serial_normal=listing.serial_normal,
                kind=kind,
                happened_on=(listing.created_at - timedelta(days=days)).date(),
                words=words,
                listing_id=listing.id,
                stated_by=listing.created_by,
                at=listing.created_at,
            )
        )
