"""Twenty buyers press at the same instant for one device, again and again; one has it every time."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

from benchmarks.figures import ROOT, Benchmark, Figure, spent

ROUNDS = 50
TEST = "tests/faults/test_order_races.py::test_twenty_buyers_press_at_the_same_instant_and_one_has_it"


def measure(scale: float) -> Iterator[Figure]:
    """Run the test of it with many rounds."""
    rounds = max(1, round(ROUNDS * scale))
    with spent() as took:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", TEST],
            env={**os.environ, "SECOND_LIGHT_RACE_ROUNDS": str(rounds)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
            timeout=1800,
        )
    failed = done.returncode != 0
    said = re.findall(r"^E .*", done.stdout, re.MULTILINE)
    note = f"{rounds} rounds; {took.wall:.0f} s, {took.cpu:.0f} s of CPU"
    yield Figure("runs in which not exactly one buyer had it", int(failed), "of 1", 1, " ".join([note, *said[:1]]))


BENCHMARK = Benchmark(
    "Twenty buyers and one device",
    f"""Twenty browsers press *Order* for one device at the same instant over HTTP, {ROUNDS} devices one after the
other. Each time exactly one has it, the others are told that somebody was first, and one order exists.""",
    measure,
)
