"""Whether a condition is met by what people and the site hold, and if not, how nearly. Pure."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from ..credentials.states import CredentialState
from ..credentials.types import CredentialKind
from ..kernel.days import day_in, end_of
from ..kernel.terms import ProcedureClass
from .facts import Asked, Facts, Handpiece, Hazard, Held, Person
from .reasons import Key, ReasonCode
from .requirements import (
    AllOf,
    AnyOf,
    HoldsCredential,
    MemberHolds,
    NotEvidenced,
    PractitionerAttests,
    Requirement,
    SafetyOfficerNamed,
    SiteHolds,
)
from .rulebook import Policy

_STANDING = {
    CredentialState.SUBMITTED: ReasonCode.IN_REVIEW,
    CredentialState.IN_REVIEW: ReasonCode.IN_REVIEW,
    CredentialState.AWAITING_SECOND: ReasonCode.IN_REVIEW,
    CredentialState.IN_SECOND_REVIEW: ReasonCode.IN_REVIEW,
    CredentialState.NEEDS_INFO: ReasonCode.NEEDS_INFO,
    CredentialState.SUSPENDED: ReasonCode.SUSPENDED,
    CredentialState.REJECTED: ReasonCode.REJECTED,
    CredentialState.REVOKED: ReasonCode.REVOKED,
}
GONE = frozenset({CredentialState.WITHDRAWN, CredentialState.SUPERSEDED})
"""States in which a credential is no longer put forward for anything."""

FARNESS = {
    code: position
    for position, code in enumerate(
        (
            ReasonCode.STATEMENT_MISSING,
            ReasonCode.STALE,
            ReasonCode.IN_REVIEW,
            ReasonCode.NEEDS_INFO,
            ReasonCode.NOT_YET_VALID,
            ReasonCode.SAFETY_OFFICER_NOT_NAMED,
            ReasonCode.EXPIRED,
            ReasonCode.ENDORSEMENT_MISSING,
            ReasonCode.LEVEL_NOT_COVERED,
            ReasonCode.OTHER_MODEL,
            ReasonCode.WRONG_STATE,
            ReasonCode.SUSPENDED,
            ReasonCode.REJECTED,
            ReasonCode.REVOKED,
        ),
        start=1,
    )
} | {
    ReasonCode.NO_CREDENTIAL: 100,
    ReasonCode.NOT_ACCEPTED: 100,
    ReasonCode.NOT_AN_OPERATOR_CERTIFICATE: 100,
    ReasonCode.ROUTE_CLOSED: 10_000,
}
"""How far each shortfall is from being cured: the smaller, the nearer. Of several ways the nearest is explained."""


class Question(NamedTuple):
    """The moment and the part of the facts that a condition is asked about. `person`: who must hold a credential."""

    facts: Facts
    policy: Policy
    at: datetime
    today: date
    limits: Mapping[CredentialKind, timedelta | None]
    person: Person | None = None
    procedure: ProcedureClass | None = None
    handpieces: tuple[Handpiece, ...] = ()

    def about(self, procedure: ProcedureClass, handpieces: tuple[Handpiece, ...]) -> "Question":
        """Return the same question about one procedure and the handpieces that bring it."""
        # Written out: every question is turned several times, and `_replace` takes four times as long.
        facts, policy, at, today, limits, person, _, _ = self
        return Question(facts, policy, at, today, limits, person, procedure, handpieces)

    def belongs(self, person: Person) -> bool:
        """Say whether the person is a member of the buying clinic today, where the device is used."""
        return person.member and person.tenure.covers(self.today)

    def of(self, person: Person | None) -> "Question":
        """Return the same question about another person."""
        facts, policy, at, today, limits, _, procedure, handpieces = self
        return Question(facts, policy, at, today, limits, person, procedure, handpieces)


def question_of(facts: Facts, policy: Policy, at: datetime) -> Question:
    """Return the whole question, about the operator."""
    released = facts.asked is Asked.SHIP_RELEASE
    limits = policy.release_limits if released else policy.decision_limits
    return Question(facts, policy, at, day_in(at, facts.place.time_zone), limits, facts.operator)


class Miss(NamedTuple):
    """One condition that is not met; `held` is what came nearest, of `holder`; `note` is what the rule says of it."""

    code: ReasonCode
    key: Key
    condition: Requirement
    held: Held | None = None
    holder: str = ""
    note: str = ""

    @property
    def farness(self) -> int:
        """Return how far it is from being cured."""
        return FARNESS[self.code]


class Finding(NamedTuple):
    """What a condition came to: met when nothing is missed. `used` is what met it, `statements` what it has signed."""

    misses: tuple[Miss, ...] = ()
    used: tuple[Held, ...] = ()
    statements: tuple[PractitionerAttests, ...] = ()

    @property
    def met(self) -> bool:
        """Say whether the condition holds."""
        return not self.misses

    @property
    def farness(self) -> int:
        """Return how far the whole is from being met."""
        return sum(miss.farness for miss in self.misses)


MET = Finding()
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
LAST_DAY = NEVER.date()
"""The end of what has no end; dates from there on are typing errors of a register, not limits."""


def answer(requirement: Requirement, question: Question) -> Finding:
    """Return whether `requirement` is met, by what, and if not, what is missing on the nearest way."""
    return _ANSWERS[type(requirement)](requirement, question)


def answer_all(
    requirements: Iterable[Requirement], question: Question, known: dict[int, Finding] | None = None
) -> Finding:
    """
    Return what all the requirements come to together.

    `known`, by identity, are answers to this very question: ways of one rule ask the same of the place again and again.
    """
    known = {} if known is None else known
    misses: list[Miss] = []
    used: list[Held] = []
    statements: list[PractitionerAttests] = []
    for requirement in requirements:
        finding = known.get(id(requirement))
        if finding is None:
            finding = known[id(requirement)] = answer(requirement, question)
        if finding.misses:
            misses.extend(finding.misses)
        if finding.used:
            used.extend(finding.used)
        if finding.statements:
            statements.extend(finding.statements)
    return Finding(tuple(misses), tuple(used), tuple(statements))


def shortfall(held: Held, wanted: HoldsCredential | MemberHolds | SiteHolds, question: Question) -> ReasonCode | None:
    """Return the gravest reason why `held` does not do for `wanted`, or None when it does."""
    standing = _STANDING.get(held.state)
    if standing is not None and FARNESS[standing] > FARNESS[ReasonCode.WRONG_STATE]:
        return standing
    mismatch = _mismatch(held, wanted, question)
    if mismatch is not None:
        return mismatch
    if held.expires_on is not None and held.expires_on < question.today:
        return ReasonCode.EXPIRED
    if held.issued_on is not None and held.issued_on > question.today:
        return ReasonCode.NOT_YET_VALID
    if standing is not None:
        return standing
    if held.verified_at is None or held.verified_at > question.at:
        return ReasonCode.IN_REVIEW
    limit = fresh_for(held, question)
    if limit is not None and question.at - held.verified_at > limit:
        return ReasonCode.STALE
    return ReasonCode.STALE if rests_on_a_stale_register(held, question) else None


def rests_on_a_stale_register(held: Held, question: Question) -> bool:
    """Say whether the register that confirmed it was not loaded anew in time: it may have changed since."""
    return held.register_until is not None and question.at > held.register_until


def fresh_for(held: Held, question: Question) -> timedelta | None:
    """Return how long after the look at its source this credential still counts; None: it cannot grow stale."""
    return question.limits[held.kind]


def holds_until(held: Held, question: Question) -> datetime:
    """Return the first moment at which `held`, good now, no longer counts; NEVER if it has no end."""
    ends = NEVER
    limit = fresh_for(held, question)
    if limit is not None and held.verified_at is not None:
        # The limit itself still counts: 120 days exactly are not older than 120 days.
        ends = held.verified_at + limit + timedelta.resolution
    if held.register_until is not None:
        ends = min(ends, held.register_until + timedelta.resolution)
    if held.expires_on is not None and held.expires_on < LAST_DAY:
        ends = min(ends, end_of_day(held.expires_on, question.facts.place.time_zone))
    return ends


@lru_cache(maxsize=4096)
def end_of_day(day: date, zone: str) -> datetime:
    """Return `kernel.days.end_of`, remembered: the same expiry days are asked for again and again."""
    return end_of(day, zone)


def _mismatch(held: Held, wanted: HoldsCredential | MemberHolds | SiteHolds, question: Question) -> ReasonCode | None:
    """Return how the credential itself, whatever its standing, is not the one that is asked for."""
    state = question.facts.place.state
    if isinstance(wanted, HoldsCredential):
        if not wanted.from_anywhere and held.jurisdiction != state:
            return ReasonCode.WRONG_STATE
        if wanted.on_model and (held.device_model_id is None or held.device_model_id != question.facts.device.model_id):
            return ReasonCode.OTHER_MODEL
        if wanted.levels and held.level not in wanted.levels:
            return ReasonCode.LEVEL_NOT_COVERED
        if wanted.endorsements and held.endorsements.isdisjoint(wanted.endorsements):
            return ReasonCode.ENDORSEMENT_MISSING
        if wanted.for_procedure and not _lists(held, question):
            return ReasonCode.ENDORSEMENT_MISSING
        return None
    if held.jurisdiction != state:
        return ReasonCode.WRONG_STATE
    if isinstance(wanted, MemberHolds) and wanted.levels and held.level not in wanted.levels:
        return ReasonCode.LEVEL_NOT_COVERED
    return None


def _lists(held: Held, question: Question) -> bool:
    meanings = question.policy.document.endorsements.get(held.type, {})
    return any(question.procedure in meanings.get(code, ()) for code in held.endorsements)


def _all_of(requirement: AllOf, question: Question) -> Finding:
    return answer_all(requirement.conditions, question)


def _any_of(requirement: AnyOf, question: Question) -> Finding:
    # Of several that are met the one with the fewest statements still to sign; of none, the nearest; else the first.
    return min(
        (answer(condition, question) for condition in requirement.conditions),
        key=lambda finding: (finding.farness, len(finding.statements)),
    )


def _credential(requirement: HoldsCredential, question: Question) -> Finding:
    person = question.person
    if person is None:
        return Finding((Miss(ReasonCode.NO_CREDENTIAL, Key.OPERATOR, requirement),))
    return _nearest(((person.name, person.credentials),), requirement, Key.OPERATOR, question)


def _member(requirement: MemberHolds, question: Question) -> Finding:
    facts = question.facts
    practitioner = facts.practitioner.person if facts.practitioner else None
    members = [
        (person.name, person.credentials)
        for person in (facts.operator, practitioner, *facts.site.colleagues)
        if person is not None and question.belongs(person)
    ]
    return _nearest(members, requirement, Key.SITE, question)


def _site(requirement: SiteHolds, question: Question) -> Finding:
    if requirement.lasers_only and not _may_be_laser(question):
        return MET
    return _nearest([("The site", question.facts.site.credentials)], requirement, Key.SITE, question)


def _safety_officer(requirement: SafetyOfficerNamed, question: Question) -> Finding:
    if question.facts.site.safety_officer_named or (requirement.lasers_only and not _may_be_laser(question)):
        return MET
    return Finding((Miss(ReasonCode.SAFETY_OFFICER_NOT_NAMED, Key.SITE, requirement),))


def _statement(requirement: PractitionerAttests, question: Question) -> Finding:
    practitioner = question.facts.practitioner
    confirmation = practitioner.confirmation if practitioner is not None else None
    signed = confirmation is not None and requirement.code in confirmation.statements
    # Before the confirmation is due the statement is announced, not demanded.
    if signed or not question.facts.asked.confirmation_is_due:
        return Finding(statements=(requirement,))
    return Finding((Miss(ReasonCode.STATEMENT_MISSING, Key.SUPERVISION, requirement),), statements=(requirement,))


def _not_evidenced(requirement: NotEvidenced, _question: Question) -> Finding:
    return Finding((Miss(ReasonCode.ROUTE_CLOSED, Key.OPERATOR, requirement),))


def _nearest(
    holders: Iterable[tuple[str, tuple[Held, ...]]],
    wanted: HoldsCredential | MemberHolds | SiteHolds,
    key: Key,
    question: Question,
) -> Finding:
    nearest: tuple[ReasonCode, Held | None, str] = (ReasonCode.NO_CREDENTIAL, None, "")
    good: list[Held] = []
    for holder, credentials in holders:
        for held in credentials:
            if held.type not in wanted.types or held.state in GONE:
                continue
            reason = shortfall(held, wanted, question)
            if reason is None:
                good.append(held)
            elif FARNESS[reason] < FARNESS[nearest[0]]:
                nearest = (reason, held, holder)
    if not good:
        code, closest, holder = nearest
        return Finding((Miss(code, key, wanted, closest, holder),))
    # Of several the one that holds longest, so that the answer lasts as long as it can.
    return Finding(used=(good[0] if len(good) == 1 else max(good, key=lambda held: holds_until(held, question)),))


def _may_be_laser(question: Question) -> bool:
    return any(handpiece.hazard is not Hazard.NOT_A_LASER for handpiece in question.handpieces)


_ANSWERS: dict[type, Callable[..., Finding]] = {
    AllOf: _all_of,
    AnyOf: _any_of,
    HoldsCredential: _credential,
    MemberHolds: _member,
    SiteHolds: _site,
    SafetyOfficerNamed: _safety_officer,
    PractitionerAttests: _statement,
    NotEvidenced: _not_evidenced,
}
