"""Pages that a stranger has already: said to be as they were, without sending them again."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from flask import Flask, Response, current_app, make_response, request, session
from flask.typing import ResponseReturnValue
from flask_login import current_user

_SOURCES = (".py", ".html", ".css", ".js", ".json", ".csv")
_FOR_STRANGERS = frozenset({"browse.home", "browse.devices", "browse.device", "browse.suggestions"})


def tag_of(version: str) -> str | None:
    """
    Return the name of what this address shows to a stranger while the market is at `version`; None: it is for somebody.

    The same address, theme, market and house always make the same page, and any other makes another name.
    """
    if current_user.is_authenticated or "_flashes" in session:
        return None
    said = "\0".join((_house(current_app.root_path), version, request.full_path, request.cookies.get("theme", "")))
    return sha256(said.encode("utf-8", "surrogateescape")).hexdigest()[:24]


def unchanged(tag: str | None) -> Response | None:
    """Return the short answer for a reader who has the page of this name; None: it must be drawn."""
    if tag is None or not request.if_none_match.contains_weak(tag):
        return None
    answer = Response(status=304)
    answer.set_etag(tag, weak=True)
    return answer


def tagged(page: ResponseReturnValue, tag: str | None) -> Response:
    """Return the page under its name, so that its reader can ask for changes by it."""
    response = make_response(page)
    if tag is not None:
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
        response.vary.add("Cookie")
        response.headers.setdefault("Cache-Control", "no-cache")
        if response.status_code == 200:
            if response.get_etag()[0] is None:
                # What else it shows is not the market's alone: only the page itself tells whether it is as it was.
                response.set_etag(sha256(response.get_data()).hexdigest()[:24], weak=True)
            response.make_conditional(request)
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
