"""The operator key: for every procedure sold, a rule of the place and a person who meets it. Never waived. Pure."""

from typing import NamedTuple

from ..kernel.terms import ProcedureClass
from .answering import GONE, Finding, Miss, Question, answer_all
from .explaining import sentence_of
from .facts import Handpiece, Held
from .one_offs import one_offs_for
from .reasons import Key, ReasonCode
from .requirements import HoldsCredential
from .rulebook import Way
from .rules import Rule
from .verdict import Route


class Trial(NamedTuple):
    """One way, tried on the facts."""

    way: Way
    finding: Finding


class Ruling(NamedTuple):
    """
    What became of one procedure for the handpieces that the same rules reach.

    `best` is the first way that is met, or else the nearest one; None: no rule of the place may open for this.
    `trials` are all ways of a ruling that is not met.
    """

    procedure: ProcedureClass
    handpieces: tuple[Handpiece, ...]
    best: Trial | None
    routes: tuple[Route, ...] = ()
    trials: tuple[Trial, ...] = ()

    @property
    def met(self) -> bool:
        """Say whether somebody who may do this was found."""
        return self.best is not None and self.best.finding.met


def rule_on(
    procedure: ProcedureClass, handpieces: tuple[Handpiece, ...], question: Question, *, every_way: bool = True
) -> list[Ruling]:
    """
    Return the ruling on `procedure`, one for each group of handpieces that the same rules reach.

    Without `every_way`, and while nobody is named who will operate it, ways that cannot be the best are not tried: of
    those that hang on the operator the first is as near as any.
    """
    ways = [
        way for way in question.policy.ways(question.facts.place.state, procedure) if way.rule.in_force(question.today)
    ]
    if not ways:
        # Only where no rule speaks may somebody have decided; beside a rule a decision is not even looked at.
        decided = one_offs_for(question.facts, procedure, question.today)
        ways = [way for rule in decided for way in question.policy.ways_of(rule, procedure)]
    spare = question.person is None and not every_way
    if not any(way.selective for way in ways):
        return [_ruling(procedure, handpieces, _telling(ways) if spare else ways, question)]
    groups: dict[tuple[int, ...], list[Handpiece]] = {}
    for handpiece in handpieces:
        reach = tuple(n for n, way in enumerate(ways) if way.reaches(handpiece))
        groups.setdefault(reach, []).append(handpiece)
    rulings = []
    for reach, group in groups.items():
        reaching = [ways[n] for n in reach]
        rulings.append(_ruling(procedure, tuple(group), _telling(reaching) if spare else reaching, question))
    return rulings


def _telling(ways: list[Way]) -> list[Way]:
    """Return the ways that can be the best for nobody: the first that hangs on the operator, and those that do not."""
    hanging = [way for way in ways if way.hangs_on_operator]
    first = next((way for way in hanging if not way.closed), hanging[0] if hanging else None)
    return [way for way in ways if way is first or not way.hangs_on_operator]


def _ruling(
    procedure: ProcedureClass, handpieces: tuple[Handpiece, ...], ways: list[Way], question: Question
) -> Ruling:
    here = question.about(procedure, handpieces)
    known: dict[int, Finding] = {}
    trials = []
    for way in ways:
        trial = Trial(way, answer_all(way.asked, here, known))
        if trial.finding.met:
            return Ruling(procedure, handpieces, trial)
        trials.append(trial)
    best = min(trials, key=lambda trial: _nearness(trial, question), default=None)
    believed = question.policy.believed_on(question.facts.place.state, procedure)
    # Ways are told to somebody. While nobody is named, the one objection is that nobody is.
    told = trials if question.person is not None else ()
    routes = (*(_route(trial, here) for trial in told), *believed)
    return Ruling(procedure, handpieces, best and _explained(best, here), routes, tuple(trials))


def _nearness(trial: Trial, question: Question) -> tuple[bool, bool, int, int]:
    """
    Order ways that are not met so that the one to speak of comes first.

    One for which the person already has something, the nearest by what the person lacks, then by what the site lacks;
    else the first of the rule. Of both, a way that cannot be shown here yet comes last.
    """
    finding = trial.finding
    asked = [miss for miss in finding.misses if miss.key is Key.OPERATOR]
    closed = ReasonCode.ROUTE_CLOSED in [miss.code for miss in asked]
    if asked and _untouched(finding, question):
        return True, closed, 0, 0
    return False, closed, sum(miss.farness for miss in asked), finding.farness


def _untouched(finding: Finding, question: Question) -> bool:
    """Say whether the person has nothing at all of what this way asks."""
    own = {held.id.int for held in question.person.credentials} if question.person else ()
    if not own:
        return True
    return not any(miss.held is not None and miss.held.id.int in own for miss in finding.misses) and not any(
        held.id.int in own for held in finding.used
    )


def _route(trial: Trial, question: Question) -> Route:
    lacks = tuple(dict.fromkeys(sentence_of(miss, question) for miss in trial.finding.misses))
    return Route(trial.way.rule.id, trial.way.option.name, confirmed=True, lacks=lacks)


def _explained(best: Trial, question: Question) -> Trial:
    """Say of a credential that is simply not there what the person holds instead."""
    if not _untouched(best.finding, question):
        return best
    misses = tuple(_instead(miss, best.way.rule, question) for miss in best.finding.misses)
    return Trial(best.way, best.finding._replace(misses=misses))


def _instead(miss: Miss, rule: Rule, question: Question) -> Miss:
    condition, person = miss.condition, question.person
    if not isinstance(condition, HoldsCredential) or person is None:
        return miss
    found = [_judged(held, rule, question) for held in person.credentials if held.state not in GONE]
    if not found:
        return miss
    _, code, held, note = min(found, key=lambda entry: entry[0])
    return miss._replace(code=code, held=held, holder=person.name, note=note)


def _judged(held: Held, rule: Rule, question: Question) -> tuple[int, ReasonCode, Held, str]:
    """Say why something the person holds is not what is asked; what the rule itself turns away comes first."""
    here = held.jurisdiction == question.facts.place.state
    for named in rule.not_accepted:
        if here and held.type in named.types:
            return 0, ReasonCode.NOT_ACCEPTED, held, named.text
    if held.does_not_open:
        return 3, ReasonCode.NOT_AN_OPERATOR_CERTIFICATE, held, ""
    if here:
        return 1, ReasonCode.NOT_ACCEPTED, held, ""
    return 2, ReasonCode.WRONG_STATE, held, ""
