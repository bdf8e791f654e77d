"""
Ask for something to be arranged, propose a partner, and hand the request on when its person says so.

`_move` alone writes states. What is handed on is a mail to one named partner; no money of it passes through this house.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update

from .. import audit
from ..accounts.models import User
from ..accounts.policy import email_problem
from ..clinics import queries as clinics
from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict, Invalid, NotFound, Refused
from ..kernel.money import Money
from ..kernel.text import normal_email
from ..listings import queries as listings
from ..listings.models import Listing
from ..listings.states import ListingState
from ..notifications.service import promise_mail
from . import queries
from .models import Lead, LeadMove, LeadProposal
from .states import ALIVE, LEAD, LeadEvent, LeadKind, LeadState

MOST_LEADS = 10
KINDS = {
    LeadKind.FINANCE: "financing",
    LeadKind.TRADE_IN: "trade-in",
    LeadKind.BROKERAGE: "sale through a broker",
    LeadKind.CONSIGNMENT: "consignment",
}
"""What each kind is called in a sentence."""


class OwnLead(Refused):
    """Nobody arranges what they asked for themselves, or their own clinic did."""

    code = "own_lead"

    def __init__(self) -> None:
        super().__init__(
            "This is your own request, or one of a clinic to which you belong or belonged.",
            cure="Leave it to a colleague.",
        )


class AlreadyAsked(Conflict):
    """The same person waits for an answer about financing the same unit."""

    code = "financing_asked_already"


class AnotherIsProposed(Conflict):
    """What somebody answered is not the proposal that waits: they have not read whom they would be passed to."""

    code = "another_is_proposed"
    cure = "Read who is proposed now, and answer that."

    def __init__(self) -> None:
        super().__init__("Somebody else is proposed by now. Nothing was handed on.")


@dataclass(frozen=True, slots=True)
class HandedIn:
    """What somebody wants to hand in or have sold: the device in their words, and what they hope for."""

    kind: LeadKind
    clinic_id: UUID
    device: str
    words: str = ""
    hoped_for: Money | None = None


def finance(
    *, user_id: UUID, listing_id: UUID, site_id: UUID, amount: Money, months: int | None, words: str, at: datetime
) -> UUID:
    """
    Ask for a unit on the market to be financed, for use at a site. Nothing is reserved by it.

    :raises NotFound: there is no such unit, or the site is not the person's
    :raises Conflict: the unit is not on the market
    :raises AlreadyAsked: the person waits for an answer about it
    :raises Invalid: the amount is nothing or more than the price, or the months cannot be
    """
    with unit_of_work():
        _hold(user_id)
        site = next((one for one in clinics.sites_of_person(user_id) if one.id == site_id), None)
        listing = db.session.get(Listing, listing_id)
        if site is None or listing is None:
            raise NotFound("There is no such device, or no such site of yours.")
        if listing.state is not ListingState.PUBLISHED:
            raise Conflict("This device is not on the market at the moment.", cure="Choose another one.")
        if listing.clinic_id == site.clinic_id:
            raise Invalid("Your own clinic sells it.", field="site_id")
        if not 0 < amount.minor <= (listing.price_minor or 0):
            raise Invalid("Name an amount up to the price of the device.", field="amount")
        if months is not None and not 6 <= months <= 120:
            raise Invalid("Write months from 6 to 120, or leave it open.", field="months")
        live = select(Lead.id).where(Lead.user_id == user_id, Lead.listing_id == listing_id, Lead.state.in_(ALIVE))
        if db.session.scalar(live) is not None:
            raise AlreadyAsked(
                "You have asked about financing this device already.", cure="Your page of requests has it."
            )
        lead = Lead(
            kind=LeadKind.FINANCE, clinic_id=site.clinic_id, site_id=site_id, listing_id=listing_id, device="",
            amount_minor=amount.minor, months=months,
        )  # fmt: skip
        return _begin(lead, user_id, words, at)


def hand_in(*, user_id: UUID, said: HandedIn, at: datetime) -> UUID:
    """
    Ask for a device to be taken in, sold by a broker, or sold on consignment.

    :raises Invalid: no device is named, or financing is asked for without a unit
    :raises NotFound: the clinic is not the person's
    """
    device = said.device.strip()
    if said.kind is LeadKind.FINANCE:
        raise Invalid("Financing is asked for on the page of the device.", field="kind")
    if not 1 <= len(device) <= 200:
        raise Invalid("Say which device it is, in up to 200 signs.", field="device")
    if said.hoped_for is not None and said.hoped_for.minor <= 0:
        raise Invalid("Write an amount above nothing, or leave it open.", field="amount")
    with unit_of_work():
        _hold(user_id)
        if said.clinic_id not in {one.clinic_id for one in clinics.memberships_of(user_id)}:
            raise NotFound("There is no such clinic among yours.")
        lead = Lead(
            kind=said.kind, clinic_id=said.clinic_id, device=device,
            amount_minor=said.hoped_for.minor if said.hoped_for else None,
        )  # fmt: skip
        return _begin(lead, user_id, said.words, at)


def propose(*, lead_id: UUID, actor_id: UUID, partner: str, partner_email: str, words: str, at: datetime) -> None:
    """
    Propose, as staff, somebody to whom the request could be handed on. Its person is asked by mail.

    :raises NotFound: there is none
    :raises OwnLead: it is theirs, or of a clinic of theirs
    :raises Invalid: nobody is named, or it is not said what they do
    :raises marketplace.kernel.machine.IllegalMove: it waits for an answer, or is over
    """
    name, address, said = partner.strip(), normal_email(partner_email), words.strip()
    if not 1 <= len(name) <= 200:
        raise Invalid("Name the partner.", field="partner")
    problem = email_problem(address)
    if problem is not None:
        raise Invalid(problem, field="partner_email")
    if not 1 <= len(said) <= 1000:
        raise Invalid("Say in up to 1,000 signs who they are and what they do.", field="words")
    with unit_of_work():
        lead = _of_staff(lead_id, actor_id)
        _move(lead, LeadEvent.PROPOSED, actor_id=actor_id, at=at)
        db.session.add(
            LeadProposal(
                lead_id=lead.id, partner=name, partner_email=address, words=said, proposed_by=actor_id, proposed_at=at
            )
        )
        _tell(
            lead, f"May we pass your request to {name}?",
            [
                f"You asked about {_about(lead)}. We propose {name}:", said,
                "They hear of you only if you agree; your page shows what they would read.",
            ],
            at,
        )  # fmt: skip


def agree(*, lead_id: UUID, user_id: UUID, read: int, at: datetime) -> None:
    """
    Let the partner that was proposed have the request: a mail to them says who asks, for what, and what the gate says.

    `read` is the number of the proposal that the person read.

    :raises NotFound: it is not theirs
    :raises AnotherIsProposed: they read another than the one that waits
    :raises marketplace.kernel.machine.IllegalMove: nobody is proposed
    """
    passed_on = queries.passed_on(queries.own(user_id, lead_id), at=at)
    with unit_of_work():
        lead = _mine(lead_id, user_id)
        LEAD.after(lead.state, LeadEvent.AGREED)
        proposal = _answer(lead, agreed=True, read=read, at=at)
        _move(lead, LeadEvent.AGREED, actor_id=user_id, at=at)
        promise_mail(
            to=proposal.partner_email,
            template="lead_handed_on",
            context={"partner": proposal.partner, "kind": KINDS[lead.kind], "lines": [list(one) for one in passed_on]},
            at=at,
        )


def decline(*, lead_id: UUID, user_id: UUID, read: int, at: datetime) -> None:
    """
    Not be passed to the partner that was proposed; the request stays open. `read` as for `agree`.

    :raises NotFound: it is not theirs
    :raises AnotherIsProposed: they read another than the one that waits
    :raises marketplace.kernel.machine.IllegalMove: nobody is proposed
    """
    with unit_of_work():
        lead = _mine(lead_id, user_id)
        LEAD.after(lead.state, LeadEvent.DECLINED)
        _answer(lead, agreed=False, read=read, at=at)
        _move(lead, LeadEvent.DECLINED, actor_id=user_id, at=at)


def withdraw(*, lead_id: UUID, user_id: UUID, at: datetime) -> None:
    """
    Take the request back, as long as nobody outside has it.

    :raises NotFound: it is not theirs
    :raises marketplace.kernel.machine.IllegalMove: it was handed on, or is over
    """
    with unit_of_work():
        lead = _mine(lead_id, user_id)
        _move(lead, LeadEvent.WITHDRAWN, actor_id=user_id, at=at)
        _forget_open_proposal(lead, at)


def close(*, lead_id: UUID, actor_id: UUID, because: str, at: datetime) -> None:
    """
    End the request, as staff; its person reads why.

    :raises NotFound: there is none
    :raises OwnLead: it is theirs, or of a clinic of theirs
    :raises Invalid: no reason
    :raises marketplace.kernel.machine.IllegalMove: it is over
    """
    said = because.strip()[:1000]
    if not said:
        raise Invalid("Say why: its person reads it.", field="because")
    with unit_of_work():
        lead = _of_staff(lead_id, actor_id)
        lead.closed_because = said
        _move(lead, LeadEvent.CLOSED, actor_id=actor_id, at=at)
        _forget_open_proposal(lead, at)
        lines = [f"You asked about {_about(lead)}. Our staff closed the request:", said]
        _tell(lead, "Your request is closed", lines, at)


def _hold(user_id: UUID) -> None:
    """Let a person's forms come one after the other, and no more of them than are looked at."""
    db.session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))
    mine = select(func.count()).select_from(Lead).where(Lead.user_id == user_id, Lead.state.in_(ALIVE))
    if (db.session.scalar(mine) or 0) >= MOST_LEADS:
        raise Invalid(f"You can ask for {MOST_LEADS} things at a time.", cure="Take one of them back first.")


def _begin(lead: Lead, user_id: UUID, words: str, at: datetime) -> UUID:
    if len(words.strip()) > 2000:
        raise Invalid("Write at most 2,000 signs.", field="words")
    lead.user_id, lead.words, lead.state, lead.created_at = user_id, words.strip(), LeadState.OPEN, at
    db.session.add(lead)
    db.session.flush()
    db.session.add(LeadMove(lead_id=lead.id, event=None, state=lead.state, actor_id=user_id, at=at))
    _note("lead:asked", lead, user_id, at)
    return lead.id


def _move(lead: Lead, event: LeadEvent, *, actor_id: UUID, at: datetime) -> None:
    lead.state = LEAD.after(lead.state, event)
    db.session.add(LeadMove(lead_id=lead.id, event=event, state=lead.state, actor_id=actor_id, at=at))
    db.session.flush()
    _note(f"lead:{event}", lead, actor_id, at)


def _answer(lead: Lead, *, agreed: bool, read: int, at: datetime) -> LeadProposal:
    proposal = db.session.scalars(
        select(LeadProposal).where(LeadProposal.lead_id == lead.id, LeadProposal.answered_at.is_(None))
    ).one()
    if proposal.position != read:
        raise AnotherIsProposed
    proposal.agreed, proposal.answered_at = agreed, at
    db.session.flush()
    return proposal


def _forget_open_proposal(lead: Lead, at: datetime) -> None:
    db.session.execute(
        update(LeadProposal)
        .where(LeadProposal.lead_id == lead.id, LeadProposal.answered_at.is_(None))
        .values(agreed=False, answered_at=at)
    )


def _note(kind: str, lead: Lead, actor_id: UUID, at: datetime) -> None:
    audit.record(kind, actor_id=actor_id, subject_type="lead", subject_id=lead.id, at=at)


def _tell(lead: Lead, subject: str, lines: list[str], at: datetime) -> None:
    person = db.session.get_one(User, lead.user_id)
    context: dict[str, Any] = {
        "name": person.name, "subject": subject, "lines": lines, "path": f"/arrangements/{lead.id}"
    }  # fmt: skip
    promise_mail(to=person.email, template="lead_news", context=context, at=at)


def _about(lead: Lead) -> str:
    if lead.listing_id is None:
        return f"a {KINDS[lead.kind]}: {lead.device}"
    return f"financing the {listings.titles_of([lead.listing_id])[lead.listing_id]}"


def _mine(lead_id: UUID, user_id: UUID) -> Lead:
    lead = db.session.get(Lead, lead_id, with_for_update={"key_share": True}, populate_existing=True)
    if lead is None or lead.user_id != user_id:
        raise NotFound("There is no such request among yours.")
    return lead


def _of_staff(lead_id: UUID, actor_id: UUID) -> Lead:
    lead = db.session.get(Lead, lead_id, with_for_update={"key_share": True}, populate_existing=True)
    if lead is None:
        raise NotFound("There is no such request.")
    if lead.user_id == actor_id or clinics.ever_member(user_id=actor_id, clinic_id=lead.clinic_id):
        raise OwnLead
    return lead
