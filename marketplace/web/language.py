"""
In which language a page is told: as its address says, as was chosen before, else as the browser asks.

The house is written in English, and so is the law that it cites. What is told in another language stands in
`marketplace/translations`, in the files that gettext reads; `python3 dev.py check` finds what they lack. A page is told
in one language or the other: those that are not translated yet are told in English, and say so.
"""

import gettext as files
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import cache, lru_cache, update_wrapper
from pathlib import Path
from typing import Any, Generic, ParamSpec, TypeVar, cast
from urllib.parse import urlencode

from flask import Flask, Response, current_app, request
from markupsafe import Markup, escape

from ..config import Settings
from ..kernel.wording import gettext_noop

P = ParamSpec("P")
T = TypeVar("T")
V = TypeVar("V", bound=Callable[..., Any])

ENGLISH = "en"
LANGUAGES = {ENGLISH: "English", "es": "Español"}
"""By the code of a language, what those who speak it call it."""

TRANSLATIONS = Path(__file__).parents[1] / "translations"

NAME = "lang"
"""Of what an address chooses by, and of the cookie that keeps what was chosen."""

_A_YEAR = 365 * 24 * 60 * 60

_spoken: ContextVar[str] = ContextVar("language", default=ENGLISH)


def language() -> str:
    """Return the code of the language that is spoken: English wherever nobody's request is answered."""
    return _spoken.get()


def gettext(message: str, /, **values: object) -> str:
    """Return a message in the language that is spoken, with values in the places that it names: `%(place)s`."""
    told = _told(message)
    return told % values if values else told


def ngettext(one: str, many: str, number: int, /, **values: object) -> str:
    """Return what is said of so many, in the language that is spoken; the number itself is `%(num)s`."""
    return _of_so_many(one, many, number) % {"num": f"{number:,}", **values}


def _told(message: str) -> str:
    code = _spoken.get()
    # What is said of nothing, in the files that gettext reads, is about themselves.
    return message if code == ENGLISH or not message else _catalogue(code).gettext(message)


def _of_so_many(one: str, many: str, number: int) -> str:
    code = _spoken.get()
    if code == ENGLISH:
        return one if number == 1 else many
    return _catalogue(code).ngettext(one, many, number)


@cache
def _catalogue(code: str) -> files.NullTranslations:
    return files.translation("messages", TRANSLATIONS, [code])


class Kept(Generic[P, T]):
    """What a function has made, by the language that is spoken and by what it was given."""

    def __init__(self, make: Callable[P, T], most: int) -> None:
        @lru_cache(maxsize=most)
        def kept(_code: str, /, *given: Any, **named: Any) -> T:
            return make(*given, **named)

        self._kept: Any = kept
        self.cache_clear = kept.cache_clear
        update_wrapper(self, make)

    def __call__(self, *given: P.args, **named: P.kwargs) -> T:
        made: T = self._kept(_spoken.get(), *given, **named)
        return made


def kept_in_each(most: int) -> Callable[[Callable[P, T]], Kept[P, T]]:
    """Keep what a function makes, as `lru_cache` does, in each language on its own."""
    return lambda make: Kept(make, most)


def in_every_language(view: V) -> V:
    """Mark a view whose page is told in every language; all others are told in English."""
    cast("Any", view).in_every_language = True  # Whoever wraps a view hands on what is marked on it.
    return view


def _is_told() -> bool:
    """Say whether this page is told in every language; what is answered where there is no page is."""
    view = current_app.view_functions.get(request.endpoint or "")
    return view is None or hasattr(view, "in_every_language")


def wished() -> str:
    """Return the code of the language that the reader wants, whether or not this page is told in it."""
    for said in (request.args.get(NAME), request.cookies.get(NAME)):
        if said in LANGUAGES:
            return said
    # Not `best_match`, which takes "en" from "es-MX, en;q=0.5", because no language of ours is called "es-MX".
    tags = (tag.partition("-")[0].lower() for tag, quality in request.accept_languages if quality)
    return next((code for code in tags if code in LANGUAGES), ENGLISH)


def speak() -> None:
    """Speak the reader's language from here on: before every view, and where something is refused even before that."""
    wish = wished()
    if wish != _spoken.get() and _is_told():
        _spoken.set(wish)


def _fall_silent(_problem: BaseException | None) -> None:
    if _spoken.get() != ENGLISH:
        _spoken.set(ENGLISH)


def alternates() -> tuple[str, ...]:
    """Return the codes of the languages that this page is told in; none where it is told in English alone."""
    return tuple(LANGUAGES) if _is_told() else ()


def canonical_in(address: str, code: str) -> str:
    """Return the address under which a search engine finds a page in a language."""
    return address if code == ENGLISH else f"{address}?{urlencode({NAME: code})}"


def here_in(code: str) -> str:
    """Return the address that tells this page in a language, and keeps that choice."""
    told = [pair for pair in request.args.items(multi=True) if pair[0] != NAME]
    return f"{request.script_root}{request.path}?{urlencode([*told, (NAME, code)])}"


def only_in_english() -> str:
    """Say, in the language that the reader wants, that a page is not told in it."""
    return _catalogue(wished()).gettext(_ONLY_IN_ENGLISH)


_ONLY_IN_ENGLISH = gettext_noop("This page exists in English only, for now.")


def in_english() -> Markup:
    """Return the attribute of a piece that is in English wherever it stands, as the words of a law are."""
    return Markup("") if _spoken.get() == ENGLISH else Markup(' lang="en"')


# Jinja's own ways to ask take ten times as long, which a page of a hundred messages feels.


def _gettext_of_templates(message: str, /, **values: object) -> Markup:
    return _filled(_told(message), values) if values else _marked(_spoken.get(), message)


def _ngettext_of_templates(one: str, many: str, number: int, /, **values: object) -> Markup:
    return _filled(_of_so_many(one, many, number), {**values, "num": f"{number:,}"})


def _filled(told: str, values: Mapping[str, object]) -> Markup:
    """Put values in their places: what is told is our own, elements and all; values are escaped."""
    return Markup(told % {name: escape(value) for name, value in values.items()})  # noqa: S704  Our own words.


@cache
def _marked(_code: str, message: str) -> Markup:
    """Return a message without values, as templates write it: a sign for per cent stands there twice."""
    return Markup(_told(message) % ())  # noqa: S704  Our own words.


def register(app: Flask, settings: Settings) -> None:
    """Let pages be told in the reader's language, and keep what was chosen in an address."""

    def keep(response: Response) -> Response:
        chosen = request.args.get(NAME)
        if chosen in LANGUAGES and chosen != request.cookies.get(NAME):
            response.set_cookie(
                NAME, chosen, max_age=_A_YEAR, secure=settings.secure_cookies, httponly=True, samesite="Lax"
            )
        return response

    app.before_request(speak)
    app.after_request(keep)
    app.teardown_request(_fall_silent)
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    cast("Any", app.jinja_env).newstyle_gettext = True
    app.add_template_filter(_told, "told")
    app.jinja_env.globals.update(
        _=_gettext_of_templates,
        gettext=_gettext_of_templates,
        ngettext=_ngettext_of_templates,
        in_english=in_english,
        language=language,
        wished=wished,
        LANGUAGES=LANGUAGES,
        alternates=alternates,
        canonical_in=canonical_in,
        here_in=here_in,
        only_in_english=only_in_english,
    )
