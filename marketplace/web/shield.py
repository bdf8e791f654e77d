"""What stands in front of every page: clean input in, safe headers out."""

import re
from collections.abc import Iterator
from itertools import chain
from urllib.parse import urlsplit
from uuid import uuid4

import structlog
from flask import Flask, Response, g, request
from flask_login import current_user
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        # A browser also holds the redirect after a form to this: to the pages where people pay and are paid.
        "form-action 'self' {payments}",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "manifest-src 'self'",
    )
)

PAYMENT_PAGES = "https://checkout.stripe.com https://connect.stripe.com"

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",  # What the content policy says as well, for browsers that do not read it.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}

# What one of our tokens looks like: 256 bits as `kernel.tokens` writes them. One in five thousand million has no
# capital letter; the names of models in addresses never have one.
_TOKEN = re.compile(r"(?<![\w-])(?=[a-z\d_-]{0,42}[A-Z])[\w-]{43}(?![\w-])", re.ASCII)
HEADERS_OF_LINKS = {
    # Not "no-referrer": a browser would then send neither Referer nor Origin with the form, by which we know our own.
    "Referrer-Policy": "strict-origin",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}
"""Headers of every answer at an address with a token: nobody learns the address from us, and nobody keeps the page."""

_PLAIN_FORM = "application/x-www-form-urlencoded"
_FORMS = frozenset({_PLAIN_FORM, "multipart/form-data"})
_FOR_MACHINES = frozenset({"webhooks", "eligibility"})  # Blueprints that read the body as it came.
_BY_ANY_NAME = frozenset({"health"})  # Blueprints for those who ask a machine by its number whether it serves.


def refuse_what_is_no_form() -> None:
    """Take from people what a form of ours sends, in the size of a form; what else arrives was not sent by a page."""
    if request.blueprint in _FOR_MACHINES:
        return
    if request.mimetype == _PLAIN_FORM:
        # Unlike that of the parts of a form with files, its size has no limit of its own.
        request.max_content_length = request.max_form_memory_size
    elif request.mimetype not in _FORMS and (request.content_length or "Transfer-Encoding" in request.headers):
        raise UnsupportedMediaType


def refuse_null_bytes() -> None:
    """Refuse text that PostgreSQL could not keep, before anything looks at it."""
    if any("\0" in text for text in _texts_sent()):
        raise BadRequest


def _texts_sent() -> Iterator[str]:
    yield request.path
    yield from chain.from_iterable(request.args.items(multi=True))
    yield from request.headers.values()
    if request.mimetype in _FORMS and request.blueprint not in _FOR_MACHINES:
        yield from chain.from_iterable(request.form.items(multi=True))
        for name, file in request.files.items(multi=True):
            yield name
            yield file.filename or ""


def name_the_request() -> None:
    """Give the request an id that every log line carries."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(
        request_id=uuid4().hex[:16], method=request.method, path=without_tokens(request.path)
    )


def without_tokens(address: str) -> str:
    """Return the address as it may be written down: a token that was mailed opens something."""
    return _TOKEN.sub("(token)", address)


def register(app: Flask, *, payments_base: str | None, base_url: str) -> None:
    """
    Put the shield before and behind every view of the app.

    `payments_base` is the address of what stands in for the payment provider, if anything does. Where `base_url` is
    https, the house answers to that name only; on a developer's machine it goes by several.
    """
    secure = base_url.startswith("https://")
    name = urlsplit(base_url).netloc
    policy = CONTENT_POLICY.format(payments=_origin(payments_base) if payments_base else PAYMENT_PAGES)

    always = {**HEADERS, "Content-Security-Policy": policy}
    if secure:
        always["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    added = [(name.lower(), (name, value)) for name, value in always.items()]

    def add_headers(response: Response) -> Response:
        # Also where it is only named: the sign-in page leads on to it.
        if without_tokens(request.full_path) != request.full_path:
            response.headers.update(HEADERS_OF_LINKS)
        there = {name.lower() for name, _ in response.headers}
        response.headers.extend([header for name, header in added if name not in there])
        if _was_for_somebody():
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    def refuse_another_name() -> None:
        """Answer to our own name only: nobody makes our redirects lead, or our forms belong, elsewhere."""
        if secure and request.host != name and request.blueprint not in _BY_ANY_NAME:
            raise BadRequest

    app.before_request(name_the_request)
    app.before_request(refuse_another_name)
    app.before_request(refuse_what_is_no_form)
    app.before_request(refuse_null_bytes)
    app.after_request(add_headers)


def _was_for_somebody() -> bool:
    # Only if the page itself asked who is there: a header must not send a question to the database.
    return "_login_user" in g and current_user.is_authenticated


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
