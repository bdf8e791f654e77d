"""What two people of finance decide: lift what holds a payment up, give it back, or release it without acceptance."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict, NotFound
from ..listings import service as listings_service
from ..payments import decisions, policy
from ..payments import service as payments
from ..payments.models import MoneyDecision, Payment
from ..payments.record import left_of, parts_of
from ..payments.states import ENDED_UNPAID, DecisionEvent, DecisionKind, DeviceIs
from . import steps, wording
from .models import Order
from .states import ORDER, OrderEvent

_EVENTS = {DecisionKind.GIVE_BACK: OrderEvent.RETURN_DECIDED, DecisionKind.RELEASE: OrderEvent.RELEASE_DECIDED}


class TooEarly(Conflict):
    """The buyer still has time to accept, and so nobody accepts for them."""

    code = "too_early_to_decide"

    def __init__(self) -> None:
        super().__init__(
            f"Without the buyer’s acceptance money is only released after {policy.HOLD_ALARMS[-1]} days of holding.",
            cure="Until then the buyer accepts, or two people decide that it goes back.",
        )


def propose_decision(
    *,
    order_id: UUID,
    actor_id: UUID,
    kind: DecisionKind,
    reason: str,
    evidence: str,
    device: DeviceIs | None = None,
    at: datetime,
) -> UUID:
    """
    Propose, as staff, what is to become of an order's money. Nothing moves. The caller has checked that they may.

    :raises NotFound: there is no such order, or it was never paid on
    :raises OwnOrder: they have to do with one of its clinics
    :raises IllegalMove: the order is not where this could be decided
    :raises TooEarly: it is to be released without acceptance, and was not held for long enough
    :raises DecisionWaits: a proposal waits for its answer
    :raises NothingStandsStill: a freeze is to be lifted, and there is none
    :raises PaymentStandsStill: something speaks against the payment, which is lifted first
    :raises MoneyNotHere: the money is not with us
    :raises Invalid: reason or evidence is missing
    """
    with unit_of_work():
        order = steps.locked_by_staff(order_id, actor_id=actor_id)
        payment = _locked_payment(order_id)
        _require_time(order, payment, kind, at=at)
        return decisions.propose(
            payment, kind, reason=reason, evidence=evidence, device=device, actor_id=actor_id, at=at
        )


def approve_decision(*, order_id: UUID, decision_id: UUID, actor_id: UUID, live: bool, at: datetime) -> None:
    """
    Approve, as a second member of staff, what a first proposed: it happens. The caller has checked that they may.

    :raises NotFound: there is no such proposal about this order
    :raises OwnOrder: they have to do with one of its clinics
    :raises OwnProposal: they proposed it themselves
    :raises DecisionClosed: it has its answer
    :raises IllegalMove: the order is not where it was proposed
    :raises NothingStandsStill: what was to be lifted is over, or was frozen anew since
    :raises StillSpeaksAgainst: what the provider shows would freeze it again
    :raises PaidTwice: it ended unpaid, was paid after all, and another payment of the order counts
    :raises PaymentStandsStill: it was frozen meanwhile
    :raises MoneyNotHere: the money has gone elsewhere meanwhile
    :raises PartOnItsWay: a part of it is going back just now
    :raises GatewayError: the provider could not be asked; nothing was decided
    """
    kind = _kind_of(decision_id, order_id)
    seen = decisions.look(decision_id) if kind is DecisionKind.LIFT else None
    with unit_of_work():
        order = steps.locked_by_staff(order_id, actor_id=actor_id)
        payment, decision = decisions.locked(decision_id)
        _require_time(order, payment, kind, at=at)
        decisions.close(payment, decision, DecisionEvent.APPROVED, actor_id=actor_id, at=at)
        if kind is DecisionKind.LIFT:
            decisions.lift(payment, decision, seen, live=live, actor_id=actor_id, at=at)
        elif kind is DecisionKind.GIVE_BACK:
            _give_back(order, payment, decision, actor_id=actor_id, at=at)
        else:
            _release(order, payment, decision, actor_id=actor_id, at=at)


def close_decision(*, order_id: UUID, decision_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Decline, as a second member of staff, what a first proposed; or withdraw it, as the first. Nothing moves.

    :raises NotFound: there is no such proposal about this order
    :raises OwnOrder: they have to do with one of its clinics
    :raises DecisionClosed: it has its answer
    """
    _kind_of(decision_id, order_id)
    with unit_of_work():
        steps.locked_by_staff(order_id, actor_id=actor_id)
        payment, decision = decisions.locked(decision_id)
        own = decision.proposed_by == actor_id
        event = DecisionEvent.WITHDRAWN if own else DecisionEvent.DECLINED
        decisions.close(payment, decision, event, actor_id=actor_id, at=at)


def possible(order: Order, payment: Payment | None, *, at: datetime) -> tuple[DecisionKind, ...]:
    """Return what can be proposed now about an order and its money; what pages draw their forms from."""
    if payment is None:
        return ()
    if payment.frozen_reason is not None:
        return (DecisionKind.LIFT,)
    return tuple(
        kind
        for kind, event in _EVENTS.items()
        if ORDER.allows(order.state, event) and not (kind is DecisionKind.RELEASE and not _is_due(payment, at))
    )


def possible_of(order_id: UUID, *, at: datetime) -> tuple[DecisionKind, ...]:
    """Return what can be proposed now about an order's money."""
    order = db.session.get_one(Order, order_id)
    return possible(order, _payment(order_id), at=at)


def _give_back(order: Order, payment: Payment, decision: MoneyDecision, *, actor_id: UUID, at: datetime) -> None:
    assert decision.device is not None, "who gives back says where the device is"
    reason = decision.reason
    payments.give_back_instead(order_id=order.id, cause=reason, at=at)
    if decision.device is DeviceIs.WITH_BUYER:
        listings_service.mark_sold(listing_id=order.listing_id, actor_id=actor_id, at=at)
    order.reason = f"Two people of Second Light gave the payment back: {reason}"
    steps.move(order, OrderEvent.RETURN_DECIDED, cause=reason, actor_id=actor_id, at=at, decision=decision.id)
    news = wording.given_back_by_decision(
        steps.told_of(order), amount=left_of(payment), reason=reason, device=decision.device
    )
    steps.tell_buyer(news, order, at=at)
    steps.tell_seller(news, order, at=at)


def _release(order: Order, payment: Payment, decision: MoneyDecision, *, actor_id: UUID, at: datetime) -> None:
    payments.request_release(order_id=order.id, at=at)
    order.accepted_at = at
    order.reason = f"Two people of Second Light released the payment: {decision.reason}"
    steps.move(order, OrderEvent.RELEASE_DECIDED, cause=decision.reason, actor_id=actor_id, at=at, decision=decision.id)
    told = steps.told_of(order)
    news = wording.accepted_by_decision(told, reason=decision.reason)
    steps.tell_buyer(news, order, at=at)
    steps.tell_seller(wording.accepted_to_seller(told, payout=parts_of(payment).payout), order, at=at)


def _require_time(order: Order, payment: Payment, kind: DecisionKind, *, at: datetime) -> None:
    if kind in _EVENTS:
        ORDER.after(order.state, _EVENTS[kind])
    if kind is DecisionKind.RELEASE and not _is_due(payment, at):
        raise TooEarly


def _is_due(payment: Payment, at: datetime) -> bool:
    return payment.hold_deadline is not None and policy.decision_due(payment.hold_deadline) <= at


def _payment(order_id: UUID) -> Payment | None:
    """Return the order's payment: a frozen one first, for it is for people; else the one that counts, or the newest."""
    return db.session.scalars(
        select(Payment)
        .where(Payment.order_id == order_id)
        .order_by(
            Payment.frozen_reason.is_(None), Payment.state.in_(ENDED_UNPAID), Payment.created_at.desc(), Payment.id
        )
        .limit(1)
    ).one_or_none()


def _locked_payment(order_id: UUID) -> Payment:
    found = _payment(order_id)
    if found is None:
        raise NotFound("Nothing was ever paid on this order.")
    return payments.locked(found.id)


def _kind_of(decision_id: UUID, order_id: UUID) -> DecisionKind:
    with unit_of_work():
        kind = db.session.scalar(
            select(MoneyDecision.kind)
            .join(Payment, Payment.id == MoneyDecision.payment_id)
            .where(MoneyDecision.id == decision_id, Payment.order_id == order_id)
        )
    if kind is None:
        raise NotFound("There is no such proposal about this order.")
    return kind
