"""Payment pages: one open at a time for an order, opened with a key made of our row."""

from datetime import datetime
from uuid import UUID

from ..extensions import adapter_of, db, unit_of_work
from ..kernel.errors import Conflict
from ..kernel.money import Money
from . import amounts, converging, policy
from .models import Payment
from .policy import Terms
from .ports import GatewayRejected, GatewayReplayedError, PaymentGateway
from .states import PaymentEvent, PaymentState


class PaymentUnderWay(Conflict):
    """The order has a payment that is more than an open page."""

    code = "payment_under_way"
    cure = "Look at the order: it shows what has arrived. You cannot be charged twice for one order."

    def __init__(self) -> None:
        super().__init__("A payment for this order is already under way.")


class CheckoutClosed(Conflict):
    """The order ended while its payment page was being opened."""

    code = "checkout_closed"
    cure = "Look at the order: it shows what happened. Nothing was charged."

    def __init__(self) -> None:
        super().__init__("This order ended while its payment page was being opened.")


def prepare_checkout(
    *,
    order_id: UUID,
    payee_clinic_id: UUID,
    amount: Money,
    rate: amounts.Rate,
    order_closes_at: datetime,
    at: datetime,
) -> UUID:
    """
    Put a payment on record in the caller's transaction, or find the one that waits; return its id.

    The caller holds the lock on the order, so that two clicks cannot begin two payments.

    :raises PaymentUnderWay: money is on its way or here
    """
    payment = converging.locked_active(order_id)
    if payment is None:
        payment = Payment(
            order_id=order_id,
            payee_clinic_id=payee_clinic_id,
            amount_minor=amount.minor,
            currency=amount.currency,
            fee_bps=rate.bps,
            fee_least_minor=rate.least.minor,
            fee_minor=rate.fee_of(amount).minor,
            expires_at=policy.closing_time(at=at, order_closes_at=order_closes_at),
            created_at=at,
        )
        db.session.add(payment)
        db.session.flush()
    elif payment.state not in {PaymentState.NEW, PaymentState.CHECKOUT_OPEN}:
        raise PaymentUnderWay
    return payment.id


def open_checkout(
    *,
    payment_id: UUID,
    title: str,
    buyer_email: str,
    buyer_name: str,
    success_url: str,
    cancel_url: str,
    at: datetime,
) -> str:
    """
    Open the payment's page at the provider, or find it open; return its address.

    It offers what our terms allow for the price.

    :raises PaymentUnderWay: it was paid in the meantime
    :raises CheckoutClosed: the order ended in the meantime
    :raises GatewayError: the provider said no or nothing; a second call is harmless
    """
    with unit_of_work() as session:
        payment = session.get_one(Payment, payment_id)
        if payment.checkout_url is not None and payment.state is PaymentState.CHECKOUT_OPEN:
            return payment.checkout_url
        if payment.state is not PaymentState.NEW:
            raise PaymentUnderWay
        order_id, expires_at = payment.order_id, payment.expires_at
        amount = Money(payment.amount_minor, payment.currency)
    gateway = adapter_of(PaymentGateway)
    try:
        checkout = gateway.create_checkout(
            order_id=order_id,
            amount=amount,
            title=title,
            buyer_email=buyer_email,
            buyer_name=buyer_name,
            methods=adapter_of(Terms).methods_for(amount),
            success_url=success_url,
            cancel_url=cancel_url,
            expires_at=expires_at,
            transfer_group=transfer_group(order_id),
            key=f"checkout:{payment_id}",
        )
    except (GatewayRejected, GatewayReplayedError) as no:
        # This key will only ever hear the same answer; the next click begins anew.
        with unit_of_work():
            payment = converging.locked(payment_id)
            if payment.state is PaymentState.NEW:
                converging.move(payment, PaymentEvent.FAILED, cause=str(no), at=at)
        raise
    with unit_of_work():
        payment = converging.locked(payment_id)
        if payment.state is PaymentState.NEW:
            payment.checkout_id, payment.checkout_url = checkout.checkout_id, checkout.url
            converging.move(payment, PaymentEvent.CHECKOUT_OPENED, cause="the buyer pays", at=at)
        if payment.state is PaymentState.CHECKOUT_OPEN and payment.checkout_url is not None:
            return payment.checkout_url
    # The order ended while we were asking; nobody has the address of this page.
    gateway.expire_checkout(checkout.checkout_id)
    raise CheckoutClosed


def where_to_send(*, payment_id: UUID) -> str | None:
    """Return the provider's page with the account that the bank transfer goes to; None: none is waited for."""
    with unit_of_work():
        checkout_id = db.session.get_one(Payment, payment_id).checkout_id
    return adapter_of(PaymentGateway).get_payment(checkout_id).send_to if checkout_id else None


def close_checkout(*, order_id: UUID, live: bool, at: datetime) -> None:
    """
    Close the order's payment page, so that nobody can pay on it any more.

    :raises PaymentUnderWay: there is more than an open page: money is on its way or here
    :raises GatewayError: the provider could not be asked; the page may still be open
    """
    with unit_of_work():
        payment = converging.locked_active(order_id)
        if payment is None:
            return
        if payment.state is PaymentState.NEW:
            # Its page was never shown to anybody: whoever is opening it now finds this and closes it.
            converging.move(payment, PaymentEvent.EXPIRED, cause="the order ended", at=at)
            return
        if payment.state is not PaymentState.CHECKOUT_OPEN:
            raise PaymentUnderWay
        payment_id, checkout_id = payment.id, payment.checkout_id
    assert checkout_id is not None, "an open page has an id"
    refused = False
    try:
        adapter_of(PaymentGateway).expire_checkout(checkout_id)
    except GatewayRejected:
        refused = True  # It was paid on, or had closed itself: the look tells which.
    converging.converge(payment_id=payment_id, live=live, at=at)
    if refused:
        require_none_active(order_id)


def require_none_active(order_id: UUID) -> None:
    """
    Let the caller go on only if no payment of the order is open, on its way or here.

    :raises PaymentUnderWay: one is
    """
    if converging.locked_active(order_id) is not None:
        raise PaymentUnderWay


def transfer_group(order_id: UUID) -> str:
    """Name, for the provider, everything that is moved for one order."""
    return f"order:{order_id}"
