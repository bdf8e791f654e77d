"""What became of a rule between two policies, in sentences: what it says no longer, and what it says now."""

from collections.abc import Iterator
from dataclasses import dataclass

from ..credentials.types import credential_types
from ..eligibility.comparing import Comparison, Difference
from ..eligibility.explaining import listed, procedures
from ..eligibility.requirements import AllOf, AnyOf, HoldsCredential, MemberHolds, Requirement, SiteHolds
from ..eligibility.rulebook import Document
from ..eligibility.rules import Option, Rule
from ..kernel.days import written
from . import gate, rule_words


@dataclass(frozen=True, slots=True)
class ShownChange:
    """One rule that differs; `differences` are the places in the document, for whoever wants them field by field."""

    rule_id: str
    state: str
    kind: str
    no_longer: tuple[str, ...]
    now: tuple[str, ...]
    differences: tuple[Difference, ...]


def changes(comparison: Comparison, before: Document, after: Document) -> list[ShownChange]:
    """Return every rule that differs, with the sentences that fell away and those that came, each side in its order."""
    old = {rule.id: tuple(sentences(rule)) for rule in before.rules}
    new = {rule.id: tuple(sentences(rule)) for rule in after.rules}
    shown = []
    for change in comparison.rules:
        was, now = old.get(change.rule_id, ()), new.get(change.rule_id, ())
        shown.append(
            ShownChange(
                rule_id=change.rule_id,
                state=change.state,
                kind=change.kind,
                no_longer=tuple(said for said in was if said not in now),
                now=tuple(said for said in now if said not in was),
                differences=change.differences,
            )
        )
    return shown


def sentences(rule: Rule) -> Iterator[str]:
    """Say everything that a rule says, one sentence for each thing that can change."""
    yield f"It is about {rule_words.procedures_of(rule)}, and {rule_words.OUTCOMES[rule.outcome]}."
    yield f"How well it is known: {gate.EVIDENCE_WORDS[rule.evidence]}."
    yield "It can open something." if rule.gates else "It opens nothing."
    if rule.in_force_from:
        yield f"It is in force from {written(rule.in_force_from)}."
    if rule.in_force_to:
        yield f"It is in force through {written(rule.in_force_to)}."
    for option in rule.options:
        yield from _option(option, rule)
    for condition in rule.requires:
        yield f"Beside every way it asks that {_asked(condition)}."
    if rule.coverage:
        yield f"It reaches {_and(rule_words.coverage(rule.coverage))}."
    for named in rule.not_accepted:
        yield f"Turned away: {rule_words.turned_away(named)}"
    for limit in rule.excluded:
        yield f"Its own limit: {limit}"
    for cited in rule.citations:
        version = f", as read: {cited.text_version}" if cited.text_version else ""
        known = f" ({gate.EVIDENCE_WORDS[cited.evidence]})" if cited.evidence else ""
        yield f"It is written in {cited.ref}{version}{known}."
    for name, words in rule_words.about(rule):
        yield f"{name}: {words}"


def _option(option: Option, rule: Rule) -> Iterator[str]:
    name = f"“{option.name}”"
    yield f"{name} is a way to operate, where {_asked(option.requires)}."
    if option.procedure_classes:
        yield f"{name} is for {procedures(option.procedure_classes)} only."
    if option.coverage:
        yield f"{name} reaches {_and(rule_words.coverage(option.coverage))}."
    if rule.gates and not option.gates:
        yield f"{name} is believed and not confirmed: it opens nothing."
    if option.evidence:
        yield f"{name} is known from: {gate.EVIDENCE_WORDS[option.evidence]}."


def _asked(requirement: Requirement) -> str:
    """Say one condition, with the papers that meet it: a change of those is a change of who may."""
    match requirement:
        case AllOf():
            return _and([_asked(each) for each in requirement.conditions])
        case AnyOf():
            return "either " + ", or ".join(_asked(each) for each in requirement.conditions)
        case HoldsCredential() | MemberHolds() | SiteHolds():
            return f"{_and(rule_words.conditions(requirement))} [{_papers(requirement)}]"
    return _and(rule_words.conditions(requirement))


def _papers(requirement: HoldsCredential | MemberHolds | SiteHolds) -> str:
    known = credential_types()
    words = " or ".join(known[code].name for code in requirement.types)
    if isinstance(requirement, SiteHolds):
        return words
    if requirement.levels:
        words += "; level " + " or ".join(level.replace("_", " ").lower() for level in requirement.levels)
    if isinstance(requirement, HoldsCredential):
        if requirement.endorsements:
            words += "; endorsed for " + listed(each.replace("_", " ").lower() for each in requirement.endorsements)
        words += "; for the very procedure" if requirement.for_procedure else ""
        words += "; of any state" if requirement.from_anywhere else ""
    return words


def _and(parts: list[str]) -> str:
    return " and ".join(parts)
