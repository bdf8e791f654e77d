"""A draft says step by step what exactly is sold; everything a buyer needs to know is asked for, nothing is guessed."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import func, select

from ..catalog import queries as catalog
from ..catalog.queries import ModelFacts
from ..clinics import queries as clinics
from ..clinics.access import MANAGERS
from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict, Invalid, NotFound
from ..kernel.money import Money
from ..kernel.text import normal_number
from . import fields
from .conditions import INCLUSIONS, Included
from .derived import derive
from .fields import Place
from .models import ConsoleCounter, Handpiece, Listing, Photo
from .possible import (
    Assurance,
    Counter,
    rated,
    require_payable,
    require_place,
    require_possible,
    require_reduction,
    require_serial,
    require_warranty,
    require_year,
    zip_of,
)
from .record import note, of_seller
from .states import ListingState
from .terms import Grade, Modification, Recertification

MOST_HANDPIECES = 20

P = TypeVar("P", Handpiece, ConsoleCounter, Photo)


def draft(
    *,
    actor_id: UUID,
    clinic_id: UUID,
    model_id: UUID,
    city: str,
    state_code: str,
    form_key: UUID,
    at: datetime,
    serial: str = "",
    year: int | None = None,
    postal_code: str = "",
) -> UUID:
    """
    Begin a listing. The same form sent twice is one draft.

    :raises NotFound: the clinic is not the person's, or the catalogue does not know the model
    :raises Refused: the person is neither owner nor manager of the clinic
    :raises Invalid: the place or the year cannot be
    """
    with unit_of_work():
        clinics.require_role(user_id=actor_id, clinic_id=clinic_id, roles=MANAGERS)
        # Two sendings of one form wait for each other here, and the second finds what the first began.
        db.session.execute(select(func.pg_advisory_xact_lock(form_key.int % 2**63)))
        known = db.session.scalar(select(Listing.id).where(Listing.form_key == form_key))
        if known is not None:
            return known
        listing = Listing(
            clinic_id=clinic_id,
            created_by=actor_id,
            form_key=form_key,
            created_at=at,
            inclusions={},
            particulars={},
            description="",
        )
        place = _Where(city, state_code, postal_code)
        _describe_device(listing, model_id=model_id, serial=serial, year=year, place=place, at=at)
        db.session.add(listing)
        db.session.flush()
        note(listing, None, actor_id=actor_id, reason=None, at=at)
        return listing.id


def describe_device(
    *,
    listing_id: UUID,
    actor_id: UUID,
    model_id: UUID,
    serial: str,
    year: int | None,
    city: str,
    state_code: str,
    at: datetime,
    postal_code: str = "",
) -> None:
    """
    Say which unit it is and where it stands.

    :raises NotFound: it is not the person's draft, or the catalogue does not know the model
    :raises Conflict: it is no longer a draft
    :raises Invalid: the place or the year cannot be
    """
    with unit_of_work():
        listing = draft_of(listing_id, actor_id)
        place = _Where(city, state_code, postal_code)
        _describe_device(listing, model_id=model_id, serial=serial, year=year, place=place, at=at)


def answer(*, listing_id: UUID, actor_id: UUID, place: Place, said: Mapping[str, str]) -> None:
    """
    Keep what was said to the questions that `fields` asks at one place; what is said at others stays as it is.

    :raises NotFound: it is not the person's draft
    :raises Conflict: it is no longer a draft
    :raises Invalid: something is no answer
    """
    with unit_of_work():
        listing = draft_of(listing_id, actor_id)
        _keep(listing, catalog.model(listing.model_id), place, said)


def describe_condition(
    *,
    listing_id: UUID,
    actor_id: UUID,
    grade: Grade | None,
    inclusions: Mapping[str, str],
    last_service_on: date | None,
    description: str,
    at: datetime,
    said: Mapping[str, str] | None = None,
) -> None:
    """
    Say how the unit is and what comes with it.

    :raises NotFound: it is not the person's draft
    :raises Conflict: it is no longer a draft
    :raises Invalid: the last service lies ahead, or the checklist is not ours
    """
    if last_service_on is not None and last_service_on > at.date():
        raise Invalid("The last service cannot lie ahead of us.", field="last_service_on")
    try:
        stated = {item: Included(inclusions[item]) for item in INCLUSIONS if item in inclusions}
    except ValueError:
        raise Invalid("Say of each item whether it is included, absent or not stated.", field="inclusions") from None
    with unit_of_work():
        listing = draft_of(listing_id, actor_id)
        listing.grade = grade
        listing.inclusions = {item: str(answer) for item, answer in stated.items() if answer is not Included.NOT_STATED}
        listing.last_service_on = last_service_on
        listing.description = description.strip()
        _keep(listing, catalog.model(listing.model_id), Place.CONDITION, said or {})
        derive(listing, catalog.model(listing.model_id))


def attest(
    *,
    listing_id: UUID,
    actor_id: UUID,
    rx_label_present: bool | None,
    id_label_present: bool | None,
    modification: Modification | None,
    said: Mapping[str, str],
) -> None:
    """
    Attest the labels, what was changed, and whatever else a lawful sale needs.

    :raises NotFound: it is not the person's draft
    :raises Conflict: it is no longer a draft
    :raises Invalid: something is no answer
    """
    with unit_of_work():
        listing = draft_of(listing_id, actor_id)
        model = catalog.model(listing.model_id)
        listing.rx_label_present = rx_label_present
        listing.id_label_present = id_label_present
        listing.modification = modification
        _keep(listing, model, Place.STATEMENT, said)
        derive(listing, model)


def describe_terms(
    *,
    listing_id: UUID,
    actor_id: UUID,
    recertification: Recertification | None,
    recertification_quote: Money | None,
    price: Money | None,
    warranty: Assurance | None = None,
    training_included: bool | None = None,
) -> None:
    """
    Say what the maker asks of a new owner and what the buyer is promised, and name the price.

    :raises NotFound: it is not the person's draft
    :raises Conflict: it is no longer a draft
    :raises Invalid: the price is beyond what can be paid here, or the warranty cannot be
    """
    if price is not None:
        require_payable(price)
    if warranty is not None:
        require_warranty(warranty)
    with unit_of_work():
        listing = draft_of(listing_id, actor_id)
        listing.recertification = recertification
        listing.recertification_minor = recertification_quote.minor if recertification_quote else None
        listing.price_minor = price.minor if price else None
        listing.warranty = warranty.kind if warranty else None
        listing.warranty_months = warranty.months if warranty else None
        listing.warranty_transferable = warranty.transferable if warranty else None
        listing.warranty_provider = (warranty.provider.strip() or None) if warranty else None
        listing.training_included = training_included
        derive(listing, catalog.model(listing.model_id))


def put_handpiece(
    *,
    listing_id: UUID,
    actor_id: UUID,
    handpiece_id: UUID | None,
    name: str,
    modality_code: str,
    serial: str,
    counter: Counter | None,
    rated_life: int | None,
    rated_life_source: str,
    at: datetime,
    reduction: Money | None = None,
    particulars: Mapping[str, str] | None = None,
) -> None:
    """
    Add a handpiece to the unit, or with `handpiece_id` say of one what it is now.

    A buyer may leave it out as long as another one stays; the price then falls by `reduction`, or not at all. Where the
    seller states no rated life and its maker published one for this very counter, that one is kept, with its source.

    :raises NotFound: it is not the person's draft, or it has no such handpiece
    :raises Conflict: it is no longer a draft
    :raises Invalid: the modality is unknown, the counter, the reduction or an answer cannot be, or there are too many
    """
    if modality_code not in catalog.modalities():
        raise Invalid("Choose a modality of the catalogue.", field="modality_code")
    require_possible(counter, at)
    said = None if particulars is None else fields.answers(Place.HANDPIECE, [modality_code], particulars)
    require_reduction(reduction)
    with unit_of_work():
        listing = draft_of(listing_id, actor_id)
        part = _handpiece_to_write(listing, handpiece_id)
        part.name = name.strip()
        part.modality_code = modality_code
        part.serial = serial.strip() or None
        part.counter_value = counter.value if counter else None
        part.counter_unit = counter.unit if counter else None
        part.counter_direction = counter.direction if counter else None
        part.counter_read_on = counter.read_on if counter else None
        model = catalog.model(listing.model_id)
        part.rated_life, part.rated_life_source = rated(model, counter, rated_life, rated_life_source)
        part.reduction_minor = reduction.minor if reduction else None
        if said is not None:
            part.particulars = said
        derive(listing, model)


def remove_handpiece(*, listing_id: UUID, actor_id: UUID, handpiece_id: UUID) -> None:
    """
    Leave a handpiece out of the sale.

    :raises NotFound: it is not the person's draft, or it has no such handpiece
    :raises Conflict: it is no longer a draft
    """
    with unit_of_work():
        listing = draft_of(listing_id, actor_id)
        take_out(listing.handpieces, _handpiece_of(listing, handpiece_id))
        derive(listing, catalog.model(listing.model_id))


def take_out(parts: list[P], gone: P) -> None:
    """Take one out of what is numbered from 1, and close the gap."""
    parts.remove(gone)
    for position, rest in enumerate(parts, start=1):
        rest.position = position


def draft_of(listing_id: UUID, actor_id: UUID) -> Listing:
    """
    Return the person's draft, locked, to be changed by a step of this room.

    :raises NotFound: it is not the person's listing
    :raises Conflict: it is no longer a draft
    """
    listing = of_seller(listing_id, actor_id)
    if listing.state is not ListingState.DRAFT:
        raise Conflict(
            "This listing is no longer a draft, so it cannot be changed here.",
            cure="Take it back to a draft first; staff will look at it again before it returns to the market.",
        )
    return listing


class _Where(NamedTuple):
    city: str
    state_code: str
    postal_code: str


def _describe_device(
    listing: Listing, *, model_id: UUID, serial: str, year: int | None, place: _Where, at: datetime
) -> None:
    model = catalog.model(model_id)
    require_place(place.city, place.state_code)
    postal_code = zip_of(place.postal_code)
    require_year(year, at)
    require_serial(serial)
    # Both at once: what is read before the rest is derived writes the row as it stands.
    listing.model_id, listing.maker_id = model_id, model.maker_id
    listing.serial = serial.strip() or None
    listing.serial_normal = normal_number(serial) or None
    listing.year = year
    listing.city = place.city.strip()
    listing.state_code = place.state_code
    listing.postal_code = postal_code
    derive(listing, model)


def codes_of(listing: Listing, model: ModelFacts) -> list[str]:
    """Return the modalities that decide what is asked of the unit: those of its model and of its handpieces."""
    return list(dict.fromkeys((*model.modality_codes, *(part.modality_code for part in listing.handpieces))))


def _keep(listing: Listing, model: ModelFacts, place: Place, said: Mapping[str, str]) -> None:
    kept = fields.answers(place, codes_of(listing, model), said)
    others = {key: words for key, words in listing.particulars.items() if key not in fields.keys_of(place)}
    listing.particulars = others | kept


def _handpiece_of(listing: Listing, handpiece_id: UUID) -> Handpiece:
    for part in listing.handpieces:
        if part.id == handpiece_id:
            return part
    raise NotFound("This device has no such handpiece.")


def _handpiece_to_write(listing: Listing, handpiece_id: UUID | None) -> Handpiece:
    if handpiece_id is not None:
        return _handpiece_of(listing, handpiece_id)
    if len(listing.handpieces) >= MOST_HANDPIECES:
        raise Invalid(f"A device has at most {MOST_HANDPIECES} handpieces here.")
    part = Handpiece(position=len(listing.handpieces) + 1, particulars={})
    listing.handpieces.append(part)
    return part
