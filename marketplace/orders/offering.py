"""Offers: a cleared buyer names a price, the seller accepts, counters or declines; what is agreed is kept for days."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, select

from .. import audit
from ..accounts.models import User
from ..clinics import queries as clinics
from ..eligibility import service as eligibility
from ..eligibility.models import Moment
from ..eligibility.sale import Purchase
from ..eligibility.verdict import Verdict
from ..extensions import db, unit_of_work
from ..kernel.days import written
from ..kernel.errors import Conflict, Invalid, NotFound, Refused, TooMany
from ..kernel.money import Money
from ..listings import queries as listings
from ..listings.models import Listing
from ..listings.record import of_seller
from ..listings.states import ListingState
from . import offer_steps as steps
from . import offers, reserving
from .models import Offer, OfferTerms
from .offer_states import KEPT_DAYS, MOST_AT_ONCE, OfferEvent, OfferState
from .refusals import BuyerNotCleared, NotCleared

LEAST = 100_00


class NoOffers(Refused):
    """The device is not one of which a price can be named."""

    code = "no_offers"


def make(*, listing_id: UUID, buyer_id: UUID, site_id: UUID, amount: Money, at: datetime) -> UUID:
    """
    Offer less than the price for the whole device. The gate is asked first, and its answer kept with the offer.

    :raises NotFound: the device is not on display, or the site is not within the buyer's reach
    :raises NoOffers: it is the buyer's own clinic's, not for sale, or its seller takes none
    :raises Invalid: the amount is none, or not below the price
    :raises Conflict: the buyer has an offer for it that is not over
    :raises TooMany: the buyer has too many of them
    :raises NotCleared: the gate said no: only who could buy it names a price
    :raises marketplace.orders.reserving.KeptForAnother: the seller keeps it for somebody else
    """
    with unit_of_work():
        site, price, terms = _offerable(listing_id, buyer_id, site_id, amount, at=at)
        sale = listings.sale_of(listing_id)
        wish = Purchase(buyer_id=buyer_id, clinic_id=site.clinic_id, site_id=site_id, operator_id=buyer_id)
        (seen,) = eligibility.previews(sales=[sale], purchase=wish, at=at)
    # Nothing is signed with an offer: what would be, the gate announces now and demands with the order.
    uses = seen.restriction.uses if seen.restriction else ()
    purchase = Purchase(
        buyer_id=buyer_id, clinic_id=site.clinic_id, site_id=site_id, operator_id=buyer_id,
        declared_uses=frozenset(uses),
    )  # fmt: skip
    decision = eligibility.assess(moment=Moment.OFFER, sale=sale, purchase=purchase, at=at)
    if not decision.cleared:
        raise NotCleared(
            decision.verdict, state_code=site.state, clinic_id=site.clinic_id, listing_id=listing_id,
            decision_id=decision.id,
        )  # fmt: skip
    with unit_of_work():
        # Two offers of one person wait for each other here.
        db.session.execute(select(User.id).where(User.id == buyer_id).with_for_update())
        _refuse_more(buyer_id, listing_id, at=at)
        offer = Offer(
            listing_id=listing_id, buyer_id=buyer_id, clinic_id=site.clinic_id, site_id=site_id,
            amount_minor=amount.minor, currency=amount.currency, decision_id=decision.id, made_at=at, moved_at=at,
            state=OfferState.OPEN,
        )  # fmt: skip
        db.session.add(offer)
        db.session.flush()
        steps.note(offer, "made", actor_id=buyer_id, at=at)
        if terms.floor is not None and amount < terms.floor:
            steps.move(offer, OfferEvent.DECLINED_BY_FLOOR, actor_id=None, at=at)
            steps.tell_buyer(offer, "Your offer is declined", "The seller takes no offer as low as yours.", at=at)
        else:
            steps.tell_seller(
                offer,
                "You have an offer",
                f"{amount} is offered for it, {price} is asked. The gate has cleared this buyer today.",
                "Accept it, name a price of yours, or decline; without an answer it is over in seven days.",
                at=at,
            )
        return offer.id


def _offerable(
    listing_id: UUID, buyer_id: UUID, site_id: UUID, amount: Money, *, at: datetime
) -> tuple[clinics.Site, Money, offers.Terms]:
    """Return where it is to be used, what is asked, and the seller's terms, if this price can be named at all."""
    device = listings.on_display(listing_id)
    site = next((site for site in clinics.sites_of_person(buyer_id) if site.id == site_id), None)
    if site is None:
        raise NotFound("This site is not one of yours.")
    terms = offers.terms_of(listing_id)
    if device.state is not ListingState.PUBLISHED or device.price is None:
        raise NoOffers("This device is not on the market any more.")
    if site.clinic_id == device.clinic_id:
        raise NoOffers("This device is your own clinic's.")
    if not terms.taken:
        raise NoOffers("Its seller takes no offers.", cure="Order it at its price.")
    if amount.currency != device.price.currency or amount.minor < LEAST:
        raise Invalid("Offer at least $100.", field="amount")
    if amount >= device.price:
        raise Invalid("That is not below the price: order it instead.", field="amount")
    reserving.refuse_others(listing_id, buyer_id, at=at)
    return site, device.price, terms


def _refuse_more(buyer_id: UUID, listing_id: UUID, *, at: datetime) -> None:
    _lapse_what_is_over(Offer.buyer_id == buyer_id, at=at)
    own = select(Offer.listing_id).where(Offer.buyer_id == buyer_id, Offer.state.in_(steps.OPEN))
    mine = db.session.scalars(own).all()
    if listing_id in mine:
        raise Conflict("You have an offer for this device already.", cure="Take it back, and make another.")
    if len(mine) >= MOST_AT_ONCE:
        raise TooMany(f"You have {MOST_AT_ONCE} offers that are not over.", cure="Take one back first.")


def accept(*, offer_id: UUID, actor_id: UUID, at: datetime) -> datetime:
    """
    Accept an offer as the seller; return until when its price stands and the device is kept.

    :raises NotFound: there is no such offer for what the person sells
    :raises IllegalMove: it does not wait for the seller
    :raises Conflict: the device is not on the market, or kept for somebody else
    :raises BuyerNotCleared: the gate no longer clears the buyer
    """
    with unit_of_work():
        offer, listing = steps.locked_for_seller(offer_id, actor_id)
        steps.require(offer, OfferEvent.ACCEPTED, at)
        if not _verdict(offer, at=at).cleared:
            raise BuyerNotCleared
        offer.answered_by = actor_id
        return _agree(offer, listing, offer.amount_minor, OfferEvent.ACCEPTED, actor_id=actor_id, at=at)


def counter(*, offer_id: UUID, actor_id: UUID, amount: Money, at: datetime) -> None:
    """
    Name a price of one's own to a buyer who offered less, as the seller.

    :raises NotFound: there is no such offer for what the person sells
    :raises Invalid: the amount does not lie between the offer and the price
    :raises IllegalMove: it does not wait for the seller
    """
    with unit_of_work():
        offer, listing = steps.locked_for_seller(offer_id, actor_id)
        steps.require(offer, OfferEvent.COUNTERED, at)
        if not offer.amount_minor < amount.minor < (listing.price_minor or 0):
            raise Invalid("Name a price above the offer, and below what you ask.", field="amount")
        offer.counter_minor, offer.answered_by = amount.minor, actor_id
        steps.move(offer, OfferEvent.COUNTERED, actor_id=actor_id, at=at)
        steps.tell_buyer(
            offer,
            "The seller names a price",
            f"You offered {steps.money(offer, offer.amount_minor)}; the seller would sell it to you for {amount}.",
            "Take it within seven days, or leave it.",
            at=at,
        )


def take(*, offer_id: UUID, actor_id: UUID, at: datetime) -> datetime:
    """
    Take the price that the seller named, as the buyer; return until when it stands.

    :raises NotFound: it is not the person's offer
    :raises IllegalMove: the seller has named none, or it is over
    :raises Conflict: the device is not on the market, or kept for somebody else
    :raises NotCleared: the gate no longer clears the buyer
    """
    with unit_of_work():
        listing_id = db.session.scalar(select(Offer.listing_id).where(Offer.id == offer_id, Offer.buyer_id == actor_id))
        if listing_id is None:
            raise NotFound("There is no such offer of yours.")
        listing = db.session.get_one(Listing, listing_id, with_for_update=True, populate_existing=True)
        offer = steps.locked(offer_id)
        steps.require(offer, OfferEvent.TAKEN, at)
        verdict = _verdict(offer, at=at)
        if not verdict.cleared:
            site = clinics.site(offer.site_id)
            raise NotCleared(verdict, state_code=site.state, clinic_id=offer.clinic_id, listing_id=listing_id)
        assert offer.counter_minor is not None
        return _agree(offer, listing, offer.counter_minor, OfferEvent.TAKEN, actor_id=actor_id, at=at)


def decline(*, offer_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Decline an offer, or take back the price that was named to it, as the seller.

    :raises NotFound: there is no such offer for what the person sells
    :raises IllegalMove: it is over
    """
    with unit_of_work():
        offer, _ = steps.locked_for_seller(offer_id, actor_id)
        steps.require(offer, OfferEvent.DECLINED, at)
        offer.answered_by = actor_id
        steps.move(offer, OfferEvent.DECLINED, actor_id=actor_id, at=at)
        steps.tell_buyer(offer, "Your offer is declined", "You can make another, or order it at its price.", at=at)


def withdraw(*, offer_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Take an offer back, or leave the seller's price, as the buyer.

    :raises NotFound: it is not the person's
    :raises IllegalMove: it is over
    """
    with unit_of_work():
        offer = steps.locked(offer_id)
        if offer.buyer_id != actor_id:
            raise NotFound("There is no such offer of yours.")
        steps.require(offer, OfferEvent.WITHDRAWN, at)
        steps.move(offer, OfferEvent.WITHDRAWN, actor_id=actor_id, at=at)
        steps.tell_seller(offer, "An offer was taken back", f"It was {steps.money(offer, offer.amount_minor)}.", at=at)


def set_terms(*, listing_id: UUID, actor_id: UUID, taken: bool, floor: Money | None, at: datetime) -> None:
    """
    Say as the seller whether offers are taken, and below what they decline themselves. No buyer is told that figure.

    :raises NotFound: there is no such listing of a clinic of theirs
    :raises Invalid: the figure is not below the price
    """
    with unit_of_work():
        listing = of_seller(listing_id, actor_id)
        if floor is not None and not 0 < floor.minor < (listing.price_minor or 0):
            raise Invalid("It must lie below your price.", field="floor")
        terms = db.session.get(OfferTerms, listing_id) or OfferTerms(listing_id=listing_id)
        terms.taken, terms.floor_minor = taken, floor.minor if floor else None
        terms.set_by, terms.set_at = actor_id, at
        db.session.add(terms)
        db.session.flush()
        audit.record(
            "offer:terms_set", actor_id=actor_id, subject_type="listing", subject_id=listing_id, at=at, taken=taken,
            floor=terms.floor_minor,
        )  # fmt: skip


def lapse_offers(*, at: datetime) -> int:
    """Tidy up after every offer that nobody answered in time; return how many there were."""
    with unit_of_work():
        return _lapse_what_is_over(Offer.id.is_not(None), at=at)


def _verdict(offer: Offer, *, at: datetime) -> Verdict:
    sale = listings.sale_of(offer.listing_id)
    purchase = Purchase(
        buyer_id=offer.buyer_id, clinic_id=offer.clinic_id, site_id=offer.site_id, operator_id=offer.buyer_id
    )
    (verdict,) = eligibility.previews(sales=[sale], purchase=purchase, at=at)
    return verdict


def _agree(offer: Offer, listing: Listing, minor: int, event: OfferEvent, *, actor_id: UUID, at: datetime) -> datetime:
    if listing.state is not ListingState.PUBLISHED:
        raise Conflict("This device is not on the market any more.")
    if minor >= (listing.price_minor or 0):
        raise Conflict("No more than this is asked for it by now.", cure="It can be ordered at its price.")
    assert offer.answered_by is not None
    kept = reserving.keep_for(
        listing_id=listing.id, buyer_id=offer.buyer_id, clinic_id=offer.clinic_id, decided_by=offer.answered_by,
        until=at + timedelta(days=KEPT_DAYS), words=f"Agreed at {steps.money(offer, minor)}.", at=at,
    )  # fmt: skip
    offer.agreed_minor, offer.reservation_id = minor, kept.id
    steps.move(offer, event, actor_id=actor_id, at=at)
    assert kept.held_until is not None
    price = steps.money(offer, minor)
    stands = (
        f"The price of {price} stands until {written(kept.held_until)}, {kept.held_until:%H:%M} UTC;"
        " nobody else can order it for as long."
    )
    steps.tell_buyer(offer, f"Agreed at {price}", stands, "Order it by then; the gate is asked again.", at=at)
    steps.tell_seller(offer, f"Agreed at {price}", stands, "After that it is free for everybody again.", at=at)
    return kept.held_until


def _lapse_what_is_over(which: ColumnElement[bool], *, at: datetime) -> int:
    over = db.session.scalars(
        select(Offer).where(which, steps.are_over(at)).order_by(Offer.id).with_for_update(skip_locked=True)
    ).all()
    for offer in over:
        steps.move(offer, OfferEvent.LAPSED, actor_id=None, at=at)
        steps.tell_buyer(offer, "An offer is over", "Nobody answered it within seven days.", at=at)
    return len(over)
