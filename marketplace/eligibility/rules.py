"""The rules as versioned data: what each place asks for each procedure, with its sources. Pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

from ..credentials.types import CredentialKind
from ..kernel.shapes import Misshapen, read, write
from ..kernel.terms import STATES, ProcedureClass
from .facts import Handpiece, Hazard
from .requirements import HoldsCredential, MemberHolds, PractitionerAttests, Requirement, SiteHolds, atoms
from .verdict import Citation, Evidence

POLICY_FILE = Path(__file__).parent / "data" / "policy.json"
GATING = frozenset({Evidence.PRIMARY, Evidence.OFFICIAL})
"""Evidence that may open a gate. What is only reported second-hand, or not sourced, never does."""


class RuleOutcome(StrEnum):
    """What a rule says: who may operate, who may not, or that no text was found."""

    OPERATORS = "operators"
    EXCLUDE = "exclude"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Option:
    """
    One way in which a person may be an operator under a rule.

    `conditions` are the words of the draft, kept whole; `requires` is what they come to. `procedure_classes` narrows the
    rule's own; empty: all of them. An option that is not enabled is believed, not confirmed, and never opens.
    """

    name: str
    requires: Requirement
    procedure_classes: tuple[ProcedureClass, ...] = ()
    conditions: tuple[str, ...] = ()
    enabled: bool = True
    evidence: Evidence | None = None
    evidence_note: str | None = None

    @property
    def gates(self) -> bool:
        """Say whether this option can open anything."""
        return self.enabled and (self.evidence is None or self.evidence in GATING)

    def covers(self, procedure: ProcedureClass) -> bool:
        """Say whether this option is about `procedure`."""
        return not self.procedure_classes or procedure in self.procedure_classes


@dataclass(frozen=True, slots=True)
class Coverage:
    """Which handpieces the words of a rule reach; a rule about lasers says nothing about pulsed light."""

    lasers_only: bool = False
    modalities: tuple[str, ...] = ()
    except_modalities: tuple[str, ...] = ()

    def reaches(self, handpiece: Handpiece) -> bool:
        """Say whether the rule speaks of this handpiece."""
        if self.lasers_only and handpiece.hazard is not Hazard.LASER:
            return False
        if self.modalities and handpiece.modality not in self.modalities:
            return False
        return handpiece.modality not in self.except_modalities


@dataclass(frozen=True, slots=True)
class NotAccepted:
    """What the rule turns away in words; `inferred` where the text does not say it in terms."""

    text: str
    types: tuple[str, ...] = ()
    inferred: bool = False


@dataclass(frozen=True, slots=True)
class About:
    """What else the draft says, in its own words; shown, never judged. Empty: nothing was found."""

    supervision: str | None = None
    site_prerequisites: tuple[str, ...] = ()
    purchase_authority: tuple[str, ...] = ()
    practice_of_medicine: str | None = None
    term: str | None = None
    continuing_education: str | None = None
    training: str | None = None
    device_registration: str | None = None
    device_condition: str | None = None
    public_register: str | None = None
    safety_standard: str | None = None
    conflict: str | None = None
    overlaps: str | None = None
    scope_note: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """
    The law of one place on some procedures, as far as it was read.

    `requires` holds beside every option. Dates are days on which the text was in force, both included; None: unknown.
    """

    id: str
    jurisdiction: str
    procedure_classes: tuple[ProcedureClass, ...]
    outcome: RuleOutcome
    evidence: Evidence
    needs_confirmation: bool
    citations: tuple[Citation, ...]
    options: tuple[Option, ...] = ()
    requires: tuple[Requirement, ...] = ()
    coverage: Coverage = Coverage()
    not_accepted: tuple[NotAccepted, ...] = ()
    excluded: tuple[str, ...] = ()
    in_force_from: date | None = None
    in_force_to: date | None = None
    eligible_after_confirmation: bool | None = None
    about: About = About()

    def __post_init__(self) -> None:
        """
        Refuse a rule that contradicts itself.

        :raises Misshapen: no such state, options without an operator outcome or the other way round, a stray procedure
        """
        if self.jurisdiction[:3] != "US-" or self.state not in STATES:
            raise Misshapen(self.id, f"no such jurisdiction: {self.jurisdiction!r}")
        if bool(self.options) is not (self.outcome is RuleOutcome.OPERATORS):
            raise Misshapen(self.id, "a rule has options exactly if it says who may operate")
        for option in self.options:
            if not set(option.procedure_classes) <= set(self.procedure_classes):
                raise Misshapen(self.id, f"{option.name}: a procedure that the rule is not about")
        if self.gates and not any(citation.evidence in GATING for citation in self.citations):
            raise Misshapen(self.id, "a rule that gates cites at least one text that was read")

    @property
    def state(self) -> str:
        """Return the postal code of the place whose law it is."""
        return self.jurisdiction[3:]

    @property
    def gates(self) -> bool:
        """Say whether its evidence is good enough to open anything once it is published."""
        return (
            self.outcome is RuleOutcome.OPERATORS
            and self.evidence in GATING
            and self.eligible_after_confirmation is not False
        )

    def in_force(self, day: date) -> bool:
        """Say whether the text was in force on `day`, as far as its dates are known."""
        return (self.in_force_from is None or self.in_force_from <= day) and (
            self.in_force_to is None or day <= self.in_force_to
        )


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


@dataclass(frozen=True, slots=True)
class DeviceDuties:
    """What is asked of the device and of whoever sells it, everywhere."""

    refused_product_codes: Mapping[str, str]
    label_citations: tuple[Citation, ...]
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
    """One whole policy as it is written, published and kept."""

    format: int
    name: str
    reading: str
    evidence_levels: Mapping[Evidence, str]
    freshness: Mapping[CredentialKind, Freshness]
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
    """One enabled option of one rule for one procedure, with everything that it asks for."""

    rule: Rule
    option: Option
    conditions: tuple[Requirement, ...]


class Policy:
    """A document that was found sound, indexed by place and procedure."""

    __slots__ = ("_believed", "_ways", "document", "prescribers")

    def __init__(self, document: Document) -> None:
        self.document = document
        self._ways: dict[tuple[str, ProcedureClass], tuple[Way, ...]] = {}
        self._believed: dict[tuple[str, ProcedureClass], tuple[Rule, ...]] = {}
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
                self._believed[where] = (*self._believed.get(where, ()), rule)
                self._ways[where] = (*self._ways.get(where, ()), *self._ways_of(rule, procedure))

    @classmethod
    def from_document(cls, document: object, types: Mapping[str, object]) -> "Policy":
        """
        Return the policy that a JSON document describes, knowing these credential types.

        :raises Misshapen: a key, type, place or reference is unknown, missing or contradicts another; its path is named
        """
        policy = read(Document, document)
        _refuse_contradictions(policy, types)
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
        return self._believed.get((state, procedure), ())

    def _ways_of(self, rule: Rule, procedure: ProcedureClass) -> Iterator[Way]:
        if not rule.gates:
            return
        floors = tuple(f.requires for f in self.document.floors if procedure in f.procedure_classes)
        for option in rule.options:
            if option.gates and option.covers(procedure):
                yield Way(rule, option, (option.requires, *rule.requires, *floors))


def _refuse_contradictions(document: Document, types: Mapping[str, object]) -> None:
    seen: set[str] = set()
    for position, rule in enumerate(document.rules):
        path = f"rules[{position}]"
        if rule.id in seen:
            raise Misshapen(f"{path}.id", f"{rule.id} is listed twice")
        seen.add(rule.id)
        for named in rule.not_accepted:
            _refuse_unknown(named.types, types, f"{path}.not_accepted")
        for option in rule.options:
            _refuse_unknown_in(option.requires, types, f"{path}.options.{option.name}")
        for requirement in rule.requires:
            _refuse_unknown_in(requirement, types, f"{path}.requires")
    _refuse_two_texts(document)
    for floor in document.floors:
        _refuse_unknown_in(floor.requires, types, f"floors.{floor.id}")
    for prescriber in document.ordering.prescribers:
        _refuse_unknown(prescriber.types, types, "ordering.prescribers")
    _refuse_unknown(document.endorsements, types, "endorsements")
    for state in document.notes:
        if state not in STATES:
            raise Misshapen(f"notes.{state}", "no such state")
    if missing := [kind for kind in CredentialKind if kind not in document.freshness]:
        raise Misshapen("freshness", f"{missing[0]} is missing")


def _refuse_two_texts(document: Document) -> None:
    """One code is one statement: what was signed under a code must not mean something else in another rule."""
    texts: dict[str, str] = {}
    for rule in document.rules:
        for requirement in (*rule.requires, *(option.requires for option in rule.options)):
            for atom in atoms(requirement):
                if isinstance(atom, PractitionerAttests) and texts.setdefault(atom.code, atom.text) != atom.text:
                    raise Misshapen(rule.id, f"statement {atom.code} has two texts")


def _refuse_unknown_in(requirement: Requirement, types: Mapping[str, object], path: str) -> None:
    for atom in atoms(requirement):
        if isinstance(atom, HoldsCredential | MemberHolds | SiteHolds):
            _refuse_unknown(atom.types, types, path)


def _refuse_unknown(codes: Iterable[str], types: Mapping[str, object], path: str) -> None:
    for code in codes:
        if code not in types:
            raise Misshapen(path, f"no such credential type: {code!r}")


@cache
def reference_document() -> dict[str, Any]:
    """Return the policy document that ships with the product: reference rules, not confirmed by counsel."""
    document: dict[str, Any] = json.loads(POLICY_FILE.read_text(encoding="utf-8"))
    return document
