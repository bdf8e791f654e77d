"""What verifiers do: take a case, look at the primary source, decide; and watch over what they decided."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from .. import audit
from ..documents import service as documents
from ..documents.service import ExaminedFile, KeptFile
from ..extensions import db, unit_of_work
from ..kernel.errors import Invalid, NotFound
from . import rows
from .models import CheckMethod, CheckOutcome, Credential, CredentialCheck
from .moving import move
from .policy import LONGEST_WORDS, Rejection
from .refusals import AlreadyClaimed, EarlierIsSuspended, EvidenceMissing, NotClaimed, NotYoursToReview
from .states import STANDING, CredentialEvent, CredentialState

_E, _S = CredentialEvent, CredentialState


@dataclass(frozen=True, slots=True)
class Look:
    """
    What a verifier saw at the primary source. `matched`: field -> what the source showed.

    `snapshot_id` and `row_digest` name the row of an imported register, where it was seen there.
    """

    source_name: str
    method: CheckMethod
    outcome: CheckOutcome
    retrieved_at: datetime
    source_url: str | None = None
    matched: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    screenshot: tuple[str, bytes] | None = None
    snapshot_id: UUID | None = None
    row_digest: bytes | None = None


def case_document(*, credential_id: UUID, document_id: UUID, reader_id: UUID, at: datetime) -> KeptFile:
    """
    Return a document of a case that the reader has taken; the view is kept in the audit trail.

    :raises NotFound: no such document, or the reader has not taken the case
    """
    _open_case_document(credential_id, document_id, reader_id=reader_id, at=at)
    return documents.content_of(document_id)


def case_page(*, credential_id: UUID, document_id: UUID, number: int, reader_id: UUID, at: datetime) -> bytes:
    """
    Draw one page (from 1) of a PDF of a case that the reader has taken, as a JPEG; the view is kept in the audit trail.

    :raises NotFound: no such document or page, or the reader has not taken the case
    """
    _open_case_document(credential_id, document_id, reader_id=reader_id, at=at)
    return documents.page_of(document_id, number)


def claim(*, credential_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Take a case, so that nobody else does. Taking one's own again changes nothing.

    :raises AlreadyClaimed: a colleague has it
    :raises NotYoursToReview: it is the verifier's own, or of somebody they work with
    """
    with unit_of_work():
        credential = _reviewable(credential_id, actor_id)
        if credential.state is _S.IN_REVIEW:
            if credential.claimed_by != actor_id:
                raise AlreadyClaimed
            return
        move(credential, _E.CLAIMED, actor_id=actor_id, at=at, claimed_by=actor_id, claimed_at=at)


def unclaim(*, credential_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Put a case back into the queue.

    :raises NotClaimed: the verifier has not taken it
    """
    with unit_of_work():
        move(_claimed(credential_id, actor_id), _E.UNCLAIMED, actor_id=actor_id, at=at)


def record_check(*, credential_id: UUID, actor_id: UUID, look: Look, at: datetime) -> UUID:
    """
    Keep a look at the primary source as evidence; return its id. A later look is another row.

    :raises Invalid: it lies in the future, names no source, or a confirmation shows nothing of what was seen
    :raises NotClaimed: the case is open and the verifier has not taken it
    :raises NotYoursToReview: it is the verifier's own, or of somebody they work with
    """
    note, source = look.note.strip(), look.source_name.strip()
    if not source:
        raise Invalid("Name the source that was looked at.", field="source_name")
    if look.retrieved_at > at:
        raise Invalid("The look lies in the future.", field="retrieved_at")
    if look.outcome is CheckOutcome.CONFIRMED and not note and look.screenshot is None:
        raise Invalid("Show what was seen: a screenshot, or a note.", field="note")
    with unit_of_work():
        _checkable(credential_id, actor_id)
    screenshot = _screenshot(look)
    with unit_of_work():
        credential = _checkable(credential_id, actor_id)
        check = CredentialCheck(
            credential_id=credential.id,
            source_name=source,
            source_url=look.source_url,
            method=look.method,
            outcome=look.outcome,
            retrieved_at=look.retrieved_at,
            recorded_at=at,
            verifier_id=actor_id,
            # A verifier's evidence is the house's: it counts against nobody's quota.
            document_id=documents.receive(owner_id=actor_id, file=screenshot, at=at, quota=None)
            if screenshot
            else None,
            matched={name: shown for name, shown in look.matched.items() if shown},
            snapshot_id=look.snapshot_id,
            row_digest=look.row_digest,
            note=note,
        )
        db.session.add(check)
        db.session.flush()
        audit.record(
            "credential:checked",
            actor_id=actor_id,
            subject_type="credential",
            subject_id=credential.id,
            at=at,
            check_id=check.id,
            outcome=check.outcome,
        )
        return check.id


def verify(*, credential_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Say yes, on the verifier's last look at the source. What it renews is superseded.

    :raises EvidenceMissing: that look did not confirm it, or there was none
    :raises EarlierIsSuspended: what it would renew is suspended
    :raises NotClaimed: the verifier has not taken the case
    """
    with unit_of_work():
        credential = _claimed(credential_id, actor_id)
        check = _last_check(credential, actor_id, since=credential.claimed_at, showing={CheckOutcome.CONFIRMED})
        for earlier in rows.rows_of_number(credential.type_code, credential.jurisdiction, credential.number):
            if earlier.state is _S.SUSPENDED:
                raise EarlierIsSuspended
            if earlier.state is _S.VERIFIED:
                move(earlier, _E.SUPERSEDED, actor_id=actor_id, at=at)
        move(credential, _E.VERIFIED, actor_id=actor_id, at=at, **_confirmed_by(check))


def reject(*, credential_id: UUID, actor_id: UUID, because: Rejection, words: str, at: datetime) -> None:
    """
    Say no, with the reason that the person is told.

    :raises Invalid: no words
    :raises EvidenceMissing: the reason is one that only the source can show, and the last look did not
    :raises NotClaimed: the verifier has not taken the case
    """
    said = _words(words)
    with unit_of_work():
        credential = _claimed(credential_id, actor_id)
        if because.rests_on_the_source:
            # A source that did not answer is neither a yes nor a no.
            shown = {CheckOutcome.DIFFERS, CheckOutcome.NOT_FOUND}
            _last_check(credential, actor_id, since=credential.claimed_at, showing=shown)
        move(credential, _E.REJECTED, actor_id=actor_id, at=at, reason=f"{because.words} {said}")


def ask_for_info(*, credential_id: UUID, actor_id: UUID, words: str, at: datetime) -> None:
    """
    Ask the holder for more; the case comes back to the queue with their answer.

    :raises Invalid: no words
    :raises NotClaimed: the verifier has not taken the case
    """
    said = _words(words)
    with unit_of_work():
        move(_claimed(credential_id, actor_id), _E.INFO_ASKED, actor_id=actor_id, at=at, reason=said)


def suspend(*, credential_id: UUID, actor_id: UUID, words: str, at: datetime) -> None:
    """
    Let a verified credential open nothing until it is reinstated.

    :raises Invalid: no words
    :raises NotYoursToReview: it is the verifier's own, or of somebody they work with
    """
    said = _words(words)
    with unit_of_work():
        move(_reviewable(credential_id, actor_id), _E.SUSPENDED, actor_id=actor_id, at=at, reason=said)


def revoke(*, credential_id: UUID, actor_id: UUID, words: str, at: datetime) -> None:
    """
    Take a verified or suspended credential's word away for good.

    :raises Invalid: no words
    :raises NotYoursToReview: it is the verifier's own, or of somebody they work with
    """
    said = _words(words)
    with unit_of_work():
        move(_reviewable(credential_id, actor_id), _E.REVOKED, actor_id=actor_id, at=at, reason=said)


def reinstate(*, credential_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Lift a suspension, on a look at the source made since.

    :raises EvidenceMissing: that look did not confirm it, or there was none
    :raises NotYoursToReview: it is the verifier's own, or of somebody they work with
    """
    _confirm_again(credential_id, actor_id, _E.REINSTATED, at)


def reconfirm(*, credential_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Let a verified credential rest on a newer look at the source, so that it does not grow stale.

    :raises EvidenceMissing: that look did not confirm it, or there was none
    :raises NotYoursToReview: it is the verifier's own, or of somebody they work with
    """
    _confirm_again(credential_id, actor_id, _E.RECONFIRMED, at)


def _words(words: str) -> str:
    said = words.strip()
    if not said:
        raise Invalid("Say why, in words that help the person.", field="words")
    if len(said) > LONGEST_WORDS:
        raise Invalid(f"At most {LONGEST_WORDS:,} characters, please.", field="words")
    return said


def _reviewable(credential_id: UUID, actor_id: UUID) -> Credential:
    credential = rows.row(credential_id)
    if rows.stands_too_near(credential, actor_id):
        raise NotYoursToReview
    return credential


def _claimed(credential_id: UUID, actor_id: UUID) -> Credential:
    credential = _reviewable(credential_id, actor_id)
    if credential.claimed_by != actor_id:
        raise NotClaimed
    return credential


def _checkable(credential_id: UUID, actor_id: UUID) -> Credential:
    credential = _reviewable(credential_id, actor_id)
    if credential.claimed_by != actor_id and credential.state not in STANDING:
        raise NotClaimed
    return credential


def _last_check(
    credential: Credential, verifier_id: UUID, *, since: datetime | None, showing: set[CheckOutcome]
) -> CredentialCheck:
    assert since is not None
    check = db.session.scalar(
        select(CredentialCheck)
        .where(
            CredentialCheck.credential_id == credential.id,
            CredentialCheck.verifier_id == verifier_id,
            CredentialCheck.recorded_at >= since,
        )
        .order_by(CredentialCheck.recorded_at.desc(), CredentialCheck.retrieved_at.desc())
        .limit(1)
    )
    if check is None:
        raise EvidenceMissing("Look at the primary source and record what it showed first.")
    if check.outcome not in showing:
        raise EvidenceMissing(
            "Your last look at the primary source says something else.",
            cure="Look again and record it, or decide as it says.",
        )
    return check


def _confirmed_by(check: CredentialCheck) -> dict[str, Any]:
    return {
        "deciding_check_id": check.id,
        "verified_at": check.retrieved_at,
        "verified_by": check.verifier_id,
    }


def _confirm_again(credential_id: UUID, actor_id: UUID, event: CredentialEvent, at: datetime) -> None:
    with unit_of_work():
        credential = _reviewable(credential_id, actor_id)
        # Only a look made since would say anything new.
        since = max(row.at for row in credential.moves if row.state is credential.state)
        check = _last_check(credential, actor_id, since=since, showing={CheckOutcome.CONFIRMED})
        if check.id == credential.deciding_check_id:
            raise EvidenceMissing("It already rests on your last look. Look again and record it first.")
        move(credential, event, actor_id=actor_id, at=at, **_confirmed_by(check))


def _open_case_document(credential_id: UUID, document_id: UUID, *, reader_id: UUID, at: datetime) -> None:
    with unit_of_work():
        credential = rows.row(credential_id)
        shown = {page.document_id for page in credential.documents} | {check.document_id for check in credential.checks}
        if credential.claimed_by != reader_id or document_id not in shown:
            raise NotFound("There is no such document.")
        audit.record(
            "document:viewed",
            actor_id=reader_id,
            subject_type="credential",
            subject_id=credential.id,
            at=at,
            document_id=document_id,
        )


def _screenshot(look: Look) -> ExaminedFile | None:
    if look.screenshot is None:
        return None
    filename, content = look.screenshot
    return documents.examine(filename=filename, content=content, field="screenshot")
