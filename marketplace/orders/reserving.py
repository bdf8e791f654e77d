"""Waiting for a buyer who is still qualifying: asked for, granted for some days by the seller, over by itself."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, select

from .. import audit
from ..accounts import queries as accounts
from ..accounts.models import User
from ..clinics import queries as clinics
from ..clinics.access import MANAGERS
from ..clinics.models import Clinic
from ..eligibility import service as eligibility
from ..eligibility.sale import Purchase
from ..eligibility.verdict import Outcome
from ..extensions import db, reading, unit_of_work
from ..kernel.days import written
from ..kernel.errors import Conflict, Invalid, NotFound, Refused, TooMany
from ..listings import queries as listings
from ..listings.models import Listing
from ..listings.record import of_seller
from ..listings.states import ListingState
from ..notifications import service as notifications
from . import belonging, queries, reservation_wording
from .models import Reservation
from .reservation_states import (
    ANSWERED_WITHIN,
    MOST_AT_ONCE,
    MOST_DAYS,
    RESERVATION,
    ReservationEvent,
    ReservationState,
)
from .reservation_wording import News

_WAITS = "SELECT buyer_id, held_until FROM reservations WHERE listing_id = {} AND state = 'granted' AND held_until > {}"
_KEPT = _WAITS.format("%(listing)s", "%(now)s")
OF_UNIT = _WAITS.format("unit.id", "%(now)s")
"""What `kept` asks of the listing that is called `unit`, for a larger statement; `told` reads the answer."""
_OPEN = (ReservationState.ASKED, ReservationState.GRANTED)


class NothingToWaitFor(Refused):
    """The buyer needs no time, or time would not help."""

    code = "nothing_to_wait_for"


class KeptForAnother(Conflict):
    """The seller waits for somebody else, for some days."""

    code = "kept_for_another"

    def __init__(self, until: datetime) -> None:
        super().__init__(
            f"This device is reserved for another buyer, until {written(until)}, {until:%H:%M} UTC.",
            cure="Look again after that: if they have not bought it by then, it is free.",
        )
        self.until = until


@dataclass(frozen=True, slots=True)
class Kept:
    """For whom a seller waits, and how long."""

    buyer_id: UUID
    until: datetime


@dataclass(frozen=True, slots=True)
class ReservationView:
    """A request as buyer and seller see it. `state` is what it is now, also where nobody has tidied up yet."""

    id: UUID
    listing_id: UUID
    title: str
    buyer_name: str
    clinic_name: str
    message: str
    state: ReservationState
    asked_at: datetime
    held_until: datetime | None


def ask(*, listing_id: UUID, buyer_id: UUID, site_id: UUID, message: str, at: datetime) -> UUID:
    """
    Ask the seller to wait while the buyer qualifies. The seller learns the buyer's name, clinic and message.

    :raises NotFound: the device is not on the market, or the site is not within the buyer's reach
    :raises Invalid: the message is empty or too long
    :raises NothingToWaitFor: the buyer is cleared already, the device is their own clinic's, or no rule opens there
    :raises Conflict: the buyer has asked already
    :raises TooMany: the buyer has too many requests that are not over
    """
    said = message.strip()
    if not 0 < len(said) <= 1000:
        raise Invalid("Tell the seller in a few sentences what is still missing, and by when.", field="message")
    with unit_of_work():
        # Two requests of one person wait for each other here.
        db.session.execute(select(User.id).where(User.id == buyer_id).with_for_update())
        device = listings.on_display(listing_id)
        site = next((site for site in clinics.sites_of_person(buyer_id) if site.id == site_id), None)
        if site is None:
            raise NotFound("This site is not one of yours.")
        if device.state is not ListingState.PUBLISHED:
            raise Conflict("This device is not on the market any more.")
        if site.clinic_id == device.clinic_id:
            raise NothingToWaitFor("This device is your own clinic's.")
        purchase = Purchase(buyer_id=buyer_id, clinic_id=site.clinic_id, site_id=site_id, operator_id=buyer_id)
        (verdict,) = eligibility.previews(sales=[device.sale], purchase=purchase, at=at)
        if verdict.outcome is Outcome.YES:
            raise NothingToWaitFor("You are cleared for this device.", cure="Order it: it is then reserved for you.")
        if verdict.outcome is Outcome.NO_RULE:
            raise NothingToWaitFor(
                "No rule opens this device in your state yet, so nobody can qualify in time.",
                cure="Ask for a review of the rules there, or look for another device.",
            )
        mine = db.session.execute(
            select(Reservation.listing_id).where(Reservation.buyer_id == buyer_id, _still_open(at))
        ).all()
        _lapse_what_is_over(Reservation.listing_id == listing_id, at=at)
        if any(row.listing_id == listing_id for row in mine):
            raise Conflict("You have asked for this device already.", cure="Look at your reservations.")
        if len(mine) >= MOST_AT_ONCE:
            raise TooMany(f"You have {MOST_AT_ONCE} requests that are not over.", cure="Take one back, and ask again.")
        asked = Reservation(
            listing_id=listing_id, buyer_id=buyer_id, clinic_id=site.clinic_id, message=said, asked_at=at
        )
        db.session.add(asked)
        db.session.flush()
        _note(asked, "asked", actor_id=buyer_id, at=at)
        news = reservation_wording.asked(device.title, _name_of(buyer_id), site.clinic_name, said)
        _tell(news, belonging.in_charge_of(device.clinic_id), at=at)
        return asked.id


def grant(*, reservation_id: UUID, actor_id: UUID, days: int, at: datetime) -> datetime:
    """
    Wait for this buyer, as the seller; return until when. Nobody else can order the device for as long.

    :raises NotFound: there is no such request of what the person sells
    :raises Invalid: the number of days cannot be
    :raises IllegalMove: it is no longer asked for
    :raises Conflict: the device is not on the market, or another buyer is waited for
    """
    if not 1 <= days <= MOST_DAYS:
        raise Invalid(f"You can wait from 1 to {MOST_DAYS} days.", field="days")
    with unit_of_work():
        asked = _of_seller(reservation_id, actor_id)
        _require_open(asked, ReservationEvent.GRANTED, at)
        listing = db.session.get_one(Listing, asked.listing_id)
        if listing.state is not ListingState.PUBLISHED:
            raise Conflict("This device is not on the market any more.")
        _lapse_what_is_over(Reservation.listing_id == asked.listing_id, at=at)
        if kept(asked.listing_id, at=at) is not None:
            raise Conflict("You are waiting for another buyer already.", cure="Grant it when that time is over.")
        asked.decided_at, asked.decided_by, asked.held_until = at, actor_id, at + timedelta(days=days)
        _move(asked, ReservationEvent.GRANTED, actor_id=actor_id, at=at)
        _tell(reservation_wording.granted(listing.title, asked.held_until), [asked.buyer_id], at=at)
        return asked.held_until


def decline(*, reservation_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Not wait for this buyer, as the seller.

    :raises NotFound: there is no such request of what the person sells
    :raises IllegalMove: it is no longer asked for
    """
    with unit_of_work():
        asked = _of_seller(reservation_id, actor_id)
        _require_open(asked, ReservationEvent.DECLINED, at)
        asked.decided_at, asked.decided_by = at, actor_id
        _move(asked, ReservationEvent.DECLINED, actor_id=actor_id, at=at)
        _tell(reservation_wording.declined(_title_of(asked)), [asked.buyer_id], at=at)


def give_up(*, reservation_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Take the request back, or the reservation, as the buyer; the device is then free for others.

    :raises NotFound: it is not the person's
    :raises IllegalMove: it is over
    """
    with unit_of_work():
        own = _locked(reservation_id)
        if own.buyer_id != actor_id:
            raise NotFound("There is no such request of yours.")
        granted = own.state is ReservationState.GRANTED
        event = ReservationEvent.GIVEN_UP if granted else ReservationEvent.WITHDRAWN
        _require_open(own, event, at)
        _move(own, event, actor_id=actor_id, at=at)
        seller_id = db.session.get_one(Listing, own.listing_id).clinic_id
        _tell(reservation_wording.given_up(_title_of(own)), belonging.in_charge_of(seller_id), at=at)


def keep_for(
    *, listing_id: UUID, buyer_id: UUID, clinic_id: UUID, decided_by: UUID, until: datetime, words: str, at: datetime
) -> Reservation:
    """
    Keep a device for a buyer with whom its seller agreed. A step of the caller's work, which has locked the listing.

    Where it is kept for them already, that stands; what they have asked for is granted.

    :raises Conflict: another buyer is waited for
    """
    _lapse_what_is_over(Reservation.listing_id == listing_id, at=at)
    waited_for = kept(listing_id, at=at)
    if waited_for is not None and buyer_id != waited_for.buyer_id:
        raise Conflict("It is kept for another buyer.", cure="Agree when that time is over.")
    own = db.session.scalars(
        select(Reservation)
        .where(Reservation.listing_id == listing_id, Reservation.buyer_id == buyer_id, Reservation.state.in_(_OPEN))
        .with_for_update()
    ).one_or_none()
    if own is None:
        own = Reservation(
            listing_id=listing_id, buyer_id=buyer_id, clinic_id=clinic_id, message=words, asked_at=at,
            state=ReservationState.ASKED,
        )  # fmt: skip
        db.session.add(own)
    if own.state is ReservationState.ASKED:
        own.decided_at, own.decided_by, own.held_until = at, decided_by, until
        _move(own, ReservationEvent.GRANTED, actor_id=decided_by, at=at)
    return own


def kept(listing_id: UUID, *, at: datetime) -> Kept | None:
    """Return for whom the seller of a device waits now; None: for nobody."""
    with reading() as connection:
        row = connection.exec_driver_sql(_KEPT, {"listing": listing_id, "now": at}).one_or_none()
    return Kept(row.buyer_id, row.held_until) if row else None


def told(found: Iterable[Mapping[str, Any]]) -> Kept | None:
    """Return for whom a seller waits as the answer to `OF_UNIT` tells it."""
    return next((Kept(UUID(one["buyer_id"]), datetime.fromisoformat(one["held_until"])) for one in found), None)


def refuse_others(listing_id: UUID, buyer_id: UUID, *, at: datetime) -> None:
    """
    Let only the buyer through for whom the seller waits.

    :raises KeptForAnother: that is somebody else
    """
    waited_for = kept(listing_id, at=at)
    if waited_for is not None and waited_for.buyer_id != buyer_id:
        raise KeptForAnother(waited_for.until)


def use_up(listing_id: UUID, buyer_id: UUID, *, at: datetime) -> None:
    """End the buyer's reservation, if there is one, with the order that it was for. A step of the caller's work."""
    own = db.session.scalars(
        select(Reservation)
        .where(
            Reservation.listing_id == listing_id,
            Reservation.buyer_id == buyer_id,
            Reservation.state == ReservationState.GRANTED,
        )
        .with_for_update()
    ).one_or_none()
    if own is not None:
        _move(own, ReservationEvent.USED, actor_id=buyer_id, at=at)


def lapse_reservations(*, at: datetime) -> int:
    """Tidy up after every request and reservation whose time is over; return how many there were."""
    with unit_of_work():
        return _lapse_what_is_over(Reservation.id.is_not(None), at=at)


def of_buyer(user_id: UUID, *, at: datetime) -> list[ReservationView]:
    """Return what the person asked for, the newest first."""
    return _views(Reservation.buyer_id == user_id, at=at)


def of_sellers(user_id: UUID, *, at: datetime) -> list[ReservationView]:
    """Return what was asked of the clinics that the person sells for, the newest first."""
    sells_for = [one.clinic_id for one in clinics.memberships_of(user_id) if one.role in MANAGERS]
    return _views(Listing.clinic_id.in_(sells_for), at=at)


def _views(which: ColumnElement[bool], *, at: datetime) -> list[ReservationView]:
    rows = db.session.execute(
        select(Reservation, Listing.title, User.name, Clinic.name.label("clinic_name"))
        .join(Listing, Listing.id == Reservation.listing_id)
        .join(User, User.id == Reservation.buyer_id)
        .join(Clinic, Clinic.id == Reservation.clinic_id)
        .where(which)
        .order_by(Reservation.asked_at.desc(), Reservation.id)
        .limit(queries.PER_PAGE)
    )
    return [
        ReservationView(
            id=row.Reservation.id,
            listing_id=row.Reservation.listing_id,
            title=row.title,
            buyer_name=row.name,
            clinic_name=row.clinic_name,
            message=row.Reservation.message,
            state=ReservationState.LAPSED if _is_over(row.Reservation, at) else row.Reservation.state,
            asked_at=row.Reservation.asked_at,
            held_until=row.Reservation.held_until,
        )
        for row in rows
    ]


def _still_open(at: datetime) -> ColumnElement[bool]:
    return Reservation.state.in_(_OPEN) & ~_over(at)


def _over(at: datetime) -> ColumnElement[bool]:
    asked = (Reservation.state == ReservationState.ASKED) & (Reservation.asked_at <= at - ANSWERED_WITHIN)
    return asked | ((Reservation.state == ReservationState.GRANTED) & (Reservation.held_until <= at))


def _is_over(one: Reservation, at: datetime) -> bool:
    if one.state is ReservationState.ASKED:
        return one.asked_at <= at - ANSWERED_WITHIN
    return one.state is ReservationState.GRANTED and one.held_until is not None and one.held_until <= at


def _require_open(one: Reservation, event: ReservationEvent, at: datetime) -> None:
    RESERVATION.after(ReservationState.LAPSED if _is_over(one, at) else one.state, event)


def _lapse_what_is_over(which: ColumnElement[bool], *, at: datetime) -> int:
    over = db.session.scalars(
        select(Reservation).where(which, _over(at)).order_by(Reservation.id).with_for_update(skip_locked=True)
    ).all()
    for one in over:
        _move(one, ReservationEvent.LAPSED, actor_id=None, at=at)
        _tell(reservation_wording.lapsed(_title_of(one), granted=one.held_until is not None), [one.buyer_id], at=at)
    return len(over)


def _locked(reservation_id: UUID) -> Reservation:
    found = db.session.get(Reservation, reservation_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise NotFound("There is no such request.")
    return found


def _of_seller(reservation_id: UUID, actor_id: UUID) -> Reservation:
    """Return the request, its listing locked before it: whoever orders takes them in this order, too."""
    listing_id = db.session.scalar(select(Reservation.listing_id).where(Reservation.id == reservation_id))
    if listing_id is None:
        raise NotFound("There is no such request.")
    of_seller(listing_id, actor_id)
    return _locked(reservation_id)


def _move(one: Reservation, event: ReservationEvent, *, actor_id: UUID | None, at: datetime) -> None:
    one.state = RESERVATION.after(one.state, event)
    if event is not ReservationEvent.GRANTED:
        one.ended_at = at
    # The database's own guards speak now, not at the end.
    db.session.flush()
    _note(one, event, actor_id=actor_id, at=at)


def _note(one: Reservation, event: str, *, actor_id: UUID | None, at: datetime) -> None:
    audit.record(
        f"reservation:{event}",
        actor_id=actor_id,
        subject_type="listing",
        subject_id=one.listing_id,
        at=at,
        reservation=one.id,
        until=one.held_until,
    )


def _tell(news: News, people: Iterable[UUID], *, at: datetime) -> None:
    for person in accounts.people(people).values():
        notifications.promise_mail(
            to=person.email,
            template="reservation_news",
            context={"name": person.name, "subject": news.subject, "lines": list(news.lines), "path": "/reservations"},
            at=at,
        )


def _title_of(one: Reservation) -> str:
    return db.session.scalars(select(Listing.title).where(Listing.id == one.listing_id)).one()


def _name_of(user_id: UUID) -> str:
    return accounts.person(user_id).name
