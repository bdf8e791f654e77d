"""Every exchange between the gateway and the local Stripe is what the pinned client says Stripe speaks."""

import json
import re
from datetime import timedelta
from uuid import uuid4

import pytest
import stripe
from stripe._api_requestor import _APIRequestor
from stripe.events._event_classes import get_v2_event_notification_class
from stripe.params.v2 import core as v2_parameters
from stripe.v2.core import Account, AccountLink
from stripe.v2.core._event import UnknownEventNotification

from marketplace.kernel import clock
from marketplace.kernel.money import Money
from marketplace.payments.ports import BookingKind, PaymentMethod
from tests.stripe_types import deviations, fields

page = stripe.ListObject
parameters = stripe.params
SPOKEN = {
    "post /v1/customers": (parameters.CustomerCreateParams, stripe.Customer),
    "post /v1/checkout/sessions": (parameters.checkout.SessionCreateParams, stripe.checkout.Session),
    "get /v1/checkout/sessions": (parameters.checkout.SessionListParams, page[stripe.checkout.Session]),
    "get /v1/checkout/sessions/*": (parameters.checkout.SessionRetrieveParams, stripe.checkout.Session),
    "post /v1/checkout/sessions/*/expire": (parameters.checkout.SessionExpireParams, stripe.checkout.Session),
    "get /v1/charges/*": (parameters.ChargeRetrieveParams, stripe.Charge),
    "get /v1/refunds/*": (parameters.RefundRetrieveParams, stripe.Refund),
    "get /v1/disputes/*": (parameters.DisputeRetrieveParams, stripe.Dispute),
    "get /v1/disputes": (parameters.DisputeListParams, page[stripe.Dispute]),
    "post /v1/transfers": (parameters.TransferCreateParams, stripe.Transfer),
    "get /v1/transfers": (parameters.TransferListParams, page[stripe.Transfer]),
    "get /v1/transfers/*": (parameters.TransferRetrieveParams, stripe.Transfer),
    "post /v1/transfers/*/reversals": (parameters.TransferReversalCreateParams, stripe.TransferReversal),
    "get /v1/transfers/*/reversals": (parameters.TransferReversalListParams, page[stripe.TransferReversal]),
    "post /v1/refunds": (parameters.RefundCreateParams, stripe.Refund),
    "get /v1/refunds": (parameters.RefundListParams, page[stripe.Refund]),
    "post /v2/core/accounts": (v2_parameters.AccountCreateParams, Account),
    "get /v2/core/accounts/*": (v2_parameters.AccountRetrieveParams, Account),
    "post /v2/core/account_links": (v2_parameters.AccountLinkCreateParams, AccountLink),
    "get /v1/balance_transactions": (
        parameters.BalanceTransactionListParams,
        page[stripe.BalanceTransaction],
    ),
    # What the gateway does not ask, but a developer may.
    "get /v1/balance": (parameters.BalanceRetrieveParams, stripe.Balance),
    "get /v1/balance_transactions/*": (
        parameters.BalanceTransactionRetrieveParams,
        stripe.BalanceTransaction,
    ),
    "get /v1/charges": (parameters.ChargeListParams, page[stripe.Charge]),
    "get /v1/customers/*": (parameters.CustomerRetrieveParams, stripe.Customer),
    "get /v1/customers/*/cash_balance": (parameters.CustomerCashBalanceRetrieveParams, stripe.CashBalance),
    "get /v1/customers/*/cash_balance_transactions": (
        parameters.CustomerCashBalanceTransactionListParams,
        page[stripe.CustomerCashBalanceTransaction],
    ),
    "get /v1/customers/*/cash_balance_transactions/*": (
        parameters.CustomerCashBalanceTransactionRetrieveParams,
        stripe.CustomerCashBalanceTransaction,
    ),
    "get /v1/payment_intents/*": (parameters.PaymentIntentRetrieveParams, stripe.PaymentIntent),
    "get /v1/events": (parameters.EventListParams, page[stripe.Event]),
    "get /v1/events/*": (parameters.EventRetrieveParams, stripe.Event),
    "post /v1/webhook_endpoints": (parameters.WebhookEndpointCreateParams, stripe.WebhookEndpoint),
    "get /v1/webhook_endpoints": (parameters.WebhookEndpointListParams, page[stripe.WebhookEndpoint]),
}
RESOURCES = {
    resource.OBJECT_NAME: resource
    for resource in (
        stripe.CashBalance,
        stripe.Charge,
        stripe.Customer,
        stripe.CustomerCashBalanceTransaction,
        stripe.Dispute,
        stripe.PaymentIntent,
        stripe.Refund,
        stripe.Transfer,
        stripe.checkout.Session,
    )
}


@pytest.fixture
def exchanges(monkeypatch) -> list[tuple[str, dict, dict]]:
    """Everything that Stripe's client sent, and what it was answered."""
    spoken = []
    ask = _APIRequestor.request_raw

    def listening(self, method, url, params=None, *args, **kwargs):
        answer = ask(self, method, url, params, *args, **kwargs)
        body, status, _ = answer
        assert status == 200
        route = re.sub(r"/[a-z]+_[a-z_]*[0-9]\w*", "/*", url.partition("?")[0])
        spoken.append((f"{method} {route}", dict(params or {}), json.loads(body)))
        return answer

    monkeypatch.setattr(_APIRequestor, "request_raw", listening)
    return spoken


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
    assert {booking.order_id for booking in gateway.bookings() if booking.kind is BookingKind.CHARGE} == {order_id}


def surplus(driver) -> None:
    """Send back what a bank transfer brought beyond the price, in all the ways that this can go."""
    client = driver.gateway()._client.v1
    bank = next(iter(client.charges.list({"limit": 1})))
    customer = str(bank.customer)
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
    surplus(driver)
    client.payment_intents.retrieve(charge.payment_intent)
    event = client.events.list({"limit": 100, "types": ["charge.succeeded"]}).data[0]
    client.events.retrieve(event.id)
    client.webhook_endpoints.create({"url": "http://127.0.0.1:9/", "enabled_events": ["charge.succeeded"]})
    client.webhook_endpoints.list()


def test_every_exchange_is_what_the_client_says(stripe_alone, exchanges):
    a_whole_sale(stripe_alone)
    everything_else(stripe_alone)

    found = set()
    for route, asked, answered in exchanges:
        parameters_of, resource = SPOKEN[route]
        found.update(deviations(asked, parameters_of, f"{route} asks"))
        found.update(deviations(answered, resource, f"{route} answers"))

    assert {route for route, _, _ in exchanges} == set(SPOKEN)
    assert found == set()


def test_every_event_is_what_the_client_says(stripe_alone):
    stripe_alone.sim("settings", thin_too=True)
    a_whole_sale(stripe_alone)
    surplus(stripe_alone)

    found = set()
    kinds = set()
    for taken in stripe_alone.take_events():
        event = json.loads(taken.raw)
        kinds.add(event["type"])
        if event["object"] == "event":
            about = event["data"]["object"]
            found.update(deviations(event, stripe.Event, "event"))
            found.update(deviations(about, RESOURCES[about["object"]], event["type"]))
        else:
            kind = get_v2_event_notification_class(event["type"])
            found |= {event["type"]} if kind is UnknownEventNotification else set()
            notification = kind(event, stripe.StripeClient("sk_test_x"))
            assert notification.related_object.url == event["related_object"]["url"]
            found |= {f"{event['type']}.{name}" for name in set(event) - THIN_FIELDS}

    assert found == set()
    assert kinds == {
        f"{prefix}{kind}"
        for prefix in ("", "v1.")
        for kind in (
            "cash_balance.funds_available",
            "charge.dispute.closed",
            "charge.dispute.created",
            "charge.dispute.funds_reinstated",
            "charge.dispute.funds_withdrawn",
            "charge.failed",
            "charge.refunded",
            "charge.succeeded",
            "checkout.session.async_payment_succeeded",
            "checkout.session.completed",
            "checkout.session.expired",
            "customer.created",
            "customer_cash_balance_transaction.created",
            "payment_intent.created",
            "payment_intent.partially_funded",
            "payment_intent.payment_failed",
            "payment_intent.requires_action",
            "payment_intent.succeeded",
            "refund.created",
            "refund.failed",
            "refund.updated",
            "transfer.created",
            "transfer.reversed",
        )
    } | {
        "v2.core.account.created",
        "v2.core.account[configuration.recipient].capability_status_updated",
        "v2.core.account[requirements].updated",
    }


THIN_FIELDS = {"id", "object", "type", "created", "livemode", "context", "related_object", "snapshot_event"}


class TestTheComparisonItself:
    """A comparison that never finds anything proves nothing."""

    @pytest.mark.parametrize(
        ("change", "found"),
        [
            ({"amount": "12"}, ["refund.amount: '12' is not int"]),
            ({"amount": True}, ["refund.amount: True is not int"]),
            ({"colour": "red"}, ["refund.colour: unknown"]),
            ({"status": None}, []),
            ({"reason": "boredom"}, ["refund.reason: 'boredom' is not among what is known"]),
            ({"metadata": {"step": 7}}, ["refund.metadata.*: 7 is not str"]),
            ({"metadata": []}, ["refund.metadata: [] is not a mapping"]),
            ({"charge": {"object": "charge"}}, 14),
        ],
    )
    def test_finds_what_is_wrong_with_a_refund(self, change, found):
        refund = {"id": "re_1", "object": "refund", "amount": 12, "created": 1, "currency": "usd"}

        answer = deviations(refund | change, stripe.Refund, "refund")

        assert (len(answer) if isinstance(found, int) else answer) == found

    def test_finds_a_missing_field_and_a_wrong_list(self):
        assert deviations({"amount": []}, stripe.params.TransferCreateParams, "t") == [
            "t.amount: [] is not int",
            "t.currency: missing",
            "t.destination: missing",
        ]
        assert deviations({}, stripe.ListObject[stripe.Refund], "page") == ["page: not a page"]
        assert deviations("x", stripe.Refund, "refund") == ["refund: 'x' is not a Refund"]
        assert deviations("x", list[str], "list") == ["list: 'x' is not a list"]

    def test_knows_the_parameter_that_this_version_removed(self):
        assert "payment_method_types" not in fields(stripe.params.checkout.SessionCreateParams)
