"""Puts the demo's units on the market, with their photos and everything that happened to them until today."""

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import select

from ... import audit
from ...catalog import queries as catalog
from ...catalog.models import DeviceModel, Maker
from ...catalog.queries import ModelFacts
from ...extensions import adapter_of, db, unit_of_work
from ...kernel.text import normal_number
from ...listings.conditions import Included
from ...listings.darkroom import keep_files
from ...listings.derived import derive
from ...listings.images import Prepared, prepare
from ...listings.models import Handpiece, Listing, ListingMove, Photo
from ...listings.ports import PhotoStore
from ...listings.states import LISTING, ListingEvent, ListingState, PhotoState
from ...listings.terms import Shot as Needed
from . import answers, market, passports, pictures
from .cast import HOUSES
from .market import FEATURED, Fate, Part, Unit
from .people import Stage

_FEATURED = {(maker, model) for _, maker, model, *_ in FEATURED}
_OWNERS = {house.key: house.people[0].name for house in HOUSES}
_PLACES = {house.key: (house.city, house.state, house.postal_code) for house in HOUSES}

# What happened to a draft until today: after so many hours, by its seller or by staff.
_EVENTS = {
    Fate.DRAFT: (),
    Fate.IN_REVIEW: (ListingEvent.SUBMITTED,),
    Fate.PUBLISHED: (ListingEvent.SUBMITTED, ListingEvent.APPROVED),
    Fate.SENT_BACK: (ListingEvent.SUBMITTED, ListingEvent.SENT_BACK),
    Fate.WITHDRAWN: (ListingEvent.WITHDRAWN,),
    Fate.PAUSED: (ListingEvent.SUBMITTED, ListingEvent.APPROVED, ListingEvent.PAUSED),
}
_HOURS = {
    ListingEvent.SUBMITTED: 1,
    ListingEvent.WITHDRAWN: 1,
    ListingEvent.APPROVED: 4,
    ListingEvent.SENT_BACK: 4,
    ListingEvent.PAUSED: 30,
}
_BY_STAFF = {ListingEvent.APPROVED, ListingEvent.SENT_BACK}
_NOTES = {ListingEvent.SENT_BACK: "The photos do not show the maker's label. Please add one."}


class Shot(NamedTuple):
    """A drawn photo that was kept, and what it shows."""

    stem: str
    prepared: Prepared
    shows: str


Shots = Mapping[tuple[str, str], Sequence[Shot]]
"""The photos of every model, by maker and model."""


class Studio:
    """Draws, prepares and keeps the photos of every model on all processors, while the house is furnished."""

    def __init__(self, models: Mapping[tuple[str, str], tuple[str, ...]]) -> None:
        # Threads: what takes the time, to encode and to write to the disk, is done outside of Python.
        self._pool = ThreadPoolExecutor(os.cpu_count())
        store = adapter_of(PhotoStore)
        self._shots = {
            name: self._pool.submit(_photographed, pictures.Subject(*name, codes), store)
            for name, codes in models.items()
        }

    def shots(self) -> Shots:
        """Wait for the photos and return them by maker and model."""
        with self._pool:
            return {name: shots.result(timeout=600) for name, shots in self._shots.items()}


def units() -> tuple[list[Unit], list[Unit]]:
    """Return what is for sale, and what was sold before anybody looks."""
    known = known_models()
    db.session.rollback()  # Drawing takes seconds, and no transaction should wait for it.
    made = market.units([(*name, codes) for name, codes in known.items()])
    past = {sale.serial for sale in market.sold()}
    return [unit for unit in made if unit.serial not in past], [unit for unit in made if unit.serial in past]


def known_models() -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the modality codes of every model of the catalogue, by maker and model in alphabetical order."""
    rows = db.session.execute(
        select(Maker.name, DeviceModel.name, DeviceModel.modality_codes).join(DeviceModel.maker)
    ).all()
    # Not sorted by the database: each would do it by the language of its machine.
    known = {(maker, model): tuple(codes) for maker, model, codes in rows}
    return dict(sorted(known.items()))


def fill(stage: Stage, units: Sequence[Unit], shots: Shots, *, now: datetime) -> None:
    """
    List these units as of `now`.

    Written at once, as the use-cases would have left it: to go through the forms, and the desk of the moderator, for
    each of 240 units would take longer than anybody waits.
    """
    with unit_of_work():
        models = {
            (facts.maker, facts.name): facts
            for facts in catalog.models_by_id(db.session.scalars(select(DeviceModel.id))).values()
        }
        listings = []
        for unit in units:
            moves = _moves(stage, unit, now)
            listing = _listing(stage, unit, models[unit.maker, unit.model], moves)
            listing.photos = _photos(shots[unit.maker, unit.model])
            db.session.add(listing)
            listings.append(listing)
        db.session.flush()
        passports.write(listings)
        if any(listing.state is ListingState.IN_REVIEW for listing in listings):
            passports.write_doubts(stage, listings)
        ours = ListingMove.listing_id.in_([listing.id for listing in listings])
        happened = db.session.scalars(select(ListingMove).where(ours).order_by(ListingMove.at, ListingMove.listing_id))
        audit.record_all(
            audit.Happening(
                f"listing:{move.event or 'drafted'}",
                actor_id=move.actor_id,
                subject_type="listing",
                subject_id=move.listing_id,
                at=move.at,
                data={"state": move.state},
            )
            for move in happened.all()
        )


def _photographed(subject: pictures.Subject, store: PhotoStore) -> list[Shot]:
    name = f"{subject.maker} {subject.model}"
    views = [(f"Drawing of the {name} console with its handpieces hung up", pictures.console(subject))]
    if (subject.maker, subject.model) in _FEATURED:
        views.append((f"Drawing of the handpieces of the {name} on a tray", pictures.handpieces(subject)))
    shots = []
    for number, (shows, view) in enumerate(views):
        prepared = prepare(pictures.encoded(view))
        key = uuid5(NAMESPACE_URL, f"demo:{subject.maker}:{subject.model}:{number}")
        stem = f"{key.hex[:2]}/{key}"
        keep_files(store, stem, prepared)
        shots.append(Shot(stem, prepared, shows))
    return shots


def _photos(shots: Sequence[Shot]) -> list[Photo]:
    return [
        Photo(
            position=position,
            shows=list(Needed) if position == 1 else [Needed.TIP],
            storage_key=stem,
            alternative_text=shows,
            width=prepared.width,
            height=prepared.height,
            digest=prepared.digest,
            state=PhotoState.READY,
        )
        for position, (stem, prepared, shows) in enumerate(shots, start=1)
    ]


def _moves(stage: Stage, unit: Unit, now: datetime) -> list[ListingMove]:
    """Return what happened to it, the drafting first, as the table of its states allows."""
    drafted = now - timedelta(days=unit.days_ago, hours=5)
    seller, state = stage.people[_OWNERS[unit.house]], ListingState.DRAFT
    moves = [ListingMove(event=None, state=state, actor_id=seller, at=drafted)]
    for event in _EVENTS[unit.fate]:
        state = LISTING.after(state, event)
        moves.append(
            ListingMove(
                event=event,
                state=state,
                actor_id=stage.moderator if event in _BY_STAFF else seller,
                reason=_NOTES.get(event),
                at=drafted + timedelta(hours=_HOURS[event]),
            )
        )
    return moves


def _listing(stage: Stage, unit: Unit, model: ModelFacts, moves: Sequence[ListingMove]) -> Listing:
    city, state, postal_code = _PLACES[unit.house]
    drafted = moves[0].at
    happened = {move.event: move for move in moves}
    submitted, approved = happened.get(ListingEvent.SUBMITTED), happened.get(ListingEvent.APPROVED)
    codes = list(dict.fromkeys((*model.modality_codes, *(part.modality for part in unit.parts))))
    listing = Listing(
        **answers.warranty_of(unit.serial),
        **answers.recertification_of(unit.serial, unit.price_usd),
        id=uuid5(NAMESPACE_URL, f"demo:listing:{unit.serial}"),
        clinic_id=stage.clinics[unit.house],
        created_by=moves[0].actor_id,
        model_id=model.id,
        serial=unit.serial,
        serial_normal=normal_number(unit.serial),
        year=unit.year,
        grade=unit.grade,
        price_minor=unit.price_usd * 100 if unit.fate is not Fate.DRAFT else None,
        currency="usd",
        city=city,
        state_code=state,
        postal_code=postal_code,
        description=unit.description,
        rx_label_present=True,
        id_label_present=True,
        modification=unit.modification,
        last_service_on=(drafted - timedelta(days=40)).date(),
        inclusions={item: answer for item, answer in unit.inclusions.items() if answer is not Included.NOT_STATED},
        state=moves[-1].state,
        review_note=moves[-1].reason,
        created_at=drafted,
        submitted_at=submitted and submitted.at,
        approved_by=approved and approved.actor_id,
        published_at=approved and approved.at,
        form_key=uuid5(NAMESPACE_URL, f"demo:{unit.serial}"),
        particulars=answers.of_unit(unit.serial, codes, unit.grade, drafted),
        handpieces=[_handpiece(number, part, unit, drafted) for number, part in enumerate(unit.parts, start=1)],
        counters=answers.counters_of(unit.serial, codes, drafted),
        moves=list(moves),
    )
    derive(listing, model)
    return listing


def _handpiece(position: int, part: Part, unit: Unit, at: datetime) -> Handpiece:
    return Handpiece(
        position=position,
        name=catalog.modalities()[part.modality].name,
        modality_code=part.modality,
        particulars=answers.of_handpiece(f"{unit.serial}/{position}", part.modality, unit.grade),
        counter_value=part.value,
        counter_unit=part.unit,
        counter_direction=part.direction,
        counter_read_on=(at - timedelta(days=3)).date() if part.value is not None else None,
        rated_life=part.rated_life,
        rated_life_source="the seller's own statement (demo)" if part.rated_life else None,
    )
