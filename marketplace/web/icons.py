"""Icons cut out of the installed sprite one by one: the whole of it weighs more than a page may."""

import re
from functools import cache
from pathlib import Path

import flask_bootstrap
from markupsafe import Markup

_SPRITE = Path(flask_bootstrap.__file__).parent / "static/bootstrap5/icons/bootstrap-icons.svg"


@cache
def icon(name: str) -> Markup:
    """
    Return a bootstrap-icon as inline SVG, hidden from assistive technology: put words beside it.

    :raises LookupError: the sprite has no icon of this name
    """
    symbol = re.search(
        rf'<symbol [^>]*viewBox="([\d ]+)" id="{re.escape(name)}">(.*?)</symbol>',
        _SPRITE.read_text(encoding="utf-8"),
        re.DOTALL,
    )
    if symbol is None:
        raise LookupError(f"there is no icon called {name!r}")
    # The sprite belongs to an installed package, not to a visitor.
    return Markup('<svg class="icon" viewBox="{}" aria-hidden="true" focusable="false">{}</svg>').format(
        symbol[1],
        Markup(symbol[2]),  # noqa: S704  As above.
    )
