"""What somebody would need for a device in a place: of all the ways that rules offer, the fewest steps. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from . import keys
from .answering import Miss, Question, question_of
from .explaining import PROCEDURES, cures_of, procedures, sentence_of
from .facts import Facts
from .operators import Ruling, Trial, rule_on
from .reasons import Key, ReasonCode
from .rulebook import Policy
from .uses import scope_of
from .verdict import Citation, Cure, Objection


class _Step(NamedTuple):
    """Something that is missing, the same for every procedure that asks for it."""

    code: ReasonCode
    sentence: str
    cures: tuple[Cure, ...]
    farness: int
    key: Key


_Way = frozenset[_Step]


def needs_of(facts: Facts, policy: Policy, at: datetime) -> tuple[Objection, ...]:
    """
    Return the smallest set of things that are missing, each with its cure and where it is written.

    Where several procedures are sold, ways are chosen together, so that what serves two of them is asked for once.
    Procedures for which no rule opens are named first: nothing that somebody does opens them.
    """
    question = question_of(facts, policy, at)
    rulings = [
        ruling
        for procedure, handpieces in scope_of(question).handpieces.items()
        for ruling in rule_on(procedure, handpieces, question)
        if not ruling.met
    ]
    closed = [ruling for ruling in rulings if not ruling.trials]
    ways = [_ways(ruling, question) for ruling in rulings if ruling.trials]
    chosen = shortest([frozenset(options) for options in ways])
    unordered, _ = keys.ordering(question.of(facts.practitioner.person if facts.practitioner else None))
    return (
        *(_unruled(ruling, question) for ruling in closed),
        *keys.device(question),
        *keys.undetermined(question),
        *(_needed(step, ways, rulings) for step in _in_order(chosen)),
        *unordered,
        *keys.standing(question),
    )


def shortest(choices: Iterable[frozenset[_Way]]) -> _Way:
    """Return the smallest set that contains one option of every choice; of several, the one nearest to being cured."""
    reached: set[_Way] = {frozenset()}
    for options in choices:
        reached = _undominated({chosen | option for chosen in reached for option in options})
    return min(reached, key=_length)


def _undominated(ways: set[_Way]) -> set[_Way]:
    """Leave out every way that asks for all that another one asks for, and more."""
    return {way for way in ways if not any(other < way for other in ways)}


def _length(way: _Way) -> tuple[bool, int, int, list[str]]:
    """Order ways: one that can be shown here before one that cannot, then by steps, then by how far they are."""
    closed = any(step.code is ReasonCode.ROUTE_CLOSED for step in way)
    return closed, len(way), sum(step.farness for step in way), sorted(step.sentence for step in way)


def _in_order(way: _Way) -> list[_Step]:
    return sorted(way, key=lambda step: (list(Key).index(step.key), -step.farness, step.sentence))


def _ways(ruling: Ruling, question: Question) -> dict[_Way, Trial]:
    here = question.about(ruling.procedure, ruling.handpieces)
    return {frozenset(_step(miss, here) for miss in trial.finding.misses): trial for trial in reversed(ruling.trials)}


def _step(miss: Miss, question: Question) -> _Step:
    return _Step(miss.code, sentence_of(miss, question), cures_of(miss, question), miss.farness, miss.key)


def _needed(step: _Step, ways: list[dict[_Way, Trial]], rulings: list[Ruling]) -> Objection:
    asking = [
        (ruling, trial)
        for ruling, options in zip([one for one in rulings if one.trials], ways, strict=True)
        for way, trial in options.items()
        if step in way
    ]
    subjects = tuple(use.value for use in PROCEDURES if use in {ruling.procedure for ruling, _ in asking})
    citations: dict[Citation, None] = {citation: None for _, trial in asking for citation in trial.way.rule.citations}
    return Objection(
        step.code, step.key, subjects, step.sentence, step.cures, tuple(citations), asking[0][1].way.rule.id
    )


def _unruled(ruling: Ruling, question: Question) -> Objection:
    default = question.policy.document.default
    sentence = f"{procedures([ruling.procedure]).capitalize()}: {default.sentence}"
    return Objection(ReasonCode.NO_RULE, Key.RULE, (ruling.procedure.value,), sentence, (), rule_id=default.rule_id)
