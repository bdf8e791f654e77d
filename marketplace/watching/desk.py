"""What sellers want to know of each of their units: who looks at it, watches it, asks, or looks for such a one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from ..extensions import db
from ..guides import prices
from ..guides.prices import Beside
from ..kernel.money import Money
from ..listings.models import Listing, ViewsOfDay
from ..listings.views import COUNTED_BACK
from ..questions import queries as questions
from ..wants.matching import foreign_to, standing
from ..wants.models import Want, WantMatch
from .models import Watch


@dataclass(frozen=True, slots=True)
class Interest:
    """Of one unit: looks in thirty days, who watches it, wants that it fits, its price beside others; what waits."""

    views: int
    watchers: int
    wants: int
    price: Beside | None
    questions: int = 0


def interest_in(listing_ids: Iterable[UUID], *, at: datetime) -> dict[UUID, Interest]:
    """Return what there is to know of each unit, in one statement however many they are."""
    views = (
        select(func.coalesce(func.sum(ViewsOfDay.number), 0))
        .where(ViewsOfDay.listing_id == Listing.id, ViewsOfDay.day > (at - COUNTED_BACK).date())
        .scalar_subquery()
    )
    watchers = select(func.count()).select_from(Watch).where(Watch.listing_id == Listing.id).scalar_subquery()
    wants = (
        select(func.count())
        .select_from(WantMatch)
        .join(Want, Want.id == WantMatch.want_id)
        .where(WantMatch.listing_id == Listing.id, WantMatch.fits, standing(at), foreign_to(Listing.clinic_id))
        .scalar_subquery()
    )
    waiting = questions.waiting(Listing.id)
    sold = prices.sold_of_model(Listing.__table__.c.model_id)
    rows: Any = db.session.execute(
        select(
            Listing.id, Listing.year, Listing.price_minor, Listing.currency, views, watchers, wants, sold, waiting
        ).where(Listing.id.in_(list(listing_ids)))
    )
    return {
        listing_id: Interest(
            int(seen),
            watching,
            fitting,
            None if minor is None else prices.against(paid or (), year=year, price=Money(minor, currency)),
            asked,
        )
        for listing_id, year, minor, currency, seen, watching, fitting, paid, asked in rows
    }
