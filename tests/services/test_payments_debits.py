"""Bank debits (ACH): no money before the bank has answered, and none for the seller while it can still fail."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.kernel.days import working_days_after, written
from marketplace.kernel.machine import IllegalMove
from marketplace.listings.models import Listing
from marketplace.listings.states import ListingState
from marketplace.orders import service as orders
from marketplace.orders import views
from marketplace.orders.states import OrderState
from marketplace.payments import service as payments
from marketplace.payments.models import IntentKind, IntentState, MoneyIntent
from marketplace.payments.service import PaymentUnderWay
from marketplace.payments.states import PaymentState
from marketplace.web.money_words import money_status
from marketplace.web.order_words import next_step
from tests.factories import deals
from tests.factories.orders import the_order
from tests.factories.payments import hear, pay_page, the_payment
from tests.support import assert_nothing_lost


@pytest.fixture
def drawn(opened, local_stripe):
    """An order on whose page a bank debit was chosen."""
    local_stripe.take_events()  # What they tell of the account and the page is known.
    local_stripe.choose_bank_debit(the_payment(opened).checkout_id)
    hear(local_stripe)
    return opened


@pytest.fixture
def here(drawn, local_stripe):
    """The same after the bank has said yes."""
    local_stripe.settle_debit(the_payment(drawn).checkout_id, "succeeded")
    hear(local_stripe)
    return drawn


@pytest.fixture
def taken(here, scene, now):
    """The same after the buyer has accepted the device, while the debit can still fail."""
    deals.accepted(here, scene, at=now)
    return here


def stands(order_id) -> tuple[OrderState, PaymentState]:
    return the_order(order_id).state, the_payment(order_id).state


def told(order_id, user) -> str:
    return money_status(views.order_for(order_id, user_id=user.id), payments.payment_of(order_id))


def release_of(order_id):
    return next(one for one in payments.payment_of(order_id).intents if one.kind is IntentKind.RELEASE)


def transfers(local_stripe) -> list[int]:
    return [one["amount"] for one in local_stripe.get("/v1/transfers")["data"]]


class TestWhileTheBankHasNotAnswered:
    def test_the_order_waits_and_says_for_what(self, drawn, scene):
        assert stands(drawn) == (OrderState.PAYMENT_PROCESSING, PaymentState.PROCESSING)
        assert the_payment(drawn).received_minor == 0
        said = told(drawn, scene.buyer)
        assert said == "We are waiting for your bank to send $42,500, usually 1 to 4 working days."

    def test_nothing_leaves_and_nothing_is_taken_back(self, drawn, scene, local_stripe, now):
        with pytest.raises(IllegalMove):
            orders.release_to_ship(order_id=drawn, actor_id=scene.seller.id, at=now)
        with pytest.raises((IllegalMove, PaymentUnderWay)):
            orders.cancel(order_id=drawn, actor_id=scene.buyer.id, live=False, at=now)

        assert stands(drawn) == (OrderState.PAYMENT_PROCESSING, PaymentState.PROCESSING)
        assert transfers(local_stripe) == []

    def test_a_no_lets_the_buyer_pay_in_another_way(self, drawn, scene, local_stripe, now):
        local_stripe.settle_debit(the_payment(drawn).checkout_id, "failed")
        hear(local_stripe)
        assert stands(drawn) == (OrderState.AWAITING_PAYMENT, PaymentState.FAILED)
        assert told(drawn, scene.buyer) == "The last try to pay did not go through. Nothing was charged."

        pay_page(drawn, scene.buyer.id, at=clock.now())
        local_stripe.pay_by_card(the_payment(drawn).checkout_id)
        hear(local_stripe)

        assert stands(drawn) == (OrderState.FUNDS_HELD, PaymentState.HELD)
        assert_nothing_lost()

    def test_an_answer_that_nobody_was_told_is_found(self, drawn, local_stripe):
        local_stripe.settle_debit(the_payment(drawn).checkout_id, "succeeded")
        local_stripe.take_events()

        payments.reconcile(live=False, at=clock.now())

        assert the_payment(drawn).state is PaymentState.PAID


class TestWhileItCanStillFail:
    def test_the_money_is_here_and_not_yet_safe(self, here, now):
        assert stands(here) == (OrderState.FUNDS_HELD, PaymentState.PAID)
        payment = the_payment(here)
        assert (payment.method, payment.received_minor) == ("bank_debit", 4_250_000)
        assert payment.release_not_before == working_days_after(payment.available_on, 5)
        assert_nothing_lost()

    def test_the_seller_is_paid_when_it_can_no_longer_fail(self, taken, scene, local_stripe):
        safe = the_payment(taken).release_not_before
        intent = release_of(taken)
        assert hear(local_stripe) == 0
        assert (stands(taken), transfers(local_stripe)) == ((OrderState.ACCEPTED, PaymentState.PAID), [])
        assert intent.state is IntentState.PENDING
        day = f"on {written(safe)}, when the payment can no longer fail at the bank."
        assert told(taken, scene.buyer) == f"You accepted the device. $39,950 goes to the seller {day}"
        assert told(taken, scene.seller) == f"The buyer accepted the device. $39,950 is sent to you {day}"

        run(taken, at=safe - timedelta(seconds=1))
        assert transfers(local_stripe) == []
        run(taken, at=safe)

        assert (the_payment(taken).state, transfers(local_stripe)) == (PaymentState.RELEASED, [3_995_000])
        hear(local_stripe)
        assert the_order(taken).state is OrderState.SETTLED
        assert_nothing_lost()

    def test_a_day_that_nobody_knows_is_not_named(self, taken, scene):
        the_payment(taken).release_not_before = None
        db.session.commit()

        end = "when the payment can no longer fail at the bank."
        assert told(taken, scene.buyer) == f"You accepted the device. $39,950 goes to the seller {end}"
        assert told(taken, scene.seller) == f"The buyer accepted the device. $39,950 is sent to you {end}"

    @pytest.mark.parametrize("reason", ["insufficient_funds", "incorrect_account_details", "bank_cannot_process"])
    def test_one_that_fails_now_ends_an_order_that_has_not_left(self, here, scene, local_stripe, reason):
        local_stripe.dispute(the_payment(here).charge_id, reason)
        hear(local_stripe)

        assert stands(here) == (OrderState.CANCELLED, PaymentState.CHARGED_BACK)
        said = [next_step(views.order_for(here, user_id=user.id)) for user in (scene.buyer, scene.seller)]
        assert said == [
            "This order has ended because your bank took the payment back.",
            "This order has ended because the buyer's bank took the payment back.",
        ]
        listing = db.session.get_one(Listing, scene.listing.id, populate_existing=True)
        assert listing.state is ListingState.PUBLISHED
        assert transfers(local_stripe) == []
        assert_nothing_lost()

    def test_one_that_fails_now_pays_no_seller_ever(self, taken, local_stripe):
        safe = the_payment(taken).release_not_before
        local_stripe.dispute(the_payment(taken).charge_id)
        hear(local_stripe)
        assert the_payment(taken).state is PaymentState.CHARGED_BACK

        for later in (safe, safe + timedelta(days=30)):
            run(taken, at=later)

        assert (release_of(taken).state, transfers(local_stripe)) == (IntentState.BLOCKED, [])
        assert_nothing_lost()

    def test_one_that_failed_unheard_pays_no_seller_either(self, taken, local_stripe):
        safe = the_payment(taken).release_not_before
        local_stripe.dispute(the_payment(taken).charge_id)
        local_stripe.take_events()

        run(taken, at=safe)

        assert (the_payment(taken).state, transfers(local_stripe)) == (PaymentState.CHARGED_BACK, [])


def run(order_id, *, at) -> None:
    """Take up the release of an order, as its job does."""
    intent_id = db.session.scalars(select(MoneyIntent.id).where(MoneyIntent.dedupe == f"{order_id}:release")).one()
    payments.run_intent(intent_id=intent_id, live=False, at=at)
