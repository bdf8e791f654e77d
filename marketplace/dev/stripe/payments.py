"""What all ways of paying have in common: the payment of a page, its charge, how it succeeds and how it fails."""

from .sessions import session_now
from .store import Document
from .wire import ApiError
from .world import DAY, World


def payable(world: World, session_id: str, method: str) -> Document:
    """
    Return an open page that offers this way of paying.

    :raises ApiError: it is not open, or does not
    """
    session = session_now(world, session_id)
    if session["status"] != "open":
        raise ApiError(f"This payment page is {session['status']}.")
    if method not in session["payment_method_types"]:
        raise ApiError("This way of paying is not offered here.")
    return session


def intent_of(world: World, session: Document) -> Document:
    """Return the page's payment, begun now if nobody tried to pay yet."""
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


def complete(session: Document) -> None:
    """Let nobody pay on the page any more."""
    session["status"] = "complete"
    session["url"] = None


def new_charge(world: World, intent: Document, details: Document, *, status: str) -> Document:
    """Return a charge of the whole payment, not yet kept."""
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
        paid=status == "succeeded",
        payment_intent=intent["id"],
        payment_method=None,
        payment_method_details=details,
        refunded=False,
        status=status,
        transfer_group=intent["transfer_group"],
    )


def succeed(world: World, session: Document, intent: Document, charge: Document, *, fee: int) -> None:
    """Let the money of a charge be the platform's, less the fee."""
    clearing = int(world.store.setting("clearing_days", 0)) * DAY
    charge |= {"status": "succeeded", "paid": True}
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
        complete(session)
    session["payment_status"] = "paid"
    for document in (charge, intent, session):
        world.store.put(document)
    world.emit("charge.succeeded", charge)
    world.emit("payment_intent.succeeded", intent)


def fail(world: World, session: Document, intent: Document, charge: Document | None, error: Document) -> None:
    """Let a try to pay fail; a charge that was made of it fails as well."""
    intent |= {
        "status": "requires_payment_method",
        "next_action": None,
        "last_payment_error": error | ({"charge": charge["id"]} if charge else {}),
    }
    if charge is not None:
        charge |= {"status": "failed", "paid": False, "captured": False, "amount_captured": 0}
        charge |= {"failure_code": error["code"], "failure_message": error["message"]}
        intent["latest_charge"] = charge["id"]
        world.store.put(charge)
        world.emit("charge.failed", charge)
    for document in (intent, session):
        world.store.put(document)
    world.emit("payment_intent.payment_failed", intent)
