"""
Pieces of pages that are drawn again and again from the same values: drawn once, then kept.

A piece is known by everything it shows, so that what is kept cannot grow old.
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

from flask import Flask, current_app, request, url_for
from jinja2.environment import Environment, Template, TemplateModule
from jinja2.runtime import Context
from markupsafe import Markup

from ..config import Mode, Settings
from ..kernel.money import Money
from ..listings.conditions import GRADES
from ..listings.search import Card
from . import photos
from .delivery import FILES
from .filters import count
from .language import gettext, kept_in_each
from .standpoint import Chip


@dataclass(frozen=True, slots=True)
class ShownCard:
    """What the `listing_card` macro takes."""

    url: str
    title: str
    year: int
    price: Money
    grade_label: str
    counter_text: str | None
    place: str
    landed: str
    photo: photos.ShownPhoto | None
    bands: tuple[Any, ...]
    verdict: Chip | None


@kept_in_each(8192)
def card(unit: Card, base: str, verdict: Chip | None = None, *, lazy: bool) -> Markup:
    """Draw a device among others, whose own page stands under `base`, with what the gate answers the reader."""
    shown = ShownCard(
        url=f"{base}/{unit.id}",
        title=unit.title,
        year=unit.year,
        price=unit.price,
        grade_label=f"{unit.grade} · {gettext(GRADES[unit.grade].name)}",
        counter_text=_life_used(unit.life_used_percent),
        place=f"{unit.city}, {unit.state_code}" + ("" if unit.miles is None else f" · {_miles(unit.miles)}"),
        landed=_in_all(unit.landed),
        photo=photos.shown(unit.photo, unit.photo_text or "") if unit.photo else None,
        bands=unit.emits,
        verdict=verdict,
    )
    return drawn("macros/show.html", "listing_card", shown, lazy=lazy, level=3)


def _life_used(percent: int | None) -> str | None:
    return None if percent is None else gettext("%(percent)s %% of life used", percent=percent)


def _miles(distance: float) -> str:
    return gettext("%(number)s miles", number=count(round(distance)))


def _in_all(amount: Money | None) -> str:
    return gettext("In all: not known yet") if amount is None else gettext("At least %(amount)s in all", amount=amount)


@kept_in_each(4096)
def once(template: str, macro: str, *values: Any) -> Markup:
    """Draw a macro that shows these values and nothing else, all of them hashable; the same ones are drawn once."""
    return drawn(template, macro, *values)


def drawn(template: str, macro: str, *values: Any, **named: Any) -> Markup:
    """Draw a macro."""
    return Markup(_macro(current_app.jinja_env, template, macro)(*values, **named))  # noqa: S704  Templates escape.


@lru_cache(maxsize=256)
def _macro(environment: Environment, template: str, macro: str) -> Any:
    """Look a macro up once; where templates are read anew when they change, a new process reads them."""
    return getattr(environment.get_template(template).module, macro)


def address(endpoint: str, **values: Any) -> str:
    """Return an address as Flask's `url_for` does; those of files are looked up once."""
    if endpoint in FILES:
        return _address_of_file(request.script_root, endpoint, values["filename"])
    return url_for(endpoint, **values)


@cache
def _address_of_file(_root: str, endpoint: str, filename: str) -> str:
    return url_for(endpoint, filename=filename)


class OfTheHouse(Template):
    """A template that is imported as every other one: what all can call is the same for all of them."""

    def _get_default_module(self, ctx: Context | None = None) -> TemplateModule:  # noqa: ARG002  Its own way to ask.
        # Jinja would compare what the importing page can call with what this one can, name by name, at each import.
        return super()._get_default_module()


def register(app: Flask, settings: Settings) -> None:
    """Let templates ask here for addresses, where the files of ours do not change while the server runs."""
    if settings.mode is Mode.PRODUCTION:
        app.add_template_global(address, "url_for")
    app.add_template_global(once, "draw_once")
    app.jinja_env.template_class = OfTheHouse
