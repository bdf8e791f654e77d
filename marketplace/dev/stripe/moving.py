"""Money on the move: transfers to sellers and back, refunds, and the sweep to the bank."""

from .customers import IN_HAND, RETURNS, return_cash, settle_return
from .store import Document
from .wire import ApiError, Params
from .world import World

OUTCOMES = ("succeeded", "failed")


# -- transfers -----------------------------------------------------------------------------------


def create_transfer(world: World, params: Params) -> Document:
    """Move money to a seller: never more than was charged, never what is not there."""
    amount, currency = params.number("amount", least=1), params.text("currency")
    destination = params.text("destination")
    source, group = params.maybe_text("source_transaction"), params.maybe_text("transfer_group")
    transfer = world.new(
        "transfer",
        "tr",
        amount=amount,
        amount_reversed=0,
        balance_transaction=None,
        currency=currency,
        description=params.maybe_text("description"),
        destination=destination,
        livemode=False,
        metadata=params.notes(),
        reversed=False,
        source_transaction=source,
        source_type="card",
        transfer_group=group,
    )
    params.end()
    account = world.get("v2.core.account", destination)
    if account["_status"] != "active":
        raise ApiError(
            "Your destination account needs to have the `transfers` capability enabled.",
            code="insufficient_capabilities_for_transfer",
            executed=True,
        )
    pending = _check_source(world, transfer) if source is not None else False
    if not pending and amount > world.balance()[0]:
        raise ApiError(
            "You have insufficient available funds in your Stripe account.",
            code="balance_insufficient",
            executed=True,
        )
    transfer["balance_transaction"] = world.book("transfer", -amount, transfer)
    transfer["reversals"] = _no_reversals(transfer)
    world.store.put(transfer)
    world.emit("transfer.created", transfer)
    return transfer


def _check_source(world: World, transfer: Document) -> bool:
    """Check the transfer against its charge; say whether the charge's money is still to come."""
    charge = world.get("charge", transfer["source_transaction"])
    if charge["status"] != "succeeded" or charge["currency"] != transfer["currency"]:
        raise ApiError("This charge cannot be the source of this transfer.", executed=True)
    sent = sum(
        other["amount"] - other["amount_reversed"]
        for other in world.store.all("transfer", source_transaction=charge["id"])
    )
    if sent + transfer["amount"] > charge["amount"] - charge["amount_refunded"]:
        raise ApiError(
            "Transfers using this transaction as a source must not exceed the source amount"
            f" of ${charge['amount'] / 100:.2f} (there is already ${sent / 100:.2f} transferred).",
            executed=True,
        )
    booking = world.get("balance_transaction", charge["balance_transaction"])
    return bool(booking["available_on"] > world.now())


def _no_reversals(transfer: Document) -> Document:
    return {
        "object": "list",
        "data": [],
        "has_more": False,
        "url": f"/v1/transfers/{transfer['id']}/reversals",
    }


def reverse_transfer(world: World, params: Params, transfer_id: str) -> Document:
    """Take back all or part of a transfer, if the seller still has it."""
    transfer = world.get("transfer", transfer_id)
    left = transfer["amount"] - transfer["amount_reversed"]
    amount = params.maybe_number("amount", left)
    reversal = world.new(
        "transfer_reversal",
        "trr",
        amount=amount,
        balance_transaction=None,
        currency=transfer["currency"],
        destination_payment_refund=None,
        metadata=params.notes(),
        source_refund=None,
        transfer=transfer_id,
    )
    params.end()
    if not 0 < amount <= left:
        raise ApiError(f"Reversal amount ({amount}) is greater than what is left ({left}).", executed=True)
    account = world.get("v2.core.account", transfer["destination"])
    if amount > seller_balance(world, account):
        raise ApiError(
            "The destination account has insufficient available funds for this reversal.",
            code="balance_insufficient",
            executed=True,
        )
    reversal["balance_transaction"] = world.book("transfer_reversal", amount, reversal)
    world.store.put(reversal)
    reversals = world.store.all("transfer_reversal", transfer=transfer_id)
    transfer |= {
        "amount_reversed": transfer["amount_reversed"] + amount,
        "reversed": amount == left,
        "reversals": _no_reversals(transfer) | {"data": reversals[:10], "has_more": len(reversals) > 10},
    }
    world.store.put(transfer)
    world.emit("transfer.reversed", transfer)
    return reversal


def seller_balance(world: World, account: Document) -> int:
    """Return what a seller still has of everything they were sent."""
    sent = world.store.all("transfer", destination=account["id"])
    return int(sum(transfer["amount"] - transfer["amount_reversed"] for transfer in sent)) - int(account["_spent"])


# -- refunds -------------------------------------------------------------------------------------


def create_refund(world: World, params: Params) -> Document:
    """Send money back to the buyer; it waits while the platform's balance is too low."""
    if params.has("customer"):
        return return_cash(world, params)
    charge = world.get("charge", params.text("charge"))
    left = charge["amount"] - charge["amount_refunded"]
    amount = params.maybe_number("amount", left)
    refund = world.new(
        "refund",
        "re",
        amount=amount,
        balance_transaction=None,
        charge=charge["id"],
        currency=charge["currency"],
        metadata=params.notes(),
        payment_intent=charge["payment_intent"],
        reason=params.maybe_text("reason"),
        receipt_number=None,
        source_transfer_reversal=None,
        status="pending",
        transfer_reversal=None,
    )
    params.end()
    if charge["disputed"]:
        raise ApiError("This charge has been disputed.", code="charge_disputed", executed=True)
    if not 0 < amount <= left:
        code = None if left else "charge_already_refunded"
        raise ApiError(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left}).",
            code=code,
            param="amount",
            executed=True,
        )
    if amount > world.balance()[0]:
        refund["pending_reason"] = "insufficient_funds"
    else:
        _pay_refund(world, refund)
    world.store.put(refund)
    _count_refund(world, charge, amount)
    world.emit("refund.created", refund)
    world.emit("charge.refunded", charge)
    return refund


def settle_refund(world: World, refund_id: str, outcome: str) -> Document:
    """Let a pending refund go through, or fail and give the money back to the charge or the customer's cash."""
    refund = world.get("refund", refund_id)
    if refund["charge"] is None and refund["status"] in IN_HAND and outcome in RETURNS:
        return settle_return(world, refund, outcome)
    if refund["status"] != "pending" or outcome not in OUTCOMES:
        raise ApiError("Only a pending refund can be settled, as succeeded or failed.")
    if outcome == "succeeded":
        _pay_refund(world, refund)
    else:
        refund |= {"status": "failed", "failure_reason": "lost_or_stolen_card"}
        del refund["pending_reason"]
        _count_refund(world, world.get("charge", refund["charge"]), -refund["amount"])
    world.store.put(refund)
    world.emit("refund.failed" if outcome == "failed" else "refund.updated", refund)
    return refund


def _pay_refund(world: World, refund: Document) -> None:
    refund |= {"status": "succeeded", "balance_transaction": world.book("refund", -refund["amount"], refund)}
    # What there is no reason for is not answered as null: it is not there.
    refund.pop("pending_reason", None)


def _count_refund(world: World, charge: Document, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    world.store.put(charge)


# -- the platform's balance ----------------------------------------------------------------------


def balance(world: World) -> Document:
    """Return the platform's balance."""
    available, pending = world.balance()
    return {
        "object": "balance",
        "available": [{"amount": available, "currency": "usd", "source_types": {"card": available}}],
        "livemode": False,
        "pending": [{"amount": pending, "currency": "usd", "source_types": {"card": pending}}],
    }


def sweep(world: World, amount: int | None) -> Document:
    """Pay the available balance, or part of it, out to the platform's bank; a negative amount tops it up."""
    amount = world.balance()[0] if amount is None else amount
    if amount:
        kind, prefix, status = ("payout", "po", "paid") if amount > 0 else ("topup", "tu", "succeeded")
        payout = world.new(kind, prefix, amount=abs(amount), currency="usd", livemode=False, metadata={}, status=status)
        world.store.put(payout)
        world.book(kind, -amount, payout)
    return balance(world)
