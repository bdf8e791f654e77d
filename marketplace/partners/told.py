"""
What a partner is told of an answer of the gate: reasons and cures, and of people no more than the answer needs. Pure.

The person agreed to their own papers being spoken of, and to their clinic's readiness. So of the operator every reason
is told; of a colleague or the site only that something is not in order; and of findings about people nothing but that
their standing is not settled. Names, numbers and dates are never told: the person reads them on their own pages.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..eligibility.reasons import Key, ReasonCode
from ..eligibility.verdict import Citation, Objection, Verdict
from ..kernel.terms import ProcedureClass

NOTICES = {
    "reference": "Reference rules, not confirmed by counsel, and not legal advice.",
    "confirmed_by_counsel": "Rules confirmed by counsel. Not legal advice.",
}

_ABOUT_PAPERS = frozenset(
    {
        ReasonCode.STALE,
        ReasonCode.IN_REVIEW,
        ReasonCode.NEEDS_INFO,
        ReasonCode.EXPIRED,
        ReasonCode.NOT_YET_VALID,
        ReasonCode.ENDORSEMENT_MISSING,
        ReasonCode.LEVEL_NOT_COVERED,
        ReasonCode.OTHER_MODEL,
        ReasonCode.WRONG_STATE,
        ReasonCode.SUSPENDED,
        ReasonCode.REJECTED,
        ReasonCode.REVOKED,
        ReasonCode.NOT_ACCEPTED,
        ReasonCode.NOT_AN_OPERATOR_CERTIFICATE,
    }
)
"""What is wrong with a paper that somebody has: of others than the person who agreed it is not told which."""

PRACTITIONER_NOT_READY = "PRACTITIONER_NOT_READY"
SITE_NOT_READY = "SITE_NOT_READY"
STANDING_NOT_SETTLED = "STANDING_NOT_SETTLED"
_NEVER_TOLD = frozenset({ReasonCode.EXCLUSION_OPEN, ReasonCode.BUYER_SUSPENDED})
_FOLDED: dict[tuple[Key, ReasonCode], str] = {
    **{(Key.PRACTITIONER, code): PRACTITIONER_NOT_READY for code in _ABOUT_PAPERS},
    **{(Key.SITE, code): SITE_NOT_READY for code in _ABOUT_PAPERS},
    **{(Key.STANDING, code): STANDING_NOT_SETTLED for code in _NEVER_TOLD},
}
_FOLDED_WORDS = {
    PRACTITIONER_NOT_READY: "What the ordering practitioner has to show is not in order",
    SITE_NOT_READY: "What a colleague or the site has to show is not in order",
    STANDING_NOT_SETTLED: "The standing of somebody whom the purchase depends on is not settled",
}
_ASK_THE_PERSON = {
    "code": "ask_the_person",
    "text": "The person reads what it is, and what cures it, on their own pages at Second Light.",
}

REASONS: dict[str, str] = {
    **{code.value: code.words for code in ReasonCode if code not in _NEVER_TOLD},
    **_FOLDED_WORDS,
}
"""Every reason code that an answer can carry, and what it says in general."""

STATES = {
    "met": "Nothing stands against it, and nothing is left open.",
    "not_met": "Something stands against it: its reasons say what, and what cures it.",
    "unknown": "Nobody here has seen the unit. Whoever sells it answers for what is left open.",
    "not_asked": "Nothing stands against it; what is left open is asked only of a sale here.",
}
"""What a key can be, in the order in which it is asked."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The parts of a kept answer that are told."""

    allowed: bool
    answered_at: datetime
    valid_until: datetime
    model: Mapping[str, str]
    state: str
    handpieces: Sequence[str]
    uses: Sequence[str]
    verdict: Verdict
    left_open: Sequence[Mapping[str, str]]
    policy_number: int
    policy_standing: str


def answer(kept: Kept, *, code: str, receipt_url: str, badge_url: str) -> dict[str, Any]:
    """Return what a partner is answered, as JSON."""
    verdict = kept.verdict
    return {
        "allowed": kept.allowed,
        "as_of": moment(kept.answered_at),
        "valid_until": moment(kept.valid_until),
        "model": dict(kept.model),
        "place": {"state": kept.state},
        "handpieces": list(kept.handpieces),
        "uses": list(kept.uses),
        "keys": [_key(key, verdict, kept.left_open) for key in Key],
        "restriction": _restriction(verdict),
        "statements": [one.text for one in verdict.statements],
        "limits": list(verdict.limits),
        "policy": {
            "version": kept.policy_number,
            "standing": kept.policy_standing,
            "notice": NOTICES[kept.policy_standing],
        },
        "receipt": {"code": code, "url": receipt_url, "badge": badge_url},
    }


def left_open(objections: Iterable[Objection]) -> list[dict[str, str]]:
    """Return what was not asked as it is kept: by key and reason, each once."""
    return [{"key": key, "code": code} for key, code in dict.fromkeys((str(o.key), str(o.code)) for o in objections)]


def reasons_of(verdict: Verdict) -> list[str]:
    """Return everything that stands against it, in general words, each once."""
    return list(dict.fromkeys(REASONS[_code(one)] for one in verdict.objections))


def moment(at: datetime) -> str:
    """Write a moment for a machine."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _key(key: Key, verdict: Verdict, left: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    against = [one for one in verdict.objections if one.key is key]
    unasked = [one["code"] for one in left if one["key"] == key]
    opened = [citation for one in verdict.answers if one.key is key and one.met for citation in one.citations]
    reasons: dict[str, dict[str, Any]] = {}
    for one in against:
        _add(reasons.setdefault(_code(one), _reason(_code(one))), one)
    return {
        "key": str(key),
        "state": _state(key, against=bool(against), unasked=bool(unasked)),
        "reasons": list(reasons.values()),
        "open": unasked,
        "citations": [_citation(one) for one in dict.fromkeys(opened)],
    }


def _state(key: Key, *, against: bool, unasked: bool) -> str:
    if against:
        return "not_met"
    if not unasked:
        return "met"
    return "unknown" if key is Key.DEVICE else "not_asked"


def _code(objection: Objection) -> str:
    return _FOLDED.get((objection.key, objection.code), str(objection.code))


def _reason(code: str) -> dict[str, Any]:
    return {"code": code, "text": REASONS[code], "uses": [], "cures": [], "citations": []}


def _add(reason: dict[str, Any], objection: Objection) -> None:
    """Let a reason tell of one more objection of its code, whatever of it is said already."""
    words = {use.value for use in ProcedureClass}
    folded = reason["code"] in _FOLDED_WORDS
    cures = [_ASK_THE_PERSON] if folded else [{"code": str(c.code), "text": c.sentence} for c in objection.cures]
    for name, more in (
        ("uses", [] if folded else [subject for subject in objection.subjects if subject in words]),
        ("cures", cures),
        ("citations", [_citation(one) for one in objection.citations]),
    ):
        reason[name] += [one for one in more if one not in reason[name]]


def _citation(one: Citation) -> dict[str, str | None]:
    return {
        "ref": one.ref,
        "url": one.url,
        "text_version": one.text_version,
        "evidence": str(one.evidence) if one.evidence else None,
    }


def _restriction(verdict: Verdict) -> dict[str, Any] | None:
    if verdict.restriction is None:
        return None
    return {
        "uses": [str(use) for use in verdict.restriction.uses],
        "left_out": [str(use) for use in verdict.restriction.left_out],
        "sentence": verdict.restriction.sentence,
    }
