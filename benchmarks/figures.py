"""What benchmarks say: figures in one form, each beside its bar, and the page where they are kept by sections."""

import os
import platform
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from marketplace import database
from marketplace.dev.postgres import Server

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "RESULTS.md"
BATCHES = 15
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Figure:
    """
    One thing that was measured. It should stay under its `bar`, if there is one; `note` is what else was seen.

    `part`: the part of the benchmark's section that it belongs to, where that has several.
    """

    what: str
    value: float
    unit: str
    bar: float | None = None
    note: str = ""
    part: str = ""

    @property
    def met(self) -> bool:
        return self.bar is None or self.value < self.bar

    def said(self) -> str:
        bar = "" if self.bar is None else f", bar {_written(self.bar)} {self.unit}: {'met' if self.met else 'NOT MET'}"
        return f"{self.what}: {_written(self.value)} {self.unit}{bar}" + (f" ({self.note})" if self.note else "")

    def row(self) -> str:
        bar = "" if self.bar is None else f"under {_written(self.bar)} {self.unit}"
        verdict = "" if self.bar is None else "met" if self.met else "**not met**"
        return f"| {self.what} | {_written(self.value)} {self.unit} | {bar} | {verdict} | {self.note} |"


@dataclass(frozen=True, slots=True)
class Benchmark:
    """
    `measure` takes a scale, 1 for the sizes that the bars speak of, and yields figures as it has them.

    `sizes`: those it measures, where there are several; then it also takes which of them are wanted.
    """

    title: str
    about: str
    measure: Callable[..., Iterator[Figure]]
    sizes: tuple[int, ...] = ()


def _written(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


# --- time ----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Spent:
    """Seconds: as they pass, and of processor, those of every process that ours started included."""

    wall: float = 0.0
    cpu: float = 0.0


@contextmanager
def spent() -> Iterator[Spent]:
    """Measure what happens inside."""
    found, wall, cpu = Spent(), time.perf_counter(), cpu_of_tree(os.getpid())
    yield found
    found.wall, found.cpu = time.perf_counter() - wall, cpu_of_tree(os.getpid()) - cpu


def cpu_of_tree(pid: int) -> float:
    """Return the seconds of processor of a process, of those it started, and of all of them that have ended."""
    parents: dict[int, tuple[int, float]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            parents[int(stat.parent.name)] = int(fields[1]), sum(map(int, fields[11:15])) / _TICKS
    tree, before = {pid}, 0
    while len(tree) > before:
        before = len(tree)
        tree |= {child for child, (parent, _) in parents.items() if parent in tree}
    return sum(parents[one][1] for one in tree if one in parents)


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of one call."""

    name: str
    cpu: float
    p50: float
    p95: float


def measured(name: str, call: Callable[[], object], rounds: int, cpu: Callable[[], float] | None = None) -> Cost:
    """Call it after a warm-up. CPU is that of the least disturbed of many batches; `cpu` tells milliseconds so far."""
    cpu = cpu or (lambda: time.process_time() * 1000)
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


# --- a place to measure in -----------------------------------------------------------------------------------


@contextmanager
def own_database() -> Iterator[str]:
    """Start a PostgreSQL of our own with a migrated database in it; both are gone at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="second-light-benchmark-", dir="/var/tmp") as place,
        Server.start(Path(place) / "postgres", durable=False) as server,
    ):
        name = f"benchmark_{uuid4().hex[:8]}"
        plain = make_url(server.url("postgres")).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        own = make_url(server.url("postgres")).set(database=name)
        engine = create_engine(own)
        database.upgrade(engine)
        engine.dispose()
        yield own.render_as_string(hide_password=False)


# --- what is kept --------------------------------------------------------------------------------------------

_HEAD = """# Measurements

Written by `python3 dev.py bench --record`, each section by its own benchmark: `python3 dev.py bench --record pages`
writes that section anew and leaves the others. Milliseconds depend on the machine and on what else it does, so
ratios are to figures of the same run, seconds of processor stand beside those of the clock, and the load is said."""


def circumstances(load_before: float) -> str:
    """Say when and on what it was measured, and how busy that was."""
    processors = os.cpu_count() or 1
    load = f"load {load_before:.1f} when it began, {os.getloadavg()[0]:.1f} when it ended"
    busy = " (others were using the machine)" if load_before > processors else ""
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, {processors} processors,"
        f" {load}{busy}."
    )


@dataclass(slots=True)
class Part:
    """Figures that were measured one after the other, and when; `title`: none where a section is one whole."""

    title: str
    load_before: float
    when: str = ""
    figures: list[Figure] = field(default_factory=list)

    def written(self) -> str:
        rows = ["| what | measured | bar | | beside it |", "|--|--|--|--|--|", *(one.row() for one in self.figures)]
        return "\n\n".join([*([f"### {self.title}"] if self.title else []), self.when, "\n".join(rows)])


def in_parts(figures: Iterable[Figure]) -> Iterator[Part]:
    """Put figures together by their parts, as they come; each part says how busy the machine was meanwhile."""
    part, load = None, os.getloadavg()[0]
    for figure in figures:
        if part is None or part.title != figure.part:
            if part is not None:
                part.when, load = circumstances(part.load_before), os.getloadavg()[0]
                yield part
            part = Part(figure.part, load)
        part.figures.append(figure)
    if part is not None:
        part.when = circumstances(part.load_before)
        yield part


def section(benchmark: Benchmark, parts: Iterable[Part]) -> str:
    """Write one section of the page."""
    return "\n\n".join([f"## {benchmark.title}", benchmark.about.strip(), *(one.written() for one in parts)]) + "\n"


def record(written: str, order: Iterable[str]) -> None:
    """
    Put a section into the page, in place of the one with its title; sections stand in this order of titles.

    Of a section in parts only those are replaced that were measured; the others stay as they are, where they are.
    """
    page = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    kept = {_title(one): one for one in re.split(r"(?m)^(?=## )", page) if one.startswith("## ")}
    kept[_title(written)] = _with_parts_of(kept.get(_title(written), ""), written)
    places = {title: place for place, title in enumerate(order)}
    sections = sorted(kept.values(), key=lambda one: places.get(_title(one), len(places)))
    RESULTS.write_text("\n\n".join([_HEAD, *(one.strip() for one in sections)]) + "\n", encoding="utf-8")


def _with_parts_of(before: str, written: str) -> str:
    """Return the section as it was written now, with the parts that only the one before has."""
    _, *old = re.split(r"(?m)^(?=### )", before)
    head, *new = re.split(r"(?m)^(?=### )", written)
    parts = {_title(one): one for one in old} | {_title(one): one for one in new}
    return "\n\n".join(one.strip() for one in (head, *parts.values())) + "\n"


def _title(written: str) -> str:
    return written.partition("\n")[0].lstrip("#").strip()
