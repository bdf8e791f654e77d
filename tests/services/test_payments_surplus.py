"""Bank transfers that bring more than the price: seen, booked, shown, and sent back once."""

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import func, select, text, update

from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.kernel.money import Money
from marketplace.payments import desk, ledger
from marketplace.payments import service as payments
from marketplace.payments.amounts import Account
from marketplace.payments.books import FindingCode
from marketplace.payments.models import IntentKind, IntentState, LedgerJournal, MoneyIntent, Payment
from marketplace.payments.states import PaymentState
from tests.factories import deals
from tests.factories.accounts import make_staff
from tests.factories.orders import make_order, make_scene
from tests.factories.payments import do_jobs, hear, make_payment, the_payment
from tests.pages import browser_of, press, token
from tests.pages import text as shown
from tests.support import assert_refused_by, count_statements

PRICE = 4_250_000
RETURNS = "POST /v1/refunds"


@pytest.fixture
def as_(app):
    """A browser that is signed in as somebody."""
    return partial(browser_of, app)


@pytest.fixture
def order_id(opened, local_stripe):
    """An order whose buyer was told where to send the money."""
    local_stripe.take_events()  # What they tell of the account and the page is known.
    local_stripe.choose_bank_transfer(the_payment(opened).checkout_id)
    hear(local_stripe)
    return opened


@pytest.fixture
def page(order_id) -> str:
    return the_payment(order_id).checkout_id


def returned(stripe) -> list[int]:
    return [one["amount"] for one in stripe.get("/v1/refunds")["data"] if one["charge"] is None][::-1]


def surplus(order_id) -> tuple[int, int]:
    payment = the_payment(order_id)
    return payment.surplus_minor, payment.surplus_returned_minor


def lies_here() -> tuple[Money, Money]:
    return ledger.balance_of(Account.BUYERS_CASH), ledger.balance_of(Account.SUSPENSE)


class TestTooMuch:
    def test_it_is_sent_back_and_the_sale_goes_on(self, order_id, page, local_stripe):
        local_stripe.money_arrives(page, PRICE + 70_000)
        hear(local_stripe)

        assert the_payment(order_id).state is PaymentState.HELD
        assert surplus(order_id) == (70_000, 70_000)
        assert returned(local_stripe) == [70_000]
        assert lies_here() == (Money(0), Money(0))
        assert ledger.balance_of(Account.HELD) == Money(-PRICE)

    def test_until_then_it_lies_in_suspense_and_everybody_can_see_it(
        self, order_id, page, scene, local_stripe, as_, now
    ):
        local_stripe.fault(RETURNS, "error_before", times=2)
        local_stripe.money_arrives(page, PRICE + 70_000)
        hear(local_stripe)

        assert surplus(order_id) == (70_000, 0)
        assert lies_here() == (Money(70_000), Money(-70_000))
        (task,) = desk.tasks(at=now)
        assert (task.kind, task.amount) == (desk.TaskKind.SURPLUS, Money(70_000))
        assert task.said == "Bank transfers brought more than the price; it is being sent back."
        address = f"/orders/{order_id}"
        assert "You sent $700 more than the price. It stays yours, and goes back" in shown(
            as_(scene.buyer).get(address)
        )
        assert "more than the price" not in shown(as_(scene.seller).get(address))

        payments.reconcile(live=False, at=now + timedelta(hours=1))
        do_jobs()
        payments.reconcile(live=False, at=now + timedelta(hours=2))
        do_jobs()
        assert surplus(order_id) == (70_000, 70_000)
        assert desk.tasks(at=now) == []
        assert "The $700 that you sent beyond the price went back to your bank." in shown(as_(scene.buyer).get(address))

    def test_a_part_that_is_here_is_nobodys_surplus(self, order_id, page, local_stripe):
        local_stripe.money_arrives(page, 1_000_000)
        hear(local_stripe)

        assert surplus(order_id) == (0, 0)
        assert db.session.scalar(select(func.count()).select_from(LedgerJournal)) == 0
        assert db.session.scalar(select(func.count()).select_from(MoneyIntent)) == 0

    def test_two_transfers_of_which_the_second_brings_too_much(self, order_id, page, local_stripe):
        local_stripe.money_arrives(page, 3_000_000)
        local_stripe.money_arrives(page, 3_000_000)
        hear(local_stripe)

        assert the_payment(order_id).received_minor == PRICE
        assert surplus(order_id) == (1_750_000, 1_750_000)
        assert returned(local_stripe) == [1_750_000]

    def test_the_whole_price_sent_twice_goes_back_once(self, order_id, page, local_stripe):
        local_stripe.money_arrives(page)
        hear(local_stripe)
        local_stripe.money_arrives(page, PRICE)
        hear(local_stripe)

        assert surplus(order_id) == (PRICE, PRICE)
        assert returned(local_stripe) == [PRICE]
        assert ledger.balance_of(Account.HELD) == Money(-PRICE)

    def test_each_that_comes_later_goes_back_for_itself(self, order_id, page, local_stripe):
        local_stripe.money_arrives(page, PRICE + 100)
        hear(local_stripe)
        local_stripe.money_arrives(page, 250)
        hear(local_stripe)

        assert surplus(order_id) == (350, 350)
        assert returned(local_stripe) == [100, 250]
        names = db.session.scalars(select(MoneyIntent.dedupe).order_by(MoneyIntent.requested_at, MoneyIntent.dedupe))
        assert [name.partition(":")[2] for name in names] == ["surplus:100", "surplus:350"]

    def test_after_the_sale_it_still_goes_back(self, order_id, page, scene, local_stripe, now):
        local_stripe.money_arrives(page)
        hear(local_stripe)
        deals.accepted(order_id, scene, at=now)
        hear(local_stripe)
        local_stripe.money_arrives(page, 5_000)
        hear(local_stripe)

        assert the_payment(order_id).state is PaymentState.RELEASED
        assert (surplus(order_id), returned(local_stripe)) == ((5_000, 5_000), [5_000])

    def test_the_desk_asks_as_much_for_many_as_for_one(self, order_id, page, local_stripe, now):
        local_stripe.fault(RETURNS, "error_before")
        local_stripe.money_arrives(page, PRICE + 70_000)
        hear(local_stripe)
        with count_statements() as one:
            assert [task.kind for task in desk.tasks(at=now)] == [desk.TaskKind.SURPLUS]
        for _ in range(2):
            make_payment(
                make_order("awaiting_payment", make_scene(now), at=now), state="expired", at=now, surplus_minor=500
            )
        with count_statements() as many:
            assert [task.kind for task in desk.tasks(at=now)] == [desk.TaskKind.SURPLUS] * 3

        assert len(many) == len(one)


class TestNeverTwice:
    @pytest.mark.parametrize("fault", ["error_before", "error_after", "error_stored"])
    @pytest.mark.parametrize("forgotten", [False, True])
    def test_a_provider_that_fails_is_looked_at_first(self, order_id, page, local_stripe, now, fault, forgotten):
        local_stripe.fault(RETURNS, fault, **({"executed": True} if fault == "error_stored" else {}))
        local_stripe.money_arrives(page, PRICE + 70_000)
        hear(local_stripe)
        if forgotten:
            local_stripe.sim("prune_keys")
        for hours in (1, 2):
            payments.reconcile(live=False, at=now + timedelta(hours=hours))
            do_jobs()
        hear(local_stripe)

        assert returned(local_stripe) == [70_000]
        assert surplus(order_id) == (70_000, 70_000)

    def test_what_the_buyers_bank_does_not_take_waits_for_a_person(self, order_id, page, local_stripe, now):
        local_stripe.money_arrives(page, PRICE + 70_000)
        hear(local_stripe)
        (refund,) = [one["id"] for one in local_stripe.get("/v1/refunds")["data"]]

        local_stripe.settle_refund(refund, "failed")
        hear(local_stripe)
        hear(local_stripe)

        assert surplus(order_id) == (70_000, 0)
        assert lies_here() == (Money(70_000), Money(-70_000))
        assert returned(local_stripe) == [70_000]  # It is not sent to the same bank again by itself.
        (task,) = desk.tasks(at=now)
        assert task.said.startswith("What bank transfers brought beyond the price came back from the buyer's bank")

    def test_what_the_buyers_bank_took_is_over(self, order_id, page, local_stripe, now):
        local_stripe.money_arrives(page, PRICE + 70_000)
        hear(local_stripe)
        (refund,) = [one["id"] for one in local_stripe.get("/v1/refunds")["data"]]
        local_stripe.settle_refund(refund, "succeeded")
        hear(local_stripe)

        assert surplus(order_id) == (70_000, 70_000)
        assert payments.verify(at=now + timedelta(days=1)) == []


class TestSentAgain:
    @pytest.fixture
    def came_back(self, order_id, page, local_stripe):
        """An order whose buyer's bank did not take what was too much."""
        local_stripe.money_arrives(page, PRICE + 70_000)
        hear(local_stripe)
        not_taken(local_stripe)
        return order_id

    def test_two_presses_send_it_once(self, came_back, as_, local_stripe):
        finance, address = as_(make_staff("finance")), f"/staff/orders/{came_back}"
        page = shown(finance.get(address))
        assert "Send the surplus of $700 back to the buyer again?" in page

        assert press(finance, page, f"{address}/surplus").status_code == 303
        again = press(finance, page, f"{address}/surplus")
        do_jobs()

        assert again.status_code == 409
        assert "Nothing beyond the price waits to be sent again." in again.get_data(as_text=True)
        assert returned(local_stripe) == [70_000, 70_000]
        assert surplus(came_back) == (70_000, 70_000)
        assert lies_here() == (Money(0), Money(0))
        assert names() == ["surplus:70000", "surplus:70000:again:1"]
        assert "Send the surplus" not in shown(finance.get(address))
        assert press(finance, page, f"{address}/surplus").status_code == 409  # Nor when it has arrived.
        assert payments.verify(at=clock.now()) == []

    def test_it_is_on_record_who_pressed(self, came_back, now):
        finance = make_staff("finance")

        payments.send_surplus_again(order_id=came_back, actor_id=finance.id, at=now)

        row = db.session.execute(
            text("SELECT actor_id, data FROM audit_events WHERE kind = 'payment:surplus_sent_again'")
        ).one()
        assert (row.actor_id, row.data["amount_minor"]) == (finance.id, 70_000)

    @pytest.mark.parametrize("fault", ["error_before", "error_after", "error_stored"])
    def test_a_provider_that_fails_sends_it_once(self, came_back, scene, local_stripe, now, fault):
        local_stripe.fault(RETURNS, fault, **({"executed": True} if fault == "error_stored" else {}))

        payments.send_surplus_again(order_id=came_back, actor_id=scene.seller.id, at=now)
        for hours in (1, 2):
            do_jobs()
            payments.reconcile(live=False, at=now + timedelta(hours=hours))
        do_jobs()

        assert returned(local_stripe) == [70_000, 70_000]
        assert surplus(came_back) == (70_000, 70_000)

    def test_what_comes_back_again_can_be_sent_again_under_another_name(self, came_back, scene, local_stripe, now):
        for _ in range(2):
            payments.send_surplus_again(order_id=came_back, actor_id=scene.seller.id, at=clock.now())
            do_jobs()
            not_taken(local_stripe)

        assert surplus(came_back) == (70_000, 0)
        assert names() == ["surplus:70000", "surplus:70000:again:1", "surplus:70000:again:2"]
        (task,) = desk.tasks(at=now)
        assert task.said == (
            "What bank transfers brought beyond the price came back from the buyer's bank: ask them for another"
            " account, then send it again from the order."
        )

    def test_where_nothing_came_back_there_is_nothing_to_send(self, order_id, page, scene, as_, local_stripe, now):
        finance, address = as_(make_staff("finance")), f"/staff/orders/{order_id}"
        local_stripe.fault(RETURNS, "error_before", times=2)
        local_stripe.money_arrives(page, PRICE + 70_000)
        hear(local_stripe)
        assert surplus(order_id) == (70_000, 0)

        for other in (order_id, scene.buyer.id):  # The first sending is still under way; and no order at all.
            with pytest.raises(payments.NothingCameBack):
                payments.send_surplus_again(order_id=other, actor_id=scene.seller.id, at=now)

        assert names() == ["surplus:70000"]
        assert "Send the surplus" not in shown(finance.get(address))

    def test_it_is_finances_to_do(self, came_back, scene, as_):
        for person, status in (
            (scene.buyer, 403), (scene.seller, 403), (make_staff("auditor"), 403), (make_staff("verifier"), 403),
        ):  # fmt: skip
            browser = as_(person)
            data = {"csrf_token": token(shown(browser.get("/account")))}
            assert browser.post(f"/staff/orders/{came_back}/surplus", data=data).status_code == status

        assert names() == ["surplus:70000"]


def names() -> list[str]:
    found = db.session.scalars(select(MoneyIntent.dedupe).order_by(MoneyIntent.requested_at, MoneyIntent.dedupe))
    return [name.partition(":")[2] for name in found]


def not_taken(stripe) -> None:
    """Let the buyer's bank send the last return back, and hear of it."""
    newest = next(one["id"] for one in stripe.get("/v1/refunds")["data"] if one["charge"] is None)
    stripe.settle_refund(newest, "failed")
    hear(stripe)


class TestVerify:
    def test_cash_that_is_not_where_the_books_say_is_found(self, order_id, page, local_stripe, now):
        local_stripe.fault(RETURNS, "error_before")
        local_stripe.money_arrives(page, PRICE + 70_000)
        hear(local_stripe)
        customer = local_stripe.get(f"/v1/checkout/sessions/{page}")["customer"]
        assert payments.verify(at=now) == []
        local_stripe.edit(customer, _cash=69_999)

        (found,) = payments.verify(at=now)

        assert (found.code, found.ours, found.theirs) == (FindingCode.BOOKS_DIFFER, Money(70_000), Money(69_999))

    def test_a_payment_that_disagrees_with_the_ledger_is_found(self, order_id, page, local_stripe, now):
        local_stripe.money_arrives(page, PRICE + 70_000)
        hear(local_stripe)
        db.session.execute(update(Payment).values(surplus_returned_minor=69_999))

        assert FindingCode.STATE_AND_BOOKS_DIFFER in {one.code for one in payments.verify(at=now)}

    def test_the_database_knows_that_no_more_goes_back_than_came(self, order_id):
        with assert_refused_by("payments_surplus_is_covered"):
            db.session.execute(text("UPDATE payments SET surplus_returned_minor = 1"))

    def test_the_event_alone_leads_to_the_payment(self, order_id, page, local_stripe):
        local_stripe.money_arrives(page, PRICE + 70_000)
        hear(local_stripe, "cash_balance.funds_available")

        assert surplus(order_id) == (70_000, 70_000)
        (intent,) = db.session.scalars(select(MoneyIntent))
        assert (intent.kind, intent.state) == (IntentKind.SURPLUS, IntentState.DONE)
        assert intent.requested_at <= clock.now()

    def test_told_thin_it_is_found_as_well(self, order_id, page, local_stripe):
        local_stripe.sim("settings", thin_too=True)
        local_stripe.money_arrives(page, PRICE + 70_000)
        hear(local_stripe)

        assert (surplus(order_id), returned(local_stripe)) == ((70_000, 70_000), [70_000])
