"""The steps of ranges, drawn: how many devices stand on each, and the address that narrows the search to it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlencode

from markupsafe import Markup, escape

from ..kernel.money import Money
from ..kernel.wording import gettext_noop
from ..listings.ladders import Step
from ..listings.search import Found, Wanted
from . import fragments
from .language import gettext, kept_in_each, ngettext

HIGHEST = 40
"""Of a bar; the step with the most devices has it."""

LONG = 99_999
"""Numbers above this are written smaller: six bars stand beside each other on 230 px."""

Span = tuple[int | None, int | None]
OPEN: Span = (None, None)


class Bar(NamedTuple):
    """A step as it is drawn: what it says and what stands above and under it, its height, and what it leads to."""

    told: str
    units: str
    edge: str
    height: int
    query: str | None
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
    unit: str = "%(figure)s"

    def words(self, least: int | None, most: int | None) -> str:
        if most is None:
            return gettext("%(least)s and more", least=self._measured(least or 0))
        high = self._measured(most)
        if least is None:
            return gettext("up to %(most)s", most=high)
        return gettext("%(least)s to %(most)s", least=self.written(least), most=high)

    def _measured(self, bound: int) -> str:
        return gettext(self.unit) % {"figure": self.written(bound)}

    def under(self, least: int | None, most: int | None) -> str:
        """Return what stands under the bar: where the step begins, of the first where it ends."""
        if least is None:
            return f"<{self.edge((most or 0) + 1)}"
        return self.edge(least) + ("+" if most is None else "")

    def query(self, *span: int | None) -> str:
        bounds = zip(self.names, span, strict=True)
        return urlencode([(name, self.typed(bound)) for name, bound in bounds if bound is not None])


_RANGES: dict[str, _Range] = {
    "price": _Range(
        gettext_noop("Devices by price"), ("min", "max"), written=lambda minor: str(Money(minor)),
        typed=lambda minor: f"{minor // 100}.{minor % 100:02}".removesuffix(".00"),
        edge=lambda minor: f"${minor // 100_000}k",
    ),
    "year": _Range(gettext_noop("Devices by year of manufacture"), ("year", "year_to")),
    "used": _Range(
        gettext_noop("Devices by life used"), ("life_from", "life"), unit=gettext_noop("%(figure)s %% of life used"),
    ),
    "light": _Range(
        gettext_noop("Devices by wavelength"), ("nm_from", "nm_to"), written="{:,}".format, unit="%(figure)s nm",
    ),
}  # fmt: skip
_HERE = "{here}"
"""Stands in a kept piece for the address, which is another one on every page; nothing else in it has braces."""


def steps_of(wanted: Wanted, found: Found, without: Callable[[Sequence[str]], str]) -> Mapping[str, Markup]:
    """Return the steps of each range, drawn; `without` gives this page's address without some of its names."""
    pieces = {}
    for name, steps in found.steps.items():
        piece = _piece(name, steps, wanted.light if name == "light" else wanted.spans.get(name, OPEN))
        address = without(_RANGES[name].names)
        pieces[name] = piece.replace(_HERE, escape(f"{address}{'&' if '?' in address else '?'}"))
    return pieces


@kept_in_each(1024)
def _piece(name: str, steps: tuple[Step, ...], chosen: Span) -> Markup:
    long = any(step.units > LONG for step in steps)
    return fragments.drawn(
        "browse/_figures.html", "steps", gettext(_RANGES[name].told), bars(name, steps, chosen), long
    )


def bars(name: str, steps: Sequence[Step], chosen: Span) -> tuple[Bar, ...]:
    """Return the bars of a range, of which `chosen` is in force; none where no device stands on any step."""
    most = max(step.units for step in steps)
    return tuple(_bar(name, step, most, chosen) for step in steps) if most else ()


def _bar(name: str, step: Step, most: int, chosen: Span) -> Bar:
    span = step[:2]
    words, edge, query = _of_step(name, *span)
    in_force = span == chosen
    if in_force:
        query = ""
    return Bar(
        told=_told(words, step.units, in_force=in_force),
        units=f"{step.units:,}",
        edge=edge,
        height=-(-HIGHEST * step.units // most),  # Rounded up: one device among thousands is seen as well.
        query=query if step.units or in_force else None,
        chosen=in_force,
        within=chosen != OPEN and _meet(step, chosen),
    )


def _told(words: str, number: int, *, in_force: bool) -> str:
    devices = ngettext("%(num)s device", "%(num)s devices", number) if number else gettext("no devices")
    if in_force:
        return gettext("%(range)s: %(devices)s; chosen, take it off", range=words, devices=devices)
    return f"{words}: {devices}"


@kept_in_each(256)
def _of_step(name: str, least: int | None, most: int | None) -> tuple[str, str, str]:
    """Return what is the same for a step however many devices stand on it."""
    shown = _RANGES[name]
    return shown.words(least, most), shown.under(least, most), shown.query(least, most)


def _meet(step: Step, chosen: Span) -> bool:
    least, most = chosen
    begins = most is None or step.least is None or step.least <= most
    return begins and (least is None or step.most is None or least <= step.most)
