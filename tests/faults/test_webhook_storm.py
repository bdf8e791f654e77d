"""
A storm of webhooks over many connections, each three times and in any order: all taken, each kept once, one truth.

`WEBHOOK_STORM` is how many different events there are (10,000 for the whole proof).
"""

import json
import os
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.payments.models import LedgerJournal, ProviderEvent, ProviderEventState
from marketplace.payments.states import PaymentState
from tests.factories.orders import make_scene, place_and_confirm, the_order
from tests.factories.payments import do_jobs, pay_page, the_payment
from tests.factories.stripe import SignedEvent
from tests.support import assert_nothing_lost

pytestmark = pytest.mark.own_database

EVENTS = int(os.environ.get("WEBHOOK_STORM", "60"))
CONNECTIONS = 20


def under_another_id(event: SignedEvent, number: int) -> SignedEvent:
    """Return the same news as another event of the provider."""
    body = json.loads(event.raw) | {"id": f"evt_storm_{number}"}
    again = replace(event, raw=json.dumps(body).encode())
    return replace(again, signature=again.signed_at(clock.now()))


def test_every_event_is_taken_kept_once_and_comes_to_one_truth(own_app, stripe_alone):
    chance = random.Random(10_000)  # noqa: S311  Not a secret: a storm that can be repeated.
    with own_app.app_context():
        stripe_alone.bind(own_app)
        now = clock.now().replace(microsecond=0)
        scene = make_scene(now)
        order_id = place_and_confirm(scene, at=now)
        pay_page(order_id, scene.buyer.id, at=now)
        stripe_alone.pay_by_card(the_payment(order_id).checkout_id)
        db.session.commit()
        heard = stripe_alone.take_events()
        different = [under_another_id(heard[number % len(heard)], number) for number in range(EVENTS)]
        storm = different * 3
        chance.shuffle(storm)

        def post(event: SignedEvent) -> int:
            return own_app.test_client().post("/webhooks/stripe", data=event.raw, headers=event.headers).status_code

        with ThreadPoolExecutor(CONNECTIONS) as connections:
            answers = list(connections.map(post, storm))

        assert {answer // 100 for answer in answers} == {2}
        assert db.session.scalar(select(func.count()).select_from(ProviderEvent)) == EVENTS
        assert do_jobs().count("process_provider_event") == EVENTS
        waiting = select(ProviderEvent).where(ProviderEvent.state == ProviderEventState.PENDING)
        assert db.session.scalars(waiting).all() == []
        assert the_payment(order_id).state is PaymentState.HELD
        assert the_order(order_id).state == "funds_held"
        assert db.session.scalar(select(func.count()).select_from(LedgerJournal)) == 2
        db.session.rollback()
        assert_nothing_lost()
