"""
What is asked of a unit and of its handpieces, by modality: one readable table, `data/fields.csv`. Pure.

A new field, or one that a modality suddenly needs, is a row there and no line here.
"""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files
from typing import TypeVar

from ..catalog.parsing import Catalogue, Problem, Row, rows
from ..kernel import days
from ..kernel.errors import Invalid
from ..kernel.wording import gettext_noop
from .terms import CounterDirection, CounterUnit

E = TypeVar("E", bound=StrEnum)

FIELDS = "fields.csv"
COLUMNS = (
    "place", "key", "label", "unit", "kind", "required_for", "optional_for", "answers", "refused", "refused_because",
    "help",
)  # fmt: skip
EVERY = "*"
LONGEST = {"text": 200, "note": 4_000}

_KEY = re.compile(r"^[a-z][a-z0-9_]*$")
_NUMBER = re.compile(r"^\d{1,9}$")
_MEASURE = re.compile(r"^\d{1,5}(?:\.\d{1,2})?(?:-\d{1,5}(?:\.\d{1,2})?)?$")
_BETWEEN = re.compile(r"\s*(?:[,;/]|\band\b|\bor\b)\s*")


class Place(StrEnum):
    """Which page asks for it, and of what it is said."""

    DEVICE = "device"
    HANDPIECE = "handpiece"
    COUNTER = "counter"
    CONDITION = "condition"
    STATEMENT = "statement"


class Kind(StrEnum):
    """What an answer looks like; of a counter, which way it counts."""

    TEXT = "text"
    NOTE = "note"
    NUMBER = "number"
    NUMBERS = "numbers"
    DATE = "date"
    CHOICE = "choice"
    CONFIRM = "confirm"
    UP = "up"
    DOWN = "down"


_STATED = gettext_noop("stated")
_OF_COUNTERS = frozenset({Kind.UP, Kind.DOWN})


@dataclass(frozen=True, slots=True)
class Field:
    """A question. `answers` are pairs of what is kept and how it reads; what has a `refused` one cannot be sold."""

    place: Place
    key: str
    label: str
    unit: str | None
    kind: Kind
    required_for: frozenset[str]
    optional_for: frozenset[str]
    answers: tuple[tuple[str, str], ...]
    refused: tuple[str, ...]
    refused_because: str | None
    help: str | None

    def applies_to(self, modality_codes: Collection[str]) -> bool:
        """Say whether it is asked at all where these modalities treat."""
        return not {EVERY, *modality_codes}.isdisjoint(self.required_for | self.optional_for)

    def needed_for(self, modality_codes: Collection[str]) -> bool:
        """Say whether nothing goes to the market without it where these modalities treat."""
        return not {EVERY, *modality_codes}.isdisjoint(self.required_for)

    def written(self, answer: str, tell: Callable[[str], str] = str) -> str:
        """
        Return a kept answer as people read it: "built in", "755, 1064 nm".

        `tell` says our words in the reader's language; what was typed stays as it is.
        """
        if self.kind is Kind.CONFIRM:
            return tell(_STATED)
        if self.kind is Kind.DATE:
            return written_as_day(answer, tell)
        ours = dict(self.answers).get(answer)
        words = answer if ours is None else tell(ours)
        return f"{words.replace(';', ', ')} {tell(self.unit)}" if self.unit else words


@dataclass(frozen=True, slots=True)
class CounterTemplate:
    """A counter that consoles of a modality usually have."""

    key: str
    part: str
    unit: CounterUnit
    direction: CounterDirection


@cache
def table() -> tuple[Field, ...]:
    """
    Return every question there is, in the order of the table; read once for a process.

    :raises ValueError: the table is wrong
    """
    found, problems = read((files("marketplace.listings") / "data" / FIELDS).read_text(encoding="utf-8"))
    if problems:
        raise ValueError("\n".join(map(str, problems)))
    return tuple(found)


def read(text: str) -> tuple[list[Field], list[Problem]]:
    """Read a table of questions by its header; what is wrong is said row by row."""
    found = Catalogue()
    fields: list[Field] = []
    for row in rows(FIELDS, text, COLUMNS, found):
        fields.append(_field(row))
        if [field.key for field in fields].count(fields[-1].key) > 1:
            row.wrong("key", "This key stands here twice.")
    return fields, found.problems


def asked(place: Place, modality_codes: Collection[str]) -> tuple[Field, ...]:
    """Return what is asked at a place where these modalities treat, in the order of the table."""
    return _asked(place, frozenset(modality_codes))


@lru_cache(maxsize=1024)
def _asked(place: Place, modality_codes: frozenset[str]) -> tuple[Field, ...]:
    return tuple(field for field in table() if field.place is place and field.applies_to(modality_codes))


@cache
def keys_of(place: Place) -> frozenset[str]:
    """Return the keys of everything that is ever asked at a place."""
    return frozenset(field.key for field in table() if field.place is place)


def counters_of(modality_codes: Collection[str]) -> tuple[CounterTemplate, ...]:
    """Return the counters that a console with these modalities usually has."""
    return tuple(
        CounterTemplate(field.key, field.label, CounterUnit(field.unit or ""), CounterDirection(field.kind.value))
        for field in asked(Place.COUNTER, modality_codes)
    )


def normal(field: Field, typed: str) -> str:
    """
    Return an answer as it is kept; empty: nothing was said.

    :raises Invalid: it is no answer to this question; the refusal names the field by its key
    """
    said = typed.strip()
    if not said:
        return ""
    if field.kind is Kind.CHOICE and said not in dict(field.answers):
        raise Invalid("Choose one of the answers.", field=field.key)
    if field.kind is Kind.NUMBER:
        said = re.sub(r"[,\s]", "", said)
        if not _NUMBER.match(said):
            raise Invalid("Write a whole number.", field=field.key)
        return str(int(said))
    if field.kind is Kind.NUMBERS:
        parts = [
            part for part in _BETWEEN.split(said.lower().replace((field.unit or " ").lower(), " ")) if part.strip()
        ]
        parts = [re.sub(r"\s*[-–]\s*", "-", part.strip()) for part in parts]
        if not parts or any(not _MEASURE.match(part) for part in parts):
            raise Invalid("Write numbers with commas between them, such as 6, 9, 12.", field=field.key)
        return ";".join(dict.fromkeys(parts))
    if field.kind is Kind.DATE:
        try:
            return date.fromisoformat(said).isoformat()
        except ValueError:
            raise Invalid("Write the day as 2026-05-31.", field=field.key) from None
    if len(said) > LONGEST.get(field.kind, LONGEST["text"]):
        raise Invalid("This is longer than we keep here.", field=field.key)
    return said


def answers(place: Place, modality_codes: Collection[str], typed: Mapping[str, str]) -> dict[str, str]:
    """
    Return what was said at a place, as it is kept; what is not asked here is left out.

    :raises Invalid: something is no answer
    """
    said = {field.key: normal(field, typed.get(field.key, "")) for field in asked(place, modality_codes)}
    return {key: answer for key, answer in said.items() if answer}


def written(place: Place, modality_codes: Collection[str], said: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return kept answers as pairs of question and words, in the order of the table."""
    return [
        (field.label, field.written(said[field.key])) for field in asked(place, modality_codes) if field.key in said
    ]


def written_as_day(answer: str, tell: Callable[[str], str] = str) -> str:
    """Write a kept day as people read it, and leave what is none as it was typed; `tell` as in `Field.written`."""
    try:
        return days.written(date.fromisoformat(answer), tell)
    except ValueError:
        return answer


def objections(place: Place, modality_codes: Collection[str], said: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """Yield what stands against publishing, as pairs of the field's key and a sentence."""
    for field in asked(place, modality_codes):
        answer = said.get(field.key)
        if answer is None:
            if field.needed_for(modality_codes):
                yield (
                    field.key,
                    f"{'Confirm' if field.kind is Kind.CONFIRM else 'Say'}: {field.label.removesuffix('?')}.",
                )
        elif answer.upper() in {refused.upper() for refused in field.refused}:
            yield field.key, field.refused_because or "This cannot be sold here."


def _field(row: Row) -> Field:
    key = row.needed("key")
    if key and not _KEY.match(key):
        row.wrong("key", "A key is written in small letters, digits and underscores.")
    kind = _one_of(Kind, row, "kind")
    place = _one_of(Place, row, "place")
    if (kind in _OF_COUNTERS) is not (place is Place.COUNTER):
        row.wrong("kind", "A counter counts up or down, and nothing else does.")
    if kind in _OF_COUNTERS and row.cells["unit"] not in set(CounterUnit):
        row.wrong("unit", f"{row.cells['unit']} is not one of {', '.join(CounterUnit)}.")
    answers = tuple(_pair(part) for part in row.cells["answers"].split("|") if part)
    if (kind is Kind.CHOICE) is not bool(answers):
        row.wrong("answers", "A choice has answers, and nothing else has.")
    refused = tuple(part for part in row.cells["refused"].split("|") if part)
    if bool(refused) is not bool(row.cells["refused_because"]):
        row.wrong("refused_because", "Say why an answer is refused, where one is.")
    required, optional = (frozenset(row.cells[name].split()) for name in ("required_for", "optional_for"))
    if not required | optional:
        row.wrong("required_for", "Name the modalities that it is asked for, or * for every one.")
    return Field(
        place=place,
        key=key,
        label=row.needed("label"),
        unit=row.optional("unit"),
        kind=kind,
        required_for=required,
        optional_for=optional,
        answers=answers,
        refused=refused,
        refused_because=row.optional("refused_because"),
        help=row.optional("help"),
    )


def _pair(text: str) -> tuple[str, str]:
    value, _, words = text.partition("=")
    return value, words or value


def _one_of(kind: type[E], row: Row, column: str) -> E:
    written = row.needed(column)
    if written in set(kind):
        return kind(written)
    row.wrong(column, f"{written} is not one of {', '.join(kind)}.")
    return next(iter(kind))
