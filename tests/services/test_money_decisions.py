"""What two people of finance decide: a freeze lifted, money given back or released; and what is refused to one alone."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text, update

from marketplace import audit
from marketplace.clinics.models import ClinicMember
from marketplace.extensions import bind, db, unit_of_work
from marketplace.kernel import clock
from marketplace.kernel.errors import Invalid, NotFound
from marketplace.kernel.machine import IllegalMove
from marketplace.kernel.money import Money
from marketplace.kernel.terms import ClinicRole
from marketplace.listings.models import Listing, ListingState
from marketplace.orders import service as orders
from marketplace.orders import views
from marketplace.orders.refusals import OwnOrder
from marketplace.orders.states import OrderState
from marketplace.payments import converging, decisions, ledger
from marketplace.payments import service as payments
from marketplace.payments.amounts import Account
from marketplace.payments.models import IntentKind, IntentState, MoneyDecision, MoneyIntent, Payment
from marketplace.payments.policy import Freeze
from marketplace.payments.ports import PaymentGateway
from marketplace.payments.queries import payment_of
from marketplace.payments.states import DecisionKind, DecisionState, DeviceIs, PaymentState
from marketplace.web.money_words import money_status
from tests.factories import deals
from tests.factories.accounts import make_staff
from tests.factories.orders import make_order, make_scene, the_order
from tests.factories.payments import account_of, do_jobs, hear, make_payment, the_payment
from tests.support import assert_nothing_lost, assert_refused_by, promised_mails

PRICE, PAYOUT = 4_250_000, 3_995_000
LIFT, GIVE_BACK, RELEASE = DecisionKind
WITH_SELLER, WITH_BUYER = DeviceIs


@pytest.fixture
def ada():
    return make_staff("finance", name="Ada Osei").id


@pytest.fixture
def ben():
    return make_staff("finance", name="Ben Ilves").id


@pytest.fixture
def arrived(held, scene, now):
    """An order whose device is with its buyer, who has yet to accept."""
    deals.delivered(held, scene, at=now)
    return held


@pytest.fixture
def unpayable(arrived, scene, now, local_stripe):
    """An accepted order whose seller cannot be paid."""
    local_stripe.restrict(account_of(scene.seller_clinic.id))
    orders.accept(order_id=arrived, actor_id=scene.buyer.id, at=now)
    do_jobs()
    assert intent(IntentKind.RELEASE).state is IntentState.BLOCKED
    assert the_payment(arrived).state is PaymentState.RELEASING
    return arrived


def propose(order_id, actor, kind, *, at, **given):
    given = {"reason": "It was put right.", "evidence": "The provider's page of it.", **given}
    if kind is GIVE_BACK:
        given.setdefault("device", WITH_BUYER)
    return orders.propose_decision(order_id=order_id, actor_id=actor, kind=kind, at=at, **given)


def approve(order_id, decision_id, actor, *, at):
    orders.approve_decision(order_id=order_id, decision_id=decision_id, actor_id=actor, live=False, at=at)


def decided(order_id, ada, ben, kind, *, at, **given):
    """Let one propose and the other approve."""
    decision_id = propose(order_id, ada, kind, at=at, **given)
    approve(order_id, decision_id, ben, at=at)
    return decision_id


def frozen(order_id, reason, *, at):
    with unit_of_work():
        converging.freeze(converging.locked(the_payment(order_id).id), Freeze(reason), at=at)


def intent(kind) -> MoneyIntent:
    return db.session.scalars(
        select(MoneyIntent).where(MoneyIntent.kind == kind).execution_options(populate_existing=True)
    ).one()


def run(kind, *, at) -> IntentState:
    return payments.run_intent(intent_id=intent(kind).id, live=False, at=at)


def decision(decision_id) -> MoneyDecision:
    return db.session.get_one(MoneyDecision, decision_id, populate_existing=True)


def unit_state(scene) -> ListingState:
    return db.session.get_one(Listing, scene.listing.id, populate_existing=True).state


def moved(stripe) -> tuple[list[int], list[int]]:
    """What the provider sent to sellers, and gave back to buyers."""
    return tuple([one["amount"] for one in stripe.get(f"/v1/{kind}")["data"]] for kind in ("transfers", "refunds"))


def told(order_id) -> list[tuple[str, object]]:
    events = audit.events_about("payment", the_payment(order_id).id)
    return [(event.kind, event.actor_id) for event in events if "decision" in event.kind or "thawed" in event.kind]


class Showing:
    """A provider that shows a payment as it is, but for what was changed."""

    def __init__(self, app, stripe, checkout_id, **changed) -> None:
        true = stripe.usual_gateway.get_payment(checkout_id)
        self._seen, self._gateway = replace(true, **changed), stripe.usual_gateway
        bind(app, PaymentGateway, self)

    def __getattr__(self, name):
        return getattr(self._gateway, name)

    def get_payment(self, _):
        return self._seen


class TestLift:
    def test_a_second_person_lifts_it_and_what_waited_goes_on(self, arrived, scene, ada, ben, now, local_stripe):
        frozen(arrived, "fraud_warning", at=now)
        orders.accept(order_id=arrived, actor_id=scene.buyer.id, at=now)
        do_jobs()
        assert intent(IntentKind.RELEASE).state is IntentState.BLOCKED

        decision_id = propose(arrived, ada, LIFT, at=now)
        assert (the_payment(arrived).frozen_reason, moved(local_stripe)) == ("fraud_warning", ([], []))
        approve(arrived, decision_id, ben, at=now)
        do_jobs()

        payment = the_payment(arrived)
        assert (payment.frozen_reason, payment.frozen_at) == (None, None)
        assert payment.state is PaymentState.RELEASED
        assert moved(local_stripe) == ([PAYOUT], [])
        assert told(arrived) == [
            ("payment:decision_proposed", ada),
            ("payment:decision_approved", ben),
            ("payment:thawed", ben),
        ]
        assert_nothing_lost()

    @pytest.mark.parametrize("way", ["checkout_open", "held"])
    def test_what_was_set_aside_goes_on_once_the_provider_shows_what_was_agreed(
        self, app, scene, ada, ben, now, local_stripe, way
    ):
        order_id = deals.opened(scene, local_stripe, at=now) if way == "checkout_open" else deals.paid(
            scene, local_stripe, at=now
        )  # fmt: skip
        if way == "checkout_open":
            local_stripe.pay_by_card(the_payment(order_id).checkout_id)
        Showing(app, local_stripe, the_payment(order_id).checkout_id, order_id=None)
        payments.converge(payment_id=the_payment(order_id).id, live=False, at=now)
        assert the_payment(order_id).state is PaymentState.QUARANTINED

        decision_id = propose(order_id, ada, LIFT, at=now)
        with pytest.raises(decisions.StillSpeaksAgainst, match="order differs"):
            approve(order_id, decision_id, ben, at=now)
        assert decision(decision_id).state is DecisionState.OPEN
        assert the_payment(order_id).state is PaymentState.QUARANTINED

        local_stripe.bind(app)
        approve(order_id, decision_id, ben, at=now)
        hear(local_stripe)

        assert (the_payment(order_id).state, the_payment(order_id).frozen_reason) == (PaymentState.HELD, None)
        assert the_order(order_id).state is OrderState.FUNDS_HELD
        assert ledger.balance_of(Account.HELD) == Money(-PRICE)
        assert_nothing_lost()

    def test_an_open_dispute_is_for_the_bank(self, held, ada, ben, now, local_stripe):
        local_stripe.dispute(the_payment(held).charge_id)
        hear(local_stripe)
        decision_id = propose(held, ada, LIFT, at=now)

        with pytest.raises(decisions.StillSpeaksAgainst, match="disputed"):
            approve(held, decision_id, ben, at=now)

        assert the_payment(held).frozen_reason == "disputed"

    def test_what_the_bank_took_for_good_is_over(self, held, ada, now, local_stripe):
        local_stripe.settle_dispute(local_stripe.dispute(the_payment(held).charge_id), "lost")
        hear(local_stripe)
        assert the_payment(held).state is PaymentState.CHARGED_BACK

        with pytest.raises(decisions.NothingStandsStill):
            propose(held, ada, LIFT, at=now)

    def test_what_was_frozen_anew_since_is_another_matter(self, held, ada, ben, now):
        frozen(held, "fraud_warning", at=now)
        first = propose(held, ada, LIFT, at=now)
        db.session.execute(text("SET LOCAL session_replication_role = replica"))
        db.session.execute(update(Payment).values(frozen_at=now + timedelta(hours=1)))
        db.session.commit()

        with pytest.raises(decisions.NothingStandsStill):
            approve(held, first, ben, at=now)

        assert the_payment(held).frozen_reason == "fraud_warning"

    def test_nothing_is_lifted_where_nothing_stands_still(self, held, ada, now):
        with pytest.raises(decisions.NothingStandsStill):
            propose(held, ada, LIFT, at=now)


class TestRefundsThatCameBack:
    def test_it_is_sent_again_once_under_a_name_of_its_own(self, held, ada, ben, now, local_stripe):
        local_stripe.sweep()
        orders.refund_by_finance(order_id=held, actor_id=ada, reason="It broke.", at=now)
        do_jobs()
        (first,) = [one["id"] for one in local_stripe.get("/v1/refunds")["data"]]
        local_stripe.settle_refund(first, "failed")
        hear(local_stripe)
        assert the_payment(held).frozen_reason == "refund_failed"

        decided(held, ada, ben, LIFT, at=clock.now())
        assert (ledger.balance_of(Account.HELD), ledger.balance_of(Account.REFUND_PENDING)) == (
            Money(-PRICE), Money(0),
        )  # fmt: skip
        do_jobs()
        (again,) = [one["id"] for one in local_stripe.get("/v1/refunds")["data"] if one["status"] == "pending"]
        local_stripe.settle_refund(again, "succeeded")
        hear(local_stripe)

        assert (the_payment(held).state, the_order(held).state) == (PaymentState.REFUNDED, OrderState.REFUNDED)
        assert the_payment(held).refunded_minor == PRICE
        names = db.session.scalars(select(MoneyIntent.dedupe).order_by(MoneyIntent.dedupe)).all()
        assert [name.partition(":")[2] for name in names] == ["refund", "refund:again:1"]
        assert {ledger.balance_of(account).minor for account in (Account.HELD, Account.REFUND_PENDING)} == {0}

    def test_so_is_a_part(self, held, ada, ben, now, local_stripe):
        local_stripe.sweep()
        orders.decide_by_finance(order_id=held, actor_id=ada, amount=Money(100_000), reason="A scratch.", at=now)
        do_jobs()
        for status in ("failed", "failed", "succeeded"):
            (sent,) = [one["id"] for one in local_stripe.get("/v1/refunds")["data"] if one["status"] == "pending"]
            local_stripe.settle_refund(sent, status)
            hear(local_stripe)
            if status == "failed":
                assert the_payment(held).frozen_reason == "refund_failed"
                decided(held, ada, ben, LIFT, at=clock.now())
                do_jobs()

        payment = the_payment(held)
        assert (payment.state, payment.refunded_minor, payment.frozen_reason) == (PaymentState.HELD, 100_000, None)
        names = db.session.scalars(select(MoneyIntent.dedupe).order_by(MoneyIntent.dedupe)).all()
        assert [name.partition(":")[2] for name in names] == [
            "refund:part:1", "refund:part:1:again:1", "refund:part:1:again:2",
        ]  # fmt: skip
        assert ledger.balance_of(Account.HELD) == Money(100_000 - PRICE)


class TestPaidAfterTheEnd:
    @pytest.fixture
    def late(self, scene, now, local_stripe):
        """An order that ended, whose payment came all the same."""
        order_id = deals.opened(scene, local_stripe, at=now)
        local_stripe.pay_by_card(the_payment(order_id).checkout_id)
        payment = the_payment(order_id)
        payment.state = PaymentState.EXPIRED
        db.session.commit()
        payments.converge(payment_id=payment.id, live=False, at=now)
        assert the_payment(order_id).frozen_reason == "paid_after_the_end"
        return order_id

    def test_it_counts_after_all(self, late, ada, ben, now, local_stripe):
        decided(late, ada, ben, LIFT, at=now)
        hear(local_stripe)

        assert (the_payment(late).state, the_order(late).state) == (PaymentState.HELD, OrderState.FUNDS_HELD)
        assert the_payment(late).hold_deadline == now + timedelta(days=90)
        assert_nothing_lost()

    def test_it_goes_back_where_the_order_had_ended(self, late, ada, ben, now, local_stripe):
        with unit_of_work():
            db.session.execute(text("SET LOCAL session_replication_role = replica"))
            db.session.execute(text("UPDATE orders SET state = 'lapsed'"))
        decided(late, ada, ben, LIFT, at=now)
        hear(local_stripe)

        assert the_payment(late).state is PaymentState.REFUNDED
        assert moved(local_stripe) == ([], [PRICE])

    def test_not_while_another_payment_of_the_order_counts(self, late, ada, ben, now):
        make_payment(the_order(late), state="checkout_open", at=now + timedelta(minutes=1))
        decision_id = propose(late, ada, LIFT, at=now)

        with pytest.raises(decisions.PaidTwice):
            approve(late, decision_id, ben, at=now)

        states = select(Payment.state).order_by(Payment.created_at)
        assert db.session.scalars(states).all() == [PaymentState.EXPIRED, PaymentState.CHECKOUT_OPEN]


class TestTwoPeople:
    def test_nobody_approves_what_they_proposed(self, held, ada, now):
        frozen(held, "fraud_warning", at=now)
        decision_id = propose(held, ada, LIFT, at=now)

        with pytest.raises(decisions.OwnProposal):
            approve(held, decision_id, ada, at=now)

        assert decision(decision_id).state is DecisionState.OPEN
        assert the_payment(held).frozen_reason == "fraud_warning"

    @pytest.mark.parametrize("act", ["propose", "approve", "close"])
    def test_nor_anybody_who_has_a_part_in_it(self, held, scene, ada, now, act):
        frozen(held, "fraud_warning", at=now)
        own = make_staff("finance").id
        db.session.add(
            ClinicMember(clinic_id=scene.seller_clinic.id, user_id=own, role=ClinicRole.MANAGER, joined_at=now)
        )
        db.session.commit()
        if act == "propose":
            with pytest.raises(OwnOrder):
                propose(held, own, LIFT, at=now)
            assert db.session.scalar(select(func.count()).select_from(MoneyDecision)) == 0
            return
        decision_id = propose(held, ada, LIFT, at=now)
        with pytest.raises(OwnOrder):
            if act == "approve":
                approve(held, decision_id, own, at=now)
            else:
                orders.close_decision(order_id=held, decision_id=decision_id, actor_id=own, at=now)
        assert decision(decision_id).state is DecisionState.OPEN

    def test_one_proposal_waits_at_a_time_and_is_answered_once(self, held, ada, ben, now):
        frozen(held, "fraud_warning", at=now)
        first = propose(held, ada, LIFT, at=now)
        with pytest.raises(decisions.DecisionWaits):
            propose(held, ben, LIFT, at=now)

        orders.close_decision(order_id=held, decision_id=first, actor_id=ben, at=now)
        assert (decision(first).state, decision(first).closed_by) == (DecisionState.DECLINED, ben)
        second = propose(held, ada, LIFT, at=now + timedelta(seconds=1))
        orders.close_decision(order_id=held, decision_id=second, actor_id=ada, at=now)
        assert decision(second).state is DecisionState.WITHDRAWN

        for act in (
            lambda: approve(held, second, ben, at=now),
            lambda: orders.close_decision(order_id=held, decision_id=second, actor_id=ben, at=now),
        ):
            with pytest.raises(decisions.DecisionClosed):
                act()
        assert the_payment(held).frozen_reason == "fraud_warning"
        seen = decisions.decisions_of(held)
        assert [(one.state, one.proposed_by, one.closed_by) for one in seen] == [
            (DecisionState.WITHDRAWN, "Ada Osei", "Ada Osei"),
            (DecisionState.DECLINED, "Ada Osei", "Ben Ilves"),
        ]

    @pytest.mark.parametrize("field", ["reason", "evidence"])
    def test_reason_and_evidence_are_asked_for(self, held, ada, now, field):
        frozen(held, "fraud_warning", at=now)

        with pytest.raises(Invalid) as refusal:
            propose(held, ada, LIFT, at=now, **{field: "  "})

        assert refusal.value.field == field
        assert db.session.scalar(select(func.count()).select_from(MoneyDecision)) == 0

    def test_what_is_not_there_is_not_found(self, held, scene, ada, ben, now):
        frozen(held, "fraud_warning", at=now)
        decision_id = propose(held, ada, LIFT, at=now)
        unpaid = make_order("awaiting_payment", make_scene(now), at=now).id

        for act in (
            lambda: approve(unpaid, decision_id, ben, at=now),
            lambda: approve(held, uuid4(), ben, at=now),
            lambda: decisions.look(uuid4()),
            lambda: propose(unpaid, ada, LIFT, at=now),
        ):
            with pytest.raises(NotFound):
                act()
        assert orders.possible_of(unpaid, at=now) == ()

    def test_a_payment_of_which_the_provider_knows_nothing_is_looked_for_nowhere(self, scene, ada, now):
        order_id = make_order("awaiting_payment", scene, at=now).id
        make_payment(the_order(order_id), state="new", at=now, frozen_reason="fraud_warning")
        decision_id = propose(order_id, ada, LIFT, at=now)

        assert decisions.look(decision_id) is None
        approve(order_id, decision_id, make_staff("finance").id, at=now)
        assert the_payment(order_id).frozen_reason is None


class TestGiveBack:
    def test_a_seller_who_never_can_be_paid_is_called_off_and_the_buyer_has_it_back(
        self, unpayable, scene, ada, ben, now, local_stripe
    ):
        decided(unpayable, ada, ben, GIVE_BACK, at=now, reason="The seller is gone.")
        assert the_order(unpayable).state is OrderState.REFUNDING
        assert the_order(unpayable).reason == "Two people of Second Light gave the payment back: The seller is gone."
        assert payment_of(unpayable).is_called_off
        for side, whose in ((scene.buyer, "you"), (scene.seller, "the buyer")):
            words = money_status(views.order_for(unpayable, user_id=side.id), payment_of(unpayable))
            assert f"goes back to {whose}. In a quarter of an hour it is sure that none of it has left." in words
        assert orders.verify(at=now + timedelta(hours=1)) == []
        assert run(IntentKind.RELEASE, at=now + timedelta(minutes=14)) is IntentState.CALLING_OFF
        assert moved(local_stripe) == ([], [])

        assert run(IntentKind.RELEASE, at=now + timedelta(minutes=15)) is IntentState.CALLED_OFF
        do_jobs()
        hear(local_stripe)

        assert (the_payment(unpayable).state, the_order(unpayable).state) == (
            PaymentState.REFUNDED, OrderState.REFUNDED,
        )  # fmt: skip
        assert moved(local_stripe) == ([], [PRICE])
        assert run(IntentKind.RELEASE, at=now + timedelta(hours=1)) is IntentState.CALLED_OFF
        assert ledger.balance_of(Account.HELD) == Money(0)
        assert unit_state(scene) is ListingState.SOLD  # It is not back with its seller.
        assert_nothing_lost()

    def test_a_seller_who_can_be_paid_meanwhile_is_not_paid_as_well(
        self, unpayable, scene, ada, ben, now, local_stripe
    ):
        decided(unpayable, ada, ben, GIVE_BACK, at=now)
        local_stripe.onboard(account_of(scene.seller_clinic.id))
        hear(local_stripe)
        payments.reconcile(live=False, at=now + timedelta(minutes=10))
        do_jobs()

        run(IntentKind.RELEASE, at=now + timedelta(minutes=16))
        do_jobs()

        assert moved(local_stripe) == ([], [PRICE])

    def test_what_had_left_already_is_taken_back_first(self, arrived, scene, ada, ben, now, local_stripe):
        local_stripe.fault("POST /v1/transfers", "error_after")
        orders.accept(order_id=arrived, actor_id=scene.buyer.id, at=now)
        do_jobs()
        assert (the_payment(arrived).state, moved(local_stripe)) == (PaymentState.RELEASING, ([PAYOUT], []))

        decided(arrived, ada, ben, GIVE_BACK, at=now)
        assert run(IntentKind.RELEASE, at=now + timedelta(minutes=15)) is IntentState.DONE
        do_jobs()
        hear(local_stripe)

        assert (the_payment(arrived).state, the_order(arrived).state) == (PaymentState.REFUNDED, OrderState.REFUNDED)
        assert the_payment(arrived).reversed_minor == PAYOUT
        assert moved(local_stripe) == ([PAYOUT], [PRICE])
        assert_nothing_lost()

    def test_nothing_goes_back_twice_where_the_buyers_bank_was_faster(self, unpayable, ada, ben, now, local_stripe):
        decided(unpayable, ada, ben, GIVE_BACK, at=now)
        db.session.execute(text("SET LOCAL session_replication_role = replica"))
        db.session.execute(update(Payment).values(state=PaymentState.CHARGED_BACK))
        db.session.commit()

        assert run(IntentKind.RELEASE, at=now + timedelta(minutes=15)) is IntentState.CALLED_OFF
        do_jobs()

        assert moved(local_stripe) == ([], [])

    def test_a_silent_provider_is_asked_again_and_nothing_goes_back_before_it_answered(
        self, unpayable, ada, ben, now, local_stripe
    ):
        decided(unpayable, ada, ben, GIVE_BACK, at=now)
        local_stripe.fault("GET /v1/transfers", "error_before", times=3)

        assert run(IntentKind.RELEASE, at=now + timedelta(minutes=15)) is IntentState.CALLING_OFF
        assert intent(IntentKind.RELEASE).next_try_at > now + timedelta(minutes=15)
        assert local_stripe.get("/v1/refunds")["data"] == []
        local_stripe.sim("faults/clear")
        late = now + timedelta(days=1)
        assert [one.code for one in payments.verify(at=late)] == ["intent_overdue"]

        assert run(IntentKind.RELEASE, at=late) is IntentState.CALLED_OFF
        do_jobs()
        assert moved(local_stripe) == ([], [PRICE])

    def test_money_that_is_not_available_yet_is_given_back_as_well(self, scene, arrived, ada, ben, now, local_stripe):
        payment = the_payment(arrived)
        db.session.execute(text("SET LOCAL session_replication_role = replica"))
        db.session.execute(update(Payment).values(state="paid", release_not_before=now + timedelta(days=3)))
        db.session.commit()
        with unit_of_work():
            payments.request_release(order_id=arrived, at=now)
        db.session.execute(update(MoneyIntent).values(next_try_at=now + timedelta(days=3)))
        db.session.commit()

        decided(arrived, ada, ben, GIVE_BACK, at=now)
        db.session.refresh(payment)
        assert intent(IntentKind.RELEASE).state is IntentState.CALLING_OFF
        run(IntentKind.RELEASE, at=now + timedelta(minutes=15))
        do_jobs()

        assert moved(local_stripe) == ([], [PRICE])
        assert the_payment(arrived).state is PaymentState.REFUNDED

    def test_what_the_bank_took_meanwhile_is_not_given_back_as_well(self, unpayable, ada, ben, now, local_stripe):
        decided(unpayable, ada, ben, GIVE_BACK, at=now)
        local_stripe.settle_dispute(local_stripe.dispute(the_payment(unpayable).charge_id), "lost")
        run(IntentKind.RELEASE, at=now + timedelta(minutes=15))
        hear(local_stripe)
        payments.reconcile(live=False, at=now + timedelta(hours=1))
        do_jobs()

        assert the_payment(unpayable).state is PaymentState.CHARGED_BACK
        assert moved(local_stripe) == ([], [])
        assert the_order(unpayable).state is OrderState.REFUNDED
        assert_nothing_lost()

    def test_a_device_on_its_way_that_came_back_is_for_sale_again(self, held, scene, ada, ben, now, local_stripe):
        orders.release_to_ship(order_id=held, actor_id=scene.seller.id, at=now)
        orders.dispatch(order_id=held, actor_id=scene.seller.id, carrier="ArcBest", tracking="1", at=now)

        decided(held, ada, ben, GIVE_BACK, at=now, device=WITH_SELLER)
        assert unit_state(scene) is ListingState.RESERVED
        do_jobs()
        hear(local_stripe)

        assert the_order(held).state is OrderState.REFUNDED
        assert unit_state(scene) is ListingState.PUBLISHED
        assert moved(local_stripe) == ([], [PRICE])
        lines = [mail.context["lines"] for mail in promised_mails() if "goes back" in mail.context.get("subject", "")]
        assert len(lines) == 2
        assert all("The device is back with the seller; once the money arrives it is for sale again." in one
                   for one in lines)  # fmt: skip

    def test_not_while_something_speaks_against_the_payment(self, arrived, ada, ben, now):
        decision_id = propose(arrived, ada, GIVE_BACK, at=now)
        frozen(arrived, "fraud_warning", at=now)

        for act in (
            lambda: approve(arrived, decision_id, ben, at=now),
            lambda: payments.give_back_instead(order_id=arrived, cause="x", at=now),
        ):
            with pytest.raises(payments.PaymentStandsStill):
                act()
        assert orders.possible_of(arrived, at=now) == (LIFT,)
        assert the_order(arrived).state is OrderState.UNDER_INSPECTION

    def test_not_what_the_seller_has_been_paid(self, arrived, scene, ada, now, local_stripe):
        decision_id = propose(arrived, ada, GIVE_BACK, at=now)
        orders.accept(order_id=arrived, actor_id=scene.buyer.id, at=now)
        with unit_of_work():
            db.session.execute(text("SET LOCAL session_replication_role = replica"))
            db.session.execute(update(Payment).values(state="released"))

        with pytest.raises(payments.MoneyNotHere):
            approve(arrived, decision_id, make_staff("finance").id, at=now)

        assert the_order(arrived).state is OrderState.ACCEPTED

    @pytest.mark.parametrize("state", ["funds_held", "released_to_ship"])
    def test_before_the_device_has_left_one_person_gives_it_back_as_before(self, scene, ada, now, state):
        order = make_order(state, scene, at=now)

        with pytest.raises(IllegalMove):
            propose(order.id, ada, GIVE_BACK, at=now)

        assert orders.possible_of(order.id, at=now) == ()


class TestRelease:
    def test_on_the_day_of_decision_the_seller_is_paid_without_acceptance(
        self, arrived, scene, ada, ben, now, local_stripe
    ):
        due = the_payment(arrived).hold_deadline - timedelta(days=5)
        early = due - timedelta(seconds=1)
        with pytest.raises(orders.TooEarly):
            propose(arrived, ada, RELEASE, at=early)
        assert orders.possible_of(arrived, at=early) == (GIVE_BACK,)
        assert orders.possible_of(arrived, at=due) == (GIVE_BACK, RELEASE)

        decided(arrived, ada, ben, RELEASE, at=due, reason="The buyer does not answer.")
        do_jobs()
        hear(local_stripe)

        order = the_order(arrived)
        assert (order.state, order.accepted_at) == (OrderState.SETTLED, due)
        assert moved(local_stripe) == ([PAYOUT], [])
        assert unit_state(scene) is ListingState.SOLD
        (mail,) = [one for one in promised_mails() if "goes to the seller" in one.context.get("subject", "")]
        assert (mail.to, mail.context["lines"][1]) == (scene.buyer.email, "The buyer does not answer.")


class TestTheDatabase:
    @pytest.fixture
    def proposed(self, held, ada, now):
        frozen(held, "fraud_warning", at=now)
        return propose(held, ada, LIFT, at=now)

    def test_lifts_no_freeze_that_two_people_have_not(self, held, proposed):
        with assert_refused_by("payment_freezes_are_lifted_by_two"):
            db.session.execute(update(Payment).values(frozen_reason=None))

    def test_dates_a_freeze_that_nobody_dated(self, held):
        db.session.execute(update(Payment).values(frozen_reason="fraud_warning"))
        assert the_payment(held).frozen_at is not None

    def test_takes_no_move_that_two_people_have_not_decided(self, held, proposed):
        for event in ("reopened", "readmitted", "paid_late", "release_called_off"):
            with assert_refused_by("payment_moves_that_two_decide"):
                db.session.execute(
                    text(
                        "INSERT INTO payment_moves (id, payment_id, event, state, cause, at)"
                        " SELECT gen_random_uuid(), id, :event, 'paid', 'x', now() FROM payments"
                    ),
                    {"event": event},
                )
        for event in ("return_decided", "release_decided"):
            with assert_refused_by("order_moves_that_two_decide"):
                db.session.execute(
                    text(
                        "INSERT INTO order_moves (id, order_id, event, state, actor_id, cause, at)"
                        " SELECT gen_random_uuid(), id, :event, 'refunding', buyer_id, 'x', now() FROM orders"
                    ),
                    {"event": event},
                )

    def test_keeps_what_was_proposed_and_lets_two_answer_once(self, held, proposed, ben, now):
        another = "(SELECT id FROM users WHERE id <> proposed_by LIMIT 1)"
        for lie, constraint in (
            ("reason = 'Another.'", "money_decisions_stay"),
            ("kind = 'release', lifts = NULL, frozen_at = NULL", "money_decisions_stay"),
            (
                "state = 'approved', closed_by = proposed_by, closed_at = now()",
                "money_decisions_nobody_approves_what_they_proposed",
            ),
            ("state = 'approved'", "money_decisions_closing_is_whole"),
            ("closed_at = now()", "money_decisions_closing_is_whole"),
            (
                f"state = 'withdrawn', closed_at = now(), closed_by = {another}",
                "money_decisions_only_ones_own_is_withdrawn",
            ),
        ):
            with assert_refused_by(constraint):
                db.session.execute(text(f"UPDATE money_decisions SET {lie}"))
        orders.close_decision(order_id=held, decision_id=proposed, actor_id=ben, at=now)
        for lie in (
            "UPDATE money_decisions SET state = 'open', closed_by = NULL, closed_at = NULL",
            "DELETE FROM money_decisions",
        ):
            with assert_refused_by("money_decisions_stay"):
                db.session.execute(text(lie))

    def test_takes_no_proposal_that_is_not_whole(self, held, proposed, ada, now):
        given = {
            "payment_id": the_payment(held).id, "kind": LIFT, "lifts": "fraud_warning", "frozen_at": now,
            "reason": "Right.", "evidence": "Seen.", "proposed_by": ada, "proposed_at": now,
        }  # fmt: skip
        for changed, constraint in (
            ({"reason": " "}, "money_decisions_decision_says_why"),
            ({"evidence": ""}, "money_decisions_decision_says_why"),
            ({"lifts": None}, "money_decisions_only_a_lift_names_its_freeze"),
            ({"frozen_at": None}, "money_decisions_only_a_lift_names_its_freeze"),
            (
                {"kind": GIVE_BACK, "lifts": None, "frozen_at": None},
                "money_decisions_who_gives_back_says_where_the_device_is",
            ),
            ({"device": WITH_BUYER}, "money_decisions_who_gives_back_says_where_the_device_is"),
            ({}, "one_open_decision_per_payment"),
            ({"state": DecisionState.DECLINED}, "money_decisions_stay"),
        ):
            with assert_refused_by(constraint):
                db.session.add(MoneyDecision(**{**given, **changed}))
                db.session.flush()
