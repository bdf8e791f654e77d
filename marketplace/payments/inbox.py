"""The provider's events: kept once, answered at once, understood by looking at what they are about."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from .. import queue
from ..extensions import adapter_of, db, unit_of_work
from ..kernel.errors import NotFound
from ..logs import log
from . import converging, intents, policy, sellers, surplus
from .models import MoneyIntent, Payment, ProviderEvent, ProviderEventState
from .policy import Freeze
from .ports import GatewayError, ListedEvent, PaymentGateway


class NotOurs(NotFound):
    """The event is about something that is not on record here, or not yet."""

    code = "not_ours"


@dataclass(frozen=True, slots=True)
class _Event:
    """What an event tells: where to look."""

    kind: str
    object_id: str
    account: str | None
    live: bool
    at: datetime


def receive(*, raw: bytes, signature: str, at: datetime) -> None:
    """
    Keep a webhook and promise to look into it. The same event again changes nothing.

    :raises marketplace.payments.ports.WebhookRefused: it is not the provider's, or not from now; nothing is kept
    """
    gateway = adapter_of(PaymentGateway)
    event = gateway.parse_webhook(raw, signature, at=at)
    if event.api_version not in {None, gateway.api_version}:
        # It only says where to look, so it is taken; but the endpoint is set up for another version than the code.
        log.error("event_of_another_version", event_id=event.event_id, version=event.api_version)
    with unit_of_work():
        keep([ListedEvent(event, raw.decode())], at=at)


def keep(events: Sequence[ListedEvent], *, at: datetime) -> int:
    """Keep each event under its own id, promise to look into those that are new, and return how many these are."""
    new = db.session.scalars(
        insert(ProviderEvent)
        .values(
            [
                {
                    "event_id": event.ref.event_id,
                    "kind": event.ref.type,
                    "object_id": event.ref.object_id,
                    "account": event.ref.account,
                    "livemode": event.ref.livemode,
                    "api_version": event.ref.api_version,
                    "created_at": event.ref.created,
                    "received_at": at,
                    "body": event.body,
                    "state": ProviderEventState.PENDING,
                    "attempts": 0,
                }
                for event in events
            ]
        )
        .on_conflict_do_nothing(index_elements=[ProviderEvent.event_id])
        .returning(ProviderEvent.event_id)
    ).all()
    for event_id in new:
        queue.promise("process_provider_event", event_id=event_id)
    return len(new)


def process_event(*, event_id: str, live: bool, at: datetime) -> ProviderEventState:
    """
    Look at what the event is about and take it over; return what became of the event.

    What is not on record yet is looked for again later: the provider is sometimes faster than we are.
    """
    with unit_of_work() as session:
        row = session.get_one(ProviderEvent, event_id)
        if row.state in {ProviderEventState.DONE, ProviderEventState.IGNORED}:
            return row.state
        object_id = row.object_id or ""
        event = _Event(row.kind, object_id, row.account, live, at)
    look = next((look for prefix, look in _LOOKS if event.kind.startswith(prefix)), None)
    if look is None:
        return _ended(event_id, ProviderEventState.IGNORED)
    try:
        look(event)
    except (GatewayError, NotFound) as trouble:
        return _again(event_id, str(trouble), at=at)
    return _ended(event_id, ProviderEventState.DONE)


def _payment(event: _Event) -> None:
    seen = adapter_of(PaymentGateway).get_payment(event.object_id)
    with unit_of_work():
        payment_id = db.session.scalar(select(Payment.id).where(Payment.checkout_id == seen.checkout_id))
    if payment_id is None:
        raise NotOurs(f"No payment of ours has the page {seen.checkout_id}.")
    surplus.settle(payment_id=payment_id, at=event.at)
    with unit_of_work():
        payment = converging.locked(payment_id)
        converging.take_over(payment, seen, live=event.live, at=event.at)
        if event.kind.startswith("radar."):
            converging.freeze(payment, Freeze.FRAUD_WARNING, at=event.at)
    intents.settle_refund(payment_id=payment_id, at=event.at)


def _transfer(event: _Event) -> None:
    seen = adapter_of(PaymentGateway).get_transfer(event.object_id)
    with unit_of_work():
        known = db.session.scalar(select(MoneyIntent.id).where(MoneyIntent.dedupe == f"{seen.order_id}:{seen.step}"))
    if known is None:
        # Somebody moves money out of the house without us.
        log.error("unknown_transfer", transfer=seen.transfer_id)
        raise NotOurs(f"The transfer {seen.transfer_id} was not asked for here.")


def _account(event: _Event) -> None:
    sellers.refresh_by_reference(reference=event.account or event.object_id, at=event.at)


_LOOKS: tuple[tuple[str, Callable[[_Event], None]], ...] = (
    ("checkout.session.", _payment),
    ("payment_intent.", _payment),
    ("charge.", _payment),
    ("refund.", _payment),
    ("customer_cash_balance_transaction.", _payment),
    ("cash_balance.", _payment),
    ("radar.early_fraud_warning.", _payment),
    ("transfer.", _transfer),
    ("v2.core.account", _account),
    ("account.", _account),
    ("capability.", _account),
)


def _ended(event_id: str, state: ProviderEventState) -> ProviderEventState:
    with unit_of_work() as session:
        row = session.get_one(ProviderEvent, event_id)
        row.state, row.attempts, row.last_error = state, row.attempts + 1, None
    return state


def _again(event_id: str, reason: str, *, at: datetime) -> ProviderEventState:
    with unit_of_work() as session:
        row = session.get_one(ProviderEvent, event_id)
        row.attempts += 1
        row.last_error = reason
        if row.attempts >= policy.GIVE_UP_AFTER:
            log.error("provider_event_given_up", event_id=event_id, reason=reason)
            row.state = ProviderEventState.FAILED
        else:
            queue.promise("process_provider_event", not_before=at + policy.back_off(row.attempts), event_id=event_id)
        return row.state
