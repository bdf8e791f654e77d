"""What a buyer does on a payment page, and the payments and charges that come of it."""

from collections.abc import Callable

from . import customers
from .sessions import address_of, session_now
from .store import Document
from .wire import ApiError
from .world import DAY, World

DECLINED = "Your card was declined."


def _card() -> Document:
    return {
        "type": "card",
        "card": {
            "brand": "visa",
            "country": "US",
            "exp_month": 12,
            "exp_year": 2030,
            "funding": "credit",
            "last4": "0077",
        },
    }


# -- by card -------------------------------------------------------------------------------------


def pay_by_card(world: World, session_id: str) -> Document:
    """Pay an open page with a card whose money is available at once."""
    session = _payable(world, session_id, "card")
    intent = _intent(world, session)
    amount = intent["amount"]
    # 2.9 % + 30 cents, rounded half up.
    _succeed(world, session, intent, _card(), fee=(amount * 29 + 500) // 1000 + 30)
    world.emit("checkout.session.completed", session)
    return session


def decline_card(world: World, session_id: str) -> Document:
    """Try a card that the bank refuses: the page stays open."""
    session = _payable(world, session_id, "card")
    intent = _intent(world, session)
    charge = _charge(world, intent, _card()) | {
        "status": "failed",
        "paid": False,
        "captured": False,
        "amount_captured": 0,
        "failure_code": "card_declined",
        "failure_message": DECLINED,
    }
    intent |= {
        "latest_charge": charge["id"],
        "status": "requires_payment_method",
        "last_payment_error": {
            "charge": charge["id"],
            "code": "card_declined",
            "decline_code": "generic_decline",
            "message": DECLINED,
            "type": "card_error",
        },
    }
    for document in (charge, intent, session):
        world.store.put(document)
    world.emit("charge.failed", charge)
    world.emit("payment_intent.payment_failed", intent)
    return session


# -- by bank transfer ----------------------------------------------------------------------------


def choose_bank_transfer(world: World, session_id: str) -> Document:
    """Promise to pay by bank transfer: the page is complete, the money is not here."""
    session = _payable(world, session_id, "customer_balance")
    intent = _intent(world, session)
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
    _complete(session)
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
    waits = _instructions(intent)
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
        # 0.5 %, at most 5 dollars, as Stripe lists it.
        fee = min((intent["amount"] * 5 + 500) // 1000, 500)
        _succeed(world, session, intent, {"type": "customer_balance", "customer_balance": {}}, fee=fee)
        world.emit("checkout.session.async_payment_succeeded", session)
    if applied < arrived:
        world.emit("cash_balance.funds_available", customers.cash_balance(world, session["customer"]))
    return session


def _instructions(intent: Document) -> Document | None:
    """Return what the buyer was told to send, while it is waited for."""
    action = intent["next_action"] or {}
    return action.get("display_bank_transfer_instructions")


WAYS: dict[str, Callable[[World, str], Document]] = {
    "card": pay_by_card,
    "card_declined": decline_card,
    "bank_transfer": choose_bank_transfer,
}
"""What a buyer can choose on an open page."""


# -- what all ways have in common ----------------------------------------------------------------


def _payable(world: World, session_id: str, method: str) -> Document:
    session = session_now(world, session_id)
    if session["status"] != "open":
        raise ApiError(f"This payment page is {session['status']}.")
    if method not in session["payment_method_types"]:
        raise ApiError("This way of paying is not offered here.")
    return session


def _intent(world: World, session: Document) -> Document:
    if session["payment_intent"] is not None:
        return world.get("payment_intent", session["payment_intent"])
    intent = world.new(
        "payment_intent",
        "pi",
        amount=session["amount_total"],
        amount_capturable=0,
        amount_received=0,
        canceled_at=None,
        cancellation_reason=None,
        capture_method="automatic_async",
        confirmation_method="automatic",
        currency=session["currency"],
        customer=session["customer"],
        last_payment_error=None,
        latest_charge=None,
        livemode=False,
        next_action=None,
        payment_method=None,
        payment_method_types=session["payment_method_types"],
        status="requires_payment_method",
        **session["_intent"],
    )
    session["payment_intent"] = intent["id"]
    world.emit("payment_intent.created", intent)
    return intent


def _complete(session: Document) -> None:
    session["status"] = "complete"
    session["url"] = None


def _succeed(world: World, session: Document, intent: Document, details: Document, *, fee: int) -> None:
    charge = _charge(world, intent, details)
    clearing = int(world.store.setting("clearing_days", 0)) * DAY
    charge["balance_transaction"] = world.book(
        "charge", charge["amount"], charge, fee=fee, available_on=world.now() + clearing
    )
    intent |= {
        "amount_received": intent["amount"],
        "last_payment_error": None,
        "latest_charge": charge["id"],
        "next_action": None,
        "status": "succeeded",
    }
    if session["status"] == "open":
        _complete(session)
    session["payment_status"] = "paid"
    for document in (charge, intent, session):
        world.store.put(document)
    world.emit("charge.succeeded", charge)
    world.emit("payment_intent.succeeded", intent)


def _charge(world: World, intent: Document, details: Document) -> Document:
    prefix = "ch" if details["type"] == "card" else "py"
    return world.new(
        "charge",
        prefix,
        amount=intent["amount"],
        amount_captured=intent["amount"],
        amount_refunded=0,
        balance_transaction=None,
        billing_details={"address": None, "email": None, "name": None, "phone": None, "tax_id": None},
        captured=True,
        currency=intent["currency"],
        customer=intent["customer"],
        disputed=False,
        failure_code=None,
        failure_message=None,
        livemode=False,
        metadata=intent["metadata"],
        paid=True,
        payment_intent=intent["id"],
        payment_method=None,
        payment_method_details=details,
        refunded=False,
        status="succeeded",
        transfer_group=intent["transfer_group"],
    )
