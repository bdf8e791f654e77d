"""The answers that a select, radio or checkbox question offers."""

from collections.abc import Iterable, Mapping
from typing import Any

from wtforms.fields import choices


def options(pairs: Iterable[tuple[str, str]]) -> list[Any]:
    """
    Return the `choices` of a field from pairs of what is sent and what is read.

    WTForms 3.3 warns of plain tuples, and its type stubs do not know its own `SelectChoice` yet.
    """
    return [choices.SelectChoice(value, words) for value, words in pairs]  # type: ignore[attr-defined]


def grouped_options(groups: Mapping[str, Iterable[tuple[str, str]]]) -> list[Any]:
    """Return the `choices` of a select from pairs under their groups' names."""
    return [
        choices.SelectChoice(value, words, optgroup=group)  # type: ignore[attr-defined]  # see `options`
        for group, pairs in groups.items()
        for value, words in pairs
    ]
