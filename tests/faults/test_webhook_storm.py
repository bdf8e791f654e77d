"""
A storm of webhooks over many connections, each three times and in any order: all taken, each kept once, and in the end
what is true after a calm day.

`WEBHOOK_STORM` is how many different events there are (10,000 for the whole proof).
"""

import json
import os
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from marketplace.app import create_app
from marketplace.extensions import ENGINE_OPTIONS, db
from marketplace.kernel import clock
from marketplace.payments.models import LedgerEntry, LedgerJournal, PaymentMove, ProviderEvent, ProviderEventState
from marketplace.payments.states import PaymentState
from tests.conftest import settings_for
from tests.factories.orders import make_scene, place_and_confirm, the_order
from tests.factories.payments import do_jobs, pay_page, the_payment
from tests.factories.stripe import SignedEvent

pytestmark = pytest.mark.own_database

EVENTS = int(os.environ.get("WEBHOOK_STORM", "60"))
CONNECTIONS = 20


@pytest.fixture
def own_app(fresh_database, tmp_path):
    """The app with a connection for each that storms: a server has no more threads than its pool has connections."""
    options = {**ENGINE_OPTIONS, "pool_size": CONNECTIONS + 5}
    app = create_app(settings_for(fresh_database(), tmp_path), SQLALCHEMY_ENGINE_OPTIONS=options)
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def under_another_id(event: SignedEvent, number: int) -> SignedEvent:
    """Return the same news as another event of the provider."""
    body = json.loads(event.raw) | {"id": f"evt_storm_{number}"}
    again = replace(event, raw=json.dumps(body).encode())
    return replace(again, signature=again.signed_at(clock.now()))


def facts(order_id) -> tuple:
    """What is true in the end of one order and its money, without the names of rows."""
    payment = the_payment(order_id)
    journals = db.session.execute(
        select(LedgerJournal.kind, LedgerEntry.account, LedgerEntry.amount_minor)
        .join(LedgerEntry, LedgerEntry.journal_id == LedgerJournal.id)
        .where(LedgerJournal.order_id == order_id)
        .order_by(LedgerJournal.kind, LedgerEntry.account)
    ).all()
    moves = db.session.scalars(select(PaymentMove.state).where(PaymentMove.payment_id == payment.id)).all()
    return (
        payment.state, payment.received_minor, payment.method, payment.frozen_reason, the_order(order_id).state,
        [tuple(row) for row in journals], sorted(moves),
    )  # fmt: skip


def paid(stripe, now):
    """Return an order that was paid by card, and what the provider tells of it."""
    scene = make_scene(now)
    order_id = place_and_confirm(scene, at=now)
    pay_page(order_id, scene.buyer.id, at=now)
    stripe.pay_by_card(the_payment(order_id).checkout_id)
    db.session.commit()
    return order_id, stripe.take_events()


def test_every_event_is_taken_kept_once_and_comes_to_the_truth_of_the_order_run(own_app, stripe_alone):
    chance = random.Random(10_000)
    with own_app.app_context():
        stripe_alone.bind(own_app)
        now = clock.now().replace(microsecond=0)
        calm, told = paid(stripe_alone, now)
        for event in told:  # One after the other, as they happened, each done before the next.
            assert (
                own_app.test_client().post("/webhooks/stripe", data=event.raw, headers=event.headers).status_code == 200
            )
            do_jobs()
        in_order = db.session.scalar(select(func.count()).select_from(ProviderEvent))
        stormy, heard = paid(stripe_alone, now)
        different = [under_another_id(heard[number % len(heard)], number) for number in range(EVENTS)]
        storm = different * 3
        chance.shuffle(storm)
        db.session.rollback()

        def post(event: SignedEvent) -> tuple[int, float]:
            begun = time.perf_counter()
            fresh = event.signed_at(clock.now())  # As a provider does that tries again for hours.
            answer = own_app.test_client().post("/webhooks/stripe", data=event.raw, headers={"Stripe-Signature": fresh})
            return answer.status_code, time.perf_counter() - begun

        begun = time.perf_counter()
        with ThreadPoolExecutor(CONNECTIONS) as connections:
            answers = list(connections.map(post, storm))
        taken = sorted(seconds for _, seconds in answers)
        print(
            f"\n{len(storm):,} webhooks over {CONNECTIONS} connections in {time.perf_counter() - begun:.1f} s:"
            f" p50 {taken[len(taken) // 2] * 1000:.0f} ms, p99 {taken[int(len(taken) * 0.99)] * 1000:.0f} ms"
        )

        assert {status // 100 for status, _ in answers} == {2}
        assert db.session.scalar(select(func.count()).select_from(ProviderEvent)) == in_order + EVENTS
        db.session.rollback()
        assert do_jobs().count("process_provider_event") == EVENTS
        waiting = select(ProviderEvent).where(ProviderEvent.state == ProviderEventState.PENDING)
        assert db.session.scalars(waiting).all() == []
        assert facts(stormy) == facts(calm)
        assert facts(stormy)[:5] == (PaymentState.HELD, 4_250_000, "card", None, "funds_held")
        db.session.rollback()
