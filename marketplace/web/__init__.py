"""Pages by audience: parse, call one use-case, show."""

from flask import Flask

from ..accounts.access import Permission
from ..config import Mode, Settings
from . import access, account, browse, buying, clinics, errors, filters, health, sales, shield, styleguide, webhooks
from .staff import clinics as staff_clinics
from .staff import orders as staff_orders
from .staff import people as staff_people

BLUEPRINTS = (
    health.bp,
    account.bp,
    browse.bp,
    clinics.bp,
    staff_people.bp,
    staff_clinics.bp,
    buying.bp,
    sales.bp,
    webhooks.bp,
    staff_orders.bp,
)


def register(app: Flask, settings: Settings) -> None:
    """Give the app its pages, with the shield before and the access check in front of every one of them."""
    # The order matters: clean input first, then who is asking, then the page.
    shield.register(app, payments_origin=settings.stripe_api_base, secure=settings.secure_cookies)
    access.register(app)
    errors.register(app)
    filters.register(app)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    if settings.mode is not Mode.PRODUCTION:
        app.register_blueprint(styleguide.bp)
    app.context_processor(lambda: {"settings": settings, "Permission": Permission})
