"""Tables for spreadsheets, in which no cell is a formula, and every text comes back as it was. Pure."""

import csv
import io
from collections.abc import Iterable, Iterator

from .errors import Invalid

MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""At the beginning, it tells spreadsheets that a table is UTF-8."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
_QUOTE = "'"
_BETWEEN = ",;\t"


def cell(text: object) -> str:
    """
    Return the text as a spreadsheet shows it and never computes it: what looks like a formula is quoted.

    So is what begins with the quotation mark itself: `plain` then finds every text again as it was.
    """
    written = "" if text is None else str(text)
    return f"{_QUOTE}{written}" if written.startswith((*_FORMULA, _QUOTE)) else written


def plain(written: str) -> str:
    """Return the text that `cell` wrote; what it never writes is taken as it stands."""
    quoted = written.startswith(_QUOTE) and written[1:].startswith((*_FORMULA, _QUOTE))
    return written[1:] if quoted else written


def records(text: str) -> Iterator[tuple[int, list[str]]]:
    """
    Yield the rows of a table that are not empty, each with its number, from 1, and as it was before it was quoted.

    Numbers are those that a spreadsheet shows. Cells stand between commas, or between what the header has most of:
    a spreadsheet that writes amounts with a comma puts semicolons between cells.

    :raises Invalid: it is no table
    """
    text = text.removeprefix(MARK)
    between = max(_BETWEEN, key=text.partition("\n")[0].count)
    try:
        for number, line in enumerate(csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=between), 1):
            if line:
                yield number, [plain(written) for written in line]
    except csv.Error as trouble:
        raise Invalid(f"This is no table that can be read: {trouble}.", field="file") from None


def header_of(cells: Iterable[str]) -> list[str]:
    """Return the names of a table's columns, in which neither case nor blanks around them count."""
    return [name.strip().casefold() for name in cells]


def rows_of(text: str) -> list[dict[str, str]]:
    """
    Return the rows of a table by its header.

    :raises Invalid: it is no table, or a row has more or fewer cells than the header
    """
    lines = records(text)
    header = header_of(next(lines, (0, []))[1])
    rows = []
    for number, line in lines:
        if len(line) != len(header):
            sentence = f"Row {number} has {len(line)} cells where the header has {len(header)}."
            raise Invalid(sentence, field="file")
        rows.append(dict(zip(header, line, strict=True)))
    return rows


def csv_of(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return the table as RFC 4180 writes it."""
    written = io.StringIO(newline="")
    sheet = csv.writer(written)
    sheet.writerow(header)
    sheet.writerows([cell(entry) for entry in row] for row in rows)
    return written.getvalue()
