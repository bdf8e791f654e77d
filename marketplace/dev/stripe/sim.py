"""Controls of the stand-in that Stripe does not have: time, money, trouble, and the fate of webhooks."""

import re
from collections.abc import Callable
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from . import accounts, banks, cards, courier, disputes, events, moving, paying, sessions
from .api import ROUTES as API
from .api import Api
from .store import Document
from .wire import ApiError, Params, present
from .world import World

FAULTS = ("error_before", "error_after", "error_stored", "hang_after", "slow")
MODES = ("deliver", "hold", "drop", "duplicate")
SETTINGS: Document = {"webhooks": "deliver", "thin_too": False, "clearing_days": 0, "debit_days": banks.DEBIT_DAYS}
FAULT_ROUTES = ("*", *sorted({re.sub(r"<\w+>", "*", route) for route in API}))


def pass_time(world: World) -> None:
    """Let happen what time alone brings about."""
    world.clear_due()
    sessions.expire_due(world)
    with world.store.change():
        banks.settle_debits(world)


def _advance(world: World, params: Params) -> Document:
    """Move the clock forward; or back, before anything has happened."""
    seconds = params.number("seconds", least=-(10**9))
    world.store.set("clock_offset", world.store.setting("clock_offset", 0) + seconds)
    pass_time(world)
    world.changed()
    return {"now": world.now()}


def _settings(world: World, params: Params) -> Document:
    """Set how long banks take, what happens to webhooks, and whether thin events come as well."""
    mode = params.maybe_text("webhooks")
    if mode is not None:
        if mode not in MODES:
            raise ApiError(f"webhooks must be one of {', '.join(MODES)}.")
        world.store.set("webhooks", mode)
    for name in ("clearing_days", "debit_days"):
        if params.has(name):
            world.store.set(name, params.number(name))
    thin = params.truth("thin_too")
    if thin is not None:
        world.store.set("thin_too", thin)
    return {}


def _fault(world: World, params: Params) -> Document:
    """Make the next requests to a route ("POST /v1/transfers", with * for anything) go wrong."""
    fault = {
        "route": params.text("route"),
        "kind": params.text("kind"),
        "times": params.maybe_number("times", 1),
        "status": params.maybe_number("status", 500),
        "seconds": params.maybe_number("seconds", 30),
        "executed": bool(params.truth("executed")),
    }
    if fault["kind"] not in FAULTS:
        raise ApiError(f"kind must be one of {', '.join(FAULTS)}.")
    world.store.set("faults", [*world.store.setting("faults", []), fault])
    return fault


def _clear_faults(world: World, _: Params) -> Document:
    world.store.set("faults", [])
    return {}


def _release(world: World, _: Params) -> Document:
    """Let the webhooks go that were held back."""
    held = world.store.all("delivery", state="held")
    for delivery in held:
        world.store.put(delivery | {"state": "due", "due": world.now()})
    world.changed()
    return {"released": len(held)}


def _prune(world: World, _: Params) -> Document:
    world.store.prune_answers(before=world.now() + 1)
    return {}


def _edit(world: World, params: Params, object_id: str) -> Document:
    """Change fields of an object behind everybody's back."""
    document = world.store.find(object_id)
    if document is None:
        raise ApiError(f"No such object: '{object_id}'", status=404)
    document |= params.rest()
    world.store.put(document)
    return document


def _pay(world: World, params: Params, session_id: str) -> Document:
    """Do what a buyer does on the payment page."""
    way = params.text("with")
    if way not in paying.WAYS:
        raise ApiError(f"with must be one of {', '.join(paying.WAYS)}.")
    return paying.WAYS[way](world, session_id)


def _arrive(world: World, params: Params, session_id: str) -> Document:
    amount = params.number("amount", least=1) if params.has("amount") else None
    return banks.money_arrives(world, session_id, amount)


def _settle_debit(world: World, params: Params, session_id: str) -> Document:
    return banks.settle_debit(world, session_id, params.text("outcome"))


def _answer_challenge(world: World, params: Params, session_id: str) -> Document:
    return cards.answer_challenge(world, session_id, approved=bool(params.truth("approved")))


def _account(world: World, params: Params, account_id: str) -> Document:
    """Change whether a seller can be paid, or let them spend what they were sent."""
    account = world.get("v2.core.account", account_id)
    account["_spent"] += params.maybe_number("spend", 0)
    world.store.put(account)
    status = params.maybe_text("status")
    return accounts.set_status(world, account_id, status) if status else account


def _sweep(world: World, params: Params) -> Document:
    return moving.sweep(world, params.number("amount", least=-(10**12)) if params.has("amount") else None)


def _dispute(world: World, params: Params, charge_id: str) -> Document:
    return disputes.open_dispute(world, charge_id, params.maybe_text("reason"))


def _settle_dispute(world: World, params: Params, dispute_id: str) -> Document:
    return disputes.settle_dispute(world, dispute_id, params.text("outcome"))


def _settle_refund(world: World, params: Params, refund_id: str) -> Document:
    return moving.settle_refund(world, refund_id, params.text("outcome"))


def _roll(world: World, _: Params, endpoint_id: str) -> Document:
    return events.roll_secret(world, endpoint_id)


ROUTES: dict[str, Callable[..., Document]] = {
    "/_sim/clock": _advance,
    "/_sim/settings": _settings,
    "/_sim/faults": _fault,
    "/_sim/faults/clear": _clear_faults,
    "/_sim/webhooks/release": _release,
    "/_sim/prune_keys": _prune,
    "/_sim/objects/<object_id>": _edit,
    "/_sim/checkouts/<session_id>/pay": _pay,
    "/_sim/checkouts/<session_id>/arrive": _arrive,
    "/_sim/checkouts/<session_id>/settle": _settle_debit,
    "/_sim/checkouts/<session_id>/challenge": _answer_challenge,
    "/_sim/accounts/<account_id>": _account,
    "/_sim/sweep": _sweep,
    "/_sim/charges/<charge_id>/dispute": _dispute,
    "/_sim/disputes/<dispute_id>/settle": _settle_dispute,
    "/_sim/refunds/<refund_id>/settle": _settle_refund,
    "/_sim/endpoints/<endpoint_id>/roll": _roll,
}


def blueprint(api: Api, world: World, reset: Callable[[], None]) -> Blueprint:
    """Return the controls as pages of a Flask application. They speak JSON both ways."""
    controls = Blueprint("sim", __name__)

    def control(handler: Callable[..., Document]) -> Callable[..., ResponseReturnValue]:
        def view(**ids: Any) -> ResponseReturnValue:
            params = Params(request.get_json(silent=True) or {})
            with world.store.change():
                body = present(handler(world, params, **ids))
                params.end()
            return jsonify(body)

        return view

    for rule, handler in ROUTES.items():
        controls.add_url_rule(rule, rule, control(handler), methods=["POST"])

    @controls.post("/_sim/reset")
    def forget() -> ResponseReturnValue:
        """Begin anew, with the endpoints that were there at the start; whoever hangs is let go."""
        api.release()
        reset()
        return jsonify({})

    @controls.get("/_sim/faults")
    def faults() -> ResponseReturnValue:
        """List the faults, with the times that are left to each."""
        return jsonify(world.store.setting("faults", []))

    @controls.get("/_sim/webhooks")
    def webhooks() -> ResponseReturnValue:
        """List every delivery, oldest first, signed as it would be sent now."""
        return jsonify([_shown(world, delivery) for delivery in reversed(world.store.all("delivery"))])

    @controls.post("/_sim/webhooks/<delivery_id>/<deed>")
    def webhook(delivery_id: str, deed: str) -> ResponseReturnValue:
        """Deliver one now, whatever became of it before; or say that it was taken in another way."""
        delivery = world.get("delivery", delivery_id)
        if deed == "taken":
            courier.settle(world, delivery, 200)
            return jsonify({"status": 200})
        return jsonify({"status": courier.deliver(world, delivery)})

    return controls


def _shown(world: World, delivery: Document) -> Document:
    _, raw, signature = courier.signed(world, delivery)
    return delivery | {"raw": raw.decode(), "signature": signature}
