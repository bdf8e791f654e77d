"""The local Stripe and cash: what a buyer sent beyond the price is theirs, is told, and can be sent back."""

import pytest

from tests.factories.bank import CHARGED

CASH = "customer_cash_balance_transaction.created"


@pytest.fixture
def page(bank) -> str:
    """A payment page whose buyer was told where to send the money."""
    session = bank.session("customer_balance")
    bank.driver.choose_bank_transfer(session)
    bank.told()
    return session


@pytest.fixture
def customer(bank, page) -> str:
    return bank.driver.get(f"/v1/checkout/sessions/{page}")["customer"]


def cash(bank, customer) -> int:
    balance = bank.driver.get(f"/v1/customers/{customer}/cash_balance")
    assert (balance["customer"], balance["settings"]["reconciliation_mode"]) == (customer, "automatic")
    return (balance["available"] or {"usd": 0})["usd"]


def moves(bank, customer) -> list[tuple[str, int, int]]:
    listed = bank.driver.get(f"/v1/customers/{customer}/cash_balance_transactions")
    return [(moved["type"], moved["net_amount"], moved["ending_balance"]) for moved in listed["data"][::-1]]


def give_back(bank, customer, amount, **more):
    return bank.post(
        "/v1/refunds",
        **{"customer": customer, "origin": "customer_balance", "amount": amount, "currency": "usd", **more},
    )


class TestTooMuch:
    def test_what_is_owed_is_taken_and_the_rest_stays(self, bank, page, customer):
        bank.driver.money_arrives(page, CHARGED + 700)

        assert moves(bank, customer) == [
            ("funded", CHARGED + 700, CHARGED + 700),
            ("applied_to_payment", -CHARGED, 700),
        ]
        assert cash(bank, customer) == 700
        assert bank.balance() == (CHARGED - 500, 0)
        assert bank.told() == [
            CASH,
            CASH,
            "charge.succeeded",
            "payment_intent.succeeded",
            "checkout.session.async_payment_succeeded",
            "cash_balance.funds_available",
        ]

    def test_a_second_transfer_for_what_is_paid_is_all_too_much(self, bank, page, customer):
        bank.driver.money_arrives(page)
        bank.told()

        bank.driver.money_arrives(page, CHARGED)

        assert cash(bank, customer) == CHARGED
        assert bank.balance() == (CHARGED - 500, 0)
        assert len(bank.driver.get("/v1/charges")["data"]) == 1
        assert bank.told() == [CASH, "cash_balance.funds_available"]

    def test_two_transfers_that_make_more_than_the_price(self, bank, page, customer):
        bank.driver.money_arrives(page, 60_000)
        bank.driver.money_arrives(page, 60_000)

        assert moves(bank, customer) == [
            ("funded", 60_000, 60_000),
            ("applied_to_payment", -60_000, 0),
            ("funded", 60_000, 60_000),
            ("applied_to_payment", -40_000, 20_000),
        ]
        assert cash(bank, customer) == 20_000

    def test_a_movement_says_where_it_came_from_and_went(self, bank, page, customer):
        bank.driver.money_arrives(page, CHARGED)

        applied, funded = bank.driver.get(f"/v1/customers/{customer}/cash_balance_transactions")["data"]
        intent = bank.driver.get(f"/v1/checkout/sessions/{page}")["payment_intent"]
        assert applied["applied_to_payment"] == {"payment_intent": intent}
        assert funded["funded"]["bank_transfer"]["reference"] == page[-8:].upper()
        one = f"/v1/customers/{customer}/cash_balance_transactions/{funded['id']}"
        assert bank.driver.get(one) == funded

    def test_of_another_customer_it_is_not_shown(self, bank, page, customer):
        bank.driver.money_arrives(page)
        moved = bank.driver.get(f"/v1/customers/{customer}/cash_balance_transactions")["data"][0]
        stranger = bank.done("/v1/customers")["id"]

        assert bank.driver.get(f"/v1/customers/{stranger}/cash_balance_transactions")["data"] == []
        assert bank.http.get(f"/v1/customers/{stranger}/cash_balance_transactions/{moved['id']}").status_code == 404
        assert bank.http.get("/v1/customers/cus_0/cash_balance_transactions").status_code == 404

    def test_nobody_sends_to_an_account_they_were_never_told(self, bank):
        session = bank.session()
        bank.driver.pay_by_card(session)

        assert bank.http.post(f"/_sim/checkouts/{session}/arrive", json={"amount": 5}).status_code == 400


class TestGivingItBack:
    @pytest.fixture(autouse=True)
    def _surplus(self, bank, page):
        bank.driver.money_arrives(page, CHARGED + 700)
        bank.told()

    def test_it_leaves_the_cash_at_once_and_the_platforms_balance_never(self, bank, customer):
        refund = give_back(bank, customer, 700, **{"metadata[step]": "surplus"}).json()

        assert (refund["status"], refund["pending_reason"]) == ("pending", "processing")
        assert (refund["charge"], refund["payment_intent"], refund["balance_transaction"]) == (None, None, None)
        assert (refund["customer"], refund["amount"], refund["metadata"]) == (customer, 700, {"step": "surplus"})
        assert refund["destination_details"]["us_bank_transfer"]["reference_status"] == "pending"
        assert cash(bank, customer) == 0
        assert moves(bank, customer)[-1] == ("return_initiated", -700, 0)
        assert bank.balance() == (CHARGED - 500, 0)
        assert bank.told() == [CASH, "refund.created"]

    def test_it_arrives(self, bank, customer):
        refund = give_back(bank, customer, 700).json()["id"]
        bank.told()

        bank.driver.settle_refund(refund, "succeeded")

        seen = bank.driver.get(f"/v1/refunds/{refund}")
        assert (seen["status"], "pending_reason" in seen) == ("succeeded", False)
        assert seen["destination_details"]["us_bank_transfer"]["reference_status"] == "available"
        assert cash(bank, customer) == 0
        assert bank.balance() == (CHARGED - 500, 0)
        assert bank.told() == ["refund.updated"]

    def test_it_comes_back(self, bank, customer):
        refund = give_back(bank, customer, 700).json()["id"]
        bank.told()

        bank.driver.settle_refund(refund, "failed")

        seen = bank.driver.get(f"/v1/refunds/{refund}")
        assert (seen["status"], seen["failure_reason"]) == ("failed", "declined")
        assert moves(bank, customer)[-1] == ("return_canceled", 700, 700)
        assert bank.told() == [CASH, "refund.failed"]

    def test_it_may_wait_for_the_buyer_to_say_which_bank(self, bank, customer):
        refund = give_back(bank, customer, 700).json()["id"]
        bank.driver.settle_refund(refund, "requires_action")

        asked = bank.driver.get(f"/v1/refunds/{refund}")
        assert (asked["status"], asked["next_action"]["type"]) == ("requires_action", "display_details")
        assert cash(bank, customer) == 0

        bank.driver.settle_refund(refund, "succeeded")

        seen = bank.driver.get(f"/v1/refunds/{refund}")
        assert (seen["status"], "next_action" in seen) == ("succeeded", False)

    def test_what_arrived_does_not_move_again(self, bank, customer):
        refund = give_back(bank, customer, 700).json()["id"]
        bank.driver.settle_refund(refund, "succeeded")

        answer = bank.http.post(f"/_sim/refunds/{refund}/settle", json={"outcome": "failed"})

        assert (answer.status_code, cash(bank, customer)) == (400, 0)

    @pytest.mark.parametrize(
        "wrong",
        [
            {"amount": 701},
            {"amount": 0},
            {"amount": ""},
            {"currency": "eur"},
            {"currency": ""},
            {"origin": "charge"},
            {"origin": ""},
            {"colour": "red"},
        ],
    )
    def test_never_more_than_there_is(self, bank, customer, wrong):
        answer = give_back(bank, customer, **({"amount": 700} | wrong))

        assert answer.status_code == 400
        assert cash(bank, customer) == 700
        assert bank.driver.get("/v1/refunds")["data"] == []
        assert bank.told() == []

    def test_a_repeated_request_sends_once(self, bank, customer):
        form = {"customer": customer, "origin": "customer_balance", "amount": 300, "currency": "usd"}
        answers = [
            bank.http.post("/v1/refunds", data=form, headers={"Idempotency-Key": "surplus:1"}).json()["id"]
            for _ in range(2)
        ]

        assert (len(set(answers)), cash(bank, customer)) == (1, 400)

    def test_a_refund_of_a_charge_waits_for_no_bank(self, bank):
        charge = bank.driver.get("/v1/charges")["data"][0]["id"]
        bank.driver.sweep()
        refund = bank.done("/v1/refunds", charge=charge)["id"]

        answer = bank.http.post(f"/_sim/refunds/{refund}/settle", json={"outcome": "requires_action"})

        assert answer.status_code == 400
