"""What pages about makers, models and modalities ask: the catalogue by its names in addresses, and what is for sale."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, any_, func, literal, select

from ..catalog import queries as catalog
from ..catalog.models import DeviceModel, Maker
from ..catalog.queries import ModelFacts
from ..extensions import reading
from ..kernel.errors import NotFound
from ..kernel.money import Money
from ..kernel.wording import gettext_noop
from ..listings.models import Listing
from ..listings.queries import ON_DISPLAY
from ..listings.states import ListingState
from ..listings.terms import Grade
from ..registers.models import RegisterNotice, RegisterSnapshot
from ..registers.sources import CLEARANCES
from ..registers.states import SnapshotState

PAGE = 10_000
"""Addresses of one part of the site map; 50,000 are allowed."""

_L, _M = Listing.__table__.c, DeviceModel.__table__.c
_FOR_SALE = _L.state == ListingState.PUBLISHED


@dataclass(frozen=True, slots=True)
class ModelLine:
    """A model among others, with how many units are for sale and from what price."""

    slug: str
    maker: str
    maker_slug: str
    name: str
    modality_codes: tuple[str, ...]
    units: int
    from_price: Money | None


@dataclass(frozen=True, slots=True)
class UnitLine:
    """A unit for sale, in a few words."""

    id: UUID
    year: int | None
    grade: Grade | None
    price: Money
    city: str
    state_code: str


@dataclass(frozen=True, slots=True)
class MakerFacts:
    """A maker, and the other names it is looked for under."""

    name: str
    slug: str
    aliases: tuple[str, ...]
    note: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """A 510(k) number of a model, with what the FDA's file says of it; without a file nothing but the number."""

    number: str
    applicant: str | None = None
    device: str | None = None
    decided_on: Any = None
    fetched_at: datetime | None = None


def model_at(slug: str) -> ModelFacts:
    """
    Return the model of this address.

    :raises NotFound: there is none
    """
    with reading() as connection:
        model_id = connection.scalar(select(_M.id).where(_M.slug == slug))
    if model_id is None:
        raise NotFound(
            gettext_noop("The catalogue does not know this model."), cure=gettext_noop("Look for it among all models.")
        )
    return catalog.model(model_id)


def maker_at(slug: str) -> MakerFacts:
    """
    Return the maker of this address.

    :raises NotFound: there is none
    """
    with reading() as connection:
        row = connection.execute(
            select(Maker.name, Maker.slug, Maker.aliases, Maker.note).where(Maker.slug == slug)
        ).one_or_none()
    if row is None:
        raise NotFound(
            gettext_noop("The catalogue does not know this maker."), cure=gettext_noop("Look for it among all makers.")
        )
    return MakerFacts(row.name, row.slug, tuple(row.aliases), row.note)


def lines(*, maker_slug: str | None = None, modality: str | None = None) -> list[ModelLine]:
    """Return models by maker and name: all of them, those of one maker, or those that can have a modality."""
    narrowed: list[ColumnElement[bool]] = []
    if maker_slug is not None:
        narrowed.append(Maker.slug == maker_slug)
    if modality is not None:
        narrowed.append(literal(modality) == any_(_M.modality_codes))
    offered = (
        select(_L.model_id, func.count().label("units"), func.min(_L.price_minor).label("least"))
        .where(_FOR_SALE)
        .group_by(_L.model_id)
        .subquery()
    )
    statement = (
        select(
            _M.slug,
            Maker.name.label("maker"),
            Maker.slug.label("maker_slug"),
            _M.name,
            _M.modality_codes,
            offered.c.units,
            offered.c.least,
        )
        .join(Maker, Maker.id == _M.maker_id)
        .outerjoin(offered, offered.c.model_id == _M.id)
        .where(*narrowed)
        .order_by(Maker.name, _M.name)
    )
    with reading() as connection:
        return [
            ModelLine(
                row.slug,
                row.maker,
                row.maker_slug,
                row.name,
                tuple(row.modality_codes),
                row.units or 0,
                None if row.least is None else Money(row.least),
            )
            for row in connection.execute(statement)
        ]


def units_of(model_id: UUID, *, most: int) -> list[UnitLine]:
    """Return the newest units of a model that are for sale."""
    statement = (
        select(_L.id, _L.year, _L.grade, _L.price_minor, _L.currency, _L.city, _L.state_code)
        .where(_FOR_SALE, _L.model_id == model_id)
        .order_by(_L.published_at.desc(), _L.id)
        .limit(most)
    )
    with reading() as connection:
        return [
            UnitLine(row.id, row.year, row.grade, Money(row.price_minor, row.currency), row.city, row.state_code)
            for row in connection.execute(statement)
        ]


def decisions_on(k_numbers: Collection[str]) -> list[Decision]:
    """Return what the newest file of 510(k) decisions says of these numbers, in their order."""
    statement = (
        select(
            RegisterNotice.number,
            RegisterNotice.firm,
            RegisterNotice.device,
            RegisterNotice.posted_on,
            RegisterSnapshot.retrieved_at,
        )
        .join(RegisterSnapshot, RegisterSnapshot.id == RegisterNotice.snapshot_id)
        .where(
            RegisterSnapshot.source_code == CLEARANCES,
            RegisterSnapshot.state == SnapshotState.CURRENT,
            RegisterNotice.number.in_(k_numbers),
        )
    )
    with reading() as connection:
        known = {row[0]: Decision(*row) for row in connection.execute(statement)}
    return [known.get(number, Decision(number)) for number in k_numbers]


def titles_of(listing_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return what those of these units are called that strangers may see, in one statement."""
    with reading() as connection:
        rows = connection.execute(
            select(_L.id, _L.title, _L.year).where(_L.id.in_(listing_ids), _L.state.in_(ON_DISPLAY))
        )
        return {row.id: f"{row.title} {row.year}" for row in rows}


def published_of(listing_ids: Collection[UUID]) -> dict[UUID, datetime]:
    """Return since when units are on the market."""
    with reading() as connection:
        rows = connection.execute(select(_L.id, _L.published_at).where(_L.id.in_(listing_ids)))
        return {row.id: row.published_at for row in rows}


def addresses_of_units(part: int) -> list[tuple[UUID, datetime]]:
    """Return a part (from 1) of the units for sale, each with when it came to the market."""
    statement = select(_L.id, _L.published_at).where(_FOR_SALE).order_by(_L.id).limit(PAGE).offset((part - 1) * PAGE)
    with reading() as connection:
        return [(row.id, row.published_at) for row in connection.execute(statement)]


def parts_of_units() -> int:
    """Return in how many parts the units for sale are listed; one at least."""
    with reading() as connection:
        units = connection.scalar(select(func.count()).select_from(Listing).where(_FOR_SALE)) or 0
    return max(1, -(-units // PAGE))
