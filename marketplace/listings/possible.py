"""What can be said of a unit: each rule lets through what can be, and refuses the rest by its field. No state."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from ..catalog.queries import ModelFacts
from ..catalog.rated import figure
from ..kernel.errors import Invalid
from ..kernel.money import Money
from ..kernel.terms import STATES
from ..kernel.text import in_our_letters
from .models import Handpiece
from .places import is_zip
from .prices import LEAST, MOST, reductions
from .terms import CounterDirection, CounterUnit, Warranty


@dataclass(frozen=True, slots=True)
class Counter:
    """What a part has counted, in which unit, upwards or down, and when somebody looked."""

    value: int
    unit: CounterUnit
    direction: CounterDirection
    read_on: date | None = None


@dataclass(frozen=True, slots=True)
class Assurance:
    """What stands behind the unit after the sale: for how many months, by whom, and whether it goes with the unit."""

    kind: Warranty
    months: int | None = None
    transferable: bool | None = None
    provider: str = ""


def require_place(city: str, state_code: str) -> None:
    """
    Let a place through where a device can stand.

    :raises Invalid: no such state, or no city
    """
    if state_code not in STATES:
        raise Invalid("Choose the state where the device stands.", field="state_code")
    if not city.strip():
        raise Invalid("Write the city where the device stands.", field="city")


def zip_of(typed: str) -> str | None:
    """
    Return the ZIP code that somebody typed, in five figures; None: nothing was typed.

    :raises Invalid: it is none
    """
    # The four figures behind the dash, if there are any, say which street: nobody needs to know it yet.
    postal_code = typed.strip().partition("-")[0]
    if postal_code and not is_zip(postal_code):
        raise Invalid("Write the ZIP code in five figures.", field="postal_code")
    return postal_code or None


def require_serial(serial: str) -> None:
    """
    Let a serial number through that can be told from others, or none.

    :raises Invalid: it has letters that only look like those of ours
    """
    if not in_our_letters(serial):
        raise Invalid("Write the serial number with letters from A to Z and digits, as it is printed.", field="serial")


def require_year(year: int | None, at: datetime) -> None:
    """
    Let a year of manufacture through that can be, or none.

    :raises Invalid: it is too long ago, or ahead of us
    """
    if year is not None and not 1985 <= year <= at.year:
        raise Invalid(f"Write the year of manufacture, from 1985 to {at.year}.", field="year")


def require_reduction(reduction: Money | None) -> None:
    """
    Let a fall in price through that can be, or none.

    :raises Invalid: it is nothing, or more than a device can cost here
    """
    if reduction is not None and not 0 < reduction.minor <= MOST.minor:
        raise Invalid("Write by how much the price falls, or leave it empty: it then stays.", field="reduction")


def require_payable(price: Money) -> None:
    """
    Let a price through that can be paid here.

    :raises Invalid: it is below or beyond that
    """
    if not LEAST <= price <= MOST:
        raise Invalid(f"A device can be sold here for {LEAST} to {MOST}.", field="price")


def require_worth(price: Money, parts: Iterable[Handpiece]) -> None:
    """
    Let a price through from which everything can fall that falls with handpieces left out.

    :raises Invalid: less would be left than can be paid here
    """
    if price.minor - reductions(parts) < LEAST.minor:
        raise Invalid(f"With every handpiece left out that lowers it, less than {LEAST} is left.", field="price")


def require_possible(counter: Counter | None, at: datetime) -> None:
    """
    Let a counter through that can be.

    :raises Invalid: it is below zero, above 100 per cent, or was read in the future
    """
    if counter is None:
        return
    if counter.value < 0:
        raise Invalid("A counter cannot be below zero.", field="counter_value")
    if counter.unit is CounterUnit.PERCENT_LEFT and counter.value > 100:
        raise Invalid("A part cannot have more than 100 per cent left.", field="counter_value")
    if counter.read_on is not None and counter.read_on > at.date():
        raise Invalid("The counter cannot have been read in the future.", field="counter_read_on")


def rated(model: ModelFacts, counter: Counter | None, stated: int | None, source: str) -> tuple[int | None, str | None]:
    """
    Return the rated life to keep with a counter and who says so: the seller's, or the maker's published one.

    :raises Invalid: the seller's is none at all
    """
    if stated is not None and stated < 1:
        raise Invalid("A rated life is above zero.", field="rated_life")
    published = None if counter is None or stated is not None else figure(model.slug, counter.unit)
    if published is not None:
        return published.most, f"its maker: {published.source}"
    return stated, source.strip() or None


def require_warranty(warranty: Assurance) -> None:
    """
    Let a warranty through that can be.

    :raises Invalid: none, and yet something is promised; or for no such time
    """
    promises = warranty.months is not None or warranty.transferable is not None or bool(warranty.provider.strip())
    if warranty.kind is Warranty.NONE and promises:
        raise Invalid("Without a warranty there are no months, and nobody to give it.", field="warranty")
    if warranty.months is not None and not 1 <= warranty.months <= 120:
        raise Invalid("Write the months that are left, from 1 to 120.", field="warranty_months")
