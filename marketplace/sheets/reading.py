"""Takes a table apart: its header, and its lines in groups of one device each. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ..kernel.errors import Invalid
from ..kernel.spreadsheets import csv_of, header_of, records
from .columns import LINE, PROBLEMS, REMARK, UNIT, Line, names, needed

LARGEST = 5 * 1024 * 1024
"""Bytes of a table."""

MOST_ROWS = 20_000

ROW = "row"
"""What is said to be wrong where no column of a row is."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line as it was sent, with its number in a spreadsheet."""

    number: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table taken apart: groups of lines of one device each, and how many remarks were passed over."""

    header: tuple[str, ...]
    groups: tuple[tuple[Row, ...], ...]
    remarks: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One line by its columns, and what it is about; None: something else. `beyond`: it says more than has a column."""

    number: int
    line: Line | None
    cells: Mapping[str, str]
    beyond: bool


@dataclass(slots=True)
class _Gathering:
    groups: list[list[Row]] = field(default_factory=list)
    by_word: dict[str, list[Row]] = field(default_factory=dict)
    above: list[Row] | None = None
    remarks: int = 0

    def add(self, row: Row, entry: Entry) -> None:
        word = entry.cells[UNIT]
        group = self.by_word.get(word) if word else None if entry.line is Line.DEVICE else self.above
        if group is None:
            group = []
            self.groups.append(group)
            if word:
                self.by_word[word] = group
        group.append(row)
        self.above = group


def text_of(content: bytes) -> str:
    """
    Return what was sent as text.

    :raises Invalid: it is too large, not UTF-8, or damaged
    """
    if len(content) > LARGEST:
        raise Invalid(f"A table may have {LARGEST // 1024**2} MB.", field="file")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid("The table is not in UTF-8. Save it as “CSV UTF-8”.", field="file") from None
    if "\0" in text:
        raise Invalid("The table has a NUL in it: it is damaged.", field="file")
    return text


def header(text: str) -> tuple[str, ...]:
    """
    Return the header of a table that names what must be named.

    :raises Invalid: it is no table, a column that must be there is not, or one is there twice
    """
    found = tuple(header_of(next(records(text), (0, []))[1]))
    if missing := [name for name in needed() if name not in found]:
        raise Invalid(f"These columns are missing: {', '.join(missing)}.", field="file")
    if twice := sorted({name for name in found if name in names() and found.count(name) > 1}):
        raise Invalid(f"These columns are there twice: {', '.join(twice)}.", field="file")
    return found


def passed_over(header: Sequence[str]) -> list[str]:
    """Return the columns of a table that say nothing here."""
    return [name for name in header if name and name not in {*names(), PROBLEMS}]


def read(text: str) -> Sheet:
    """
    Take a table apart.

    :raises Invalid: it is no such table, has nothing below its header, or too much
    """
    found = header(text)
    gathering = _Gathering()
    for count, row in enumerate(_rows(text)):
        if count >= MOST_ROWS:
            raise Invalid(f"A table may have {MOST_ROWS:,} rows.", field="file", cure="Send it in two parts.")
        if row.cells[0].lstrip().startswith(REMARK):
            gathering.remarks += 1
        else:
            gathering.add(row, entry(found, row))
    if not gathering.groups:
        raise Invalid("The table has no device below its header.", field="file")
    return Sheet(found, tuple(map(tuple, gathering.groups)), gathering.remarks)


def _rows(text: str) -> Iterator[Row]:
    lines = records(text)
    next(lines)
    for number, cells in lines:
        if any(cell.strip() for cell in cells):
            yield Row(number, tuple(cells))


class _Said(dict[str, str]):
    """What cells say, by their columns; the others say nothing."""

    def __missing__(self, column: str) -> str:
        return ""


_KNOWN = frozenset(names())
_LINES = {"": Line.DEVICE, **{str(line): line for line in Line}}


def entry(header: Sequence[str], row: Row) -> Entry:
    """Return a line by its columns, each cell without blanks around it; of those that say nothing it is empty."""
    said = _Said(
        (name, words)
        for name, cell in zip(header, row.cells, strict=False)
        if cell and name in _KNOWN and (words := cell.strip())
    )
    beyond = any(cell.strip() for cell in row.cells[len(header) :])
    return Entry(row.number, _LINES.get(said[LINE].casefold()), said, beyond)


def to_repair(header: Sequence[str], groups: Sequence[tuple[Sequence[Row], Mapping[int, str]]]) -> str:
    """
    Return a table of devices with what is wrong with each of their lines in a last column, in the form it was sent in.

    It can be repaired and sent again as it is: that column says nothing there.
    """
    kept = [number for number, name in enumerate(header) if name != PROBLEMS]
    lines = [
        [
            *(row.cells[number] if number < len(row.cells) else "" for number in kept),
            wrong.get(row.number, ""),
            *row.cells[len(header) :],
        ]
        for rows, wrong in groups
        for row in rows
    ]
    return csv_of([*(header[number] for number in kept), PROBLEMS], lines)
