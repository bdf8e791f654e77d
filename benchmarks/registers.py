"""
What it costs to load a roster of a million rows, and to find ten thousand holders in it.

Draws the file, loads it by the use-case that staff and the command go through, and matches credentials by number,
then everybody by name in a list of exclusions. Memory is the most that this process had, which reads the file and
sends it on; the database has its own.
"""

import resource
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from itertools import islice
from pathlib import Path
from uuid import uuid4

from sqlalchemy import text

from benchmarks.figures import Benchmark, Figure, Spent, own_database, spent
from marketplace.app import create_app
from marketplace.credentials import matching, screening
from marketplace.credentials import service as credentials
from marketplace.credentials.matching import Wanted
from marketplace.dev import rosters
from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.registers import queries, service
from marketplace.registers.sources import EXCLUSIONS
from tests.conftest import settings_for

ROWS = 1_000_000
HOLDERS = 10_000
TYPE = "A/C Contractor"
EXCLUDED = 83_000  # About as many as the real list has.


def megabytes() -> float:
    """Return the largest resident size so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def load(source_code: str, lines: Iterator[str], place: Path) -> tuple[Spent, int]:
    """Write the file, load it, and return what receiving and loading took, and its rows."""
    file = place / "register.csv"
    with file.open("wb") as opened:
        opened.writelines(rosters.written(lines))
    at = clock.now()
    with spent() as took, file.open("rb") as opened:
        snapshot_id = service.receive(
            source_code=source_code,
            filename=file.name,
            chunks=iter(lambda: opened.read(1 << 20), b""),
            retrieved_at=at,
            actor_id=None,
            at=at,
        )
        service.load(snapshot_id=snapshot_id, at=at)
    rows = queries.snapshot(snapshot_id).rows_loaded
    db.session.remove()  # No transaction stays open while the next file is drawn.
    return took, rows


def match(people: list[rosters.Licence]) -> tuple[float, int]:
    """Find holders by their numbers; return the seconds and how many were found strongly."""
    wanted = [
        Wanted(
            id=uuid4(),
            type_code="US-TX:TDLR:LHR",
            jurisdiction="TX",
            number=one.number,
            name=f"{one.given} {one.family}",
            level=None,
            endorsements=(),
            expires_on=date(2027, 1, 1),
            of_site=False,
        )
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


def measure(scale: float) -> Iterator[Figure]:
    """Load, then look people up."""
    rows = round(ROWS * scale)
    with own_database() as url, tempfile.TemporaryDirectory() as place:
        app = create_app(settings_for(url, Path(place)))
        with app.app_context():
            credentials.load_types()
            credentials.map_types(
                source_code="TX:TDLR", meanings={TYPE: "US-TX:TDLR:LHR"}, actor_id=None, at=clock.now()
            )
            load("TX:TDLR", rosters.tdlr(rosters.licences(20_000)), Path(place))
            before = megabytes()
            took, loaded = load("TX:TDLR", rosters.tdlr(rosters.licences(rows)), Path(place))
            yield Figure(
                f"load a roster of {loaded:,} rows",
                took.wall,
                "s",
                60,
                f"{took.cpu:.1f} s of CPU, the database's included",
            )
            yield Figure("memory for it", megabytes(), "MB", 300, f"{before:.0f} MB after 20,000 rows")
            people = list(islice(rosters.licences(rows), 0, None, max(1, rows // HOLDERS)))[:HOLDERS]
            seconds, strong = match(people)
            yield Figure(f"find {len(people):,} holders in it by number", seconds, "s", 10, f"{strong:,} strong")
            took, loaded = load(EXCLUSIONS, rosters.leie(rosters.licences(EXCLUDED, seed=2)), Path(place))
            yield Figure(f"load {loaded:,} exclusions", took.wall, "s", note=f"{took.cpu:.1f} s of CPU")
            seconds, found = screen(people[: round(HOLDERS * scale)])
            yield Figure("look as many people up in them by name", seconds, "s", note=f"{found:,} candidates noted")
            db.session.remove()
            db.engine.dispose()


BENCHMARK = Benchmark(
    "A register of a million rows",
    """A roster is received, read, loaded and put in the place of the one before, as staff or the command would have
it; then credentials are matched with it by number, and people with the list of exclusions by name. Memory is the
most of the process that reads. Names are drawn by lot from few parts, so far more people resemble an entry than in
life.""",
    measure,
)
