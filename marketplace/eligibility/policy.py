"""
THE GATE. `judge(facts, policy, at)` says whether a device may go to a buyer, and why. Pure, total, deterministic.

No clock, no database, no request, no settings: whoever asks gathers the facts, and keeps the answer.
"""

from collections.abc import Iterable
from datetime import date, datetime

from . import keys
from .answering import NEVER, Finding, Question, end_of_day, holds_until, question_of
from .answers import answers_to
from .facts import Facts, Held
from .objecting import objections_to
from .operators import Ruling, rule_on
from .rulebook import Policy
from .uses import declared_badly, scope_of
from .verdict import Statement, Verdict

__all__ = ["Policy", "judge"]


def judge(facts: Facts, policy: Policy, at: datetime) -> Verdict:
    """
    Return the verdict on one purchase at the aware moment `at`, naming everything that stands against it.

    Every key is asked every time; only the practitioner's confirmation and signed statements may still be missing at a
    preview and at the order. An absent rule, an unknown modality or an empty requirement is a no.
    """
    question = question_of(facts, policy, at)
    scope = scope_of(question)
    rulings = [
        ruling
        for procedure, handpieces in scope.handpieces.items()
        for ruling in rule_on(procedure, handpieces, question, every_way=False)
    ]
    unordered, ordering = keys.ordering(question.of(facts.practitioner.person if facts.practitioner else None))
    objections = (
        *keys.device(question),
        *keys.undetermined(question),
        *keys.seller(question),
        *declared_badly(question, scope),
        *keys.operator(question),
        *objections_to(rulings, question),
        *unordered,
        *keys.standing(question),
    )
    used = _used([*(ruling.best.finding for ruling in rulings if ruling.best), ordering])
    return Verdict(
        objections=objections,
        answers=tuple(answers_to(question, objections, rulings, ordering)),
        restriction=scope.restriction,
        statements=_statements(rulings),
        limits=_limits(rulings),
        credential_ids=tuple(held.id for held in used),
        rule_ids=tuple(dict.fromkeys(ruling.best.way.rule.id for ruling in rulings if ruling.best)),
        valid_until=None if objections else _ends(used, rulings, question),
    )


def _used(findings: Iterable[Finding]) -> list[Held]:
    """Return the credentials that met something, each once, in the order in which they were first needed."""
    return list({held.id.int: held for finding in findings for held in finding.used}.values())


def _statements(rulings: Iterable[Ruling]) -> tuple[Statement, ...]:
    """Return what the practitioner signs, each statement once."""
    statements = {
        asked.code: Statement(asked.code, asked.text, ruling.best.way.rule.id)
        for ruling in rulings
        if ruling.best
        for asked in ruling.best.finding.statements
    }
    return tuple(statements.values())


def _limits(rulings: Iterable[Ruling]) -> tuple[str, ...]:
    """Return what the rules that opened leave out in words, to be shown with the yes."""
    return tuple(dict.fromkeys(text for ruling in rulings if ruling.best for text in ruling.best.way.rule.excluded))


def _last_days(used: Iterable[Held], facts: Facts) -> Iterable[date]:
    """Yield the last day of the membership of everybody whom the yes rests on."""
    needed = {held.id.int for held in used}
    practitioner = facts.practitioner.person if facts.practitioner else None
    people = [person for person in (facts.operator, practitioner) if person is not None]
    people += [one for one in facts.site.colleagues if any(held.id.int in needed for held in one.credentials)]
    for tenure in (facts.buyer.tenure, *(person.tenure for person in people)):
        if tenure.ends_on is not None:
            yield tenure.ends_on


def _ends(used: Iterable[Held], rulings: Iterable[Ruling], question: Question) -> datetime | None:
    """Return the first moment at which something the yes rests on no longer holds."""
    ends = min((holds_until(held, question) for held in used), default=NEVER)
    ends = min(ends, keys.confirmation_holds_until(question), keys.exclusions_hold_until(question))
    for day in _last_days(used, question.facts):
        ends = min(ends, end_of_day(day, question.facts.place.time_zone))
    for ruling in rulings:
        last = ruling.best.way.rule.in_force_to if ruling.best else None
        if last is not None:
            ends = min(ends, end_of_day(last, question.facts.place.time_zone))
    return None if ends == NEVER else ends
