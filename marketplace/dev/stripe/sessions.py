"""Checkout: payment pages, and how they close."""

from .store import Document
from .wire import ApiError, Params
from .world import DAY, World

HALF_AN_HOUR = 30 * 60
METHODS = ("card", "us_bank_account", "customer_balance")


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
    session["url"] = address_of(world, session)
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


def address_of(world: World, session: Document) -> str:
    """Return where a payment page is found."""
    return f"{world.base_url}/c/pay/{session['id']}"


def readdress(world: World) -> None:
    """Let open pages be found where the stand-in listens now: it may have moved since they were opened."""
    with world.store.change():
        for session in world.store.all("checkout.session", status="open"):
            world.store.put(session | {"url": address_of(world, session)})


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
        intent["next_action"] = None
        world.store.put(intent)
        world.emit("payment_intent.canceled", intent)
    world.emit("checkout.session.expired", session)
