"""Which photos a listing needs before staff look at it."""

from collections.abc import Iterable
from uuid import UUID

from .models import Listing
from .record import locked
from .terms import Shot

ASKED: dict[Shot, str] = {
    Shot.FRONT: "the console from the front",
    Shot.RATING_PLATE: "the rating plate with maker and serial number",
    Shot.RX_LABEL: "the prescription legend",
    Shot.COUNTER_SCREEN: "the screen with the counters",
    Shot.TIP: "the tip of each handpiece",
    Shot.ACCESSORIES: "what comes with it",
    Shot.POSSESSION: "the device with today’s code on paper",
}


def needed(listing: Listing) -> tuple[Shot, ...]:
    """Return the shots that this listing needs, in the order in which they are asked for."""
    counts = any(part.counter_value is not None for part in listing.handpieces) or bool(listing.counters)
    wanted = {
        Shot.FRONT: True,
        Shot.RATING_PLATE: True,
        Shot.RX_LABEL: bool(listing.rx_label_present),
        Shot.COUNTER_SCREEN: counts,
        Shot.TIP: bool(listing.handpieces),
        Shot.ACCESSORIES: False,
        Shot.POSSESSION: True,
    }
    return tuple(shot for shot, asked in wanted.items() if asked)


def lacking(listing: Listing) -> list[Shot]:
    """Return the needed shots that no photo shows yet."""
    shown: Iterable[str] = {shot for photo in listing.photos for shot in photo.shows}
    return [shot for shot in needed(listing) if shot not in shown]


def lacking_of(listing_id: UUID) -> list[Shot]:
    """
    Return the needed shots that no photo of a listing shows yet.

    :raises marketplace.kernel.errors.NotFound: there is no such listing
    """
    return lacking(locked(listing_id, lock=False))
