"""A unit's way onto the market and off it again. `_move` and its compare-and-set twin `_claim` alone write states."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from .. import audit
from ..clinics import queries as clinics
from ..clinics.states import SellerStanding
from ..extensions import broken_rule, db, unit_of_work
from ..kernel.errors import ChangedSinceRead, Conflict, Invalid, Refused
from ..kernel.money import Money
from . import liens, noting, passport, queries, reports, stolen
from .mailing import tell_seller
from .models import Listing, PriceSet
from .possible import require_payable, require_worth
from .record import locked, note, of_seller
from .states import LISTING, ListingEvent, ListingState
from .unsaid import Missing, missing


class ListingTaken(Conflict):
    """Somebody else was first, or it left the market in the meantime."""

    code = "listing_taken"


class UnitAlreadyListed(Conflict):
    """The same unit, told by maker and serial number, is on the market already."""

    code = "unit_already_listed"


class SellerNotVerified(Refused):
    """Staff have yet to find that the clinic may lawfully hold and sell a prescription device."""

    code = "seller_not_verified"


class OwnListing(Refused):
    """Nobody approves what their own clinic sells."""

    code = "own_listing"


class ListingIncomplete(Invalid):
    """The draft cannot be looked at by staff yet; `missing` lists everything, not only the first."""

    code = "listing_incomplete"

    def __init__(self, unsaid: list[Missing]) -> None:
        super().__init__(" ".join(item.sentence for item in unsaid), cure="Fill in what is missing and submit again.")
        self.missing = unsaid


@dataclass(frozen=True, slots=True)
class Reserved:
    """A unit that was taken off the market for one buyer, as it was at that instant."""

    listing_id: UUID
    clinic_id: UUID
    model_id: UUID
    title: str
    serial: str
    price: Money
    report_id: UUID


def submit(*, listing_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Ask staff to put the unit on the market.

    :raises NotFound: it is not the person's listing
    :raises SellerNotVerified: staff have yet to check the clinic
    :raises ListingIncomplete: something a buyer needs to know is not said
    :raises Invalid: its payoff letter is good no longer
    :raises UnitAlreadyListed: the same unit is on the market
    :raises marketplace.kernel.machine.IllegalMove: it is not a draft
    """
    with unit_of_work():
        listing = of_seller(listing_id, actor_id)
        LISTING.after(listing.state, ListingEvent.SUBMITTED)
        if clinics.clinic(listing.clinic_id).seller_standing is not SellerStanding.VERIFIED:
            raise SellerNotVerified(
                "Your clinic has not been checked as a seller yet.",
                cure="Ask for the check on your clinic's page; your draft is kept.",
            )
        unsaid = missing(listing)
        if unsaid:
            raise ListingIncomplete(unsaid)
        liens.refuse_a_lapsed_letter(listing, at=at)
        listing.submitted_at = at
        listing.review_note = None
        listing.review_notes = {}
        _enter_market(listing, actor_id=actor_id, at=at)
        reports.freeze(listing_id=listing_id, actor_id=actor_id, at=at)
        passport.note_readings(listing, at=at)
        stolen.alert(listing, at=at)


def approve(*, listing_id: UUID, actor_id: UUID, at: datetime, read: datetime | None = None) -> None:
    """
    Put the unit on the market.

    `read` is when what the moderator read had been submitted; None: they took it up in the same breath.

    :raises NotFound: there is no such listing
    :raises OwnListing: the moderator belongs or belonged to the clinic that sells it
    :raises marketplace.listings.stolen.StolenUnitReported: it stands on the list of stolen units
    :raises marketplace.listings.liens.FilingNotStated: a filing was found on it of which its seller says nothing
    :raises ChangedSinceRead: its seller took it back and submitted it again since it was read
    :raises marketplace.kernel.machine.IllegalMove: it does not wait for approval
    """
    with unit_of_work():
        listing = _of_staff(listing_id, actor_id)
        LISTING.after(listing.state, ListingEvent.APPROVED)
        if read not in {None, listing.submitted_at}:
            raise ChangedSinceRead
        stolen.refuse_stolen(listing)
        liens.refuse_what_is_not_stated(listing)
        listing.approved_version = reports.newest_version(listing_id)
        listing.approved_by = actor_id
        listing.published_at = at
        _move(listing, ListingEvent.APPROVED, actor_id=actor_id, at=at)
        _note_price(listing, actor_id=listing.created_by, at=at)
        tell_seller(listing, "listing_published", at=at)


def send_back(
    *, listing_id: UUID, actor_id: UUID, note: str, at: datetime, notes: Mapping[str, str] | None = None
) -> None:
    """
    Give the listing back to its seller with a note that says what to change; one on the market leaves it.

    `notes` are about single places, by their keys in `noting.spots`; the seller reads each beside its field until it is
    answered, and in the mail.

    :raises NotFound: there is no such listing
    :raises OwnListing: the moderator belongs or belonged to the clinic that sells it
    :raises Invalid: the note is empty, or one is about a place that there is not
    :raises marketplace.kernel.machine.IllegalMove: it is a draft, reserved, sold or withdrawn
    """
    note = note.strip()
    if not note:
        raise Invalid("Say what the seller should change.", field="note")
    with unit_of_work():
        listing = _of_staff(listing_id, actor_id)
        listing.review_note = note
        listing.review_notes, places = noting.asked(queries.listing(listing_id), notes or {})
        said = "\n".join([note, *places])
        _move(listing, ListingEvent.SENT_BACK, actor_id=actor_id, reason=said, at=at)
        tell_seller(listing, "listing_sent_back", note=said, at=at)


def recall(*, listing_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Make it a draft again, so that its seller can change it; staff look at it again before it returns.

    :raises NotFound: it is not the person's listing
    :raises marketplace.kernel.machine.IllegalMove: it is reserved, sold or withdrawn
    """
    with unit_of_work():
        _move(of_seller(listing_id, actor_id), ListingEvent.RECALLED, actor_id=actor_id, at=at)


def withdraw(*, listing_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Take it off the market for good.

    :raises NotFound: it is not the person's listing
    :raises marketplace.kernel.machine.IllegalMove: it waits for approval, is reserved or sold
    """
    with unit_of_work():
        _move(of_seller(listing_id, actor_id), ListingEvent.WITHDRAWN, actor_id=actor_id, at=at)


def pause(*, listing_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Take it off the market for a while; it keeps its approval and its place among the others.

    :raises NotFound: it is not the person's listing
    :raises marketplace.kernel.machine.IllegalMove: it is not on the market
    """
    with unit_of_work():
        _move(of_seller(listing_id, actor_id), ListingEvent.PAUSED, actor_id=actor_id, at=at)


def resume(*, listing_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Bring a paused unit back to the market.

    :raises NotFound: it is not the person's listing
    :raises marketplace.kernel.machine.IllegalMove: it is not paused
    """
    with unit_of_work():
        _move(of_seller(listing_id, actor_id), ListingEvent.RESUMED, actor_id=actor_id, at=at)


def change_price(*, listing_id: UUID, actor_id: UUID, price: Money, at: datetime) -> None:
    """
    Name another price for a unit on the market, at once. An order that was placed keeps its own.

    :raises NotFound: it is not the person's listing
    :raises Invalid: the price is beyond what can be paid here, or too low for what falls with each handpiece
    :raises Conflict: it is not on the market
    """
    require_payable(price)
    with unit_of_work():
        listing = of_seller(listing_id, actor_id)
        if listing.state not in (ListingState.PUBLISHED, ListingState.PAUSED):
            raise Conflict("Only a device on the market has a price to change.")
        require_worth(price, listing.handpieces)
        before, listing.price_minor = listing.price_minor, price.minor
        if before != price.minor:
            _note_price(listing, actor_id=actor_id, at=at)
            audit.record(
                "listing:price_changed",
                actor_id=actor_id,
                subject_type="listing",
                subject_id=listing.id,
                at=at,
                before=before,
                after=price.minor,
            )


def stop_stolen(listing_id: UUID, *, at: datetime) -> bool:
    """
    Take a unit off the market that was reported as stolen, and tell moderators; say whether it was on it.

    One that is reserved stays so: its sale is for people to end. A step of the caller's work.
    """
    listing = locked(listing_id)
    stolen.alert(listing, at=at)
    if ListingEvent.STOPPED not in LISTING.events_from(listing.state):
        return False
    listing.submitted_at = at
    _move(listing, ListingEvent.STOPPED, actor_id=None, at=at)
    return True


def reserve(*, listing_id: UUID, actor_id: UUID, at: datetime, left_out: Collection[UUID] = ()) -> Reserved:
    """
    Take the unit off the market in one statement, so that two buyers cannot both win. A step of the caller's work.

    What is stated of it then is frozen: that report is what the buyer buys by.

    The price that it returns is that of the unit without the handpieces in `left_out`.

    :raises ListingTaken: somebody else was first, or it is not on the market
    """
    listing = _claim(listing_id, ListingEvent.RESERVED)
    if listing is None:
        raise ListingTaken(
            "Somebody else has just reserved this device.", cure="Look for another one; nothing was charged."
        )
    note(listing, ListingEvent.RESERVED, actor_id=actor_id, reason=None, at=at)
    assert listing.price_minor is not None  # The database holds it: an offered unit is complete.
    assert listing.serial is not None
    return Reserved(
        listing.id,
        listing.clinic_id,
        listing.model_id,
        listing.title,
        listing.serial,
        Money(listing.price_minor - _reduction(listing, left_out), listing.currency),
        reports.freeze(listing_id=listing.id, actor_id=actor_id, at=at),
    )


def release(*, listing_id: UUID, actor_id: UUID | None, at: datetime) -> None:
    """
    Put a reserved unit back on the market. A step of the caller's work.

    :raises Conflict: it is not reserved
    """
    _claim_or_refuse(listing_id, ListingEvent.RELEASED, actor_id=actor_id, at=at)


def is_reserved(listing_id: UUID) -> bool:
    """Say whether the unit is kept for an order: neither on the market nor sold."""
    return db.session.scalar(select(Listing.state).where(Listing.id == listing_id)) is ListingState.RESERVED


def mark_sold(*, listing_id: UUID, actor_id: UUID | None, at: datetime) -> None:
    """
    Let a reserved unit leave the market for good. A step of the caller's work.

    :raises Conflict: it is not reserved
    """
    _claim_or_refuse(listing_id, ListingEvent.SOLD, actor_id=actor_id, at=at)
    passport.note_sale(locked(listing_id), at=at)


def _reduction(listing: Listing, left_out: Collection[UUID]) -> int:
    return sum(part.reduction_minor or 0 for part in listing.handpieces if part.id in left_out)


def _move(
    listing: Listing, event: ListingEvent, *, actor_id: UUID | None, at: datetime, reason: str | None = None
) -> None:
    listing.state = LISTING.after(listing.state, event)
    note(listing, event, actor_id=actor_id, reason=reason, at=at)


def _claim(listing_id: UUID, event: ListingEvent) -> Listing | None:
    """Compare and set: the state changes only from where the table says that the event can happen."""
    (source,) = LISTING.sources_of(event)
    return db.session.scalars(
        update(Listing)
        .where(Listing.id == listing_id, Listing.state == source)
        .values(state=LISTING.after(source, event))
        .returning(Listing),
        execution_options={"populate_existing": True},
    ).one_or_none()


def _claim_or_refuse(listing_id: UUID, event: ListingEvent, *, actor_id: UUID | None, at: datetime) -> None:
    listing = _claim(listing_id, event)
    if listing is None:
        raise Conflict("This device is not reserved.")
    note(listing, event, actor_id=actor_id, reason=None, at=at)


def _of_staff(listing_id: UUID, actor_id: UUID) -> Listing:
    listing = locked(listing_id)
    if clinics.ever_member(user_id=actor_id, clinic_id=listing.clinic_id):
        raise OwnListing(
            "You belong, or belonged, to the clinic that sells this device.", cure="Leave it to a colleague."
        )
    return listing


def _enter_market(listing: Listing, *, actor_id: UUID, at: datetime) -> None:
    try:
        with db.session.begin_nested():
            _move(listing, ListingEvent.SUBMITTED, actor_id=actor_id, at=at)
    except IntegrityError as refusal:
        if broken_rule(refusal) != "one_live_listing_per_unit":
            raise
        raise UnitAlreadyListed(
            "A device of this maker with this serial number is on the market already.",
            cure="Look at the serial number again. If it is right, tell us: somebody may be offering your device.",
        ) from None


def _note_price(listing: Listing, *, actor_id: UUID, at: datetime) -> None:
    """Keep what is asked from now on, unless it was asked before."""
    newest = db.session.scalar(
        select(PriceSet.price_minor)
        .where(PriceSet.listing_id == listing.id)
        .order_by(PriceSet.at.desc(), PriceSet.id)
        .limit(1)
    )
    if listing.price_minor is not None and newest != listing.price_minor:
        db.session.add(
            PriceSet(
                listing_id=listing.id,
                price_minor=listing.price_minor,
                currency=listing.currency,
                set_by=actor_id,
                at=at,
            )
        )
