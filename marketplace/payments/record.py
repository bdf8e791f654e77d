"""Movements of money on record: each under one name that is used once, with what it is about frozen."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from .. import queue
from ..extensions import db
from ..kernel.errors import Conflict
from ..kernel.money import Money
from . import amounts
from .models import IntentKind, MoneyIntent, PartialRefund, Payment
from .states import PartialState


class MoneyNotHere(Conflict):
    """The order's money is not with us, or is already on its way to somebody."""

    code = "money_not_here"
    cure = "Look at the order: it shows where the money is."

    def __init__(self) -> None:
        super().__init__("The money for this order is not waiting with us.")


def known(dedupe: str) -> UUID | None:
    """Return the movement of that name, if it was asked for before."""
    return db.session.scalar(select(MoneyIntent.id).where(MoneyIntent.dedupe == dedupe))


def put_on_record(
    payment: Payment, kind: IntentKind, amount: Money, *, at: datetime, name: str | None = None, **about: str
) -> UUID:
    """Ask, in the caller's transaction, that money of a locked payment be moved; its name is the kind, if not given."""
    intent = MoneyIntent(
        dedupe=f"{payment.order_id}:{name or kind}",
        kind=kind,
        payment_id=payment.id,
        payload={
            "order_id": str(payment.order_id),
            "amount_minor": amount.minor,
            "currency": amount.currency,
            "charge_id": payment.charge_id,
            **about,
        },
        requested_at=at,
        next_try_at=at,
    )
    db.session.add(intent)
    db.session.flush()
    promise(intent.id)
    return intent.id


def promise(intent_id: UUID) -> None:
    """Promise, in the caller's transaction, that the movement is taken up."""
    queue.promise("run_money_intent", lock=f"intent:{intent_id}", intent_id=str(intent_id))


def parts_of(payment: Payment) -> amounts.Split:
    """Return what of a payment is the seller's, and what is ours, without what goes back in parts."""
    return amounts.split(left_of(payment), rate_of(payment))


def rate_of(payment: Payment) -> amounts.Rate:
    """Return the rate of our fee, as the order froze it."""
    return amounts.Rate(payment.fee_bps, Money(payment.fee_least_minor, payment.currency))


def left_of(payment: Payment) -> Money:
    """Return for how much the sale stands: the price without what goes back in parts."""
    return Money(payment.amount_minor - payment.conceded_minor, payment.currency)


def transfer_of(payment: Payment) -> str:
    """Return the provider's name of the transfer by which the seller was paid."""
    sent = db.session.scalars(
        select(MoneyIntent.reference).where(MoneyIntent.dedupe == f"{payment.order_id}:{IntentKind.RELEASE}")
    ).one()
    assert sent is not None, "what was sent has a name"
    return sent


def on_its_way(payment_id: UUID) -> PartialRefund | None:
    """Return the part of the payment that is on its way back, as it is now; None if there is none."""
    return db.session.scalars(
        select(PartialRefund)
        .where(PartialRefund.payment_id == payment_id, PartialRefund.state != PartialState.ARRIVED)
        .execution_options(populate_existing=True)
    ).one_or_none()


@dataclass(frozen=True, slots=True)
class Standing:
    """What of a payment's money is where while a part is on its way back."""

    held: Money
    """What we hold of a part although the seller has been paid."""

    owed: Money
    """What the seller has yet to give back of a part, and is asked for under a name of its own."""

    parts: amounts.Split
    """Whose the rest is: what the seller has or gets, and our fee."""


def standing(payment: Payment) -> Standing:
    """Return where the money of a locked payment is, as far as parts of it go back."""
    nothing = Money(0, payment.currency)
    part = on_its_way(payment.id)
    asked = part is not None and part.state is PartialState.ASKED
    covered = part is not None and part.state is PartialState.COVERED
    left = left_of(payment)
    return Standing(
        held=Money(part.amount_minor, payment.currency) if part and covered else nothing,
        owed=Money(part.payout_minor, payment.currency) if part and asked else nothing,
        # Our fee is given up with the seller's share, not before.
        parts=amounts.split(
            left + Money(part.amount_minor, payment.currency) if part and asked else left, rate_of(payment)
        ),
    )
