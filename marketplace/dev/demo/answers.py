"""What the demo's sellers answer to the questions of `listings.fields`: plausible, made up, the same everywhere."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from random import Random
from zlib import crc32

from ...catalog import queries as catalog
from ...listings import fields
from ...listings.fields import Field, Kind, Place
from ...listings.models import ConsoleCounter
from ...listings.terms import CounterDirection, CounterUnit, Grade, Recertification, Warranty

_SPOTS = ("3;6;9", "5;7;10", "6;9;12;15;18", "4;8;12", "10;15")
_OPTICS = {Grade.A: "clean", Grade.B: "clean", Grade.C: "marked", Grade.D: "worn"}
_SAID = {
    "software_version": "as shown at the start (demo)",
    "mains_volts": "230",
    "chiller": "built_in",
    "cryogen_cans": "2",
    "keys_count": "2",
    "goggles": "two pairs, for every wavelength sold",
    "lock": "none",
    "supply_to_new_owner": "unknown",
    "depth_mm": "4.5",
    "tip_supply": "sealed",
    "sealed_tips": "5",
    "applicator_part_number": "demo applicator",
    "filters_nm": "515;560;590;640",
    "functional": "Switched on in front of us: every handpiece sold fires, and it cools.",
    "last_service_by": "an independent firm (demo)",
    "last_calibration_on": "",
    "title": "free",
    "patient_data": "wiped",
    "hazard_class": "4",
    "servicing": "Planned maintenance; nothing beyond its maker’s specification.",
    "udi": "as on its label (demo)",
    "accession_number": "as in its papers (demo)",
}
_OF_A_LIEN = frozenset({"lender", "payoff_through", "debtor_name"})
"""What is said only where a loan rests on the device: see `financed`."""

_LOOKS = {
    Grade.A: "No marks beyond handling.",
    Grade.B: "Light scratches on the covers; the screen is clean.",
    Grade.C: "Scratched covers, a worn foot pedal, yellowed plastics.",
    Grade.D: "A cracked side cover, and the screen has a dead line.",
}
_FAULTS = {
    Grade.A: "None known.",
    Grade.B: "None known.",
    Grade.C: "The footswitch cable is stiff; parts near the end of their life are named above.",
    Grade.D: "It reports a fault at the start and does not fire: for repair or parts.",
}
_STARTS = {CounterUnit.HOURS: (300, 4_000), CounterUnit.CYCLES: (20, 200)}
_SHOTS = (80_000, 2_600_000)


def of_unit(serial: str, codes: Sequence[str], grade: Grade, at: datetime) -> dict[str, str]:
    """Return what is said `at` of such a unit: of its console, of its condition, and for a lawful sale."""
    places = (Place.DEVICE, Place.CONDITION, Place.STATEMENT)
    calibrated = (at - timedelta(days=90)).date().isoformat()
    return {key: said or calibrated for place in places for key, said in _answers(place, codes, serial, grade).items()}


def of_handpiece(serial: str, code: str, grade: Grade) -> dict[str, str]:
    """Return what is said of a handpiece of this modality."""
    return _answers(Place.HANDPIECE, [code], serial, grade)


def warranty_of(serial: str) -> dict[str, object]:
    """Return what stands behind a unit: mostly nothing, as it is with used devices."""
    dice = _dice(serial)
    kind = dice.choices((Warranty.NONE, Warranty.SELLER, Warranty.EXTENDED, Warranty.MAKER), (6, 3, 1, 1))[0]
    training = dice.choice((None, True, False))
    if kind is Warranty.NONE:
        return {"warranty": kind, "training_included": training}
    return {
        "warranty": kind,
        "warranty_months": dice.choice((3, 6, 9)),
        "warranty_transferable": None if kind is Warranty.MAKER else True,
        "warranty_provider": None if kind is Warranty.MAKER else "the seller (demo)",
        "training_included": training,
    }


def recertification_of(serial: str, price_usd: int) -> dict[str, object]:
    """Return what is said of recertification: mostly what the maker quoted, else that it asks for none, or nothing."""
    dice = _dice(f"{serial}/recertification")
    said = dice.choices((Recertification.YES, Recertification.NO, Recertification.UNKNOWN), (6, 3, 2))[0]
    if said is not Recertification.YES:
        return {"recertification": said}
    quoted = round(price_usd * dice.uniform(0.04, 0.12) / 50) * 50
    return {"recertification": said, "recertification_minor": quoted * 100}


def counters_of(serial: str, codes: Sequence[str], at: datetime) -> list[ConsoleCounter]:
    """Return what the console has counted: of the counters that it usually has, those somebody could read."""
    dice = _dice(serial)
    read = [template for template in fields.counters_of(codes) if dice.random() < 0.55]
    return [
        ConsoleCounter(
            position=position,
            part=template.part,
            value=dice.randrange(*_STARTS.get(template.unit, _SHOTS)),
            unit=template.unit,
            direction=CounterDirection(template.direction),
            read_on=(at - timedelta(days=3)).date(),
        )
        for position, template in enumerate(read, start=1)
    ]


def _answers(place: Place, codes: Sequence[str], serial: str, grade: Grade) -> dict[str, str]:
    dice = _dice(serial)
    return {
        field.key: _answer(field, codes, dice, grade)
        for field in fields.asked(place, codes)
        if field.needed_for(codes) or (field.key not in _OF_A_LIEN and dice.random() < 0.7)
    }


def _answer(field: Field, codes: Sequence[str], dice: Random, grade: Grade) -> str:
    if field.key == "wavelengths_nm":
        bands = [band for code in codes for band in catalog.modalities()[code].bands]
        return ";".join(f"{low:g}" if low == high else f"{low:g}-{high:g}" for low, high in bands) or "400-1200"
    if field.key == "spot_sizes_mm":
        return dice.choice(_SPOTS)
    if field.key == "optic":
        return _OPTICS[grade]
    if field.key == "cosmetic":
        return _LOOKS[grade]
    if field.key == "known_faults":
        return _FAULTS[grade]
    if field.kind is Kind.CONFIRM:
        return "yes"
    return _SAID[field.key]


def _dice(serial: str) -> Random:
    return Random(crc32(serial.encode()))
