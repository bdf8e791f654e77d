"""Bring a payment to what the provider says of it now; whatever made us look, the end is the same."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from .. import audit, queue
from ..extensions import adapter_of, db, unit_of_work
from ..kernel.money import Money
from ..logs import log
from . import amounts, ledger, policy, surplus
from .models import IntentKind, IntentState, MoneyIntent, Payment, PaymentMove
from .policy import Agreed, Freeze, Terms
from .ports import DisputeStatus, PaymentGateway, PaymentSnapshot, PaymentStatus
from .record import standing
from .states import ENDED_UNPAID, PAYMENT, PaymentEvent, PaymentState


def converge(*, payment_id: UUID, live: bool, at: datetime) -> None:
    """
    Look at the payment at the provider, and take it over.

    :raises GatewayError: the provider could not be asked; nothing was changed
    """
    with unit_of_work() as session:
        payment = session.get_one(Payment, payment_id, populate_existing=True)
        checkout_id, before = payment.checkout_id, surplus.counted(payment)
    if checkout_id is None:
        return  # Nobody has been sent to a payment page yet.
    seen = adapter_of(PaymentGateway).get_payment(checkout_id)
    if before.misses(seen):
        surplus.settle(payment_id=payment_id, at=at)  # What the buyer's bank did not take has not come anew.
    with unit_of_work():
        take_over(locked(payment_id), seen, before=before, live=live, at=at)


def take_over(
    payment: Payment, seen: PaymentSnapshot, *, before: surplus.Counted | None = None, live: bool, at: datetime
) -> None:
    """
    Let a locked payment follow what was seen, or stand still where that is not what was agreed.

    `before` is what was known of money beyond the price when the provider was asked, if that was noted.
    """
    agreed = Agreed(payment.order_id, Money(payment.amount_minor, payment.currency), live)
    differs = policy.contradiction(agreed, seen)
    if differs is not None:
        freeze(payment, differs, at=at)
        if PAYMENT.allows(payment.state, PaymentEvent.QUARANTINED):
            move(payment, PaymentEvent.QUARANTINED, cause=differs, at=at)
        return
    if payment.state is PaymentState.QUARANTINED:
        return
    _stand_still_or_go_on(payment, seen, at=at)
    if payment.state in ENDED_UNPAID:
        return
    _note(payment, seen)
    while event := policy.next_event(payment.state, seen, safe_from=payment.release_not_before, at=at):
        move(payment, event, cause="seen at the provider", at=at)
        if event is PaymentEvent.PAID:
            _begin_to_hold(payment, at=at)
    # It may have come to a state in which what was seen speaks against it: money that has gone back already.
    _stand_still_or_go_on(payment, seen, at=at)
    if payment.received_minor:
        _book_what_the_provider_took(payment, seen, at=at)
        surplus.note(payment, seen, before=before, at=at)
    took = policy.charged_back(payment.state, seen)
    if took is not None and not _may_have_left(payment):
        _charge_back(payment, took, at=at)


def take_over_late(payment: Payment, seen: PaymentSnapshot, *, at: datetime) -> None:
    """Take in the money of a locked payment that had ended unpaid, as two people decided."""
    _note(payment, seen)
    move(payment, PaymentEvent.PAID_LATE, cause="it was paid after all", at=at)
    _begin_to_hold(payment, at=at)


def _begin_to_hold(payment: Payment, *, at: datetime) -> None:
    payment.hold_deadline = at + policy.HOLD_LIMIT
    amount = Money(payment.amount_minor, payment.currency)
    ledger.book(amounts.paid(amount), dedupe=f"{payment.id}:paid", order_id=payment.order_id, at=at)


def _stand_still_or_go_on(payment: Payment, seen: PaymentSnapshot, *, at: datetime) -> None:
    halt = policy.freeze(payment.state, seen, conceded=Money(payment.conceded_minor, payment.currency))
    if halt is not None:
        freeze(payment, halt, at=at)
    elif payment.frozen_reason == Freeze.DISPUTED and seen.dispute is DisputeStatus.WON:
        # What was seen before the bank spoke, and comes late, knows of no dispute: it lifts nothing.
        thaw(payment, at=at, cause="every dispute was won")


def _book_what_the_provider_took(payment: Payment, seen: PaymentSnapshot, *, at: datetime) -> None:
    known = []
    if seen.fee is not None:
        known.append((f"{payment.id}:provider_fee", amounts.provider_fee(seen.fee)))
    for dispute in seen.disputes:
        known += [
            (f"{dispute.dispute_id}:taken", amounts.dispute_taken(dispute.taken)),
            (f"{dispute.dispute_id}:fee", amounts.dispute_fee(dispute.fee)),
            (f"{dispute.dispute_id}:returned", amounts.dispute_returned(dispute.returned)),
        ]
    for dedupe, journal in known:
        ledger.book(journal, dedupe=dedupe, order_id=payment.order_id, at=at)


def _may_have_left(payment: Payment) -> bool:
    """
    Say whether money of a locked payment may be on its way where the bank's taking it must be booked otherwise.

    To the seller, until a look for its traces found none and the sending was blocked; from our own to the buyer, as
    long as the seller owes it: that is for a person.
    """
    if payment.state is PaymentState.RELEASING:
        release = select(MoneyIntent.state).where(
            MoneyIntent.payment_id == payment.id, MoneyIntent.kind == IntentKind.RELEASE
        )
        return db.session.scalars(release).one() is not IntentState.BLOCKED
    return payment.state is PaymentState.REFUNDING and bool(payment.fronted_minor)


def _charge_back(payment: Payment, took: Money, *, at: datetime) -> None:
    """The bank keeps the money: what was held is gone; what the seller was paid is owed, and asked back."""
    late = payment.state in {PaymentState.RELEASED, PaymentState.REVERSING}
    now = standing(payment)
    ledger.book(
        amounts.charged_back_late(now.parts, now.held) if late else amounts.charged_back(took),
        dedupe=f"{payment.id}:charged_back",
        order_id=payment.order_id,
        at=at,
    )
    move(payment, PaymentEvent.CHARGED_BACK, cause="the buyer's bank keeps the money", at=at)
    if late:
        queue.promise("recover_from_seller", order_id=str(payment.order_id))


def thaw(payment: Payment, *, at: datetime, cause: str, actor_id: UUID | None = None, **about: object) -> None:
    """Let a locked payment go on where it stood; whatever waited is taken up again."""
    reason, payment.frozen_reason, payment.frozen_at = payment.frozen_reason, None, None
    for intent_id in db.session.scalars(
        select(MoneyIntent.id).where(MoneyIntent.payment_id == payment.id, MoneyIntent.state == IntentState.BLOCKED)
    ):
        queue.promise("run_money_intent", lock=f"intent:{intent_id}", intent_id=str(intent_id))
    audit.record(
        "payment:thawed",
        actor_id=actor_id,
        subject_type="payment",
        subject_id=payment.id,
        at=at,
        order_id=payment.order_id,
        reason=reason,
        cause=cause,
        **about,
    )


def _note(payment: Payment, seen: PaymentSnapshot) -> None:
    payment.payment_reference = seen.payment_id
    on_its_way = seen.status is PaymentStatus.PROCESSING
    payment.outstanding_minor = seen.outstanding.minor if on_its_way else None
    if on_its_way:
        # Of a bank transfer the way is known only once money is here: nothing is charged before.
        payment.method = seen.method
    if seen.status is PaymentStatus.SUCCEEDED:
        payment.charge_id = seen.charge_id
        payment.method = seen.method
        payment.received_minor = seen.received.minor
        payment.available_on = seen.available_on
        payment.release_not_before = policy.release_not_before(seen, adapter_of(Terms))


def move(payment: Payment, event: PaymentEvent, *, cause: str, at: datetime) -> None:
    """
    Move a locked payment, and promise that whoever waits for it is told.

    :raises IllegalMove: the table does not allow it
    """
    before = payment.state
    payment.state = PAYMENT.after(before, event)
    db.session.add(PaymentMove(payment_id=payment.id, event=event, state=payment.state, cause=cause, at=at))
    audit.record(
        f"payment:{event}",
        actor_id=None,
        subject_type="payment",
        subject_id=payment.id,
        at=at,
        order_id=payment.order_id,
        before=before,
        cause=cause,
    )
    queue.promise("payment_changed", lock=f"order:{payment.order_id}", order_id=str(payment.order_id))


def freeze(payment: Payment, reason: Freeze, *, at: datetime) -> None:
    """Keep the money of a locked payment where it is until a person has looked; the first reason stays."""
    if payment.frozen_reason is not None:
        return
    payment.frozen_reason, payment.frozen_at = reason, at
    log.error("payment_frozen", payment_id=str(payment.id), reason=reason)
    audit.record(
        "payment:frozen",
        actor_id=None,
        subject_type="payment",
        subject_id=payment.id,
        at=at,
        order_id=payment.order_id,
        reason=reason,
    )


def locked(payment_id: UUID) -> Payment:
    """Return the payment as it is now, locked until the transaction ends."""
    return db.session.scalars(
        select(Payment)
        .where(Payment.id == payment_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()


def locked_active(order_id: UUID) -> Payment | None:
    """Return the order's one payment that is still worth something, locked until the transaction ends."""
    return db.session.scalars(
        select(Payment)
        .where(Payment.order_id == order_id, Payment.state.not_in(ENDED_UNPAID))
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
