"""What a verifier looks at and keeps: the documents of a case, and each look at the primary source as evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from .. import audit
from ..documents import service as documents
from ..documents.models import Document
from ..documents.service import ExaminedFile, KeptFile
from ..extensions import db, unit_of_work
from ..kernel.days import written
from ..kernel.errors import Invalid, NotFound
from ..links.models import LinkAnswer
from ..registers.models import RegisterSnapshot
from . import rows
from .models import CheckMethod, CheckOutcome, Credential, CredentialCheck
from .policy import agreement
from .refusals import EvidenceMissing, EvidenceTooOld, NotClaimed
from .standards import standards
from .states import STANDING
from .types import credential_types


@dataclass(frozen=True, slots=True)
class Look:
    """
    What a verifier saw at the primary source.

    `matched`: field -> what the source showed. `snapshot_id` and `row_digest` name the row of an imported register,
    where it was seen there, and `score` how well it fits, of a hundred; what a person saw is scored here. `link_id` is
    the mailed link through which the source answered.
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
    score: int | None = None
    link_id: UUID | None = None


def case_document(*, credential_id: UUID, document_id: UUID, reader_id: UUID, at: datetime) -> KeptFile:
    """
    Return a document of a case that the reader has taken; the view and its reason are kept in the audit trail.

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
    matched = {name: shown for name, shown in look.matched.items() if shown}
    if look.outcome is CheckOutcome.CONFIRMED and not (note or matched or look.screenshot):
        raise Invalid("Show what was seen: what agrees, a screenshot, or a note.", field="note")
    with unit_of_work():
        checkable(credential_id, actor_id)
    screenshot = _screenshot(look)
    with unit_of_work():
        credential = checkable(credential_id, actor_id)
        # A verifier's evidence is the house's: it counts against nobody's quota.
        document_id = documents.receive(owner_id=actor_id, file=screenshot, at=at, quota=None) if screenshot else None
        kind = credential_types()[credential.type_code].kind
        check = CredentialCheck(
            credential_id=credential.id,
            source_name=source,
            source_url=look.source_url,
            method=look.method,
            outcome=look.outcome,
            retrieved_at=look.retrieved_at,
            recorded_at=at,
            verifier_id=actor_id,
            document_id=document_id,
            snapshot_id=look.snapshot_id,
            row_digest=look.row_digest,
            link_id=look.link_id,
            file_digest=_digest_of(document_id, look),
            matched=matched,
            score=agreement(claimed_fields(credential), matched) if look.score is None else look.score,
            next_due=standards().next_due(kind, look.retrieved_at) if look.outcome is CheckOutcome.CONFIRMED else None,
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


def last_check(
    credential: Credential, verifier_id: UUID, *, since: datetime | None, showing: set[CheckOutcome]
) -> CredentialCheck:
    """
    Return the verifier's last look at the source since a moment, which must show one of these.

    :raises EvidenceMissing: there is none, or it shows something else
    """
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


def refuse_old(check: CredentialCheck, credential: Credential, *, at: datetime) -> None:
    """
    Let nothing be decided on a look that was too long ago.

    :raises EvidenceTooOld: it was
    """
    if not is_young(check, credential, at=at):
        raise EvidenceTooOld(
            f"You looked at the source on {written(check.retrieved_at.date())}, too long ago to decide on it.",
            cure=f"Look again and record it: a look counts for {_days_of_evidence(credential)} days.",
        )


def is_young(check: CredentialCheck, credential: Credential, *, at: datetime) -> bool:
    """Say whether a decision may still rest on the look."""
    return at - check.retrieved_at <= timedelta(days=_days_of_evidence(credential))


def claimed_fields(credential: Credential) -> dict[str, str]:
    """Return what is claimed and can be compared word for word, by the fields of the desk."""
    return {"name": credential.name_on_credential, "number": credential.number}


def checkable(credential_id: UUID, actor_id: UUID) -> Credential:
    """
    Return the row of a credential whose source the person may look at.

    :raises NotFound: there is no such credential
    :raises NotClaimed: the case is open and the verifier has not taken it
    :raises NotYoursToReview: it is the verifier's own, or of somebody they work with
    """
    credential = rows.reviewable(credential_id, actor_id)
    if credential.claimed_by != actor_id and credential.state not in STANDING:
        raise NotClaimed
    return credential


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
            # Nobody opens a document for its own sake: the reason is the case, and which part of it they have.
            reason="second_review" if credential.first_approved_by else "review",
            taken_at=credential.claimed_at,
        )


def _screenshot(look: Look) -> ExaminedFile | None:
    if look.screenshot is None:
        return None
    filename, content = look.screenshot
    return documents.examine(filename=filename, content=content, field="screenshot")


def _digest_of(document_id: UUID | None, look: Look) -> str | None:
    if look.snapshot_id is not None:
        return db.session.scalar(select(RegisterSnapshot.file_digest).where(RegisterSnapshot.id == look.snapshot_id))
    if look.link_id is not None:
        return db.session.scalar(select(LinkAnswer.digest).where(LinkAnswer.link_id == look.link_id))
    return db.session.scalar(select(Document.digest).where(Document.id == document_id))


def _days_of_evidence(credential: Credential) -> int:
    return standards().days_of_evidence(credential_types()[credential.type_code].kind)
