"""
Move money: on record before the provider is called, looked for before it is sent again, recorded once.

The key of a call is made of the intent's `dedupe` and `attempt`. An unknown outcome repeats the same key; a definite no
or a stored failure takes the next attempt, after another look. Keys may be forgotten by the provider after a day: then
the look alone protects.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from .. import audit, queue
from ..extensions import adapter_of, db, unit_of_work
from ..logs import log
from . import amounts, calls, converging, ledger, partials, policy, sellers, surplus
from .models import NOT_PAYABLE, IntentKind, IntentState, MoneyIntent, PartialRefund, Payment, SellerAccount
from .policy import Freeze
from .ports import (
    GatewayError,
    GatewayRejected,
    GatewayReplayedError,
    PaymentGateway,
    RefundSnapshot,
    RefundStatus,
    ReversalSnapshot,
    TransferSnapshot,
)
from .record import left_of, on_its_way, parts_of, put_on_record
from .states import PAYMENT, PartialState, PaymentEvent, PaymentState

_CALLED_OFF = "called off: it goes back to the buyer"
_DECIDED = "two people decided that it goes back"
_OVER = frozenset({IntentState.DONE, IntentState.CALLED_OFF})


def run_intent(*, intent_id: UUID, live: bool, at: datetime) -> IntentState:
    """
    Bring an intent nearer to its end, and return how far it has come.

    Freeze, availability and the seller's account are asked again immediately before the call. Whatever goes wrong, the
    money stays where it is, the reason is kept, and the next try is set.
    """
    with unit_of_work() as session:
        intent = session.get_one(MoneyIntent, intent_id)
        payment_id, kind, state = intent.payment_id, intent.kind, intent.state
        payee_id = session.get_one(Payment, payment_id).payee_clinic_id
    if state in _OVER:
        return state
    sending = False
    try:
        converging.converge(payment_id=payment_id, live=live, at=at)
        if kind is IntentKind.RELEASE:
            _look_at_payee(payee_id, at=at)
        with unit_of_work():
            call = _prepare(intent_id, at=at)
        if call is not None:
            found = calls.find(call)
            if found is None and call.halted is None:
                sending = True
                found = calls.send(call)
            with unit_of_work():
                _finish(call, found, at=at) if found is not None else _halt(call, at=at)
    except GatewayError as trouble:
        log.warning("money_intent_not_done", intent_id=str(intent_id), error=str(trouble))
        with unit_of_work():
            _wait(intent_id, trouble, sending=sending, at=at)
    with unit_of_work() as session:
        return session.get_one(MoneyIntent, intent_id).state


def settle_refund(*, payment_id: UUID, at: datetime) -> None:
    """
    See whether a refund that was on its way, of all or of a part, has arrived.

    :raises GatewayError: the provider could not be asked
    """
    part_is_sent = (
        select(PartialRefund.id)
        .where(PartialRefund.payment_id == payment_id, PartialRefund.state == PartialState.SENT)
        .exists()
    )
    with unit_of_work() as session:
        # Of a payment one refund at a time is on its way: the last that was asked for.
        row = session.execute(
            select(MoneyIntent.reference, Payment.charge_id)
            .join(Payment, Payment.id == MoneyIntent.payment_id)
            .where(
                MoneyIntent.payment_id == payment_id,
                MoneyIntent.kind == IntentKind.REFUND,
                (Payment.state == PaymentState.REFUNDING) | part_is_sent,
            )
            .order_by(MoneyIntent.requested_at.desc(), MoneyIntent.id)
            .limit(1)
        ).one_or_none()
    if row is None or row.reference is None:
        return
    refunds = adapter_of(PaymentGateway).find_refunds(row.charge_id)
    ours = next((refund for refund in refunds if refund.refund_id == row.reference), None)
    if ours is None or ours.status is RefundStatus.PENDING:
        return
    with unit_of_work():
        payment = converging.locked(payment_id)
        part = on_its_way(payment_id)
        if not (payment.state is PaymentState.REFUNDING or (part and part.state is PartialState.SENT)):
            return
        if ours.status is RefundStatus.FAILED:
            converging.freeze(payment, Freeze.REFUND_FAILED, at=at)
            return
        if part is not None:
            partials.arrived(payment, part, ours, at=at)
            return
        _arrived(payment, ours, amounts.refund_arrived(ours.amount), at=at)


def _look_at_payee(clinic_id: UUID, *, at: datetime) -> None:
    try:
        sellers.refresh_seller_account(clinic_id=clinic_id, at=at)
    except sellers.NoSellerAccount:
        return  # `_prepare` finds nobody to pay, and waits for the account.


def _prepare(intent_id: UUID, *, at: datetime) -> calls.Call | None:
    """Decide under lock whether the call may be made now; if not, say why in the intent."""
    payment_id = db.session.scalars(select(MoneyIntent.payment_id).where(MoneyIntent.id == intent_id)).one()
    payment = converging.locked(payment_id)
    intent = _locked(intent_id)
    if intent.state in _OVER or (intent.state is IntentState.CALLING_OFF and at < intent.next_try_at):
        return None
    if intent.state is IntentState.CALLING_OFF:
        return calls.of(intent, None, halted=_CALLED_OFF)
    # Taking money back from the seller is never wrong while something speaks against the payment.
    if payment.frozen_reason is not None and intent.kind is not IntentKind.REVERSAL:
        return _stopped(payment, intent, f"frozen: {payment.frozen_reason}", at=at)
    destination = None
    if intent.kind is IntentKind.RELEASE:
        account = db.session.scalars(
            select(SellerAccount).where(SellerAccount.clinic_id == payment.payee_clinic_id)
        ).one_or_none()
        if account is None or not account.payable:
            reason = account.reason if account is not None else "no account"
            return _stopped(payment, intent, f"{NOT_PAYABLE}: {reason}", at=at)
        destination = account.reference
        if payment.state is PaymentState.PAID:
            intent.last_error = "the money is not available yet"
            _later(intent, payment.release_not_before, at=at)
            return None
        if payment.state is PaymentState.HELD:
            converging.move(payment, PaymentEvent.RELEASE_REQUESTED, cause="the money is available", at=at)
    intent.state = IntentState.PENDING
    return calls.of(intent, destination)


def _stopped(payment: Payment, intent: MoneyIntent, reason: str, *, at: datetime) -> calls.Call | None:
    """Block the intent; where it may have been sent, and the answer have been lost, only after a look."""
    if payment.state is PaymentState.RELEASING and intent.state is IntentState.PENDING:
        return calls.of(intent, None, halted=reason)
    _block(intent, reason, at=at)
    return None


def _halt(call: calls.Call, *, at: datetime) -> None:
    """Block what may not be sent now, and was not sent before; what was called off is over."""
    payment = converging.locked(call.payment_id)
    intent = _locked(call.intent_id)
    if intent.state is IntentState.CALLING_OFF and call.halted == _CALLED_OFF:
        _give_back_instead(payment, intent, at=at)
    elif intent.state not in {*_OVER, IntentState.CALLING_OFF} and call.halted is not None:
        _block(intent, call.halted, at=at)


def _give_back_instead(payment: Payment, intent: MoneyIntent, *, at: datetime) -> None:
    """The seller was sent nothing, and nobody can begin to send any more: the buyer gets the money back."""
    intent.state, intent.last_error = IntentState.CALLED_OFF, _CALLED_OFF
    event = PaymentEvent.REFUND_REQUESTED
    if payment.state is PaymentState.RELEASING:
        event = PaymentEvent.RELEASE_CALLED_OFF
    if PAYMENT.allows(payment.state, event):  # Else the buyer's bank was faster.
        converging.move(payment, event, cause=_DECIDED, at=at)
        put_on_record(payment, IntentKind.REFUND, left_of(payment), at=at)


def _finish(call: calls.Call, found: calls.Found, *, at: datetime) -> None:
    payment = converging.locked(call.payment_id)
    intent = _locked(call.intent_id)
    if intent.state is IntentState.DONE:
        return  # Another worker, with the same key, was told of the same transfer.
    if found.amount != call.amount:
        converging.freeze(payment, Freeze.TRANSFER_DIFFERS, at=at)
        _block(intent, f"frozen: {Freeze.TRANSFER_DIFFERS}", at=at)
        return
    if isinstance(found, RefundSnapshot) and found.status is RefundStatus.FAILED:
        _next_attempt(intent, f"the refund failed: {found.failure}", sending=True, at=at)
        return
    called_off = intent.state is IntentState.CALLING_OFF
    intent.state, intent.done_at, intent.last_error = IntentState.DONE, at, None
    if isinstance(found, TransferSnapshot):
        intent.reference = found.transfer_id
        _released(payment, found, dedupe=intent.dedupe, at=at)
        if called_off:  # It had left already: what goes back is taken back first.
            converging.move(payment, PaymentEvent.REVERSAL_REQUESTED, cause=_DECIDED, at=at)
            put_on_record(payment, IntentKind.REVERSAL, found.amount, at=at, transfer_id=found.transfer_id)
        return
    if isinstance(found, ReversalSnapshot):
        intent.reference = found.reversal_id
        payment.reversed_minor += found.amount.minor
        if call.part_id is not None:
            partials.taken_back(payment, call.part_id, found.amount, dedupe=intent.dedupe, at=at)
        else:
            _taken_back(payment, found, at=at)
        return
    intent.reference = found.refund_id
    _sent_back(call, payment, found, dedupe=intent.dedupe, at=at)


def _sent_back(call: calls.Call, payment: Payment, found: RefundSnapshot, *, dedupe: str, at: datetime) -> None:
    if call.part_id is not None:
        partials.sent(payment, call.part_id, found, dedupe=dedupe, at=at)
        return
    if call.kind is IntentKind.SURPLUS:
        surplus.sent(payment, found.amount, dedupe=dedupe, at=at)
        return
    if found.status is RefundStatus.PENDING:
        ledger.book(amounts.refund_sent(found.amount), dedupe=f"{dedupe}:sent", order_id=call.order_id, at=at)
        return
    _arrived(payment, found, amounts.refunded(found.amount), at=at)


def _released(payment: Payment, transfer: TransferSnapshot, *, dedupe: str, at: datetime) -> None:
    payment.transferred_minor = transfer.amount.minor
    # What was held is the price without what goes back in parts; what of it was not sent is our fee.
    parts = amounts.Split(payout=transfer.amount, fee=left_of(payment) - transfer.amount)
    ledger.book(amounts.released(parts), dedupe=dedupe, order_id=payment.order_id, at=at)
    converging.move(payment, PaymentEvent.RELEASED, cause=f"transfer {transfer.transfer_id}", at=at)


def _taken_back(payment: Payment, reversal: ReversalSnapshot, *, at: datetime) -> None:
    order_id, dedupe = payment.order_id, f"{payment.order_id}:{IntentKind.REVERSAL}"
    if payment.state is not PaymentState.REVERSING:
        if payment.state is not PaymentState.CHARGED_BACK:
            payment.fronted_minor -= reversal.amount.minor
        ledger.book(amounts.recovered(reversal.amount), dedupe=dedupe, order_id=order_id, at=at)
        return  # The buyer has their money: this is what the seller owed us.
    ledger.book(amounts.reversed_release(parts_of(payment)), dedupe=dedupe, order_id=order_id, at=at)
    converging.move(payment, PaymentEvent.REVERSED, cause=f"reversal {reversal.reversal_id}", at=at)
    put_on_record(payment, IntentKind.REFUND, left_of(payment), at=at)


def _arrived(payment: Payment, refund: RefundSnapshot, journal: amounts.Journal, *, at: datetime) -> None:
    payment.refunded_minor += refund.amount.minor
    ledger.book(journal, dedupe=f"{payment.order_id}:{IntentKind.REFUND}", order_id=payment.order_id, at=at)
    converging.move(payment, PaymentEvent.REFUNDED, cause=f"refund {refund.refund_id}", at=at)


def _wait(intent_id: UUID, trouble: GatewayError, *, sending: bool, at: datetime) -> None:
    intent = _locked(intent_id)
    if intent.state in _OVER:
        return
    if intent.state is IntentState.CALLING_OFF:
        intent.tries += 1
        intent.last_error = str(trouble)
        _later(intent, max(intent.next_try_at, at + policy.back_off(intent.tries)), at=at)
        return
    if isinstance(trouble, GatewayRejected):
        # A no to a look says nothing of what was sent before: that key stands.
        _next_attempt(intent, str(trouble), sending=sending, at=at)
        return
    if isinstance(trouble, GatewayReplayedError):
        intent.attempt += 1
    intent.tries += 1
    intent.last_error = str(trouble)
    _later(intent, at + policy.back_off(intent.tries), at=at)


def _next_attempt(intent: MoneyIntent, reason: str, *, sending: bool, at: datetime) -> None:
    """A definite no: block, to a sending under the next key, until an event or the next reconciling asks again."""
    intent.attempt += sending
    intent.tries += 1
    _block(intent, reason, at=at)


def _block(intent: MoneyIntent, reason: str, *, at: datetime) -> None:
    if intent.last_error != reason or intent.state is not IntentState.BLOCKED:
        audit.record(
            "money:blocked",
            actor_id=None,
            subject_type="payment",
            subject_id=intent.payment_id,
            at=at,
            intent=intent.dedupe,
            reason=reason,
        )
    intent.state, intent.last_error = IntentState.BLOCKED, reason
    intent.next_try_at = at + policy.back_off(intent.tries)


def _later(intent: MoneyIntent, when: datetime | None, *, at: datetime) -> None:
    intent.next_try_at = when if when is not None and when > at else at + policy.back_off(intent.tries)
    queue.promise(
        "run_money_intent",
        not_before=intent.next_try_at,
        lock=f"intent:{intent.id}",
        intent_id=str(intent.id),
    )


def _locked(intent_id: UUID) -> MoneyIntent:
    return db.session.scalars(
        select(MoneyIntent)
        .where(MoneyIntent.id == intent_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
