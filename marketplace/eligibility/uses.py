"""Which procedures must be cleared: what the handpieces enable, narrowed to the uses the buyer declared. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from ..kernel.terms import ProcedureClass
from .answering import Question
from .explaining import PROCEDURES, listed, procedures
from .facts import Handpiece
from .keys import without
from .reasons import CureCode, Key, ReasonCode
from .verdict import Cure, Objection, Restriction


@dataclass(frozen=True, slots=True)
class Scope:
    """
    What must be cleared: each procedure with the handpieces that bring it.

    `restriction` is what the buyer signs where a handpiece could do more than was declared.
    """

    handpieces: dict[ProcedureClass, tuple[Handpiece, ...]]
    restriction: Restriction | None


def scope_of(question: Question) -> Scope:
    """Return what the sold configuration and the declared uses ask the operator to be cleared for."""
    declared, never = question.facts.uses.declared, frozenset(question.policy.document.narrowing.never)
    by_procedure: dict[ProcedureClass, list[Handpiece]] = {}
    left_out: set[ProcedureClass] = set()
    kept: set[ProcedureClass] = set()
    for handpiece in question.facts.device.handpieces:
        enables = handpiece.enables or frozenset()
        needed = enables
        # Hardware that serves none of the declared uses is not narrowed; it is asked for whole, or leaves the sale.
        if enables & declared:
            needed = enables & (declared | never)
            left_out |= enables - needed
        kept |= needed
        for procedure in needed:
            by_procedure.setdefault(procedure, []).append(handpiece)
    scope = {p: tuple(by_procedure[p]) for p in PROCEDURES if p in by_procedure}
    return Scope(scope, _restriction(question, kept, left_out))


def _restriction(question: Question, kept: set[ProcedureClass], left_out: set[ProcedureClass]) -> Restriction | None:
    if not left_out:
        return None
    uses = tuple(procedure for procedure in PROCEDURES if procedure in kept)
    others = tuple(procedure for procedure in PROCEDURES if procedure in left_out)
    sentence = question.policy.document.narrowing.sentence.format(
        device=question.facts.device.name, uses=procedures(uses), left_out=procedures(others)
    )
    return Restriction(uses, others, sentence)


def declared_badly(question: Question, scope: Scope) -> Iterator[Objection]:
    """Yield what stands against the declaration of uses itself."""
    facts = question.facts
    enabled = {procedure for handpiece in facts.device.handpieces for procedure in handpiece.enables or ()}
    if strange := facts.uses.declared - enabled:
        cure = Cure(CureCode.CORRECT_USES, "Declare only what the device can do.")
        words = procedures(strange)
        sentence = f"Nothing in this sale does what was declared: {words}."
        subjects = tuple(procedure.value for procedure in PROCEDURES if procedure in strange)
        yield Objection(ReasonCode.USE_NOT_ENABLED, Key.RULE, subjects, sentence, (cure,))
    if not facts.uses.declared:
        return
    for handpiece in facts.device.handpieces:
        if handpiece.enables and not handpiece.enables & facts.uses.declared:
            words = listed([p.words for p in PROCEDURES if p in handpiece.enables], "or")
            declare = Cure(CureCode.CORRECT_USES, f"Declare what it is for: {words}.")
            sentence = f"“{handpiece.name}” serves none of the declared uses; it is for {words}."
            cures = (without(handpiece.id, handpiece.name), declare)
            yield Objection(ReasonCode.HANDPIECE_WITHOUT_USE, Key.RULE, (handpiece.name,), sentence, cures)
    if scope.restriction and not facts.uses.restriction_signed and facts.asked.restriction_is_due:
        cure = Cure(CureCode.SIGN_RESTRICTION, "Sign the restriction with the order.")
        sentence = f"The buyer has not signed: “{scope.restriction.sentence}”"
        subjects = tuple(procedure.value for procedure in scope.restriction.left_out)
        yield Objection(ReasonCode.RESTRICTION_NOT_SIGNED, Key.RULE, subjects, sentence, (cure,))
