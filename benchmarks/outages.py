"""
What people see of the house while its database restarts, is killed, stands still, or is given back from a dump.

The pages are served by granian with two workers of four threads, as in production; thirty times a second somebody
asks for one, each time another. A write counts as lost if it was acknowledged and is not there afterwards. The whole
runs on one machine: a restart of the database takes as long as it takes there.
"""

import http.client
import os
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Self
from uuid import uuid4

import psycopg
from flask import Flask
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from benchmarks.figures import Benchmark, Figure
from benchmarks.pages import HEADERS, Serving, environment, load
from marketplace import audit, database
from marketplace.app import create_app
from marketplace.config import from_environment
from marketplace.dev import postgres_programs
from marketplace.dev.postgres import Server
from marketplace.extensions import db, unit_of_work

UNITS = 300
A_SECOND = 30
RESTARTS, KILLS = 10, 5
STANDSTILL = 12.0


class Caller:
    """Somebody who asks for a page thirty times a second, and keeps what came of it, with when and how long."""

    def __init__(self, port: int, paths: tuple[str, ...] = ("/devices?page={}", "/devices?q=laser&page={}")) -> None:
        self._port, self._paths = port, paths
        self.answers: list[tuple[float, int, float]] = []
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._clock = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._clock.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._clock.join(30)
        for thread in self._threads:
            thread.join(30)

    def since(self, moment: float) -> list[tuple[float, int, float]]:
        """Return what was asked since the moment: when, its status (0: none), and how long it took."""
        return sorted(one for one in list(self.answers) if one[0] >= moment)

    def _run(self) -> None:
        number = 0
        while not self._over.wait(1 / A_SECOND):
            number += 1
            thread = threading.Thread(target=self._ask, args=(number,), daemon=True)
            thread.start()
            self._threads = [one for one in self._threads if one.is_alive()] + [thread]

    def _ask(self, number: int) -> None:
        began = time.monotonic()
        status = asked(self._port, self._paths[number % len(self._paths)].format(number % 12 + 1))
        self.answers.append((began, status, time.monotonic() - began))


def asked(port: int, path: str) -> int:
    """Return the status of a page; 0 where no answer came."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers=HEADERS)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def until(good: Callable[[], bool], *, within: float = 60.0) -> float:
    """Return the seconds until it holds."""
    began = time.monotonic()
    while not good():
        if time.monotonic() - began > within:
            raise SystemExit("It did not come back.")
        time.sleep(0.02)
    return time.monotonic() - began


class House:
    """The database in a place of its own, and what is done to it."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self.server = Server.start(place, durable=True)
        self.url = make_url(self.server.url("house")).render_as_string(hide_password=False)

    def restart(self) -> None:
        """As an update of the machine would: what runs is ended, everything written, and begun again."""
        self.server.stop()
        self.start()

    def start(self) -> None:
        self.server = Server.start(self._place, durable=True)

    def kill(self) -> None:
        """As a power cut would."""
        for process in self.processes():
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.server.stop()

    def processes(self) -> list[int]:
        """Return the processes of the server, the first of them first."""
        with psycopg.connect(plain(self.server.url("postgres"))) as connection:
            head = _parent_of(connection.info.backend_pid)
        if head <= 1:
            raise SystemExit("The server's own process was not found.")  # Nought would be all of our own group.
        return [head, *(one for one in _running() if _parent_of(one) == head)]


def _running() -> list[int]:
    return [int(one.name) for one in Path("/proc").glob("[0-9]*")]


def _parent_of(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def plain(url: str) -> str:
    """Return the address as the programs of PostgreSQL read it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def measure(scale: float) -> Iterator[Figure]:
    """Furnish a house, and take its database away in every way."""
    with tempfile.TemporaryDirectory(prefix="second-light-outages-", dir="/var/tmp") as directory:
        place = Path(directory)
        house = House(place / "postgres")
        try:
            house.server.create_database("house")
            settings = from_environment(environment(house.url, place / "data"))
            engine = create_engine(house.url)
            database.upgrade(engine)
            engine.dispose()
            app = create_app(settings)
            with app.app_context():
                load(UNITS)
                db.session.remove()
            yield from _away_at_the_start(house, settings_of(house, place))
            with Serving("wsgi:app", settings_of(house, place), workers=2, threads=4) as served:
                until(lambda: asked(served.port, "/devices") == 200)
                yield from _restarts(house, served.port, max(1, round(RESTARTS * scale)))
                yield from _kills(house, served.port, app, max(1, round(KILLS * scale)))
                yield from _standstill(house, served.port, STANDSTILL * max(scale, 0.5))
            yield from _given_back(house)
        finally:
            house.server.stop()


def settings_of(house: House, place: Path) -> dict[str, str]:
    return environment(house.url, place / "data")


def _away_at_the_start(house: House, settings: dict[str, str]) -> Iterator[Figure]:
    house.server.stop()
    with Serving("wsgi:app", settings, workers=2, threads=4) as served:
        until(lambda: asked(served.port, "/healthz") == 200)
        began = time.monotonic()
        status = asked(served.port, "/devices")
        took = time.monotonic() - began
        yield Figure("started without a database: a page answers", took, "s", 5, f"with status {status}; /healthz 200")
        house.start()
        back = until(lambda: asked(served.port, "/devices") == 200)
        yield Figure("and is there once the database is", back, "s", 5, "nothing was restarted")


def _restarts(house: House, port: int, times: int) -> Iterator[Figure]:
    failed, back, odd = [], [], set()
    with Caller(port) as caller:
        for _ in range(times):
            time.sleep(1)
            began = time.monotonic()
            house.server.stop()
            house.start()
            back.append(until(lambda: asked(port, f"/devices?page={uuid4().int % 12 + 1}") == 200))
            time.sleep(1)
            answers = caller.since(began)
            failed.append(sum(status != 200 for _, status, _ in answers))
            odd |= {status for _, status, _ in answers} - {200, 503}
    note = f"{times} restarts under {A_SECOND} pages a second; answers other than 200 and 503: {sorted(odd) or 'none'}"
    yield Figure("database restarted: pages that failed, at most", max(failed), "pages", 10.5, note)
    yield Figure("and back after it answers", max(back), "s", 3)


def _kills(house: House, port: int, app: Flask, times: int) -> Iterator[Figure]:
    acknowledged, over = [], threading.Event()
    subject = uuid4()

    def write() -> None:
        with app.app_context():
            while not over.is_set():
                event = uuid4()
                try:
                    with unit_of_work():
                        audit.record(
                            "bench:written", actor_id=None, subject_type="bench", subject_id=subject,
                            at=datetime.now(UTC), event=event,
                        )  # fmt: skip
                except (DBAPIError, PoolTimeout):
                    time.sleep(0.05)
                    continue
                finally:
                    db.session.remove()
                acknowledged.append(str(event))

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    back = []
    for _ in range(times):
        time.sleep(1)
        house.kill()
        house.start()
        back.append(until(lambda: asked(port, f"/devices?page={uuid4().int % 12 + 1}") == 200))
    time.sleep(0.5)
    over.set()
    writer.join(30)
    with app.app_context():
        kept = {event.data["event"] for event in audit.events_about("bench", subject)}
        broken = list(audit.broken_links())
        db.session.remove()
    yield Figure("database killed: back after it answers", max(back), "s", 10, f"{times} kills")
    lost = len(set(acknowledged) - kept)
    note = f"of {len(acknowledged)}; the chain of the audit trail {'is BROKEN' if broken else 'is whole'}"
    yield Figure("acknowledged writes that were lost", lost, "writes", 0.5, note)


def _standstill(house: House, port: int, seconds: float) -> Iterator[Figure]:
    until(lambda: asked(port, "/devices") == 200)
    processes = house.processes()
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGSTOP)
    began = time.monotonic()
    try:
        with Caller(port) as caller:
            alive = asked(port, "/healthz")
            time.sleep(seconds)
            for process in processes:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGCONT)
            back = until(lambda: asked(port, f"/devices?page={uuid4().int % 12 + 1}") == 200)
        slowest = max(took for when, _, took in caller.since(began) if when < began + seconds)
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGCONT)
    statuses = sorted({status for _, status, _ in caller.since(began)})
    note = f"for {seconds:.0f} s; answers {statuses}; /healthz {alive}"
    yield Figure("database stands still: the slowest page", slowest, "s", 5, note)
    yield Figure("and back after it goes on", back, "s", 5)


def _given_back(house: House) -> Iterator[Figure]:
    programs = postgres_programs.find().directory
    dump = Path(tempfile.gettempdir()) / f"outages-{uuid4().hex}.dump"
    try:
        began = time.monotonic()
        command: list[str | Path] = [programs / "pg_dump", "--format=custom", "--file", dump, plain(house.url)]
        subprocess.run(command, check=True, capture_output=True, timeout=600)
        dumped = time.monotonic() - began
        house.server.create_database("restored")
        began = time.monotonic()
        url = house.server.url("restored")
        command = [programs / "pg_restore", "--exit-on-error", "--dbname", plain(url), dump]
        subprocess.run(command, check=True, capture_output=True, timeout=600)
        given_back = time.monotonic() - began
    finally:
        dump.unlink(missing_ok=True)
    same, rows = _what_it_has(url)
    if not same or rows != _what_it_has(house.url)[1]:
        raise SystemExit("What was given back is not what was dumped.")
    note = f"every table has as many rows as before; the dump itself took {dumped:.1f} s"
    yield Figure("given back from a dump", given_back, "s", None, note)


def _what_it_has(url: str) -> tuple[bool, list[tuple[str, int]]]:
    """Say whether the database has the newest schema, and how many rows each table has."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            tables = sorted(database.metadata().tables)
            counted = [(name, connection.scalar(text(f'SELECT count(*) FROM "{name}"')) or 0) for name in tables]
            return database.is_current(connection), counted
    finally:
        engine.dispose()


BENCHMARK = Benchmark(title="Without its database", about=__doc__ or "", measure=measure)
