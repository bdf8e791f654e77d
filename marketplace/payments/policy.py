"""What a look at the provider means for a payment, and how long to wait before the next one. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from ..kernel.days import working_days_after
from ..kernel.money import Money
from .ports import DisputeStatus, PaymentMethod, PaymentSnapshot, PaymentStatus
from .states import ENDED_UNPAID, PAYMENT, PaymentEvent, PaymentState

HOLD_LIMIT = timedelta(days=90)
"""Our own limit to holding a buyer's money: by then people must have decided."""

HOLD_ALARMS = (45, 60, 75, 85)
"""Days of holding after which finance is told; the last one is the day on which somebody must decide."""

CHECKOUT_LASTS = timedelta(hours=23)
CHECKOUT_LASTS_AT_LEAST = timedelta(minutes=31)
"""The provider's payment pages live between 30 minutes and 24 hours."""

OVERDUE = timedelta(minutes=15)
"""What has not happened this long after it should have was forgotten by somebody."""

NOTHING = Money(0)
GIVE_UP_AFTER = 14  # tries of one provider event: about three days, as long as the provider itself keeps trying.


class Freeze(StrEnum):
    """Why a payment may not move on until a person has looked at it."""

    AMOUNT_DIFFERS = "amount_differs"
    RECEIVED_DIFFERS = "received_differs"
    ORDER_DIFFERS = "order_differs"
    LIVEMODE_DIFFERS = "livemode_differs"
    DISPUTED = "disputed"
    FRAUD_WARNING = "fraud_warning"
    REFUNDED_ELSEWHERE = "refunded_elsewhere"
    REFUND_FAILED = "refund_failed"
    PAID_AFTER_THE_END = "paid_after_the_end"
    METHOD_UNKNOWN = "method_unknown"
    TRANSFER_DIFFERS = "transfer_differs"


@dataclass(frozen=True, slots=True)
class Terms:
    """
    What the house decided about ways of paying.

    Cards and bank debits are offered up to a price, bank transfers always. `debit_risk_days`: for how many working days
    after its money is available a debit can still fail, and is not passed on.
    """

    card_cap: Money
    debit_cap: Money
    debit_risk_days: int

    def methods_for(self, amount: Money) -> frozenset[PaymentMethod]:
        """Return how this amount may be paid."""
        caps = {PaymentMethod.CARD: self.card_cap, PaymentMethod.BANK_DEBIT: self.debit_cap}
        return frozenset(method for method in PaymentMethod if method not in caps or amount <= caps[method])


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a payment must be about; anything else is not this payment."""

    order_id: UUID
    amount: Money
    live: bool


_NEWS: dict[PaymentStatus, PaymentEvent] = {
    PaymentStatus.PROCESSING: PaymentEvent.PROCESSING,
    PaymentStatus.SUCCEEDED: PaymentEvent.PAID,
    PaymentStatus.FAILED: PaymentEvent.FAILED,
    PaymentStatus.EXPIRED: PaymentEvent.EXPIRED,
}
_BEFORE_REFUND = frozenset(
    {PaymentState.PAID, PaymentState.HELD, PaymentState.RELEASING, PaymentState.RELEASED, PaymentState.REVERSING}
)


def contradiction(agreed: Agreed, seen: PaymentSnapshot) -> Freeze | None:
    """Say where the provider's payment is not the one that was agreed, if anywhere."""
    if seen.livemode is not agreed.live:
        return Freeze.LIVEMODE_DIFFERS
    if seen.order_id != agreed.order_id:
        return Freeze.ORDER_DIFFERS
    if seen.amount != agreed.amount:
        return Freeze.AMOUNT_DIFFERS
    if seen.status is PaymentStatus.SUCCEEDED and seen.received != agreed.amount:
        return Freeze.RECEIVED_DIFFERS
    return None


def freeze(state: PaymentState, seen: PaymentSnapshot, *, conceded: Money = NOTHING) -> Freeze | None:
    """
    Say why the payment must stand still, if it must: money may leave or has left another way.

    `conceded` is what of the price we ourselves send back in parts.
    """
    if seen.dispute in {DisputeStatus.OPEN, DisputeStatus.LOST}:
        return Freeze.DISPUTED
    if seen.status is not PaymentStatus.SUCCEEDED:
        return None
    if state in ENDED_UNPAID:
        return Freeze.PAID_AFTER_THE_END
    if seen.method is None:
        return Freeze.METHOD_UNKNOWN
    if state in _BEFORE_REFUND and seen.refunded > conceded:
        return Freeze.REFUNDED_ELSEWHERE
    return None


def charged_back(state: PaymentState, seen: PaymentSnapshot) -> Money | None:
    """Return what the buyer's bank keeps, if that is all that was left, and the payment stands where that ends it."""
    took = Money(sum(one.taken.minor - one.returned.minor for one in seen.disputes), seen.amount.currency)
    ends = (
        seen.dispute is DisputeStatus.LOST
        and took == seen.amount - seen.refunded
        and took.minor > 0
        and PAYMENT.allows(state, PaymentEvent.CHARGED_BACK)
    )
    return took if ends else None


def release_not_before(seen: PaymentSnapshot, terms: Terms) -> datetime | None:
    """Return the moment from which the money is there and safe; None while that is not known."""
    if seen.available_on is None or seen.method is None:
        return None
    risk = terms.debit_risk_days if seen.method is PaymentMethod.BANK_DEBIT else 0
    return working_days_after(seen.available_on, risk)


def next_event(
    state: PaymentState, seen: PaymentSnapshot, *, safe_from: datetime | None, at: datetime
) -> PaymentEvent | None:
    """
    Return the one step that brings our payment nearer to the provider's, or None when it is there.

    Only forward: what the table does not list does not happen, so late and repeated looks change nothing.
    """
    news = _NEWS.get(seen.status)
    if news is not None and PAYMENT.allows(state, news):
        return news
    if state is PaymentState.PAID and safe_from is not None and at >= safe_from:
        return PaymentEvent.HELD
    return None


def hold_alarm(*, deadline: datetime, at: datetime) -> int | None:
    """Return the last alarm, in days, that a hold with this deadline has reached; None before the first."""
    held = at - (deadline - HOLD_LIMIT)
    return max((days for days in HOLD_ALARMS if timedelta(days=days) <= held), default=None)


def decision_due(deadline: datetime) -> datetime:
    """Return the moment from which a hold with this deadline is for a person to decide."""
    return deadline - HOLD_LIMIT + timedelta(days=HOLD_ALARMS[-1])


def closing_time(*, at: datetime, order_closes_at: datetime) -> datetime:
    """Return when a payment page that opens at `at` closes: with its order, as far as the provider lets us choose."""
    return min(at + CHECKOUT_LASTS, max(at + CHECKOUT_LASTS_AT_LEAST, order_closes_at))


def back_off(tries: int) -> timedelta:
    """Return how long to wait after so many vain tries: 20 s, 40 s, 80 s, … at most six hours."""
    return min(timedelta(seconds=10 * 2 ** min(tries, 12)), timedelta(hours=6))


def event_overdue(*, received_at: datetime, attempts: int, at: datetime, within: timedelta = OVERDUE) -> bool:
    """Say whether a provider event should have been looked into by now, all its waiting included."""
    waited = sum((back_off(attempt) for attempt in range(1, attempts + 1)), start=within)
    return received_at + waited <= at
