"""The local Stripe's manners: who may ask, how it reads, lists, expands, remembers and refuses."""

import json
from threading import Thread

import httpx
import pytest

from marketplace.dev.stripe.store import Store
from marketplace.dev.stripe.wire import ApiError, Params, parse_form
from marketplace.dev.stripe.world import API_VERSION
from tests.patience import until

KEY = {"Authorization": "Bearer sk_test_local"}


@pytest.fixture
def http(stripe_alone):
    with httpx.Client(base_url=stripe_alone.base_url, headers=KEY, trust_env=False) as client:
        yield client


def error_of(answer: httpx.Response) -> dict:
    return answer.json()["error"]


class TestWhoMayAsk:
    @pytest.mark.parametrize(
        "headers",
        [{}, {"Authorization": "Bearer sk_live_x"}, {"Authorization": "Bearer rk_test_x"}, {"Authorization": "x"}],
    )
    def test_only_a_test_key_may(self, stripe_alone, headers):
        answer = httpx.post(f"{stripe_alone.base_url}/v1/customers", headers=headers, trust_env=False)

        assert answer.status_code == 401
        assert "sk_test_" in error_of(answer)["message"]
        assert stripe_alone.deliveries() == []

    def test_only_this_version_is_spoken(self, http):
        assert http.get("/v1/balance", headers={"Stripe-Version": API_VERSION}).status_code == 200
        answer = http.get("/v1/balance", headers={"Stripe-Version": "2020-08-27"})

        assert (answer.status_code, error_of(answer)["type"]) == (400, "invalid_request_error")

    def test_only_by_this_machines_own_names(self, http):
        for name in ("localhost", "127.0.0.1"):
            assert http.get("/v1/balance", headers={"Host": name}).status_code == 200
        assert http.get("/v1/balance", headers={"Host": "evil.example"}).status_code == 403

    def test_every_answer_has_a_request_id_and_is_never_kept(self, http):
        first, second = http.get("/v1/balance"), http.get("/v1/charges/ch_0")

        assert first.headers["Request-Id"] != second.headers["Request-Id"]
        assert first.headers["Request-Id"].startswith("req_")
        assert first.headers["Cache-Control"] == "no-store"

    def test_what_it_does_not_know_is_not_found(self, http):
        assert http.get("/v1/subscriptions").status_code == 404


class TestReading:
    @pytest.mark.parametrize(
        ("body", "read"),
        [
            ("", {}),
            ("a=1&b=", {"a": "1", "b": ""}),
            ("a[b]=c&a[d][e]=f", {"a": {"b": "c", "d": {"e": "f"}}}),
            ("a[0]=x&a[1]=y", {"a": ["x", "y"]}),
            ("a[1]=y&a[0]=x", {"a": ["x", "y"]}),
            ("a[]=x&a[]=y", {"a": ["x", "y"]}),
            ("a[0][b]=x", {"a": [{"b": "x"}]}),
            ("a=%C3%A9+%26", {"a": "é &"}),
        ],
    )
    def test_reads_forms(self, body, read):
        assert parse_form(body) == read

    @pytest.mark.parametrize(
        ("take", "given", "read"),
        [
            (lambda p: p.text("a"), {"a": "x"}, "x"),
            (lambda p: p.maybe_text("a"), {}, None),
            (lambda p: p.number("a"), {"a": "12"}, 12),
            (lambda p: p.number("a", least=-5), {"a": -5}, -5),
            (lambda p: p.maybe_number("a", 7), {}, 7),
            (lambda p: p.truth("a"), {"a": "true"}, True),
            (lambda p: p.truth("a"), {"a": False}, False),
            (lambda p: p.truth("a"), {}, None),
            (lambda p: p.texts("a"), {"a": ["x"]}, ["x"]),
            (lambda p: p.texts("a"), {}, []),
            (lambda p: p.notes("a"), {"a": {"b": "c"}}, {"b": "c"}),
            (lambda p: p.notes("a"), {}, {}),
            (lambda p: p.group("a").text("b"), {"a": {"b": "c"}}, "c"),
            (lambda p: p.groups("a"), {}, []),
            (lambda p: p.rest(), {"a": 1}, {"a": 1}),
            (lambda p: p.has("a"), {"a": 1}, True),
        ],
    )
    def test_takes_parameters(self, take, given, read):
        assert take(Params(given)) == read

    @pytest.mark.parametrize(
        ("take", "given", "code", "param"),
        [
            (lambda p: p.text("a"), {}, "parameter_missing", "a"),
            (lambda p: p.text("a"), {"a": ""}, "parameter_missing", "a"),
            (lambda p: p.text("a"), {"a": {"b": "c"}}, "parameter_invalid", "a"),
            (lambda p: p.number("a"), {"a": "-1"}, "parameter_invalid", "a"),
            (lambda p: p.number("a"), {"a": "1.5"}, "parameter_invalid", "a"),
            (lambda p: p.number("a"), {"a": "9" * 19}, "parameter_invalid", "a"),
            (lambda p: p.truth("a"), {"a": "yes"}, "parameter_invalid", "a"),
            (lambda p: p.texts("a"), {"a": "x"}, "parameter_invalid", "a"),
            (lambda p: p.texts("a"), {"a": [{}]}, "parameter_invalid", "a"),
            (lambda p: p.notes("a"), {"a": "x"}, "parameter_invalid", "a"),
            (lambda p: p.notes("a"), {"a": {"b": {}}}, "parameter_invalid", "a"),
            (lambda p: p.group("a"), {"a": "x"}, "parameter_invalid", "a"),
            (lambda p: p.groups("a"), {"a": {"b": "c"}}, "parameter_invalid", "a"),
            (lambda p: p.groups("a"), {"a": ["x"]}, "parameter_invalid", "a"),
            (lambda p: p.group("a").text("b"), {}, "parameter_missing", "a[b]"),
            (lambda p: p.groups("a")[0].text("b"), {"a": [{}]}, "parameter_missing", "a[0][b]"),
            (lambda p: p.end(), {"a": 1}, "parameter_unknown", "a"),
        ],
    )
    def test_refuses_what_does_not_fit(self, take, given, code, param):
        with pytest.raises(ApiError) as refusal:
            take(Params(given))

        assert refusal.value.body["error"]["code"] == code
        assert refusal.value.body["error"]["param"] == param

    def test_a_misspelt_parameter_changes_nothing(self, http, stripe_alone):
        answer = http.post("/v1/customers", data={"emial": "bob@example.com"})

        assert (answer.status_code, error_of(answer)["param"]) == (400, "emial")
        assert stripe_alone.deliveries() == []


SESSION = {
    "mode": "payment",
    "success_url": "http://shop.test/",
    "line_items[0][quantity]": "1",
    "line_items[0][price_data][currency]": "usd",
    "line_items[0][price_data][unit_amount]": "100",
    "line_items[0][price_data][product_data][name]": "A lens",
    "allowed_payment_method_types[0]": "card",
}


class TestCheckoutRefuses:
    @pytest.mark.parametrize(
        ("change", "param"),
        [
            ({"mode": "subscription"}, "mode"),
            ({"excluded_payment_method_types[0]": "card"}, "allowed_payment_method_types"),
            ({"allowed_payment_method_types[0]": "klarna"}, "allowed_payment_method_types"),
            ({"allowed_payment_method_types[0]": "customer_balance"}, "customer"),
            ({"customer": "cus_0"}, "id"),
            ({"line_items[1][quantity]": "1"}, "line_items"),
            ({"line_items[0][price_data][currency]": "eur"}, "line_items[0][price_data][currency]"),
            ({"line_items[0][price_data][unit_amount]": "0"}, "line_items[0][price_data][unit_amount]"),
            ({"payment_method_options[customer_balance][funding_type]": "cash"}, "payment_method_options"),
            ({"payment_method_types[0]": "card"}, "payment_method_types"),
            ({"expires_at": "1"}, "expires_at"),
            ({"success_url": ""}, "success_url"),
        ],
    )
    def test_what_it_cannot_do(self, http, change, param):
        answer = http.post("/v1/checkout/sessions", data=SESSION | change)

        assert error_of(answer)["param"] == param
        assert http.get("/v1/checkout/sessions").json()["data"] == []

    def test_nothing_about_a_plain_card_payment(self, http):
        session = http.post("/v1/checkout/sessions", data=SESSION).json()

        assert (session["customer"], session["payment_method_types"]) == (None, ["card"])
        assert session["expires_at"] - session["created"] == 24 * 60 * 60

    @pytest.mark.parametrize(
        ("seconds", "status"), [(29 * 60 - 5, 400), (29 * 60 + 5, 200), (86395, 200), (86405, 400)]
    )
    def test_a_page_is_open_for_half_an_hour_to_a_day(self, http, stripe_alone, seconds, status):
        now = stripe_alone.sim("clock", seconds=0)["now"]

        answer = http.post("/v1/checkout/sessions", data=SESSION | {"expires_at": now + seconds})

        assert answer.status_code == status


class TestExpiry:
    def test_a_page_closes_when_its_time_is_over(self, http, stripe_alone):
        session = http.post("/v1/checkout/sessions", data=SESSION).json()
        stripe_alone.decline_card(session["id"])

        stripe_alone.advance(24 * 60 * 60 + 1)

        closed = http.get(f"/v1/checkout/sessions/{session['id']}").json()
        assert (closed["status"], closed["url"]) == ("expired", None)
        intent = http.get(f"/v1/payment_intents/{closed['payment_intent']}").json()
        assert (intent["status"], intent["cancellation_reason"]) == ("canceled", "expired")
        assert [event.type for event in stripe_alone.take_events()][-2:] == [
            "payment_intent.canceled",
            "checkout.session.expired",
        ]

    @pytest.mark.parametrize("way", ["card", "card_declined", "bank_transfer"])
    def test_nobody_pays_on_a_closed_page(self, http, stripe_alone, way):
        session = http.post("/v1/checkout/sessions", data=SESSION).json()
        http.post(f"/v1/checkout/sessions/{session['id']}/expire")

        answer = http.post(f"/_sim/checkouts/{session['id']}/pay", json={"with": way})

        assert (answer.status_code, error_of(answer)["message"]) == (400, "This payment page is expired.")

    def test_nobody_pays_in_a_way_that_is_not_offered(self, http):
        session = http.post("/v1/checkout/sessions", data=SESSION).json()

        answer = http.post(f"/_sim/checkouts/{session['id']}/pay", json={"with": "bank_transfer"})

        assert error_of(answer)["message"] == "This way of paying is not offered here."


class TestLists:
    @pytest.fixture
    def three(self, stripe_alone, http) -> list[str]:
        seller = http.post(
            "/v2/core/accounts",
            json={
                "configuration": {
                    "recipient": {"capabilities": {"stripe_balance": {"stripe_transfers": {"requested": True}}}}
                }
            },
        ).json()["id"]
        stripe_alone.onboard(seller)
        form = {"amount": 1, "currency": "usd", "destination": seller, "transfer_group": "g"}
        return [http.post("/v1/transfers", data=form).json()["id"] for _ in range(3)][::-1]

    @pytest.mark.parametrize(
        ("query", "found", "more"),
        [
            ({}, [0, 1, 2], False),
            ({"limit": 2}, [0, 1], True),
            ({"limit": 3}, [0, 1, 2], False),
            ({"limit": 1, "starting_after": 0}, [1], True),
            ({"starting_after": 1}, [2], False),
            ({"starting_after": 2}, [], False),
            ({"ending_before": 2}, [0, 1], False),
            ({"limit": 1, "ending_before": 2}, [1], True),
            ({"transfer_group": "g"}, [0, 1, 2], False),
            ({"transfer_group": "another"}, [], False),
        ],
    )
    def test_newest_first_in_pages(self, http, three, query, found, more):
        places = {name: three[place] for name, place in query.items() if name.endswith(("after", "before"))}

        page = http.get("/v1/transfers", params=query | places).json()

        assert [item["id"] for item in page["data"]] == [three[place] for place in found]
        assert (page["object"], page["url"], page["has_more"]) == ("list", "/v1/transfers", more)

    @pytest.mark.parametrize("query", [{"limit": 0}, {"limit": 101}, {"starting_after": "tr_0"}, {"colour": "red"}])
    def test_refuses(self, http, query):
        assert "error" in http.get("/v1/transfers", params=query).json()

    def test_events_by_type_and_time(self, http, stripe_alone):
        for name in ("Alice", "Bob"):
            http.post("/v1/customers", data={"name": name})
            stripe_alone.advance(100)
        first, second = reversed(http.get("/v1/events").json()["data"])
        made = {"a": first["created"], "b": second["created"]}

        def found(**query) -> list[str]:
            answer = http.get("/v1/events", params={name.replace("_", "["): v for name, v in query.items()})
            return [event["data"]["object"]["name"] for event in answer.json()["data"]]

        assert found(**{"created_gte]": made["b"]}) == ["Bob"]
        assert found(**{"created_gt]": made["a"]}) == ["Bob"]
        assert found(**{"created_lte]": made["a"]}) == ["Alice"]
        assert found(**{"created_lt]": made["b"]}) == ["Alice"]
        assert found(type="customer.created") == ["Bob", "Alice"]
        assert found(**{"types_0]": "charge.succeeded", "types_1]": "customer.created"}) == ["Bob", "Alice"]
        assert found(type="charge.succeeded") == []

    def test_events_by_whether_they_were_taken(self, http, stripe_alone):
        http.post("/v1/customers", data={})

        waiting = http.get("/v1/events", params={"delivery_success": "false"}).json()["data"]
        stripe_alone.take_events()
        taken = http.get("/v1/events", params={"delivery_success": "true"}).json()["data"]

        assert [event["pending_webhooks"] for event in waiting] == [1]
        assert [event["pending_webhooks"] for event in taken] == [0]
        assert http.get("/v1/events", params={"delivery_success": "false"}).json()["data"] == []
        assert http.get(f"/v1/events/{taken[0]['id']}").json() == taken[0]

    @pytest.mark.parametrize(("seconds", "seen"), [(30 * 86400 - 5, 1), (30 * 86400 + 5, 0)])
    def test_events_are_listed_for_thirty_days(self, http, stripe_alone, seconds, seen):
        http.post("/v1/customers", data={})
        stripe_alone.advance(seconds)

        assert len(http.get("/v1/events").json()["data"]) == seen


class TestExpansion:
    @pytest.fixture
    def charge(self, http, stripe_alone) -> dict:
        session = http.post("/v1/checkout/sessions", data=SESSION).json()
        stripe_alone.pay_by_card(session["id"])
        return http.get("/v1/charges").json()["data"][0]

    def test_follows_a_path(self, http, charge):
        answer = http.get(
            f"/v1/payment_intents/{charge['payment_intent']}",
            params={"expand[0]": "latest_charge.balance_transaction", "expand[1]": "customer"},
        ).json()

        assert answer["latest_charge"]["balance_transaction"]["amount"] == 100
        assert answer["customer"] is None

    def test_follows_a_path_in_a_list(self, http, charge):
        answer = http.get("/v1/charges", params={"expand[]": "data.balance_transaction"}).json()

        assert answer["data"][0]["balance_transaction"]["id"] == charge["balance_transaction"]

    @pytest.mark.parametrize("path", ["colour", "currency", "latest_charge.colour"])
    def test_refuses_a_path_that_leads_nowhere(self, http, charge, path):
        answer = http.get(f"/v1/payment_intents/{charge['payment_intent']}", params={"expand[]": path})

        assert error_of(answer)["param"] == "expand"


class TestKeys:
    def test_the_first_answer_is_repeated(self, http):
        key = {"Idempotency-Key": "k"}

        first = http.post("/v1/customers", data={"name": "Bob"}, headers=key)
        second = http.post("/v1/customers", data={"name": "Bob"}, headers=key)

        assert first.json() == second.json()
        assert "Idempotent-Replayed" not in first.headers
        assert second.headers["Idempotent-Replayed"] == "true"

    @pytest.mark.parametrize(("path", "body"), [("/v1/customers", {"name": "Carol"}), ("/v1/refunds", {"name": "Bob"})])
    def test_a_key_belongs_to_one_question(self, http, path, body):
        key = {"Idempotency-Key": "k"}
        http.post("/v1/customers", data={"name": "Bob"}, headers=key)

        answer = http.post(path, data=body, headers=key)

        assert (answer.status_code, error_of(answer)["type"]) == (400, "idempotency_error")

    def test_a_question_that_was_never_begun_may_be_mended(self, http):
        key = {"Idempotency-Key": "k"}
        assert http.post("/v1/customers", data={"nmae": "Bob"}, headers=key).status_code == 400

        assert http.post("/v1/customers", data={"name": "Bob"}, headers=key).status_code == 200

    # Its clock goes on while we ask, so "just before" leaves a slow machine a minute.
    @pytest.mark.parametrize(("seconds", "customers"), [(86_400 - 60, 1), (86_400 + 2, 2)])
    def test_a_key_is_kept_for_a_day(self, http, stripe_alone, seconds, customers):
        key = {"Idempotency-Key": "k"}
        http.post("/v1/customers", data={}, headers=key)
        stripe_alone.advance(seconds)
        http.post("/v1/customers", data={}, headers=key)

        assert len(stripe_alone.take_events("customer.created")) == customers

    def test_a_failure_of_the_second_api_is_driven_again(self, http, stripe_alone):
        stripe_alone.fault("POST /v2/*", "error_stored")
        key = {"Idempotency-Key": "k"}

        assert http.post("/v2/core/accounts", json={}, headers=key).status_code == 500
        assert http.post("/v2/core/accounts", json={}, headers=key).status_code == 200

    def test_a_reading_needs_no_key(self, http):
        key = {"Idempotency-Key": "k"}

        for _ in range(2):
            assert "Idempotent-Replayed" not in http.get("/v1/balance", headers=key).headers


class TestFaults:
    def test_only_the_route_that_was_named(self, http, stripe_alone):
        stripe_alone.fault("POST /v1/transfers/*/reversals", "error_before")

        assert http.post("/v1/customers").status_code == 200
        assert http.post("/v1/transfers/tr_0/reversals").status_code == 500
        assert http.post("/v1/transfers/tr_0/reversals").status_code == 404

    def test_only_as_often_as_was_said(self, http, stripe_alone):
        stripe_alone.fault("GET /v1/balance", "error_before", times=2, status=503)

        assert [http.get("/v1/balance").status_code for _ in range(3)] == [503, 503, 200]

    def test_a_stored_failure_tells_the_client_not_to_try_again(self, http, stripe_alone):
        stripe_alone.fault("POST /v1/customers", "error_stored")
        key = {"Idempotency-Key": "k"}

        first, second = (http.post("/v1/customers", headers=key) for _ in range(2))

        assert [answer.headers["Stripe-Should-Retry"] for answer in (first, second)] == ["false", "false"]
        assert [answer.headers.get("Idempotent-Replayed") for answer in (first, second)] == [None, "true"]

    def test_a_stored_failure_without_a_key_is_only_a_failure(self, http, stripe_alone):
        stripe_alone.fault("POST /v1/customers", "error_stored")

        assert [http.post("/v1/customers").status_code for _ in range(2)] == [500, 200]

    def test_whoever_hangs_is_let_go_by_a_reset(self, http, stripe_alone):
        stripe_alone.fault("POST /v1/customers", "hang_after", seconds=60)
        answers = []
        hanging = Thread(target=lambda: answers.append(http.post("/v1/customers", timeout=30)))
        hanging.start()
        until(stripe_alone.deliveries)
        until(lambda: stripe_alone.reset() or not hanging.is_alive())

        assert [answer.status_code for answer in answers] == [200]

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("faults", {"route": "GET /", "kind": "earthquake"}),
            ("settings", {"webhooks": "burn"}),
            ("settings", {"colour": "red"}),
            ("objects/ch_0", {"amount": 1}),
            ("accounts/acct_0", {"status": "active"}),
            ("checkouts/cs_0/pay", {"with": "card"}),
            ("checkouts/cs_0/pay", {"with": "gold"}),
            ("charges/ch_0/dispute", {}),
        ],
    )
    def test_a_control_that_cannot_be_turned_says_so(self, http, path, body):
        answer = http.post(f"/_sim/{path}", json=body)

        assert 400 <= answer.status_code < 500
        assert error_of(answer)["message"]


class TestStore:
    def test_a_change_that_fails_leaves_nothing_behind(self, tmp_path):
        store = Store(tmp_path / "state")
        with pytest.raises(ZeroDivisionError), store.change():
            store.put({"id": "a", "object": "thing"})
            store.set("b", 1)
            raise ZeroDivisionError

        assert (store.find("a"), store.setting("b", None)) == (None, None)
        store.close()

    def test_it_survives_a_restart(self, tmp_path):
        first = Store(tmp_path / "state")
        first.put({"id": "a", "object": "thing", "colour": "red"})
        first.put({"id": "b", "object": "thing", "colour": "blue"})
        first.keep_answer("k", "asked", 200, {"said": "yes"}, 5)
        first.set("mode", ["x"])
        first.close()
        second = Store(tmp_path / "state")

        assert [thing["id"] for thing in second.all("thing")] == ["b", "a"]
        assert [thing["id"] for thing in second.all("thing", colour="red")] == ["a"]
        assert second.answer("k") == ("asked", 200, {"said": "yes"})
        assert second.setting("mode", None) == ["x"]
        second.close()

    def test_what_it_notes_for_itself_is_never_shown(self, stripe_alone, http):
        session = http.post("/v1/checkout/sessions", data=SESSION).json()
        stripe_alone.pay_by_card(session["id"])
        told = [event.raw.decode() for event in stripe_alone.take_events()]
        shown = [http.get(path).text for path in ("/v1/checkout/sessions", "/v1/events", "/v1/webhook_endpoints")]

        assert '"_' not in "".join([json.dumps(session), *told, *shown])
