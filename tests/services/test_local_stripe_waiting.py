"""The local Stripe and what does not end at once: bank debits that are answered in days, and banks that ask first."""

from datetime import UTC, datetime

import pytest

from marketplace.kernel.days import working_days_after
from tests.factories.bank import CHARGED

DAY = 24 * 60 * 60


@pytest.fixture
def drawn(bank) -> str:
    """A page on which a bank debit was chosen."""
    session = bank.session("us_bank_account")
    bank.driver.choose_bank_debit(session)
    return session


def stands(bank, session) -> tuple[str, str, str]:
    page = bank.driver.get(f"/v1/checkout/sessions/{session}")
    return page["status"], page["payment_status"], intent(bank, session)["status"]


def intent(bank, session) -> dict:
    return bank.driver.get(
        f"/v1/payment_intents/{bank.driver.get(f'/v1/checkout/sessions/{session}')['payment_intent']}"
    )


def only_charge(bank) -> dict:
    (charge,) = bank.driver.get("/v1/charges")["data"]
    return charge


class TestBankDebit:
    def test_is_no_money_before_the_bank_has_answered(self, bank, drawn):
        assert stands(bank, drawn) == ("complete", "unpaid", "processing")
        charge = only_charge(bank)
        assert (charge["status"], charge["paid"], charge["balance_transaction"]) == ("pending", False, None)
        assert charge["id"].startswith("py_")
        assert bank.balance() == (0, 0)
        assert bank.told()[1:] == [
            "payment_intent.created",
            "charge.pending",
            "payment_intent.processing",
            "checkout.session.completed",
        ]

    def test_is_answered_after_four_working_days(self, bank, drawn):
        now = bank.driver.sim("clock", seconds=0)["now"]
        due = working_days_after(datetime.fromtimestamp(now, UTC), 4).timestamp()
        bank.driver.advance(int(due - now) - 60)
        assert stands(bank, drawn) == ("complete", "unpaid", "processing")

        bank.driver.advance(120)

        assert stands(bank, drawn) == ("complete", "paid", "succeeded")

    def test_succeeds(self, bank, drawn):
        bank.told()

        bank.driver.settle_debit(drawn, "succeeded")

        assert stands(bank, drawn) == ("complete", "paid", "succeeded")
        charge = only_charge(bank)
        assert (charge["status"], charge["paid"]) == ("succeeded", True)
        assert bank.balance() == (CHARGED - 500, 0)
        assert bank.told() == [
            "charge.succeeded",
            "payment_intent.succeeded",
            "checkout.session.async_payment_succeeded",
        ]

    def test_or_fails(self, bank, drawn):
        bank.told()

        bank.driver.settle_debit(drawn, "failed")

        assert stands(bank, drawn) == ("complete", "unpaid", "requires_payment_method")
        charge = only_charge(bank)
        assert (charge["status"], charge["paid"], charge["captured"]) == ("failed", False, False)
        assert intent(bank, drawn)["last_payment_error"]["charge"] == charge["id"]
        assert bank.balance() == (0, 0)
        assert bank.told() == [
            "charge.failed",
            "payment_intent.payment_failed",
            "checkout.session.async_payment_failed",
        ]

    def test_fails_in_its_time_when_that_was_chosen(self, bank):
        bank.driver.sim("settings", debit_days=1)
        session = bank.session("us_bank_account")
        bank.driver.choose_bank_debit(session, failing=True)
        assert stands(bank, session) == ("complete", "unpaid", "processing")

        bank.driver.advance(4 * DAY)

        assert stands(bank, session) == ("complete", "unpaid", "requires_payment_method")

    @pytest.mark.parametrize("outcome", ["succeeded", "failed"])
    def test_is_answered_once(self, bank, drawn, outcome):
        bank.driver.settle_debit(drawn, outcome)
        bank.told()

        answer = bank.http.post(f"/_sim/checkouts/{drawn}/settle", json={"outcome": "succeeded"})

        assert (answer.status_code, bank.told()) == (400, [])
        assert len(bank.driver.get("/v1/charges")["data"]) == 1

    def test_is_answered_with_yes_or_no(self, bank, drawn):
        assert bank.http.post(f"/_sim/checkouts/{drawn}/settle", json={"outcome": "maybe"}).status_code == 400
        assert stands(bank, drawn) == ("complete", "unpaid", "processing")

    def test_cannot_be_taken_back_by_closing_its_page(self, bank, drawn):
        assert bank.post(f"/v1/checkout/sessions/{drawn}/expire").status_code == 400

    def test_a_small_one_costs_less(self, bank, drawn):
        bank.driver.edit(intent(bank, drawn)["id"], amount=10_000)
        bank.driver.settle_debit(drawn, "succeeded")

        assert bank.driver.get("/v1/balance_transactions")["data"][0]["fee"] == 80

    @pytest.mark.parametrize("reason", [None, "incorrect_account_details", "bank_cannot_process"])
    def test_may_fail_after_it_had_succeeded_and_nobody_can_object(self, bank, drawn, reason):
        bank.driver.settle_debit(drawn, "succeeded")
        bank.told()

        dispute = bank.driver.dispute(only_charge(bank)["id"], reason)

        seen = bank.driver.get(f"/v1/disputes/{dispute}")
        assert (seen["status"], seen["reason"]) == ("lost", reason or "insufficient_funds")
        assert only_charge(bank)["disputed"] is True
        assert bank.balance() == (-500 - 1_500, 0)
        assert bank.told() == [
            "charge.dispute.created",
            "charge.dispute.funds_withdrawn",
            "charge.dispute.closed",
        ]
        assert bank.http.post(f"/_sim/disputes/{dispute}/settle", json={"outcome": "won"}).status_code == 400

    def test_is_not_disputed_while_it_is_on_its_way(self, bank, drawn):
        assert bank.http.post(f"/_sim/charges/{only_charge(bank)['id']}/dispute", json={}).status_code == 400

    def test_is_disputed_for_reasons_of_its_own(self, bank, drawn):
        bank.driver.settle_debit(drawn, "succeeded")
        charge = only_charge(bank)["id"]

        answer = bank.http.post(f"/_sim/charges/{charge}/dispute", json={"reason": "product_not_received"})

        assert (answer.status_code, bank.driver.get("/v1/disputes")["data"]) == (400, [])


class TestTheBankAsksFirst:
    @pytest.fixture
    def asked(self, bank) -> str:
        session = bank.session()
        bank.driver.challenge_card(session)
        return session

    def test_nothing_is_charged_meanwhile(self, bank, asked):
        assert stands(bank, asked) == ("open", "unpaid", "requires_action")
        assert intent(bank, asked)["next_action"]["redirect_to_url"]["url"].endswith(f"/c/pay/{asked}/challenge")
        assert bank.driver.get("/v1/charges")["data"] == []
        assert bank.told()[1:] == ["payment_intent.created", "payment_intent.requires_action"]

    def test_a_proof_is_noted_on_the_charge(self, bank, asked):
        bank.told()

        bank.driver.answer_challenge(asked, approved=True)

        assert stands(bank, asked) == ("complete", "paid", "succeeded")
        proof = only_charge(bank)["payment_method_details"]["card"]["three_d_secure"]
        assert (proof["authentication_flow"], proof["result"]) == ("challenge", "authenticated")
        assert intent(bank, asked)["next_action"] is None
        assert bank.told() == ["charge.succeeded", "payment_intent.succeeded", "checkout.session.completed"]

    def test_without_a_proof_the_page_stays_open(self, bank, asked):
        bank.told()

        bank.driver.answer_challenge(asked, approved=False)

        assert stands(bank, asked) == ("open", "unpaid", "requires_payment_method")
        failed = intent(bank, asked)
        assert failed["last_payment_error"]["code"] == "payment_intent_authentication_failure"
        assert failed["next_action"] is None
        assert bank.driver.get("/v1/charges")["data"] == []
        assert bank.told() == ["payment_intent.payment_failed"]

    def test_another_card_ends_the_question(self, bank, asked):
        bank.driver.pay_by_card(asked)

        answer = bank.http.post(f"/_sim/checkouts/{asked}/challenge", json={"approved": True})

        assert answer.status_code == 400
        assert only_charge(bank)["payment_method_details"]["card"]["three_d_secure"] is None

    def test_a_closed_page_asks_nobody(self, bank, asked):
        bank.done(f"/v1/checkout/sessions/{asked}/expire")

        assert bank.http.post(f"/_sim/checkouts/{asked}/challenge", json={"approved": True}).status_code == 400
        assert intent(bank, asked)["next_action"] is None
        assert bank.driver.get("/v1/charges")["data"] == []
