"""What Stripe's objects say, as the port's snapshots."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from uuid import UUID

from marketplace.kernel.money import Money
from marketplace.payments.ports import (
    Booking,
    BookingKind,
    Checkout,
    CheckoutStatus,
    DisputeSnapshot,
    DisputeStatus,
    PaymentMethod,
    PaymentSnapshot,
    PaymentStatus,
    RefundSnapshot,
    RefundStatus,
    ReversalSnapshot,
    SellerAccount,
    TransferSnapshot,
)

if TYPE_CHECKING:
    import stripe
    from stripe.v2.core import Account

Snapshot = TypeVar("Snapshot")

TYPES: dict[PaymentMethod, Literal["card", "us_bank_account", "customer_balance"]] = {
    PaymentMethod.CARD: "card",
    PaymentMethod.BANK_DEBIT: "us_bank_account",
    PaymentMethod.BANK_TRANSFER: "customer_balance",
}
_METHODS: dict[str, PaymentMethod] = {name: method for method, name in TYPES.items()}
# Every other status, also one that Stripe invents tomorrow, is an open dispute: it freezes.
_CLOSED_DISPUTES = {
    "won": DisputeStatus.WON,
    "warning_closed": DisputeStatus.WON,
    "lost": DisputeStatus.LOST,
}
_REFUNDS = {
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.FAILED,
}

# By what it is reported as; everything else moves nothing of an order's.
_BOOKINGS = {
    "charge": BookingKind.CHARGE,
    "transfer": BookingKind.TRANSFER,
    "transfer_reversal": BookingKind.REVERSAL,
    "refund": BookingKind.REFUND,
    "refund_failure": BookingKind.REFUND,
    "dispute": BookingKind.DISPUTE,
    "dispute_reversal": BookingKind.DISPUTE,
}
_WITHIN = {
    BookingKind.CHARGE: "id",
    BookingKind.TRANSFER: "id",
    BookingKind.REVERSAL: "transfer",
    BookingKind.REFUND: "charge",
    BookingKind.DISPUTE: "charge",
}

_WIRE = "display_bank_transfer_instructions"


def seller(account: "Account") -> SellerAccount:
    configuration = account.configuration
    recipient = configuration.recipient if configuration else None
    capabilities = recipient.capabilities if recipient else None
    balance = capabilities.stripe_balance if capabilities else None
    transfers = balance.stripe_transfers if balance else None
    payable = transfers is not None and transfers.status == "active"
    reason = None
    if not payable:
        details = transfers.status_details if transfers else []
        reason = details[0].code if details else transfers.status if transfers else "not_requested"
    entries = (account.requirements.entries if account.requirements else None) or []
    return SellerAccount(
        account_id=account.id,
        payable=payable,
        reason=reason,
        due=tuple(entry.description for entry in entries if entry.awaiting_action_from == "user"),
    )


def checkout(session: "stripe.checkout.Session") -> Checkout:
    return Checkout(
        checkout_id=session.id,
        status=CheckoutStatus(str(session.status)),
        url=session.url,
        expires_at=datetime.fromtimestamp(session.expires_at, UTC),
    )


def payment(
    session: "stripe.checkout.Session",
    intent: "stripe.PaymentIntent | None",
    charge: "stripe.Charge | None",
    disputes: "Sequence[stripe.Dispute] | None",
    cash: "stripe.CashBalance | None",
) -> PaymentSnapshot:
    currency = (intent.currency if intent else session.currency) or ""
    amount = (intent.amount if intent else session.amount_total) or 0
    received = intent.amount_received if intent else 0
    action = intent.next_action if intent else None
    wire = action.display_bank_transfer_instructions if action and _WIRE in action else None
    remaining = wire.amount_remaining if wire else None
    booked = charge.balance_transaction if charge else None
    assert not isinstance(booked, str), "the booking was asked for with the charge"
    error = intent.last_payment_error if intent else None
    details = charge.payment_method_details if charge else None
    return PaymentSnapshot(
        checkout_id=session.id,
        payment_id=intent.id if intent else None,
        status=_status(session.status, intent.status if intent else None),
        amount=Money(amount, currency),
        received=Money(received, currency),
        outstanding=Money(amount - received if remaining is None else remaining, currency),
        refunded=Money(charge.amount_refunded if charge else 0, currency),
        charge_id=charge.id if charge else None,
        fee=Money(booked.fee, booked.currency) if booked else None,
        available_on=datetime.fromtimestamp(booked.available_on, UTC) if booked else None,
        dispute=_dispute(disputes),
        method=_METHODS.get(details.type) if details else None,
        failure=error.message if error else None,
        order_id=_agreed_order(session, intent),
        livemode=session.livemode or bool(intent and intent.livemode),
        disputes=tuple(_disputed(dispute) for dispute in disputes or ()),
        customer_id=str(session.customer) if session.customer else None,
        cash=_cash(cash, currency) if cash else None,
        send_to=wire.hosted_instructions_url if wire else None,
    )


def _cash(cash: "stripe.CashBalance", currency: str) -> Money:
    available = cash.available
    return Money(available[currency] if available and currency in available else 0, currency)


def _status(session: str | None, intent: str | None) -> PaymentStatus:
    if intent == "succeeded":
        return PaymentStatus.SUCCEEDED
    if session == "expired":
        return PaymentStatus.EXPIRED
    if session == "open":
        return PaymentStatus.OPEN
    if intent in {"requires_payment_method", "canceled"}:
        return PaymentStatus.FAILED
    return PaymentStatus.PROCESSING


def _disputed(dispute: "stripe.Dispute") -> DisputeSnapshot:
    bookings, currency = dispute.balance_transactions, dispute.currency
    return DisputeSnapshot(
        dispute_id=dispute.id,
        status=_CLOSED_DISPUTES.get(dispute.status, DisputeStatus.OPEN),
        taken=Money(-sum(booking.amount for booking in bookings if booking.amount < 0), currency),
        returned=Money(sum(booking.amount for booking in bookings if booking.amount > 0), currency),
        fee=Money(sum(booking.fee for booking in bookings), currency),
    )


def _dispute(disputes: "Sequence[stripe.Dispute] | None") -> DisputeStatus | None:
    """Return the worst of them; a charge that is disputed by nothing we can find is frozen too."""
    if disputes is None:
        return None
    stands = {_CLOSED_DISPUTES.get(dispute.status, DisputeStatus.OPEN) for dispute in disputes}
    if DisputeStatus.LOST in stands and DisputeStatus.OPEN not in stands:
        return DisputeStatus.LOST
    return DisputeStatus.WON if stands == {DisputeStatus.WON} else DisputeStatus.OPEN


def _agreed_order(session: "stripe.checkout.Session", intent: "stripe.PaymentIntent | None") -> UUID | None:
    """Return the order that the page and the payment both name, if they agree."""
    named = {_noted(session.metadata, "order_id")}
    if intent:
        named.add(_noted(intent.metadata, "order_id"))
    return _uuid(named.pop()) if len(named) == 1 else None


def transfer(transfer: "stripe.Transfer") -> TransferSnapshot:
    return TransferSnapshot(
        transfer_id=transfer.id,
        amount=Money(transfer.amount, transfer.currency),
        reversed=Money(transfer.amount_reversed, transfer.currency),
        destination=str(transfer.destination),
        charge_id=str(transfer.source_transaction) if transfer.source_transaction else None,
        transfer_group=transfer.transfer_group,
        step=_noted(transfer.metadata, "step"),
        order_id=_uuid(_noted(transfer.metadata, "order_id")),
    )


def reversal(reversal: Any) -> ReversalSnapshot:
    return ReversalSnapshot(
        reversal_id=reversal.id,
        transfer_id=str(reversal.transfer),
        amount=Money(reversal.amount, reversal.currency),
        step=_noted(reversal.metadata, "step"),
    )


def refund(refund: "stripe.Refund") -> RefundSnapshot:
    return RefundSnapshot(
        refund_id=refund.id,
        charge_id=str(refund.charge) if refund.charge else None,
        amount=Money(refund.amount, refund.currency),
        status=_REFUNDS.get(refund.status or "", RefundStatus.PENDING),
        step=_noted(refund.metadata, "step"),
        failure=refund.failure_reason if "failure_reason" in refund else None,
    )


def names_order(refund: "stripe.Refund", order_id: UUID) -> bool:
    return _uuid(_noted(refund.metadata, "order_id")) == order_id


def booking(booking: "stripe.BalanceTransaction") -> Booking:
    kind = _BOOKINGS.get(booking.reporting_category, BookingKind.OTHER)
    # Whatever it is: the fields that are asked of it are those that its kind has.
    source: Any = booking.source
    within = str(source[_WITHIN[kind]]) if kind in _WITHIN and source is not None else None
    return Booking(
        booking_id=booking.id,
        kind=kind,
        amount=Money(booking.amount, booking.currency),
        fee=Money(booking.fee, booking.currency),
        source=source.id if source is not None else None,
        within=within,
        order_id=_uuid(_noted(source.metadata, "order_id")) if within is not None else None,
        at=datetime.fromtimestamp(booking.created, UTC),
    )


def oldest_first(newest_first: Iterable[Snapshot]) -> tuple[Snapshot, ...]:
    return tuple(newest_first)[::-1]


def _noted(metadata: Any, name: str) -> str | None:
    """Read one of our notes from an object's metadata, which is not a dict."""
    return metadata[name] if metadata and name in metadata else None


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
