"""
What somebody typed while their session ran out, or before they showed that it is them, is not lost.

A form that arrives without a sign-in, with the mark of a session that is over, or for what asks for the password first,
is parked under a ticket in the browser's cookie. After signing in, or confirming, the person is led back to the form,
which finds itself filled in (`web.forms`) and says that nothing was sent yet. Passwords and files are never parked.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import current_app, flash, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded
from flask_login import current_user
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException

from ..accounts import queries, service
from ..extensions import limiter
from ..kernel import clock
from ..kernel.wording import gettext_noop
from .shield import without_tokens

TOKEN = "token"  # noqa: S105  The name under which the browser's session cookie carries the sign-in.
TICKET = "parked"

_LARGEST = 128 * 1024
_PARKED_PER_ADDRESS = "60 per hour"


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a form was not taken. What became of it is said by the page that comes next, in the language of that page."""

    nothing_sent: str
    too_much: str
    kept: str


SIGNED_OUT = Cause(
    gettext_noop("Nothing was sent: you had been signed out for a while."),
    gettext_noop("You had been signed out for a while, and what you sent was too much to keep."),
    gettext_noop("You had been signed out for a while. What you typed is kept: nothing was sent yet."),
)
TO_BE_CONFIRMED = Cause(
    gettext_noop("Nothing was sent: before this we ask whether it is you."),
    gettext_noop("Before this we ask whether it is you, and what you sent was too much to keep."),
    gettext_noop("Before this we ask whether it is you. What you typed is kept: nothing was sent yet."),
)


def park(*, because: Cause = SIGNED_OUT) -> None:
    """Keep what this request carried, or tell the person that it was not kept."""
    fields = [
        (name, value)
        for name, value in request.form.items(multi=True)
        if name != "csrf_token" and "password" not in name
    ]
    if not fields:
        flash(because.nothing_sent, "warning")
        return
    if sum(len(name) + len(value) for name, value in fields) > _LARGEST or not _may_park():
        flash(because.too_much, "warning")
        return
    token = session.get(TOKEN)
    path = urlsplit(return_path()).path
    ticket = service.park_form(
        path=without_tokens(path),
        fields=fields,
        user_id=queries.user_behind(token) if token else None,
        at=clock.now(),
    )
    session[TICKET] = [ticket, path]
    flash(because.kept, "warning")


def return_path() -> str:
    """Return the page of ours on which this form stands: its own address, or else the page it was sent from."""
    try:
        current_app.url_map.bind_to_environ(request.environ).match(method="GET")
    except HTTPException:
        came_from = urlsplit(request.referrer or "")
        if came_from.netloc == request.host:
            return own_path(came_from.path) or "/"
        return "/"
    return request.full_path.rstrip("?")


def parked_fields(names: set[str]) -> MultiDict[str, str] | None:
    """
    Return what was parked for the form with these field names on the page that is being shown; None if nothing was.

    Says once on the page that nothing was sent yet.
    """
    ticket, path = session.get(TICKET, (None, None))
    if ticket is None or path != request.path or request.method != "GET":
        return None
    user_id = current_user.id if current_user.is_authenticated else None
    parked = queries.parked_form(ticket, user_id=user_id, at=clock.now())
    if parked is None or not _belongs(parked, names):
        return None
    if "told_of_parked_form" not in g:
        g.told_of_parked_form = True
        flash(gettext_noop("This is what you had typed. Nothing was sent yet: look it over and send it."), "warning")
    return MultiDict(parked.fields)


def forget() -> None:
    """Let go of the ticket if this is its form: it has arrived."""
    if TICKET in session and session[TICKET][1] == urlsplit(return_path()).path:
        session.pop(TICKET)


def after_csrf_error() -> ResponseReturnValue | None:
    """
    Answer a form whose mark belongs to a session that is over: keep it, and lead back to it.

    Only forms that one of our own pages sent, as the browser itself attests: nobody else may fill in our forms.
    Returns None for all others.
    """
    if not _came_from_us() or request.endpoint is None:
        return None
    park()
    view = current_app.view_functions[request.endpoint]
    if current_user.is_authenticated or getattr(view, "access", None) == "public":
        return redirect(return_path(), code=303)
    return redirect(url_for("account.sign_in", next=return_path()), code=303)


def own_path(target: str | None) -> str | None:
    """Return `target` if it is a path of ours that no browser could read as another site's address; else None."""
    if target is None or not target.startswith("/") or not target.isprintable():
        return None
    # Browsers read a backslash as a slash, and two slashes as the beginning of somebody else's address.
    if "\\" in target or target.startswith("//") or " " in target:
        return None
    return target


def _belongs(parked: queries.Parked, names: set[str]) -> bool:
    theirs = {name for name, _ in parked.fields}
    foreign = {name for name in theirs if not any(name == own or name.startswith(f"{own}-") for own in names)}
    # The button that was pressed may have sent its own name along.
    return len(foreign) <= 1 and foreign != theirs


def _may_park() -> bool:
    try:
        with limiter.limit(_PARKED_PER_ADDRESS):
            return True
    except RateLimitExceeded:
        return False


def _came_from_us() -> bool:
    return request.headers.get("Sec-Fetch-Site", "same-origin") == "same-origin" and (
        request.headers.get("Origin") == request.host_url.rstrip("/")
    )
