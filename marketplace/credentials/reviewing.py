"""What verifiers do: take a case, decide it, with a second one where it takes two; and watch over what they decided."""

from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from ..extensions import broken_rule, db, unit_of_work
from ..kernel.errors import Refusal
from . import auditing, rows
from .desk import queue
from .drawing import are_drawn, draw_again
from .looks import Look, is_young, last_check, record_check, refuse_old
from .models import CheckOutcome, Credential, CredentialCheck, RiskSignal
from .moving import move
from .policy import Question, Rejection, said, why_two
from .refusals import (
    AlreadyClaimed,
    DrawnForAnother,
    EarlierIsSuspended,
    EvidenceMissing,
    NumberStandsElsewhere,
    SecondEyesNeeded,
    SignalsOpen,
)
from .standards import standards
from .states import STANDING, TAKEN, CredentialEvent, CredentialState
from .types import credential_types

_E, _S = CredentialEvent, CredentialState
_NOBODYS_YES: dict[str, Any] = {"first_approved_by": None, "first_approved_at": None, "first_check_id": None}


def claim(*, credential_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Take a case, so that nobody else does. Taking one's own again changes nothing; one that lies too long is taken over.

    :raises AlreadyClaimed: a colleague has it
    :raises DrawnForAnother: the lot fell on a colleague
    :raises SecondEyesNeeded: the verifier has given the first yes
    :raises NotYoursToReview: it is the verifier's own, or of somebody they work with
    """
    draw_again(at=at)
    with unit_of_work():
        credential = rows.reviewable(credential_id, actor_id)
        if credential.claimed_by == actor_id:
            return
        if credential.first_approved_by == actor_id and credential.state in {_S.AWAITING_SECOND, _S.IN_SECOND_REVIEW}:
            raise SecondEyesNeeded("You have given the first yes to this one.")
        event = _E.CLAIMED
        if credential.state in TAKEN:
            assert credential.claimed_at is not None
            if not standards().claim_is_stale(credential.claimed_at, at):
                raise AlreadyClaimed
            event = _E.TAKEN_OVER
        mine: dict[str, Any] = {"claimed_by": actor_id, "claimed_at": at}
        if not are_drawn():
            mine["drawn_for"] = None  # Of a time when they were.
        elif credential.drawn_for != actor_id:
            raise DrawnForAnother
        move(credential, event, actor_id=actor_id, at=at, **mine)


def take_next(*, actor_id: UUID, at: datetime) -> UUID | None:
    """Take the case that has waited longest of those that the verifier can take or has taken; return it, if any."""
    draw_again(at=at)
    for item in queue(reader_id=actor_id, at=at):
        if item.claimed_by == actor_id or item.is_open_to(actor_id):
            with suppress(Refusal):  # Of somebody they work with, or a colleague was faster: there are others.
                claim(credential_id=item.id, actor_id=actor_id, at=at)
                return item.id
    return None


def unclaim(*, credential_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Put a case back into the queue.

    :raises NotClaimed: the verifier has not taken it
    """
    with unit_of_work():
        move(rows.claimed(credential_id, actor_id), _E.UNCLAIMED, actor_id=actor_id, at=at)


def verify(*, credential_id: UUID, actor_id: UUID, at: datetime) -> CredentialState:
    """
    Say yes, on the verifier's last look at the source; return the state it is in then.

    Where it takes two people, the first yes lets it wait for the second. What it renews is superseded by the last one.

    :raises EvidenceMissing: that look did not confirm it, or there was none; `EvidenceTooOld` when it was too long ago
    :raises SignalsOpen: nobody has said what came of a signal, and this would be the last yes
    :raises NumberStandsElsewhere: somebody else's entry of this number is verified or suspended
    :raises EarlierIsSuspended: what it would renew is suspended
    :raises NotClaimed: the verifier has not taken the case
    """
    try:
        with unit_of_work():
            credential = rows.claimed(credential_id, actor_id)
            check = last_check(credential, actor_id, since=credential.claimed_at, showing={CheckOutcome.CONFIRMED})
            refuse_old(check, credential, at=at)
            if _is_a_first_yes(credential, actor_id, at):
                move(
                    credential,
                    _E.FIRST_APPROVED,
                    actor_id=actor_id,
                    at=at,
                    first_approved_by=actor_id,
                    first_approved_at=at,
                    first_check_id=check.id,
                )
            else:
                _approve(credential, check, actor_id=actor_id, at=at)
            return credential.state
    except IntegrityError as refusal:
        # Two verifiers decide on two accounts' claims to one number at the same instant.
        if broken_rule(refusal) == "one_standing_credential_per_number":
            raise NumberStandsElsewhere from refusal
        raise


def confirm(*, credential_id: UUID, actor_id: UUID, look: Look, at: datetime) -> CredentialState:
    """
    Keep a look that confirms it, and say yes on it at once; return the state it is in then.

    The look is on record even where the yes is refused, for the reasons of `record_check` and `verify`.
    """
    record_check(credential_id=credential_id, actor_id=actor_id, look=look, at=at)
    return verify(credential_id=credential_id, actor_id=actor_id, at=at)


def reject(*, credential_id: UUID, actor_id: UUID, because: Rejection, words: str, at: datetime) -> None:
    """
    Say no, with the reason that the person is told.

    :raises Invalid: no words
    :raises EvidenceMissing: the reason is one that only the source can show, and the last look did not
    :raises NotClaimed: the verifier has not taken the case
    """
    told = said(words)
    with unit_of_work():
        credential = rows.claimed(credential_id, actor_id)
        if because.rests_on_the_source:
            # A source that did not answer is neither a yes nor a no.
            shown = {CheckOutcome.DIFFERS, CheckOutcome.NOT_FOUND}
            last_check(credential, actor_id, since=credential.claimed_at, showing=shown)
        move(credential, _E.REJECTED, actor_id=actor_id, at=at, reason=f"{because.words} {told}", reason_code=because)


def ask_for_info(*, credential_id: UUID, actor_id: UUID, because: Question, words: str, at: datetime) -> None:
    """
    Ask the holder for more; the case comes back to the queue with their answer, and is looked at anew.

    :raises Invalid: no words
    :raises NotClaimed: the verifier has not taken the case
    """
    told = said(words)
    with unit_of_work():
        move(
            rows.claimed(credential_id, actor_id),
            _E.INFO_ASKED,
            actor_id=actor_id,
            at=at,
            reason=f"{because.words} {told}",
            reason_code=because,
            **_NOBODYS_YES,
        )


def suspend(*, credential_id: UUID, actor_id: UUID, words: str, at: datetime) -> None:
    """
    Let a verified credential open nothing until it is reinstated.

    :raises Invalid: no words
    :raises NotYoursToReview: it is the verifier's own, or of somebody they work with
    """
    told = said(words)
    with unit_of_work():
        move(rows.reviewable(credential_id, actor_id), _E.SUSPENDED, actor_id=actor_id, at=at, reason=told)


def revoke(*, credential_id: UUID, actor_id: UUID, words: str, at: datetime) -> None:
    """
    Take a verified or suspended credential's word away for good.

    :raises Invalid: no words
    :raises NotYoursToReview: it is the verifier's own, or of somebody they work with
    """
    told = said(words)
    with unit_of_work():
        move(rows.reviewable(credential_id, actor_id), _E.REVOKED, actor_id=actor_id, at=at, reason=told)


def reinstate(*, credential_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Lift a suspension, on a look at the source made since.

    :raises EvidenceMissing: that look did not confirm it, or there was none
    :raises SignalsOpen: nobody has said what came of a signal
    :raises SecondEyesNeeded: it takes two people, and nobody else has seen it confirmed
    :raises NotYoursToReview: it is the verifier's own, or of somebody they work with
    """
    _confirm_again(credential_id, actor_id, _E.REINSTATED, at)


def reconfirm(*, credential_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Let a verified credential rest on a newer look at the source, so that it does not grow stale.

    :raises EvidenceMissing: that look did not confirm it, or there was none
    :raises SignalsOpen: nobody has said what came of a signal
    :raises SecondEyesNeeded: it takes two people, and nobody else has seen it confirmed
    :raises NotYoursToReview: it is the verifier's own, or of somebody they work with
    """
    _confirm_again(credential_id, actor_id, _E.RECONFIRMED, at)


def _is_a_first_yes(credential: Credential, actor_id: UUID, at: datetime) -> bool:
    if credential.state is _S.IN_SECOND_REVIEW:
        first = db.session.get_one(CredentialCheck, credential.first_check_id)
        # The earlier look has grown too old to be decided on: the count begins anew with this one.
        return not is_young(first, credential, at=at)
    return _why_two(credential, actor_id) is not None


def _why_two(credential: Credential, actor_id: UUID) -> str | None:
    signals = db.session.execute(
        select(RiskSignal.resolved_by).where(RiskSignal.credential_id == credential.id)
    ).scalars()
    return why_two(
        dangerous=credential_types()[credential.type_code].two_verifiers,
        signals=(resolved_by in {None, actor_id} for resolved_by in signals),
    )


def _refuse_open_signals(credential: Credential) -> None:
    unresolved = select(RiskSignal.id).where(
        RiskSignal.credential_id == credential.id, RiskSignal.resolved_at.is_(None)
    )
    if db.session.scalar(unresolved.limit(1)) is not None:
        raise SignalsOpen


def _approve(credential: Credential, check: CredentialCheck, *, actor_id: UUID, at: datetime) -> None:
    _refuse_open_signals(credential)
    for other in rows.rows_of_number(credential.type_code, credential.jurisdiction, credential.number):
        if other.state not in STANDING:
            continue
        if (other.holder_id, other.site_id) != (credential.holder_id, credential.site_id):
            raise NumberStandsElsewhere
        if other.state is _S.SUSPENDED:
            raise EarlierIsSuspended
        move(other, _E.SUPERSEDED, actor_id=actor_id, at=at)
    move(credential, _E.VERIFIED, actor_id=actor_id, at=at, decided_at=at, **_confirmed_by(check))
    auditing.sample(credential, at=at)


def _confirmed_by(check: CredentialCheck) -> dict[str, Any]:
    return {
        "deciding_check_id": check.id,
        "verified_at": check.retrieved_at,
        "verified_by": check.verifier_id,
    }


def _confirm_again(credential_id: UUID, actor_id: UUID, event: CredentialEvent, at: datetime) -> None:
    with unit_of_work():
        credential = rows.reviewable(credential_id, actor_id)
        # Only a look made since would say anything new.
        since = max(row.at for row in credential.moves if row.state is credential.state)
        check = last_check(credential, actor_id, since=since, showing={CheckOutcome.CONFIRMED})
        if check.id == credential.deciding_check_id:
            raise EvidenceMissing("It already rests on your last look. Look again and record it first.")
        refuse_old(check, credential, at=at)
        _refuse_open_signals(credential)
        # The two looks it rests on are the newest one, and the newest one of somebody else.
        others: dict[str, Any] = {}
        if credential.verified_by != actor_id:
            others = {
                "first_approved_by": credential.verified_by,
                "first_approved_at": credential.decided_at,
                "first_check_id": credential.deciding_check_id,
            }
        elif credential.first_approved_by is None and (why := _why_two(credential, actor_id)) is not None:
            raise SecondEyesNeeded(why)
        move(credential, event, actor_id=actor_id, at=at, decided_at=at, **_confirmed_by(check), **others)
