"""What pages ask about sellers: their history, what buyers said of them, and what waits for an answer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, func, select, text

from ..clinics import queries as clinics
from ..clinics.access import MANAGERS
from ..clinics.models import Clinic, ClinicSite
from ..clinics.states import SellerStanding
from ..extensions import reading
from ..kernel.errors import NotFound
from ..kernel.money import Money
from ..kernel.wording import ENGLISH, Teller, gettext_noop
from ..listings.models import Listing
from ..listings.states import ListingState
from ..orders.models import Order
from ..orders.states import OrderState
from .models import Review
from .standing import LOOKED_BACK, History, rated

COMPLETED = (OrderState.ACCEPTED, OrderState.SETTLED)
_GIVEN_BACK = (OrderState.REFUNDING, OrderState.REFUNDED)
_SHOWN_AS_SELLERS = (SellerStanding.VERIFIED, SellerStanding.SUSPENDED)
_MOST = 50

OF_UNIT = "SELECT count(*) n, avg(rating)::float8 mean FROM reviews WHERE seller_clinic_id = unit.clinic_id"
"""What buyers said of the seller of the listing that is called `unit`, for a larger statement; `told` reads it."""


@dataclass(frozen=True, slots=True)
class Figure:
    """How many said something of a seller, and the mean of their ratings; None: nobody did."""

    reviews: int
    rating: float | None

    @property
    def words(self) -> str:
        """Say it in a line, in English."""
        return self.told(ENGLISH)

    def told(self, teller: Teller) -> str:
        """Say it in a line."""
        if self.rating is None:
            return teller.gettext("No reviews yet")
        return rated(self.reviews, f"{self.rating:.1f}", teller)


@dataclass(frozen=True, slots=True)
class ReviewView:
    """A review as everybody sees it: the buyer by their state alone. `words` is None where staff took them away."""

    id: UUID
    seller_clinic_id: UUID
    title: str
    year: int | None
    state: str
    rating: int
    words: str | None
    written_at: datetime
    answer: str | None
    hidden_because: str | None


@dataclass(frozen=True, slots=True)
class SoldUnit:
    """A device that a seller sold here: what it was and when it was accepted, never for how much or to whom."""

    listing_id: UUID
    title: str
    year: int | None
    accepted_at: datetime


@dataclass(frozen=True, slots=True)
class UnitForSale:
    """A device that a seller has on the market."""

    listing_id: UUID
    title: str
    year: int | None
    price: Money


@dataclass(frozen=True, slots=True)
class Seller:
    """A clinic as a seller, for everybody."""

    id: UUID
    name: str
    since: datetime
    standing: SellerStanding
    history: History
    figure: Figure
    reviews: tuple[ReviewView, ...]
    sold: tuple[SoldUnit, ...]
    for_sale: tuple[UnitForSale, ...]


def told(found: Iterable[Mapping[str, Any]]) -> Figure:
    """Return what was said of a seller as the answer to `OF_UNIT` tells it."""
    (one,) = found
    return Figure(one["n"], one["mean"])


def seller(clinic_id: UUID, *, at: datetime) -> Seller:
    """
    Return a clinic as a seller.

    :raises NotFound: there is none, or it never was checked as a seller: who only buys is nobody's business
    """
    with reading() as connection:
        clinic = connection.execute(
            select(Clinic.id, Clinic.name, Clinic.created_at, Clinic.seller_standing).where(
                Clinic.id == clinic_id, Clinic.seller_standing.in_(_SHOWN_AS_SELLERS)
            )
        ).one_or_none()
        if clinic is None:
            raise NotFound(gettext_noop("There is no such seller."), cure=gettext_noop("Look at what is for sale."))
        history = connection.execute(_HISTORY, {"clinic": clinic_id, "since": at - LOOKED_BACK}).one()
        every = connection.execute(
            select(func.count(), func.avg(Review.rating)).where(Review.seller_clinic_id == clinic_id)
        ).one()
        reviews = connection.execute(_reviews().where(Review.seller_clinic_id == clinic_id).limit(_MOST)).all()
        sold: Sequence[Any] = connection.execute(
            select(Listing.id, Listing.title, Listing.year, Order.accepted_at)
            .join(Order, Order.listing_id == Listing.id)
            .where(Order.seller_clinic_id == clinic_id, Order.state.in_(COMPLETED))
            .order_by(Order.accepted_at.desc(), Order.id)
            .limit(_MOST)
        ).all()
        for_sale = connection.execute(
            select(Listing.id, Listing.title, Listing.year, Listing.price_minor, Listing.currency)
            .where(Listing.clinic_id == clinic_id, Listing.state == ListingState.PUBLISHED)
            .order_by(Listing.published_at.desc(), Listing.id)
            .limit(_MOST)
        ).all()
    standing = SellerStanding(clinic.seller_standing)
    return Seller(
        id=clinic.id,
        name=clinic.name,
        since=clinic.created_at,
        standing=standing,
        history=History(
            checked=standing is SellerStanding.VERIFIED,
            sales=history.sales,
            clinics=history.clinics,
            given_back=history.given_back,
            days=history.days,
            reviews=history.reviews,
            rating=history.rating,
        ),
        figure=Figure(every[0], None if every[1] is None else float(every[1])),
        reviews=tuple(map(_view, reviews)),
        sold=tuple(SoldUnit(*row) for row in sold),
        for_sale=tuple(UnitForSale(*row[:3], Money(row.price_minor, row.currency)) for row in for_sale),
    )


def of_order(order_id: UUID) -> ReviewView | None:
    """Return what was said of a sale; None: nothing yet."""
    with reading() as connection:
        row = connection.execute(_reviews().where(Review.order_id == order_id)).one_or_none()
    return None if row is None else _view(row)


def of_sellers(user_id: UUID) -> list[ReviewView]:
    """Return what was said of the clinics that the person sells for, the newest first."""
    sells_for = [one.clinic_id for one in clinics.memberships_of(user_id) if one.role in MANAGERS]
    return _listed(Review.seller_clinic_id.in_(sells_for))


def newest() -> list[ReviewView]:
    """Return what was said last, of whomever."""
    return _listed(Review.id.is_not(None))


def _listed(which: ColumnElement[bool]) -> list[ReviewView]:
    with reading() as connection:
        return [_view(row) for row in connection.execute(_reviews().where(which).limit(_MOST))]


def _reviews() -> Any:
    return (
        select(
            Review.id,
            Review.seller_clinic_id,
            Listing.title,
            Listing.year,
            ClinicSite.state,
            Review.rating,
            Review.words,
            Review.written_at,
            Review.answer,
            Review.hidden_because,
        )
        .join(Order, Order.id == Review.order_id)
        .join(Listing, Listing.id == Order.listing_id)
        .join(ClinicSite, ClinicSite.id == Order.site_id)
        .order_by(Review.written_at.desc(), Review.id)
    )


def _view(row: Row[Any]) -> ReviewView:
    return ReviewView(
        id=row.id,
        seller_clinic_id=row.seller_clinic_id,
        title=row.title,
        year=row.year,
        state=row.state,
        rating=row.rating,
        words=None if row.hidden_because else row.words,
        written_at=row.written_at,
        answer=None if row.hidden_because else row.answer,
        hidden_because=row.hidden_because,
    )


def _counted() -> str:
    """Return the statement that counts a seller's history: sales to others, what went back, and how fast."""
    completed = ", ".join(f"'{state}'" for state in COMPLETED)
    given_back = ", ".join(f"'{state}'" for state in _GIVEN_BACK)
    return f"""
        SELECT count(*) FILTER (WHERE o.state IN ({completed})) AS sales,
            count(DISTINCT o.buyer_clinic_id) FILTER (WHERE o.state IN ({completed})) AS clinics,
            count(*) FILTER (WHERE o.state IN ({given_back})) AS given_back,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM o.dispatched_at - paid.at) / 86400)
                FILTER (WHERE o.dispatched_at IS NOT NULL)::float8 AS days,
            count(r.id) AS reviews, avg(r.rating)::float8 AS rating
        FROM orders o
        JOIN LATERAL (
            SELECT max(at) AS at FROM order_moves WHERE order_id = o.id AND event IN ('paid', 'cleared')
        ) paid ON true
        LEFT JOIN reviews r ON r.order_id = o.id
        WHERE o.seller_clinic_id = :clinic AND o.payment_decision_id IS NOT NULL AND o.placed_at >= :since
            AND NOT EXISTS (
                SELECT FROM clinic_members m WHERE m.clinic_id = o.seller_clinic_id AND m.user_id = o.buyer_id
            )
    """  # noqa: S608  States of ours.


_HISTORY = text(_counted())
