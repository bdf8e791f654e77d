"""
What finding costs among ten thousand, a hundred thousand and a million units, beside a bare page and the page's SQL.

A search asks for two words, a modality and an order by price; no two of one series are alike, so that none is answered
from memory. "After a change" the market changes before each request, and everything that is remembered is read anew.
"""

import http.client
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from itertools import count, product
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
from flask import Flask
from sqlalchemy import select
from sqlalchemy.engine import make_url

from benchmarks.figures import Benchmark, Figure, measured, own_database
from benchmarks.filling import fill
from benchmarks.pages import Serving, bare, environment, statements_of, statements_sent
from marketplace.app import create_app
from marketplace.config import from_environment
from marketplace.extensions import db
from marketplace.listings import figures, kinds, search
from marketplace.listings.models import Listing

SIZES = (10_000, 100_000, 1_000_000)
ROUNDS = 300
ASKING_AT_ONCE = 8
HELLO_TIMES = 8.0
CHANGE = "UPDATE market_shards SET version = gen_random_uuid() WHERE shard = (SELECT min(shard) FROM market_shards)"


def measure(scale: float) -> Iterator[Figure]:
    """Load each market and ask for its pages."""
    with Serving("benchmarks.hello:app", {}) as hello:
        least = measured("hello", lambda: hello.ask("/"), ROUNDS * 10, hello.cpu)
    yield Figure("hello, the least Flask can do", least.cpu, "ms CPU", note=f"p50 {least.p50:.2f} ms")
    searches: dict[int, float] = {}
    for size in SIZES:
        units = max(1_000, round(size * scale))
        with own_database() as url, tempfile.TemporaryDirectory() as data:
            settings = environment(url, Path(data))
            app = create_app(from_environment(settings))
            with app.app_context():
                began = time.perf_counter()
                fill(units)
                yield Figure(f"{units:,} units: written in", time.perf_counter() - began, "s")
            yield from _pages(app, url, settings, units, least.cpu, searches)
    few, many = searches[max(1_000, round(SIZES[0] * scale))], searches[max(1_000, round(SIZES[1] * scale))]
    yield Figure("search at 100,000 beside 10,000, p50", many / few, "x", 1.5)


def _pages(
    app: Flask, url: str, settings: dict[str, str], units: int, hello: float, searches: dict[int, float]
) -> Iterator[Figure]:
    name = f"{units:,} units: "
    with app.app_context():
        some = db.session.scalars(select(Listing.id).order_by(Listing.published_at.desc()).offset(30)).first()
        questions = _questions()
        opened = [known.key for known in search.configurations()][::2]
        db.session.remove()
    turns = count()
    fresh = lambda: questions[next(turns) % len(questions)]  # noqa: E731
    addresses: dict[str, tuple[Callable[[], str], float | None]] = {
        "list": (lambda: "/devices", HELLO_TIMES),
        "search, each another": (fresh, None),
        "search, the same": (lambda: questions[0], None),
        "suggestions": (lambda: "/devices/suggestions?q=alex", None),
        "detail": (lambda: f"/devices/{some}", HELLO_TIMES),
    }
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    sent = {what: statements_of(app, ask()) for what, (ask, _) in addresses.items()}
    sent["search, each another"] = _first_statements(app, questions[1])
    with app.app_context():
        db.engine.dispose()
    rounds = ROUNDS if units <= 100_000 else 60
    with Serving("wsgi:app", settings) as server, psycopg.connect(plain, autocommit=True) as connection:
        for what, (ask, bar) in addresses.items():
            cost = measured(what, lambda ask=ask: server.ask(ask()), rounds, server.cpu)  # type: ignore[misc]
            sql = measured(what, bare(connection, sent[what]), min(rounds, 60))
            yield Figure(
                name + what, cost.cpu / hello, "x hello", bar,
                f"{cost.cpu:.2f} ms CPU, p50 {cost.p50:.1f} ms, p95 {cost.p95:.1f} ms; {len(sent[what])} statements"
                f" that alone take {sql.p50:.1f} ms",
            )  # fmt: skip
            if what == "search, each another":
                searches[units] = cost.p50
                if units == SIZES[1]:
                    yield Figure(name + "search with its figures, p50", cost.p50, "ms", 25)
                if units == SIZES[2]:
                    yield Figure(name + "search with its figures, p95", cost.p95, "ms", 150)

        def changed() -> None:
            connection.execute(CHANGE)
            server.ask(fresh())

        after = measured("after a change", changed, min(rounds, 60), server.cpu)
        yield Figure(
            name + "search after a change", after.cpu / hello, "x hello",
            note=f"{after.cpu:.2f} ms CPU, p50 {after.p50:.1f} ms, p95 {after.p95:.1f} ms",
        )  # fmt: skip
        named = _named(server.port)
        again = measured("unchanged", named, rounds, server.cpu)
        yield Figure(
            name + "list that the reader has, answered with 304", again.cpu / hello, "x hello",
            note=f"{again.cpu:.2f} ms CPU, p50 {again.p50:.1f} ms",
        )  # fmt: skip
        yield Figure(name + "memory of the server", _memory(server.process.pid), "MB")
    with Serving("wsgi:app", settings, workers=2, threads=4) as server:
        p50, p95, a_second = _at_once(server.port, questions)
        yield Figure(
            name + f"search, {ASKING_AT_ONCE} at once, p95", p95, "ms",
            note=f"p50 {p50:.1f} ms, {a_second:.0f} a second; two workers of four threads",
        )  # fmt: skip
    yield _qualified(app, name, opened)
    with psycopg.connect(plain) as connection:
        row = connection.execute(
            "SELECT pg_total_relation_size('market_units'), pg_total_relation_size('market_faces')"
            " + pg_total_relation_size('market_counts') + pg_total_relation_size('market_tallies'),"
            " (SELECT count(*) FROM market_kinds), (SELECT count(*) FROM market_faces)"
        ).fetchone()
        assert row is not None
        yield Figure(
            name + "rows of the market with their indexes", row[0] / 1e6, "MB",
            note=f"figures kept {row[1] / 1e6:.0f} MB; {row[2]:,} kinds, {row[3]:,} faces",
        )  # fmt: skip


def _questions() -> list[str]:
    """Return addresses of searches that find something: a maker and a word, a modality, the lowest price first."""
    found = search.find(search.Wanted())
    makers = [maker.split()[0].strip("()").lower() for maker in found.counts["maker"]]
    modalities = list(found.counts["modality"])
    words = ("alex", "yag", "hair", "laser", "pigment", "ipl", "1064", "755", "rf", "diode", "co2", "tattoo", "pico")
    asked: list[str] = []
    for maker, word, code in product(dict.fromkeys(makers), words, modalities):
        wanted = search.Wanted(text=f"{maker} {word}", chosen={"modality": (code,)})
        if len(asked) < 2_000 and search.find(wanted, literally=True).total:
            asked.append("/devices?" + urlencode({"q": wanted.text, "modality": code, "sort": "price"}))
    # Spread out, so that neighbours differ.
    return sorted(asked, key=hash_of)


def hash_of(words: str) -> int:
    """Return a number that is the same in every run."""
    return int.from_bytes(sha256(words.encode()).digest()[:6])


def _first_statements(app: Flask, address: str) -> list[tuple[Any, Any]]:
    """Return what a search sends of which nothing is remembered but the kinds."""
    app.test_client().get("/devices", base_url="https://second-light.example")
    figures.forget()
    return statements_sent(app, address)


def _named(port: int) -> Callable[[], None]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/devices")
    first = connection.getresponse()
    first.read()
    tag = first.headers["ETag"]

    def ask() -> None:
        connection.request("GET", "/devices", headers={"If-None-Match": tag})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 304:
            raise SystemExit(f"A page that the reader has was answered {answer.status}.")

    return ask


def _at_once(port: int, questions: list[str]) -> tuple[float, float, float]:
    """Ask from several connections at once, each for another search; return p50, p95, and how many a second."""
    walls: list[float] = []

    def asking(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for turn in range(40):
            address = questions[(number * 40 + turn) % len(questions)]
            start = time.perf_counter()
            connection.request("GET", address)
            connection.getresponse().read()
            walls.append((time.perf_counter() - start) * 1000)

    threads = [threading.Thread(target=asking, args=(number,)) for number in range(ASKING_AT_ONCE)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    walls.sort()
    return walls[len(walls) // 2], walls[int(len(walls) * 0.95)], len(walls) / took


def _qualified(app: Flask, name: str, opened: list[str]) -> Figure:
    """Ask for what somebody is qualified for, who may buy half of all configurations: the search alone."""
    with app.app_context():
        wanted = search.Wanted(configurations=tuple(opened))
        search.find(wanted)

        def ask() -> None:
            figures.forget()
            search.find(wanted)

        cost = measured("qualified", ask, 60)
        total = search.find(wanted).total
        db.session.remove()
        kinds.forget()
    return Figure(
        name + "qualified for half of what there is, the search alone, p50", cost.p50, "ms",
        note=f"{cost.cpu:.2f} ms CPU, p95 {cost.p95:.1f} ms; {total:,} units",
    )  # fmt: skip


def _memory(pid: int) -> float:
    """Return the resident megabytes of a process and those it started."""
    found = 0.0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            said = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        except OSError:
            continue
        if str(pid) in (status.parent.name, said.get("PPid", "").strip()) and "VmRSS" in said:
            found = max(found, int(said["VmRSS"].split()[0]) / 1000)
    return found


BENCHMARK = Benchmark(
    "Finding among ten thousand, a hundred thousand and a million",
    """Units over the whole catalogue, some models far more frequent than others, in thirty places, the same every time
(`benchmarks/filling.py`). Pages by granian with one worker and one thread, one caller, unless it says otherwise; CPU is
the server's, the database's is not in it; p50 and p95 are what the caller waits, the database included. A search asks
for two words, a modality and the lowest price first; "each another" is never answered from memory. "That alone take"
are the same statements sent by bare psycopg. Memory is that of one worker.""",
    measure,
)
