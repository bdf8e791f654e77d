"""Puts the demo's units on the market: drafted, described, photographed and approved by the use-cases of the house."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy import select

from ...catalog import queries as catalog
from ...catalog.models import DeviceModel, Maker
from ...extensions import adapter_of, db, unit_of_work
from ...kernel.money import Money
from ...listings import drafting
from ...listings import service as listings
from ...listings.drafting import Counter
from ...listings.images import Prepared, prepare
from ...listings.models import Listing, Photo
from ...listings.ports import PhotoStore
from ...listings.terms import Modification, Recertification
from . import market, pictures
from .cast import HOUSES
from .market import Fate, Part, Unit
from .people import Stage

_OWNERS = {house.key: house.people[0].name for house in HOUSES}
_PLACES = {house.key: (house.city, house.state) for house in HOUSES}


class Shot(NamedTuple):
    """A drawn photo that was kept, and what it shows."""

    stem: str
    prepared: Prepared
    shows: str


def fill(stage: Stage, *, now: datetime) -> dict[str, UUID]:
    """List every unit of the market as of `now`; return the listings by serial number."""
    models = {
        (maker, model): (model_id, tuple(codes))
        for maker, model, model_id, codes in db.session.execute(
            select(Maker.name, DeviceModel.name, DeviceModel.id, DeviceModel.modality_codes)
            .join(DeviceModel.maker)
            .order_by(Maker.name, DeviceModel.name)
        )
    }
    units = market.units([(maker, model, codes) for (maker, model), (_, codes) in models.items()])
    db.session.rollback()  # Drawing takes seconds, and no transaction should wait for it.
    shots = photograph({(unit.maker, unit.model): models[unit.maker, unit.model][1] for unit in units})
    listed = {}
    # The oldest first, so that the newest stand on top as they would.
    for unit in sorted(units, key=lambda unit: -unit.days_ago):
        model_id = models[unit.maker, unit.model][0]
        listed[unit.serial] = _list(stage, unit, model_id, shots[unit.maker, unit.model], now=now)
    return listed


def photograph(models: Mapping[tuple[str, str], tuple[str, ...]]) -> dict[tuple[str, str], list[Shot]]:
    """Draw and keep two photos of each model, on every processor there is."""
    with ProcessPoolExecutor() as studio:
        taken = list(studio.map(_photos_of, *zip(*((*name, codes) for name, codes in models.items()), strict=True)))
    store = adapter_of(PhotoStore)
    kept: dict[tuple[str, str], list[Shot]] = {}
    for (maker, model), prints in zip(models, taken, strict=True):
        for number, (shows, prepared) in enumerate(prints):
            key = uuid5(NAMESPACE_URL, f"demo:{maker}:{model}:{number}")
            stem = f"{key.hex[:2]}/{key}"
            for ending, content in prepared.files.items():
                store.put(stem + ending, content)
            kept.setdefault((maker, model), []).append(Shot(stem, prepared, shows))
    return kept


def _photos_of(maker: str, model: str, codes: tuple[str, ...]) -> list[tuple[str, Prepared]]:
    subject = pictures.Subject(maker, model, codes)
    views = (
        (f"Drawing of the {maker} {model} console with its handpieces hung up", pictures.console(subject)),
        (f"Drawing of the handpieces of the {maker} {model} on a tray", pictures.handpieces(subject)),
    )
    return [(shows, prepare(pictures.encoded(view), filename="drawing.jpg")) for shows, view in views]


def _list(stage: Stage, unit: Unit, model_id: UUID, shots: Sequence[Shot], *, now: datetime) -> UUID:
    seller, clinic = stage.people[_OWNERS[unit.house]], stage.clinics[unit.house]
    city, state = _PLACES[unit.house]
    at = now - timedelta(days=unit.days_ago, hours=5)
    listing = drafting.draft(
        actor_id=seller,
        clinic_id=clinic,
        model_id=model_id,
        city=city,
        state_code=state,
        form_key=uuid5(NAMESPACE_URL, f"demo:{unit.serial}"),
        at=at,
        serial=unit.serial,
        year=unit.year,
    )
    drafting.describe_condition(
        listing_id=listing,
        actor_id=seller,
        grade=unit.grade,
        inclusions=unit.inclusions,
        last_service_on=(at - timedelta(days=40)).date(),
        description=unit.description,
        at=at,
    )
    for part in unit.parts:
        _add_part(listing, seller, part, at)
    drafting.describe_terms(
        listing_id=listing,
        actor_id=seller,
        rx_label_present=True,
        id_label_present=True,
        modification=Modification(unit.modification),
        recertification=Recertification.UNKNOWN,
        recertification_quote=None,
        price=Money(unit.price_usd * 100) if unit.fate is not Fate.DRAFT else None,
    )
    _hang(listing, shots)
    _decide(stage, unit.fate, listing, seller, at)
    return listing


def _add_part(listing: UUID, seller: UUID, part: Part, at: datetime) -> None:
    counter = None
    if part.value is not None and part.unit is not None and part.direction is not None:
        counter = Counter(part.value, part.unit, part.direction, (at - timedelta(days=3)).date())
    drafting.put_handpiece(
        listing_id=listing,
        actor_id=seller,
        handpiece_id=None,
        name=catalog.modalities()[part.modality].name,
        modality_code=part.modality,
        serial="",
        counter=counter,
        rated_life=part.rated_life,
        rated_life_source="the seller's own statement (demo)" if part.rated_life else "",
        at=at,
    )


def _hang(listing: UUID, shots: Sequence[Shot]) -> None:
    # Every unit of a model shows the same drawings, so they are kept once.
    with unit_of_work():
        row = db.session.get_one(Listing, listing)
        for position, (stem, prepared, shows) in enumerate(shots, start=1):
            row.photos.append(
                Photo(
                    position=position,
                    storage_key=stem,
                    alternative_text=shows,
                    width=prepared.width,
                    height=prepared.height,
                    digest=prepared.digest,
                )
            )


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
