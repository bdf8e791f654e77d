"""What goes wrong between two programs that move money, a case at a time; `cases.toml` has all of them."""

from datetime import timedelta
from functools import partial
from itertools import permutations

import pytest
from sqlalchemy import func, select

from marketplace.extensions import db
from marketplace.jobs import JOBS
from marketplace.kernel import clock
from marketplace.kernel.money import Money
from marketplace.orders import service as orders
from marketplace.orders.states import OrderState
from marketplace.payments import service as payments
from marketplace.payments.models import (
    IntentKind,
    IntentState,
    LedgerEntry,
    LedgerJournal,
    MoneyIntent,
    Payment,
    PaymentMove,
    ProviderEvent,
    ProviderEventState,
)
from marketplace.payments.states import PaymentState
from tests.factories import deals
from tests.factories.orders import place_and_confirm, the_order
from tests.factories.payments import do_jobs, hear, onboarded, pay_page, the_payment
from tests.pages import browser_of, press, text


@pytest.fixture
def as_(app):
    """A browser that is signed in as somebody."""
    return partial(browser_of, app)


@pytest.fixture
def seller(scene, local_stripe, now) -> str:
    return onboarded(local_stripe, scene.seller_clinic.id, at=now)


@pytest.fixture
def order_id(scene, seller, now, local_stripe):
    """An order that was paid by card; nobody has heard of it yet."""
    order_id = place_and_confirm(scene, at=now)
    pay_page(order_id, scene.buyer.id, at=now)
    local_stripe.pay_by_card(the_payment(order_id).checkout_id)
    return order_id


def facts(order_id) -> tuple:
    """What is true in the end of one order's money, without the moments and the names of rows."""
    payment = the_payment(order_id)
    journals = db.session.execute(
        select(LedgerJournal.kind, LedgerEntry.account, LedgerEntry.amount_minor)
        .join(LedgerEntry, LedgerEntry.journal_id == LedgerJournal.id)
        .where(LedgerJournal.order_id == order_id)
        .order_by(LedgerJournal.kind, LedgerEntry.account)
    ).all()
    moves = db.session.scalars(
        select(PaymentMove.state).where(PaymentMove.payment_id == payment.id).order_by(PaymentMove.state)
    ).all()
    return (
        payment.state, payment.received_minor, payment.refunded_minor, payment.transferred_minor, payment.frozen_reason,
        the_order(order_id).state, [tuple(row) for row in journals], list(moves),
    )  # fmt: skip


def receive(event) -> None:
    payments.receive(raw=event.raw, signature=event.signature, at=clock.now())


def accepted(order_id, scene, *, at):
    """Let a paid order come to its acceptance; return the intent to pay the seller."""
    deals.accepted(order_id, scene, at=at)
    return db.session.scalars(select(MoneyIntent.id)).one()


class TestOutOfOrder:
    def test_four_events_end_the_same_in_each_of_their_orders(self, order_id, scene, local_stripe, now):
        """Nothing was heard of a payment, nor that somebody gave it back: 24 ways to hear of both, one end."""
        local_stripe.usual_gateway.refund(
            charge_id=local_stripe.get("/v1/charges")["data"][0]["id"], amount=Money(4_250_000), step="by hand", key="x"
        )
        wanted = ("checkout.session.completed", "payment_intent.succeeded", "charge.succeeded", "refund.created")
        told = {event.type: event for event in local_stripe.take_events() if event.type in wanted}
        assert set(told) == set(wanted)
        before, ends = facts(order_id), []
        for order in [*permutations(wanted), *([kind] for kind in wanted)]:
            db.session.remove()
            way = db.engine.begin_nested()  # In tests that is the connection: what a use-case commits is undone, too.
            assert facts(order_id) == before
            for kind in order:
                receive(told[kind])
                (event_id,) = db.session.scalars(
                    select(ProviderEvent.event_id).where(ProviderEvent.state == ProviderEventState.PENDING)
                )
                payments.process_event(event_id=event_id, live=False, at=clock.now())
            ends.append(facts(order_id))
            db.session.remove()
            way.rollback()

        assert all(end == ends[0] for end in ends)
        assert ends[0][:5] == (PaymentState.HELD, 4_250_000, 0, 0, "refunded_elsewhere")
        assert ends[0][7] == [PaymentState.CHECKOUT_OPEN, PaymentState.HELD, PaymentState.PAID]
        hear(local_stripe)

    def test_one_change_told_whole_and_thin_is_one_move(self, scene, local_stripe, now):
        order_id = place_and_confirm(scene, at=now)
        pay_page(order_id, scene.buyer.id, at=now)
        local_stripe.sim("settings", thin_too=True)
        local_stripe.pay_by_card(the_payment(order_id).checkout_id)

        hear(local_stripe)

        told = db.session.scalars(select(ProviderEvent.kind).where(ProviderEvent.kind == "charge.succeeded")).all()
        assert len(told) == 2
        assert facts(order_id)[7] == [PaymentState.CHECKOUT_OPEN, PaymentState.HELD, PaymentState.PAID]
        assert db.session.scalar(select(func.count()).select_from(LedgerJournal)) == 2


class TestNothingIsHeard:
    def test_the_page_of_success_alone_changes_nothing(self, order_id, scene, as_, local_stripe):
        buyer = as_(scene.buyer)

        for _ in range(2):
            assert "Payment being confirmed" in text(buyer.get(f"/orders/{order_id}?paid=1"))

        assert the_payment(order_id).state is PaymentState.CHECKOUT_OPEN
        assert the_order(order_id).state is OrderState.AWAITING_PAYMENT
        assert db.session.scalar(select(func.count()).select_from(LedgerJournal)) == 0
        JOBS["reconcile_payments"]()
        assert "is held until you accept the device" in text(buyer.get(f"/orders/{order_id}?paid=1"))

    def test_an_hour_without_any_webhook_is_made_good_in_one_cycle(self, order_id, scene, local_stripe, now):
        """A payment, a release that was asked for and never taken up, and no news at all: one look finds everything."""
        JOBS["reconcile_payments"]()
        do_jobs()
        accepted(order_id, scene, at=now)
        db.session.execute(db.text("DELETE FROM procrastinate_jobs"))  # Every promise was lost as well.
        db.session.commit()

        payments.reconcile(live=False, at=now + timedelta(hours=1))
        do_jobs()

        assert the_payment(order_id).state is PaymentState.RELEASED
        assert [one["amount"] for one in local_stripe.get("/v1/transfers")["data"]] == [3_995_000]


class TestTheProviderSaysNotNow:
    @pytest.fixture
    def intent_id(self, order_id, scene, local_stripe, now):
        hear(local_stripe)
        return accepted(order_id, scene, at=now)

    def test_too_many_requests_are_repeated_later_with_the_same_key(self, order_id, intent_id, local_stripe, now):
        local_stripe.fault("POST /v1/transfers", "error_before", status=429, times=2)

        states = [payments.run_intent(intent_id=intent_id, live=False, at=now) for _ in range(3)]

        assert states == [IntentState.PENDING, IntentState.PENDING, IntentState.DONE]
        intent = db.session.get_one(MoneyIntent, intent_id, populate_existing=True)
        assert (intent.attempt, intent.tries) == (1, 2)
        assert intent.next_try_at == now + timedelta(seconds=40)
        assert len(local_stripe.get("/v1/transfers")["data"]) == 1

    def test_a_swept_balance_keeps_the_release_waiting_and_pays_once_it_is_back(
        self, order_id, intent_id, local_stripe, now
    ):
        local_stripe.sweep()

        assert payments.run_intent(intent_id=intent_id, live=False, at=now) is IntentState.BLOCKED
        assert the_payment(order_id).state is PaymentState.RELEASING
        assert local_stripe.get("/v1/transfers")["data"] == []
        assert "balance_too_low" in {one.code for one in payments.verify(at=now)}

        local_stripe.sweep(-10_000_000)
        payments.reconcile(live=False, at=now + timedelta(minutes=20))
        do_jobs()
        assert the_payment(order_id).state is PaymentState.RELEASED
        assert len(local_stripe.get("/v1/transfers")["data"]) == 1


class TestDisputes:
    @pytest.mark.parametrize("status", ["under_review", "appeal_needs_response", "appeal_under_review", "invented"])
    def test_a_status_that_nobody_knows_freezes(self, order_id, scene, local_stripe, now, status):
        hear(local_stripe)
        intent_id = accepted(order_id, scene, at=now)
        disputed = local_stripe.dispute(the_payment(order_id).charge_id)
        local_stripe.edit(disputed, status=status)
        local_stripe.take_events()  # and no event arrives

        assert payments.run_intent(intent_id=intent_id, live=False, at=now) is IntentState.BLOCKED
        assert the_payment(order_id).frozen_reason == "disputed"
        assert local_stripe.get("/v1/transfers")["data"] == []


class TestTheTerms:
    def test_a_changed_fee_changes_no_payment_that_began(self, app, order_id, scene, local_stripe, now, monkeypatch):
        """The order froze its fee, the payment repeats it, the transfer is what both say; nothing is worked out anew."""
        hear(local_stripe)
        intent_id = accepted(order_id, scene, at=now)
        local_stripe.fault("POST /v1/transfers", "error_after")
        payments.run_intent(intent_id=intent_id, live=False, at=now)
        monkeypatch.setattr("marketplace.payments.amounts.split", None)  # Whoever worked it out anew would fail.

        assert db.session.get_one(MoneyIntent, intent_id).payload["amount_minor"] == 3_995_000
        assert payments.run_intent(intent_id=intent_id, live=False, at=now) is IntentState.DONE
        assert the_payment(order_id).transferred_minor == 3_995_000

    def test_a_page_that_was_paid_in_its_last_second_is_not_lapsed(self, order_id, local_stripe, now):
        late = the_order(order_id).expires_at

        orders.lapse_expired(live=False, at=late)
        do_jobs()

        assert the_order(order_id).state is OrderState.FUNDS_HELD
        assert the_payment(order_id).state is PaymentState.HELD

    def test_a_second_page_for_one_order_is_never_open(self, scene, seller, local_stripe, now):
        order_id = place_and_confirm(scene, at=now)
        first = pay_page(order_id, scene.buyer.id, at=now)

        assert pay_page(order_id, scene.buyer.id, at=now) == first
        assert len(local_stripe.get("/v1/checkout/sessions")["data"]) == 1
        assert db.session.scalar(select(func.count()).select_from(Payment)) == 1


class TestOnboarding:
    def test_a_used_link_is_replaced_by_a_new_one_behind_the_sign_in(self, app, scene, as_, local_stripe):
        clinic_id = scene.seller_clinic.id
        owner = as_(scene.seller)
        page = text(owner.get("/sales"))
        first = press(owner, page, f"/sales/accounts/{clinic_id}").location
        again = press(owner, page, f"/sales/accounts/{clinic_id}").location

        assert first != again
        assert app.test_client().post(f"/sales/accounts/{clinic_id}").status_code in {302, 303, 401}
        assert app.test_client().get("/sales").location.startswith("/sign-in")


class TestRefunds:
    def test_money_is_given_back_once_however_often_it_is_asked_and_told(self, order_id, scene, local_stripe, now):
        hear(local_stripe)
        orders.refund(order_id=order_id, actor_id=scene.seller.id, reason="It broke.", at=now)
        local_stripe.fault("POST /v1/refunds", "error_after")
        do_jobs()
        payments.reconcile(live=False, at=now + timedelta(hours=1))
        do_jobs()
        hear(local_stripe)

        assert [one["amount"] for one in local_stripe.get("/v1/refunds")["data"]] == [4_250_000]
        assert the_payment(order_id).state is PaymentState.REFUNDED
        (intent,) = db.session.scalars(select(MoneyIntent))
        assert (intent.kind, intent.state, intent.attempt) == (IntentKind.REFUND, IntentState.DONE, 1)
        assert ProviderEventState.PENDING not in set(db.session.scalars(select(ProviderEvent.state)))
