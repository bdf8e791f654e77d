"""The gate's answer as pages show it: one title, what is met, what stands against it and where the cure begins."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from flask import url_for

from ..credentials.types import credential_types
from ..eligibility.reasons import CureCode, Key, ReasonCode
from ..eligibility.verdict import Citation, Cure, Gist, Objection, Outcome, Reach, Verdict
from ..kernel.terms import STATES, ProcedureClass

KEY_LABELS = {
    Key.DEVICE: "Device",
    Key.SELLER: "Seller",
    Key.RULE: "Rule",
    Key.OPERATOR: "Operator",
    Key.PRACTITIONER: "Ordering practitioner",
    Key.SITE: "Site",
    Key.SUPERVISION: "Supervision",
    Key.STANDING: "Standing",
}

EVIDENCE_WORDS = {"P": "text read", "O": "agency's own summary", "S": "second-hand", "X": "no source"}

_NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")


@dataclass(frozen=True, slots=True)
class ShownCure:
    """What the reader can do, and where."""

    text: str
    url: str | None


@dataclass(frozen=True, slots=True)
class ShownCitation:
    """Where a rule is written, and how well we know it."""

    ref: str
    url: str | None
    text_version: str | None
    evidence: str | None


@dataclass(frozen=True, slots=True)
class ShownObjection:
    """One thing that stands against the purchase."""

    code: str
    sentence: str
    cures: tuple[ShownCure, ...]
    citations: tuple[ShownCitation, ...]
    routes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """One key, and whether it turns."""

    key_label: str
    text: str
    ok: bool


@dataclass(frozen=True, slots=True)
class ShownVerdict:
    """What the verdict macros take."""

    outcome: str
    title: str
    answers: tuple[ShownAnswer, ...]
    objections: tuple[ShownObjection, ...]
    restriction: str | None
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Around:
    """What a cure's link needs to know: who buys, what, what is left out of it, and the order where there is one."""

    clinic_id: UUID | None = None
    listing_id: UUID | None = None
    order_id: UUID | None = None
    left_out: tuple[UUID, ...] = ()


def shown(verdict: Verdict, *, state: str, around: Around = Around()) -> ShownVerdict:
    """Return the whole verdict for the panel; `state` is the postal code of the place of use."""
    return ShownVerdict(
        outcome=str(verdict.outcome),
        title=title(verdict, state),
        answers=tuple(
            ShownAnswer(KEY_LABELS[answer.key], answer.sentence, ok=True) for answer in verdict.answers if answer.met
        ),
        objections=tuple(objection(one, around) for one in verdict.objections),
        restriction=verdict.restriction.sentence if verdict.restriction else None,
        limits=verdict.limits,
    )


def title(verdict: Verdict, state: str) -> str:
    """
    Return the verdict in one line.

    That there is no rule is its head only where nothing else stands against it: whose certificate has expired reads so.
    """
    place = STATES[state]
    if verdict.outcome is Outcome.YES and verdict.restriction:
        return f"You can buy this in {place}, for {_words_of(verdict.restriction.uses)} only"
    if verdict.outcome is Outcome.YES:
        return f"You can buy this in {place}"
    if verdict.outcome is Outcome.NO_RULE and all(one.code is ReasonCode.NO_RULE for one in verdict.objections):
        return f"No rule here for {place} yet"
    return against(len(verdict.objections))


def against(number: int) -> str:
    """Say how many things stand against a purchase."""
    written = _NUMBERS[number] if number < len(_NUMBERS) else str(number)
    return f"{written} thing{'s stand' if number != 1 else ' stands'} against this purchase"


def chip(gist: Gist, state: str) -> str:
    """Return the verdict in the few words that a card has room for."""
    if gist.outcome is Outcome.NOT_YET and gist.reach is Reach.CLOSED:
        return "Not open to you"
    if gist.outcome is Outcome.NOT_YET:
        number = gist.against
        return f"{_NUMBERS[number] if number < len(_NUMBERS) else number} thing{'s' if number != 1 else ''} missing"
    if gist.outcome is Outcome.NO_RULE:
        return f"No rule here for {STATES[state]} yet"
    if gist.uses:
        return f"You can buy this for {_words_of(gist.uses)}"
    return f"You can buy this in {STATES[state]}"


def _words_of(uses: Iterable[ProcedureClass]) -> str:
    return " and ".join(use.words for use in uses)


def objection(one: Objection, around: Around) -> ShownObjection:
    """Return one thing that stands against a purchase, with links to where its cures begin."""
    return ShownObjection(
        code=one.code,
        sentence=one.sentence,
        cures=tuple(dict.fromkeys(ShownCure(cure.sentence, _link(cure, around)) for cure in one.cures)),
        citations=citations(one.citations),
        routes=tuple(
            f"{route.name}{'' if route.confirmed else ' (believed, not confirmed in law)'}: "
            f"{'; '.join(route.lacks) or 'met'}"
            for route in one.routes
        ),
    )


def citations(sources: Iterable[Citation]) -> tuple[ShownCitation, ...]:
    """Return where rules are written, as the `citation` macro takes it."""
    return tuple(
        ShownCitation(
            ref=citation.ref,
            url=citation.url,
            text_version=citation.text_version,
            evidence=EVIDENCE_WORDS[citation.evidence] if citation.evidence else None,
        )
        for citation in sources
    )


_TO_CREDENTIALS = {
    CureCode.RENEW_CREDENTIAL,
    CureCode.ADD_TO_CREDENTIAL,
    CureCode.ANSWER_REVIEWER,
    CureCode.AWAIT_REVIEW,
    CureCode.AWAIT_RECHECK,
    CureCode.AWAIT_START,
}
_TO_CLINIC = {
    CureCode.INVITE_OPERATOR,
    CureCode.INVITE_PRACTITIONER,
    CureCode.INVITE_COLLEAGUE,
    CureCode.NAME_SAFETY_OFFICER,
}
_TO_FORM = {
    CureCode.CHOOSE_OPERATOR,
    CureCode.SIGN_RESTRICTION,
    CureCode.NARROW_USES,
    CureCode.CORRECT_USES,
}


def _link(cure: Cure, around: Around) -> str | None:
    """Return where the cure begins, if it begins on a page of ours."""
    if cure.code is CureCode.SUBMIT_CREDENTIAL:
        return _to_submitting(cure)
    if cure.code in _TO_CREDENTIALS and cure.target is not None:
        return url_for("credentials.mine")
    if cure.code in _TO_CLINIC and around.clinic_id is not None:
        return url_for("clinics.clinic", clinic_id=around.clinic_id)
    if cure.code is CureCode.CONFIRM_ORDER and around.order_id is not None:
        return url_for("buying.order", order_id=around.order_id)
    if cure.code in _TO_FORM and around.listing_id is not None:
        return url_for("buying.place", listing=around.listing_id)
    if cure.code is CureCode.REMOVE_HANDPIECE and around.listing_id is not None and around.order_id is None:
        return url_for("buying.place", listing=around.listing_id, without=[*around.left_out, cure.target])
    if cure.code is CureCode.ASK_FOR_REVIEW and cure.target is not None and around.listing_id is not None:
        return url_for("rule_reviews.ask", listing=around.listing_id, procedure=cure.target, place=cure.state)
    if cure.code is CureCode.CHOOSE_ANOTHER_DEVICE:
        return url_for("browse.devices")
    return None


def _to_submitting(cure: Cure) -> str:
    """Lead to the form for this kind; where several issuers would do, to choosing one."""
    kind = credential_types().get(cure.target or "")
    if kind is not None and cure.state is not None and kind.issued_in(cure.state):
        return url_for("credentials.submit", state=cure.state, code=kind.code)
    return url_for("credentials.choose", state=cure.state)
