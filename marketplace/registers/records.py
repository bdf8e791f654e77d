"""One row of a register: what is kept of it, and what can be wrong with it. Pure."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple, Protocol

from .normal import core_number, head, is_npi
from .sources import SEVERAL, Field, Source

_EARLIEST = date(1950, 1, 1)
_LONGEST_TERM = timedelta(days=366 * 30)
_PLACE = re.compile(r"(?P<city>.*?)[,\s]+(?P<state>[A-Z]{2})[\s,]+(?P<zip>\d{5}(?:-?\d{4})?)$")
_SAYS_NO = frozenset({"", "n", "no", "none", "false", "0", "null"})
_UNKNOWN_NPI = "0000000000"


class Problem(StrEnum):
    """What is wrong with a row. Those of `LOST` keep it from being loaded; the others are loaded without the value."""

    WIDTH = "width"
    NO_KEY = "no_key"
    DATE = "date"
    NPI = "npi"
    DOUBLE = "double"

    @property
    def words(self) -> str:
        """Say it in a report."""
        return _PROBLEM_WORDS[self]


_PROBLEM_WORDS = {
    Problem.WIDTH: "Another number of columns than the header: not loaded",
    Problem.NO_KEY: "Without what names the row: not loaded",
    Problem.DATE: "A day that cannot be: loaded without it",
    Problem.NPI: "An NPI that cannot be: loaded without it",
    Problem.DOUBLE: "The same licence twice: both loaded",
}

LOST = frozenset({Problem.WIDTH, Problem.NO_KEY})


@dataclass(slots=True)
class Row:
    """One row, reduced to what is kept."""

    license_type: str | None = None
    number: str | None = None
    number_key: str | None = None
    family_name: str | None = None
    given_name: str | None = None
    middle_name: str | None = None
    business_name: str | None = None
    family_head: str | None = None
    given_head: str | None = None
    status: str | None = None
    discipline: str | None = None
    expires_on: date | None = None
    issued_on: date | None = None
    npi: str | None = None
    city: str | None = None
    state: str | None = None
    zip: str | None = None
    flaw: str | None = None

    def cells(self) -> tuple[Any, ...]:
        """Return the values in the order of the fields."""
        kept: tuple[Any, ...] = _cells_of(self)
        return kept


ROW_FIELDS = tuple(field.name for field in fields(Row))

_cells_of = attrgetter(*ROW_FIELDS)


def line_of(cells: Iterable[Any]) -> str:
    """Return a row's kept values with tabs between them, what is not known as nothing; no value has a tab in it."""
    return "\t".join(["" if cell is None else cell if cell.__class__ is str else str(cell) for cell in cells])


def digest_of(cells: Iterable[Any]) -> bytes:
    """Return the SHA-256 of a row's kept values, written as `line_of` them in the order of `ROW_FIELDS`."""
    return hashlib.sha256(line_of(cells).encode()).digest()


class Kept(Protocol):
    """What is kept of a record, whatever the register is about."""

    @property
    def license_type(self) -> str | None:
        """What a report counts its rows by."""
        ...

    def cells(self) -> tuple[Any, ...]:
        """Return the values in the order in which they are kept."""
        ...


class Read(NamedTuple):
    """One record of a file: what is kept of it, or None where it is lost, and what was wrong with it."""

    position: int
    row: Kept | None
    problems: tuple[tuple[Problem, str], ...] = ()


class Parser:
    """Knows where in a record of one file each field stands."""

    def __init__(self, headers: Sequence[str], columns: Mapping[str, Field], source: Source, today: date) -> None:
        where: dict[Field, list[int]] = {}
        for number, header in enumerate(headers):
            if header in columns:
                where.setdefault(columns[header], []).append(number)
        self._key = [(field.value, field.words.lower()) for field in source.key]
        self._latest = today + _LONGEST_TERM
        self._plain = [(field.value, numbers[0]) for field, numbers in where.items() if field in _AS_WRITTEN]
        self._several = [(field, numbers) for field, numbers in where.items() if field in SEVERAL]
        self._days = [(field.value, numbers[0]) for field, numbers in where.items() if field in _DAYS]
        self._nameless = source.nameless
        self._special = [(_SPECIAL[field], numbers[0]) for field, numbers in where.items() if field in _SPECIAL]

    def read(self, position: int, cells: list[str]) -> Read:
        """Return what a record says."""
        row = Row()
        for name, number in self._plain:
            if cells[number]:
                setattr(row, name, " ".join(cells[number].split()) or None)
        for field, numbers in self._several:
            setattr(row, field.value, _said(field, (cells[number] for number in numbers)))
        problems: list[tuple[Problem, str]] = []
        for name, number in self._days:
            written = cells[number].strip()
            day, plausible = plausible_day(written, self._latest)
            setattr(row, name, day)
            if not plausible:
                problems.append((Problem.DATE, f"{name} {written[:40]!r}"))
        for take, number in self._special:
            problem = take(row, cells[number].strip())
            if problem is not None:
                problems.append(problem)
        if problems:
            row.flaw = "; ".join(shown for _, shown in problems)
        row.number_key = core_number(row.number) if row.number else None
        row.family_head, row.given_head = head(row.family_name), head(row.given_name)
        lost = _nameless(row, self._key, named=not self._nameless)
        if problems or lost:
            return Read(position, None if lost else row, (*problems, *lost))
        return Read(position, row)


_DAYS = frozenset({Field.EXPIRES_ON, Field.ISSUED_ON})

_AS_WRITTEN = frozenset(
    {
        Field.LICENSE_TYPE, Field.NUMBER, Field.FAMILY_NAME, Field.GIVEN_NAME, Field.MIDDLE_NAME, Field.BUSINESS_NAME,
        Field.CITY, Field.STATE, Field.ZIP,
    }
)  # fmt: skip


def _nameless(row: Row, key: Sequence[tuple[str, str]], *, named: bool) -> tuple[tuple[Problem, str], ...]:
    missing = [words for name, words in key if not getattr(row, name)]
    if named and not row.family_name and not row.business_name:
        missing.append("name")
    return ((Problem.NO_KEY, f"no {' and no '.join(missing)}"),) if missing else ()


def _said(field: Field, cells: Iterable[str]) -> str | None:
    # Several columns of one row often repeat each other; what one of them says alone must not get lost.
    words = dict.fromkeys(" ".join(cell.split()) for cell in cells)
    if field is Field.DISCIPLINE:
        return " · ".join(word for word in words if word.casefold() not in _SAYS_NO) or None
    return " · ".join(filter(None, words)) or None


def _full_name(row: Row, written: str) -> None:
    """Take "LAST, FIRST MIDDLE"; without a comma it is the name of a firm or in an unknown order."""
    family, _, given = written.partition(",")
    family, given = " ".join(family.split()), " ".join(given.split())
    if given:
        first, _, middle = given.partition(" ")
        row.family_name, row.given_name, row.middle_name = family or None, first, middle or None
    elif row.business_name is None and any(letter.isalnum() for letter in written):
        row.business_name = " ".join(written.split())


def _place(row: Row, written: str) -> None:
    found = _place_in(written)
    if found is not None:
        row.city, row.state, row.zip = found


@lru_cache(maxsize=65_536)  # A register has fewer places than people.
def _place_in(written: str) -> tuple[str | None, str, str] | None:
    found = _PLACE.match(written.upper())
    return (found["city"] or None, found["state"], found["zip"]) if found else None


def _npi(row: Row, written: str) -> tuple[Problem, str] | None:
    if written in {"", _UNKNOWN_NPI}:
        return None
    if not is_npi(written):
        return Problem.NPI, f"npi {written[:20]!r}"
    row.npi = written
    return None


def _deactivated(row: Row, written: str) -> None:
    row.status = "D" if written else "A"


def _reactivated(row: Row, written: str) -> None:
    if written:
        row.status = "A"


_SPECIAL: dict[Field, Callable[[Row, str], tuple[Problem, str] | None]] = {
    Field.FULL_NAME: _full_name,
    Field.CITY_STATE_ZIP: _place,
    Field.NPI: _npi,
    Field.DEACTIVATED_ON: _deactivated,
    Field.REACTIVATED_ON: _reactivated,  # After it: what was deactivated is in use again.
}


@lru_cache(maxsize=65_536)
def plausible_day(written: str, latest: date) -> tuple[date | None, bool]:
    """Return the day, and whether it can be one: empty and all zeros are no day, and that is no mistake."""
    if not written.strip("0"):
        return None, True
    day = _parsed_day(written)
    return (day, True) if day is not None and _EARLIEST <= day <= latest else (None, False)


def _parsed_day(written: str) -> date | None:
    text = written[:10]
    try:
        if text[2:3] == "/":
            month, day, year = text.split("/")
            return date(int(year), int(month), int(day))
        return date.fromisoformat(text)
    except ValueError:
        return None
