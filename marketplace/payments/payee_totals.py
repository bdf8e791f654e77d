"""What each seller's payments come to: kept beside them in their own transaction, and the sum that it must be."""

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, and_, case, cast, func, literal_column, select
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base, db
from .books import Finding, FindingCode
from .models import Payment
from .states import PaymentState

_STILL_HERE = frozenset({PaymentState.PAID, PaymentState.HELD, PaymentState.RELEASING})
_GOES_BACK = frozenset({PaymentState.REVERSING, PaymentState.REFUNDING, PaymentState.REFUNDED})
_LEFT = Payment.amount_minor - Payment.conceded_minor

# As `amounts.Rate` works it out, rounded down.
FEE = func.greatest(
    cast(_LEFT, BigInteger) * Payment.fee_bps // literal_column("10000", Integer),
    func.least(Payment.fee_least_minor, _LEFT // literal_column("2", Integer)),
)
FIGURES = {
    "price": Payment.amount_minor,
    "given_back": case((Payment.state.in_(_GOES_BACK), Payment.amount_minor), else_=Payment.conceded_minor),
    "held": case((Payment.state.in_(_STILL_HERE), _LEFT - FEE), else_=0),
    "paid": Payment.transferred_minor,
    "reversed": Payment.reversed_minor,
    "owed": case(
        (Payment.state == PaymentState.CHARGED_BACK, Payment.transferred_minor - Payment.reversed_minor),
        else_=Payment.fronted_minor,
    ),
}
"""What of a payment that arrived is what, in minor units. The database says the same in `payment_figures`."""

# A seller's payments that arrived, the newest first: what a page of their statement is read from.
Index(
    "payments_of_payee",
    Payment.payee_clinic_id,
    Payment.hold_deadline.desc(),
    Payment.id.desc(),
    postgresql_where=Payment.received_minor > literal_column("0"),
)


class PayeeTotal(Base):
    """
    What the payments of one seller come to; a trigger keeps it, in the payment's own transaction, and nobody else.

    Writers that work at once write in slots of their own, so that none waits for another: the sum over them counts.
    """

    __tablename__ = "payee_totals"

    clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"), primary_key=True)
    currency: Mapped[str] = mapped_column(primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    orders: Mapped[int] = mapped_column(BigInteger)
    price: Mapped[int] = mapped_column(BigInteger)
    given_back: Mapped[int] = mapped_column(BigInteger)
    held: Mapped[int] = mapped_column(BigInteger)
    paid: Mapped[int] = mapped_column(BigInteger)
    reversed: Mapped[int] = mapped_column(BigInteger)
    owed: Mapped[int] = mapped_column(BigInteger)


_NAMES = ("orders", *FIGURES)


def totals_of(clinic_id: UUID, *, currency: str = "usd") -> dict[str, int]:
    """Return how many payments reached us for a seller, and what they come to."""
    row = db.session.execute(
        select(*(func.coalesce(func.sum(getattr(PayeeTotal, name)), 0).label(name) for name in _NAMES)).where(
            PayeeTotal.clinic_id == clinic_id, PayeeTotal.currency == currency
        )
    ).one()
    return {name: int(getattr(row, name)) for name in _NAMES}


def differences() -> Iterator[Finding]:
    """Yield every seller whose kept totals are not what their payments come to."""
    sums = {"orders": func.count(), **{name: func.sum(figure) for name, figure in FIGURES.items()}}
    added = (
        select(Payment.payee_clinic_id.label("clinic_id"), Payment.currency, *(one.label(n) for n, one in sums.items()))
        .where(Payment.received_minor > 0)
        .group_by(Payment.payee_clinic_id, Payment.currency)
        .cte("added")
    )
    kept = (
        select(PayeeTotal.clinic_id, PayeeTotal.currency, *(func.sum(getattr(PayeeTotal, n)).label(n) for n in _NAMES))
        .group_by(PayeeTotal.clinic_id, PayeeTotal.currency)
        .cte("kept")
    )
    both = and_(added.c.clinic_id == kept.c.clinic_id, added.c.currency == kept.c.currency)
    come_to = {name: func.coalesce(added.c[name], 0) for name in _NAMES}
    says = {name: func.coalesce(kept.c[name], 0) for name in _NAMES}
    rows = db.session.execute(
        select(
            func.coalesce(added.c.clinic_id, kept.c.clinic_id).label("clinic_id"),
            func.coalesce(added.c.currency, kept.c.currency).label("currency"),
            *(func.concat(name, " ", come_to[name], " / ", says[name]).label(name) for name in _NAMES),
        )
        .select_from(added.join(kept, both, full=True))
        .where(func.row(*come_to.values()) != func.row(*says.values()))
    )
    for row in rows:
        figures = ", ".join(getattr(row, name) for name in _NAMES)
        said = f"A seller's payments come to other sums than their kept totals, in minor units: {figures}."
        yield Finding(FindingCode.TOTALS_DIFFER, f"payee:{row.clinic_id}:{row.currency}", said)
