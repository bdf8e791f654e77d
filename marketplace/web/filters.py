"""How figures, money and moments are written for people, and what else every template can call."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from flask import Flask
from jinja2 import pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup

from ..guides.maker_policy import Statement
from ..kernel.days import written
from ..kernel.money import Money
from . import known_browsers, photos, spectrum
from .icons import icon
from .language import gettext
from .phrases import theirs, together, used_for

NO_BREAK = "\N{NO-BREAK SPACE}"


def money(amount: Money | int, currency: str = "usd") -> str:
    """Write an amount, or a whole number of minor units, as "$42,500" or "$42,500.50"."""
    return str(amount if isinstance(amount, Money) else Money(amount, currency))


def day(when: date, zone: str = "UTC") -> str:
    """Write a day so that nobody can mistake it, "22 Nov 2026"; a moment is read in `zone` first."""
    return written(when.astimezone(ZoneInfo(zone)) if isinstance(when, datetime) else when, gettext)


@pass_eval_context
def moment(context: EvalContext, when: datetime, zone: str = "UTC") -> str:
    """
    Write a moment with its zone, "22 Nov 2026, 14:05 UTC".

    In HTML it is a `time` element, which a script rewrites in the reader's own zone.
    """
    local = when.astimezone(ZoneInfo(zone))
    words = f"{day(local, zone)}, {local:%H:%M} {local.tzname()}"
    if not context.autoescape:
        return words
    return Markup('<time datetime="{}" data-moment>{}</time>').format(when.isoformat(), words)


def count(number: float) -> str:
    """Write a figure with its thousands apart: "41,200"."""
    return f"{number:,}"


def percent(ratio: float) -> str:
    """Write a ratio as whole per cent: 0.384 -> "38 %"."""
    return f"{ratio:.0%}".replace("%", f"{NO_BREAK}%")


def plural(number: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun: "1 device", "1,240 devices", "no devices"."""
    noun = one if number == 1 else many or f"{one}s"
    return f"{count(number) if number else 'no'} {noun}"


def fee(one: Statement) -> str | None:
    """Write a fee as it was published of a maker: "$5,000 to $7,500"; None: no figure."""
    return one.fee(gettext)


def nanometres(nm: float) -> str:
    """Write a wavelength: "10,600 nm"."""
    return f"{nm:,g}{NO_BREAK}nm"


def register(app: Flask) -> None:
    """Give every template the filters, `icon(name)`, `photo_of(stem, words)` and the spectrum's geometry."""
    for shown in (
        money,
        day,
        moment,
        count,
        percent,
        plural,
        nanometres,
        known_browsers.browser,
        theirs,
        together,
        used_for,
        fee,
    ):
        app.add_template_filter(shown)
    app.jinja_env.globals.update(
        icon=icon, photo_of=photos.shown, draw_spectrum=spectrum.draw, spectrum_ticks=spectrum.ticks
    )
