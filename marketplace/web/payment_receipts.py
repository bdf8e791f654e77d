"""The receipt of a payment: what the buying side paid, for what, to whom, and where the money is; page and PDF."""

from collections.abc import Iterable, Iterator
from uuid import UUID

from flask import Blueprint, Response, render_template, url_for
from flask.typing import ResponseReturnValue

from ..accounts.access import Permission
from ..kernel.errors import NotFound
from ..orders import views
from ..orders.views import OrderView
from ..orders.wording import left_out_words
from ..payments import queries as payments
from ..payments.amounts import JournalKind
from ..payments.ports import PaymentMethod
from ..payments.queries import JournalView, PaymentView
from ..payments.states import PaymentState
from . import receipt_pdf
from .access import me, requires
from .receipt_pdf import Line, Section, moment

bp = Blueprint("payment_receipts", __name__)

HELD = "Payment held until acceptance"
_METHODS = {
    PaymentMethod.CARD: "card",
    PaymentMethod.BANK_DEBIT: "bank debit (ACH)",
    PaymentMethod.BANK_TRANSFER: "bank transfer",
}
_STANDS = {
    PaymentState.PAID: "yes: it is held by us, and goes on to the seller when the device is accepted",
    PaymentState.HELD: "yes: it is held by us, and goes on to the seller when the device is accepted",
    PaymentState.RELEASING: "the device was accepted; the payment is on its way to the seller",
    PaymentState.RELEASED: "the device was accepted, and the seller was paid",
    PaymentState.REVERSING: "it is going back to the buyer; first it is taken back from the seller",
    PaymentState.REFUNDING: "it is going back to the buyer",
    PaymentState.REFUNDED: "it went back to the buyer",
    PaymentState.CHARGED_BACK: "no longer: the buyer's bank took it back",
}
_ACCEPTED = "the device was accepted; the payment goes on to the seller when it can no longer fail at the bank"
_LOOKED_AT = "we are looking at this payment; until that is done nothing moves"
_HAPPENED = {
    JournalKind.PAID: "Received",
    JournalKind.RELEASED: "Passed on to the seller",
    JournalKind.REVERSED: "Taken back from the seller",
    JournalKind.REFUND_SENT: "Refund on its way",
    JournalKind.REFUND_ARRIVED: "Refund arrived",
    JournalKind.REFUNDED: "Refunded",
    JournalKind.DISPUTE_TAKEN: "Taken by the buyer's bank",
    JournalKind.DISPUTE_RETURNED: "Given back by the buyer's bank",
    JournalKind.SURPLUS_CAME: "Came beyond the price",
    JournalKind.SURPLUS_SENT: "Sent back, beyond the price",
    JournalKind.SURPLUS_CAME_BACK: "Not taken by the bank, beyond the price",
}
"""What of the books is the buyer's to read; what we and the seller have with each other is not."""

_BETWEEN_US = {JournalKind.RELEASED, JournalKind.REVERSED}


@bp.get("/orders/<uuid:order_id>/payment-receipt")
@requires(Permission.ORDER_READ)
def receipt(order_id: UUID) -> ResponseReturnValue:
    """Show the receipt of an order's payment, to be printed."""
    order, sections = _receipt(order_id)
    return render_template(
        "receipts/payment.html",
        order=order,
        sections=sections,
        pdf=url_for(".pdf", order_id=order_id),
        back=url_for("buying.order", order_id=order_id),
    )


@bp.get("/orders/<uuid:order_id>/payment-receipt.pdf")
@requires(Permission.ORDER_READ)
def pdf(order_id: UUID) -> ResponseReturnValue:
    """Send the same as a PDF."""
    order, sections = _receipt(order_id)
    drawn = receipt_pdf.set_in_type(
        heading="Second Light: payment receipt",
        title=f"Payment receipt of order {order.number}",
        sections=sections,
        foot="This is how the payment stood when it was printed; the order's page says how it stands now.",
    )
    response = Response(drawn, mimetype="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="payment-receipt-{order.number}.pdf"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _receipt(order_id: UUID) -> tuple[OrderView, tuple[Section, ...]]:
    """Return what the receipt says, to the buying side; others learn nothing."""
    order = views.order_for(order_id, user_id=me().id)
    payment = payments.payment_of(order_id) if order.on_buying_side else None
    if payment is None or not payment.received.minor:
        raise NotFound("There is no such receipt, or it is not yours to see.")
    journals = payments.journals_of(order_id)
    sections = (
        Section("What was paid", tuple(_paid(order, payment, journals))),
        Section("For what", tuple(_bought(order))),
        Section("What happened to the payment", tuple(_happened(journals))),
    )
    return order, tuple(section for section in sections if section.lines)


def _paid(order: OrderView, payment: PaymentView, journals: Iterable[JournalView]) -> Iterator[Line]:
    yield Line("Amount", str(payment.received))
    yield from (Line("Paid on", moment(one.at)) for one in journals if one.kind is JournalKind.PAID)
    if payment.method is not None:  # One that we do not know stands still until somebody has looked.
        yield Line("Way of paying", _METHODS[PaymentMethod(payment.method)])
    assert order.buyer is not None, "the buying side knows itself"
    yield Line("Paid by", f"{order.buyer.clinic_name}, ordered by {order.buyer.buyer_name}")
    yield Line("Paid to", f"Second Light, for {order.seller_name}")
    yield Line(HELD, stands(payment))
    for part in payment.parts:
        when = moment(part.arrived_at) if part.arrived_at else "on its way"
        yield Line("Goes back in part", f"{part.amount}, {when}. {part.reason}")
    if payment.conceded.minor:
        yield Line("The sale stands for", str(payment.left))
    if payment.refunded.minor:
        yield Line("Refunded in all", str(payment.refunded))
    if payment.reference:
        yield Line("Payment number", payment.reference)


def stands(payment: PaymentView) -> str:
    """Say where the money is, without what the seller gets of it."""
    if payment.state is PaymentState.CHARGED_BACK:
        return _STANDS[payment.state]
    if payment.frozen_reason is not None:
        return _LOOKED_AT
    return _ACCEPTED if payment.waits_to_be_safe else _STANDS.get(payment.state, _LOOKED_AT)


def _bought(order: OrderView) -> Iterator[Line]:
    assert order.buyer is not None, "the buying side knows itself"
    yield Line("Order", f"{order.number}, placed {moment(order.placed_at)}")
    yield Line("Device", f"{order.title}, {order.year}" if order.year else order.title)
    yield Line("Maker and model", f"{order.maker}, {order.model}")
    if order.serial:
        yield Line("Serial number", order.serial)
    if order.left_out:
        yield Line("Sold without", left_out_words(order.left_out))
    yield Line("Price", str(order.price))
    yield Line("Seller", order.seller_name)
    where = order.buyer
    address = f"{where.street}, {where.city}, {order.state_code} {where.postal_code}"
    yield Line("Place of use", f"{where.site_name}: {address}")


def _happened(journals: Iterable[JournalView]) -> Iterator[Line]:
    for journal in journals:
        label = _HAPPENED.get(journal.kind)
        if label is not None:
            amount = max((amount for _, amount in journal.sides), key=lambda side: side.minor)
            said = "" if journal.kind in _BETWEEN_US else f"{amount}, "
            yield Line(label, f"{said}{moment(journal.at)}")
