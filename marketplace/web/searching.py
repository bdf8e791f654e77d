"""The search's address read, and its filters drawn: what was asked for, and the figures beside every answer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import request
from werkzeug.datastructures import MultiDict

from ..catalog import queries as catalog
from ..clinics.queries import Site
from ..kernel.errors import Invalid
from ..kernel.money import Money, parse_money
from ..kernel.terms import STATES
from ..listings.conditions import GRADES
from ..listings.search import Found, Sort, Wanted
from ..listings.terms import Grade

SORTS = {
    Sort.NEWEST: "Newest first",
    Sort.CHEAPEST: "Lowest price first",
    Sort.DEAREST: "Highest price first",
    Sort.LEAST_USED: "Least used first",
}
LIVES = {"25": "up to 25 %", "50": "up to 50 %", "75": "up to 75 %"}
LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a filter: how many there would be with it, and whether it is chosen."""

    value: str
    words: str
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class FilterChip:
    """A filter that is in force, and the address without it."""

    label: str
    remove_url: str
    strong: bool = False


def wanted_by(args: MultiDict[str, str]) -> tuple[Wanted, list[str]]:
    """Read the address; what makes no sense is left out and named."""
    ignored: list[str] = []

    def number(name: str, words: str, least: int, most: int) -> int | None:
        typed = args.get(name, "").strip()
        if not typed:
            return None
        if typed.isascii() and typed.isdigit() and len(typed) <= 9 and least <= int(typed) <= most:
            return int(typed)
        ignored.append(f"{words} “{typed[:40]}”")
        return None

    def amount(name: str, words: str) -> int | None:
        typed = args.get(name, "").strip()
        if not typed:
            return None
        try:
            return parse_money(typed).minor
        except Invalid:
            ignored.append(f"{words} “{typed[:40]}”")
            return None

    modalities = catalog.modalities()
    sorts = {str(sort): sort for sort in Sort}
    return (
        Wanted(
            text=args.get("q", "").strip()[:LONGEST_TEXT],
            modalities=_known(args.getlist("modality"), modalities),
            makers=tuple(dict.fromkeys(name[:LONGEST_TEXT] for name in args.getlist("maker") if name))[:20],
            places=_known(args.getlist("state"), STATES),
            grades=tuple(Grade(value) for value in _known(args.getlist("grade"), list(Grade))),
            price_from=amount("min", "the lowest price"),
            price_to=amount("max", "the highest price"),
            year_from=number("year", "the year", 1900, 2100),
            life_to=number("life", "the life used", 0, 1000),
            sort=sorts.get(args.get("sort", ""), Sort.NEWEST),
            page=number("page", "the page", 0, 999_999_999) or 1,
        ),
        ignored,
    )


def _known(values: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    found = set(known)
    return tuple(value for value in dict.fromkeys(values) if value in found)


def written(minor: int | None) -> str:
    return "" if minor is None else str(Money(minor))


def facets_of(wanted: Wanted, found: Found) -> dict[str, tuple[Choice, ...]]:
    modalities = catalog.modalities()
    return {
        "modality": _choices(found.counts["modality"], wanted.modalities, {c: m.name for c, m in modalities.items()}),
        "maker": _choices(found.counts["maker"], wanted.makers, {name: name for name in sorted(found.counts["maker"])}),
        "state": _choices(found.counts["place"], wanted.places, STATES),
        "grade": _choices(
            found.counts["grade"],
            [str(grade) for grade in wanted.grades],
            {str(grade): f"{grade} · {meaning.name}" for grade, meaning in GRADES.items()},
        ),
    }


def _choices(counts: dict[str, int], chosen: Iterable[str], labels: Mapping[str, str]) -> tuple[Choice, ...]:
    """Return the values that find something or are chosen, in the order of their labels."""
    picked = set(chosen)
    return tuple(
        Choice(value, label, counts.get(value, 0), value in picked)
        for value, label in labels.items()
        if value in counts or value in picked
    )


def _address(pairs: Iterable[tuple[str, str]]) -> str:
    words = urlencode([(name, value) for name, value in pairs if value])
    here = f"{request.script_root}{request.path}"
    return f"{here}?{words}" if words else here


def page_address(page: int) -> str:
    rest = [(name, value) for name, value in request.args.items(multi=True) if name != "page"]
    return _address([*rest, ("page", str(page))])


def chips_of(wanted: Wanted, *, qualified: bool, site: Site | None) -> list[FilterChip]:
    modalities = catalog.modalities()
    active: list[tuple[str, str, str]] = []
    if qualified and site is not None:
        active.append(("qualified", "1", f"Qualified for in {STATES[site.state]}"))
    if wanted.text:
        active.append(("q", wanted.text, f"“{wanted.text}”"))
    active += [("modality", code, modalities[code].name) for code in wanted.modalities]
    active += [("maker", name, name) for name in wanted.makers]
    active += [("state", code, STATES[code]) for code in wanted.places]
    active += [("grade", str(grade), f"{grade} · {GRADES[grade].name}") for grade in wanted.grades]
    if wanted.price_from is not None:
        active.append(("min", "", f"From {Money(wanted.price_from)}"))
    if wanted.price_to is not None:
        active.append(("max", "", f"Up to {Money(wanted.price_to)}"))
    if wanted.year_from is not None:
        active.append(("year", "", f"From {wanted.year_from}"))
    if wanted.life_to is not None:
        active.append(("life", "", f"Up to {wanted.life_to} % of life used"))
    given = [(name, value) for name, value in request.args.items(multi=True) if name != "page"]
    return [
        FilterChip(
            label,
            _address(pair for pair in given if pair[0] != name or (name in _SEVERAL and pair[1] != value)),
            strong=name == "qualified",
        )
        for name, value, label in active
    ]


_SEVERAL = frozenset({"modality", "maker", "state", "grade"})
