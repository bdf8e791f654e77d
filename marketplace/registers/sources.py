"""Which registers there are, as data: who publishes each, what it covers, how its files look. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from ..kernel.shapes import Misshapen, read
from ..kernel.terms import STATES


class SourceKind(StrEnum):
    """What it means to be in a register."""

    ROSTER = "roster"
    EXCLUSIONS = "exclusions"
    ENUMERATION = "enumeration"
    RECALLS = "recalls"
    CLEARANCES = "clearances"


class Layout(StrEnum):
    """How the rows of a file are written."""

    CSV = "csv"
    PIPE = "pipe"  # Separated by |, and a quotation mark is a letter like any other.
    NPPES_JSON = "nppes_json"
    OPENFDA = "openfda"


class Reports(StrEnum):
    """What a register tells beyond that a licence was issued."""

    STATUS = "status"
    DISCIPLINE = "discipline"


class Field(StrEnum):
    """What we take from a row. Nothing else is kept: no birth date, no e-mail, no telephone number, no street."""

    LICENSE_TYPE = "license_type"
    NUMBER = "number"
    FAMILY_NAME = "family_name"
    GIVEN_NAME = "given_name"
    MIDDLE_NAME = "middle_name"
    FULL_NAME = "full_name"
    BUSINESS_NAME = "business_name"
    STATUS = "status"
    DISCIPLINE = "discipline"
    EXPIRES_ON = "expires_on"
    ISSUED_ON = "issued_on"
    NPI = "npi"
    DEACTIVATED_ON = "deactivated_on"
    REACTIVATED_ON = "reactivated_on"
    CITY = "city"
    STATE = "state"
    ZIP = "zip"
    CITY_STATE_ZIP = "city_state_zip"

    @property
    def words(self) -> str:
        """Say it on the mapping screen."""
        return _FIELD_WORDS.get(self, self.value.replace("_", " ").capitalize())


_FIELD_WORDS = {
    Field.LICENSE_TYPE: "Licence type",
    Field.FULL_NAME: "Name (last, first)",
    Field.NPI: "NPI",
    Field.ZIP: "ZIP code",
    Field.CITY_STATE_ZIP: "City, state and ZIP code",
}

SEVERAL = frozenset({Field.STATUS, Field.DISCIPLINE})
"""What may stand in more than one column: all of them are read."""


@dataclass(frozen=True, slots=True)
class Source:
    """
    One register.

    `standing` says how well its file is known: P, O, S or X. `columns` lists, by field, the headers it was seen under,
    in the form of `header_key`. `strict`: one row of the wrong width refuses the whole file. `key`: what names a row.
    `number_field`: of openFDA's files, what numbers their records. `whole`: who is not in its file is not in the
    register; of a file of changes, or of what was asked for, that means nothing. `nameless`: a row may be no more than
    what names it.
    """

    code: str
    name: str
    publisher: str
    address: str
    standing: str
    jurisdiction: str | None
    kind: SourceKind
    covers: str
    layout: Layout
    fresh_days: int
    reports: tuple[Reports, ...]
    key: tuple[Field, ...]
    columns: Mapping[Field, tuple[str, ...]]
    exact_header: tuple[str, ...] = ()
    strict: bool = False
    latin: bool = False
    trailing_separator: bool = False
    number_field: str = ""
    whole: bool = True
    nameless: bool = False

    def __post_init__(self) -> None:
        """
        Refuse a source that contradicts itself.

        :raises Misshapen: an unknown state, a roster of no state, records without a number
        """
        if self.jurisdiction is not None and self.jurisdiction not in STATES:
            raise Misshapen(self.code, f"no such state: {self.jurisdiction!r}")
        if (self.kind is SourceKind.ROSTER) != (self.jurisdiction is not None):
            raise Misshapen(self.code, "a roster, and nothing else, belongs to a state")
        if (self.layout is Layout.OPENFDA) != bool(self.number_field):
            raise Misshapen(self.code, "openFDA's records, and no others, are named by a field")
        if self.fresh_days < 1:
            raise Misshapen(self.code, "fresh_days must be positive")

    @property
    def fresh_for(self) -> timedelta:
        """How old its newest file may be."""
        return timedelta(days=self.fresh_days)


def read_sources(document: Any) -> dict[str, Source]:
    """
    Return the sources of a document, by code, in its order.

    :raises Misshapen: an entry is not a source, or a code is listed twice
    """
    found: dict[str, Source] = {}
    for entry in read(tuple[Source, ...], document, "sources"):
        if entry.code in found:
            raise Misshapen(entry.code, "this source is listed twice")
        found[entry.code] = entry
    return found


@cache
def sources() -> Mapping[str, Source]:
    """Return the sources that ship with the product, by code."""
    file = files("marketplace.registers") / "data" / "sources.json"
    return read_sources(json.loads(file.read_text(encoding="utf-8")))


def rosters_of(state: str) -> Sequence[Source]:
    """Return the rosters of one state."""
    return [source for source in sources().values() if source.jurisdiction == state]


EXCLUSIONS = "US:LEIE"
"""The list that everybody who buys, orders or operates is looked for in."""


def enumerations() -> Sequence[str]:
    """Return the codes of the files that say who has which National Provider Identifier."""
    return [source.code for source in sources().values() if source.kind is SourceKind.ENUMERATION]


RECALLS, ENFORCEMENT, CLEARANCES = "US:FDA:RECALL", "US:FDA:ENFORCEMENT", "US:FDA:510K"
"""What the Food and Drug Administration publishes about devices. Its classes of recalls stand in the second alone."""
