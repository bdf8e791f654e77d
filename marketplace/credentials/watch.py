"""What the registers say against people here, as the desk sees it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from ..accounts import queries as accounts
from ..extensions import db
from ..kernel.errors import NotFound
from ..registers import queries as registers
from ..registers.queries import Snapshot
from .findings import FINDING, FindingEvent, FindingKind, FindingState, RegisterFinding
from .models import Credential
from .types import CredentialType, credential_types

QUEUE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class FindingView:
    """One finding with whom and what it is about."""

    id: UUID
    kind: FindingKind
    state: FindingState
    person: str | None
    email: str | None
    credential_id: UUID | None
    type: CredentialType | None
    number: str | None
    snapshot: Snapshot
    strength: str
    shown: dict[str, Any]
    row_digest: str | None
    found_at: datetime
    resolved_by: str | None
    resolved_at: datetime | None
    reason: str | None

    @property
    def events(self) -> tuple[FindingEvent, ...]:
        """What can be said of it now."""
        return FINDING.events_from(self.state)

    @property
    def about(self) -> str:
        """Whom or what it is about, in a few words."""
        if self.type is None:
            return self.person or ""
        return f"{self.type.name} {self.number}" + (f" of {self.person}" if self.person else "")


def findings(state: FindingState) -> list[FindingView]:
    """Return the findings in one state; what is open by age, what was judged the newest first."""
    at = RegisterFinding.found_at if state is FindingState.OPEN else RegisterFinding.resolved_at.desc()
    rows = select(RegisterFinding).where(RegisterFinding.state == state).order_by(at, RegisterFinding.id)
    return _views(db.session.scalars(rows.limit(QUEUE_LENGTH)).all())


def finding(finding_id: UUID) -> FindingView:
    """
    Return one finding.

    :raises NotFound: there is none
    """
    row = db.session.get(RegisterFinding, finding_id)
    if row is None:
        raise NotFound("There is no such finding.")
    return _views([row])[0]


def open_findings() -> int:
    """Count what nobody has judged."""
    waiting = select(func.count()).select_from(RegisterFinding).where(RegisterFinding.state == FindingState.OPEN)
    return db.session.scalar(waiting) or 0


def _views(rows: Sequence[RegisterFinding]) -> list[FindingView]:
    ids = {row.credential_id for row in rows if row.credential_id}
    credentials = {row.id: row for row in db.session.scalars(select(Credential).where(Credential.id.in_(ids)))}
    files = {row.snapshot_id: registers.snapshot(row.snapshot_id) for row in rows}
    people = accounts.people(
        {
            *(row.user_id for row in rows if row.user_id),
            *(row.resolved_by for row in rows if row.resolved_by),
            *(row.holder_id for row in credentials.values() if row.holder_id),
        }
    )

    def view(row: RegisterFinding) -> FindingView:
        credential = credentials.get(row.credential_id) if row.credential_id else None
        person_id = row.user_id or (credential.holder_id if credential else None)
        person = people[person_id] if person_id else None
        return FindingView(
            id=row.id,
            kind=row.kind,
            state=row.state,
            person=person.name if person else None,
            email=person.email if person else None,
            credential_id=row.credential_id,
            type=credential_types()[credential.type_code] if credential else None,
            number=credential.number if credential else None,
            snapshot=files[row.snapshot_id],
            strength=row.strength,
            shown=row.shown,
            row_digest=row.row_digest.hex() if row.row_digest else None,
            found_at=row.found_at,
            resolved_by=people[row.resolved_by].name if row.resolved_by else None,
            resolved_at=row.resolved_at,
            reason=row.reason,
        )

    return [view(row) for row in rows]
