"""Ask that money be moved: to the seller, back to the buyer, back from the seller. It is put on record, no more."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from .. import audit
from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict
from ..kernel.money import Money
from . import amounts, converging, ledger, surplus
from .models import IntentKind, IntentState, MoneyIntent, Payment
from .record import known, parts_of, put_on_record
from .states import PaymentEvent, PaymentState

_WITH_US = frozenset({PaymentState.PAID, PaymentState.HELD})


class MoneyNotHere(Conflict):
    """The order's money is not with us, or is already on its way to somebody."""

    code = "money_not_here"
    cure = "Look at the order: it shows where the money is."

    def __init__(self) -> None:
        super().__init__("The money for this order is not waiting with us.")


class NothingCameBack(Conflict):
    """Nothing that was sent back to the buyer came back, or it is on its way again."""

    code = "nothing_came_back"
    cure = "Look at the order: it shows what is on its way."

    def __init__(self) -> None:
        super().__init__("Nothing beyond the price waits to be sent again.")


def request_release(*, order_id: UUID, at: datetime) -> UUID:
    """
    Ask, in the caller's transaction, that the seller be paid; return the intent. A second request finds the first.

    Money that is not available yet is sent when it is.

    :raises MoneyNotHere: it was never paid, or goes back to the buyer
    """
    payment = converging.locked_active(order_id)
    before = known(f"{order_id}:{IntentKind.RELEASE}")
    if before is not None:
        return before
    if payment is None or payment.state not in _WITH_US:
        raise MoneyNotHere
    parts = parts_of(payment)
    if payment.state is PaymentState.HELD:
        converging.move(payment, PaymentEvent.RELEASE_REQUESTED, cause="the buyer accepted", at=at)
    return put_on_record(payment, IntentKind.RELEASE, parts.payout, at=at)


def request_refund(*, order_id: UUID, cause: str, at: datetime) -> UUID:
    """
    Ask, in the caller's transaction, that the buyer get everything back; return the intent.

    A second request finds the first. Money that the seller has been paid is taken back from them first.

    :raises MoneyNotHere: it was never paid, or is on its way to the seller
    """
    payment = converging.locked_active(order_id)
    before = known(f"{order_id}:{IntentKind.REFUND}") or known(f"{order_id}:{IntentKind.REVERSAL}")
    if before is not None:
        return before
    if payment is not None and payment.state is PaymentState.RELEASED:
        converging.move(payment, PaymentEvent.REVERSAL_REQUESTED, cause=cause, at=at)
        return _put_reversal_on_record(payment, at=at)
    if payment is None or payment.state not in _WITH_US or known(f"{order_id}:{IntentKind.RELEASE}"):
        raise MoneyNotHere
    converging.move(payment, PaymentEvent.REFUND_REQUESTED, cause=cause, at=at)
    return put_on_record(payment, IntentKind.REFUND, Money(payment.amount_minor, payment.currency), at=at)


def front(*, order_id: UUID, actor_id: UUID, at: datetime) -> UUID:
    """
    Give the buyer their money from our own, in the caller's transaction, because the seller's cannot be had back now.

    The seller owes it; taking it back from them goes on being tried.

    :raises MoneyNotHere: nothing waits to be taken back from the seller
    """
    payment = converging.locked_active(order_id)
    if payment is None or payment.state is not PaymentState.REVERSING:
        raise MoneyNotHere
    parts = parts_of(payment)
    payment.fronted_minor = parts.payout.minor
    ledger.book(amounts.fronted(parts), dedupe=f"{order_id}:fronted", order_id=order_id, at=at)
    audit.record(
        "payment:fronted_by_us",
        actor_id=actor_id,
        subject_type="payment",
        subject_id=payment.id,
        at=at,
        order_id=order_id,
        amount_minor=parts.payout.minor,
    )
    converging.move(payment, PaymentEvent.FRONTED, cause="the seller's part is not to be had back now", at=at)
    return put_on_record(payment, IntentKind.REFUND, Money(payment.amount_minor, payment.currency), at=at)


def recover(*, order_id: UUID, at: datetime) -> None:
    """Ask the seller's part back after a bank took the buyer's money from us. A second call finds the first."""
    with unit_of_work():
        payment = converging.locked_active(order_id)
        if payment is not None and known(f"{order_id}:{IntentKind.REVERSAL}") is None:
            _put_reversal_on_record(payment, at=at)


def send_surplus_again(*, order_id: UUID, actor_id: UUID, at: datetime) -> UUID:
    """
    Send again what a bank transfer brought beyond the price and the buyer's bank did not take, as staff.

    It is a movement of its own, with a name that was never used: so neither the provider's memory of the one that came
    back nor a look for its traces can be taken for this one. The caller has checked that they may.

    :raises NothingCameBack: nothing lies here, or it is on its way already, also because somebody else was faster
    """
    with unit_of_work():
        payment = converging.locked_active(order_id)
        if payment is None or not surplus.outstanding(payment).minor:
            raise NothingCameBack
        sendings = select(MoneyIntent).where(
            MoneyIntent.payment_id == payment.id, MoneyIntent.kind == IntentKind.SURPLUS
        )
        if db.session.scalar(sendings.where(MoneyIntent.state != IntentState.DONE).limit(1)) is not None:
            raise NothingCameBack
        last = db.session.scalars(sendings.order_by(MoneyIntent.requested_at.desc()).limit(1)).one()
        so_far = db.session.scalar(select(func.count()).select_from(sendings.subquery()))
        amount = surplus.outstanding(payment)
        audit.record(
            "payment:surplus_sent_again",
            actor_id=actor_id,
            subject_type="payment",
            subject_id=payment.id,
            at=at,
            order_id=order_id,
            amount_minor=amount.minor,
        )
        return put_on_record(
            payment,
            IntentKind.SURPLUS,
            amount,
            at=at,
            name=f"surplus:{payment.surplus_minor}:again:{so_far}",
            customer_id=last.payload["customer_id"],
        )


def _put_reversal_on_record(payment: Payment, *, at: datetime) -> UUID:
    sent = db.session.scalars(
        select(MoneyIntent.reference).where(MoneyIntent.dedupe == f"{payment.order_id}:{IntentKind.RELEASE}")
    ).one()
    assert sent is not None, "what was sent has a name"
    amount = Money(payment.transferred_minor, payment.currency)
    return put_on_record(payment, IntentKind.REVERSAL, amount, at=at, transfer_id=sent)
