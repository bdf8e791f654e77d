"""Requests that end while somebody still waits for them."""

from collections.abc import Callable
from typing import Any

import requests

CONNECTING = 0.3
"""The share of the time that is left which finding the other side may take; the answer may take the rest."""


class HurryingSession(requests.Session):
    """A session whose every request, however often it is tried again, takes no longer than there are seconds left."""

    def __init__(self, seconds_left: Callable[[], float | None]) -> None:
        super().__init__()
        self._seconds_left = seconds_left

    def request(self, method: str, url: str | bytes, *args: Any, **given: Any) -> requests.Response:
        """
        Send a request within the usual limits or the time that is left, whichever is shorter.

        :raises requests.RequestException: nobody waits for it any more; nothing was sent
        """
        left = self._seconds_left()
        if left is not None:
            if left <= 0:
                # Not a ConnectionError: that the client would try again.
                raise requests.RequestException("Nobody waits for the answer any more.")
            connect, answer = given["timeout"]
            given["timeout"] = min(connect, left * CONNECTING), min(answer, left * (1 - CONNECTING))
        return super().request(method, url, *args, **given)
