"""A draft that is said all at once, as tables say it; by the same rules as one that is said step by step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from ..catalog.queries import ModelFacts
from ..extensions import db
from ..kernel.money import Money
from ..kernel.text import normal_number
from .derived import derive
from .models import ConsoleCounter, Handpiece, Listing
from .possible import Assurance, Counter, rated
from .record import note_all
from .terms import Grade, Recertification


@dataclass(frozen=True, slots=True)
class SaidHandpiece:
    """A handpiece; what is said of it was let through by `possible` and `fields`."""

    name: str
    modality_code: str
    serial: str
    counter: Counter | None
    rated_life: int | None
    rated_life_source: str
    reduction: Money | None
    particulars: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class SaidCounter:
    """A counter of the console; its day is there."""

    part: str
    serial: str
    counter: Counter
    rated_life: int | None
    rated_life_source: str


@dataclass(frozen=True, slots=True)
class Whole:
    """A unit, as far as somebody said it; what is said of it was let through by `possible` and `fields`."""

    model: ModelFacts
    serial: str
    year: int | None
    grade: Grade | None
    price: Money | None
    city: str
    state_code: str
    postal_code: str | None
    description: str
    last_service_on: date | None
    recertification: Recertification | None
    recertification_quote: Money | None
    warranty: Assurance | None
    training_included: bool | None
    inclusions: Mapping[str, str]
    particulars: Mapping[str, str]
    handpieces: tuple[SaidHandpiece, ...]
    counters: tuple[SaidCounter, ...]


def begin_all(*, clinic_id: UUID, actor_id: UUID, said: Sequence[tuple[UUID, Whole]], at: datetime) -> dict[UUID, UUID]:
    """
    Begin drafts, each under the key of its form; return their ids by these keys. A step of the caller's work.

    Whose clinic it is, and whether a key was used before, the caller has asked.
    """
    if not said:
        return {}  # To leave nothing in the audit trail, nobody has to wait for it.
    drafts = {form_key: _draft(clinic_id, actor_id, form_key, whole, at) for form_key, whole in said}
    db.session.add_all(drafts.values())
    db.session.flush()
    note_all(list(drafts.values()), None, actor_id=actor_id, reason=None, at=at)
    return {form_key: listing.id for form_key, listing in drafts.items()}


def _draft(clinic_id: UUID, actor_id: UUID, form_key: UUID, whole: Whole, at: datetime) -> Listing:
    warranty = whole.warranty
    listing = Listing(
        clinic_id=clinic_id,
        created_by=actor_id,
        form_key=form_key,
        created_at=at,
        model_id=whole.model.id,
        serial=whole.serial or None,
        serial_normal=normal_number(whole.serial) or None,
        year=whole.year,
        grade=whole.grade,
        price_minor=whole.price.minor if whole.price else None,
        city=whole.city,
        state_code=whole.state_code,
        postal_code=whole.postal_code,
        description=whole.description,
        last_service_on=whole.last_service_on,
        recertification=whole.recertification,
        recertification_minor=whole.recertification_quote.minor if whole.recertification_quote else None,
        warranty=warranty.kind if warranty else None,
        warranty_months=warranty.months if warranty else None,
        warranty_transferable=warranty.transferable if warranty else None,
        warranty_provider=(warranty.provider or None) if warranty else None,
        training_included=whole.training_included,
        inclusions=dict(whole.inclusions),
        particulars=dict(whole.particulars),
        handpieces=[_handpiece(position, part, whole.model) for position, part in enumerate(whole.handpieces, start=1)],
        counters=[_counter(position, one, whole.model) for position, one in enumerate(whole.counters, start=1)],
    )
    derive(listing, whole.model)
    return listing


def _handpiece(position: int, said: SaidHandpiece, model: ModelFacts) -> Handpiece:
    counter = said.counter
    rated_life, source = rated(model, counter, said.rated_life, said.rated_life_source)
    return Handpiece(
        position=position,
        name=said.name,
        modality_code=said.modality_code,
        serial=said.serial or None,
        particulars=dict(said.particulars),
        counter_value=counter.value if counter else None,
        counter_unit=counter.unit if counter else None,
        counter_direction=counter.direction if counter else None,
        counter_read_on=counter.read_on if counter else None,
        rated_life=rated_life,
        rated_life_source=source,
        reduction_minor=said.reduction.minor if said.reduction else None,
    )


def _counter(position: int, said: SaidCounter, model: ModelFacts) -> ConsoleCounter:
    rated_life, source = rated(model, said.counter, said.rated_life, said.rated_life_source)
    return ConsoleCounter(
        position=position,
        part=said.part,
        serial=said.serial or None,
        value=said.counter.value,
        unit=said.counter.unit,
        direction=said.counter.direction,
        read_on=said.counter.read_on,
        rated_life=rated_life,
        rated_life_source=source,
    )
