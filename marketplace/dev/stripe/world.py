"""The stand-in's world: its clock, its names, its balance, and the events that tell what happened in it."""

from collections.abc import Callable
from datetime import UTC, datetime
from secrets import token_hex
from typing import Any

from marketplace.kernel import clock

from .store import Document, Store
from .wire import ApiError, present

API_VERSION = "2026-10-28.endive"
DAY = 24 * 60 * 60
# What is reported under one name is of another type.
_TYPES = {"dispute": "adjustment", "dispute_reversal": "adjustment", "transfer_reversal": "transfer_refund"}


class World:
    """
    What every part of the stand-in shares.

    `base_url` is where it is reached, `changed` is called when there is something to deliver.
    """

    def __init__(self, store: Store, base_url: str) -> None:
        self.store = store
        self.base_url = base_url
        self.changed: Callable[[], None] = lambda: None

    def now(self) -> int:
        """Return the present second, moved by as much as the clock was advanced."""
        return int(clock.now().timestamp()) + int(self.store.setting("clock_offset", 0))

    def moment(self, seconds: int) -> str:
        """Write a moment as the v2 API does."""
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def new(self, kind: str, prefix: str, **fields: Any) -> Document:
        """Return a new document of a kind, not yet kept."""
        return {"id": f"{prefix}_{token_hex(12)}", "object": kind, "created": self.now(), **fields}

    def get(self, kind: str, document_id: str) -> Document:
        """
        Return a document.

        :raises ApiError: there is none of that kind and id
        """
        found = self.store.find(document_id)
        if found is None or found["object"] != kind:
            name = kind.rpartition(".")[2]
            raise ApiError(f"No such {name}: '{document_id}'", status=404, code="resource_missing", param="id")
        return found

    # -- the balance -----------------------------------------------------------------------------

    def book(
        self, category: str, amount: int, source: Document, *, fee: int = 0, available_on: int | None = None
    ) -> str:
        """Book an amount on the platform's balance; return the id of the booking."""
        available_on = self.now() if available_on is None else available_on
        booking = self.new(
            "balance_transaction",
            "txn",
            amount=amount,
            available_on=available_on,
            balance_type="payments",
            currency=source["currency"],
            description=None,
            exchange_rate=None,
            fee=fee,
            fee_details=[
                {
                    "amount": fee,
                    "application": None,
                    "currency": source["currency"],
                    "description": "Stripe processing fees",
                    "type": "stripe_fee",
                }
            ]
            if fee
            else [],
            net=amount - fee,
            reporting_category=category,
            source=source["id"],
            status="pending" if available_on > self.now() else "available",
            type=_TYPES.get(category, category),
        )
        self.store.put(booking)
        return str(booking["id"])

    def balance(self) -> tuple[int, int]:
        """Return what is available on the platform's balance, and what is still pending."""
        available = pending = 0
        for booking in self.store.all("balance_transaction"):
            if booking["available_on"] > self.now():
                pending += booking["net"]
            else:
                available += booking["net"]
        return available, pending

    def clear_due(self) -> None:
        """Call a booking available when its day has come."""
        with self.store.change():
            for booking in self.store.all("balance_transaction", status="pending"):
                if booking["available_on"] <= self.now():
                    self.store.put(booking | {"status": "available"})

    # -- events ----------------------------------------------------------------------------------

    def emit(self, kind: str, about: Document, **before: Any) -> None:
        """Say that something happened, and promise to tell every endpoint that wants to know."""
        event = self.new(
            "event",
            "evt",
            api_version=API_VERSION,
            data={"object": present(about)} | ({"previous_attributes": before} if before else {}),
            livemode=False,
            pending_webhooks=0,
            request={"id": None, "idempotency_key": None},
            type=kind,
        )
        self.store.put(event)
        self._promise(event, kind)
        if self.store.setting("thin_too", default=False):
            self.emit_thin(f"v1.{kind}", about, snapshot_event=event["id"])

    def emit_thin(self, kind: str, about: Document, **more: Any) -> None:
        """Say the same in the thin form, which names the object and tells nothing about it."""
        event = self.new("v2.core.event", "evt", livemode=False, type=kind, context=None, **more)
        event["created"] = self.moment(event["created"])
        # A customer's cash balance has no id: there is only one.
        named = {"id": about["id"]} if "id" in about else {}
        event["related_object"] = {**named, "type": about["object"], "url": _url(about)}
        self.store.put(event)
        self._promise(event, kind.removeprefix("v1."))

    def _promise(self, event: Document, kind: str) -> None:
        mode = self.store.setting("webhooks", "deliver")
        for endpoint in self.store.all("webhook_endpoint"):
            if "*" in endpoint["enabled_events"] or kind in endpoint["enabled_events"]:
                for _ in range(2 if mode == "duplicate" else 1):
                    state = {"hold": "held", "drop": "dropped"}.get(mode, "due")
                    delivery = self.new(
                        "delivery",
                        "dlv",
                        event=event["id"],
                        endpoint=endpoint["id"],
                        type=kind,
                        state=state,
                        attempts=0,
                        due=self.now(),
                    )
                    self.store.put(delivery)
        self.changed()


_PLACES = {
    "cash_balance": "/v1/customers/{customer}/cash_balance",
    "checkout.session": "/v1/checkout/sessions/{id}",
    "customer_cash_balance_transaction": "/v1/customers/{customer}/cash_balance_transactions/{id}",
    "v2.core.account": "/v2/core/accounts/{id}",
}


def _url(about: Document) -> str:
    return _PLACES.get(about["object"], "/v1/{object}s/{id}").format_map(about)
