"""Money on its way back: disputes won and lost, refunds after the seller was paid, and what the seller then owes."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from marketplace.extensions import db, unit_of_work
from marketplace.kernel.money import Money
from marketplace.listings.models import ListingState
from marketplace.orders import service as orders
from marketplace.orders.states import OrderState
from marketplace.payments import converging, desk, ledger, policy
from marketplace.payments import service as payments
from marketplace.payments.amounts import Account
from marketplace.payments.asking import MoneyNotHere
from marketplace.payments.states import PaymentState
from tests.factories import deals
from tests.factories.accounts import make_staff
from tests.factories.orders import place_and_confirm, the_order
from tests.factories.payments import account_of, do_jobs, hear, the_payment
from tests.pages import browser_of, press
from tests.pages import text as shown
from tests.support import assert_nothing_lost, assert_refused_by

PRICE, PAYOUT, FEE, DISPUTE_FEE = 4_250_000, 3_995_000, 255_000, 1_500


@pytest.fixture
def seller(held, scene) -> str:
    """The seller's account with the local Stripe."""
    return account_of(scene.seller_clinic.id)


@pytest.fixture
def settled(held, scene, now, local_stripe):
    """An order that was accepted, and whose seller has been paid."""
    deals.accepted(held, scene, at=now)
    hear(local_stripe)
    assert the_order(held).state is OrderState.SETTLED
    return held


def standing() -> dict[Account, int]:
    return {account: minor for account in Account if (minor := ledger.balance_of(account).minor)}


def dispute(order_id, local_stripe, *outcomes: str) -> None:
    disputed = local_stripe.dispute(the_payment(order_id).charge_id)
    for outcome in outcomes:
        local_stripe.settle_dispute(disputed, outcome)
    hear(local_stripe)


def settle(local_stripe, outcome: str) -> None:
    """Let the bank decide the one dispute that is open."""
    (open_one,) = local_stripe.get("/v1/disputes")["data"]
    local_stripe.settle_dispute(open_one["id"], outcome)
    hear(local_stripe)


def fees(*more: int) -> int:
    """What the provider kept of the charge, and more."""
    return ledger.balance_of(Account.PROVIDER_FEES).minor + sum(more)


class TestDisputeBeforeTheDeviceHasLeft:
    def test_an_open_one_takes_the_money_and_still_owes_it(self, held, local_stripe):
        dispute(held, local_stripe)

        assert (the_payment(held).state, the_payment(held).frozen_reason) == (PaymentState.HELD, "disputed")
        assert standing() == {
            Account.HELD: -PRICE,
            Account.DISPUTED: PRICE,
            Account.DISPUTE_FEES: DISPUTE_FEE,
            Account.PROVIDER_FEES: fees(),
            Account.PROVIDER_CLEARING: -fees(DISPUTE_FEE),
        }
        assert_nothing_lost()

    def test_a_won_one_lets_the_payment_go_on_and_the_seller_be_paid(self, held, now, local_stripe):
        with unit_of_work():
            payments.request_release(order_id=held, at=now)
        dispute(held, local_stripe)
        assert the_payment(held).state is PaymentState.RELEASING
        assert local_stripe.get("/v1/transfers")["data"] == []

        settle(local_stripe, "won")

        payment = the_payment(held)
        assert (payment.state, payment.frozen_reason) == (PaymentState.RELEASED, None)
        assert [one["amount"] for one in local_stripe.get("/v1/transfers")["data"]] == [PAYOUT]
        assert Account.DISPUTED not in standing()
        assert ledger.balance_of(Account.DISPUTE_FEES) == Money(DISPUTE_FEE)
        assert payments.verify(at=now) == []

    def test_a_lost_one_ends_the_order_and_frees_the_device(self, held, scene, local_stripe, app):
        dispute(held, local_stripe, "lost")

        assert the_payment(held).state is PaymentState.CHARGED_BACK
        order = the_order(held)
        assert (order.state, order.reason) == (OrderState.CANCELLED, "The buyer's bank took the payment back.")
        assert scene.listing.state is ListingState.PUBLISHED
        assert standing() == {
            Account.DISPUTE_FEES: DISPUTE_FEE,
            Account.PROVIDER_FEES: fees(),
            Account.PROVIDER_CLEARING: -fees(DISPUTE_FEE),
        }
        assert "took the payment of $42,500 back" in shown(browser_of(app, scene.buyer).get(f"/orders/{held}"))
        assert_nothing_lost()

    def test_a_part_of_the_charge_is_for_a_person(self, held, local_stripe, now):
        (booking,) = local_stripe.get("/v1/balance_transactions", source=the_payment(held).charge_id)["data"]
        dispute(held, local_stripe)
        (taken,) = local_stripe.get("/v1/disputes")["data"]
        local_stripe.edit(taken["id"], status="lost", balance_transactions=[booking | {"amount": -500, "fee": 0}])

        payments.converge(payment_id=the_payment(held).id, live=False, at=now)

        assert the_payment(held).state is PaymentState.HELD
        assert the_payment(held).frozen_reason == "disputed"

    def test_a_device_that_has_left_stays_with_its_order(self, held, scene, now, local_stripe):
        orders.release_to_ship(order_id=held, actor_id=scene.seller.id, at=now)
        orders.dispatch(order_id=held, actor_id=scene.seller.id, carrier="ArcBest", tracking="1", at=now)

        dispute(held, local_stripe, "lost")

        assert the_payment(held).state is PaymentState.CHARGED_BACK
        assert the_order(held).state is OrderState.IN_TRANSIT
        assert [task.kind for task in desk.tasks(at=now)] == [desk.TaskKind.FROZEN]
        assert_nothing_lost()

    def test_one_that_is_lost_while_it_was_to_be_given_back_ends_the_order(self, held, scene, now, local_stripe):
        dispute(held, local_stripe)
        orders.refund(order_id=held, actor_id=scene.seller.id, reason="It is broken.", at=now)
        do_jobs()
        assert (the_payment(held).state, the_order(held).state) == (PaymentState.REFUNDING, OrderState.REFUNDING)

        settle(local_stripe, "lost")

        assert the_payment(held).state is PaymentState.CHARGED_BACK
        assert (the_order(held).state, scene.listing.state) == (OrderState.REFUNDED, ListingState.PUBLISHED)
        assert local_stripe.get("/v1/refunds")["data"] == []
        assert standing() == {
            Account.DISPUTE_FEES: DISPUTE_FEE,
            Account.PROVIDER_FEES: fees(),
            Account.PROVIDER_CLEARING: -fees(DISPUTE_FEE),
        }
        assert_nothing_lost()

    def test_one_that_is_lost_after_the_acceptance_pays_no_seller(self, held, scene, now, local_stripe):
        deals.accepted(held, scene, at=now)
        dispute(held, local_stripe)
        settle(local_stripe, "lost")
        assert the_payment(held).state is PaymentState.CHARGED_BACK

        payments.reconcile(live=False, at=now + timedelta(hours=1))
        do_jobs()

        assert (the_payment(held).state, the_order(held).state) == (PaymentState.CHARGED_BACK, OrderState.ACCEPTED)
        assert local_stripe.get("/v1/transfers")["data"] == []
        assert Account.HELD not in standing()
        assert_nothing_lost()

    def test_a_transfer_whose_answer_was_lost_is_found_before_the_bank_is_believed(
        self, held, scene, now, local_stripe
    ):
        deals.accepted(held, scene, at=now)
        local_stripe.fault("POST /v1/transfers", "error_after", times=3)
        do_jobs()
        assert the_payment(held).state is PaymentState.RELEASING
        dispute(held, local_stripe)
        settle(local_stripe, "lost")
        assert the_payment(held).state is PaymentState.RELEASING

        payments.reconcile(live=False, at=now + timedelta(hours=1))
        do_jobs()
        hear(local_stripe)
        payments.converge(payment_id=the_payment(held).id, live=False, at=now)
        do_jobs()

        payment = the_payment(held)
        assert (payment.state, payment.transferred_minor, payment.reversed_minor) == (
            PaymentState.CHARGED_BACK,
            PAYOUT,
            PAYOUT,
        )
        assert len(local_stripe.get("/v1/transfers")["data"]) == 1
        assert_nothing_lost()

    def test_a_look_from_before_the_dispute_that_comes_late_lifts_nothing(self, held, now, local_stripe):
        payment = the_payment(held)
        before = local_stripe.usual_gateway.get_payment(payment.checkout_id)
        dispute(held, local_stripe)

        with unit_of_work():
            converging.take_over(converging.locked(payment.id), before, live=False, at=now)

        assert the_payment(held).frozen_reason == "disputed"

    def test_what_the_bank_took_was_not_paid_out(self, held, local_stripe):
        """Even where the house has no money of its own at the provider."""
        local_stripe.sweep(5_000_000 - fees(DISPUTE_FEE))
        dispute(held, local_stripe)
        assert_nothing_lost()


class TestDisputeAfterTheSellerWasPaid:
    def test_a_lost_one_is_asked_back_from_the_seller(self, settled, local_stripe):
        dispute(settled, local_stripe, "lost")

        payment = the_payment(settled)
        assert (payment.state, payment.reversed_minor) == (PaymentState.CHARGED_BACK, PAYOUT)
        assert the_order(settled).state is OrderState.SETTLED
        assert standing() == {
            Account.DISPUTE_FEES: DISPUTE_FEE,
            Account.PROVIDER_FEES: fees(),
            Account.PROVIDER_CLEARING: -fees(DISPUTE_FEE),
        }
        payments.recover(order_id=settled, at=payment.created_at)
        do_jobs()
        assert_nothing_lost()

    def test_what_the_seller_has_spent_they_owe(self, settled, seller, local_stripe):
        local_stripe.spend(seller, 1)

        dispute(settled, local_stripe, "lost")

        assert ledger.balance_of(Account.SELLER_RECEIVABLE) == Money(PAYOUT)
        assert the_payment(settled).reversed_minor == 0
        assert_nothing_lost()

    def test_nothing_is_asked_back_for_an_order_that_was_never_paid(self, scene, now):
        payments.recover(order_id=place_and_confirm(scene, at=now), at=now)

        assert db.session.scalar(text("SELECT count(*) FROM money_intents")) == 0

    def test_one_that_is_lost_while_the_seller_is_asked_for_it_is_owed_once(
        self, settled, seller, scene, now, local_stripe
    ):
        local_stripe.spend(seller, 1)
        orders.refund(order_id=settled, actor_id=scene.seller.id, reason="It came back.", at=now)
        do_jobs()
        assert the_payment(settled).state is PaymentState.REVERSING

        dispute(settled, local_stripe, "lost")

        assert the_payment(settled).state is PaymentState.CHARGED_BACK
        assert (the_order(settled).state, scene.listing.state) == (OrderState.REFUNDED, ListingState.SOLD)
        assert ledger.balance_of(Account.SELLER_RECEIVABLE) == Money(PAYOUT)
        assert local_stripe.get("/v1/refunds")["data"] == []
        assert_nothing_lost()

        local_stripe.edit(seller, _spent=0)
        (reversal,) = db.session.scalars(text("SELECT id FROM money_intents WHERE kind = 'reversal'"))
        payments.run_intent(intent_id=reversal, live=False, at=now)
        assert standing() == {
            Account.DISPUTE_FEES: DISPUTE_FEE,
            Account.PROVIDER_FEES: fees(),
            Account.PROVIDER_CLEARING: -fees(DISPUTE_FEE),
        }
        assert_nothing_lost()

    def test_one_that_is_lost_while_our_own_money_was_to_go_back_is_for_a_person(
        self, settled, seller, scene, now, local_stripe
    ):
        local_stripe.spend(seller, 1)
        orders.refund(order_id=settled, actor_id=scene.seller.id, reason="It came back.", at=now)
        do_jobs()
        with unit_of_work():
            payments.front(order_id=settled, actor_id=make_staff("finance").id, at=now)

        dispute(settled, local_stripe, "lost")

        assert (the_payment(settled).state, the_payment(settled).frozen_reason) == (PaymentState.REFUNDING, "disputed")
        assert [task.kind for task in desk.tasks(at=now)] == [desk.TaskKind.FROZEN]
        assert local_stripe.get("/v1/refunds")["data"] == []


class TestRefundAfterTheSellerWasPaid:
    def test_takes_it_back_first_then_gives_it_back(self, settled, scene, now, local_stripe):
        orders.refund(order_id=settled, actor_id=scene.seller.id, reason="It came back.", at=now)
        assert the_payment(settled).state is PaymentState.REVERSING
        assert local_stripe.get("/v1/refunds")["data"] == []

        do_jobs()

        payment = the_payment(settled)
        assert (payment.state, payment.reversed_minor, payment.refunded_minor) == (
            PaymentState.REFUNDED,
            PAYOUT,
            PRICE,
        )
        assert the_order(settled).state is OrderState.REFUNDED
        assert scene.listing.state is ListingState.SOLD
        assert standing() == {Account.PROVIDER_FEES: fees(), Account.PROVIDER_CLEARING: -fees()}
        assert_nothing_lost()

    def test_asked_twice_it_happens_once(self, settled, scene, now, local_stripe):
        with unit_of_work():
            first = payments.request_refund(order_id=settled, cause="a test", at=now)
            assert payments.request_refund(order_id=settled, cause="a test", at=now) == first
        do_jobs()
        payments.run_intent(intent_id=first, live=False, at=now)

        assert len(local_stripe.get("/v1/refunds")["data"]) == 1

    @pytest.mark.parametrize("fault", ["error_before", "error_after"])
    def test_a_silent_provider_takes_it_back_once(self, settled, scene, now, local_stripe, fault):
        local_stripe.fault("POST /v1/transfers/*/reversals", fault)
        with unit_of_work():
            reversal = payments.request_refund(order_id=settled, cause="a test", at=now)
        do_jobs()
        payments.run_intent(intent_id=reversal, live=False, at=now)
        do_jobs()

        assert the_payment(settled).state is PaymentState.REFUNDED
        (transfer,) = local_stripe.get("/v1/transfers")["data"]
        assert transfer["amount_reversed"] == PAYOUT
        assert payments.verify(at=now) == []

    def test_a_seller_who_has_spent_it_stops_the_refund_until_a_person_decides(
        self, app, settled, scene, seller, now, local_stripe
    ):
        local_stripe.spend(seller, 1)
        finance, address = browser_of(app, make_staff("finance")), f"/staff/orders/{settled}"
        orders.refund(order_id=settled, actor_id=scene.seller.id, reason="It came back.", at=now)
        assert "Give it back from our own money" not in shown(finance.get(address))
        do_jobs()

        assert the_payment(settled).state is PaymentState.REVERSING
        assert local_stripe.get("/v1/refunds")["data"] == []
        (task,) = desk.tasks(at=now)
        assert (task.kind, task.amount) == (desk.TaskKind.BLOCKED, Money(PAYOUT))
        assert_nothing_lost()

        assert press(finance, shown(finance.get(address)), f"{address}/front").status_code == 303
        do_jobs()

        payment = the_payment(settled)
        assert (payment.state, payment.refunded_minor, payment.fronted_minor) == (
            PaymentState.REFUNDED,
            PRICE,
            PAYOUT,
        )
        assert the_order(settled).state is OrderState.REFUNDED
        assert ledger.balance_of(Account.SELLER_RECEIVABLE) == Money(PAYOUT)
        assert_nothing_lost()

        local_stripe.edit(seller, _spent=0)
        reversal = db.session.scalar(text("SELECT id FROM money_intents WHERE kind = 'reversal'"))
        payments.run_intent(intent_id=reversal, live=False, at=now)

        assert standing() == {Account.PROVIDER_FEES: fees(), Account.PROVIDER_CLEARING: -fees()}
        assert_nothing_lost()

    def test_our_own_money_is_given_only_where_the_sellers_is_waited_for(self, held, scene, now):
        for order_id in (held, scene.buyer.id):
            with pytest.raises(MoneyNotHere), unit_of_work():
                payments.front(order_id=order_id, actor_id=scene.seller.id, at=now)

        assert the_payment(held).fronted_minor == 0

    @pytest.mark.parametrize("setting", ["fronted_minor = -1", "fronted_minor = transferred_minor + 1"])
    def test_no_more_is_fronted_than_was_sent(self, held, setting):
        with assert_refused_by("payments_transfers_are_covered"):
            db.session.execute(text(f"UPDATE payments SET {setting}"))


def test_only_a_whole_charge_is_charged_back():
    assert policy.PAYMENT.sources_of(policy.PaymentEvent.CHARGED_BACK) == (
        PaymentState.PAID,
        PaymentState.HELD,
        PaymentState.RELEASING,
        PaymentState.RELEASED,
        PaymentState.REVERSING,
        PaymentState.REFUNDING,
    )
