"""Which verifier looks at a case is drawn by lot: nobody chooses whom they verify, nor who looks after them."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, or_, select

from ..accounts import queries as accounts
from ..extensions import adapter_of, db, unit_of_work
from ..kernel.terms import StaffRole
from . import rows
from .models import Credential
from .standards import standards
from .states import TAKEN, WAITING

TURN = timedelta(hours=8)
"""For so long a case waits for whom it was drawn for; then the lot is drawn again, among the others."""


@dataclass(frozen=True, slots=True)
class Lots:
    """Whether cases are drawn by lot here, or taken by whoever likes. Bound by the application."""

    drawn: bool


def are_drawn() -> bool:
    """Say whether verifiers get their cases by lot."""
    return adapter_of(Lots).drawn


def draw(credential: Credential, *, without: UUID | None = None, at: datetime) -> None:
    """
    Draw the lot among the verifiers at work who may look at it. A step.

    It falls on whom it passes on from, `without`, only where there is nobody else; on nobody where nobody may look.
    """
    if not are_drawn():
        credential.drawn_for = credential.drawn_at = None
        return
    there = [
        person.id
        for person in accounts.at_work(StaffRole.VERIFIER)
        if person.id != credential.first_approved_by and not rows.stands_too_near(credential, person.id)
    ]
    others = [verifier for verifier in there if verifier != without]
    credential.drawn_for = secrets.choice(others or there) if there else None
    credential.drawn_at = at
    db.session.flush()


def draw_again(*, at: datetime) -> int:
    """Draw anew for what lies too long, or with somebody who is not at work any more; return for how many cases."""
    if not are_drawn():
        return 0
    lain = at - TURN
    stale = at - timedelta(minutes=standards().claim_minutes)
    with unit_of_work():
        there = [person.id for person in accounts.at_work(StaffRole.VERIFIER)]
        nobodys = or_(Credential.drawn_for.is_(None), Credential.drawn_for.not_in(there))
        found = db.session.scalars(
            select(Credential)
            .where(
                or_(
                    and_(Credential.state.in_(WAITING), or_(nobodys, Credential.drawn_at <= lain)),
                    and_(
                        Credential.state.in_(TAKEN),
                        Credential.claimed_at < stale,
                        or_(nobodys, Credential.drawn_for == Credential.claimed_by, Credential.drawn_at <= lain),
                    ),
                )
            )
            .order_by(Credential.id)
            .with_for_update(key_share=True, skip_locked=True)
        ).all()
        for credential in found:
            draw(credential, without=credential.claimed_by or credential.drawn_for, at=at)
        return len(found)
