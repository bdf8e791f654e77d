"""A question put to the market, made ready: which kinds can answer it, and the conditions on units, as SQL."""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from .facets import FACE_FACETS, KIND_FACETS, RANGES
from .kinds import Market
from .ladders import LADDERS
from .market import UNKNOWN
from .places import Point
from .vocabulary import says_nothing
from .words import typed

SPOT = "spot"
"""The name of a range that is no figure of a unit: each of its handpieces may have several."""

Span = tuple[int | None, int | None]
"""From and to; both ends belong to it; None: open."""


class Sort(StrEnum):
    """In which order units are shown."""

    NEWEST = "newest"
    CHEAPEST = "price"
    DEAREST = "-price"
    LEAST_USED = "used"
    LANDED = "landed"
    NEAREST = "distance"


@dataclass(frozen=True, slots=True)
class Near:
    """From where distances are measured, and how far it may be, in miles; None: any distance."""

    point: Point
    within: int | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """A unit beside which a page begins (`back`: ends): what it is sorted by, and its id."""

    place: str
    listing_id: UUID
    back: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    What somebody is looking for; what is empty does not narrow.

    `chosen`: answers by the name of their facet, of which a unit has at least one. `spans`: by the name of a range;
    prices in minor units, used life in per cent, spot sizes in hundredths of a millimetre, of which a handpiece has at
    least one. `light`: wavelengths in nm. `configurations`: only units that the gate would answer as one of these, and
    these `units`, but not those in `but`; None: any. `unchecked`: beside these also what sellers offer that nobody
    checked.
    """

    text: str = ""
    chosen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    spans: Mapping[str, Span] = field(default_factory=dict)
    light: Span = (None, None)
    near: Near | None = None
    sort: Sort = Sort.NEWEST
    cursor: Cursor | None = None
    configurations: tuple[str, ...] | None = None
    units: tuple[UUID, ...] = ()
    but: tuple[UUID, ...] = ()
    unchecked: bool = False


@dataclass(slots=True)
class Asked:
    """
    A question made ready: pieces of SQL and what they take.

    `matched` gives kinds and faces with how many units of each match, whatever is chosen from lists. `source` are units
    that have the words, `figures` and `these_units` conditions on them, `conditions` all that are on units. `whole` are
    the kinds all of whose units have the words that were asked for; None: no words were. `narrows_kinds`: not every
    kind can answer. `of_kinds_alone`: whole kinds match, those in `whole_kinds` (None: all), and no others but the
    units that `others` gives, as `matched` does; `own` are these units themselves. `steps`: the ranges whose steps
    alone are counted; empty: all else is. `but_for` gives what `matched` does by what stands outside of the `ranges`,
    `outside`: of all that is kept, without those. Empty: there is no such way. `mostly_inside`: it is the shorter one.
    """

    given: dict[str, Any]
    counted_by: Hashable
    figures: list[str]
    of_kind: dict[str, frozenset[str]]
    of_face: dict[str, tuple[str, ...]]
    chosen_kinds: frozenset[int] | None = None
    narrows_kinds: bool = False
    whole: frozenset[int] | None = None
    whole_kinds: frozenset[int] | None = None
    others: str = ""
    of_kinds_alone: bool = True
    source: str = "market_units"
    conditions: list[str] = field(default_factory=list)
    own: str = ""
    these_units: str = ""
    matched: str = ""
    steps: tuple[str, ...] = ()
    ranges: Mapping[str, Span] = field(default_factory=dict)
    outside: str = ""
    but_for: str = ""
    mostly_inside: bool = False


_KEPT = "SELECT kind_id, face_id, units FROM market_counts"
_READ = "SELECT kind_id, face_id, 1 AS units FROM {} WHERE {}"
_BUT_FOR = " UNION ALL SELECT kind_id, face_id, -1 FROM market_units WHERE ({}){}"
MILES = "miles_between(%(here_latitude)s::float8, %(here_longitude)s::float8, {0}.latitude, {0}.longitude)"
"""How far something is from where it is asked."""
_WITHIN = (
    "place_id = ANY(ARRAY(SELECT id FROM market_places place"  # noqa: S608  Names of ours; values are bound.
    f" WHERE latitude BETWEEN %(south)s AND %(north)s AND {MILES.format('place')} <= %(within)s))"
)
_DEGREES_A_MILE = 1 / 68.7
"""Of latitude, a little more than there are anywhere."""


def ask(market: Market, wanted: Wanted) -> Asked:
    """Make a question ready for the market as it is known."""
    given: dict[str, Any] = {}
    chosen = sorted((name, values) for name, values in wanted.chosen.items() if values)
    asked = Asked(
        given=given,
        counted_by=(
            wanted.text, tuple(chosen), tuple(sorted(wanted.spans.items())), wanted.light,
            wanted.near if wanted.near and wanted.near.within is not None else None,
            wanted.configurations, wanted.units, wanted.but, wanted.unchecked,
        ),
        figures=_figures(wanted, given),
        of_kind={name: frozenset(values) for name, values in chosen if name in KIND_FACETS},
        of_face={name: values for name, values in chosen if name not in KIND_FACETS},
    )  # fmt: skip
    if asked.of_kind:
        asked.chosen_kinds = frozenset.intersection(*(_kinds_of(market, *one) for one in asked.of_kind.items()))
    able = _able(market, wanted)
    words = words_asked(wanted.text)
    base = asked.conditions = list(asked.figures)
    if able is not None:
        given["able"] = numbers(able)
        base.append("kind_id = ANY(%(able)s::int[])")
        if wanted.units or wanted.but:
            base[-1] = asked.these_units = _or_these_units(market, wanted, given)
    if words is not None:
        meant, asked.own = _own_words(market, words, given)
        asked.whole = meant if able is None or asked.these_units else meant & able
        given["whole"] = numbers(asked.whole)
        of_kinds = f"SELECT {_COLUMNS} FROM market_units WHERE kind_id = ANY(%(whole)s::int[])"  # noqa: S608  Names of ours; values are bound.
        asked.source = f"({of_kinds} UNION ALL {asked.own})"
        asked.others = _READ.format(f"({asked.own}) market_units", " AND ".join(base) or "true")
    asked.narrows_kinds = words is not None or able is not None
    if asked.figures or asked.these_units:
        asked.of_kinds_alone = False
        asked.matched = _READ.format(f"{asked.source} market_units", " AND ".join(base))
        if words is None and not asked.these_units and len(asked.figures) == len(outside := _outside(wanted, given)):
            among = "kind_id = ANY(%(able)s::int[])" if able is not None else ""
            asked.ranges, asked.outside = wanted.spans, " OR ".join(outside)
            asked.but_for = _KEPT + (f" WHERE {among}" if among else "")
            asked.but_for += _BUT_FOR.format(asked.outside, f" AND {among}" if among else "")
    elif words is not None:
        asked.whole_kinds = asked.whole
        asked.matched = f"{_KEPT} WHERE kind_id = ANY(%(whole)s::int[]) UNION ALL {asked.others}"
    else:
        asked.whole_kinds = able
        asked.matched = _KEPT + (" WHERE kind_id = ANY(%(able)s::int[])" if able is not None else "")
    return asked


def face_conditions(asked: Asked, given: dict[str, Any]) -> list[str]:
    """Return the conditions on a face of what is chosen from lists that are counted with each unit, one a facet."""
    conditions = []
    for name, wanted in asked.of_face.items():
        facet = FACE_FACETS[name]
        given[f"face_{name}"] = [f"{facet.trait}:{one}" if facet.trait else one for one in wanted]
        operator = "{} && %({})s::text[]" if facet.trait else "{} = ANY(%({})s::text[])"
        conditions.append(operator.format(facet.column, f"face_{name}"))
    return conditions


def of_faces(conditions: Iterable[str]) -> str:
    """Return the condition on a unit, or on kept figures, that its face meets all of these."""
    return f"face_id IN (SELECT id FROM market_faces WHERE {' AND '.join(conditions)})"  # noqa: S608  Names of ours; values are bound.


def _kinds_of(market: Market, name: str, answers: frozenset[str]) -> frozenset[int]:
    """Return the kinds that have one of these answers of a facet, found once for each version of the market."""
    found = market.chosen.get((name, answers))
    if found is None:
        having = KIND_FACETS[name].answers
        found = frozenset(one.id for one in market.kinds.values() if not answers.isdisjoint(having(one)))
        if len(market.chosen) < _MOST_CHOSEN:  # What strangers choose must not fill the memory.
            market.chosen[name, answers] = found
    return found


_MOST_CHOSEN = 1_000


def numbers(ids: Iterable[int]) -> str:
    """Return numbers as the database writes a list of them: the driver takes ten times as long for a list of ours."""
    return f"{{{','.join(map(str, sorted(ids)))}}}"


def words_asked(text: str) -> list[str] | None:
    """Return the words that somebody asked for, without those that say nothing; None: nothing was asked for."""
    if not text:
        return None
    words = typed(text)
    return [word for word in words if word not in says_nothing()] or words


def _figures(wanted: Wanted, given: dict[str, Any]) -> list[str]:
    """Return the conditions that only a unit's own row can answer."""
    conditions = []
    for name, (least, most) in wanted.spans.items():
        if name == SPOT:
            given |= {"spot_from": least, "spot_to": most}
            conditions.append("false" if least is not None and most is not None and least > most else _HAVING_SPOTS)
            continue
        if most is None and name in _UNKNOWN_LAST:
            most = UNKNOWN - 1  # noqa: PLW2901  What is not known is in no range.
        for end, sign, bound in (("from", ">=", least), ("to", "<=", most)):
            if bound is not None:
                given[f"{name}_{end}"] = bound
                conditions.append(f"{RANGES[name]} {sign} %({name}_{end})s")
    if wanted.near is not None:
        point = wanted.near.point
        given |= {"here_latitude": point.latitude, "here_longitude": point.longitude}
        if wanted.near.within is not None:
            reach = wanted.near.within * _DEGREES_A_MILE
            given |= {"within": wanted.near.within, "south": point.latitude - reach, "north": point.latitude + reach}
            conditions.append(_WITHIN)
    return conditions


def _outside(wanted: Wanted, given: Mapping[str, Any]) -> list[str]:
    """Return, of each end of a range that is counted in steps, what stands beyond it."""
    ends = ((name, *end) for name in wanted.spans if name in LADDERS for end in (("from", "<"), ("to", ">")))
    return [f"{RANGES[name]} {beyond} %({name}_{end})s" for name, end, beyond in ends if f"{name}_{end}" in given]


_UNKNOWN_LAST = ("used", "landed")
_HAVING_SPOTS = (
    "spot_id = ANY(ARRAY(SELECT id FROM market_spots"
    " WHERE spots && int4range(%(spot_from)s::int, %(spot_to)s::int, '[]')))"
)


def _able(market: Market, wanted: Wanted) -> frozenset[int] | None:
    """Return the kinds that can answer, whatever is chosen from lists; None: all of them can."""
    if wanted.configurations is None and wanted.light == (None, None):
        return None
    open_to = None if wanted.configurations is None else frozenset(wanted.configurations)
    return frozenset(
        one.id
        for one in market.kinds.values()
        if (open_to is None or (one.configuration in open_to if one.checked else wanted.unchecked))
        and (wanted.light == (None, None) or one.shines_within(*wanted.light))
    )


def _or_these_units(market: Market, wanted: Wanted, given: dict[str, Any]) -> str:
    """Return the condition of a unit that is meant by its kind, unless it is not on its own, or that is on its own."""
    given["units"], given["but"] = list(wanted.units), list(wanted.but)
    given["checked"] = numbers(
        one.id
        for one in market.kinds.values()
        if one.checked and (wanted.light == (None, None) or one.shines_within(*wanted.light))
    )
    return (
        "(kind_id = ANY(%(able)s::int[]) AND listing_id <> ALL(%(but)s::uuid[])"
        " OR listing_id = ANY(%(units)s::uuid[]) AND kind_id = ANY(%(checked)s::int[]))"
    )


def _own_words(market: Market, words: list[str], given: dict[str, Any]) -> tuple[frozenset[int], str]:
    """
    Return the kinds that all the words speak of, and the SQL of the units of other kinds that have what theirs lacks.

    A word is had by the unit or by its kind; or all of them are one word together, as in "gentle max". Kinds that lack
    the same words are asked for just these, each by the index of the words: most of them find nothing at once.
    """
    meanings = [market.vocabulary.meaning(word) for word in words]
    whole = frozenset.intersection(*meanings) if words else frozenset()
    joined = "".join(words)
    if len(words) > 1:
        whole |= market.vocabulary.meaning(joined)
    lacking: dict[tuple[str, ...], frozenset[int]] = {(): frozenset(market.kinds) - whole}
    for word, meaning in zip(words, meanings, strict=True):
        parted = {(*lacks, word): ids - meaning for lacks, ids in lacking.items()}
        parted |= {lacks: ids & meaning for lacks, ids in lacking.items()}
        lacking = {lacks: ids for lacks, ids in parted.items() if ids}
    asked = [(kind_ids, " & ".join(map(_begun, lacks))) for lacks, kind_ids in lacking.items() if lacks]
    if len(words) > 1 and asked:
        asked.append((frozenset().union(*(kind_ids for kind_ids, _ in asked)), _begun(joined)))
    parts = []
    for number, (kind_ids, query) in enumerate(asked):
        given |= {f"lacking_{number}": numbers(kind_ids), f"lacked_{number}": query}
        parts.append(
            f"SELECT {_COLUMNS} FROM market_units WHERE words @@ to_tsquery('simple', %(lacked_{number})s)"  # noqa: S608  Names of ours; values are bound.
            f" AND kind_id = ANY(%(lacking_{number})s::int[])"
        )
    # A unit may be found in two ways; each is there once. In parentheses, for UNION ALL may stand before it.
    return whole, f"({' UNION '.join(parts)})" if parts else f"SELECT {_COLUMNS} FROM market_units WHERE false"  # noqa: S608  Names of ours; values are bound.


_COLUMNS = "listing_id, kind_id, face_id, place_id, spot_id, published_at, price_minor, year, used, landed, shots_left"


def _begun(word: str) -> str:
    """Return a tsquery for a word that begins so; of letters and figures alone, so that nothing can be malformed."""
    return f"'{word}':*"
