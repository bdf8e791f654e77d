"""What every act on an offer is built of: lock it, ask whether it is over, move it, tell its sides."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select

from .. import audit
from ..accounts import queries as accounts
from ..extensions import db
from ..kernel.errors import NotFound
from ..kernel.money import Money
from ..listings.models import Listing
from ..listings.record import of_seller
from ..notifications import service as notifications
from . import belonging
from .models import Offer
from .offer_states import ANSWERED_WITHIN, OFFER, OfferEvent, OfferState

OPEN = (OfferState.OPEN, OfferState.COUNTERED)
"""An offer that somebody still has to answer."""


def are_over(at: datetime) -> ColumnElement[bool]:
    """Return the condition under which an offer went unanswered for too long."""
    return Offer.state.in_(OPEN) & (Offer.moved_at <= at - ANSWERED_WITHIN)


def is_over(offer: Offer, at: datetime) -> bool:
    """Say whether an offer went unanswered for too long, also where nobody has tidied up yet."""
    return offer.state in OPEN and offer.moved_at <= at - ANSWERED_WITHIN


def require(offer: Offer, event: OfferEvent, at: datetime) -> None:
    """:raises IllegalMove: the event cannot happen to the offer now"""
    OFFER.after(OfferState.LAPSED if is_over(offer, at) else offer.state, event)


def locked(offer_id: UUID) -> Offer:
    """
    Return the offer as it is now, locked until the transaction ends.

    :raises NotFound: there is none
    """
    offer = db.session.get(Offer, offer_id, with_for_update=True, populate_existing=True)
    if offer is None:
        raise NotFound("There is no such offer.")
    return offer


def locked_for_seller(offer_id: UUID, actor_id: UUID) -> tuple[Offer, Listing]:
    """
    Return the offer and its listing, the listing locked first: whoever orders takes them in this order, too.

    :raises NotFound: there is no such offer for what the person sells
    """
    listing_id = db.session.scalar(select(Offer.listing_id).where(Offer.id == offer_id))
    if listing_id is None:
        raise NotFound("There is no such offer.")
    listing = of_seller(listing_id, actor_id)
    return locked(offer_id), listing


def money(offer: Offer, minor: int) -> Money:
    """Return so many minor units of the currency of the offer."""
    return Money(minor, offer.currency)


def move(offer: Offer, event: OfferEvent, *, actor_id: UUID | None, at: datetime) -> None:
    """
    Move a locked offer, leaving an event of the audit trail. The one writer of `state`.

    :raises IllegalMove: the table does not allow it
    """
    offer.state = OFFER.after(offer.state, event)
    offer.moved_at = at
    # The database's own guards speak now, not at the end.
    db.session.flush()
    note(offer, event, actor_id=actor_id, at=at)


def note(offer: Offer, event: str, *, actor_id: UUID | None, at: datetime) -> None:
    """Write down in the audit trail what happened to the offer, and where its amounts stand."""
    audit.record(
        f"offer:{event}", actor_id=actor_id, subject_type="listing", subject_id=offer.listing_id, at=at,
        offer=offer.id, amount=offer.amount_minor, counter=offer.counter_minor, agreed=offer.agreed_minor,
    )  # fmt: skip


def tell_buyer(offer: Offer, subject: str, *lines: str, at: datetime) -> None:
    """Promise a mail about the offer to whoever made it."""
    _tell([offer.buyer_id], offer, subject, lines, at=at)


def tell_seller(offer: Offer, subject: str, *lines: str, at: datetime) -> None:
    """Promise a mail about the offer to those who run the selling clinic."""
    seller_id = db.session.scalars(select(Listing.clinic_id).where(Listing.id == offer.listing_id)).one()
    _tell(belonging.in_charge_of(seller_id), offer, subject, lines, at=at)


def _tell(people: Iterable[UUID], offer: Offer, subject: str, lines: Iterable[str], *, at: datetime) -> None:
    title = db.session.scalars(select(Listing.title).where(Listing.id == offer.listing_id)).one()
    for person in accounts.people(people).values():
        notifications.promise_mail(
            to=person.email,
            template="offer_news",
            context={"name": person.name, "subject": f"{subject}: {title}", "lines": list(lines), "path": "/offers"},
            at=at,
        )
