"""Where the payment provider tells what happened: verified, kept, answered; a job does the rest."""

from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from ..extensions import csrf, limiter
from ..kernel import clock
from ..logs import log
from ..payments import service
from ..payments.ports import WebhookRefused
from .access import public

bp = Blueprint("webhooks", __name__)

LARGEST = 512 * 1024  # Stripe's events have a few kilobytes.


@bp.post("/webhooks/stripe")
@csrf.exempt
@limiter.exempt
@public
def stripe() -> ResponseReturnValue:
    """Keep an event of the provider; 400 to everybody else, and nothing is kept."""
    request.max_content_length = LARGEST
    # The raw body: what is signed are these bytes, not what they mean.
    raw = request.get_data(cache=False)
    service.receive(raw=raw, signature=request.headers.get("Stripe-Signature", ""), at=clock.now())
    return "", 200


@bp.errorhandler(WebhookRefused)
def refused(refusal: WebhookRefused) -> ResponseReturnValue:
    """Answer a machine: it gets a status, not a page."""
    log.warning("webhook_refused", reason=refusal.sentence)
    return "", 400
