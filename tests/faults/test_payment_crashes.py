"""A worker is killed at the worst moments: exactly one transfer, and books that balance."""

import signal
import subprocess
import sys

import pytest
from sqlalchemy import func, select

from marketplace.extensions import db
from marketplace.jobs import JOBS
from marketplace.kernel import clock
from marketplace.payments import ledger
from marketplace.payments.amounts import Account
from marketplace.payments.models import IntentState, LedgerJournal, MoneyIntent
from marketplace.payments.states import PaymentState
from tests.factories import deals
from tests.factories.orders import make_scene, the_order
from tests.factories.payments import the_payment
from tests.support import worker_environment

pytestmark = pytest.mark.own_database

# Does one job as a worker does, and dies without a word at the named moment.
WORKER = """
import os, signal, sys
from uuid import UUID
from marketplace import jobs
from marketplace.app import create_app
from marketplace.adapters.stripe_gateway import StripeGateway
from marketplace.payments import intents

def die(*_args, **_given):
    os.kill(os.getpid(), signal.SIGKILL)

moment, intent_id = sys.argv[1:]
send = StripeGateway.create_transfer
if moment == "before the call":
    StripeGateway.create_transfer = die
if moment == "after the call":
    StripeGateway.create_transfer = lambda *args, **given: (send(*args, **given), die())
if moment == "before the record":
    intents._finish = die
with create_app().app_context():
    jobs.JOBS["run_money_intent"](intent_id=intent_id)
"""


@pytest.fixture
def accepted(own_app, stripe_alone):
    """An order that was accepted a moment ago; the seller's money is asked for and not sent."""
    with own_app.app_context():
        stripe_alone.bind(own_app)
        now = clock.now().replace(microsecond=0)
        scene = make_scene(now)
        order_id = deals.paid(scene, stripe_alone, at=now)
        deals.accepted(order_id, scene, at=now)
        yield order_id


def work(app, stripe, moment: str, intent_id) -> int:
    return subprocess.run(
        [sys.executable, "-c", WORKER, moment, str(intent_id)],
        env=worker_environment(app, stripe),
        check=False,
        timeout=120,
    ).returncode


@pytest.mark.parametrize(
    ("moment", "forgotten"),
    [
        ("before the call", False),
        ("after the call", False),
        ("after the call", True),
        ("before the record", False),
    ],
)
def test_a_killed_worker_pays_the_seller_once(own_app, stripe_alone, accepted, moment, forgotten):
    intent_id = db.session.scalars(select(MoneyIntent.id)).one()
    db.session.rollback()

    assert work(own_app, stripe_alone, moment, intent_id) == -signal.SIGKILL
    if forgotten:
        stripe_alone.sim("prune_keys")
    assert db.session.scalars(select(MoneyIntent.state)).one() is IntentState.PENDING
    assert the_payment(accepted).state is PaymentState.RELEASING
    db.session.rollback()
    for _ in range(2):
        JOBS["run_money_intent"](intent_id=str(intent_id))
    JOBS["payment_changed"](order_id=str(accepted))

    assert len(stripe_alone.get("/v1/transfers")["data"]) == 1
    assert the_payment(accepted).state is PaymentState.RELEASED
    assert the_order(accepted).state == "settled"
    assert ledger.balance_of(Account.HELD).minor == 0
    assert db.session.scalar(select(func.count()).select_from(LedgerJournal)) == 3
