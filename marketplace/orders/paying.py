"""Paying an order: the gate is asked once more, then the provider's page is opened or found open."""

from datetime import datetime
from uuid import UUID

from ..accounts import queries as accounts
from ..eligibility.models import Moment
from ..extensions import unit_of_work
from ..kernel.errors import Conflict, Unavailable
from ..kernel.money import Money
from ..payments import queries as payment_queries
from ..payments import service as payments
from ..payments.amounts import Rate
from ..payments.ports import GatewayError
from ..payments.states import PaymentState
from . import refusals, steps, views
from .access import Act
from .confirming import OrderExpired


class PageNotOpened(Unavailable):
    """The provider did not open its payment page, or did not say so in time."""

    code = "page_not_opened"
    cure = "Go back to the order and press Pay again in a minute. You cannot be charged twice for one order."

    def __init__(self, order_id: UUID) -> None:
        super().__init__(
            "The payment provider's page could not be opened just now. Your order stands, the device stays reserved for"
            " you, and nothing was charged."
        )
        self.order_id = order_id


class NothingToSend(Conflict):
    """No bank transfer is waited for."""

    code = "nothing_to_send"
    cure = "Look at the order: it shows where the money is."

    def __init__(self, order_id: UUID) -> None:
        super().__init__("No bank transfer is waited for on this order.")
        self.order_id = order_id


class AccountNotShown(Unavailable):
    """The provider did not say where the transfer goes, or not in time."""

    code = "account_not_shown"
    cure = (
        "Go back to the order and try again in a minute. Nothing changes meanwhile: the device stays reserved for you."
    )

    def __init__(self, order_id: UUID) -> None:
        super().__init__("The payment provider could not be asked just now for the account to send the price to.")
        self.order_id = order_id


def start_payment(
    *,
    order_id: UUID,
    actor_id: UUID,
    success_url: str,
    cancel_url: str,
    live: bool,
    at: datetime,
) -> str:
    """
    Ask the gate once more and return the address of the payment page; a second click finds the same page.

    :raises NotFound: there is no such order, or it is not theirs to know of
    :raises NotYourAct: only the buyer pays
    :raises IllegalMove: there is nothing to pay now
    :raises OrderOnHold: something it rests on was lost
    :raises NotApproved: a second person of the clinic has yet to approve it
    :raises OrderExpired: its 72 hours are over
    :raises NotCleared: the gate said no; nothing is charged
    :raises PaymentUnderWay: money is on its way or here
    :raises PageNotOpened: the provider cannot be asked just now; a second click is harmless
    """
    try:
        return _payment_page(
            order_id=order_id, actor_id=actor_id, success_url=success_url, cancel_url=cancel_url, live=live, at=at
        )
    except GatewayError as trouble:
        raise PageNotOpened(order_id) from trouble


def where_to_send(*, order_id: UUID, actor_id: UUID) -> str:
    """
    Return the address of the provider's page with the account and the reference of the bank transfer.

    :raises NotFound: there is no such order, or it is not theirs to know of
    :raises NotYourAct: only the buying side sends the price
    :raises NothingToSend: no bank transfer is waited for
    :raises AccountNotShown: the provider cannot be asked just now
    """
    with unit_of_work():
        if not views.order_for(order_id, user_id=actor_id).on_buying_side:
            raise refusals.NotYourAct(Act.PAY)
        payment = payment_queries.payment_of(order_id)
    if payment is None or not payment.awaits_transfer:
        raise NothingToSend(order_id)
    try:
        page = payments.where_to_send(payment_id=payment.id)
    except GatewayError as trouble:
        raise AccountNotShown(order_id) from trouble
    if page is None:
        raise NothingToSend(order_id)
    return page


def _payment_page(
    *, order_id: UUID, actor_id: UUID, success_url: str, cancel_url: str, live: bool, at: datetime
) -> str:
    steps.check(order_id, Act.PAY, actor_id=actor_id)
    decision = steps.ask_the_gate(order_id, Moment.PAYMENT_START, at=at)
    if not decision.cleared:
        raise steps.not_cleared(order_id, decision.verdict, decision.id)
    with unit_of_work():
        payment = payment_queries.payment_of(order_id)
    if payment is not None and payment.state is PaymentState.CHECKOUT_OPEN:
        # It may have been paid or closed without our having heard.
        payments.converge(payment_id=payment.id, live=live, at=at)
    with unit_of_work():
        order = steps.locked_for(order_id, Act.PAY, actor_id=actor_id)
        if at >= order.expires_at:
            raise OrderExpired
        payer = accounts.person(actor_id)  # Whoever placed it, or stands in for them.
        title = steps.told_of(order).device
        payment_id = payments.prepare_checkout(
            order_id=order_id,
            payee_clinic_id=order.seller_clinic_id,
            amount=Money(order.price_minor, order.currency),
            rate=Rate(order.fee_bps, Money(order.fee_least_minor, order.currency)),
            order_closes_at=order.expires_at,
            at=at,
        )
    return payments.open_checkout(
        payment_id=payment_id,
        title=title,
        buyer_email=payer.email,
        buyer_name=payer.name,
        success_url=success_url,
        cancel_url=cancel_url,
        at=at,
    )
