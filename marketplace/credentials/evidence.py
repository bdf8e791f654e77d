"""What credentials rested on at a moment, as plain JSON with digests: to be kept beside what was decided on it."""

import hashlib
import json
from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import select

from ..documents.models import Document
from ..extensions import db
from ..kernel.shapes import write
from .models import Credential, CredentialCheck, CredentialDocument


def evidence_of(credential_ids: Collection[UUID]) -> list[dict[str, Any]]:
    """
    Return for each credential that was ever verified its papers and the check that decided on it, with digests, by id.

    A check's digest is that of its whole row, so that it cannot have said anything else.
    """
    rows = db.session.execute(
        select(Credential, CredentialCheck, Document.digest.label("seen"))
        .join(CredentialCheck, CredentialCheck.id == Credential.deciding_check_id)
        .outerjoin(Document, Document.id == CredentialCheck.document_id)
        .where(Credential.id.in_(credential_ids))
        .order_by(Credential.id)
    ).all()
    papers: dict[UUID, list[dict[str, str]]] = {}
    for paper in db.session.execute(
        select(CredentialDocument.credential_id, Document.id, Document.digest)
        .join(Document, Document.id == CredentialDocument.document_id)
        .where(CredentialDocument.credential_id.in_(credential_ids))
        .order_by(CredentialDocument.credential_id, CredentialDocument.position)
    ):
        papers.setdefault(paper.credential_id, []).append({"id": str(paper.id), "sha256": paper.digest})
    return [
        {
            "credential": str(row.Credential.id),
            "type": row.Credential.type_code,
            "jurisdiction": row.Credential.jurisdiction,
            "documents": papers.get(row.Credential.id, []),
            "check": _check(row.CredentialCheck, row.seen),
        }
        for row in rows
    ]


def _check(check: CredentialCheck, seen: str | None) -> dict[str, Any]:
    written = {column.name: _plain(getattr(check, column.name)) for column in CredentialCheck.__table__.columns}
    if check.link_id is None:
        # The digests of looks that are older than links stay what they were.
        del written["link_id"]
    return {
        "id": str(check.id),
        "source": check.source_name,
        "method": str(check.method),
        "outcome": str(check.outcome),
        "retrieved_at": check.retrieved_at.isoformat(),
        "document_sha256": seen,
        "sha256": hashlib.sha256(json.dumps(written, sort_keys=True, separators=(",", ":")).encode()).hexdigest(),
    }


def _plain(value: object) -> Any:
    return value.hex() if isinstance(value, bytes) else write(value)
