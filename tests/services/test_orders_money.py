"""The order follows its money: held, on hold, gone back or sent on; the device leaves only on a fresh yes."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from marketplace.clinics.models import ClinicSite
from marketplace.eligibility.models import EligibilityDecision, Moment
from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.kernel.errors import Invalid, NotFound
from marketplace.kernel.machine import IllegalMove
from marketplace.listings.models import Listing
from marketplace.listings.states import ListingState
from marketplace.notifications.models import Mail
from marketplace.orders import holding, settling, steps
from marketplace.orders import service as orders
from marketplace.orders.models import OrderMove
from marketplace.orders.receiving import Signer
from marketplace.orders.states import OrderState
from marketplace.payments.models import MoneyIntent
from marketplace.payments.service import MoneyNotHere
from marketplace.payments.states import PaymentState
from tests.factories import deals
from tests.factories.accounts import make_staff, make_user
from tests.factories.orders import make_order, make_scene, place, place_and_confirm, the_order
from tests.factories.payments import (
    do_jobs,
    hear,
    make_payment,
    onboarded,
    pay_page,
    the_payment,
    waiting_jobs,
)
from tests.support import count_statements


def revoke(credential) -> None:
    db.session.execute(
        text("UPDATE credentials SET state = 'revoked', reason = 'the register says so' WHERE id = :id"),
        {"id": credential.id},
    )
    db.session.commit()


def reinstate(credential) -> None:
    db.session.execute(
        text("UPDATE credentials SET state = 'verified', reason = NULL WHERE id = :id"), {"id": credential.id}
    )
    db.session.commit()


def mails_to(user) -> list[str]:
    rows = db.session.scalars(select(Mail).where(Mail.to == user.email, Mail.template == "order_news"))
    return [mail.context["subject"] for mail in rows]


def follow(order_id, *, at) -> OrderState:
    orders.payment_changed(order_id=order_id, at=at)
    return the_order(order_id).state


def state_of(scene) -> ListingState:
    return db.session.get_one(Listing, scene.listing.id, populate_existing=True).state


def paid(scene, local_stripe, *, at):
    order_id = place_and_confirm(scene, at=at)
    pay_page(order_id, scene.buyer.id, at=at)
    local_stripe.pay_by_card(the_payment(order_id).checkout_id)
    return order_id


class TestPaymentChanged:
    def test_money_is_held_on_another_yes(self, scene, now, local_stripe):
        order_id = paid(scene, local_stripe, at=now)

        hear(local_stripe)

        order = the_order(order_id)
        assert order.state is OrderState.FUNDS_HELD
        decision = db.session.get_one(EligibilityDecision, order.payment_decision_id)
        assert (decision.moment, decision.cleared) == (Moment.PAYMENT_RECEIVED, True)
        title = scene.listing.title
        assert f"Your payment for the {title} is held" in mails_to(scene.buyer)
        assert f"The {title} is paid for: get the release to ship" in mails_to(scene.seller)

    def test_money_that_meets_a_no_waits_on_hold_with_the_reasons(self, scene, now, local_stripe):
        order_id = paid(scene, local_stripe, at=now)
        revoke(scene.licence)

        hear(local_stripe)

        order = the_order(order_id)
        assert order.state is OrderState.HELD_NOT_CLEARED
        assert order.reason
        assert f"Your order of the {scene.listing.title} is on hold" in mails_to(scene.buyer)
        assert not any("paid for" in subject for subject in mails_to(scene.seller))

    def test_money_for_a_site_that_was_closed_meanwhile_waits_as_well(self, scene, now, local_stripe):
        order_id = paid(scene, local_stripe, at=now)
        db.session.execute(update(ClinicSite).where(ClinicSite.id == scene.site.id).values(closed_at=now))

        hear(local_stripe)

        order = the_order(order_id)
        assert (order.state, order.payment_decision_id) == (OrderState.HELD_NOT_CLEARED, None)
        assert order.reason == "The site where it was to be used has been closed."
        assert f"Your order of the {scene.listing.title} is on hold" in mails_to(scene.buyer)

    def test_money_that_comes_while_no_rules_are_published_waits_and_goes_on_once_some_are(
        self, scene, now, local_stripe
    ):
        order_id = paid(scene, local_stripe, at=now)
        db.session.execute(text("UPDATE policy_versions SET state = 'retired', retired_at = now()"))
        db.session.commit()

        hear(local_stripe)

        order = the_order(order_id)
        assert (order.state, order.payment_decision_id) == (OrderState.HELD_NOT_CLEARED, None)
        assert order.reason == "No rules are published at the moment, so nobody could be cleared."
        assert f"Your order of the {scene.listing.title} is on hold" in mails_to(scene.buyer)

        assert holding.look(order_id=order_id, at=now) is holding.Looked.STILL_HELD
        db.session.execute(text("UPDATE policy_versions SET state = 'published', retired_at = NULL"))
        db.session.commit()
        assert holding.look(order_id=order_id, at=now) is holding.Looked.LIFTED

        order = the_order(order_id)
        assert (order.state, order.reason) == (OrderState.FUNDS_HELD, None)
        assert db.session.get_one(EligibilityDecision, order.payment_decision_id).cleared

    def test_told_again_it_changes_nothing(self, scene, now, local_stripe):
        order_id = paid(scene, local_stripe, at=now)
        hear(local_stripe)
        before = db.session.scalar(select(func.count()).select_from(OrderMove)), len(mails_to(scene.buyer))

        for _ in range(3):
            assert follow(order_id, at=now) is OrderState.FUNDS_HELD

        after = db.session.scalar(select(func.count()).select_from(OrderMove)), len(mails_to(scene.buyer))
        assert before == after

    def test_without_a_payment_there_is_nothing_to_follow(self, scene, now):
        assert follow(place(scene, at=now), at=now) is OrderState.AWAITING_PRACTITIONER

    def test_a_bank_transfer_on_its_way_is_waited_for(self, scene, now):
        order_id = place_and_confirm(scene, at=now)
        make_payment(the_order(order_id), state="processing", at=now)

        assert follow(order_id, at=now) is OrderState.PAYMENT_PROCESSING
        assert follow(order_id, at=now) is OrderState.PAYMENT_PROCESSING

    @pytest.mark.parametrize("state", ["failed", "expired"])
    def test_a_payment_that_did_not_arrive_can_be_tried_again(self, scene, now, state):
        order = make_order("payment_processing", scene, at=now)
        the_payment(order.id).state = PaymentState(state)
        db.session.commit()
        late = now + timedelta(hours=71)

        assert follow(order.id, at=late) is OrderState.AWAITING_PAYMENT

        assert the_order(order.id).expires_at == late + timedelta(hours=72)
        assert f"The payment for the {scene.listing.title} did not arrive" in mails_to(scene.buyer)

    @pytest.mark.parametrize("state", ["failed", "expired", "new", "checkout_open", "quarantined"])
    def test_a_payment_that_ended_leaves_an_order_that_waits_where_it_is(self, scene, now, state):
        order_id = place_and_confirm(scene, at=now)
        make_payment(the_order(order_id), state=state, at=now)

        assert follow(order_id, at=now) is OrderState.AWAITING_PAYMENT

    def test_money_for_an_order_that_ended_goes_back(self, scene, now, local_stripe):
        order_id = paid(scene, local_stripe, at=now)
        db.session.execute(text("UPDATE orders SET state = 'cancelled' WHERE id = :id"), {"id": order_id})
        db.session.commit()

        hear(local_stripe)

        assert the_order(order_id).state is OrderState.CANCELLED
        assert the_payment(order_id).state is PaymentState.REFUNDED
        assert f"Your payment for the {scene.listing.title} goes back to you" in mails_to(scene.buyer)

    def test_a_yes_that_fell_while_it_was_written_is_asked_for_again(self, scene, now, local_stripe, monkeypatch):
        order_id = place_and_confirm(scene, at=now)
        make_payment(the_order(order_id), state="held", at=now)
        monkeypatch.setattr(steps, "still_stands", lambda _: False)

        with pytest.raises(orders.GateMoved):
            follow(order_id, at=now)

        assert the_order(order_id).state is OrderState.AWAITING_PAYMENT
        monkeypatch.undo()
        assert follow(order_id, at=now) is OrderState.FUNDS_HELD

    @pytest.mark.parametrize(
        ("start", "payment", "step"),
        [
            ("awaiting_payment", "held", "_receive"),
            ("awaiting_payment", "processing", "_start"),
            ("payment_processing", "failed", "_fail"),
            ("accepted", "released", "_settle"),
            ("refunding", "refunded", "_refunded"),
        ],
    )
    def test_a_slower_worker_changes_nothing(self, scene, now, monkeypatch, start, payment, step):
        """Another worker was told the same and is done when this one comes to its turn."""
        if start == "refunding":
            order_id = make_order("funds_held", scene, at=now).id
            orders.refund(order_id=order_id, actor_id=scene.seller.id, reason="it broke", at=now)
        else:
            order_id = make_order(start, scene, at=now).id
        if start == "awaiting_payment":
            make_payment(the_order(order_id), state=payment, at=now)
        else:
            the_payment(order_id).state = PaymentState(payment)
            db.session.commit()
        do = getattr(settling, step)

        def twice(*args, **given):
            do(*args, **given)
            do(*args, **given)

        monkeypatch.setattr(settling, step, twice)
        before = db.session.scalar(select(func.count()).select_from(OrderMove))

        follow(order_id, at=now)

        assert db.session.scalar(select(func.count()).select_from(OrderMove)) == before + 1


class TestCatchUp:
    def test_finds_the_order_whose_news_was_lost(self, scene, now):
        order_id = place_and_confirm(scene, at=now)
        make_payment(the_order(order_id), state="held", at=now)

        assert orders.catch_up(at=now) == 1
        assert the_order(order_id).state is OrderState.FUNDS_HELD
        assert orders.catch_up(at=now) == 0

    def test_leaves_orders_without_a_payment(self, scene, now):
        place_and_confirm(scene, at=now)

        assert orders.catch_up(at=now) == 0

    def test_finds_money_that_came_for_an_order_that_had_ended(self, scene, now):
        order_id = place_and_confirm(scene, at=now)
        make_payment(the_order(order_id), state="held", at=now)
        db.session.execute(text("UPDATE orders SET state = 'cancelled' WHERE id = :id"), {"id": order_id})
        db.session.commit()

        assert orders.catch_up(at=now) == 1
        assert the_payment(order_id).state is PaymentState.REFUNDING
        assert mails_to(scene.buyer).count(f"Your payment for the {scene.listing.title} goes back to you") == 1
        assert orders.catch_up(at=now) == 0

    def test_an_order_that_refuses_keeps_no_other_waiting(self, scene, now, monkeypatch):
        moving, other = (place_and_confirm(one, at=now) for one in (scene, make_scene(now)))
        for order_id in (moving, other):
            make_payment(the_order(order_id), state="held", at=now)
        follow = settling.payment_changed

        def refuses_one(*, order_id, at):
            if order_id == moving:
                raise settling.GateMoved
            follow(order_id=order_id, at=at)

        monkeypatch.setattr(settling, "payment_changed", refuses_one)

        assert orders.catch_up(at=now) == 2
        assert the_order(moving).state is OrderState.AWAITING_PAYMENT
        assert the_order(other).state is OrderState.FUNDS_HELD

    def test_asks_as_often_however_many_wait(self, scene, now):
        def asked() -> int:
            with count_statements() as counted:
                assert orders.catch_up(at=now) == 0
            return len(counted)

        one = asked()
        for _ in range(3):
            place_and_confirm(make_scene(now), at=now)
        assert asked() == one


class TestRetryClearance:
    @pytest.fixture
    def order_id(self, scene, now):
        return make_order("held_not_cleared", scene, at=now).id

    def test_goes_on_when_the_cause_is_cured(self, scene, order_id, now):
        orders.retry_clearance(order_id=order_id, actor_id=scene.buyer.id, at=now)

        order = the_order(order_id)
        assert (order.state, order.reason) == (OrderState.FUNDS_HELD, None)
        assert f"The {scene.listing.title} is paid for: get the release to ship" in mails_to(scene.seller)

    def test_says_what_still_stands_against_it(self, scene, order_id, now):
        revoke(scene.licence)

        with pytest.raises(orders.NotCleared):
            orders.retry_clearance(order_id=order_id, actor_id=scene.buyer.id, at=now)

        order = the_order(order_id)
        assert order.state is OrderState.HELD_NOT_CLEARED
        assert order.reason != "The licence has expired."

    def test_a_yes_that_fell_at_this_moment_is_no_yes(self, scene, order_id, now, monkeypatch):
        monkeypatch.setattr(steps, "still_stands", lambda _: False)
        with pytest.raises(orders.GateMoved):
            orders.retry_clearance(order_id=order_id, actor_id=scene.buyer.id, at=now)

        assert the_order(order_id).state is OrderState.HELD_NOT_CLEARED

    def test_is_the_buyers(self, scene, order_id, now):
        for other in (scene.seller, scene.owner, scene.practitioner):
            with pytest.raises(orders.NotYourAct):
                orders.retry_clearance(order_id=order_id, actor_id=other.id, at=now)

    def test_nobody_else_makes_the_gate_answer(self, scene, order_id, now):
        def answers():
            return db.session.scalar(select(func.count()).select_from(EligibilityDecision))

        before = answers()
        for other, refusal in ((scene.seller, orders.NotYourAct), (make_user(), NotFound)):
            with pytest.raises(refusal):
                orders.retry_clearance(order_id=order_id, actor_id=other.id, at=now)
        assert answers() == before
        orders.retry_clearance(order_id=order_id, actor_id=scene.buyer.id, at=now)
        assert answers() == before + 1


class TestReleaseToShip:
    @pytest.fixture
    def order_id(self, funds_held):
        return funds_held.id

    def release(self, scene, order_id, *, at, actor=None) -> None:
        orders.release_to_ship(order_id=order_id, actor_id=(actor or scene.seller).id, at=at)

    def test_is_given_on_a_fresh_yes(self, scene, order_id, now):
        self.release(scene, order_id, at=now)

        order = the_order(order_id)
        assert order.state is OrderState.RELEASED_TO_SHIP
        assert db.session.get_one(EligibilityDecision, order.release_decision_id).moment is Moment.SHIP_RELEASE

    def test_is_refused_without_telling_the_seller_why(self, scene, order_id, now):
        revoke(scene.licence)

        with pytest.raises(orders.BuyerNotCleared) as refusal:
            self.release(scene, order_id, at=now)

        assert refusal.value.sentence == "The buyer is not cleared at the moment."
        assert not hasattr(refusal.value, "verdict")
        assert the_order(order_id).state is OrderState.FUNDS_HELD
        assert f"Your order of the {scene.listing.title} is on hold" in mails_to(scene.buyer)
        reinstate(scene.licence)
        self.release(scene, order_id, at=now)

    def test_a_yes_that_fell_at_this_moment_is_no_yes(self, scene, order_id, now, monkeypatch):
        monkeypatch.setattr(steps, "still_stands", lambda _: False)
        with pytest.raises(orders.BuyerNotCleared):
            self.release(scene, order_id, at=now)

        assert the_order(order_id).state is OrderState.FUNDS_HELD

    def test_waits_while_the_payment_stands_still(self, scene, order_id, now):
        the_payment(order_id).frozen_reason = "disputed"
        db.session.commit()

        with pytest.raises(orders.PaymentUnderReview):
            self.release(scene, order_id, at=now)

        assert the_order(order_id).state is OrderState.FUNDS_HELD

    def test_is_the_sellers(self, scene, order_id, now):
        for other in (scene.buyer, scene.owner, scene.practitioner):
            with pytest.raises(orders.NotYourAct):
                self.release(scene, order_id, at=now, actor=other)
        with pytest.raises(NotFound):
            self.release(scene, order_id, at=now, actor=make_user())

    def test_is_given_once(self, scene, order_id, now):
        self.release(scene, order_id, at=now)
        with pytest.raises(IllegalMove):
            self.release(scene, order_id, at=now)


class TestDispatch:
    @pytest.fixture
    def order_id(self, scene, now):
        return make_order("released_to_ship", scene, at=now).id

    def dispatch(self, scene, order_id, *, at, carrier="ArcBest ", tracking=" 4411") -> None:
        orders.dispatch(order_id=order_id, actor_id=scene.seller.id, carrier=carrier, tracking=tracking, at=at)

    def test_names_carrier_and_number_and_tells_the_buyer(self, scene, order_id, now):
        self.dispatch(scene, order_id, at=now)

        order = the_order(order_id)
        assert (order.state, order.carrier, order.tracking) == (OrderState.IN_TRANSIT, "ArcBest", "4411")
        assert order.dispatched_at == now
        assert f"The {scene.listing.title} is on its way" in mails_to(scene.buyer)

    @pytest.mark.parametrize(("field", "given"), [("carrier", {"carrier": " "}), ("tracking", {"tracking": ""})])
    def test_needs_both(self, scene, order_id, now, field, given):
        with pytest.raises(Invalid) as refusal:
            self.dispatch(scene, order_id, at=now, **given)

        assert refusal.value.field == field

    def test_does_not_happen_when_the_licence_fell_since_the_release(self, scene, order_id, now):
        revoke(scene.licence)
        with pytest.raises(orders.BuyerNotCleared):
            self.dispatch(scene, order_id, at=now)

        assert the_order(order_id).state is OrderState.RELEASED_TO_SHIP

    def test_does_not_happen_when_it_falls_at_this_moment(self, scene, order_id, now, monkeypatch):
        monkeypatch.setattr(steps, "still_stands", lambda _: False)
        with pytest.raises(orders.BuyerNotCleared):
            self.dispatch(scene, order_id, at=now)

        assert the_order(order_id).carrier is None


class TestArrivalAndAcceptance:
    def test_the_arrival_begins_the_inspection(self, scene, now):
        order_id = make_order("in_transit", scene, at=now).id

        orders.report_arrival(
            order_id=order_id, actor_id=scene.buyer.id, signer=Signer(member_id=scene.buyer.id), at=now
        )

        order = the_order(order_id)
        assert (order.state, order.delivered_at) == (OrderState.UNDER_INSPECTION, now)
        assert now + timedelta(days=3) <= order.inspection_ends_at <= now + timedelta(days=6)
        assert f"The {scene.listing.title} has arrived" in mails_to(scene.seller)

    def test_staff_note_what_the_carrier_attests(self, scene, now):
        order_id = make_order("in_transit", scene, at=now).id

        orders.arrival_by_finance(
            order_id=order_id, actor_id=make_staff("finance").id, signer=Signer(name="A. Carrier"), at=now
        )

        assert the_order(order_id).moves[-1].cause == "the carrier attests its arrival; A. Carrier signed for it"

    def test_the_seller_does_not_report_it(self, scene, now):
        order_id = make_order("in_transit", scene, at=now).id
        with pytest.raises(orders.NotYourAct):
            orders.report_arrival(order_id=order_id, actor_id=scene.seller.id, signer=Signer(), at=now)

    def test_acceptance_asks_for_the_sellers_money_in_the_same_breath(self, scene, now):
        order_id = make_order("under_inspection", scene, at=now).id

        orders.accept(order_id=order_id, actor_id=scene.buyer.id, at=now)

        order = the_order(order_id)
        assert (order.state, order.accepted_at) == (OrderState.ACCEPTED, now)
        assert the_payment(order_id).state is PaymentState.RELEASING
        assert "run_money_intent" in waiting_jobs()
        assert f"The {scene.listing.title} was accepted" in mails_to(scene.seller)

    def test_acceptance_without_the_money_is_none(self, scene, now):
        order_id = make_order("under_inspection", scene, at=now).id
        the_payment(order_id).state = PaymentState.QUARANTINED
        db.session.commit()

        with pytest.raises(MoneyNotHere):
            orders.accept(order_id=order_id, actor_id=scene.buyer.id, at=now)

        assert the_order(order_id).state is OrderState.UNDER_INSPECTION

    def test_when_the_seller_is_paid_the_device_is_sold(self, scene, now, local_stripe):
        onboarded(local_stripe, scene.seller_clinic.id, at=now)
        order_id = paid(scene, local_stripe, at=now)
        hear(local_stripe)
        deals.delivered(order_id, scene, at=now)
        orders.accept(order_id=order_id, actor_id=scene.buyer.id, at=clock.now())

        do_jobs()

        assert the_order(order_id).state is OrderState.SETTLED
        assert state_of(scene) is ListingState.SOLD
        assert f"You have been paid for the {scene.listing.title}" in mails_to(scene.seller)


class TestRefund:
    @pytest.mark.parametrize("state", ["held_not_cleared", "funds_held", "released_to_ship"])
    def test_gives_everything_back_and_frees_the_device(self, scene, now, state):
        order_id = make_order(state, scene, at=now).id

        orders.refund(order_id=order_id, actor_id=scene.seller.id, reason="it broke", at=now)

        order = the_order(order_id)
        assert (order.state, order.reason) == (
            OrderState.REFUNDING,
            "The seller gave the payment back: it broke",
        )
        assert the_payment(order_id).state is PaymentState.REFUNDING
        assert state_of(scene) is ListingState.RESERVED
        the_payment(order_id).state = PaymentState.REFUNDED
        db.session.commit()
        assert follow(order_id, at=now) is OrderState.REFUNDED
        assert state_of(scene) is ListingState.PUBLISHED
        for side in (scene.buyer, scene.seller):
            assert f"The payment for the {scene.listing.title} goes back to the buyer" in mails_to(side)

    def test_finance_can_as_well(self, scene, now):
        order_id = make_order("held_not_cleared", scene, at=now).id
        finance = make_staff("finance")

        orders.refund_by_finance(order_id=order_id, actor_id=finance.id, reason="not cured", at=now)

        order = the_order(order_id)
        assert order.reason == "Second Light gave the payment back: not cured"
        assert order.moves[-1].actor_id == finance.id

    @pytest.mark.parametrize("state", ["awaiting_payment", "in_transit", "accepted"])
    def test_not_before_it_was_paid_and_not_once_it_has_left(self, scene, now, state):
        order_id = make_order(state, scene, at=now).id
        with pytest.raises(IllegalMove):
            orders.refund_by_finance(order_id=order_id, actor_id=make_staff("finance").id, reason="x", at=now)
        with pytest.raises(IllegalMove):
            orders.refund(order_id=order_id, actor_id=scene.seller.id, reason="x", at=now)

        assert db.session.scalar(select(func.count()).select_from(MoneyIntent)) == (state == "accepted")

    def test_is_not_the_buyers(self, scene, now):
        order_id = make_order("funds_held", scene, at=now).id
        with pytest.raises(orders.NotYourAct):
            orders.refund(order_id=order_id, actor_id=scene.buyer.id, reason="x", at=now)
