"""
Take the checks of the gate, the desk and the money away one by one, and see that the tests notice each time.

    python3 dev.py mutants               all of them
    python3 dev.py mutants expired …     those whose sentence or file has one of these words
"""

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
from pathlib import Path

from marketplace.dev import postgres

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PATIENCE = 300  # Seconds; a mutant that runs on for ever is noticed, too.
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


def survives(mutant: Mutant, copy: Path) -> bool:
    """Say whether the tests pass in a copy of the house in which this check is missing."""
    path = copy / mutant.file
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole.replace(mutant.original, mutant.changed), encoding="utf-8")
    try:
        # One failing test is enough.
        command = [sys.executable, "-m", "pytest", "-x", "-q", *mutant.tests]
        return subprocess.run(command, cwd=copy, capture_output=True, check=False, timeout=PATIENCE).returncode == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        path.write_text(whole, encoding="utf-8")


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
        for number, mutant in enumerate(chosen, start=1):
            begun = time.monotonic()
            found = survives(mutant, copy)
            alive += [mutant] if found else []
            fate = "SURVIVES" if found else "noticed"
            print(f"{number:3}/{len(chosen)}  {fate:8}  {time.monotonic() - begun:4.0f} s  {mutant.says}", flush=True)
    print(f"{len(chosen) - len(alive)} of {len(chosen)} were noticed.")
    return len(alive)


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
