"""Orders that stand still because what they rest on was lost, and how they go on: by a fresh yes of the gate."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import or_, select

from .. import audit, queue
from ..accounts import queries as accounts
from ..eligibility import service as eligibility
from ..eligibility.reasons import ReasonCode
from ..eligibility.verdict import Verdict
from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict
from ..kernel.terms import StaffRole
from ..listings.models import Listing
from ..notifications import service as notifications
from ..recalls import queries as recalls
from ..ripple import Cause, Dependants, Ground, Loss
from . import belonging, hold_wording, queries, reach, steps
from .access import Act
from .models import Order, OrderHold
from .refusals import ChangeSettles, GateMoved
from .states import MONEY_HELD, UNSHIPPED, OrderEvent, OrderState

TOLD_OF_LOSSES = (StaffRole.VERIFIER, StaffRole.ADMIN)
"""Staff who hear by mail of what was held, and of devices that had already left."""


class NotOnHold(Conflict):
    """Nothing is to be lifted."""

    code = "not_on_hold"

    def __init__(self) -> None:
        super().__init__("This order is not on hold.", cure="Look at it again: it may have gone on in the meantime.")


class Looked(StrEnum):
    """What a look at an order under way came to."""

    STANDS = "stands"
    HELD = "held"
    STILL_HELD = "still_held"
    LIFTED = "lifted"
    OVER = "over"


class OrdersThatRest(Dependants):
    """Answers for the orders: each one that rests on what was lost is held in the very transaction of the loss."""

    def lost(self, losses: Sequence[Loss], *, actor_id: UUID | None, at: datetime) -> None:
        """Hold every order on its way whose device has not left, tell its sides, and tell staff what had left."""
        # All at once and in one order, so that two losses cannot wait for each other.
        resting = or_(*(reach.resting_on(loss.ground) for loss in losses))
        locking = select(Order.id).where(Order.state.in_(UNSHIPPED), resting).order_by(Order.id)
        db.session.execute(locking.with_for_update(of=Order, key_share=True))
        held = [(loss, order) for loss in losses for order in _hold_all(loss, actor_id, at)]
        # The audit trail is locked last of all.
        for loss, order in held:
            _record(order, "held", actor_id=actor_id, at=at, cause=loss.cause, reference=loss.reference)

    def changed(self, ground: Ground) -> None:
        """Promise a look at each order on its way that rests on it."""
        for order_id in reach.unshipped(ground):
            queue.promise("look_at_order", order_id=str(order_id))


def ask_again(*, order_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Ask the gate again about an order on hold, for the buying side. A yes lifts every hold.

    :raises NotFound: there is no such order, or it is not theirs to know of
    :raises NotYourAct: it is for the buying side to ask
    :raises NotOnHold: it does not stand still
    :raises NotCleared: the gate still says no; the hold stays
    :raises GateMoved: it said yes, and that fell at this very moment
    """
    with unit_of_work():
        steps.locked_among(order_id, Act.ASK_AGAIN, actor_id=actor_id)
    _ask_again(order_id, actor_id=actor_id, at=at)


def ask_again_by_staff(*, order_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Ask the gate again about an order on hold, as staff. The caller has checked that they may.

    :raises NotFound: there is no such order
    :raises OwnOrder: they have to do with one of its clinics
    :raises NotOnHold: it does not stand still
    :raises NotCleared: the gate still says no; the hold stays
    :raises GateMoved: it said yes, and that fell at this very moment
    """
    with unit_of_work():
        steps.locked_by_staff(order_id, actor_id=actor_id)
    _ask_again(order_id, actor_id=actor_id, at=at)


def look(*, order_id: UUID, at: datetime) -> Looked:
    """
    Look whether an order on its way still has the gate's yes: hold it if not, let it go on if it has it again.

    :raises GateMoved: the yes fell at this very moment; the job looks again
    """
    with unit_of_work():
        order = steps.locked(order_id)
        if order.state not in UNSHIPPED:
            return Looked.OVER
        held = queries.is_held(order_id)
        verdict = _answer_now(order, at)
        if verdict is None or not verdict.cleared:
            lost = held and not queries.only_waits(order_id)
            if lost or order.state is OrderState.HELD_NOT_CLEARED:
                return Looked.STILL_HELD
            against = steps.objections_in_words(verdict) if verdict else ["The gate cannot be asked about it now."]
            loss = Loss(Cause.ANSWER_TURNED, Ground(), order_id, " ".join(against))
            _hold(order, loss, None, at)
            _record(order, "held", actor_id=None, at=at, cause=loss.cause, reference=order_id)
            return Looked.HELD
        if not held and order.state is not OrderState.HELD_NOT_CLEARED:
            return Looked.STANDS
        if not _waited_out(order_id, at):
            return Looked.STILL_HELD
    decision = steps.ask_the_gate(order_id, steps.MOMENTS[order.state], at=at)
    if not decision.cleared:
        return Looked.STILL_HELD
    _lift(order_id, decision, actor_id=None, at=at)
    return Looked.LIFTED


def go_on_if_waited_out(*, order_id: UUID, at: datetime) -> None:
    """
    Let an order go on that only waited, and has waited long enough, if the gate says yes.

    A job does it by itself. Whoever needs the order now does not wait for the job.
    """
    with unit_of_work():
        ripe = queries.only_waits(order_id) and _waited_out(order_id, at)
    if ripe:
        look(order_id=order_id, at=at)


def _waited_out(order_id: UUID, at: datetime) -> bool:
    until = queries.waits_until(order_id)
    return until is None or until <= at


def _ask_again(order_id: UUID, *, actor_id: UUID, at: datetime) -> None:
    with unit_of_work():
        order = steps.locked(order_id)
        if order.state not in UNSHIPPED or not queries.is_held(order_id):
            raise NotOnHold
        _refuse_while_it_waits(order_id, at)
        moment = steps.MOMENTS[order.state]
    decision = steps.ask_the_gate(order_id, moment, at=at)
    if not decision.cleared:
        with unit_of_work():
            raise steps.not_cleared(order_id, decision.verdict, decision.id)
    _lift(order_id, decision, actor_id=actor_id, at=at)


def _refuse_while_it_waits(order_id: UUID, at: datetime) -> None:
    until = queries.waits_until(order_id)
    if until is not None and until > at:
        raise ChangeSettles(until)


def _lift(order_id: UUID, decision: eligibility.Decision, *, actor_id: UUID | None, at: datetime) -> None:
    with unit_of_work():
        if not steps.still_stands(decision):
            raise GateMoved
        order = steps.locked(order_id)
        holds = db.session.scalars(
            select(OrderHold).where(OrderHold.order_id == order_id, OrderHold.lifted_at.is_(None))
        ).all()
        if order.state not in UNSHIPPED or not (holds or order.state is OrderState.HELD_NOT_CLEARED):
            raise NotOnHold
        if any(hold.placed_at > at for hold in holds):
            raise GateMoved  # What was lost since is not what the gate was asked about.
        _refuse_while_it_waits(order_id, at)
        for hold in holds:
            hold.lifted_at, hold.lifted_by, hold.lifted_decision_id = at, actor_id, decision.id
        # The database's own guards speak now, not at the end.
        db.session.flush()
        told = steps.told_of(order)
        if order.state is OrderState.HELD_NOT_CLEARED:
            order.payment_decision_id, order.reason = decision.id, None
            cause = "the gate clears it again"
            steps.move(order, OrderEvent.CLEARED, cause=cause, actor_id=actor_id, at=at, decision=decision.id)
        steps.tell(hold_wording.lifted(told), _buying_side(order), order, at=at)
        steps.tell_seller(hold_wording.lifted(told), order, at=at)
        _record(order, "hold_lifted", actor_id=actor_id, at=at, decision=decision.id, holds=[one.id for one in holds])


def _hold_all(loss: Loss, actor_id: UUID | None, at: datetime) -> list[Order]:
    unshipped = db.session.scalars(
        select(Order)
        .where(Order.state.in_(UNSHIPPED), reach.resting_on(loss.ground))
        .order_by(Order.id)
        .execution_options(populate_existing=True)
    ).all()
    held = [order for order in unshipped if _concerns(loss, order, at) and _hold(order, loss, actor_id, at)]
    _tell_staff(loss, held, reach.transferred(loss.ground), at=at)
    return held


def _concerns(loss: Loss, order: Order, at: datetime) -> bool:
    """
    Say whether the loss stops this order.

    A safety officer is only missed where the rule asks for one, a recall only by units that nobody has let out of it.
    """
    if loss.cause is Cause.RECALL_CONFIRMED:
        serial = db.session.scalar(select(Listing.serial_normal).where(Listing.id == order.listing_id))
        return recalls.concerns(match_id=loss.reference, serial=serial)
    if loss.cause is not Cause.SAFETY_OFFICER_UNNAMED:
        return True
    verdict = _answer_now(order, at)
    return verdict is None or any(one.code is ReasonCode.SAFETY_OFFICER_NOT_NAMED for one in verdict.objections)


def _answer_now(order: Order, at: datetime) -> Verdict | None:
    """Return what the gate would say now, as at the order's own stage; None if it cannot even be asked."""
    return steps.answer_now(order, at=at, moment=steps.MOMENTS[order.state])


def _hold(order: Order, loss: Loss, actor_id: UUID | None, at: datetime) -> bool:
    """Hold a locked order and tell its sides; False if it is held for this already."""
    known = db.session.scalar(
        select(OrderHold).where(
            OrderHold.order_id == order.id,
            OrderHold.cause == loss.cause,
            OrderHold.reference == loss.reference,
            OrderHold.lifted_at.is_(None),
        )
    )
    if known is not None and (loss.until is None or known.until is None or known.until >= loss.until):
        return False
    if known is not None:
        known.until = loss.until  # Changed once more: the time to object begins anew.
    else:
        db.session.add(
            OrderHold(
                order_id=order.id,
                cause=loss.cause,
                reference=loss.reference,
                words=loss.words,
                placed_by=actor_id,
                placed_at=at,
                until=loss.until,
            )
        )
    db.session.flush()
    told = steps.told_of(order)
    if loss.until is not None:
        queue.promise("look_at_order", not_before=loss.until, order_id=str(order.id))
        to_buyer = hold_wording.waits_to_buyer(told, words=loss.words, cause=loss.cause, until=loss.until)
        steps.tell(to_buyer, _buying_side(order), order, at=at)
        steps.tell_seller(hold_wording.waits_to_seller(told, until=loss.until), order, at=at)
        return True
    to_buyer = hold_wording.held_to_buyer(told, words=loss.words, cause=loss.cause, paid=order.state in MONEY_HELD)
    steps.tell(to_buyer, _buying_side(order), order, at=at)
    steps.tell_seller(hold_wording.held_to_seller(told), order, at=at)
    return True


def _buying_side(order: Order) -> set[UUID]:
    """Return who hears of it: whoever placed the order, and those who run the clinic, should that person be lost."""
    return {order.buyer_id, *belonging.in_charge_of(order.buyer_clinic_id)}


def _tell_staff(loss: Loss, held: Sequence[Order], gone: Sequence[reach.Transfer], *, at: datetime) -> None:
    if not held and not gone:
        return
    said = {
        "words": loss.words,
        "held": [order.number for order in held],
        "gone": [f"{one.device}, serial number {one.serial}, order {one.number}" for one in gone],
        "path": reach.path_of(loss.ground),
    }
    told = [(person.email, {"name": person.name, **said}) for person in accounts.at_work(*TOLD_OF_LOSSES)]
    notifications.promise_mails(told, template="ripple", at=at)


def _record(order: Order, what: str, *, actor_id: UUID | None, at: datetime, **data: object) -> None:
    audit.record(f"order:{what}", actor_id=actor_id, subject_type="order", subject_id=order.id, at=at, **data)
