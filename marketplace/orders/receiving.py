"""
Who signed for a device when it came: a member of the clinic that bought it, or somebody whom it does not name.

A device that somebody else took may have been bought for them. That is a doubt which everybody who runs the clinic
hears of, and which staff settle with what they found; the sale goes on, for the seller did what was asked of them.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select

from .. import audit
from ..clinics import queries as clinics
from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict, Invalid, NotFound
from ..listings.models import Listing
from ..registers.normal import person_words
from . import belonging, steps, wording
from .handovers import DeliveryReceipt
from .models import Order

LONGEST_NAME = 200
LONGEST_FINDING = 1000


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signed for the device: a member of the buying clinic; else the name that stands on the carrier's receipt."""

    member_id: UUID | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A device that somebody took whom its clinic does not name; `finding` None: staff have yet to look at it."""

    order_id: UUID
    number: int
    device: str
    signed_by: str
    told_at: datetime
    attested: bool
    finding: str | None
    settled_at: datetime | None


def receive(order: Order, signer: Signer, *, told_by: UUID, attested: bool, at: datetime) -> DeliveryReceipt:
    """
    Keep who signed for the device. A step of the caller's work.

    A name that is a member's counts as that member's. Of a name that is nobody's the buyer and whoever runs the clinic
    are told.

    :raises Invalid: nobody is named, or the member named is not of the clinic
    """
    name, member_id = _named(order, signer)
    receipt = DeliveryReceipt(
        order_id=order.id, signed_by=name, member_id=member_id, told_by=told_by, told_at=at, attested=attested
    )
    db.session.add(receipt)
    db.session.flush()  # Before the order moves: the database asks who signed.
    if member_id is None:
        people = {order.buyer_id, *belonging.in_charge_of(order.buyer_clinic_id)}
        steps.tell(wording.taken_by_somebody_else(steps.told_of(order), name=name), people, order, at=at)
    return receipt


def settle(*, order_id: UUID, actor_id: UUID, finding: str, at: datetime) -> None:
    """
    Write down, as staff, what was found of somebody who took a device and whom its clinic does not name.

    The caller has checked that they may.

    :raises NotFound: there is no such order, or no such doubt about it
    :raises OwnOrder: they have to do with one of its clinics
    :raises Invalid: it does not say what was found
    :raises Conflict: it was settled before, or they told it themselves
    """
    words = finding.strip()
    if not words or len(words) > LONGEST_FINDING:
        raise Invalid(f"Please say what you found, in at most {LONGEST_FINDING} signs.", field="finding")
    with unit_of_work():
        steps.locked_by_staff(order_id, actor_id=actor_id)
        receipt = db.session.get(DeliveryReceipt, order_id, populate_existing=True)
        if receipt is None or receipt.member_id is not None:
            raise NotFound("There is nothing to settle about the delivery of this order.")
        if receipt.settled_at is not None:
            raise Conflict("A colleague has settled it already.", cure="Read on this page what they found.")
        if receipt.told_by == actor_id:
            raise Conflict("You noted this delivery yourself.", cure="A colleague settles it.")
        receipt.finding, receipt.settled_by, receipt.settled_at = words, actor_id, at
        audit.record(
            "order:delivery_settled", actor_id=actor_id, subject_type="order", subject_id=order_id, at=at, finding=words
        )


def open_doubts() -> list[Doubt]:
    """Return what staff have yet to settle, the oldest first."""
    return _doubts(DeliveryReceipt.settled_at.is_(None))


def doubt_about(order_id: UUID) -> Doubt | None:
    """Return the doubt about who took this order's device, also a settled one; None: there is none."""
    return next(iter(_doubts(DeliveryReceipt.order_id == order_id)), None)


def _named(order: Order, signer: Signer) -> tuple[str, UUID | None]:
    members = {one.user_id: one.name for one in clinics.members_of(order.buyer_clinic_id)}
    if signer.member_id is not None:
        if signer.member_id not in members:
            raise Invalid("Choose who signed for it.", field="member")
        return members[signer.member_id], signer.member_id
    name = " ".join(signer.name.split())
    if not name or len(name) > LONGEST_NAME:
        raise Invalid("Write the name that stands on the carrier's receipt.", field="name")
    same = [user_id for user_id, theirs in members.items() if person_words(theirs) == person_words(name)]
    return name, same[0] if same else None


def _doubts(which: ColumnElement[bool]) -> list[Doubt]:
    one = DeliveryReceipt
    rows = db.session.execute(
        select(
            one.order_id, Order.number, Listing.title, one.signed_by, one.told_at, one.attested, one.finding,
            one.settled_at,
        )
        .join(Order, Order.id == one.order_id)
        .join(Listing, Listing.id == Order.listing_id)
        .where(one.member_id.is_(None), which)
        .order_by(one.told_at, Order.number)
    )  # fmt: skip
    return [Doubt(*row) for row in rows]
