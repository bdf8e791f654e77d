"""Units for sale: the shortest legal rows, each kept at once; no photos unless asked for."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select

from marketplace.accounts.models import User
from marketplace.catalog import queries as catalog
from marketplace.catalog.models import DeviceModel
from marketplace.clinics.models import Clinic, ClinicMember
from marketplace.extensions import db
from marketplace.kernel.text import normal_number
from marketplace.listings import fields
from marketplace.listings.derived import derive
from marketplace.listings.fields import Kind, Place
from marketplace.listings.models import ConsoleCounter, Handpiece, Listing, ListingMove, Photo
from marketplace.listings.states import ListingState, PhotoState
from marketplace.listings.terms import (
    CounterDirection,
    CounterUnit,
    Grade,
    Modification,
    Recertification,
    Shot,
    Warranty,
)
from tests.factories.accounts import LONG_AGO, kept, make_staff, together
from tests.factories.catalog import make_model
from tests.factories.clinics import make_clinic

_numbers = count(1)

APPROVED = {ListingState.PUBLISHED, ListingState.PAUSED, ListingState.RESERVED, ListingState.SOLD}


def make_handpiece(modality_code: str = "ALEX", **values: Any) -> Handpiece:
    """Return a handpiece, not kept yet, that used 40 % of its rated life."""
    return Handpiece(
        **{
            "position": 1,
            "name": f"{modality_code} handpiece",
            "modality_code": modality_code,
            "counter_value": 400_000,
            "counter_unit": CounterUnit.SHOTS,
            "counter_direction": CounterDirection.UP,
            "counter_read_on": LONG_AGO.date(),
            "rated_life": 1_000_000,
            "particulars": said_in_full(Place.HANDPIECE, [modality_code]),
            **values,
        }
    )


@together()
def make_listing(
    *,
    state: ListingState | str = ListingState.PUBLISHED,
    clinic: Clinic | None = None,
    model: DeviceModel | None = None,
    handpieces: Sequence[str | Handpiece] | None = None,
    created_by: User | UUID | None = None,
    photos: int = 0,
    **values: Any,
) -> Listing:
    """
    Keep a whole unit of a verified seller in Austin for $42,500, published unless another `state` is asked for.

    `handpieces` are modality codes or `make_handpiece(…)`; without them the model's first modality.
    """
    state = ListingState(state)
    clinic = clinic or make_clinic(seller=True)
    model = model or make_model()
    number = next(_numbers)
    if created_by is None:
        created_by = db.session.scalars(select(ClinicMember.user_id).where(ClinicMember.clinic_id == clinic.id)).first()
    values = {
        "serial": f"SN-{number:05}",
        "year": 2018,
        "grade": Grade.B,
        "price_minor": 4_250_000,
        "city": "Austin",
        "state_code": "TX",
        "description": "",
        "rx_label_present": True,
        "id_label_present": True,
        "modification": Modification.NONE,
        "recertification": Recertification.UNKNOWN,
        "inclusions": {},
        "warranty": Warranty.NONE,
        "created_at": LONG_AGO,
        "form_key": uuid4(),
        **values,
    }
    if state in APPROVED:
        values.setdefault("published_at", LONG_AGO + timedelta(seconds=number))
        values.setdefault("submitted_at", LONG_AGO)
        if "approved_by" not in values:
            values["approved_by"] = make_staff("moderator").id
    values.setdefault("serial_normal", normal_number(values["serial"]) if values["serial"] else None)
    listing = Listing(
        clinic_id=clinic.id,
        created_by=created_by.id if isinstance(created_by, User) else created_by,
        model_id=model.id,
        state=state,
        **values,
    )
    parts = handpieces if handpieces is not None else model.modality_codes[:1]
    for position, part in enumerate(parts, start=1):
        handpiece = make_handpiece(part) if isinstance(part, str) else part
        handpiece.position = position
        listing.handpieces.append(handpiece)
    for position in range(1, photos + 1):
        listing.photos.append(make_photo(position=position))
    if listing.particulars is None:
        codes = [*model.modality_codes, *(part.modality_code for part in listing.handpieces)]
        listing.particulars = {
            key: said
            for place in (Place.DEVICE, Place.CONDITION, Place.STATEMENT)
            for key, said in said_in_full(place, codes).items()
        }
    derive(listing, catalog.model(model.id))
    kept(listing)
    kept(
        ListingMove(
            listing_id=listing.id, event=None, state=state, actor_id=listing.created_by, at=values["created_at"]
        )
    )
    return listing


_ANSWERS = {Kind.NUMBERS: "15", Kind.NUMBER: "2", Kind.CONFIRM: "yes", Kind.DATE: "2026-05-04"}


def said_in_full(place: Place, codes: Sequence[str]) -> dict[str, str]:
    """Return the shortest answers with which nothing is missing at a place."""
    return {
        field.key: field.answers[0][0] if field.answers else _ANSWERS.get(field.kind, "As it should be.")
        for field in fields.asked(place, codes)
        if field.needed_for(codes)
    }


def make_counter(**values: Any) -> ConsoleCounter:
    """Return a counter of a console, not kept yet, that used 30 % of the rated life its maker states."""
    return ConsoleCounter(
        **{
            "position": 1,
            "part": "Alexandrite laser head",
            "value": 600_000,
            "unit": CounterUnit.PULSES,
            "direction": CounterDirection.UP,
            "read_on": LONG_AGO.date(),
            "rated_life": 2_000_000,
            "rated_life_source": "the maker's manual",
            **values,
        }
    )


def make_photo(**values: Any) -> Photo:
    """Return a photo's row, not kept yet; its files are not in the store."""
    key = uuid4()
    return Photo(
        **{
            "position": 1,
            "shows": list(Shot),
            "added_at": LONG_AGO,
            "storage_key": f"{key.hex[:2]}/{key}",
            "alternative_text": "The console from the front",
            "width": 1280,
            "height": 960,
            "digest": "0" * 64,
            "state": PhotoState.READY,
            **values,
        }
    )


def published_later(seconds: int) -> datetime:
    """Return a moment of publication after those of listings made by default."""
    return LONG_AGO + timedelta(days=30, seconds=seconds)
