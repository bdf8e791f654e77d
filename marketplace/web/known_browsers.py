"""By what a browser is known to those who signed in with it, and what it is called."""

from flask import Response, after_this_request, request, url_for

from ..accounts.policy import BROWSER_KNOWN_FOR

_COOKIE = "browser"
"""Under this name a browser keeps, apart from the session and for a year, by what it is known."""
_KNOWN_TO = 8

_PROGRAMS = (
    ("Edg", "Edge"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("Chrom", "Chrome"),
    ("CriOS", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("Linux", "Linux"),
)


def kept() -> tuple[str, ...]:
    """Return the tokens by which this browser is known to those who signed in with it, the latest first."""
    return tuple(one for one in request.cookies.get(_COOKIE, "").split(".") if one)[:_KNOWN_TO]


def remember(token: str) -> None:
    """Let the browser keep by what it is known to whoever signs in with it now, before those of others."""
    known = [token, *(one for one in kept() if one != token)][:_KNOWN_TO]

    @after_this_request
    def tell(response: Response) -> Response:
        response.set_cookie(
            _COOKIE,
            ".".join(known),
            max_age=BROWSER_KNOWN_FOR,
            path=url_for("account.sign_in"),
            httponly=True,
            samesite="Lax",
            secure=request.is_secure,
        )
        return response


def browser(user_agent: str) -> str:
    """Say in two or three words what kind of browser it was: "Firefox on Linux"."""
    # The order matters: nearly all of them also claim to be Safari, and many to be Chrome.
    program = next((name for mark, name in _PROGRAMS if mark in user_agent), "A browser")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), None)
    return f"{program} on {system}" if system else program
