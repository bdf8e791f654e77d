"""Customers, the account number that is theirs alone, and the cash they sent beyond what they owed."""

from typing import Any

from .store import Document
from .wire import ApiError, Params, page
from .world import DAY, World

RETURN_INSTRUCTIONS = 45 * DAY
# Cash on its way back to its owner: where it may stand, and what may become of it.
IN_HAND = ("pending", "requires_action")
RETURNS = ("succeeded", "failed", "requires_action")


def create_customer(world: World, params: Params) -> Document:
    """Keep a customer, who has an account number of their own for bank transfers."""
    customer = world.new(
        "customer",
        "cus",
        address=None,
        balance=0,
        currency=None,
        default_source=None,
        delinquent=False,
        description=params.maybe_text("description"),
        email=params.maybe_text("email"),
        livemode=False,
        metadata=params.notes(),
        name=params.maybe_text("name"),
        phone=None,
        preferred_locales=[],
        shipping=None,
        _cash=0,
    )
    params.end()
    world.store.put(customer)
    world.emit("customer.created", customer)
    return customer


def bank_account(customer_id: str) -> Document:
    """Return the account that belongs to this customer alone: what arrives there is theirs."""
    address = {
        "city": "Springfield",
        "country": "US",
        "line1": "1 Bank Street",
        "line2": None,
        "postal_code": "62701",
        "state": "IL",
    }
    return {
        "type": "aba",
        "supported_networks": ["ach", "domestic_wire_us"],
        "aba": {
            "account_holder_address": address,
            "account_holder_name": "Second Light",
            "account_number": str(int(customer_id[-11:], 16))[:11],
            "account_type": "checking",
            "bank_address": address,
            "bank_name": "Stand-in Bank",
            "routing_number": "110000000",
        },
    }


# -- cash ----------------------------------------------------------------------------------------


def cash_balance(world: World, customer_id: str) -> Document:
    """Return what a customer has sent beyond what they owed."""
    customer = world.get("customer", customer_id)
    return {
        "object": "cash_balance",
        "available": {"usd": customer["_cash"]} if customer["_cash"] else None,
        "customer": customer["id"],
        "livemode": False,
        "settings": {"reconciliation_mode": "automatic", "using_merchant_default": True},
    }


def move_cash(world: World, customer_id: str, kind: str, amount: int, **details: Any) -> Document:
    """Move a customer's cash and tell it; none of it is the platform's, so its balance stays as it is."""
    customer = world.get("customer", customer_id)
    customer["_cash"] += amount
    world.store.put(customer)
    moved = world.new(
        "customer_cash_balance_transaction",
        "ccsbtxn",
        currency="usd",
        customer=customer_id,
        ending_balance=customer["_cash"],
        livemode=False,
        net_amount=amount,
        type=kind,
        **({kind: details} if details else {}),
    )
    world.store.put(moved)
    world.emit("customer_cash_balance_transaction.created", moved)
    return moved


def receive_transfer(world: World, customer_id: str, amount: int, reference: str) -> None:
    """Let a bank transfer arrive on a customer's account number."""
    customer = world.get("customer", customer_id)
    sender = {"network": "domestic_wire_us", "sender_name": customer["name"]}
    transfer = {"reference": reference, "type": "us_bank_transfer", "us_bank_transfer": sender}
    move_cash(world, customer_id, "funded", amount, bank_transfer=transfer)


def list_cash(world: World, params: Params, customer_id: str) -> Document:
    """List how a customer's cash moved, the last first."""
    customer = world.get("customer", customer_id)
    found = world.store.all("customer_cash_balance_transaction", customer=customer["id"])
    return page(found, params, f"/v1/customers/{customer_id}/cash_balance_transactions")


def retrieve_cash(world: World, customer_id: str, object_id: str) -> Document:
    """Return one movement of a customer's cash."""
    moved = world.get("customer_cash_balance_transaction", object_id)
    if moved["customer"] != customer_id:
        raise ApiError(f"No such transaction: '{object_id}'", status=404, code="resource_missing", param="id")
    return moved


# -- sending cash back ---------------------------------------------------------------------------


def return_cash(world: World, params: Params) -> Document:
    """Send a customer's cash back to their bank: it leaves their cash at once, and arrives later or not at all."""
    customer = world.get("customer", params.text("customer"))
    if params.text("origin") != "customer_balance":
        raise ApiError("Only the origin customer_balance is known.", param="origin")
    amount, currency = params.number("amount", least=1), params.text("currency")
    refund = world.new(
        "refund",
        "re",
        amount=amount,
        balance_transaction=None,
        charge=None,
        currency=currency,
        customer=customer["id"],
        destination_details={
            "type": "us_bank_transfer",
            "us_bank_transfer": {"reference": None, "reference_status": "pending"},
        },
        metadata=params.notes(),
        payment_intent=None,
        pending_reason="processing",
        reason=params.maybe_text("reason"),
        receipt_number=None,
        source_transfer_reversal=None,
        status="pending",
        transfer_reversal=None,
    )
    params.end()
    left = customer["_cash"] if currency == "usd" else 0
    if amount > left:
        raise ApiError(
            f"Refund amount ({amount}) is greater than the customer's cash balance ({left}).",
            code="balance_insufficient",
            param="amount",
            executed=True,
        )
    world.store.put(refund)
    move_cash(world, customer["id"], "return_initiated", -amount)
    world.emit("refund.created", refund)
    return refund


def settle_return(world: World, refund: Document, outcome: str) -> Document:
    """Let the cash arrive at the customer's bank, come back, or wait for them to say which bank it is."""
    customer = world.get("customer", refund["customer"])
    refund["status"] = outcome
    # What there is no reason for is not answered as null: it is not there.
    for name in ("pending_reason", "next_action"):
        refund.pop(name, None)
    if outcome == "succeeded":
        found = {"reference": refund["id"][-10:].upper(), "reference_status": "available"}
        refund["destination_details"]["us_bank_transfer"] = found
    elif outcome == "failed":
        refund["failure_reason"] = "declined"
        move_cash(world, customer["id"], "return_canceled", refund["amount"])
    else:
        asked = {"email_sent_at": world.now(), "email_sent_to": customer["email"] or ""}
        details = {"email_sent": asked, "expires_at": world.now() + RETURN_INSTRUCTIONS}
        refund["next_action"] = {"type": "display_details", "display_details": details}
    world.store.put(refund)
    world.emit("refund.failed" if outcome == "failed" else "refund.updated", refund)
    return refund
