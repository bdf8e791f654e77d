"""Orders as their sides may see them, each list in a constant number of statements."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import aliased

from ..clinics.models import Clinic
from ..extensions import db
from ..kernel.money import Money
from ..listings.models import COVER, Handpiece, Listing
from .access import Act, Party, acts_of, may_know_the_buyer
from .belonging import Memberships, gone_buyer, memberships_of, parties_in
from .models import Order, OrderHold, RefundProposal
from .proposal_states import ProposalState, Side
from .states import UNSHIPPED, OrderState

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class ProposalView:
    """What one side proposed to the other: that a part of the price go back."""

    id: UUID
    side: Side
    amount: Money
    reason: str
    state: ProposalState
    proposed_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class OrderLine:
    """An order in a list; `cover` is the stem of the files of its unit's first photo."""

    id: UUID
    number: int
    state: OrderState
    title: str
    cover: str | None
    year: int | None
    price: Money
    seller_name: str
    buyer_clinic_name: str | None
    placed_at: datetime
    expires_at: datetime
    held: bool
    acts: tuple[Act, ...]

    @property
    def due(self) -> Act | None:
        """The one thing that this order waits for from the person who looks; a way back is not a duty."""
        return next((act for act in self.acts if act not in {Act.CANCEL, Act.REFUND}), None)


_Seller, _BuyerClinic = aliased(Clinic), aliased(Clinic)


def numbers_of(order_ids: set[UUID]) -> dict[UUID, int]:
    """Return the numbers that people know these orders by; what is no order of ours is left out."""
    rows = db.session.execute(select(Order.id, Order.number).where(Order.id.in_(order_ids)))
    return {order_id: number for order_id, number in rows}  # noqa: C416  A row is no pair to the type checker.


def waits_for_answer(order_id: UUID, parties: frozenset[Party]) -> bool:
    """Say whether the other side proposed something about a part of the price that nobody has answered yet."""
    side = Side.SELLER if Party.BUYER in parties else Side.BUYER
    waiting = select(RefundProposal.id).where(
        RefundProposal.order_id == order_id, RefundProposal.state == ProposalState.OPEN, RefundProposal.side == side
    )
    return db.session.scalar(waiting) is not None


def proposals_of(order_id: UUID) -> list[ProposalView]:
    """Return what was proposed about parts of the price, the newest first. The caller knows that they may be seen."""
    rows = db.session.execute(
        select(RefundProposal, Order.currency)
        .join(Order, Order.id == RefundProposal.order_id)
        .where(RefundProposal.order_id == order_id)
        .order_by(RefundProposal.proposed_at.desc(), RefundProposal.id)
    )
    return [
        ProposalView(
            id=one.id,
            side=one.side,
            amount=Money(one.amount_minor, currency),
            reason=one.reason,
            state=one.state,
            proposed_at=one.proposed_at,
            closed_at=one.closed_at,
        )
        for one, currency in rows
    ]


def purchases_of(user_id: UUID) -> list[OrderLine]:
    """Return the orders that concern the person as buyer or as a member of the buying clinic, newest first."""
    of = memberships_of(user_id)
    return _lines(
        or_(
            and_(or_(Order.buyer_id == user_id, Order.operator_id == user_id), Order.buyer_clinic_id.in_(of.all)),
            Order.buyer_clinic_id.in_(of.in_charge | of.practising),
        ),
        user_id,
        of,
    )


def sales_of(user_id: UUID) -> list[OrderLine]:
    """Return the orders of what the person's clinics sell, newest first."""
    of = memberships_of(user_id)
    return _lines(Order.seller_clinic_id.in_(of.in_charge), user_id, of)


def orders_for_staff(*, state: OrderState | None = None) -> list[OrderLine]:
    """Return all orders, or those in one state, newest first."""
    return lines_for_staff(Order.state == state if state is not None else Order.id.is_not(None))


def lines_for_staff(which: ColumnElement[bool]) -> list[OrderLine]:
    """Return the orders of a condition as staff see them, newest first."""
    return [
        _line(row, frozenset({Party.FINANCE}))
        for row in db.session.execute(_lines_statement(which).limit(PER_PAGE * 10))
    ]


def left_out_of(order: Order) -> tuple[str, ...]:
    """Name the handpieces of the unit that the buyer does not buy, in the order of the listing."""
    if not order.left_out:
        return ()
    return tuple(
        db.session.scalars(select(Handpiece.name).where(Handpiece.id.in_(order.left_out)).order_by(Handpiece.position))
    )


def is_held(order_id: UUID) -> bool:
    """Say whether the order has an open hold."""
    return bool(db.session.scalar(select(_open_hold(order_id))))


def waits_until(order_id: UUID) -> datetime | None:
    """Return until when nothing can lift the order's holds, if one of them is to be waited out."""
    return db.session.scalar(
        select(func.max(OrderHold.until)).where(OrderHold.order_id == order_id, OrderHold.lifted_at.is_(None))
    )


def only_waits(order_id: UUID) -> bool:
    """Say whether the order stands still for nothing but a time that is to be waited out."""
    open_ones = select(OrderHold.until.is_not(None)).where(
        OrderHold.order_id == order_id, OrderHold.lifted_at.is_(None)
    )
    found = list(db.session.scalars(open_ones))
    return bool(found) and all(found)


def words_of_holds(order_id: UUID) -> list[str]:
    """Return why the order stands still, the oldest reason first; nothing if it does not."""
    open_ones = select(OrderHold.words).where(OrderHold.order_id == order_id, OrderHold.lifted_at.is_(None))
    return list(db.session.scalars(open_ones.order_by(OrderHold.placed_at, OrderHold.id)))


def _open_hold(order_id: Any) -> ColumnElement[bool]:
    return select(OrderHold.id).where(OrderHold.order_id == order_id, OrderHold.lifted_at.is_(None)).exists()


def _lines_statement(which: ColumnElement[bool]) -> Any:
    return (
        select(
            Order,
            Listing.title,
            COVER,
            Listing.year,
            _Seller.name.label("seller_name"),
            _BuyerClinic.name.label("buyer_clinic_name"),
            and_(Order.state.in_(UNSHIPPED), _open_hold(Order.id)).label("held"),
            gone_buyer().label("buyer_is_gone"),
        )
        .join(Listing, Listing.id == Order.listing_id)
        .join(_Seller, _Seller.id == Order.seller_clinic_id)
        .join(_BuyerClinic, _BuyerClinic.id == Order.buyer_clinic_id)
        .where(which)
        .order_by(Order.placed_at.desc(), Order.number.desc())
    )


def _lines(which: ColumnElement[bool], user_id: UUID, of: Memberships) -> list[OrderLine]:
    rows = db.session.execute(_lines_statement(which).limit(PER_PAGE * 10))
    return [_line(row, parties_in(row.Order, user_id, of, buyer_is_gone=row.buyer_is_gone)) for row in rows]


def _line(row: Any, parties: frozenset[Party]) -> OrderLine:
    order = row.Order
    return OrderLine(
        id=order.id,
        number=order.number,
        state=order.state,
        title=row.title,
        cover=row.cover,
        year=row.year,
        price=Money(order.price_minor, order.currency),
        seller_name=row.seller_name,
        buyer_clinic_name=row.buyer_clinic_name if may_know_the_buyer(order.state, parties) else None,
        placed_at=order.placed_at,
        expires_at=order.expires_at,
        held=row.held,
        acts=acts_of(order.state, parties, held=row.held, unapproved=order.awaits_approval),
    )
