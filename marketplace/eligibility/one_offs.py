"""
What two members of staff decided where no rule opens: for one physician, one unit, one site, one procedure, some days.

It is no way around the gate but a way in it: a small rule of its own, cited and dated, that asks for the physician's
licence like any other and opens nothing else. Pure.
"""

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from ..kernel.terms import ProcedureClass
from .facts import Facts, OneOff
from .requirements import HoldsCredential
from .rules import Option, Rule, RuleOutcome
from .verdict import Citation, Evidence

LONGEST_DAYS = 90
PHYSICIAN = HoldsCredential(name="a physician's licence (MD or DO) from the place of use", types=("MD_DO",))


def rule_of(one_off: OneOff, state: str) -> Rule:
    """Return the decision as the rule that it is, for the place with this postal code."""
    evidence = Evidence(one_off.evidence)
    return Rule(
        id=f"ONE-OFF-{str(one_off.id)[:8]}",
        jurisdiction=f"US-{state}",
        procedure_classes=(one_off.procedure,),
        outcome=RuleOutcome.OPERATORS,
        evidence=evidence,
        needs_confirmation=False,
        citations=(Citation(one_off.ref, one_off.url, one_off.text_version, evidence),),
        options=(Option("This physician, by a decision for this one purchase", PHYSICIAN),),
        excluded=("For this unit, this site and this physician only.",),
        in_force_from=one_off.valid_from,
        in_force_to=one_off.valid_to,
    )


def one_offs_for(facts: Facts, procedure: ProcedureClass, today: date) -> Sequence[Rule]:
    """
    Return the decisions that are about exactly this purchase, today.

    The physician who operates the device also orders it; a decision for anybody or anything else is not there.
    """
    return [
        rule_of(one_off, facts.place.state)
        for one_off in facts.one_offs
        if one_off.procedure is procedure and _about(one_off, facts) and one_off.valid_from <= today <= one_off.valid_to
    ]


def _about(one_off: OneOff, facts: Facts) -> bool:
    if facts.operator is None or facts.practitioner is None:
        return False
    asked = (facts.device.listing_id, facts.site.id, facts.operator.id, facts.practitioner.person.id)
    wanted: tuple[UUID | None, ...] = (one_off.listing_id, one_off.site_id, one_off.operator_id, one_off.operator_id)
    return one_off.state == facts.place.state and asked == wanted
