"""Credentials in any state: the shortest legal rows, with the check and the moves that a state rests on."""

from datetime import date, datetime, timedelta
from functools import cache
from itertools import count
from typing import Any

from marketplace.accounts.models import User
from marketplace.clinics.models import ClinicSite
from marketplace.credentials.models import (
    CheckMethod,
    CheckOutcome,
    Credential,
    CredentialCheck,
    CredentialMove,
    CredentialTypeRow,
    RiskSignal,
    SignalKind,
)
from marketplace.credentials.standards import standards
from marketplace.credentials.states import TAKEN, CredentialEvent, CredentialState
from marketplace.credentials.types import credential_types
from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.kernel.shapes import write
from marketplace.kernel.text import normal_number
from tests.factories.accounts import kept, make_staff, make_user, together

_numbers = count(10_001)
_S, _E = CredentialState, CredentialEvent

# The way into each state from submission.
_WAYS: dict[CredentialState, tuple[tuple[CredentialEvent, CredentialState], ...]] = {
    _S.SUBMITTED: (),
    _S.WITHDRAWN: ((_E.WITHDRAWN, _S.WITHDRAWN),),
    _S.IN_REVIEW: ((_E.CLAIMED, _S.IN_REVIEW),),
    _S.NEEDS_INFO: ((_E.CLAIMED, _S.IN_REVIEW), (_E.INFO_ASKED, _S.NEEDS_INFO)),
    _S.AWAITING_SECOND: ((_E.CLAIMED, _S.IN_REVIEW), (_E.FIRST_APPROVED, _S.AWAITING_SECOND)),
    _S.IN_SECOND_REVIEW: (
        (_E.CLAIMED, _S.IN_REVIEW),
        (_E.FIRST_APPROVED, _S.AWAITING_SECOND),
        (_E.CLAIMED, _S.IN_SECOND_REVIEW),
    ),
    _S.REJECTED: ((_E.CLAIMED, _S.IN_REVIEW), (_E.REJECTED, _S.REJECTED)),
    _S.VERIFIED: ((_E.CLAIMED, _S.IN_REVIEW), (_E.VERIFIED, _S.VERIFIED)),
}
_WAYS |= {
    state: (*_WAYS[_S.VERIFIED], (event, state))
    for event, state in (
        (_E.SUSPENDED, _S.SUSPENDED),
        (_E.REVOKED, _S.REVOKED),
        (_E.SUPERSEDED, _S.SUPERSEDED),
    )
}
WAITS_FOR_SECOND = {_S.AWAITING_SECOND, _S.IN_SECOND_REVIEW}
_WITH_REASON = {_S.REJECTED, _S.NEEDS_INFO, _S.SUSPENDED, _S.REVOKED}


@cache
def _entry(code: str) -> dict[str, Any]:
    return write(credential_types()[code])


def make_type(code: str = "US-TX:TDLR:LHR") -> CredentialTypeRow:
    """Keep the row of a shipped credential type, once."""
    known = credential_types()[code]
    return db.session.get(CredentialTypeRow, code) or kept(
        CredentialTypeRow(
            code=code,
            name=known.name,
            subject=known.subject.value,
            entry=_entry(code),
            two_verifiers=known.two_verifiers,
            evidence_days=standards().days_of_evidence(known.kind),
        )
    )


def make_check(
    credential: Credential,
    *,
    verifier: User,
    outcome: CheckOutcome | str = CheckOutcome.CONFIRMED,
    retrieved_at: datetime,
    **values: Any,
) -> CredentialCheck:
    """Keep one look at the primary source."""
    defaults = {"source_name": "Licence search", "note": "Active, same name and number.", "matched": {}}
    values = {**defaults, "method": CheckMethod.PORTAL, **values}
    values.setdefault("recorded_at", retrieved_at)
    values.setdefault("next_due", (retrieved_at + timedelta(days=90)).date())
    return kept(
        CredentialCheck(
            credential_id=credential.id,
            verifier_id=verifier.id,
            outcome=CheckOutcome(outcome),
            retrieved_at=retrieved_at,
            **values,
        )
    )


def make_signal(
    credential: Credential,
    *,
    kind: SignalKind | str = SignalKind.NUMBER_FORM,
    at: datetime | None = None,
    **values: Any,
) -> RiskSignal:
    """Keep a signal of doubt that nobody has resolved."""
    values = {"cause": "Not as numbers are written there.", "raised_at": at or clock.now(), **values}
    return kept(RiskSignal(credential_id=credential.id, kind=SignalKind(kind), **values))


@together()
def make_credential(
    *,
    holder: User | None = None,
    site: ClinicSite | None = None,
    type_code: str = "US-TX:TDLR:LHR",
    jurisdiction: str = "TX",
    state: CredentialState | str = CredentialState.VERIFIED,
    number: str | None = None,
    level: str | None = None,
    endorsements: tuple[str, ...] | list[str] = (),
    issued_on: date | None = None,
    expires_on: date | None = None,
    verifier: User | None = None,
    at: datetime | None = None,
    verified_at: datetime | None = None,
    claimed_at: datetime | None = None,
    reason: str | None = None,
    first_verifier: User | None = None,
    **values: Any,
) -> Credential:
    """
    Keep a credential of a person (made when neither holder nor site is given) in `state`, with its check and moves.

    `at` is when it was submitted, by default yesterday; `verified_at` when its source was seen, by default an hour later.
    A case that somebody has was taken twenty minutes ago. Where its kind takes two verifiers, or a second one is waited for, another one gave the first yes.
    """
    state = CredentialState(state)
    now = clock.now().replace(microsecond=0)
    at = at or now - timedelta(days=1)
    make_type(type_code)
    holder = holder or (None if site else make_user())
    number = number or f"LHR-{next(_numbers)}"
    values.setdefault("submitted_by", holder.id if holder else site.clinic.members[0].user_id)
    values.setdefault("name_on_credential", holder.name if holder else site.clinic.legal_name)
    values.setdefault("number_normal", normal_number(number))
    credential = kept(
        Credential(
            holder_id=holder.id if holder else None,
            site_id=site.id if site else None,
            type_code=type_code,
            jurisdiction=jurisdiction,
            number=number,
            level=level,
            endorsements=list(endorsements),
            issued_on=issued_on,
            expires_on=expires_on,
            submitted_at=at,
            state=_S.WITHDRAWN,  # Until its way is written it stands for nothing, and holds no number.
            **values,
        )
    )
    way = _WAYS[state]
    kept(
        CredentialMove(
            credential_id=credential.id,
            event=None,
            state=_S.SUBMITTED,
            actor_id=credential.submitted_by,
            at=at,
        )
    )
    if way and state is not _S.WITHDRAWN:
        verifier = verifier or make_staff()
    reason = reason or ("A reason in words." if state in _WITH_REASON else None)
    if (_E.VERIFIED, _S.VERIFIED) in way:
        seen = verified_at or at + timedelta(hours=1)
        check = make_check(credential, verifier=verifier, retrieved_at=seen)
        credential.deciding_check_id, credential.verified_at, credential.verified_by = (
            check.id,
            seen,
            verifier.id,
        )
        credential.decided_at = seen
    if state in WAITS_FOR_SECOND or (credential.verified_by and credential_types()[type_code].two_verifiers):
        first = first_verifier or make_staff()
        seen = verified_at or at + timedelta(minutes=30)
        check = make_check(credential, verifier=first, retrieved_at=seen)
        credential.first_approved_by, credential.first_approved_at, credential.first_check_id = first.id, seen, check.id
    if state in TAKEN:
        credential.claimed_by, credential.claimed_at = verifier.id, claimed_at or now - timedelta(minutes=20)
    credential.state, credential.reason = state, reason
    for position, (event, led_to) in enumerate(way, 1):
        db.session.add(
            CredentialMove(
                credential_id=credential.id,
                event=event,
                state=led_to,
                actor_id=credential.submitted_by if event is _E.WITHDRAWN else verifier.id,
                reason=reason if led_to is state else None,
                reason_code="other" if event in {_E.REJECTED, _E.INFO_ASKED} else None,
                at=at + timedelta(minutes=30 * position),
            )
        )
    return credential
