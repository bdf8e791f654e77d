"""A part of the price goes back while the sale stands: one side proposes, the other agrees; or finance decides."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from .. import audit
from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict, NotFound
from ..kernel.money import Money
from ..payments import service as payments
from . import belonging, money_wording, steps
from .access import Act, Party
from .models import Order, RefundProposal
from .proposal_states import PROPOSAL, ProposalEvent, ProposalState, Side
from .refusals import NotYourAct
from .states import PARTLY_REFUNDABLE
from .wording import News

_PAGE = "/partial-refund"


class ProposalWaits(Conflict):
    """The order has a proposal that nobody has answered yet."""

    code = "proposal_waits"
    cure = "Answer it, or let whoever made it withdraw it, before another is made."

    def __init__(self) -> None:
        super().__init__("A proposal about a part of the price waits for its answer.")


class ProposalClosed(Conflict):
    """The proposal was answered or withdrawn."""

    code = "proposal_closed"
    cure = "Look at the order: it shows what became of it."

    def __init__(self) -> None:
        super().__init__("This proposal is closed.")


def propose(*, order_id: UUID, actor_id: UUID, amount: Money, reason: str, at: datetime) -> UUID:
    """
    Propose to the other side, as buyer or seller, that a part of the price go back. Nothing moves before they agree.

    :raises NotFound: there is no such order, or it is not theirs to know of
    :raises NotYourAct: they are on neither side of it
    :raises MoneyNotHere: it was never paid, or the money is on its way to somebody
    :raises PaymentStandsStill: something speaks against the payment
    :raises PartOnItsWay: a part is going back already
    :raises Invalid: it is no part of what is left
    :raises ProposalWaits: one waits for its answer
    """
    with unit_of_work() as session:
        order = _locked(order_id, actor_id)
        payments.check_partial_refund(order_id=order_id, amount=amount)
        if _open(order_id) is not None:
            raise ProposalWaits
        side = _side(order, actor_id)
        proposal = RefundProposal(
            order_id=order_id,
            side=side,
            amount_minor=amount.minor,
            reason=reason.strip(),
            proposed_by=actor_id,
            proposed_at=at,
        )
        session.add(proposal)
        session.flush()
        _record(order, "partial_refund_proposed", proposal, actor_id=actor_id, at=at)
        _tell_other(side, money_wording.part_proposed(steps.told_of(order), amount, reason.strip(), side), order, at=at)
        return proposal.id


def agree(*, proposal_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Agree, as the other side, that the proposed part go back: it is asked for in the same transaction.

    :raises NotFound: there is no such proposal, or it is not theirs to know of
    :raises NotYourAct: it is their own, or they are on neither side
    :raises ProposalClosed: it was answered or withdrawn
    :raises MoneyNotHere: the money is on its way to somebody
    :raises PaymentStandsStill: something speaks against the payment
    :raises PartOnItsWay: a part is going back already
    :raises Invalid: it is no part of what is left by now
    """
    with unit_of_work():
        proposal, order = _asked(proposal_id, actor_id, by_other=True)
        amount = Money(proposal.amount_minor, order.currency)
        payments.request_partial_refund(
            order_id=order.id, amount=amount, reason=proposal.reason, actor_id=actor_id, at=at
        )
        _close(proposal, order, ProposalEvent.AGREED, actor_id=actor_id, at=at)
        _tell_both(money_wording.part_agreed(steps.told_of(order), amount, proposal.reason), order, at=at)


def decline(*, proposal_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Decline, as the other side, that the proposed part go back.

    :raises NotFound: there is no such proposal, or it is not theirs to know of
    :raises NotYourAct: it is their own, or they are on neither side
    :raises ProposalClosed: it was answered or withdrawn
    """
    with unit_of_work():
        proposal, order = _asked(proposal_id, actor_id, by_other=True)
        _close(proposal, order, ProposalEvent.DECLINED, actor_id=actor_id, at=at)
        news = money_wording.part_declined(steps.told_of(order), Money(proposal.amount_minor, order.currency))
        _tell_other(Side.SELLER if proposal.side is Side.BUYER else Side.BUYER, news, order, at=at)


def withdraw(*, proposal_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Withdraw a proposal, as the side that made it.

    :raises NotFound: there is no such proposal, or it is not theirs to know of
    :raises NotYourAct: it is the other side's, or they are on neither
    :raises ProposalClosed: it was answered or withdrawn
    """
    with unit_of_work():
        proposal, order = _asked(proposal_id, actor_id, by_other=False)
        _close(proposal, order, ProposalEvent.WITHDRAWN, actor_id=actor_id, at=at)


def decide_by_finance(*, order_id: UUID, actor_id: UUID, amount: Money, reason: str, at: datetime) -> None:
    """
    Let a part of the price go back, as staff, whatever the sides proposed. The caller has checked that they may.

    :raises NotFound: there is no such order
    :raises OwnOrder: they belong, or belonged, to one of its sides
    :raises MoneyNotHere: it was never paid, or the money is on its way to somebody
    :raises PaymentStandsStill: something speaks against the payment
    :raises PartOnItsWay: a part is going back already
    :raises Invalid: it is no part of what is left
    """
    with unit_of_work():
        order = steps.locked_by_staff(order_id, actor_id=actor_id)
        _require_refundable(order)
        payments.request_partial_refund(
            order_id=order_id, amount=amount, reason=reason.strip(), actor_id=actor_id, at=at
        )
        audit.record(
            "order:partial_refund_decided",
            actor_id=actor_id,
            subject_type="order",
            subject_id=order.id,
            at=at,
            amount_minor=amount.minor,
            reason=reason.strip(),
        )
        _tell_both(money_wording.part_decided(steps.told_of(order), amount, reason.strip()), order, at=at)


def _locked(order_id: UUID, actor_id: UUID) -> Order:
    order = steps.locked_among(order_id, Act.PARTIAL_REFUND, actor_id=actor_id)
    _require_refundable(order)
    return order


def _require_refundable(order: Order) -> None:
    if order.state not in PARTLY_REFUNDABLE:
        raise payments.MoneyNotHere


def _side(order: Order, actor_id: UUID) -> Side:
    return Side.BUYER if Party.BUYER in belonging.parties_of(order, actor_id) else Side.SELLER


def _open(order_id: UUID) -> RefundProposal | None:
    return db.session.scalars(
        select(RefundProposal).where(RefundProposal.order_id == order_id, RefundProposal.state == ProposalState.OPEN)
    ).one_or_none()


def _asked(proposal_id: UUID, actor_id: UUID, *, by_other: bool) -> tuple[RefundProposal, Order]:
    """Return an open proposal and its order, locked, if it is for this person to close."""
    order_id = db.session.scalar(select(RefundProposal.order_id).where(RefundProposal.id == proposal_id))
    if order_id is None:
        raise NotFound("There is no such proposal, or it is not yours to see.")
    order = steps.locked_among(order_id, Act.PARTIAL_REFUND, actor_id=actor_id)
    proposal = db.session.get_one(RefundProposal, proposal_id, with_for_update=True, populate_existing=True)
    if (_side(order, actor_id) is not proposal.side) is not by_other:
        raise NotYourAct(Act.PARTIAL_REFUND)
    if proposal.state is not ProposalState.OPEN:
        raise ProposalClosed
    return proposal, order


def _close(proposal: RefundProposal, order: Order, event: ProposalEvent, *, actor_id: UUID, at: datetime) -> None:
    proposal.state = PROPOSAL.after(proposal.state, event)
    proposal.closed_by, proposal.closed_at = actor_id, at
    _record(order, f"partial_refund_{event}", proposal, actor_id=actor_id, at=at)


def _tell_other(side: Side, news: News, order: Order, *, at: datetime) -> None:
    """Tell the side that is not this one."""
    if side is Side.BUYER:
        steps.tell(news, belonging.in_charge_of(order.seller_clinic_id), order, at=at, page=_PAGE)
    else:
        steps.tell_buyer(news, order, at=at, page=_PAGE)


def _tell_both(news: News, order: Order, *, at: datetime) -> None:
    steps.tell_buyer(news, order, at=at)
    steps.tell_seller(news, order, at=at)


def _record(order: Order, what: str, proposal: RefundProposal, *, actor_id: UUID, at: datetime) -> None:
    audit.record(
        f"order:{what}",
        actor_id=actor_id,
        subject_type="order",
        subject_id=order.id,
        at=at,
        proposal=proposal.id,
        amount_minor=proposal.amount_minor,
        reason=proposal.reason,
    )
