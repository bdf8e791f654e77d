"""Where the contract is looked at: always on the local Stripe, and on Stripe itself where there is a test key."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from marketplace.adapters.stripe_gateway import StripeGateway
from marketplace.kernel import clock
from marketplace.kernel.money import Money
from marketplace.payments.ports import Checkout, PaymentMethod
from tests.conftest import stripe_test_key

PRICE = Money(10_000)


def pytest_generate_tests(metafunc):
    if "side" in metafunc.fixturenames:
        sides = [LocalSide, LiveSide] if stripe_test_key() else [LocalSide]
        metafunc.parametrize("side", sides, indirect=True, ids=lambda side: side.name)


@pytest.fixture
def side(request) -> "LocalSide | LiveSide":
    return request.param.opened(request)


def checkout(gateway: StripeGateway, order_id: UUID, **changed: Any) -> Checkout:
    """Open a payment page with one key per order; nobody has to pay on it."""
    usual = {
        "order_id": order_id,
        "amount": PRICE,
        "title": "Candela GentleMax Pro, 2019",
        "buyer_email": "bob@example.com",
        "buyer_name": "Bob",
        "methods": frozenset({PaymentMethod.CARD}),
        "success_url": "https://shop.example/paid?checkout={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://shop.example/order",
        "expires_at": clock.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=3),
        "transfer_group": f"order:{order_id}",
        "key": f"contract:{order_id}",
    }
    return gateway.create_checkout(**(usual | changed))


@dataclass(frozen=True)
class LocalSide:
    """The local Stripe, whose buyers pay at a word."""

    gateway: StripeGateway
    stranger: StripeGateway
    driver: Any
    name = "local"

    @classmethod
    def opened(cls, request) -> "LocalSide":
        driver = request.getfixturevalue("stripe_alone")
        stranger = driver.gateway()
        stranger._api_key = "pk_test_nobody"  # Ours would not begin with such a key.
        return cls(driver.gateway(), stranger, driver)

    def charge(self, order_id: UUID) -> str:
        """Let somebody pay the price by card; return the charge."""
        page = checkout(self.gateway, order_id, key=f"charge:{order_id}").checkout_id
        self.driver.pay_by_card(page)
        return str(self.gateway.get_payment(page).charge_id)

    def customer_with_cash(self, minor: int) -> str:
        """Let somebody send more than they owe; return the customer."""
        page = checkout(self.gateway, uuid4(), methods=frozenset({PaymentMethod.BANK_TRANSFER}), key=str(uuid4()))
        self.driver.choose_bank_transfer(page.checkout_id)
        self.driver.money_arrives(page.checkout_id, PRICE.minor + minor)
        return self.driver.get(f"/v1/checkout/sessions/{page.checkout_id}")["customer"]


@dataclass(frozen=True)
class LiveSide:
    """Stripe itself, in test mode; its test helpers stand in for people."""

    gateway: StripeGateway
    stranger: StripeGateway
    name = "live"

    @classmethod
    def opened(cls, _request) -> "LiveSide":
        usual = {"webhook_secrets": (), "max_network_retries": 2}
        return cls(
            StripeGateway(api_key=stripe_test_key(), **usual),
            StripeGateway(api_key="sk_test_nobody", **usual),
        )

    def charge(self, order_id: UUID) -> str:
        """Let a test card pay the price, available at once; return the charge."""
        paid = self.gateway._client.v1.payment_intents.create(
            {
                "amount": PRICE.minor,
                "currency": PRICE.currency,
                "confirm": True,
                "payment_method": "pm_card_bypassPending",
                "return_url": "https://shop.example/",
                "metadata": {"order_id": str(order_id)},
            }
        )
        return str(paid.latest_charge)

    def customer_with_cash(self, minor: int) -> str:
        """Let a test helper send a customer's cash; return the customer."""
        client = self.gateway._client.v1
        customer = client.customers.create({"email": "bob@example.com", "name": "Bob"})
        client.test_helpers.customers.fund_cash_balance(customer.id, {"amount": minor, "currency": "usd"})
        return customer.id
