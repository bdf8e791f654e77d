"""Checkout: customers, payment pages, and the payments and charges that come of them."""

from typing import Any

from .store import Document
from .wire import ApiError, Params
from .world import DAY, World

HALF_AN_HOUR = 30 * 60
METHODS = ("card", "customer_balance")
DECLINED = "Your card was declined."


# -- customers -----------------------------------------------------------------------------------


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


# -- payment pages -------------------------------------------------------------------------------


def create_session(world: World, params: Params) -> Document:
    """Open a payment page for one thing at one price."""
    if params.text("mode") != "payment":
        raise ApiError("Only mode=payment is understood here.", param="mode")
    allowed = params.texts("allowed_payment_method_types") or list(METHODS)
    excluded = params.texts("excluded_payment_method_types")
    offered = [method for method in METHODS if method in allowed and method not in excluded]
    if not offered:
        raise ApiError("No payment method is left to offer.", param="allowed_payment_method_types")
    line = _line(params.groups("line_items"))
    customer = params.maybe_text("customer")
    if customer is not None:
        world.get("customer", customer)
    elif "customer_balance" in offered:
        raise ApiError("A bank transfer needs a customer.", code="parameter_missing", param="customer")
    session = world.new(
        "checkout.session",
        "cs_test",
        amount_subtotal=line["amount"],
        amount_total=line["amount"],
        allowed_payment_method_types=allowed,
        automatic_tax={"enabled": False, "liability": None, "provider": None, "status": None},
        cancel_url=params.maybe_text("cancel_url"),
        client_reference_id=params.maybe_text("client_reference_id"),
        currency=line["currency"],
        custom_fields=[],
        custom_text={
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        customer=customer,
        customer_details=None,
        customer_email=None,
        excluded_payment_method_types=excluded,
        expires_at=params.maybe_number("expires_at", world.now() + DAY),
        livemode=False,
        metadata=params.notes(),
        mode="payment",
        payment_intent=None,
        payment_method_types=offered,
        payment_status="unpaid",
        shipping_options=[],
        status="open",
        success_url=params.text("success_url"),
        total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        ui_mode="hosted_page",
        _title=line["title"],
    )
    session["url"] = _address(world, session)
    _read_options(params.group("payment_method_options"))
    intent = params.group("payment_intent_data")
    session["_intent"] = {
        "description": intent.maybe_text("description"),
        "metadata": intent.notes(),
        "transfer_group": intent.maybe_text("transfer_group"),
    }
    intent.end()
    params.end()
    if not HALF_AN_HOUR - 60 <= session["expires_at"] - world.now() <= DAY:
        raise ApiError("`expires_at` must be between 30 minutes and 24 hours from now.", param="expires_at")
    world.store.put(session)
    return session


def _address(world: World, session: Document) -> str:
    return f"{world.base_url}/c/pay/{session['id']}"


def readdress(world: World) -> None:
    """Let open pages be found where the stand-in listens now: it may have moved since they were opened."""
    with world.store.change():
        for session in world.store.all("checkout.session", status="open"):
            world.store.put(session | {"url": _address(world, session)})


def _line(lines: list[Params]) -> Document:
    if len(lines) != 1:
        raise ApiError("Exactly one line item is understood here.", param="line_items")
    price = lines[0].group("price_data")
    product = price.group("product_data")
    line = {
        "amount": price.number("unit_amount", least=1) * lines[0].number("quantity", least=1),
        "currency": price.text("currency"),
        "title": product.text("name"),
    }
    for group in (product, price, lines[0]):
        group.end()
    if line["currency"] != "usd":
        raise ApiError(f"Invalid currency: {line['currency']}", param="line_items[0][price_data][currency]")
    return line


def _read_options(options: Params) -> None:
    balance = options.group("customer_balance")
    transfer = balance.group("bank_transfer")
    funding, kind = balance.maybe_text("funding_type"), transfer.maybe_text("type")
    for group in (transfer, balance, options):
        group.end()
    if (funding, kind) not in {(None, None), ("bank_transfer", "us_bank_transfer")}:
        raise ApiError("Only US bank transfers are understood here.", param="payment_method_options")


def session_now(world: World, session_id: str) -> Document:
    """Return a payment page, closed if its time is over."""
    expire_due(world)
    return world.get("checkout.session", session_id)


def expire_due(world: World) -> None:
    """Close every page whose time is over."""
    with world.store.change():
        for session in world.store.all("checkout.session", status="open"):
            if session["expires_at"] <= world.now():
                _close(world, session)


def expire(world: World, session_id: str) -> Document:
    """Close an open page before its time."""
    session = session_now(world, session_id)
    if session["status"] != "open":
        raise ApiError(
            f"Only an open Checkout Session can be expired. This one is {session['status']}.",
            executed=True,
        )
    _close(world, session)
    return session


def _close(world: World, session: Document) -> None:
    session |= {"status": "expired", "url": None}
    world.store.put(session)
    if session["payment_intent"] is not None:
        intent = world.get("payment_intent", session["payment_intent"])
        intent |= {"status": "canceled", "canceled_at": world.now(), "cancellation_reason": "expired"}
        world.store.put(intent)
        world.emit("payment_intent.canceled", intent)
    world.emit("checkout.session.expired", session)


# -- paying --------------------------------------------------------------------------------------


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
                "financial_addresses": [_account_number(session["customer"])],
                "hosted_instructions_url": f"{_address(world, session)}/transfer",
                "reference": session["id"][-8:].upper(),
                "type": "us_bank_transfer",
            },
        },
    }
    _complete(session)
    for document in (intent, session):
        world.store.put(document)
    world.emit("payment_intent.requires_action", intent)
    world.emit("checkout.session.completed", session)
    return session


def _account_number(customer_id: str) -> Document:
    """Return the account that belongs to this customer alone."""
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


def money_arrives(world: World, session_id: str, amount: int | None) -> Document:
    """Let a bank transfer arrive: all that is owed, or the amount given, be it too little or too much."""
    session = session_now(world, session_id)
    intent = world.get("payment_intent", session["payment_intent"] or "")
    if intent["status"] != "requires_action":
        raise ApiError("This payment is not waiting for a bank transfer.")
    instructions = intent["next_action"]["display_bank_transfer_instructions"]
    remaining = instructions["amount_remaining"]
    surplus = (remaining if amount is None else amount) - remaining
    if surplus < 0:
        instructions["amount_remaining"] = -surplus
        world.store.put(intent)
        world.emit("payment_intent.partially_funded", intent)
        return session
    # 0.5 %, at most 5 dollars, as Stripe lists it.
    fee = min((intent["amount"] * 5 + 500) // 1000, 500)
    _succeed(world, session, intent, {"type": "customer_balance", "customer_balance": {}}, fee=fee)
    world.emit("checkout.session.async_payment_succeeded", session)
    if surplus:
        customer = world.get("customer", session["customer"])
        world.store.put(customer | {"_cash": customer["_cash"] + surplus})
        world.emit("cash_balance.funds_available", cash_balance(world, customer["id"]))
    return session


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


def _charge(world: World, intent: Document, details: dict[str, Any]) -> Document:
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
