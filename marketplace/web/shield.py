"""What stands in front of every page: clean input in, safe headers out."""

from uuid import uuid4

import structlog
from flask import Flask, Response, request
from flask_login import current_user
from werkzeug.exceptions import BadRequest

CONTENT_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self' https://checkout.stripe.com https://connect.stripe.com{payments}",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "object-src 'none'",
        "manifest-src 'self'",
    )
)

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}


def refuse_null_bytes() -> None:
    """Refuse text that PostgreSQL could not keep, before anything looks at it."""
    if "\0" in request.path or any("\0" in text for pair in request.args.items(multi=True) for text in pair):
        raise BadRequest
    if request.mimetype in {"application/x-www-form-urlencoded", "multipart/form-data"}:
        fields = request.form.items(multi=True)
        if any("\0" in text for pair in fields for text in pair):
            raise BadRequest


def name_the_request() -> None:
    """Give the request an id that every log line carries."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(
        request_id=uuid4().hex[:16], method=request.method, path=request.path
    )


def register(app: Flask, *, payments_origin: str | None, secure: bool) -> None:
    """Put the shield before and behind every view of the app."""
    policy = CONTENT_POLICY.format(payments=f" {payments_origin}" if payments_origin else "")

    def add_headers(response: Response) -> Response:
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        response.headers.setdefault("Content-Security-Policy", policy)
        if secure:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
        if request.endpoint != "static" and current_user and current_user.is_authenticated:
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    app.before_request(name_the_request)
    app.before_request(refuse_null_bytes)
    app.after_request(add_headers)
