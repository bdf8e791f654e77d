"""What pages ask about requests to arrange something, and what a partner would read of one."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from ..accounts.models import User
from ..clinics.models import Clinic, ClinicSite
from ..eligibility import publishing
from ..eligibility import service as eligibility
from ..eligibility.sale import Purchase
from ..eligibility.verdict import Reach
from ..extensions import db
from ..kernel.errors import NotFound
from ..kernel.money import Money
from ..kernel.terms import STATES
from ..listings import queries as listings
from ..listings.models import Listing
from .models import Lead, LeadProposal
from .states import ALIVE, LeadKind, LeadState


@dataclass(frozen=True, slots=True)
class Proposal:
    """Somebody outside who was proposed. `agreed` None: the person has not answered; `number` tells it from others."""

    number: int
    partner: str
    words: str
    proposed_at: datetime
    agreed: bool | None
    answered_at: datetime | None


@dataclass(frozen=True, slots=True)
class LeadFacts:
    """A request as its person and staff see it. `device` is the unit's title where one is to be financed."""

    id: UUID
    kind: LeadKind
    state: LeadState
    user_id: UUID
    person: str
    email: str
    clinic_id: UUID
    clinic_name: str
    site_id: UUID | None
    site_state: str | None
    listing_id: UUID | None
    device: str
    price: Money | None
    amount: Money | None
    months: int | None
    words: str
    closed_because: str | None
    created_at: datetime
    proposals: tuple[Proposal, ...]

    @property
    def proposed(self) -> Proposal | None:
        """Who is proposed and waits for the person's answer."""
        return next((one for one in self.proposals if one.agreed is None), None)


def of_person(user_id: UUID) -> list[LeadFacts]:
    """Return what somebody asked for, the latest first."""
    return _facts(Lead.user_id == user_id)


def own(user_id: UUID, lead_id: UUID) -> LeadFacts:
    """
    Return one of somebody's requests.

    :raises NotFound: it is not theirs
    """
    found = _facts(Lead.id == lead_id, Lead.user_id == user_id)
    if not found:
        raise NotFound("There is no such request among yours.")
    return found[0]


def waiting() -> list[LeadFacts]:
    """Return what staff have to do with, those first that wait longest; in the order of asking."""
    return _facts(Lead.state.in_(ALIVE), oldest_first=True)


def handed_on() -> list[LeadFacts]:
    """Return what partners have and nobody has closed yet, the latest first."""
    return _facts(Lead.state == LeadState.HANDED_ON)


def passed_on(lead: LeadFacts, *, at: datetime) -> list[tuple[str, str]]:
    """Return what a partner reads of a request, line by line: nothing else of it leaves the house."""
    lines = [("Who asks", f"{lead.person}, {lead.clinic_name}"), ("Write to", lead.email), ("Device", lead.device)]
    if lead.price is not None:
        lines.append(("Its price", str(lead.price)))
    if lead.amount is not None:
        lines.append(("To be financed" if lead.listing_id else "Hoped for", str(lead.amount)))
    if lead.months is not None:
        lines.append(("Over", f"{lead.months} months"))
    if lead.words:
        lines.append(("In their words", lead.words))
    if lead.listing_id is not None and lead.site_id is not None:
        lines.append(("Place of use", STATES[lead.site_state or ""]))
        lines.append(("The gate today", _GATE[cleared(lead, at=at)]))
    return lines


_GATE = {
    True: "would clear this buyer for this device. It is asked again at the order, at the payment and before dispatch.",
    False: "would not clear this buyer for this device. Financing changes nothing about that:"
    " who operates it must be cleared.",
    None: "cannot be asked for this buyer. The device leaves its seller only when it says yes.",
}


def cleared(lead: LeadFacts, *, at: datetime) -> bool | None:
    """Say whether the gate would let the person have the unit today, as its operator; None: nobody can say."""
    if lead.listing_id is None or lead.site_id is None:
        return None
    purchase = Purchase(lead.user_id, lead.clinic_id, lead.site_id, lead.user_id)
    try:
        sale = listings.sale_of(lead.listing_id)
        return eligibility.reach(sales=[sale], purchase=purchase, at=at)[lead.listing_id] is Reach.TODAY
    except (publishing.NoPolicy, NotFound):
        return None


def _facts(*which: Any, oldest_first: bool = False) -> list[LeadFacts]:
    rows = db.session.execute(
        select(
            Lead, User.name.label("person"), User.email, Clinic.name.label("clinic"), ClinicSite.state.label("place"),
            Listing.title, Listing.year, Listing.price_minor, Listing.currency,
        )
        .join(User, User.id == Lead.user_id)
        .join(Clinic, Clinic.id == Lead.clinic_id)
        .outerjoin(ClinicSite, ClinicSite.id == Lead.site_id)
        .outerjoin(Listing, Listing.id == Lead.listing_id)
        .where(*which)
        .order_by(Lead.created_at if oldest_first else Lead.created_at.desc(), Lead.id)
        .limit(200)
    ).all()  # fmt: skip
    proposals: dict[UUID, list[Proposal]] = {}
    ids = [row.Lead.id for row in rows]
    for one in db.session.scalars(
        select(LeadProposal).where(LeadProposal.lead_id.in_(ids)).order_by(LeadProposal.position)
    ):
        told = Proposal(one.position, one.partner, one.words, one.proposed_at, one.agreed, one.answered_at)
        proposals.setdefault(one.lead_id, []).append(told)
    return [
        LeadFacts(
            id=row.Lead.id,
            kind=row.Lead.kind,
            state=row.Lead.state,
            user_id=row.Lead.user_id,
            person=row.person,
            email=row.email,
            clinic_id=row.Lead.clinic_id,
            clinic_name=row.clinic,
            site_id=row.Lead.site_id,
            site_state=row.place,
            listing_id=row.Lead.listing_id,
            device=row.Lead.device if row.title is None else f"{row.title} {row.year}",
            price=None if row.price_minor is None else Money(row.price_minor, row.currency),
            amount=None if row.Lead.amount_minor is None else Money(row.Lead.amount_minor),
            months=row.Lead.months,
            words=row.Lead.words,
            closed_because=row.Lead.closed_because,
            created_at=row.Lead.created_at,
            proposals=tuple(proposals.get(row.Lead.id, ())),
        )
        for row in rows
    ]
