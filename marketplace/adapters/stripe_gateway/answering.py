"""Stripe's errors, told apart by what they mean for money."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from marketplace.payments.ports import (
    GatewayConfig,
    GatewayError,
    GatewayRejected,
    GatewayReplayedError,
    GatewayUnknown,
)

if TYPE_CHECKING:
    import stripe


@contextmanager
def answering() -> Iterator[None]:
    """
    Turn Stripe's errors into ours, by class and status: its codes are not a promise.

    :raises GatewayError: always in place of `stripe.StripeError`
    """
    import stripe

    try:
        yield
    except stripe.StripeError as error:
        raise _translated(error) from error


def _translated(error: "stripe.StripeError") -> GatewayError:
    import stripe

    status = error.http_status or 0
    detail = f"{type(error).__name__} {status}: {error.user_message or error} (request {error.request_id})"
    if status in {401, 403}:
        return GatewayConfig(detail)
    if isinstance(error, stripe.IdempotencyError) and status == 400:
        # The key was spent on other arguments; what those did is not known here.
        return GatewayReplayedError(detail)
    if status >= 500 and (error.headers or {}).get("Idempotent-Replayed") == "true":
        return GatewayReplayedError(detail)
    if 400 <= status < 500 and status not in {409, 429}:
        return GatewayRejected(detail, status=status, reason=error.code)
    return GatewayUnknown(detail)
