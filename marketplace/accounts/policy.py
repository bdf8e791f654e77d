"""How long things last, and which addresses and passwords are good enough. Pure."""

import re
import unicodedata
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

from ..kernel.wording import gettext_noop

SHORTEST_PASSWORD = 12
TOO_SHORT = gettext_noop("Use at least 12 characters. Three or four words that do not belong together are good.")
LONGEST_PASSWORD = 128  # Hashing is costly on purpose; nobody may make it costlier.
TOO_LONG = gettext_noop("Use at most 128 characters.")
LONGEST_NAME = 120
LONGEST_EMAIL = 254  # RFC 5321, 4.5.3.1.3, less the angle brackets.

CONFIRMATION_LASTS = timedelta(days=2)
RESET_LASTS = timedelta(hours=1)
SECOND_STEP_LASTS = timedelta(minutes=10)
DISOWNING_LASTS = timedelta(days=7)
EMAIL_CHANGE_LASTS = timedelta(days=2)
OLD_ADDRESS_KEPT_FOR = DISOWNING_LASTS
BROWSER_KNOWN_FOR = timedelta(days=365)
RECOVERY_CODES = 10
PARKED_FORM_LASTS = timedelta(hours=12)
SEEN_IS_WRITTEN_EVERY = timedelta(minutes=1)

# What browsers accept in a field for e-mail addresses, and a domain with at least one dot.
_EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9-]+(\.[a-z0-9-]+)+")
_YEAR = re.compile(r"(19|20)\d\d")
_ROWS = ("abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEIGHBOURS = frozenset(pair for row in _ROWS for a, b in pairwise(row) for pair in ((a, b), (b, a)))
_LOOKALIKES = str.maketrans("@4301!5$7", "aaeoiisst")
_LEAST_SURPRISE = 6  # Different characters that must be left once all that is guessable is taken away.
_SHORTEST_RUN = 4


def idle_limit(*, staff: bool) -> timedelta:
    """Return how long a session may rest before it ends."""
    return timedelta(hours=2) if staff else timedelta(hours=12)


def absolute_limit(*, staff: bool) -> timedelta:
    """Return how long a session may last however busy it is."""
    return timedelta(hours=12) if staff else timedelta(days=7)


def rested_too_long(*, last_seen_at: datetime, staff: bool, at: datetime) -> bool:
    """Say whether a session that was last used at `last_seen_at` has ended by resting."""
    return at - last_seen_at >= idle_limit(staff=staff)


def email_problem(email: str) -> str | None:
    """Return what is wrong with an address in its normal form, or None."""
    if len(email) <= LONGEST_EMAIL and email.isascii() and _EMAIL.fullmatch(email):
        return None
    return gettext_noop("Write a whole e-mail address, such as name@clinic.example.")


def password_problem(password: str, *, about: Iterable[str] = ()) -> str | None:
    """
    Return why the password is too easy to guess, or None. No composition rules: length and surprise are what counts.

    `about` is what an attacker knows of the person: name, e-mail address.
    """
    if len(password) < SHORTEST_PASSWORD:
        return TOO_SHORT
    if len(password) > LONGEST_PASSWORD:
        return TOO_LONG
    plain = normal_password(password).casefold()
    known = {part for text in about for part in re.split(r"[^a-z]+", text.casefold()) if len(part) > 2}
    words = sorted(_common_words() | known, key=len, reverse=True)
    # Looked at twice, because "p455word" is "password" to everybody who guesses for a living.
    if min(_surprise(plain, words), _surprise(plain.translate(_LOOKALIKES), words)) < _LEAST_SURPRISE:
        return gettext_noop(
            "This is among the first that a stranger would try. Add words that have nothing to do with you or us."
        )
    return None


def normal_password(password: str) -> str:
    """Return the form in which two ways to type one password are equal."""
    return unicodedata.normalize("NFKC", password)


def _surprise(text: str, words: Iterable[str]) -> int:
    """Count the different characters left without common words, years, keyboard runs and repetition."""
    for word in words:
        text = text.replace(word, " ")
    return len({character for character in _without_runs(_YEAR.sub(" ", text)) if character.isalnum()})


def _without_runs(text: str) -> str:
    left, run = "", text[:1]
    for before, character in zip(text, text[1:] + "\n", strict=True):
        if before == character or (before, character) in _NEIGHBOURS:
            run += character
            continue
        left += run if len(run) < _SHORTEST_RUN else " "
        run = character
    return left


@cache
def _common_words() -> frozenset[str]:
    text = (Path(__file__).parent / "data" / "common_words.txt").read_text(encoding="utf-8")
    return frozenset(text.split())
