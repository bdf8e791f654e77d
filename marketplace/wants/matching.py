"""Hold units against wants and wants against units: once for each pair, whatever runs beside it or dies on the way."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from ..accounts.models import User
from ..clinics.models import ClinicMember
from ..extensions import db, unit_of_work
from ..kernel.money import Money
from ..kernel.shapes import read
from ..listings import fitting
from ..listings.models import Listing
from ..listings.search import Wanted
from ..listings.states import ListingState
from ..notifications import service as notifications
from .models import ListingToMatch, Want, WantMatch
from .states import WantState

LOOKED_AT = (ListingState.DRAFT, ListingState.IN_REVIEW, ListingState.PUBLISHED, ListingState.PAUSED)
"""A unit that its seller can still offer; of drafts only the seller hears."""
NOT_YET_LIVE = (ListingState.DRAFT, ListingState.IN_REVIEW, ListingState.PAUSED)
MOST_AT_ONCE = 200
MOST_FITTING = 2_000
"""Of the market, for one want: what looks for half of everything need not be held against all of it."""
_LOCK = 0x57414E54
"""One at a time, so that a want and a unit that are both looked at cannot wait for each other in a ring."""
# The unit is held with its row, and from what somebody has in their hands just now neither is taken: whoever changes a
# unit holds it while they wait for its row, and what is found of it needs the unit in turn.
_NEXT = """
    SELECT waiting.listing_id FROM listings_to_match waiting JOIN listings unit ON unit.id = waiting.listing_id LIMIT 1
    FOR UPDATE OF waiting SKIP LOCKED FOR KEY SHARE OF unit SKIP LOCKED
"""


def standing(at: datetime) -> ColumnElement[bool]:
    """Return the condition of a want that sellers may see: open, in time, of somebody who is still there."""
    member = exists().where(
        ClinicMember.user_id == Want.user_id, ClinicMember.clinic_id == Want.clinic_id, ClinicMember.left_at.is_(None)
    )
    person = exists().where(User.id == Want.user_id, User.disabled_at.is_(None))
    return (Want.state == WantState.OPEN) & (Want.until >= at.date()) & person & or_(Want.clinic_id.is_(None), member)


def foreign_to(clinic_id: Any) -> ColumnElement[bool]:
    """Return the condition of a want whose buyer does not belong to the clinic that sells."""
    member = (
        exists()
        .where(
            ClinicMember.user_id == Want.user_id,
            ClinicMember.clinic_id == clinic_id,
            ClinicMember.left_at.is_(None),
        )
        # Of the unit at hand, however deep the question stands in another: not of any unit.
        .correlate(Want, Listing)
    )
    return ~member & or_(Want.clinic_id.is_(None), Want.clinic_id != clinic_id)


def match_changed(*, at: datetime) -> int:
    """Hold every unit that has changed against the wants; return how many there were. What is left comes next time."""
    for done in range(MOST_AT_ONCE):
        if not _match_next(at):
            return done
    return MOST_AT_ONCE


def _match_next(at: datetime) -> bool:
    with unit_of_work():
        _alone()
        listing_id = db.session.scalar(text(_NEXT))
        if listing_id is None:
            return False
        # Its row goes with what was found, in one transaction: after a crash it is there again, and nothing was told.
        db.session.execute(delete(ListingToMatch).where(ListingToMatch.listing_id == listing_id))
        listing = db.session.get_one(Listing, listing_id, populate_existing=True)
        fitting_now: list[UUID] = []
        if listing.state in LOOKED_AT:
            wants = db.session.execute(
                select(Want.id, Want.wanted).where(standing(at), foreign_to(listing.clinic_id)).order_by(Want.id)
            )
            found = fitting.among([(row.id, read(Wanted, row.wanted)) for row in wants], [listing_id])
            fitting_now = [want_id for want_id, units in found.items() if units]
        _keep([(want_id, listing_id) for want_id in fitting_now], at)
        _fits_no_longer(WantMatch.listing_id == listing_id, WantMatch.want_id, fitting_now)
        if listing.state is ListingState.PUBLISHED:
            _tell(listing, at)
        return True


def match_want(*, want_id: UUID, at: datetime) -> None:
    """Hold a want that is new, or was changed or resumed, against every unit. What fits by then is no news to it."""
    with unit_of_work():
        _alone()
        want = db.session.scalar(select(Want).where(Want.id == want_id, standing(at)))
        if want is None:
            return
        wanted = read(Wanted, want.wanted)
        drafts = db.session.scalars(
            select(Listing.id).where(Listing.state.in_(NOT_YET_LIVE)).order_by(Listing.id)
        ).all()
        fit = [*fitting.on_market(wanted, MOST_FITTING), *fitting.among([(want_id, wanted)], drafts)[want_id]]
        # Nobody is told of what they sell themselves.
        own = db.session.scalars(
            select(ClinicMember.clinic_id).where(ClinicMember.user_id == want.user_id, ClinicMember.left_at.is_(None))
        ).all()
        theirs = select(Listing.id).where(Listing.id.in_(fit), Listing.clinic_id.not_in(own))
        fitting_now = db.session.scalars(theirs.order_by(Listing.id)).all()
        _keep([(want_id, listing_id) for listing_id in fitting_now], at)
        _fits_no_longer(WantMatch.want_id == want_id, WantMatch.listing_id, fitting_now)
        on_market = select(Listing.id).where(Listing.state == ListingState.PUBLISHED).scalar_subquery()
        db.session.execute(
            update(WantMatch)
            .where(WantMatch.want_id == want_id, WantMatch.told_at.is_(None), WantMatch.listing_id.in_(on_market))
            .values(told_at=at)
        )


def _alone() -> None:
    db.session.execute(select(func.pg_advisory_xact_lock(_LOCK)))


def _keep(pairs: Collection[tuple[UUID, UUID]], at: datetime) -> None:
    if not pairs:
        return
    rows = [{"want_id": want_id, "listing_id": listing_id, "fits": True, "since": at} for want_id, listing_id in pairs]
    statement = insert(WantMatch).values(rows)
    db.session.execute(statement.on_conflict_do_update(index_elements=["want_id", "listing_id"], set_={"fits": True}))


def _fits_no_longer(which: ColumnElement[bool], key: Any, but: Iterable[UUID]) -> None:
    db.session.execute(update(WantMatch).where(which, WantMatch.fits, key.not_in(list(but))).values(fits=False))


def _tell(listing: Listing, at: datetime) -> None:
    """Tell the buyers whom nobody told of this unit yet, each once; who wants no mails finds it on their page."""
    new = db.session.scalars(
        update(WantMatch)
        .where(WantMatch.listing_id == listing.id, WantMatch.fits, WantMatch.told_at.is_(None))
        .values(told_at=at)
        .returning(WantMatch.want_id)
    ).all()
    for want, person in db.session.execute(
        select(Want, User)
        .join(User, User.id == Want.user_id)
        .where(Want.id.in_(new), Want.muted.is_(False))
        .order_by(Want.id)
    ):
        assert listing.price_minor is not None  # What is on the market has one.
        mail(want, person, listing, "It has come to the market, or its price fell, and it fits what you look for.", at)


def mail(want: Want, person: User, listing: Listing, words: str, at: datetime) -> None:
    """Write to a buyer about a unit. A step of the caller's work."""
    assert listing.price_minor is not None
    notifications.promise_mail(
        to=person.email,
        template="want_news",
        context={
            "name": person.name,
            "want": want.title,
            "device": f"{listing.title} {listing.year}, {Money(listing.price_minor, listing.currency)}",
            "words": words,
            "path": f"/devices/{listing.id}",
            "page": f"/wanted/{want.id}",
            "stop": f"/stop/{want.stop_key}",
        },
        at=at,
    )
