"""The local Stripe's console: everything a developer may do to it, as forms that need no scripts."""

import re
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import httpx
import pytest

from marketplace.dev.stripe.server import BUFFER, POLICY
from marketplace.dev.stripe.sim import FAULT_ROUTES
from tests.factories.bank import CHARGED
from tests.patience import let_end


class Console:
    """The page in a browser without scripts."""

    def __init__(self, base_url):
        self.base_url = base_url
        self.http = httpx.Client(base_url=base_url, trust_env=False, headers={"Origin": base_url})

    def text(self) -> str:
        page = self.http.get("/console")
        assert page.status_code == 200
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.text))

    def done(self, action, **form) -> str:
        answer = self.http.post(f"/console/{action}", data=form)
        assert answer.status_code == 303, answer.text
        page = self.http.get(answer.headers["Location"].partition("#")[0])
        return re.search(r'role="status" class="done">([^<]+)<', page.text)[1]

    def refused(self, action, **form) -> tuple[int, str]:
        answer = self.http.post(f"/console/{action}", data=form)
        return answer.status_code, re.search(r'role="alert" class="problem">([^<]+)<', answer.text)[1]


@pytest.fixture
def console(stripe_alone):
    console = Console(stripe_alone.base_url)
    yield console
    console.http.close()


class TestThePage:
    def test_says_that_no_money_is_real_and_carries_no_script(self, console):
        page = console.http.get("/console")

        assert "<strong>TEST PAYMENTS</strong> – no real money." in page.text
        assert "<h1>TEST PAYMENTS: the console</h1>" in page.text
        assert page.headers["Content-Security-Policy"] == POLICY
        assert "script" not in page.text.lower()
        assert "style=" not in page.text

    def test_is_found_from_home(self, console):
        assert 'href="/console"' in console.http.get("/").text

    def test_of_an_empty_house_says_so(self, console):
        text = console.text()

        for words in (
            "The time of this machine.",
            "$50,000 Nothing is still to come.",
            "Nothing waits for a bank.",
            "No seller has an account yet.",
            "Nothing was paid yet.",
            "No bank took anything back.",
            "Nothing has happened yet.",
        ):
            assert words in text

    def test_what_was_said_is_among_what_can_be_said(self, console):
        page = console.http.get("/console?said=you+won")

        assert 'role="status"' not in page.text
        assert "you won" not in page.text

    def test_forms_of_other_pages_press_nothing_here(self, console, stripe_alone):
        for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
            answer = console.http.post("/console/clock", data={"seconds": "60"}, headers={"Origin": origin})
            assert answer.status_code == 403

        assert "The time of this machine." in console.text()


class TestTimeAndMoney:
    def test_the_clock(self, console):
        assert console.done("clock", seconds="3600") == "The clock was moved."
        assert "1:00 h ahead of this machine." in console.text()
        console.done("clock", seconds=str(2 * 86_400 - 3_600))
        assert "2 days ahead of this machine." in console.text()

    def test_the_balance_goes_out_and_comes_in(self, console, bank):
        assert console.done("sweep", amount="$1,000", direction="out") == "The balance was moved."
        assert bank.balance() == (-100_000, 0)
        console.done("sweep", amount="1,500", direction="in")
        assert bank.balance() == (50_000, 0)
        assert "payout -$1,000" in console.text()

    @pytest.mark.parametrize("typed", ["a lot", "-5"])
    def test_an_amount_that_is_none_moves_nothing(self, console, bank, typed):
        refusal = console.refused("sweep", amount=typed, direction="out")

        assert refusal == (422, "Write an amount such as $42,500 or 42500.00.")
        assert bank.balance() == (0, 0)

    def test_charges_that_clear_later_are_still_to_come(self, console, bank):
        console.done("settings", webhooks="hold", thin_too="false", clearing_days="2", debit_days="4")
        bank.charge()

        assert "$970.70 more is not available yet." in console.text()


class TestBanks:
    def test_a_debit_is_answered(self, console, bank):
        first, second = bank.session("us_bank_account"), bank.session("us_bank_account")
        bank.driver.choose_bank_debit(first)
        bank.driver.choose_bank_debit(second)
        assert console.text().count("bank debit $1,000 for A lens, answered") == 2

        assert console.done(f"checkouts/{first}/settle", outcome="succeeded") == "The bank has spoken."
        console.done(f"checkouts/{second}/settle", outcome="failed")

        assert "Nothing waits for a bank." in console.text()
        assert bank.balance() == (CHARGED - 500, 0)
        assert console.refused(f"checkouts/{second}/settle", outcome="succeeded")[0] == 400
        assert bank.balance() == (CHARGED - 500, 0)

    def test_a_transfer_arrives_in_parts(self, console, bank):
        session = bank.session("customer_balance")
        bank.driver.choose_bank_transfer(session)
        console.done(f"checkouts/{session}/arrive", amount="400")
        assert "bank transfer $600 to come for A lens" in console.text()

        console.done(f"checkouts/{session}/arrive", amount="")

        assert bank.balance() == (CHARGED - 500, 0)

    def test_a_bank_that_asks_first_is_not_waited_for_here(self, console, bank):
        bank.driver.challenge_card(bank.session())

        assert "Nothing waits for a bank." in console.text()

    def test_a_refund_that_waits_is_settled(self, console, bank):
        charge = bank.charge()
        bank.driver.sweep()
        refund = bank.done("/v1/refunds", charge=charge)["id"]
        assert "refund $1,000 is pending It arrives It comes back" in console.text()

        assert console.done(f"refunds/{refund}/settle", outcome="failed") == "The refund is settled."

        assert bank.charged(charge)["amount_refunded"] == 0

    def test_a_surplus_going_back_may_need_the_buyer(self, console, bank):
        session = bank.session("customer_balance")
        bank.driver.choose_bank_transfer(session)
        bank.driver.money_arrives(session, CHARGED + 500)
        customer = bank.driver.get(f"/v1/checkout/sessions/{session}")["customer"]
        refund = bank.done("/v1/refunds", customer=customer, origin="customer_balance", amount=500, currency="usd")
        assert "is pending : surplus of a bank transfer" in console.text().replace("pending:", "pending :")

        console.done(f"refunds/{refund['id']}/settle", outcome="requires_action")

        assert "$5 is requires action" in console.text()

    def test_a_dispute_is_opened_and_decided(self, console, bank):
        charge = bank.charge()
        assert console.done(f"charges/{charge}/dispute", reason="fraudulent") == "The dispute is open."
        (dispute,) = bank.driver.get("/v1/disputes")["data"]
        assert (dispute["reason"], dispute["status"]) == ("fraudulent", "needs_response")
        assert "needs response fraudulent" in console.text()
        assert "Nothing was paid yet." in console.text()

        assert console.done(f"disputes/{dispute['id']}/settle", outcome="won") == "The dispute is decided."

        assert bank.driver.get(f"/v1/disputes/{dispute['id']}")["status"] == "won"
        assert console.refused(f"disputes/{dispute['id']}/settle", outcome="lost")[0] == 400

    def test_a_card_is_not_disputed_as_a_debit(self, console, bank):
        charge = bank.charge()

        assert console.refused(f"charges/{charge}/dispute", reason="insufficient_funds")[0] == 400
        assert bank.charged(charge)["disputed"] is False

    def test_a_seller_spends_and_is_restricted(self, console, bank):
        seller = bank.seller()
        bank.send(seller, 5_000)
        assert "active has $50" in console.text()

        assert console.done(f"accounts/{seller}", spend="30") == "The seller was changed."
        console.done(f"accounts/{seller}", status="restricted")

        assert "restricted has $20" in console.text()


class TestTrouble:
    def test_requests_go_wrong_as_often_as_said(self, console, bank):
        assert "POST /v1/transfers" in FAULT_ROUTES
        assert "GET /v1/charges/*" in FAULT_ROUTES
        console.done("faults", route="GET /v1/balance", kind="error_before", times="2")
        assert "GET /v1/balance error before 2 more" in console.text()

        headers = {"Authorization": "Bearer sk_test_local"}
        assert bank.http.get("/v1/balance", headers=headers).status_code == 500
        assert "GET /v1/balance error before 1 more" in console.text()
        console.done("faults/clear", all="")

        assert bank.http.get("/v1/balance", headers=headers).status_code == 200

    def test_a_trouble_that_is_none_is_refused(self, console):
        status, problem = console.refused("faults", route="*", kind="earthquake")

        assert (status, problem.startswith("kind must be one of error_before")) == (400, True)

    def test_an_unknown_field_is_refused_and_nothing_is_done(self, console, bank):
        assert console.refused("clock", seconds="60", colour="red")[0] == 400
        assert "The time of this machine." in console.text()

    def test_keys_are_forgotten(self, console, bank):
        again = {"headers": {"Idempotency-Key": "once"}}
        first = bank.http.post("/v1/customers", **again).json()["id"]
        assert bank.http.post("/v1/customers", **again).json()["id"] == first

        assert console.done("prune_keys", all="") == "Every idempotency key is forgotten."

        assert bank.http.post("/v1/customers", **again).json()["id"] != first

    @pytest.mark.parametrize("action", ["objects/evt_1", "reset", "endpoints/we_1/roll"])
    def test_what_would_break_the_shop_has_no_form(self, console, action):
        assert console.http.post(f"/console/{action}").status_code in {404, 405}


class TestWebhooks:
    @pytest.fixture
    def receiver(self):
        """A shop that takes every webhook."""
        taken = []

        class Shop(BaseHTTPRequestHandler):
            def do_POST(self):
                taken.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = HTTPServer(("127.0.0.1", 0), Shop)
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/webhooks", taken
        server.shutdown()
        server.server_close()
        let_end(thread)

    def test_their_fate_is_chosen(self, console, bank):
        for mode, state in (("drop", "dropped 0 tries"), ("hold", "held 0 tries")):
            assert console.done("settings", webhooks=mode, thin_too="true", clearing_days="0", debit_days="1") == (
                "The settings hold from now on."
            )
            bank.done("/v1/customers")
            assert state in console.text()
        assert "v1.customer.created" in console.text()

    def test_one_is_delivered_again_whatever_became_of_it(self, console, bank, receiver):
        url, taken = receiver
        bank.done("/v1/webhook_endpoints", url=url, **{"enabled_events[0]": "customer.created"})
        bank.done("/v1/customers")
        delivery = next(one for one in bank.driver.deliveries() if one["endpoint"].startswith("we_"))
        ours = [one for one in bank.driver.deliveries() if one["id"] != delivery["id"]]
        mine = next(one["id"] for one in [delivery, *ours] if self.goes_to(bank, one) == url)

        for tries in ("1 try, 200", "2 tries, 200"):
            assert console.done(f"deliver/{mine}") == "The webhooks are on their way."
            assert f"delivered {tries}" in console.text()

        assert (len(taken), len(set(taken))) == (2, 1)

    def goes_to(self, bank, delivery) -> str:
        endpoints = bank.driver.get("/v1/webhook_endpoints")["data"]
        return next(one["url"] for one in endpoints if one["id"] == delivery["endpoint"])

    def test_held_ones_are_let_go(self, console, bank):
        bank.done("/v1/customers")
        (held,) = bank.driver.deliveries()
        assert held["state"] == "held"

        assert console.done("webhooks/release", all="") == "The webhooks are on their way."

        (gone,) = bank.driver.deliveries()
        assert gone["state"] != "held"

    def test_one_that_does_not_exist(self, console):
        assert console.refused("deliver/dlv_0")[0] == 404

    def test_an_event_that_nobody_asked_for_says_so(self, console, bank):
        bank.done("/v1/webhook_endpoints", url="http://127.0.0.1:9/webhooks/stripe", **{"enabled_events[0]": "x"})
        bank.done("/v1/customers")

        assert "nobody asked for it" in console.text()
        assert bank.balance() == (0, 0)
        assert BUFFER == 5_000_000
