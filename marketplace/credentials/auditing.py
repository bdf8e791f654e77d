"""The re-audit: a share of all approvals is looked at again by somebody else; one that fails is suspended."""

from datetime import datetime
from uuid import UUID

from .. import audit
from ..extensions import db, unit_of_work
from ..kernel.errors import NotFound
from . import rows
from .looks import last_check
from .models import ApprovalAudit, AuditOutcome, CheckOutcome, Credential
from .moving import move
from .policy import said
from .refusals import AlreadyAudited, SecondEyesNeeded
from .standards import standards
from .states import CredentialEvent, CredentialState


def sample(credential: Credential, *, at: datetime) -> None:
    """Queue the approval for another look, if the credential is of the share that is looked at again."""
    if not standards().is_audited(credential.id):
        return
    db.session.add(
        ApprovalAudit(
            credential_id=credential.id,
            check_id=credential.deciding_check_id,
            verified_by=credential.verified_by,
            first_approved_by=credential.first_approved_by,
            chosen_at=at,
        )
    )
    db.session.flush()


def uphold(*, audit_id: UUID, actor_id: UUID, at: datetime) -> UUID:
    """
    Find that the approval was right, on a look of one's own at the source; return the credential's id.

    :raises EvidenceMissing: the auditor's look since it was chosen does not confirm it, or there was none
    :raises NotFound: there is no such audit
    :raises AlreadyAudited: somebody has done it
    :raises SecondEyesNeeded: the auditor approved it
    :raises NotYoursToReview: it is the auditor's own, or of somebody they work with
    """
    with unit_of_work():
        found, credential = _open(audit_id, actor_id)
        check = last_check(credential, actor_id, since=found.chosen_at, showing={CheckOutcome.CONFIRMED})
        found.audit_check_id = check.id
        _close(found, AuditOutcome.UPHELD, actor_id=actor_id, at=at)
        return found.credential_id


def fail(*, audit_id: UUID, actor_id: UUID, words: str, at: datetime) -> UUID:
    """
    Find that the approval was wrong: the credential is suspended, and its holder told why. Return its id.

    :raises Invalid: no words
    :raises NotFound: there is no such audit
    :raises AlreadyAudited: somebody has done it
    :raises SecondEyesNeeded: the auditor approved it
    :raises NotYoursToReview: it is the auditor's own, or of somebody they work with
    """
    told = said(words)
    with unit_of_work():
        found, credential = _open(audit_id, actor_id)
        _close(found, AuditOutcome.FAILED, actor_id=actor_id, at=at, words=told)
        # What was suspended, revoked or replaced in the meantime opens nothing any more.
        if credential.state is CredentialState.VERIFIED:
            move(credential, CredentialEvent.SUSPENDED, actor_id=actor_id, at=at, reason=told)
        return found.credential_id


def _open(audit_id: UUID, actor_id: UUID) -> tuple[ApprovalAudit, Credential]:
    found = db.session.get(ApprovalAudit, audit_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise NotFound("There is no such audit.")
    credential = rows.reviewable(found.credential_id, actor_id)
    if found.outcome is not None:
        raise AlreadyAudited
    if actor_id in {found.verified_by, found.first_approved_by}:
        raise SecondEyesNeeded("You approved this one yourself.")
    return found, credential


def _close(
    found: ApprovalAudit, outcome: AuditOutcome, *, actor_id: UUID, at: datetime, words: str | None = None
) -> None:
    found.outcome, found.auditor_id, found.audited_at, found.words = outcome, actor_id, at, words
    db.session.flush()
    audit.record(
        f"credential:audit_{outcome}",
        actor_id=actor_id,
        subject_type="credential",
        subject_id=found.credential_id,
        at=at,
        verified_by=found.verified_by,
        first_approved_by=found.first_approved_by,
    )
