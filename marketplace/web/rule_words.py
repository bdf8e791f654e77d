"""A policy in words: for each place who may operate what, under which conditions, and where that is written."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

from ..credentials.types import credential_types
from ..eligibility.explaining import procedures
from ..eligibility.requirements import (
    AllOf,
    AnyOf,
    HoldsCredential,
    MemberHolds,
    PractitionerAttests,
    Requirement,
    SafetyOfficerNamed,
    SiteHolds,
)
from ..eligibility.rulebook import Policy, Way
from ..eligibility.rules import Coverage, NotAccepted, Rule, RuleOutcome
from ..kernel.terms import STATES, ProcedureClass
from . import gate

OUTCOMES = {
    RuleOutcome.OPERATORS: "says who may operate",
    RuleOutcome.EXCLUDE: "says who may not",
    RuleOutcome.DENY: "no text was found, so nobody is cleared",
}


@dataclass(frozen=True, slots=True)
class ShownWay:
    """One way to become an operator: what it is called, and everything it asks for."""

    name: str
    asks: tuple[str, ...]
    rule_id: str


@dataclass(frozen=True, slots=True)
class ShownChapter:
    """Procedures of one place that the same words open, or that none opens."""

    title: str
    ways: tuple[ShownWay, ...]
    believed: tuple[str, ...]
    turned_away: tuple[str, ...]
    limits: tuple[str, ...]
    citations: tuple[gate.ShownCitation, ...]


@dataclass(frozen=True, slots=True)
class ShownOption:
    """One option of a rule, as it is written; `opens` is False for what is believed, not confirmed."""

    name: str
    asks: tuple[str, ...]
    evidence: str
    opens: bool


@dataclass(frozen=True, slots=True)
class ShownRule:
    """One rule as the policy's readers see it, with everything that was written down about it."""

    id: str
    procedures: str
    outcome: str
    evidence: str
    gates: bool
    options: tuple[ShownOption, ...]
    turned_away: tuple[str, ...]
    limits: tuple[str, ...]
    citations: tuple[gate.ShownCitation, ...]
    about: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A place at a glance: what somebody can be cleared for there."""

    code: str
    name: str
    open_to: tuple[str, ...]


def places(policy: Policy, procedure: ProcedureClass | None = None) -> list[Place]:
    """Return every place by name; with `procedure` only those where somebody can be cleared for it."""
    shown = []
    for code, name in STATES.items():
        opened = [kind for kind in ProcedureClass if policy.ways(code, kind)]
        if procedure is None or procedure in opened:
            shown.append(Place(code, name, tuple(kind.words for kind in opened)))
    return sorted(shown, key=lambda place: place.name)


def chapters(policy: Policy, state: str) -> list[ShownChapter]:
    """Return what the rules say of every procedure in one place; procedures with the same words stand together."""
    together: dict[tuple[object, ...], list[ProcedureClass]] = {}
    for procedure in ProcedureClass:
        ways, rules = policy.ways(state, procedure), policy.rules_on(state, procedure)
        same = (*((way.rule.id, way.option.name) for way in ways), "|", *(rule.id for rule in rules))
        floors = tuple(floor.id for floor in policy.document.floors if procedure in floor.procedure_classes)
        together.setdefault((*same, "|", *floors), []).append(procedure)
    shown = [_chapter(policy, state, kinds) for kinds in together.values()]
    # What is open comes first; beside that the order of the vocabulary stays.
    return sorted(shown, key=lambda chapter: not chapter.ways)


def rules_of(policy: Policy, state: str) -> list[ShownRule]:
    """Return every rule of one place, also those that never gate."""
    return [_rule(rule) for rule in policy.document.rules if rule.state == state]


def _rule(rule: Rule) -> ShownRule:
    return ShownRule(
        id=rule.id,
        procedures=procedures_of(rule),
        outcome=OUTCOMES[rule.outcome],
        evidence=gate.EVIDENCE_WORDS[rule.evidence],
        gates=rule.gates,
        options=tuple(
            ShownOption(
                option.name,
                _words_of((option.requires, *rule.requires), (rule.coverage, option.coverage)),
                gate.EVIDENCE_WORDS[option.evidence or rule.evidence],
                opens=rule.gates and option.gates,
            )
            for option in rule.options
        ),
        turned_away=tuple(map(turned_away, rule.not_accepted)),
        limits=rule.excluded,
        citations=gate.citations(rule.citations),
        about=tuple(about(rule)),
    )


def procedures_of(rule: Rule) -> str:
    """Name what a rule is about; where no text was found it names nothing."""
    return procedures(rule.procedure_classes) if rule.procedure_classes else "no procedure by name"


def about(rule: Rule) -> Iterator[tuple[str, str]]:
    """Return what else the draft of the rule says, each under its name; shown, never judged."""
    for field in fields(rule.about):
        words = getattr(rule.about, field.name)
        if words:
            name = field.name.replace("_", " ").capitalize()
            yield name, words if isinstance(words, str) else "; ".join(words)


# What the notes behind the rules write in capitals: kinds of credentials by their code, and professions.
_CODED = re.compile(r"\b[A-Z][A-Z_:-]{6,}")
_STANDING = re.compile(r"(?<=[(\s])([POSX])(?=[),]| quote of)")


def turned_away(named: NotAccepted) -> str:
    """Return whom a rule turns away: the words as noted, with codes and the letter of their standing read out."""
    text = _CODED.sub(lambda code: _named(code[0]), named.text)
    text = _STANDING.sub(lambda letter: gate.EVIDENCE_WORDS[letter[1]], text)
    return text[0].upper() + text[1:]


def _named(code: str) -> str:
    known = credential_types().get(code)
    return known.name if known and ":" in code else code.replace("_", " ").lower()


def _chapter(policy: Policy, state: str, kinds: list[ProcedureClass]) -> ShownChapter:
    ways, rules = policy.ways(state, kinds[0]), policy.rules_on(state, kinds[0])
    title = procedures(kinds)
    return ShownChapter(
        title=title[0].upper() + title[1:],
        ways=tuple(
            ShownWay(way.option.name, _words_of(way.conditions, (way.rule.coverage, way.option.coverage)), way.rule.id)
            for way in ways
        ),
        believed=tuple(dict.fromkeys(_believed(rules, ways, kinds[0]))),
        turned_away=tuple(dict.fromkeys(turned_away(named) for rule in rules for named in rule.not_accepted)),
        limits=tuple(dict.fromkeys(text for rule in rules for text in rule.excluded)),
        citations=gate.citations({cited.ref: cited for rule in rules for cited in rule.citations}.values()),
    )


def _believed(rules: Iterable[Rule], ways: Iterable[Way], procedure: ProcedureClass) -> Iterator[str]:
    opening = {(way.rule.id, way.option.name) for way in ways}
    for rule in rules:
        for option in rule.options:
            if option.covers(procedure) and (rule.id, option.name) not in opening:
                yield option.name


def _words_of(requirements: Iterable[Requirement], reaches: Iterable[Coverage | None]) -> tuple[str, ...]:
    asked = [words for requirement in requirements for words in conditions(requirement)]
    asked += [words for reach in reaches if reach is not None for words in coverage(reach)]
    return tuple(dict.fromkeys(asked))


def conditions(requirement: Requirement) -> list[str]:
    """Say what a requirement asks for, each thing in words that follow on “that”."""
    match requirement:
        case AllOf():
            return [words for condition in requirement.conditions for words in conditions(condition)]
        case AnyOf():
            return ["either " + ", or ".join(" and ".join(conditions(each)) for each in requirement.conditions)]
        case HoldsCredential():
            return [f"the operator holds {requirement.name}" + (" for this very model" if requirement.on_model else "")]
        case MemberHolds():
            return [f"somebody at the clinic holds {requirement.name}"]
        case SiteHolds():
            return [f"the site holds {requirement.name}" + _for_lasers(only=requirement.lasers_only)]
        case SafetyOfficerNamed():
            return ["the site has named a laser safety officer" + _for_lasers(only=requirement.lasers_only)]
        case PractitionerAttests():
            return [f"the ordering practitioner signs: “{requirement.text}”"]
    return [f"what cannot be shown here yet: {requirement.text}"]


def _for_lasers(*, only: bool) -> str:
    return ", for lasers" if only else ""


def coverage(reach: Coverage) -> list[str]:
    """Say which handpieces a rule reaches; nothing where it reaches all."""
    words = ["only handpieces that emit laser light"] if reach.lasers_only else []
    if reach.modalities:
        words.append(f"only these kinds of device: {', '.join(reach.modalities)}")
    if reach.except_modalities:
        words.append(f"not these kinds of device: {', '.join(reach.except_modalities)}")
    return words
