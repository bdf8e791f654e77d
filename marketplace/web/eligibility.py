"""The gate as a service: a partner's question and its answer in JSON, the contract, and the badge of a receipt."""

from hashlib import sha256
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import RateLimitExceeded
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, UnsupportedMediaType

from ..config import Settings
from ..eligibility.publishing import NoPolicy
from ..extensions import csrf, limiter
from ..kernel import clock
from ..kernel.days import written
from ..kernel.errors import Refusal
from ..logs import log
from ..partners import asking, receipts, service, told
from ..partners.asked import LARGEST, question_of
from ..partners.contract import PROBLEMS, document
from ..partners.receipts import Standing
from ..partners.sharing import UnknownCode
from ..silence import Silent
from .access import public

bp = Blueprint("eligibility", __name__)

MOST = "120 per 5 minutes"
"""Questions with one key."""
BADGE_LASTS = 300
"""Seconds for which a badge may be shown again without asking: so long a yes can outlive what it rests on."""

_BADGE_HEADERS = {
    # It is meant to stand in other people's pages; as a picture it can do nothing there.
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Content-Security-Policy": "default-src 'none'",
    "Cache-Control": f"public, max-age={BADGE_LASTS}",
}
BADGES = {
    Standing.CLEARED: ("Cleared by Second Light", "#0f6148"),
    Standing.NOT_CLEARED: ("Not cleared by Second Light", "#475061"),
    Standing.ASK_AGAIN: ("Expired: ask Second Light again", "#7a4d00"),
}
_NONE = ("No such receipt at Second Light", "#475061")
_HTTP = {
    400: "not_readable",
    408: "took_too_long",
    413: "too_large",
    415: "not_json_by_name",
    429: "too_many_requests",
}


def by_key() -> str:
    """Return under what name it is counted how often a key is used. What is counted tells nobody the key."""
    return f"partner:{sha256(_bearer().encode()).hexdigest()[:32]}"


@bp.post("/eligibility")
@csrf.exempt
@limiter.limit(MOST, key_func=by_key)
@public
def ask() -> ResponseReturnValue:
    """Answer a partner's question about somebody who agreed to it."""
    request.max_content_length = LARGEST
    holder = service.holder_of(_bearer(), at=clock.now())
    if request.mimetype != "application/json":
        raise UnsupportedMediaType
    question = question_of(request.get_data(cache=False))
    given = receipts.answered(asking.ask(holder=holder, question=question, at=clock.now()))
    return jsonify(
        told.answer(
            given.kept,
            code=given.code,
            receipt_url=_address("receipts.checked", code=given.code),
            badge_url=_address(".badge", code=given.code),
        )
    ), {"Cache-Control": "no-store"}


@bp.get("/eligibility/openapi.json")
@public
def contract() -> ResponseReturnValue:
    """Send the contract as an OpenAPI document."""
    return jsonify(document(_settings().base_url))


@bp.get("/badge/<code>.svg")
@public
@limiter.limit("300 per 5 minutes")
def badge(code: str) -> ResponseReturnValue:
    """Draw what a receipt is worth at this moment, to be shown on a partner's page."""
    found = receipts.badge(code[:60], at=clock.now())
    words, colour = BADGES[found.standing] if found else _NONE
    about = f"for {found.model} on {written(found.answered_at)}" if found else "compare the code"
    only = [use.words for use in found.uses] if found and found.standing is Standing.CLEARED else []
    lines = [words, about, *([f"for {' and '.join(only)} only"] if only else [])]
    # Without what pages are drawn with: nobody is asked who they are, and one picture serves everybody.
    drawn = current_app.jinja_env.get_template("partners/badge.svg")
    body = drawn.render(lines=lines, colour=colour, width=width_of(lines))
    return Response(body, 200 if found else 404, _BADGE_HEADERS, mimetype="image/svg+xml")


def width_of(lines: list[str]) -> int:
    """Return how wide a badge has to be, in px: letters of its size are hardly ever wider than seven."""
    return 64 + 7 * max(map(len, lines))


def _bearer() -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _settings() -> Settings:
    settings: Settings = current_app.extensions["second_light_settings"]
    return settings


def _address(endpoint: str, **values: Any) -> str:
    return _settings().base_url + url_for(endpoint, **values)


def _problem(
    code: str, *, title: str | None = None, detail: str | None = None, field: str | None = None, **headers: str
) -> Response:
    """Answer a machine: it gets a status and a code, not a page."""
    status, words = PROBLEMS[code]
    log.info("partner_refused", code=code, status=status)
    said = {"type": f"{_address('partners.about')}#{code}", "title": title or words, "status": status, "code": code}
    said |= {name: value for name, value in (("detail", detail), ("field", field)) if value}
    answer = jsonify(said)
    answer.status_code = status
    answer.mimetype = "application/problem+json"
    answer.headers["Cache-Control"] = "no-store"
    for name, value in headers.items():
        answer.headers[name.replace("_", "-")] = value
    return answer


@bp.errorhandler(Refusal)
def refused(refusal: Refusal) -> Response:
    """Answer a refusal of a use-case by its own code; a site that was closed meanwhile is no answer either."""
    if refusal.code not in PROBLEMS:
        return _problem("unknown_code", title=UnknownCode().sentence, detail=UnknownCode().cure)
    headers = {"WWW_Authenticate": "Bearer"} if isinstance(refusal, service.UnknownKey) else {}
    return _problem(
        refusal.code, title=refusal.sentence, detail=refusal.cure, field=getattr(refusal, "field", None), **headers
    )


@bp.errorhandler(NoPolicy)
def shut(_refusal: NoPolicy) -> Response:
    """Say that the gate answers nobody at present."""
    return _problem("no_policy", Retry_After="3600")


@bp.errorhandler(RateLimitExceeded)
def too_often(_error: RateLimitExceeded) -> Response:
    """Say when it is worth asking again."""
    limit = limiter.current_limit
    seconds = max(1, int(limit.reset_at - clock.now().timestamp())) if limit else 60
    return _problem("too_many_requests", Retry_After=str(seconds))


@bp.errorhandler(HTTPException)
def unreadable(error: HTTPException) -> Response:
    """Say what of the request itself cannot be taken."""
    return _problem(_HTTP.get(error.code or 500, "not_readable"))


@bp.errorhandler(OperationalError)
@bp.errorhandler(PoolTimeout)
@bp.errorhandler(Silent)
def silent(error: Exception) -> Response:
    """Say that the database does not answer."""
    log.error("database_unavailable", error=type(error).__name__, endpoint=request.endpoint)
    return _problem("unavailable", Retry_After="5")


@bp.errorhandler(Exception)
def broken(error: Exception) -> Response:
    """Say that it is us, to a machine as well."""
    if current_app.testing:
        raise error
    log.exception("unexpected", endpoint=request.endpoint, exc_info=error)
    return _problem("broken")
