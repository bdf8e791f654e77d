"""What narrows the search, drawn: the filters with their figures, what is in force, and the addresses without it."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlencode

from flask import request
from markupsafe import Markup

from ..catalog import queries as catalog
from ..clinics.queries import Site
from ..eligibility.verdict import Reach
from ..kernel.money import Money
from ..kernel.terms import STATES
from ..kernel.wording import gettext_noop
from ..listings.asked import SPOT
from ..listings.search import Cursor, Found, Sort, Wanted
from . import fragments, language, stepping
from .filters import count
from .language import gettext, kept_in_each
from .searching import FACETS, Labels

SORTS = {
    Sort.NEWEST: gettext_noop("Newest first"),
    Sort.CHEAPEST: gettext_noop("Lowest price first"),
    Sort.DEAREST: gettext_noop("Highest price first"),
    Sort.LANDED: gettext_noop("Lowest cost in all first"),
    Sort.LEAST_USED: gettext_noop("Most life left first"),
    Sort.NEAREST: gettext_noop("Nearest first"),
}
DISTANCES = ("25", "50", "100", "250", "500")
"""In miles."""

SHOWN_AT_ONCE = 8
"""Of the answers of one filter; the rest is a tap away."""

VERDICTS = {
    Reach.TODAY: gettext_noop("I can buy this today"),
    Reach.MISSING: gettext_noop("Something is missing"),
    Reach.CLOSED: gettext_noop("Not open to me"),
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
    life_from: int | None
    life_to: int | None
    shots: str
    spot_from: str
    spot_to: str
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


def written(minor: int | None) -> str:
    return "" if minor is None else str(Money(minor))


def millimetres(hundredths: int | None) -> str:
    """Write a length without zeros that say nothing: 650 -> "6.5"."""
    return "" if hundredths is None else f"{hundredths // 100}.{hundredths % 100:02}".rstrip("0").rstrip(".")


def verdict_choices(counts: Mapping[Reach, int], chosen: Iterable[Reach]) -> tuple[Choice, ...]:
    """Return the gate's answers with how many units have each; all three, also where there are none."""
    return tuple(Choice(one, gettext(words), counts.get(one, 0), one in chosen) for one, words in VERDICTS.items())


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


def figures_of(wanted: Wanted, found: Found) -> Markup:
    """Return the figures to narrow by, drawn with what was typed and with the steps of what was found."""
    nothing = (None, None)
    price, years = wanted.spans.get("price", nothing), wanted.spans.get("year", nothing)
    life, shots = wanted.spans.get("used", nothing), wanted.spans.get("shots", nothing)[0]
    spots = wanted.spans.get(SPOT, nothing)
    within = wanted.near.within if wanted.near else None
    typed = Typed(
        price_from=written(price[0]),
        price_to=written(price[1]),
        landed_to=written(wanted.spans.get("landed", nothing)[1]),
        year_from=years[0],
        year_to=years[1],
        life_from=life[0],
        life_to=life[1],
        shots="" if shots is None else f"{shots:,}",
        spot_from=millimetres(spots[0]),
        spot_to=millimetres(spots[1]),
        nm_from=wanted.light[0],
        nm_to=wanted.light[1],
        zip=request.args.get("zip", ""),
        within="" if within is None else str(within),
    )
    drawn = fragments.once("browse/_figures.html", "figures", typed, DISTANCES)
    for name, steps in stepping.steps_of(wanted, found, _without).items():
        place = Markup('id="steps-{}" data-live-region>').format(name)
        drawn = drawn.replace(place, place + steps)
    return drawn


def _without(names: Collection[str]) -> str:
    return _address(pair for pair in _given() if pair[0] not in names)


@kept_in_each(2048)
def _filter(name: str, figures: tuple[tuple[str, int], ...], chosen: tuple[str, ...], _called: str) -> Markup:
    """Draw a filter; `_called` names what its answers are called, which is asked of the catalogue."""
    facet, counts = FACETS[name], dict(figures)
    labels = facet.labels() if facet.labels else {one: one for one in sorted({*counts, *chosen})}
    answers, more = _folded(_choices(counts, chosen, labels))
    return fragments.drawn("macros/forms.html", "filter_group", gettext(facet.legend), name, answers, more)


def _choices(counts: Mapping[str, int], chosen: Iterable[str], labels: Labels) -> list[Choice]:
    """Return the values that find something or are chosen, in the order of their labels."""
    picked = set(chosen)
    return [
        Choice(value, gettext(label), counts.get(value, 0), value in picked)
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


_OF_THE_PAGE = frozenset({"after", "before", language.NAME})


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
        active += [
            (
                ("verdict",),
                one.value,
                gettext("%(answer)s, in %(place)s", answer=gettext(VERDICTS[one]), place=STATES[site.state]),
            )
            for one in verdicts
        ]
    if wanted.text:
        active.append((("q", "literally"), "", f"“{wanted.text}”"))
    for name, values in wanted.chosen.items():
        labels = FACETS[name].labels
        active += [((name,), value, gettext(labels()[value]) if labels else value) for value in values]
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
    add("min", spans.get("price", (None, None))[0], lambda minor: gettext("From %(least)s", least=Money(minor)))
    add("max", spans.get("price", (None, None))[1], lambda minor: gettext("Up to %(most)s", most=Money(minor)))
    add(
        "landed",
        spans.get("landed", (None, None))[1],
        lambda minor: gettext("Up to %(most)s in all", most=Money(minor)),
    )
    add("year", spans.get("year", (None, None))[0], lambda year: gettext("From %(least)s", least=year))
    add("year_to", spans.get("year", (None, None))[1], lambda year: gettext("Up to %(most)s", most=year))
    add(
        "life_from",
        spans.get("used", (None, None))[0],
        lambda life: gettext("From %(least)s %% of life used", least=life),
    )
    add("life", spans.get("used", (None, None))[1], lambda life: gettext("Up to %(most)s %% of life used", most=life))
    add(
        "shots",
        spans.get("shots", (None, None))[0],
        lambda shots: gettext("%(number)s shots left or more", number=count(shots)),
    )
    add(
        "spot_from",
        spans.get(SPOT, (None, None))[0],
        lambda spot: gettext("Spots from %(least)s mm", least=millimetres(spot)),
    )
    add(
        "spot_to",
        spans.get(SPOT, (None, None))[1],
        lambda spot: gettext("Spots up to %(most)s mm", most=millimetres(spot)),
    )
    add("nm_from", wanted.light[0], lambda nm: gettext("From %(least)s nm", least=count(nm)))
    add("nm_to", wanted.light[1], lambda nm: gettext("Up to %(most)s nm", most=count(nm)))
    if wanted.near is not None:
        code = request.args.get("zip", "").strip()[:5]
        within = wanted.near.within
        from_where = (
            gettext("Within %(number)s miles of %(code)s", number=count(within), code=code)
            if within
            else gettext("Seen from %(code)s", code=code)
        )
        chips.append((("zip", "within"), "", from_where))
    return chips
