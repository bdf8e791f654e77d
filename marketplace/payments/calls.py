"""
What is asked of the provider for an intent: whether it was sent before, and to send it. No table is read or written.

Nothing is sent that was not looked for; `intents` says when.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from ..extensions import adapter_of
from ..kernel.money import Money
from .checkouts import transfer_group
from .models import IntentKind, MoneyIntent
from .ports import (
    GatewayReplayedError,
    PaymentGateway,
    RefundSnapshot,
    RefundStatus,
    ReversalSnapshot,
    TransferSnapshot,
)

CLOCKS_DIFFER = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Call:
    """One question to the provider, frozen."""

    intent_id: UUID
    payment_id: UUID
    kind: IntentKind
    order_id: UUID
    amount: Money
    charge_id: str
    destination: str | None
    transfer_id: str | None
    customer_id: str | None
    part_id: UUID | None
    requested_at: datetime
    step: str
    key: str
    halted: str | None
    """Why nothing may be sent now: it is only looked for what was sent before."""


Found = TransferSnapshot | RefundSnapshot | ReversalSnapshot


def of(intent: MoneyIntent, destination: str | None, *, halted: str | None = None) -> Call:
    """Freeze what is asked for a locked intent: to which account it goes, and why nothing may be sent, if so."""
    frozen: Mapping[str, Any] = intent.payload
    return Call(
        intent_id=intent.id,
        payment_id=intent.payment_id,
        kind=intent.kind,
        order_id=UUID(frozen["order_id"]),
        amount=Money(frozen["amount_minor"], frozen["currency"]),
        charge_id=frozen["charge_id"],
        destination=destination,
        transfer_id=frozen.get("transfer_id"),
        customer_id=frozen.get("customer_id"),
        part_id=UUID(frozen["part_id"]) if "part_id" in frozen else None,
        requested_at=intent.requested_at,
        step=intent.dedupe.partition(":")[2],
        key=f"{intent.dedupe}:{intent.attempt}",
        halted=halted,
    )


def find(call: Call) -> Found | None:
    """
    Return what was sent for this step before, also where its answer was lost.

    :raises GatewayError: the provider could not be asked
    """
    gateway = adapter_of(PaymentGateway)
    moved: tuple[Found, ...]
    if call.kind is IntentKind.RELEASE:
        moved = gateway.find_transfers(transfer_group(call.order_id))
    elif call.kind is IntentKind.REVERSAL:
        assert call.transfer_id is not None, "a reversal is of a transfer"
        moved = gateway.find_reversals(call.transfer_id)
    else:
        refunds = (
            gateway.find_cash_returns(order_id=call.order_id, since=call.requested_at - CLOCKS_DIFFER)
            if call.kind is IntentKind.SURPLUS
            else gateway.find_refunds(call.charge_id)
        )
        moved = tuple(refund for refund in refunds if refund.status is not RefundStatus.FAILED)
    return next((one for one in moved if one.step == call.step), None)


def send(call: Call) -> Found:
    """
    Send it, under its key.

    :raises GatewayError: it was refused, or nobody knows whether it was done
    """
    gateway = adapter_of(PaymentGateway)
    try:
        if call.kind is IntentKind.REFUND:
            return gateway.refund(charge_id=call.charge_id, amount=call.amount, step=call.step, key=call.key)
        if call.kind is IntentKind.SURPLUS:
            assert call.customer_id is not None, "cash is somebody's"
            return gateway.return_cash(
                customer_id=call.customer_id, amount=call.amount, order_id=call.order_id, step=call.step, key=call.key
            )
        if call.kind is IntentKind.REVERSAL:
            assert call.transfer_id is not None, "a reversal is of a transfer"
            return gateway.reverse_transfer(
                transfer_id=call.transfer_id, amount=call.amount, step=call.step, key=call.key
            )
        assert call.destination is not None, "a release goes to somebody"
        return gateway.create_transfer(
            order_id=call.order_id,
            amount=call.amount,
            destination=call.destination,
            charge_id=call.charge_id,
            transfer_group=transfer_group(call.order_id),
            step=call.step,
            key=call.key,
        )
    except GatewayReplayedError:
        # The failure is stored under the key, but what it failed after may have happened: look again.
        late = find(call)
        if late is None:
            raise
        return late
