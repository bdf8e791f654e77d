"""The port's questions, put to Stripe through its own client."""

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import UUID

from marketplace.kernel.money import Money
from marketplace.logs import log
from marketplace.payments.ports import (
    Booking,
    Checkout,
    EventRef,
    GatewayConfig,
    Link,
    ListedEvent,
    PaymentMethod,
    PaymentSnapshot,
    RefundSnapshot,
    ReversalSnapshot,
    SellerAccount,
    TransferSnapshot,
)

from . import finding, reading, webhooks
from .answering import answering

if TYPE_CHECKING:
    import stripe

API_VERSION = "2026-10-28.endive"


class StripeGateway:
    """
    `marketplace.payments.ports.PaymentGateway` over Stripe's own client.

    The same code speaks to Stripe and to the local stand-in; `api_base` names the latter.
    """

    api_version = API_VERSION

    def __init__(
        self,
        *,
        api_key: str,
        webhook_secrets: Sequence[str],
        api_base: str | None = None,
        max_network_retries: int = 2,
        timeout: tuple[float, float] = (3, 20),
        seconds_left: Callable[[], float | None] = lambda: None,
    ) -> None:
        """
        Remember whom to ask; nothing is sent yet.

        `timeout` is that of one request, in seconds: to connect, to be answered. `seconds_left` says how long somebody
        still waits for all of them together, further tries included; None where nobody does.

        :raises GatewayConfig: a stand-in that is not on this machine, or a live key meant for it
        """
        if api_base is not None:
            if not api_key.startswith("sk_test_"):
                raise GatewayConfig("A stand-in for Stripe is only ever given a test key (sk_test_…).")
            if urlsplit(api_base).hostname not in {"127.0.0.1", "::1", "localhost"}:
                raise GatewayConfig(f"A stand-in for Stripe must be on this machine, not at {api_base}.")
        self._api_key = api_key
        self._webhook_secrets = tuple(webhook_secrets)
        self._api_base = api_base
        self._max_network_retries = max_network_retries
        self._timeout = timeout
        self._seconds_left = seconds_left

    @cached_property
    def _client(self) -> "stripe.StripeClient":
        import stripe

        from .hurrying import HurryingSession

        # It would keep a file in the home directory, and fail where there is none.
        stripe.enable_telemetry = False
        session = HurryingSession(self._seconds_left)
        # A proxy named in the environment is for the world outside, never for this machine.
        session.trust_env = self._api_base is None
        return stripe.StripeClient(
            self._api_key,
            stripe_version=API_VERSION,
            base_addresses={} if self._api_base is None else {"api": self._api_base},
            max_network_retries=self._max_network_retries,
            http_client=stripe.RequestsClient(timeout=self._timeout, session=session),
        )

    # -- sellers ---------------------------------------------------------------------------------

    def create_seller_account(self, *, clinic_id: UUID, email: str, name: str, country: str, key: str) -> SellerAccount:
        """See the port."""
        with answering():
            account = self._client.v2.core.accounts.create(
                {
                    "contact_email": email,
                    "display_name": name,
                    "dashboard": "express",
                    "identity": {"country": country.lower(), "entity_type": "company"},
                    "defaults": {
                        "currency": "usd",
                        "responsibilities": {
                            "fees_collector": "application",
                            "losses_collector": "application",
                        },
                    },
                    "configuration": {
                        "recipient": {"capabilities": {"stripe_balance": {"stripe_transfers": {"requested": True}}}}
                    },
                    "include": ["configuration.recipient", "requirements"],
                    "metadata": {"clinic_id": str(clinic_id)},
                },
                {"idempotency_key": key},
            )
        return reading.seller(account)

    def onboarding_link(self, *, account_id: str, return_url: str, refresh_url: str) -> Link:
        """See the port. Without a key of ours: a link works once, so each call must mint a new one."""
        with answering():
            link = self._client.v2.core.account_links.create(
                {
                    "account": account_id,
                    "use_case": {
                        "type": "account_onboarding",
                        "account_onboarding": {"return_url": return_url, "refresh_url": refresh_url},
                    },
                }
            )
        return Link(url=link.url, expires_at=datetime.fromisoformat(link.expires_at))

    def get_seller_account(self, account_id: str) -> SellerAccount:
        """See the port."""
        with answering():
            account = self._client.v2.core.accounts.retrieve(
                account_id, {"include": ["configuration.recipient", "requirements"]}
            )
        return reading.seller(account)

    # -- buyers ----------------------------------------------------------------------------------

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
        """
        See the port.

        Each checkout has a customer of its own: the account number of a bank transfer belongs to the
        customer, so what arrives on it can only be meant for this order.
        """
        ours = {"order_id": str(order_id)}
        with answering():
            customer = self._client.v1.customers.create(
                {"email": buyer_email, "name": buyer_name, "metadata": ours},
                {"idempotency_key": f"{key}:customer"},
            )
            session = self._client.v1.checkout.sessions.create(
                {
                    "mode": "payment",
                    "client_reference_id": str(order_id),
                    "customer": customer.id,
                    "line_items": [
                        {
                            "quantity": 1,
                            "price_data": {
                                "currency": amount.currency,
                                "unit_amount": amount.minor,
                                "product_data": {"name": title},
                            },
                        }
                    ],
                    # What is allowed is named: a method switched on in the dashboard changes nothing here.
                    "allowed_payment_method_types": [reading.TYPES[method] for method in sorted(methods)],
                    "payment_method_options": {
                        "customer_balance": {
                            "funding_type": "bank_transfer",
                            "bank_transfer": {"type": "us_bank_transfer"},
                        }
                    },
                    "payment_intent_data": {"transfer_group": transfer_group, "metadata": ours},
                    "metadata": ours,
                    "success_url": success_url,
                    "cancel_url": cancel_url,
                    "expires_at": int(expires_at.timestamp()),
                },
                {"idempotency_key": key},
            )
        return reading.checkout(session)

    def expire_checkout(self, checkout_id: str) -> Checkout:
        """See the port."""
        with answering():
            return reading.checkout(self._client.v1.checkout.sessions.expire(checkout_id))

    def get_payment(self, reference: str) -> PaymentSnapshot:
        """See the port."""
        with answering():
            session = finding.session_of(self._client, reference)
            intent = session.payment_intent
            assert not isinstance(intent, str), "the payment was asked for with the session"
            charge = intent.latest_charge if intent else None
            assert not isinstance(charge, str), "the charge was asked for with the payment"
            if charge and charge.status == "failed":
                charge = None
            disputes = finding.disputes_of(self._client, charge) if charge and charge.disputed else None
            cash = finding.cash_beside(self._client, session, charge)
        return reading.payment(session, intent, charge, disputes, cash)

    # -- moving money ----------------------------------------------------------------------------

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
        """See the port. Naming the charge lets Stripe refuse to send more than was paid for this order."""
        with answering():
            transfer = self._client.v1.transfers.create(
                {
                    "amount": amount.minor,
                    "currency": amount.currency,
                    "destination": destination,
                    "source_transaction": charge_id,
                    "transfer_group": transfer_group,
                    "metadata": {"order_id": str(order_id), "step": step},
                },
                {"idempotency_key": key},
            )
        return reading.transfer(transfer)

    def find_transfers(self, transfer_group: str) -> tuple[TransferSnapshot, ...]:
        """See the port."""
        with answering():
            found = self._client.v1.transfers.list({"transfer_group": transfer_group, "limit": 100})
            return reading.oldest_first(reading.transfer(transfer) for transfer in found.auto_paging_iter())

    def get_transfer(self, transfer_id: str) -> TransferSnapshot:
        """See the port."""
        with answering():
            return reading.transfer(self._client.v1.transfers.retrieve(transfer_id))

    def reverse_transfer(self, *, transfer_id: str, amount: Money, step: str, key: str) -> ReversalSnapshot:
        """See the port."""
        with answering():
            reversal = self._client.v1.transfers.reversals.create(
                transfer_id,
                {"amount": amount.minor, "metadata": {"step": step}},
                {"idempotency_key": key},
            )
        return reading.reversal(reversal)

    def find_reversals(self, transfer_id: str) -> tuple[ReversalSnapshot, ...]:
        """See the port."""
        with answering():
            found = self._client.v1.transfers.reversals.list(transfer_id, {"limit": 100})
            return reading.oldest_first(reading.reversal(reversal) for reversal in found.auto_paging_iter())

    def refund(self, *, charge_id: str, amount: Money, step: str, key: str) -> RefundSnapshot:
        """See the port."""
        with answering():
            refund = self._client.v1.refunds.create(
                {
                    "charge": charge_id,
                    "amount": amount.minor,
                    "reason": "requested_by_customer",
                    "metadata": {"step": step},
                },
                {"idempotency_key": key},
            )
        return reading.refund(refund)

    def find_refunds(self, charge_id: str) -> tuple[RefundSnapshot, ...]:
        """See the port."""
        with answering():
            found = self._client.v1.refunds.list({"charge": charge_id, "limit": 100})
            return reading.oldest_first(reading.refund(refund) for refund in found.auto_paging_iter())

    def return_cash(self, *, customer_id: str, amount: Money, order_id: UUID, step: str, key: str) -> RefundSnapshot:
        """See the port."""
        with answering():
            refund = self._client.v1.refunds.create(
                {
                    "customer": customer_id,
                    "origin": "customer_balance",
                    "amount": amount.minor,
                    "currency": amount.currency,
                    "metadata": {"order_id": str(order_id), "step": step},
                },
                {"idempotency_key": key},
            )
        return reading.refund(refund)

    def find_cash_returns(self, *, order_id: UUID, since: datetime) -> tuple[RefundSnapshot, ...]:
        """See the port. Stripe lists refunds by charge or moment only, and these have no charge."""
        with answering():
            found = self._client.v1.refunds.list({"created": {"gte": int(since.timestamp())}, "limit": 100})
            return reading.oldest_first(
                reading.refund(refund)
                for refund in found.auto_paging_iter()
                if refund.charge is None and reading.names_order(refund, order_id)
            )

    # -- the books ---------------------------------------------------------------------------------

    def bookings(self) -> Iterator[Booking]:
        """See the port."""
        with answering():
            found = self._client.v1.balance_transactions.list({"limit": 100, "expand": ["data.source"]})
            for booking in found.auto_paging_iter():
                yield reading.booking(booking)

    # -- being told ------------------------------------------------------------------------------

    def events(self, *, since: datetime) -> Iterator[ListedEvent]:
        """
        See the port: both of Stripe's lists, one after the other. Only the thin one tells of sellers' accounts.

        One that cannot be read is passed over: it must not stand in the way of the others.
        """
        with answering():
            whole = self._client.v1.events.list({"created": {"gte": int(since.timestamp())}, "limit": 100})
            thin = self._client.v2.core.events.list({"created": {"gte": since.isoformat()}, "limit": 100})
            both: Iterator[Any] = chain(whole.auto_paging_iter(), thin.auto_paging_iter())
            for event in both:
                if event.type.startswith("v1."):
                    continue  # The first list has it whole.
                said = event.to_dict(for_json=True)
                ref = webhooks.listed(said)
                if ref is None:
                    log.error("event_not_readable", event_id=event.id)
                else:
                    yield ListedEvent(ref, json.dumps(said))

    def parse_webhook(self, raw: bytes, signature: str, *, at: datetime) -> EventRef:
        """See the port."""
        return webhooks.parse(raw, signature, self._webhook_secrets, at=at)
