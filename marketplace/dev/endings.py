"""
Being told to end: noted when it comes, heeded where nothing is half done.

An exception that a signal raises wherever the program happens to be can be lost: within a finaliser, or between taking
a lock and the line that gives it back. A demo that loses it runs for ever, and a lost lock keeps it from ending.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

ENDINGS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_told: list[int] = []


@contextmanager
def noted() -> Iterator[None]:
    """Note every signal to end instead of being ended by it; one comes or many."""
    _told.clear()
    before = {ending: signal.signal(ending, lambda number, _frame: _told.append(number)) for ending in ENDINGS}
    try:
        yield
    finally:
        for ending, handler in before.items():
            signal.signal(ending, handler)
        _told.clear()


def heed() -> None:
    """
    Go on, unless we were told to end.

    :raises KeyboardInterrupt: we were
    """
    if _told:
        raise KeyboardInterrupt
