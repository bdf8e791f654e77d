"""
What people see of the pages while many read at once: a steady stream, and then everybody at the same moment.

Somebody asks thirty times a second, whether or not the last answer has come, for the next page of the market, a search
or a device; the server is granian with two workers of four threads, as in production. Then three hundred connections
ask at once, again and again, and the stream is looked at anew. All of it runs on one machine, askers included; nobody
signs in, uploads or pays, so it says nothing of those.
"""

import http.client
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import create_engine, select

from benchmarks.figures import Benchmark, Figure
from benchmarks.outages import Caller, House, asked, settings_of, until
from benchmarks.pages import HEADERS, Serving, environment, load
from marketplace import database
from marketplace.app import create_app
from marketplace.config import from_environment
from marketplace.extensions import db
from marketplace.listings.models import Listing

UNITS = 2_000
SECONDS = 60.0
CROWD = 300
CROWDED_FOR = 10.0


def measure(scale: float) -> Iterator[Figure]:
    """Furnish a house, and let many read in it."""
    with tempfile.TemporaryDirectory(prefix="second-light-load-", dir="/var/tmp") as directory:
        place = Path(directory)
        house = House(place / "postgres")
        try:
            devices = _furnished(house, place)
            with Serving("wsgi:app", settings_of(house, place), workers=2, threads=4) as served:
                until(lambda: asked(served.port, "/devices") == 200)
                yield from _stream(served, devices, SECONDS * scale)
                yield from _crowd(served, devices, CROWDED_FOR * scale)
        finally:
            house.server.stop()


def _furnished(house: House, place: Path) -> list[str]:
    house.server.create_database("house")
    engine = create_engine(house.url)
    database.upgrade(engine)
    engine.dispose()
    app = create_app(from_environment(environment(house.url, place / "data")))
    with app.app_context():
        load(UNITS)
        ids = db.session.scalars(select(Listing.id).limit(50)).all()
        db.session.remove()
    return [f"/devices/{one}?again={{}}" for one in ids]


def _mix(devices: list[str]) -> tuple[str, ...]:
    pages = ("/devices?page={}", "/devices?q=laser&page={}", "/devices?maker=Candela&page={}")
    return tuple(path for pair in zip(pages * len(devices), devices * len(pages), strict=True) for path in pair)


def _stream(served: Serving, devices: list[str], seconds: float) -> Iterator[Figure]:
    with Caller(served.port, _mix(devices)) as caller:
        time.sleep(seconds / 4)
        early = _memory(served)
        time.sleep(seconds * 3 / 4)
    failed = sum(status != 200 for _, status, _ in caller.answers)
    note = f"{len(caller.answers):,} pages in {seconds:.0f} s"
    yield Figure("thirty pages a second: that failed", failed, "pages", 0.5, note)
    yield Figure("the slowest but one in twenty", _quantile(caller, 95) * 1000, "ms", 300)
    yield Figure("the slowest but one in a hundred", _quantile(caller, 99) * 1000, "ms", 800)
    yield Figure("memory that came to it after a quarter of the time", (_memory(served) / early - 1) * 100, "%", 10)


def _crowd(served: Serving, devices: list[str], seconds: float) -> Iterator[Figure]:
    over, came = time.monotonic() + seconds, Counter[int]()

    def press(number: int) -> None:
        while time.monotonic() < over:
            came[_status(served.port, devices[number % len(devices)].format(number))] += 1

    threads = [threading.Thread(target=press, args=(number,), daemon=True) for number in range(CROWD)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=seconds + 60)
    odd = sum(number for status, number in came.items() if status not in {200, 503})
    yield Figure(
        f"{CROWD} connections at once: answers that are neither a page nor a 503", odd, "answers", 0.5, str(came)
    )
    with Caller(served.port, _mix(devices)) as caller:
        time.sleep(10)
    yield Figure("the slowest but one in twenty, in the ten seconds after", _quantile(caller, 95) * 1000, "ms", 300)


def _status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers=HEADERS)
        answer = connection.getresponse()
        answer.read()
    except OSError:
        return 0
    else:
        return answer.status
    finally:
        connection.close()


def _quantile(caller: Caller, hundredth: int) -> float:
    return statistics.quantiles([took for _, _, took in caller.answers], n=100)[hundredth - 1]


def _memory(served: Serving) -> float:
    """Return what the server and its workers hold, in bytes."""
    held = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            said = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        except OSError:
            continue
        if served.process.pid in {int(status.parent.name), int(said["PPid"])}:
            held += int(said.get("VmRSS", "0").split()[0]) * 1024
    return float(held)


BENCHMARK = Benchmark(title="Many readers at once", about=__doc__ or "", measure=measure)
