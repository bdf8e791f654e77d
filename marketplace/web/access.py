"""The door of every page: open to the public, or to those who hold a permission. A view without a sign stays shut."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from flask import Flask, current_app, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from ..accounts.access import ASKED_ON_THE_FORM, Identity, Permission, Weighty, is_fresh
from ..kernel import clock
from ..kernel.errors import Refused
from ..kernel.wording import gettext_noop
from . import parking

V = TypeVar("V", bound=Callable[..., Any])

PUBLIC = "public"
_OWN_ACCOUNT = frozenset({Permission.ACCOUNT_READ, Permission.ACCOUNT_MANAGE})
_WRITING = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def public(view: V) -> V:
    """Open the view to everybody."""
    view.access = PUBLIC  # type: ignore[attr-defined]  # a sign on the door, read by `check`
    return view


def requires(permission: Permission, *, weighty: Weighty | None = None) -> Callable[[V], V]:
    """
    Open the view to those who hold `permission`.

    What it does may be `weighty`: then only to those who have just shown that it is them.
    """

    def mark(view: V) -> V:
        view.access = permission  # type: ignore[attr-defined]  # a sign on the door, read by `check`
        view.weighty = weighty  # type: ignore[attr-defined]  # another, of the same kind
        return view

    return mark


class EmailNotConfirmed(Refused):
    """The person has yet to follow the link in the mail that was sent to them."""

    code = "email_not_confirmed"


class NotYours(Refused):
    """This kind of person may not do this kind of thing."""

    code = "not_permitted"


def me() -> Identity:
    """Return who is asking. Only for views behind `requires`."""
    return cast("Identity", current_user._get_current_object())  # noqa: SLF001  The proxy's own way to unwrap.


def by_person() -> str:
    """Return under whose name it is counted how often somebody does something. Only for views behind `requires`."""
    return f"person:{me().id}"


def check() -> ResponseReturnValue | None:
    """Let the request through, send it to the sign-in page, or refuse it. Runs before every view."""
    if request.endpoint is None:
        return None  # No such page: routing answers 404 or 405.
    view = current_app.view_functions[request.endpoint]
    sign = getattr(view, "access", None)
    if sign == PUBLIC or request.endpoint == "static" or request.endpoint.endswith(".static"):
        return None
    if not current_user.is_authenticated:
        return _to_sign_in()
    identity = me()
    if isinstance(sign, Permission) and identity.may(sign):
        if sign not in _OWN_ACCOUNT and lacks_second_factor(identity):
            flash("Set up a second factor first: staff need one before they can act. Nothing was sent.", "warning")
            return redirect(url_for("second_factor.page"), code=303)
        return _to_confirm() if _must_confirm(identity, getattr(view, "weighty", None)) else None
    if identity.staff_role is None and not identity.email_confirmed:
        raise EmailNotConfirmed(
            gettext_noop("Please confirm your e-mail address first."),
            cure=gettext_noop("Follow the link in the mail we sent you, or ask for a new one on your account page."),
        )
    raise NotYours(
        gettext_noop("Your account does not allow this."), cure=gettext_noop("Sign in with an account that does.")
    )


def _to_sign_in() -> ResponseReturnValue:
    if request.method == "GET":
        return redirect(url_for("account.sign_in", next=request.full_path.rstrip("?")), code=303)
    # What was typed is kept until the person has signed in again; then the form opens filled in.
    parking.park()
    return redirect(url_for("account.sign_in", next=parking.return_path()), code=303)


def lacks_second_factor(identity: Identity) -> bool:
    """Say whether this is a member of staff who has yet to set up what the house demands of them."""
    demanded = current_app.extensions["second_light_settings"].staff_need_second_factor
    return demanded and identity.staff_role is not None and not identity.has_second_factor


def _must_confirm(identity: Identity, act: Weighty | None) -> bool:
    """Say whether this request would spend trust on the strength of a cookie alone. To look at a form spends none."""
    if act is None or act in ASKED_ON_THE_FORM or request.method not in _WRITING:
        return False
    lasts = current_app.extensions["second_light_settings"].confirmed_for
    return not is_fresh(identity.confirmed_at, lasts=lasts, at=clock.now())


def _to_confirm() -> ResponseReturnValue:
    # Kept, and shown again afterwards to be looked over: nothing is ever sent on without the person's hand.
    parking.park(because=parking.TO_BE_CONFIRMED)
    return redirect(url_for("account.confirm", next=parking.return_path()), code=303)


def register(app: Flask) -> None:
    """Put the check before every view of the app."""
    app.before_request(check)
