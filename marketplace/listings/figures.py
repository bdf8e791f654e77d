"""
How many units there are, and how many beside every answer of every facet: exact, in one statement, remembered.

As long as only kinds are asked for (words, makers, modalities, wavelengths), the figures are those that the database
keeps of each kind beside each answer. With a state or a grade they are those it keeps of each kind and face. Both cost
the same however many units there are. Only where a figure narrows (a price, a distance), or a unit's own words are
asked for, are units read: once, from an index that holds nothing else, and added up by kind and by face. Answers are
remembered under the version of the market, which every change replaces: they cannot grow old.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from .asked import Asked, Span, Wanted, ask, face_conditions, numbers, of_faces
from .facets import FACE_FACETS, FACETS, KIND_FACETS, RANGES
from .kinds import Market
from .ladders import LADDERS

MOST_REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are in all, by kind, and by facet and answer; of a question about steps, by range and grain."""

    total: int
    by_kind: Mapping[int, int]
    by_facet: Mapping[str, Mapping[str, int]]


@dataclass(slots=True)
class _Memory:
    version: str = ""
    answers: dict[Any, Counts] = field(default_factory=dict)


_remembering = [_Memory()]


def counts(connection: Connection, market: Market, asked: Asked, *, beside: Iterable[Asked] = ()) -> Counts:
    """
    Return the figures for a question, in one statement, or in none while the market is as it was.

    `beside`: what will be asked next; where a statement has to be sent, their figures come with it.
    """
    memory = _remembering[0]
    found = memory.answers.get(asked.counted_by) if memory.version == market.version else None
    if found is None:
        if memory.version != market.version or len(memory.answers) >= MOST_REMEMBERED:
            # A new memory, not an emptied one: another thread may be about to keep in it what it read before.
            memory = _remembering[0] = _Memory(market.version)
        several = {one.counted_by: one for one in (asked, *beside) if one.counted_by not in memory.answers}
        ranged = [one for one in several.values() if one.but_for]
        everything = memory.answers.get(of_all(market).counted_by) if ranged else None
        for one in ranged:
            one.mostly_inside = everything is not None and _is_mostly_inside(one, everything)
        answers = dict(zip(several, _count(connection, market, tuple(several.values())), strict=True))
        memory.answers.update(answers)
        found = answers[asked.counted_by]
    return found


def of_all(market: Market) -> Asked:
    """Return the question on which steps all units stand, whatever is looked for: ranges are weighed by its answer."""
    return of_steps(ask(market, Wanted()), tuple(LADDERS))


def of_steps(asked: Asked, names: tuple[str, ...]) -> Asked:
    """Return the question on which steps of these ranges stands what a question asks for."""
    return replace(asked, steps=names, counted_by=(names, asked.counted_by))


_MOSTLY = 2 / 3
"""Beside those outside, what is kept of kinds and faces is added up as well: a third of a market of 100,000."""


def _is_mostly_inside(asked: Asked, everything: Counts) -> bool:
    """Say whether so many more units are within the ranges than outside, as far as steps can tell."""
    units = sum(everything.by_facet["price"].values())
    share = 1.0 if units else 0.0
    for name, span in asked.ranges.items():
        size = LADDERS[name].grain
        grains = everything.by_facet[name].items()
        share *= sum(number * _part(int(grain) * size, size, span) for grain, number in grains) / max(units, 1)
    return share > _MOSTLY


def _part(begins: int, size: int, span: Span) -> float:
    """Return which part of a grain is within a range, as if its units stood evenly on it."""
    least, most = span
    low = begins if least is None else max(begins, least)
    high = begins + size if most is None else min(begins + size, most + 1)
    return max(high - low, 0) / size


class NewKind(Exception):
    """A kind came to the market between two statements; the question is asked once more."""


_Row = tuple[int, int | None, list[str], int]
"""What its units miss of what is chosen; their kind, or answers that they have; how many they are."""


def _count(connection: Connection, market: Market, several: Sequence[Asked]) -> list[Counts]:
    """Return the figures for each question, in one statement."""
    if len(several) == 1:
        return [_counted(market, several[0], connection.exec_driver_sql(*_statement(several[0])).all())]
    parts: list[str] = []
    given: dict[str, Any] = {}
    for number, asked in enumerate(several):
        sql, own = _statement(asked)
        given |= {f"{name}_of_{number}": value for name, value in own.items()}
        renamed = _PLACE.sub(rf"%(\1_of_{number})s", sql)
        parts.append(f"SELECT {number} AS question, own.* FROM ({renamed}) own")  # noqa: S608  Names of ours; values are bound.
    rows: list[list[_Row]] = [[] for _ in several]
    for number, *row in connection.exec_driver_sql(" UNION ALL ".join(parts), given).all():
        rows[number].append(tuple(row))
    return [_counted(market, asked, own) for asked, own in zip(several, rows, strict=True)]


_PLACE = re.compile(r"%\((\w+)\)s")


def _counted(market: Market, asked: Asked, rows: Iterable[_Row]) -> Counts:
    by_kind: dict[int, int] = {}
    by_facet: dict[str, dict[str, int]] = {name: {} for name in asked.steps or FACETS}
    # A facet's figures are those of units that miss nothing, or at most what is chosen of this facet.
    forgiven = dict.fromkeys((*FACE_FACETS, *LADDERS), 0) | {name: 2**bit for bit, name in enumerate(asked.of_face)}
    for missed, kind_id, answers, number in rows:
        if kind_id is not None:
            by_kind[kind_id] = by_kind.get(kind_id, 0) + number
            continue
        for said in answers:
            facet, _, answer = said.partition(":")
            if not missed & ~forgiven[facet]:
                by_facet[facet][answer] = by_facet[facet].get(answer, 0) + number
    for name in asked.steps or FACE_FACETS:
        by_facet[name] = {answer: number for answer, number in by_facet[name].items() if number}
    by_kind = {kind_id: number for kind_id, number in by_kind.items() if number}
    return Counts(_add_kinds(market, asked, by_kind, by_facet), by_kind, by_facet)


def _add_kinds(market: Market, asked: Asked, by_kind: Mapping[int, int], by_facet: dict[str, dict[str, int]]) -> int:
    """Add the figures of facets of kinds, and return how many units there are in all."""
    total = 0
    for kind_id, number in by_kind.items():
        kind = market.kinds.get(kind_id)
        if kind is None:
            raise NewKind
        against = [name for name, wanted in asked.of_kind.items() if wanted.isdisjoint(KIND_FACETS[name].answers(kind))]
        if not against:
            total += number
        # A kind that fails one facet alone is what choosing otherwise in this facet would find.
        for name in KIND_FACETS if not against else against if len(against) == 1 else ():
            beside = by_facet[name]
            for answer in KIND_FACETS[name].answers(kind):
                beside[answer] = beside.get(answer, 0) + number
    return total


# What stands in these words are names of ours; what people typed is in what the statements take.
_TALLIES = """
    SELECT 0 AS missed, kind_id, NULL::text[] AS answers, sum(units)::int
    FROM market_tallies WHERE answer = '' {among_able} GROUP BY kind_id
    UNION ALL
    SELECT 0, NULL, ARRAY[answer], sum(units)::int
    FROM market_tallies WHERE answer <> '' {among_chosen} GROUP BY answer
"""
# Figures of kinds are those of units whose face is chosen; figures of faces those of units whose kind is.
_FACES = """
    SELECT 0 AS missed, kind_id, NULL::text[] AS answers, of_kind::int
    FROM tally WHERE kind_id IS NOT NULL AND of_kind <> 0
    UNION ALL
    SELECT missed, NULL, CASE
        WHEN grouping(state_code) = 0 THEN ARRAY['state:' || state_code]
        WHEN grouping(grade) = 0 THEN ARRAY['grade:' || grade] ELSE traits END, sum(of_face)::int
    FROM (
        SELECT {missed} AS missed, state_code, grade, traits, of_face
        FROM tally JOIN market_faces face ON face.id = tally.face_id WHERE of_face <> 0
    ) seen
    WHERE missed & (missed - 1) = 0
    GROUP BY GROUPING SETS ((missed, state_code), (missed, grade), (missed, traits))
"""
_TALLY = """
    WITH tally AS (
        SELECT kind_id, face_id, sum(units){of_kind} AS of_kind, sum(units){of_face} AS of_face
        FROM ({matched}) matched {seen} GROUP BY GROUPING SETS ((kind_id), (face_id))
    )
"""
# Of units that miss two of what is chosen nothing is said.
_SEEN = "WHERE face_id IN (SELECT id FROM market_faces WHERE ({missed}) & (({missed}) - 1) = 0)"


def _statement(asked: Asked) -> tuple[str, dict[str, Any]]:
    """Return what counts, and what it takes: rows of what units miss, their kind or answers they have, their number."""
    if asked.steps:
        return _statement_of_steps(asked)
    given = dict(asked.given)
    conditions = face_conditions(asked, given)
    bits = [f"CASE WHEN {one} THEN 0 ELSE {2**bit} END" for bit, one in enumerate(conditions)]
    missed = " + ".join(bits) or "0"
    seen = _SEEN.format(missed=missed) if len(bits) > 1 else ""
    faces, kinds = "", ""
    if conditions:
        faces = f" FILTER (WHERE {of_faces(conditions)})"
    if asked.chosen_kinds is not None:
        given["chosen_kinds"] = numbers(asked.chosen_kinds)
        kinds = " FILTER (WHERE kind_id IN (SELECT unnest(%(chosen_kinds)s::int[])))"
    if not tallied(asked):
        matched = asked.but_for if asked.mostly_inside else asked.matched
        tally = _TALLY.format(of_kind=faces, of_face=kinds, matched=matched, seen=seen)
        return tally + _FACES.format(missed=missed), given
    whole, chosen = asked.whole_kinds, asked.chosen_kinds
    if whole is not None:
        given["tallied"] = numbers(whole)
        given["tallied_chosen"] = numbers(whole if chosen is None else whole & chosen)
    elif chosen is not None:
        given["tallied_chosen"] = numbers(chosen)
    sql = _TALLIES.format(
        among_able="" if whole is None else "AND kind_id = ANY(%(tallied)s::int[])",
        among_chosen="" if whole is None and chosen is None else "AND kind_id = ANY(%(tallied_chosen)s::int[])",
    )
    if asked.others:
        tally = _TALLY.format(of_kind=faces, of_face=kinds, matched=asked.others, seen=seen)
        sql = f"{tally}{sql} UNION ALL {_FACES.format(missed=missed)}"
    return sql, given


# What stands in these words are names of ours; what people typed is in what the statements take.
_GRAINS = """
    SELECT 0 AS missed, NULL::int AS kind_id, ARRAY[ladder || ':' || grain] AS answers, sum(units)::int AS units
    FROM market_grains WHERE ladder IN ({ladders}) AND {among} GROUP BY ladder, grain
"""
# All ranges in one reading; what is put together of the cells then costs the same however many units there are.
_READ = """
    SELECT 0 AS missed, NULL::int AS kind_id, array_remove(ARRAY[{answers}], NULL) AS answers,
        {sign}sum(units)::int AS units
    FROM (SELECT {grains}, count(*) AS units FROM {source} market_units WHERE {where} GROUP BY {names}) cell
    GROUP BY GROUPING SETS ({sets})
"""


def tallied(asked: Asked) -> bool:
    """Say whether figures are kept of all that is asked for, so that no unit need be read but for its own words."""
    return asked.of_kinds_alone and not asked.of_face


def _statement_of_steps(asked: Asked) -> tuple[str, dict[str, Any]]:
    given = dict(asked.given)
    conditions = list(asked.conditions)
    if asked.chosen_kinds is not None:
        given["chosen_kinds"] = numbers(asked.chosen_kinds)
        conditions.append("kind_id = ANY(%(chosen_kinds)s::int[])")
    but_for = asked.mostly_inside and not asked.of_face
    if not tallied(asked) and not but_for:
        faces = face_conditions(asked, given)
        return _reading(asked, asked.source, [*conditions, *([of_faces(faces)] if faces else ())]), given
    if but_for:
        conditions = [one for one in conditions if one not in asked.figures]
        outside = _reading(asked, asked.source, [*conditions, f"({asked.outside})"], sign="-")
        return f"{_kept(asked, ' AND '.join(conditions) or 'true')} UNION ALL {outside}", given
    among = "true"
    kinds = [one for one in (asked.whole_kinds, asked.chosen_kinds) if one is not None]
    if kinds:
        given["tallied"] = numbers(frozenset.intersection(*kinds))
        among = "kind_id = ANY(%(tallied)s::int[])"
    sql = _kept(asked, among)
    if asked.own:
        sql = f"{sql} UNION ALL {_reading(asked, f'({asked.own})', conditions)}"
    return sql, given


def _kept(asked: Asked, among: str) -> str:
    return _GRAINS.format(ladders=", ".join(f"'{name}'" for name in asked.steps), among=among)


def _reading(asked: Asked, source: str, conditions: list[str], *, sign: str = "") -> str:
    def each(form: str) -> str:
        return ", ".join(_of_each(form, asked.steps))

    return _READ.format(
        answers=each("'{name}:' || {name}_grain"), grains=each("{read} AS {name}_grain"), names=each("{name}_grain"),
        sets=each("({name}_grain)"), sign=sign, source=source, where=" AND ".join(conditions) or "true",
    )  # fmt: skip


def _of_each(form: str, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        # What is not known is the highest number there is, and stands on no step.
        yield form.format(name=name, read=f"nullif({RANGES[name]}, 2147483647) / {LADDERS[name].grain}")


def remembered() -> Collection[Any]:
    """Return the questions whose figures are remembered."""
    return _remembering[0].answers.keys()


def forget() -> None:
    """Remember nothing."""
    _remembering[0] = _Memory()
