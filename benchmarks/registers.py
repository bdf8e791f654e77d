"""
What it costs to load a roster of a million rows, and to find ten thousand holders in it.

    .venv/bin/python benchmarks/registers.py [--url postgresql+psycopg://…/postgres] [--rows 1000000] [--record]

Draws the file, loads it by the use-case that staff and the command go through, and matches credentials by number, then
everybody by name in a list of exclusions, all in a database of its own that is dropped afterwards. Memory is the most
that this process had, which reads the file and sends it on; the database has its own. Linux only.
"""

import argparse
import re
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from itertools import islice
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

# The path had to be set first.
from marketplace import database  # noqa: E402
from marketplace.app import create_app  # noqa: E402
from marketplace.credentials import matching, screening  # noqa: E402
from marketplace.credentials import service as credentials  # noqa: E402
from marketplace.credentials.matching import Wanted  # noqa: E402
from marketplace.dev import rosters  # noqa: E402
from marketplace.dev.postgres import Server  # noqa: E402
from marketplace.extensions import db  # noqa: E402
from marketplace.kernel import clock  # noqa: E402
from marketplace.registers import queries, service  # noqa: E402
from marketplace.registers.sources import EXCLUSIONS  # noqa: E402
from tests.conftest import settings_for  # noqa: E402

HOLDERS = 10_000
TYPE = "A/C Contractor"
EXCLUDED = 83_000  # About as many as the real list has.


HEADING = "## A register of a million rows"


def megabytes() -> float:
    """Return the largest resident size so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def own_database(url: str | None) -> Iterator[str]:
    """Make a migrated database, on the server given or on one of our own, and drop it at the end."""
    with tempfile.TemporaryDirectory(prefix="second-light-bench-") as place:
        server = None if url else Server.start(Path(place) / "postgres", durable=False).__enter__()
        home = make_url(url or server.url("postgres"))
        name, plain = f"bench_{uuid4().hex[:8]}", home.set(drivername="postgresql").render_as_string(False)
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        own = home.set(database=name)
        try:
            engine = create_engine(own)
            database.upgrade(engine)
            engine.dispose()
            yield own.render_as_string(hide_password=False)
        finally:
            with psycopg.connect(plain, autocommit=True) as connection:
                connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            if server:
                server.__exit__(None, None, None)


def load(source_code: str, lines: Iterator[str], place: Path) -> tuple[float, int]:
    """Write the file, load it, and return the seconds of receiving and loading, and its rows."""
    file = place / "register.csv"
    with file.open("wb") as opened:
        opened.writelines(rosters.written(lines))
    began, at = time.perf_counter(), clock.now()
    with file.open("rb") as opened:
        snapshot_id = service.receive(
            source_code=source_code,
            filename=file.name,
            chunks=iter(lambda: opened.read(1 << 20), b""),
            retrieved_at=at,
            actor_id=None,
            at=at,
        )
    service.load(snapshot_id=snapshot_id, at=at)
    seconds, rows = time.perf_counter() - began, queries.snapshot(snapshot_id).rows_loaded
    db.session.remove()  # No transaction stays open while the next file is drawn.
    return seconds, rows


def match(people: list[rosters.Licence]) -> tuple[float, int]:
    """Find holders by their numbers; return the seconds and how many were found strongly."""
    wanted = [
        Wanted(uuid4(), "US-TX:TDLR:LHR", "TX", one.number, f"{one.given} {one.family}", None, date(2027, 1, 1), False)
        for one in people
    ]
    began = time.perf_counter()
    found = matching.matches(wanted, list(queries.current(["TX:TDLR"]).values()), names=False)
    seconds = time.perf_counter() - began
    db.session.remove()
    return seconds, sum(offers[0].strength.name == "STRONG" for offers in found.values())


def screen(people: list[rosters.Licence]) -> tuple[float, int]:
    """Look the same people up in the list of exclusions; return the seconds and how many findings there are."""
    hashed = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$nothing"
    db.session.execute(
        text(
            "INSERT INTO users (id, email, name, password_hash, created_at)"
            " VALUES (gen_random_uuid(), :email, :name, :hashed, now())"
        ),
        [
            {"email": f"p{n}@example.test", "name": f"{one.given} {one.family}", "hashed": hashed}
            for n, one in enumerate(people)
        ],
    )
    db.session.commit()
    began = time.perf_counter()
    found = screening.screen(source_code=EXCLUSIONS, at=clock.now())
    return time.perf_counter() - began, found


def measure(url: str, rows: int) -> Iterator[str]:
    """Yield a line for each thing that was measured."""
    with tempfile.TemporaryDirectory() as place:
        app = create_app(settings_for(url, Path(place)))
        with app.app_context():
            credentials.load_types()
            credentials.map_types(
                source_code="TX:TDLR", meanings={TYPE: "US-TX:TDLR:LHR"}, actor_id=None, at=clock.now()
            )
            load("TX:TDLR", rosters.tdlr(rosters.licences(20_000)), Path(place))
            before, used = megabytes(), time.process_time()
            seconds, loaded = load("TX:TDLR", rosters.tdlr(rosters.licences(rows)), Path(place))
            used = time.process_time() - used
            yield f"load a roster of {loaded:,} rows: {seconds:.1f} s; CPU of drawing and loading: {used:.1f} s"
            yield f"memory: {megabytes():.0f} MB at most, {before:.0f} MB after 20,000 rows"
            people = list(islice(rosters.licences(rows), 0, None, max(1, rows // HOLDERS)))[:HOLDERS]
            seconds, strong = match(people)
            yield f"find {len(people):,} holders in it by number: {seconds:.1f} s, {strong:,} strong"
            seconds, loaded = load(EXCLUSIONS, rosters.leie(rosters.licences(EXCLUDED, seed=2)), Path(place))
            yield f"load {loaded:,} exclusions: {seconds:.1f} s"
            seconds, found = screen(people)
            yield f"look {len(people):,} people up in them: {seconds:.1f} s, {found:,} candidates"
            db.session.remove()
            db.engine.dispose()


def record(said: list[str]) -> None:
    """Put the lines under their heading, in place of those before."""
    results = ROOT / "benchmarks" / "RESULTS.md"
    written = results.read_text(encoding="utf-8") if results.exists() else ""
    without = re.sub(rf"\n*{HEADING}\n.*?(?=\n## |\Z)", "", written, flags=re.DOTALL).rstrip()
    listed = "\n".join(f"- {line}" for line in said)
    results.write_text(f"{without}\n\n{HEADING}\n\n{listed}\n".lstrip(), encoding="utf-8")


def main() -> None:
    """Measure, print, and with --record keep the lines in RESULTS.md."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--url", help="a PostgreSQL to make the database on; without it one of our own")
    words.add_argument("--rows", type=int, default=1_000_000)
    words.add_argument("--record", action="store_true", help="write the lines into benchmarks/RESULTS.md")
    given, said = words.parse_args(), []
    with own_database(given.url) as url:
        for line in measure(url, given.rows):
            print(line, flush=True)
            said.append(line)
    if given.record:
        record(said)


if __name__ == "__main__":
    main()
