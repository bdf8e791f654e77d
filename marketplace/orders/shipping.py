"""The device on its way: it leaves only on a fresh yes of the gate, and the money follows its acceptance."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from ..clinics.models import ClinicSite
from ..eligibility.models import Moment
from ..eligibility.service import Decision
from ..extensions import db, unit_of_work
from ..kernel.errors import Invalid, Refused
from ..payments import queries as payment_queries
from ..payments import service as payments
from . import freeing, hold_wording, holding, receiving, steps, wording
from .access import Act
from .models import Order
from .receiving import Signer
from .refusals import BuyerNotCleared, ChangeSettles
from .states import ORDER, OrderEvent


class PaymentUnderReview(Refused):
    """The payment stands still until somebody at Second Light has looked at it."""

    code = "payment_under_review"
    cure = "Keep the device. We are looking at the payment, and write to you."

    def __init__(self) -> None:
        super().__init__("The payment for this order is under review.")


def release_to_ship(*, order_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Ask, as the seller, whether the device may leave: the gate answers afresh, and the payment must stand.

    :raises NotFound: there is no such order, or it is not theirs to know of
    :raises NotYourAct: only the seller asks
    :raises IllegalMove: it is not paid for, or has left
    :raises OrderOnHold: something that the sale rests on was lost
    :raises marketplace.orders.freeing.LienRests: a lien rests on the unit, and its release was not found good yet
    :raises PaymentUnderReview: the payment stands still
    :raises BuyerNotCleared: the gate said no; the buyer is told why
    """
    decision = _fresh_yes(order_id, Act.RELEASE_TO_SHIP, actor_id=actor_id, at=at)
    with unit_of_work():
        if not steps.still_stands(decision):
            raise BuyerNotCleared
        order = steps.locked_for(order_id, Act.RELEASE_TO_SHIP, actor_id=actor_id)
        freeing.refuse_while_it_rests(order_id)  # Somebody may have found a filing since the gate was asked.
        order.release_decision_id = decision.id
        steps.move(
            order,
            OrderEvent.SHIP_RELEASED,
            cause="the gate was asked again and said yes",
            actor_id=actor_id,
            at=at,
            decision=decision.id,
        )


def dispatch(*, order_id: UUID, actor_id: UUID, carrier: str, tracking: str, at: datetime) -> None:
    """
    Send the device off. The gate is asked once more: days may have passed since the release.

    :raises NotFound: there is no such order, or it is not theirs to know of
    :raises NotYourAct: only the seller dispatches
    :raises IllegalMove: it is not released, or has left
    :raises OrderOnHold: something that the sale rests on was lost
    :raises marketplace.orders.freeing.LienRests: a filing was found on the unit since it was released
    :raises PaymentUnderReview: the payment stands still
    :raises BuyerNotCleared: the gate said no; the device stays where it is
    :raises Invalid: carrier or tracking number is missing
    """
    for field, text in (("carrier", carrier), ("tracking", tracking)):
        if not text.strip():
            raise Invalid("Please say who carries it, and under which tracking number.", field=field)
    decision = _fresh_yes(order_id, Act.DISPATCH, actor_id=actor_id, at=at)
    with unit_of_work():
        if not steps.still_stands(decision):
            raise BuyerNotCleared
        order = steps.locked_for(order_id, Act.DISPATCH, actor_id=actor_id)
        freeing.refuse_while_it_rests(order_id)  # Somebody may have found a filing since the gate was asked.
        order.release_decision_id = decision.id
        order.carrier, order.tracking, order.dispatched_at = carrier.strip(), tracking.strip(), at
        steps.move(
            order,
            OrderEvent.DISPATCHED,
            cause=f"sent with {order.carrier}",
            actor_id=actor_id,
            at=at,
            decision=decision.id,
        )
        news = wording.dispatched_to_buyer(steps.told_of(order), carrier=order.carrier, tracking=order.tracking)
        steps.tell_buyer(news, order, at=at)


def report_arrival(*, order_id: UUID, actor_id: UUID, signer: Signer, at: datetime) -> None:
    """
    Say, as the buyer, that the device has arrived, and who signed for it; the inspection begins.

    :raises NotFound: there is no such order, or it is not theirs to know of
    :raises NotYourAct: only the buyer reports it
    :raises IllegalMove: it is not on its way
    :raises Invalid: it does not say who signed
    """
    with unit_of_work():
        order = steps.locked_for(order_id, Act.REPORT_ARRIVAL, actor_id=actor_id)
        receipt = receiving.receive(order, signer, told_by=actor_id, attested=False, at=at)
        cause = f"the buyer reported its arrival; {receipt.signed_by} signed for it"
        _arrive(order, cause=cause, actor_id=actor_id, at=at)


def arrival_by_finance(*, order_id: UUID, actor_id: UUID, signer: Signer, at: datetime) -> None:
    """
    Note, as staff, an arrival that the carrier attests, and who signed. The caller has checked that they may.

    :raises NotFound: there is no such order
    :raises OwnOrder: they have to do with one of its clinics
    :raises IllegalMove: it is not on its way
    :raises Invalid: it does not say who signed
    """
    with unit_of_work():
        order = steps.locked_by_staff(order_id, actor_id=actor_id)
        ORDER.after(order.state, OrderEvent.DELIVERED)
        receipt = receiving.receive(order, signer, told_by=actor_id, attested=True, at=at)
        cause = f"the carrier attests its arrival; {receipt.signed_by} signed for it"
        _arrive(order, cause=cause, actor_id=actor_id, at=at)


def accept(*, order_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Accept the device as the buyer: the seller's money is asked for in the same transaction.

    :raises NotFound: there is no such order, or it is not theirs to know of
    :raises NotYourAct: only the buyer accepts
    :raises IllegalMove: it has not arrived, or is accepted already
    :raises MoneyNotHere: the money is not with us
    """
    with unit_of_work():
        order = steps.locked_for(order_id, Act.ACCEPT, actor_id=actor_id)
        payments.request_release(order_id=order_id, at=at)
        payment = payment_queries.payment_of(order_id)
        assert payment is not None, "what is released was paid"
        order.accepted_at = at
        steps.move(order, OrderEvent.ACCEPTED, cause="the buyer accepted it", actor_id=actor_id, at=at)
        steps.tell_seller(wording.accepted_to_seller(steps.told_of(order), payout=payment.payout), order, at=at)


def _arrive(order: Order, *, cause: str, actor_id: UUID, at: datetime) -> None:
    zone = db.session.scalars(select(ClinicSite.time_zone).where(ClinicSite.id == order.site_id)).one()
    order.delivered_at = at
    order.inspection_ends_at = wording.inspection_end(at, zone)
    steps.move(order, OrderEvent.DELIVERED, cause=cause, actor_id=actor_id, at=at)
    steps.tell_seller(wording.arrived_to_seller(steps.told_of(order)), order, at=at)


def _fresh_yes(order_id: UUID, act: Act, *, actor_id: UUID, at: datetime) -> Decision:
    try:
        steps.check(order_id, act, actor_id=actor_id)
    except ChangeSettles:
        holding.go_on_if_waited_out(order_id=order_id, at=at)
        steps.check(order_id, act, actor_id=actor_id)
    with unit_of_work():
        freeing.refuse_while_it_rests(order_id)
        payment = payment_queries.payment_of(order_id)
    if payment is None or payment.frozen_reason is not None:
        raise PaymentUnderReview
    decision = steps.ask_the_gate(order_id, Moment.SHIP_RELEASE, at=at)
    if not decision.cleared:
        with unit_of_work():
            order = steps.locked(order_id)
            against = steps.objections_in_words(decision.verdict)
            news = hold_wording.not_cleared_to_buyer(steps.told_of(order), against=against, paid=True)
            steps.tell_buyer(news, order, at=at)
        raise BuyerNotCleared
    return decision
