"""What pages and other rooms ask about units, as plain values."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Uuid, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY

from ..clinics.models import Clinic
from ..eligibility.sale import Sale, SoldHandpiece
from ..extensions import db, reading
from ..kernel.errors import NotFound
from ..kernel.money import Money
from ..kernel.told import money
from .facts import CounterFacts, HandpieceFacts, ListingFacts, modification_asked
from .models import COVER, Handpiece, Listing, ListingMove, PriceSet
from .states import ListingEvent, ListingState
from .telling import HISTORY, listing_told, question, tell

ON_DISPLAY = (ListingState.PUBLISHED, ListingState.PAUSED, ListingState.RESERVED, ListingState.SOLD)
"""What strangers may see; a unit that is paused, reserved or sold keeps its page."""


@dataclass(frozen=True, slots=True)
class ListingLine:
    """A unit in a seller's or moderator's list; `cover` is the stem of its first photo's files."""

    id: UUID
    clinic_id: UUID
    clinic_name: str
    title: str
    serial: str | None
    cover: str | None
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
    _L.id, _L.clinic_id, Clinic.name.label("clinic_name"), _L.title, _L.serial, COVER, _L.year, _L.price_minor,
    _L.currency, _L.state, _L.created_at, _L.submitted_at, _L.published_at, _L.review_note,
)  # fmt: skip


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
            modification=modification_asked(row.modification),
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
        rows = connection.execute(HISTORY.where(PriceSet.listing_id == listing_id)).all()
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
        .order_by(moves.position)
    )
    return [MoveFacts(row.event, row.state, row.actor_id, row.reason, row.at) for row in rows]


def _listing(listing_id: UUID, asked: str) -> ListingFacts:
    return listing_told(json.loads(tell(asked, listing_id)))


def _lines(statement: Any) -> list[ListingLine]:
    return [
        ListingLine(
            id=row.id,
            clinic_id=row.clinic_id,
            clinic_name=row.clinic_name,
            title=row.title,
            serial=row.serial,
            cover=row.cover,
            year=row.year,
            price=money(row.price_minor, row.currency),
            state=row.state,
            created_at=row.created_at,
            submitted_at=row.submitted_at,
            published_at=row.published_at,
            review_note=row.review_note,
        )
        for row in db.session.execute(statement)
    ]
