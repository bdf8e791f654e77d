"""Ask that money be moved: to the seller, back to the buyer, back from the seller. It is put on record, no more."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from .. import audit, queue
from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict
from ..kernel.money import Money
from . import amounts, converging, ledger, partials, policy, surplus
from .models import IntentKind, IntentState, MoneyIntent, Payment
from .record import MoneyNotHere, known, left_of, on_its_way, parts_of, put_on_record, standing, transfer_of
from .states import PartialState, PaymentEvent, PaymentState

_WITH_US = frozenset({PaymentState.PAID, PaymentState.HELD})


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

    A second request finds the first. Money that the seller has been paid is taken back from them first. What has gone
    back in parts has gone: everything is what is left.

    :raises MoneyNotHere: it was never paid, or is on its way to the seller
    :raises PartOnItsWay: a part of it is going back just now
    """
    payment = converging.locked_active(order_id)
    before = known(f"{order_id}:{IntentKind.REFUND}") or known(f"{order_id}:{IntentKind.REVERSAL}")
    if before is not None:
        return before
    if payment is not None and payment.state is PaymentState.RELEASED:
        partials.require_none_on_its_way(payment)
        converging.move(payment, PaymentEvent.REVERSAL_REQUESTED, cause=cause, at=at)
        return _put_reversal_on_record(payment, parts_of(payment).payout, at=at)
    if payment is None or payment.state not in _WITH_US or _release_of(payment) is not None:
        raise MoneyNotHere
    partials.require_none_on_its_way(payment)
    converging.move(payment, PaymentEvent.REFUND_REQUESTED, cause=cause, at=at)
    return put_on_record(payment, IntentKind.REFUND, left_of(payment), at=at)


def give_back_instead(*, order_id: UUID, cause: str, at: datetime) -> UUID:
    """
    Ask, in the caller's transaction, that the buyer get everything back although the seller was to be paid.

    A release that is on record is called off: nobody begins to send it any more, and whoever may have begun has a
    quarter of an hour to end. Then a look at the provider says whether it had left. If not, the refund goes on record;
    if it had, it is taken back first. Return the movement that is to happen next. The caller has the decision of two
    people.

    :raises MoneyNotHere: it was never paid, or goes back already
    :raises PaymentStandsStill: something speaks against the payment
    :raises PartOnItsWay: a part of it is going back just now
    """
    payment = converging.locked_active(order_id)
    if payment is not None and payment.frozen_reason is not None:
        raise partials.PaymentStandsStill
    release = _release_of(payment) if payment is not None else None
    if payment is None or release is None:
        return request_refund(order_id=order_id, cause=cause, at=at)
    partials.require_none_on_its_way(payment)
    release.state, release.next_try_at = IntentState.CALLING_OFF, at + policy.OVERDUE
    queue.promise(
        "run_money_intent", not_before=release.next_try_at, lock=f"intent:{release.id}", intent_id=str(release.id)
    )
    return release.id


def _release_of(payment: Payment) -> MoneyIntent | None:
    """Return, locked, the movement by which the seller of a locked payment is to be paid; None if there is none."""
    return db.session.scalars(
        select(MoneyIntent)
        .where(
            MoneyIntent.payment_id == payment.id,
            MoneyIntent.kind == IntentKind.RELEASE,
            MoneyIntent.state.in_((IntentState.PENDING, IntentState.BLOCKED, IntentState.CALLING_OFF)),
        )
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one_or_none()


def send_refund_again(payment: Payment, *, at: datetime) -> UUID:
    """
    Send again, in the caller's transaction, what of a locked payment was on its way back and the bank did not take.

    It is held again until then, and goes under a name that was never used.
    """
    part = on_its_way(payment.id)
    amount = Money(part.amount_minor, payment.currency) if part else left_of(payment)
    name = f"{IntentKind.REFUND}:part:{part.number}" if part else str(IntentKind.REFUND)
    sendings = select(func.count()).where(
        MoneyIntent.payment_id == payment.id,
        MoneyIntent.dedupe.startswith(f"{payment.order_id}:{name}", autoescape=True),
    )
    name = f"{name}:again:{db.session.scalar(sendings)}"
    ledger.book(
        amounts.refund_came_back(amount),
        dedupe=f"{payment.order_id}:{name}:came_back",
        order_id=payment.order_id,
        at=at,
    )
    about = {"part_id": str(part.id)} if part else {}
    return put_on_record(payment, IntentKind.REFUND, amount, at=at, name=name, **about)


def front(*, order_id: UUID, actor_id: UUID, at: datetime) -> UUID:
    """
    Give the buyer their money from our own, in the caller's transaction, because the seller's cannot be had back now.

    The seller owes it; taking it back from them goes on being tried.

    :raises MoneyNotHere: nothing waits to be taken back from the seller
    """
    payment = converging.locked_active(order_id)
    part = None
    if payment is not None and payment.state is PaymentState.RELEASED:
        part = on_its_way(payment.id)
    if payment is None or not (payment.state is PaymentState.REVERSING or (part and part.state is PartialState.ASKED)):
        raise MoneyNotHere
    owed = Money(part.payout_minor, payment.currency) if part else parts_of(payment).payout
    audit.record(
        "payment:fronted_by_us",
        actor_id=actor_id,
        subject_type="payment",
        subject_id=payment.id,
        at=at,
        order_id=order_id,
        amount_minor=owed.minor,
    )
    if part is not None:
        return partials.front(payment, part, at=at)
    payment.fronted_minor += owed.minor
    ledger.book(amounts.fronted(parts_of(payment)), dedupe=f"{order_id}:fronted", order_id=order_id, at=at)
    converging.move(payment, PaymentEvent.FRONTED, cause="the seller's part is not to be had back now", at=at)
    return put_on_record(payment, IntentKind.REFUND, left_of(payment), at=at)


def recover(*, order_id: UUID, at: datetime) -> None:
    """Ask the seller's part back after a bank took the buyer's money from us. A second call finds the first."""
    with unit_of_work():
        payment = converging.locked_active(order_id)
        if payment is None or known(f"{order_id}:{IntentKind.REVERSAL}") is not None:
            return
        # What is owed of parts that went back is asked for under names of its own.
        owed = payment.transferred_minor - payment.reversed_minor - payment.fronted_minor
        _put_reversal_on_record(payment, Money(owed, payment.currency) - standing(payment).owed, at=at)


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


def _put_reversal_on_record(payment: Payment, amount: Money, *, at: datetime) -> UUID:
    return put_on_record(payment, IntentKind.REVERSAL, amount, at=at, transfer_id=transfer_of(payment))
