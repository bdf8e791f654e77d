"""Does every order stand where its money stands, did a move lead it there, and do the books of the money agree?"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import func, select

from ..extensions import db, unit_of_work
from ..payments import service as payments
from ..payments.books import Finding, FindingCode
from ..payments.models import IntentState, MoneyIntent, Payment, PaymentMove
from ..payments.policy import OVERDUE
from ..payments.states import ENDED_UNPAID, PaymentState
from .models import Order, OrderMove
from .states import MONEY_HELD, OrderState

_WITH_US = frozenset({PaymentState.PAID, PaymentState.HELD, PaymentState.RELEASING})
# Until somebody has looked, such a payment fits no order and every order.
_UNDECIDED = frozenset({PaymentState.QUARANTINED, PaymentState.CHARGED_BACK})
_ENDS = {
    OrderState.SETTLED: frozenset({PaymentState.RELEASED}),
    OrderState.REFUNDING: frozenset({PaymentState.REVERSING, PaymentState.REFUNDING, PaymentState.REFUNDED}),
    OrderState.REFUNDED: frozenset({PaymentState.REFUNDED}),
}


def verify(*, at: datetime, grace: timedelta = OVERDUE) -> list[Finding]:
    """Compare every order with its money; what moved within `grace` may still be following."""
    with unit_of_work():
        return [*_apart(at - grace), *_without_move()]


def compare_books(*, live: bool, at: datetime) -> list[Finding]:
    """
    Compare orders, money and the provider's own books; keep the findings for finance and return them.

    :raises GatewayError: the provider's books could not be read; what was found before stays as it is
    """
    found = payments.compare_books(live=live, at=at) + verify(at=at)
    payments.keep_findings(found, at=at)
    return found


def _apart(settled_before: datetime) -> Iterator[Finding]:
    moved_at = select(func.max(PaymentMove.at)).where(PaymentMove.payment_id == Payment.id).scalar_subquery()
    # The order waits for its money to go back; until nobody can send it to the seller any more, it does not.
    called_off = (
        select(MoneyIntent.id)
        .where(MoneyIntent.payment_id == Payment.id, MoneyIntent.state == IntentState.CALLING_OFF)
        .exists()
    )
    rows = db.session.execute(
        select(Order.id, Order.number, Order.state, Payment.state)
        .outerjoin(Payment, (Payment.order_id == Order.id) & Payment.state.not_in(ENDED_UNPAID))
        .where(func.coalesce(moved_at, Order.placed_at) <= settled_before, ~called_off)
    ).all()
    for order_id, number, state, payment in rows:
        if payment not in _UNDECIDED and not _fits(state, payment):
            said = f"Order {number} is {state}, and its money is {payment or 'not there'}."
            yield Finding(FindingCode.ORDER_AND_MONEY_DIFFER, str(order_id), said, order_id)


def _fits(state: OrderState, payment: PaymentState | None) -> bool:
    if state in MONEY_HELD:
        return payment in _WITH_US
    if state in _ENDS:
        return payment in _ENDS[state]
    return payment not in _WITH_US and payment is not PaymentState.RELEASED


def _without_move() -> Iterator[Finding]:
    led_there = select(OrderMove.id).where(OrderMove.order_id == Order.id, OrderMove.state == Order.state)
    for order_id, number, state in db.session.execute(
        select(Order.id, Order.number, Order.state).where(~led_there.exists())
    ):
        said = f"Order {number} is {state}, and no move led there."
        yield Finding(FindingCode.STATE_WITHOUT_MOVE, str(order_id), said, order_id)
