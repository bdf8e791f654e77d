"""What the database refuses to keep of money, whoever asks it."""

from contextlib import nullcontext
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from marketplace.extensions import db, unit_of_work
from marketplace.payments import service as payments
from marketplace.payments.models import LedgerEntry, LedgerJournal, SellerAccount
from tests.factories.accounts import kept
from tests.factories.orders import make_order
from tests.factories.payments import make_payment, the_payment
from tests.support import assert_refused_by


@pytest.fixture
def order(funds_held):
    """An order whose money is held."""
    return funds_held


def send(statement: str, **values) -> None:
    db.session.execute(text(statement), values)


class TestPayments:
    @pytest.mark.parametrize(
        ("constraint", "setting"),
        [
            ("payments_amount_is_positive", "amount_minor = 0, fee_minor = 0, received_minor = 0"),
            ("payments_currency_is_iso", "currency = 'USD'"),
            ("payments_fee_is_within_the_amount", "fee_minor = amount_minor + 1"),
            ("payments_fee_is_within_the_amount", "fee_minor = -1"),
            ("payments_refunds_are_covered", "refunded_minor = received_minor + 1"),
            ("payments_refunds_are_covered", "refunded_minor = -1"),
            ("payments_transfers_are_covered", "transferred_minor = received_minor + 1"),
            ("payments_transfers_are_covered", "transferred_minor = 1, refunded_minor = received_minor"),
            ("payments_transfers_are_covered", "reversed_minor = 1"),
            ("payments_paid_means_received_in_full", "received_minor = amount_minor - 1"),
            ("payments_paid_means_received_in_full", "charge_id = NULL"),
            ("payments_method_is_one_of_ours", "method = 'barter'"),
        ],
    )
    def test_the_database_refuses(self, order, constraint, setting):
        with assert_refused_by(constraint):
            send(f"UPDATE payments SET {setting}")

    @pytest.mark.parametrize(
        "changed", [{"amount_minor": 4_249_999}, {"fee_minor": 0}, {"currency": "eur"}, {"payee_clinic_id": "buyer"}]
    )
    def test_a_payment_repeats_its_order(self, scene, now, changed):
        order = make_order("awaiting_payment", scene, at=now)
        if "payee_clinic_id" in changed:
            changed = {"payee_clinic_id": scene.clinic.id}
        with assert_refused_by("payments_match_their_order"):
            make_payment(order, at=now, **changed)

    def test_an_order_has_one_payment_that_is_worth_something(self, order, now):
        with assert_refused_by("one_active_payment_per_order"):
            make_payment(order, at=now)

    @pytest.mark.parametrize("state", ["failed", "expired"])
    def test_payments_that_ended_unpaid_do_not_count(self, scene, now, state):
        order = make_order("awaiting_payment", scene, at=now)
        for _ in range(2):
            make_payment(order, state=state, at=now)

        assert make_payment(order, at=now).state == "new"

    @pytest.mark.parametrize(
        ("constraint", "column"),
        [
            ("uq_payments_checkout_id", "checkout_id"),
            ("uq_payments_payment_reference", "payment_reference"),
            ("uq_payments_charge_id", "charge_id"),
        ],
    )
    def test_what_the_provider_names_is_named_once(self, order, now, constraint, column):
        payment = the_payment(order.id)
        send("UPDATE payments SET payment_reference = 'pi_1'")
        db.session.refresh(payment)
        with assert_refused_by(constraint):
            make_payment(order, state="failed", at=now, **{column: getattr(payment, column)})

    def test_a_clinic_has_one_account_and_an_account_one_clinic(self, scene, now):
        account = kept(SellerAccount(clinic_id=scene.seller_clinic.id, reference="acct_1", created_at=now))
        with assert_refused_by("uq_seller_accounts_clinic_id"):
            kept(SellerAccount(clinic_id=account.clinic_id, reference="acct_2", created_at=now))
        with assert_refused_by("uq_seller_accounts_reference"):
            kept(SellerAccount(clinic_id=scene.clinic.id, reference="acct_1", created_at=now))


class TestIntents:
    @pytest.fixture
    def intent_id(self, order, now):
        with unit_of_work():
            return payments.request_refund(order_id=order.id, cause="a test asks for it", at=now)

    @pytest.mark.parametrize(
        ("constraint", "setting"),
        [
            ("money_intents_attempts_count_from_one", "attempt = 0"),
            ("money_intents_done_has_a_reference", "state = 'done'"),
            ("money_intents_done_has_a_reference", "reference = 're_1'"),
        ],
    )
    def test_the_database_refuses(self, intent_id, constraint, setting):
        with assert_refused_by(constraint):
            send(f"UPDATE money_intents SET {setting}")

    @pytest.mark.parametrize(
        ("constraint", "dedupe"), [("uq_money_intents_dedupe", None), ("uq_money_intents_reference", "other")]
    )
    def test_money_moves_once_under_one_name(self, intent_id, constraint, dedupe):
        send("UPDATE money_intents SET state = 'done', reference = 're_1'")
        with assert_refused_by(constraint):
            send(
                "INSERT INTO money_intents (id, dedupe, kind, payment_id, payload, state, attempt, reference,"
                " requested_at, tries, next_try_at) SELECT :id, coalesce(:dedupe, dedupe), kind, payment_id, payload,"
                " state, attempt, CASE WHEN CAST(:dedupe AS text) IS NULL THEN 're_2' ELSE reference END,"
                " requested_at, tries, next_try_at FROM money_intents",
                id=uuid4(),
                dedupe=dedupe,
            )


class TestBooks:
    @pytest.mark.parametrize(
        "sides",
        [
            [("held", "usd", -100), ("provider_clearing", "usd", 99)],
            [("held", "usd", -100), ("provider_clearing", "eur", 100)],
            [],
        ],
    )
    def test_a_journal_balances_in_each_currency(self, order, now, sides):
        with assert_refused_by("journals_balance"):
            db.session.add(
                LedgerJournal(
                    dedupe="x",
                    kind="paid",
                    order_id=order.id,
                    at=now,
                    entries=[
                        LedgerEntry(account=account, currency=currency, amount_minor=minor)
                        for account, currency, minor in sides
                    ],
                )
            )
            db.session.flush()
            send("SET CONSTRAINTS ALL IMMEDIATE")

    @pytest.fixture
    def journal(self, order, now):
        return kept(
            LedgerJournal(
                dedupe="x",
                kind="paid",
                order_id=order.id,
                at=now,
                entries=[
                    LedgerEntry(account="held", amount_minor=-100),
                    LedgerEntry(account="provider_clearing", amount_minor=100),
                ],
            )
        )

    def test_an_entry_of_nothing_says_nothing(self, journal):
        with assert_refused_by("ledger_entries_amount_is_not_zero"):
            send(
                "INSERT INTO ledger_entries (journal_id, account, currency, amount_minor)"
                " VALUES (:id, 'suspense', 'usd', 0)",
                id=journal.id,
            )

    def test_what_happened_is_written_once(self, journal, order, now):
        with assert_refused_by("uq_ledger_journals_dedupe"):
            send(
                "INSERT INTO ledger_journals (id, dedupe, kind, order_id, at) VALUES (:id, 'x', 'paid', :order, :at)",
                id=uuid4(),
                order=order.id,
                at=now,
            )

    @pytest.mark.parametrize(("safe_from", "safe"), [(0, True), (1, False), (None, False)])
    def test_money_that_can_still_fail_is_not_called_held(self, order, now, safe_from, safe):
        known = None if safe_from is None else now + timedelta(seconds=safe_from)
        send("UPDATE payments SET release_not_before = :known", known=known)

        with nullcontext() if safe else assert_refused_by("payment_moves_held_when_safe"):
            send(
                "INSERT INTO payment_moves (id, payment_id, state, cause, at) SELECT :id, id, 'held', 'x', :at FROM payments",
                id=uuid4(),
                at=now,
            )

    @pytest.mark.parametrize("table", ["ledger_journals", "ledger_entries", "payment_moves"])
    def test_the_books_are_never_changed(self, journal, order, now, table):
        if table == "payment_moves":
            send(
                "INSERT INTO payment_moves (id, payment_id, state, cause, at) SELECT :id, id, state, 'x', :at FROM payments",
                id=uuid4(),
                at=now,
            )
        with assert_refused_by(f"{table}_is_append_only"):
            send(f"DELETE FROM {table}")
