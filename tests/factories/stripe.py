"""One local Stripe for a whole test run, over a real socket, empty at the start of each test."""

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import httpx
from flask import Flask

from marketplace.adapters.stripe_gateway import StripeGateway
from marketplace.dev.stripe import courier
from marketplace.dev.stripe.server import LocalStripe
from marketplace.extensions import bind
from marketplace.payments.ports import PaymentGateway

# The same as in the settings of the tests' app, so that it takes what is delivered.
SECRET = "whsec_local"
API_KEY = "sk_test_local"
# Nothing listens here: a test collects what would be delivered, and hands it over in the order it likes.
NOWHERE = "http://127.0.0.1:9/webhooks/stripe"


@dataclass(frozen=True)
class SignedEvent:
    """A webhook as it would be delivered now."""

    delivery_id: str
    type: str
    raw: bytes
    signature: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Stripe-Signature": self.signature, "Content-Type": "application/json; charset=utf-8"}

    def signed_at(self, at: datetime, secret: str = SECRET) -> str:
        """Return a true signature from another moment."""
        from stripe import WebhookSignature

        return WebhookSignature.generate_signature_header(self.raw.decode(), secret, int(at.timestamp()))


class StripeDriver:
    """What a test may do to the local Stripe; nearly every method is an HTTP request to it."""

    def __init__(self, server: LocalStripe) -> None:
        self.base_url = server.base_url
        self.api_key = API_KEY
        self.secret = SECRET
        self._world = server.world
        self._http = httpx.Client(base_url=server.base_url, trust_env=False)

    def gateway(self, **changed: Any) -> StripeGateway:
        """Return a gateway that speaks to it, impatient unless told otherwise."""
        usual = {
            "api_key": API_KEY,
            "webhook_secrets": (SECRET,),
            "api_base": self.base_url,
            "max_network_retries": 0,
            "timeout": (1, 5),
        }
        return StripeGateway(**(usual | changed))

    @cached_property
    def usual_gateway(self) -> StripeGateway:
        return self.gateway()

    def bind(self, app: Flask) -> None:
        """Let the app's payments go through the local Stripe."""
        bind(app, PaymentGateway, self.usual_gateway)

    def close(self) -> None:
        """Let go of the connection, for which the server would otherwise wait when it ends."""
        self._http.close()

    def reset(self) -> None:
        self.sim("reset")
        self.sim("settings", webhooks="hold")

    def books(self) -> sqlite3.Connection:
        """Return a copy of everything it knows, to be taken `back` to."""
        copy = sqlite3.connect(":memory:", check_same_thread=False)
        with self._world.store._lock:
            self._world.store._connection.backup(copy)
        return copy

    def back(self, books: sqlite3.Connection) -> None:
        """Let it know what it knew then, and nothing else."""
        with self._world.store._lock:
            books.backup(self._world.store._connection)

    def sim(self, path: str, **body: Any) -> dict[str, Any]:
        """Turn one of its controls."""
        answer = self._http.post(f"/_sim/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """Ask its API directly, as a test that wants to see what is really there."""
        answer = self._http.get(path, params=query, headers={"Authorization": f"Bearer {API_KEY}"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    # What people do

    def pay_by_card(self, checkout_id: str) -> None:
        self.sim(f"checkouts/{checkout_id}/pay", **{"with": "card"})

    def decline_card(self, checkout_id: str) -> None:
        self.sim(f"checkouts/{checkout_id}/pay", **{"with": "card_declined"})

    def challenge_card(self, checkout_id: str) -> None:
        self.sim(f"checkouts/{checkout_id}/pay", **{"with": "card_challenged"})

    def answer_challenge(self, checkout_id: str, *, approved: bool) -> None:
        self.sim(f"checkouts/{checkout_id}/challenge", approved=approved)

    def choose_bank_debit(self, checkout_id: str, *, failing: bool = False) -> None:
        self.sim(f"checkouts/{checkout_id}/pay", **{"with": "bank_debit_failing" if failing else "bank_debit"})

    def settle_debit(self, checkout_id: str, outcome: str) -> None:
        self.sim(f"checkouts/{checkout_id}/settle", outcome=outcome)

    def choose_bank_transfer(self, checkout_id: str) -> None:
        self.sim(f"checkouts/{checkout_id}/pay", **{"with": "bank_transfer"})

    def money_arrives(self, checkout_id: str, minor: int | None = None) -> None:
        self.sim(f"checkouts/{checkout_id}/arrive", **({} if minor is None else {"amount": minor}))

    def onboard(self, account_id: str) -> None:
        self.sim(f"accounts/{account_id}", status="active")

    def restrict(self, account_id: str) -> None:
        self.sim(f"accounts/{account_id}", status="restricted")

    def spend(self, account_id: str, minor: int) -> None:
        """Let a seller spend what they were sent."""
        self.sim(f"accounts/{account_id}", spend=minor)

    def dispute(self, charge_id: str, reason: str | None = None) -> str:
        return self.sim(f"charges/{charge_id}/dispute", **({"reason": reason} if reason else {}))["id"]

    def settle_dispute(self, dispute_id: str, outcome: str) -> None:
        self.sim(f"disputes/{dispute_id}/settle", outcome=outcome)

    def settle_refund(self, refund_id: str, outcome: str) -> None:
        self.sim(f"refunds/{refund_id}/settle", outcome=outcome)

    # What the world does

    def advance(self, seconds: int) -> None:
        self.sim("clock", seconds=seconds)

    def sweep(self, minor: int | None = None) -> None:
        """Pay the platform's balance out to its bank; a negative amount tops it up."""
        self.sim("sweep", **({} if minor is None else {"amount": minor}))

    def fault(self, route: str, kind: str, **more: Any) -> None:
        """Make the next request (or `times`) to a route such as "POST /v1/transfers" go wrong."""
        self.sim("faults", route=route, kind=kind, **more)

    def fault_is_used_up(self) -> bool:
        answer = self._http.get("/_sim/faults")
        return all(fault["times"] == 0 for fault in answer.json())

    def edit(self, object_id: str, **fields: Any) -> None:
        """Change fields of an object behind everybody's back."""
        self.sim(f"objects/{object_id}", **fields)

    # Webhooks: held back until a test takes them

    def deliveries(self) -> list[dict[str, Any]]:
        answer = self._http.get("/_sim/webhooks")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def take_events(self, *types: str) -> list[SignedEvent]:
        """Return the events that nobody has taken yet, oldest first, and count them as delivered."""
        taken = []
        with self._world.store.change():  # Without a request for each: most of what a sale waited for was this.
            for delivery in reversed(self._world.store.all("delivery", state="held")):
                if not types or delivery["type"] in types:
                    _, raw, signature = courier.signed(self._world, delivery)
                    courier.settle(self._world, delivery, 200)
                    taken.append(SignedEvent(delivery["id"], delivery["type"], raw, signature))
        return taken

    def hand_over(self, post: Callable[[bytes, dict[str, str]], Any], *types: str) -> list[Any]:
        """Give each event that nobody has taken yet to `post(raw, headers)`; return its answers."""
        return [post(event.raw, event.headers) for event in self.take_events(*types)]
