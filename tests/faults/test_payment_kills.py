"""
Workers die at random moments of payment, release, refund and reversal: everything happens exactly once.

`PAYMENT_KILLS` is how many workers are killed (200 for the whole proof), `PAYMENT_KILLS_SEED` where chance begins.
"""

import json
import os
import random
import subprocess
import sys

import pytest
from sqlalchemy import text

from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.orders import service as orders
from marketplace.payments import service as payments
from tests.factories.orders import make_scene, place_and_confirm, the_order
from tests.factories.payments import OUR_JOBS, onboarded, pay_page, the_payment
from tests.support import assert_nothing_lost, worker_environment

pytestmark = pytest.mark.own_database

KILLS = int(os.environ.get("PAYMENT_KILLS", "6"))
SEED = int(os.environ.get("PAYMENT_KILLS_SEED", "20261122"))
KILLED_IN_A_ROW = 3
# Waits, with everything loaded, for jobs; each is done by a child that is killed after so many seconds, or never.
NURSERY = """
import json, os, signal, sys, time
from marketplace import jobs
from marketplace.app import create_app
import requests, stripe

app = create_app()
for line in sys.stdin:
    name, arguments, seconds = json.loads(line)
    child = os.fork()
    if child == 0:
        with app.app_context():
            jobs.JOBS[name](**arguments)
        os._exit(0)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
WAYS = {
    # What is done, and what the provider must have in the end: transfers, reversals, refunds.
    "release": (1, 0, 0),
    "refund": (0, 0, 1),
    "refund after the release": (1, 1, 1),
}


class Worker:
    """Does promised jobs, and is killed while it does them, at most so many times in a row."""

    def __init__(self, nursery: subprocess.Popen, chance: random.Random) -> None:
        self._nursery = nursery
        self._chance = chance
        self.killed = 0

    def work(self) -> None:
        """Do what is due, and what comes of it, until nothing is."""
        in_a_row = 0
        while (row := self._next()) is not None:
            kill = in_a_row < KILLED_IN_A_ROW and self._chance.random() < 0.7
            seconds = self._chance.uniform(0, 0.12) if kill else None
            exit_code = self._do(row.task_name, row.args, seconds)
            if exit_code == 0:
                db.session.execute(text("DELETE FROM procrastinate_jobs WHERE id = :id"), {"id": row.id})
                in_a_row = 0
            else:
                assert exit_code == -9, (row.task_name, exit_code)
                self.killed += 1
                in_a_row += 1
            db.session.commit()

    def _next(self):
        found = db.session.execute(
            text(
                "SELECT id, task_name, args FROM procrastinate_jobs WHERE status = 'todo' AND task_name = ANY(:ours)"
                " AND (scheduled_at IS NULL OR scheduled_at <= clock_timestamp()) ORDER BY id LIMIT 1"
            ),
            {"ours": list(OUR_JOBS)},
        ).one_or_none()
        db.session.commit()
        return found

    def _do(self, name: str, arguments: dict, seconds: float | None) -> int:
        assert self._nursery.stdin is not None
        assert self._nursery.stdout is not None
        self._nursery.stdin.write(json.dumps([name, arguments, seconds]) + "\n")
        self._nursery.stdin.flush()
        return int(self._nursery.stdout.readline())


@pytest.fixture
def nursery(own_app, stripe_alone):
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY],
        env=worker_environment(own_app, stripe_alone),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.stdin.close()


def hear(stripe, worker: Worker, chance: random.Random) -> None:
    """Receive everything, some of it twice and in another order, and let the worker work."""
    heard = stripe.take_events()
    heard += chance.choices(heard, k=len(heard) // 4)
    chance.shuffle(heard)
    for event in heard:
        payments.receive(raw=event.raw, signature=event.signature, at=clock.now())
    worker.work()


def sell(stripe, worker: Worker, chance: random.Random, way: str) -> None:
    """Sell one device and send its money the named way; the seller's part is above or below half of it."""
    now = clock.now().replace(microsecond=0)
    scene = make_scene(now, price_minor=chance.choice([100_003, 4_250_000]))
    onboarded(stripe, scene.seller_clinic.id, at=now)
    order_id = place_and_confirm(scene, at=now, fee_bps=chance.choice([600, 7_000]))
    pay_page(order_id, scene.buyer.id, at=now)
    stripe.pay_by_card(the_payment(order_id).checkout_id)
    hear(stripe, worker, chance)
    if way == "refund":
        orders.refund(order_id=order_id, actor_id=scene.seller.id, reason="A test.", at=clock.now())
    else:
        orders.release_to_ship(order_id=order_id, actor_id=scene.seller.id, at=now)
        orders.dispatch(order_id=order_id, actor_id=scene.seller.id, carrier="ArcBest", tracking="1", at=now)
        orders.report_arrival(order_id=order_id, actor_id=scene.buyer.id, at=now)
        orders.accept(order_id=order_id, actor_id=scene.buyer.id, at=now)
    hear(stripe, worker, chance)
    if way == "refund after the release":
        orders.refund(order_id=order_id, actor_id=scene.seller.id, reason="A test.", at=clock.now())
        hear(stripe, worker, chance)

    charge = the_payment(order_id).charge_id
    transfers = stripe.get("/v1/transfers", transfer_group=f"order:{order_id}")["data"]
    reversals = sum(len(transfer["reversals"]["data"]) for transfer in transfers)
    refunds = stripe.get("/v1/refunds", charge=charge)["data"]
    assert (len(transfers), reversals, len(refunds)) == WAYS[way]
    assert the_order(order_id).state == ("settled" if way == "release" else "refunded")
    db.session.rollback()


def test_killed_workers_move_everything_exactly_once(own_app, stripe_alone, nursery):
    chance = random.Random(SEED)  # noqa: S311  Not a secret: a chance that can be repeated.
    with own_app.app_context():
        stripe_alone.bind(own_app)
        worker = Worker(nursery, chance)
        sold = 0
        while worker.killed < KILLS or sold < len(WAYS):
            sell(stripe_alone, worker, chance, list(WAYS)[sold % len(WAYS)])
            sold += 1
        assert_nothing_lost()
