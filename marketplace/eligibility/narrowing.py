"""The answer for a reader who declared no uses: for everything a device does, or else for what is open. Pure."""

from dataclasses import replace
from datetime import datetime

from ..kernel.terms import ProcedureClass
from .facts import Facts, Uses
from .policy import Policy, judge
from .reasons import Key
from .verdict import Verdict


def narrowed(facts: Facts, policy: Policy, at: datetime) -> Verdict:
    """Judge for everything that the device enables; failing that, for what its operator is cleared for."""
    whole = judge(facts, policy, at)
    if whole.cleared or facts.uses.declared:
        return whole
    words = {answer.subject for answer in whole.answers if answer.key is Key.OPERATOR and answer.met}
    cleared = frozenset(use for use in ProcedureClass if use.value in words)
    if not cleared:
        return whole
    narrowed = judge(replace(facts, uses=Uses(declared=cleared, restriction_signed=True)), policy, at)
    return narrowed if len(narrowed.objections) < len(whole.objections) else whole
