"""The API's front door: who asks, whether it was answered before, and what goes wrong on purpose."""

import hashlib
import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from secrets import token_hex
from threading import Event, Lock
from typing import Any

from flask import Blueprint, Response, jsonify, request

from . import accounts, customers, events, moving, sessions
from .store import Document
from .wire import ApiError, Params, expand, page, parse_form, present
from .world import API_VERSION, DAY, World

Handler = Callable[..., Document]
BROKEN = "An error occurred with our connection to Stripe's servers (a fault made on purpose)."


class Api:
    """One HTTP conversation at a time per key; everything that can go wrong on purpose goes wrong here."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._in_flight: set[str] = set()
        self._lock = Lock()
        self._released = Event()

    def release(self) -> None:
        """Let everybody go who hangs."""
        self._released.set()
        self._released.clear()

    def answer(self, handler: Handler, ids: dict[str, str]) -> Response:
        """Answer the request in hand, from memory if its key was answered before."""
        try:
            self._check_caller()
            with self._held() as key:
                fault = self._take_fault()
                if fault["kind"] == "error_before":
                    return _broken(fault)
                answered = self._replay(key) or self._execute(key, handler, ids, fault)
        except ApiError as error:
            return _response(error.status, error.body)
        if fault["kind"] == "error_after":
            return _broken(fault)
        if fault["kind"] == "hang_after":
            self._released.wait(fault["seconds"])
        return answered

    # -- who asks --------------------------------------------------------------------------------

    def _check_caller(self) -> None:
        key = request.authorization.token if request.authorization else None
        if not key or not key.startswith("sk_test_"):
            raise ApiError("Only a test key (sk_test_…) is accepted here: this is a stand-in, not Stripe.", status=401)
        version = request.headers.get("Stripe-Version", API_VERSION)
        if version != API_VERSION:
            raise ApiError(f"Only {API_VERSION} is spoken here, not {version}.")

    # -- what goes wrong on purpose --------------------------------------------------------------

    def _take_fault(self) -> Document:
        asked = f"{request.method} {request.path}"
        with self._world.store.change():
            faults = self._world.store.setting("faults", [])
            for fault in faults:
                if fault["times"] > 0 and fnmatchcase(asked, fault["route"]):
                    fault["times"] -= 1
                    self._world.store.set("faults", faults)
                    return dict(fault)
        return {"kind": None}

    # -- whether it was answered before ----------------------------------------------------------

    @contextmanager
    def _held(self) -> Iterator[str | None]:
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        if key is None:
            yield None
            return
        with self._lock:
            if key in self._in_flight:
                raise ApiError(
                    f"There is currently another in-progress request using this Idempotent Key: {key}.",
                    status=409,
                    kind="idempotency_error",
                    code="idempotency_key_in_use",
                )
            self._in_flight.add(key)
        try:
            yield key
        finally:
            self._in_flight.discard(key)

    def _fingerprint(self) -> str:
        content = f"{request.method} {request.path}\n".encode() + request.get_data()
        return hashlib.sha256(content).hexdigest()

    def _replay(self, key: str | None) -> Response | None:
        if key is None:
            return None
        self._world.store.prune_answers(before=self._world.now() - DAY)
        kept = self._world.store.answer(key)
        if kept is None:
            return None
        fingerprint, status, body = kept
        if not hmac.compare_digest(fingerprint, self._fingerprint()):
            raise ApiError(
                "Keys for idempotent requests can only be used with the same parameters they were first"
                f" used with. Try using a key other than '{key}'.",
                kind="idempotency_error",
            )
        response = _stored(status, body)
        response.headers["Idempotent-Replayed"] = "true"
        return response

    def _keep(self, key: str | None, status: int, body: Document) -> None:
        # The v2 API repeats no success, and drives a failure again.
        if key is not None and (status == 200 or request.path.startswith("/v1/")):
            self._world.store.keep_answer(key, self._fingerprint(), status, body, self._world.now())

    def _execute(self, key: str | None, handler: Handler, ids: dict[str, str], fault: Document) -> Response:
        if fault["kind"] == "slow":
            self._released.wait(fault["seconds"])
        if fault["kind"] == "error_stored":
            body = ApiError(BROKEN, kind="api_error").body
            with self._world.store.change():
                if fault["executed"]:
                    handler(self._world, self._params(), **ids)
                self._keep(key, fault["status"], body)
            return _stored(fault["status"], body)
        try:
            with self._world.store.change():
                params = self._params()
                paths = params.texts("expand")
                body = expand(present(handler(self._world, params, **ids)), paths, self._world.store)
                self._keep(key, 200, body)
        except ApiError as error:
            if error.executed:
                self._keep(key, error.status, error.body)
            raise
        return _response(200, body)

    def _params(self) -> Params:
        if request.method == "GET":
            return Params(parse_form(request.query_string.decode()))
        if request.is_json:
            return Params(request.get_json())
        return Params(parse_form(request.get_data(as_text=True)))


def _response(status: int, body: Document) -> Response:
    response = jsonify(body)
    response.status_code = status
    response.headers["Request-Id"] = f"req_{token_hex(7)}"
    response.headers["Stripe-Version"] = API_VERSION
    return response


def _broken(fault: Document) -> Response:
    return _response(fault["status"], ApiError(BROKEN, kind="api_error").body)


def _stored(status: int, body: Document) -> Response:
    response = _response(status, body)
    if status >= 500:
        # The client would only be told the same again.
        response.headers["Stripe-Should-Retry"] = "false"
    return response


# -- what can be asked ---------------------------------------------------------------------------


def _bare(handler: Handler) -> Handler:
    """Let a handler that takes no parameters refuse any."""

    def checked(world: World, params: Params, **ids: str) -> Document:
        params.end()
        return handler(world, **ids)

    return checked


def _one(kind: str) -> Handler:
    return _bare(lambda world, object_id: world.get(kind, object_id))


def _many(kind: str, url: str, *filters: str) -> Handler:
    def listed(world: World, params: Params) -> Document:
        given = {name: params.maybe_text(name) for name in filters}
        equal = {name: value for name, value in given.items() if value is not None}
        return page(world.store.all(kind, **equal), params, url)

    return listed


def _session_list(world: World, params: Params) -> Document:
    sessions.expire_due(world)
    listed = _many("checkout.session", "/v1/checkout/sessions", "payment_intent", "customer", "status")
    return listed(world, params)


def _refund_list(world: World, params: Params) -> Document:
    within = events.moments(params)
    asked = {name: params.maybe_text(name) for name in ("charge", "payment_intent")}
    refunds = world.store.all("refund", **{name: value for name, value in asked.items() if value is not None})
    return page([refund for refund in refunds if refund["created"] in within], params, "/v1/refunds")


def _reversal_list(world: World, params: Params, transfer_id: str) -> Document:
    found = world.store.all("transfer_reversal", transfer=world.get("transfer", transfer_id)["id"])
    return page(found, params, f"/v1/transfers/{transfer_id}/reversals")


ROUTES: dict[str, Handler] = {
    "POST /v1/customers": customers.create_customer,
    "GET /v1/customers/<object_id>": _one("customer"),
    "GET /v1/customers/<customer_id>/cash_balance": _bare(customers.cash_balance),
    "GET /v1/customers/<customer_id>/cash_balance_transactions": customers.list_cash,
    "GET /v1/customers/<customer_id>/cash_balance_transactions/<object_id>": _bare(customers.retrieve_cash),
    "POST /v1/checkout/sessions": sessions.create_session,
    "GET /v1/checkout/sessions": _session_list,
    "GET /v1/checkout/sessions/<session_id>": _bare(sessions.session_now),
    "POST /v1/checkout/sessions/<session_id>/expire": _bare(sessions.expire),
    "GET /v1/payment_intents/<object_id>": _one("payment_intent"),
    "GET /v1/charges/<object_id>": _one("charge"),
    "GET /v1/charges": _many("charge", "/v1/charges", "payment_intent", "transfer_group"),
    "GET /v1/balance": _bare(moving.balance),
    "GET /v1/balance_transactions/<object_id>": _one("balance_transaction"),
    "GET /v1/balance_transactions": _many("balance_transaction", "/v1/balance_transactions", "source", "type"),
    "POST /v1/transfers": moving.create_transfer,
    "GET /v1/transfers": _many("transfer", "/v1/transfers", "transfer_group", "destination"),
    "GET /v1/transfers/<object_id>": _one("transfer"),
    "POST /v1/transfers/<transfer_id>/reversals": moving.reverse_transfer,
    "GET /v1/transfers/<transfer_id>/reversals": _reversal_list,
    "POST /v1/refunds": moving.create_refund,
    "GET /v1/refunds": _refund_list,
    "GET /v1/refunds/<object_id>": _one("refund"),
    "GET /v1/disputes": _many("dispute", "/v1/disputes", "charge", "payment_intent"),
    "GET /v1/disputes/<object_id>": _one("dispute"),
    "GET /v1/events": events.list_events,
    "GET /v1/events/<event_id>": _bare(events.retrieve_event),
    "POST /v1/webhook_endpoints": events.create_endpoint,
    "GET /v1/webhook_endpoints": _many("webhook_endpoint", "/v1/webhook_endpoints"),
    "GET /v2/core/events": events.list_thin_events,
    "POST /v2/core/accounts": accounts.create_account,
    "GET /v2/core/accounts/<account_id>": accounts.retrieve_account,
    "POST /v2/core/account_links": accounts.create_link,
}


def blueprint(api: Api) -> Blueprint:
    """Return the API as pages of a Flask application."""
    pages = Blueprint("api", __name__)
    for route, handler in ROUTES.items():
        method, rule = route.split()
        pages.add_url_rule(rule, route.replace(".", "_"), _view(api, handler), methods=[method])
    return pages


def _view(api: Api, handler: Handler) -> Callable[..., Response]:
    def view(**ids: Any) -> Response:
        return api.answer(handler, ids)

    return view
