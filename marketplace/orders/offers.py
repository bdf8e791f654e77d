"""Which offers there are, what was agreed, and which ones a seller takes."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, select

from ..clinics import queries as clinics
from ..clinics.access import MANAGERS
from ..clinics.models import Clinic, ClinicSite
from ..extensions import db
from ..kernel.money import Money
from ..listings.models import Listing
from . import queries
from .models import Offer, OfferTerms, Reservation
from .offer_states import OfferState
from .offer_steps import is_over, money
from .reservation_states import ReservationState


class Agreed(NamedTuple):
    """What was agreed with a buyer, and until when it stands."""

    offer_id: UUID
    price: Money
    until: datetime


@dataclass(frozen=True, slots=True)
class OfferView:
    """
    An offer as its two sides see it. `state` is what it is now, also where nobody has tidied up yet.

    `clinic_name` is for the buyer alone: the seller learns who buys once the money is held.
    """

    id: UUID
    listing_id: UUID
    title: str
    asked: Money | None
    amount: Money
    counter: Money | None
    agreed: Money | None
    state: OfferState
    clinic_name: str
    place: str
    made_at: datetime
    stands_until: datetime | None


@dataclass(frozen=True, slots=True)
class Terms:
    """Whether a seller takes offers for a device, and below which they decline themselves."""

    taken: bool = True
    floor: Money | None = None


def terms_of(listing_id: UUID) -> Terms:
    """Return what the seller said of offers; nothing said: they are taken."""
    row = db.session.execute(
        select(OfferTerms.taken, OfferTerms.floor_minor, Listing.currency)
        .join(Listing, Listing.id == OfferTerms.listing_id)
        .where(OfferTerms.listing_id == listing_id)
    ).one_or_none()
    if row is None:
        return Terms()
    return Terms(row.taken, None if row.floor_minor is None else Money(row.floor_minor, row.currency))


def agreed(*, listing_id: UUID, buyer_id: UUID, clinic_id: UUID, at: datetime) -> Agreed | None:
    """Return the price that was agreed with a buyer for the whole device and still stands; None: none does."""
    row = db.session.execute(
        select(Offer.id, Offer.agreed_minor, Offer.currency, Reservation.held_until)
        .join(Reservation, Reservation.id == Offer.reservation_id)
        .where(
            Offer.listing_id == listing_id,
            Offer.buyer_id == buyer_id,
            Offer.clinic_id == clinic_id,
            Offer.state == OfferState.ACCEPTED,
            Reservation.state == ReservationState.GRANTED,
            Reservation.held_until > at,
        )
        .order_by(Offer.moved_at.desc(), Offer.id)
        .limit(1)
    ).one_or_none()
    return None if row is None else Agreed(row.id, Money(row.agreed_minor, row.currency), row.held_until)


def of_buyer(user_id: UUID, *, at: datetime) -> list[OfferView]:
    """Return the person's offers, the newest first."""
    return _views(Offer.buyer_id == user_id, at=at)


def of_sellers(user_id: UUID, *, at: datetime) -> list[OfferView]:
    """Return the offers for what the person's clinics sell, but those their own floor declined; the newest first."""
    sells_for = [one.clinic_id for one in clinics.memberships_of(user_id) if one.role in MANAGERS]
    by_floor = (Offer.state == OfferState.DECLINED) & Offer.answered_by.is_(None)
    return _views(Listing.clinic_id.in_(sells_for) & ~by_floor, at=at)


def _views(which: ColumnElement[bool], *, at: datetime) -> list[OfferView]:
    rows = db.session.execute(
        select(
            Offer, Listing.title, Listing.price_minor, Clinic.name, ClinicSite.state, Reservation.state,
            Reservation.held_until,
        )
        .join(Listing, Listing.id == Offer.listing_id)
        .join(ClinicSite, ClinicSite.id == Offer.site_id)
        .join(Clinic, Clinic.id == Offer.clinic_id)
        .outerjoin(Reservation, Reservation.id == Offer.reservation_id)
        .where(which)
        .order_by(Offer.made_at.desc(), Offer.id)
        .limit(queries.PER_PAGE)
    )  # fmt: skip
    found = []
    for offer, title, price, clinic_name, place, kept, until in rows:
        stands = kept is ReservationState.GRANTED and until is not None and until > at
        found.append(
            OfferView(
                id=offer.id,
                listing_id=offer.listing_id,
                title=title,
                asked=None if price is None else Money(price, offer.currency),
                amount=money(offer, offer.amount_minor),
                counter=None if offer.counter_minor is None else money(offer, offer.counter_minor),
                agreed=None if offer.agreed_minor is None else money(offer, offer.agreed_minor),
                state=OfferState.LAPSED if is_over(offer, at) else offer.state,
                clinic_name=clinic_name,
                place=place,
                made_at=offer.made_at,
                stands_until=until if stands else None,
            )
        )
    return found
