"""Bring what is kept of units to the rules of this version of the house, where they have changed."""

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from ..extensions import db, unit_of_work
from .derived import beyond
from .models import Listing
from .states import ListingState

AT_ONCE = 500
_OVER = (ListingState.SOLD, ListingState.WITHDRAWN)


def recount() -> int:
    """Count anew what every unit that can still be sold costs beyond its price; return how many it was wrong of."""
    ids = db.session.scalars(select(Listing.id).where(Listing.state.not_in(_OVER)).order_by(Listing.id)).all()
    wrong = 0
    for first in range(0, len(ids), AT_ONCE):
        with unit_of_work():
            for listing in db.session.scalars(
                select(Listing)
                .where(Listing.id.in_(ids[first : first + AT_ONCE]))
                .order_by(Listing.id)
                .with_for_update(key_share=True)
                .options(selectinload(Listing.handpieces))
                .execution_options(populate_existing=True)
            ):
                found = beyond(listing)
                if listing.beyond_minor != found:
                    listing.beyond_minor = found
                    wrong += 1
    return wrong
