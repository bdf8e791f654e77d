"""Reads files of registers row by row, in bounded memory, and says of every row what is wrong with it. Pure."""

import codecs
import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from operator import attrgetter
from typing import Any, BinaryIO, NamedTuple, Protocol

from ..kernel.errors import Invalid
from .normal import core_number, head, is_npi
from .sources import SEVERAL, Field, Layout, Source

LONGEST_LINE = 65_536
LARGEST_ANSWER = 5_000_000
"""Bytes of saved JSON, which is read whole."""

_EARLIEST = date(1950, 1, 1)
_LONGEST_TERM = timedelta(days=366 * 30)
_NOT_A_KEY = re.compile(r"[^a-z0-9]+")
_PLACE = re.compile(r"(?P<city>.*?)[,\s]+(?P<state>[A-Z]{2})[\s,]+(?P<zip>\d{5}(?:-?\d{4})?)$")
_SAYS_NO = frozenset({"", "n", "no", "none", "false", "0", "null"})
_UNKNOWN_NPI = "0000000000"
_BY_LINES = frozenset({Layout.CSV, Layout.PIPE})


class Unreadable(Invalid):
    """The file as a whole cannot be taken; nothing of it is loaded."""

    code = "register_file_unreadable"


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


class Inspection(NamedTuple):
    """What is known of a file before a row of it is read."""

    digest: str
    size: int
    encoding: str
    lines: int


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


def header_key(header: str) -> str:
    """Return the form in which headers are compared: "License-Number" and "LICENSE NUMBER" are license_number."""
    return _NOT_A_KEY.sub("_", header.casefold()).strip("_")


class Watch:
    """Looks once at all bytes of a file: digest, size, encoding, and whether a row could be lost in it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._digest = hashlib.sha256()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._size = self._lines = self._length = 0
        self._utf8 = True
        self._last = self._open = b""

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """
        Yield the chunks and look at each.

        :raises Unreadable: packed, not text, or with a line that no register writes
        """
        for chunk in chunks:
            self._see(chunk)
            yield chunk

    def _see(self, chunk: bytes) -> None:
        if not self._size:
            _refuse_other_formats(chunk)
        if b"\0" in chunk:
            line = self._lines + chunk[: chunk.index(b"\0")].count(b"\n") + 1
            raise Unreadable(f"Line {line:,} has a NUL byte in it: this is not a text file, or it is damaged.")
        self._digest.update(chunk)
        self._size += len(chunk)
        self._last = chunk[-1:] or self._last
        if self._utf8:
            try:
                self._decoder.decode(chunk)
            except UnicodeDecodeError:
                self._utf8 = False
        if self._source.layout is Layout.OPENFDA:
            self._count(chunk)
        elif self._source.layout is not Layout.NPPES_JSON:
            self._measure(chunk)

    def _count(self, chunk: bytes) -> None:
        # Its records are not its lines: what numbers them stands once in each, perhaps across two chunks.
        name = f'"{self._source.number_field}"'.encode()
        seen = self._open + chunk
        self._lines += seen.count(name) + (not self._lines)
        self._open = seen[1 - len(name) :]

    def _measure(self, chunk: bytes) -> None:
        pieces = chunk.split(b"\n")
        for number, piece in enumerate(pieces, self._lines + 1):
            length = len(piece) + (self._length if number == self._lines + 1 else 0)
            if length > LONGEST_LINE:
                raise Unreadable(f"Line {number:,} has more than {LONGEST_LINE:,} bytes: no register writes so.")
        self._length = length
        self._lines += len(pieces) - 1

    def verdict(self) -> Inspection:
        """
        Say what came through.

        :raises Unreadable: nothing, not UTF-8, or cut off
        """
        if not self._size:
            raise Unreadable("The file is empty.")
        if self._utf8:
            try:
                self._decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                self._utf8 = False
        if not self._utf8 and not self._source.latin:
            raise Unreadable("The file is not in UTF-8, as this register's files are: letters would be lost.")
        if self._source.layout in _BY_LINES and self._last != b"\n":
            raise Unreadable("The last line has no end: the file was cut off. Fetch it again.")
        return Inspection(self._digest.hexdigest(), self._size, "utf-8-sig" if self._utf8 else "cp1252", self._lines)


def _refuse_other_formats(start: bytes) -> None:
    if start.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        raise Unreadable("The file is packed. Unpack it and send what is inside.")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("The file is in UTF-16. Save it as UTF-8.")


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
    parser = _Parser(headers, columns, source, today)
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


class _Parser:
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
        if text[:8].isdecimal() and len(written) == 8:
            return date(int(text[:4]), int(text[4:6]), int(text[6:]))
        if text[2:3] == "/":
            month, day, year = text.split("/")
            return date(int(year), int(month), int(day))
        return date.fromisoformat(text)
    except ValueError:
        return None
