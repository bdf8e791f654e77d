"""Delivers events to webhook endpoints as signed HTTP requests, again and again until they are taken."""

import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from threading import Event, Thread
from urllib.parse import urlsplit

from marketplace.kernel import clock

from .store import Document
from .wire import present
from .world import World

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10
IDLE_SECONDS = 1
# Stripe's are hours apart; a developer does not wait that long.
BACK_OFF_SECONDS = (1, 2, 4, 8, 15, 30, 60, 300, 900, 3600)


Letter = tuple[str, bytes, str]


def signed(world: World, delivery: Document) -> Letter:
    """Return the address of a delivery, its body, and its signature header made now."""
    endpoint = world.get("webhook_endpoint", delivery["endpoint"])
    event = world.store.find(delivery["event"])
    assert event is not None, "a delivery is only ever promised with its event"
    raw = json.dumps(present(event), indent=2).encode()
    # The receiver compares with its own clock, which nobody has advanced.
    moment = int(clock.now().timestamp())
    signatures = [
        hmac.new(secret.encode(), f"{moment}.".encode() + raw, hashlib.sha256).hexdigest()
        for secret in endpoint["_secrets"]
    ]
    return endpoint["url"], raw, ",".join([f"t={moment}", *(f"v1={signature}" for signature in signatures)])


def deliver(world: World, delivery: Document) -> int:
    """
    Send one delivery and note how it went.

    :returns: the receiver's HTTP status, or 0 when there was no answer
    """
    status = _post(*signed(world, delivery))
    settle(world, delivery, status)
    return status


def settle(world: World, delivery: Document, status: int) -> None:
    """Note the receiver's answer, and when to try again if it was not a yes."""
    attempts = delivery["attempts"] + 1
    again = attempts < len(BACK_OFF_SECONDS)
    with world.store.change():
        # Everything may have been forgotten while the receiver was thinking.
        if world.store.find(delivery["id"]) is not None:
            delivery |= {
                "attempts": attempts,
                "due": world.now() + BACK_OFF_SECONDS[min(attempts, len(BACK_OFF_SECONDS)) - 1],
                "state": "delivered" if 200 <= status < 300 else "due" if again else "failed",
                "status": status,
            }
            world.store.put(delivery)


def _post(url: str, raw: bytes, signature: str) -> int:
    parts = urlsplit(url)
    connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = connect(parts.netloc, timeout=TIMEOUT_SECONDS)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": signature,
        "User-Agent": "Stripe/1.0 (local stand-in)",
    }
    try:
        connection.request("POST", parts.path or "/", raw, headers)
        return connection.getresponse().status
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()


class Courier(Thread):
    """The one thread that delivers, in the order in which things happened."""

    def __init__(self, world: World, tick: Callable[[], None]) -> None:
        """Prepare to deliver; `tick` is called before each look, for what time alone brings about."""
        super().__init__(name="local-stripe-courier", daemon=True)
        self._world = world
        self._tick = tick
        self._wake = Event()
        self._ended = Event()

    def wake(self) -> None:
        """Look again: there is something to deliver."""
        self._wake.set()

    def end(self) -> None:
        """Stop after the delivery in hand."""
        self._ended.set()
        self._wake.set()
        self.join(timeout=3 * TIMEOUT_SECONDS)

    def run(self) -> None:
        """Deliver what is due until told to end."""
        while not self._ended.is_set():
            self._wake.clear()
            try:
                waiting = self._deliver_next()
            except Exception:
                # Whoever waits for news would wait for ever, and nobody would know why.
                log.exception("The local Stripe goes on after a mistake of its own.")
                waiting = False
            if not waiting:
                self._wake.wait(IDLE_SECONDS)

    def _deliver_next(self) -> bool:
        self._tick()
        waiting = self._next()
        if waiting is not None:
            delivery, letter = waiting
            settle(self._world, delivery, _post(*letter))
        return waiting is not None

    def _next(self) -> tuple[Document, Letter] | None:
        """Return the oldest that is due, as one piece with its event: both may be forgotten at any moment."""
        with self._world.store.change():
            due = self._world.store.all("delivery", state="due")
            now = self._world.now()
            first = next((delivery for delivery in reversed(due) if delivery["due"] <= now), None)
            return (first, signed(self._world, first)) if first is not None else None
