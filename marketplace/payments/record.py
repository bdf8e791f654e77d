"""Movements of money on record: each under one name that is used once, with what it is about frozen."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from .. import queue
from ..extensions import db
from ..kernel.money import Money
from . import amounts
from .models import IntentKind, MoneyIntent, Payment


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
    """Return what of a payment is the seller's, and what is ours."""
    return amounts.split(Money(payment.amount_minor, payment.currency), payment.fee_bps)
