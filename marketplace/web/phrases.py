"""Turns that many pages take: things in a row, and the words of others on a page that is not in their language."""

from collections.abc import Iterable
from functools import reduce

from markupsafe import Markup

from ..catalog.queries import ModalityFacts
from .language import ENGLISH, gettext, language


def listed(words: Iterable[str]) -> str:
    """Join words as a sentence does: a, b and c."""
    *first, last = words
    return _and(", ".join(first), last) if first else last


def together(words: Iterable[str]) -> str:
    """Join words that belong together: a and b and c."""
    return reduce(_and, words)


def _and(most: str, last: str) -> str:
    return gettext("%(most)s and %(last)s", most=most, last=last)


def used_for(modality: ModalityFacts) -> str:
    """Say what a modality is used for."""
    return modality.used_for(gettext)


def theirs(words: str) -> str:
    """Leave the words of others, of a law or of a seller, as they are; where they stand among ours, say it of them."""
    if language() == ENGLISH:
        return words
    return Markup('<span lang="en">{}</span>').format(words)
