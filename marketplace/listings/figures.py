"""
How many units there are, and how many beside every answer of every facet: exact, in one statement, remembered.

What is chosen from lists is counted from the cells, of which the database keeps the figures: that costs the same
however many units there are. Only where a figure narrows (a price, a distance), or a unit's own words are asked for,
are units read. Answers are remembered under the version of the market, which every change replaces: they cannot grow
old.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from .asked import Asked, cell_conditions
from .facets import CELL_FACETS, FACETS, KIND_FACETS
from .kinds import Market

MOST_REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are in all, by kind, and by facet and answer."""

    total: int
    by_kind: Mapping[int, int]
    by_facet: Mapping[str, Mapping[str, int]]


@dataclass(slots=True)
class _Memory:
    version: str = ""
    answers: dict[Any, Counts] = field(default_factory=dict)


_remembering = [_Memory()]


def counts(connection: Connection, market: Market, asked: Asked) -> Counts:
    """Return the figures for a question, in one statement, or in none while the market is as it was."""
    memory = _remembering[0]
    if memory.version != market.version or len(memory.answers) >= MOST_REMEMBERED:
        # A new memory, not an emptied one: another thread may be about to keep in it what it read before the change.
        memory = _remembering[0] = _Memory(market.version)
    found = memory.answers.get(asked.counted_by)
    if found is None:
        found = memory.answers[asked.counted_by] = _count(connection, market, asked)
    return found


def _count(connection: Connection, market: Market, asked: Asked) -> Counts:
    sql, given = _statement(asked)
    by_kind: dict[int, int] = {}
    by_facet: dict[str, dict[str, int]] = {name: {} for name in FACETS}
    for facet, answer, number in connection.exec_driver_sql(sql, given):
        if number == 0:
            continue
        if facet == "":
            by_kind[int(answer)] = number
        else:
            by_facet[facet][answer.removeprefix(f"{facet}:")] = number
    total = 0
    for kind_id, number in by_kind.items():
        kind = market.kinds.get(kind_id)
        if kind is None:
            raise NewKind
        # A kind that fails one facet alone is what choosing otherwise in this facet would find.
        against = [name for name, wanted in asked.of_kind.items() if wanted.isdisjoint(KIND_FACETS[name].answers(kind))]
        if not against:
            total += number
        for name in KIND_FACETS if not against else against if len(against) == 1 else ():
            beside = by_facet[name]
            for answer in KIND_FACETS[name].answers(kind):
                beside[answer] = beside.get(answer, 0) + number
    return Counts(total, by_kind, by_facet)


class NewKind(Exception):
    """A kind came to the market between two statements; the question is asked once more."""


def _statement(asked: Asked) -> tuple[str, dict[str, Any]]:
    """Return what counts, and what it takes: pairs of facet and answer, those of kinds under no name."""
    given: dict[str, Any] = dict(asked.given)

    def beside(name: str | None) -> str:
        """What else is chosen, but for one facet. The kinds are all counted: which of them are chosen is seen later."""
        others = cell_conditions(asked, given, but=name)
        if name is not None and asked.chosen_kinds is not None:
            given["chosen_kinds"] = asked.chosen_kinds
            others.append("kind_id = ANY(%(chosen_kinds)s::int[])")
        return " AND ".join(others) or "true"

    # All that stands in these words are names of ours; what people typed is in `given`.
    parts = [f"SELECT '', kind_id::text, sum(units)::int FROM matched WHERE {beside(None)} GROUP BY kind_id"]  # noqa: S608
    for name, facet in CELL_FACETS.items():
        if facet.trait is None:
            source, answer = f"matched WHERE {beside(name)}", facet.column
        else:
            source = f"matched, unnest(traits) trait WHERE starts_with(trait, '{name}:') AND {beside(name)}"
            answer = "trait"
        parts.append(f"SELECT '{name}', {answer}, sum(units)::int FROM {source} GROUP BY {answer}")  # noqa: S608
    return f"WITH matched AS MATERIALIZED ({asked.matched}) {' UNION ALL '.join(parts)}", given


def remembered() -> Collection[Any]:
    """Return the questions whose figures are remembered."""
    return _remembering[0].answers.keys()


def forget() -> None:
    """Remember nothing."""
    _remembering[0] = _Memory()
