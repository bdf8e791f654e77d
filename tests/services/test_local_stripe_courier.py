"""How the local Stripe delivers: really, signed, in order, again until taken, and across a restart."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest

from marketplace.adapters.stripe_gateway import StripeGateway
from marketplace.dev.stripe import courier, sim
from marketplace.dev.stripe.courier import BACK_OFF_SECONDS
from marketplace.dev.stripe.server import LocalStripe
from marketplace.kernel import clock
from tests.patience import let_end, running, until

SECRET = "whsec_of_these_tests"
KEY = {"Authorization": "Bearer sk_test_local"}


class Shop:
    """What takes the webhooks, and answers as the test says."""

    def __init__(self) -> None:
        self.taken: list[tuple[bytes, str]] = []
        self.answers: list[int] = []
        self.meanwhile: Callable[[], object] = lambda: None
        shop = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                status = shop.answers.pop(0) if shop.answers else 200
                shop.meanwhile()
                shop.taken.append((raw, self.headers["Stripe-Signature"]))
                self.send_response(status)
                self.send_header("Location", shop.url)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks/stripe"
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        let_end(self._thread)

    def names(self) -> list[str]:
        """Return the customers that it was told of, each by a truly signed webhook."""
        gateway = StripeGateway(api_key="sk_test_x", webhook_secrets=(SECRET,))
        told = [gateway.parse_webhook(raw, signature, at=clock.now()) for raw, signature in self.taken]
        assert {event.type for event in told} <= {"customer.created"}
        return [httpx.Response(200, content=raw).json()["data"]["object"]["name"] for raw, _ in self.taken]


@pytest.fixture
def shop():
    shop = Shop()
    yield shop
    shop.close()


@pytest.fixture
def start():
    """Start a local Stripe, stopped at the end."""
    running: list[LocalStripe] = []

    def started(**given) -> LocalStripe:
        running.append(LocalStripe(secret=SECRET, **given).start())
        return running[-1]

    yield started
    for server in running:
        server.stop()


def post(server: LocalStripe, path: str, **body) -> dict:
    answer = httpx.post(f"{server.base_url}{path}", json=body, headers=KEY, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.json()


def make(server: LocalStripe, name: str) -> None:
    post(server, "/v1/customers", name=name)


def deliveries(server: LocalStripe) -> list[dict]:
    return httpx.get(f"{server.base_url}/_sim/webhooks", trust_env=False).json()


class TestDelivery:
    def test_in_order_and_signed(self, start, shop):
        server = start(deliver_to=shop.url)
        for name in ("Alice", "Bob", "Carol"):
            make(server, name)
        until(lambda: len(shop.taken) == 3)

        assert shop.names() == ["Alice", "Bob", "Carol"]
        until(lambda: {delivery["state"] for delivery in deliveries(server)} == {"delivered"})

    def test_a_mistake_of_its_own_is_logged_and_ends_nothing(self, monkeypatch, caplog, start, shop):
        monkeypatch.setattr(courier, "IDLE_SECONDS", 0.01)
        slips, usual = [ValueError("a day without a night")], sim.pass_time

        def pass_time(world):
            if slips:
                raise slips.pop()
            usual(world)

        monkeypatch.setattr(sim, "pass_time", pass_time)
        server = start(deliver_to=shop.url)
        make(server, "Alice")
        until(lambda: len(shop.taken) == 1)

        assert shop.names() == ["Alice"]
        (said,) = [record for record in caplog.records if record.name == courier.__name__]
        assert (said.levelname, str(said.exc_info[1])) == ("ERROR", "a day without a night")

    @pytest.mark.parametrize("answer", [500, 404, 303])
    def test_again_until_it_is_taken(self, start, shop, answer):
        server = start(deliver_to=shop.url)
        shop.answers = [answer, answer]
        make(server, "Alice")
        until(lambda: post(server, "/_sim/clock", seconds=60) and len(shop.taken) == 3)
        until(lambda: deliveries(server)[0]["state"] == "delivered")

        assert shop.names() == ["Alice"] * 3
        assert (deliveries(server)[0]["attempts"], deliveries(server)[0]["status"]) == (3, 200)

    def test_not_again_before_its_time(self, monkeypatch, start, shop):
        moment = clock.now()
        monkeypatch.setattr(clock, "now", lambda: moment)
        server = start(deliver_to=shop.url)
        shop.answers = [500]
        make(server, "Alice")
        until(lambda: deliveries(server)[0]["attempts"] == 1)
        (delivery,) = deliveries(server)

        assert (delivery["state"], delivery["status"]) == ("due", 500)
        assert delivery["due"] - delivery["created"] == BACK_OFF_SECONDS[0]
        post(server, "/_sim/clock", seconds=BACK_OFF_SECONDS[0])
        until(lambda: deliveries(server)[0]["state"] == "delivered")

    def test_nobody_there_is_tried_again_and_in_the_end_given_up(self, start):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
        server = start(deliver_to=nowhere)
        make(server, "Alice")
        until(lambda: post(server, "/_sim/clock", seconds=3600) and deliveries(server)[0]["state"] == "failed")

        assert (deliveries(server)[0]["attempts"], deliveries(server)[0]["status"]) == (len(BACK_OFF_SECONDS), 0)

    def test_only_what_an_endpoint_wants(self, start, shop):
        server = start()
        form = {"url": shop.url, "enabled_events[0]": "customer.created"}
        answer = httpx.post(f"{server.base_url}/v1/webhook_endpoints", data=form, headers=KEY, trust_env=False)
        assert answer.json()["secret"].startswith("whsec_")
        make(server, "Alice")
        post(server, "/v2/core/accounts")
        until(lambda: len(shop.taken) == 1)

        assert [delivery["type"] for delivery in deliveries(server)] == ["customer.created"]
        listed = httpx.get(f"{server.base_url}/v1/webhook_endpoints", headers=KEY, trust_env=False).json()
        assert ["secret" in endpoint for endpoint in listed["data"]] == [False]

    @pytest.mark.parametrize(
        "change",
        [{"url": "shop.test"}, {"api_version": "2020-08-27"}, {"enabled_events[0]": None}, {"colour": "red"}],
    )
    def test_refuses_an_endpoint(self, start, change):
        server = start()
        form = {"url": "http://shop.test/", "enabled_events[0]": "*"} | change
        form = {name: value for name, value in form.items() if value}

        answer = httpx.post(f"{server.base_url}/v1/webhook_endpoints", data=form, headers=KEY, trust_env=False)

        assert answer.status_code == 400

    def test_an_endpoint_far_away_is_reached_by_tls_only_if_it_says_so(self, start):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            nowhere = f"https://127.0.0.1:{taken.getsockname()[1]}/?a=b"
        server = start(deliver_to=nowhere)
        make(server, "Alice")
        until(lambda: deliveries(server)[0]["attempts"] >= 1)

        assert deliveries(server)[0]["status"] == 0


class TestModes:
    def test_held_back_and_delivered_in_another_order(self, start, shop):
        server = start(deliver_to=shop.url)
        post(server, "/_sim/settings", webhooks="hold")
        for name in ("Alice", "Bob"):
            make(server, name)
        assert {delivery["state"] for delivery in deliveries(server)} == {"held"}

        answers = [
            post(server, f"/_sim/webhooks/{delivery['id']}/deliver")["status"]
            for delivery in reversed(deliveries(server))
        ]

        assert answers == [200, 200]
        assert shop.names() == ["Bob", "Alice"]

    def test_dropped_is_never_delivered_but_still_listed(self, start, shop):
        server = start(deliver_to=shop.url)
        post(server, "/_sim/settings", webhooks="drop")
        make(server, "Alice")
        post(server, "/_sim/settings", webhooks="deliver")
        make(server, "Bob")
        until(lambda: deliveries(server)[1]["state"] == "delivered")

        assert shop.names() == ["Bob"]
        assert [delivery["state"] for delivery in deliveries(server)] == ["dropped", "delivered"]
        listed = httpx.get(f"{server.base_url}/v1/events", headers=KEY, trust_env=False).json()["data"]
        assert len(listed) == 2

    def test_duplicated(self, start, shop):
        server = start(deliver_to=shop.url)
        post(server, "/_sim/settings", webhooks="duplicate")
        make(server, "Alice")
        until(lambda: len(shop.taken) == 2)

        assert shop.names() == ["Alice", "Alice"]
        assert shop.taken[0][0] == shop.taken[1][0]

    def test_what_was_delivered_may_be_delivered_again(self, start, shop):
        server = start(deliver_to=shop.url)
        make(server, "Alice")
        until(lambda: len(shop.taken) == 1)
        shop.answers = [500]

        assert post(server, f"/_sim/webhooks/{deliveries(server)[0]['id']}/deliver")["status"] == 500
        assert shop.names() == ["Alice", "Alice"]

    def test_what_was_taken_in_another_way_is_not_delivered(self, start, shop):
        server = start(deliver_to=shop.url)
        post(server, "/_sim/settings", webhooks="hold")
        make(server, "Alice")

        assert post(server, f"/_sim/webhooks/{deliveries(server)[0]['id']}/taken") == {"status": 200}
        assert [delivery["state"] for delivery in deliveries(server)] == ["delivered"]
        assert shop.names() == []

    def test_forgetting_everything_in_the_middle_of_a_delivery(self, start, shop):
        server = start(deliver_to=shop.url)
        shop.meanwhile = lambda: post(server, "/_sim/reset")
        make(server, "Alice")
        until(lambda: len(shop.taken) == 1)
        shop.meanwhile = lambda: None
        make(server, "Bob")
        until(lambda: len(shop.taken) == 2)

        assert shop.names() == ["Alice", "Bob"]
        assert len(deliveries(server)) == 1


class TestRestart:
    def test_what_was_not_delivered_is_delivered_after_a_restart(self, shop, tmp_path):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
        state = tmp_path / "stripe.sqlite"
        first = LocalStripe(state=state, deliver_to=nowhere, secret=SECRET).start()
        make(first, "Alice")
        until(lambda: deliveries(first)[0]["attempts"] >= 1)
        endpoint = first.world.store.all("webhook_endpoint")[0]
        first.world.store.put(endpoint | {"url": shop.url})
        first.stop()

        second = LocalStripe(state=state, deliver_to=shop.url, secret=SECRET).start()
        post(second, "/_sim/clock", seconds=60)
        until(lambda: len(shop.taken) == 1)
        second.stop()

        assert shop.names() == ["Alice"]

    def test_an_open_page_moves_with_the_server(self, tmp_path):
        first = LocalStripe(state=tmp_path / "stripe.sqlite").start()
        form = {
            "mode": "payment",
            "success_url": "http://shop.test/",
            "line_items[0][quantity]": "1",
            "line_items[0][price_data][currency]": "usd",
            "line_items[0][price_data][unit_amount]": "100",
            "line_items[0][price_data][product_data][name]": "A lens",
            "allowed_payment_method_types[0]": "card",
        }
        path = f"{first.base_url}/v1/checkout/sessions"
        session = httpx.post(path, data=form, headers=KEY, trust_env=False).json()
        first.stop()
        second = LocalStripe(state=tmp_path / "stripe.sqlite").start()
        moved = httpx.get(
            f"{second.base_url}/v1/checkout/sessions/{session['id']}", headers=KEY, trust_env=False
        ).json()
        second.stop()

        assert session["url"] == f"{first.base_url}/c/pay/{session['id']}"
        assert moved["url"] == f"{second.base_url}/c/pay/{session['id']}"

    def test_the_buffer_is_booked_once(self, tmp_path):
        for _ in range(2):
            server = LocalStripe(state=tmp_path / "stripe.sqlite")
            bookings = server.world.store.all("balance_transaction")
            server.start().stop()

        assert [booking["type"] for booking in bookings] == ["topup"]

    def test_a_killed_process_forgets_nothing(self, tmp_path):
        state = str(tmp_path / "stripe.sqlite")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "marketplace.dev.stripe", "--port", str(port), "--state", state]
        base = f"http://127.0.0.1:{port}"
        with running(command, stdout=subprocess.PIPE, text=True) as first:
            assert first.stdout.readline() == f"Local Stripe on {base} (no real money)\n"
            made = httpx.post(f"{base}/v1/customers", headers=KEY, trust_env=False).json()
            first.kill()
        with running(command, stdout=subprocess.PIPE, text=True) as second:
            second.stdout.readline()
            found = httpx.get(f"{base}/v1/customers/{made['id']}", headers=KEY, trust_env=False).json()
            second.send_signal(signal.SIGTERM)
            assert second.wait(10) == 0

        assert found == made


class TestAddress:
    def test_bound_to_this_machine_only(self, start):
        assert start()._server.server_address[0] == "127.0.0.1"
