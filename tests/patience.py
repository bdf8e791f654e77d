"""Waits that come to an end: whoever waits for what never comes fails, and says so, instead of standing still."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread, Timer
from time import monotonic, sleep
from typing import Any

PATIENCE = 60.0
"""Seconds. A machine that many share may take its time; nothing that a test waits for takes as long as this."""


def let_end(*threads: Thread) -> None:
    """Wait for threads, and claim that each has come to its end."""
    deadline = monotonic() + PATIENCE
    for thread in threads:
        thread.join(timeout=max(0.0, deadline - monotonic()))
    assert [thread.name for thread in threads if thread.is_alive()] == []


def until(claim: Callable[[], object]) -> None:
    """Wait until another thread or process has brought it about."""
    deadline = monotonic() + PATIENCE
    while not claim():
        assert monotonic() < deadline, "It did not come about."
        sleep(0.005)


@contextmanager
def running(command: Iterable[Any], *, seconds: float = PATIENCE, **given: Any) -> Iterator[subprocess.Popen]:
    """
    Run a program that is killed after so many seconds, and at the end of the context whatever happened in it.

    Whoever reads what it says then reads the end of it: a pipe can be read for ever, but not that of a dead program.
    """
    with subprocess.Popen([str(part) for part in command], start_new_session=True, **given) as process:
        limit = Timer(seconds, _kill, (process,))
        limit.daemon = True
        limit.start()
        try:
            yield process
        finally:
            limit.cancel()
            _kill(process)


def _kill(process: subprocess.Popen) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # What it has forked holds its pipes as well.
