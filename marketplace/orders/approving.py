"""Above a limit of the buying clinic one person alone does not buy: a second one approves before it can be paid."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import case, select

from .. import audit
from ..accounts import queries as accounts
from ..clinics.models import Clinic
from ..eligibility.models import Moment
from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict, Refused
from ..kernel.money import Money
from . import belonging, queries, steps, wording
from .access import Act
from .confirming import OrderExpired
from .models import Order
from .refusals import GateMoved, OrderOnHold
from .states import ORDER, OrderEvent


class NobodyApproves(Refused):
    """The price lies above the clinic's limit, and whoever orders is the only one who runs the clinic."""

    code = "nobody_approves"

    def __init__(self, limit: Money) -> None:
        super().__init__(
            f"Above {limit} a second person of your clinic approves a purchase, and nobody else runs it.",
            cure="Make somebody else an owner or manager of the clinic, or have an owner change the limit.",
        )


class NothingToApprove(Conflict):
    """The order lies below the limit of its clinic, or somebody has approved it already."""

    code = "nothing_to_approve"

    def __init__(self) -> None:
        super().__init__("Nobody has to approve this order, or somebody has.", cure="Look at the order.")


def limit_above(clinic_id: UUID, buyer_id: UUID, price: Money, *, at: datetime) -> Money | None:
    """
    Return the limit of the clinic that the price lies above, None where it lies above none; a step.

    :raises NobodyApproves: nobody but the buyer runs the clinic
    """
    # A higher one counts from its day on, whether or not anybody has written it down since.
    counts = case(
        (Clinic.purchase_limit_then_at <= at, Clinic.purchase_limit_then_minor), else_=Clinic.purchase_limit_minor
    )
    minor = db.session.scalar(select(counts).where(Clinic.id == clinic_id))
    if minor is None or price.minor <= minor:
        return None
    limit = Money(minor, price.currency)
    if set(belonging.in_charge_of(clinic_id)) <= {buyer_id}:
        raise NobodyApproves(limit)
    return limit


def approve(*, order_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Approve, as the second person of the clinic, that the order be paid. The gate is asked again.

    :raises NotFound: there is no such order, or it is not theirs to know of
    :raises NotYourAct: they placed it themselves, or do not run the buying clinic
    :raises IllegalMove: its practitioner has yet to sign, or it is paid or has ended
    :raises NothingToApprove: nobody has to, or somebody has
    :raises OrderOnHold: something it rests on was lost
    :raises OrderExpired: its 72 hours are over
    :raises NotCleared: the gate said no
    :raises GateMoved: it said yes, and that no longer stood when the approval was written
    """
    with unit_of_work():
        _to_approve(order_id, actor_id=actor_id, at=at)
    decision = steps.ask_the_gate(order_id, Moment.PAYMENT_START, at=at)
    if not decision.cleared:
        raise steps.not_cleared(order_id, decision.verdict, decision.id)
    with unit_of_work():
        # It keeps the clinic as it is, too: nobody is approving here who is being shown the door meanwhile.
        if not steps.still_stands(decision):
            raise GateMoved
        order = _to_approve(order_id, actor_id=actor_id, at=at)
        order.approved_by, order.approved_at, order.approval_decision_id = actor_id, at, decision.id
        db.session.flush()
        audit.record(
            "order:approved",
            actor_id=actor_id,
            subject_type="order",
            subject_id=order_id,
            at=at,
            limit_minor=order.approval_limit_minor,
            price_minor=order.price_minor,
            decision=decision.id,
        )
        by = accounts.person(actor_id).name
        steps.tell_buyer(wording.approved_to_buyer(steps.told_of(order), by=by), order, at=at)


def _to_approve(order_id: UUID, *, actor_id: UUID, at: datetime) -> Order:
    order = steps.locked_among(order_id, Act.APPROVE, actor_id=actor_id)
    ORDER.after(order.state, OrderEvent.PAYMENT_STARTED)
    if not order.awaits_approval:
        raise NothingToApprove
    if queries.is_held(order_id):
        raise OrderOnHold
    if at >= order.expires_at:
        raise OrderExpired
    return order
