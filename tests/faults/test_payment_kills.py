"""
Workers and web servers die at random moments of payment, release, refund and reversal: everything happens exactly once.

What a page does is done again by the person before it, and a webhook is sent again by the provider; a job is taken up
again. `PAYMENT_KILLS` is how many processes are killed (200 for the whole proof), `PAYMENT_KILLS_SEED` where chance begins.
"""

import json
import os
import random
import subprocess
import sys
import time

import pytest
from sqlalchemy import text

from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.kernel.money import Money
from marketplace.payments.amounts import Rate
from tests.factories import deals
from tests.factories.accounts import make_staff
from tests.factories.orders import make_scene, place_and_confirm, the_order
from tests.factories.payments import OUR_JOBS, onboarded, the_payment
from tests.patience import running
from tests.support import worker_environment

pytestmark = pytest.mark.own_database

KILLS = int(os.environ.get("PAYMENT_KILLS", "6"))
SEED = int(os.environ.get("PAYMENT_KILLS_SEED", "20261122"))
KILLED_IN_A_ROW = 3
AT_LEAST = 3  # sales; the whole proof makes them all, over and over.
# Waits, with everything loaded, for deeds; each is done by a child that is killed after so many seconds, or never.
NURSERY = """
import json, os, signal, sys, time
from uuid import UUID
from marketplace import jobs
from marketplace.app import create_app
from marketplace.kernel import clock
from marketplace.kernel.money import Money
from marketplace.payments.amounts import Rate
from marketplace.orders import service as orders
from tests.factories.payments import pay_page
from sqlalchemy.orm import configure_mappers
import requests, stripe

app = create_app()
configure_mappers()
app.test_client().get("/healthz")  # What a process does once, at its first request.

def pay(order_id, actor_id):
    pay_page(UUID(order_id), UUID(actor_id), at=clock.now())

def webhook(raw, signature):
    answer = app.test_client().post("/webhooks/stripe", data=raw.encode(), headers={"Stripe-Signature": signature})
    assert answer.status_code == 200, answer.status_code

def accept(order_id, actor_id):
    orders.accept(order_id=UUID(order_id), actor_id=UUID(actor_id), at=clock.now())

def give_back(order_id, actor_id):
    orders.refund(order_id=UUID(order_id), actor_id=UUID(actor_id), reason="A test.", at=clock.now())

def give_part(order_id, actor_id):
    orders.decide_by_finance(
        order_id=UUID(order_id), actor_id=UUID(actor_id), amount=Money(33_333), reason="A test.", at=clock.now()
    )

deeds = {"give_part": give_part, "pay": pay, "webhook": webhook, "accept": accept, "give_back": give_back, **jobs.JOBS}
for line in sys.stdin:
    name, arguments, seconds = json.loads(line)
    child = os.fork()
    if child == 0:
        with app.app_context():
            deeds[name](**arguments)
        os._exit(0)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
WAYS = {
    # What is done, and what the provider must have in the end: transfers, reversals, refunds.
    "part before the release": (1, 0, 1),
    "refund": (0, 0, 1),
    "part after the release": (1, 1, 1),
    "refund after the release": (1, 1, 1),
    "release": (1, 0, 0),
}


class House:
    """Does promised jobs and what pages ask for, and is killed while it does, at most so many times in a row."""

    def __init__(self, nursery: subprocess.Popen, chance: random.Random) -> None:
        self._nursery = nursery
        self._chance = chance
        self._takes: dict[str, float] = {}
        self.killed = {"web": 0, "worker": 0}

    def at_a_page(self, name: str, **arguments: str) -> None:
        """Do it as a web server that is killed, and do it again as whoever waits before the page does."""
        db.session.rollback()
        for again in range(KILLED_IN_A_ROW + 1):
            exit_code = self._do(name, arguments, self._until_death(name) if again < KILLED_IN_A_ROW else None)
            # Who was killed after the deed was done, and before the answer, is told at the second click that it is.
            if exit_code == 0 or (again and exit_code == 1 and name in {"accept", "give_back", "give_part"}):
                return
            assert exit_code == -9, (name, exit_code)
            self.killed["web"] += 1

    def _until_death(self, name: str) -> float | None:
        """Choose a moment of what the deed takes on this machine, or a little after it; None lets it live."""
        return self._chance.uniform(0, 1.2 * self._takes.get(name, 0.1)) if self._chance.random() < 0.7 else None

    def work(self) -> None:
        """Do what is due, and what comes of it, until nothing is."""
        in_a_row = 0
        while (row := self._next()) is not None:
            seconds = self._until_death(row.task_name) if in_a_row < KILLED_IN_A_ROW else None
            exit_code = self._do(row.task_name, row.args, seconds)
            if exit_code == 0:
                db.session.execute(text("DELETE FROM procrastinate_jobs WHERE id = :id"), {"id": row.id})
                in_a_row = 0
            else:
                assert exit_code == -9, (row.task_name, exit_code)
                self.killed["worker"] += 1
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
        begun = time.perf_counter()
        self._nursery.stdin.write(json.dumps([name, arguments, seconds]) + "\n")
        self._nursery.stdin.flush()
        said = self._nursery.stdout.readline()
        assert said, f"{name} came to no end, and was ended with the nursery."
        exit_code = int(said)
        if seconds is None and exit_code == 0:
            self._takes[name] = time.perf_counter() - begun
        return exit_code


@pytest.fixture
def nursery(own_app, stripe_alone):
    with running(
        [sys.executable, "-c", NURSERY],
        seconds=200 + 10 * KILLS,
        env=worker_environment(own_app, stripe_alone),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield process


def hear(stripe, house: House, chance: random.Random) -> None:
    """Receive everything, some of it twice and in another order, and let the worker work."""
    heard = stripe.take_events()
    heard += chance.choices(heard, k=len(heard) // 4)
    chance.shuffle(heard)
    for event in heard:
        house.at_a_page("webhook", raw=event.raw.decode(), signature=event.signed_at(clock.now()))
    house.work()


def sell(stripe, house: House, chance: random.Random, way: str) -> None:
    """Sell one device and send its money the named way; the seller's part is above or below half of it."""
    now = clock.now().replace(microsecond=0)
    scene = make_scene(now, price_minor=chance.choice([100_003, 4_250_000]))
    onboarded(stripe, scene.seller_clinic.id, at=now)
    order_id = place_and_confirm(
        scene, at=now, rate=Rate(chance.choice([600, 7_000]), Money(chance.choice([0, 10_000])))
    )
    people = scene.buyer, scene.seller, make_staff("finance")
    buyer, seller, finance = ({"order_id": str(order_id), "actor_id": str(one.id)} for one in people)
    house.at_a_page("pay", **buyer)
    stripe.pay_by_card(the_payment(order_id).checkout_id)
    hear(stripe, house, chance)
    if way == "refund":
        house.at_a_page("give_back", **seller)
    else:
        if way == "part before the release":
            house.at_a_page("give_part", **finance)
        deals.delivered(order_id, scene, at=now)
        house.at_a_page("accept", **buyer)
    hear(stripe, house, chance)
    if way.endswith("after the release"):
        if way.startswith("refund"):
            house.at_a_page("give_back", **seller)
        else:
            house.at_a_page("give_part", **finance)
        hear(stripe, house, chance)

    charge = the_payment(order_id).charge_id
    transfers = stripe.get("/v1/transfers", transfer_group=f"order:{order_id}")["data"]
    reversals = sum(len(transfer["reversals"]["data"]) for transfer in transfers)
    refunds = stripe.get("/v1/refunds", charge=charge)["data"]
    assert (len(transfers), reversals, len(refunds)) == WAYS[way]
    assert the_order(order_id).state == ("refunded" if way.startswith("refund") else "settled")
    assert the_payment(order_id).refunded_minor == sum(refund["amount"] for refund in refunds)
    db.session.rollback()


def test_killed_workers_and_servers_move_everything_exactly_once(own_app, stripe_alone, nursery):
    chance = random.Random(SEED)
    with own_app.app_context():
        stripe_alone.bind(own_app)
        house = House(nursery, chance)
        sold = 0
        while sum(house.killed.values()) < KILLS or sold < AT_LEAST:
            sell(stripe_alone, house, chance, list(WAYS)[sold % len(WAYS)])
            sold += 1
        print(f"\n{sold} sales, killed: {house.killed}")
