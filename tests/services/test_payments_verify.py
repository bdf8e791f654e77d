"""Nothing is lost, or it is said what: each lie told to one of the books is found in one clear line."""

from datetime import timedelta

import pytest
from sqlalchemy import text, update

from marketplace.extensions import db, unit_of_work
from marketplace.kernel import clock
from marketplace.kernel.money import Money
from marketplace.orders import service as orders
from marketplace.orders import verifying
from marketplace.orders.models import Order
from marketplace.orders.states import OrderState
from marketplace.payments import service as payments
from marketplace.payments.books import FindingCode
from marketplace.payments.models import Payment, ProviderEvent, ProviderEventState
from marketplace.payments.states import PaymentState
from tests.factories.payments import do_jobs, the_payment
from tests.support import assert_nothing_lost


@pytest.fixture
def order_id(held):
    """An order whose money is held, of a seller who can be paid."""
    return held


def found(**given) -> list[tuple[FindingCode, str]]:
    at = clock.now()
    given = {"at": at, "grace": timedelta(0), **given}
    return [(one.code, one.said) for one in (*payments.verify(**given), *orders.verify(**given))]


def unguarded(lie: str) -> None:
    """Write what the database's guards would refuse: what is left is somebody who turned them off."""
    db.session.execute(text("SET LOCAL session_replication_role = replica"))
    db.session.execute(text(lie))
    db.session.execute(text("SET LOCAL session_replication_role = origin"))
    db.session.commit()


class TestMoney:
    def test_a_payment_a_release_and_a_refund_leave_nothing_to_find(self, order_id, local_stripe, now):
        assert_nothing_lost()
        with unit_of_work():
            payments.request_release(order_id=order_id, at=now)
        do_jobs()
        assert the_payment(order_id).state is PaymentState.RELEASED
        assert payments.verify(at=now + timedelta(days=1)) == []

    def test_a_transfer_that_somebody_else_sent_is_found(self, order_id, local_stripe, now):
        payment = the_payment(order_id)
        destination = db.session.scalar(text("SELECT reference FROM seller_accounts"))
        for number in (1, 2):
            local_stripe.usual_gateway.create_transfer(
                order_id=order_id, amount=Money(500), destination=destination, charge_id=payment.charge_id,
                transfer_group=f"order:{order_id}", step="stray", key=f"stray:{number}",
            )  # fmt: skip

        ((code, said),) = found()

        assert code is FindingCode.BOOKS_DIFFER
        assert said.startswith("transfer: nothing in our books, 2 × -$5 at the provider (tr_")

    def test_a_refund_that_somebody_else_sent_is_found_once_its_news_had_time(self, order_id, local_stripe, now):
        local_stripe.usual_gateway.refund(
            charge_id=the_payment(order_id).charge_id, amount=Money(100), step="stray", key="stray"
        )

        assert [code for code, _ in found()] == [FindingCode.BOOKS_DIFFER]
        assert found(grace=timedelta(minutes=15)) == []

    def test_a_dispute_takes_money_that_our_books_do_not_know_of(self, order_id, local_stripe):
        local_stripe.dispute(the_payment(order_id).charge_id)

        assert FindingCode.BOOKS_DIFFER in dict(found())

    def test_a_balance_that_was_paid_out_is_found(self, order_id, local_stripe):
        local_stripe.sweep()

        assert found() == [
            (
                FindingCode.BALANCE_TOO_LOW,
                "The balance at the provider is less than what is held for buyers: it was paid out.",
            )
        ]

    def test_a_charge_of_nobodys_order_is_found(self, order_id, local_stripe):
        local_stripe.edit(the_payment(order_id).charge_id, metadata={})

        assert {FindingCode.NOT_OURS, FindingCode.BOOKS_DIFFER} == set(dict(found()))

    def test_a_payment_that_disagrees_with_the_ledger_is_found(self, order_id):
        db.session.execute(update(Payment).values(transferred_minor=5))
        db.session.commit()

        assert {code for code, _ in found()} == {
            FindingCode.STATE_AND_BOOKS_DIFFER,
            FindingCode.MONEY_UNACCOUNTED,
        }

    def test_a_journal_that_does_not_balance_is_found(self, order_id):
        unguarded("UPDATE ledger_entries SET amount_minor = amount_minor + 1 WHERE account = 'provider_fees'")

        assert (FindingCode.UNBALANCED, "This journal's sides come to $0.01.") in found()

    def test_a_state_that_no_move_led_to_is_found(self, order_id):
        unguarded("DELETE FROM payment_moves WHERE state = 'held'")

        assert found() == [(FindingCode.STATE_WITHOUT_MOVE, "The payment is held, and no move led there.")]


class TestWhatIsLate:
    @pytest.mark.parametrize(("minutes", "codes"), [(14, []), (16, [FindingCode.EVENT_OVERDUE])])
    def test_an_event_that_nobody_looked_into(self, order_id, now, minutes, codes):
        _event(state=ProviderEventState.PENDING, at=now)

        late = payments.verify(at=now + timedelta(minutes=minutes))

        assert [one.code for one in late] == codes
        assert all(one.said == "charge.succeeded should have been done: nobody looked into it." for one in late)

    def test_an_event_that_was_given_up(self, order_id, now):
        _event(state=ProviderEventState.FAILED, last_error="not ours", at=now)

        assert found() == [(FindingCode.EVENT_GIVEN_UP, "charge.succeeded was given up: not ours.")]

    @pytest.mark.parametrize(("minutes", "codes"), [(15, []), (16, [FindingCode.INTENT_OVERDUE])])
    def test_a_movement_that_nobody_took_up(self, order_id, now, minutes, codes):
        with unit_of_work():
            payments.request_release(order_id=order_id, at=now)

        late = payments.verify(at=now + timedelta(minutes=minutes))

        assert [one.code for one in late] == codes
        assert all(one.said == "The release should have been tried again: nobody took it up." for one in late)


class TestOrders:
    @pytest.mark.parametrize(
        ("state", "payment", "fits"),
        [
            ("funds_held", "held", True),
            ("funds_held", None, False),
            ("settled", "released", True),
            ("settled", "held", False),
            ("refunding", "refunding", True),
            ("refunded", "refunding", False),
            ("awaiting_payment", "checkout_open", True),
            ("awaiting_payment", "paid", False),
            ("cancelled", "released", False),
            ("cancelled", "refunded", True),
        ],
    )
    def test_an_order_stands_where_its_money_stands(self, state, payment, fits):
        assert verifying._fits(OrderState(state), payment and PaymentState(payment)) is fits

    def test_is_found_with_its_number(self, order_id, now):
        number = db.session.scalar(db.select(Order.number))
        unguarded("UPDATE payments SET state = 'expired'")

        said = f"Order {number} is funds_held, and its money is not there."
        assert (FindingCode.ORDER_AND_MONEY_DIFFER, said) in found()
        assert orders.verify(at=now, grace=timedelta(minutes=15)) == []

    def test_one_whose_state_no_move_led_to_is_found(self, order_id):
        number = db.session.scalar(db.select(Order.number))
        unguarded("DELETE FROM order_moves WHERE state = 'funds_held'")

        assert found() == [(FindingCode.STATE_WITHOUT_MOVE, f"Order {number} is funds_held, and no move led there.")]


class TestCommand:
    def test_says_that_nothing_is_lost(self, app, order_id):
        result = app.test_cli_runner().invoke(args=["payments", "verify", "--grace", "0"])

        assert (result.exit_code, result.output) == (0, "Nothing is lost.\n")

    def test_names_each_finding_and_fails(self, app, order_id, local_stripe):
        local_stripe.sweep()
        unguarded("UPDATE audit_events SET kind = 'another' WHERE kind = 'payment:paid'")

        result = app.test_cli_runner().invoke(args=["payments", "verify"])

        assert result.exit_code == 1
        assert "balance_too_low: balance: The balance at the provider is less" in result.output
        assert "audit_chain: " in result.output
        assert result.output.endswith("Error: 2 things are not as they must be.\n")

    def test_a_provider_that_cannot_be_asked_is_not_a_yes(self, app, order_id, local_stripe):
        local_stripe.fault("GET /v1/balance_transactions", "error_before")

        result = app.test_cli_runner().invoke(args=["payments", "verify"])

        assert result.exit_code == 1
        assert "The payment provider could not be asked just now." in result.output


def _event(*, at, **values) -> None:
    db.session.add(
        ProviderEvent(
            event_id="evt_1", kind="charge.succeeded", object_id="ch_1", livemode=False, created_at=at,
            received_at=at, body="{}", **values,
        )
    )  # fmt: skip
    db.session.commit()
