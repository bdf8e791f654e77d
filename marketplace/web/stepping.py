"""The steps of ranges, drawn: how many devices stand on each, and the address that narrows the search to it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlencode

from markupsafe import Markup, escape

from ..kernel.money import Money
from ..listings.ladders import Step
from ..listings.search import Found, Wanted
from . import fragments

HIGHEST = 40
"""Of a bar; the step with the most devices has it."""

Span = tuple[int | None, int | None]
OPEN: Span = (None, None)


class ShownStep(NamedTuple):
    """A bar: what it says and what stands under it, its height, what it adds to the address, whether it is in force."""

    words: str
    edge: str
    units: int
    height: int
    query: str
    chosen: bool
    within: bool


@dataclass(frozen=True, slots=True)
class _Range:
    """A range as it is told and asked for: its bounds in words, in an address, and under a bar."""

    told: str
    names: tuple[str, str]
    written: Callable[[int], str] = str
    typed: Callable[[int], str] = str
    edge: Callable[[int], str] = str
    unit: str = ""

    def words(self, step: Step) -> str:
        if step.most is None:
            return f"{self.written(step.least or 0)}{self.unit} and more"
        high = f"{self.written(step.most)}{self.unit}"
        return f"up to {high}" if step.least is None else f"{self.written(step.least)} to {high}"

    def under(self, step: Step) -> str:
        """Return what stands under the bar: where the step begins, of the first where it ends."""
        if step.least is None:
            return f"<{self.edge((step.most or 0) + 1)}"
        return self.edge(step.least) + ("+" if step.most is None else "")

    def query(self, step: Step) -> str:
        bounds = zip(self.names, step[:2], strict=True)
        return urlencode([(name, self.typed(bound)) for name, bound in bounds if bound is not None])


_RANGES: dict[str, _Range] = {
    "price": _Range(
        "Devices by price", ("min", "max"), written=lambda minor: str(Money(minor)),
        typed=lambda minor: f"{minor // 100}.{minor % 100:02}".removesuffix(".00"),
        edge=lambda minor: f"${minor // 100_000}k",
    ),
    "year": _Range("Devices by year of manufacture", ("year", "year_to")),
    "used": _Range("Devices by life used", ("life_from", "life"), unit=" % of life used"),
    "light": _Range("Devices by wavelength", ("nm_from", "nm_to"), written="{:,}".format, unit=" nm"),
}  # fmt: skip
_HERE = "{here}"
"""Stands in a kept piece for the address, which is another one on every page; nothing else in it has braces."""


def steps_of(wanted: Wanted, found: Found, without: Callable[[Sequence[str]], str]) -> Mapping[str, Markup]:
    """Return the steps of each range, drawn; `without` gives this page's address without some of its names."""
    pieces = {}
    for name, steps in found.steps.items():
        shown = _RANGES[name]
        chosen = wanted.light if name == "light" else wanted.spans.get(name, OPEN)
        piece = fragments.once("browse/_figures.html", "steps", shown.told, bars(name, steps, chosen))
        address = without(shown.names)
        here = f"{address}{'&' if '?' in address else '?'}"
        pieces[name] = piece.replace(_HERE, escape(here))
    return pieces


def bars(name: str, steps: Sequence[Step], chosen: Span) -> tuple[ShownStep, ...]:
    """Return the bars of a range, of which `chosen` is in force; none where no device stands on any step."""
    most = max(step.units for step in steps)
    if not most:
        return ()
    shown = _RANGES[name]
    return tuple(
        ShownStep(
            words=shown.words(step),
            edge=shown.under(step),
            units=step.units,
            height=-(-HIGHEST * step.units // most),  # Rounded up: one device among thousands is seen as well.
            query="" if step[:2] == chosen else shown.query(step),
            chosen=step[:2] == chosen,
            within=chosen != OPEN and _meet(step, chosen),
        )
        for step in steps
    )


def _meet(step: Step, chosen: Span) -> bool:
    least, most = chosen
    begins = most is None or step.least is None or step.least <= most
    return begins and (least is None or step.most is None or least <= step.most)
