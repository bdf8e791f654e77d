"""Finding units on the market: one statement for the figures beside every filter, one for the page."""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    func,
    literal,
    or_,
    select,
    text,
    true,
    union_all,
)

from ..catalog import queries as catalog
from ..catalog.models import DeviceModel, Maker
from ..catalog.queries import Source
from ..clinics.models import Clinic
from ..clinics.states import SellerStanding
from ..extensions import db, reading
from ..kernel.money import Money
from .models import Listing, Photo
from .states import ListingState
from .terms import Grade
from .words import question

PAGE_SIZE = 24
LAST_PAGE = 50
"""Beyond it nobody browses; a narrower question finds more."""


class Sort(StrEnum):
    """In which order units are shown."""

    NEWEST = "newest"
    CHEAPEST = "price"
    DEAREST = "-price"
    LEAST_USED = "used"


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    What somebody is looking for; what is empty does not narrow.

    Prices in minor units; makers by name, places by postal code. `configurations`: only units that the gate would
    answer as one of these, and these `units`; None: any.
    """

    text: str = ""
    modalities: tuple[str, ...] = ()
    makers: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    grades: tuple[Grade, ...] = ()
    price_from: int | None = None
    price_to: int | None = None
    year_from: int | None = None
    life_to: int | None = None
    sort: Sort = Sort.NEWEST
    page: int = 1
    configurations: tuple[str, ...] | None = None
    units: tuple[UUID, ...] = ()


@dataclass(frozen=True, slots=True)
class Card:
    """A unit among others. `photo` is the stem of its first photo's files, with what it shows."""

    id: UUID
    title: str
    year: int
    price: Money
    grade: Grade
    city: str
    state_code: str
    life_used_percent: int | None
    configuration: str
    emits: tuple[Source, ...]
    photo: str | None
    photo_text: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """
    A page of units, and how many there are.

    `counts` are by kind ("modality", "maker", "place", "grade") and value: how many there would be with this value
    chosen, all other filters as they are.
    """

    cards: list[Card]
    total: int
    page: int
    pages: int
    counts: dict[str, dict[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the gate looks at, and one unit on the market that has it."""

    key: str
    listing_id: UUID


_L, _M, _P = Listing.__table__.c, DeviceModel.__table__.c, Photo.__table__.c
_ON_MARKET = _L.state == ListingState.PUBLISHED
_VERIFIED = select(Clinic.id).where(Clinic.seller_standing == SellerStanding.VERIFIED)
_KINDS = ("maker", "place", "grade")

_ORDERS: dict[Sort, tuple[Any, ...]] = {
    Sort.NEWEST: (_L.published_at.desc(), _L.id.desc()),
    Sort.CHEAPEST: (_L.price_minor, _L.id),
    Sort.DEAREST: (_L.price_minor.desc(), _L.id.desc()),
    Sort.LEAST_USED: (_L.life_used_percent.asc().nulls_last(), _L.published_at.desc(), _L.id),
}

# Conditions by the name of what they take. Statements are put together once for each set of names and then kept.
_NARROWING: dict[str, ColumnElement[bool]] = {
    "asked": _L.search.op("@@")(func.to_tsquery("simple", bindparam("asked", type_=Text()))),
    "price_from": _L.price_minor >= bindparam("price_from"),
    "price_to": _L.price_minor <= bindparam("price_to"),
    "year_from": _L.year >= bindparam("year_from"),
    "life_to": _L.life_used_percent <= bindparam("life_to"),
    # The configuration leaves the seller out; its standing is one more key.
    "configurations": and_(
        or_(
            _L.configuration == func.any(bindparam("configurations", type_=ARRAY(Text()))),
            _L.id == func.any(bindparam("units", type_=ARRAY(Uuid()))),
        ),
        _L.clinic_id.in_(_VERIFIED),
    ),
}
_CHOSEN: dict[str, ColumnElement[bool]] = {
    "modality": _L.modality_codes.overlap(bindparam("modality", type_=ARRAY(Text()))),
    "maker": _L.model_id.in_(
        select(_M.id)
        .join(Maker, Maker.id == _M.maker_id)
        .where(Maker.name == func.any(bindparam("maker", type_=ARRAY(Text()))))
    ),
    "place": _L.state_code == func.any(bindparam("place", type_=ARRAY(Text()))),
    "grade": _L.grade.cast(Text) == func.any(bindparam("grade", type_=ARRAY(Text()))),
}


# From one key of the index to the next: reading every unit to find the different ones takes many times as long.
_CONFIGURATIONS = text("""
    WITH RECURSIVE known (key) AS (
        (SELECT min(configuration) FROM listings WHERE state = 'published')
        UNION ALL
        SELECT (SELECT min(configuration) FROM listings WHERE state = 'published' AND configuration > key)
        FROM known WHERE key IS NOT NULL
    )
    SELECT known.key, unit.id FROM known CROSS JOIN LATERAL (
        SELECT listings.id FROM listings JOIN clinics ON clinics.id = listings.clinic_id
        WHERE configuration = known.key AND state = 'published' AND seller_standing = 'verified' LIMIT 1
    ) unit
""")


def find(wanted: Wanted) -> Found:
    """Return the page that was asked for, or the last there is, in two statements."""
    given = _given(wanted)
    names = frozenset(given)
    if wanted.configurations is not None:
        given["units"] = list(wanted.units)
    counts: dict[str, dict[str, int]] = {"modality": {}, "maker": {}, "place": {}, "grade": {}}
    total = 0
    with reading() as connection:
        for kind, name, number in connection.execute(_counting(names), given).all():
            if kind == "all":
                total = number or 0
            else:
                counts[kind][name] = number
        pages = max(1, min(LAST_PAGE, -(-total // PAGE_SIZE)))
        page = min(max(1, wanted.page), pages)
        where = {**given, "most": PAGE_SIZE, "skipped": (page - 1) * PAGE_SIZE}
        rows = connection.execute(_paging(names, wanted.sort), where).all()
    return Found(cards=[_card(row) for row in rows], total=total, page=page, pages=pages, counts=counts)


def newest(limit: int) -> list[Card]:
    """Return the units that came to the market last, in one statement."""
    with reading() as connection:
        rows = connection.execute(_paging(frozenset(), Sort.NEWEST), {"most": limit, "skipped": 0}).all()
    return [_card(row) for row in rows]


def configurations() -> list[Configuration]:
    """Return every different question that units of verified sellers ask the gate, in one statement."""
    return [Configuration(row.key, row.id) for row in db.session.execute(_CONFIGURATIONS)]


def _given(wanted: Wanted) -> dict[str, Any]:
    """Return what narrows, by the name of its condition."""
    values = {
        # No word at all, as in "???", finds nothing rather than everything.
        "asked": (question(wanted.text) or "") if wanted.text else None,
        "price_from": wanted.price_from,
        "price_to": wanted.price_to,
        "year_from": wanted.year_from,
        "life_to": wanted.life_to,
        "configurations": None if wanted.configurations is None else list(wanted.configurations),
        "modality": list(wanted.modalities) or None,
        "maker": list(wanted.makers) or None,
        "place": list(wanted.places) or None,
        "grade": [str(grade) for grade in wanted.grades] or None,
    }
    return {name: value for name, value in values.items() if value is not None}


@cache
def _paging(names: frozenset[str], sort: Sort) -> Select[Any]:
    photo = (
        select(_P.storage_key, _P.alternative_text)
        .where(_P.listing_id == _L.id)
        .order_by(_P.position)
        .limit(1)
        .lateral("photo")
    )
    conditions = _NARROWING | _CHOSEN
    return (
        select(
            _L.id, _L.title, _L.year, _L.price_minor, _L.currency, _L.grade, _L.city, _L.state_code,
            _L.life_used_percent, _L.configuration, _L.model_id, _L.modality_codes,
            _M.modality_codes.label("model_modalities"), _M.bands, photo.c.storage_key, photo.c.alternative_text,
        )
        .join(DeviceModel, _M.id == _L.model_id)
        .outerjoin(photo, true())
        .where(_ON_MARKET, *(conditions[name] for name in sorted(names)))
        .order_by(*_ORDERS[sort])
        .limit(bindparam("most"))
        .offset(bindparam("skipped"))
    )  # fmt: skip


@cache
def _counting(names: frozenset[str]) -> CompoundSelect[Any]:
    """Return the statement that counts: the market is read once, grouped, and each filter counts the groups."""
    chosen = {name: _CHOSEN[name].label(f"is_{name}") for name in _CHOSEN if name in names}
    columns = (_L.modality_codes, _L.model_id, _L.state_code, _L.grade, *chosen.values())
    groups = (
        select(*columns, func.count().label("number"))
        .where(_ON_MARKET, *(condition for name, condition in _NARROWING.items() if name in names))
        .group_by(*columns)
        .cte("groups")
    )
    matched = (
        select(
            groups.c.modality_codes,
            Maker.name.label("maker"),
            groups.c.state_code.label("place"),
            groups.c.grade.cast(Text).label("grade"),
            *(groups.c[f"is_{name}"] for name in chosen),
            groups.c.number,
        )
        .join(DeviceModel, _M.id == groups.c.model_id)
        .join(Maker, Maker.id == _M.maker_id)
        .cte("matched")
    )

    def beside(kind: str) -> ColumnElement[bool]:
        """All chosen filters but the one of this kind."""
        return and_(true(), *(matched.c[f"is_{other}"] for other in chosen if other != kind))

    number = func.sum(matched.c.number).cast(Integer)
    each = (
        select(func.unnest(matched.c.modality_codes).label("value"), matched.c.number)
        .where(beside("modality"))
        .subquery()
    )
    return union_all(
        select(literal("all").label("kind"), literal("").label("value"), number).where(beside("")),
        select(literal("modality"), each.c.value, func.sum(each.c.number).cast(Integer)).group_by(each.c.value),
        *(
            select(literal(kind), matched.c[kind], number).where(beside(kind)).group_by(matched.c[kind])
            for kind in _KINDS
        ),
    )


def _card(row: Any) -> Card:
    return Card(
        id=row.id,
        title=row.title,
        year=row.year,
        price=Money(row.price_minor, row.currency),
        grade=row.grade,
        city=row.city,
        state_code=row.state_code,
        life_used_percent=row.life_used_percent,
        configuration=row.configuration,
        emits=catalog.emits(
            row.modality_codes,
            model_id=row.model_id,
            model_modalities=row.model_modalities,
            model_bands=row.bands,
        ),
        photo=row.storage_key,
        photo_text=row.alternative_text,
    )
