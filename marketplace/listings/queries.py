"""What pages and other rooms ask about units, as plain values."""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, func, literal, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY

from ..catalog import queries as catalog
from ..catalog.queries import ModelFacts, Source
from ..clinics.models import Clinic
from ..clinics.states import SellerStanding
from ..documents.models import Document
from ..eligibility import facts as gate
from ..eligibility.sale import Sale, SoldHandpiece
from ..extensions import as_text, db, reading
from ..kernel.errors import NotFound
from ..kernel.money import Money
from ..kernel.told import day, moment, one_of
from .conditions import life_used
from .models import ConsoleCounter, Handpiece, Listing, ListingMove, Paper, Photo, PriceSet
from .states import ListingEvent, ListingState, PhotoState
from .terms import CounterDirection, CounterUnit, Grade, Modification, PaperKind, Recertification, Shot, Warranty

ON_DISPLAY = (ListingState.PUBLISHED, ListingState.PAUSED, ListingState.RESERVED, ListingState.SOLD)
"""What strangers may see; a unit that is paused, reserved or sold keeps its page."""


@dataclass(frozen=True, slots=True)
class HandpieceFacts:
    """
    A part that treats. `rated_life` is in the counter's unit; None: not stated.

    The price falls by `reduction` for a buyer who leaves it out; None: it stays.
    """

    id: UUID
    name: str
    modality_code: str
    serial: str | None
    particulars: dict[str, str]
    counter_value: int | None
    counter_unit: CounterUnit | None
    counter_direction: CounterDirection | None
    counter_read_on: date | None
    rated_life: int | None
    rated_life_source: str | None
    reduction: Money | None

    @property
    def life_used(self) -> int | None:
        """Return how much of its life is used, in whole per cent; None: not known."""
        return life_used(
            value=self.counter_value, unit=self.counter_unit, direction=self.counter_direction, rated=self.rated_life
        )


@dataclass(frozen=True, slots=True)
class CounterFacts:
    """What a part of the console has counted. `rated_life` is in the counter's unit; None: not stated."""

    id: UUID
    part: str
    serial: str | None
    value: int
    unit: CounterUnit
    direction: CounterDirection
    read_on: date
    rated_life: int | None
    rated_life_source: str | None

    @property
    def life_used(self) -> int | None:
        """Return how much of the part's life is used, in whole per cent; None: not known."""
        return life_used(value=self.value, unit=self.unit, direction=self.direction, rated=self.rated_life)


@dataclass(frozen=True, slots=True)
class PaperFacts:
    """A paper of the unit; `digest` is that of the document."""

    id: UUID
    document_id: UUID
    kind: PaperKind
    words: str
    digest: str


@dataclass(frozen=True, slots=True)
class PhotoFacts:
    """
    A photo of the unit; once it is ready, its files stand beside `stem` and `digest` is that of the largest.

    One that shows the screen of a counter names it, or the handpiece that counts. `refusal` says why it is not ready.
    """

    id: UUID
    stem: str
    alternative_text: str
    digest: str | None
    shows: tuple[Shot, ...]
    added_at: datetime | None
    state: PhotoState
    refusal: str | None
    counter_id: UUID | None
    handpiece_id: UUID | None


@dataclass(frozen=True, slots=True)
class ListingFacts:
    """One unit, whole. The serial number is for its seller, staff, and a buyer who paid: never show it to others."""

    id: UUID
    state: ListingState
    clinic_id: UUID
    clinic_name: str
    clinic_since: datetime
    seller_standing: SellerStanding
    created_by: UUID
    model: ModelFacts
    title: str
    serial: str | None
    year: int | None
    grade: Grade | None
    price: Money | None
    city: str
    state_code: str
    postal_code: str | None
    description: str
    rx_label_present: bool | None
    id_label_present: bool | None
    modification: Modification | None
    recertification: Recertification | None
    recertification_quote: Money | None
    warranty: Warranty | None
    warranty_months: int | None
    warranty_transferable: bool | None
    warranty_provider: str | None
    training_included: bool | None
    last_service_on: date | None
    particulars: dict[str, str]
    inclusions: dict[str, str]
    life_used_percent: int | None
    configuration: str
    review_note: str | None
    review_notes: dict[str, dict[str, str]]
    approved_version: int | None
    serial_normal: str | None
    created_at: datetime
    submitted_at: datetime | None
    published_at: datetime | None
    handpieces: tuple[HandpieceFacts, ...]
    counters: tuple[CounterFacts, ...]
    all_photos: tuple[PhotoFacts, ...]
    papers: tuple[PaperFacts, ...]

    @property
    def photos(self) -> tuple[PhotoFacts, ...]:
        """Return the photos that can be shown; only a draft has others."""
        return tuple(photo for photo in self.all_photos if photo.state is PhotoState.READY)

    def screen_of(self, part_id: UUID) -> PhotoFacts | None:
        """Return the photo of the screen of a counter, or of a handpiece that counts, ready or not."""
        found = (photo for photo in self.all_photos if part_id in (photo.counter_id, photo.handpiece_id))
        return next(found, None)

    @property
    def counting(self) -> dict[UUID, str]:
        """Return everything that counts, by its id: handpieces and parts of the console."""
        return {part.id: part.name for part in self.handpieces if part.counter_value is not None} | {
            counter.id: counter.part for counter in self.counters
        }

    @property
    def emits(self) -> tuple[Source, ...]:
        """Return what its handpieces emit, for the spectral bar."""
        return self.emitted_by(*self.handpieces)

    def emitted_by(self, *parts: HandpieceFacts) -> tuple[Source, ...]:
        """Return what some of its handpieces emit."""
        return catalog.emits(
            (part.modality_code for part in parts),
            model_modalities=self.model.modality_codes,
            model_bands=self.model.bands,
        )

    def price_without(self, left_out: Collection[UUID]) -> Money | None:
        """Return the price for a buyer who leaves these handpieces out; None: the unit has no price yet."""
        if self.price is None:
            return None
        fallen = sum(part.reduction.minor for part in self.handpieces if part.reduction and part.id in left_out)
        return Money(self.price.minor - fallen, self.price.currency)

    @property
    def sale(self) -> Sale:
        """Return the question that it asks the gate."""
        return Sale(
            listing_id=self.id,
            seller_clinic_id=self.clinic_id,
            model_id=self.model.id,
            handpieces=tuple(SoldHandpiece(part.id, part.name, part.modality_code) for part in self.handpieces),
            rx_label_present=self.rx_label_present,
            id_label_present=self.id_label_present,
            modification=_modification(self.modification),
            serial=self.serial,
        )


@dataclass(frozen=True, slots=True)
class ListingLine:
    """A unit in a seller's or moderator's list."""

    id: UUID
    clinic_id: UUID
    clinic_name: str
    title: str
    year: int | None
    price: Money | None
    state: ListingState
    created_at: datetime
    submitted_at: datetime | None
    published_at: datetime | None
    review_note: str | None


@dataclass(frozen=True, slots=True)
class MoveFacts:
    """A change of state. `event` is None for the creation itself."""

    event: ListingEvent | None
    state: ListingState
    actor_id: UUID | None
    reason: str | None
    at: datetime


_L = Listing.__table__.c
_LINE = (
    _L.id, _L.clinic_id, Clinic.name.label("clinic_name"), _L.title, _L.year, _L.price_minor, _L.currency, _L.state,
    _L.created_at, _L.submitted_at, _L.published_at, _L.review_note,
)  # fmt: skip


_S = PriceSet.__table__.c
_THIS: ColumnElement[UUID] = literal_column("unit.id")
_HISTORY = select(_S.price_minor, _S.currency, _S.at).order_by(_S.at, _S.id)
PRICES = as_text(_HISTORY.where(_S.listing_id == _THIS))
"""What was asked for the listing that is called `unit`, for a larger statement; `prices_told` reads the answer."""
_PARTS = {
    "model": catalog.OF_UNIT,
    **{
        name: f"SELECT * FROM {kind.__tablename__} WHERE listing_id = unit.id ORDER BY position"  # noqa: S608  Ours.
        for name, kind in (("handpieces", Handpiece), ("counters", ConsoleCounter), ("photos", Photo))
    },
    "papers": as_text(
        select(Paper.id, Paper.document_id, Paper.kind, Paper.words, Document.digest)
        .join(Document, Document.id == Paper.document_id)
        .where(Paper.listing_id == _THIS)
        .order_by(Paper.added_at, Paper.id)
    ),
}


def question(states: Iterable[ListingState], **beside: str) -> str:
    """
    Return the statement that asks for a unit in some states, whole, as one text in JSON, with what others ask beside.

    It takes `id`. Where there is no such unit, there is no row. Above 4096 signs its driver would read it anew each
    time.
    """
    among = ", ".join(f"'{state}'" for state in states)
    parts = ", ".join(
        f"(SELECT json_agg(one) FROM ({asked}) one) AS {name}"  # noqa: S608  Statements and names of ours.
        for name, asked in {**_PARTS, **beside}.items()
    )
    return (
        "SELECT row_to_json(whole)::text FROM (SELECT clinic.name AS clinic_name, clinic.created_at AS clinic_since,"  # noqa: S608
        f" clinic.seller_standing, unit.*, {parts} FROM listings unit JOIN clinics clinic"
        f" ON clinic.id = unit.clinic_id WHERE unit.id = %(id)s AND unit.state IN ({among})) whole"
    )


# Put together once: building a statement costs a page more than sending it.
_WHOLE, _ON_DISPLAY = question(ListingState), question(ON_DISPLAY)


def listing(listing_id: UUID) -> ListingFacts:
    """
    Return one unit in whatever state, whole, in one statement.

    :raises NotFound: there is none
    """
    return _listing(listing_id, _WHOLE)


def handpiece_of(facts: ListingFacts, handpiece_id: UUID) -> HandpieceFacts:
    """
    Return one handpiece of a unit.

    :raises NotFound: it has no such handpiece
    """
    for part in facts.handpieces:
        if part.id == handpiece_id:
            return part
    raise NotFound("This device has no such handpiece.")


def counter_of(facts: ListingFacts, counter_id: UUID) -> CounterFacts:
    """
    Return one counter of a unit's console.

    :raises NotFound: it has no such counter
    """
    for counter in facts.counters:
        if counter.id == counter_id:
            return counter
    raise NotFound("This device has no such counter.")


def on_display(listing_id: UUID) -> ListingFacts:
    """
    Return one unit that strangers may see.

    :raises NotFound: there is none, or it is not on display
    """
    return _listing(listing_id, _ON_DISPLAY)


def sale_of(listing_id: UUID) -> Sale:
    """
    Return the question that a unit asks the gate.

    :raises NotFound: there is no such unit
    """
    found = sales_of([listing_id])
    if not found:
        raise NotFound("There is no such device.")
    return found[0]


def sales_of(listing_ids: Iterable[UUID]) -> list[Sale]:
    """Return the questions that units ask the gate, in the order of their ids; two statements however many they are."""
    # One parameter, however many they are: hundreds of them are asked about at once.
    any_of = func.any(literal(list(listing_ids), ARRAY(Uuid())))
    parts: dict[UUID, list[SoldHandpiece]] = {}
    handpieces = Handpiece.__table__.c
    for row in db.session.execute(
        select(handpieces.listing_id, handpieces.id, handpieces.name, handpieces.modality_code)
        .where(handpieces.listing_id == any_of)
        .order_by(handpieces.position)
    ):
        parts.setdefault(row.listing_id, []).append(SoldHandpiece(row.id, row.name, row.modality_code))
    rows = db.session.execute(
        select(_L.id, _L.clinic_id, _L.model_id, _L.rx_label_present, _L.id_label_present, _L.modification, _L.serial)
        .where(_L.id == any_of)
        .order_by(_L.id)
    )
    return [
        Sale(
            listing_id=row.id,
            seller_clinic_id=row.clinic_id,
            model_id=row.model_id,
            handpieces=tuple(parts.get(row.id, ())),
            rx_label_present=row.rx_label_present,
            id_label_present=row.id_label_present,
            modification=_modification(row.modification),
            serial=row.serial,
        )
        for row in rows
    ]


def for_sale() -> list[UUID]:
    """Return the id of every unit that is on the market now."""
    return list(db.session.scalars(select(_L.id).where(_L.state == ListingState.PUBLISHED).order_by(_L.id)))


def titles_of(listing_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return what each of some units is called."""
    rows = db.session.execute(select(_L.id, _L.title).where(_L.id.in_(set(listing_ids))))
    return {row.id: row.title for row in rows}


def price_history(listing_id: UUID) -> list[tuple[Money, datetime]]:
    """Return what was asked for a unit and since when, oldest first."""
    with reading() as connection:
        rows = connection.execute(_HISTORY.where(_S.listing_id == listing_id)).all()
    return [(Money(row.price_minor, row.currency), row.at) for row in rows]


def prices_of_model(model_id: UUID, *, but: UUID) -> list[int]:
    """Return what is asked now for other units of a model, in minor units."""
    return [
        minor
        for minor in db.session.scalars(
            select(_L.price_minor).where(
                _L.model_id == model_id, _L.state == ListingState.PUBLISHED, _L.id != but, _L.price_minor.is_not(None)
            )
        )
        if minor is not None
    ]


def of_clinics(clinic_ids: Iterable[UUID]) -> list[ListingLine]:
    """Return the units of these clinics, newest first."""
    return _lines(
        select(*_LINE)
        .join(Clinic, Clinic.id == _L.clinic_id)
        .where(_L.clinic_id.in_(list(clinic_ids)))
        .order_by(_L.created_at.desc(), _L.id)
    )


def awaiting_review() -> list[ListingLine]:
    """Return the units that staff have yet to look at, the longest waiting first."""
    return _lines(
        select(*_LINE)
        .join(Clinic, Clinic.id == _L.clinic_id)
        .where(_L.state == ListingState.IN_REVIEW)
        .order_by(_L.submitted_at, _L.id)
    )


def moves_of(listing_id: UUID) -> list[MoveFacts]:
    """Return what happened to a unit, oldest first."""
    moves = ListingMove.__table__.c
    rows = db.session.execute(
        select(moves.event, moves.state, moves.actor_id, moves.reason, moves.at)
        .where(moves.listing_id == listing_id)
        .order_by(moves.at, moves.id)
    )
    return [MoveFacts(row.event, row.state, row.actor_id, row.reason, row.at) for row in rows]


def tell(asked: str, listing_id: UUID, **given: object) -> str:
    """
    Return what a `question` is answered about one unit, as it comes: the same text says the same of it.

    :raises NotFound: there is no such unit in one of these states
    """
    with reading() as connection:
        told = connection.exec_driver_sql(asked, {"id": listing_id, **given}).scalar()
    if told is None:
        raise NotFound("There is no such device.", cure="It may have been withdrawn. Look for another one.")
    return str(told)


def _listing(listing_id: UUID, asked: str) -> ListingFacts:
    return listing_told(json.loads(tell(asked, listing_id)))


def prices_told(told: Iterable[Mapping[str, Any]]) -> list[tuple[Money, datetime]]:
    """Return a history of prices as a larger statement told it."""
    return [(Money(one["price_minor"], one["currency"]), datetime.fromisoformat(one["at"])) for one in told]


def listing_told(told: Mapping[str, Any]) -> ListingFacts:
    """Return a unit as the answer to a `question` tells it."""
    currency = told["currency"]
    return ListingFacts(
        id=UUID(told["id"]),
        state=ListingState(told["state"]),
        clinic_id=UUID(told["clinic_id"]),
        clinic_name=told["clinic_name"],
        clinic_since=datetime.fromisoformat(told["clinic_since"]),
        seller_standing=SellerStanding(told["seller_standing"]),
        created_by=UUID(told["created_by"]),
        model=catalog.model_told(told["model"][0]),
        title=told["title"],
        serial=told["serial"],
        year=told["year"],
        grade=one_of(Grade, told["grade"]),
        price=_money(told["price_minor"], currency),
        city=told["city"],
        state_code=told["state_code"],
        postal_code=told["postal_code"],
        description=told["description"],
        rx_label_present=told["rx_label_present"],
        id_label_present=told["id_label_present"],
        modification=one_of(Modification, told["modification"]),
        recertification=one_of(Recertification, told["recertification"]),
        recertification_quote=_money(told["recertification_minor"], currency),
        warranty=one_of(Warranty, told["warranty"]),
        warranty_months=told["warranty_months"],
        warranty_transferable=told["warranty_transferable"],
        warranty_provider=told["warranty_provider"],
        training_included=told["training_included"],
        last_service_on=day(told["last_service_on"]),
        particulars=told["particulars"],
        inclusions=told["inclusions"],
        life_used_percent=told["life_used_percent"],
        configuration=told["configuration"],
        review_note=told["review_note"],
        review_notes=told["review_notes"],
        approved_version=told["approved_version"],
        serial_normal=told["serial_normal"],
        created_at=datetime.fromisoformat(told["created_at"]),
        submitted_at=moment(told["submitted_at"]),
        published_at=moment(told["published_at"]),
        handpieces=tuple(_handpiece(one, currency) for one in told["handpieces"] or ()),
        counters=tuple(_counter(one) for one in told["counters"] or ()),
        all_photos=tuple(_photo(one) for one in told["photos"] or ()),
        papers=tuple(_paper(one) for one in told["papers"] or ()),
    )


def _handpiece(told: Mapping[str, Any], currency: str) -> HandpieceFacts:
    return HandpieceFacts(
        id=UUID(told["id"]),
        name=told["name"],
        modality_code=told["modality_code"],
        serial=told["serial"],
        particulars=told["particulars"],
        counter_value=told["counter_value"],
        counter_unit=one_of(CounterUnit, told["counter_unit"]),
        counter_direction=one_of(CounterDirection, told["counter_direction"]),
        counter_read_on=day(told["counter_read_on"]),
        rated_life=told["rated_life"],
        rated_life_source=told["rated_life_source"],
        reduction=_money(told["reduction_minor"], currency),
    )


def _counter(told: Mapping[str, Any]) -> CounterFacts:
    return CounterFacts(
        id=UUID(told["id"]),
        part=told["part"],
        serial=told["serial"],
        value=told["value"],
        unit=CounterUnit(told["unit"]),
        direction=CounterDirection(told["direction"]),
        read_on=date.fromisoformat(told["read_on"]),
        rated_life=told["rated_life"],
        rated_life_source=told["rated_life_source"],
    )


def _photo(told: Mapping[str, Any]) -> PhotoFacts:
    return PhotoFacts(
        id=UUID(told["id"]),
        stem=told["storage_key"],
        alternative_text=told["alternative_text"],
        digest=told["digest"],
        shows=tuple(map(Shot, told["shows"])),
        added_at=moment(told["added_at"]),
        state=PhotoState(told["state"]),
        refusal=told["refusal"],
        counter_id=_key(told["counter_id"]),
        handpiece_id=_key(told["handpiece_id"]),
    )


def _paper(told: Mapping[str, Any]) -> PaperFacts:
    return PaperFacts(
        id=UUID(told["id"]),
        document_id=UUID(told["document_id"]),
        kind=PaperKind(told["kind"]),
        words=told["words"],
        digest=told["digest"],
    )


def _lines(statement: Any) -> list[ListingLine]:
    return [
        ListingLine(
            id=row.id,
            clinic_id=row.clinic_id,
            clinic_name=row.clinic_name,
            title=row.title,
            year=row.year,
            price=_money(row.price_minor, row.currency),
            state=row.state,
            created_at=row.created_at,
            submitted_at=row.submitted_at,
            published_at=row.published_at,
            review_note=row.review_note,
        )
        for row in db.session.execute(statement)
    ]


def _key(told: str | None) -> UUID | None:
    return None if told is None else UUID(told)


def _money(minor: int | None, currency: str) -> Money | None:
    return None if minor is None else Money(minor, currency)


def _modification(stated: Modification | None) -> gate.Modification:
    return gate.Modification(stated.value) if stated else gate.Modification.UNKNOWN
