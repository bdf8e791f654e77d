"""What would be: what somebody would need for a device, and what a clinic would lose with one person or paper."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from ..catalog import queries as catalog
from ..clinics.states import SellerStanding
from ..kernel.terms import ProcedureClass
from ..kernel.wording import gettext_noop
from . import told
from .answering import NEVER, holds_until, question_of
from .devices import devices_of, sound_device, sound_model
from .facts import Asked, Facts, Held, Uses
from .gathering import Crew, crew_of, newcomer
from .needs import needs_of
from .policy import Policy, judge
from .publishing import published_policy
from .sale import Purchase, Sale
from .verdict import Objection

DeviceClass = tuple[str, ProcedureClass]
"""A modality and one of its uses."""


@dataclass(frozen=True, slots=True)
class Loss:
    """What the clinic could no longer buy and operate if this person left the site's clinic."""

    person_id: UUID
    name: str
    lost: tuple[DeviceClass, ...]


@dataclass(frozen=True, slots=True)
class Lapse:
    """What it could no longer buy and operate from `at` on, if this credential is not renewed or confirmed again."""

    at: datetime
    holder: str
    credential: str
    lost: tuple[DeviceClass, ...]


@dataclass(frozen=True, slots=True)
class Capacity:
    """What a clinic may buy and operate at a site: each class with who may operate it, and what hangs on whom."""

    operators: dict[DeviceClass, tuple[str, ...]]
    losses: tuple[Loss, ...]
    lapses: tuple[Lapse, ...]


def needs(
    *, model_id: UUID | None, sale: Sale | None, state: str, purchase: Purchase | None, at: datetime
) -> tuple[Objection, ...]:
    """
    Say what is missing for a unit of a model, or for the very unit of a sale, in a state.

    With `purchase` it is asked for this buyer's site; without, for somebody who has nothing yet.

    :raises NotFound: there is no such model or site
    :raises NoPolicy: no rules are published
    """
    policy = published_policy().policy
    around = told.around(purchase).circumstances if purchase else newcomer(state)
    if sale is not None:
        device = devices_of([sale])[sale.listing_id]
    else:
        assert model_id is not None
        device = sound_model(catalog.model(model_id))
    return needs_of(around.with_device(asked=Asked.PREVIEW, device=device, seller=SellerStanding.VERIFIED), policy, at)


def clinic_capacity(*, site_id: UUID, at: datetime) -> Capacity:
    """
    Say what a clinic may buy and operate at a site, and what it would lose with each person and each paper.

    :raises NotFound: there is no such open site
    :raises NoPolicy: no rules are published
    """
    policy = published_policy().policy
    crew = crew_at(site_id)
    classes = [(code, use) for code, known in catalog.modalities().items() for use in known.procedure_classes]
    operators: dict[DeviceClass, tuple[str, ...]] = {}
    rests_on: dict[UUID, None] = {}
    for one in classes:
        verdicts = [(person, judge(_question(crew, person.id, one), policy, at)) for person in crew.people]
        cleared = [(person, verdict) for person, verdict in verdicts if verdict.cleared]
        if cleared:
            operators[one] = tuple(person.name for person, _ in cleared)
            rests_on |= dict.fromkeys(held for _, verdict in cleared for held in verdict.credential_ids)
    return Capacity(
        operators=operators,
        losses=tuple(
            Loss(person.id, person.name, _lost(crew.without(person_id=person.id), operators, policy, at))
            for person in crew.people
        ),
        lapses=tuple(_lapses(crew, rests_on, operators, policy, at)),
    )


def crew_at(site_id: UUID) -> Crew:
    """
    Gather everybody of a site's clinic, in one statement.

    :raises NotFound: there is no such open site
    """
    here = told.at_site(site_id)
    assert here.site is not None
    some_id = min(member.user_id for member in here.members)
    around = here.around(Purchase(some_id, here.site.clinic_id, site_id, some_id))
    return crew_of(here.site, here.members, around.circumstances)


def _lapses(
    crew: Crew, rests_on: Iterable[UUID], open_now: Collection[DeviceClass], policy: Policy, at: datetime
) -> list[Lapse]:
    if not open_now:
        return []
    known: dict[UUID, tuple[str, Held]] = {held.id: (gettext_noop("The site"), held) for held in crew.site.credentials}
    known |= {held.id: (person.name, held) for person in crew.people for held in person.credentials}
    someone = _question(crew, crew.people[0].id, next(iter(open_now)))
    question = question_of(someone, policy, at)
    found = []
    for credential_id in rests_on:
        holder, held = known[credential_id]
        ends = holds_until(held, question)
        if ends != NEVER:
            lost = _lost(crew.without(credential_id=credential_id), open_now, policy, at)
            found.append(Lapse(ends, holder, held.type_name, lost))
    return sorted(found, key=lambda lapse: (lapse.at, lapse.holder, lapse.credential))


def _lost(crew: Crew, open_now: Iterable[DeviceClass], policy: Policy, at: datetime) -> tuple[DeviceClass, ...]:
    """Return what is open now and would be open to none of this crew."""
    return tuple(
        one
        for one in open_now
        if not any(judge(_question(crew, person.id, one), policy, at).cleared for person in crew.people)
    )


def _question(crew: Crew, person_id: UUID, wanted: DeviceClass) -> Facts:
    code, use = wanted
    facts = crew.operated_by(crew.members[person_id].person).with_device(
        asked=Asked.PREVIEW, device=sound_device(catalog.modalities()[code]), seller=SellerStanding.VERIFIED
    )
    return replace(facts, uses=Uses(declared=frozenset({use}), restriction_signed=True))
