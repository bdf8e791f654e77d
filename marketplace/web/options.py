"""The answers that a select, radio or checkbox question offers."""

from collections.abc import Iterable, Mapping
from typing import Any

from wtforms.fields import choices

_choice: Any = choices.SelectChoice  # type: ignore[attr-defined]  # Not in the stubs yet; plain tuples are warned of.


def options(pairs: Iterable[tuple[str, str]]) -> list[Any]:
    """Return the `choices` of a field from pairs of what is sent and what is read."""
    return [_choice(value, words) for value, words in pairs]


def grouped_options(groups: Mapping[str, Iterable[tuple[str, str]]]) -> list[Any]:
    """Return the `choices` of a select from pairs under their groups' names."""
    return [_choice(value, words, optgroup=group) for group, pairs in groups.items() for value, words in pairs]
