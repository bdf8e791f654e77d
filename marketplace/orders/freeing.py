"""
A unit on which a lien rests is freed: its seller hands in the release, finance reads it, and only then may it leave.

It rests where its seller states it, and where the latest search of filings found one on this very unit, also after the
order. The database refuses a release to ship before that as well. No lender is paid from here.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select

from .. import audit
from ..clinics.models import Clinic
from ..documents import service as documents
from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict, Invalid, NotFound, Refused
from ..listings import liens
from ..listings.liens import Search
from ..listings.models import Listing
from ..listings.terms import FilingFound
from . import belonging, lien_wording, steps
from .access import Act, may
from .handovers import LienRelease
from .models import Order
from .states import UNSHIPPED


class LienRests(Conflict):
    """A loan or lien rests on the device until its release is here and was read."""

    code = "lien_rests"

    def __init__(self) -> None:
        super().__init__(
            "A loan or lien rests on this device, so it cannot leave yet.",
            cure="Hand in its holder's release on the order's page; our finance desk reads it and writes to you.",
        )


class NotForYou(Refused):
    """Only the seller hands a release in."""

    code = "release_is_the_sellers"


@dataclass(frozen=True, slots=True)
class Handed:
    """A release that was handed in. `confirmed` None: nobody has read it yet."""

    document_id: UUID
    words: str
    handed_in_at: datetime
    confirmed: bool | None
    because: str | None
    judged_at: datetime | None


@dataclass(frozen=True, slots=True)
class LienView:
    """What rests on an order's unit, and how far it is from being freed. `lender` is empty where none is stated."""

    lender: str
    payoff_through: date | None
    debtor_name: str
    searches: tuple[Search, ...]
    releases: tuple[Handed, ...]
    order_is_open: bool

    @property
    def freed(self) -> bool:
        """Whether the release was read and found good."""
        return any(one.confirmed for one in self.releases)

    @property
    def waits(self) -> Handed | None:
        """The release that nobody has read yet."""
        return next((one for one in self.releases if one.confirmed is None), None)

    @property
    def takes_a_release(self) -> bool:
        """Whether its seller can hand one in now."""
        return self.order_is_open and not self.freed and self.waits is None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A release that finance has to read."""

    order_id: UUID
    number: int
    title: str
    seller_name: str
    lender: str
    words: str
    document_id: UUID
    handed_in_at: datetime


def note_search(*, listing_id: UUID, actor_id: UUID, made: Search) -> None:
    """
    Keep, as staff, what a search of filings found (`listings.liens`); who ordered the unit is mailed, as its seller is.

    :raises NotFound: there is no such unit
    :raises OwnFilings: they belong or belonged to the clinic that sells it
    :raises Invalid: name, office or file number is missing, or the day lies ahead
    """
    with unit_of_work():
        if not liens.note_search(listing_id=listing_id, actor_id=actor_id, made=made):
            return
        order = db.session.scalars(
            select(Order).where(Order.listing_id == listing_id, Order.state.in_(UNSHIPPED))
        ).one_or_none()
        if order is not None:
            steps.tell_buyer(lien_wording.found_to_buyer(steps.told_of(order)), order, at=made.at, page="/lien")


def of_order(order_id: UUID) -> LienView | None:
    """Return what rests on an order's unit; None where nothing does. Asks nothing about the reader."""
    row = db.session.execute(
        select(Listing.id, Listing.particulars, Order.state, liens.latest_found(Listing.id).label("found"))
        .join(Order, Order.listing_id == Listing.id)
        .where(Order.id == order_id)
    ).one_or_none()
    if row is None:
        return None
    lien = liens.stated(row.particulars) or (liens.UNSTATED if row.found is FilingFound.THIS_UNIT else None)
    if lien is None:
        return None
    rows = db.session.scalars(
        select(LienRelease).where(LienRelease.order_id == order_id).order_by(LienRelease.position.desc())
    )
    return LienView(
        lender=lien.lender,
        payoff_through=lien.payoff_through,
        debtor_name=liens.debtor_of(row.id),
        searches=tuple(liens.searches_of(row.id)),
        releases=tuple(
            Handed(one.document_id, one.words, one.handed_in_at, one.confirmed, one.because, one.judged_at)
            for one in rows
        ),
        order_is_open=row.state in UNSHIPPED,
    )


def waiting() -> list[Waiting]:
    """Return the releases that nobody has read, those first that wait longest."""
    rows = db.session.execute(
        select(
            Order.id, Order.number, Listing.title, Clinic.name, Listing.particulars, LienRelease.words,
            LienRelease.document_id, LienRelease.handed_in_at,
        )
        .join(Order, Order.id == LienRelease.order_id)
        .join(Listing, Listing.id == Order.listing_id)
        .join(Clinic, Clinic.id == Order.seller_clinic_id)
        .where(LienRelease.judged_at.is_(None))
        .order_by(LienRelease.position)
    )  # fmt: skip
    return [Waiting(*row[:4], row.particulars.get("lender", ""), *row[5:]) for row in rows]


def hand_in(*, order_id: UUID, actor_id: UUID, words: str, filename: str, content: bytes, at: datetime) -> UUID:
    """
    Hand in, as the seller, the paper by which the holder of the lien lets the unit go; finance reads it.

    :raises NotFound: there is no such order, or it is not theirs to know of
    :raises NotForYou: only the seller hands it in
    :raises Conflict: nothing rests on the unit, it is freed, a release waits already, or the order is over
    :raises Invalid: nothing says what it is, or the file is none that is taken
    """
    if not 1 <= len(words.strip()) <= 200:
        raise Invalid("Say in a few words what the paper is, and of whom.", field="words")
    with unit_of_work():
        _require_open(_of_seller(order_id, actor_id))
    examined = documents.examine(filename=filename, content=content, field="file")
    with unit_of_work():
        order = _of_seller(order_id, actor_id)
        _require_open(order)  # Another of the clinic may have handed one in while this was looked at.
        document_id = documents.receive(owner_id=actor_id, file=examined, at=at)
        db.session.add(
            LienRelease(
                order_id=order_id, document_id=document_id, words=words.strip(), handed_in_by=actor_id, handed_in_at=at
            )
        )
        db.session.flush()
        audit.record(
            "order:lien_release_handed_in", actor_id=actor_id, subject_type="order", subject_id=order_id, at=at
        )
        return document_id


def judge(*, order_id: UUID, actor_id: UUID, confirmed: bool, because: str, at: datetime) -> None:
    """
    Say, as finance, whether the release that waits frees the unit. The caller has checked that they may.

    :raises NotFound: there is no such order
    :raises OwnOrder: they have to do with one of its clinics
    :raises Conflict: no release waits
    :raises Invalid: it is not said how that was found
    """
    said = because.strip()[:1000]
    if not said:
        raise Invalid("Say how you found that out: both sides read it.", field="because")
    with unit_of_work():
        order = steps.locked_by_staff(order_id, actor_id=actor_id)
        release = db.session.scalars(
            select(LienRelease).where(LienRelease.order_id == order_id, LienRelease.judged_at.is_(None))
        ).one_or_none()
        if release is None:
            raise Conflict("No release waits to be read.", cure="Open the order again.")
        release.confirmed, release.because, release.judged_by, release.judged_at = confirmed, said, actor_id, at
        db.session.flush()
        kind = "order:lien_release_confirmed" if confirmed else "order:lien_release_refused"
        audit.record(kind, actor_id=actor_id, subject_type="order", subject_id=order_id, at=at)
        told = steps.told_of(order)
        if confirmed:
            steps.tell_buyer(lien_wording.freed_to_buyer(told), order, at=at)
            steps.tell_seller(lien_wording.freed_to_seller(told), order, at=at)
        else:
            steps.tell_seller(lien_wording.refused_to_seller(told, said), order, at=at)


def refuse_while_it_rests(order_id: UUID) -> None:
    """
    Let an order through on whose unit nothing rests any more. A step of the caller's work.

    :raises LienRests: the release is not here, or nobody has read it
    """
    lien = of_order(order_id)
    if lien is not None and not lien.freed:
        raise LienRests


def _of_seller(order_id: UUID, actor_id: UUID) -> Order:
    order = steps.locked(order_id)
    parties = belonging.parties_of(order, actor_id)
    if not parties:
        raise NotFound("There is no such order, or it is not yours to see.")
    if not may(Act.RELEASE_TO_SHIP, parties):
        raise NotForYou("Only the seller can hand in the release of a lien.")
    return order


def _require_open(order: Order) -> None:
    lien = of_order(order.id)
    if lien is None:
        raise Conflict("Nothing is stated to rest on this device.")
    if not lien.order_is_open:
        raise Conflict("This order is over, or its device has left.")
    if not lien.takes_a_release:
        raise Conflict("A release is here already.", cure="The order's page says where that stands.")
