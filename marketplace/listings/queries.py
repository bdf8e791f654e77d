"""What pages and other rooms ask about units, as plain values."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Uuid, bindparam, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from ..catalog import queries as catalog
from ..catalog.queries import ModelFacts, Source
from ..clinics.models import Clinic
from ..clinics.states import SellerStanding
from ..documents.models import Document
from ..eligibility import facts as gate
from ..eligibility.sale import Sale, SoldHandpiece
from ..extensions import db, reading
from ..kernel.errors import NotFound
from ..kernel.money import Money
from .conditions import life_used
from .models import ConsoleCounter, Handpiece, Listing, ListingMove, Paper, Photo, PriceSet
from .states import ListingEvent, ListingState
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
    """A photo of the unit; its files stand beside `stem`."""

    id: UUID
    stem: str
    alternative_text: str
    digest: str
    shows: tuple[Shot, ...]
    added_at: datetime | None


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
    review_notes: dict[str, str]
    approved_version: int | None
    serial_normal: str | None
    created_at: datetime
    submitted_at: datetime | None
    published_at: datetime | None
    handpieces: tuple[HandpieceFacts, ...]
    counters: tuple[CounterFacts, ...]
    photos: tuple[PhotoFacts, ...]
    papers: tuple[PaperFacts, ...]

    @property
    def emits(self) -> tuple[Source, ...]:
        """Return what its handpieces emit, for the spectral bar."""
        return self.emitted_by(*self.handpieces)

    def emitted_by(self, *parts: HandpieceFacts) -> tuple[Source, ...]:
        """Return what some of its handpieces emit."""
        return catalog.emits(
            (part.modality_code for part in parts),
            model_id=self.model.id,
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


# Put together once: building a statement costs a page more than sending it.
_ONE = (
    select(
        *(column for column in _L if column.name != "search_words"),
        Clinic.name.label("clinic_name"),
        Clinic.created_at.label("clinic_since"),
        Clinic.seller_standing.label("seller_standing"),
    )
    .join(Clinic, Clinic.id == _L.clinic_id)
    .where(_L.id == bindparam("id"))
)
_H, _P = Handpiece.__table__.c, Photo.__table__.c
_PARTS = select(*_H).where(_H.listing_id == bindparam("id")).order_by(_H.position)
_PAPERS = (
    select(Paper.id, Paper.document_id, Paper.kind, Paper.words, Document.digest)
    .join(Document, Document.id == Paper.document_id)
    .where(Paper.listing_id == bindparam("id"))
    .order_by(Paper.added_at, Paper.id)
)
_HISTORY = (
    select(PriceSet.price_minor, PriceSet.currency, PriceSet.at)
    .where(PriceSet.listing_id == bindparam("id"))
    .order_by(PriceSet.at, PriceSet.id)
)
_C = ConsoleCounter.__table__.c
_COUNTERS = (
    select(_C.id, _C.part, _C.serial, _C.value, _C.unit, _C.direction, _C.read_on, _C.rated_life, _C.rated_life_source)
    .where(_C.listing_id == bindparam("id"))
    .order_by(_C.position)
)
_PHOTOS = (
    select(_P.id, _P.storage_key, _P.alternative_text, _P.digest, _P.shows, _P.added_at)
    .where(_P.listing_id == bindparam("id"))
    .order_by(_P.position)
)


def listing(listing_id: UUID) -> ListingFacts:
    """
    Return one unit in whatever state, whole, in six statements.

    :raises NotFound: there is none
    """
    return _listing(listing_id, tuple(ListingState))


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
    return _listing(listing_id, ON_DISPLAY)


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


def price_history(listing_id: UUID) -> list[tuple[Money, datetime]]:
    """Return what was asked for a unit and since when, oldest first."""
    with reading() as connection:
        rows = connection.execute(_HISTORY, {"id": listing_id}).all()
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


def _listing(listing_id: UUID, states: Sequence[ListingState]) -> ListingFacts:
    with reading() as connection:
        return _read(connection, listing_id, states)


def _read(connection: Connection, listing_id: UUID, states: Sequence[ListingState]) -> ListingFacts:
    row = connection.execute(_ONE, {"id": listing_id}).one_or_none()
    if row is None or row.state not in states:
        raise NotFound("There is no such device.", cure="It may have been withdrawn. Look for another one.")
    return ListingFacts(
        id=row.id,
        state=row.state,
        clinic_id=row.clinic_id,
        clinic_name=row.clinic_name,
        clinic_since=row.clinic_since,
        seller_standing=row.seller_standing,
        created_by=row.created_by,
        model=catalog.model(row.model_id),
        title=row.title,
        serial=row.serial,
        year=row.year,
        grade=row.grade,
        price=_money(row.price_minor, row.currency),
        city=row.city,
        state_code=row.state_code,
        postal_code=row.postal_code,
        description=row.description,
        rx_label_present=row.rx_label_present,
        id_label_present=row.id_label_present,
        modification=row.modification,
        recertification=row.recertification,
        recertification_quote=_money(row.recertification_minor, row.currency),
        warranty=row.warranty,
        warranty_months=row.warranty_months,
        warranty_transferable=row.warranty_transferable,
        warranty_provider=row.warranty_provider,
        training_included=row.training_included,
        last_service_on=row.last_service_on,
        particulars=row.particulars,
        inclusions=row.inclusions,
        life_used_percent=row.life_used_percent,
        configuration=row.configuration,
        review_note=row.review_note,
        review_notes=row.review_notes,
        approved_version=row.approved_version,
        serial_normal=row.serial_normal,
        created_at=row.created_at,
        submitted_at=row.submitted_at,
        published_at=row.published_at,
        handpieces=_handpieces(connection, listing_id, row.currency),
        counters=_counters(connection, listing_id),
        photos=_photos(connection, listing_id),
        papers=_papers(connection, listing_id),
    )


def _handpieces(connection: Connection, listing_id: UUID, currency: str) -> tuple[HandpieceFacts, ...]:
    return tuple(
        HandpieceFacts(
            id=row.id,
            name=row.name,
            modality_code=row.modality_code,
            serial=row.serial,
            particulars=row.particulars,
            counter_value=row.counter_value,
            counter_unit=row.counter_unit,
            counter_direction=row.counter_direction,
            counter_read_on=row.counter_read_on,
            rated_life=row.rated_life,
            rated_life_source=row.rated_life_source,
            reduction=_money(row.reduction_minor, currency),
        )
        for row in connection.execute(_PARTS, {"id": listing_id})
    )


def _counters(connection: Connection, listing_id: UUID) -> tuple[CounterFacts, ...]:
    return tuple(CounterFacts(*row) for row in connection.execute(_COUNTERS, {"id": listing_id}))


def _photos(connection: Connection, listing_id: UUID) -> tuple[PhotoFacts, ...]:
    rows = connection.execute(_PHOTOS, {"id": listing_id})
    return tuple(
        PhotoFacts(row.id, row.storage_key, row.alternative_text, row.digest, tuple(map(Shot, row.shows)), row.added_at)
        for row in rows
    )


def _papers(connection: Connection, listing_id: UUID) -> tuple[PaperFacts, ...]:
    return tuple(PaperFacts(*row) for row in connection.execute(_PAPERS, {"id": listing_id}))


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


def _money(minor: int | None, currency: str) -> Money | None:
    return None if minor is None else Money(minor, currency)


def _modification(stated: Modification | None) -> gate.Modification:
    return gate.Modification(stated.value) if stated else gate.Modification.UNKNOWN
