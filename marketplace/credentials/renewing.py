"""Asks holders for what only they can send: the present paper, where the paper itself is the source."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from .. import audit
from ..audit import AuditEvent
from ..extensions import db, unit_of_work
from .models import CheckMethod, Credential, CredentialCheck
from .moving import tell
from .states import CredentialState


def ask_for_newer_papers(*, stale_at: Mapping[UUID, datetime], at: datetime) -> int:
    """
    Tell the holders of those that rest on a document alone to send the present one; return how many were told.

    Once when it is due and once when it opens nothing any more, for each look that it rests on. Where there is a
    register or an issuer to ask, a verifier does, and the holder need do nothing.
    """
    with unit_of_work():
        rows = db.session.scalars(
            select(Credential)
            .join(CredentialCheck, CredentialCheck.id == Credential.deciding_check_id)
            .where(
                Credential.id.in_(list(stale_at)),
                Credential.state == CredentialState.VERIFIED,
                CredentialCheck.method == CheckMethod.DOCUMENT_SEEN,
            )
            .order_by(Credential.id)
            .with_for_update(of=Credential)
        ).all()
        asked = {
            (kind, check)
            for kind, check in db.session.execute(
                select(AuditEvent.kind, AuditEvent.data["check"].astext).where(
                    AuditEvent.subject_type == "credential", AuditEvent.subject_id.in_([row.id for row in rows])
                )
            )
        }
        told = 0
        for credential in rows:
            over = stale_at[credential.id] < at
            kind = "credential:paper_overdue" if over else "credential:paper_asked_for"
            if (kind, str(credential.deciding_check_id)) in asked:
                continue
            tell(credential, "overdue" if over else "due", at=at)
            audit.record(
                kind,
                actor_id=None,
                subject_type="credential",
                subject_id=credential.id,
                at=at,
                check=credential.deciding_check_id,
            )
            told += 1
        return told
