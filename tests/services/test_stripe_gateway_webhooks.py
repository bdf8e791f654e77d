"""Whose word a webhook is: nothing forged, changed or old is taken, and both forms say the same."""

import json
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from stripe import WebhookSignature

from marketplace.adapters.stripe_gateway import API_VERSION, StripeGateway
from marketplace.kernel import clock
from marketplace.kernel.money import Money
from marketplace.payments.ports import EventRef, PaymentMethod, WebhookRefused

AT = datetime(2026, 6, 1, 17, tzinfo=UTC)
SECRET, OLD, OTHER = "whsec_of_this_endpoint", "whsec_before_the_roll", "whsec_of_another_endpoint"

WHOLE = {
    "id": "evt_1",
    "object": "event",
    "account": None,
    "api_version": API_VERSION,
    "created": 1780333200,
    "data": {"object": {"id": "cs_test_1", "object": "checkout.session"}},
    "livemode": False,
    "type": "checkout.session.completed",
}
THIN = {
    "id": "evt_2",
    "object": "v2.core.event",
    "context": None,
    "created": "2026-06-01T17:00:00.000Z",
    "livemode": False,
    "related_object": {"id": "cs_test_1", "type": "checkout.session", "url": "/v1/checkout/sessions/cs_test_1"},
    "type": "v1.checkout.session.completed",
}
RAW = json.dumps(WHOLE, indent=2).encode()


def signed(raw: bytes = RAW, secret: str = SECRET, at: datetime = AT) -> str:
    return WebhookSignature.generate_signature_header(raw.decode(), secret, int(at.timestamp()))


def signature_of(header: str) -> str:
    return header.partition("v1=")[2]


@pytest.fixture
def gateway() -> StripeGateway:
    return StripeGateway(api_key="sk_test_x", webhook_secrets=(SECRET, OLD))


ACCEPTED = {
    "as it was sent": (RAW, signed()),
    "300 s old": (RAW, signed(at=AT - timedelta(seconds=300))),
    "300 s in the future": (RAW, signed(at=AT + timedelta(seconds=300))),
    "by the secret before the roll": (RAW, signed(secret=OLD)),
    "two v1, the first unknown": (RAW, f"{signed(secret=OTHER)},v1={signature_of(signed())}"),
    "a v0 beside the v1": (RAW, f"{signed()},v0={'0' * 64}"),
}
REFUSED = {
    "forged with another secret": (RAW, signed(secret=OTHER)),
    "one byte changed": (RAW.replace(b"cs_test_1", b"cs_test_2"), signed()),
    "one byte added": (RAW + b"\n", signed()),
    "parsed and written again": (json.dumps(json.loads(RAW)).encode(), signed()),
    "301 s old": (RAW, signed(at=AT - timedelta(seconds=301))),
    "301 s in the future": (RAW, signed(at=AT + timedelta(seconds=301))),
    "a new time on an old signature": (
        RAW,
        f"t={int(AT.timestamp())},v1={signature_of(signed(at=AT - timedelta(hours=1)))}",
    ),
    "two times, the true one second": (
        RAW,
        f"t={int(AT.timestamp())},{signed(at=AT - timedelta(hours=1))}",
    ),
    "v0 only": (RAW, signed().replace("v1=", "v0=")),
    "no header": (RAW, ""),
    "a header of nonsense": (RAW, "nonsense"),
    "no time": (RAW, f"v1={signature_of(signed())}"),
    "no signature": (RAW, f"t={int(AT.timestamp())}"),
    "a time that is no number": (RAW, f"t=now,v1={signature_of(signed())}"),
    "a body that is no text": (b"\xff\xfe", signed()),
    "an empty body": (b"", signed()),
}
NO_EVENT = {
    "no JSON": b"hello",
    "a list": b"[]",
    "a text": b'"event"',
    "nothing": b"null",
    "another object": json.dumps({**WHOLE, "object": "charge"}).encode(),
    "without an id": json.dumps({name: WHOLE[name] for name in WHOLE if name != "id"}).encode(),
    "without an object in it": json.dumps({**WHOLE, "data": {}}).encode(),
    "about a list": json.dumps({**WHOLE, "data": {"object": []}}).encode(),
    "thin, with a time that is none": json.dumps({**THIN, "created": "today"}).encode(),
}


class TestSignature:
    @pytest.mark.parametrize("given", ACCEPTED.values(), ids=ACCEPTED)
    def test_takes(self, gateway, given):
        assert gateway.parse_webhook(*given, at=AT).event_id == "evt_1"

    @pytest.mark.parametrize("given", REFUSED.values(), ids=REFUSED)
    def test_refuses(self, gateway, given):
        with pytest.raises(WebhookRefused):
            gateway.parse_webhook(*given, at=AT)

    @pytest.mark.parametrize("raw", NO_EVENT.values(), ids=NO_EVENT)
    def test_refuses_what_is_truly_signed_but_no_event(self, gateway, raw):
        with pytest.raises(WebhookRefused, match="not an event"):
            gateway.parse_webhook(raw, signed(raw), at=AT)

    def test_without_a_secret_nothing_is_believed(self):
        believing_nobody = StripeGateway(api_key="sk_test_x", webhook_secrets=())

        with pytest.raises(WebhookRefused):
            believing_nobody.parse_webhook(RAW, signed(), at=AT)

    def test_an_empty_secret_opens_nothing(self):
        careless = StripeGateway(api_key="sk_test_x", webhook_secrets=("",))

        with pytest.raises(WebhookRefused):
            careless.parse_webhook(RAW, signed(secret=""), at=AT)


class TestWhatItIsAbout:
    def test_whole(self, gateway):
        assert gateway.parse_webhook(RAW, signed(), at=AT) == EventRef(
            event_id="evt_1",
            type="checkout.session.completed",
            object_id="cs_test_1",
            account=None,
            created=AT,
            livemode=False,
            api_version=API_VERSION,
        )

    def test_thin(self, gateway):
        raw = json.dumps(THIN).encode()

        assert gateway.parse_webhook(raw, signed(raw), at=AT) == EventRef(
            event_id="evt_2",
            type="checkout.session.completed",
            object_id="cs_test_1",
            account=None,
            created=AT,
            livemode=False,
            api_version=None,
        )

    def test_a_connected_account_is_named(self, gateway):
        whole = json.dumps({**WHOLE, "account": "acct_1"}).encode()
        thin = json.dumps({**THIN, "context": "acct_1"}).encode()

        for raw in (whole, thin):
            assert gateway.parse_webhook(raw, signed(raw), at=AT).account == "acct_1"

    def test_about_nothing_in_particular(self, gateway):
        balance = json.dumps({**WHOLE, "data": {"object": {"object": "balance"}}}).encode()
        health = json.dumps({name: THIN[name] for name in THIN if name != "related_object"}).encode()

        for raw in (balance, health):
            assert gateway.parse_webhook(raw, signed(raw), at=AT).object_id is None


class TestFromTheLocalStripe:
    def test_one_change_is_told_in_both_forms(self, stripe_alone):
        stripe_alone.sim("settings", thin_too=True)
        gateway = stripe_alone.gateway()
        checkout = gateway.create_checkout(
            order_id=uuid4(),
            amount=Money(100),
            title="A lens",
            buyer_email="bob@example.com",
            buyer_name="Bob",
            methods=frozenset({PaymentMethod.CARD}),
            success_url="http://shop.test/",
            cancel_url="http://shop.test/",
            expires_at=clock.now() + timedelta(hours=1),
            transfer_group="order-7",
            key="checkout:1",
        )
        stripe_alone.pay_by_card(checkout.checkout_id)

        whole, thin = [
            gateway.parse_webhook(event.raw, event.signature, at=clock.now())
            for event in stripe_alone.take_events("checkout.session.completed")
        ]

        assert (whole.type, whole.object_id) == (thin.type, thin.object_id)
        assert (whole.object_id, whole.livemode, whole.account) == (checkout.checkout_id, False, None)
        assert whole.event_id != thin.event_id
        assert (whole.api_version, thin.api_version) == (API_VERSION, None)

    def test_a_seller_is_told_of_in_thin_events_only(self, stripe_alone):
        gateway = stripe_alone.gateway()
        account = gateway.create_seller_account(
            clinic_id=uuid4(), email="alice@example.com", name="Alice", country="US", key="seller:1"
        ).account_id
        stripe_alone.onboard(account)

        told = [
            gateway.parse_webhook(event.raw, event.signature, at=clock.now()) for event in stripe_alone.take_events()
        ]

        assert [(event.type, event.object_id, event.api_version) for event in told] == [
            ("v2.core.account.created", account, None),
            ("v2.core.account[configuration.recipient].capability_status_updated", account, None),
            ("v2.core.account[requirements].updated", account, None),
        ]

    def test_a_rolled_secret_signs_beside_the_old_one(self, stripe_alone):
        gateway = stripe_alone.gateway()
        endpoint = stripe_alone.get("/v1/webhook_endpoints")["data"][0]["id"]
        new = stripe_alone.sim(f"endpoints/{endpoint}/roll")["secret"]
        gateway._client.v1.customers.create({"name": "Bob"})
        (event,) = stripe_alone.take_events()

        assert event.signature.count("v1=") == 2
        for secrets in ((stripe_alone.secret,), (new,), (new, stripe_alone.secret)):
            taking = stripe_alone.gateway(webhook_secrets=secrets)
            assert taking.parse_webhook(event.raw, event.signature, at=clock.now()).type == "customer.created"

    def test_a_helper_signs_as_of_another_moment(self, stripe_alone):
        gateway = stripe_alone.gateway()
        gateway._client.v1.customers.create({"name": "Bob"})
        (event,) = stripe_alone.take_events()

        gateway.parse_webhook(event.raw, event.signed_at(AT), at=AT)
        with pytest.raises(WebhookRefused):
            gateway.parse_webhook(event.raw, event.signed_at(AT - timedelta(seconds=301)), at=AT)
