"""Puts the house together: settings, extensions, adapters, pages, errors, commands."""

import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from flask import Flask
from flask_bootstrap import Bootstrap5
from werkzeug.middleware.proxy_fix import ProxyFix

from . import adapters, cli, limits, logs, web
from .config import Mode, Settings, from_environment
from .dev.demo import cast
from .extensions import ENGINE_OPTIONS, Cookies, csrf, db, limiter, login_manager
from .silence import ANSWERS_WITHIN
from .web import shield
from .web.addresses import LateRule

MAX_UPLOAD = 64 * 1024 * 1024  # A form with several files; each file has its own smaller limit.
MAX_TEXT = 256 * 1024


class House(Flask):
    """Flask, with sessions of ours, and no question before each call whether it might be a coroutine: none is."""

    session_interface = Cookies()
    url_rule_class = LateRule

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return what is to be called: itself."""
        return func


def create_app(settings: Settings | None = None, **overrides: Any) -> Flask:
    """
    Build the application. Touches neither database nor network: it starts while they are away.

    :raises marketplace.config.SettingsIncomplete: something it must know is missing
    """
    settings = settings or from_environment(os.environ)
    logs.configure(human=settings.mode is not Mode.PRODUCTION)
    app = House("marketplace", template_folder="../templates", static_folder="static")
    app.config.from_mapping(_flask_settings(settings))
    app.config.update(overrides)
    app.extensions["second_light_settings"] = settings
    if settings.proxy_count:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]  # Flask's documented way to wrap it.
            app.wsgi_app,
            x_for=settings.proxy_count,
            x_proto=settings.proxy_count,
            x_host=settings.proxy_count,
        )
    # The shield comes first: what follows it reads forms, and writes log lines.
    shield.register(app, payments_base=settings.stripe_api_base, base_url=settings.base_url)
    db.init_app(app)
    csrf.init_app(app)
    login_manager.init_app(app)
    limiter.init_app(app)
    Bootstrap5(app)
    adapters.bind_all(app, settings)
    web.register(app, settings)
    cli.register(app)
    if settings.mode is Mode.DEMO:
        app.extensions["second_light_demo_accounts"] = cast.accounts
        app.extensions["second_light_demo_partner"] = (cast.PARTNER_KEY.shown, cast.SHARING_CODE.shown)
    return app


def _flask_settings(settings: Settings) -> Mapping[str, object]:
    return {
        "SECRET_KEY": settings.secret_key,
        "TESTING": settings.mode is Mode.TEST,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "SQLALCHEMY_ENGINE_OPTIONS": dict(ENGINE_OPTIONS),
        # A test says itself for how long: on a slow machine no page of another may be short of time.
        "DATABASE_ANSWERS_WITHIN": ANSWERS_WITHIN if settings.mode is not Mode.TEST else None,
        "SESSION_COOKIE_NAME": "__Host-second_light" if settings.secure_cookies else "second_light",
        "SESSION_COOKIE_SECURE": settings.secure_cookies,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "PERMANENT_SESSION_LIFETIME": timedelta(days=14),
        "MAX_CONTENT_LENGTH": MAX_UPLOAD,
        "MAX_FORM_MEMORY_SIZE": MAX_TEXT,
        "MAX_FORM_PARTS": 500,
        "WTF_CSRF_TIME_LIMIT": None,  # A form may stay open as long as the session lives.
        "WTF_CSRF_SSL_STRICT": settings.secure_cookies,
        "BOOTSTRAP_SERVE_LOCAL": True,
        "RATELIMIT_ENABLED": settings.mode is not Mode.TEST,
        "RATELIMIT_STORAGE_URI": f"{limits.SCHEME}://",
        "RATELIMIT_HEADERS_ENABLED": False,
    }
