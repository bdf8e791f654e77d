"""Gathers the people, the site and what they proved for the gate, as they are now or as history says they were."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select

from ..clinics import history as clinic_history
from ..clinics import queries as clinics
from ..clinics.states import SellerStanding
from ..credentials import exclusions
from ..credentials import history as credential_history
from ..credentials import queries as credentials
from ..credentials.exclusions import Excluded, ExclusionLook
from ..credentials.states import CredentialState
from ..credentials.types import Opens, credential_types
from ..extensions import db
from ..kernel.errors import NotFound
from ..kernel.terms import ClinicRole, time_zone_of
from .facts import (
    Asked,
    Buyer,
    Confirmation,
    Device,
    Exclusion,
    Facts,
    Held,
    OneOff,
    Person,
    Place,
    Practitioner,
    Site,
    Tenure,
    Uses,
)
from .models import RuleReview, RuleReviewMove
from .sale import Purchase, Sale
from .states import ReviewState


class _Member(NamedTuple):
    person: Person
    roles: frozenset[ClinicRole]


class Sources(NamedTuple):
    """Where facts about people and sites come from: the rows of today, or what history says of a moment."""

    site: Callable[[UUID], clinics.Site]
    members_of: Callable[[UUID], list[clinics.Member]]
    held_by: Callable[[Iterable[UUID]], dict[UUID, list[credentials.HeldRow]]]
    held_by_sites: Callable[[Iterable[UUID]], dict[UUID, list[credentials.HeldRow]]]
    one_offs_of: Callable[[UUID], tuple[OneOff, ...]]
    exclusions_of: Callable[[Collection[UUID]], tuple[Mapping[UUID, Exclusion], datetime | None]]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Everything about a purchase that does not depend on which unit is bought."""

    place: Place
    buyer: Buyer
    operator: Person | None
    practitioner: Practitioner | None
    site: Site
    uses: Uses
    one_offs: tuple[OneOff, ...] = ()
    exclusions_until: datetime | None = None

    def with_device(self, *, asked: Asked, device: Device, seller: SellerStanding) -> Facts:
        """Return the whole question."""
        return Facts(
            asked=asked,
            place=self.place,
            device=device,
            seller=seller,
            buyer=self.buyer,
            site=self.site,
            operator=self.operator,
            practitioner=self.practitioner,
            uses=self.uses,
            one_offs=self.one_offs,
            exclusions_until=self.exclusions_until,
        )


def circumstances_of(purchase: Purchase, sources: Sources | None = None) -> Circumstances:
    """
    Gather the people, the site and what they proved, as they are now unless other `sources` are named.

    :raises NotFound: the site is not one of the buying clinic's open sites
    """
    sources = sources or _today()
    site = sources.site(purchase.site_id)
    if site.clinic_id != purchase.clinic_id:
        raise NotFound("This site is not one of the buying clinic's.")
    members = sources.members_of(purchase.clinic_id)
    present = {member.user_id for member in members if member.account_open}
    tenures = {member.user_id: Tenure(member.starts_on, member.ends_on) for member in members}
    roles: dict[UUID, set[ClinicRole]] = defaultdict(set)
    names = {}
    for member in members:
        roles[member.user_id].add(member.role)
        names[member.user_id] = member.name
    everyone = set(names) | {purchase.buyer_id} | ({purchase.operator_id} if purchase.operator_id else set())
    held = sources.held_by(everyone)
    excluded, exclusions_until = sources.exclusions_of(everyone)
    staff = {
        user_id: _Member(
            Person(
                id=user_id,
                name=names.get(user_id, "someone who has left the clinic"),
                member=user_id in present,
                credentials=tuple(_held(row) for row in held.get(user_id, ())),
                exclusion=excluded.get(user_id),
                tenure=tenures.get(user_id, Tenure()),
            ),
            frozenset(roles[user_id]),
        )
        for user_id in sorted(everyone)
    }
    place = Place(state=site.state, time_zone=site.time_zone)
    return Circumstances(
        place=place,
        buyer=Buyer(
            id=purchase.buyer_id,
            exclusion=staff[purchase.buyer_id].person.exclusion,
            in_good_standing=purchase.buyer_id in present,
            tenure=tenures.get(purchase.buyer_id, Tenure()),
        ),
        operator=staff[purchase.operator_id].person if purchase.operator_id else None,
        practitioner=_practitioner(purchase, staff, place),
        site=Site(
            credentials=tuple(_held(row) for row in sources.held_by_sites([site.id]).get(site.id, ())),
            safety_officer_named=site.laser_safety_officer_id in present,
            colleagues=tuple(member.person for user_id, member in staff.items() if user_id in present),
            id=site.id,
        ),
        uses=Uses(declared=purchase.declared_uses, restriction_signed=purchase.restriction_signed),
        one_offs=sources.one_offs_of(site.id),
        exclusions_until=exclusions_until,
    )


@dataclass(frozen=True, slots=True)
class Crew:
    """Everybody of a clinic and one of its sites, to ask what would be without some of them or of what they hold."""

    place: Place
    site: Site
    members: Mapping[UUID, _Member]
    officer_id: UUID | None
    exclusions_until: datetime | None

    @property
    def people(self) -> tuple[Person, ...]:
        """Return the members."""
        return self.site.colleagues

    def without(self, *, person_id: UUID | None = None, credential_id: UUID | None = None) -> "Crew":
        """Return the crew after this person has left, or this credential has lapsed."""

        def kept(held: tuple[Held, ...]) -> tuple[Held, ...]:
            return tuple(one for one in held if one.id != credential_id)

        members = {
            key: member._replace(person=replace(member.person, credentials=kept(member.person.credentials)))
            for key, member in self.members.items()
            if key != person_id
        }
        site = replace(
            self.site,
            credentials=kept(self.site.credentials),
            safety_officer_named=self.site.safety_officer_named and self.officer_id != person_id,
            colleagues=tuple(member.person for member in members.values()),
        )
        return replace(self, site=site, members=members)

    def operated_by(self, person: Person) -> Circumstances:
        """Return the circumstances of a purchase by this member, who operates the device."""
        purchase = Purchase(person.id, UUID(int=0), UUID(int=0), person.id)
        return Circumstances(
            place=self.place,
            buyer=Buyer(id=person.id, in_good_standing=True, exclusion=person.exclusion),
            operator=person,
            practitioner=_practitioner(purchase, self.members, self.place),
            site=self.site,
            uses=Uses(),
            exclusions_until=self.exclusions_until,
        )


def crew_of(site: clinics.Site, members: Iterable[clinics.Member], around: Circumstances) -> Crew:
    """Return everybody of a site's clinic; `around` is what stands around what one of them buys for it."""
    roles: dict[UUID, set[ClinicRole]] = defaultdict(set)
    for member in members:
        roles[member.user_id].add(member.role)
    return Crew(
        place=around.place,
        site=around.site,
        members={one.id: _Member(one, frozenset(roles[one.id])) for one in around.site.colleagues},
        officer_id=site.laser_safety_officer_id,
        exclusions_until=around.exclusions_until,
    )


def sellers_of(sales: Iterable[Sale]) -> Mapping[UUID, SellerStanding]:
    """Return, by clinic, whether staff found that it may sell."""
    return clinics.seller_standings({sale.seller_clinic_id for sale in sales})


def newcomer(state: str) -> Circumstances:
    """Return somebody in this place who has nothing yet: no credential, no practitioner, an empty site."""
    person = Person(id=UUID(int=0), name="The operator", member=True, exclusion=Exclusion.NONE)
    return Circumstances(
        place=Place(state=state, time_zone=time_zone_of(state)),
        buyer=Buyer(id=person.id, in_good_standing=True, exclusion=Exclusion.NONE),
        operator=person,
        practitioner=None,
        site=Site(colleagues=(person,)),
        uses=Uses(),
    )


def as_of(then: datetime, kept: Facts | None = None) -> Sources:
    """
    Return what history says of `then`.

    What old registers said is not kept: it is taken from the `kept` facts of that moment, else nothing stood in them.
    """
    people = _people_in(kept) if kept else []
    papers = [*(held for person in people for held in person.credentials), *(kept.site.credentials if kept else ())]
    until = {held.id: held.register_until for held in papers}
    found = {person.id: person.exclusion for person in people if person.exclusion} if kept else None

    def as_kept(held: dict[UUID, list[credentials.HeldRow]]) -> dict[UUID, list[credentials.HeldRow]]:
        return {owner: [replace(row, register_until=until.get(row.id)) for row in rows] for owner, rows in held.items()}

    return Sources(
        lambda site_id: clinic_history.site_at(site_id, then),
        lambda clinic_id: clinic_history.members_at(clinic_id, then),
        lambda user_ids: as_kept(credential_history.held_at(user_ids, then)),
        lambda site_ids: as_kept(credential_history.held_by_sites_at(site_ids, then)),
        lambda site_id: _one_offs(site_id, then),
        lambda user_ids: (
            dict.fromkeys(user_ids, Exclusion.NONE) if found is None else found,
            kept.exclusions_until if kept else None,
        ),
    )


def _people_in(kept: Facts) -> list[Person]:
    named = [kept.operator, kept.practitioner.person if kept.practitioner else None]
    buyer = Person(kept.buyer.id, "", member=True, exclusion=kept.buyer.exclusion)
    return [buyer, *kept.site.colleagues, *(person for person in named if person is not None)]


def _today() -> Sources:
    return Sources(
        clinics.site,
        clinics.members_of,
        credentials.held_by,
        credentials.held_by_sites,
        lambda site_id: _one_offs(site_id, None),
        lambda user_ids: as_facts(exclusions.exclusions_of(user_ids)),
    )


def as_facts(look: ExclusionLook) -> tuple[Mapping[UUID, Exclusion], datetime | None]:
    """Return a look into the list of exclusions as the gate sees it."""
    return {user_id: _EXCLUSIONS[answer] for user_id, answer in look.answers.items()}, look.until


def _one_offs(site_id: UUID, then: datetime | None) -> tuple[OneOff, ...]:
    """Return what stands decided for this site; whom, which unit and which procedure it is about, the gate asks."""
    stands = [RuleReview.state == ReviewState.APPROVED]
    if then is not None:
        moves = select(RuleReviewMove.review_id).where(RuleReviewMove.at <= then)
        approved = moves.where(RuleReviewMove.state == ReviewState.APPROVED)
        ended = moves.where(RuleReviewMove.state == ReviewState.ENDED)
        stands = [RuleReview.id.in_(approved), RuleReview.id.not_in(ended)]
    rows = db.session.scalars(select(RuleReview).where(RuleReview.site_id == site_id, *stands).order_by(RuleReview.id))
    return tuple(row.as_fact() for row in rows)


_EXCLUSIONS = {
    Excluded.NO: Exclusion.NONE,
    Excluded.PERHAPS: Exclusion.OPEN,
    Excluded.YES: Exclusion.CONFIRMED,
}


def _practitioner(purchase: Purchase, staff: Mapping[UUID, _Member], place: Place) -> Practitioner | None:
    confirmation = (
        Confirmation(at=purchase.confirmed_at, statements=purchase.statements) if purchase.confirmed_at else None
    )
    if purchase.practitioner_id is not None:
        member = staff.get(purchase.practitioner_id)
        return Practitioner(member.person, confirmation) if member else None
    candidates = [
        member.person
        for member in staff.values()
        if member.person.member and (ClinicRole.PRACTITIONER in member.roles or _readiness(member.person, place))
    ]
    # Whoever is nearest to being able to order it, so that the answer names the shortest way.
    candidates.sort(
        key=lambda person: (-_readiness(person, place), person.id != purchase.operator_id, person.name, str(person.id))
    )
    return Practitioner(candidates[0]) if candidates else None


def _readiness(person: Person, place: Place) -> int:
    ways = [
        1 + (held.state is CredentialState.VERIFIED) * 2 + (held.jurisdiction == place.state) * 4
        for held in person.credentials
        if Opens.PRESCRIBER in credential_types()[held.type].opens
    ]
    return max(ways, default=0)


def _held(row: credentials.HeldRow) -> Held:
    known = credential_types()[row.type_code]
    return Held(
        id=row.id,
        type=row.type_code,
        type_name=known.name,
        kind=known.kind,
        jurisdiction=row.jurisdiction,
        state=row.state,
        issued_on=row.issued_on,
        expires_on=row.expires_on,
        verified_at=row.verified_at,
        level=row.level,
        endorsements=frozenset(row.endorsements),
        device_model_id=row.device_model_id,
        does_not_open=known.does_not_open,
        register_until=row.register_until,
    )
