"""
Ask the gate about a unit that is not listed here, for whom somebody else sells it.

It is the same gate with the same rules. What can be known without a listing is asked. What cannot, stands in the facts
as what it is: not known. What hangs on it alone is named apart, and is never taken for open.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from ..catalog.queries import ModelFacts
from ..clinics.states import SellerStanding
from . import told
from .devices import unseen_unit
from .facts import Asked, Facts, Modification, Person
from .gathering import Circumstances, circumstances_of
from .policy import judge
from .publishing import Published, policy_of, published_policy
from .sale import Purchase
from .verdict import Objection, Verdict

OPERATOR = "The operator"
PRACTITIONER = "The ordering practitioner"
COLLEAGUE = "A colleague"


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """
    What the gate said of a unit elsewhere: of everything that can be asked, and what is `left_open` beside it.

    `facts` are the question as it was, and name nobody.
    """

    facts: Facts
    verdict: Verdict
    left_open: tuple[Objection, ...]
    rules: Published


def ask(*, model: ModelFacts, modality_codes: Iterable[str], purchase: Purchase, at: datetime) -> Elsewhere:
    """
    Ask for an answer that is kept: people, papers and places are gathered row by row, as whoever sells on them does.

    :raises NotFound: the site is not one of the clinic's open sites
    :raises NoPolicy: no rules are published
    """
    rules = published_policy()
    facts = _facts(circumstances_of(purchase), model, modality_codes)
    verdict = verdict_on(facts, rules.version_id, at)
    return Elsewhere(facts, verdict, _left_open(facts, verdict, rules, at), rules)


def holds(*, model: ModelFacts, modality_codes: Iterable[str], purchase: Purchase, at: datetime) -> bool:
    """
    Say whether the answer would be a yes now, under the rules in force; nothing is kept.

    :raises NotFound: the site is not one of the clinic's open sites
    """
    around = told.around(purchase)
    if around.policy_id is None:
        return False
    facts = _facts(around.circumstances, model, modality_codes)
    return verdict_on(facts, around.policy_id, at).cleared


def verdict_on(facts: Facts, policy_version_id: UUID, at: datetime) -> Verdict:
    """Judge everything about the question that can be asked of a unit elsewhere; again it comes to the same."""
    return judge(_as_far_as_asked(facts), policy_of(policy_version_id), at)


def _facts(around: Circumstances, model: ModelFacts, modality_codes: Iterable[str]) -> Facts:
    device = unseen_unit(model, modality_codes)
    return unnamed(around.with_device(asked=Asked.PREVIEW, device=device, seller=SellerStanding.UNVERIFIED))


def _as_far_as_asked(facts: Facts) -> Facts:
    """Suppose what whoever sells the unit answers for: its labels, what was done to it, and their own standing."""
    unit = replace(facts.device, rx_label_seen=True, id_label_seen=True, modification=Modification.NONE)
    return replace(facts, device=unit, seller=SellerStanding.VERIFIED)


def _left_open(facts: Facts, verdict: Verdict, rules: Published, at: datetime) -> tuple[Objection, ...]:
    """Return what would stand against the payment of such a unit here, and was not asked now."""
    asked = {(one.code, one.subjects) for one in verdict.objections}
    whole = judge(replace(facts, asked=Asked.PAYMENT_START), rules.policy, at)
    return tuple(one for one in whole.objections if (one.code, one.subjects) not in asked)


def unnamed(facts: Facts) -> Facts:
    """Return the same question with everybody called by what they are in it: whoever reads the answer hears no name."""
    operator = facts.operator
    practitioner = facts.practitioner
    called = {practitioner.person.id: PRACTITIONER} if practitioner else {}
    called |= {operator.id: OPERATOR} if operator else {}

    def as_called(person: Person) -> Person:
        return replace(person, name=called.get(person.id, COLLEAGUE))

    colleagues = tuple(map(as_called, facts.site.colleagues))
    return replace(
        facts,
        operator=as_called(operator) if operator else None,
        practitioner=replace(practitioner, person=as_called(practitioner.person)) if practitioner else None,
        site=replace(facts.site, colleagues=colleagues),
    )
