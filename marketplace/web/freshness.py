"""
Pages for strangers: drawn once, and said to be as they were to whoever has them.

A page is named by everything that it is made of. The same house, address, theme, language and what is shown always make
the same page for a stranger, and any other makes another name: what is kept under a name cannot be wrong.
"""

from collections.abc import Callable
from functools import cache, wraps
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, cast

from flask import Flask, Response, current_app, make_response, request, session
from flask.typing import ResponseReturnValue
from flask_login import current_user

from ..config import Settings
from ..extensions import reading
from .language import language, wished

V = TypeVar("V", bound=Callable[..., Any])

_SOURCES = (".py", ".html", ".css", ".js", ".json", ".csv", ".mo")
_FOR_STRANGERS = frozenset({"browse.home", "browse.devices", "browse.device", "browse.suggestions"})


def of_the_market(now: Callable[[], str]) -> Callable[[V], V]:
    """
    Let a view that shows the market, and to strangers nothing else, be drawn once for them; it takes `version`.

    `now` asks what the market is.
    """

    def kept(view: V) -> V:
        @wraps(view)
        def drawn(**parameters: Any) -> ResponseReturnValue:
            with reading():
                version = now()
                return once(version, lambda: view(version=version, **parameters))

        return cast("V", drawn)

    return kept


def once(shown: str, draw: Callable[[], ResponseReturnValue]) -> Response:
    """
    Draw a page that shows strangers `shown`, and nothing else but its address, once for all of them.

    A reader who has the page is told so.
    """
    if current_user.is_authenticated or "_flashes" in session:
        return make_response(draw())
    tag = _tag(shown)
    if request.if_none_match.contains_weak(tag):
        return _named(Response(status=304), tag)
    kept = _pages.get(tag)
    if kept is not None:
        return _named(Response(kept[0], mimetype=kept[1]), tag)
    response = make_response(draw())
    if response.status_code == 200:
        while len(_pages) >= MOST_PAGES:
            _pages.pop(next(iter(_pages)), None)
        _pages[tag] = (response.get_data(), str(response.mimetype))
    return _named(response, tag)


MOST_PAGES = 128
_pages: dict[str, tuple[bytes, str]] = {}


def forget() -> None:
    """Keep no page."""
    _pages.clear()


def _tag(shown: str) -> str:
    settings: Settings = current_app.extensions["second_light_settings"]
    theme = request.cookies.get("theme", "")
    house, spoken = _house(current_app.root_path), f"{language()} {wished()}"
    said = "\0".join((house, settings.mode, settings.base_url, request.full_path, theme, spoken, shown))
    return sha256(said.encode("utf-8", "surrogateescape")).hexdigest()[:24]


def _named(response: Response, tag: str) -> Response:
    response.set_etag(tag, weak=True)
    return response


def name(response: Response) -> Response:
    """Let strangers keep a page, and ask each time whether it is still so."""
    if (
        request.endpoint in _FOR_STRANGERS
        and request.method in {"GET", "HEAD"}
        and response.status_code in {200, 304}
        and not current_user.is_authenticated
        and not session.modified  # A message was shown that nobody else shall see, nor twice.
    ):
        response.vary.update(("Accept-Language", "Cookie"))
        response.headers.setdefault("Cache-Control", "no-cache")
    return response


def register(app: Flask) -> None:
    """Let the pages of the market be kept by those who are nobody in particular."""
    app.after_request(name)


@cache
def _house(root: str) -> str:
    """Return a digest of everything that pages are made of, the same in every process of one version."""
    digest = sha256()
    for folder in (Path(root), Path(root).parent / "templates"):
        for path in sorted(folder.rglob("*")):
            if path.suffix in _SOURCES and path.is_file():
                digest.update(path.read_bytes())
    return digest.hexdigest()
