"""What the finance desk shows: what needs a person, what differs, the books line by line, and the money day by day."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import func, select, tuple_

from ..extensions import db
from ..kernel.days import written
from ..kernel.money import Money
from . import policy, surplus
from .amounts import Account, JournalKind
from .books import FindingCode
from .models import IntentKind, IntentState, KeptFinding, LedgerEntry, LedgerJournal, LedgerTotal, MoneyIntent, Payment
from .states import HOLDS, PaymentState

PER_PAGE = 50


class TaskKind(StrEnum):
    """Why somebody has to look."""

    DECIDE = "decide"
    FROZEN = "frozen"
    BLOCKED = "blocked"
    PARTIAL_WIRE = "partial_wire"
    SURPLUS = "surplus"
    HELD_LONG = "held_long"


@dataclass(frozen=True, slots=True)
class Task:
    """Something about an order's money that does not go on by itself, and since when."""

    kind: TaskKind
    order_id: UUID
    amount: Money
    said: str
    since: datetime


@dataclass(frozen=True, slots=True)
class FindingView:
    """A difference with both sides' numbers; gone when a later look did not find it any more."""

    code: FindingCode
    subject: str
    said: str
    order_id: UUID | None
    ours: Money | None
    theirs: Money | None
    first_seen_at: datetime
    last_seen_at: datetime
    gone_at: datetime | None


@dataclass(frozen=True, slots=True)
class Line:
    """One journal with its sides."""

    id: UUID
    kind: JournalKind
    order_id: UUID
    at: datetime
    sides: tuple[tuple[Account, Money], ...]


@dataclass(frozen=True, slots=True)
class Day:
    """What moved on one day, in UTC."""

    day: date
    received: Money
    to_sellers: Money
    given_back: Money
    fees: Money

    @property
    def moved(self) -> bool:
        """Say whether anything did."""
        return any(amount.minor for amount in (self.received, self.to_sellers, self.given_back))


def tasks(*, at: datetime) -> list[Task]:
    """Return everything that waits for a person, what must be decided first, then the oldest."""
    found = [*_holds(at), *_frozen(), *_blocked(), *_partial_wires(), *_surpluses()]
    urgency = list(TaskKind)
    return sorted(found, key=lambda task: (urgency.index(task.kind) > 0, task.since, urgency.index(task.kind)))


def _amount(payment: Payment) -> Money:
    return Money(payment.amount_minor, payment.currency)


def _holds(at: datetime) -> Iterator[Task]:
    first = policy.HOLD_LIMIT - timedelta(days=policy.HOLD_ALARMS[0])
    for payment in db.session.scalars(
        select(Payment).where(Payment.state.in_(HOLDS), Payment.hold_deadline <= at + first)
    ):
        assert payment.hold_deadline is not None, "it was chosen by its deadline"
        since = payment.hold_deadline - policy.HOLD_LIMIT
        due = policy.decision_due(payment.hold_deadline)
        kind, said = TaskKind.HELD_LONG, f"Held for {(at - since).days} days; somebody must decide by {written(due)}."
        if due <= at:
            kind, said = TaskKind.DECIDE, f"Held for {(at - since).days} days: give it back or release it now."
        yield Task(kind, payment.order_id, _amount(payment), said, since)


def _frozen() -> Iterator[Task]:
    for payment in db.session.scalars(select(Payment).where(Payment.frozen_reason.is_not(None))):
        reason = str(payment.frozen_reason).replace("_", " ")
        said = f"Stands still: {reason}."
        yield Task(TaskKind.FROZEN, payment.order_id, _amount(payment), said, payment.created_at)


def _blocked() -> Iterator[Task]:
    for intent, payment in db.session.execute(
        select(MoneyIntent, Payment)
        .join(Payment, Payment.id == MoneyIntent.payment_id)
        .where(MoneyIntent.state == IntentState.BLOCKED, Payment.frozen_reason.is_(None))
    ):
        amount = Money(intent.payload["amount_minor"], intent.payload["currency"])
        said = f"The {intent.kind} does not go through: {intent.last_error}."
        yield Task(TaskKind.BLOCKED, payment.order_id, amount, said, intent.requested_at)


def _partial_wires() -> Iterator[Task]:
    for payment in db.session.scalars(
        select(Payment).where(
            Payment.state == PaymentState.PROCESSING, Payment.outstanding_minor < Payment.amount_minor
        )
    ):
        missing = Money(payment.outstanding_minor or 0, payment.currency)
        said = f"A bank transfer came in part; {missing} of {_amount(payment)} is still to come."
        yield Task(TaskKind.PARTIAL_WIRE, payment.order_id, missing, said, payment.created_at)


def _surpluses() -> Iterator[Task]:
    """Yield what came beyond the price and lies here; a sending back that is blocked is a task of its own."""
    on_its_way = select(MoneyIntent.id).where(
        MoneyIntent.payment_id == Payment.id,
        MoneyIntent.kind == IntentKind.SURPLUS,
        MoneyIntent.state != IntentState.DONE,
    )
    for payment, goes in db.session.execute(
        select(Payment, on_its_way.exists()).where(Payment.surplus_minor > Payment.surplus_returned_minor)
    ):
        said = "Bank transfers brought more than the price; it is being sent back."
        if not goes:
            said = (
                "What bank transfers brought beyond the price came back from the buyer's bank: ask them for another"
                " account, then send it again from the order."
            )
        yield Task(TaskKind.SURPLUS, payment.order_id, surplus.outstanding(payment), said, payment.created_at)


def findings(*, gone_since: datetime) -> list[FindingView]:
    """Return the differences that stand, and those that went since a moment, the newest first."""
    rows = db.session.scalars(
        select(KeptFinding)
        .where(KeptFinding.gone_at.is_(None) | (KeptFinding.gone_at >= gone_since))
        .order_by(KeptFinding.gone_at.desc().nulls_first(), KeptFinding.first_seen_at.desc(), KeptFinding.subject)
    )
    return [
        FindingView(
            code=row.code,
            subject=row.subject,
            said=row.said,
            order_id=row.order_id,
            ours=None if row.ours_minor is None or row.currency is None else Money(row.ours_minor, row.currency),
            theirs=None if row.theirs_minor is None or row.currency is None else Money(row.theirs_minor, row.currency),
            first_seen_at=row.first_seen_at,
            last_seen_at=row.last_seen_at,
            gone_at=row.gone_at,
        )
        for row in rows
    ]


def balances() -> list[tuple[Account, Money]]:
    """Return what every account stands at, debit positive."""
    rows = db.session.execute(
        select(LedgerTotal.account, LedgerTotal.currency, func.sum(LedgerTotal.amount_minor))
        .group_by(LedgerTotal.account, LedgerTotal.currency)
        .order_by(LedgerTotal.account, LedgerTotal.currency)
    )
    return [(account, Money(int(total), currency)) for account, currency, total in rows]


def lines(*, account: Account | None = None, before: UUID | None = None) -> tuple[list[Line], bool]:
    """Return one page of journals, the newest first, maybe only those that touch an account; and if there are older."""
    wanted = select(LedgerJournal)
    if account is not None:
        touched = select(LedgerEntry).where(LedgerEntry.journal_id == LedgerJournal.id, LedgerEntry.account == account)
        wanted = wanted.where(touched.exists())
    if before is not None:
        last = select(LedgerJournal.at, LedgerJournal.id).where(LedgerJournal.id == before)
        wanted = wanted.where(tuple_(LedgerJournal.at, LedgerJournal.id) < last.scalar_subquery())
    journals = db.session.scalars(
        wanted.order_by(LedgerJournal.at.desc(), LedgerJournal.id.desc()).limit(PER_PAGE + 1)
    ).all()
    shown = journals[:PER_PAGE]
    sides: dict[UUID, list[tuple[Account, Money]]] = {journal.id: [] for journal in shown}
    for entry in db.session.scalars(
        select(LedgerEntry).where(LedgerEntry.journal_id.in_(sides)).order_by(LedgerEntry.amount_minor.desc())
    ):
        sides[entry.journal_id].append((entry.account, Money(entry.amount_minor, entry.currency)))
    found = [
        Line(journal.id, journal.kind, journal.order_id, journal.at, tuple(sides[journal.id])) for journal in shown
    ]
    return found, len(journals) > PER_PAGE


_COLUMNS = {
    (JournalKind.PAID, Account.PROVIDER_CLEARING): "received",
    (JournalKind.RELEASED, Account.PROVIDER_CLEARING): "to_sellers",
    (JournalKind.RELEASED, Account.FEE_REVENUE): "fees",
    (JournalKind.REFUNDED, Account.PROVIDER_CLEARING): "given_back",
    (JournalKind.REFUND_ARRIVED, Account.PROVIDER_CLEARING): "given_back",
}


def days(*, last: date, count: int, currency: str = "usd") -> list[Day]:
    """Return what moved on each of `count` days up to `last`, oldest first, days of nothing included."""
    first = last - timedelta(days=count - 1)
    sums: dict[date, dict[str, int]] = {first + timedelta(days=n): {} for n in range(count)}
    for on, kind, account, total in db.session.execute(
        select(LedgerTotal.day, LedgerTotal.kind, LedgerTotal.account, func.sum(LedgerTotal.amount_minor))
        .where(LedgerTotal.currency == currency, LedgerTotal.day >= first, LedgerTotal.day <= last)
        .group_by(LedgerTotal.day, LedgerTotal.kind, LedgerTotal.account)
    ):
        column = _COLUMNS.get((kind, account))
        if column is not None:
            sums[on][column] = sums[on].get(column, 0) + abs(int(total))
    return [
        Day(
            on,
            *(Money(found.get(name, 0), currency) for name in ("received", "to_sellers", "given_back", "fees")),
        )
        for on, found in sums.items()
    ]
