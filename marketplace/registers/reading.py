"""Reads files of registers row by row, in bounded memory, and says of every row what is wrong with it. Pure."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import islice
from typing import Any, BinaryIO

from ..kernel.errors import Invalid
from .arriving import Unreadable
from .records import Parser, Problem, Read
from .sources import SEVERAL, Field, Layout, Source

LARGEST_ANSWER = 5_000_000
"""Bytes of saved JSON, which is read whole."""

_NOT_A_KEY = re.compile(r"[^a-z0-9]+")


def header_key(header: str) -> str:
    """Return the form in which headers are compared: "License-Number" and "LICENSE NUMBER" are license_number."""
    return _NOT_A_KEY.sub("_", header.casefold()).strip("_")


def headers_of(file: BinaryIO, source: Source, encoding: str) -> list[str]:
    """
    Return the headers of a file, as written.

    :raises Unreadable: it has none, or not those that this register always has
    """
    if source.layout is Layout.NPPES_JSON:
        return list(_ANSWER_COLUMNS)
    headers = next(_records(file, source, encoding), (0, []))[1]
    keys = [header_key(header) for header in headers]
    if len(headers) < 2 or not all(keys):
        raise Unreadable("The first line does not name columns.")
    if len(set(keys)) < len(keys):
        raise Unreadable("Two columns have the same name.")
    if source.exact_header and tuple(keys) != source.exact_header:
        raise Unreadable(
            f"This register's files have {len(source.exact_header)} columns, from {source.exact_header[0].upper()} to"
            f" {source.exact_header[-1].upper()}; this one has {len(headers)}, or others."
        )
    return headers


def first_record(file: BinaryIO, source: Source, encoding: str) -> dict[str, str]:
    """Return what stands under each header in the first row; nothing where there is none, or it is broken."""
    try:
        records = [cells for _, cells in islice(_records(file, source, encoding), 2)]
    except Unreadable:
        return {}
    return dict(zip(*records, strict=False)) if len(records) == 2 else {}


def guessed_columns(headers: Sequence[str], source: Source) -> dict[str, Field]:
    """Return what each header is read into, by the names that are known of this register."""
    by_key = {alias: field for field, aliases in source.columns.items() for alias in aliases}
    found: dict[str, Field] = {}
    for header in headers:
        field = by_key.get(header_key(header))
        if field is not None and (field in SEVERAL or field not in found.values()):
            found[header] = field
    return found


def check_columns(columns: Mapping[str, Field], headers: Sequence[str], source: Source) -> None:
    """
    Say whether a mapping can be read by.

    :raises Invalid: it names a column that is not there, fills a field twice, or leaves out what names a row
    """
    if source.layout is Layout.OPENFDA:
        return  # Its records say themselves what each value is.
    if not set(columns) <= set(headers):
        raise Invalid("A column was chosen that the file does not have.")
    chosen = [field for field in columns.values() if field not in SEVERAL]
    if len(set(chosen)) < len(chosen):
        doubled = next(field for field in chosen if chosen.count(field) > 1)
        raise Invalid(f"Only one column can be the {doubled.words.lower()}.", field=doubled.value)
    for field in source.key:
        if field not in chosen:
            raise Invalid(f"Choose the column with the {field.words.lower()}: it names a row.", field=field.value)
    if not source.nameless and not {Field.FAMILY_NAME, Field.FULL_NAME, Field.BUSINESS_NAME} & set(chosen):
        raise Invalid("Choose the column with the name.", field=Field.FAMILY_NAME.value)


def rows(file: BinaryIO, source: Source, encoding: str, columns: Mapping[str, Field], *, today: date) -> Iterator[Read]:
    """
    Yield every record of the file, in its order; `today` is the day of the file, by which days are plausible or not.

    :raises Unreadable: a record breaks the form of the file itself; what was yielded before must not count
    """
    records = _records(file, source, encoding)
    headers = next(records)[1]
    parser = Parser(headers, columns, source, today)
    width = len(headers)
    for position, cells in records:
        if source.trailing_separator and len(cells) == width + 1 and not cells[-1].strip():
            cells = cells[:width]  # noqa: PLW2901  The same record, as its header counts it.
        if len(cells) != width:
            shown = f"{len(cells)} columns where the header has {width}"
            if source.strict:
                raise Unreadable(f"Row {position:,} has {shown}: the file was cut off or damaged. Fetch it again.")
            yield Read(position, None, ((Problem.WIDTH, shown),))
            continue
        yield parser.read(position, cells)


def _records(file: BinaryIO, source: Source, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (position, cells): the header at 0, then every record. Blank lines are none."""
    if source.layout is Layout.NPPES_JSON:
        yield from enumerate(_answers(file))
        return
    text = io.TextIOWrapper(file, encoding=encoding, errors="strict" if encoding != "cp1252" else "replace", newline="")
    pipe = source.layout is Layout.PIPE
    reader = csv.reader(
        text, delimiter="|" if pipe else ",", quoting=csv.QUOTE_NONE if pipe else csv.QUOTE_MINIMAL, strict=not pipe
    )
    position = 0
    try:
        for cells in reader:
            if cells:
                yield position, cells
                position += 1
    except csv.Error as error:
        raise Unreadable(
            f"Row {position:,} breaks the form of the file ({error}): a quotation mark is open, or it was cut off."
        ) from None


_ANSWER_COLUMNS = (
    "number", "taxonomy", "npi", "last_name", "first_name", "middle_name", "organization_name", "status",
    "enumeration_date", "city", "state", "postal_code",
)  # fmt: skip


_TAXONOMIES = 3
"""So many of a provider's kinds of work are kept, the primary one first."""


def _answers(file: BinaryIO) -> Iterator[list[str]]:
    content = file.read(LARGEST_ANSWER + 1)
    if len(content) > LARGEST_ANSWER:
        raise Unreadable(f"Saved answers may have up to {LARGEST_ANSWER // 1_000_000} MB.")
    try:
        found = json.loads(content)["results"]
        yield list(_ANSWER_COLUMNS)
        for entry in found:
            yield _answer(entry)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Unreadable("This is not an answer of the NPPES API: no list of results in it.") from None


def _answer(entry: Mapping[str, Any]) -> list[str]:
    basic = entry["basic"]
    places = [place for place in entry.get("addresses", ()) if place.get("address_purpose") == "LOCATION"]
    given = {**(places[0] if places else {}), **basic, "number": entry["number"], "npi": entry["number"]}
    kinds = sorted(entry.get("taxonomies", ()), key=lambda kind: not kind.get("primary"))
    given["taxonomy"] = "; ".join(filter(None, map(_taxonomy, kinds[:_TAXONOMIES])))
    return [str(given.get(column) or "") for column in _ANSWER_COLUMNS]


def _taxonomy(kind: Mapping[str, Any]) -> str:
    """Return what a provider says of their work, and of their licence for it: "Dermatology, licence K1234 of TX"."""
    licence = " of ".join(str(kind[part]) for part in ("license", "state") if kind.get(part))
    return ", ".join(filter(None, (str(kind.get("desc") or ""), f"licence {licence}" if kind.get("license") else "")))
