"""What is to be seen of payments, as plain values."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from ..extensions import db
from ..kernel.money import Money
from .amounts import Account, JournalKind
from .models import (
    NOT_PAYABLE,
    IntentKind,
    IntentState,
    LedgerEntry,
    LedgerJournal,
    MoneyIntent,
    PartialRefund,
    Payment,
    SellerAccount,
)
from .record import parts_of
from .states import ENDED_UNPAID, PartialState, PaymentState


@dataclass(frozen=True, slots=True)
class IntentView:
    """How far a movement of money has come."""

    kind: IntentKind
    state: IntentState
    reference: str | None
    last_error: str | None
    attempt: int
    requested_at: datetime
    next_try_at: datetime


@dataclass(frozen=True, slots=True)
class PartView:
    """A part of the price that goes back to the buyer, or has gone."""

    number: int
    amount: Money
    sellers_share: Money
    fee_share: Money
    after_release: bool
    state: PartialState
    reason: str
    requested_at: datetime
    arrived_at: datetime | None


@dataclass(frozen=True, slots=True)
class PaymentView:
    """The money of one order."""

    id: UUID
    order_id: UUID
    state: PaymentState
    amount: Money
    fee: Money
    payout: Money
    received: Money
    refunded: Money
    transferred: Money
    reversed: Money
    method: str | None
    frozen_reason: str | None
    hold_deadline: datetime | None
    release_not_before: datetime | None
    outstanding: Money | None
    surplus: Money
    surplus_returned: Money
    expires_at: datetime
    created_at: datetime
    reference: str | None
    charge_id: str | None
    intents: tuple[IntentView, ...]
    conceded: Money
    parts: tuple[PartView, ...]

    @property
    def left(self) -> Money:
        """Return for how much the sale stands: the price without what goes back in parts."""
        return self.amount - self.conceded

    @property
    def part_on_its_way(self) -> PartView | None:
        """Return the part that is going back just now, if one is."""
        return next((part for part in self.parts if part.state is not PartialState.ARRIVED), None)

    @property
    def ended_unpaid(self) -> bool:
        """Say whether the buyer may try again."""
        return self.state in ENDED_UNPAID

    @property
    def is_called_off(self) -> bool:
        """Say whether the seller was to be paid, and the money goes back once it is sure that none of it has left."""
        return any(intent.state is IntentState.CALLING_OFF for intent in self.intents)

    @property
    def waits_to_be_safe(self) -> bool:
        """Say whether the seller is to be paid, and only the money can still fail or is not available yet."""
        return self.state is PaymentState.PAID and any(intent.kind is IntentKind.RELEASE for intent in self.intents)

    @property
    def waits_for_sellers_account(self) -> bool:
        """Say whether the seller's money waits for nothing but an account that can receive it."""
        return any(
            intent.kind is IntentKind.RELEASE
            and intent.state is IntentState.BLOCKED
            and (intent.last_error or "").startswith(NOT_PAYABLE)
            for intent in self.intents
        )

    @property
    def can_be_fronted(self) -> bool:
        """Say whether the seller's part is waited for in vain, so that only our own money could go back now."""
        part = self.part_on_its_way
        waits = self.state is PaymentState.REVERSING or (part is not None and part.state is PartialState.ASKED)
        return waits and any(
            intent.kind is IntentKind.REVERSAL and intent.state is IntentState.BLOCKED for intent in self.intents
        )

    @property
    def surplus_came_back(self) -> bool:
        """Say whether what came beyond the price lies here because the buyer's bank did not take it."""
        return bool(self.surplus.minor) and all(
            intent.state is IntentState.DONE for intent in self.intents if intent.kind is IntentKind.SURPLUS
        )

    @property
    def awaits_transfer(self) -> bool:
        """Say whether the buyer is to send the price from their bank, or the rest of it."""
        return self.state is PaymentState.PROCESSING and self.method is None and self.frozen_reason is None

    @property
    def arrived_in_part(self) -> Money | None:
        """What of a bank transfer is here while the rest is not; None unless it is some and not all."""
        if self.outstanding is None or self.outstanding == self.amount:
            return None
        return self.amount - self.outstanding


@dataclass(frozen=True, slots=True)
class SellerAccountView:
    """Whether a clinic can be paid, and why not."""

    opened: bool
    payable: bool
    reason: str | None
    checked_at: datetime | None


@dataclass(frozen=True, slots=True)
class JournalView:
    """One line of the books about an order."""

    kind: JournalKind
    at: datetime
    sides: tuple[tuple[Account, Money], ...]


def payment_of(order_id: UUID) -> PaymentView | None:
    """Return the order's payment: the one that is worth something, else the newest; None before the first."""
    payments = payments_of(order_id)
    return next((payment for payment in payments if not payment.ended_unpaid), next(iter(payments), None))


def payments_of(order_id: UUID) -> list[PaymentView]:
    """Return every payment of the order, newest first."""
    rows = db.session.scalars(
        select(Payment)
        .where(Payment.order_id == order_id)
        .order_by(Payment.created_at.desc(), Payment.id)
        .execution_options(populate_existing=True)
    ).all()
    intents: dict[UUID, list[IntentView]] = {row.id: [] for row in rows}
    for intent in db.session.scalars(
        select(MoneyIntent)
        .where(MoneyIntent.payment_id.in_(intents))
        .order_by(MoneyIntent.requested_at)
        .execution_options(populate_existing=True)
    ):
        intents[intent.payment_id].append(_intent_view(intent))
    parts = _parts_of([row.id for row in rows if row.conceded_minor])
    return [_payment_view(row, tuple(intents[row.id]), tuple(parts.get(row.id, ()))) for row in rows]


def _parts_of(payment_ids: list[UUID]) -> dict[UUID, list[PartView]]:
    parts: dict[UUID, list[PartView]] = {payment_id: [] for payment_id in payment_ids}
    if not parts:
        return parts  # Nearly always: nothing goes back in parts.
    for row in db.session.scalars(
        select(PartialRefund)
        .where(PartialRefund.payment_id.in_(parts))
        .order_by(PartialRefund.number)
        .execution_options(populate_existing=True)
    ):
        parts[row.payment_id].append(
            PartView(
                number=row.number,
                amount=Money(row.amount_minor),
                sellers_share=Money(row.payout_minor),
                fee_share=Money(row.fee_minor),
                after_release=row.after_release,
                state=row.state,
                reason=row.reason,
                requested_at=row.requested_at,
                arrived_at=row.arrived_at,
            )
        )
    return parts


def states_of(order_ids: list[UUID]) -> dict[UUID, PaymentState]:
    """Return where the money of each of many orders is, in one statement; orders without a payment are left out."""
    rows = db.session.execute(
        select(Payment.order_id, Payment.state).where(Payment.order_id.in_(order_ids)).order_by(Payment.created_at)
    ).all()
    return {order_id: state for order_id, state in rows}  # noqa: C416  The newest of an order comes last.


def orders_in(states: Collection[PaymentState]) -> list[UUID]:
    """Return the orders whose money is in one of these states."""
    return list(db.session.scalars(select(Payment.order_id).where(Payment.state.in_(states))))


def seller_account(clinic_id: UUID) -> SellerAccountView:
    """Return whether the clinic can be paid, as far as we were told."""
    row = db.session.scalars(select(SellerAccount).where(SellerAccount.clinic_id == clinic_id)).one_or_none()
    if row is None or row.reference is None:
        return SellerAccountView(opened=False, payable=False, reason=None, checked_at=None)
    return SellerAccountView(opened=True, payable=row.payable, reason=row.reason, checked_at=row.checked_at)


def journals_of(order_id: UUID) -> list[JournalView]:
    """Return the books about one order, oldest first."""
    rows = db.session.execute(
        select(LedgerJournal, LedgerEntry)
        .join(LedgerEntry, LedgerEntry.journal_id == LedgerJournal.id)
        .where(LedgerJournal.order_id == order_id)
        .order_by(LedgerJournal.at, LedgerJournal.kind, LedgerEntry.amount_minor.desc())
    ).all()
    sides: dict[UUID, list[tuple[Account, Money]]] = {}
    for journal, entry in rows:
        sides.setdefault(journal.id, []).append((entry.account, Money(entry.amount_minor, entry.currency)))
    journals = {journal.id: journal for journal, _ in rows}
    return [
        JournalView(kind=journal.kind, at=journal.at, sides=tuple(sides[journal.id])) for journal in journals.values()
    ]


def _intent_view(intent: MoneyIntent) -> IntentView:
    return IntentView(
        kind=intent.kind,
        state=intent.state,
        reference=intent.reference,
        last_error=intent.last_error,
        attempt=intent.attempt,
        requested_at=intent.requested_at,
        next_try_at=intent.next_try_at,
    )


def _payment_view(row: Payment, intents: tuple[IntentView, ...], parts: tuple[PartView, ...]) -> PaymentView:
    shares = parts_of(row)
    return PaymentView(
        id=row.id,
        order_id=row.order_id,
        state=row.state,
        amount=Money(row.amount_minor, row.currency),
        fee=shares.fee,
        payout=shares.payout,
        received=Money(row.received_minor, row.currency),
        refunded=Money(row.refunded_minor, row.currency),
        transferred=Money(row.transferred_minor, row.currency),
        reversed=Money(row.reversed_minor, row.currency),
        method=row.method,
        frozen_reason=row.frozen_reason,
        hold_deadline=row.hold_deadline,
        release_not_before=row.release_not_before,
        surplus=Money(row.surplus_minor - row.surplus_returned_minor, row.currency),
        surplus_returned=Money(row.surplus_returned_minor, row.currency),
        outstanding=None if row.outstanding_minor is None else Money(row.outstanding_minor, row.currency),
        expires_at=row.expires_at,
        created_at=row.created_at,
        reference=row.payment_reference,
        charge_id=row.charge_id,
        intents=intents,
        conceded=Money(row.conceded_minor, row.currency),
        parts=parts,
    )
