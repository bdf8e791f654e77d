"""What it takes from a fresh copy of the project to its first page, and to the first page after a restart."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from urllib.request import urlopen

from benchmarks.figures import ROOT, Benchmark, Figure, Spent, spent
from marketplace.dev.household import Ports
from marketplace.dev.trouble import Trouble

PATIENCE = 300.0  # Seconds for a start that never ends.
_LEFT_BEHIND = shutil.ignore_patterns(".git", ".venv", "var", "__pycache__", ".*_cache", ".coverage*")


def measure(_scale: float) -> Iterator[Figure]:
    """Start it in a copy, end it, start it again."""
    with tempfile.TemporaryDirectory(prefix="second-light-benchmark-") as name:
        copy = Path(name) / "copy"
        shutil.copytree(ROOT, copy, ignore=_LEFT_BEHIND)
        port = _free_port()
        cold = _started(copy, port)
        yield Figure("first start, from a fresh copy to the first page", cold.wall, "s", 60, f"{cold.cpu:.1f} s of CPU")
        # The second one to start finds the bytecode of everything.
        warm = min((_started(copy, port) for _ in range(3)), key=lambda took: took.wall)
        yield Figure("second start, to the first page", warm.wall, "s", 5, f"{warm.cpu:.1f} s of CPU; best of three")


def _started(copy: Path, port: int) -> Spent:
    with spent() as took:
        demo = subprocess.Popen(
            [sys.executable, "dev.py", "demo", "--port", str(port)], cwd=copy, stdout=subprocess.PIPE, text=True
        )
        given_up = Timer(PATIENCE, demo.send_signal, [signal.SIGINT])
        given_up.start()
        try:
            assert demo.stdout is not None
            assert any("  ready" in line for line in demo.stdout), "the demo did not start"
            with urlopen(f"http://127.0.0.1:{port}/devices", timeout=60) as page:
                page.read()
        except BaseException:
            demo.send_signal(signal.SIGINT)
            raise
        finally:
            given_up.cancel()
    demo.send_signal(signal.SIGINT)
    demo.communicate(timeout=60)
    return took


def _free_port() -> int:
    for port in range(20_000 + os.getpid() % 1_000 * 8, 32_000, 8):
        try:
            Ports(port).expect_free()
        except Trouble:
            continue
        return port
    raise SystemExit("There are no four free ports.")


BENCHMARK = Benchmark(
    "Starting",
    """`python3 dev.py demo` in a fresh copy of the project, with the packages in the cache of the installer: the
environment, the database, the demo data, the first list of devices. Then the same again with what is there. Wall
time and the CPU of every process.""",
    measure,
)
