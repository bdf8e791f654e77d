"""Structured logs: one JSON object a line, who and what and when, never what people wrote or who they are by name."""

import logging
import sys
from contextlib import suppress
from typing import Any

import structlog

log: Any = structlog.get_logger("second_light")


class Enduring(structlog.PrintLogger):
    """
    Writes a line down, or goes without.

    A disk that is full of logs must stop no page: least of all one that has done already what it was asked for.
    """

    def msg(self, message: str) -> None:
        """Write the line, if it can be written."""
        with suppress(OSError):
            super().msg(message)

    log = debug = info = warn = warning = fatal = failure = err = error = critical = exception = msg


def configure(*, human: bool) -> None:
    """Send every log line to standard error: as JSON, or in colours for a developer's eyes."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer = structlog.dev.ConsoleRenderer() if human else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, renderer],
        # Asked for at each line: what standard error was at the start may be closed by then.
        logger_factory=lambda *_: Enduring(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )
