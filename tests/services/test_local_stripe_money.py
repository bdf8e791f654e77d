"""The local Stripe's money: every cent that moves is booked, and nothing moves that is not there."""

import pytest

from marketplace.dev.stripe.server import BUFFER
from tests.factories.bank import CHARGED

FEE = 2_930


class TestPaying:
    def test_a_card_is_booked_with_its_fee_and_available_at_once(self, bank):
        charge = bank.charged(bank.charge())

        booking = bank.driver.get(f"/v1/balance_transactions/{charge['balance_transaction']}")
        assert (booking["amount"], booking["fee"], booking["net"]) == (CHARGED, FEE, CHARGED - FEE)
        assert (booking["type"], booking["status"], booking["source"]) == ("charge", "available", charge["id"])
        assert bank.balance() == (CHARGED - FEE, 0)
        assert bank.told() == [
            "customer.created",
            "payment_intent.created",
            "charge.succeeded",
            "payment_intent.succeeded",
            "checkout.session.completed",
        ]

    def test_what_clears_later_is_pending_until_then(self, bank):
        bank.driver.sim("settings", clearing_days=2)
        bank.charge()
        assert bank.balance() == (0, CHARGED - FEE)
        assert bank.driver.get("/v1/balance_transactions")["data"][0]["status"] == "pending"

        bank.driver.advance(2 * 24 * 60 * 60)

        assert bank.balance() == (CHARGED - FEE, 0)
        assert bank.driver.get("/v1/balance_transactions")["data"][0]["status"] == "available"

    def test_a_declined_card_moves_nothing(self, bank):
        bank.driver.decline_card(bank.session())

        (charge,) = bank.driver.get("/v1/charges")["data"]
        assert (charge["status"], charge["paid"], charge["failure_code"]) == ("failed", False, "card_declined")
        assert bank.balance() == (0, 0)
        assert bank.told()[-2:] == ["charge.failed", "payment_intent.payment_failed"]

    def test_a_bank_transfer_in_parts(self, bank):
        session = bank.session("customer_balance")
        bank.driver.choose_bank_transfer(session)
        bank.driver.money_arrives(session, 40_000)
        assert bank.balance() == (0, 0)
        bank.driver.money_arrives(session)

        assert bank.balance() == (CHARGED - 500, 0)
        assert bank.told()[1:] == [
            "payment_intent.created",
            "payment_intent.requires_action",
            "checkout.session.completed",
            *["customer_cash_balance_transaction.created"] * 2,
            "payment_intent.partially_funded",
            *["customer_cash_balance_transaction.created"] * 2,
            "charge.succeeded",
            "payment_intent.succeeded",
            "checkout.session.async_payment_succeeded",
        ]

    def test_a_small_bank_transfer_costs_half_a_percent(self, bank):
        session = bank.session("customer_balance")
        bank.driver.choose_bank_transfer(session)
        intent = bank.driver.get(f"/v1/checkout/sessions/{session}")["payment_intent"]
        action = bank.driver.get(f"/v1/payment_intents/{intent}")["next_action"]
        action["display_bank_transfer_instructions"]["amount_remaining"] = 1_000
        bank.driver.edit(intent, amount=1_000, next_action=action)
        bank.driver.money_arrives(session)

        assert bank.driver.get("/v1/balance_transactions")["data"][0]["fee"] == 5

    def test_money_arrives_only_where_it_is_waited_for(self, bank):
        session = bank.session("customer_balance")
        assert bank.http.post(f"/_sim/checkouts/{session}/arrive", json={}).status_code == 404
        bank.driver.choose_bank_transfer(session)
        bank.driver.money_arrives(session)

        assert bank.http.post(f"/_sim/checkouts/{session}/arrive", json={}).status_code == 400


class TestTransfers:
    @pytest.mark.parametrize(("amount", "status"), [(CHARGED, 200), (CHARGED + 1, 400)])
    def test_up_to_the_charge(self, bank, amount, status):
        assert bank.send(bank.seller(), amount, source_transaction=bank.charge()).status_code == status

    def test_what_was_reversed_may_be_sent_again(self, bank):
        seller, charge = bank.seller(), bank.charge()
        sent = bank.send(seller, CHARGED, source_transaction=charge).json()["id"]
        bank.done(f"/v1/transfers/{sent}/reversals", amount=1)

        assert bank.send(seller, 2, source_transaction=charge).status_code == 400
        assert bank.send(seller, 1, source_transaction=charge).status_code == 200

    def test_what_was_refunded_is_not_sent(self, bank):
        seller, charge = bank.seller(), bank.charge()
        bank.done("/v1/refunds", charge=charge, amount=1)

        assert bank.send(seller, CHARGED, source_transaction=charge).status_code == 400
        assert bank.send(seller, CHARGED - 1, source_transaction=charge).status_code == 200

    def test_a_pending_charge_may_be_sent_on(self, bank):
        bank.driver.sim("settings", clearing_days=2)
        seller, charge = bank.seller(), bank.charge()
        bank.driver.sweep()

        assert bank.send(seller, CHARGED, source_transaction=charge).status_code == 200

    @pytest.mark.parametrize(("amount", "status"), [(BUFFER, 200), (BUFFER + 1, 400)])
    def test_without_a_charge_only_what_is_available(self, bank, amount, status):
        answer = bank.send(bank.seller(), amount)

        assert answer.status_code == status
        assert bank.balance() == (-BUFFER if status == 200 else 0, 0)

    def test_nothing_from_a_balance_that_was_swept(self, bank):
        seller, charge = bank.seller(), bank.charge()
        bank.driver.sweep()

        error = bank.send(seller, 1, source_transaction=charge).json()["error"]

        assert error["code"] == "balance_insufficient"
        bank.driver.sweep(-1)
        assert bank.send(seller, 1, source_transaction=charge).status_code == 200

    @pytest.mark.parametrize(
        "change", [{"currency": "eur"}, {"destination": "acct_0"}, {"amount": 0}, {"source_transaction": "ch_0"}]
    )
    def test_refuses(self, bank, change):
        form = {"amount": 1, "currency": "usd", "destination": bank.seller(), "source_transaction": bank.charge()}

        assert "error" in bank.post("/v1/transfers", **(form | change)).json()
        assert bank.driver.get("/v1/transfers")["data"] == []

    def test_a_failed_charge_is_no_source(self, bank):
        bank.driver.decline_card(bank.session())
        charge = bank.driver.get("/v1/charges")["data"][0]["id"]

        assert bank.send(bank.seller(), 1, source_transaction=charge).status_code == 400

    def test_an_account_that_never_asked_is_not_paid(self, bank):
        account = bank.http.post("/v2/core/accounts", json={}).json()["id"]

        error = bank.send(account, 1).json()["error"]

        assert error["code"] == "insufficient_capabilities_for_transfer"


class TestReversals:
    @pytest.fixture
    def sent(self, bank) -> dict:
        return bank.send(bank.seller(), 10_000, source_transaction=bank.charge()).json()

    def test_all_that_is_left_is_the_usual_amount(self, bank, sent):
        path = f"/v1/transfers/{sent['id']}/reversals"
        bank.done(path, amount=4_000)
        before = bank.balance()[0]

        back = bank.done(path)

        assert (back["amount"], back["transfer"]) == (6_000, sent["id"])
        assert bank.balance()[0] - before == 6_000
        transfer = bank.driver.get(f"/v1/transfers/{sent['id']}")
        assert (transfer["amount_reversed"], transfer["reversed"]) == (10_000, True)
        assert [item["amount"] for item in transfer["reversals"]["data"]] == [6_000, 4_000]
        assert bank.told()[-2:] == ["transfer.reversed", "transfer.reversed"]

    def test_no_more_than_is_left(self, bank, sent):
        bank.refused(f"/v1/transfers/{sent['id']}/reversals", amount=10_001)
        bank.done(f"/v1/transfers/{sent['id']}/reversals")
        bank.refused(f"/v1/transfers/{sent['id']}/reversals")

        assert len(bank.driver.get(f"/v1/transfers/{sent['id']}/reversals")["data"]) == 1

    @pytest.mark.parametrize(("spent", "status"), [(4_000, 200), (4_001, 400)])
    def test_no_more_than_the_seller_has(self, bank, sent, spent, status):
        bank.driver.spend(sent["destination"], spent)

        assert bank.post(f"/v1/transfers/{sent['id']}/reversals", amount=6_000).status_code == status


class TestRefunds:
    def test_in_parts_up_to_the_charge(self, bank):
        charge = bank.charge()
        bank.done("/v1/refunds", charge=charge, amount=40_000)
        assert bank.charged(charge)["refunded"] is False
        rest = bank.done("/v1/refunds", charge=charge)

        assert rest["amount"] == 60_000
        assert bank.charged(charge)["refunded"] is True
        assert bank.balance() == (-FEE, 0)
        error = bank.refused("/v1/refunds", charge=charge)
        assert error["code"] == "charge_already_refunded"
        assert bank.told()[-4:] == ["refund.created", "charge.refunded"] * 2

    def test_pending_while_short_and_then_paid(self, bank):
        charge = bank.charge()
        bank.driver.sweep()
        refund = bank.done("/v1/refunds", charge=charge)
        assert (refund["status"], refund["pending_reason"]) == ("pending", "insufficient_funds")
        assert (refund["balance_transaction"], bank.balance()) == (None, (-BUFFER, 0))

        bank.driver.settle_refund(refund["id"], "succeeded")

        assert bank.balance() == (-BUFFER - CHARGED, 0)
        assert bank.told()[-1] == "refund.updated"

    def test_pending_while_short_and_then_failed(self, bank):
        charge = bank.charge()
        bank.driver.sweep()
        refund = bank.done("/v1/refunds", charge=charge)

        bank.driver.settle_refund(refund["id"], "failed")

        assert (bank.charged(charge)["amount_refunded"], bank.charged(charge)["refunded"]) == (0, False)
        assert bank.told()[-1] == "refund.failed"
        again = bank.http.post(f"/_sim/refunds/{refund['id']}/settle", json={"outcome": "succeeded"})
        assert again.status_code == 400

    def test_not_while_disputed(self, bank):
        charge = bank.charge()
        bank.driver.dispute(charge)

        assert bank.refused("/v1/refunds", charge=charge)["code"] == "charge_disputed"


class TestDisputes:
    def test_the_money_leaves_at_once_with_a_fee(self, bank):
        charge = bank.charge()
        before = bank.balance()[0]
        dispute = bank.driver.dispute(charge)

        assert bank.balance()[0] - before == -CHARGED - 1_500
        assert bank.charged(charge)["disputed"] is True
        shown = bank.driver.get(f"/v1/disputes/{dispute}")
        assert (shown["status"], shown["amount"], shown["charge"]) == ("needs_response", CHARGED, charge)
        assert bank.told()[-2:] == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]

    @pytest.mark.parametrize(
        ("outcome", "back", "told"),
        [
            ("won", CHARGED, ["charge.dispute.funds_reinstated", "charge.dispute.closed"]),
            ("lost", 0, ["charge.dispute.closed"]),
        ],
    )
    def test_is_decided_once(self, bank, outcome, back, told):
        dispute = bank.driver.dispute(bank.charge())
        before = bank.balance()[0]
        bank.told()

        bank.driver.settle_dispute(dispute, outcome)

        assert bank.driver.get(f"/v1/disputes/{dispute}")["status"] == outcome
        assert bank.balance()[0] - before == back
        assert bank.told() == told
        again = bank.http.post(f"/_sim/disputes/{dispute}/settle", json={"outcome": outcome})
        assert again.status_code == 400

    def test_a_charge_is_disputed_once(self, bank):
        charge = bank.charge()
        bank.driver.dispute(charge)

        assert bank.http.post(f"/_sim/charges/{charge}/dispute", json={}).status_code == 400


class TestBalance:
    def test_every_booking_adds_up(self, bank):
        seller, charge = bank.seller(), bank.charge()
        sent = bank.send(seller, 50_000, source_transaction=charge).json()["id"]
        bank.done(f"/v1/transfers/{sent}/reversals", amount=20_000)
        bank.done("/v1/refunds", charge=charge, amount=10_000)
        bank.driver.settle_dispute(bank.driver.dispute(charge), "won")
        bank.driver.sweep(5_000)

        booked = {
            (booking["type"], booking["reporting_category"]): booking["net"]
            for booking in bank.driver.get("/v1/balance_transactions", limit=100)["data"]
        }
        assert booked == {
            ("topup", "topup"): BUFFER,
            ("charge", "charge"): CHARGED - FEE,
            ("transfer", "transfer"): -50_000,
            ("transfer_refund", "transfer_reversal"): 20_000,
            ("refund", "refund"): -10_000,
            # The bank asks for what has not gone back yet.
            ("adjustment", "dispute"): -(CHARGED - 10_000) - 1_500,
            ("adjustment", "dispute_reversal"): CHARGED - 10_000,
            ("payout", "payout"): -5_000,
        }
        assert bank.balance()[0] + BUFFER == sum(booked.values())

    def test_an_empty_balance_is_swept_of_nothing(self, bank):
        bank.driver.sweep()
        bank.driver.sweep()

        assert len(bank.driver.get("/v1/balance_transactions")["data"]) == 2


class TestSellers:
    def test_shows_only_what_is_asked_for(self, bank):
        seller = bank.seller()
        path = f"/v2/core/accounts/{seller}"

        plain = bank.driver.get(path)
        full = bank.driver.get(
            path,
            **{
                "include[0]": "configuration.recipient",
                "include[1]": "requirements",
                "include[2]": "identity",
                "include[3]": "defaults",
            },
        )

        parts = ("configuration", "requirements", "identity", "defaults")
        assert [plain[part] for part in parts] == [None] * 4
        assert None not in [full[part] for part in parts]
        assert "error" in bank.http.get(path, params={"include[0]": "secrets"}).json()

    def test_a_platform_that_answers_for_no_losses_cannot_hold_money(self, bank):
        body = {"defaults": {"responsibilities": {"losses_collector": "stripe"}}}

        assert bank.http.post("/v2/core/accounts", json=body).status_code == 400

    def test_only_onboarding_links(self, bank):
        body = {"account": bank.seller(), "use_case": {"type": "account_update"}}
        assert bank.http.post("/v2/core/account_links", json=body).status_code == 400
        body["use_case"]["account_onboarding"] = {"refresh_url": "http://shop.test/f"}

        assert bank.http.post("/v2/core/account_links", json=body).json()["error"]["param"] == "use_case[type]"

    def test_no_status_that_stripe_does_not_know(self, bank):
        answer = bank.http.post(f"/_sim/accounts/{bank.seller()}", json={"status": "asleep"})

        assert answer.status_code == 400
