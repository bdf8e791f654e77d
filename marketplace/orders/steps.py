"""What every use-case of the room is built of: lock an order, ask the gate about it, move it, tell its sides."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from .. import audit
from ..accounts import queries as accounts
from ..accounts.models import User
from ..catalog.models import DeviceModel, Maker
from ..clinics.models import Clinic, ClinicSite
from ..credentials.models import Credential
from ..eligibility import publishing
from ..eligibility import service as eligibility
from ..eligibility.models import Moment
from ..eligibility.sale import Purchase, Sale
from ..eligibility.verdict import Verdict
from ..extensions import db, unit_of_work
from ..kernel.errors import NotFound
from ..kernel.money import Money
from ..kernel.terms import ProcedureClass
from ..listings import queries as listings
from ..listings.models import Listing
from ..notifications import service as notifications
from . import belonging, queries, wording
from .access import Act, event_of, may, stopped_by_a_hold
from .models import Order, OrderMove
from .refusals import ChangeSettles, NotApproved, NotCleared, NotYourAct, OrderOnHold, OwnOrder
from .states import ORDER, STOPPED_BY_A_HOLD, OrderEvent, OrderState
from .wording import News, Told

MOMENTS = {
    OrderState.AWAITING_PRACTITIONER: Moment.ORDER,
    OrderState.AWAITING_PAYMENT: Moment.PAYMENT_START,
    OrderState.PAYMENT_PROCESSING: Moment.PAYMENT_START,
    OrderState.HELD_NOT_CLEARED: Moment.PAYMENT_RECEIVED,
    OrderState.FUNDS_HELD: Moment.SHIP_RELEASE,
    OrderState.RELEASED_TO_SHIP: Moment.SHIP_RELEASE,
}
"""The moment at which the gate is asked about an order that has not left yet."""


def locked(order_id: UUID) -> Order:
    """
    Return the order as it is now, locked until the transaction ends.

    :raises NotFound: there is none
    """
    # Its key stays, so whoever books money of the order need not wait for us while we wait for its payment.
    order = db.session.scalars(
        select(Order)
        .where(Order.id == order_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one_or_none()
    if order is None:
        raise NotFound("There is no such order, or it is not yours to see.")
    return order


def locked_by_staff(order_id: UUID, *, actor_id: UUID) -> Order:
    """
    Return the order, locked, to a member of staff who has nothing to do with either side of it.

    :raises NotFound: there is none
    :raises OwnOrder: they belong, or belonged, to the buying or the selling clinic
    """
    order = locked(order_id)
    if belonging.is_own(order_id, user_id=actor_id):
        raise OwnOrder
    return order


def locked_for(order_id: UUID, act: Act, *, actor_id: UUID) -> Order:
    """
    Return the order, locked, if the act is this person's and its time is now.

    :raises NotFound: there is no such order, or it is not theirs to know of
    :raises NotYourAct: it is for another to do
    :raises IllegalMove: not while the order is where it is
    :raises OrderOnHold: not while a hold is open
    :raises NotApproved: it cannot be paid before a second person of the clinic has approved it
    """
    order = locked_among(order_id, act, actor_id=actor_id)
    ORDER.after(order.state, event_of(act))
    if stopped_by_a_hold(act) and queries.is_held(order_id):
        raise on_hold(order_id)
    if act is Act.PAY and order.awaits_approval:
        raise NotApproved
    return order


def on_hold(order_id: UUID) -> OrderOnHold:
    """Return the refusal for an order that stands still: until when, if it is only to be waited out."""
    until = queries.waits_until(order_id)
    return ChangeSettles(until) if until is not None and queries.only_waits(order_id) else OrderOnHold()


def locked_among(order_id: UUID, act: Act, *, actor_id: UUID) -> Order:
    """
    Return the order, locked, if the act is this person's, whenever its time is.

    :raises NotFound: there is no such order, or it is not theirs to know of
    :raises NotYourAct: it is for another to do
    """
    order = locked(order_id)
    parties = belonging.parties_of(order, actor_id)
    if not parties:
        raise NotFound("There is no such order, or it is not yours to see.")
    if not may(act, parties):
        raise NotYourAct(act)
    return order


def check(order_id: UUID, act: Act, *, actor_id: UUID) -> None:
    """
    Refuse now what would be refused later anyway, before the gate or the payment provider is asked.

    :raises NotFound: there is no such order, or it is not theirs to know of
    :raises NotYourAct: it is for another to do
    :raises IllegalMove: not while the order is where it is
    """
    with unit_of_work():
        locked_for(order_id, act, actor_id=actor_id)


def ask_the_gate(order_id: UUID, moment: Moment, *, at: datetime) -> eligibility.Decision:
    """
    Ask the gate about an order and keep its answer.

    :raises NotFound: the site has been closed
    """
    with unit_of_work():
        order = locked(order_id)
        sale, purchase = sale_of(order), purchase_of(order)
    return eligibility.assess(moment=moment, sale=sale, purchase=purchase, at=at)


def clearance_now(order_id: UUID, *, at: datetime) -> Verdict | None:
    """
    Return what the gate would say about the order now; nothing is kept. None: its site is closed, or no rules hold.

    :raises NotFound: there is no such order
    """
    with unit_of_work():
        return answer_now(locked(order_id), at=at)


def answer_now(order: Order, *, at: datetime, moment: Moment | None = None) -> Verdict | None:
    """Return what the gate would say of a locked order now, at `moment` if one is given; None if it cannot be asked."""
    try:
        return eligibility.preview(sale=sale_of(order), purchase=purchase_of(order), at=at, moment=moment)
    except (NotFound, publishing.NoPolicy):
        return None


def still_stands(decision: eligibility.Decision) -> bool:
    """
    Say whether all that a yes rests on still stands, and keep it so until the transaction ends.

    Clinics, accounts and credentials: whoever wants to take one of them away waits, and then sees what we wrote. Called
    before anything else is locked: clinics, people, credentials, models, devices, orders, payments, audit trail is
    everybody's order.
    """
    return bool(db.session.scalar(select(func.decision_stands(decision.id))))


def keep_as_they_are(order_id: UUID, person_id: UUID) -> None:
    """Keep a person, their credentials and the buying clinic as they are until the transaction ends; see above."""
    clinic_id = select(Order.buyer_clinic_id).where(Order.id == order_id).scalar_subquery()
    for kept in (
        select(Clinic.id).where(Clinic.id == clinic_id),
        select(User.id).where(User.id == person_id),
        select(Credential.id).where(Credential.holder_id == person_id).order_by(Credential.id),
    ):
        db.session.execute(kept.with_for_update(read=True))


def sale_of(order: Order) -> Sale:
    """Return what is sold, in its configuration: the unit without what the buyer left out."""
    return configured(listings.sale_of(order.listing_id), order)


def configured(unit: Sale, order: Order) -> Sale:
    """Return the ordered unit as it is sold: without what the buyer left out."""
    return unit.without(order.left_out)


def purchase_of(order: Order) -> Purchase:
    """Return the order as the gate asks about it."""
    return Purchase(
        buyer_id=order.buyer_id,
        clinic_id=order.buyer_clinic_id,
        site_id=order.site_id,
        operator_id=order.operator_id,
        declared_uses=frozenset(ProcedureClass(use) for use in order.declared_uses),
        restriction_signed=order.use_restriction is not None,
        practitioner_id=order.practitioner_id,
        confirmed_at=order.practitioner_confirmed_at,
        statements=frozenset(order.practitioner_statements),
    )


def state_code_of(order_id: UUID) -> str:
    """Return the state of the order's place of use."""
    return db.session.scalars(
        select(ClinicSite.state).join(Order, Order.site_id == ClinicSite.id).where(Order.id == order_id)
    ).one()


def not_cleared(order_id: UUID, verdict: Verdict, decision_id: UUID | None = None) -> NotCleared:
    """Return the refusal for whoever may know the reasons."""
    order = db.session.get_one(Order, order_id)
    return NotCleared(
        verdict,
        state_code=state_code_of(order_id),
        clinic_id=order.buyer_clinic_id,
        listing_id=order.listing_id,
        order_id=order_id,
        decision_id=decision_id,
    )


def move(order: Order, event: OrderEvent, *, cause: str, actor_id: UUID | None, at: datetime, **data: object) -> None:
    """
    Move a locked order, leaving a row and an event of the audit trail. The one writer of `state`.

    :raises IllegalMove: the table does not allow it
    :raises OrderOnHold: a hold is open, and the event would bring the device nearer to the buyer
    """
    before = order.state
    after = ORDER.after(before, event)
    if event in STOPPED_BY_A_HOLD and queries.is_held(order.id):
        raise on_hold(order.id)
    order.state = after
    db.session.add(OrderMove(order_id=order.id, event=event, state=order.state, actor_id=actor_id, cause=cause, at=at))
    # The database's own guards speak now, not at the end.
    db.session.flush()
    audit.record(
        f"order:{event}",
        actor_id=actor_id,
        subject_type="order",
        subject_id=order.id,
        at=at,
        before=before,
        cause=cause,
        **data,
    )


def told_of(order: Order) -> Told:
    """Return what messages about the order speak of."""
    title = db.session.scalars(select(Listing.title).where(Listing.id == order.listing_id)).one()
    return Told(
        number=order.number,
        device=title,
        price=Money(order.price_minor, order.currency),
        left_out=queries.left_out_of(order),
        restriction=order.use_restriction,
    )


def tell(news: News, people: Iterable[UUID], order: Order, *, at: datetime, page: str = "") -> None:
    """Promise the message to each of the people; its link leads to the order, or to its `page`."""
    terms = wording.terms_of(told_of(order))
    for person in accounts.people(people).values():
        notifications.promise_mail(
            to=person.email,
            template="order_news",
            context={
                "name": person.name,
                "subject": news.subject,
                "lines": [*news.lines, *terms],
                "action": news.action,
                "path": f"/orders/{order.id}{page}",
                "number": order.number,
            },
            at=at,
        )


def tell_buyer(news: News, order: Order, *, at: datetime, page: str = "") -> None:
    """Promise the message to whoever placed the order; once they are gone, to those who run the clinic."""
    gone = belonging.buyer_is_gone(order.id)
    told = belonging.in_charge_of(order.buyer_clinic_id) if gone else [order.buyer_id]
    tell(news, told, order, at=at, page=page)


def tell_seller(news: News, order: Order, *, at: datetime) -> None:
    """Promise the message to the seller's owners and managers."""
    tell(news, belonging.in_charge_of(order.seller_clinic_id), order, at=at)


def objections_in_words(verdict: Verdict) -> Sequence[str]:
    """Return each objection with its first cure, as a mail says it."""
    return [
        " ".join([objection.sentence, *(cure.sentence for cure in objection.cures[:1])])
        for objection in verdict.objections
    ]


def unit_of(order: Order) -> Any:
    """Return maker, model and serial number of the ordered unit, with clinic and site, for the practitioner's hand."""
    return db.session.execute(
        select(
            Maker.name.label("maker"),
            DeviceModel.name.label("model"),
            Listing.serial,
            Clinic.name.label("clinic"),
            ClinicSite.name.label("site"),
            ClinicSite.city,
            ClinicSite.state,
        )
        .select_from(Listing)
        .join(DeviceModel, DeviceModel.id == Listing.model_id)
        .join(Maker, Maker.id == DeviceModel.maker_id)
        .join(Clinic, Clinic.id == order.buyer_clinic_id)
        .join(ClinicSite, ClinicSite.id == order.site_id)
        .where(Listing.id == order.listing_id)
    ).one()
