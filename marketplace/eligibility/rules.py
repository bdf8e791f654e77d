"""One rule: what a place asks for some procedures, in which words, and how well they are known. Pure."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from ..kernel.shapes import Misshapen
from ..kernel.terms import STATES, ProcedureClass
from .facts import Handpiece, Hazard
from .requirements import Requirement
from .verdict import Citation, Evidence

GATING = frozenset({Evidence.PRIMARY, Evidence.OFFICIAL})
"""Evidence that may open a gate. What is only reported second-hand, or not sourced, never does."""


class RuleOutcome(StrEnum):
    """What a rule says: who may operate, who may not, or that no text was found."""

    OPERATORS = "operators"
    EXCLUDE = "exclude"
    DENY = "deny"


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
class Option:
    """
    One way in which a person may be an operator under a rule.

    `conditions` are the words of the draft, kept whole; `requires` is what they come to. `procedure_classes` narrows
    the rule's own; empty: all of them. An option that is not enabled is believed, not confirmed, and never opens.
    """

    name: str
    requires: Requirement
    procedure_classes: tuple[ProcedureClass, ...] = ()
    coverage: Coverage | None = None
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
    coverage: Coverage | None = None
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
