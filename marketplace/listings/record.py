"""Whose a listing is, and the row that every change of its state leaves."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from .. import audit
from ..audit import Happening
from ..clinics import queries as clinics
from ..clinics.access import MANAGERS
from ..extensions import db
from ..kernel.errors import NotFound
from .models import Listing, ListingMove
from .states import ListingEvent


def locked(listing_id: UUID, *, lock: bool = True) -> Listing:
    """
    Return the row, locked until the end of the transaction unless asked otherwise.

    :raises NotFound: there is none
    """
    listing = db.session.get(Listing, listing_id, with_for_update=True if lock else None, populate_existing=True)
    if listing is None:
        raise NotFound("There is no such listing.")
    return listing


def of_seller(listing_id: UUID, actor_id: UUID) -> Listing:
    """
    Return the row, locked, to somebody who sells for its clinic.

    :raises NotFound: there is none, or the person does not belong to its clinic
    :raises marketplace.kernel.errors.Refused: the person is neither owner nor manager there
    """
    listing = locked(listing_id)
    clinics.require_role(user_id=actor_id, clinic_id=listing.clinic_id, roles=MANAGERS)
    return listing


def note(
    listing: Listing, event: ListingEvent | None, *, actor_id: UUID | None, reason: str | None, at: datetime
) -> None:
    """Leave a row and an audit event of what just happened to it; `event` is None for its creation."""
    note_all([listing], event, actor_id=actor_id, reason=reason, at=at)


def note_all(
    listings: Sequence[Listing], event: ListingEvent | None, *, actor_id: UUID | None, reason: str | None, at: datetime
) -> None:
    """Do the same of several at once, to which the same happened."""
    db.session.add_all(
        ListingMove(listing_id=one.id, event=event, state=one.state, actor_id=actor_id, reason=reason, at=at)
        for one in listings
    )
    db.session.flush()
    audit.record_all(
        Happening(f"listing:{event or 'drafted'}", actor_id, "listing", one.id, at, {"state": one.state})
        for one in listings
    )
