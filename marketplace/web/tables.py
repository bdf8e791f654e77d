"""Tables for spreadsheets, in which no cell is a formula."""

import csv
import io
from collections.abc import Iterable

from flask import Response

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\0")


def cell(text: object) -> str:
    """Return the text as a spreadsheet shows it and never computes it: what looks like a formula is quoted."""
    written = "" if text is None else str(text)
    return f"'{written}" if written.startswith(_FORMULA) else written


def csv_of(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return the table as RFC 4180 writes it."""
    written = io.StringIO(newline="")
    sheet = csv.writer(written)
    sheet.writerow(header)
    sheet.writerows([cell(entry) for entry in row] for row in rows)
    return written.getvalue()


def download(name: str, text: str) -> Response:
    """Answer with a table to keep under `name`."""
    # The mark at the beginning tells spreadsheets that it is UTF-8.
    response = Response("\N{ZERO WIDTH NO-BREAK SPACE}" + text, mimetype="text/csv")
    response.headers.set("Content-Disposition", "attachment", filename=name)
    return response
