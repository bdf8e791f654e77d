"""From the promise to the payment page, and back out of it."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from .. import audit
from ..accounts import queries as accounts
from ..clinics.models import Clinic, ClinicMember, ClinicSite
from ..eligibility import service as eligibility
from ..eligibility.models import Moment
from ..eligibility.sale import Purchase
from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict, NotFound, Refused, TooMany
from ..kernel.terms import ProcedureClass
from ..links import service as links
from ..links.states import LinkPurpose
from ..listings import queries as listings
from ..listings import service as listings_service
from ..listings.models import Listing
from ..logs import log
from ..payments import service as payments
from ..payments.amounts import Rate
from ..payments.ports import GatewayError
from . import approving, belonging, offers, reserving, steps, wording
from .access import Act, Party
from .models import Order, OrderMove
from .refusals import GateMoved, NotCleared
from .states import ORDER, OrderEvent, OrderState

MOST_UNPAID = 10
"""Devices that one clinic can keep from the market at a time without having paid."""

_UNPAID = (OrderState.AWAITING_PRACTITIONER, OrderState.AWAITING_PAYMENT)


class TooManyUnpaid(TooMany):
    """The clinic keeps as many devices from the market as it may without having paid."""

    code = "too_many_unpaid"

    def __init__(self) -> None:
        super().__init__(
            f"Your clinic has {MOST_UNPAID} orders that are not paid yet.", cure="Pay or cancel one of them first."
        )


class OwnClinic(Refused):
    """The buying clinic is the selling clinic."""

    code = "own_clinic"

    def __init__(self) -> None:
        super().__init__("This device is your own clinic's.", cure="Choose another clinic or another device.")


class AlreadyYours(Conflict):
    """The person who orders the device has ordered it before, and that order stands."""

    code = "already_yours"

    def __init__(self, order_id: UUID) -> None:
        super().__init__(
            "You have ordered this device already, and that order stands.",
            cure="Look at it among your purchases.",
        )
        self.order_id = order_id


def place(
    *,
    buyer_id: UUID,
    clinic_id: UUID,
    site_id: UUID,
    operator_id: UUID,
    listing_id: UUID,
    declared_uses: Collection[ProcedureClass],
    restriction_signed: bool,
    form_key: UUID,
    rate: Rate,
    at: datetime,
    left_out: Collection[UUID] = (),
) -> UUID:
    """
    Promise the device to the buyer for 72 hours, if the gate says yes. The same form sent again finds the same order.

    It has the price that was agreed with the buyer for the whole device, where one stands, else the asked one.
    `left_out` are handpieces that the buyer does not buy: the gate judges the rest, and they stay with the seller.

    :raises NotFound: there is no such listing, or clinic, site or operator are not within the buyer's reach
    :raises Invalid: what is left out is not the device's, or is all of it
    :raises OwnClinic: the device is the buying clinic's own
    :raises TooManyUnpaid: the clinic keeps too many devices from the market
    :raises marketplace.orders.approving.NobodyApproves: above the clinic's limit, and nobody else runs the clinic
    :raises NotCleared: the gate said no
    :raises GateMoved: it said yes, and that no longer stood when the order was written
    :raises marketplace.orders.reserving.KeptForAnother: the seller waits for somebody else
    :raises AlreadyYours: the buyer has it already
    :raises marketplace.listings.service.ListingTaken: somebody else was first, or it is not for sale
    """
    with unit_of_work():
        known = _by_form(form_key, buyer_id)
        if known is not None:
            return known
        listing = _for_sale(listing_id)
        reserving.refuse_others(listing_id, buyer_id, at=at)
        state_code = _check_reach(buyer_id=buyer_id, clinic_id=clinic_id, site_id=site_id, operator_id=operator_id)
        if listing.clinic_id == clinic_id:
            raise OwnClinic
        _refuse_too_many(clinic_id)
        sale = listings.sale_of(listing_id).without(left_out)
    purchase = Purchase(
        buyer_id=buyer_id,
        clinic_id=clinic_id,
        site_id=site_id,
        operator_id=operator_id,
        declared_uses=frozenset(declared_uses),
        restriction_signed=restriction_signed,
    )
    decision = eligibility.assess(moment=Moment.ORDER, sale=sale, purchase=purchase, at=at)
    # The answer is kept before we act on it, so that a no outlives the rollback.
    if not decision.cleared:
        raise NotCleared(
            decision.verdict,
            state_code=state_code,
            clinic_id=clinic_id,
            listing_id=listing_id,
            decision_id=decision.id,
        )
    try:
        with unit_of_work():
            return _promise(
                purchase, decision, listing_id=listing_id, left_out=left_out, form_key=form_key, rate=rate, at=at
            )
    except listings_service.ListingTaken:
        # It may be this very form, sent twice at the same instant, or the same person in another tab.
        with unit_of_work():
            known = _by_form(form_key, buyer_id)
            if known is not None:
                return known
            theirs = _standing_order(listing_id, buyer_id)
        if theirs is not None:
            raise AlreadyYours(theirs) from None
        raise


def cancel(*, order_id: UUID, actor_id: UUID, live: bool, at: datetime) -> None:
    """
    Take the order back before money is on its way; the device returns to the market.

    :raises NotFound: there is no such order, or it is not theirs to know of
    :raises NotYourAct: only the buyer or the seller can
    :raises IllegalMove: it is too late for that
    :raises PaymentUnderWay: money is on its way or here
    :raises GatewayError: the payment page could not be closed; the order stands
    """
    steps.check(order_id, Act.CANCEL, actor_id=actor_id)
    payments.close_checkout(order_id=order_id, live=live, at=at)
    with unit_of_work():
        order = steps.locked_for(order_id, Act.CANCEL, actor_id=actor_id)
        by_buyer = Party.BUYER in belonging.parties_of(order, actor_id)
        reason = f"The {'buyer' if by_buyer else 'seller'} cancelled the order before it was paid."
        _end(order, OrderEvent.CANCELLED, reason=reason, actor_id=actor_id, at=at)
        tell_other = steps.tell_seller if by_buyer else steps.tell_buyer
        tell_other(wording.ended(steps.told_of(order), reason=reason), order, at=at)


def lapse_expired(*, live: bool, at: datetime) -> int:
    """Let go of every unpaid order whose time is over; return how many devices are free again."""
    with unit_of_work():
        over = list(
            db.session.scalars(
                select(Order.id)
                .where(
                    Order.state.in_(_UNPAID),
                    Order.expires_at <= at,
                )
                .order_by(Order.expires_at)
            )
        )
    return sum(_lapse(order_id, live=live, at=at) for order_id in over)


def _lapse(order_id: UUID, *, live: bool, at: datetime) -> bool:
    try:
        with unit_of_work():
            if not _is_over(steps.locked(order_id), at=at):
                return False
        payments.close_checkout(order_id=order_id, live=live, at=at)
        with unit_of_work():
            order = steps.locked(order_id)
            if not _is_over(order, at=at):
                return False
            reason = "The order was not paid within 72 hours."
            _end(order, OrderEvent.LAPSED, reason=reason, actor_id=None, at=at)
            news = wording.ended(steps.told_of(order), reason=reason)
            steps.tell_buyer(news, order, at=at)
            steps.tell_seller(news, order, at=at)
    except (Conflict, GatewayError) as trouble:
        # Money is on its way after all, or the provider does not answer: the next round sees.
        log.info("order_not_lapsed", order_id=str(order_id), reason=str(trouble))
        return False
    return True


def _is_over(order: Order, *, at: datetime) -> bool:
    """Say of a locked order whether it lapses now: it may be paid by now, or a failed transfer gave it time."""
    return ORDER.allows(order.state, OrderEvent.LAPSED) and order.expires_at <= at


def _end(order: Order, event: OrderEvent, *, reason: str, actor_id: UUID | None, at: datetime) -> None:
    # Under the order's lock: a page that was opened since keeps the order alive.
    payments.require_none_active(order.id)
    links.withdraw_all(purpose=LinkPurpose.SIGN_ORDER, subject_id=order.id, actor_id=actor_id, at=at)
    listings_service.release(listing_id=order.listing_id, actor_id=actor_id, at=at)
    order.reason = reason
    steps.move(order, event, cause=reason, actor_id=actor_id, at=at)


def _promise(
    purchase: Purchase,
    decision: eligibility.Decision,
    *,
    listing_id: UUID,
    left_out: Collection[UUID],
    form_key: UUID,
    rate: Rate,
    at: datetime,
) -> UUID:
    # Before every other lock: two orders of one clinic at once are counted one after the other.
    db.session.execute(select(func.pg_advisory_xact_lock(purchase.clinic_id.int % 2**63)))
    _refuse_too_many(purchase.clinic_id)
    if not steps.still_stands(decision):
        log.warning("gate_moved", listing_id=str(listing_id), decision_id=str(decision.id))
        raise GateMoved
    unit = listings_service.reserve(listing_id=listing_id, actor_id=purchase.buyer_id, left_out=left_out, at=at)
    agreed = None
    if not left_out:
        agreed = offers.agreed(listing_id=listing_id, buyer_id=purchase.buyer_id, clinic_id=purchase.clinic_id, at=at)
    if agreed and agreed.price >= unit.price:
        agreed = None  # Its seller asks less by now.
    price = agreed.price if agreed else unit.price
    limit = approving.limit_above(purchase.clinic_id, purchase.buyer_id, price, at=at)
    # Once more under the listing's lock: a seller who promised to wait until now did it under the same.
    reserving.refuse_others(listing_id, purchase.buyer_id, at=at)
    reserving.use_up(listing_id, purchase.buyer_id, at=at)
    restriction = decision.verdict.restriction
    order = Order(
        form_key=form_key,
        listing_id=listing_id,
        seller_clinic_id=unit.clinic_id,
        buyer_id=purchase.buyer_id,
        buyer_clinic_id=purchase.clinic_id,
        site_id=purchase.site_id,
        operator_id=purchase.operator_id,
        declared_uses=sorted(purchase.declared_uses),
        left_out=sorted(set(left_out)),
        use_restriction=restriction.sentence if restriction is not None else None,
        price_minor=price.minor,
        currency=price.currency,
        offer_id=agreed.offer_id if agreed else None,
        fee_bps=rate.bps,
        fee_least_minor=rate.least.minor,
        fee_minor=rate.fee_of(price).minor,
        decision_id=decision.id,
        report_id=unit.report_id,
        approval_limit_minor=limit.minor if limit is not None else None,
        placed_at=at,
        expires_at=at + wording.ORDER_STANDS,
    )
    db.session.add(order)
    db.session.flush()
    cause = "the buyer placed the order"
    db.session.add(OrderMove(order_id=order.id, state=order.state, actor_id=order.buyer_id, cause=cause, at=at))
    audit.record(
        "order:placed",
        actor_id=order.buyer_id,
        subject_type="order",
        subject_id=order.id,
        at=at,
        listing=listing_id,
        decision=decision.id,
        price_minor=price.minor,
    )
    told = steps.told_of(order)
    steps.tell_seller(wording.placed_to_seller(told), order, at=at)
    buyer = accounts.person(order.buyer_id).name
    steps.tell(
        wording.placed_to_practitioner(told, buyer=buyer),
        belonging.practitioners_of(order.buyer_clinic_id),
        order,
        at=at,
        page="/confirm",
    )
    return order.id


def _refuse_too_many(clinic_id: UUID) -> None:
    unpaid = select(func.count()).where(Order.buyer_clinic_id == clinic_id, Order.state.in_(_UNPAID))
    if (db.session.scalar(unpaid) or 0) >= MOST_UNPAID:
        raise TooManyUnpaid


def _by_form(form_key: UUID, buyer_id: UUID) -> UUID | None:
    row = db.session.execute(select(Order.id, Order.buyer_id).where(Order.form_key == form_key)).one_or_none()
    if row is None:
        return None
    if row.buyer_id != buyer_id:
        raise NotFound("This form is not yours. Open the device's page and start again.")
    return UUID(str(row.id))


def _standing_order(listing_id: UUID, buyer_id: UUID) -> UUID | None:
    return db.session.scalar(
        select(Order.id).where(
            Order.listing_id == listing_id,
            Order.buyer_id == buyer_id,
            Order.state.not_in((OrderState.CANCELLED, OrderState.LAPSED, OrderState.REFUNDED)),
        )
    )


def _for_sale(listing_id: UUID) -> Listing:
    listing = db.session.get(Listing, listing_id)
    if listing is None or listing.published_at is None:
        raise NotFound("There is no such device on the market.")
    return listing


def _check_reach(*, buyer_id: UUID, clinic_id: UUID, site_id: UUID, operator_id: UUID) -> str:
    """Return the state of the place of use, if clinic, site and operator belong together and to the buyer."""
    state = db.session.scalar(
        select(ClinicSite.state)
        .join(Clinic, Clinic.id == ClinicSite.clinic_id)
        .where(ClinicSite.id == site_id, Clinic.id == clinic_id, ClinicSite.closed_at.is_(None))
    )
    members = set(
        db.session.scalars(
            select(ClinicMember.user_id).where(
                ClinicMember.clinic_id == clinic_id,
                ClinicMember.left_at.is_(None),
                ClinicMember.user_id.in_((buyer_id, operator_id)),
            )
        )
    )
    if state is None or buyer_id not in members:
        raise NotFound("This clinic or site is not one of yours.")
    if operator_id not in members:
        raise NotFound("This operator does not belong to your clinic.")
    return state
