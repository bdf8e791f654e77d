"""Stripe behind the payment port: separate charges and transfers, hosted Checkout, v2 recipient accounts."""

from .gateway import API_VERSION, StripeGateway

__all__ = ["API_VERSION", "StripeGateway"]
