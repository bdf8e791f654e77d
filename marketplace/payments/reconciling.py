"""What should have happened and was not heard of: looked at again, so that a lost message loses nothing."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select, update

from .. import queue
from ..extensions import db, unit_of_work
from ..kernel.money import Money
from ..logs import log
from . import alarms, converging, intents, policy, surplus, verifying
from .books import Finding
from .models import IntentState, KeptFinding, MoneyIntent, PartialRefund, Payment, ProviderEvent, ProviderEventState
from .ports import GatewayError
from .states import PartialState, PaymentEvent, PaymentState

TOLD_AT_ONCE = 20  # findings in one mail; the desk lists them all.
AT_ONCE = 200  # rows of each kind in one round; the next round takes the rest.

_ON_THE_MOVE = (
    PaymentState.CHECKOUT_OPEN,
    PaymentState.PROCESSING,
    PaymentState.PAID,
    PaymentState.REFUNDING,
)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one round found to do."""

    looked_at: int = 0
    unreachable: int = 0
    never_opened: int = 0
    intents_resumed: int = 0
    events_resumed: int = 0


def reconcile(*, live: bool, at: datetime) -> Reconciled:
    """
    Look at every payment that is on the move, and promise again what is overdue.

    Repeats nothing that moves money: an intent that is promised again looks for its own traces first.
    """
    never_opened = _expire_never_opened(at)
    with unit_of_work():
        moving = _taken_up(at)
    unreachable = sum(not _looked_at(payment_id, live=live, at=at) for payment_id in moving)
    with unit_of_work():
        found = Reconciled(
            looked_at=len(moving) - unreachable,
            unreachable=unreachable,
            never_opened=never_opened,
            intents_resumed=_resume_intents(at),
            events_resumed=_resume_events(at),
        )
    log.info("reconciled", **{name: getattr(found, name) for name in Reconciled.__slots__})
    return found


def compare_books(*, live: bool, at: datetime) -> list[Finding]:
    """
    Compare our books with the provider's, look again at every order that differs, and return what still does.

    Moves no money: what was only not heard of is heard of now, everything else is for a person.

    :raises GatewayError: the provider's books could not be read
    """
    found = verifying.verify(at=at)
    orders = {finding.order_id for finding in found if finding.order_id is not None}
    if not orders:
        return found
    with unit_of_work():
        payments = list(db.session.scalars(select(Payment.id).where(Payment.order_id.in_(orders)).limit(AT_ONCE)))
    for payment_id in payments:
        _looked_at(payment_id, live=live, at=at)
    return verifying.verify(at=at)


def keep_findings(found: list[Finding], *, at: datetime) -> None:
    """Keep what was found, each once, close what is gone, and tell finance of what is new."""
    with unit_of_work() as session:
        open_now = session.scalars(select(KeptFinding).where(KeptFinding.gone_at.is_(None)).with_for_update()).all()
        known = {(kept.code, kept.subject): kept for kept in open_now}
        new: list[Finding] = []
        for finding in found:
            kept = known.pop((finding.code, finding.subject), None)
            if kept is None:
                kept = KeptFinding(code=finding.code, subject=finding.subject, first_seen_at=at)
                session.add(kept)
                new.append(finding)
            _note(kept, finding, at=at)
        for gone in known.values():
            gone.gone_at = at
        if new:
            log.error("books_differ", findings=[str(finding) for finding in new])
            alarms.tell_finance(
                subject="The books do not agree", lines=[finding.said for finding in new[:TOLD_AT_ONCE]], at=at
            )


def _note(kept: KeptFinding, finding: Finding, *, at: datetime) -> None:
    kept.said, kept.order_id, kept.last_seen_at = finding.said, finding.order_id, at
    kept.ours_minor, kept.theirs_minor = _minor(finding.ours), _minor(finding.theirs)
    kept.currency = finding.ours.currency if finding.ours else None


def _minor(amount: Money | None) -> int | None:
    return None if amount is None else amount.minor


def _taken_up(at: datetime) -> list[UUID]:
    """
    Return the payments on the move that nobody looked at for longest, and note that they are looked at now.

    Noted before anybody is asked: those whose answer never comes must not keep the others waiting.
    """
    moving = list(
        db.session.scalars(
            select(Payment.id)
            .where(Payment.state.in_(_ON_THE_MOVE) | _part_is_sent())
            .order_by(Payment.looked_at.nulls_first(), Payment.created_at, Payment.id)
            .limit(AT_ONCE)
        )
    )
    # Not a change of the payment: its version stands, so that nobody who is at work on it is disturbed.
    db.session.execute(
        update(Payment).where(Payment.id.in_(moving)).values(looked_at=at),
        execution_options={"synchronize_session": False},
    )
    return moving


def _part_is_sent() -> ColumnElement[bool]:
    """A part of the price is on its way to the buyer's bank, wherever the payment stands."""
    parts = select(PartialRefund.payment_id).where(PartialRefund.state == PartialState.SENT)
    return Payment.id.in_(parts)


def _looked_at(payment_id: UUID, *, live: bool, at: datetime) -> bool:
    try:
        surplus.settle(payment_id=payment_id, at=at)
        converging.converge(payment_id=payment_id, live=live, at=at)
        intents.settle_refund(payment_id=payment_id, at=at)
    except GatewayError as trouble:
        log.warning("payment_not_reconciled", payment_id=str(payment_id), error=str(trouble))
        return False
    return True


def _expire_never_opened(at: datetime) -> int:
    with unit_of_work():
        waiting = db.session.scalars(
            select(Payment)
            .where(Payment.state == PaymentState.NEW, Payment.expires_at <= at)
            .limit(AT_ONCE)
            .with_for_update()
        ).all()
        for payment in waiting:
            converging.move(payment, PaymentEvent.EXPIRED, cause="its page was never opened", at=at)
        return len(waiting)


def _resume_intents(at: datetime) -> int:
    overdue = db.session.scalars(
        select(MoneyIntent)
        .where(
            MoneyIntent.state.not_in((IntentState.DONE, IntentState.CALLED_OFF)),
            MoneyIntent.next_try_at <= at - policy.OVERDUE,
        )
        .limit(AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    for intent in overdue:
        intent.next_try_at = at
        queue.promise("run_money_intent", lock=f"intent:{intent.id}", intent_id=str(intent.id))
    return len(overdue)


def _resume_events(at: datetime) -> int:
    waiting = db.session.scalars(
        select(ProviderEvent)
        .where(ProviderEvent.state == ProviderEventState.PENDING)
        .order_by(ProviderEvent.received_at)
        .limit(AT_ONCE)
    )
    overdue = [
        event
        for event in waiting
        if policy.event_overdue(received_at=event.received_at, attempts=event.attempts, at=at)
    ]
    for event in overdue:
        queue.promise("process_provider_event", event_id=event.event_id)
    return len(overdue)
