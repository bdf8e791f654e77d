"""
Take the checks of the gate, the desk and the money away one by one, and see that the tests notice each time.

    python3 dev.py mutants               all of them
    python3 dev.py mutants expired …     those whose sentence or file has one of these words

A run that was broken off goes on where it was, unless anything of the house has changed.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from marketplace.dev import postgres

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


@dataclass(frozen=True, slots=True)
class Mutant:
    """One check less: `says` what would then be true, `tests` the ones that must notice."""

    says: str
    file: str
    original: str
    changed: str
    tests: tuple[str, ...]

    def wanted(self, words: Sequence[str]) -> bool:
        """Say whether any of the words names it; without words all are wanted."""
        return not words or any(word.lower() in f"{self.says} {self.file}".lower() for word in words)


def mutants() -> Iterator[Mutant]:
    """Yield all that are listed, file by file."""
    for path in sorted(HERE.glob("*.toml")):
        listed = tomllib.loads(path.read_text(encoding="utf-8"))
        for entry in listed["mutant"]:
            tests = tuple(entry.get("tests", listed.get("tests", ())))
            file = entry.get("file", listed.get("file"))
            yield Mutant(entry["says"], file, entry["original"], entry.get("changed", ""), tests)


class Fate(StrEnum):
    """What became of a mutant."""

    NOTICED = "noticed"
    SURVIVES = "SURVIVES"
    TOO_SLOW = "TOO SLOW"  # Nobody knows: the machine may be busy, or the mutant run for ever.
    NOT_RUN = "NOT RUN"  # The tests did not come to fail: they could not be read, or there are none.


def fate_of(mutant: Mutant, copy: Path) -> Fate:
    """Run the tests in a copy of the house in which this check is missing."""
    path = copy / mutant.file
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole.replace(mutant.original, mutant.changed), encoding="utf-8")
    try:
        # One failing test is enough.
        command = [sys.executable, "-m", "pytest", "-x", "-q", *mutant.tests]
        status = subprocess.run(command, cwd=copy, capture_output=True, check=False, timeout=PATIENCE).returncode
    except subprocess.TimeoutExpired:
        return Fate.TOO_SLOW
    finally:
        path.write_text(whole, encoding="utf-8")
    return {0: Fate.SURVIVES, 1: Fate.NOTICED}.get(status, Fate.NOT_RUN)


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


def main(words: Sequence[str]) -> int:
    """Try the chosen mutants; return how many the tests did not notice."""
    chosen = [mutant for mutant in mutants() if mutant.wanted(words)]
    alive = []
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"  # Two texts of one length within a second have the same bytecode file.
    with ExitStack() as stack:
        copy = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="second-light-mutants-")))
        if "TEST_POSTGRES_URL" not in os.environ:
            # One server for all of them; each run of the tests would start its own.
            server = stack.enter_context(postgres.Server.start(Path("/var/tmp") / copy.name, durable=False))
            os.environ["TEST_POSTGRES_URL"] = server.url("postgres")
        for part in COPIED:
            (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, copy / part)
        known = Known(copy)
        for number, mutant in enumerate(chosen, start=1):
            if mutant.says in known.noticed:
                continue
            begun = time.monotonic()
            fate = fate_of(mutant, copy)
            if fate is Fate.NOTICED:
                known.add(mutant)
            else:
                alive.append(mutant)
            print(f"{number:3}/{len(chosen)}  {fate:8}  {time.monotonic() - begun:4.0f} s  {mutant.says}", flush=True)
    print(f"{len(chosen) - len(alive)} of {len(chosen)} were noticed.")
    return len(alive)


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
