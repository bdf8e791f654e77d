"""What was paid here for devices of a model, and what is asked; never of so few sales that one could be told."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal, select
from sqlalchemy.orm import aliased

from ..catalog.models import DeviceModel, Maker
from ..extensions import reading
from ..kernel.money import Money
from ..kernel.spreadsheets import csv_of
from ..listings.models import Listing
from ..listings.states import ListingState
from ..orders.models import Order
from ..orders.states import OrderState
from .spread import FEWEST, Spread, spread

CURRENCY = "usd"
COMPLETED = OrderState.SETTLED
"""A sale counts when the buyer has accepted the device and the seller was paid."""

COLUMNS = ("month", "maker", "model", "year", "grade", "price_usd")


@dataclass(frozen=True, slots=True)
class YearGuide:
    """Prices of units of one year of make; None: all years together. A spread is None where there are too few."""

    year: int | None
    sold: Spread | None
    asked: Spread | None


@dataclass(frozen=True, slots=True)
class Guide:
    """
    Prices of one model: of all years, then by year, the newest first; years without any spread are left out.

    `sales` and `offers` are how many there are, also where they are too few to be told.
    """

    sales: int
    offers: int
    whole: YearGuide
    years: tuple[YearGuide, ...]


class Against(StrEnum):
    """Where a price stands beside what was paid for such devices."""

    BELOW = "below"
    WITHIN = "within"
    ABOVE = "above"


@dataclass(frozen=True, slots=True)
class Beside:
    """A price beside the guide: `same_year` says whether sales of that very year were enough to compare with."""

    against: Against
    spread: Spread
    same_year: bool


_L, _O = Listing.__table__.c, Order.__table__.c


def sold_of_model(model_id: ColumnElement[UUID]) -> Any:
    """Return what was paid for units of a model, as pairs of year and price, for a column of a larger statement."""
    unit = aliased(Listing)
    return (
        select(func.json_agg(func.json_build_array(unit.year, _O.price_minor)))
        .select_from(Order)
        .join(unit, unit.id == _O.listing_id)
        .where(_O.state == COMPLETED, _O.currency == CURRENCY, unit.model_id == model_id)
        .scalar_subquery()
    )


def guide(model_id: UUID) -> Guide:
    """Return what was paid and what is asked for a model, in one statement."""
    prices: dict[str, dict[int | None, list[int]]] = {"sold": defaultdict(list), "asked": defaultdict(list)}
    statement = _sold(_L.model_id == model_id).union_all(
        select(literal("asked").label("kind"), _L.year, _L.price_minor).where(
            _L.model_id == model_id, _L.state == ListingState.PUBLISHED, _L.currency == CURRENCY
        )
    )
    with reading() as connection:
        for kind, year, minor in connection.execute(statement):
            prices[kind][year].append(minor)
    every = {kind: [minor for of_year in by_year.values() for minor in of_year] for kind, by_year in prices.items()}
    years = sorted({year for by_year in prices.values() for year in by_year if year is not None}, reverse=True)
    by_year = [_of_year(prices, year) for year in years]
    return Guide(
        len(every["sold"]),
        len(every["asked"]),
        YearGuide(None, spread(every["sold"]), spread(every["asked"])),
        tuple(one for one in by_year if one.sold or one.asked),
    )


def beside(*, model_id: UUID, year: int | None, price: Money) -> Beside | None:
    """
    Say where a price stands beside what was paid for the model: in that year of make if there are enough, else in all.

    None: fewer than three were sold, or they were paid in another currency.
    """
    with reading() as connection:
        rows = connection.execute(_sold(_L.model_id == model_id)).all()
    return against([(made, minor) for _, made, minor in rows], year=year, price=price)


def against(sold: Sequence[tuple[int | None, int]], *, year: int | None, price: Money) -> Beside | None:
    """Say where a price stands beside sales of a model, each a year of make and a price, as `beside` does."""
    of_year = spread(minor for made, minor in sold if made == year) if year is not None else None
    found = of_year or spread(minor for _, minor in sold)
    if found is None or price.currency != CURRENCY:
        return None
    return Beside(_against(price, found), found, of_year is not None)


def _against(price: Money, found: Spread) -> Against:
    if price < found.low:
        return Against.BELOW
    return Against.ABOVE if price > found.high else Against.WITHIN


@dataclass(frozen=True, slots=True)
class Known:
    """A model with what was paid for it."""

    slug: str
    title: str
    sold: Spread


def models_with_a_guide() -> list[Known]:
    """Return the models of which enough were sold, by name, in one statement."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    statement = (
        select(DeviceModel.slug, Maker.name + " " + DeviceModel.name, _O.price_minor)
        .select_from(Order)
        .join(Listing, _L.id == _O.listing_id)
        .join(DeviceModel, DeviceModel.id == _L.model_id)
        .join(Maker, Maker.id == DeviceModel.maker_id)
        .where(_O.state == COMPLETED, _O.currency == CURRENCY)
        .order_by(Maker.name, DeviceModel.name)
    )
    with reading() as connection:
        for slug, title, minor in connection.execute(statement):
            found[slug, title].append(minor)
    spreads = {key: spread(minors) for key, minors in found.items()}
    return [Known(slug, title, one) for (slug, title), one in spreads.items() if one is not None]


def sold_rows() -> Sequence[tuple[str, str, str, int | None, str | None, str]]:
    """
    Return completed sales for everybody: month, maker, model, year of make, grade, price in dollars.

    Only those of which at least three share all but the price: no row can be told to be a certain sale.
    """
    month = func.to_char(func.timezone("UTC", _O.accepted_at), "YYYY-MM")
    cell = (month, Maker.name, DeviceModel.name, _L.year, _L.grade)
    alike = func.count().over(partition_by=cell).label("alike")
    rows = (
        select(*(column.label(name) for column, name in zip(cell, COLUMNS, strict=False)), _O.price_minor, alike)
        .select_from(Order)
        .join(Listing, _L.id == _O.listing_id)
        .join(DeviceModel, DeviceModel.id == _L.model_id)
        .join(Maker, Maker.id == DeviceModel.maker_id)
        .where(_O.state == COMPLETED, _O.currency == CURRENCY)
        .subquery()
    )
    shown = rows.c
    statement = (
        select(shown.month, shown.maker, shown.model, shown.year, shown.grade, shown.price_minor)
        .where(shown.alike >= FEWEST)
        # Within a cell by price: the order must not tell which was sold first.
        .order_by(shown.month.desc(), shown.maker, shown.model, shown.year, shown.grade, shown.price_minor)
    )
    with reading() as connection:
        return [(*one[:5], f"{one[5] // 100}.{one[5] % 100:02}") for one in connection.execute(statement)]


def sold_csv() -> str:
    """Return the completed sales for everybody as CSV."""
    return csv_of(COLUMNS, sold_rows())


def _sold(condition: ColumnElement[bool]) -> Any:
    return (
        select(literal("sold").label("kind"), _L.year, _O.price_minor)
        .select_from(Order)
        .join(Listing, _L.id == _O.listing_id)
        .where(_O.state == COMPLETED, _O.currency == CURRENCY, condition)
    )


def _of_year(prices: dict[str, dict[int | None, list[int]]], year: int) -> YearGuide:
    return YearGuide(year, spread(prices["sold"].get(year, ())), spread(prices["asked"].get(year, ())))
