"""Hands that move the same money at the same instant, on connections of their own: it moves once, and one way."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier, Event, current_thread

import pytest
from sqlalchemy import func, select

from marketplace.audit import AuditEvent
from marketplace.extensions import bind, db, unit_of_work
from marketplace.kernel import clock
from marketplace.kernel.errors import Refusal
from marketplace.kernel.money import Money
from marketplace.orders import service as orders
from marketplace.orders import steps
from marketplace.payments import ledger
from marketplace.payments import service as payments
from marketplace.payments.amounts import Account
from marketplace.payments.models import IntentState, LedgerJournal, MoneyIntent
from marketplace.payments.ports import PaymentGateway
from marketplace.payments.states import DecisionKind, DeviceIs, PaymentState
from tests.factories import deals
from tests.factories.accounts import make_staff
from tests.factories.orders import make_scene, place_and_confirm, the_order
from tests.factories.payments import do_jobs, hear, onboarded, pay_page, the_payment

pytestmark = pytest.mark.own_database

WORKERS = 4


@pytest.fixture
def scene(own_app, stripe_alone):
    with own_app.app_context():
        stripe_alone.bind(own_app)
        now = clock.now().replace(microsecond=0)
        scene = make_scene(now)
        onboarded(stripe_alone, scene.seller_clinic.id, at=now)
        yield scene


def inspected(scene, stripe):
    """Return an order whose device has arrived, and whose money is held."""
    now = clock.now().replace(microsecond=0)
    order_id = held(scene, stripe)
    deals.delivered(order_id, scene, at=now)
    return order_id


def held(scene, stripe):
    now = clock.now().replace(microsecond=0)
    order_id = place_and_confirm(scene, at=now)
    pay_page(order_id, scene.buyer.id, at=now)
    stripe.pay_by_card(the_payment(order_id).checkout_id)
    hear(stripe)
    return order_id


def at_once(app, *deeds):
    """Do the deeds at the same instant, each with a session of its own; return what came of each."""
    barrier = Barrier(len(deeds))

    def do(deed):
        with app.app_context():
            barrier.wait(30)
            try:
                return deed()
            except Refusal as refusal:
                return refusal
            finally:
                db.session.remove()

    db.session.rollback()
    with ThreadPoolExecutor(len(deeds)) as pool:
        return list(pool.map(do, deeds))


class LookingTogether:
    """The local Stripe for workers of whom none sends before all have looked."""

    def __init__(self, gateway, workers: int) -> None:
        self._gateway = gateway
        self._all_have_looked = Barrier(workers)
        self.looks: list[int] = []

    def __getattr__(self, name):
        return getattr(self._gateway, name)

    def find_transfers(self, transfer_group):
        found = self._gateway.find_transfers(transfer_group)
        self.looks.append(len(found))
        if len(self.looks) <= WORKERS:
            self._all_have_looked.wait(30)
        return found


@pytest.mark.parametrize("fee_bps", [600, 7_000])
def test_workers_that_all_look_before_any_sends_pay_once(own_app, scene, stripe_alone, monkeypatch, fee_bps):
    """Above half of the price the provider's cap would stop a second transfer; below, nothing but the key does."""
    monkeypatch.setattr("tests.factories.orders.FEE_BPS", fee_bps)
    order_id = inspected(scene, stripe_alone)
    orders.accept(order_id=order_id, actor_id=scene.buyer.id, at=clock.now())
    intent_id = db.session.scalars(select(MoneyIntent.id)).one()
    together = LookingTogether(stripe_alone.gateway(), WORKERS)
    bind(own_app, PaymentGateway, together)

    def work():
        return payments.run_intent(intent_id=intent_id, live=False, at=clock.now())

    came_of_it = at_once(own_app, *[work] * WORKERS)
    while IntentState.PENDING in came_of_it:  # The key was in flight for another; a second look finds it done.
        came_of_it = [work()]
    do_jobs()

    assert together.looks[:WORKERS] == [0] * WORKERS
    transfers = stripe_alone.get("/v1/transfers")["data"]
    assert [one["amount"] for one in transfers] == [4_250_000 - 4_250_000 * fee_bps // 10_000]
    assert the_order(order_id).state == "settled"
    assert ledger.balance_of(Account.HELD).minor == 0
    assert db.session.scalar(select(func.count()).select_from(LedgerJournal)) == 3


@pytest.mark.parametrize("first", range(2))
def test_release_and_refund_asked_for_at_once_move_money_one_way(own_app, scene, stripe_alone, first):
    order_id = held(scene, stripe_alone)

    def release():
        with unit_of_work():
            return payments.request_release(order_id=order_id, at=clock.now())

    def refund():
        with unit_of_work():
            return payments.request_refund(order_id=order_id, cause="a race", at=clock.now())

    deeds = [release, refund, release, refund]
    came_of_it = at_once(own_app, *deeds[first:], *deeds[:first])

    refused = Counter(type(one).__name__ for one in came_of_it)["MoneyNotHere"]
    assert refused == 2
    assert len({one for one in came_of_it if not isinstance(one, Refusal)}) == 1
    (kind,) = db.session.scalars(select(MoneyIntent.kind))
    assert the_payment(order_id).state is (PaymentState.RELEASING if kind == "release" else PaymentState.REFUNDING)
    db.session.rollback()
    do_jobs()
    moved = (len(stripe_alone.get("/v1/transfers")["data"]), len(stripe_alone.get("/v1/refunds")["data"]))
    assert moved == ((1, 0) if kind == "release" else (0, 1))


def test_whoever_has_the_order_keeps_nobody_from_booking_its_money(own_app, scene, stripe_alone):
    """Else the two wait for each other: one has the order and asks for the payment, one has the payment and books."""
    order_id = inspected(scene, stripe_alone)
    payment_id = the_payment(order_id).id
    stripe_alone.dispute(the_payment(order_id).charge_id)

    ours, booked = Event(), Event()

    def have_the_order():
        with unit_of_work():
            steps.locked(order_id)
            ours.set()
            return booked.wait(2.5)  # Less than the database lets anybody wait for a lock.

    def book():
        ours.wait(30)
        payments.converge(payment_id=payment_id, live=False, at=clock.now())
        booked.set()

    assert at_once(own_app, have_the_order, book) == [True, None]
    assert the_payment(order_id).frozen_reason == "disputed"


def test_a_dispute_at_the_moment_of_acceptance_keeps_the_money(own_app, scene, stripe_alone):
    order_id, buyer_id = inspected(scene, stripe_alone), scene.buyer.id
    stripe_alone.dispute(the_payment(order_id).charge_id)
    payment_id = the_payment(order_id).id

    at_once(
        own_app,
        lambda: orders.accept(order_id=order_id, actor_id=buyer_id, at=clock.now()),
        lambda: payments.converge(payment_id=payment_id, live=False, at=clock.now()),
    )
    do_jobs()

    assert the_payment(order_id).frozen_reason == "disputed"
    assert stripe_alone.get("/v1/transfers")["data"] == []
    assert set(db.session.scalars(select(MoneyIntent.state))) <= {IntentState.BLOCKED}


def part_asked(order_id, actor_id):
    """A deed that asks for a part of the price back; read before threads begin."""
    return lambda: orders.decide_by_finance(
        order_id=order_id, actor_id=actor_id, amount=Money(1_000_000), reason="A race.", at=clock.now()
    )


def test_two_who_give_a_part_back_at_once_give_one(own_app, scene, stripe_alone):
    order_id, person = inspected(scene, stripe_alone), make_staff("finance").id

    came_of_it = at_once(own_app, *[part_asked(order_id, person)] * WORKERS)
    do_jobs()

    assert sorted(type(one).__name__ for one in came_of_it) == ["NoneType"] + ["PartOnItsWay"] * (WORKERS - 1)
    assert [one["amount"] for one in stripe_alone.get("/v1/refunds")["data"]] == [1_000_000]
    assert (the_payment(order_id).conceded_minor, the_payment(order_id).refunded_minor) == (1_000_000, 1_000_000)


def test_a_proposal_that_is_agreed_and_withdrawn_at_once_is_one_of_the_two(own_app, scene, stripe_alone):
    order_id = inspected(scene, stripe_alone)
    buyer_id, seller_id = scene.buyer.id, scene.seller.id
    proposal_id = orders.propose(
        order_id=order_id, actor_id=buyer_id, amount=Money(1_000_000), reason="A race.", at=clock.now()
    )

    came_of_it = at_once(
        own_app,
        lambda: orders.agree(proposal_id=proposal_id, actor_id=seller_id, at=clock.now()),
        lambda: orders.withdraw(proposal_id=proposal_id, actor_id=buyer_id, at=clock.now()),
        lambda: orders.agree(proposal_id=proposal_id, actor_id=seller_id, at=clock.now()),
    )
    do_jobs()

    assert Counter(type(one).__name__ for one in came_of_it) == {"NoneType": 1, "ProposalClosed": 2}
    refunds = [one["amount"] for one in stripe_alone.get("/v1/refunds")["data"]]
    assert refunds == ([] if came_of_it[1] is None else [1_000_000])


@pytest.mark.parametrize("first", range(2))
def test_a_part_at_the_moment_of_acceptance_moves_each_cent_one_way(own_app, scene, stripe_alone, first):
    order_id, buyer_id, person = inspected(scene, stripe_alone), scene.buyer.id, make_staff("finance").id
    deeds = [
        part_asked(order_id, person),
        lambda: orders.accept(order_id=order_id, actor_id=buyer_id, at=clock.now()),
    ]

    came_of_it = at_once(own_app, *deeds[first:], *deeds[:first])
    do_jobs()

    conceded = 0 if any(isinstance(one, Refusal) for one in came_of_it) else 1_000_000
    assert the_payment(order_id).conceded_minor == conceded
    left = 4_250_000 - conceded
    assert [one["amount"] for one in stripe_alone.get("/v1/transfers")["data"]] == [left - left * 600 // 10_000]
    assert sum(one["amount"] for one in stripe_alone.get("/v1/refunds")["data"]) == conceded
    assert the_order(order_id).state == "settled"
    assert ledger.balance_of(Account.HELD).minor == 0


def test_a_dispute_at_the_moment_of_a_part_and_of_acceptance_keeps_the_money(own_app, scene, stripe_alone):
    order_id, buyer_id, person = inspected(scene, stripe_alone), scene.buyer.id, make_staff("finance").id
    payment_id = the_payment(order_id).id
    stripe_alone.dispute(the_payment(order_id).charge_id)

    at_once(
        own_app,
        part_asked(order_id, person),
        lambda: orders.accept(order_id=order_id, actor_id=buyer_id, at=clock.now()),
        lambda: payments.converge(payment_id=payment_id, live=False, at=clock.now()),
    )
    do_jobs()

    assert the_payment(order_id).frozen_reason == "disputed"
    assert (stripe_alone.get("/v1/refunds")["data"], stripe_alone.get("/v1/transfers")["data"]) == ([], [])
    assert set(db.session.scalars(select(MoneyIntent.state))) <= {IntentState.BLOCKED}
    assert ledger.balance_of(Account.HELD).minor == -4_250_000


def test_two_people_who_send_a_surplus_again_at_once_send_it_once(own_app, scene, stripe_alone):
    now = clock.now().replace(microsecond=0)
    order_id = place_and_confirm(scene, at=now)
    pay_page(order_id, scene.buyer.id, at=now)
    page = the_payment(order_id).checkout_id
    stripe_alone.choose_bank_transfer(page)
    stripe_alone.money_arrives(page, 4_250_000 + 70_000)
    hear(stripe_alone)
    (sent,) = [one["id"] for one in stripe_alone.get("/v1/refunds")["data"]]
    stripe_alone.settle_refund(sent, "failed")
    hear(stripe_alone)
    people = [make_staff("finance").id for _ in range(WORKERS)]

    def press(actor_id):
        return lambda: payments.send_surplus_again(order_id=order_id, actor_id=actor_id, at=clock.now())

    came_of_it = at_once(own_app, *map(press, people))
    do_jobs()

    assert sorted(type(one).__name__ for one in came_of_it) == ["NothingCameBack"] * (WORKERS - 1) + ["UUID"]
    assert [one["amount"] for one in stripe_alone.get("/v1/refunds")["data"]] == [70_000, 70_000]
    names = db.session.scalars(select(MoneyIntent.dedupe).order_by(MoneyIntent.requested_at)).all()
    assert [name.partition(":")[2] for name in names] == ["surplus:70000", "surplus:70000:again:1"]
    told = db.session.scalars(select(AuditEvent.actor_id).where(AuditEvent.kind == "payment:surplus_sent_again")).all()
    assert len(told) == 1
    payment = the_payment(order_id)
    assert (payment.surplus_minor, payment.surplus_returned_minor) == (70_000, 70_000)


class LookingLate:
    """The local Stripe for one who asks what lies there, and hears it when `may_hear` is set: others ask as always."""

    def __init__(self, gateway) -> None:
        self._gateway = gateway
        self.has_looked, self.may_hear = Event(), Event()

    def __getattr__(self, name):
        return getattr(self._gateway, name)

    def get_payment(self, name):
        seen = self._gateway.get_payment(name)
        if current_thread().name.startswith("late") and not self.has_looked.is_set():
            self.has_looked.set()
            assert self.may_hear.wait(30)
        return seen


@pytest.fixture
def too_much(own_app, scene, stripe_alone):
    """An order whose buyer sent $700 too much; the sending back is on record and was not taken up."""
    now = clock.now().replace(microsecond=0)
    order_id = place_and_confirm(scene, at=now)
    pay_page(order_id, scene.buyer.id, at=now)
    page = the_payment(order_id).checkout_id
    stripe_alone.choose_bank_transfer(page)
    stripe_alone.fault("POST /v1/refunds", "error_before")
    stripe_alone.money_arrives(page, 4_250_000 + 70_000)
    hear(stripe_alone)
    payment = the_payment(order_id)
    assert (payment.surplus_minor, payment.surplus_returned_minor) == (70_000, 0)
    return order_id, payment.id, page


def look_late(app, gateway, payment_id, meanwhile):
    """Look at a payment; between what is seen and what is made of it, do something else."""
    bind(app, PaymentGateway, gateway)

    def look():
        with app.app_context():
            try:
                payments.converge(payment_id=payment_id, live=False, at=clock.now())
            finally:
                gateway.may_hear.set()
                db.session.remove()

    db.session.rollback()
    with ThreadPoolExecutor(1, thread_name_prefix="late") as pool:
        late = pool.submit(look)
        try:
            assert gateway.has_looked.wait(30)
            meanwhile()
        finally:
            gateway.may_hear.set()
        late.result(timeout=30)
    db.session.rollback()


def test_what_is_sent_back_while_somebody_looks_has_not_come_anew(own_app, stripe_alone, too_much):
    order_id, payment_id, _page = too_much
    intent_id = db.session.scalars(select(MoneyIntent.id)).one()

    def send():
        assert payments.run_intent(intent_id=intent_id, live=False, at=clock.now()) is IntentState.DONE

    look_late(own_app, LookingLate(stripe_alone.gateway()), payment_id, send)
    do_jobs()

    payment = the_payment(order_id)
    assert (payment.surplus_minor, payment.surplus_returned_minor) == (70_000, 70_000)
    assert [one["amount"] for one in stripe_alone.get("/v1/refunds")["data"]] == [70_000]
    assert db.session.scalars(select(MoneyIntent.dedupe)).one().endswith(":surplus:70000")


def test_what_the_buyers_bank_refused_while_somebody_looks_has_not_come_anew(own_app, stripe_alone, too_much):
    order_id, payment_id, _page = too_much
    payments.run_intent(intent_id=db.session.scalars(select(MoneyIntent.id)).one(), live=False, at=clock.now())
    do_jobs()
    (sent,) = [one["id"] for one in stripe_alone.get("/v1/refunds")["data"]]
    stripe_alone.settle_refund(sent, "failed")

    payments.converge(payment_id=payment_id, live=False, at=clock.now())  # Before anybody was told that it failed.
    do_jobs()
    hear(stripe_alone)

    payment = the_payment(order_id)
    assert (payment.surplus_minor, payment.surplus_returned_minor) == (70_000, 0)
    assert [one["amount"] for one in stripe_alone.get("/v1/refunds")["data"]] == [70_000]


def test_what_comes_while_a_surplus_leaves_is_not_forgotten(own_app, stripe_alone, too_much):
    """Seen together they look like the one that is known of; once that has left, it is looked at again."""
    order_id, _payment_id, page = too_much
    intent_id = db.session.scalars(select(MoneyIntent.id)).one()
    stripe_alone.fault("POST /v1/refunds", "error_after")
    payments.run_intent(intent_id=intent_id, live=False, at=clock.now())  # It has left, and we do not know.
    stripe_alone.money_arrives(page, 30_000)
    hear(stripe_alone)
    assert the_payment(order_id).surplus_minor == 70_000

    payments.run_intent(intent_id=intent_id, live=False, at=clock.now())
    do_jobs()

    payment = the_payment(order_id)
    assert (payment.surplus_minor, payment.surplus_returned_minor) == (100_000, 100_000)
    assert [one["amount"] for one in stripe_alone.get("/v1/refunds")["data"]][::-1] == [70_000, 30_000]


class SendingLate:
    """The local Stripe for a worker who is about to send, and sends when `may_send` is set."""

    def __init__(self, gateway) -> None:
        self._gateway = gateway
        self.is_about_to, self.may_send = Event(), Event()

    def __getattr__(self, name):
        return getattr(self._gateway, name)

    def create_transfer(self, **given):
        self.is_about_to.set()
        assert self.may_send.wait(30)
        return self._gateway.create_transfer(**given)


def test_a_release_that_is_called_off_while_a_worker_sends_it_is_taken_back_first(own_app, scene, stripe_alone):
    order_id, ada, ben = inspected(scene, stripe_alone), make_staff("finance").id, make_staff("finance").id
    orders.accept(order_id=order_id, actor_id=scene.buyer.id, at=clock.now())
    intent_id = db.session.scalars(select(MoneyIntent.id)).one()
    slow = SendingLate(stripe_alone.gateway())
    bind(own_app, PaymentGateway, slow)

    def work():
        with own_app.app_context():
            try:
                return payments.run_intent(intent_id=intent_id, live=False, at=clock.now())
            finally:
                db.session.remove()

    db.session.rollback()
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(work)
        try:
            assert slow.is_about_to.wait(30)
            now = clock.now()
            decision_id = orders.propose_decision(
                order_id=order_id, actor_id=ada, kind=DecisionKind.GIVE_BACK, device=DeviceIs.WITH_BUYER,
                reason="A race.", evidence="A race.", at=now,
            )  # fmt: skip
            orders.approve_decision(order_id=order_id, decision_id=decision_id, actor_id=ben, live=False, at=now)
        finally:
            slow.may_send.set()
        assert sending.result(timeout=30) is IntentState.DONE
    db.session.rollback()
    do_jobs()

    assert [one["amount"] for one in stripe_alone.get("/v1/transfers")["data"]] == [3_995_000]
    assert [one["amount"] for one in stripe_alone.get("/v1/refunds")["data"]] == [4_250_000]
    payment = the_payment(order_id)
    assert (payment.state, payment.reversed_minor) == (PaymentState.REFUNDED, 3_995_000)
    assert the_order(order_id).state == "refunded"


def test_of_two_who_approve_at_once_one_does_and_the_money_goes_back_once(own_app, scene, stripe_alone):
    order_id, buyer_id = inspected(scene, stripe_alone), scene.buyer.id
    ada, others = make_staff("finance").id, [make_staff("finance").id for _ in range(2)]
    decision_id = orders.propose_decision(
        order_id=order_id, actor_id=ada, kind=DecisionKind.GIVE_BACK, device=DeviceIs.WITH_BUYER,
        reason="A race.", evidence="A race.", at=clock.now(),
    )  # fmt: skip

    def approve(actor_id):
        return lambda: orders.approve_decision(
            order_id=order_id, decision_id=decision_id, actor_id=actor_id, live=False, at=clock.now()
        )

    came_of_it = at_once(
        own_app,
        *map(approve, others),
        lambda: orders.accept(order_id=order_id, actor_id=buyer_id, at=clock.now()),
    )
    for intent_id in db.session.scalars(select(MoneyIntent.id)).all():
        payments.run_intent(intent_id=intent_id, live=False, at=clock.now() + timedelta(minutes=16))
    do_jobs()

    assert sum(one is None for one in came_of_it[:2]) == 1
    moved = [len(stripe_alone.get(f"/v1/{kind}")["data"]) for kind in ("transfers", "refunds")]
    assert moved == [0, 1]
    assert the_order(order_id).state == "refunded"
