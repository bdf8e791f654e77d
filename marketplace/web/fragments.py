"""
Pieces of pages that are drawn again and again from the same values: drawn once, then kept.

A piece is known by everything it shows, so that what is kept cannot grow old.
"""

from functools import cache, lru_cache
from typing import Any

from flask import Flask, get_template_attribute, request, url_for
from markupsafe import Markup

from ..config import Mode, Settings
from .delivery import FILES


@lru_cache(maxsize=4096)
def card(shown: Any, *, lazy: bool) -> Markup:
    """Draw a device among others; `shown` is hashable and as the `listing_card` macro takes it."""
    return Markup(get_template_attribute("macros/show.html", "listing_card")(shown, lazy=lazy, level=3))  # noqa: S704


@lru_cache(maxsize=512)
def filter_group(legend: str, name: str, answers: tuple[Any, ...], more: tuple[Any, ...] = ()) -> Markup:
    """Draw a group of boxes in a filter form; answers are hashable and as the macro of this name takes them."""
    return Markup(get_template_attribute("macros/forms.html", "filter_group")(legend, name, answers, more))  # noqa: S704


def address(endpoint: str, **values: Any) -> str:
    """Return an address as Flask's `url_for` does; those of files are looked up once."""
    if endpoint in FILES:
        return _address_of_file(request.script_root, endpoint, values["filename"])
    return url_for(endpoint, **values)


@cache
def _address_of_file(_root: str, endpoint: str, filename: str) -> str:
    return url_for(endpoint, filename=filename)


def register(app: Flask, settings: Settings) -> None:
    """Let templates ask here for addresses, where the files of ours do not change while the server runs."""
    if settings.mode is Mode.PRODUCTION:
        app.add_template_global(address, "url_for")
