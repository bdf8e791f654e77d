"""What is for sale in the demo: 240 units over the real catalogue, the same on every machine. Pure data and dice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil
from random import Random
from typing import NamedTuple

from ...listings.conditions import INCLUSIONS, Included
from ...listings.terms import CounterDirection, CounterUnit, Grade, Modification
from .cast import HOUSES

NUMBER = 240
_SEED = 20_260_601

# Dollars, by kind: what one US dealer asked for 33 used devices (lowcostlasers.com/shop, undated, 2024-08 or later).
# The demo draws within these, from the dearest kind of light in a device; they are no valuation of anything.
_BANDS = {
    "ALEX": (16_900, 35_000),
    "DIODE_HR": (24_000, 35_000),
    "DIODE_LIPO": (12_000, 24_000),
    "RUBY": (4_100, 9_500),
    "NDYAG_LP": (15_000, 33_000),
    "NDYAG_QS": (4_100, 22_000),
    "PICO": (26_000, 49_000),
    "KTP": (18_000, 40_000),
    "PDL": (28_000, 47_000),
    "IPL": (23_000, 45_000),
    "CO2": (7_500, 23_000),
    "CO2_FRAC": (12_000, 23_000),
    "ER_YAG": (14_000, 27_000),
    "ER_YAG_FRAC": (25_000, 41_000),
    "ER_GLASS_FRAC": (24_000, 45_000),
    "THULIUM_FRAC": (25_000, 45_000),
    "HYBRID_FRAC": (38_000, 54_000),
    "RF_NEEDLE": (35_000, 79_000),
    "RF_MONOPOLAR": (17_000, 30_000),
    "HIFU": (22_000, 38_000),
    "CRYO": (18_000, 36_000),
    "EMS": (28_000, 63_000),
}
_USUAL = (8_000, 30_000)

_WORDS = (
    "Used in one room since new, serviced every year by the maker.",
    "Taken out of use when we changed to another platform. Works as it should.",
    "Kept in a climate-controlled room; calibration last checked with the service shown.",
    "Part of a fleet of two; this is the one with fewer shots.",
    "Sold because the practice moves to a smaller site. Can be seen working by appointment.",
)


class Fate(StrEnum):
    """How far a listing came."""

    PUBLISHED = "published"
    IN_REVIEW = "in_review"
    DRAFT = "draft"
    SENT_BACK = "sent_back"
    WITHDRAWN = "withdrawn"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Part:
    """A handpiece of a unit. The rated life is what this seller states, and may be nothing."""

    modality: str
    value: int | None
    unit: CounterUnit | None
    direction: CounterDirection | None
    rated_life: int | None


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit for sale."""

    house: str
    maker: str
    model: str
    year: int
    price_usd: int
    grade: Grade
    serial: str
    parts: tuple[Part, ...]
    inclusions: Mapping[str, Included]
    modification: Modification
    description: str
    days_ago: int
    fate: Fate


# What the tour of the README visits, always on the first page.
FEATURED = (
    ("sonoran", "Candela", "GentleMax Pro", 2018, 62_500, Grade.B),
    ("desert_ridge", "Lumenis", "M22", 2016, 24_900, Grade.A),
    ("gulf_coast", "Sciton", "JOULE ProFractional", 2015, 41_000, Grade.B),
    ("sonoran", "Lumenis", "LightSheer Desire / Infinity (family)", 2014, 27_000, Grade.B),
    ("bayview", "Lumenis", "AcuPulse", 2012, 22_000, Grade.C),
    ("peachtree", "Cynosure", "PicoSure", 2013, 29_900, Grade.B),
    ("hill_country", "Candela", "GentleLASE Pro / Pro LE", 2016, 24_000, Grade.A),
    ("lakeshore", "Solta", "Fraxel DUAL", 2013, 38_000, Grade.B),
    ("silver_state", "InMode", "Morpheus8 / Fractora", 2021, 57_000, Grade.A),
    ("cascade", "Cutera", "xeo", 2014, 26_500, Grade.C),
    ("gulf_coast", "Candela", "Vbeam Prima", 2020, 47_000, Grade.A),
    ("sonoran", "Alma", "Soprano XL family", 2019, 33_900, Grade.A),
)

# What is sold before anybody looks, so that the price guide has something to say: of each model its years of make,
# each with how many months ago it was sold, to practices of physicians whose state has a rule for what it does. The
# first figure is what that dealer asked for one of this model; what it fetched here is drawn below it.
SOLD = (
    (
        "Lumenis", "LightSheer Duet", 29_900,
        ((2014, 16), (2014, 16), (2014, 16), (2016, 11), (2016, 7), (2016, 3)), ("lakeshore", "bayview"),
    ),
    ("Cynosure", "PicoSure", 29_999, ((2013, 14), (2013, 14), (2013, 14), (2013, 5)), ("lakeshore", "bayview")),
    ("Lumenis", "AcuPulse", 22_000, ((2012, 9), (2012, 9), (2012, 9)), ("lakeshore",)),
    ("Candela", "Vbeam Prima", 47_000, ((2019, 11), (2019, 7), (2019, 3)), ("lakeshore",)),
)  # fmt: skip
DAYS_OF_A_MONTH, DAYS_ON_THE_MARKET = 30, 25
"""Of what is sold before anybody looks: it was listed so many days before its sale."""


class PastSale(NamedTuple):
    """A sale of the past: which unit, to which house, how many months ago."""

    serial: str
    house: str
    months_ago: int


def serial_of(maker: str, year: int, number: int) -> str:
    """Return the serial number of a unit of the demo."""
    return f"{maker[:2].upper()}{year % 100:02}-{number:04}"


def sold() -> list[PastSale]:
    """Return what is sold before anybody looks."""
    made = [
        (maker, year, houses[number % len(houses)], months)
        for maker, _, _, years, houses in SOLD
        for number, (year, months) in enumerate(years)
    ]
    return [
        PastSale(serial_of(maker, year, number), house, months)
        for number, (maker, year, house, months) in enumerate(made, start=NUMBER)
    ]


def units(models: Sequence[tuple[str, str, tuple[str, ...]]]) -> list[Unit]:
    """
    Return the units for sale. `models` are maker, model and modality codes in the order of the catalogue.

    The featured ones come first; the newest stand last, as they do on a market.
    """
    dice = Random(_SEED)
    modalities = {(maker, model): codes for maker, model, codes in models}
    made = []
    for number, (house, maker, model, year, price, grade) in enumerate(FEATURED):
        codes = modalities[maker, model]
        made.append(_unit(dice, number, (house, maker, model, codes), year, price, grade, Fate.PUBLISHED))
    sellers = [house.key for house in HOUSES if house.basis is not None]
    for number in range(len(FEATURED), NUMBER):
        maker, model, codes = models[number * 7 % len(models)]
        year = dice.randint(2009, 2023)
        grade = dice.choices(list(Grade), weights=(4, 9, 5, 1))[0]
        price = _price(dice, codes, year, grade)
        house = dice.choice([*sellers, "sonoran", "gulf_coast", "desert_ridge"])
        made.append(_unit(dice, number, (house, maker, model, codes), year, price, grade, _fate(number)))
    for maker, model, asked, years, _ in SOLD:
        for year, months in years:
            price = round(asked * dice.uniform(0.78, 0.97) / 100) * 100
            what = (dice.choice(("sonoran", "gulf_coast", "desert_ridge")), maker, model, modalities[maker, model])
            unit = _unit(dice, len(made), what, year, price, Grade.B, Fate.PUBLISHED)
            made.append(replace(unit, days_ago=months * DAYS_OF_A_MONTH + DAYS_ON_THE_MARKET))
    return made


def _unit(
    dice: Random,
    number: int,
    what: tuple[str, str, str, tuple[str, ...]],
    year: int,
    price: int,
    grade: Grade,
    fate: Fate,
) -> Unit:
    house, maker, model, codes = what
    changed = dice.choices((Modification.NONE, Modification.SERVICED, Modification.UNKNOWN), (5, 12, 1))[0]
    return Unit(
        house=house,
        maker=maker,
        model=model,
        year=year,
        price_usd=price,
        grade=grade,
        serial=serial_of(maker, year, number),
        parts=tuple(_part(dice, code, grade) for code in codes),
        inclusions={item: _included(dice, grade) for item in INCLUSIONS},
        modification=changed if len(FEATURED) <= number < NUMBER else Modification.SERVICED,
        description=dice.choice(_WORDS),
        days_ago=number if number < len(FEATURED) else dice.randint(12, 180),
        fate=fate,
    )


def _part(dice: Random, modality: str, grade: Grade) -> Part:
    if modality in {"VACUUM", "IR", "NIR"}:
        return Part(modality, None, None, None, None)
    # What is graded as new has no part past a quarter of its life.
    left = 0.76 if grade is Grade.A else 0.05
    if modality == "HIFU":
        # The maker's instructions for use end a transducer at 2,400 lines.
        lines = dice.randrange(round(2_400 * left), 2_300)
        return Part(modality, lines, CounterUnit.LINES, CounterDirection.DOWN, 2_400)
    if modality == "CRYO":
        cycles = dice.randrange(20, 400)
        rated = ceil(cycles / max(left, 0.6) / 10) * 10
        return Part(modality, cycles, CounterUnit.CYCLES, CounterDirection.DOWN, rated)
    if modality in {"EMS", "RF_BODY", "RF_BIPOLAR", "ELOS_IPL_RF"}:
        per_cent = dice.randrange(round(100 * left), 96)
        return Part(modality, per_cent, CounterUnit.PERCENT_LEFT, CounterDirection.DOWN, None)
    if modality.startswith("CO2"):
        hours = dice.randrange(80, 2_600)
        return Part(modality, hours, CounterUnit.HOURS, CounterDirection.UP, ceil(hours / min(1 - left, 0.6) / 50) * 50)
    shots = dice.randrange(3_000, 900_000)
    stated = dice.random() < 0.9
    rated = ceil(shots / dice.uniform(0.08, 1 - left) / 50_000) * 50_000
    return Part(modality, shots, CounterUnit.SHOTS, CounterDirection.UP, rated if stated else None)


def _included(dice: Random, grade: Grade) -> Included:
    return dice.choices(list(Included), (8, 1, 2) if grade in {Grade.A, Grade.B} else (4, 3, 4))[0]


def _price(dice: Random, codes: Sequence[str], year: int, grade: Grade) -> int:
    low, high = max((_BANDS.get(code, _USUAL) for code in codes), key=lambda band: band[1])
    age = (year - 2009) / 14
    worth = low + (high - low) * (0.15 + 0.7 * age) * dice.uniform(0.85, 1.15)
    worth *= {Grade.A: 1.08, Grade.B: 1.0, Grade.C: 0.82, Grade.D: 0.45}[grade]
    return round(min(high, max(low, worth)) / 100) * 100


def _fate(number: int) -> Fate:
    if number % 20 == 7:
        return Fate.IN_REVIEW
    if number % 24 == 5:
        return Fate.DRAFT
    if number % 80 == 13:
        return Fate.SENT_BACK
    if number % 60 == 31:
        return Fate.WITHDRAWN
    if number % 90 == 17:
        return Fate.PAUSED
    return Fate.PUBLISHED
