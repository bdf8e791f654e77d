"""Above which price one person alone does not buy for the clinic."""

from datetime import datetime
from uuid import UUID

from ..accounts import queries as accounts
from ..extensions import unit_of_work
from ..kernel.money import Money
from ..notifications.service import promise_mail
from . import steps
from .access import MANAGERS, OWNERS
from .queries import members_of, require_role


def limit_purchases(*, clinic_id: UUID, actor_id: UUID, limit: Money | None, at: datetime) -> None:
    """
    Set above which price a second person of the clinic approves an order before it can be paid; None: never.

    It holds for orders placed from now on; those that stand keep the limit they were placed under. Everybody else who
    runs the clinic is told by mail, so that nobody lifts it unseen to buy alone.

    :raises NotFound: the actor is a stranger to the clinic
    :raises WrongRole: the actor does not own it
    """
    with unit_of_work():
        clinic = steps.locked(clinic_id)
        require_role(user_id=actor_id, clinic_id=clinic_id, roles=OWNERS)
        before, after = clinic.purchase_limit_minor, limit.minor if limit is not None else None
        if before == after:
            return
        clinic.purchase_limit_minor = after
        steps.record("clinic:purchases_limited", clinic_id, actor_id=actor_id, at=at, before=before, after=after)
        for member in members_of(clinic_id):
            if member.role in MANAGERS and member.user_id != actor_id:
                promise_mail(
                    to=member.email,
                    template="purchase_limit",
                    context={
                        "name": member.name,
                        "clinic": clinic.name,
                        "clinic_id": str(clinic_id),
                        "by": accounts.person(actor_id).name,
                        "before": str(Money(before)) if before is not None else None,
                        "after": str(limit) if limit is not None else None,
                    },
                    at=at,
                )
