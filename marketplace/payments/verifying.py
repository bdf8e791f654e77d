"""Is anything lost? Our books in themselves, beside the payments, and beside the provider's own books."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Date, and_, cast, func, select

from ..extensions import adapter_of, db, unit_of_work
from ..kernel.money import Money
from . import books, payee_totals, policy
from .amounts import Account
from .books import Finding, FindingCode, Moved, Movement, OrderBooks, Parts
from .models import (
    IntentState,
    LedgerEntry,
    LedgerJournal,
    LedgerTotal,
    MoneyIntent,
    PartialRefund,
    Payment,
    PaymentMove,
    ProviderEvent,
    ProviderEventState,
)
from .ports import PaymentGateway
from .states import ENDED_UNPAID, PartialState, PaymentState

_TOTALLED = ("day", "kind", "account", "currency")


def verify(*, at: datetime, grace: timedelta = policy.OVERDUE) -> list[Finding]:
    """
    Compare everything with everything and return what does not fit; changes nothing.

    What the provider did within `grace` may still be on its way to us, and what was due within it may still be done.

    :raises GatewayError: the provider's books could not be read
    """
    with unit_of_work():
        ours = _movements()
        found = [
            *_unbalanced(),
            *_totals(),
            *payee_totals.differences(),
            *(finding for order in _orders(ours) for finding in books.inconsistencies(order)),
            *_states_without_move(),
            *_events(at, grace),
            *_intents(at - grace),
        ]
        held = _held()
        beyond = _surpluses()
    bookings = list(adapter_of(PaymentGateway).bookings())
    theirs, strange = books.attributed(bookings)
    found += strange
    found += _cash(beyond)
    found += books.differences(ours, theirs, settled_before=at - grace)
    there = Money(sum(booking.amount.minor - booking.fee.minor for booking in bookings))
    if there < held:
        said = "The balance at the provider is less than what is held for buyers: it was paid out."
        found.append(Finding(FindingCode.BALANCE_TOO_LOW, "balance", said, None, held, there))
    return found


def _movements() -> list[Moved]:
    rows = db.session.execute(
        select(LedgerJournal.order_id, LedgerJournal.kind, LedgerEntry.amount_minor, LedgerEntry.currency)
        .join(LedgerEntry, LedgerEntry.journal_id == LedgerJournal.id)
        .where(LedgerEntry.account == Account.PROVIDER_CLEARING, LedgerJournal.kind.in_(books.OURS))
    )
    return [Moved(order_id, books.OURS[kind], Money(minor, currency)) for order_id, kind, minor, currency in rows]


def _held() -> Money:
    """
    Return what is held for buyers and must be there: what a bank took in a dispute nobody paid out.

    All that is held, by the kept total, less what of it is gone with the orders in dispute, which are never many.
    """

    def owed(account: Account) -> ColumnElement[int]:
        return func.coalesce(func.sum(LedgerEntry.amount_minor).filter(LedgerEntry.account == account), 0)

    disputed = (
        select(LedgerJournal.order_id)
        .join(LedgerEntry, LedgerEntry.journal_id == LedgerJournal.id)
        .where(LedgerEntry.account == Account.DISPUTED)
    )
    here = func.greatest(-owed(Account.HELD) - func.greatest(owed(Account.DISPUTED), 0), 0)
    gone = (
        select((-owed(Account.HELD) - here).label("minor"))
        .join(LedgerJournal, LedgerJournal.id == LedgerEntry.journal_id)
        .where(LedgerEntry.account.in_((Account.HELD, Account.DISPUTED)), LedgerJournal.order_id.in_(disputed))
        .group_by(LedgerJournal.order_id)
        .subquery()
    )
    held = select(func.coalesce(func.sum(LedgerTotal.amount_minor), 0)).where(LedgerTotal.account == Account.HELD)
    less = select(func.coalesce(func.sum(gone.c.minor), 0))
    return Money(-int(db.session.scalars(held).one()) - int(db.session.scalars(less).one()))


def _unbalanced() -> Iterator[Finding]:
    sums = db.session.execute(
        select(LedgerEntry.journal_id, func.sum(LedgerEntry.amount_minor))
        .group_by(LedgerEntry.journal_id, LedgerEntry.currency)
        .having(func.sum(LedgerEntry.amount_minor) != 0)
    )
    for journal_id, total in sums:
        yield Finding(FindingCode.UNBALANCED, str(journal_id), f"This journal's sides come to {Money(int(total))}.")


def _totals() -> Iterator[Finding]:
    """Yield every day and account whose kept total is not what its entries come to."""
    day = cast(func.timezone("UTC", LedgerJournal.at), Date)
    here = (day, LedgerJournal.kind, LedgerEntry.account, LedgerEntry.currency)
    added = (
        select(*(column.label(name) for name, column in zip(_TOTALLED, here, strict=True)),
               func.sum(LedgerEntry.amount_minor).label("minor"))
        .join(LedgerEntry, LedgerEntry.journal_id == LedgerJournal.id)
        .group_by(*here)
        .cte("added")
    )  # fmt: skip
    there = (LedgerTotal.day, LedgerTotal.kind, LedgerTotal.account, LedgerTotal.currency)
    kept = select(*there, func.sum(LedgerTotal.amount_minor).label("minor")).group_by(*there).cte("kept")
    both = and_(*(added.c[name] == kept.c[name] for name in _TOTALLED))
    came, stands = func.coalesce(added.c.minor, 0), func.coalesce(kept.c.minor, 0)
    rows = db.session.execute(
        select(
            *(func.coalesce(added.c[name], kept.c[name]).label(name) for name in _TOTALLED),
            came.label("came"),
            stands.label("stands"),
        )
        .select_from(added.join(kept, both, full=True))
        .where(came != stands)
    )
    for row in rows:
        entries, says = Money(int(row.came), row.currency), Money(int(row.stands), row.currency)
        said = f"The entries of {row.day} ({row.kind}, {row.account}) come to {entries}; the kept total says {says}."
        yield Finding(FindingCode.TOTALS_DIFFER, f"{row.day}:{row.kind}:{row.account}:{row.currency}", said)


def _orders(ours: list[Moved]) -> Iterator[OrderBooks]:
    balances: defaultdict[UUID, dict[Account, Money]] = defaultdict(dict)
    for order_id, account, currency, total in db.session.execute(
        select(LedgerJournal.order_id, LedgerEntry.account, LedgerEntry.currency, func.sum(LedgerEntry.amount_minor))
        .join(LedgerEntry, LedgerEntry.journal_id == LedgerJournal.id)
        .group_by(LedgerJournal.order_id, LedgerEntry.account, LedgerEntry.currency)
    ):
        balances[order_id][account] = Money(int(total), currency)
    moved: defaultdict[UUID, dict[Movement, Money]] = defaultdict(dict)
    for one in ours:
        sums = moved[one.order_id]
        sums[one.movement] = sums.get(one.movement, Money(0, one.amount.currency)) + one.amount
    parts = _parts()
    for payment in db.session.execute(
        select(
            Payment.order_id, Payment.state, Payment.currency, Payment.received_minor, Payment.transferred_minor,
            Payment.reversed_minor, Payment.refunded_minor, Payment.surplus_minor, Payment.surplus_returned_minor,
            Payment.id, Payment.conceded_minor,
        ).where(Payment.state.not_in(ENDED_UNPAID))
    ):  # fmt: skip
        yield OrderBooks(
            order_id=payment.order_id,
            state=payment.state,
            received=Money(payment.received_minor, payment.currency),
            transferred=Money(payment.transferred_minor, payment.currency),
            reversed=Money(payment.reversed_minor, payment.currency),
            refunded=Money(payment.refunded_minor, payment.currency),
            conceded=Money(payment.conceded_minor, payment.currency),
            parts=parts.get(payment.id) or _no_parts(payment.currency),
            surplus=Money(payment.surplus_minor - payment.surplus_returned_minor, payment.currency),
            balances=balances[payment.order_id],
            moved=moved[payment.order_id],
        )


def _parts() -> dict[UUID, Parts]:
    """Return what goes back in parts of each payment of which some does."""

    def come_to(*states: PartialState) -> ColumnElement[int]:
        amount = func.sum(PartialRefund.amount_minor)
        return func.coalesce(amount.filter(PartialRefund.state.in_(states)) if states else amount, 0)

    rows = db.session.execute(
        select(
            PartialRefund.payment_id,
            Payment.currency,
            come_to().label("decided"),
            come_to(PartialState.COVERED).label("covered"),
            come_to(PartialState.SENT).label("sent"),
        )
        .join(Payment, Payment.id == PartialRefund.payment_id)
        .group_by(PartialRefund.payment_id, Payment.currency)
    )
    return {
        row.payment_id: Parts(*(Money(int(sum_of), row.currency) for sum_of in (row.decided, row.covered, row.sent)))
        for row in rows
    }


def _no_parts(currency: str) -> Parts:
    nothing = Money(0, currency)
    return Parts(nothing, nothing, nothing)


def _states_without_move() -> Iterator[Finding]:
    led_there = select(PaymentMove.id).where(PaymentMove.payment_id == Payment.id, PaymentMove.state == Payment.state)
    for payment in db.session.execute(
        select(Payment.id, Payment.order_id, Payment.state).where(
            Payment.state != PaymentState.NEW, ~led_there.exists()
        )
    ):
        said = f"The payment is {payment.state}, and no move led there."
        yield Finding(FindingCode.STATE_WITHOUT_MOVE, str(payment.id), said, payment.order_id)


def _surpluses() -> list[tuple[UUID, str | None, Money]]:
    left = Payment.surplus_minor - Payment.surplus_returned_minor
    rows = db.session.execute(
        select(Payment.order_id, Payment.checkout_id, left.label("minor"), Payment.currency).where(left > 0)
    )
    return [(row.order_id, row.checkout_id, Money(row.minor, row.currency)) for row in rows]


def _cash(beyond: list[tuple[UUID, str | None, Money]]) -> Iterator[Finding]:
    """Yield every surplus that does not lie with the provider as we think; there are never many."""
    for order_id, checkout_id, ours in beyond:
        assert checkout_id is not None, "nobody sends too much without a page"
        theirs = adapter_of(PaymentGateway).get_payment(checkout_id).cash
        if theirs != ours:
            said = "What bank transfers brought beyond the price does not lie with the provider as our books say."
            yield Finding(
                FindingCode.BOOKS_DIFFER, f"{order_id}:cash", said, order_id, ours, theirs or Money(0, ours.currency)
            )


def _events(at: datetime, grace: timedelta) -> Iterator[Finding]:
    for event in db.session.scalars(
        select(ProviderEvent).where(ProviderEvent.state.in_((ProviderEventState.PENDING, ProviderEventState.FAILED)))
    ):
        why = event.last_error or "nobody looked into it"
        if event.state is ProviderEventState.FAILED:
            yield Finding(FindingCode.EVENT_GIVEN_UP, event.event_id, f"{event.kind} was given up: {why}.")
        elif policy.event_overdue(received_at=event.received_at, attempts=event.attempts, within=grace, at=at):
            yield Finding(FindingCode.EVENT_OVERDUE, event.event_id, f"{event.kind} should have been done: {why}.")


def _intents(due_before: datetime) -> Iterator[Finding]:
    for intent in db.session.execute(
        select(MoneyIntent.dedupe, MoneyIntent.kind, Payment.order_id, MoneyIntent.last_error)
        .join(Payment, Payment.id == MoneyIntent.payment_id)
        .where(
            MoneyIntent.state.in_((IntentState.PENDING, IntentState.CALLING_OFF)), MoneyIntent.next_try_at < due_before
        )
    ):
        why = intent.last_error or "nobody took it up"
        said = f"The {intent.kind} should have been tried again: {why}."
        yield Finding(FindingCode.INTENT_OVERDUE, intent.dedupe, said, intent.order_id)
