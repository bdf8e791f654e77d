"""
What list, search and detail cost, beside a bare "hello" page and beside their bare SQL, in one run.

The pages and hello are served by granian as in production, one worker with one thread, and asked for over one
connection. CPU is the time that the server's processes used; that of the database is not in it. p50 and p95 are
wall time as the caller sees it, database included.
"""

import http.client
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import psycopg
from flask import Flask
from sqlalchemy import event, insert, select, text
from sqlalchemy.engine import Engine, make_url

from benchmarks.figures import ROOT, Benchmark, Figure, measured, own_database
from marketplace.accounts.models import User
from marketplace.app import create_app
from marketplace.catalog import queries as catalog
from marketplace.catalog import service as catalogue
from marketplace.clinics.models import Clinic
from marketplace.config import from_environment
from marketplace.extensions import db
from marketplace.listings.derived import derive
from marketplace.listings.models import Handpiece, Listing, Photo
from marketplace.listings.states import ListingState, PhotoState
from marketplace.listings.terms import CounterDirection, CounterUnit, Grade, Modification, Recertification

UNITS = 10_000
ROUNDS = 300
PLACES = [("Austin", "TX"), ("Phoenix", "AZ"), ("Miami", "FL"), ("Atlanta", "GA"), ("Reno", "NV"), ("Chicago", "IL")]
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
PAGES_WITHIN = 10.0
HEADERS = {"Host": "second-light.example"}
"""What a browser would say: the house answers under its own name alone."""


class Serving:
    """An application behind granian, and the one connection over which it is asked."""

    def __init__(
        self, target: str, environment: dict[str, str], *, workers: int = 1, threads: int = 1,
        python: str = sys.executable, directory: Path = ROOT,
    ) -> None:  # fmt: skip
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen(
            [python, "-m", "granian", "--interface", "wsgi", "--workers", str(workers),
             "--blocking-threads", str(threads),
             "--no-ws", "--no-access-log", "--host", "127.0.0.1", "--port", str(self.port), target],
            cwd=directory, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def __enter__(self) -> Self:
        for _ in range(1_200):
            try:
                self.connection.connect()
            except OSError:
                time.sleep(0.05)
            else:
                return self
        raise SystemExit("The server did not start.")

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.wait(10)

    def ask(self, address: str, headers: Mapping[str, str] | None = None) -> int:
        """Return the size of a page; what the server closed because nobody spoke for a while is opened again."""
        try:
            answer = self._answer(address, headers)
        except http.client.RemoteDisconnected:
            answer = self._answer(address, headers)
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{address} answered {answer.status}")
        return len(body)

    def _answer(self, address: str, headers: Mapping[str, str] | None) -> http.client.HTTPResponse:
        self.connection.request("GET", address, headers={**HEADERS, **(headers or {})})
        return self.connection.getresponse()

    def cpu(self) -> float:
        """Return the milliseconds that the server and its workers have used."""
        used = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                parent = int(stat.read_text().rpartition(")")[2].split()[1])
                if self.process.pid in (int(stat.parent.name), parent):
                    used += sum(int(task.read_text().split()[0]) for task in stat.parent.glob("task/*/schedstat"))
        return used / 1_000_000


def environment(url: str, data: Path) -> dict[str, str]:
    """Return the settings of a house in production."""
    return {
        "DATABASE_URL": url,
        "SECOND_LIGHT_MODE": "production",
        "SECOND_LIGHT_SECRET_KEY": "a secret for a benchmark that opens nothing",
        "SECOND_LIGHT_SECOND_FACTOR_KEYS": "another secret for a benchmark with nothing behind it",
        "SECOND_LIGHT_DOCUMENT_KEYS": "a third secret for a benchmark with nothing behind it",
        "SECOND_LIGHT_BASE_URL": f"https://{HEADERS['Host']}",
        "SECOND_LIGHT_DATA_DIR": str(data),
        "SECOND_LIGHT_STRIPE_API_KEY": "sk_test_nobody",
        "SECOND_LIGHT_STRIPE_WEBHOOK_SECRETS": "whsec_nobody",
        "SECOND_LIGHT_MAIL_HOST": "127.0.0.1",
        "SECOND_LIGHT_MAIL_FROM": "Second Light <post@second-light.example>",
    }


def load(units: int) -> None:
    """Put units on the market, spread over the real catalogue, six states and two sellers."""
    catalogue.load(sources=catalogue.shipped(), at=LONG_AGO)
    lot = random.Random(7)
    person = User(name="Seller", email="seller@example.test", password_hash="-", created_at=LONG_AGO)
    db.session.add(person)
    db.session.flush()
    clinics = [
        Clinic(name=f"Clinic {number}", legal_name=f"Clinic {number} LLC", created_at=LONG_AGO) for number in (1, 2)
    ]
    db.session.add_all(clinics)
    db.session.flush()
    choice = [model_id for group in catalog.models_for_choice().values() for model_id, _ in group]
    models = list(catalog.models_by_id(choice).values())
    catalog.modalities()
    clinic_ids, person_id = [clinic.id for clinic in clinics], person.id
    db.session.commit()  # What follows takes longer than a transaction may idle.
    rows: dict[type, list[dict[str, object]]] = {Listing: [], Handpiece: [], Photo: []}
    for number in range(units):
        model = models[number % len(models)]
        city, state = PLACES[lot.randrange(len(PLACES))]
        listing = Listing(
            id=uuid4(), clinic_id=clinic_ids[number % 2], created_by=person_id, model_id=model.id, serial=f"S{number}",
            serial_normal=f"S{number}", year=lot.randint(2008, 2025), grade=lot.choice(list(Grade)),
            price_minor=lot.randint(50, 900) * 10_000, currency="usd", city=city, state_code=state,
            description="Runs as it should; lamp replaced in spring.", rx_label_present=True, id_label_present=True,
            modification=Modification.NONE, recertification=Recertification.UNKNOWN, inclusions={"keys": "included"},
            state=ListingState.PUBLISHED, created_at=LONG_AGO, submitted_at=LONG_AGO, approved_by=person_id,
            published_at=LONG_AGO + timedelta(minutes=number), form_key=uuid4(),
        )  # fmt: skip
        for position, code in enumerate(model.modality_codes, start=1):
            listing.handpieces.append(
                Handpiece(id=uuid4(), listing_id=listing.id, position=position, name=f"Head {position}",
                          modality_code=code, counter_value=lot.randint(0, 900_000), counter_unit=CounterUnit.SHOTS,
                          counter_direction=CounterDirection.UP, rated_life=1_000_000)
            )  # fmt: skip
        derive(listing, model)
        rows[Listing].append(_values(listing))
        rows[Handpiece] += [_values(part) for part in listing.handpieces]
        for position in (1, 2, 3):
            key = uuid4()
            rows[Photo].append(
                {"id": uuid4(), "listing_id": listing.id, "position": position, "storage_key": f"{key.hex[:2]}/{key}",
                 "alternative_text": "The console from the front", "width": 1280, "height": 960, "digest": "0" * 64,
                 "state": PhotoState.READY}
            )  # fmt: skip
    for kind, several in rows.items():
        for start in range(0, len(several), 2_000):
            db.session.execute(insert(kind), several[start : start + 2_000])
    db.session.commit()
    db.session.execute(text("ANALYZE"))
    db.session.commit()


def _values(row: Listing | Handpiece) -> dict[str, object]:
    return {
        column.key: getattr(row, column.key)
        for column in row.__mapper__.columns
        if getattr(row, column.key) is not None
    }


def statements_of(app: Flask, address: str) -> list[tuple[Any, Any]]:
    """Return what a page sends to the database once it is warm, to send it again bare."""
    app.test_client().get(address, base_url="https://second-light.example")
    return statements_sent(app, address)


def statements_sent(app: Flask, address: str, headers: Mapping[str, str] | None = None) -> list[tuple[Any, Any]]:
    """Return what a page sends to the database now."""
    client = app.test_client(use_cookies=not headers)  # A client that keeps cookies would not send those it is given.
    sent: list[tuple[Any, Any]] = []

    def remember(_c: object, _cursor: object, statement: str, parameters: object, _x: object, _many: object) -> None:
        sent.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", remember)
    client.get(address, base_url="https://second-light.example", headers=dict(headers or {}))
    event.remove(Engine, "before_cursor_execute", remember)
    return sent


def bare(connection: psycopg.Connection, sent: list[tuple[Any, Any]]) -> Callable[[], None]:
    """Return a call that sends the same statements with nothing around them."""

    def ask() -> None:
        for statement, parameters in sent:
            connection.execute(statement, parameters).fetchall()

    return ask


def measure(scale: float) -> Iterator[Figure]:
    """Load the market and ask for each page."""
    rounds = max(30, round(ROUNDS * scale))
    with own_database() as url, tempfile.TemporaryDirectory() as data:
        settings = environment(url, Path(data))
        app = create_app(from_environment(settings))
        with app.app_context():
            load(round(UNITS * scale))
            some = db.session.scalars(select(Listing.id).order_by(Listing.published_at.desc()).offset(30)).first()
            db.session.remove()
        pages = {
            "list": "/devices",
            "list, filtered": "/devices?modality=ALEX&modality=IPL&state=TX&max=60000&sort=price",
            "search": "/devices?q=gentlem%20755",
            "detail": f"/devices/{some}",
            "front": "/",
        }
        sent = {name: statements_of(app, address) for name, address in pages.items()}
        with app.app_context():
            db.engine.dispose()
        with Serving("benchmarks.hello:app", {}) as hello:
            least = measured("hello", lambda: hello.ask("/"), rounds * 10, hello.cpu)
        yield Figure("hello, the least Flask can do", least.cpu, "ms CPU", note=f"p50 {least.p50:.2f} ms")
        plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        with Serving("wsgi:app", settings) as server, psycopg.connect(plain, autocommit=True) as connection:
            for name, address in pages.items():
                size = server.ask(address)
                cost = measured(name, partial(server.ask, address), rounds, server.cpu)
                sql = measured(name, bare(connection, sent[name]), rounds)
                yield Figure(
                    name, cost.cpu / least.cpu, "x hello", PAGES_WITHIN,
                    f"{cost.cpu:.2f} ms CPU, p50 {cost.p50:.1f} ms, p95 {cost.p95:.1f} ms; {len(sent[name])} statements"
                    f" that alone take {sql.p50:.1f} ms; {size / 1000:.0f} kB",
                )  # fmt: skip


BENCHMARK = Benchmark(
    "What a page costs",
    f"""{UNITS:,} units on the market, granian with one worker and one thread, one caller. The figure is CPU of the
server's processes, the least disturbed of fifteen batches, beside that of a bare page of the same run; the
database's is not in it. p50 and p95 are wall time as the caller sees it and contain the database. Pages are warm:
what is drawn from the same values was drawn before.""",
    measure,
)
