"""What kinds of credentials are known, who issues them and what they open. Data in `data/types.json`. Pure."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from ..kernel.shapes import Misshapen, read
from ..kernel.terms import STATES, ProcedureClass
from ..kernel.text import normal_number

TYPES_FILE = Path(__file__).parent / "data" / "types.json"


class CredentialKind(StrEnum):
    """What sort of proof a credential is; how long a look at its source stays fresh depends on it."""

    STATE_LICENSE = "STATE_LICENSE"
    STATE_CERTIFICATE = "STATE_CERTIFICATE"
    FACILITY_LICENSE = "FACILITY_LICENSE"
    DEVICE_REGISTRATION = "DEVICE_REGISTRATION"
    PRIVATE_CERT = "PRIVATE_CERT"
    TRAINING_RECORD = "TRAINING_RECORD"
    RX_AUTHORITY = "RX_AUTHORITY"
    LSO_DESIGNATION = "LSO_DESIGNATION"
    SUPERVISION_AGREEMENT = "SUPERVISION_AGREEMENT"


class Subject(StrEnum):
    """Who can hold it."""

    PERSON = "person"
    SITE = "site"


class Opens(StrEnum):
    """Which key a credential can help to turn. None at all: it is kept as evidence and shown, and opens nothing."""

    OPERATOR = "operator"
    PRESCRIBER = "prescriber"
    SITE = "site"


class Term(StrEnum):
    """How a credential ends."""

    DATED = "dated"
    MAY_BE_OPEN = "may_be_open"


@dataclass(frozen=True, slots=True)
class Endorsement:
    """A procedure that a certificate can list, and the procedure classes it stands for."""

    code: str
    name: str
    procedure_classes: frozenset[ProcedureClass] = frozenset()


@dataclass(frozen=True, slots=True)
class Level:
    """A grade that a credential is issued in."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class NumberForm:
    """
    How a number is written in one state. It catches typing errors; it proves nothing about issue or standing.

    `standing` says how well the form is known: P, O, S, or GK for general knowledge. `of` names the holders it is for,
    where a state writes several forms.
    """

    pattern: str
    standing: str
    example: str | None = None
    of: str | None = None

    def __post_init__(self) -> None:
        try:
            re.compile(self.pattern)
        except re.error:
            raise Misshapen("pattern", f"not a regular expression: {self.pattern!r}") from None


@dataclass(frozen=True, slots=True)
class LookUp:
    """Where a person looks the credential up at its source."""

    url: str
    standing: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class CredentialType:
    """
    One kind of credential.

    `jurisdictions` are the postal codes it is issued in; empty: any state. `number_forms` and `look_ups` are by state;
    a look-up under "*" serves them all. `two_verifiers`: it opens procedures so dangerous that two people confirm it.
    """

    code: str
    name: str
    issuer: str
    kind: CredentialKind
    subject: Subject
    opens: frozenset[Opens]
    term: Term
    jurisdictions: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()
    endorsements: tuple[Endorsement, ...] = ()
    asks_device_model: bool = False
    two_verifiers: bool = False
    does_not_open: str | None = None
    term_note: str | None = None
    number_forms: Mapping[str, tuple[NumberForm, ...]] | None = None
    look_ups: Mapping[str, LookUp] | None = None
    sources: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """
        Refuse a type that contradicts itself.

        :raises Misshapen: an unknown state, a doubled code, or neither what it opens nor why it opens nothing
        """
        for state in (*self.jurisdictions, *(self.number_forms or ()), *(self.look_ups or ())):
            if state not in STATES and state != "*":
                raise Misshapen(self.code, f"no such state: {state!r}")
        for codes in ([level.code for level in self.levels], [entry.code for entry in self.endorsements]):
            if len(set(codes)) < len(codes):
                raise Misshapen(self.code, "a level or endorsement is listed twice")
        if not self.opens and not self.does_not_open:
            raise Misshapen(self.code, "a type that opens nothing says so in does_not_open")
        if self.subject is Subject.SITE and not self.opens <= {Opens.SITE}:
            raise Misshapen(self.code, "a site's credential can only turn the site's key")

    def issued_in(self, state: str) -> bool:
        """Say whether this type exists in `state`."""
        return not self.jurisdictions or state in self.jurisdictions

    def names_of(self, level: str | None, endorsements: Iterable[str] = ()) -> tuple[str, ...]:
        """Return a level and endorsements as people say them; a code of earlier days stands for itself."""
        names = {known.code: known.name for known in self.levels}
        names |= {known.code: known.name for known in self.endorsements}
        return tuple(names.get(code, code) for code in (level, *endorsements) if code)

    def looks_right(self, number: str, state: str) -> bool | None:
        """
        Say whether `number` is written as numbers are in `state`; None where that is not known.

        Spaces and hyphens do not matter. It never verifies: a well-written number may never have been issued.
        """
        forms = (self.number_forms or {}).get(state)
        if forms is None:
            return None
        writings = (number.strip(), normal_number(number))
        return any(re.fullmatch(form.pattern, writing) for form in forms for writing in writings)

    def look_up(self, state: str) -> LookUp | None:
        """Return where it is looked up in `state`, if that is known."""
        entries = self.look_ups or {}
        return entries.get(state) or entries.get("*")


def read_types(document: object) -> dict[str, CredentialType]:
    """
    Return the credential types of a document, by code, in its order.

    :raises Misshapen: an entry is not a credential type, or a code is listed twice
    """
    types: dict[str, CredentialType] = {}
    for entry in read(tuple[CredentialType, ...], document, "types"):
        if entry.code in types:
            raise Misshapen(entry.code, "this type is listed twice")
        types[entry.code] = entry
    return types


@cache
def credential_types() -> Mapping[str, CredentialType]:
    """Return the types that ship with the product, by code."""
    return read_types(json.loads(TYPES_FILE.read_text(encoding="utf-8")))
