"""Paying by card: at once, declined, or after a challenge by the buyer's bank (3-D Secure)."""

from .payments import fail, intent_of, new_charge, payable, succeed
from .sessions import address_of, session_now
from .store import Document
from .wire import ApiError
from .world import World

DECLINED = {
    "type": "card_error",
    "code": "card_declined",
    "decline_code": "generic_decline",
    "message": "Your card was declined.",
}
NOT_AUTHENTICATED = {
    "type": "card_error",
    "code": "payment_intent_authentication_failure",
    "message": "Your bank could not confirm that it is you.",
}


def _card(three_d_secure: Document | None = None) -> Document:
    card = {
        "brand": "visa",
        "country": "US",
        "exp_month": 12,
        "exp_year": 2030,
        "funding": "credit",
        "last4": "0077",
        "three_d_secure": three_d_secure,
    }
    return {"type": "card", "card": card}


def pay_by_card(world: World, session_id: str) -> Document:
    """Pay an open page with a card whose money is available at once."""
    session = payable(world, session_id, "card")
    intent = intent_of(world, session)
    return _paid(world, session, intent, _card())


def _paid(world: World, session: Document, intent: Document, details: Document) -> Document:
    # 2.9 % + 30 cents, rounded half up.
    fee = (intent["amount"] * 29 + 500) // 1000 + 30
    succeed(world, session, intent, new_charge(world, intent, details, status="succeeded"), fee=fee)
    world.emit("checkout.session.completed", session)
    return session


def decline_card(world: World, session_id: str) -> Document:
    """Try a card that the bank refuses: the page stays open."""
    session = payable(world, session_id, "card")
    intent = intent_of(world, session)
    fail(world, session, intent, new_charge(world, intent, _card(), status="failed"), DECLINED)
    return session


def challenge_card(world: World, session_id: str) -> Document:
    """Try a card whose bank asks first whether it is its owner: nothing is charged before they answered."""
    session = payable(world, session_id, "card")
    intent = intent_of(world, session)
    address = address_of(world, session)
    intent |= {
        "status": "requires_action",
        "last_payment_error": None,
        "next_action": {
            "type": "redirect_to_url",
            "redirect_to_url": {"url": f"{address}/challenge", "return_url": address},
        },
    }
    for document in (intent, session):
        world.store.put(document)
    world.emit("payment_intent.requires_action", intent)
    return session


def is_challenged(intent: Document | None) -> bool:
    """Say whether the buyer's bank waits for an answer."""
    return intent is not None and (intent["next_action"] or {}).get("type") == "redirect_to_url"


def answer_challenge(world: World, session_id: str, *, approved: bool) -> Document:
    """Let the buyer prove to their bank who they are, or fail to."""
    session = session_now(world, session_id)
    intent = world.get("payment_intent", session["payment_intent"] or "")
    if session["status"] != "open" or not is_challenged(intent):
        raise ApiError("No bank is asking about this payment.")
    if not approved:
        fail(world, session, intent, None, NOT_AUTHENTICATED)
        return session
    proved = {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": None,
        "version": "2.2.0",
    }
    return _paid(world, session, intent, _card(proved))
