"""What an order makes of news about its money: held, not cleared, gone back, sent to the seller."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from ..eligibility.models import Moment
from ..eligibility.publishing import NoPolicy
from ..eligibility.service import Decision
from ..extensions import db, unit_of_work
from ..kernel.errors import NotFound, Refusal
from ..kernel.money import Money
from ..listings import service as listings_service
from ..logs import log
from ..payments import queries as payment_queries
from ..payments import service as payments
from ..payments.states import PaymentState
from . import hold_wording, money_wording, queries, steps, wording
from .access import Act
from .models import Order
from .refusals import GateMoved
from .states import ENDED_WITHOUT_SALE, ORDER, OrderEvent, OrderState

_WITH_US = frozenset({PaymentState.PAID, PaymentState.HELD})
_NOWHERE = "The site where it was to be used has been closed."
_NO_RULES = "No rules are published at the moment, so nobody could be cleared."
_UNPAID = frozenset({OrderState.AWAITING_PAYMENT, OrderState.PAYMENT_PROCESSING})


def payment_changed(*, order_id: UUID, at: datetime) -> None:
    """
    Let the order follow its payment. Repeated, late and out of order, it comes to the same end.

    :raises GateMoved: what its yes rests on fell at this very moment; the job is tried again
    """
    with unit_of_work():
        payment = payment_queries.payment_of(order_id)
        state = steps.locked(order_id).state
    if payment is None:
        return
    if payment.state in _WITH_US and state in _UNPAID:
        _receive(order_id, at=at)
    elif payment.state in _WITH_US and state in ENDED_WITHOUT_SALE:
        _send_back_what_came_too_late(order_id, at=at)
    elif payment.state is PaymentState.PROCESSING and state is OrderState.AWAITING_PAYMENT:
        _start(order_id, at=at)
    elif payment.ended_unpaid and state is OrderState.PAYMENT_PROCESSING:
        _fail(order_id, at=at)
    elif payment.state is PaymentState.RELEASED and state is OrderState.ACCEPTED:
        _settle(order_id, payout=payment.payout, at=at)
    elif payment.state is PaymentState.REFUNDED and state is OrderState.REFUNDING:
        _refunded(order_id, at=at)
    elif payment.state is PaymentState.CHARGED_BACK:
        _charged_back(order_id, at=at)


def catch_up(*, at: datetime) -> int:
    """
    Let every order follow its payment whose news was lost on the way; return how many were looked at.

    Also one that ended before its money came: that goes back.
    """
    waits = (*_UNPAID, OrderState.ACCEPTED, OrderState.REFUNDING)
    with unit_of_work():
        with_us = payment_queries.orders_in(_WITH_US)
        waiting = list(
            db.session.scalars(
                select(Order.id)
                .where(Order.state.in_(waits) | (Order.state.in_(ENDED_WITHOUT_SALE) & Order.id.in_(with_us)))
                .order_by(Order.id)
            )
        )
        paid = payment_queries.states_of(waiting)
    moved = [order_id for order_id in waiting if order_id in paid]
    for order_id in moved:
        try:
            payment_changed(order_id=order_id, at=at)
        except Refusal as trouble:
            # Something moved under it: the next round sees, and the other orders are not kept waiting.
            log.warning("order_not_caught_up", order_id=str(order_id), reason=trouble.sentence)
    return len(moved)


def retry_clearance(*, order_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Ask the gate again about an order that is paid and was not cleared.

    :raises NotFound: there is no such order, or it is not theirs to know of
    :raises NotYourAct: only the buyer can ask
    :raises IllegalMove: it is not on hold
    :raises OrderOnHold: it is, and that is asked about first
    :raises NotCleared: the gate still says no
    :raises GateMoved: it said yes, and that fell at this very moment
    """
    steps.check(order_id, Act.RETRY_CLEARANCE, actor_id=actor_id)
    decision = steps.ask_the_gate(order_id, Moment.PAYMENT_RECEIVED, at=at)
    if not decision.cleared:
        with unit_of_work():
            order = steps.locked_for(order_id, Act.RETRY_CLEARANCE, actor_id=actor_id)
            order.reason = " ".join(steps.objections_in_words(decision.verdict))
        raise steps.not_cleared(order_id, decision.verdict, decision.id)
    with unit_of_work():
        if not steps.still_stands(decision):
            raise GateMoved
        order = steps.locked_for(order_id, Act.RETRY_CLEARANCE, actor_id=actor_id)
        order.payment_decision_id, order.reason = decision.id, None
        steps.move(
            order, OrderEvent.CLEARED, cause="the gate clears it again", actor_id=actor_id, at=at, decision=decision.id
        )
        steps.tell_seller(money_wording.paid_to_seller(steps.told_of(order)), order, at=at)


def refund(*, order_id: UUID, actor_id: UUID, reason: str, at: datetime) -> None:
    """
    Give the buyer everything back before the device has left, as the seller.

    :raises NotFound: there is no such order, or it is not theirs to know of
    :raises NotYourAct: only the seller can
    :raises IllegalMove: nothing was paid, or the device is on its way
    :raises MoneyNotHere: the money has gone elsewhere
    """
    with unit_of_work():
        order = steps.locked_for(order_id, Act.REFUND, actor_id=actor_id)
        start_refund(order, reason=f"The seller gave the payment back: {reason}", actor_id=actor_id, at=at)


def refund_by_finance(*, order_id: UUID, actor_id: UUID, reason: str, at: datetime) -> None:
    """
    Give the buyer everything back before the device has left, as staff. The caller has checked that they may.

    :raises NotFound: there is no such order
    :raises OwnOrder: they have to do with one of its clinics
    :raises IllegalMove: nothing was paid, or the device is on its way
    :raises MoneyNotHere: the money has gone elsewhere
    """
    with unit_of_work():
        order = steps.locked_by_staff(order_id, actor_id=actor_id)
        start_refund(order, reason=f"Second Light gave the payment back: {reason}", actor_id=actor_id, at=at)


def refund_from_our_own(*, order_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Give the buyer's money back before it is had back from the seller, as staff. The caller has checked that they may.

    :raises NotFound: there is no such order
    :raises OwnOrder: they have to do with one of its clinics
    :raises MoneyNotHere: nothing waits to be taken back from the seller
    """
    with unit_of_work():
        steps.locked_by_staff(order_id, actor_id=actor_id)
        payments.front(order_id=order_id, actor_id=actor_id, at=at)


def send_surplus_again(*, order_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Send again what came beyond the price and the buyer's bank did not take, as staff. The caller has checked that they
    may.

    :raises NotFound: there is no such order
    :raises OwnOrder: they have to do with one of its clinics
    :raises marketplace.payments.asking.NothingCameBack: nothing lies here, or it is on its way already
    """
    with unit_of_work():
        steps.locked_by_staff(order_id, actor_id=actor_id)
    payments.send_surplus_again(order_id=order_id, actor_id=actor_id, at=at)


def _receive(order_id: UUID, *, at: datetime) -> None:
    decision, unasked = _asked(order_id, at=at)
    with unit_of_work():
        if decision is not None and decision.cleared and not steps.still_stands(decision):
            raise GateMoved  # The job asks again.
        order = steps.locked(order_id)
        if order.state not in _UNPAID:
            return  # Another worker was told the same and was faster.
        told = steps.told_of(order)
        on_hold = queries.words_of_holds(order_id)
        if decision is not None and decision.cleared and not on_hold:
            order.payment_decision_id, order.reason = decision.id, None
            steps.move(order, OrderEvent.PAID, cause="the payment arrived", actor_id=None, at=at, decision=decision.id)
            steps.tell_buyer(money_wording.paid_to_buyer(told), order, at=at)
            steps.tell_seller(money_wording.paid_to_seller(told), order, at=at)
            return
        against = [*on_hold, *(steps.objections_in_words(decision.verdict) if decision else unasked)]
        order.reason = " ".join(against)
        steps.move(
            order,
            OrderEvent.PAID_NOT_CLEARED,
            cause="the payment arrived for an order on hold"
            if on_hold
            else "the payment arrived, and the gate said no",
            actor_id=None,
            at=at,
            decision=decision.id if decision else None,
        )
        steps.tell_buyer(hold_wording.not_cleared_to_buyer(told, against=against, paid=True), order, at=at)


def _asked(order_id: UUID, *, at: datetime) -> tuple[Decision | None, list[str]]:
    """Ask the gate about money that arrived, or say why it cannot be asked. The money is kept all the same."""
    try:
        return steps.ask_the_gate(order_id, Moment.PAYMENT_RECEIVED, at=at), []
    except NotFound:
        return None, [_NOWHERE]
    except NoPolicy:
        return None, [_NO_RULES]


def _waiting_for(order_id: UUID, event: OrderEvent) -> Order | None:
    """Return the order, locked, if it is still where the news found it; None if somebody was faster."""
    order = steps.locked(order_id)
    return order if ORDER.allows(order.state, event) else None


def _start(order_id: UUID, *, at: datetime) -> None:
    with unit_of_work():
        order = _waiting_for(order_id, OrderEvent.PAYMENT_STARTED)
        if order is not None:
            steps.move(order, OrderEvent.PAYMENT_STARTED, cause="the payment is on its way", actor_id=None, at=at)


def _fail(order_id: UUID, *, at: datetime) -> None:
    with unit_of_work():
        order = _waiting_for(order_id, OrderEvent.PAYMENT_FAILED)
        if order is not None:
            steps.move(order, OrderEvent.PAYMENT_FAILED, cause="the payment did not arrive", actor_id=None, at=at)
            # The wait for the bank is not the buyer's fault: the order stands as long as a new one.
            order.expires_at = max(order.expires_at, at + wording.ORDER_STANDS)
            steps.tell_buyer(money_wording.payment_failed_to_buyer(steps.told_of(order)), order, at=at)


def _settle(order_id: UUID, *, payout: Money, at: datetime) -> None:
    with unit_of_work():
        order = _waiting_for(order_id, OrderEvent.SETTLED)
        if order is not None:
            listings_service.mark_sold(listing_id=order.listing_id, actor_id=None, at=at)
            steps.move(order, OrderEvent.SETTLED, cause="the seller has been paid", actor_id=None, at=at)
            steps.tell_seller(money_wording.settled_to_seller(steps.told_of(order), payout=payout), order, at=at)


def _refunded(order_id: UUID, *, at: datetime) -> None:
    with unit_of_work():
        order = _waiting_for(order_id, OrderEvent.REFUNDED)
        if order is not None:
            _free(order, at=at)
            steps.move(order, OrderEvent.REFUNDED, cause="the buyer has the money back", actor_id=None, at=at)


def _free(order: Order, *, at: datetime) -> bool:
    """Put the device back on the market, unless it was sold: what becomes of it then is for the two clinics."""
    reserved = listings_service.is_reserved(order.listing_id)
    if reserved:
        listings_service.release(listing_id=order.listing_id, actor_id=None, at=at)
    return reserved


def _charged_back(order_id: UUID, *, at: datetime) -> None:
    with unit_of_work():
        order = _waiting_for(order_id, OrderEvent.CHARGED_BACK)
        if order is None:
            return  # The device has left, or the order had ended: finance has it on the desk.
        order.reason = "The buyer's bank took the payment back."
        sold = not _free(order, at=at)
        steps.move(order, OrderEvent.CHARGED_BACK, cause=order.reason, actor_id=None, at=at)
        news = money_wording.charged_back(steps.told_of(order), sold=sold)
        steps.tell_buyer(news, order, at=at)
        steps.tell_seller(news, order, at=at)


def _send_back_what_came_too_late(order_id: UUID, *, at: datetime) -> None:
    with unit_of_work():
        order = steps.locked(order_id)
        payments.request_refund(order_id=order_id, cause="it arrived after the order had ended", at=at)
        steps.tell_buyer(money_wording.paid_too_late_to_buyer(steps.told_of(order)), order, at=at)


def start_refund(order: Order, *, reason: str, actor_id: UUID | None, at: datetime) -> None:
    """
    Ask, in the caller's transaction, that the buyer of a locked order get everything back, and tell both sides.

    :raises IllegalMove: nothing was paid, or the device is on its way
    :raises MoneyNotHere: the money has gone elsewhere
    :raises PartOnItsWay: a part of it is going back just now
    """
    ORDER.after(order.state, OrderEvent.REFUND_STARTED)
    payment = payment_queries.payment_of(order.id)
    payments.request_refund(order_id=order.id, cause=reason, at=at)
    order.reason = reason
    steps.move(order, OrderEvent.REFUND_STARTED, cause=reason, actor_id=actor_id, at=at)
    assert payment is not None, "what goes back was paid"
    news = money_wording.refund_started(steps.told_of(order), amount=payment.left, reason=reason)
    steps.tell_buyer(news, order, at=at)
    steps.tell_seller(news, order, at=at)
