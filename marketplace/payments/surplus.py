"""What bank transfers bring beyond the price: the buyer's own, noted in the books, and sent back by itself."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from .. import audit, queue
from ..extensions import adapter_of, db, unit_of_work
from ..kernel.money import Money
from . import amounts, ledger
from .models import IntentKind, IntentState, LedgerJournal, MoneyIntent, Payment
from .ports import PaymentGateway, PaymentSnapshot, RefundStatus
from .record import put_on_record

BANKS_TAKE = timedelta(days=30)
"""For so long a sending back is watched: after that the buyer's bank has it."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What had come beyond the price, and what of it had been sent back, when somebody counted."""

    came: int
    returned: int

    def misses(self, seen: PaymentSnapshot) -> bool:
        """Say whether more lies with the provider than this knows of."""
        return seen.cash is not None and seen.cash.minor > self.came - self.returned


def counted(payment: Payment) -> Counted:
    """Return what is known now of money beyond the price."""
    return Counted(payment.surplus_minor, payment.surplus_returned_minor)


def note(payment: Payment, seen: PaymentSnapshot, *, before: Counted | None, at: datetime) -> None:
    """
    Book what lies with the provider beyond the price of a locked, paid payment, and ask that it be sent back.

    Only if nothing was sent or came back since the provider was asked: else what was seen lying there may be what has
    left meanwhile, and would be sent twice. Then it is looked at again.
    """
    if seen.customer_id is None or not payment.received_minor or not counted(payment).misses(seen):
        return  # Before all of the price is here, what lies there is a part of it.
    if before != counted(payment):
        _look_again(payment)
        return
    assert seen.cash is not None, "it was compared"
    new = Money(seen.cash.minor - outstanding(payment).minor, payment.currency)
    payment.surplus_minor += new.minor
    # The sum so far only grows: each arrival has a name of its own.
    name = f"surplus:{payment.surplus_minor}"
    ledger.book(amounts.surplus_came(new), dedupe=f"{payment.id}:{name}", order_id=payment.order_id, at=at)
    put_on_record(payment, IntentKind.SURPLUS, new, at=at, name=name, customer_id=seen.customer_id)
    _record(payment, "surplus_came", new, at=at)


def _look_again(payment: Payment) -> None:
    queue.promise("look_at_payment", lock=f"payment:{payment.id}", payment_id=str(payment.id))


def sent(payment: Payment, amount: Money, *, dedupe: str, at: datetime) -> None:
    """Book that a part of it has left for the bank of the buyer of a locked payment."""
    payment.surplus_returned_minor += amount.minor
    ledger.book(amounts.surplus_sent(amount), dedupe=dedupe, order_id=payment.order_id, at=at)
    _record(payment, "surplus_sent", amount, at=at)
    _look_again(payment)  # What came while this was leaving looked like a part of it.


def settle(*, payment_id: UUID, at: datetime) -> None:
    """
    See whether the buyer's bank took what was sent back. What it did not take waits for a person.

    :raises GatewayError: the provider could not be asked
    """
    with unit_of_work():
        waiting = db.session.execute(
            select(MoneyIntent.dedupe, MoneyIntent.reference, MoneyIntent.requested_at, Payment.order_id)
            .join(Payment, Payment.id == MoneyIntent.payment_id)
            .where(
                MoneyIntent.payment_id == payment_id,
                MoneyIntent.kind == IntentKind.SURPLUS,
                MoneyIntent.state == IntentState.DONE,
                MoneyIntent.requested_at >= at - BANKS_TAKE,
            )
            .order_by(MoneyIntent.requested_at)
        ).all()
    if not waiting:
        return
    returns = adapter_of(PaymentGateway).find_cash_returns(
        order_id=waiting[0].order_id, since=waiting[0].requested_at - timedelta(minutes=5)
    )
    failed = {one.refund_id: one.amount for one in returns if one.status is RefundStatus.FAILED}
    with unit_of_work() as session:
        payment = session.get_one(Payment, payment_id, with_for_update=True, populate_existing=True)
        for row in waiting:
            if row.reference in failed:
                _came_back(payment, failed[row.reference], dedupe=f"{row.dedupe}:came_back", at=at)


def _came_back(payment: Payment, amount: Money, *, dedupe: str, at: datetime) -> None:
    if db.session.scalar(select(LedgerJournal.id).where(LedgerJournal.dedupe == dedupe)) is not None:
        return
    payment.surplus_returned_minor -= amount.minor
    ledger.book(amounts.surplus_came_back(amount), dedupe=dedupe, order_id=payment.order_id, at=at)
    _record(payment, "surplus_came_back", amount, at=at)


def outstanding(payment: Payment) -> Money:
    """Return what lies with the provider beyond the price, as far as we know."""
    return Money(payment.surplus_minor - payment.surplus_returned_minor, payment.currency)


def _record(payment: Payment, what: str, amount: Money, *, at: datetime) -> None:
    audit.record(
        f"payment:{what}",
        actor_id=None,
        subject_type="payment",
        subject_id=payment.id,
        at=at,
        order_id=payment.order_id,
        amount_minor=amount.minor,
    )
