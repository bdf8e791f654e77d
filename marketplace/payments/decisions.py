"""What does not go on by itself, and two people of finance decide: one proposes, another approves, and it happens."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select

from .. import audit, queue
from ..accounts.models import User
from ..extensions import adapter_of, db, unit_of_work
from ..kernel.errors import Conflict, Invalid, NotFound, Refused
from ..kernel.money import Money
from . import asking, converging, partials, policy
from .models import MoneyDecision, Payment
from .policy import Agreed, Freeze
from .ports import PaymentGateway, PaymentSnapshot, PaymentStatus
from .record import MoneyNotHere
from .states import (
    DECISION,
    ENDED_UNPAID,
    PAYMENT,
    DecisionEvent,
    DecisionKind,
    DecisionState,
    DeviceIs,
    PaymentEvent,
    PaymentState,
)


class DecisionWaits(Conflict):
    """Something is proposed about this payment already."""

    code = "decision_waits"
    cure = "Let a colleague answer it, or let whoever proposed it withdraw it, before another is made."

    def __init__(self) -> None:
        super().__init__("A proposal about this payment waits for its answer.")


class DecisionClosed(Conflict):
    """What was proposed has been answered or withdrawn."""

    code = "decision_closed"
    cure = "Look at the order: it shows what became of it."

    def __init__(self) -> None:
        super().__init__("This proposal has its answer.")


class OwnProposal(Refused):
    """Nobody approves what they proposed themselves."""

    code = "own_proposal"

    def __init__(self) -> None:
        super().__init__("You proposed this yourself.", cure="Ask a colleague of finance to look at it.")


class NothingStandsStill(Conflict):
    """The payment is not frozen, or for something else by now."""

    code = "nothing_stands_still"
    cure = "Look at the order: it shows what holds the payment up."

    def __init__(self) -> None:
        super().__init__("The payment does not stand still for this any more.")


class StillSpeaksAgainst(Conflict):
    """What the provider shows would freeze the payment again at once."""

    code = "still_speaks_against"

    def __init__(self, why: Freeze) -> None:
        super().__init__(
            f"The provider shows the same as before: {why.replace('_', ' ')}.",
            cure="Put it right at the provider first. Nothing was changed here.",
        )


class PaidTwice(Conflict):
    """Another payment of the same order is under way or here."""

    code = "paid_twice"
    cure = "Give this one back at the provider."

    def __init__(self) -> None:
        super().__init__("Another payment of this order counts.")


@dataclass(frozen=True, slots=True)
class DecisionView:
    """What was proposed about a payment, by whom, and what became of it."""

    id: UUID
    kind: DecisionKind
    lifts: str | None
    device: DeviceIs | None
    reason: str
    evidence: str
    state: DecisionState
    proposed_by: str
    proposer_id: UUID
    proposed_at: datetime
    closed_by: str | None
    closed_at: datetime | None


def decisions_of(order_id: UUID) -> list[DecisionView]:
    """Return what was proposed about the order's payments, the newest first."""
    names = dict(db.session.execute(select(User.id, User.name).where(User.staff_role.is_not(None))).all())
    rows = db.session.scalars(
        select(MoneyDecision)
        .join(Payment, Payment.id == MoneyDecision.payment_id)
        .where(Payment.order_id == order_id)
        .order_by(MoneyDecision.proposed_at.desc(), MoneyDecision.id)
        .execution_options(populate_existing=True)
    )
    return [
        DecisionView(
            id=row.id,
            kind=row.kind,
            lifts=row.lifts,
            device=row.device,
            reason=row.reason,
            evidence=row.evidence,
            state=row.state,
            proposed_by=names.get(row.proposed_by, "somebody who has left"),
            proposer_id=row.proposed_by,
            proposed_at=row.proposed_at,
            closed_by=names.get(row.closed_by, "somebody who has left") if row.closed_by else None,
            closed_at=row.closed_at,
        )
        for row in rows
    ]


def propose(
    payment: Payment,
    kind: DecisionKind,
    *,
    reason: str,
    evidence: str,
    device: DeviceIs | None = None,
    actor_id: UUID,
    at: datetime,
) -> UUID:
    """
    Put a proposal about a locked payment on record, in the caller's transaction. Nothing moves before it is approved.

    :raises DecisionWaits: one waits for its answer
    :raises NothingStandsStill: a freeze is to be lifted, and there is none
    :raises PaymentStandsStill: the money is to move, and something speaks against it: that is lifted first
    :raises MoneyNotHere: the money is to move, and is not with us
    :raises Invalid: reason or evidence is missing
    """
    for field, said in (("reason", reason), ("evidence", evidence)):
        if not said.strip():
            raise Invalid("Write a sentence.", field=field)
    if db.session.scalar(select(MoneyDecision.id).where(_open(payment.id))) is not None:
        raise DecisionWaits
    _require_possible(payment, kind)
    lifts = kind is DecisionKind.LIFT
    decision = MoneyDecision(
        payment_id=payment.id,
        kind=kind,
        lifts=payment.frozen_reason if lifts else None,
        frozen_at=payment.frozen_at if lifts else None,
        device=device,
        reason=reason.strip(),
        evidence=evidence.strip(),
        proposed_by=actor_id,
        proposed_at=at,
    )
    db.session.add(decision)
    db.session.flush()
    _record(payment, decision, "proposed", actor_id=actor_id, at=at)
    return decision.id


def look(decision_id: UUID) -> PaymentSnapshot | None:
    """
    Return what the provider shows now of the payment that a decision is about; None if nobody was ever sent to pay.

    :raises NotFound: there is no such decision
    :raises GatewayError: the provider could not be asked
    """
    with unit_of_work():
        row = db.session.execute(
            select(Payment.checkout_id)
            .join(MoneyDecision, MoneyDecision.payment_id == Payment.id)
            .where(MoneyDecision.id == decision_id)
        ).one_or_none()
    if row is None:
        raise NotFound("There is no such proposal.")
    return adapter_of(PaymentGateway).get_payment(row.checkout_id) if row.checkout_id else None


def locked(decision_id: UUID) -> tuple[Payment, MoneyDecision]:
    """Return the decision and its payment, locked until the transaction ends, payment first."""
    payment_id = db.session.scalars(select(MoneyDecision.payment_id).where(MoneyDecision.id == decision_id)).one()
    payment = converging.locked(payment_id)
    return payment, db.session.get_one(MoneyDecision, decision_id, with_for_update=True, populate_existing=True)


def close(payment: Payment, decision: MoneyDecision, event: DecisionEvent, *, actor_id: UUID, at: datetime) -> None:
    """
    Answer a locked proposal, in the caller's transaction. The one writer of its `state`.

    :raises DecisionClosed: it has its answer
    :raises OwnProposal: somebody would approve what they proposed themselves
    :raises NothingStandsStill: what was to be lifted is over, or was frozen anew since
    """
    if decision.state is not DecisionState.OPEN:
        raise DecisionClosed
    if event is DecisionEvent.APPROVED:
        if decision.proposed_by == actor_id:
            raise OwnProposal
        _require_possible(payment, decision.kind)
        if decision.kind is DecisionKind.LIFT and decision.frozen_at != payment.frozen_at:
            raise NothingStandsStill
    decision.state = DECISION.after(decision.state, event)
    decision.closed_by, decision.closed_at = actor_id, at
    db.session.flush()  # The database lets nothing happen that nobody has approved.
    _record(payment, decision, event, actor_id=actor_id, at=at)


def lift(
    payment: Payment,
    decision: MoneyDecision,
    seen: PaymentSnapshot | None,
    *,
    live: bool,
    actor_id: UUID,
    at: datetime,
) -> None:
    """
    Lift, in the caller's transaction, what a locked payment stands still for, as two people decided.

    Not while the provider shows the same: whoever lifts it says that it was put right, not that it does not matter.
    What is read from the provider is read by a job afterwards, as always.

    :raises StillSpeaksAgainst: what the provider shows would freeze it again
    :raises PaidTwice: it ended unpaid, was paid after all, and another payment of the order counts
    """
    state = _as_if_lifted(payment)
    if seen is not None:
        against = _speaks_against(payment, state, seen, live=live)
        if against is not None:
            raise StillSpeaksAgainst(against)
    about = {"decision": decision.id, "proposed_by": decision.proposed_by}
    converging.thaw(payment, cause=decision.reason, actor_id=actor_id, at=at, **about)
    db.session.flush()
    if payment.state is PaymentState.QUARANTINED:
        event = PaymentEvent.READMITTED if payment.received_minor else PaymentEvent.REOPENED
        converging.move(payment, event, cause=decision.reason, at=at)
    elif payment.state in ENDED_UNPAID and seen is not None and seen.status is PaymentStatus.SUCCEEDED:
        if converging.locked_active(payment.order_id) is not None:
            raise PaidTwice
        converging.take_over_late(payment, seen, at=at)
    if decision.lifts == Freeze.REFUND_FAILED:
        asking.send_refund_again(payment, at=at)
    queue.promise("look_at_payment", lock=f"payment:{payment.id}", payment_id=str(payment.id))


def _as_if_lifted(payment: Payment) -> PaymentState:
    """Return the state by which the provider's payment is judged: where it stands once what was wrong is lifted."""
    if payment.state is PaymentState.QUARANTINED:
        return PaymentState.PAID if payment.received_minor else PaymentState.CHECKOUT_OPEN
    return PaymentState.PAID if payment.state in ENDED_UNPAID else payment.state


def _speaks_against(payment: Payment, state: PaymentState, seen: PaymentSnapshot, *, live: bool) -> Freeze | None:
    agreed = Agreed(payment.order_id, Money(payment.amount_minor, payment.currency), live)
    differs = policy.contradiction(agreed, seen)
    return differs or policy.freeze(state, seen, conceded=Money(payment.conceded_minor, payment.currency))


def _require_possible(payment: Payment, kind: DecisionKind) -> None:
    if kind is DecisionKind.LIFT:
        if payment.frozen_reason is None or payment.state is PaymentState.CHARGED_BACK:
            raise NothingStandsStill
        return
    if payment.frozen_reason is not None:
        raise partials.PaymentStandsStill
    wanted = PaymentEvent.RELEASE_REQUESTED if kind is DecisionKind.RELEASE else PaymentEvent.REFUND_REQUESTED
    with_us = PAYMENT.allows(payment.state, wanted) or payment.state is PaymentState.PAID
    called_off = kind is DecisionKind.GIVE_BACK and payment.state is PaymentState.RELEASING
    if not (with_us or called_off):
        raise MoneyNotHere


def _open(payment_id: UUID) -> ColumnElement[bool]:
    return (MoneyDecision.payment_id == payment_id) & (MoneyDecision.state == DecisionState.OPEN)


def _record(payment: Payment, decision: MoneyDecision, what: str, *, actor_id: UUID, at: datetime) -> None:
    audit.record(
        f"payment:decision_{what}",
        actor_id=actor_id,
        subject_type="payment",
        subject_id=payment.id,
        at=at,
        order_id=payment.order_id,
        decision=decision.id,
        what=decision.kind,
        lifts=decision.lifts,
        device=decision.device,
        reason=decision.reason,
        evidence=decision.evidence,
    )
