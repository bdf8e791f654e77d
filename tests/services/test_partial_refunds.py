"""A part of the price goes back while the sale stands: before the seller is paid and after, once, to the cent."""

import random
from contextlib import suppress
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from marketplace.extensions import db, unit_of_work
from marketplace.kernel.errors import Invalid
from marketplace.kernel.money import Money
from marketplace.orders import service as orders
from marketplace.orders.states import OrderState
from marketplace.payments import desk, ledger, statements
from marketplace.payments import service as payments
from marketplace.payments.amounts import Account
from marketplace.payments.books import FindingCode
from marketplace.payments.models import MoneyIntent, PartialRefund, Payment
from marketplace.payments.queries import payment_of
from marketplace.payments.states import PartialState, PaymentState
from tests.factories import deals
from tests.factories.accounts import make_staff
from tests.factories.orders import make_order, the_order
from tests.factories.payments import account_of, do_jobs, hear, the_payment
from tests.support import assert_nothing_lost, assert_refused_by

PRICE, PAYOUT = 4_250_000, 3_995_000
PART = 100_001  # Of which 94,000 are the seller's and 6,001 are our fee.


@pytest.fixture
def seller(held, scene) -> str:
    """The seller's account with the local Stripe."""
    return account_of(scene.seller_clinic.id)


@pytest.fixture
def settled(held, scene, now, local_stripe):
    """An order whose seller has been paid."""
    accept(held, scene, now, local_stripe)
    return held


def accept(order_id, scene, now, local_stripe):
    deals.accepted(order_id, scene, at=now)
    hear(local_stripe)
    assert the_order(order_id).state is OrderState.SETTLED


def ask(order_id, scene, now, minor=PART):
    with unit_of_work():
        return payments.request_partial_refund(
            order_id=order_id, amount=Money(minor), reason="A scratched panel.", actor_id=scene.seller.id, at=now
        )


def part_of(order_id, number=1) -> PartialRefund:
    return db.session.scalars(
        select(PartialRefund)
        .join(Payment, Payment.id == PartialRefund.payment_id)
        .where(Payment.order_id == order_id, PartialRefund.number == number)
        .execution_options(populate_existing=True)
    ).one()


def standing() -> dict[Account, int]:
    ours = {Account.PROVIDER_CLEARING, Account.PROVIDER_FEES, Account.DISPUTE_FEES}
    return {one: minor for one in Account if one not in ours and (minor := ledger.balance_of(one).minor)}


def moved(stripe) -> tuple[list[int], list[int], list[int]]:
    """Return what the provider sent to the seller, took back and gave to the buyer, oldest first."""
    transfers = stripe.get("/v1/transfers")["data"]
    reversals = [one["amount"] for transfer in transfers for one in transfer["reversals"]["data"]]
    refunds = [one["amount"] for one in stripe.get("/v1/refunds")["data"]]
    return [one["amount"] for one in transfers], sorted(reversals), refunds[::-1]


class TestBeforeTheSellerIsPaid:
    def test_it_goes_from_what_is_held_and_the_seller_gets_the_rest_less_the_fee_of_the_rest(
        self, held, scene, now, local_stripe
    ):
        ask(held, scene, now)
        do_jobs()

        payment, part = the_payment(held), part_of(held)
        assert (payment.state, payment.conceded_minor, payment.refunded_minor) == (PaymentState.HELD, PART, PART)
        assert (part.state, part.payout_minor, part.fee_minor) == (PartialState.ARRIVED, 94_000, 6_001)
        assert standing() == {Account.HELD: PART - PRICE}
        assert moved(local_stripe) == ([], [], [PART])
        assert_nothing_lost()

        accept(held, scene, now, local_stripe)
        assert moved(local_stripe) == ([PAYOUT - 94_000], [], [PART])
        assert standing() == {Account.FEE_REVENUE: -248_999}
        assert_nothing_lost()

    def test_the_buyer_may_accept_while_it_is_on_its_way(self, held, scene, now, local_stripe):
        local_stripe.sweep()
        ask(held, scene, now)
        do_jobs()
        assert part_of(held).state is PartialState.SENT
        assert ledger.balance_of(Account.REFUND_PENDING) == Money(-PART)

        local_stripe.sweep(-10_000_000)
        accept(held, scene, now, local_stripe)
        assert standing() == {Account.REFUND_PENDING: -PART, Account.FEE_REVENUE: -248_999}
        assert_nothing_lost()

        (refund,) = local_stripe.get("/v1/refunds")["data"]
        local_stripe.settle_refund(refund["id"], "succeeded")
        payments.reconcile(live=False, at=now)  # No webhook is needed, although the seller has been paid.
        assert part_of(held).state is PartialState.ARRIVED
        assert moved(local_stripe) == ([PAYOUT - 94_000], [], [PART])
        assert_nothing_lost()

    def test_one_that_the_bank_does_not_take_stands_still_for_a_person(self, held, scene, now, local_stripe):
        local_stripe.sweep()
        ask(held, scene, now)
        do_jobs()
        (refund,) = local_stripe.get("/v1/refunds")["data"]
        local_stripe.sweep(-10_000_000)
        local_stripe.settle_refund(refund["id"], "failed")
        hear(local_stripe)

        assert (the_payment(held).frozen_reason, part_of(held).state) == ("refund_failed", PartialState.SENT)
        assert [task.kind for task in desk.tasks(at=now)] == [desk.TaskKind.FROZEN]

    def test_everything_after_a_part_is_what_is_left(self, held, scene, now, local_stripe):
        ask(held, scene, now)
        do_jobs()
        orders.refund(order_id=held, actor_id=scene.seller.id, reason="It broke.", at=now)
        do_jobs()

        assert moved(local_stripe) == ([], [], [PART, PRICE - PART])
        assert (the_payment(held).state, the_payment(held).refunded_minor) == (PaymentState.REFUNDED, PRICE)
        assert the_order(held).state is OrderState.REFUNDED
        assert standing() == {}
        assert_nothing_lost()

    @pytest.mark.parametrize("fault", ["error_before", "error_after", "error_stored"])
    def test_a_provider_that_fails_sends_it_once(self, held, scene, now, local_stripe, fault):
        local_stripe.fault("POST /v1/refunds", fault, **({"executed": True} if fault == "error_stored" else {}))
        ask(held, scene, now)
        do_jobs()
        intent_id = db.session.scalars(select(MoneyIntent.id)).one()
        payments.run_intent(intent_id=intent_id, live=False, at=now)

        assert moved(local_stripe) == ([], [], [PART])
        assert part_of(held).state is PartialState.ARRIVED
        assert_nothing_lost()


class TestAfterTheSellerWasPaid:
    def test_their_share_is_taken_back_first_and_our_fee_is_given_up_with_it(self, settled, scene, now, local_stripe):
        ask(settled, scene, now)
        assert (part_of(settled).state, moved(local_stripe)) == (PartialState.ASKED, ([PAYOUT], [], []))
        do_jobs()

        payment = the_payment(settled)
        assert (payment.state, payment.reversed_minor, payment.refunded_minor) == (PaymentState.RELEASED, 94_000, PART)
        assert the_order(settled).state is OrderState.SETTLED
        assert standing() == {Account.FEE_REVENUE: -248_999}
        assert moved(local_stripe) == ([PAYOUT], [94_000], [PART])
        assert_nothing_lost()

    def test_a_seller_who_has_spent_it_stops_it_until_a_person_gives_it_from_our_own(
        self, settled, scene, seller, now, local_stripe
    ):
        local_stripe.spend(seller, PAYOUT)
        ask(settled, scene, now)
        do_jobs()
        assert moved(local_stripe) == ([PAYOUT], [], [])
        (task,) = desk.tasks(at=now)
        assert (task.kind, task.amount) == (desk.TaskKind.BLOCKED, Money(94_000))
        assert payment_of(settled).can_be_fronted
        assert_nothing_lost()

        with unit_of_work():
            payments.front(order_id=settled, actor_id=scene.seller.id, at=now)
        do_jobs()
        assert (the_payment(settled).fronted_minor, part_of(settled).state) == (94_000, PartialState.ARRIVED)
        assert not payment_of(settled).can_be_fronted
        assert standing() == {Account.FEE_REVENUE: -248_999, Account.SELLER_RECEIVABLE: 94_000}
        assert statements.statement(scene.seller_clinic.id).totals["owed"] == Money(94_000)
        assert_nothing_lost()

        local_stripe.edit(seller, _spent=0)
        reversal = db.session.scalar(text("SELECT id FROM money_intents WHERE kind = 'reversal'"))
        payments.run_intent(intent_id=reversal, live=False, at=now)
        assert (the_payment(settled).fronted_minor, the_payment(settled).reversed_minor) == (0, 94_000)
        assert standing() == {Account.FEE_REVENUE: -248_999}
        assert_nothing_lost()

    def test_nothing_is_given_from_our_own_where_nothing_waits(self, settled, scene, now):
        with pytest.raises(payments.MoneyNotHere), unit_of_work():
            payments.front(order_id=settled, actor_id=scene.seller.id, at=now)

        assert the_payment(settled).fronted_minor == 0

    def test_everything_after_a_part_takes_the_rest_back_first(self, settled, scene, now, local_stripe):
        ask(settled, scene, now)
        do_jobs()
        orders.refund(order_id=settled, actor_id=scene.seller.id, reason="It came back.", at=now)
        do_jobs()

        assert moved(local_stripe) == ([PAYOUT], [94_000, PAYOUT - 94_000], [PART, PRICE - PART])
        assert the_payment(settled).state is PaymentState.REFUNDED
        assert standing() == {}
        assert_nothing_lost()


def dispute(order_id, stripe, outcome):
    stripe.settle_dispute(stripe.dispute(the_payment(order_id).charge_id), outcome)
    hear(stripe)


class TestDisputes:
    def test_a_bank_takes_what_is_left_before_the_seller_is_paid(self, held, scene, now, local_stripe):
        ask(held, scene, now)
        do_jobs()
        dispute(held, local_stripe, "lost")

        assert the_payment(held).state is PaymentState.CHARGED_BACK
        assert standing() == {}
        assert_nothing_lost()

    def test_a_bank_takes_what_is_left_after_the_seller_was_paid(self, settled, scene, now, local_stripe):
        ask(settled, scene, now)
        do_jobs()
        dispute(settled, local_stripe, "lost")

        assert moved(local_stripe) == ([PAYOUT], [94_000, PAYOUT - 94_000], [PART])
        assert standing() == {}
        assert_nothing_lost()

    @pytest.mark.parametrize("asked_first", [True, False])
    def test_a_part_that_is_on_its_way_when_the_bank_takes_everything_is_not_sent(
        self, settled, scene, seller, now, local_stripe, asked_first
    ):
        """Either the seller still has their share of it, or it is here: in both the bank has taken it from us."""
        local_stripe.spend(seller, PAYOUT if asked_first else 0)
        local_stripe.fault("POST /v1/refunds", "error_before", times=9)
        ask(settled, scene, now)
        do_jobs()
        assert part_of(settled).state is (PartialState.ASKED if asked_first else PartialState.COVERED)
        dispute(settled, local_stripe, "lost")
        assert the_payment(settled).state is PaymentState.CHARGED_BACK
        assert_nothing_lost()

        local_stripe.edit(seller, _spent=0)
        for intent in db.session.scalars(select(MoneyIntent.id).order_by(MoneyIntent.requested_at)).all():
            payments.run_intent(intent_id=intent, live=False, at=now)
        assert moved(local_stripe) == ([PAYOUT], [94_000, PAYOUT - 94_000], [])
        assert standing() == {}
        assert_nothing_lost()

    def test_of_a_disputed_payment_no_part_goes_back(self, held, scene, now, local_stripe):
        local_stripe.dispute(the_payment(held).charge_id)
        hear(local_stripe)

        with pytest.raises(payments.PaymentStandsStill):
            ask(held, scene, now)

        assert the_payment(held).conceded_minor == 0


class TestRefused:
    @pytest.mark.parametrize("minor", [PRICE, PRICE + 1, 99, 0, -1])
    def test_what_is_not_a_part(self, held, scene, now, minor):
        with pytest.raises(Invalid):
            ask(held, scene, now, minor)

        assert (the_payment(held).conceded_minor, db.session.scalar(select(MoneyIntent.id))) == (0, None)

    def test_more_than_is_left(self, held, scene, now, local_stripe):
        ask(held, scene, now, PRICE - 200)
        do_jobs()
        for minor in (200, 201):
            with pytest.raises(Invalid):
                ask(held, scene, now, minor)
        ask(held, scene, now, 100)
        do_jobs()

        assert moved(local_stripe) == ([], [], [PRICE - 200, 100])
        assert_nothing_lost()

    def test_a_second_and_everything_while_one_is_on_its_way(self, held, scene, now, local_stripe):
        local_stripe.fault("POST /v1/refunds", "error_before", times=9)
        ask(held, scene, now)
        do_jobs()
        with pytest.raises(payments.PartOnItsWay):
            ask(held, scene, now)
        with pytest.raises(payments.PartOnItsWay), unit_of_work():
            payments.request_refund(order_id=held, cause="a test", at=now)

        assert (the_payment(held).conceded_minor, the_payment(held).state) == (PART, PaymentState.HELD)

    def test_everything_from_a_paid_seller_while_one_is_on_its_way(self, settled, scene, seller, now, local_stripe):
        local_stripe.spend(seller, PAYOUT)
        ask(settled, scene, now)
        do_jobs()
        with pytest.raises(payments.PartOnItsWay), unit_of_work():
            payments.request_refund(order_id=settled, cause="a test", at=now)

        assert the_payment(settled).state is PaymentState.RELEASED

    def test_what_was_never_paid_or_is_on_its_way_to_the_seller(self, scene, now):
        order = make_order("accepted", scene, at=now)
        for order_id in (order.id, uuid4()):
            with pytest.raises(payments.MoneyNotHere):
                ask(order_id, scene, now)

        db.session.execute(text("UPDATE payments SET state = 'refunding'"))
        with pytest.raises(payments.MoneyNotHere):
            ask(order.id, scene, now)
        db.session.execute(text("UPDATE payments SET state = 'paid'"))
        with pytest.raises(payments.MoneyNotHere):  # It waits to be safe, and then goes to the seller.
            ask(order.id, scene, now)
        assert the_payment(order.id).conceded_minor == 0


class TestTheDatabase:
    @pytest.mark.parametrize(
        ("setting", "name"),
        [
            ("conceded_minor = amount_minor", "payments_partial_refunds_leave_something"),
            ("fee_least_minor = -1", "payments_least_fee_is_not_negative"),
            ("conceded_minor = -1", "payments_partial_refunds_leave_something"),
            ("received_minor = 0, state = 'failed'", "payments_partial_refunds_leave_something"),
            ("transferred_minor = amount_minor - refunded_minor + 1", "payments_transfers_are_covered"),
        ],
    )
    def test_refuses_of_a_payment(self, held, scene, now, setting, name):
        ask(held, scene, now)
        do_jobs()
        with assert_refused_by(name):
            db.session.execute(text(f"UPDATE payments SET {setting}"))

    @pytest.mark.parametrize(
        ("columns", "name"),
        [
            ({"amount_minor": "99", "payout_minor": "93"}, "partial_refunds_partial_refund_is_of_a_dollar_or_more"),
            ({"payout_minor": "amount_minor"}, "partial_refunds_shares_make_the_partial_refund"),
            (
                {"payout_minor": "0", "fee_minor": "amount_minor"},
                "partial_refunds_shares_make_the_partial_refund",
            ),
            ({"reason": "' '"}, "partial_refunds_partial_refund_says_why"),
            ({"arrived_at": "NULL"}, "partial_refunds_arrival_is_dated"),
            ({"state": "'asked'", "arrived_at": "NULL"}, "partial_refunds_only_what_was_sent_is_taken_back"),
            ({"fronted": "true"}, "partial_refunds_only_what_was_sent_is_taken_back"),
            ({"number": "1"}, "partial_refunds_are_numbered"),
        ],
    )
    def test_refuses_of_a_part(self, held, scene, now, columns, name):
        ask(held, scene, now)
        do_jobs()
        db.session.execute(text("UPDATE payments SET conceded_minor = 3 * conceded_minor"))
        with assert_refused_by(name):
            self.another(**columns)

    def test_refuses_two_on_their_way(self, held, scene, now):
        ask(held, scene, now)
        db.session.execute(text("UPDATE payments SET conceded_minor = 3 * conceded_minor"))
        with assert_refused_by("one_partial_refund_on_its_way"):
            self.another()

    def test_refuses_more_than_the_payment_says(self, held, scene, now):
        ask(held, scene, now)
        do_jobs()
        with assert_refused_by("partial_refunds_are_counted"):
            self.another()

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE partial_refunds SET amount_minor = 200, payout_minor = 200, fee_minor = 0",
            "DELETE FROM partial_refunds",
        ],
    )
    def test_keeps_what_was_decided(self, held, scene, now, change):
        ask(held, scene, now)
        with assert_refused_by("partial_refunds_stay"):
            db.session.execute(text(change))

    def another(self, **columns):
        names = (
            "payment_id, number, amount_minor, payout_minor, fee_minor, after_release, fronted, state, reason,"
            " decided_by, requested_at, arrived_at"
        )
        values = [columns.get(name.strip(), name.strip()) for name in names.split(",")]
        if "number" not in columns:
            values[1] = "number + 1"
        db.session.execute(
            text(f"INSERT INTO partial_refunds (id, {names}) SELECT gen_random_uuid(), {', '.join(values)}"
                 " FROM partial_refunds")
        )  # fmt: skip


class TestFound:
    def test_a_payment_that_says_otherwise_than_its_parts(self, held, scene, now):
        ask(held, scene, now)
        do_jobs()
        db.session.execute(text("UPDATE payments SET conceded_minor = conceded_minor + 1"))

        assert [one.said for one in payments.verify(at=now) if one.code is FindingCode.STATE_AND_BOOKS_DIFFER] == [
            "The payment says $1,000.02 goes back in parts; the parts come to $1,000.01."
        ]

    def test_a_part_sent_back_by_hand_beyond_what_was_agreed_freezes(self, held, scene, now, local_stripe):
        ask(held, scene, now)
        do_jobs()
        local_stripe.gateway().refund(
            charge_id=the_payment(held).charge_id, amount=Money(1), step="by hand", key="by hand"
        )
        hear(local_stripe)

        assert the_payment(held).frozen_reason == "refunded_elsewhere"


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_in_whatever_order_no_cent_is_lost(scene, seller, held, now, local_stripe, seed):
    """Parts, faults, acceptance, a seller who spends, fronting, everything back, a dispute: in an order of chance."""
    chance = random.Random(seed)
    finance = make_staff("finance").id  # Who has nothing to do with either clinic.
    acts = ["part", "part", "part", "part", "fault", "spend", "front", "repay"]
    chance.shuffle(acts)
    acts.insert(chance.randrange(5), "accept")
    acts.append(chance.choice(["everything", "lost", "won", "part"]))
    deeds = {
        "part": lambda: ask(held, scene, now, chance.choice([100, 4_999, 777_777, 1_500_001])),
        "fault": lambda: local_stripe.fault("POST /v1/refunds", chance.choice(["error_before", "error_after"])),
        "spend": lambda: local_stripe.spend(seller, 10_000_000),
        "repay": lambda: local_stripe.edit(seller, _spent=0),
        "accept": lambda: accept(held, scene, now, local_stripe),
        "front": lambda: orders.refund_from_our_own(order_id=held, actor_id=finance, at=now),
        "everything": lambda: orders.refund(order_id=held, actor_id=scene.seller.id, reason="Back.", at=now),
        "lost": lambda: dispute(held, local_stripe, "lost"),
        "won": lambda: dispute(held, local_stripe, "won"),
    }
    for act in acts:
        with suppress(payments.MoneyNotHere, payments.PartOnItsWay, payments.PaymentStandsStill, Invalid):
            deeds[act]()
        for _ in range(2):
            do_jobs()
            hear(local_stripe)
            for intent in db.session.scalars(select(MoneyIntent.id).where(MoneyIntent.state != "done")).all():
                payments.run_intent(intent_id=intent, live=False, at=now)
        assert payments.verify(at=now) == [], (acts, act)
    payment = the_payment(held)
    transfers, reversals, refunds = moved(local_stripe)
    assert sum(refunds) == payment.refunded_minor
    assert sum(transfers) - sum(reversals) <= PRICE - sum(refunds)
