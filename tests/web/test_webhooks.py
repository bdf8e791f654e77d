"""The door for the payment provider: its events are kept once, everything else is answered 400."""

import json

import pytest
from sqlalchemy import func, select

from marketplace.extensions import db
from marketplace.payments.models import ProviderEvent
from tests.factories.payments import onboarded


class TestWebhooks:
    @pytest.fixture
    def event(self, local_stripe, scene, now):
        onboarded(local_stripe, scene.seller_clinic.id, at=now)
        return local_stripe.take_events()[0]

    def post(self, client, raw, **headers):
        return client.post("/webhooks/stripe", data=raw, headers=headers, content_type="application/json")

    def kept(self) -> int:
        return db.session.scalar(select(func.count()).select_from(ProviderEvent))

    def test_an_event_is_kept_once_and_answered(self, client, event):
        for _ in range(2):
            answer = self.post(client, event.raw, **{"Stripe-Signature": event.signature})
            assert (answer.status_code, answer.data) == (200, b"")

        assert self.kept() == 1

    def test_everything_else_is_answered_400_and_not_kept(self, client, event):
        good = event.signature
        parsed = json.loads(event.raw)
        forgeries = [
            (event.raw, {}),
            (event.raw, {"Stripe-Signature": ""}),
            (event.raw, {"Stripe-Signature": "nonsense"}),
            (event.raw, {"Stripe-Signature": good.replace("v1=", "v0=")}),
            (event.raw, {"Stripe-Signature": good[:-1] + ("0" if good[-1] != "0" else "1")}),
            (event.raw[:-2] + b" }", {"Stripe-Signature": good}),
            (json.dumps(parsed).encode(), {"Stripe-Signature": good}),
            (b"", {"Stripe-Signature": good}),
            (b"\xff\xfe", {"Stripe-Signature": good}),
            (b"\x00", {"Stripe-Signature": good}),
        ]
        for raw, headers in forgeries:
            assert self.post(client, raw, **headers).status_code == 400, headers

        assert self.kept() == 0

    def test_a_huge_body_is_not_read(self, client):
        answer = self.post(client, b"x" * (512 * 1024 + 1), **{"Stripe-Signature": "t=1,v1=x"})

        assert answer.status_code == 413
        assert self.kept() == 0

    def test_is_there_for_nothing_but_posting(self, client):
        assert client.get("/webhooks/stripe").status_code == 405
