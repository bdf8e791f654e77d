"""A seller's statement: what each order earned, what of it is held, was paid, was taken back, and is owed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, literal_column, select, tuple_

from ..extensions import db
from ..kernel.money import Money
from . import policy
from .models import IntentKind, MoneyIntent, Payment
from .payee_totals import FEE, FIGURES, totals_of

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One order's money as its seller sees it.

    Of what the buyer paid, `earned` is the seller's for good or in the end: what is held for them and what they were
    paid, without what was taken back and what they owe. `given_back` is what of the price went or goes back to the
    buyer, all of it or a part.
    """

    payment_id: UUID
    order_id: UUID
    received_at: datetime
    price: Money
    given_back: Money
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


NAMES = ("price", "given_back", "earned", "held", "paid", "reversed", "owed")
"""What a statement sums up, in the order in which it is written."""


@dataclass(frozen=True, slots=True)
class Statement:
    """
    Orders that brought a clinic money, the newest first, how many there are in all, and what all of them come to.

    `has_older`: there are more than these, behind the last of them.
    """

    entries: tuple[Entry, ...]
    count: int
    totals: Mapping[str, Money]
    has_older: bool = False


def statement(clinic_id: UUID) -> Statement:
    """Return the clinic's statement, every order of it."""
    rows = db.session.execute(_lines(clinic_id))
    return Statement(tuple(map(_entry, rows)), *_totals(clinic_id))


def page_of_statement(clinic_id: UUID, *, before: UUID | None = None) -> Statement:
    """
    Return a page of the clinic's statement: its newest orders, or those before one of its payments.

    Two statements to the database, of which neither reads more than the page: what all orders come to is kept.
    """
    wanted = _lines(clinic_id)
    if before is not None:
        last = select(Payment.hold_deadline, Payment.id).where(_theirs(clinic_id), Payment.id == before)
        wanted = wanted.where(tuple_(Payment.hold_deadline, Payment.id) < last.scalar_subquery())
    rows = db.session.execute(wanted.limit(PER_PAGE + 1)).all()
    return Statement(tuple(map(_entry, rows[:PER_PAGE])), *_totals(clinic_id), has_older=len(rows) > PER_PAGE)


def _theirs(clinic_id: UUID) -> ColumnElement[bool]:
    # Written out, for the planner to know that the index of such payments serves, whatever is asked with it.
    return (Payment.payee_clinic_id == clinic_id) & (Payment.received_minor > literal_column("0"))


def _totals(clinic_id: UUID) -> tuple[int, dict[str, Money]]:
    kept = totals_of(clinic_id)
    sums = {name: Money(kept[name]) for name in FIGURES}
    sums["earned"] = sums["held"] + sums["paid"] - sums["reversed"] - sums["owed"]
    return kept["orders"], {name: sums[name] for name in NAMES}


def _lines(clinic_id: UUID) -> Select[Any]:
    figures: list[Any] = [figure.label(name) for name, figure in {**FIGURES, "fee": FEE}.items()]
    return (
        select(
            Payment.id,
            Payment.order_id,
            Payment.hold_deadline,
            Payment.currency,
            MoneyIntent.done_at,
            MoneyIntent.reference,
            *figures,
        )
        .outerjoin(MoneyIntent, (MoneyIntent.payment_id == Payment.id) & (MoneyIntent.kind == IntentKind.RELEASE))
        .where(_theirs(clinic_id))
        .order_by(Payment.hold_deadline.desc(), Payment.id.desc())
    )


def _entry(row: Row[Any]) -> Entry:
    assert row.hold_deadline is not None, "a payment that arrived has a deadline"
    return Entry(
        payment_id=row.id,
        order_id=row.order_id,
        received_at=row.hold_deadline - policy.HOLD_LIMIT,
        paid_at=row.done_at,
        transfer=row.reference,
        **{name: Money(int(getattr(row, name)), row.currency) for name in (*FIGURES, "fee")},
    )
