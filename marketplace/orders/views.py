"""One order whole, as one person may see it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, or_, select, true
from sqlalchemy.orm import aliased

from ..accounts.models import User
from ..catalog.models import DeviceModel, Maker
from ..clinics.models import Clinic, ClinicSite
from ..eligibility import receipts
from ..eligibility.models import EligibilityDecision, Moment
from ..extensions import db
from ..kernel.errors import NotFound
from ..kernel.money import Money
from ..kernel.terms import ProcedureClass
from ..listings.models import COVER, Listing
from ..ripple import Cause
from .access import Act, Party, acts_of, may, may_know_the_buyer, may_know_the_serial
from .belonging import in_charge_of, parties_of
from .handovers import DeliveryReceipt
from .models import Order, OrderHold, OrderMove
from .queries import left_out_of
from .states import CURABLE, ORDER, PARTLY_REFUNDABLE, UNSHIPPED, OrderEvent, OrderState
from .wording import CURE_PERIOD


@dataclass(frozen=True, slots=True)
class BuyerView:
    """The buying side, as far as whoever looks may know it."""

    buyer_name: str
    clinic_id: UUID
    clinic_name: str
    site_id: UUID
    site_name: str
    street: str
    city: str
    postal_code: str
    operator_name: str
    practitioner_name: str | None


@dataclass(frozen=True, slots=True)
class MoveView:
    """One thing that happened to an order."""

    event: OrderEvent | None
    state: OrderState
    actor_name: str | None
    cause: str
    at: datetime


PAYING = frozenset({OrderEvent.PAID, OrderEvent.PAID_NOT_CLEARED})
"""What an order makes of its money's arrival."""


@dataclass(frozen=True, slots=True)
class DecisionView:
    """One kept answer of the gate about this order."""

    id: UUID
    moment: Moment
    cleared: bool
    at: datetime
    valid_until: datetime | None
    code: str | None


@dataclass(frozen=True, slots=True)
class HoldView:
    """One reason for which an order stands still or did; `words` are None where they are not this person's to read."""

    cause: Cause
    words: str | None
    placed_at: datetime
    until: datetime | None
    lifted_at: datetime | None
    lifted_by: str | None

    @property
    def is_open(self) -> bool:
        """Say whether it still holds."""
        return self.lifted_at is None


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """The limit of the buying clinic that the price lies above, and who of the clinic approved it, if somebody has."""

    limit: Money
    by: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True)
class OrderView:
    """
    One order as one person may see it.

    `buyer` and `serial` are None where they are not (yet) this person's to know. `state_code` is of the place of use;
    `cover` is the stem of the files of the unit's first photo, `signed_by` who took the device.
    """

    id: UUID
    number: int
    state: OrderState
    reason: str | None
    listing_id: UUID
    title: str
    cover: str | None
    maker: str
    model: str
    year: int | None
    serial: str | None
    price: Money
    fee: Money
    seller_clinic_id: UUID
    seller_name: str
    buyer: BuyerView | None
    state_code: str
    time_zone: str
    declared_uses: tuple[ProcedureClass, ...]
    left_out: tuple[str, ...]
    use_restriction: str | None
    statement: str | None
    report_id: UUID | None
    approval: ApprovalView | None
    placed_at: datetime
    expires_at: datetime
    carrier: str | None
    tracking: str | None
    signed_by: str | None
    inspection_ends_at: datetime | None
    parties: frozenset[Party]
    acts: tuple[Act, ...]
    moves: tuple[MoveView, ...]
    decisions: tuple[DecisionView, ...]
    holds: tuple[HoldView, ...]

    @property
    def held(self) -> bool:
        """Say whether it stands still although its device could still be held back."""
        return self.state in UNSHIPPED and any(hold.is_open for hold in self.holds)

    @property
    def awaits_approval(self) -> bool:
        """Say whether a second person of the buying clinic has yet to approve it; the seller is not told."""
        return self.approval is not None and self.approval.at is None

    @property
    def cure_ends_at(self) -> datetime | None:
        """Return when the payment goes back if what stops the order is not cured; None where nothing does."""
        paid = [move.at for move in self.moves if move.event in PAYING]
        if self.state not in CURABLE or not paid:
            return None
        lost = [hold.placed_at for hold in self.holds if hold.is_open]
        if self.state is OrderState.HELD_NOT_CLEARED:
            return max(paid) + CURE_PERIOD
        return max(*paid, min(lost)) + CURE_PERIOD if lost else None

    @property
    def payout(self) -> Money:
        """The seller's part of the price."""
        return self.price - self.fee

    @property
    def part_can_go_back(self) -> bool:
        """Say whether the person who looks can see to it that a part of the price goes back."""
        return self.state in PARTLY_REFUNDABLE and may(Act.PARTIAL_REFUND, self.parties)

    @property
    def asks_practitioner(self) -> bool:
        """Say whether the person who looks can ask a practitioner by mail to sign."""
        return ORDER.allows(self.state, OrderEvent.CONFIRMED) and may(Act.ASK_PRACTITIONER, self.parties)

    @property
    def on_buying_side(self) -> bool:
        """Say whether the person who looks belongs to the buying side."""
        return bool(self.parties - {Party.SELLER, Party.FINANCE})


_Seller, _BuyerClinic = aliased(Clinic), aliased(Clinic)

_Buyer, _Operator, _Practitioner, _Approver = aliased(User), aliased(User), aliased(User), aliased(User)


def order_for(order_id: UUID, *, user_id: UUID) -> OrderView:
    """
    Return the order as this person may see it.

    :raises NotFound: there is none, or it is not this person's to know of
    """
    parties = parties_of(_order(order_id), user_id)
    if not parties:
        raise NotFound("There is no such order, or it is not yours to see.")
    return _view(order_id, parties)


def order_for_staff(order_id: UUID) -> OrderView:
    """
    Return the whole order.

    :raises NotFound: there is none
    """
    _order(order_id)
    return _view(order_id, frozenset({Party.FINANCE}))


def _order(order_id: UUID) -> Order:
    order = db.session.get(Order, order_id)
    if order is None:
        raise NotFound("There is no such order, or it is not yours to see.")
    return order


def _view(order_id: UUID, parties: frozenset[Party]) -> OrderView:
    row = db.session.execute(
        select(
            Order,
            Listing.title,
            COVER,
            Listing.year,
            Listing.serial,
            DeviceModel.name.label("model"),
            Maker.name.label("maker"),
            _Seller.name.label("seller_name"),
            _BuyerClinic.name.label("buyer_clinic_name"),
            ClinicSite,
            _Buyer.name.label("buyer_name"),
            _Operator.name.label("operator_name"),
            _Practitioner.name.label("practitioner_name"),
            _Approver.name.label("approver_name"),
            DeliveryReceipt.signed_by,
        )
        .join(Listing, Listing.id == Order.listing_id)
        .join(DeviceModel, DeviceModel.id == Listing.model_id)
        .join(Maker, Maker.id == DeviceModel.maker_id)
        .join(_Seller, _Seller.id == Order.seller_clinic_id)
        .join(_BuyerClinic, _BuyerClinic.id == Order.buyer_clinic_id)
        .join(ClinicSite, ClinicSite.id == Order.site_id)
        .join(_Buyer, _Buyer.id == Order.buyer_id)
        .join(_Operator, _Operator.id == Order.operator_id)
        .outerjoin(_Practitioner, _Practitioner.id == Order.practitioner_id)
        .outerjoin(_Approver, _Approver.id == Order.approved_by)
        .outerjoin(DeliveryReceipt, DeliveryReceipt.order_id == Order.id)
        .where(Order.id == order_id)
        .execution_options(populate_existing=True)
    ).one()
    order: Order = row.Order
    knows_the_buyer = may_know_the_buyer(order.state, parties)
    knows_the_serial = may_know_the_serial(order.state, parties)
    on_buying_side = bool(parties - {Party.SELLER})
    holds = _holds(order_id, with_words=on_buying_side)
    return OrderView(
        id=order.id,
        number=order.number,
        state=order.state,
        reason=order.reason if on_buying_side or order.state is not OrderState.HELD_NOT_CLEARED else None,
        listing_id=order.listing_id,
        title=row.title,
        cover=row.cover,
        maker=row.maker,
        model=row.model,
        year=row.year,
        serial=row.serial if knows_the_serial else None,
        price=Money(order.price_minor, order.currency),
        fee=Money(order.fee_minor, order.currency),
        seller_clinic_id=order.seller_clinic_id,
        seller_name=row.seller_name,
        buyer=_buyer(row) if knows_the_buyer else None,
        state_code=row.ClinicSite.state,
        time_zone=row.ClinicSite.time_zone,
        declared_uses=tuple(ProcedureClass(use) for use in order.declared_uses),
        left_out=left_out_of(order),
        use_restriction=order.use_restriction,
        statement=order.practitioner_statement if on_buying_side and knows_the_serial else None,
        report_id=order.report_id,
        approval=_approval(row) if on_buying_side else None,
        placed_at=order.placed_at,
        expires_at=order.expires_at,
        carrier=order.carrier,
        tracking=order.tracking,
        signed_by=row.signed_by if on_buying_side else None,
        inspection_ends_at=order.inspection_ends_at,
        parties=parties,
        acts=_acts(order, parties, holds),
        moves=_moves(order_id, names_of=None if knows_the_buyer else order.seller_clinic_id),
        # The seller sees what it may ship on, not why, nor what was refused.
        decisions=_decisions(order, only_cleared=not on_buying_side) if knows_the_buyer else (),
        holds=holds,
    )


def _buyer(row: Any) -> BuyerView:
    site: ClinicSite = row.ClinicSite
    return BuyerView(
        buyer_name=row.buyer_name,
        clinic_id=site.clinic_id,
        clinic_name=row.buyer_clinic_name,
        site_id=site.id,
        site_name=site.name,
        street=site.street,
        city=site.city,
        postal_code=site.postal_code,
        operator_name=row.operator_name,
        practitioner_name=row.practitioner_name,
    )


def _approval(row: Any) -> ApprovalView | None:
    order: Order = row.Order
    if order.approval_limit_minor is None:
        return None
    return ApprovalView(Money(order.approval_limit_minor, order.currency), row.approver_name, order.approved_at)


def _moves(order_id: UUID, *, names_of: UUID | None) -> tuple[MoveView, ...]:
    """Return the moves, oldest first; with `names_of`, actors are named only if they belong to that clinic."""
    rows = db.session.execute(
        select(OrderMove, User.name)
        .outerjoin(User, User.id == OrderMove.actor_id)
        .where(OrderMove.order_id == order_id)
        .order_by(OrderMove.position)
    ).all()
    known = set(in_charge_of(names_of)) if names_of is not None else None
    return tuple(
        MoveView(
            event=move.event,
            state=move.state,
            actor_name=name if known is None or move.actor_id in known else None,
            cause=move.cause,
            at=move.at,
        )
        for move, name in rows
    )


def _acts(order: Order, parties: frozenset[Party], holds: Sequence[HoldView]) -> tuple[Act, ...]:
    held = any(hold.is_open for hold in holds)
    waits = any(hold.is_open and hold.until is not None for hold in holds)
    acts = acts_of(order.state, parties, held=held, unapproved=order.awaits_approval)
    # What is only to be waited out goes on by itself: to ask would be refused.
    return tuple(act for act in acts if not (waits and act is Act.ASK_AGAIN))


def _holds(order_id: UUID, *, with_words: bool) -> tuple[HoldView, ...]:
    """Return the holds, oldest first; the seller reads of the hold and not of what the buyer lost."""
    rows = db.session.execute(
        select(OrderHold, User.name)
        .outerjoin(User, User.id == OrderHold.lifted_by)
        .where(OrderHold.order_id == order_id)
        .order_by(OrderHold.placed_at, OrderHold.id)
    )
    return tuple(
        HoldView(
            cause=hold.cause,
            words=hold.words if with_words else None,
            placed_at=hold.placed_at,
            until=hold.until,
            lifted_at=hold.lifted_at,
            lifted_by=name if with_words else None,
        )
        for hold, name in rows
    )


def _decisions(order: Order, *, only_cleared: bool = False) -> tuple[DecisionView, ...]:
    asked: Sequence[EligibilityDecision] = db.session.scalars(
        select(EligibilityDecision)
        .where(
            EligibilityDecision.listing_id == order.listing_id,
            EligibilityDecision.buyer_id == order.buyer_id,
            EligibilityDecision.site_id == order.site_id,
            EligibilityDecision.operator_id == order.operator_id,
            EligibilityDecision.cleared if only_cleared else true(),
            or_(
                EligibilityDecision.id == order.decision_id,
                and_(
                    EligibilityDecision.moment.not_in((Moment.OFFER, Moment.ORDER)),
                    EligibilityDecision.decided_at >= order.placed_at,
                ),
            ),
        )
        .order_by(EligibilityDecision.decided_at, EligibilityDecision.moment)
    ).all()
    codes = receipts.codes_of(decision.id for decision in asked)
    return tuple(
        DecisionView(
            id=decision.id,
            moment=decision.moment,
            cleared=decision.cleared,
            at=decision.decided_at,
            valid_until=decision.valid_until,
            code=codes.get(decision.id),
        )
        for decision in asked
    )
