"""The search's address read: what was asked for, and what in it makes no sense."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from urllib.parse import urlencode
from uuid import UUID

from flask import url_for
from werkzeug.datastructures import MultiDict

from ..catalog import queries as catalog
from ..eligibility.verdict import Reach
from ..kernel.errors import Invalid
from ..kernel.money import parse_money
from ..kernel.terms import STATES, ProcedureClass
from ..kernel.wording import gettext_noop
from ..listings.asked import SPOT
from ..listings.conditions import GRADES
from ..listings.places import point_of
from ..listings.search import Cursor, Near, Sort, Wanted
from ..listings.suggesting import Suggestion
from . import unit
from .language import gettext

LONGEST_TEXT = 200
_LENGTH = re.compile(r"^[0-9]{1,3}(?:\.[0-9]{1,2})?$")
MOST_CHOSEN = 20

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Facet:
    """A filter to choose answers from. `labels`: what each is called, in order; None: answers are their own names."""

    legend: str
    labels: Callable[[], Labels] | None = None


FACETS: dict[str, Facet] = {
    "modality": Facet(gettext_noop("Modality"), lambda: {code: one.name for code, one in catalog.modalities().items()}),
    "procedure": Facet(
        gettext_noop("What it is for"), lambda: {str(one): gettext(one.words).capitalize() for one in ProcedureClass}
    ),
    "maker": Facet(gettext_noop("Maker")),
    "model": Facet(gettext_noop("Model")),
    "grade": Facet(
        gettext_noop("Condition"),
        lambda: {str(grade): f"{grade} · {gettext(one.name)}" for grade, one in GRADES.items()},
    ),
    "state": Facet(gettext_noop("State where it stands"), lambda: STATES),
    "recall": Facet(
        gettext_noop("Recalls"),
        lambda: {
            "none": gettext_noop("No open recall of the device is known"),
            "open": gettext_noop("A recall is open"),
        },
    ),
    "warranty": Facet(gettext_noop("Warranty"), lambda: {str(one): words for one, words in unit.WARRANTIES.items()}),
    "training": Facet(
        gettext_noop("Training"), lambda: {"included": gettext_noop("Training for the buyer’s staff is included")}
    ),
    "service": Facet(gettext_noop("Papers"), lambda: {"record": gettext_noop("Service and calibration record")}),
    "recertification": Facet(
        gettext_noop("Recertification, as the seller states"),
        lambda: {"no": gettext_noop("The maker asks for none"), "yes": gettext_noop("The maker asks for one")},
    ),
}
"""Name in the address -> the filter, in the order they are shown. What each counts stands in `listings.facets`."""


@dataclass(slots=True)
class _Reader:
    """Reads an address; what makes no sense is left out and named."""

    args: MultiDict[str, str]
    ignored: list[str]

    def typed(self, name: str) -> str:
        return self.args.get(name, "").strip()

    def number(self, name: str, words: str, least: int, most: int) -> int | None:
        typed = self.typed(name).replace(",", "")
        if typed.isascii() and typed.isdigit() and len(typed) <= 9 and least <= int(typed) <= most:
            return int(typed)
        self._leave_out(name, words)
        return None

    def amount(self, name: str, words: str) -> int | None:
        try:
            return parse_money(self.typed(name)).minor if self.typed(name) else None
        except Invalid:
            self._leave_out(name, words)
            return None

    def millimetres(self, name: str, words: str) -> int | None:
        """Read a length of at most two decimals, in hundredths of a millimetre."""
        typed = self.typed(name).removesuffix("mm").strip()
        if _LENGTH.match(typed):
            whole, _, part = typed.partition(".")
            return int(whole) * 100 + int(part.ljust(2, "0"))
        self._leave_out(name, words)
        return None

    def _leave_out(self, name: str, words: str) -> None:
        if self.typed(name):
            self.ignored.append(f"{words} “{self.typed(name)[:40]}”")


def wanted_by(args: MultiDict[str, str]) -> tuple[Wanted, list[str]]:
    """Read the address; what makes no sense is left out and named."""
    read = _Reader(args, [])
    sort = {str(one): one for one in Sort}.get(args.get("sort", ""), Sort.NEWEST)
    near = _near(read)
    if sort is Sort.NEAREST and near is None:
        read.ignored.append(gettext("the order by distance, for want of a ZIP code"))
        sort = Sort.NEWEST
    spans = {
        "price": (read.amount("min", gettext("the lowest price")), read.amount("max", gettext("the highest price"))),
        "landed": (None, read.amount("landed", gettext("the highest cost in all"))),
        "year": (
            read.number("year", gettext("the year"), 1900, 2100),
            read.number("year_to", gettext("the last year"), 1900, 2100),
        ),
        "used": (
            read.number("life_from", gettext("the least life used"), 0, 1000),
            read.number("life", gettext("the life used"), 0, 1000),
        ),
        SPOT: (
            read.millimetres("spot_from", gettext("the smallest spot size")),
            read.millimetres("spot_to", gettext("the largest spot size")),
        ),
        "shots": (read.number("shots", gettext("the shots left"), 0, 999_999_999), None),
    }
    chosen = {name: _chosen(facet, args.getlist(name)) for name, facet in FACETS.items()}
    return (
        Wanted(
            text=typed(args),
            chosen={name: values for name, values in chosen.items() if values},
            spans={name: span for name, span in spans.items() if span != (None, None)},
            light=(
                read.number("nm_from", gettext("the shortest wavelength"), 1, 99_999),
                read.number("nm_to", gettext("the longest wavelength"), 1, 99_999),
            ),
            near=near,
            sort=sort,
            cursor=_cursor(args, sort),
        ),
        read.ignored,
    )


def typed(args: MultiDict[str, str]) -> str:
    """Return what somebody typed into the search."""
    return args.get("q", "").strip()[:LONGEST_TEXT]


def suggested(found: Iterable[Suggestion]) -> list[dict[str, str | int]]:
    """Return suggestions as the search box takes them."""
    base = url_for("browse.devices")
    return [
        {
            "words": one.words,
            "what": gettext(_WHAT[one.facet]),
            "units": one.units,
            "address": f"{base}?{urlencode({one.facet: one.answer})}",
        }
        for one in found
    ]


_WHAT = {
    "modality": gettext_noop("modality"),
    "procedure": gettext_noop("what it is for"),
    "maker": gettext_noop("maker"),
    "model": gettext_noop("model"),
}


def literally(args: MultiDict[str, str]) -> bool:
    """Say whether the typed words alone are wanted, however they are written."""
    return args.get("literally") == "1"


def _chosen(facet: Facet, values: Iterable[str]) -> tuple[str, ...]:
    known = facet.labels() if facet.labels else None
    asked = [value[:LONGEST_TEXT] for value in dict.fromkeys(values) if value]
    return tuple(value for value in asked if known is None or value in known)[:MOST_CHOSEN]


def _near(read: _Reader) -> Near | None:
    typed = read.typed("zip")
    if not typed:
        return None
    point = point_of(typed[:5])
    if point is None:
        read.ignored.append(gettext("the ZIP code “%(code)s”, of which the Census knows no area,", code=typed[:40]))
        return None
    within = read.number("within", gettext("the distance"), 1, 10_000)
    return Near(point, within)


def _cursor(args: MultiDict[str, str], sort: Sort) -> Cursor | None:
    """Read where a page begins or ends; what cannot be is no cursor, and the first page is shown."""
    back = "before" in args
    place, _, beside = args.get("before" if back else "after", "").partition("~")
    try:
        return Cursor(_PLACES[sort](place), UUID(beside), back=back)
    except ValueError:
        return None


def _moment(place: str) -> str:
    moment = datetime.fromisoformat(place)
    if moment.tzinfo is None:
        raise ValueError(place)
    return moment.isoformat()


def _whole(place: str) -> str:
    if not (place.isascii() and place.isdigit() and int(place) < 2**31):
        raise ValueError(place)
    return place


def _far(place: str) -> str:
    if not isfinite(float(place)):
        raise ValueError(place)
    return repr(float(place))


_PLACES: dict[Sort, Callable[[str], str]] = {
    Sort.NEWEST: _moment,
    Sort.CHEAPEST: _whole,
    Sort.DEAREST: _whole,
    Sort.LEAST_USED: _whole,
    Sort.LANDED: _whole,
    Sort.NEAREST: _far,
}


def verdicts_in(args: MultiDict[str, str]) -> tuple[Reach, ...]:
    """Return the gate's answers that are wanted; none: whatever it answers."""
    asked = set(args.getlist("verdict"))
    return tuple(one for one in Reach if one in asked)
