"""From rulings to objections: one for each thing that is wrong, the shortest cure first. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar
from uuid import UUID

from ..kernel.terms import STATES, ProcedureClass
from .answering import FARNESS, Miss, Question
from .explaining import cures_of, procedures, sentence_of
from .keys import without
from .operators import Ruling
from .reasons import CureCode, Key, ReasonCode
from .requirements import PractitionerAttests
from .verdict import Cure, Objection

T = TypeVar("T")


class _Sold(NamedTuple):
    """The procedures that are not open, and what each handpiece needs to be, by its id."""

    failing: set[ProcedureClass]
    needs: dict[UUID, set[ProcedureClass]]


def objections_to(rulings: Sequence[Ruling], question: Question) -> list[Objection]:
    """Return what the rulings leave standing against the purchase."""
    together: dict[tuple[object, ...], list[Objection]] = {}
    failed = [ruling for ruling in rulings if not ruling.met]
    sold = _sold(rulings, question)
    for ruling in failed:
        for entry in _raised(ruling, sold, question):
            same = (entry.key, entry.code, entry.sentence, entry.rule_id, entry.credential_id)
            together.setdefault(same, []).append(entry)
    return [_joined(entries, question) for entries in together.values()]


def _joined(entries: list[Objection], question: Question) -> Objection:
    """Put what is the same for several procedures into one objection that names them all."""
    first, *others = entries
    subjects = _once(subject for entry in entries for subject in entry.subjects) if others else first.subjects
    sentence = first.sentence
    if first.key in (Key.OPERATOR, Key.RULE):
        words = procedures(ProcedureClass(subject) for subject in subjects)
        sentence = f"{words[0].upper()}{words[1:]} in {STATES[question.facts.place.state]}: {sentence}"
    return Objection(
        first.code,
        first.key,
        subjects,
        sentence,
        _once(cure for entry in entries for cure in entry.cures),
        _once(citation for entry in entries for citation in entry.citations) if others else first.citations,
        first.rule_id,
        first.credential_id,
        _once(route for entry in entries for route in entry.routes) if others else first.routes,
    )


def _raised(ruling: Ruling, sold: _Sold, question: Question) -> Iterator[Objection]:
    """Yield what stands against one procedure, with sentences that do not name it yet."""
    here = question.about(ruling.procedure, ruling.handpieces)
    if ruling.best is None:
        yield _unruled(ruling, tuple(_smaller_sales(ruling, sold, here)), here)
        return
    misses = ruling.best.finding.misses
    asked = [miss for miss in misses if miss.key is Key.OPERATOR]
    if asked and question.person is not None:
        yield _of_operator(ruling, asked, tuple(_smaller_sales(ruling, sold, here)), here)
    for miss in misses:
        if miss.key is not Key.OPERATOR:
            yield _of_place(ruling, miss, here)


def _unruled(ruling: Ruling, smaller: tuple[Cure, ...], question: Question) -> Objection:
    procedure, state = ruling.procedure, question.facts.place.state
    default = question.policy.document.default
    known = question.policy.rules_on(state, procedure)
    review = Cure(
        CureCode.ASK_FOR_REVIEW,
        f"Ask two members of staff for a review of {procedure.words}.",
        target=procedure.value,
        state=state,
    )
    return Objection(
        ReasonCode.NO_RULE,
        Key.RULE,
        (procedure.value,),
        default.sentence,
        (*smaller, review),
        # Only what was read is shown as law, also where it does not say who may operate.
        citations=question.policy.read_on(state, procedure),
        rule_id=known[0].id if known else default.rule_id,
        routes=ruling.routes,
    )


def _of_operator(ruling: Ruling, asked: list[Miss], smaller: tuple[Cure, ...], question: Question) -> Objection:
    assert ruling.best is not None
    # What the person lacks is said first; that the rest could not be shown here either comes after it.
    gravest = max(asked, key=lambda miss: (miss.code is not ReasonCode.ROUTE_CLOSED, miss.farness))
    own = tuple(cure for miss in asked for cure in cures_of(miss, question))
    # What is being looked at already cures itself; a paper that must first be earned is the longer way.
    cures = (*own, *smaller) if gravest.farness < FARNESS[ReasonCode.EXPIRED] else (*smaller, *own)
    choose = Cure(CureCode.CHOOSE_OPERATOR, "Name a colleague who is cleared for it as the operator.")
    return Objection(
        gravest.code,
        Key.OPERATOR,
        (ruling.procedure.value,),
        " ".join(_once(sentence_of(miss, question) for miss in asked)),
        (*cures, choose),
        citations=ruling.best.way.rule.citations,
        rule_id=ruling.best.way.rule.id,
        credential_id=gravest.held.id if gravest.held else None,
        routes=ruling.routes,
    )


def _of_place(ruling: Ruling, miss: Miss, question: Question) -> Objection:
    assert ruling.best is not None
    condition = miss.condition
    subject = condition.code if isinstance(condition, PractitionerAttests) else getattr(condition, "name", "site")
    return Objection(
        miss.code,
        miss.key,
        (subject,),
        sentence_of(miss, question),
        cures_of(miss, question),
        citations=ruling.best.way.rule.citations,
        rule_id=ruling.best.way.rule.id,
        credential_id=miss.held.id if miss.held else None,
    )


def _sold(rulings: Sequence[Ruling], question: Question) -> _Sold:
    needs: dict[UUID, set[ProcedureClass]] = {handpiece.id: set() for handpiece in question.facts.device.handpieces}
    for ruling in rulings:
        for handpiece in ruling.handpieces:
            needs[handpiece.id].add(ruling.procedure)
    return _Sold({ruling.procedure for ruling in rulings if not ruling.met}, needs)


def _smaller_sales(ruling: Ruling, sold: _Sold, question: Question) -> Iterator[Cure]:
    """Yield the ways to buy less that would help: fewer declared uses, or without a handpiece."""
    failing, needs = sold
    concerned = {handpiece.id: handpiece for handpiece in ruling.handpieces}
    narrowable = ruling.procedure not in question.policy.document.narrowing.never
    if narrowable and all(needs[handpiece] - failing for handpiece in concerned):
        uses = procedures(set().union(*(needs[handpiece] for handpiece in concerned)) - failing)
        sentence = f"Declare that it will be used only for {uses}, and sign the restriction."
        yield Cure(CureCode.NARROW_USES, sentence, target=ruling.procedure.value)
    if any(needs[other] and not needs[other] & failing for other in needs.keys() - concerned.keys()):
        for handpiece in concerned.values():
            yield without(handpiece.id, handpiece.name)


def _once(entries: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(entries))
