"""Which evidence will soon be too old for the gate, so that a verifier looks at its source again in time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from ..credentials.models import Credential
from ..credentials.states import CredentialState
from ..credentials.types import credential_types
from ..extensions import db
from .publishing import published_policy

LEAD = timedelta(days=21)
"""How long before its limit evidence is due to be looked at again."""


@dataclass(frozen=True, slots=True)
class DueEvidence:
    """A verified credential whose source should be looked at again; from `stale_at` on it opens nothing."""

    credential_id: UUID
    type_name: str
    jurisdiction: str
    verified_at: datetime
    stale_at: datetime


def evidence_due(*, at: datetime, within: timedelta = LEAD) -> list[DueEvidence]:
    """
    Return what is due within this time by the limits of the rules in force, the first due first.

    What has expired is not renewed so, and is left out.

    :raises NoPolicy: no rules are published
    """
    limits = published_policy().policy.decision_limits
    kinds = credential_types()
    verified = (
        select(Credential)
        .where(Credential.state == CredentialState.VERIFIED, Credential.verified_at.is_not(None))
        .order_by(Credential.verified_at, Credential.id)
    )
    due = []
    for row in db.session.scalars(verified):
        kind = kinds[row.type_code]
        limit = limits.get(kind.kind)
        if limit is None or row.verified_at is None or (row.expires_on is not None and row.expires_on < at.date()):
            continue
        if at >= row.verified_at + limit - within:
            due.append(DueEvidence(row.id, kind.name, row.jurisdiction, row.verified_at, row.verified_at + limit))
    return sorted(due, key=lambda one: one.stale_at)
