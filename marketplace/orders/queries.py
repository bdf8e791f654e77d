"""Orders as their sides may see them, each list in a constant number of statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select, true
from sqlalchemy.orm import aliased

from ..accounts.models import User
from ..catalog.models import DeviceModel, Maker
from ..clinics.models import Clinic, ClinicMember, ClinicSite
from ..credentials.models import Credential
from ..credentials.states import CredentialState
from ..credentials.types import Opens, credential_types
from ..eligibility import receipts
from ..eligibility.models import EligibilityDecision, Moment
from ..extensions import db
from ..kernel.errors import NotFound
from ..kernel.money import Money
from ..kernel.terms import ClinicRole, ProcedureClass
from ..listings.models import Handpiece, Listing
from ..ripple import Cause
from .access import Act, Party, acts_of, may, may_know_the_buyer, may_know_the_serial
from .models import Order, OrderHold, OrderMove, RefundProposal
from .proposal_states import ProposalState, Side
from .states import CURABLE, ORDER, PARTLY_REFUNDABLE, UNSHIPPED, OrderEvent, OrderState
from .wording import CURE_PERIOD

PER_PAGE = 50
_IN_CHARGE = frozenset({ClinicRole.OWNER, ClinicRole.MANAGER})


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
    lifted_at: datetime | None
    lifted_by: str | None

    @property
    def is_open(self) -> bool:
        """Say whether it still holds."""
        return self.lifted_at is None


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
    """An order in a list."""

    id: UUID
    number: int
    state: OrderState
    title: str
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


@dataclass(frozen=True, slots=True)
class OrderView:
    """
    One order as one person may see it.

    `buyer` and `serial` are None where they are not (yet) this person's to know. `state_code` is of the place of use.
    """

    id: UUID
    number: int
    state: OrderState
    reason: str | None
    listing_id: UUID
    title: str
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
    placed_at: datetime
    expires_at: datetime
    carrier: str | None
    tracking: str | None
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


@dataclass(frozen=True, slots=True)
class _Memberships:
    all: frozenset[UUID]
    in_charge: frozenset[UUID]
    practising: frozenset[UUID]


_Seller, _BuyerClinic = aliased(Clinic), aliased(Clinic)
_Buyer, _Operator, _Practitioner = aliased(User), aliased(User), aliased(User)


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


def numbers_of(order_ids: set[UUID]) -> dict[UUID, int]:
    """Return the numbers that people know these orders by; what is no order of ours is left out."""
    rows = db.session.execute(select(Order.id, Order.number).where(Order.id.in_(order_ids)))
    return {order_id: number for order_id, number in rows}  # noqa: C416  A row is no pair to the type checker.


def is_own(order_id: UUID, *, user_id: UUID) -> bool:
    """Say whether the person belongs, or ever belonged, to the clinic that buys or to the one that sells."""
    concerned = (
        select(ClinicMember.id)
        .join(Order, ClinicMember.clinic_id.in_([Order.buyer_clinic_id, Order.seller_clinic_id]))
        .where(Order.id == order_id, ClinicMember.user_id == user_id)
    )
    return db.session.scalar(concerned.limit(1)) is not None


def parties_of(order: Order, user_id: UUID) -> frozenset[Party]:
    """Return everything that the person is to the order; nothing for a stranger."""
    of = _memberships_of(user_id)
    stands_in = order.buyer_clinic_id in of.in_charge and order.buyer_id != user_id and buyer_is_gone(order.id)
    return _parties(order, user_id, of, buyer_is_gone=stands_in)


def buyer_is_gone(order_id: UUID) -> bool:
    """Say whether whoever placed the order no longer belongs to the clinic it was placed for, or has no account."""
    return bool(db.session.scalar(select(_buyer_is_gone()).select_from(Order).where(Order.id == order_id)))


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
    of = _memberships_of(user_id)
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
    of = _memberships_of(user_id)
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


def words_of_holds(order_id: UUID) -> list[str]:
    """Return why the order stands still, the oldest reason first; nothing if it does not."""
    open_ones = select(OrderHold.words).where(OrderHold.order_id == order_id, OrderHold.lifted_at.is_(None))
    return list(db.session.scalars(open_ones.order_by(OrderHold.placed_at, OrderHold.id)))


def practitioners_of(clinic_id: UUID) -> list[UUID]:
    """Return the clinic's practitioners."""
    return list(
        db.session.scalars(
            select(ClinicMember.user_id)
            .where(
                ClinicMember.clinic_id == clinic_id,
                ClinicMember.left_at.is_(None),
                _practises(),
            )
            .order_by(ClinicMember.joined_at)
        )
    )


def in_charge_of(clinic_id: UUID) -> list[UUID]:
    """Return the clinic's owners and managers."""
    return list(
        db.session.scalars(
            select(ClinicMember.user_id)
            .where(
                ClinicMember.clinic_id == clinic_id,
                ClinicMember.left_at.is_(None),
                ClinicMember.role.in_(_IN_CHARGE),
            )
            .order_by(ClinicMember.joined_at)
        )
    )


def _open_hold(order_id: Any) -> ColumnElement[bool]:
    return select(OrderHold.id).where(OrderHold.order_id == order_id, OrderHold.lifted_at.is_(None)).exists()


def _order(order_id: UUID) -> Order:
    order = db.session.get(Order, order_id)
    if order is None:
        raise NotFound("There is no such order, or it is not yours to see.")
    return order


def _memberships_of(user_id: UUID) -> _Memberships:
    rows = db.session.execute(
        select(ClinicMember.clinic_id, ClinicMember.role, _practises().label("practises")).where(
            ClinicMember.user_id == user_id, ClinicMember.left_at.is_(None)
        )
    ).all()
    return _Memberships(
        all=frozenset(row.clinic_id for row in rows),
        in_charge=frozenset(row.clinic_id for row in rows if row.role in _IN_CHARGE),
        practising=frozenset(row.clinic_id for row in rows if row.practises),
    )


def _practises() -> ColumnElement[bool]:
    """Say whether a member can order for the clinic: by role, or because they are prescribers, whatever their role."""
    prescribing = [code for code, kind in credential_types().items() if Opens.PRESCRIBER in kind.opens]
    licensed = select(Credential.id).where(
        Credential.holder_id == ClinicMember.user_id,
        Credential.type_code.in_(prescribing),
        Credential.state == CredentialState.VERIFIED,
    )
    return or_(ClinicMember.role == ClinicRole.PRACTITIONER, licensed.exists())


def _buyer_is_gone() -> ColumnElement[bool]:
    here = (
        select(ClinicMember.id)
        .join(User, User.id == ClinicMember.user_id)
        .where(
            ClinicMember.clinic_id == Order.buyer_clinic_id,
            ClinicMember.user_id == Order.buyer_id,
            ClinicMember.left_at.is_(None),
            User.disabled_at.is_(None),
        )
        .correlate(Order)
    )
    return ~here.exists()


def _parties(order: Any, user_id: UUID, of: _Memberships, *, buyer_is_gone: bool) -> frozenset[Party]:
    # Whoever has left the clinic acts for it no more. What they had begun those who run it bring to its end.
    belongs = order.buyer_clinic_id in of.all
    stands_in = buyer_is_gone and order.buyer_clinic_id in of.in_charge
    holds = {
        Party.BUYER: (belongs and order.buyer_id == user_id) or stands_in,
        Party.OPERATOR: belongs and order.operator_id == user_id,
        Party.BUYING_CLINIC: order.buyer_clinic_id in of.in_charge,
        Party.PRACTITIONER: order.buyer_clinic_id in of.practising,
        Party.SELLER: order.seller_clinic_id in of.in_charge,
    }
    return frozenset(party for party, so in holds.items() if so)


def _lines_statement(which: ColumnElement[bool]) -> Any:
    return (
        select(
            Order,
            Listing.title,
            Listing.year,
            _Seller.name.label("seller_name"),
            _BuyerClinic.name.label("buyer_clinic_name"),
            and_(Order.state.in_(UNSHIPPED), _open_hold(Order.id)).label("held"),
            _buyer_is_gone().label("buyer_is_gone"),
        )
        .join(Listing, Listing.id == Order.listing_id)
        .join(_Seller, _Seller.id == Order.seller_clinic_id)
        .join(_BuyerClinic, _BuyerClinic.id == Order.buyer_clinic_id)
        .where(which)
        .order_by(Order.placed_at.desc(), Order.number.desc())
    )


def _lines(which: ColumnElement[bool], user_id: UUID, of: _Memberships) -> list[OrderLine]:
    rows = db.session.execute(_lines_statement(which).limit(PER_PAGE * 10))
    return [_line(row, _parties(row.Order, user_id, of, buyer_is_gone=row.buyer_is_gone)) for row in rows]


def _line(row: Any, parties: frozenset[Party]) -> OrderLine:
    order = row.Order
    return OrderLine(
        id=order.id,
        number=order.number,
        state=order.state,
        title=row.title,
        year=row.year,
        price=Money(order.price_minor, order.currency),
        seller_name=row.seller_name,
        buyer_clinic_name=row.buyer_clinic_name if may_know_the_buyer(order.state, parties) else None,
        placed_at=order.placed_at,
        expires_at=order.expires_at,
        held=row.held,
        acts=acts_of(order.state, parties, held=row.held),
    )


def _view(order_id: UUID, parties: frozenset[Party]) -> OrderView:
    row = db.session.execute(
        select(
            Order,
            Listing.title,
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
        .where(Order.id == order_id)
        .execution_options(populate_existing=True)
    ).one()
    order: Order = row.Order
    knows_the_buyer = may_know_the_buyer(order.state, parties)
    knows_the_serial = may_know_the_serial(order.state, parties)
    on_buying_side = bool(parties - {Party.SELLER})
    holds = _holds(order_id, with_words=on_buying_side)
    held = any(hold.is_open for hold in holds)
    return OrderView(
        id=order.id,
        number=order.number,
        state=order.state,
        reason=order.reason if on_buying_side or order.state is not OrderState.HELD_NOT_CLEARED else None,
        listing_id=order.listing_id,
        title=row.title,
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
        placed_at=order.placed_at,
        expires_at=order.expires_at,
        carrier=order.carrier,
        tracking=order.tracking,
        inspection_ends_at=order.inspection_ends_at,
        parties=parties,
        acts=acts_of(order.state, parties, held=held),
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
                    EligibilityDecision.moment != Moment.ORDER,
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
