"""What a shortfall is called before a person: the sentence, and what can be done about it. Pure."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta

from ..kernel.days import day_in
from ..kernel.terms import STATES, ProcedureClass
from .answering import Miss, Question, fresh_for, rests_on_a_stale_register
from .facts import Held
from .reasons import CureCode, ReasonCode
from .requirements import HoldsCredential, MemberHolds, NotEvidenced, PractitionerAttests, SiteHolds
from .verdict import Cure

PROCEDURES = tuple(ProcedureClass)
"""The procedures in the order in which a reader meets them."""


def day(value: date) -> str:
    """Write a day as people read it: 3 Mar 2026."""
    return f"{value.day} {value:%b %Y}"


def listed(words: Iterable[str], last: str = "and") -> str:
    """Join words as a sentence does: a, b and c."""
    *first, final = words
    return f"{', '.join(first)} {last} {final}" if first else final


def procedures(classes: Iterable[ProcedureClass]) -> str:
    """Name procedures as a sentence does, in the order of the vocabulary."""
    named = frozenset(classes)
    return listed(procedure.words for procedure in PROCEDURES if procedure in named)


def sentence_of(miss: Miss, question: Question) -> str:
    """Say what is missing, in one sentence, naming what the person has and how it fails."""
    return _SENTENCES[miss.code](miss, question)


def cures_of(miss: Miss, question: Question) -> tuple[Cure, ...]:
    """Return what can be done about it, the shortest way first."""
    if miss.held is not None:
        return _CURES_OF_HELD[miss.code](miss.held, miss, question)
    condition = miss.condition
    if isinstance(condition, HoldsCredential | SiteHolds):
        return (submit(condition, question),)
    if isinstance(condition, MemberHolds):
        return (_invite(condition),)
    if isinstance(condition, PractitionerAttests):
        return (Cure(CureCode.CONFIRM_ORDER, "The ordering practitioner signs it on the page of this order."),)
    if isinstance(condition, NotEvidenced):
        return (Cure(CureCode.ASK_FOR_REVIEW, "Ask for a review by two members of staff."),)
    return (Cure(CureCode.NAME_SAFETY_OFFICER, "Name the laser safety officer on the page of the site."),)


def _invite(wanted: MemberHolds) -> Cure:
    return Cure(CureCode.INVITE_COLLEAGUE, f"Add the colleague who holds it to your clinic: {wanted.name}.")


def submit(wanted: HoldsCredential | SiteHolds, question: Question) -> Cure:
    """Return the cure of submitting what is asked for."""
    anywhere = isinstance(wanted, HoldsCredential) and wanted.from_anywhere
    return Cure(
        CureCode.SUBMIT_CREDENTIAL,
        f"Submit it for verification: {wanted.name}.",
        target=wanted.types[0],
        state=None if anywhere else question.facts.place.state,
    )


def whose(miss: Miss) -> str:
    """Name a credential with its holder: Dana Ruiz's Nursing licence."""
    assert miss.held is not None  # only asked about a shortfall of something held
    return f"{miss.holder}'s {miss.held.type_name}" if miss.holder else miss.held.type_name


def _place(question: Question) -> str:
    return STATES[question.facts.place.state]


def _no_credential(miss: Miss, question: Question) -> str:
    condition = miss.condition
    if isinstance(condition, MemberHolds):
        return f"Nobody at the clinic has submitted {condition.name}."
    assert isinstance(condition, HoldsCredential | SiteHolds)
    who = question.person.name if isinstance(condition, HoldsCredential) and question.person else "The site"
    return f"{who} has not submitted {condition.name}."


def _stale(miss: Miss, question: Question) -> str:
    assert miss.held is not None
    assert miss.held.verified_at is not None
    if rests_on_a_stale_register(miss.held, question):
        return f"{whose(miss)} was confirmed from a register whose newest file here is too old."
    limit = fresh_for(miss.held, question) or timedelta()
    seen = day(day_in(miss.held.verified_at, question.facts.place.time_zone))
    return f"{whose(miss)} was last confirmed by its source on {seen}, which is more than {limit.days} days ago."


def _dated(before: str, field: str) -> Callable[[Miss, Question], str]:
    return lambda miss, _question: f"{whose(miss)} {before} {day(getattr(miss.held, field))}."


def _simply(after: str) -> Callable[[Miss, Question], str]:
    return lambda miss, _question: f"{whose(miss)} {after}"


def _endorsement(miss: Miss, question: Question) -> str:
    assert question.procedure is not None
    return f"{whose(miss)} does not list {question.procedure.words}."


def _level(miss: Miss, _question: Question) -> str:
    assert miss.held is not None
    assert isinstance(miss.condition, HoldsCredential | MemberHolds)
    level = (miss.held.level or "not stated").replace("_", " ").lower()
    return f"{whose(miss)} is of the level “{level}”; the rule asks for {miss.condition.name}."


def _wrong_state(miss: Miss, question: Question) -> str:
    assert miss.held is not None
    issued = STATES.get(miss.held.jurisdiction, miss.held.jurisdiction)
    return f"{whose(miss)} was issued in {issued}; the device would be used in {_place(question)}."


def _statement(miss: Miss, _question: Question) -> str:
    assert isinstance(miss.condition, PractitionerAttests)
    return f"The ordering practitioner has not signed this statement: “{miss.condition.text}”"


def _not_accepted(miss: Miss, question: Question) -> str:
    says = f" The rule turns away: “{miss.note}”." if miss.note else ""
    assert isinstance(miss.condition, HoldsCredential)
    asked = f"asked for: {miss.condition.name}."
    return f"{whose(miss)} does not make an operator for this in {_place(question)}; {asked}{says}"


def _evidence_only(miss: Miss, _question: Question) -> str:
    assert miss.held is not None
    assert isinstance(miss.condition, HoldsCredential)
    return f"{whose(miss)} is not an operator certificate: {miss.held.does_not_open} Asked for: {miss.condition.name}."


def _closed(miss: Miss, _question: Question) -> str:
    assert isinstance(miss.condition, NotEvidenced)
    return f"{miss.condition.text[0].upper()}{miss.condition.text[1:]}."


_SENTENCES: dict[ReasonCode, Callable[[Miss, Question], str]] = {
    ReasonCode.NO_CREDENTIAL: _no_credential,
    ReasonCode.STALE: _stale,
    ReasonCode.IN_REVIEW: _simply("is waiting to be verified against its source."),
    ReasonCode.NEEDS_INFO: _simply("waits for an answer to the verifier's question."),
    ReasonCode.EXPIRED: _dated("expired at the end of", "expires_on"),
    ReasonCode.NOT_YET_VALID: _dated("does not begin before", "issued_on"),
    ReasonCode.ENDORSEMENT_MISSING: _endorsement,
    ReasonCode.LEVEL_NOT_COVERED: _level,
    ReasonCode.OTHER_MODEL: lambda miss, question: f"{whose(miss)} is not about the {question.facts.device.name}.",
    ReasonCode.WRONG_STATE: _wrong_state,
    ReasonCode.SUSPENDED: _simply("is suspended."),
    ReasonCode.REJECTED: _simply("was not accepted by the verifier."),
    ReasonCode.REVOKED: _simply("was revoked."),
    ReasonCode.STATEMENT_MISSING: _statement,
    ReasonCode.SAFETY_OFFICER_NOT_NAMED: lambda _miss, _question: "The site has named no laser safety officer.",
    ReasonCode.NOT_ACCEPTED: _not_accepted,
    ReasonCode.NOT_AN_OPERATOR_CERTIFICATE: _evidence_only,
    ReasonCode.ROUTE_CLOSED: _closed,
}

_HeldCures = Callable[[Held, Miss, Question], tuple[Cure, ...]]


def _about(code: CureCode, sentence: str) -> _HeldCures:
    return lambda held, _miss, _question: (Cure(code, sentence, target=str(held.id)),)


def _submit_another(_held: Held, miss: Miss, question: Question) -> tuple[Cure, ...]:
    if isinstance(miss.condition, MemberHolds):
        return (_invite(miss.condition),)
    assert isinstance(miss.condition, HoldsCredential | SiteHolds)
    return (submit(miss.condition, question),)


_CURES_OF_HELD: dict[ReasonCode, _HeldCures] = {
    ReasonCode.STALE: _about(
        CureCode.AWAIT_RECHECK, "A verifier looks at the source again; ask for it on the page of the credential."
    ),
    ReasonCode.IN_REVIEW: _about(CureCode.AWAIT_REVIEW, "Wait for the verifier; you are told by mail."),
    ReasonCode.NEEDS_INFO: _about(CureCode.ANSWER_REVIEWER, "Answer the question on the page of the credential."),
    ReasonCode.EXPIRED: _about(CureCode.RENEW_CREDENTIAL, "Renew it with its issuer and submit the renewed one."),
    ReasonCode.NOT_YET_VALID: _about(CureCode.AWAIT_START, "Order on or after that day."),
    ReasonCode.ENDORSEMENT_MISSING: _about(
        CureCode.ADD_TO_CREDENTIAL, "Have the issuer add the procedure, then submit the new certificate."
    ),
    ReasonCode.LEVEL_NOT_COVERED: _submit_another,
    ReasonCode.OTHER_MODEL: _submit_another,
    ReasonCode.WRONG_STATE: _submit_another,
    ReasonCode.SUSPENDED: _about(CureCode.CONTACT_STAFF, "Settle it with the issuer, then write to our staff."),
    ReasonCode.REJECTED: _submit_another,
    ReasonCode.REVOKED: _submit_another,
    ReasonCode.NOT_ACCEPTED: _submit_another,
    ReasonCode.NOT_AN_OPERATOR_CERTIFICATE: _submit_another,
}
