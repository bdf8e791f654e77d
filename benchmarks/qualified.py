"""
What "devices I am qualified for" costs among 100,000 units: the question as the list asks it, from people to page.

    .venv/bin/python benchmarks/qualified.py [--url postgresql+psycopg://…/postgres] [--units 100000] [--record]

Loads the units into a database of its own and drops it afterwards. One answer gathers what the buyer's clinic holds,
judges every different configuration on the market, and asks the database for the page with its figures.
"""

import argparse
import re
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

# The path had to be set first.
from benchmarks.run import environment, load  # noqa: E402
from marketplace import database  # noqa: E402
from marketplace.app import create_app  # noqa: E402
from marketplace.clinics.models import Clinic  # noqa: E402
from marketplace.config import from_environment  # noqa: E402
from marketplace.dev.postgres import Server  # noqa: E402
from marketplace.eligibility.sale import Purchase  # noqa: E402
from marketplace.extensions import db  # noqa: E402
from marketplace.kernel import clock  # noqa: E402
from marketplace.listings import search  # noqa: E402
from marketplace.listings.qualified import qualified_for  # noqa: E402
from tests.factories.orders import make_scene  # noqa: E402

WITHIN = 150.0  # milliseconds
ROUNDS = 40


def measure(url: str, units: int) -> str:
    """Load the market, ask, and write what it took."""
    engine = create_engine(url)
    database.upgrade(engine)
    engine.dispose()
    with tempfile.TemporaryDirectory() as data:
        app = create_app(from_environment(environment(url, Path(data))))
        with app.app_context():
            load(units)
            scene = make_scene(clock.now())
            purchase = Purchase(scene.buyer.id, scene.clinic.id, scene.site.id, scene.buyer.id)
            # Staff checked its sellers as they checked the scene's.
            checked = ", ".join(column.name for column in Clinic.__table__.columns if column.name.startswith("seller_"))
            db.session.execute(
                text(
                    f"UPDATE clinics SET ({checked}) = (SELECT {checked} FROM clinics WHERE id = :seller)"
                    " WHERE seller_standing = 'unverified'"
                ),
                {"seller": scene.seller_clinic.id},
            )
            db.session.commit()
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("SET statement_timeout = 0"))
                connection.execute(text("VACUUM ANALYZE"))
            walls, found = [], None
            for _ in range(ROUNDS + 5):
                start = time.perf_counter()
                known = qualified_for(purchase=purchase, at=clock.now())
                judged = time.perf_counter()
                found = search.find(search.Wanted(configurations=known.configurations, units=known.units))
                walls.append(((time.perf_counter() - start) * 1000, (judged - start) * 1000))
                db.session.rollback()
            different = len(search.configurations())
            db.session.remove()
    walls = sorted(walls[5:])
    p50, p95 = walls[ROUNDS // 2], walls[int(ROUNDS * 0.95)]
    assert found is not None
    return (
        f"{units:,} units, {different} configurations, {found.total:,} of them for this buyer: p50 {p50[0]:.0f} ms"
        f" (of which judging {p50[1]:.0f} ms), p95 {p95[0]:.0f} ms. Aim: under {WITHIN:.0f} ms"
        f" {'met' if p50[0] < WITHIN else 'not met'}."
    )


def main() -> None:
    """Measure, print, and with --record keep the line in RESULTS.md."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--url", help="a database of a PostgreSQL that may create others; without it one is started")
    words.add_argument("--units", type=int, default=100_000)
    words.add_argument("--record", action="store_true", help="write it into benchmarks/RESULTS.md")
    given = words.parse_args()
    if given.url:
        said = run(given.url, given.units)
    else:
        with (
            tempfile.TemporaryDirectory(prefix="second-light-benchmark-", dir="/var/tmp") as place,
            Server.start(Path(place) / "postgres", durable=False) as server,
        ):
            said = run(server.url("postgres"), given.units)
    print(said)
    if given.record:
        record(said)
    if "not met" in said:
        raise SystemExit(1)


def run(url: str, units: int) -> str:
    """Measure on a database of its own."""
    name = f"benchmark_{uuid4().hex[:8]}"
    plain = make_url(url).set(drivername="postgresql")
    with psycopg.connect(plain.render_as_string(hide_password=False), autocommit=True) as keeper:
        keeper.execute(f'CREATE DATABASE "{name}"')
        try:
            return measure(make_url(url).set(database=name).render_as_string(hide_password=False), units)
        finally:
            keeper.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


HEADING = "## Devices I am qualified for"


def record(said: str) -> None:
    """Put the line under its heading, in place of the one before."""
    results = ROOT / "benchmarks" / "RESULTS.md"
    written = results.read_text(encoding="utf-8") if results.exists() else ""
    without = re.sub(rf"\n*{HEADING}\n.*?(?=\n## |\Z)", "", written, flags=re.DOTALL).rstrip()
    results.write_text(f"{without}\n\n{HEADING}\n\n{said}\n".lstrip(), encoding="utf-8")


if __name__ == "__main__":
    main()
