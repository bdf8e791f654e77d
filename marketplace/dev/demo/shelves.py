"""Puts the demo's units on the market: drafted, described, photographed and approved by the use-cases of the house."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import select

from ...catalog import queries as catalog
from ...catalog.models import DeviceModel, Maker
from ...catalog.queries import ModelFacts
from ...extensions import adapter_of, db, unit_of_work
from ...kernel.text import normal_number
from ...listings import service as listings
from ...listings.conditions import Included
from ...listings.derived import derive
from ...listings.images import Prepared, prepare
from ...listings.models import Handpiece, Listing, Photo
from ...listings.ports import PhotoStore
from ...listings.record import note
from ...listings.states import ListingState
from ...listings.terms import Recertification
from . import market, pictures
from .cast import HOUSES
from .market import FEATURED, Fate, Part, Unit
from .people import Stage

_FEATURED = {(maker, model) for _, maker, model, *_ in FEATURED}
_OWNERS = {house.key: house.people[0].name for house in HOUSES}
_PLACES = {house.key: (house.city, house.state) for house in HOUSES}


class Shot(NamedTuple):
    """A drawn photo that was kept, and what it shows."""

    stem: str
    prepared: Prepared
    shows: str


class Studio:
    """Draws and prepares the photos of every model on all processors, while the rest of the house is furnished."""

    def __init__(self, models: Mapping[tuple[str, str], tuple[str, ...]]) -> None:
        self._pool = ProcessPoolExecutor()
        self._prints = {
            name: self._pool.submit(_photos_of, *name, codes, both=name in _FEATURED) for name, codes in models.items()
        }

    def shots(self) -> dict[tuple[str, str], list[Shot]]:
        """Wait for the photos, keep their files, and return them by maker and model."""
        store = adapter_of(PhotoStore)
        kept: dict[tuple[str, str], list[Shot]] = {}
        for (maker, model), prints in self._prints.items():
            for number, (shows, prepared) in enumerate(prints.result()):
                key = uuid5(NAMESPACE_URL, f"demo:{maker}:{model}:{number}")
                stem = f"{key.hex[:2]}/{key}"
                for ending, content in prepared.files.items():
                    store.put(stem + ending, content)
                kept.setdefault((maker, model), []).append(Shot(stem, prepared, shows))
        self._pool.shutdown()
        return kept


def known_models() -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the modality codes of every model of the catalogue, by maker and model."""
    rows = db.session.execute(
        select(Maker.name, DeviceModel.name, DeviceModel.modality_codes)
        .join(DeviceModel.maker)
        .order_by(Maker.name, DeviceModel.name)
    )
    return {(maker, model): tuple(codes) for maker, model, codes in rows}


def fill(stage: Stage, studio: Studio, *, now: datetime) -> None:
    """List every unit of the market as of `now`; the oldest first, so that the newest stand on top as they would."""
    units = sorted(
        market.units([(*name, codes) for name, codes in known_models().items()]), key=lambda unit: -unit.days_ago
    )
    db.session.rollback()  # Drawing takes seconds, and no transaction should wait for it.
    shots = studio.shots()
    drafts = _draft(stage, units, shots, now=now)
    for unit, listing in zip(units, drafts, strict=True):
        _decide(stage, unit.fate, listing, stage.people[_OWNERS[unit.house]], _when(unit, now))


def _photos_of(maker: str, model: str, codes: tuple[str, ...], *, both: bool) -> list[tuple[str, Prepared]]:
    subject = pictures.Subject(maker, model, codes)
    views = [(f"Drawing of the {maker} {model} console with its handpieces hung up", pictures.console(subject))]
    if both:
        views.append((f"Drawing of the handpieces of the {maker} {model} on a tray", pictures.handpieces(subject)))
    return [(shows, prepare(pictures.encoded(view), filename="drawing.jpg")) for shows, view in views]


def _draft(
    stage: Stage, units: Sequence[Unit], shots: Mapping[tuple[str, str], Sequence[Shot]], *, now: datetime
) -> list[UUID]:
    """Write all drafts at once; going through the form for each of 240 units would take longer than anybody waits."""
    with unit_of_work():
        models = {
            (facts.maker, facts.name): facts
            for facts in catalog.models_by_id(db.session.scalars(select(DeviceModel.id))).values()
        }
        drafts = [_listing(stage, unit, models[unit.maker, unit.model], _when(unit, now)) for unit in units]
        for unit, listing in zip(units, drafts, strict=True):
            listing.photos = [
                Photo(
                    position=position,
                    storage_key=stem,
                    alternative_text=shows,
                    width=prepared.width,
                    height=prepared.height,
                    digest=prepared.digest,
                )
                for position, (stem, prepared, shows) in enumerate(shots[unit.maker, unit.model], start=1)
            ]
        db.session.add_all(drafts)
        db.session.flush()
        for unit, listing in zip(units, drafts, strict=True):
            note(listing, None, actor_id=listing.created_by, reason=None, at=_when(unit, now))
        return [listing.id for listing in drafts]


def _listing(stage: Stage, unit: Unit, model: ModelFacts, at: datetime) -> Listing:
    city, state = _PLACES[unit.house]
    listing = Listing(
        id=uuid5(NAMESPACE_URL, f"demo:listing:{unit.serial}"),
        clinic_id=stage.clinics[unit.house],
        created_by=stage.people[_OWNERS[unit.house]],
        model_id=model.id,
        serial=unit.serial,
        serial_normal=normal_number(unit.serial),
        year=unit.year,
        grade=unit.grade,
        price_minor=unit.price_usd * 100 if unit.fate is not Fate.DRAFT else None,
        currency="usd",
        city=city,
        state_code=state,
        description=unit.description,
        rx_label_present=True,
        id_label_present=True,
        modification=unit.modification,
        recertification=Recertification.UNKNOWN,
        last_service_on=(at - timedelta(days=40)).date(),
        inclusions={item: answer for item, answer in unit.inclusions.items() if answer != Included.NOT_STATED},
        state=ListingState.DRAFT,
        created_at=at,
        form_key=uuid5(NAMESPACE_URL, f"demo:{unit.serial}"),
        handpieces=[_handpiece(number, part, at) for number, part in enumerate(unit.parts, start=1)],
    )
    derive(listing, model)
    return listing


def _handpiece(position: int, part: Part, at: datetime) -> Handpiece:
    return Handpiece(
        position=position,
        name=catalog.modalities()[part.modality].name,
        modality_code=part.modality,
        counter_value=part.value,
        counter_unit=part.unit,
        counter_direction=part.direction,
        counter_read_on=(at - timedelta(days=3)).date() if part.value is not None else None,
        rated_life=part.rated_life,
        rated_life_source="the seller's own statement (demo)" if part.rated_life else None,
    )


def _when(unit: Unit, now: datetime) -> datetime:
    return now - timedelta(days=unit.days_ago, hours=5)


def _decide(stage: Stage, fate: Fate, listing: UUID, seller: UUID, at: datetime) -> None:
    if fate is Fate.DRAFT:
        return
    if fate is Fate.WITHDRAWN:
        listings.withdraw(listing_id=listing, actor_id=seller, at=at + timedelta(hours=1))
        return
    listings.submit(listing_id=listing, actor_id=seller, at=at + timedelta(hours=1))
    if fate is Fate.PUBLISHED:
        listings.approve(listing_id=listing, actor_id=stage.moderator, at=at + timedelta(hours=4))
    if fate is Fate.SENT_BACK:
        listings.send_back(
            listing_id=listing,
            actor_id=stage.moderator,
            note="The photos do not show the maker's label. Please add one.",
            at=at + timedelta(hours=4),
        )
