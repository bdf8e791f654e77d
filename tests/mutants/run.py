"""
Take the checks of the gate, the desk and the money away one by one, and see that the tests notice each time.

    python3 dev.py mutants               all of them
    python3 dev.py mutants expired …     those whose sentence, file or list (gate, desk, …) has one of these words
    python3 dev.py mutants --look FILE   what a machine can take away in a file or room (look.py), listed or not

A run that was broken off goes on where it was, unless anything of the house has changed.
"""

import compileall
import hashlib
import importlib
import json
import multiprocessing
import os
import py_compile
import shutil
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from marketplace import database
from marketplace.dev import postgres
from tests.mutants import look

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
KEPT = ROOT / "var" / "mutants.json"
PATIENCE = 600  # Seconds.
COPIED = (
    "marketplace",
    "migrations",
    "templates",
    "tests",
    "benchmarks",
    "docs",
    "dev.py",
    "wsgi.py",
    "pyproject.toml",
)
OURS = ("marketplace", "tests", "migrations", "benchmarks")
WARM = (
    "alembic.command",
    "argon2",
    "cryptography.fernet",
    "flask_bootstrap",
    "flask_limiter",
    "flask_login",
    "flask_sqlalchemy",
    "flask_wtf",
    "procrastinate",
    "sqlalchemy.orm",
    "structlog",
    "wtforms",
)
"""What every run of the tests imports and no mutant changes, but for what pytest must import first itself."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One check less: `says` what would then be true, `tests` the ones that must notice."""

    says: str
    file: str
    original: str
    changed: str
    tests: tuple[str, ...]
    listed: str

    def wanted(self, words: Sequence[str]) -> bool:
        """Say whether any of the words names it; without words all are wanted."""
        return not words or any(word.lower() in f"{self.says} {self.file} {self.listed}".lower() for word in words)


def mutants() -> Iterator[Mutant]:
    """Yield all that are listed, file by file."""
    for path in sorted(HERE.glob("*.toml")):
        listed = tomllib.loads(path.read_text(encoding="utf-8"))
        for entry in listed["mutant"]:
            tests = tuple(entry.get("tests", listed.get("tests", ())))
            file = entry.get("file", listed.get("file"))
            yield Mutant(entry["says"], file, entry["original"], entry.get("changed", ""), tests, path.stem)


class Fate(StrEnum):
    """What became of a mutant."""

    NOTICED = "noticed"
    SURVIVES = "SURVIVES"
    TOO_SLOW = "TOO SLOW"  # Nobody knows: the machine may be busy, or the mutant run for ever.
    NOT_RUN = "NOT RUN"  # The tests did not come to fail: they could not be read, or there are none.


def fate_of(mutant: Mutant, copy: Path, template: str) -> Fate:
    """Run the tests in a copy of the house in which this check is missing."""
    path = copy / mutant.file
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole.replace(mutant.original, mutant.changed), encoding="utf-8")
    # A mutant of the database is in no template that was migrated before.
    given = {} if mutant.file.startswith("migrations/") else {"TEST_POSTGRES_TEMPLATE": template}
    child = multiprocessing.get_context("fork").Process(target=_test, args=(copy, mutant.tests, given))
    try:
        child.start()
        child.join(timeout=PATIENCE)
        if child.is_alive():
            child.kill()
            child.join(timeout=PATIENCE)
            return Fate.TOO_SLOW
    finally:
        path.write_text(whole, encoding="utf-8")
    return {0: Fate.SURVIVES, 1: Fate.NOTICED}.get(child.exitcode or 0, Fate.NOT_RUN)


def _test(copy: Path, tests: Sequence[str], environment: dict[str, str]) -> None:
    """Be a process that runs the tests of the copy: nothing of the house itself is imported yet."""
    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]
    sys.path[:] = [str(copy), *(place for place in sys.path if place not in ("", str(ROOT)))]
    os.chdir(copy)
    os.environ.update(environment)
    with Path(os.devnull).open("r+") as nowhere:
        for stream in (0, 1, 2):
            os.dup2(nowhere.fileno(), stream)
    status: int = pytest.ExitCode.INTERNAL_ERROR  # Whatever goes wrong here is no failing test.
    try:
        status = pytest.main(["-x", "-q", *tests])  # One failing test is enough.
    finally:
        os._exit(status)


class Known:
    """What an earlier run of the very same house has noticed; kept, so that a run that was broken off goes on."""

    def __init__(self, copy: Path) -> None:
        files = sorted(path for path in copy.rglob("*") if path.is_file() and path.suffix != ".pyc")
        content = b"".join(str(path.relative_to(copy)).encode() + path.read_bytes() for path in files)
        self._house = hashlib.sha256(content).hexdigest()
        try:
            kept = json.loads(KEPT.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            kept = {}
        self.noticed: list[str] = kept.get("noticed", []) if kept.get("house") == self._house else []

    def add(self, mutant: Mutant) -> None:
        """Keep that it was noticed."""
        self.noticed.append(mutant.says)
        KEPT.parent.mkdir(exist_ok=True)
        KEPT.write_text(json.dumps({"house": self._house, "noticed": self.noticed}), encoding="utf-8")


@contextmanager
def _template(url: str, name: str) -> Iterator[str]:
    """Migrate one database for all the runs; each copies it for its tests."""
    server = create_engine(make_url(url), isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f'CREATE DATABASE "{name}"'))
        engine = create_engine(make_url(url).set(database=name))
        database.upgrade(engine)
        engine.dispose()
        yield name
        connection.execute(text(f'DROP DATABASE "{name}" WITH (FORCE)'))
    server.dispose()


@contextmanager
def _template_of_a_run(name: str) -> Iterator[str]:
    """Start one server for all the runs of tests, where none is given, and migrate one database in it."""
    with ExitStack() as stack:
        if "TEST_POSTGRES_URL" not in os.environ:
            server = stack.enter_context(postgres.Server.start(Path("/var/tmp") / name, durable=False))
            os.environ["TEST_POSTGRES_URL"] = server.url("postgres")
        yield stack.enter_context(_template(os.environ["TEST_POSTGRES_URL"], name))


def main(words: Sequence[str]) -> int:
    """Try the chosen mutants; return how many the tests did not notice."""
    if words[:1] == ["--look"]:
        with _template_of_a_run(f"second-light-look-{os.getpid()}") as template:
            os.environ["TEST_POSTGRES_TEMPLATE"] = template
            return look.look(words[1:])
    chosen = [mutant for mutant in mutants() if mutant.wanted(words)]
    alive = []
    sys.dont_write_bytecode = True  # Two texts of one length within a second have the same bytecode file …
    for name in WARM:
        importlib.import_module(name)
    with ExitStack() as stack:
        copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="second-light-mutants-")))
        template = stack.enter_context(_template_of_a_run(copy.name))
        for part in COPIED:
            (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, copy / part)
        # … so those that are there are held to the text itself.
        compileall.compile_dir(copy, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH)
        known = Known(copy)
        for number, mutant in enumerate(chosen, start=1):
            if mutant.says in known.noticed:
                continue
            begun = time.monotonic()
            fate = fate_of(mutant, copy, template)
            if fate is Fate.NOTICED:
                known.add(mutant)
            else:
                alive.append(mutant)
            print(f"{number:3}/{len(chosen)}  {fate:8}  {time.monotonic() - begun:4.0f} s  {mutant.says}", flush=True)
    print(f"{len(chosen) - len(alive)} of {len(chosen)} were noticed.")
    return len(alive)


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
