"""
How many units stand on each step of a range, beside everything else that is asked for and not beside the range itself.

Steps are counted as facets are: from what the database keeps of each kind, by grains, as long as only kinds are asked
for; else from the index that holds nothing but figures. What is looked for without a range is a question of its own,
sent in the statement of the figures and remembered like them.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from sqlalchemy import Connection

from . import figures
from .asked import Asked, Wanted, ask
from .kinds import Market
from .ladders import LADDERS, LIGHT, Ladder, Step

OF_LIGHT = "light"


def questions(market: Market, wanted: Wanted, asked: Asked) -> dict[str, Asked]:
    """
    Return, by the name of each range in steps, the question whose figures say what stands on them.

    `asked`: what is wanted, made ready.
    """
    found = dict.fromkeys(LADDERS, _about(asked, tuple(name for name in LADDERS if name not in wanted.spans)))
    for name in LADDERS:
        if name in wanted.spans:
            others = {one: span for one, span in wanted.spans.items() if one != name}
            found[name] = _about(ask(market, replace(wanted, spans=others)), (name,))
    open_light = wanted.light == (None, None)
    found[OF_LIGHT] = asked if open_light else ask(market, replace(wanted, light=(None, None)))
    return found


def _about(asked: Asked, names: tuple[str, ...]) -> Asked:
    """Return the question about steps of these ranges; where units need not be read, about those of all of them."""
    return figures.of_steps(asked, tuple(LADDERS) if figures.tallied(asked) else names)


def counted(connection: Connection, market: Market, asked: Mapping[str, Asked]) -> dict[str, tuple[Step, ...]]:
    """Return the steps of each range, from its question; in no statement where the figures came with these."""
    found = {}
    for name, question in asked.items():
        counts = figures.counts(connection, market, question)
        if name == OF_LIGHT:
            found[name] = _of_light(market, question, counts.by_kind)
        else:
            found[name] = _on(name, counts.by_facet[name])
    return found


def _on(name: str, by_grain: Mapping[str, int]) -> tuple[Step, ...]:
    units: Counter[int] = Counter()
    for grain, number in by_grain.items():
        units[LADDERS[name].of(int(grain))] += number
    return _steps(LADDERS[name], units)


def _of_light(market: Market, asked: Asked, by_kind: Mapping[int, int]) -> tuple[Step, ...]:
    units: Counter[int] = Counter()
    for kind_id, number in by_kind.items():
        if asked.chosen_kinds is None or kind_id in asked.chosen_kinds:
            for step in market.kinds[kind_id].shines_on:
                units[step] += number
    return _steps(LIGHT, units)


def _steps(ladder: Ladder, units: Mapping[int, int]) -> tuple[Step, ...]:
    return tuple(Step(*span, units.get(number, 0)) for number, span in enumerate(ladder.spans))
