"""A seller's statement: what each order earned, what of it is held, was paid, was taken back, and is owed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Row, Select, case, cast, func, literal_column, select

from ..extensions import db
from ..kernel.money import Money
from . import policy
from .models import IntentKind, MoneyIntent, Payment
from .states import PaymentState

_STILL_HERE = frozenset({PaymentState.PAID, PaymentState.HELD, PaymentState.RELEASING})
_GOES_BACK = frozenset({PaymentState.REVERSING, PaymentState.REFUNDING, PaymentState.REFUNDED})

PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One order's money as its seller sees it.

    Of what the buyer paid, `earned` is the seller's for good or in the end: what is held for them and what they were
    paid, without what was taken back and what they owe. `given_back` is what of the price went or goes back to the
    buyer, all of it or a part.
    """

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
    """Orders that brought a clinic money, the newest first, how many there are in all, and what all of them come to."""

    entries: tuple[Entry, ...]
    count: int
    totals: Mapping[str, Money]
    page: int = 1

    @property
    def pages(self) -> int:
        """Return how many pages there are."""
        return _pages(self.count)


def statement(clinic_id: UUID, *, page: int | None = None) -> Statement:
    """
    Return the clinic's statement, or the page of it that comes nearest to the one that is asked for.

    Two statements to the database, of which the first adds up: no row of another page is carried here.
    """
    count, totals = _totals(clinic_id)
    wanted = _lines(clinic_id).order_by(Payment.hold_deadline.desc(), Payment.id)
    if page is not None:
        page = min(max(page, 1), _pages(count))
        wanted = wanted.offset((page - 1) * PER_PAGE).limit(PER_PAGE)
    return Statement(tuple(map(_entry, db.session.execute(wanted))), count, totals, page or 1)


def _pages(count: int) -> int:
    return max(-(-count // PER_PAGE), 1)


_LEFT = Payment.amount_minor - Payment.conceded_minor
# As `amounts.Rate` works it out, rounded down.
_FEE = func.greatest(
    cast(_LEFT, BigInteger) * Payment.fee_bps / literal_column("10000"),
    func.least(Payment.fee_least_minor, _LEFT / literal_column("2")),
)
_FIGURES = {
    "price": Payment.amount_minor,
    "fee": _FEE,
    "given_back": case((Payment.state.in_(_GOES_BACK), Payment.amount_minor), else_=Payment.conceded_minor),
    "held": case((Payment.state.in_(_STILL_HERE), _LEFT - _FEE), else_=0),
    "paid": Payment.transferred_minor,
    "reversed": Payment.reversed_minor,
    "owed": case(
        (Payment.state == PaymentState.CHARGED_BACK, Payment.transferred_minor - Payment.reversed_minor),
        else_=Payment.fronted_minor,
    ),
}


def _theirs(clinic_id: UUID) -> ColumnElement[bool]:
    return (Payment.payee_clinic_id == clinic_id) & (Payment.received_minor > 0)


def _totals(clinic_id: UUID) -> tuple[int, dict[str, Money]]:
    sums_of = [func.coalesce(func.sum(figure), 0).label(name) for name, figure in _FIGURES.items()]
    row = db.session.execute(select(func.count().label("orders"), *sums_of).where(_theirs(clinic_id))).one()
    sums = {name: Money(int(getattr(row, name))) for name in _FIGURES}
    sums["earned"] = sums["held"] + sums["paid"] - sums["reversed"] - sums["owed"]
    return int(row.orders), {name: sums[name] for name in NAMES}


def _lines(clinic_id: UUID) -> Select[Any]:
    figures: list[Any] = [figure.label(name) for name, figure in _FIGURES.items()]
    return (
        select(
            Payment.order_id,
            Payment.hold_deadline,
            Payment.currency,
            MoneyIntent.done_at,
            MoneyIntent.reference,
            *figures,
        )
        .outerjoin(MoneyIntent, (MoneyIntent.payment_id == Payment.id) & (MoneyIntent.kind == IntentKind.RELEASE))
        .where(_theirs(clinic_id))
    )


def _entry(row: Row[Any]) -> Entry:
    assert row.hold_deadline is not None, "a payment that arrived has a deadline"
    return Entry(
        order_id=row.order_id,
        received_at=row.hold_deadline - policy.HOLD_LIMIT,
        paid_at=row.done_at,
        transfer=row.reference,
        **{name: Money(int(getattr(row, name)), row.currency) for name in _FIGURES},
    )
