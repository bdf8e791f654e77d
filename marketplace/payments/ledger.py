"""The books: journals are written once, with the move they explain, and never changed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select

from ..extensions import db
from ..kernel.money import Money
from .amounts import Account, Journal
from .models import LedgerEntry, LedgerJournal, LedgerTotal


def book(journal: Journal, *, dedupe: str, order_id: UUID, at: datetime) -> None:
    """
    Write a journal in the caller's transaction; a second time under the same `dedupe` changes nothing.

    The caller holds the lock on the payment, so nobody else is writing the same journal.
    """
    known = db.session.scalar(select(LedgerJournal.id).where(LedgerJournal.dedupe == dedupe))
    if known is not None or not journal.sides:
        return
    db.session.add(
        LedgerJournal(
            dedupe=dedupe,
            kind=journal.kind,
            order_id=order_id,
            at=at,
            entries=[
                LedgerEntry(account=account, currency=amount.currency, amount_minor=amount.minor)
                for account, amount in journal.sides
            ],
        )
    )
    db.session.flush()


def balance_of(account: Account, *, currency: str = "usd") -> Money:
    """Return what an account of the whole house stands at, debit positive."""
    total = db.session.scalar(
        select(func.coalesce(func.sum(LedgerTotal.amount_minor), 0)).where(
            LedgerTotal.account == account, LedgerTotal.currency == currency
        )
    )
    return Money(int(total or 0), currency)
