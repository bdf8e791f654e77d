"""A paid order does not stand still for ever: when the cure period ends uncured, the payment goes back by itself."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, case, func, select

from ..extensions import db, unit_of_work
from ..kernel.errors import Refusal
from ..logs import log
from ..payments import queries as payment_queries
from . import settling, steps, views
from .holding import Looked, look
from .models import Order, OrderHold, OrderMove
from .states import CURABLE, OrderState
from .wording import CURE_PERIOD

REASON = f"What stopped this order was not cured within {CURE_PERIOD.days} days."


def refund_uncured(*, at: datetime) -> int:
    """
    Give the payment back for every order whose cure period is over and that the gate still refuses; return of how many.

    The gate is asked first, once more: what was cured and nobody told us goes on. An order that cannot be given back
    now, because its payment is under review or a part of it is on its way, is looked at again at the next round.
    """
    with unit_of_work():
        waiting = list(db.session.scalars(select(Order.id).where(_overdue(at)).order_by(Order.id)))
    return sum(_given_back(order_id, at=at) for order_id in waiting)


def _given_back(order_id: UUID, *, at: datetime) -> bool:
    try:
        if look(order_id=order_id, at=at) is Looked.LIFTED:
            return False
        with unit_of_work():
            order = steps.locked(order_id)
            if not db.session.scalar(select(_overdue(at)).where(Order.id == order_id)):
                return False  # Somebody was faster: it is cured, on its way, or given back.
            payment = payment_queries.payment_of(order_id)
            if payment is None or payment.frozen_reason is not None:
                return False  # A person is looking at it.
            settling.start_refund(order, reason=REASON, actor_id=None, at=at)
    except Refusal as trouble:
        log.warning("order_not_given_back", order_id=str(order_id), reason=trouble.sentence)
        return False
    return True


def _overdue(at: datetime) -> ColumnElement[bool]:
    """Say of an order in SQL what `OrderView.cure_ends_at` says of what is shown."""
    paid_at = (
        select(func.max(OrderMove.at))
        .where(OrderMove.order_id == Order.id, OrderMove.event.in_(views.PAYING))
        .scalar_subquery()
    )
    lost_at = (
        select(func.min(OrderHold.placed_at))
        .where(OrderHold.order_id == Order.id, OrderHold.lifted_at.is_(None))
        .scalar_subquery()
    )
    since = case(
        (Order.state == OrderState.HELD_NOT_CLEARED, paid_at), (lost_at.is_not(None), func.greatest(paid_at, lost_at))
    )
    return Order.state.in_(CURABLE) & (since <= at - CURE_PERIOD)
