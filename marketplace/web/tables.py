"""Tables for spreadsheets, in which no cell is a formula."""

import csv
import io
from collections.abc import Iterable

from flask import Response

from ..kernel.errors import Invalid

_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"  # At the beginning, it tells spreadsheets that a table is UTF-8.

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋", "－", "＠")
_QUOTE = "'"


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


def rows_of(text: str) -> list[dict[str, str]]:
    """
    Return the rows of a table by its header, each cell as it was before it was quoted.

    :raises Invalid: it is no table, or a row has more or fewer cells than the header
    """
    try:
        lines = [line for line in csv.reader(io.StringIO(text.removeprefix(_MARK), newline=""), strict=True) if line]
    except csv.Error as trouble:
        raise Invalid(f"This is no table that can be read: {trouble}.", field="file") from None
    header = [name.strip().casefold() for name in lines[0]] if lines else []
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            sentence = f"Row {number} has {len(line)} cells where the header has {len(header)}."
            raise Invalid(sentence, field="file")
    return [dict(zip(header, map(plain, line), strict=True)) for line in lines[1:]]


def csv_of(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return the table as RFC 4180 writes it."""
    written = io.StringIO(newline="")
    sheet = csv.writer(written)
    sheet.writerow(header)
    sheet.writerows([cell(entry) for entry in row] for row in rows)
    return written.getvalue()


def download(name: str, text: str) -> Response:
    """Answer with a table to keep under `name`."""
    response = Response(_MARK + text, mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response
