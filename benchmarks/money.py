"""
What the money costs: webhooks at a steady rate beside a bare page, pages over long books, and comparing all books.

A sale is made in earnest, over the local Stripe; then its rows are copied, with names and days of their own. Webhooks
are sent when they are due and not when the one before was answered, so waiting counts.
"""

import http.client
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from benchmarks.figures import Benchmark, Figure, measured, own_database
from benchmarks.pages import Serving, environment
from marketplace.adapters.stripe_gateway import StripeGateway
from marketplace.app import create_app
from marketplace.dev.stripe.server import LocalStripe
from marketplace.extensions import bind, db
from marketplace.kernel import clock
from marketplace.kernel.terms import StaffRole
from marketplace.orders import service as orders
from marketplace.payments.ports import PaymentGateway
from tests.conftest import _browser, settings_for
from tests.factories.accounts import make_staff
from tests.factories.orders import Scene, make_scene, place_and_confirm
from tests.factories.payments import hear, onboarded, pay_page, the_payment
from tests.factories.stripe import NOWHERE, SECRET, StripeDriver
from tests.support import sign_in

RATE, SECONDS, SENDERS = 200, 20, 16
INTAKE_WITHIN = 50.0  # milliseconds, of 99 in 100
ENTRIES, PER_ORDER = 1_000_000, 7
PAGE_WITHIN = 100.0  # milliseconds, of 95 in 100
ORDERS = 10_000
RECONCILED_WITHIN = 60.0  # seconds
SELLERS, DAYS = 200, 730


# --- webhooks ------------------------------------------------------------------------------------------------


def steadily(port: int, requests: list[tuple[str, str, bytes, dict[str, str]]], rate: float) -> list[float]:
    """Send each when it is due, over a few connections; return the sorted milliseconds from then to its answer."""
    begun, walls, mine = time.perf_counter() + 0.2, [], iter(enumerate(requests))
    lock = threading.Lock()

    def send() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while True:
            with lock:
                number, request = next(mine, (0, None))
            if request is None:
                return
            due = begun + number / rate
            time.sleep(max(0.0, due - time.perf_counter()))
            method, path, body, headers = request
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise SystemExit(f"{path} answered {answer.status}")
            walls.append((time.perf_counter() - due) * 1000)

    senders = [threading.Thread(target=send) for _ in range(SENDERS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(timeout=600)
    return sorted(walls)


def events(count: int) -> list[tuple[str, str, bytes, dict[str, str]]]:
    """Return signed webhooks about payments, each of its own."""
    from stripe import WebhookSignature

    about = {"id": "pi_1", "object": "payment_intent", "description": "x" * 2_500}
    sent = []
    for number in range(count):
        body = json.dumps(
            {
                "id": f"evt_{number}", "object": "event", "type": "payment_intent.processing", "livemode": False,
                "created": int(time.time()), "api_version": "2026-10-28.endive", "data": {"object": about},
            }
        )  # fmt: skip
        headers = {
            "Stripe-Signature": WebhookSignature.generate_signature_header(body, "whsec_nobody"),
            "Host": "second-light.example",
        }
        sent.append(("POST", "/webhooks/stripe", body.encode(), headers))
    return sent


def intake(scale: float) -> Iterator[Figure]:
    """Take webhooks at a steady rate, and ask the bare page as often."""
    count = max(round(RATE * SECONDS * scale), RATE)
    with Serving("benchmarks.hello:app", {}, workers=2, threads=4) as hello:
        bare: list[tuple[str, str, bytes, dict[str, str]]] = [("GET", "/", b"", {})] * count
        steadily(hello.port, bare[:RATE], RATE)
        before = hello.cpu()
        plain, hello_cpu = steadily(hello.port, bare, RATE), (hello.cpu() - before) / count
    with (
        own_database() as url,
        tempfile.TemporaryDirectory() as data,
        Serving("wsgi:app", environment(url, Path(data)), workers=2, threads=4) as server,
    ):
        sent = events(count + RATE)
        steadily(server.port, sent[count:], RATE)
        before = server.cpu()
        walls, cpu = steadily(server.port, sent[:count], RATE), (server.cpu() - before) / count
    yield Figure(
        f"webhook intake at {RATE} a second, p99", walls[int(count * 0.99)], "ms", INTAKE_WITHIN,
        f"p50 {walls[count // 2]:.1f} ms; hello at the same rate p50 {plain[count // 2]:.1f}, p99"
        f" {plain[int(count * 0.99)]:.1f} ms; CPU {cpu:.2f} ms, {cpu / hello_cpu:.1f} x hello",
    )  # fmt: skip


# --- long books ----------------------------------------------------------------------------------------------


@contextmanager
def sold(url: str, data: Path) -> Iterator[tuple[Flask, Scene, UUID, list[dict]]]:
    """Sell one device in earnest; give its order, and what the provider has in its own books of it."""
    stripe = LocalStripe(deliver_to=NOWHERE, secret=SECRET).start()
    driver = StripeDriver(stripe)
    driver.reset()
    app = create_app(settings_for(url, data), WTF_CSRF_ENABLED=False)
    app.test_client_class = _browser()  # Its requests share nothing with this process but the database.
    try:
        with app.app_context():
            driver.bind(app)
            now = clock.now().replace(microsecond=0)
            scene = make_scene(now)
            onboarded(driver, scene.seller_clinic.id, at=now)
            order_id = place_and_confirm(scene, at=now)
            pay_page(order_id, scene.buyer.id, at=now)
            checkout = the_payment(order_id).checkout_id
            assert checkout is not None
            driver.pay_by_card(checkout)
            hear(driver)
            orders.release_to_ship(order_id=order_id, actor_id=scene.seller.id, at=now)
            orders.dispatch(order_id=order_id, actor_id=scene.seller.id, carrier="ArcBest", tracking="1", at=now)
            signer = orders.Signer(member_id=scene.buyer.id)
            orders.report_arrival(order_id=order_id, actor_id=scene.buyer.id, signer=signer, at=now)
            orders.accept(order_id=order_id, actor_id=scene.buyer.id, at=now)
            hear(driver)
            listed = driver.get("/v1/balance_transactions", **{"limit": 100, "expand[]": "data.source"})["data"]
            yield app, scene, order_id, [one for one in listed if one["type"] in {"charge", "transfer"}]
            db.session.remove()
            db.engine.dispose()
    finally:
        driver.close()
        stripe.stop()


# Each copy has a number; ids are made of it and of what they were, so that copies belong together as the rows did.
_NEW = "md5(copy.number || {0}::text)::uuid"
_COPIES: dict[str, dict[str, str]] = {
    "orders": {
        "id": _NEW.format("row.id"), "number": "1000000 + copy.number", "form_key": "gen_random_uuid()",
        "listing_id": "gen_random_uuid()", "decision_id": "gen_random_uuid()",
        "payment_decision_id": "gen_random_uuid()", "release_decision_id": "gen_random_uuid()",
        "practitioner_decision_id": "gen_random_uuid()",
    },
    "order_moves": {"id": "gen_random_uuid()", "order_id": _NEW.format("row.order_id")},
    "payments": {
        "id": _NEW.format("row.id"), "order_id": _NEW.format("row.order_id"),
        "payee_clinic_id": f"CASE copy.number % {SELLERS} WHEN 0 THEN row.payee_clinic_id"
                           f" ELSE md5((copy.number % {SELLERS})::text)::uuid END",
        "checkout_id": "'cs_' || copy.number", "payment_reference": "'pi_' || copy.number",
        "charge_id": "'ch_' || copy.number", "hold_deadline": "row.hold_deadline - copy.ago",
    },
    "payment_moves": {
        "id": "gen_random_uuid()", "payment_id": _NEW.format("row.payment_id"), "at": "row.at - copy.ago",
    },
    "money_intents": {
        "id": "gen_random_uuid()", "payment_id": _NEW.format("row.payment_id"),
        "dedupe": f"{_NEW.format('split_part(row.dedupe, chr(58), 1)')} || chr(58) || row.kind",
        "reference": "'tr_' || copy.number",
    },
    "ledger_journals": {
        "id": _NEW.format("row.id"), "dedupe": "copy.number || row.dedupe", "order_id": _NEW.format("row.order_id"),
        "at": "row.at - copy.ago",
    },
    "ledger_entries": {"journal_id": _NEW.format("row.journal_id")},
}  # fmt: skip


PAYEE_TOTALS = """
    INSERT INTO payee_totals (clinic_id, currency, slot, orders, price, given_back, held, paid, reversed, owed)
    SELECT payee_clinic_id, currency, 0, sum(come_to[1]), sum(come_to[2]), sum(come_to[3]), sum(come_to[4]),
           sum(come_to[5]), sum(come_to[6]), sum(come_to[7])
    FROM (SELECT payee_clinic_id, currency, payment_figures(payments) AS come_to FROM payments) each_payment
    GROUP BY 1, 2
"""


def copy_the_sale(count: int) -> None:
    """Copy the one sale that there is, over two years and many sellers, past every guard, as a restored dump would."""
    db.session.execute(text("SET LOCAL session_replication_role = replica"))
    db.session.execute(text("SET LOCAL statement_timeout = 0"))
    columns = db.session.execute(
        text("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'"
             " AND is_generated = 'NEVER' ORDER BY ordinal_position")
    ).all()  # fmt: skip
    ago = f"number * {DAYS} / {count} * interval '1 day' AS ago"
    copies = f"(SELECT number, {ago} FROM generate_series(1, {count}) number) copy"
    for table, changed in _COPIES.items():
        names = [column for name, column in columns if name == table]
        values = ", ".join(changed.get(name, f"row.{name}") for name in names)
        db.session.execute(
            text(
                f"INSERT INTO {table} ({', '.join(names)}) OVERRIDING SYSTEM VALUE"
                f" SELECT {values} FROM (SELECT * FROM {table}) row, {copies}"
            )
        )
    db.session.execute(text("TRUNCATE ledger_totals"))
    db.session.execute(
        text("INSERT INTO ledger_totals (day, kind, account, currency, slot, amount_minor)"
             " SELECT (at AT TIME ZONE 'UTC')::date, kind, account, currency, 0, sum(amount_minor) FROM ledger_journals"
             " JOIN ledger_entries ON journal_id = id GROUP BY 1, 2, 3, 4")
    )  # fmt: skip
    db.session.execute(text("TRUNCATE payee_totals"))
    db.session.execute(text(PAYEE_TOTALS))
    db.session.commit()
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET statement_timeout = 0"))
        connection.execute(text("VACUUM ANALYZE"))


def pages(scale: float) -> Iterator[Figure]:
    """Ask the pages that stand on the whole of the books."""
    with (
        own_database() as url,
        tempfile.TemporaryDirectory() as data,
        sold(url, Path(data)) as (app, scene, _order_id, _),
    ):
        copy_the_sale(round(ENTRIES * scale / PER_ORDER))
        entries = db.session.scalar(text("SELECT count(*) FROM ledger_entries"))
        finance, seller = app.test_client(), app.test_client()
        sign_in(finance, make_staff(role=StaffRole.FINANCE))
        sign_in(seller, scene.seller)
        payouts = f"/sales/payouts/{scene.seller_clinic.id}"
        db.session.remove()
        for name, browser, address in (
            ("finance desk, balances and days", finance, "/staff/finance"),
            ("ledger", finance, "/staff/finance/ledger"),
            ("ledger of one account", finance, "/staff/finance/ledger?account=held"),
            ("ledger of an account without a line", finance, "/staff/finance/ledger?account=suspense"),
            ("payout statement", seller, payouts),
        ):

            def ask(browser: FlaskClient = browser, address: str = address) -> None:
                answer = browser.get(address)
                if answer.status_code != 200:
                    raise SystemExit(f"{address} answered {answer.status_code}")

            cost = measured(name, ask, 45)
            yield Figure(
                f"{name}, p95", cost.p95, "ms", PAGE_WITHIN, f"p50 {cost.p50:.0f} ms, {entries:,} entries in the ledger"
            )


# --- comparing the books -------------------------------------------------------------------------------------


@contextmanager
def provider_of(bookings: list[dict]) -> Iterator[str]:
    """Serve these bookings, a hundred a page, as the provider lists them; give the address."""
    places = {one["id"]: place for place, one in enumerate(bookings, start=1)}

    class Listing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            after = parse_qs(urlsplit(self.path).query).get("starting_after", [""])[0]
            start = places.get(after, 0)
            page = {"object": "list", "url": "/v1/balance_transactions", "has_more": start + 100 < len(bookings),
                    "data": bookings[start : start + 100]}  # fmt: skip
            body = json.dumps(page).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listing)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def copied(booking: dict, number: int, order_id: str) -> dict:
    """Return the same booking of another order's charge or transfer."""
    source = booking["source"]
    name = f"{'ch' if booking['type'] == 'charge' else 'tr'}_{number}"
    return booking | {
        "id": f"{booking['id']}_{number}",
        "source": source | {"id": name, "metadata": source["metadata"] | {"order_id": order_id}},
    }


def comparing(scale: float) -> Iterator[Figure]:
    """Compare orders, payments, ledger and the provider's books, over HTTP and through the provider's own client."""
    count = round(ORDERS * scale)
    with own_database() as url, tempfile.TemporaryDirectory() as data, sold(url, Path(data)) as sale:
        app, _scene, order_id, booked = sale
        copy_the_sale(count - 1)
        numbers = db.session.execute(
            text("SELECT number - 1000000, id::text FROM orders WHERE id <> :sold ORDER BY number DESC"),
            {"sold": order_id},
        ).all()
        theirs = [copied(booking, number, copy) for number, copy in numbers for booking in booked] + booked
        db.session.remove()
        with provider_of(theirs) as address:
            bind(app, PaymentGateway, StripeGateway(api_key="sk_test_local", webhook_secrets=(), api_base=address))
            start = time.perf_counter()
            found = orders.compare_books(live=False, at=clock.now())
            seconds = time.perf_counter() - start
            started = time.perf_counter()
            read = sum(1 for _ in app.extensions["second_light_ports"][PaymentGateway].bookings())
            reading = time.perf_counter() - started
    if found:
        raise SystemExit(f"The books differ: {found[0]}")
    yield Figure(
        f"all books of {count:,} orders compared", seconds, "s", RECONCILED_WITHIN,
        f"of which reading {read:,} bookings from the provider {reading:.1f} s; no difference found",
    )  # fmt: skip


def measure(scale: float) -> Iterator[Figure]:
    """Measure one after the other."""
    for part in (intake, pages, comparing):
        yield from partial(part, scale)()


BENCHMARK = Benchmark(
    "The money",
    f"""Webhooks come {RATE} a second for {SECONDS} s to a server with two workers of four threads; each is verified,
kept under its id and promised to a job. A ledger of {ENTRIES:,} entries is spread over {DAYS} days and {SELLERS}
sellers. All books of {ORDERS:,} orders are compared as the hourly job does; the provider's are read over HTTP.""",
    measure,
)
