"""The console: the stand-in's controls as a page for a person, without scripts."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from marketplace.kernel.days import written
from marketplace.kernel.errors import Invalid
from marketplace.kernel.money import Money, parse_money

from . import accounts, banks, courier, customers, disputes, moving, sim
from .store import Document
from .wire import ApiError, Params
from .world import DAY, World

SHOWN = 15
_MONEY = ("amount", "spend")
_SAID = {
    "clock": "The clock was moved.",
    "settings": "The settings hold from now on.",
    "faults": "The next matching requests will go wrong.",
    "checkouts": "The bank has spoken.",
    "charges": "The dispute is open.",
    "disputes": "The dispute is decided.",
    "refunds": "The refund is settled.",
    "accounts": "The seller was changed.",
    "sweep": "The balance was moved.",
    "webhooks": "The webhooks are on their way.",
    "prune_keys": "Every idempotency key is forgotten.",
}


class Console:
    """One page that shows what the stand-in knows, and a form for everything that can be done to it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def blueprint(self) -> Blueprint:
        """Return the console as part of a Flask application."""
        pages = Blueprint("console", __name__, template_folder="templates")
        pages.add_app_template_filter(_moment, "moment")
        pages.add_app_template_filter(_money, "money")
        pages.get("/console")(self.show)
        pages.post("/console/deliver/<delivery_id>")(self.deliver)
        for rule, handler in sim.ROUTES.items():
            name = rule.removeprefix("/_sim/")
            if name.partition("/")[0] in _SAID:
                pages.add_url_rule(f"/console/{name}", rule, self._control(handler), methods=["POST"])
        return pages

    def show(self) -> ResponseReturnValue:
        """Show where everything stands."""
        return self._page(said=_SAID.get(request.args.get("said", "")))

    def _page(self, **more: Any) -> str:
        world = self._world
        offset = int(world.store.setting("clock_offset", 0))
        available, pending = world.balance()
        return render_template(
            "local_stripe/console.html",
            now=world.now(),
            ahead=divmod(offset, DAY) if offset else None,
            available=available,
            pending=pending,
            bookings=world.store.all("balance_transaction")[:SHOWN],
            settings={name: world.store.setting(name, default) for name, default in sim.SETTINGS.items()},
            modes=sim.MODES,
            faults=[fault for fault in world.store.setting("faults", []) if fault["times"]],
            kinds=sim.FAULTS,
            routes=sim.FAULT_ROUTES,
            statuses=accounts.STATUSES,
            sellers=[
                (account, moving.seller_balance(world, account)) for account in world.store.all("v2.core.account")
            ],
            events=list(self._events()),
            **self._money(),
            **more,
        )

    def _money(self) -> dict[str, Any]:
        """Return what is on its way, and what can be disputed."""
        world = self._world
        sessions = {session["payment_intent"]: session for session in world.store.all("checkout.session")}
        drawn = world.store.all("payment_intent", status="processing")
        waits = world.store.all("payment_intent", status="requires_action")
        return {
            "debits": [(intent, sessions[intent["id"]]) for intent in drawn],
            "transfers": [(intent, sessions[intent["id"]]) for intent in waits if banks.instructions(intent)],
            "refunds": [
                (refund, customers.RETURNS if refund["charge"] is None else moving.OUTCOMES)
                for refund in world.store.all("refund")
                if refund["status"] in customers.IN_HAND
            ],
            "charges": [
                (charge, disputes.reasons_for(charge))
                for charge in world.store.all("charge", status="succeeded", disputed=False, refunded=False)[:SHOWN]
            ],
            "disputes": world.store.all("dispute")[:SHOWN],
            "open_dispute": disputes.OPEN_DISPUTE,
        }

    def _events(self) -> Iterable[tuple[Document, str | None, list[Document]]]:
        """Return the last events, what each is about, and how its deliveries went."""
        world = self._world
        for event in sorted(
            world.store.all("event")[:SHOWN] + world.store.all("v2.core.event")[:SHOWN],
            key=lambda event: _seconds(event["created"]),
            reverse=True,
        )[:SHOWN]:
            about = event["data"]["object"] if "data" in event else event["related_object"]
            yield event, about.get("id"), world.store.all("delivery", event=event["id"])

    # -- what a person does ----------------------------------------------------------------------

    def _control(self, handler: Callable[..., Document]) -> Callable[..., ResponseReturnValue]:
        def view(**ids: str) -> ResponseReturnValue:
            try:
                params = Params(_typed(request.form))
                with self._world.store.change():
                    handler(self._world, params, **ids)
                    params.end()
            except Invalid as error:
                return self._page(problem=error.sentence), 422
            except ApiError as error:
                return self._page(problem=str(error)), error.status
            return _done(request.path.split("/")[2])

        return view

    def deliver(self, delivery_id: str) -> ResponseReturnValue:
        """Deliver one webhook now, whatever became of it before."""
        try:
            # Without holding the store: the receiver may ask back while it answers.
            courier.deliver(self._world, self._world.get("delivery", delivery_id))
        except ApiError as error:
            return self._page(problem=str(error)), error.status
        return _done("webhooks")


def _done(deed: str) -> ResponseReturnValue:
    return redirect(f"/console?said={deed}#{deed}", 303)


def _typed(form: Any) -> dict[str, str]:
    """Return what was typed: empty fields are left out, dollars become cents, `direction` a sign."""
    typed = {name: value.strip() for name, value in form.items() if value.strip()}
    sign = "-" if typed.pop("direction", "") == "in" else ""
    return {name: f"{sign}{parse_money(value).minor}" if name in _MONEY else value for name, value in typed.items()}


def _seconds(moment: int | str) -> float:
    return float(moment) if isinstance(moment, int) else datetime.fromisoformat(moment).timestamp()


def _moment(moment: int | str) -> str:
    at = datetime.fromtimestamp(_seconds(moment), UTC)
    return f"{written(at)}, {at:%H:%M} UTC"


def _money(minor: int) -> str:
    return str(Money(minor))
