"""What "devices I am qualified for" costs: the question as the list asks it, from people to page."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import text

from benchmarks.figures import Benchmark, Figure, own_database
from benchmarks.filling import fill
from benchmarks.pages import environment
from marketplace.app import create_app
from marketplace.config import from_environment
from marketplace.eligibility.sale import Purchase
from marketplace.eligibility.verdict import Reach
from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.listings import search
from marketplace.listings.qualified import reached_by
from tests.factories.orders import make_scene

UNITS = 100_000
WITHIN = 150.0  # milliseconds
ROUNDS = 40


def measure(scale: float) -> Iterator[Figure]:
    """Load the market and ask."""
    with own_database() as url, tempfile.TemporaryDirectory() as data:
        app = create_app(from_environment(environment(url, Path(data))))
        with app.app_context():
            fill(round(UNITS * scale))
            scene = make_scene(clock.now())
            purchase = Purchase(scene.buyer.id, scene.clinic.id, scene.site.id, scene.buyer.id)
            db.session.commit()
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("SET statement_timeout = 0"))
                connection.execute(text("VACUUM ANALYZE"))
            walls, found, counts = [], None, {}
            for _ in range(ROUNDS + 5):
                start = time.perf_counter()
                known = reached_by(purchase=purchase, at=clock.now())
                judged = time.perf_counter()
                found = search.find(known.narrow(search.Wanted(), [Reach.TODAY]))
                counts = known.count(search.Wanted())
                walls.append(((time.perf_counter() - start) * 1000, (judged - start) * 1000))
                db.session.rollback()
            different = len(search.configurations())
            db.session.remove()
    first, *walls = walls
    walls = sorted(walls[4:])
    p50, p95 = walls[ROUNDS // 2], walls[int(ROUNDS * 0.95)]
    assert found is not None
    assert counts[Reach.TODAY] == found.total
    yield Figure(
        "devices I am qualified for, p50", p50[0], "ms", WITHIN,
        f"of which knowing what the gate answers {p50[1]:.0f} ms; p95 {p95[0]:.0f} ms; the first {first[0]:.0f} ms;"
        f" {different} different questions, {found.total:,} units for this buyer today,"
        f" {counts[Reach.MISSING]:,} with something missing, {counts[Reach.CLOSED]:,} closed",
    )  # fmt: skip


BENCHMARK = Benchmark(
    "Devices I am qualified for",
    f"""{UNITS:,} units. One answer gathers what the buyer's clinic holds, knows of every different configuration on
the market what the gate would say, and asks the database for the page with its figures.""",
    measure,
)
