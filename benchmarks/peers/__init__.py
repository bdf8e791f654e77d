"""Another shop on the same units, on the same machine, in the same run: django-oscar beside our pages."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import psycopg
from flask import Flask
from sqlalchemy import text
from sqlalchemy.engine import make_url

from benchmarks.figures import Benchmark, Figure, measured, own_database
from benchmarks.filling import fill
from benchmarks.pages import Serving, environment, statements_sent
from marketplace.app import create_app
from marketplace.config import from_environment
from marketplace.extensions import db
from marketplace.listings import figures
from marketplace.web import freshness

UNITS = 1_000
ROUNDS = 60
PACKAGES = (
    "django-oscar==4.2.1",
    "psycopg[binary]==3.3.9",
    "granian==2.8.9",
    "sorl-thumbnail==13.4.0",
    "whoosh==2.7.4",
)
SHOP = Path(__file__).parent / "shop" / "oscar_shop.py"  # Outside of any package: its server knows nothing of ours.
WITHIN = 600  # seconds, for anything that is waited for

_UNITS = """
    SELECT listing.title || ' ' || listing.year AS title, listing.description, listing.price_minor / 100 AS price,
        listing.modality_codes[1] AS category
    FROM listings listing ORDER BY listing.published_at
"""


def measure(scale: float) -> Iterator[Figure]:
    """Load the market, give the same units to the other shop, and ask both for their pages."""
    units = max(200, round(UNITS * scale))
    with own_database() as url, tempfile.TemporaryDirectory() as room:
        place = Path(room)
        settings = environment(url, place / "data")
        app = create_app(from_environment(settings))
        with app.app_context():
            fill(units)
            rows = [dict(row) for row in db.session.execute(text(_UNITS)).mappings()]
            ours = _ours(rows)
            db.session.remove()
            db.engine.dispose()
        sent = {what: _statements(app, addresses) for what, addresses in ours.items()}
        with Serving("benchmarks.hello:app", {}) as hello:
            least = measured("hello", lambda: hello.ask("/"), ROUNDS * 10, hello.cpu).cpu
        yield Figure("hello, the least Flask can do", least, "ms CPU")
        cost: dict[str, float] = {}
        with Serving("wsgi:app", settings) as server:
            for figure in _asked(server, ours, "ours", sent, least):
                cost[figure.what] = figure.value
                yield figure
        peer, python, theirs = _oscar(place, url, rows)
        sent = {what: _sent(python, addresses[1], peer) for what, addresses in theirs.items()}
        with Serving("oscar_shop:app", peer, python=str(python), directory=SHOP.parent) as server:
            for figure in _asked(server, theirs, "django-oscar", sent, least):
                yield figure
                mine = cost.get(figure.what.replace("django-oscar", "ours"))
                if mine is not None:
                    yield Figure(f"{figure.what}, beside ours", figure.value / mine, "x")


def _ours(rows: list[dict[str, Any]]) -> dict[str, list[str]]:
    units = db.session.execute(
        text("SELECT listing_id, published_at FROM market_units ORDER BY md5(listing_id::text) LIMIT 400")
    ).all()
    words = (row["title"].split() for row in rows)
    pairs = sorted({f"{maker} {year}" for maker, *_, year in words if maker.isalpha()})
    codes = db.session.scalars(text("SELECT DISTINCT modality_codes[1] FROM listings ORDER BY 1")).all()
    return {
        "list": [
            f"/devices?after={row.published_at.isoformat().replace('+', '%2B')}~{row.listing_id}" for row in units
        ],
        "a category by price": [
            f"/devices?modality={code}&sort=price&min={number}" for number in range(1, 20) for code in codes
        ][:400],
        "two words by price": ["/devices?" + urlencode({"q": pair, "sort": "price"}) for pair in pairs],
        "detail": [f"/devices/{row.listing_id}" for row in units],
    }


def _statements(app: Flask, addresses: list[str]) -> int:
    """Return how many statements a page sends that nobody asked for before."""
    statements_sent(app, addresses[0])
    figures.forget()
    freshness.forget()
    number = len(statements_sent(app, addresses[1]))
    with app.app_context():
        db.engine.dispose()
    return number


def _asked(
    server: Serving, pages: dict[str, list[str]], whose: str, sent: dict[str, int], hello: float
) -> Iterator[Figure]:
    for what, addresses in pages.items():
        cost = measured(what, partial(_ask_next, server, cycle(addresses)), ROUNDS, server.cpu)
        yield Figure(
            f"{what}, each another: {whose}", cost.cpu, "ms CPU",
            note=f"{cost.cpu / hello:.1f} x hello, p50 {cost.p50:.1f} ms, p95 {cost.p95:.1f} ms;"
            f" {sent[what]} statements",
        )  # fmt: skip


def _ask_next(server: Serving, addresses: Iterator[str]) -> int:
    return server.ask(next(addresses))


def _oscar(place: Path, url: str, rows: list[dict[str, Any]]) -> tuple[dict[str, str], Path, dict[str, list[str]]]:
    """Install the shop into an environment of its own, and fill it with the same units."""
    _run([sys.executable, "-m", "venv", str(place / "venv")], {})
    python = place / "venv" / "bin" / "python"
    _run([str(python), "-m", "pip", "install", "--quiet", *PACKAGES], {})
    own = make_url(url)
    plain = own.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("CREATE DATABASE oscar")
    database = {"NAME": "oscar", "USER": own.username, "HOST": own.query["host"], "PORT": own.query["port"]}
    peer = {"PEER_DATABASE": json.dumps(database), "PEER_FILES": str(place / "files")}
    return peer, python, json.loads(_run([str(python), str(SHOP), "fill"], peer, json.dumps(rows)))


def _sent(python: Path, address: str, peer: dict[str, str]) -> int:
    return int(_run([str(python), str(SHOP), "count", address], peer))


def _run(command: list[str], peer: dict[str, str], given: str | None = None) -> str:
    done = subprocess.run(
        command, input=given, text=True, capture_output=True, env={**os.environ, **peer}, timeout=WITHIN, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:4])} failed:\n{done.stderr[-2_000:]}")
    return done.stdout


BENCHMARK = Benchmark(
    "Beside django-oscar",
    f"""The same {UNITS:,} units in our house and in a shop of {PACKAGES[0].replace("==", " ")} with the settings of its
documentation and Whoosh, on one PostgreSQL, one after the other in one run: granian with one worker and one thread,
connections kept, one caller, no two pages alike. CPU is the server's, the database's is not in it; Whoosh searches in
the server itself. A product there has its stock record, its category and one photo. Its pages show 20 products, without
facets, which Whoosh does not count; ours 24 devices with the figures of every filter beside them.""",
    measure,
)
