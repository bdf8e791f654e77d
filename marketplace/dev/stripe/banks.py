"""Paying from a bank: a transfer that the buyer sends, or a debit (ACH) that is drawn and answered days later."""

from datetime import UTC, datetime

from marketplace.kernel.days import working_days_after

from . import customers
from .payments import complete, fail, intent_of, new_charge, payable, succeed
from .sessions import address_of, session_now
from .store import Document
from .wire import ApiError
from .world import World

DEBIT_DAYS = 4
REFUSED = {
    "type": "invalid_request_error",
    "code": "payment_intent_payment_attempt_failed",
    "message": "The bank refused the debit: there is not enough money in the account.",
}


# -- bank transfer -------------------------------------------------------------------------------


def choose_bank_transfer(world: World, session_id: str) -> Document:
    """Promise to pay by bank transfer: the page is complete, the money is not here."""
    session = payable(world, session_id, "customer_balance")
    intent = intent_of(world, session)
    intent |= {
        "status": "requires_action",
        "last_payment_error": None,
        "next_action": {
            "type": "display_bank_transfer_instructions",
            "display_bank_transfer_instructions": {
                "amount_remaining": intent["amount"],
                "currency": intent["currency"],
                "financial_addresses": [customers.bank_account(session["customer"])],
                "hosted_instructions_url": f"{address_of(world, session)}/transfer",
                "reference": session["id"][-8:].upper(),
                "type": "us_bank_transfer",
            },
        },
        "_instructed": True,
    }
    complete(session)
    for document in (intent, session):
        world.store.put(document)
    world.emit("payment_intent.requires_action", intent)
    world.emit("checkout.session.completed", session)
    return session


def money_arrives(world: World, session_id: str, amount: int | None) -> Document:
    """
    Let a bank transfer arrive: all that is owed, or the amount given, be it too little or too much.

    Whoever was told the account number may send to it again: what nothing is owed for stays the customer's cash.
    """
    session = session_now(world, session_id)
    intent = world.get("payment_intent", session["payment_intent"] or "")
    waits = instructions(intent)
    owed = int(waits["amount_remaining"]) if waits else 0
    arrived = owed if amount is None else amount
    if not arrived or "_instructed" not in intent:
        raise ApiError("This payment is not waiting for a bank transfer.")
    customers.receive_transfer(world, session["customer"], arrived, session["id"][-8:].upper())
    applied = min(arrived, owed)
    if applied:
        customers.move_cash(world, session["customer"], "applied_to_payment", -applied, payment_intent=intent["id"])
    if waits and applied < owed:
        waits["amount_remaining"] = owed - applied
        world.store.put(intent)
        world.emit("payment_intent.partially_funded", intent)
    elif waits:
        details = {"type": "customer_balance", "customer_balance": {}}
        # 0.5 %, at most 5 dollars, as Stripe lists it.
        fee = min((intent["amount"] * 5 + 500) // 1000, 500)
        succeed(world, session, intent, new_charge(world, intent, details, status="succeeded"), fee=fee)
        world.emit("checkout.session.async_payment_succeeded", session)
    if applied < arrived:
        world.emit("cash_balance.funds_available", customers.cash_balance(world, session["customer"]))
    return session


def instructions(intent: Document) -> Document | None:
    """Return what the buyer was told to send, while it is waited for."""
    told: Document | None = (intent["next_action"] or {}).get("display_bank_transfer_instructions")
    return told


# -- bank debit ----------------------------------------------------------------------------------


def choose_bank_debit(world: World, session_id: str) -> Document:
    """Let the money be drawn from an account that has it: the page is complete, the bank answers in some days."""
    return _drawn(world, session_id, outcome="succeeded")


def choose_failing_debit(world: World, session_id: str) -> Document:
    """Let the money be drawn from an account that does not have it: this too turns out only in some days."""
    return _drawn(world, session_id, outcome="failed")


def _drawn(world: World, session_id: str, *, outcome: str) -> Document:
    session = payable(world, session_id, "us_bank_account")
    intent = intent_of(world, session)
    charge = new_charge(world, intent, _account(), status="pending")
    days = int(world.store.setting("debit_days", DEBIT_DAYS))
    answered = working_days_after(datetime.fromtimestamp(world.now(), UTC), days)
    intent |= {
        "status": "processing",
        "last_payment_error": None,
        "next_action": None,
        "latest_charge": charge["id"],
        "_answered": int(answered.timestamp()),
        "_outcome": outcome,
    }
    complete(session)
    for document in (charge, intent, session):
        world.store.put(document)
    world.emit("charge.pending", charge)
    world.emit("payment_intent.processing", intent)
    world.emit("checkout.session.completed", session)
    return session


def _account() -> Document:
    account = {
        "account_holder_type": "company",
        "account_type": "checking",
        "bank_name": "Stand-in Bank",
        "fingerprint": None,
        "last4": "6789",
        "payment_reference": None,
        "routing_number": "110000000",
    }
    return {"type": "us_bank_account", "us_bank_account": account}


def settle_debits(world: World) -> None:
    """Let the banks answer whose time has come."""
    for intent in world.store.all("payment_intent", status="processing"):
        # One that somebody edited into this state waits for no bank.
        if intent.get("_answered", world.now() + 1) <= world.now():
            (session,) = world.store.all("checkout.session", payment_intent=intent["id"])
            settle_debit(world, session["id"], intent["_outcome"])


def settle_debit(world: World, session_id: str, outcome: str) -> Document:
    """Let the bank answer now: the money is there, or the debit failed."""
    session = world.get("checkout.session", session_id)
    intent = world.get("payment_intent", session["payment_intent"] or "")
    if intent["status"] != "processing" or outcome not in {"succeeded", "failed"}:
        raise ApiError("Only a bank debit on its way can be settled, as succeeded or failed.")
    charge = world.get("charge", intent["latest_charge"])
    if outcome == "failed":
        fail(world, session, intent, charge, REFUSED)
        world.emit("checkout.session.async_payment_failed", session)
    else:
        # 0.8 %, at most 5 dollars, as Stripe lists it.
        succeed(world, session, intent, charge, fee=min((intent["amount"] * 8 + 500) // 1000, 500))
        world.emit("checkout.session.async_payment_succeeded", session)
    return session
