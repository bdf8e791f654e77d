"""The gate's answer as pages show it: one title, what is met, what stands against it and where the cure begins."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from flask import url_for

from ..credentials.types import credential_types
from ..eligibility.reasons import CureCode, Key, ReasonCode
from ..eligibility.verdict import Citation, Cure, Gist, Objection, Outcome, Reach, Verdict
from ..kernel.terms import STATES, ProcedureClass
from ..kernel.wording import gettext_noop
from .language import gettext, ngettext
from .phrases import together

KEY_LABELS = {
    Key.DEVICE: gettext_noop("Device"),
    Key.SELLER: gettext_noop("Seller"),
    Key.RULE: gettext_noop("Rule"),
    Key.OPERATOR: gettext_noop("Operator"),
    Key.PRACTITIONER: gettext_noop("Ordering practitioner"),
    Key.SITE: gettext_noop("Site"),
    Key.SUPERVISION: gettext_noop("Supervision"),
    Key.STANDING: gettext_noop("Standing"),
}

EVIDENCE_WORDS = {
    "P": gettext_noop("text read"),
    "O": gettext_noop("agency's own summary"),
    "S": gettext_noop("second-hand"),
    "X": gettext_noop("no source"),
}

_NUMBERS = (
    gettext_noop("One"), gettext_noop("Two"), gettext_noop("Three"), gettext_noop("Four"), gettext_noop("Five"),
    gettext_noop("Six"), gettext_noop("Seven"), gettext_noop("Eight"), gettext_noop("Nine"),
)  # fmt: skip
"""Of things: they stand before that word alone."""


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
            ShownAnswer(gettext(KEY_LABELS[answer.key]), answer.sentence, ok=True)
            for answer in verdict.answers
            if answer.met
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
        uses = words_of(verdict.restriction.uses)
        return gettext("You can buy this in %(place)s, for %(uses)s only", place=place, uses=uses)
    if verdict.outcome is Outcome.YES:
        return gettext("You can buy this in %(place)s", place=place)
    if verdict.outcome is Outcome.NO_RULE and all(one.code is ReasonCode.NO_RULE for one in verdict.objections):
        return gettext("No rule here for %(place)s yet", place=place)
    return against(len(verdict.objections))


def against(number: int) -> str:
    """Say how many things stand against a purchase."""
    if not number:
        return gettext("No things stand against this purchase")
    return ngettext(
        "%(number)s thing stands against this purchase",
        "%(number)s things stand against this purchase",
        number,
        number=_written(number),
    )


def _written(number: int) -> str:
    return gettext(_NUMBERS[number - 1]) if 0 < number <= len(_NUMBERS) else str(number)


def chip(gist: Gist, state: str) -> str:
    """Return the verdict in the few words that a card has room for."""
    if gist.outcome is Outcome.NOT_YET and gist.reach is Reach.CLOSED:
        return gettext("Not open to you")
    if gist.outcome is Outcome.NOT_YET:
        return ngettext(
            "%(number)s thing missing", "%(number)s things missing", gist.against, number=_written(gist.against)
        )
    if gist.outcome is Outcome.NO_RULE:
        return gettext("No rule here for %(place)s yet", place=STATES[state])
    if gist.uses:
        return gettext("You can buy this for %(uses)s", uses=words_of(gist.uses))
    return gettext("You can buy this in %(place)s", place=STATES[state])


def words_of(uses: Iterable[ProcedureClass]) -> str:
    """Name what a device may be used for: "hair removal and tattoo removal"."""
    return together(gettext(use.words) for use in uses)


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
            evidence=gettext(EVIDENCE_WORDS[citation.evidence]) if citation.evidence else None,
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
