"""The whole policy as versioned data: every rule, and what the house asks beside them. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

from ..credentials.types import CredentialKind, CredentialType, Subject, credential_types
from ..kernel.shapes import Misshapen, read, write
from ..kernel.terms import STATES, ProcedureClass
from .facts import Handpiece
from .requirements import (
    AllOf,
    AnyOf,
    HoldsCredential,
    MemberHolds,
    NotEvidenced,
    PractitionerAttests,
    Requirement,
    SiteHolds,
    atoms,
)
from .rules import GATING, Option, Rule
from .verdict import Citation, Evidence, Route

POLICY_FILE = Path(__file__).parent / "data" / "policy.json"


@dataclass(frozen=True, slots=True)
class Freshness:
    """For how many days a look at the primary source counts, when deciding and when the device leaves the seller."""

    decision_days: int
    release_days: int


@dataclass(frozen=True, slots=True)
class Check:
    """Whether a check is demanded; while it is not, why not."""

    required: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Prescriber:
    """Licences that make an ordering practitioner, in these states; none named: in every state."""

    types: tuple[str, ...]
    name: str
    states: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ordering:
    """Who may order a prescription device, everywhere, whether or not the state's rule repeats it."""

    prescribers: tuple[Prescriber, ...]
    confirmation_days: int
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Floor:
    """What the house asks beyond every rule for some procedures. Project policy, not law."""

    id: str
    procedure_classes: tuple[ProcedureClass, ...]
    requires: Requirement
    reason: str
    citations: tuple[Citation, ...] = ()


@dataclass(frozen=True, slots=True)
class Narrowing:
    """How a handpiece that serves several procedures may be sold for some of them only."""

    never: tuple[ProcedureClass, ...]
    sentence: str
    reason: str

    def __post_init__(self) -> None:
        try:
            self.sentence.format(device="", uses="", left_out="")
        except (KeyError, IndexError, ValueError):
            raise Misshapen("narrowing.sentence", "only {device}, {uses} and {left_out} can stand in braces") from None


@dataclass(frozen=True, slots=True)
class DeviceDuties:
    """What is asked of the device and of whoever sells it, everywhere."""

    refused_product_codes: Mapping[str, str]
    rx_label_citations: tuple[Citation, ...]
    id_label_citations: tuple[Citation, ...]
    modification_citations: tuple[Citation, ...]
    seller_citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class Default:
    """What holds where nothing was found: no, and the way to ask."""

    rule_id: str
    appeal: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Document:
    """
    One whole policy as it is written, published and kept.

    `freshness` is None for a kind that records the past and cannot grow stale. `endorsements` says which procedures an
    endorsement on a credential stands for, by credential type.
    """

    format: int
    name: str
    reading: str
    evidence_levels: Mapping[Evidence, str]
    freshness: Mapping[CredentialKind, Freshness | None]
    freshness_source: str
    recall_check: Check
    exclusion_check: Check
    device: DeviceDuties
    ordering: Ordering
    narrowing: Narrowing
    floors: tuple[Floor, ...]
    default: Default
    endorsements: Mapping[str, Mapping[str, tuple[ProcedureClass, ...]]]
    notes: Mapping[str, str]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """
    One enabled option of one rule for one procedure, with everything that it asks for.

    `asked` is the same as `conditions`, in the same order, with nothing joined by "all of"; what several ways of a
    policy ask for alike is one object in all of them, so that it is answered once. `hangs_on_operator`: it asks the
    operator for a credential whatever else is met; `closed`: it asks for something that cannot be shown here yet.
    """

    rule: Rule
    option: Option
    conditions: tuple[Requirement, ...]
    asked: tuple[Requirement, ...]
    hangs_on_operator: bool
    closed: bool

    @property
    def selective(self) -> bool:
        """Say whether its words leave some handpieces out."""
        return self.rule.coverage is not None or self.option.coverage is not None

    def reaches(self, handpiece: Handpiece) -> bool:
        """Say whether the words of the rule, and of this option, speak of the handpiece."""
        words = (self.rule.coverage, self.option.coverage)
        return all(coverage is None or coverage.reaches(handpiece) for coverage in words)


class Policy:
    """A document that was found sound, indexed by place and procedure."""

    __slots__ = (
        "_alike",
        "_believed",
        "_cited",
        "_rules",
        "_ways",
        "decision_limits",
        "document",
        "prescribers",
        "release_limits",
    )

    def __init__(self, document: Document) -> None:
        self.document = document
        freshness = document.freshness.items()
        self.decision_limits = {
            kind: timedelta(days=fresh.decision_days) if fresh else None for kind, fresh in freshness
        }
        self.release_limits = {kind: timedelta(days=fresh.release_days) if fresh else None for kind, fresh in freshness}
        self._alike: dict[Requirement, Requirement] = {}
        self._ways: dict[tuple[str, ProcedureClass], tuple[Way, ...]] = {}
        self._rules: dict[tuple[str, ProcedureClass], tuple[Rule, ...]] = {}
        self._believed: dict[tuple[str, ProcedureClass], tuple[Route, ...]] = {}
        self._cited: dict[tuple[str, ProcedureClass], tuple[Citation, ...]] = {}
        self.prescribers = {
            state: HoldsCredential(
                name=" or ".join(entry.name for entry in entries),
                types=tuple(code for entry in entries for code in entry.types),
            )
            for state in STATES
            if (entries := [p for p in document.ordering.prescribers if not p.states or state in p.states])
        }
        for rule in document.rules:
            for procedure in rule.procedure_classes:
                where = (rule.state, procedure)
                self._rules[where] = (*self._rules.get(where, ()), rule)
                self._ways[where] = (*self._ways.get(where, ()), *self.ways_of(rule, procedure))
                self._believed[where] = (*self._believed.get(where, ()), *_closed(rule, procedure))
                read_here = (cited for cited in rule.citations if cited.evidence in GATING)
                self._cited[where] = (*self._cited.get(where, ()), *read_here)

    @classmethod
    def from_document(cls, document: object, types: Mapping[str, CredentialType] | None = None) -> "Policy":
        """
        Return the policy that a JSON document describes, about these credential types; by default those known here.

        :raises Misshapen: a key, type, place or reference is unknown, missing or contradicts another; its path is named
        """
        policy = read(Document, document)
        _refuse_contradictions(policy, credential_types() if types is None else types)
        return cls(policy)

    def to_document(self) -> dict[str, Any]:
        """Return the policy as plain JSON."""
        document: dict[str, Any] = write(self.document)
        return document

    def ways(self, state: str, procedure: ProcedureClass) -> tuple[Way, ...]:
        """Return every way that can open for `procedure` in `state`, in the order of the document."""
        return self._ways.get((state, procedure), ())

    def rules_on(self, state: str, procedure: ProcedureClass) -> tuple[Rule, ...]:
        """Return every rule about `procedure` in `state`, also those that never gate."""
        return self._rules.get((state, procedure), ())

    def believed_on(self, state: str, procedure: ProcedureClass) -> tuple[Route, ...]:
        """Return what is believed but not confirmed, so that a page can say so. It never opens."""
        return self._believed.get((state, procedure), ())

    def read_on(self, state: str, procedure: ProcedureClass) -> tuple[Citation, ...]:
        """Return the law that was read about `procedure` in `state`, whether or not it says who may operate."""
        return self._cited.get((state, procedure), ())

    def ways_of(self, rule: Rule, procedure: ProcedureClass) -> Iterator[Way]:
        """Yield the ways in which one rule opens for `procedure`, with what the house asks beside every rule."""
        if not rule.gates:
            return
        floors = tuple(f.requires for f in self.document.floors if procedure in f.procedure_classes)
        for option in rule.options:
            if option.gates and option.covers(procedure):
                conditions = (option.requires, *rule.requires, *floors)
                asked = tuple(self._alike.setdefault(one, one) for one in _singly(conditions))
                closed = any(isinstance(one, NotEvidenced) for one in asked)
                yield Way(rule, option, conditions, asked, _hangs_on_operator(asked), closed)


def _hangs_on_operator(asked: tuple[Requirement, ...]) -> bool:
    # Where one of several things may do, it may or may not be one that cannot be shown: such a way has to be tried.
    doubtful = any(isinstance(atom, NotEvidenced) for one in asked if isinstance(one, AnyOf) for atom in atoms(one))
    return not doubtful and any(isinstance(one, HoldsCredential) for one in asked)


def _closed(rule: Rule, procedure: ProcedureClass) -> Iterator[Route]:
    for option in rule.options:
        if option.covers(procedure) and not (rule.gates and option.gates):
            yield Route(rule.id, option.name, confirmed=False)


def _singly(requirements: Iterable[Requirement]) -> Iterator[Requirement]:
    """Yield what is asked for piece by piece: to ask for all of several is to ask for each."""
    for requirement in requirements:
        if isinstance(requirement, AllOf):
            yield from _singly(requirement.conditions)
        else:
            yield requirement


def _refuse_contradictions(document: Document, types: Mapping[str, CredentialType]) -> None:
    seen: set[str] = set()
    for position, rule in enumerate(document.rules):
        if rule.id in seen:
            raise Misshapen(f"rules[{position}].id", f"{rule.id} is listed twice")
        seen.add(rule.id)
        _refuse_unknown_types(rule, types, f"rules[{position}]")
    _refuse_two_texts(document)
    for floor in document.floors:
        _refuse_unknown_in(floor.requires, types, f"floors.{floor.id}")
    for prescriber in document.ordering.prescribers:
        _refuse_unknown(prescriber.types, types, "ordering.prescribers")
    if all(prescriber.states for prescriber in document.ordering.prescribers):
        raise Misshapen("ordering.prescribers", "one of them must count in every state")
    _refuse_unknown(document.endorsements, types, "endorsements")
    for code, meanings in document.endorsements.items():
        if strange := meanings.keys() - {entry.code for entry in types[code].endorsements}:
            raise Misshapen(f"endorsements.{code}", f"no such endorsement: {min(strange)!r}")
    if strange := document.notes.keys() - STATES.keys():
        raise Misshapen(f"notes.{min(strange)}", "no such state")
    if missing := [kind for kind in CredentialKind if kind not in document.freshness]:
        raise Misshapen("freshness", f"{missing[0]} is missing")


def _refuse_unknown_types(rule: Rule, types: Mapping[str, CredentialType], path: str) -> None:
    for named in rule.not_accepted:
        _refuse_unknown(named.types, types, f"{path}.not_accepted")
    for option in rule.options:
        _refuse_unknown_in(option.requires, types, f"{path}.options.{option.name}")
    for requirement in rule.requires:
        _refuse_unknown_in(requirement, types, f"{path}.requires")


def _refuse_two_texts(document: Document) -> None:
    """One code is one statement: what was signed under a code must not mean something else in another rule."""
    texts: dict[str, str] = {}
    for rule in document.rules:
        for requirement in (*rule.requires, *(option.requires for option in rule.options)):
            for atom in atoms(requirement):
                if isinstance(atom, PractitionerAttests) and texts.setdefault(atom.code, atom.text) != atom.text:
                    raise Misshapen(rule.id, f"statement {atom.code} has two texts")


def _refuse_unknown_in(requirement: Requirement, types: Mapping[str, CredentialType], path: str) -> None:
    for atom in atoms(requirement):
        if not isinstance(atom, HoldsCredential | MemberHolds | SiteHolds):
            continue
        _refuse_unknown(atom.types, types, path)
        asked = set(getattr(atom, "levels", ())) | set(getattr(atom, "endorsements", ()))
        known = {level.code for code in atom.types for level in types[code].levels}
        known |= {endorsement.code for code in atom.types for endorsement in types[code].endorsements}
        if asked - known:
            raise Misshapen(path, f"no such level or endorsement: {min(asked - known)!r}")
        wanted = Subject.SITE if isinstance(atom, SiteHolds) else Subject.PERSON
        if any(types[code].subject is not wanted for code in atom.types):
            raise Misshapen(path, f"{atom.name}: not held by a {wanted}")


def _refuse_unknown(codes: Iterable[str], types: Mapping[str, CredentialType], path: str) -> None:
    for code in codes:
        if code not in types:
            raise Misshapen(path, f"no such credential type: {code!r}")


@cache
def reference_document() -> dict[str, Any]:
    """Return the policy document that ships with the product: reference rules, not confirmed by counsel."""
    document: dict[str, Any] = json.loads(POLICY_FILE.read_text(encoding="utf-8"))
    return document
