"""What the people who look after the money are told, without being asked."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select

from .. import audit
from ..accounts import queries as accounts
from ..extensions import db, unit_of_work
from ..kernel.money import Money
from ..kernel.terms import StaffRole
from ..notifications import service as notifications
from . import policy
from .models import Payment
from .states import HOLDS


def tell_finance(*, subject: str, lines: Sequence[str], at: datetime) -> None:
    """Promise everybody in finance one message, in the caller's transaction."""
    told = [
        (person.email, {"name": person.name, "subject": subject, "lines": list(lines)})
        for person in accounts.at_work(StaffRole.FINANCE)
    ]
    notifications.promise_mails(told, template="money_alarm", at=at)


def watch_holds(*, at: datetime) -> int:
    """Tell finance, once for each alarm, of money that is held for long; return of how many payments."""
    first = policy.HOLD_LIMIT - timedelta(days=policy.HOLD_ALARMS[0])
    with unit_of_work():
        long = db.session.scalars(
            select(Payment)
            .where(Payment.state.in_(HOLDS), Payment.hold_deadline <= at + first)
            .order_by(Payment.hold_deadline, Payment.id)
            .with_for_update()
        ).all()
        lines = [line for payment in long if (line := _alarm(payment, at=at))]
        if lines:
            tell_finance(subject="Money is held for long", lines=lines, at=at)
    return len(lines)


def _alarm(payment: Payment, *, at: datetime) -> str | None:
    assert payment.hold_deadline is not None, "it was chosen by its deadline"
    days = policy.hold_alarm(deadline=payment.hold_deadline, at=at)
    if days == payment.hold_alarm_days:
        return None
    payment.hold_alarm_days = days
    audit.record(
        "payment:held_long",
        actor_id=None,
        subject_type="payment",
        subject_id=payment.id,
        at=at,
        order_id=payment.order_id,
        days=days,
    )
    amount = Money(payment.amount_minor, payment.currency)
    if days == policy.HOLD_ALARMS[-1]:
        return f"{amount} has been held for {days} days. Decide now: give it back, or release it."
    return f"{amount} has been held for {days} days. On day {policy.HOLD_ALARMS[-1]} somebody must decide."
