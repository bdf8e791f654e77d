"""What the payments room asks of a payment provider, in words that name no provider."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from marketplace.kernel.errors import Invalid, Unavailable
from marketplace.kernel.money import Money


class PaymentMethod(StrEnum):
    """How a buyer may pay."""

    CARD = "card"
    BANK_DEBIT = "bank_debit"
    BANK_TRANSFER = "bank_transfer"


class CheckoutStatus(StrEnum):
    """Where the provider's payment page stands. A complete page does not yet mean money."""

    OPEN = "open"
    COMPLETE = "complete"
    EXPIRED = "expired"


class PaymentStatus(StrEnum):
    """Where the money stands. Only SUCCEEDED is money."""

    OPEN = "open"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"


class DisputeStatus(StrEnum):
    """Where the buyer's bank stands. Whatever we do not know is OPEN, and freezes."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


class RefundStatus(StrEnum):
    """Whether money has gone back."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SellerAccount:
    """
    A seller as the provider sees them.

    `payable` is the only answer that counts; `reason` is the provider's word for why not, `due` what lacks.
    """

    account_id: str
    payable: bool
    reason: str | None
    due: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """An address to send a signed-in person to: it works once, and not for long."""

    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Checkout:
    """The provider's payment page. `url` is there only while it is open."""

    checkout_id: str
    status: CheckoutStatus
    url: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DisputeSnapshot:
    """One dispute of a charge: what it took from our balance and what came back, and the fee that the provider kept."""

    dispute_id: str
    status: DisputeStatus
    taken: Money
    returned: Money
    fee: Money


class BookingKind(StrEnum):
    """What a booking on the provider's balance is for."""

    CHARGE = "charge"
    TRANSFER = "transfer"
    REVERSAL = "reversal"
    REFUND = "refund"
    DISPUTE = "dispute"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class PaymentSnapshot:
    """
    One payment as the provider sees it now, whatever event made us look.

    `received` is money in our balance; `outstanding` is what a bank transfer still lacks.
    `fee` and `available_on` are unknown until the provider has booked the charge.
    `order_id` is what we wrote on it, or None when it is not ours to read. `cash` is what the buyer sent by bank
    transfer beyond what they owed and the provider keeps for them (None: no bank transfer), under `customer_id`.
    `send_to` is the provider's page with the account that a bank transfer goes to, while one is waited for.
    """

    checkout_id: str | None
    payment_id: str | None
    status: PaymentStatus
    amount: Money
    received: Money
    outstanding: Money
    refunded: Money
    charge_id: str | None
    fee: Money | None
    available_on: datetime | None
    dispute: DisputeStatus | None
    method: PaymentMethod | None
    failure: str | None
    order_id: UUID | None
    livemode: bool
    disputes: tuple[DisputeSnapshot, ...] = ()
    customer_id: str | None = None
    cash: Money | None = None
    send_to: str | None = None


@dataclass(frozen=True, slots=True)
class TransferSnapshot:
    """Money moved from our balance to a seller's. `step` names which of our steps sent it."""

    transfer_id: str
    amount: Money
    reversed: Money
    destination: str
    charge_id: str | None
    transfer_group: str | None
    step: str | None
    order_id: UUID | None


@dataclass(frozen=True, slots=True)
class ReversalSnapshot:
    """Money taken back from a seller's balance into ours."""

    reversal_id: str
    transfer_id: str
    amount: Money
    step: str | None


@dataclass(frozen=True, slots=True)
class RefundSnapshot:
    """Money on its way back to the buyer."""

    refund_id: str
    charge_id: str | None
    amount: Money
    status: RefundStatus
    step: str | None
    failure: str | None


@dataclass(frozen=True, slots=True)
class Booking:
    """
    One line of the provider's own books about our balance there: `amount` without its `fee`, signed.

    `order_id` is what we wrote on a charge or a transfer; `within` is the charge or the transfer that a refund, a
    dispute or a reversal belongs to, and for those two themselves their own id.
    """

    booking_id: str
    kind: BookingKind
    amount: Money
    fee: Money
    source: str | None
    within: str | None
    order_id: UUID | None
    at: datetime


@dataclass(frozen=True, slots=True)
class EventRef:
    """
    A verified word from the provider that something changed, and nothing about how.

    Fetch the object: then neither the order nor the number of events matters. `type` has the same name
    whether the event came whole or thin. `api_version` is None on thin events, which carry no version.
    """

    event_id: str
    type: str
    object_id: str | None
    account: str | None
    created: datetime
    livemode: bool
    api_version: str | None


@dataclass(frozen=True, slots=True)
class ListedEvent:
    """An event as the provider lists it, and the text of it that is kept."""

    ref: EventRef
    body: str


class GatewayError(Unavailable):
    """
    The provider did not do what was asked.

    The sentence is for a person; `detail`, which is also what `str()` shows, is for the log.
    """

    code = "payment_provider"
    cure = "Wait a few minutes, then try again. You cannot be charged twice for one order."

    def __init__(self, detail: str) -> None:
        super().__init__("The payment provider could not be asked just now.")
        self.detail = detail

    def __str__(self) -> str:
        return self.detail


class GatewayRejected(GatewayError):
    """A definite no: nothing happened, and the same question will be answered the same way."""

    code = "payment_provider_rejected"

    def __init__(self, detail: str, *, status: int, reason: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.reason = reason


class GatewayUnknown(GatewayError):
    """No answer, or one that says nothing: the money may have moved. Ask again with the same key."""

    code = "payment_provider_silent"


class GatewayReplayedError(GatewayError):
    """The provider keeps repeating a stored failure for this key. Look first, then use another key."""

    code = "payment_provider_stuck"


class GatewayConfig(GatewayError):
    """The provider does not accept who we say we are: nobody can pay until an operator mends it."""

    code = "payment_provider_config"


class WebhookRefused(Invalid):
    """A webhook that is not the provider's, is damaged, or is not from now. Nothing of it may be kept."""

    code = "webhook_refused"


class PaymentGateway(Protocol):
    """
    The payment provider.

    Every method may raise `GatewayError`: `GatewayRejected` is a definite no, `GatewayUnknown` means that it
    may have happened. `key` makes a repetition harmless: it is made of our row and the attempt, and the same
    key is only ever sent with the same arguments. `api_version` is the one that it was written for.
    """

    api_version: str

    def create_seller_account(self, *, clinic_id: UUID, email: str, name: str, country: str, key: str) -> SellerAccount:
        """Open an account that can receive transfers once its owner has answered the provider's questions."""
        ...

    def onboarding_link(self, *, account_id: str, return_url: str, refresh_url: str) -> Link:
        """Mint an address where the seller answers the provider's questions."""
        ...

    def get_seller_account(self, account_id: str) -> SellerAccount:
        """Read a seller's account: coming back from the link proves nothing, this does."""
        ...

    def create_checkout(
        self,
        *,
        order_id: UUID,
        amount: Money,
        title: str,
        buyer_email: str,
        buyer_name: str,
        methods: frozenset[PaymentMethod],
        success_url: str,
        cancel_url: str,
        expires_at: datetime,
        transfer_group: str,
        key: str,
    ) -> Checkout:
        """Open a payment page that offers only `methods`, for 30 minutes to 24 hours."""
        ...

    def expire_checkout(self, checkout_id: str) -> Checkout:
        """
        Close an open payment page, so that nobody can pay on it any more.

        :raises GatewayRejected: it is already paid or closed: read the payment
        """
        ...

    def get_payment(self, reference: str) -> PaymentSnapshot:
        """Read the payment that a checkout, payment, charge, refund or dispute id belongs to."""
        ...

    def create_transfer(
        self,
        *,
        order_id: UUID,
        amount: Money,
        destination: str,
        charge_id: str,
        transfer_group: str,
        step: str,
        key: str,
    ) -> TransferSnapshot:
        """Send the seller their part of one charge."""
        ...

    def find_transfers(self, transfer_group: str) -> tuple[TransferSnapshot, ...]:
        """Return every transfer of the group, oldest first: the look before anything is sent again."""
        ...

    def get_transfer(self, transfer_id: str) -> TransferSnapshot:
        """Read one transfer."""
        ...

    def reverse_transfer(self, *, transfer_id: str, amount: Money, step: str, key: str) -> ReversalSnapshot:
        """Take back all or part of a transfer, if the seller's balance still has it."""
        ...

    def find_reversals(self, transfer_id: str) -> tuple[ReversalSnapshot, ...]:
        """Return every reversal of the transfer, oldest first."""
        ...

    def refund(self, *, charge_id: str, amount: Money, step: str, key: str) -> RefundSnapshot:
        """Send all or part of a charge back to the buyer. It may stay pending for days."""
        ...

    def find_refunds(self, charge_id: str) -> tuple[RefundSnapshot, ...]:
        """Return every refund of the charge, oldest first."""
        ...

    def return_cash(self, *, customer_id: str, amount: Money, order_id: UUID, step: str, key: str) -> RefundSnapshot:
        """Send what a buyer sent too much back to their bank: it is theirs, and was never in our balance."""
        ...

    def find_cash_returns(self, *, order_id: UUID, since: datetime) -> tuple[RefundSnapshot, ...]:
        """Return every sending back of what was too much for an order, since a moment, oldest first."""
        ...

    def bookings(self) -> Iterator[Booking]:
        """Read the provider's own books about our balance, newest first, from the first line that there is."""
        ...

    def events(self, *, since: datetime) -> Iterator[ListedEvent]:
        """Read what the provider says that happened since a moment, whether or not it told us."""
        ...

    def parse_webhook(self, raw: bytes, signature: str, *, at: datetime) -> EventRef:
        """
        Verify the raw body against its signature header and say what it is about.

        :raises WebhookRefused: forged, changed, more than 300 seconds old or ahead, or not an event
        """
        ...
