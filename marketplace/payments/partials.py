"""A part of the price goes back while the sale stands: agreed or decided, taken back first, sent once, booked."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from .. import audit
from ..extensions import db
from ..kernel.errors import Conflict, Invalid
from ..kernel.money import Money
from . import amounts, converging, ledger
from .amounts import Split
from .models import IntentKind, PartialRefund, Payment
from .ports import RefundSnapshot, RefundStatus
from .record import MoneyNotHere, known, left_of, on_its_way, put_on_record, rate_of, transfer_of
from .states import PARTIAL, PartialEvent, PartialState, PaymentState

LEAST = Money(100)
"""Below this the seller's share could round to nothing, and nothing cannot be taken back."""

_BEFORE_RELEASE = frozenset({PaymentState.PAID, PaymentState.HELD})


class PartOnItsWay(Conflict):
    """A part of the price is on its way back already."""

    code = "part_on_its_way"
    cure = "Look at the order: it shows how far that has come. When it has arrived, ask again."

    def __init__(self) -> None:
        super().__init__("A part of this payment is going back to the buyer just now.")


class PaymentStandsStill(Conflict):
    """Something speaks against the payment, and nothing of it moves before somebody has looked."""

    code = "payment_stands_still"
    cure = "We are looking at the payment, and write to you."

    def __init__(self) -> None:
        super().__init__("The payment for this order is under review.")


def request_partial_refund(*, order_id: UUID, amount: Money, reason: str, actor_id: UUID, at: datetime) -> UUID:
    """
    Ask, in the caller's transaction, that a part of the price go back to the buyer; return the partial refund.

    Before the seller is paid it goes from what is held, and the seller gets that much less. After, their share of it is
    taken back first. Our fee becomes the fee of what is left. The caller has checked that it was agreed or may be
    decided.

    :raises MoneyNotHere: it was never paid, goes back as a whole, or is on its way to the seller
    :raises PaymentStandsStill: something speaks against the payment
    :raises PartOnItsWay: one is on its way already
    :raises Invalid: it is less than a dollar, or not less than what is left
    """
    payment = check_partial_refund(order_id=order_id, amount=amount)
    after = payment.state is PaymentState.RELEASED
    parts = amounts.reduction(left_of(payment), amount, rate_of(payment))
    payment.conceded_minor += amount.minor
    db.session.flush()  # The database counts the parts by what the payment says of them.
    part = PartialRefund(
        payment_id=payment.id,
        number=1 + (db.session.scalar(select(func.count()).where(PartialRefund.payment_id == payment.id)) or 0),
        amount_minor=amount.minor,
        payout_minor=parts.payout.minor,
        fee_minor=parts.fee.minor,
        after_release=after,
        state=PartialState.ASKED if after else PartialState.COVERED,
        reason=reason,
        decided_by=actor_id,
        requested_at=at,
    )
    db.session.add(part)
    db.session.flush()
    _record(payment, part, "partial_refund_asked", actor_id=actor_id, at=at)
    if after:
        put_on_record(
            payment,
            IntentKind.REVERSAL,
            parts.payout,
            at=at,
            name=f"reversal:part:{part.number}",
            transfer_id=transfer_of(payment),
            part_id=str(part.id),
        )
    else:
        _send(payment, part, at=at)
    return part.id


def check_partial_refund(*, order_id: UUID, amount: Money) -> Payment:
    """
    Refuse now, in the caller's transaction, what would be refused when it is asked for; return the payment, locked.

    :raises MoneyNotHere: it was never paid, goes back as a whole, or is on its way to the seller
    :raises PaymentStandsStill: something speaks against the payment
    :raises PartOnItsWay: one is on its way already
    :raises Invalid: it is less than a dollar, or not less than what is left
    """
    payment = converging.locked_active(order_id)
    after = payment is not None and payment.state is PaymentState.RELEASED
    if payment is None or not (after or payment.state in _BEFORE_RELEASE):
        raise MoneyNotHere
    if not after and known(f"{order_id}:{IntentKind.RELEASE}"):
        raise MoneyNotHere
    if payment.frozen_reason is not None:
        raise PaymentStandsStill
    require_none_on_its_way(payment)
    left = left_of(payment)
    if amount < LEAST:
        raise Invalid(f"The least that can go back is {LEAST}.", field="amount")
    if amount >= left:
        raise Invalid(f"Only a part can go back here: less than the {left} that the sale stands for.", field="amount")
    return payment


def require_none_on_its_way(payment: Payment) -> None:
    """
    Let the caller go on only if no part of a locked payment is on its way back.

    :raises PartOnItsWay: one is
    """
    if on_its_way(payment.id) is not None:
        raise PartOnItsWay


def taken_back(payment: Payment, part_id: UUID, amount: Money, *, dedupe: str, at: datetime) -> None:
    """Book that the seller's share of a part is here, and send the part; or that a seller has paid what they owed."""
    part = _locked(part_id)
    if part.state is PartialState.ASKED and payment.state is PaymentState.RELEASED:
        ledger.book(amounts.reversed_release(_parts(part)), dedupe=dedupe, order_id=payment.order_id, at=at)
        move(payment, part, PartialEvent.TAKEN_BACK, at=at)
        _send(payment, part, at=at)
        return
    # The buyer has it from us, or their bank took it: this is what the seller owed us.
    if part.fronted:
        payment.fronted_minor -= amount.minor
    ledger.book(amounts.recovered(amount), dedupe=dedupe, order_id=payment.order_id, at=at)


def front(payment: Payment, part: PartialRefund, *, at: datetime) -> UUID:
    """Send a part from our own money, because the seller's share of it cannot be had back now: the seller owes it."""
    parts = _parts(part)
    payment.fronted_minor += parts.payout.minor
    part.fronted = True
    ledger.book(amounts.fronted(parts), dedupe=f"{_name(payment, part)}:fronted", order_id=payment.order_id, at=at)
    move(payment, part, PartialEvent.FRONTED, at=at)
    return _send(payment, part, at=at)


def sent(payment: Payment, part_id: UUID, refund: RefundSnapshot, *, dedupe: str, at: datetime) -> None:
    """Book that a part has arrived, or is on its way and still to arrive."""
    part = _locked(part_id)
    if refund.status is RefundStatus.PENDING:
        ledger.book(amounts.refund_sent(refund.amount), dedupe=f"{dedupe}:sent", order_id=payment.order_id, at=at)
        if part.state is not PartialState.SENT:  # Else it is sent again, because the bank did not take it.
            move(payment, part, PartialEvent.SENT, at=at)
        return
    _arrived(payment, part, amounts.refunded(refund.amount), at=at)


def arrived(payment: Payment, part: PartialRefund, refund: RefundSnapshot, *, at: datetime) -> None:
    """Book that a part which was on its way to the buyer's bank has arrived."""
    _arrived(payment, part, amounts.refund_arrived(refund.amount), at=at)


def move(payment: Payment, part: PartialRefund, event: PartialEvent, *, at: datetime) -> None:
    """
    Move a part of a locked payment. The one writer of its `state`.

    :raises IllegalMove: the table does not allow it
    """
    part.state = PARTIAL.after(part.state, event)
    if part.state is PartialState.ARRIVED:
        part.arrived_at = at
    _record(payment, part, f"partial_refund_{event}", actor_id=None, at=at)


def _arrived(payment: Payment, part: PartialRefund, journal: amounts.Journal, *, at: datetime) -> None:
    payment.refunded_minor += part.amount_minor
    ledger.book(journal, dedupe=_name(payment, part), order_id=payment.order_id, at=at)
    move(payment, part, PartialEvent.ARRIVED, at=at)


def _send(payment: Payment, part: PartialRefund, *, at: datetime) -> UUID:
    amount = Money(part.amount_minor, payment.currency)
    return put_on_record(
        payment, IntentKind.REFUND, amount, at=at, name=f"refund:part:{part.number}", part_id=str(part.id)
    )


def _name(payment: Payment, part: PartialRefund) -> str:
    return f"{payment.order_id}:refund:part:{part.number}"


def _parts(part: PartialRefund) -> Split:
    return Split(payout=Money(part.payout_minor), fee=Money(part.fee_minor))


def _locked(part_id: UUID) -> PartialRefund:
    return db.session.get_one(PartialRefund, part_id, with_for_update=True, populate_existing=True)


def _record(payment: Payment, part: PartialRefund, what: str, *, actor_id: UUID | None, at: datetime) -> None:
    audit.record(
        f"payment:{what}",
        actor_id=actor_id,
        subject_type="payment",
        subject_id=payment.id,
        at=at,
        order_id=payment.order_id,
        number=part.number,
        amount_minor=part.amount_minor,
        reason=part.reason,
    )
