"""Everything that the house and a developer can say to the local Stripe, and what is answered and told."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest.mock import patch
from uuid import uuid4

from stripe._api_requestor import _APIRequestor

from marketplace.kernel import clock
from marketplace.kernel.money import Money
from marketplace.payments.ports import BookingKind, PaymentMethod

IDS = re.compile(r"/(acct|ccsbtxn|ch|cs|cus|dp|du|evt|pi|py|pyr|re|tr|trr|txn|we)_\w+")


@dataclass(frozen=True)
class Exchange:
    """What Stripe's client sent, and what it was answered. Ids in `path` are written as `*`."""

    method: str
    path: str
    asked: dict[str, Any]
    answered: dict[str, Any]


@contextmanager
def listening() -> Iterator[list[Exchange]]:
    """Note every exchange of Stripe's client inside that was not a refusal."""
    spoken = []
    ask = _APIRequestor.request_raw

    def noted(self, method, url, params=None, *args, **kwargs):
        answer = ask(self, method, url, params, *args, **kwargs)
        body, status, _ = answer
        if status == 200:
            path = IDS.sub("/*", url.partition("?")[0])
            spoken.append(Exchange(method, path, dict(params or {}), json.loads(body)))
        return answer

    with patch.object(_APIRequestor, "request_raw", noted):
        yield spoken


def everything(driver) -> None:
    """Say everything that can be said."""
    a_whole_sale(driver)
    what_takes_days(driver)
    surplus(driver)
    everything_else(driver)


def a_whole_sale(driver) -> None:
    """Ask everything that the gateway can ask, in all the states a payment passes through."""
    gateway = driver.gateway()
    order_id = uuid4()
    seller = gateway.create_seller_account(
        clinic_id=uuid4(), email="alice@example.com", name="Alice Aesthetics", country="US", key="seller"
    )
    gateway.onboarding_link(account_id=seller.account_id, return_url="http://x/r", refresh_url="http://x/f")
    driver.onboard(seller.account_id)
    gateway.get_seller_account(seller.account_id)

    def checkout(key):
        return gateway.create_checkout(
            order_id=order_id,
            amount=Money(1_000_000),
            title="Candela GentleMax Pro",
            buyer_email="bob@example.com",
            buyer_name="Bob",
            methods=frozenset(PaymentMethod),
            success_url="http://x/paid?checkout={CHECKOUT_SESSION_ID}",
            cancel_url="http://x/order",
            expires_at=clock.now() + timedelta(hours=1),
            transfer_group="order-7",
            key=key,
        ).checkout_id

    gateway.expire_checkout(checkout("left"))
    by_card, by_wire = checkout("card"), checkout("wire")
    gateway.get_payment(by_card)
    driver.decline_card(by_card)
    gateway.get_payment(by_card)
    driver.pay_by_card(by_card)
    driver.choose_bank_transfer(by_wire)
    driver.money_arrives(by_wire, 400_000)
    gateway.get_payment(by_wire)
    driver.money_arrives(by_wire, 700_000)
    gateway.get_payment(by_wire)
    paid = gateway.get_payment(by_card)
    gateway.get_payment(paid.charge_id)
    transfer = gateway.create_transfer(
        order_id=order_id,
        amount=Money(900_000),
        destination=seller.account_id,
        charge_id=paid.charge_id,
        transfer_group="order-7",
        step="release",
        key="release",
    )
    gateway.reverse_transfer(transfer_id=transfer.transfer_id, amount=Money(5_000), step="undo", key="undo")
    gateway.find_transfers("order-7")
    gateway.get_transfer(transfer.transfer_id)
    gateway.find_reversals(transfer.transfer_id)
    refund = gateway.refund(charge_id=paid.charge_id, amount=Money(5_000), step="refund", key="refund")
    gateway.find_refunds(paid.charge_id)
    gateway.get_payment(refund.refund_id)
    dispute = driver.dispute(paid.charge_id)
    gateway.get_payment(dispute)
    driver.settle_dispute(dispute, "won")
    gateway.get_payment(dispute)
    assert list(gateway.events(since=clock.now() - timedelta(hours=1))) != []
    assert {booking.order_id for booking in gateway.bookings() if booking.kind is BookingKind.CHARGE} == {order_id}


def what_takes_days(driver) -> None:
    """Pay by bank debit, which succeeds, fails, and fails after it had succeeded; and by a card whose bank asks first."""
    gateway = driver.gateway()

    def checkout(key):
        return gateway.create_checkout(
            order_id=uuid4(),
            amount=Money(500_000),
            title="Candela GentleMax Pro",
            buyer_email="bob@example.com",
            buyer_name="Bob",
            methods=frozenset({PaymentMethod.CARD, PaymentMethod.BANK_DEBIT}),
            success_url="http://x/paid?checkout={CHECKOUT_SESSION_ID}",
            cancel_url="http://x/order",
            expires_at=clock.now() + timedelta(hours=1),
            transfer_group="order-8",
            key=key,
        ).checkout_id

    succeeds, fails, asked, not_proved = checkout("debit"), checkout("failing"), checkout("asked"), checkout("unproved")
    for debit, outcome in ((succeeds, "succeeded"), (fails, "failed")):
        driver.choose_bank_debit(debit)
        gateway.get_payment(debit)
        driver.settle_debit(debit, outcome)
        gateway.get_payment(debit)
    driver.dispute(gateway.get_payment(succeeds).charge_id)
    gateway.get_payment(succeeds)
    for challenged, approved in ((asked, True), (not_proved, False)):
        driver.challenge_card(challenged)
        gateway.get_payment(challenged)
        driver.answer_challenge(challenged, approved=approved)
        gateway.get_payment(challenged)
    gateway.expire_checkout(not_proved)


def surplus(driver) -> None:
    """Send back what a bank transfer brought beyond the price, in all the ways that this can go."""
    client = driver.gateway()._client.v1
    paid = client.charges.list({"limit": 100}).data
    customer = next(str(one.customer) for one in paid if one.payment_method_details.type == "customer_balance")
    moved = client.customers.cash_balance_transactions.list(customer, {"limit": 100}).data
    for one in moved:
        client.customers.cash_balance_transactions.retrieve(customer, one.id)
    for outcomes in (["requires_action", "succeeded"], ["failed"]):
        refund = client.refunds.create(
            {
                "customer": customer,
                "origin": "customer_balance",
                "amount": 50_000,
                "currency": "usd",
                "metadata": {"step": "surplus"},
            }
        )
        for outcome in outcomes:
            driver.settle_refund(refund.id, outcome)
            client.refunds.retrieve(refund.id)
    client.customers.cash_balance_transactions.list(customer)


def everything_else(driver) -> None:
    """Ask the rest of what the local Stripe answers, through Stripe's own client."""
    client = driver.gateway()._client.v1
    client.balance.retrieve()
    booking = client.balance_transactions.list({"limit": 100}).data[0]
    client.balance_transactions.retrieve(booking.id)
    charge = client.charges.list({"transfer_group": "order-7"}).data[0]
    client.customers.retrieve(charge.customer)
    client.customers.cash_balance.retrieve(charge.customer)
    client.payment_intents.retrieve(charge.payment_intent)
    event = client.events.list({"limit": 100, "types": ["charge.succeeded"]}).data[0]
    client.events.retrieve(event.id)
    client.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["charge.succeeded"]})
    client.webhook_endpoints.list()
