"""Leaving: what stands in the way of closing one's own account, and closing it."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select

from ..accounts import closing
from ..accounts import queries as accounts
from ..clinics import membership
from ..clinics import queries as clinics
from ..clinics.queries import Membership
from ..credentials import queries as credentials
from ..credentials import submitting
from ..extensions import db
from ..inspections import states as inspecting
from ..inspections.models import Inspection
from ..kernel.errors import Conflict
from ..kernel.machine import IllegalMove
from ..kernel.terms import ClinicRole
from ..leads import queries as leads
from ..leads import service as asked
from ..listings.models import Listing
from ..listings.states import LIVE
from ..orders import offering, offers, reserving
from ..orders.models import Order
from ..orders.states import ENDED_WITHOUT_SALE, OrderState
from ..partners import queries as partners
from ..partners import sharing
from ..wants import queries as wanted
from ..wants import service as wants
from ..wants.states import WantEvent
from ..watching import service as watching

_OVER = (*ENDED_WITHOUT_SALE, OrderState.SETTLED)


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What others still need somebody for, what to do about it, and where."""

    words: str
    cure: str
    path: str


class StillNeeded(Conflict):
    """Others rest on somebody who wants to go."""

    code = "still_needed"

    def __init__(self, obstacles: Iterable[Obstacle]) -> None:
        super().__init__(" ".join(one.words for one in obstacles), cure="See to that first; then close your account.")


def obstacles(user_id: UUID) -> list[Obstacle]:
    """Return what stands in the way of somebody's closing their account; nothing of it can be left to others."""
    alone = [one for one in clinics.memberships_of(user_id) if _runs_alone(one, user_id)]
    return [*_orders(user_id, [one.clinic_id for one in alone]), *_inspections(user_id), *_clinics(user_id, alone)]


def leave(*, user_id: UUID, at: datetime) -> None:
    """
    Close one's own account. Everything that was asked for in their name is taken back first, each by itself: whoever
    is interrupted does it again. What they bought, sold, wrote or proved stays. After a refusal nothing is changed.

    :raises StillNeeded: others rest on them
    :raises marketplace.accounts.closing.StaffAccount: they are staff
    :raises Conflict: it is closed already
    """
    if accounts.person(user_id).staff_role is not None:
        raise closing.StaffAccount
    standing = obstacles(user_id)
    if standing:
        raise StillNeeded(standing)
    _take_back(user_id, at)
    for one in clinics.memberships_of(user_id):
        if not _runs_alone(one, user_id):
            membership.remove_member(clinic_id=one.clinic_id, actor_id=user_id, user_id=user_id, at=at)
    closing.close_own(user_id=user_id, at=at)


def _take_back(user_id: UUID, at: datetime) -> None:
    watching.forget_all(user_id=user_id)
    for shared in partners.shared_by(user_id):
        sharing.revoke(sharing_id=shared.id, person_id=user_id, at=at)
    # What is over already stays as it is.
    for want in wanted.of_person(user_id):
        if want.mine:
            with suppress(IllegalMove):
                wants.move(user_id=user_id, want_id=want.id, event=WantEvent.CLOSED, at=at)
    for offer in offers.of_buyer(user_id, at=at):
        with suppress(IllegalMove):
            offering.withdraw(offer_id=offer.id, actor_id=user_id, at=at)
    for reservation in reserving.of_buyer(user_id, at=at):
        with suppress(IllegalMove):
            reserving.give_up(reservation_id=reservation.id, actor_id=user_id, at=at)
    for lead in leads.of_person(user_id):
        with suppress(IllegalMove):
            asked.withdraw(lead_id=lead.id, user_id=user_id, at=at)
    for credential in credentials.mine(user_id):
        if credential.holder_id == user_id:
            with suppress(IllegalMove):
                submitting.withdraw(credential_id=credential.id, actor_id=user_id, at=at)


def _runs_alone(one: Membership, user_id: UUID) -> bool:
    return one.role is ClinicRole.OWNER and not clinics.other_owners(one.clinic_id, user_id)


def _orders(user_id: UUID, clinic_ids: list[UUID]) -> Iterator[Obstacle]:
    named = (Order.buyer_id, Order.operator_id, Order.practitioner_id)
    theirs: list[ColumnElement[bool]] = [one == user_id for one in named]
    theirs += [one.in_(clinic_ids) for one in (Order.buyer_clinic_id, Order.seller_clinic_id)]
    under_way = select(Order.id, Order.number).where(or_(*theirs), Order.state.not_in(_OVER)).order_by(Order.number)
    for order_id, number in db.session.execute(under_way):
        yield Obstacle(f"Order {number} is under way.", "See it through, or end it.", f"/orders/{order_id}")


def _inspections(user_id: UUID) -> Iterator[Obstacle]:
    for one in db.session.scalars(
        select(Inspection.id).where(Inspection.inspector_id == user_id, Inspection.state.in_(inspecting.LIVE))
    ):
        yield Obstacle("An inspection was given to you.", "Sign it, or write to us.", f"/inspections/{one}")


def _clinics(user_id: UUID, alone: list[Membership]) -> Iterator[Obstacle]:
    for one in alone:
        if any(member.user_id != user_id for member in clinics.members_of(one.clinic_id)):
            yield Obstacle(
                f"{one.clinic_name} has no other owner who stays.",
                "Make somebody else an owner, or end the memberships of the others.",
                f"/clinics/{one.clinic_id}",
            )
        on_offer = select(Listing.id).where(Listing.clinic_id == one.clinic_id, Listing.state.in_(LIVE)).limit(1)
        if db.session.scalar(on_offer) is not None:
            yield Obstacle(f"{one.clinic_name} has devices on offer.", "Take them off the market.", "/sell")
