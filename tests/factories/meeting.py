"""Facts that meet one way of the policy exactly: what its conditions ask for, and nothing else."""

from dataclasses import replace
from uuid import uuid5

from marketplace.credentials.types import credential_types
from marketplace.eligibility.facts import Confirmation, Facts, Handpiece, Hazard, Held, Practitioner, Site
from marketplace.eligibility.requirements import (
    AllOf,
    AnyOf,
    HoldsCredential,
    MemberHolds,
    NotEvidenced,
    PractitionerAttests,
    Requirement,
    SafetyOfficerNamed,
    SiteHolds,
)
from marketplace.eligibility.rulebook import Way
from marketplace.kernel.terms import STATES, ProcedureClass
from tests.factories.gate import MODEL, NOON, enabling, facts, held, person, physician, reference_policy


class Means:
    """What a person, a colleague, the site and the practitioner bring to meet conditions."""

    def __init__(self, state: str, procedure: ProcedureClass) -> None:
        self.state, self.procedure = state, procedure
        self.own: dict[object, Held] = {}
        self.colleague: dict[object, Held] = {}
        self.site: dict[object, Held] = {}
        self.statements: set[str] = set()
        self.officer = False
        self.possible = True

    def bring(self, condition: Requirement) -> None:
        match condition:
            case AllOf() | AnyOf():
                for part in condition.conditions[: None if isinstance(condition, AllOf) else 1]:
                    self.bring(part)
            case HoldsCredential() if any(entry.type in condition.types for entry in self.own.values()):
                pass  # One paper serves two conditions, as a physician's licence does.
            case HoldsCredential():
                credential = self._credential(condition.types[0], condition.levels, condition)
                self.own[credential.id] = credential
            case MemberHolds():
                credential = self._credential(condition.types[0], condition.levels)
                self.colleague[credential.id] = replace(credential, id=uuid5(credential.id, "colleague"))
            case SiteHolds():
                credential = self._credential(condition.types[0], ())
                self.site[credential.id] = credential
            case SafetyOfficerNamed():
                self.officer = True
            case PractitionerAttests():
                self.statements.add(condition.code)
            case NotEvidenced():
                self.possible = False

    def _credential(self, code: str, levels: tuple[str, ...], wanted: HoldsCredential | None = None) -> Held:
        endorsements = set(wanted.endorsements[:1]) if wanted else set()
        if wanted and wanted.for_procedure:
            meanings = reference_policy().document.endorsements[code]
            endorsements = {name for name, classes in meanings.items() if self.procedure in classes}
        return held(
            code,
            self.state,
            level=levels[0] if levels else None,
            endorsements=frozenset(endorsements),
            device_model_id=MODEL if credential_types()[code].asks_device_model else None,
        )


def part_for(way: Way, procedure: ProcedureClass) -> Handpiece:
    """A handpiece that the words of the way reach."""
    coverage = way.option.coverage or way.rule.coverage
    part = enabling(procedure, hazard=Hazard.LASER)
    return replace(part, modality=coverage.modalities[0]) if coverage and coverage.modalities else part


def meeting(way: Way, procedure: ProcedureClass, **changes) -> tuple[Facts, bool]:
    """Facts that meet the way, and whether anybody can meet it at present."""
    means = Means(way.rule.state, procedure)
    for condition in way.conditions:
        means.bring(condition)
    state = way.rule.state
    question = facts(
        state,
        part_for(way, procedure),
        operator=person("Olga", *means.own.values()),
        site=Site(tuple(means.site.values()), means.officer, (person("Colin", *means.colleague.values()),)),
        practitioner=Practitioner(physician(state), Confirmation(NOON, frozenset(means.statements))),
    )
    return replace(question, **changes), means.possible


def every_way() -> list[tuple[Way, ProcedureClass]]:
    """Every way of the reference policy, with the procedure it is for."""
    policy = reference_policy()
    return [
        (way, procedure) for state in STATES for procedure in ProcedureClass for way in policy.ways(state, procedure)
    ]
