"""What people handed in to be verified is deleted some time after the decision; that they did, and what, is kept."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, case, exists, func, or_, select
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlalchemy.orm import aliased

from .. import audit
from ..documents import service as documents
from ..documents.models import Document
from ..extensions import db, unit_of_work
from ..logs import log
from .findings import FindingState, RegisterFinding
from .models import (
    ApprovalAudit,
    CheckMethod,
    CheckOutcome,
    Credential,
    CredentialCheck,
    CredentialDocument,
    CredentialMove,
    RiskSignal,
)
from .standards import standards
from .states import PENDING, STANDING, CredentialEvent, CredentialState

AT_ONCE = 100

_S, _E = CredentialState, CredentialEvent
_CLOSED = frozenset(CredentialState) - PENDING - {_S.SUSPENDED}
"""States in which nobody has to decide anything. A suspension is a quarrel that is not settled."""

_DECISIONS = (_E.VERIFIED, _E.REJECTED, _E.WITHDRAWN, _E.REINSTATED, _E.REVOKED)
"""Events that decide a case. To look at the source anew, or to be replaced by a renewal, decides nothing about it."""


def forget_documents(*, at: datetime) -> int:
    """
    Delete the documents of cases that were decided long enough ago; return how many.

    What a decision rests on as its source stays as long as the decision, and nothing goes while anything about the case
    is open. Killed at any moment it leaves nothing that the next run, or the sweep, does not bring to its end.
    """
    done, size = 0, 0
    while True:
        with unit_of_work():
            gone = _forget_some(at)
            keys = [row.storage_key for row in gone]
            done, size = done + len(gone), size + sum(row.size_bytes for row in gone)
        documents.erase(keys)
        if len(keys) < AT_ONCE:
            break
    log.info("documents_forgotten", documents=done, bytes=size)
    return done


def forgotten_from(credential_id: UUID) -> datetime | None:
    """
    Return from when on the documents of a credential are deleted; None: not before something else happens.

    Where a question about it is open then, they go once it is settled.
    """
    return db.session.scalar(
        select(_closed_at() + timedelta(days=standards().document_days)).where(
            Credential.id == credential_id, Credential.state.in_(_CLOSED)
        )
    )


def _forget_some(at: datetime) -> Sequence[Document]:
    """Forget up to so many documents whose time is over, the oldest first."""
    before = at - timedelta(days=standards().document_days)
    due = (
        select(CredentialDocument.document_id, Credential.id)
        .join(Credential, Credential.id == CredentialDocument.credential_id)
        .join(Document, Document.id == CredentialDocument.document_id)
        .where(
            Document.forgotten_at.is_(None),
            Document.created_at < at,
            Credential.state.in_(_CLOSED),
            _closed_at() <= before,
            ~_is_open(),
        )
        .order_by(Document.created_at, Document.id)
        .limit(AT_ONCE)
    )
    # Locked, and then asked again: who suspends one of them at this moment is either seen or waits for us.
    ids = {credential_id for _, credential_id in db.session.execute(due)}
    db.session.execute(
        select(Credential.id)
        .where(Credential.id.in_(ids))
        .order_by(Credential.id)
        .with_for_update(of=Credential, key_share=True)
    )
    still = db.session.execute(due.where(Credential.id.in_(ids)))
    cases: dict[UUID, UUID] = {row.document_id: row.id for row in still}
    gone = documents.forget(cases, at=at)
    audit.record_all(
        audit.Happening(
            "document:forgotten",
            None,
            "credential",
            cases[document_id],
            at,
            {"document_id": document_id, "sha256": row.digest, "bytes": row.size_bytes},
        )
        for document_id, row in gone.items()
    )
    return list(gone.values())


def _closed_at() -> ColumnElement[datetime | None]:
    """
    When the case was decided last. Where the paper itself was the source: when nothing rests on it any more.

    Then a credential that stands has its last day, or keeps its papers; and one that was replaced was decided by that.
    """
    decided = _last_move(_DECISIONS)
    expired = func.timezone("UTC", (Credential.expires_on + 1).cast(TIMESTAMP))
    rests = case((Credential.state == _S.VERIFIED, expired), else_=_last_move((*_DECISIONS, _E.SUPERSEDED)))
    return case((_is_source(), case((rests > decided, rests), (rests.is_not(None), decided))), else_=decided)


def _last_move(events: Sequence[CredentialEvent]) -> ColumnElement[datetime]:
    return (
        select(func.max(CredentialMove.at))
        .where(CredentialMove.credential_id == Credential.id, CredentialMove.event.in_(events))
        .correlate(Credential)
        .scalar_subquery()
    )


def _is_source() -> ColumnElement[bool]:
    """The paper itself was looked at as the source: there is no register that could be asked again."""
    return exists().where(
        CredentialCheck.credential_id == Credential.id,
        CredentialCheck.method == CheckMethod.DOCUMENT_SEEN,
        CredentialCheck.outcome == CheckOutcome.CONFIRMED,
    )


def _is_open() -> ColumnElement[bool]:
    """Something about the case is not settled: a re-audit, a doubt, a finding, or a case of the same number."""
    raised_by, other = aliased(Credential), aliased(Credential)
    return or_(
        exists().where(ApprovalAudit.credential_id == Credential.id, ApprovalAudit.outcome.is_(None)),
        # What nobody resolved before a no is of no interest after it.
        exists().where(
            RiskSignal.resolved_at.is_(None),
            or_(RiskSignal.credential_id == Credential.id, RiskSignal.other_id == Credential.id),
            raised_by.id == RiskSignal.credential_id,
            raised_by.state.in_(PENDING | STANDING),
        ),
        exists().where(
            RegisterFinding.state == FindingState.OPEN,
            or_(RegisterFinding.credential_id == Credential.id, RegisterFinding.user_id == Credential.holder_id),
        ),
        # A renewal, another's claim to the number, or the same person who does not take the no for an answer.
        exists().where(
            other.id != Credential.id,
            other.type_code == Credential.type_code,
            other.jurisdiction == Credential.jurisdiction,
            other.number_normal == Credential.number_normal,
            other.state.in_(PENDING | {_S.SUSPENDED}),
        ),
    )
