"""
Above which price one person alone does not buy for the clinic.

Who owns a clinic can ask for less care, but not at once: what is raised or lifted counts a day later, and everybody
else who runs the clinic is told before.
"""

from datetime import datetime
from uuid import UUID

from ..accounts import queries as accounts
from ..extensions import unit_of_work
from ..kernel.money import Money
from ..notifications.service import promise_mail
from ..ripple import OBJECTIONS_TAKE
from . import steps
from .access import MANAGERS, OWNERS
from .models import Clinic
from .queries import members_of, require_role


def limit_purchases(*, clinic_id: UUID, actor_id: UUID, limit: Money | None, at: datetime) -> datetime:
    """
    Set above which price a second person of the clinic approves an order before it can be paid; None: never.

    Return from when it counts: at once where it is lower, a day later where it is higher or lifted, unless an owner
    sets another meanwhile. It holds for orders placed from then on; those that stand keep the limit they were placed
    under. Everybody else who runs the clinic is told by mail, so that nobody lifts it unseen to buy alone.

    :raises NotFound: the actor is a stranger to the clinic
    :raises WrongRole: the actor does not own it
    """
    with unit_of_work():
        clinic = steps.locked(clinic_id)
        require_role(user_id=actor_id, clinic_id=clinic_id, roles=OWNERS)
        waits, clinic.purchase_limit_minor = _settled(clinic, at)
        before, after = clinic.purchase_limit_minor, limit.minor if limit is not None else None
        clinic.purchase_limit_then_minor = clinic.purchase_limit_then_at = None
        if before == after and not waits:
            return at
        since = at
        if before is not None and (after is None or after > before):
            since = clinic.purchase_limit_then_at = at + OBJECTIONS_TAKE
            clinic.purchase_limit_then_minor = after
        else:
            clinic.purchase_limit_minor = after
        steps.record(
            "clinic:purchases_limited", clinic_id, actor_id=actor_id, at=at, before=before, after=after, since=since
        )
        _tell(clinic, before, after, actor_id=actor_id, since=since, at=at)
        return since


def _settled(clinic: Clinic, at: datetime) -> tuple[bool, int | None]:
    """Return whether a higher limit waits for its day, and the limit that counts now."""
    if clinic.purchase_limit_then_at is None:
        return False, clinic.purchase_limit_minor
    if clinic.purchase_limit_then_at > at:
        return True, clinic.purchase_limit_minor
    return False, clinic.purchase_limit_then_minor


def _tell(
    clinic: Clinic, before: int | None, after: int | None, *, actor_id: UUID, since: datetime, at: datetime
) -> None:
    for member in members_of(clinic.id):
        if member.role in MANAGERS and member.user_id != actor_id:
            promise_mail(
                to=member.email,
                template="purchase_limit",
                context={
                    "name": member.name,
                    "clinic": clinic.name,
                    "clinic_id": str(clinic.id),
                    "by": accounts.person(actor_id).name,
                    "before": str(Money(before)) if before is not None else None,
                    "after": str(Money(after)) if after is not None else None,
                    "since": f"{since:%B %-d, %Y, %H:%M} UTC" if since > at else None,
                },
                at=at,
            )
