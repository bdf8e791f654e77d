"""How long a page waits for the world outside: somebody sits before it. A job is in no hurry."""

from time import monotonic

from flask import has_request_context, request

PAGE_WAITS = 8.0
"""Seconds that one page spends at most on all that it asks the world outside, counted from its first question."""

_UNTIL = "second_light.waits_until"


def seconds_left() -> float | None:
    """Return how many seconds the page in hand still waits, maybe fewer than none; None where no page is in hand."""
    if not has_request_context():
        return None
    now = monotonic()
    return float(request.environ.setdefault(_UNTIL, now + PAGE_WAITS)) - now
