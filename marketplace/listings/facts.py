"""A unit and its parts as plain values, for pages and other rooms."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from ..catalog import queries as catalog
from ..catalog.queries import ModelFacts, Source
from ..clinics.states import SellerStanding
from ..eligibility import facts as gate
from ..eligibility.sale import Sale, SoldHandpiece
from ..kernel.money import Money
from .conditions import life_used
from .states import ListingState, PhotoState
from .terms import CounterDirection, CounterUnit, Grade, Modification, PaperKind, Recertification, Shot, Warranty


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
            modification=modification_asked(self.modification),
            serial=self.serial,
        )


def modification_asked(stated: Modification | None) -> gate.Modification:
    """Return what the gate is told about changes to a unit; what the seller did not say is unknown."""
    return gate.Modification(stated.value) if stated else gate.Modification.UNKNOWN
