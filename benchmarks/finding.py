"""
What finding costs among ten thousand, a hundred thousand and a million units, beside a bare page and the page's SQL.

A search asks for two words, a modality and an order by price. Of pages "each another" no two are alike, so that none is
answered from memory. "After a change" the market changes before each request, and everything remembered is read anew.
"""

import http.client
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from itertools import count, product
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy import text
from sqlalchemy.engine import make_url

from benchmarks.figures import Benchmark, Cost, Figure, measured, own_database
from benchmarks.filling import fill
from benchmarks.pages import HEADERS, Serving, bare, environment, statements_sent
from marketplace.accounts.models import User
from marketplace.accounts.sessions import open_session
from marketplace.app import create_app
from marketplace.config import from_environment
from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.listings import figures, search
from marketplace.web import freshness, parking
from tests.factories.orders import make_scene

SIZES = (10_000, 100_000, 1_000_000)
ROUNDS = 300
AT_ONCE = 8
ASKED_EACH = 40
HELLO_TIMES = 8.0
PEERS = {
    "list": "django-oscar 636 / 725 (714), Medusa 760 / 4,548, Vendure 133 / 232 (203)",
    "search": "django-oscar 92 / 124 (94), Medusa 14 / 30 (17), Vendure 480 / 4,687",
    "detail": "django-oscar 56 / 51 (55), Medusa 44 / 46, Vendure 18 / 22 (24)",
}
CHANGE = "UPDATE market_shards SET version = gen_random_uuid() WHERE shard = (SELECT min(shard) FROM market_shards)"


@dataclass(frozen=True, slots=True)
class Asked:
    """
    Pages that are asked for, one after the other, and what they should stay under.

    `hello`: in times of a bare page's CPU; `cpu`: in milliseconds of it; `p50` and `p95`: in milliseconds of waiting,
    among how many units. `cookie`: of whoever asks.
    """

    addresses: Sequence[str]
    hello: float | None = None
    cpu: float | None = None
    p50: tuple[int, float] | None = None
    p95: tuple[int, float] | None = None
    cookie: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {**HEADERS, "Cookie": self.cookie} if self.cookie else HEADERS


def measure(scale: float, sizes: Sequence[int] = SIZES) -> Iterator[Figure]:
    """Load each market and ask for its pages."""
    searches: dict[int, float] = {}
    for size in sizes:
        units = max(1_000, round(size * scale))
        for figure in _market(size, units, searches):
            yield replace(figure, part=f"{units:,} units")
    if {SIZES[0], SIZES[1]} <= searches.keys():
        yield Figure(
            "search at 100,000 beside 10,000, p50", searches[SIZES[1]] / searches[SIZES[0]], "x", 1.5,
            part="One size beside another",
        )  # fmt: skip


def _market(size: int, units: int, searches: dict[int, float]) -> Iterator[Figure]:
    with Serving("benchmarks.hello:app", {}) as hello:
        least = measured("hello", lambda: hello.ask("/"), ROUNDS * 10, hello.cpu)
    yield Figure("hello, the least Flask can do", least.cpu, "ms CPU", note=f"p50 {least.p50:.2f} ms")
    with own_database() as url, tempfile.TemporaryDirectory() as data:
        settings = environment(url, Path(data))
        app = create_app(from_environment(settings))
        with app.app_context():
            began = time.perf_counter()
            fill(units)
            yield Figure("written in", time.perf_counter() - began, "s")
            asked = _asked(app)
            db.session.remove()
            db.engine.dispose()
        yield from _pages(app, url, settings, size, least.cpu, asked, searches)


def _asked(app: Flask) -> dict[str, Asked]:
    """Return what is asked for among the units that are there."""
    rows = db.session.execute(
        text("SELECT listing_id, published_at FROM market_units ORDER BY md5(listing_id::text) LIMIT 700")
    ).all()
    units = [f"/devices/{row.listing_id}" for row in rows]
    turned = ["/devices?" + urlencode({"after": f"{row.published_at.isoformat()}~{row.listing_id}"}) for row in rows]
    questions, states = _questions(), ["TX", "AZ", "FL", "CA", "NY", "OH", "WA", "IL"]
    buyer = _buyer(app)
    return {
        "list": Asked(["/devices"], hello=HELLO_TIMES),
        "list, each another page": Asked(turned, cpu=5),
        "search, the same": Asked(questions[:1]),
        "search, each another": Asked(questions, cpu=6, p50=(100_000, 25), p95=(1_000_000, 150)),
        "price range, each another": Asked([f"/devices?max={30_000 + 10 * n}" for n in range(700)], p50=(100_000, 25)),
        "state, grade and price, each another": Asked(
            [f"/devices?state={states[n % 8]}&grade=A&max={40_000 + 10 * n}&sort=price" for n in range(700)],
            p50=(100_000, 25),
        ),
        "year and life used, each another": Asked(
            [f"/devices?year={2008 + n % 14}&life={20 + n // 14}" for n in range(700)], p50=(100_000, 25)
        ),
        "distance, each another": Asked([f"/devices?zip=78701&within={50 + n}" for n in range(700)], p50=(100_000, 25)),
        "suggestions": Asked(
            [f"/devices/suggestions?q={word}" for word in ("alex", "gentle", "pico", "candel", "tat")]
        ),
        "detail": Asked(units[:1], hello=HELLO_TIMES),
        "detail, each another": Asked(units, cpu=4),
        "list, for a buyer": Asked(["/devices"], cpu=5, cookie=buyer),
        "search, each another, for a buyer": Asked(questions, cpu=6, cookie=buyer),
        "detail with its verdict, each another": Asked(units, cpu=4, cookie=buyer),
        "qualified for today, each another": Asked(
            [f"/devices?verdict=today&max={30_000 + 10 * n}" for n in range(700)], cookie=buyer
        ),
        "qualified for today": Asked(["/devices?verdict=today"], p50=(100_000, 150), cookie=buyer),
    }


def _buyer(app: Flask) -> str:
    """Return the cookie of somebody who may buy, signed in."""
    scene = make_scene(clock.now())
    person = db.session.get_one(User, scene.buyer.id)
    token = open_session(user=person, at=clock.now(), user_agent="benchmark", address="127.0.0.1").token
    db.session.commit()
    serializer = SecureCookieSessionInterface().get_signing_serializer(app)
    assert serializer is not None
    # As a browser has it that has seen a page: each form of theirs carries the same secret.
    return f"{app.config['SESSION_COOKIE_NAME']}={serializer.dumps({parking.TOKEN: token, 'csrf_token': 'c' * 40})}"


def _pages(
    app: Flask, url: str, settings: dict[str, str], size: int, hello: float, asked: dict[str, Asked],
    searches: dict[int, float],
) -> Iterator[Figure]:  # fmt: skip
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    rounds = ROUNDS if size <= SIZES[1] else 120
    with Serving("wsgi:app", settings) as server, psycopg.connect(plain, autocommit=True) as connection:
        for what, pages in asked.items():
            sent = _statements(app, pages)
            cost = measured(what, partial(_ask_next, server, pages, count()), rounds, server.cpu)
            sql = measured(what, bare(connection, sent), min(rounds, 60))
            yield from _figures(
                what, pages, cost, hello, size, f"{len(sent)} statements that alone take {sql.p50:.1f} ms"
            )
            if what == "search, each another":
                searches[size] = cost.p50
        turns = count(600)

        def changed() -> None:
            connection.execute(CHANGE)
            server.ask(_next(asked["search, each another"], turns))

        after = measured("after a change", changed, min(rounds, 60), server.cpu)
        yield Figure(
            "search after a change", after.cpu / hello, "x hello",
            note=f"{after.cpu:.2f} ms CPU, p50 {after.p50:.1f} ms, p95 {after.p95:.1f} ms",
        )  # fmt: skip
        again = measured("unchanged", _named(server.port), rounds, server.cpu)
        yield Figure(
            "list that the reader has, answered with 304", again.cpu / hello, "x hello",
            note=f"{again.cpu:.2f} ms CPU, p50 {again.p50:.1f} ms",
        )  # fmt: skip
        yield Figure("memory of the server", _memory(server.process.pid), "MB")
    with Serving("wsgi:app", settings, workers=2, threads=4) as server:
        for what, pages in asked.items():
            p50, p95, cpu, a_second = _at_once(server, pages)
            yield Figure(
                f"{what}, {AT_ONCE} at once, p95", p95, "ms",
                note=f"p50 {p50:.1f} ms, {a_second:.0f} a second, {cpu:.2f} ms CPU; two workers of four threads",
            )  # fmt: skip
    with psycopg.connect(plain) as connection:
        row = connection.execute(
            "SELECT pg_total_relation_size('market_units'), pg_total_relation_size('market_faces')"
            " + pg_total_relation_size('market_counts') + pg_total_relation_size('market_tallies'),"
            " (SELECT count(*) FROM market_kinds), (SELECT count(*) FROM market_faces)"
        ).fetchone()
        assert row is not None
        yield Figure(
            "rows of the market with their indexes", row[0] / 1e6, "MB",
            note=f"figures kept {row[1] / 1e6:.0f} MB; {row[2]:,} kinds, {row[3]:,} faces",
        )  # fmt: skip


def _ask_next(server: Serving, pages: Asked, turns: Iterator[int]) -> None:
    server.ask(_next(pages, turns), pages.headers)


def _next(pages: Asked, turns: Iterator[int]) -> str:
    return pages.addresses[next(turns) % len(pages.addresses)]


def _figures(name: str, pages: Asked, cost: Cost, hello: float, size: int, note: str) -> Iterator[Figure]:
    """Say what a page costs, and each bar that was set for it at this size."""
    note = f"{cost.cpu:.2f} ms CPU, p50 {cost.p50:.1f} ms, p95 {cost.p95:.1f} ms; {note}"
    yield Figure(name, cost.cpu / hello, "x hello", pages.hello, note)
    if pages.cpu is not None:
        yield Figure(f"{name}, CPU", cost.cpu, "ms CPU", pages.cpu)
    for bar, percentile, value in ((pages.p50, "p50", cost.p50), (pages.p95, "p95", cost.p95)):
        if bar is not None and bar[0] == size:
            yield Figure(f"{name}, {percentile}", value, "ms", bar[1])


def _statements(app: Flask, pages: Asked) -> list[tuple[Any, Any]]:
    """Return what a page sends of which nothing is remembered but the kinds; one that is kept, what it sends then."""
    headers = {"Cookie": pages.cookie} if pages.cookie else {}
    statements_sent(app, pages.addresses[0], headers)
    if len(pages.addresses) > 1:
        figures.forget()
        freshness.forget()
    found = statements_sent(app, pages.addresses[min(1, len(pages.addresses) - 1)], headers)
    with app.app_context():
        db.engine.dispose()
    return found


def _questions() -> list[str]:
    """Return addresses of searches that find something: a maker and a word, a modality, the lowest price first."""
    found = search.find(search.Wanted())
    makers = [maker.split()[0].strip("()").lower() for maker in found.counts["maker"]]
    modalities = list(found.counts["modality"])
    words = ("alex", "yag", "hair", "laser", "pigment", "ipl", "1064", "755", "rf", "diode", "co2", "tattoo", "pico")
    asked: list[str] = []
    for maker, word, code in product(dict.fromkeys(makers), words, modalities):
        wanted = search.Wanted(text=f"{maker} {word}", chosen={"modality": (code,)})
        if len(asked) < 1_000 and search.find(wanted, literally=True).total:
            asked.append("/devices?" + urlencode({"q": wanted.text, "modality": code, "sort": "price"}))
    # Spread out, so that neighbours differ.
    return sorted(asked, key=hash_of)


def hash_of(words: str) -> int:
    """Return a number that is the same in every run."""
    return int.from_bytes(sha256(words.encode()).digest()[:6])


def _named(port: int) -> Callable[[], None]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/devices", headers=HEADERS)
    first = connection.getresponse()
    first.read()
    tag = first.headers["ETag"]

    def ask() -> None:
        connection.request("GET", "/devices", headers={**HEADERS, "If-None-Match": tag})
        answer = connection.getresponse()
        answer.read()
        if answer.status != 304:
            raise SystemExit(f"A page that the reader has was answered {answer.status}.")

    return ask


def _at_once(server: Serving, pages: Asked) -> tuple[float, float, float, float]:
    """Ask from several connections at once; return p50, p95 and CPU in milliseconds, and how many a second."""
    walls: list[float] = []

    def asking(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for turn in range(ASKED_EACH):
            address = pages.addresses[(number * ASKED_EACH + turn) % len(pages.addresses)]
            start = time.perf_counter()
            connection.request("GET", address, headers=pages.headers)
            connection.getresponse().read()
            walls.append((time.perf_counter() - start) * 1000)

    threads = [threading.Thread(target=asking, args=(number,)) for number in range(AT_ONCE)]
    began, used = time.perf_counter(), server.cpu()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=600)
    took, used = time.perf_counter() - began, server.cpu() - used
    walls.sort()
    return walls[len(walls) // 2], walls[int(len(walls) * 0.95)], used / len(walls), len(walls) / took


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
    f"""Units over the whole catalogue, some models far more frequent than others, in thirty places, the same every time
(`benchmarks/filling.py`). Pages by granian with one worker and one thread, one caller, unless it says otherwise; CPU is
the server's, the database's is not in it; p50 and p95 are what the caller waits, the database included. A search asks
for two words, a modality and the lowest price first; "each another" is never answered from memory. "That alone take"
are the same statements sent by bare psycopg. Memory is that of one worker.

What no two pages of are alike was asked for by nobody before; a buyer is signed in and has a site to buy for.

Others on a machine like this, p50 ms among 10,000 / 100,000 products (CPU ms), measured once and not in this run:
list: {PEERS["list"]}; search: {PEERS["search"]}; detail: {PEERS["detail"]}.""",
    measure,
    sizes=SIZES,
)
