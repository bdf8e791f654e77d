"""A unit as the gate sees it: its model, its handpieces and the recalls that are open for it."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import text

from ..catalog import queries as catalog
from ..catalog.terms import HazardClass
from ..clinics.states import SellerStanding
from ..extensions import db
from ..kernel.text import normal_number
from ..recalls import queries as recalls
from .facts import Device, Handpiece, Hazard, Modification, OpenRecall
from .sale import Sale, SoldHandpiece


def sound_model(model: catalog.ModelFacts) -> Device:
    """Return a unit of this model with nothing against it and every handpiece that the model can have."""
    return Device(
        model_id=model.id,
        maker=model.maker,
        model=model.name,
        product_code=model.product_code,
        rx_label_seen=True,
        id_label_seen=True,
        modification=Modification.NONE,
        recall_open=False,
        handpieces=_parts(model, model.modality_codes),
    )


def unseen_unit(model: catalog.ModelFacts, modality_codes: Iterable[str]) -> Device:
    """
    Return some unit of this model that nobody here has seen, sold with handpieces of these modalities.

    Its serial number is not known, so every recall that is open for any unit of the model is open for it.
    """
    unit = Device(
        model_id=model.id,
        maker=model.maker,
        model=model.name,
        product_code=model.product_code,
        rx_label_seen=None,
        id_label_seen=None,
        modification=Modification.UNKNOWN,
        recall_open=None,
        handpieces=_parts(model, modality_codes),
    )
    some = recalls.Unit(model.id, None)
    return _under(recalls.looked_up([some]), unit, some)


def _parts(model: catalog.ModelFacts, modality_codes: Iterable[str]) -> tuple[Handpiece, ...]:
    modalities = catalog.modalities()
    return tuple(
        _handpiece(SoldHandpiece(id=uuid5(model.id, code), name=modalities[code].name, modality_code=code))
        for code in modality_codes
    )


def devices_of(sales: Iterable[Sale]) -> Mapping[UUID, Device]:
    """Return, by listing, each unit as the gate sees it."""
    sales = list(sales)
    models = catalog.models_by_id({sale.model_id for sale in sales})
    looked = recalls.looked_up({unit_of(sale) for sale in sales})
    return {sale.listing_id: _under(looked, _device(sale, models.get(sale.model_id)), unit_of(sale)) for sale in sales}


class Known(NamedTuple):
    """What is known of a unit beside its sale: its model, the recalls that are open for it, and its seller."""

    model: catalog.ModelFacts
    looked: recalls.Looked
    seller: SellerStanding


def device_known(sale: Sale, known: Known) -> Device:
    """Return the unit as the gate sees it, from what is known."""
    return _under(known.looked, _device(sale, known.model), unit_of(sale))


def with_recalls_of(then: datetime, device: Device) -> Device:
    """Return the device under the recalls that were open for its unit at `then`; its serial number is that of now."""
    if device.model_id is None:
        return device
    serial = db.session.scalar(text("SELECT serial_normal FROM listings WHERE id = :id"), {"id": device.listing_id})
    unit = recalls.Unit(device.model_id, serial)
    return _under(recalls.looked_up([unit], then=then), device, unit)


def unit_of(sale: Sale) -> recalls.Unit:
    """Return the unit as recalls name it."""
    return recalls.Unit(sale.model_id, normal_number(sale.serial or "") or None)


def _under(looked: recalls.Looked, device: Device, unit: recalls.Unit) -> Device:
    found = tuple(
        OpenRecall(one.number, one.firm, one.classification, one.source, one.fetched_at.date())
        for one in looked.open.get(unit, ())
    )
    return replace(device, recall_open=looked.stands_open(unit), recalls=found)


def sound_device(modality: catalog.ModalityFacts) -> Device:
    """Return a unit with nothing against it that has one handpiece of this modality."""
    nobody = UUID(int=0)
    return Device(
        model_id=nobody,
        maker="",
        model=modality.name,
        product_code=None,
        rx_label_seen=True,
        id_label_seen=True,
        modification=Modification.NONE,
        recall_open=False,
        handpieces=(_handpiece(SoldHandpiece(id=nobody, name=modality.name, modality_code=modality.code)),),
    )


def _handpiece(part: SoldHandpiece) -> Handpiece:
    modality = catalog.modalities()[part.modality_code]
    return Handpiece(
        id=part.id,
        name=part.name,
        modality=part.modality_code,
        enables=frozenset(modality.procedure_classes) if modality.determined else None,
        hazard=_HAZARDS[modality.hazard_class],
    )


def _device(sale: Sale, model: catalog.ModelFacts | None) -> Device:
    return Device(
        model_id=model.id if model else None,
        maker=model.maker if model else "",
        model=model.name if model else "",
        product_code=model.product_code if model else None,
        rx_label_seen=sale.rx_label_present,
        id_label_seen=sale.id_label_present,
        modification=sale.modification,
        recall_open=None,
        handpieces=tuple(_handpiece(part) for part in sale.handpieces),
        listing_id=sale.listing_id,
    )


_HAZARDS = {
    HazardClass.CLASS_IV: Hazard.LASER,
    HazardClass.NOT_A_LASER: Hazard.NOT_A_LASER,
    HazardClass.UNKNOWN: Hazard.UNKNOWN,
}
