"""Time travel: what the gate would have answered at a moment that is over, from history, beside what it did answer."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import defer

from ..catalog import queries as catalog
from ..clinics.history import site_at
from ..clinics.states import SellerStanding
from ..extensions import db
from ..kernel.errors import NotFound
from ..kernel.terms import ProcedureClass
from .devices import sound_device, with_recalls_of
from .facts import Asked, Facts, Uses
from .gathering import as_of, circumstances_of
from .models import EligibilityDecision, PolicyState, PolicyVersion
from .policy import judge
from .publishing import Published, policy_of
from .sale import Purchase
from .service import decision
from .verdict import Verdict

NOT_IN_HISTORY = (
    "Of a kept answer the unit, its seller, who was named as practitioner, and what was signed are taken as kept.",
    "What registers and exclusion lists said then is taken from the kept answer; without one, nothing stood in them.",
    "A question without a kept answer is about a sound device of a verified seller, and about nothing else of it.",
)
"""What no history carries, said beside every answer about the past."""


@dataclass(frozen=True, slots=True)
class Past:
    """What the gate would have said at a moment, under the policy that was in force then."""

    verdict: Verdict
    policy_number: int


@dataclass(frozen=True, slots=True)
class Compared:
    """A kept answer beside the one that history comes to."""

    decision: EligibilityDecision
    given: Verdict
    rebuilt: Verdict

    @property
    def same(self) -> bool:
        """Say whether history comes to the answer that was given, for the same reasons, resting on the same papers."""
        return _essence(self.given) == _essence(self.rebuilt)


def policy_at(then: datetime) -> Published:
    """
    Return the rules that were in force at `then`.

    :raises NotFound: none were
    """
    row = db.session.scalars(
        select(PolicyVersion)
        .options(defer(PolicyVersion.document))
        .where(
            PolicyVersion.state != PolicyState.DRAFT,
            PolicyVersion.published_at <= then,
            or_(PolicyVersion.retired_at.is_(None), PolicyVersion.retired_at > then),
        )
        .order_by(PolicyVersion.published_at.desc(), PolicyVersion.number.desc())
        .limit(1)
    ).one_or_none()
    if row is None:
        raise NotFound("No rules were in force then, so the gate was shut.")
    return Published(row.id, row.number, row.standing, row.digest, policy_of(row.id))


def cleared_then(
    *, operator_id: UUID, site_id: UUID, modality_code: str, procedure: ProcedureClass, then: datetime
) -> Past:
    """
    Say whether the person was cleared at the site for one use of a sound device of this modality, at `then`.

    :raises NotFound: the site was not open, no rules were in force, or the modality is not known
    """
    published = policy_at(then)
    modality = catalog.modalities().get(modality_code)
    if modality is None:
        raise NotFound("There is no such modality.")
    clinic_id = site_at(site_id, then).clinic_id
    purchase = Purchase(buyer_id=operator_id, clinic_id=clinic_id, site_id=site_id, operator_id=operator_id)
    facts = circumstances_of(purchase, as_of(then)).with_device(
        asked=Asked.ORDER, device=sound_device(modality), seller=SellerStanding.VERIFIED
    )
    uses = Uses(declared=frozenset({procedure}), restriction_signed=True)
    return Past(judge(replace(facts, uses=uses), published.policy, then), published.number)


def compared(decision_id: UUID) -> Compared:
    """
    Rebuild what a kept answer rested on from history, judge it under the policy of its moment, and put both together.

    :raises NotFound: there is no such answer, or its site was not open then
    """
    kept = decision(decision_id)
    given, facts, then = Verdict.from_json(kept.verdict), Facts.from_json(kept.facts), kept.decided_at
    around = circumstances_of(_purchase_of(kept, facts, then), as_of(then, facts))
    device = with_recalls_of(then, facts.device)
    rebuilt = around.with_device(asked=facts.asked, device=device, seller=facts.seller)
    return Compared(kept, given, judge(rebuilt, policy_at(then).policy, then))


def kept_about(*, operator_id: UUID, site_id: UUID, until: datetime, limit: int = 20) -> list[Compared]:
    """Return the newest kept answers about the person at the site until a moment, each beside its rebuilt one."""
    rows = db.session.scalars(
        select(EligibilityDecision.id)
        .where(
            EligibilityDecision.operator_id == operator_id,
            EligibilityDecision.site_id == site_id,
            EligibilityDecision.decided_at <= until,
        )
        .order_by(EligibilityDecision.decided_at.desc(), EligibilityDecision.id)
        .limit(limit)
    )
    return [compared(decision_id) for decision_id in rows]


def _purchase_of(kept: EligibilityDecision, facts: Facts, then: datetime) -> Purchase:
    """Return what was asked then: what was signed stands in the kept facts, whose it is in the kept row."""
    confirmation = facts.practitioner.confirmation if facts.practitioner else None
    return Purchase(
        buyer_id=kept.buyer_id,
        clinic_id=site_at(kept.site_id, then).clinic_id,
        site_id=kept.site_id,
        operator_id=kept.operator_id,
        declared_uses=facts.uses.declared,
        restriction_signed=facts.uses.restriction_signed,
        # Nobody stood as practitioner then; who was named, if anybody, was not kept, and nobody is looked for now.
        practitioner_id=kept.practitioner_id or UUID(int=0),
        confirmed_at=confirmation.at if confirmation else None,
        statements=confirmation.statements if confirmation else frozenset(),
    )


def _essence(verdict: Verdict) -> tuple[object, ...]:
    against = tuple((entry.key, entry.code, entry.rule_id, entry.credential_id) for entry in verdict.objections)
    return verdict.cleared, against, verdict.rule_ids, verdict.credential_ids, verdict.valid_until
