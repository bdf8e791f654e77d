"""What people and sites had at a moment that is over, from the moves and checks that were kept."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from ..extensions import db
from .models import CheckOutcome, Credential, CredentialCheck, CredentialMove
from .queries import HeldRow
from .states import CredentialEvent, CredentialState

_CONFIRMING = frozenset({CredentialEvent.VERIFIED, CredentialEvent.REINSTATED, CredentialEvent.RECONFIRMED})
"""Events after which a credential rests on the newest look at its source that confirmed it."""


def held_at(user_ids: Iterable[UUID], then: datetime) -> dict[UUID, list[HeldRow]]:
    """Return what each person had here at `then`, in the state of that moment, oldest first; in three statements."""
    return _held_at(Credential.holder_id, user_ids, then)


def held_by_sites_at(site_ids: Iterable[UUID], then: datetime) -> dict[UUID, list[HeldRow]]:
    """Return what each site had here at `then`, in the state of that moment, oldest first; in three statements."""
    return _held_at(Credential.site_id, site_ids, then)


def _held_at(owner: InstrumentedAttribute[Any], owner_ids: Iterable[UUID], then: datetime) -> dict[UUID, list[HeldRow]]:
    rows = db.session.execute(
        select(owner.label("owner_id"), Credential)
        .where(owner.in_(list(owner_ids)), Credential.submitted_at <= then)
        .order_by(Credential.submitted_at, Credential.id)
    ).all()
    ids = [row.Credential.id for row in rows]
    moves, seen = _moves(ids, then), _confirmations(ids, then)
    held: dict[UUID, list[HeldRow]] = defaultdict(list)
    for owner_id, credential in rows:
        state, verified_at = _then(moves[credential.id], seen[credential.id])
        held[owner_id].append(
            HeldRow(
                id=credential.id,
                type_code=credential.type_code,
                jurisdiction=credential.jurisdiction,
                state=state,
                # What a credential says is written before it is verified, and never after: a renewal is another row.
                issued_on=credential.issued_on,
                expires_on=credential.expires_on,
                verified_at=verified_at,
                level=credential.level,
                endorsements=tuple(credential.endorsements),
                device_model_id=credential.device_model_id,
                register_until=None,  # How fresh a register was then is not kept.
            )
        )
    return dict(held)


def _moves(ids: Sequence[UUID], then: datetime) -> dict[UUID, list[CredentialMove]]:
    found: dict[UUID, list[CredentialMove]] = defaultdict(list)
    for move in db.session.scalars(
        select(CredentialMove)
        .where(CredentialMove.credential_id.in_(ids), CredentialMove.at <= then)
        .order_by(CredentialMove.position)
    ):
        found[move.credential_id].append(move)
    return found


def _confirmations(ids: Sequence[UUID], then: datetime) -> dict[UUID, list[CredentialCheck]]:
    found: dict[UUID, list[CredentialCheck]] = defaultdict(list)
    for check in db.session.scalars(
        select(CredentialCheck)
        .where(
            CredentialCheck.credential_id.in_(ids),
            CredentialCheck.recorded_at <= then,
            CredentialCheck.outcome == CheckOutcome.CONFIRMED,
        )
        .order_by(CredentialCheck.recorded_at, CredentialCheck.retrieved_at)
    ):
        found[check.credential_id].append(check)
    return found


def _then(
    moves: Sequence[CredentialMove], confirmed: Sequence[CredentialCheck]
) -> tuple[CredentialState, datetime | None]:
    """Return the state that the moves led to, and when the source was seen that it rested on."""
    state, verified_at = CredentialState.SUBMITTED, None
    for move in moves:
        state = move.state
        if move.event in _CONFIRMING:
            verified_at = [check.retrieved_at for check in confirmed if check.recorded_at <= move.at][-1]
    return state, verified_at
