"""Finding units on the market: one statement for the figures beside every filter, one for the page."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, literal, select, true, union_all
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.types import Text

from ..catalog import queries as catalog
from ..catalog.models import DeviceModel, Maker
from ..catalog.queries import Source
from ..clinics.models import Clinic
from ..clinics.states import SellerStanding
from ..extensions import db
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
    answer as one of these; None: any.
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
_ORDERS: dict[Sort, tuple[Any, ...]] = {
    Sort.NEWEST: (_L.published_at.desc(), _L.id.desc()),
    Sort.CHEAPEST: (_L.price_minor, _L.id),
    Sort.DEAREST: (_L.price_minor.desc(), _L.id.desc()),
    Sort.LEAST_USED: (_L.life_used_percent.asc().nulls_last(), _L.published_at.desc(), _L.id),
}
_FIRST_PHOTO = (
    select(_P.storage_key, _P.alternative_text)
    .where(_P.listing_id == _L.id)
    .order_by(_P.position)
    .limit(1)
    .lateral("photo")
)
_CARDS = (
    select(
        _L.id, _L.title, _L.year, _L.price_minor, _L.currency, _L.grade, _L.city, _L.state_code, _L.life_used_percent,
        _L.configuration, _L.modality_codes, _M.modality_codes.label("model_modalities"), _M.bands,
        _FIRST_PHOTO.c.storage_key, _FIRST_PHOTO.c.alternative_text,
    )
    .join(DeviceModel, _M.id == _L.model_id)
    .outerjoin(_FIRST_PHOTO, true())
    .where(_ON_MARKET)
)  # fmt: skip


def find(wanted: Wanted) -> Found:
    """Return the page that was asked for, or the last there is, in two statements."""
    counts, total = _counts(wanted)
    pages = max(1, min(LAST_PAGE, -(-total // PAGE_SIZE)))
    page = min(max(1, wanted.page), pages)
    narrowed = _CARDS.where(*_common(wanted), *_chosen(wanted).values())
    if wanted.makers:
        narrowed = narrowed.join(Maker, Maker.id == _M.maker_id)
    rows = db.session.execute(narrowed.order_by(*_ORDERS[wanted.sort]).limit(PAGE_SIZE).offset((page - 1) * PAGE_SIZE))
    return Found(cards=[_card(row) for row in rows], total=total, page=page, pages=pages, counts=counts)


def newest(limit: int) -> list[Card]:
    """Return the units that came to the market last, in one statement."""
    return [_card(row) for row in db.session.execute(_CARDS.order_by(*_ORDERS[Sort.NEWEST]).limit(limit))]


def configurations() -> list[Configuration]:
    """Return every different question that units of verified sellers ask the gate, in one statement."""
    rows = db.session.execute(
        select(_L.configuration, _L.id)
        .join(Clinic, Clinic.id == _L.clinic_id)
        .where(_ON_MARKET, Clinic.seller_standing == SellerStanding.VERIFIED)
        .order_by(_L.configuration)
        .ext(distinct_on(_L.configuration))
    )
    return [Configuration(row.configuration, row.id) for row in rows]


def _common(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    """Yield the conditions that have no figures beside them."""
    if wanted.text:
        asked = question(wanted.text)
        yield _L.search.op("@@")(func.to_tsquery("simple", asked)) if asked else literal(False)
    if wanted.price_from is not None:
        yield _L.price_minor >= wanted.price_from
    if wanted.price_to is not None:
        yield _L.price_minor <= wanted.price_to
    if wanted.year_from is not None:
        yield _L.year >= wanted.year_from
    if wanted.life_to is not None:
        yield _L.life_used_percent <= wanted.life_to
    if wanted.configurations is not None:
        yield _L.configuration.in_(wanted.configurations)
        # The configuration leaves the seller out; its standing is one more key.
        yield _L.clinic_id.in_(select(Clinic.id).where(Clinic.seller_standing == SellerStanding.VERIFIED))


def _chosen(wanted: Wanted) -> dict[str, ColumnElement[bool]]:
    """Return the conditions of the filters that show figures, by kind."""
    given: dict[str, ColumnElement[bool]] = {}
    if wanted.modalities:
        given["modality"] = _L.modality_codes.overlap(list(wanted.modalities))
    if wanted.makers:
        given["maker"] = Maker.name.in_(wanted.makers)
    if wanted.places:
        given["place"] = _L.state_code.in_(wanted.places)
    if wanted.grades:
        given["grade"] = _L.grade.in_(wanted.grades)
    return given


def _counts(wanted: Wanted) -> tuple[dict[str, dict[str, int]], int]:
    chosen = _chosen(wanted)
    matched = (
        select(
            _L.modality_codes,
            Maker.name.label("maker"),
            _L.state_code.label("place"),
            _L.grade.cast(Text).label("grade"),
            *(condition.label(f"is_{kind}") for kind, condition in chosen.items()),
        )
        .join(DeviceModel, _M.id == _L.model_id)
        .join(Maker, Maker.id == _M.maker_id)
        .where(_ON_MARKET, *_common(wanted))
        .cte("matched")
    )

    def beside(kind: str) -> ColumnElement[bool]:
        """All chosen filters but the one of this kind."""
        return and_(true(), *(matched.c[f"is_{other}"] for other in chosen if other != kind))

    each = select(func.unnest(matched.c.modality_codes).label("value")).where(beside("modality")).subquery()
    parts: Sequence[Any] = [
        select(literal("all").label("kind"), literal("").label("value"), func.count())
        .select_from(matched)
        .where(beside("")),
        select(literal("modality"), each.c.value, func.count()).group_by(each.c.value),
        *(
            select(literal(kind), matched.c[kind], func.count()).where(beside(kind)).group_by(matched.c[kind])
            for kind in ("maker", "place", "grade")
        ),
    ]
    counts: dict[str, dict[str, int]] = {"modality": {}, "maker": {}, "place": {}, "grade": {}}
    total = 0
    for kind, name, number in db.session.execute(union_all(*parts)):
        if kind == "all":
            total = number
        else:
            counts[kind][name] = number
    return counts, total


def _card(row: Any) -> Card:
    emits: dict[Source, None] = {}
    for code in row.modality_codes:
        emits.update(dict.fromkeys(catalog.emits(code, row.model_modalities, row.bands)))
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
        emits=tuple(emits),
        photo=row.storage_key,
        photo_text=row.alternative_text,
    )
