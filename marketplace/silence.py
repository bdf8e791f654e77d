"""
How long a page waits for a database that takes what it is asked and answers nothing.

The database's own limits hold only while it runs. Whoever waits for a page is told within seconds, and while the
silence lasts only one request a second waits to see whether it is over. Work without a page, in the worker and in
commands, waits as long as it takes.
"""

import time
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, TypeVar

import psycopg
from flask import current_app, g, has_request_context

RV = TypeVar("RV")

ANSWERS_WITHIN = 3.5
"""Seconds that a page waits for one answer: more than any statement of a page takes, and less than people wait."""

CONNECTS_WITHIN = 2
ASKED_AGAIN_AFTER = 1.0


class Silent(psycopg.OperationalError):
    """The database takes what it is asked and answers nothing."""

    def __init__(self) -> None:
        super().__init__("the database does not answer")


@dataclass
class Silence:
    """What one process knows of it. Shared by its threads."""

    on: bool = False
    _asked_again_at: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def begin(self) -> None:
        """Note that an answer did not come."""
        with self._lock:
            self.on, self._asked_again_at = True, time.monotonic() + ASKED_AGAIN_AFTER

    def end(self) -> None:
        """Note that an answer came."""
        self.on = False

    def lets_ask(self) -> bool:
        """Say whether the database may be asked: always outside of silence; in it by one page a second."""
        if not self.on:
            return True
        with self._lock:
            if time.monotonic() < self._asked_again_at:
                return False
            self._asked_again_at = time.monotonic() + ASKED_AGAIN_AFTER + CONNECTS_WITHIN
            return True


silence = Silence()


class Patient(psycopg.Connection[Any]):
    """A connection on which a page waits so long and no longer; then it is closed: what comes later is nobody's."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """
        Wait for an answer, as long as whoever asks can wait.

        :raises Silent: a page waited for it in vain
        """
        limit = timeout if timeout is not None else _limit()
        if limit is None:
            return super().wait(gen, interval)
        try:
            answer = super().wait(gen, interval, limit)
        except psycopg.errors._WaitTimeout:  # noqa: SLF001  The only name it has.
            if timeout is not None:
                raise
            self.close()
            silence.begin()
            raise Silent from None
        if silence.on:
            silence.end()
        return answer


def connect(*arguments: Any, **named: Any) -> Patient:
    """
    Connect, unless a page asks amid silence.

    :raises Silent: others have just asked in vain
    """
    if _limit() is None:
        return Patient.connect(*arguments, **named)
    may_ask()
    try:
        return Patient.connect(*arguments, **{**named, "connect_timeout": CONNECTS_WITHIN})
    except psycopg.errors.ConnectionTimeout:
        silence.begin()
        raise


def may_ask() -> None:
    """
    Let a page go on to ask the database.

    :raises Silent: others have just asked in vain
    """
    if silence.on and _limit() is not None and not g.get("asks_into_silence"):
        g.asks_into_silence = silence.lets_ask()
        if not g.asks_into_silence:
            raise Silent


def _limit() -> float | None:
    """Return how many seconds may be waited here; None: as long as it takes."""
    limit: float | None = current_app.config["DATABASE_ANSWERS_WITHIN"] if has_request_context() else None
    return limit
