"""The one table from refusals to answers: status, page, and the way to the cure."""

import errno

from flask import Flask, current_app, g, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded
from flask_login import AnonymousUserMixin
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from ..extensions import limiter
from ..kernel import clock
from ..kernel.errors import Conflict, Gone, Invalid, NotFound, Refusal, Refused, TooMany, Unavailable
from ..kernel.wording import gettext_noop
from ..logs import log
from ..orders.service import AccountNotShown, NotCleared, PageNotOpened
from ..silence import Silent
from . import gate, parking
from .language import speak

STATUS: dict[type[Refusal], int] = {
    NotFound: 404,
    Gone: 410,
    Refused: 403,
    Conflict: 409,
    Invalid: 422,
    TooMany: 429,
    Unavailable: 503,
}
"""The nearest class in the refusal's own line of descent decides."""

WORDS: dict[int, tuple[str, str]] = {
    400: (gettext_noop("We could not read that request"), gettext_noop("Go back, reload the page and try again.")),
    401: (gettext_noop("Please sign in"), gettext_noop("Sign in, and open it again.")),
    403: (gettext_noop("This is not open to you"), gettext_noop("If you think it should be, write to us.")),
    404: (gettext_noop("There is nothing here"), gettext_noop("It may have moved, or it is not yours to see.")),
    405: (gettext_noop("That does not work here"), gettext_noop("Go back and use the buttons of the page.")),
    408: (gettext_noop("That took too long to arrive"), gettext_noop("Try again; nothing was changed.")),
    409: (gettext_noop("Something changed in the meantime"), gettext_noop("Look at it again and decide anew.")),
    410: (gettext_noop("This is gone"), gettext_noop("Look for it from the front page.")),
    413: (gettext_noop("That is too large"), gettext_noop("Files may have up to 10 MB each; text much less.")),
    415: (gettext_noop("We cannot take this kind of content"), gettext_noop("Send the form as the page offers it.")),
    422: (
        gettext_noop("Something in the form needs another look"),
        gettext_noop("Go back, correct it and send it again."),
    ),
    429: (gettext_noop("That was too often"), gettext_noop("Wait a little and try again.")),
    500: (gettext_noop("Something broke on our side"), gettext_noop("It was logged. Try again in a while.")),
    503: (gettext_noop("We cannot answer right now"), gettext_noop("Try again in a minute.")),
}


_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

OUTSIDE_AGAIN_IN = 60
"""Seconds after which it is worth asking again what depends on somebody outside the house."""


def status_of(refusal: Refusal) -> int:
    """Return the HTTP status that the refusal answers with."""
    return next((STATUS[kind] for kind in type(refusal).__mro__ if kind in STATUS), 403)


def page(status: int, *, sentence: str | None = None, cure: str | None = None, **context: object) -> tuple[str, int]:
    """
    Render the page for `status`: what happened, that nothing was changed, what to do next.

    The page itself tells its sentences in the reader's language, as far as they are marked for it where they stand.
    """
    speak()  # What was refused before anybody looked at it is not told in English for that.
    title, usual_cure = WORDS.get(status, WORDS[400 if status < 500 else 500])
    body = render_template(
        "errors/error.html", status=status, title=title, sentence=sentence, cure=cure or usual_cure, **context
    )
    return body, status


def refused(refusal: Refusal) -> ResponseReturnValue:
    """Answer a refusal that a use-case raised."""
    status = status_of(refusal)
    log.info("refused", code=refusal.code, status=status, endpoint=request.endpoint)
    return page(status, sentence=refusal.sentence, cure=refusal.cure, refusal=refusal)


def _unavailable(refusal: Unavailable) -> ResponseReturnValue:
    log.warning(
        "refused", code=refusal.code, status=503, endpoint=request.endpoint, reason=str(refusal.__cause__ or refusal)
    )
    body, status = page(503, sentence=refusal.sentence, cure=refusal.cure, **_way_back(refusal))
    return body, status, {"Retry-After": str(OUTSIDE_AGAIN_IN)}


def _way_back(refusal: Unavailable) -> dict[str, str]:
    if not isinstance(refusal, PageNotOpened | AccountNotShown):
        return {}
    return {
        "cure_url": url_for("buying.order", order_id=refusal.order_id),
        "cure_label": gettext_noop("Back to the order"),
    }


def _not_cleared(refusal: NotCleared) -> ResponseReturnValue:
    log.info("refused", code=refusal.code, status=403, endpoint=request.endpoint)
    around = gate.Around(refusal.clinic_id, refusal.listing_id, refusal.order_id)
    verdict = gate.shown(refusal.verdict, state=refusal.state_code, around=around)
    return page(403, sentence=refusal.sentence, cure=refusal.cure, refusal=refusal, verdict=verdict)


def _http(error: HTTPException) -> ResponseReturnValue:
    assert error.code is not None  # Those that are answers, redirects among them, Flask lets through by itself.
    body, status = page(error.code)
    # Headers such as Allow belong to the answer.
    given = error.get_response().headers
    kept = {name: value for name, value in given if name not in {"Content-Type", "Content-Length"}}
    return body, status, kept


def _too_often(_error: RateLimitExceeded) -> ResponseReturnValue:
    body, status = page(429)
    limit = limiter.current_limit
    seconds = max(1, int(limit.reset_at - clock.now().timestamp())) if limit else 60
    return body, status, {"Retry-After": str(seconds)}


def _csrf(error: CSRFError) -> ResponseReturnValue:
    kept = parking.after_csrf_error()
    if kept is not None:
        return kept
    log.info("csrf_refused", reason=error.description, endpoint=request.endpoint)
    return page(
        400,
        sentence=gettext_noop(
            "The page you sent this from had grown too old, or it was not ours. Nothing was changed."
        ),
        cure=gettext_noop("Go back, reload the page and send it again."),
    )


def _database(error: Exception) -> ResponseReturnValue:
    log.error("database_unavailable", error=type(error).__name__, endpoint=request.endpoint)
    _ask_nobody_who_is_there()
    body, status = page(503, unsure=_was_pressed())
    return body, status, {"Retry-After": "5"}


def _operating_system(error: OSError) -> ResponseReturnValue:
    """A full disk takes no file in, ours or the one that a large form is spooled to; whatever else is a fault."""
    if error.errno not in _FULL:
        if current_app.testing:
            raise error
        return _crash(error)
    log.error("disk_full", endpoint=request.endpoint)
    body, status = page(
        503,
        sentence=gettext_noop(
            "We cannot keep another file just now. Nothing of what you sent was kept, and nothing was changed."
        ),
        cure=gettext_noop("Try again in some minutes; it was logged."),
    )
    return body, status, {"Retry-After": str(OUTSIDE_AGAIN_IN)}


def _crash(error: Exception) -> ResponseReturnValue:
    log.exception("unexpected", endpoint=request.endpoint, exc_info=error)
    _ask_nobody_who_is_there()
    return page(500, unsure=_was_pressed())


def _was_pressed() -> bool:
    """Say whether something may have been changed: a part was done before, or the last word was not heard."""
    return request.method == "POST"


def _ask_nobody_who_is_there() -> None:
    # Whoever it was: to look again would ask the very database that does not answer.
    g._login_user = AnonymousUserMixin()  # noqa: SLF001  Where Flask-Login keeps what it found.


def register(app: Flask) -> None:
    """Let every error of the app be answered from here."""
    app.register_error_handler(Refusal, refused)
    app.register_error_handler(NotCleared, _not_cleared)
    app.register_error_handler(Unavailable, _unavailable)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(RateLimitExceeded, _too_often)
    app.register_error_handler(OperationalError, _database)
    app.register_error_handler(PoolTimeout, _database)
    app.register_error_handler(Silent, _database)
    app.register_error_handler(OSError, _operating_system)
    if not app.testing:
        app.register_error_handler(Exception, _crash)
