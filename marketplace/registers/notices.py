"""Reads openFDA's files of recalls, enforcement reports and 510(k) decisions, record by record. Pure."""

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta
from itertools import islice
from typing import Any, BinaryIO

from .arriving import Unreadable
from .records import Problem, Read, plausible_day
from .sources import Source

LARGEST_RECORD = 4_000_000
"""Letters of one record: serial numbers of a whole production are listed in some."""

_PIECE = 1 << 20
_START = re.compile(r'"results"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")
_K_NUMBER = re.compile(r"^K\d{6}$")
_EMPTY = frozenset({"", "N/A", "n/a"})
_YEAR = timedelta(days=366)


@dataclass(slots=True)
class Notice:
    """
    What one record says of a device, in its publisher's words.

    Of a 510(k) decision, `firm` is who applied, `started_on` the day it was received, `posted_on` that of the decision.
    """

    number: str | None = None
    event: str | None = None
    firm: str | None = None
    product_code: str | None = None
    k_numbers: tuple[str, ...] = ()
    device: str | None = None
    codes: str | None = None
    reason: str | None = None
    classification: str | None = None
    status: str | None = None
    started_on: date | None = None
    posted_on: date | None = None
    ended_on: date | None = None
    flaw: str | None = None

    @property
    def license_type(self) -> str | None:
        """What a report counts its rows by: the product code."""
        return self.product_code

    def cells(self) -> tuple[Any, ...]:
        """Return the values in the order of the fields, 510(k) numbers as the database writes a list."""
        values = {name: getattr(self, name) for name in NOTICE_FIELDS}
        return tuple({**values, "k_numbers": "{" + ",".join(self.k_numbers) + "}"}.values())


NOTICE_FIELDS = tuple(field.name for field in fields(Notice))

# Ours -> theirs, by the field that numbers the records; of several names the first that says something.
_NAMES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "product_res_number": {
        "event": ("res_event_number",),
        "firm": ("recalling_firm",),
        "product_code": ("product_code",),
        "device": ("product_description",),
        "codes": ("code_info",),
        "reason": ("reason_for_recall",),
        "status": ("recall_status",),
        "started_on": ("event_date_initiated",),
        "posted_on": ("event_date_posted", "event_date_created"),
        "ended_on": ("event_date_terminated",),
    },
    "recall_number": {
        "event": ("event_id",),
        "firm": ("recalling_firm",),
        "product_code": ("product_code",),
        "device": ("product_description",),
        "codes": ("code_info",),
        "reason": ("reason_for_recall",),
        "classification": ("classification",),
        "status": ("status",),
        "started_on": ("recall_initiation_date",),
        "posted_on": ("report_date",),
        "ended_on": ("termination_date",),
    },
    "k_number": {
        "firm": ("applicant",),
        "product_code": ("product_code",),
        "device": ("device_name",),
        "reason": ("statement_or_summary",),
        "classification": ("decision_code",),
        "status": ("decision_description", "decision_code"),
        "started_on": ("date_received",),
        "posted_on": ("decision_date",),
    },
}
_DAYS = ("started_on", "posted_on", "ended_on")


def rows(file: BinaryIO, source: Source, *, today: date) -> Iterator[Read]:
    """
    Yield every record, in its order; `today` is the day of the file, by which days are plausible or not.

    :raises Unreadable: it is no file of this register, or was cut off; what was yielded before must not count
    """
    for position, record in enumerate(_records(file), 1):
        yield _read(position, record, source.number_field, today + _YEAR)


def first(file: BinaryIO, source: Source) -> dict[str, Any]:
    """
    Return the first record as it is written.

    :raises Unreadable: there is none, or it has not the name that numbers this register's records
    """
    found = next(islice(_records(file), 1), {})
    if source.number_field not in found:
        raise Unreadable(f"This is no openFDA file of this register: its first record has no {source.number_field}.")
    return found


def _read(position: int, record: Mapping[str, Any], numbered_by: str, latest: date) -> Read:
    notice, problems = Notice(number=_said(record, (numbered_by,))), []
    for ours, theirs in _NAMES[numbered_by].items():
        said = _said(record, theirs)
        if ours in _DAYS and said is not None:
            day, plausible = plausible_day(said, latest)
            setattr(notice, ours, day)
            if not plausible:
                problems.append((Problem.DATE, f"{theirs[0]} {said[:40]!r}"))
        else:
            setattr(notice, ours, said)
    notice.product_code = notice.product_code or next(iter(_listed(record, "product_code")), None)
    numbers = [*_listed(record, "k_numbers"), *_listed(record, "k_number")]
    notice.k_numbers = tuple(dict.fromkeys(number for number in numbers if _K_NUMBER.match(number)))
    if problems:
        notice.flaw = "; ".join(shown for _, shown in problems)
    if notice.number is None:
        return Read(position, None, (*problems, (Problem.NO_KEY, f"no {numbered_by}")))
    return Read(position, notice, tuple(problems))


def _said(record: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        value = record.get(name)
        if isinstance(value, (str, int)):
            # NUL and half letters are legal in JSON, and in no database.
            plain = str(value).replace("\0", " ").encode("utf-8", "replace").decode()
            words = " ".join(plain.split())
            if words not in _EMPTY:
                return words
    return None


def _listed(record: Mapping[str, Any], name: str) -> Iterator[str]:
    """Yield what stands under a name in the record itself, then in what openFDA added; one value or many."""
    added = record.get("openfda")
    for place in (record, added if isinstance(added, dict) else {}):
        found = place.get(name, [])
        values = found if isinstance(found, list) else [found]
        yield from (value for value in values if isinstance(value, str) and value)


def _records(file: BinaryIO) -> Iterator[dict[str, Any]]:
    """Yield the entries of `results`, holding no more than one of them and a piece of the file in memory."""
    feed = _Feed(file)
    while (start := _START.search(feed.text)) is None:
        if len(feed.text) > LARGEST_RECORD or not feed.more():
            raise Unreadable("This is not an openFDA file: it has no list of results.")
    feed.text = feed.text[start.end() :]
    decoder, at = json.JSONDecoder(), 0
    while True:
        between = _BETWEEN.match(feed.text, at)
        assert between is not None  # It matches nothing, too.
        at = between.end()
        if feed.text[at : at + 1] == "]":
            return
        try:
            record, at = decoder.raw_decode(feed.text, at)
        except (ValueError, RecursionError):
            feed.text, at = feed.text[at:], 0
            if len(feed.text) > LARGEST_RECORD or not feed.more():
                raise Unreadable("A record has no end: the file was cut off or damaged. Fetch it again.") from None
            continue
        if not isinstance(record, dict):
            raise Unreadable("Something in the list of results is not a record.")
        yield record


class _Feed:
    """A file as text, by pieces."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self.text = ""

    def more(self) -> bool:
        """Read on; False at the end."""
        piece = self._file.read(_PIECE)
        self.text += self._decoder.decode(piece)
        return bool(piece)
