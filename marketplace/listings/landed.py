"""What a device costs until it treats its first patient, line by line; what nobody knows stays unknown. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..kernel.money import Money
from .terms import Recertification

WORN = 80
"""Per cent of its rated life from which a handpiece counts as due here; an assumption of ours, and said to be one."""


ASKS = {Recertification.YES: True, Recertification.NO: False, Recertification.UNKNOWN: None, None: None}
"""What the seller states of recertification -> whether the maker asks a new owner for it; None: not known."""


class Part(StrEnum):
    """A line that the reader may put a figure to."""

    RECERTIFICATION = "recertification"
    DEINSTALLATION = "deinstallation"
    CRATE = "crate"
    FREIGHT = "freight"
    HANDPIECES = "handpieces"
    TRAINING = "training"

    @property
    def words(self) -> str:
        """Name the line."""
        return _PART_WORDS[self]


_PART_WORDS = {
    Part.RECERTIFICATION: "Recertification by the maker",
    Part.DEINSTALLATION: "Taking it down at the seller's",
    Part.CRATE: "Crate",
    Part.FREIGHT: "Freight and insurance",
    Part.HANDPIECES: "Handpieces due",
    Part.TRAINING: "Training on the model",
}


OF_THE_UNIT = (Part.RECERTIFICATION, Part.HANDPIECES)
"""Lines that differ by unit and can be as dear as the unit: without them totals say nothing beside each other."""


class Basis(StrEnum):
    """Where the figure of a line comes from."""

    SELLER = "the seller"
    READER = "your assumption"
    HOUSE = "our terms"
    COUNTERS = "the counters, as the seller states them"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class Unit:
    """
    What is known of a unit. `asks_for_it`: whether the maker asks a new owner for recertification, if the seller knows.

    `lives` are the names of its handpieces with the per cent of rated life that is used; None: not known.
    """

    price: Money
    asks_for_it: bool | None
    quote: Money | None
    lives: Sequence[tuple[str, int | None]]
    training_included: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `amount` is None where nobody knows it; `why` says where it comes from, or what is known instead."""

    part: Part | None
    words: str
    amount: Money | None
    basis: Basis
    why: str


@dataclass(frozen=True, slots=True)
class Landed:
    """Every line, and what the known ones come to."""

    lines: tuple[Line, ...]

    @property
    def total(self) -> Money:
        """Return the sum of what is known, to the cent."""
        known = [line.amount for line in self.lines if line.amount is not None]
        total = known[0]
        for amount in known[1:]:
            total += amount
        return total

    @property
    def unknown(self) -> tuple[str, ...]:
        """Name the lines that nobody knows."""
        return tuple(line.words for line in self.lines if line.amount is None)

    @property
    def comparable(self) -> Money | None:
        """
        Return the total to set units in order by; None: something is not known that is the unit's own.

        What the way, the crate and the training cost stays out of every unit's total alike, until somebody knows it.
        """
        own = (line.amount for line in self.lines if line.part in OF_THE_UNIT)
        return None if None in own else self.total

    @property
    def words(self) -> str:
        """Say the total: with unknown lines it is the least it can be."""
        return f"at least {self.total}" if self.unknown else str(self.total)


def landed(unit: Unit, assumed: Mapping[Part, Money], *, published: str | None = None) -> Landed:
    """
    Add up what the unit costs the buyer in all. What the reader assumes goes before what others say.

    `published` is what was published of the maker's fee, in words; it is shown, and never added.
    """
    price = Line(None, "Price", unit.price, Basis.SELLER, "What the seller asks.")
    fee = Line(None, "Our fee", Money(0, unit.price.currency), Basis.HOUSE, "The seller pays it out of the price.")
    found = {
        Part.RECERTIFICATION: _recertification(unit, published),
        Part.DEINSTALLATION: _unknown(Part.DEINSTALLATION, "Ask the seller who takes it down, and for a quote."),
        Part.CRATE: _unknown(Part.CRATE, "Ask the seller whether the maker's crate is there."),
        Part.FREIGHT: _unknown(Part.FREIGHT, "Get a quote from a carrier for both addresses."),
        Part.HANDPIECES: _handpieces(unit),
        Part.TRAINING: _training(unit),
    }
    lines = [
        Line(part, part.words, assumed[part], Basis.READER, line.why) if part in assumed else line
        for part, line in found.items()
    ]
    return Landed((price, *lines, fee))


def _recertification(unit: Unit, published: str | None) -> Line:
    part = Part.RECERTIFICATION
    if unit.quote is not None:
        return Line(part, part.words, unit.quote, Basis.SELLER, "Quoted to the seller.")
    if unit.asks_for_it is False:
        nothing = Money(0, unit.price.currency)
        return Line(part, part.words, nothing, Basis.SELLER, "The seller states that the maker does not ask for it.")
    told = f" {published}" if published else ""
    return _unknown(part, f"Ask the maker before you buy.{told}")


def _training(unit: Unit) -> Line:
    part = Part.TRAINING
    if unit.training_included:
        nothing = Money(0, unit.price.currency)
        return Line(part, part.words, nothing, Basis.SELLER, "The seller states that it is included.")
    return _unknown(part, "No published figure is known to us.")


def _handpieces(unit: Unit) -> Line:
    part = Part.HANDPIECES
    worn = [f"{name} ({used} %)" for name, used in unit.lives if used is not None and used >= WORN]
    if worn:
        return _unknown(part, f"{WORN} % or more of the rated life is used: {', '.join(worn)}. Ask for its price.")
    if any(used is None for _, used in unit.lives) or not unit.lives:
        return _unknown(part, "How much of the rated life is used is not known for every handpiece.")
    why = f"None has used {WORN} % of its rated life; that limit is ours."
    return Line(part, part.words, Money(0, unit.price.currency), Basis.COUNTERS, why)


def _unknown(part: Part, why: str) -> Line:
    return Line(part, part.words, None, Basis.UNKNOWN, why)
