"""The pages a person meets: paying, sending a bank transfer, answering a seller's questions."""

from typing import Any
from urllib.parse import quote

from flask import Blueprint, redirect, render_template, request
from flask.typing import ResponseReturnValue

from marketplace.kernel.errors import Invalid
from marketplace.kernel.money import Money, parse_money

from . import accounts, banks, cards, paying, sessions
from .store import Document
from .wire import ApiError
from .world import World


class Pages:
    """What a browser shows. Every page works without JavaScript."""

    def __init__(self, world: World) -> None:
        self._world = world

    def blueprint(self) -> Blueprint:
        """Return the pages as part of a Flask application."""
        pages = Blueprint("pages", __name__, template_folder="templates", static_folder="static")
        pages.get("/")(self.home)
        pages.get("/c/pay/<session_id>")(self.pay)
        pages.post("/c/pay/<session_id>")(self.paid)
        pages.get("/c/pay/<session_id>/challenge")(self.challenge)
        pages.post("/c/pay/<session_id>/challenge")(self.challenged)
        pages.get("/c/pay/<session_id>/transfer")(self.transfer)
        pages.post("/c/pay/<session_id>/transfer")(self.arrived)
        pages.get("/setup/<token>")(self.setup)
        pages.post("/setup/<token>")(self.answered)
        return pages

    def home(self) -> ResponseReturnValue:
        """List the latest payment pages, for a developer who lost the way."""
        latest = self._world.store.all("checkout.session")[:20]
        return render_template("local_stripe/home.html", sessions=latest)

    # -- paying ----------------------------------------------------------------------------------

    def pay(self, session_id: str) -> ResponseReturnValue:
        """Offer the ways of paying, or lead on when one was taken."""
        return self._pay_page(sessions.session_now(self._world, session_id))

    def _pay_page(self, session: Document) -> ResponseReturnValue:
        intent = self._world.store.find(session["payment_intent"] or "")
        if session["status"] == "complete":
            assert intent is not None, "what is complete was paid on"
            return _onward(session, sends=banks.instructions(intent) is not None)
        if session["status"] == "open" and cards.is_challenged(intent) and request.method == "POST":
            return redirect(f"/c/pay/{session['id']}/challenge", 303)
        error = intent["last_payment_error"] if intent else None
        page = render_template("local_stripe/pay.html", error=error, **_told(session))
        return page, 402 if error and request.method == "POST" else 200

    def paid(self, session_id: str) -> ResponseReturnValue:
        """Do what the pressed button says. A page that is complete or closed says so instead."""
        way = paying.WAYS.get(request.form.get("with", ""))
        with self._world.store.change():
            session = sessions.session_now(self._world, session_id)
            if way is not None and session["status"] == "open":
                session = way(self._world, session_id)
        return self._pay_page(session)

    def challenge(self, session_id: str) -> ResponseReturnValue:
        """Ask, as the buyer's bank does, whether it is they who pay."""
        session = sessions.session_now(self._world, session_id)
        intent = self._world.store.find(session["payment_intent"] or "")
        if session["status"] != "open" or not cards.is_challenged(intent):
            return redirect(f"/c/pay/{session_id}", 303)
        return render_template("local_stripe/challenge.html", **_told(session))

    def challenged(self, session_id: str) -> ResponseReturnValue:
        """Take the answer; pressed twice, it counts once."""
        with self._world.store.change():
            session = sessions.session_now(self._world, session_id)
            intent = self._world.store.find(session["payment_intent"] or "")
            if session["status"] == "open" and cards.is_challenged(intent):
                approved = request.form.get("answer") == "approve"
                session = cards.answer_challenge(self._world, session_id, approved=approved)
        return self._pay_page(session)

    # -- sending a bank transfer -----------------------------------------------------------------

    def transfer(self, session_id: str) -> ResponseReturnValue:
        """Tell where to send the money, and play the bank."""
        return self._transfer_page(self._world.get("checkout.session", session_id))

    def _transfer_page(self, session: Document, **typed: Any) -> str:
        intent = self._world.get("payment_intent", session["payment_intent"] or "")
        told = banks.instructions(intent)
        remaining = Money(told["amount_remaining"], intent["currency"]) if told else None
        customer = self._world.store.find(session["customer"] or "")
        return render_template(
            "local_stripe/transfer.html",
            told=told,
            remaining=remaining,
            sends_more="_instructed" in intent,
            left_over=Money(customer["_cash"] if customer else 0),
            **_told(session),
            **typed,
        )

    def arrived(self, session_id: str) -> ResponseReturnValue:
        """Let the money arrive: all of it, or the amount typed."""
        session = self._world.get("checkout.session", session_id)
        typed = request.form.get("amount")
        try:
            amount = None if typed is None else parse_money(typed).minor
        except Invalid as error:
            return self._transfer_page(session, typed=typed, problem=error.sentence), 422
        with self._world.store.change():
            session = banks.money_arrives(self._world, session_id, amount)
        return self._pay_page(session)

    # -- answering a seller's questions ----------------------------------------------------------

    def setup(self, token: str) -> ResponseReturnValue:
        """Show the questions once; a link that was used or is too old asks the shop for another."""
        link, good = accounts.open_link(self._world, token)
        if not good:
            return redirect(link["use_case"]["account_onboarding"]["refresh_url"], 303)
        account = self._world.get("v2.core.account", link["account"])
        return render_template("local_stripe/setup.html", account=account)

    def answered(self, token: str) -> ResponseReturnValue:
        """Take the answers, and send the person back to the shop."""
        complete = request.form.get("answer") == "complete"
        return redirect(accounts.answer_link(self._world, token, complete=complete), 303)


def refused(error: ApiError) -> ResponseReturnValue:
    """Say no as a page to a person, and as JSON to a program."""
    if request.path.startswith(("/c/", "/setup/")):
        return render_template("local_stripe/refused.html", message=str(error)), error.status
    return error.body, error.status


def _onward(session: Document, *, sends: bool) -> ResponseReturnValue:
    """Lead on from a page that is complete: to the shop, or first to where the buyer has to send the money."""
    return redirect(f"/c/pay/{session['id']}/transfer" if sends else _back(session), 303)


def _told(session: Document) -> dict[str, Any]:
    return {
        "session": session,
        "title": session["_title"],
        "amount": Money(session["amount_total"], session["currency"]),
        "back": _back(session),
    }


def _back(session: Document) -> str:
    """Return the shop's address for a payment page that is complete."""
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", quote(session["id"]))
