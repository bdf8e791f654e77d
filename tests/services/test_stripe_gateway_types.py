"""Every exchange with the local Stripe is what the pinned client and Stripe's own OpenAPI document say."""

import json
import re
from typing import ClassVar

import pytest
import stripe
from stripe.events._event_classes import get_v2_event_notification_class
from stripe.params.v2 import core as v2_parameters
from stripe.v2 import ListObject as V2ListObject
from stripe.v2.core import Account, AccountLink, Event
from stripe.v2.core._event import UnknownEventNotification

from marketplace.dev.stripe.api import ROUTES
from tests import stripe_openapi as openapi
from tests.stripe_talks import Exchange, everything, listening
from tests.stripe_types import deviations, fields

page = stripe.ListObject
v2_page = V2ListObject
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
    "get /v2/core/events": (v2_parameters.EventListParams, v2_page[Event]),
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


@pytest.fixture(scope="module")
def talk(local_stripe_server) -> tuple[list[Exchange], list[dict]]:
    """Everything that was said, and every event that was told of it, whole and thin."""
    local_stripe_server.reset()
    local_stripe_server.sim("settings", thin_too=True)
    with listening() as exchanges:
        everything(local_stripe_server)
    return exchanges, [json.loads(event.raw) for event in local_stripe_server.take_events()]


@pytest.fixture
def exchanges(talk) -> list[Exchange]:
    return talk[0]


@pytest.fixture
def events(talk) -> list[dict]:
    return talk[1]


def test_every_exchange_is_what_the_client_says(exchanges):
    found = set()
    for one in exchanges:
        route = f"{one.method} {one.path}"
        parameters_of, resource = SPOKEN[route]
        found.update(deviations(one.asked, parameters_of, f"{route} asks"))
        found.update(deviations(one.answered, resource, f"{route} answers"))

    assert {f"{one.method} {one.path}" for one in exchanges} == set(SPOKEN)
    # The class of all thin events leaves out what only some have; the class of each kind has it.
    assert found == {"get /v2/core/events answers.data[].related_object: unknown"}


def test_everything_that_the_local_stripe_answers_is_said():
    answered = {re.sub(r"<\w+>", "*", route.replace("GET", "get").replace("POST", "post")) for route in ROUTES}

    assert answered - set(SPOKEN) == set()


def test_every_event_is_what_the_client_says(events):
    found = set()
    kinds = set()
    for event in events:
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
            "charge.pending",
            "charge.refunded",
            "charge.succeeded",
            "checkout.session.async_payment_failed",
            "checkout.session.async_payment_succeeded",
            "checkout.session.completed",
            "checkout.session.expired",
            "customer.created",
            "customer_cash_balance_transaction.created",
            "payment_intent.created",
            "payment_intent.partially_funded",
            "payment_intent.canceled",
            "payment_intent.payment_failed",
            "payment_intent.processing",
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


# Where the local Stripe departs from the OpenAPI document, and why. The document (2026-05-27.dahlia) is a version older
# than the pinned client (2026-10-28.endive), whose own types are compared above.
DEPARTURES = {
    "checkout.session.allowed_payment_method_types: unknown": "new in endive, as a parameter and in the answer",
    "post /v1/checkout/sessions asks.allowed_payment_method_types: unknown": "new in endive in place of"
    " payment_method_types, which endive took away",
    "dispute.evidence_details.submission_method: unknown": "new in endive",
    "refund.customer: unknown": "new in endive",
    "post /v2/core/account_links asks.use_case.account_onboarding.configurations: missing": "required in dahlia,"
    " taken away in endive",
    "v2.core.account_link.use_case.account_onboarding.configurations: missing": "the same in the answer",
    "v2.core.account.defaults: null": "the v2 API answers null for a part that was not asked for with `include`;"
    " the document does not mark it so",
    "v2.core.account.identity: null": "the same",
    "v2.core.event.context: null": "an event of the platform itself has none; the document does not mark it so",
    "v2.core.event.snapshot_event: unknown": "new in endive: thin events of v1 objects",
    "v2.core.event.related_object.id: missing": "the same, of a cash balance, which has no id",
}


def test_every_exchange_and_event_is_what_the_openapi_document_says_but_for_known_departures(exchanges, events):
    found = set()
    for one in exchanges:
        found.update(openapi.asked(one.method, one.path, one.asked))
        found.update(openapi.answered(one.method, one.path, one.answered))
    for event in events:
        if event["object"] == "event":
            found.update(openapi.told(event))
            found.update(openapi.told(event["data"]["object"]))

    assert found - set(DEPARTURES) == set()
    assert set(DEPARTURES) - found == set(), "These do not occur any more: take them off the list."
    assert openapi.document()["info"]["version"] == "2026-05-27.dahlia"


class TestTheComparisonWithTheDocument:
    REFUND: ClassVar = {
        "id": "re_1",
        "object": "refund",
        "amount": 12,
        "balance_transaction": None,
        "charge": "ch_1",
        "created": 1,
        "currency": "usd",
        "metadata": {"step": "refund"},
        "payment_intent": None,
        "reason": None,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }

    @pytest.mark.parametrize(
        ("change", "found"),
        [
            ({}, []),
            ({"amount": "12"}, ["refund.amount: '12' is no integer"]),
            ({"amount": True}, ["refund.amount: True is no integer"]),
            ({"amount": None}, ["refund.amount: null"]),
            ({"colour": "red"}, ["refund.colour: unknown"]),
            ({"reason": "boredom"}, ["refund.reason: 'boredom' is not among what is known"]),
            ({"metadata": {"step": 7}}, ["refund.metadata.*: 7 is no string"]),
            ({"status": "s" * 5_001}, ["refund.status: longer than 5000"]),
            ({"charge": {"object": "charge"}}, 14),
        ],
    )
    def test_finds_what_is_wrong_with_a_refund(self, change, found):
        answer = openapi.told(self.REFUND | change)

        assert (len(answer) if isinstance(found, int) else answer) == found

    def test_finds_what_is_missing_and_what_is_wrong_within_a_list(self):
        without = {name: value for name, value in self.REFUND.items() if name != "amount"}
        assert openapi.told(without) == ["refund.amount: missing"]
        page = {"object": "list", "url": "/v1/refunds", "has_more": False, "data": [without, {"object": "refund"}]}
        assert "refund.amount: missing" in openapi.answered("get", "/v1/refunds", page)
        assert openapi.asked("get", "/v1/refunds", {"limit": "10", "colour": "red"}) == [
            "get /v1/refunds asks.limit: '10' is no integer",
            "get /v1/refunds asks.colour: unknown",
        ]

    def test_knows_what_cannot_be_asked(self):
        with pytest.raises(KeyError, match="get /v1/lasers"):
            openapi.operation("get", "/v1/lasers")


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
