"""Ask the gate, and keep its answer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from .. import audit
from ..catalog import queries as catalog
from ..clinics.states import SellerStanding
from ..extensions import db, unit_of_work
from ..kernel.errors import NotFound
from ..kernel.terms import ProcedureClass
from . import receipts, told
from .alike import Sold, sold_in
from .devices import Known, device_known, devices_of, sound_device
from .facts import Asked, Facts, Uses
from .gathering import Circumstances, circumstances_of, sellers_of
from .models import DecisionCredential, EligibilityDecision, Moment
from .narrowing import narrowed
from .policy import judge
from .publishing import NoPolicy, policy_of, published_policy
from .remembering import Memory
from .rulebook import Policy
from .sale import Purchase, Sale
from .smaller import without_what_is_closed
from .told import Around
from .verdict import Gist, Reach, Verdict


@dataclass(frozen=True, slots=True)
class Decision:
    """An answer of the gate that was kept."""

    id: UUID
    verdict: Verdict

    @property
    def cleared(self) -> bool:
        """Say whether the purchase may go on."""
        return self.verdict.cleared


@dataclass(frozen=True, slots=True)
class Smaller:
    """A sale that would be cleared: without these handpieces, each by id and name."""

    left_out: tuple[tuple[UUID, str], ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class OfUnit:
    """The gate's answers about a unit: whole, about each handpiece as if sold alone, and smaller where that helps."""

    whole: Verdict
    parts: Mapping[UUID, Verdict]
    smaller: Smaller | None


_answered = Memory(64)  # Clinics that look at the market at the same time; each answer is a word and its question.


def preview(*, sale: Sale, purchase: Purchase | Around, at: datetime, moment: Moment | None = None) -> Verdict:
    """
    Say what the gate would answer now to exactly this purchase, at `moment` if one is given; nothing is kept.

    Where a page was just told what stands around it, that is judged; else everything is gathered row by row.

    :raises NotFound: the site is not the clinic's
    :raises NoPolicy: no rules are published
    """
    asked = Asked(moment.value) if moment else Asked.PREVIEW
    if isinstance(purchase, Around):
        (facts,) = _facts(purchase.circumstances, [sale], asked)
        return judge(facts, _rules_told(purchase), at)
    policy = published_policy().policy
    (facts,) = _questions([sale], purchase, asked)
    return judge(facts, policy, at)


def previews(*, sales: Sequence[Sale], purchase: Purchase | Around, at: datetime) -> list[Verdict]:
    """
    Say what the gate would answer for each of many sales to one buyer, in a constant number of statements.

    Where no uses are declared, and the device also serves uses that are closed to the operator, the answer is the one
    for those that are open: its restriction says which they are.

    :raises NotFound: the site is not the clinic's
    :raises NoPolicy: no rules are published
    """
    around = told.around(purchase)
    policy = _rules_told(around)
    return [narrowed(facts, policy, at) for facts in _facts(around.circumstances, sales, Asked.PREVIEW)]


def gists(*, sold: Iterable[Sold], purchase: Purchase | Around, at: datetime) -> dict[Sold, Gist]:
    """
    Return, in a word, what `previews` answers about units to one buyer; it remembers answers.

    :raises NotFound: the site is not the clinic's
    :raises NoPolicy: no rules are published
    """
    around = told.around(purchase)
    policy = _rules_told(around)
    asked = dict.fromkeys(sold)
    if not asked:
        return {}

    def facts_of(one: Sold) -> Facts:
        return around.circumstances.with_device(asked=Asked.PREVIEW, device=one.device, seller=one.seller)

    known = _answered.answers(around.name, lambda: facts_of(next(iter(asked))), policy, at)
    for one in asked:
        if one not in known:
            known[one] = narrowed(facts_of(one), policy, at).gist
    return {one: known[one] for one in asked}


def reach(*, sales: Sequence[Sale], purchase: Purchase | Around, at: datetime) -> dict[UUID, Reach]:
    """
    Return how far each of many sales is from being allowed to one buyer, as `previews` answers; it remembers answers.

    :raises NotFound: the site is not the clinic's
    :raises NoPolicy: no rules are published
    """
    sold = sold_in(sales)
    found = gists(sold=sold.values(), purchase=purchase, at=at)
    return {listing_id: found[one].reach for listing_id, one in sold.items()}


def smaller(*, sale: Sale, purchase: Purchase | Around, at: datetime) -> Smaller | None:
    """
    Say without which handpieces the buyer could have the unit; None where it can be had whole, or that is no help.

    :raises NotFound: the site is not the clinic's
    :raises NoPolicy: no rules are published
    """
    if len(sale.handpieces) < 2:
        return None  # Nothing would be left: there is no need to gather what the gate looks at.
    around = told.around(purchase)
    policy = _rules_told(around)
    (facts,) = _facts(around.circumstances, [sale], Asked.PREVIEW)
    return _smaller(facts, policy, at)


def of_unit(*, sale: Sale, purchase: Purchase | Around, at: datetime, known: Known | None = None) -> OfUnit:
    """
    Say of a unit what `previews` would of it and of each handpiece alone, and what `smaller` would, gathering once.

    `known`: what was told of the unit, where the caller has just asked for it.

    :raises NotFound: the site is not the clinic's
    :raises NoPolicy: no rules are published
    """
    around = told.around(purchase)
    policy = _rules_told(around)
    alone = [replace(sale, listing_id=part.id, handpieces=(part,)) for part in sale.handpieces]
    facts, *of_parts = _facts(around.circumstances, [sale, *alone], Asked.PREVIEW, known)
    whole = narrowed(facts, policy, at)
    return OfUnit(
        whole=whole,
        parts={one.listing_id: narrowed(asked, policy, at) for one, asked in zip(alone, of_parts, strict=True)},
        smaller=None if whole.cleared or len(sale.handpieces) < 2 else _smaller(facts, policy, at),
    )


def _smaller(facts: Facts, policy: Policy, at: datetime) -> Smaller | None:
    found = without_what_is_closed(facts, lambda asked: narrowed(asked, policy, at))
    if found is None:
        return None
    left_out, verdict = found
    return Smaller(tuple((part.id, part.name) for part in left_out), verdict)


def capacity(*, purchase: Purchase | Around, at: datetime) -> dict[tuple[str, ProcedureClass], Verdict]:
    """
    Say, for each modality and each of its uses, what the gate would answer to a sound device sold for that use alone.

    :raises NotFound: the site is not the clinic's
    :raises NoPolicy: no rules are published
    """
    around = told.around(purchase)
    policy = _rules_told(around)
    answers = {}
    for code, modality in catalog.modalities().items():
        device = sound_device(modality)
        for use in modality.procedure_classes:
            uses = Uses(declared=frozenset({use}), restriction_signed=True)
            facts = around.circumstances.with_device(asked=Asked.PREVIEW, device=device, seller=SellerStanding.VERIFIED)
            answers[code, use] = judge(replace(facts, uses=uses), policy, at)
    return answers


def assess(*, moment: Moment, sale: Sale, purchase: Purchase, at: datetime) -> Decision:
    """
    Ask the gate and keep the answer with its facts and the version of its rules, in a unit of work of its own.

    A no is kept, too: it outlives the refusal of whoever asked.

    :raises NotFound: the site is not the clinic's
    :raises NoPolicy: no rules are published
    """
    with unit_of_work():
        rules = published_policy()
        (facts,) = _questions([sale], purchase, Asked(moment.value))
        verdict = judge(facts, rules.policy, at)
        decision = EligibilityDecision(
            moment=moment,
            listing_id=sale.listing_id,
            buyer_id=purchase.buyer_id,
            operator_id=purchase.operator_id,
            site_id=purchase.site_id,
            practitioner_id=facts.practitioner.person.id if facts.practitioner else None,
            declared_uses=sorted(purchase.declared_uses),
            policy_version_id=rules.version_id,
            facts=facts.to_json(),
            verdict=verdict.to_json(),
            cleared=verdict.cleared,
            decided_at=at,
            valid_until=verdict.valid_until,
        )
        decision.credentials = [DecisionCredential(credential_id=held) for held in verdict.credential_ids]
        db.session.add(decision)
        db.session.flush()
        receipts.issue(decision, serial=sale.serial, policy_digest=rules.digest)
        audit.record(
            f"gate:{'cleared' if verdict.cleared else 'refused'}",
            actor_id=purchase.buyer_id,
            subject_type="listing",
            subject_id=sale.listing_id,
            at=at,
            decision=decision.id,
            moment=moment,
            reasons=[objection.code for objection in verdict.objections],
        )
        return Decision(decision.id, verdict)


def decision(decision_id: UUID) -> EligibilityDecision:
    """
    Return a kept answer.

    :raises NotFound: there is none
    """
    found = db.session.get(EligibilityDecision, decision_id)
    if found is None:
        raise NotFound("There is no such decision.")
    return found


def replay(decision_id: UUID) -> Verdict:
    """
    Judge the kept facts again under the kept rules: it must come to the answer that was given.

    :raises NotFound: there is no such decision
    """
    kept = decision(decision_id)
    return judge(Facts.from_json(kept.facts), policy_of(kept.policy_version_id), kept.decided_at)


def _questions(sales: Sequence[Sale], purchase: Purchase, asked: Asked) -> list[Facts]:
    """Gather all facts row by row, as whoever sells on them does."""
    return _facts(circumstances_of(purchase), sales, asked)


def _facts(around: Circumstances, sales: Sequence[Sale], asked: Asked, known: Known | None = None) -> list[Facts]:
    if known is not None:
        return [
            around.with_device(asked=asked, device=device_known(sale, known), seller=known.seller) for sale in sales
        ]
    devices, sellers = devices_of(sales), sellers_of(sales)
    return [
        around.with_device(asked=asked, device=devices[sale.listing_id], seller=sellers[sale.seller_clinic_id])
        for sale in sales
    ]


def _rules_told(around: Around) -> Policy:
    if around.policy_id is None:
        raise NoPolicy
    return policy_of(around.policy_id)
