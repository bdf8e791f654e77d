"""A seller's statement: what each order earned, what of it is held, was paid, was taken back, and is owed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from ..extensions import db
from ..kernel.money import Money
from . import policy
from .models import IntentKind, MoneyIntent, Payment
from .states import PaymentState

_STILL_HERE = frozenset({PaymentState.PAID, PaymentState.HELD, PaymentState.RELEASING})


PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One order's money as its seller sees it.

    Of what the buyer paid, `earned` is the seller's for good or in the end: what is held for them and what they were
    paid, without what was taken back and what they owe.
    """

    order_id: UUID
    received_at: datetime
    price: Money
    fee: Money
    held: Money
    paid: Money
    reversed: Money
    owed: Money
    paid_at: datetime | None
    transfer: str | None

    @property
    def earned(self) -> Money:
        """Return what stays with the seller."""
        return self.held + self.paid - self.reversed - self.owed


@dataclass(frozen=True, slots=True)
class Statement:
    """Every order that ever brought a clinic money, the newest first, and what they come to."""

    entries: tuple[Entry, ...]

    def page(self, number: int) -> tuple[Entry, ...]:
        """Return the orders of one page, counted from 1."""
        return self.entries[(number - 1) * PER_PAGE : number * PER_PAGE]

    @property
    def pages(self) -> int:
        """Return how many pages there are."""
        return max(-(-len(self.entries) // PER_PAGE), 1)

    @property
    def totals(self) -> dict[str, Money]:
        """Return the sums by name, in the order in which a statement writes them."""
        return {
            name: sum((getattr(entry, name) for entry in self.entries), start=Money(0))
            for name in ("price", "earned", "held", "paid", "reversed", "owed")
        }


def statement(clinic_id: UUID) -> Statement:
    """Return the clinic's statement, in one statement to the database."""
    return Statement(tuple(_entries(clinic_id)))


def _entries(clinic_id: UUID) -> Iterator[Entry]:
    rows = db.session.execute(
        select(
            Payment.order_id, Payment.hold_deadline, Payment.state, Payment.amount_minor, Payment.fee_minor,
            Payment.transferred_minor, Payment.reversed_minor, Payment.fronted_minor, Payment.currency,
            MoneyIntent.done_at, MoneyIntent.reference,
        )
        .outerjoin(MoneyIntent, (MoneyIntent.payment_id == Payment.id) & (MoneyIntent.kind == IntentKind.RELEASE))
        .where(Payment.payee_clinic_id == clinic_id, Payment.received_minor > 0)
        .order_by(Payment.hold_deadline.desc(), Payment.id)
    )  # fmt: skip
    for payment in rows:
        assert payment.hold_deadline is not None, "a payment that arrived has a deadline"
        payout = payment.amount_minor - payment.fee_minor
        advanced = payment.transferred_minor if payment.state is PaymentState.CHARGED_BACK else payment.fronted_minor

        def money(minor: int, currency: str = payment.currency) -> Money:
            return Money(minor, currency)

        yield Entry(
            order_id=payment.order_id,
            received_at=payment.hold_deadline - policy.HOLD_LIMIT,
            price=money(payment.amount_minor),
            fee=money(payment.fee_minor),
            held=money(payout if payment.state in _STILL_HERE else 0),
            paid=money(payment.transferred_minor),
            reversed=money(payment.reversed_minor),
            owed=money(max(advanced - payment.reversed_minor, 0)),
            paid_at=payment.done_at,
            transfer=payment.reference,
        )
