"""Units that were sold here before and are offered again: by whoever bought them, or by somebody else."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from ..clinics.models import Clinic
from ..extensions import db
from ..listings.models import Listing
from .models import Order
from .states import TRANSFERRED

SOON = timedelta(days=180)
"""Whoever sells so soon what they bought may have bought it for somebody who was not cleared."""


@dataclass(frozen=True, slots=True)
class EarlierSale:
    """One sale of the unit here, in which it left its seller; `days` ago it was ordered."""

    number: int
    clinic_name: str
    placed_at: datetime
    days: int
    by_whoever_offers_it: bool

    @property
    def is_odd(self) -> bool:
        """Say whether somebody should ask how the unit came to whoever offers it, or why it goes so soon."""
        return not self.by_whoever_offers_it or timedelta(days=self.days) <= SOON


def earlier_sales(
    *, maker_id: UUID, serial_normal: str | None, offered_by: UUID, at: datetime
) -> tuple[EarlierSale, ...]:
    """Return the sales of a unit here, the newest first; only the newest tells whose it should be now."""
    if not serial_normal:
        return ()
    rows = db.session.execute(
        select(Order.number, Order.buyer_clinic_id, Clinic.name, Order.placed_at)
        .join(Listing, Listing.id == Order.listing_id)
        .join(Clinic, Clinic.id == Order.buyer_clinic_id)
        .where(
            Listing.maker_id == maker_id,
            Listing.serial_normal == serial_normal,
            Order.state.in_(TRANSFERRED),
        )
        .order_by(Order.placed_at.desc(), Order.number.desc())
    )
    return tuple(
        EarlierSale(row.number, row.name, row.placed_at, (at - row.placed_at).days, row.buyer_clinic_id == offered_by)
        for row in rows
    )
