"""
THE GATE. `judge(facts, policy, at)` says whether a device may go to a buyer, and why. Pure, total, deterministic.

No clock, no database, no request, no settings: whoever asks gathers the facts, and keeps the answer.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from ..kernel.days import day_in
from ..kernel.terms import STATES
from . import keys
from .answering import NEVER, Finding, Question, end_of_day, holds_until
from .explaining import listed
from .facts import Facts, Held
from .objecting import objections_to
from .operators import Ruling, rule_on
from .reasons import Key
from .rulebook import Policy
from .uses import declared_badly, scope_of
from .verdict import Answer, Objection, Statement, Verdict

__all__ = ["Policy", "judge"]


def judge(facts: Facts, policy: Policy, at: datetime) -> Verdict:
    """
    Return the verdict on one purchase at the aware moment `at`, naming everything that stands against it.

    Every key is asked every time; only the practitioner's confirmation and signed statements may still be missing at a
    preview and at the order. An absent rule, an unknown modality or an empty requirement is a no.
    """
    practitioner = facts.practitioner.person if facts.practitioner else None
    today = day_in(at, facts.place.time_zone)
    question = Question(facts, policy, at, today, facts.operator)
    scope = scope_of(question)
    rulings = [
        ruling
        for procedure, handpieces in scope.handpieces.items()
        for ruling in rule_on(procedure, handpieces, question)
    ]
    unordered, ordering = keys.ordering(Question(facts, policy, at, today, practitioner))
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
    findings = [*(ruling.best.finding for ruling in rulings if ruling.best), ordering]
    used = _used(findings)
    return Verdict(
        objections=objections,
        answers=tuple(_answers(objections, rulings, question, ordering)),
        restriction=scope.restriction,
        statements=_statements(rulings),
        limits=_limits(rulings),
        credential_ids=tuple(used),
        rule_ids=tuple(dict.fromkeys(ruling.best.way.rule.id for ruling in rulings if ruling.best)),
        valid_until=None if objections else _ends(used.values(), rulings, question),
    )


def _used(findings: Iterable[Finding]) -> dict[UUID, Held]:
    """Return the credentials that met something, by id, in the order in which they were first needed."""
    return {held.id: held for finding in findings for held in finding.used}


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


def _ends(used: Iterable[Held], rulings: Iterable[Ruling], question: Question) -> datetime | None:
    """Return the first moment at which something the yes rests on no longer holds."""
    ends = min((holds_until(held, question) for held in used), default=NEVER)
    ends = min(ends, keys.confirmation_holds_until(question))
    for ruling in rulings:
        last = ruling.best.way.rule.in_force_to if ruling.best else None
        if last is not None:
            ends = min(ends, end_of_day(last, question.facts.place.time_zone))
    return None if ends == NEVER else ends


_MET = {
    Key.DEVICE: "A known model, its labels seen, not remanufactured.",
    Key.SELLER: "Our staff found that the seller may hold and sell a prescription device.",
    Key.RULE: "A rule of the place covers everything that is sold.",
    Key.STANDING: "Nothing stands against the people themselves.",
}


def _answers(
    objections: Iterable[Objection], rulings: Iterable[Ruling], question: Question, ordering: Finding
) -> Iterator[Answer]:
    against: dict[Key, Objection] = {}
    for objection in objections:
        against.setdefault(objection.key, objection)

    def answer(key: Key, subject: str, met: str, used: Iterable[Held] = ()) -> Answer:
        if key in against:
            return Answer(key, subject, met=False, sentence=against[key].sentence)
        return Answer(key, subject, met=True, sentence=met, credential_ids=tuple(held.id for held in used))

    place = STATES[question.facts.place.state]
    yield answer(Key.DEVICE, question.facts.device.name, _MET[Key.DEVICE])
    yield answer(Key.SELLER, "seller", _MET[Key.SELLER])
    yield answer(Key.RULE, place, _MET[Key.RULE])
    yield from (_operator_answer(ruling, question) for ruling in rulings)
    ordered = listed([held.type_name for held in ordering.used]) if ordering.used else ""
    practitioner = question.facts.practitioner.person.name if question.facts.practitioner else "ordering practitioner"
    yield answer(Key.PRACTITIONER, practitioner, f"{practitioner} may order it: {ordered}.", ordering.used)
    on_site = _used(ruling.best.finding for ruling in rulings if ruling.best)
    own = {held.id for held in question.person.credentials} if question.person else set()
    others = [held for held in on_site.values() if held.id not in own]
    names = listed([held.type_name for held in others]) if others else ""
    yield answer(Key.SITE, place, f"Shown: {names}." if names else "The rule asks for no paper of the site.", others)
    statements = len(_statements(rulings))
    words = "Every statement is signed." if question.facts.asked.confirmation_is_due else "Signed with the order."
    yield answer(Key.SUPERVISION, place, words if statements else "The rule asks for no statement.")
    yield answer(Key.STANDING, "people", _MET[Key.STANDING])


def _operator_answer(ruling: Ruling, question: Question) -> Answer:
    """Say who may do this procedure by which way, or that nobody here may."""
    if ruling.best is None:
        state = STATES[question.facts.place.state]
        return Answer(Key.OPERATOR, ruling.procedure.value, met=False, sentence=f"No rule of {state} opens this yet.")
    way, finding = ruling.best.way, ruling.best.finding
    misses = [miss for miss in finding.misses if miss.key is Key.OPERATOR]
    met = question.person is not None and not misses
    own = {held.id for held in question.person.credentials} if question.person else set()
    return Answer(
        Key.OPERATOR,
        ruling.procedure.value,
        met=met,
        sentence=f"{way.option.name}." if met else f"Not shown: {way.option.name}.",
        credential_ids=tuple(held.id for held in finding.used if held.id in own) if met else (),
        rule_id=way.rule.id,
        citations=way.rule.citations,
    )
