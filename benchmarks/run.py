"""
What list, search, detail and judge() cost, beside a bare "hello" page and beside their bare SQL, in one run.

    .venv/bin/python benchmarks/run.py [--url postgresql+psycopg://…/postgres] [--rounds 300] [--record]

Loads 10,000 units into a database of its own and drops it afterwards. The pages and hello are served by granian as in
production, one worker with one thread, and asked for over one connection. CPU is the time that the server's processes
used; that of the database is not in it. p50 and p95 are wall time as the caller sees it, database included. Linux only:
the times are read from /proc.
"""

import argparse
import http.client
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Self
from uuid import uuid4

import psycopg
from flask import Flask
from sqlalchemy import create_engine, event, insert, select, text
from sqlalchemy.engine import Engine, make_url

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

# The path had to be set first.
from marketplace import database  # noqa: E402
from marketplace.accounts.models import User  # noqa: E402
from marketplace.app import create_app  # noqa: E402
from marketplace.catalog import queries as catalog  # noqa: E402
from marketplace.catalog import service as catalogue  # noqa: E402
from marketplace.clinics.models import Clinic  # noqa: E402
from marketplace.config import from_environment  # noqa: E402
from marketplace.dev.postgres import Server  # noqa: E402
from marketplace.eligibility.policy import judge  # noqa: E402
from marketplace.extensions import db  # noqa: E402
from marketplace.listings.derived import derive  # noqa: E402
from marketplace.listings.models import Handpiece, Listing, Photo  # noqa: E402
from marketplace.listings.states import ListingState  # noqa: E402
from marketplace.listings.terms import (  # noqa: E402
    CounterDirection,
    CounterUnit,
    Grade,
    Modification,
    Recertification,
)
from tests.factories import gate  # noqa: E402

UNITS = 10_000
BATCHES = 15
PLACES = [("Austin", "TX"), ("Phoenix", "AZ"), ("Miami", "FL"), ("Atlanta", "GA"), ("Reno", "NV"), ("Chicago", "IL")]
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
PAGES_WITHIN = 10.0  # times hello's CPU
JUDGE_WITHIN = 100.0  # microseconds


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of one call."""

    name: str
    cpu: float
    p50: float
    p95: float


def measured(name: str, call: Callable[[], object], rounds: int, cpu: Callable[[], float]) -> Cost:
    """Call it after a warm-up. CPU is that of the least disturbed of many batches; `cpu` tells milliseconds so far."""
    for _ in range(30):
        call()
    walls, batches = [], []
    for _ in range(BATCHES):
        began = cpu()
        for _ in range(rounds // BATCHES):
            start = time.perf_counter()
            call()
            walls.append((time.perf_counter() - start) * 1000)
        batches.append((cpu() - began) / (rounds // BATCHES))
    walls.sort()
    return Cost(name, min(batches), walls[len(walls) // 2], walls[int(len(walls) * 0.95)])


def own_cpu() -> float:
    """Return the milliseconds that this process has used."""
    return time.process_time() * 1000


class Serving:
    """An application behind granian, and the one connection over which it is asked."""

    def __init__(self, target: str, environment: dict[str, str]) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", "1", "--blocking-threads", "1",
             "--no-ws", "--no-access-log", "--host", "127.0.0.1", "--port", str(self.port), target],
            cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def __enter__(self) -> Self:
        for _ in range(200):
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

    def ask(self, address: str) -> int:
        """Return the size of a page."""
        self.connection.request("GET", address)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise SystemExit(f"{address} answered {answer.status}")
        return len(body)

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
        "SECOND_LIGHT_BASE_URL": "https://second-light.example",
        "SECOND_LIGHT_DATA_DIR": str(data),
        "SECOND_LIGHT_STRIPE_API_KEY": "sk_test_nobody",
        "SECOND_LIGHT_STRIPE_WEBHOOK_SECRETS": "whsec_nobody",
        "SECOND_LIGHT_MAIL_HOST": "127.0.0.1",
        "SECOND_LIGHT_MAIL_FROM": "Second Light <post@second-light.example>",
    }


def load(units: int) -> None:
    """Put units on the market, spread over the real catalogue, six states and two sellers."""
    catalogue.load(sources=catalogue.shipped(), at=LONG_AGO)
    lot = random.Random(7)  # noqa: S311  The same market every time.
    person = User(name="Seller", email="seller@example.test", password_hash="-", created_at=LONG_AGO)  # noqa: S106
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
                 "alternative_text": "The console from the front", "width": 1280, "height": 960, "digest": "0" * 64}
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
        if column.computed is None and getattr(row, column.key) is not None
    }


def statements_of(app: Flask, address: str) -> list[tuple[str, object]]:
    """Return what a page sends to the database once it is warm, to send it again bare."""
    client = app.test_client()
    client.get(address, base_url="https://second-light.example")
    sent: list[tuple[str, object]] = []

    def remember(_c: object, _cursor: object, statement: str, parameters: object, _x: object, _many: object) -> None:
        sent.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", remember)
    client.get(address, base_url="https://second-light.example")
    event.remove(Engine, "before_cursor_execute", remember)
    return sent


def bare(connection: psycopg.Connection, sent: list[tuple[str, object]]) -> Callable[[], None]:
    """Return a call that sends the same statements with nothing around them."""

    def ask() -> None:
        for statement, parameters in sent:
            connection.execute(statement, parameters).fetchall()  # type: ignore[arg-type]  # as SQLAlchemy wrote them

    return ask


def report(costs: list[Cost], bares: dict[str, Cost], judged: Cost, counted: dict[str, int]) -> tuple[str, bool]:
    """Write the table, and say whether the aims are met."""
    first = costs[0]
    lines = [
        "| page | statements | CPU ms | x hello | p50 ms | p95 ms | its SQL alone: CPU ms | p50 ms | p50 x SQL |",
        "|--|--|--|--|--|--|--|--|--|",
        f"| hello | 0 | {first.cpu:.3f} | 1.0 | {first.p50:.3f} | {first.p95:.3f} | | | |",
    ]
    met = judged.cpu * 1000 < JUDGE_WITHIN
    for cost in costs[1:]:
        sql = bares[cost.name]
        met = met and cost.cpu <= PAGES_WITHIN * first.cpu
        lines.append(
            f"| {cost.name} | {counted[cost.name]} | {cost.cpu:.3f} | {cost.cpu / first.cpu:.1f}"
            f" | {cost.p50:.2f} | {cost.p95:.2f} | {sql.cpu:.3f} | {sql.p50:.2f} | {cost.p50 / sql.p50:.1f} |"
        )
    lines.append(
        f"| judge() | 0 | {judged.cpu:.4f} | {judged.cpu / first.cpu:.2f} | {judged.p50:.4f} | {judged.p95:.4f} | | | |"
    )
    return "\n".join(lines), met


def main() -> None:
    """Measure, print, and with --record keep the table in RESULTS.md."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--url", help="a database of a PostgreSQL that may create others; without it one is started")
    words.add_argument("--rounds", type=int, default=300)
    words.add_argument("--units", type=int, default=UNITS)
    words.add_argument("--record", action="store_true", help="write benchmarks/RESULTS.md")
    given = words.parse_args()
    if given.url:
        run(given.url, given)
        return
    with (
        tempfile.TemporaryDirectory(prefix="second-light-benchmark-", dir="/var/tmp") as place,
        Server.start(Path(place) / "postgres", durable=False) as server,
    ):
        run(server.url("postgres"), given)


def run(url: str, given: argparse.Namespace) -> None:
    """Measure on a database of its own."""
    name = f"benchmark_{uuid4().hex[:8]}"
    plain = make_url(url).set(drivername="postgresql")
    with psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True) as keeper:
        keeper.execute(f'CREATE DATABASE "{name}"')
        try:
            measure(make_url(url).set(database=name).render_as_string(hide_password=False), given)
        finally:
            keeper.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def measure(url: str, given: argparse.Namespace) -> None:
    """Load the market and take the figures."""
    engine = create_engine(url)
    database.upgrade(engine)
    engine.dispose()
    with tempfile.TemporaryDirectory() as data:
        settings = environment(url, Path(data))
        app = create_app(from_environment(settings))
        with app.app_context():
            load(given.units)
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
            costs = [measured("hello", lambda: hello.ask("/"), given.rounds * 10, hello.cpu)]
        with Serving("wsgi:app", settings) as server:
            for name, address in pages.items():
                print(f"{name}: {server.ask(address):,} bytes", file=sys.stderr)
                costs.append(measured(name, partial(server.ask, address), given.rounds, server.cpu))
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        bares = {name: measured(name, bare(connection, sent[name]), given.rounds, own_cpu) for name in pages}
    facts, policy = gate.texas_hair(), gate.reference_policy()
    judged = measured("judge()", lambda: judge(facts, policy, gate.NOON), given.rounds * 10, own_cpu)
    table, met = report(costs, bares, judged, {name: len(sent[name]) for name in pages})
    print(table)
    print("\nWithin the aims." if met else "\nBeyond the aims.")
    if given.record:
        (ROOT / "benchmarks" / "RESULTS.md").write_text(
            RESULTS.format(units=given.units, rounds=given.rounds, table=table, verdict="met" if met else "not met"),
            encoding="utf-8",
        )
    if not met:
        raise SystemExit(1)


RESULTS = """# What a page costs

{units:,} units on the market, {rounds} rounds, Python 3.11, granian with one worker and one thread, one caller, two
shared cores. Written by `benchmarks/run.py --record`. Every ratio is to figures of the same run, so it can be compared
where milliseconds cannot.

{table}

Aims: list, search and detail at most 10 times the CPU of hello, `judge()` under 0.1 ms. They are {verdict}.

CPU is that of the server's processes, the least disturbed of fifteen batches; the database's is not in it. p50 and p95
are wall time as the caller sees it and contain the database. "Its SQL alone" sends the same statements on one
autocommit connection with nothing around them. Pages are warm: what is drawn from the same values was drawn before.
"""


if __name__ == "__main__":
    main()
