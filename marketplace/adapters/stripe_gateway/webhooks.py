"""Webhooks: whose word it is, from when, and what it is about."""

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from marketplace.payments.ports import EventRef, WebhookRefused

TOLERANCE_SECONDS = 300


def parse(raw: bytes, signature: str, secrets: Sequence[str], *, at: datetime) -> EventRef:
    """
    Verify the body under any of the secrets and say what it is about, whether it came whole or thin.

    :raises WebhookRefused: forged, changed, not from now, or not an event
    """
    _verify(raw, signature, secrets, at)
    try:
        event = json.loads(raw)
        return _READERS[event["object"]](event)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise WebhookRefused("The body is not an event.") from error


def listed(event: dict[str, Any]) -> EventRef | None:
    """Say what an event of Stripe's own list is about; None where it is none that can be read."""
    try:
        return _READERS[event["object"]](event)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _whole(event: dict[str, Any]) -> EventRef:
    return EventRef(
        event_id=event["id"],
        type=event["type"],
        object_id=_about(event["data"]["object"]),
        account=event.get("account"),
        created=datetime.fromtimestamp(event["created"], UTC),
        livemode=event["livemode"],
        api_version=event["api_version"],
    )


def _thin(event: dict[str, Any]) -> EventRef:
    related = event.get("related_object") or {}
    return EventRef(
        event_id=event["id"],
        type=event["type"].removeprefix("v1."),
        object_id=_customer_in(related.get("url")) or related.get("id"),
        account=event.get("context"),
        created=datetime.fromisoformat(event["created"]),
        livemode=event["livemode"],
        api_version=None,
    )


def _about(thing: dict[str, Any]) -> str | None:
    """Return where to look: cash is looked at by whose it is. The balance has no id: there is only one."""
    name: str | None = thing.get("customer" if thing["object"] in _CASH else "id")
    return name


def _customer_in(address: str | None) -> str | None:
    found = re.fullmatch(r"/v1/customers/(\w+)/cash_balance.*", address or "")
    return found[1] if found else None


_CASH = ("cash_balance", "customer_cash_balance_transaction")
_READERS = {"event": _whole, "v2.core.event": _thin}


def _verify(raw: bytes, signature: str, secrets: Sequence[str], at: datetime) -> None:
    from stripe import SignatureVerificationError, WebhookSignature

    for secret in secrets:
        try:
            # Stripe's own check of the time lets the future through, and asks another clock than ours.
            WebhookSignature.verify_header(raw, signature, secret, tolerance=None)
        except (SignatureVerificationError, UnicodeDecodeError):
            continue
        break
    else:
        raise WebhookRefused("The signature does not fit the body.")
    if abs(at.timestamp() - _signed_at(signature)) > TOLERANCE_SECONDS:
        raise WebhookRefused("The signature is not from now.")


def _signed_at(signature: str) -> int:
    """Return the moment that the signature covers: the first `t`, as Stripe's own check reads it."""
    return next(int(item.split("=")[1]) for item in signature.split(",") if item.startswith("t="))
