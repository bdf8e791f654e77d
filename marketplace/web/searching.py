"""The search's address read, and its filters drawn: what was asked for, and the figures beside every answer."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from math import isfinite
from typing import NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from flask import request, url_for
from markupsafe import Markup
from werkzeug.datastructures import MultiDict

from ..catalog import queries as catalog
from ..clinics.queries import Site
from ..eligibility.verdict import Reach
from ..kernel.errors import Invalid
from ..kernel.money import Money, parse_money
from ..kernel.terms import STATES, ProcedureClass
from ..listings.conditions import GRADES
from ..listings.places import point_of
from ..listings.search import Cursor, Found, Near, Sort, Wanted
from ..listings.suggesting import Suggestion
from . import fragments, unit

SORTS = {
    Sort.NEWEST: "Newest first",
    Sort.CHEAPEST: "Lowest price first",
    Sort.DEAREST: "Highest price first",
    Sort.LANDED: "Lowest cost in all first",
    Sort.LEAST_USED: "Most life left first",
    Sort.NEAREST: "Nearest first",
}
LIVES = {"25": "up to 25 %", "50": "up to 50 %", "75": "up to 75 %"}
DISTANCES = {"25": "25 miles", "50": "50 miles", "100": "100 miles", "250": "250 miles", "500": "500 miles"}
LONGEST_TEXT = 200
MOST_CHOSEN = 20
SHOWN_AT_ONCE = 8
"""Of the answers of one filter; the rest is a tap away."""

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Facet:
    """A filter to choose answers from. `labels`: what each is called, in order; None: answers are their own names."""

    legend: str
    labels: Callable[[], Labels] | None = None


FACETS: dict[str, Facet] = {
    "modality": Facet("Modality", lambda: {code: one.name for code, one in catalog.modalities().items()}),
    "procedure": Facet("What it is for", lambda: {str(one): one.words.capitalize() for one in ProcedureClass}),
    "maker": Facet("Maker"),
    "model": Facet("Model"),
    "grade": Facet("Condition", lambda: {str(grade): f"{grade} · {one.name}" for grade, one in GRADES.items()}),
    "state": Facet("State where it stands", lambda: STATES),
    "recall": Facet("Recalls", lambda: {"none": "No open recall of the model is known", "open": "A recall is open"}),
    "warranty": Facet("Warranty", lambda: {str(one): words for one, words in unit.WARRANTIES.items()}),
    "training": Facet("Training", lambda: {"included": "Training for the buyer’s staff is included"}),
    "service": Facet("Papers", lambda: {"record": "Service and calibration record"}),
    "recertification": Facet(
        "Recertification, as the seller states",
        lambda: {"no": "The maker asks for none", "yes": "The maker asks for one"},
    ),
}
"""Name in the address -> the filter, in the order they are shown. What each counts stands in `listings.facets`."""


VERDICTS = {
    Reach.TODAY: "I can buy this today",
    Reach.MISSING: "Something is missing",
    Reach.CLOSED: "Not open to me",
}
"""What the gate answers somebody who has a site to buy for; counted in `listings.qualified`."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a filter: how many there would be with it, and whether it is chosen."""

    value: str
    words: str
    count: int
    chosen: bool


class Typed(NamedTuple):
    """Figures to narrow by, as they stand in the fields of the form."""

    price_from: str
    price_to: str
    landed_to: str
    year_from: int | None
    year_to: int | None
    life: str
    shots: str
    nm_from: int | None
    nm_to: int | None
    zip: str
    within: str


@dataclass(frozen=True, slots=True)
class FilterChip:
    """A filter that is in force, and the address without it."""

    label: str
    remove_url: str
    strong: bool = False


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

    def _leave_out(self, name: str, words: str) -> None:
        if self.typed(name):
            self.ignored.append(f"{words} “{self.typed(name)[:40]}”")


def wanted_by(args: MultiDict[str, str]) -> tuple[Wanted, list[str]]:
    """Read the address; what makes no sense is left out and named."""
    read = _Reader(args, [])
    sort = {str(one): one for one in Sort}.get(args.get("sort", ""), Sort.NEWEST)
    near = _near(read)
    if sort is Sort.NEAREST and near is None:
        read.ignored.append("the order by distance, for want of a ZIP code")
        sort = Sort.NEWEST
    spans = {
        "price": (read.amount("min", "the lowest price"), read.amount("max", "the highest price")),
        "landed": (None, read.amount("landed", "the highest cost in all")),
        "year": (read.number("year", "the year", 1900, 2100), read.number("year_to", "the last year", 1900, 2100)),
        "used": (None, read.number("life", "the life used", 0, 1000)),
        "shots": (read.number("shots", "the shots left", 0, 999_999_999), None),
    }
    chosen = {name: _chosen(facet, args.getlist(name)) for name, facet in FACETS.items()}
    return (
        Wanted(
            text=typed(args),
            chosen={name: values for name, values in chosen.items() if values},
            spans={name: span for name, span in spans.items() if span != (None, None)},
            light=(
                read.number("nm_from", "the shortest wavelength", 1, 99_999),
                read.number("nm_to", "the longest wavelength", 1, 99_999),
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
            "what": _WHAT[one.facet],
            "units": one.units,
            "address": f"{base}?{urlencode({one.facet: one.answer})}",
        }
        for one in found
    ]


_WHAT = {"modality": "modality", "procedure": "what it is for", "maker": "maker", "model": "model"}


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
        read.ignored.append(f"the ZIP code “{typed[:40]}”, of which the Census knows no area,")
        return None
    within = read.number("within", "the distance", 1, 10_000)
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


def written(minor: int | None) -> str:
    return "" if minor is None else str(Money(minor))


def verdicts_in(args: MultiDict[str, str]) -> tuple[Reach, ...]:
    """Return the gate's answers that are wanted; none: whatever it answers."""
    asked = set(args.getlist("verdict"))
    return tuple(one for one in Reach if one in asked)


def verdict_choices(counts: Mapping[Reach, int], chosen: Iterable[Reach]) -> tuple[Choice, ...]:
    """Return the gate's answers with how many units have each; all three, also where there are none."""
    return tuple(Choice(one, words, counts.get(one, 0), one in chosen) for one, words in VERDICTS.items())


def filters_of(wanted: Wanted, found: Found) -> list[Markup]:
    """Return the filters that have an answer, each with its figures, drawn."""
    called = catalog.modalities_digest()
    groups = []
    for name in FACETS:
        counts, chosen = found.counts.get(name), wanted.chosen.get(name, ())
        if counts or chosen:
            groups.append(_filter(name, tuple(sorted((counts or {}).items())), chosen, called))
    return groups


def order_of(wanted: Wanted) -> Markup:
    """Return the choice of an order, drawn."""
    return fragments.once("browse/_figures.html", "order", tuple(SORTS.items()), wanted.sort)


def figures_of(wanted: Wanted) -> Markup:
    """Return the figures to narrow by, drawn with what was typed."""
    nothing = (None, None)
    price, years = wanted.spans.get("price", nothing), wanted.spans.get("year", nothing)
    life, shots = wanted.spans.get("used", nothing)[1], wanted.spans.get("shots", nothing)[0]
    within = wanted.near.within if wanted.near else None
    typed = Typed(
        price_from=written(price[0]),
        price_to=written(price[1]),
        landed_to=written(wanted.spans.get("landed", nothing)[1]),
        year_from=years[0],
        year_to=years[1],
        life="" if life is None else str(life),
        shots="" if shots is None else f"{shots:,}",
        nm_from=wanted.light[0],
        nm_to=wanted.light[1],
        zip=request.args.get("zip", ""),
        within="" if within is None else str(within),
    )
    return fragments.once("browse/_figures.html", "figures", typed, tuple(LIVES.items()), tuple(DISTANCES.items()))


@lru_cache(maxsize=2048)
def _filter(name: str, figures: tuple[tuple[str, int], ...], chosen: tuple[str, ...], _called: str) -> Markup:
    """Draw a filter; `_called` names what its answers are called, which is asked of the catalogue."""
    facet, counts = FACETS[name], dict(figures)
    labels = facet.labels() if facet.labels else {one: one for one in sorted({*counts, *chosen})}
    answers, more = _folded(_choices(counts, chosen, labels))
    return fragments.drawn("macros/forms.html", "filter_group", facet.legend, name, answers, more)


def _choices(counts: Mapping[str, int], chosen: Iterable[str], labels: Labels) -> list[Choice]:
    """Return the values that find something or are chosen, in the order of their labels."""
    picked = set(chosen)
    return [
        Choice(value, label, counts.get(value, 0), value in picked)
        for value, label in labels.items()
        if value in counts or value in picked
    ]


def _folded(answers: list[Choice]) -> tuple[tuple[Choice, ...], tuple[Choice, ...]]:
    """Return what is shown at once, what is chosen and what finds most, and the rest; each in its order."""
    if len(answers) <= SHOWN_AT_ONCE + 1:
        return tuple(answers), ()
    first = set(sorted(answers, key=lambda one: (not one.chosen, -one.count))[:SHOWN_AT_ONCE])
    return tuple(one for one in answers if one in first), tuple(one for one in answers if one not in first)


def _address(pairs: Iterable[tuple[str, str]]) -> str:
    words = urlencode([(name, value) for name, value in pairs if value])
    here = f"{request.script_root}{request.path}"
    return f"{here}?{words}" if words else here


_OF_THE_PAGE = frozenset({"after", "before"})


def _given() -> list[tuple[str, str]]:
    """Return what the address says, without which page of it."""
    return [pair for pair in request.args.items(multi=True) if pair[0] not in _OF_THE_PAGE]


@dataclass(frozen=True, slots=True)
class Turning:
    """Where the pages before and after this one are; None: there is none."""

    first: str | None
    earlier: str | None
    later: str | None


def turning(wanted: Wanted, found: Found) -> Turning:
    """Return the addresses of the pages around."""

    def beside(cursor: Cursor | None) -> str | None:
        if cursor is None:
            return None
        where = ("before" if cursor.back else "after", f"{cursor.place}~{cursor.listing_id}")
        return _address([*_given(), where])

    return Turning(
        first=_address(_given()) if wanted.cursor else None,
        earlier=beside(found.earlier),
        later=beside(found.later),
    )


def literal_address() -> str:
    """Return the address that looks for the words as they were typed."""
    return _address([*_given(), ("literally", "1")])


def chips_of(wanted: Wanted, *, verdicts: Iterable[Reach], site: Site | None) -> list[FilterChip]:
    """Return what is in force, each with the address without it."""
    active: list[tuple[tuple[str, ...], str, str]] = []
    if site is not None:
        active += [(("verdict",), one.value, f"{VERDICTS[one]}, in {STATES[site.state]}") for one in verdicts]
    if wanted.text:
        active.append((("q", "literally"), "", f"“{wanted.text}”"))
    for name, values in wanted.chosen.items():
        labels = FACETS[name].labels
        active += [((name,), value, labels()[value] if labels else value) for value in values]
    active += _chips_of_figures(wanted)
    return [
        FilterChip(
            label,
            _address(pair for pair in _given() if pair[0] not in names or (value and pair[1] != value)),
            strong=names == ("verdict",),
        )
        for names, value, label in active
    ]


def _chips_of_figures(wanted: Wanted) -> list[tuple[tuple[str, ...], str, str]]:
    chips: list[tuple[tuple[str, ...], str, str]] = []

    def add(name: str, bound: int | None, words: Callable[[int], str]) -> None:
        if bound is not None:
            chips.append(((name,), "", words(bound)))

    spans = wanted.spans
    add("min", spans.get("price", (None, None))[0], lambda minor: f"From {Money(minor)}")
    add("max", spans.get("price", (None, None))[1], lambda minor: f"Up to {Money(minor)}")
    add("landed", spans.get("landed", (None, None))[1], lambda minor: f"Up to {Money(minor)} in all")
    add("year", spans.get("year", (None, None))[0], lambda year: f"From {year}")
    add("year_to", spans.get("year", (None, None))[1], lambda year: f"Up to {year}")
    add("life", spans.get("used", (None, None))[1], lambda life: f"Up to {life} % of life used")
    add("shots", spans.get("shots", (None, None))[0], lambda shots: f"{shots:,} shots left or more")
    add("nm_from", wanted.light[0], lambda nm: f"From {nm:,} nm")
    add("nm_to", wanted.light[1], lambda nm: f"Up to {nm:,} nm")
    if wanted.near is not None:
        code = request.args.get("zip", "").strip()[:5]
        within = wanted.near.within
        chips.append((("zip", "within"), "", f"Within {within:,} miles of {code}" if within else f"Seen from {code}"))
    return chips
