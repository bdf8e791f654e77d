"""What a device costs until it treats its first patient, line by line; what nobody knows stays unknown. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from ..kernel.money import Money
from ..kernel.wording import gettext_noop
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
    Part.RECERTIFICATION: gettext_noop("Recertification by the maker"),
    Part.DEINSTALLATION: gettext_noop("Taking it down at the seller's"),
    Part.CRATE: gettext_noop("Crate"),
    Part.FREIGHT: gettext_noop("Freight and insurance"),
    Part.HANDPIECES: gettext_noop("Handpieces due"),
    Part.TRAINING: gettext_noop("Training on the model"),
}


OF_THE_UNIT = (Part.RECERTIFICATION, Part.HANDPIECES)
"""Lines that differ by unit and can be as dear as the unit: without them totals say nothing beside each other."""


class Basis(StrEnum):
    """Where the figure of a line comes from."""

    SELLER = gettext_noop("the seller")
    READER = gettext_noop("your assumption")
    HOUSE = gettext_noop("our terms")
    COUNTERS = gettext_noop("the counters, as the seller states them")
    UNKNOWN = gettext_noop("not known")


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
    """
    One line. `amount` is None where nobody knows it; `why` says where it comes from, or what is known instead.

    `message` has the places that `values` fill; `published` is a sentence about the maker's fee.
    """

    part: Part | None
    words: str
    amount: Money | None
    basis: Basis
    message: str
    values: tuple[tuple[str, object], ...] = ()
    published: str | None = None

    @property
    def why(self) -> str:
        """Say where it comes from."""
        said = self.message % dict(self.values) if self.values else self.message
        return f"{said} {self.published}" if self.published else said


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
    price = Line(None, gettext_noop("Price"), unit.price, Basis.SELLER, gettext_noop("What the seller asks."))
    nothing = Money(0, unit.price.currency)
    takes = gettext_noop("The seller pays it out of the price.")
    fee = Line(None, gettext_noop("Our fee"), nothing, Basis.HOUSE, takes)
    found = {
        Part.RECERTIFICATION: _recertification(unit, published),
        Part.DEINSTALLATION: _unknown(
            Part.DEINSTALLATION, gettext_noop("Ask the seller who takes it down, and for a quote.")
        ),
        Part.CRATE: _unknown(Part.CRATE, gettext_noop("Ask the seller whether the maker's crate is there.")),
        Part.FREIGHT: _unknown(Part.FREIGHT, gettext_noop("Get a quote from a carrier for both addresses.")),
        Part.HANDPIECES: _handpieces(unit),
        Part.TRAINING: _training(unit),
    }
    lines = [
        replace(line, amount=assumed[part], basis=Basis.READER) if part in assumed else line
        for part, line in found.items()
    ]
    return Landed((price, *lines, fee))


def _recertification(unit: Unit, published: str | None) -> Line:
    part = Part.RECERTIFICATION
    if unit.quote is not None:
        return Line(part, part.words, unit.quote, Basis.SELLER, gettext_noop("Quoted to the seller."))
    if unit.asks_for_it is False:
        nothing = Money(0, unit.price.currency)
        why = gettext_noop("The seller states that the maker does not ask for it.")
        return Line(part, part.words, nothing, Basis.SELLER, why)
    return _unknown(part, gettext_noop("Ask the maker before you buy."), published=published)


def _training(unit: Unit) -> Line:
    part = Part.TRAINING
    if unit.training_included:
        nothing = Money(0, unit.price.currency)
        why = gettext_noop("The seller states that it is included.")
        return Line(part, part.words, nothing, Basis.SELLER, why)
    return _unknown(part, gettext_noop("No published figure is known to us."))


def _handpieces(unit: Unit) -> Line:
    part = Part.HANDPIECES
    worn = [f"{name} ({used} %)" for name, used in unit.lives if used is not None and used >= WORN]
    if worn:
        why = gettext_noop("%(worn)s %% or more of the rated life is used: %(names)s. Ask for its price.")
        return _unknown(part, why, (("worn", WORN), ("names", ", ".join(worn))))
    if any(used is None for _, used in unit.lives) or not unit.lives:
        return _unknown(part, gettext_noop("How much of the rated life is used is not known for every handpiece."))
    why = gettext_noop("None has used %(worn)s %% of its rated life; that limit is ours.")
    return Line(part, part.words, Money(0, unit.price.currency), Basis.COUNTERS, why, (("worn", WORN),))


def _unknown(
    part: Part, why: str, values: tuple[tuple[str, object], ...] = (), *, published: str | None = None
) -> Line:
    return Line(part, part.words, None, Basis.UNKNOWN, why, values, published)
