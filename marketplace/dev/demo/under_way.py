"""What people of the demo are in the middle of: a draft of the policy, and devices that are asked to be kept."""

from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select

from ...eligibility import editing
from ...extensions import db
from ...kernel.money import Money
from ...listings.models import Listing
from ...listings.states import ListingState
from ...orders import offering, reserving
from ...orders.models import Offer
from ...orders.refusals import NotCleared
from ...orders.reserving import KeptForAnother
from .cast import HOUSES
from .market import FEATURED
from .people import Stage

EDITED = "TX-HAIR-TDLR-1"
"""The rule that the draft changes: apprentices would no longer count."""

KEPT_DAYS = 10


def begin_draft(stage: Stage, *, now: datetime) -> UUID:
    """Begin a draft of the policy and edit one rule, so that there is something to compare and to simulate."""
    editor = stage.people["Ada Quist"]
    version_id = editing.draft_from_published(actor_id=editor, at=now - timedelta(hours=5))
    found = editing.version(version_id)
    rule = deepcopy(editing.rule_in(found, EDITED))
    rule["options"] = [option for option in rule["options"] if "Apprentice" not in option["name"]]
    editing.save_rule(
        version_id=version_id, revision=found.revision, rule=rule, actor_id=editor, at=now - timedelta(hours=4)
    )
    return version_id


def keep_devices(stage: Stage, *, now: datetime) -> None:
    """Let two buyers who are still qualifying ask sellers to wait; one of them is waited for."""
    units = iter(_units(but_of=stage.clinics["lone_star"]))
    waited_for, seller = _ask(
        stage, "Elena Soto", units, "My certificate is with your verifiers; it should be there within the week.", now
    )
    reserving.grant(reservation_id=waited_for, actor_id=seller, days=KEPT_DAYS, at=now - timedelta(hours=20))
    _ask(stage, "Priya Nair", units, "I have renewed with the state and wait for the paper, two weeks at most.", now)


def make_offers(stage: Stage, *, now: datetime) -> None:
    """Let a buyer have named prices: one waits for its seller, to another the seller named theirs."""
    units = iter(_units(but_of=stage.clinics["lone_star"]))
    _offer(stage, units, now - timedelta(hours=30))
    offer_id, seller = _offer(stage, units, now - timedelta(hours=28))
    offer = db.session.get_one(Offer, offer_id)
    price = db.session.scalars(select(Listing.price_minor).where(Listing.id == offer.listing_id)).one() or 0
    between = Money((offer.amount_minor + price) // 200 * 100)
    offering.counter(offer_id=offer_id, actor_id=seller, amount=between, at=now - timedelta(hours=3))


def _offer(stage: Stage, units: Iterator[tuple[UUID, UUID]], at: datetime) -> tuple[UUID, UUID]:
    """Offer nine tenths for the first unit that the buyer is cleared for; return the offer, and who answers it."""
    for unit, clinic_id in units:
        price = db.session.scalars(select(Listing.price_minor).where(Listing.id == unit)).one() or 0
        with suppress(NotCleared, KeptForAnother):
            offer = offering.make(
                listing_id=unit, buyer_id=stage.people["Dana Reyes"], site_id=stage.sites["lone_star"],
                amount=Money(price * 9 // 1000 * 100), at=at,
            )  # fmt: skip
            seller = next(house for house in HOUSES if stage.clinics[house.key] == clinic_id)
            return offer, stage.people[seller.people[0].name]
    raise LookupError("Nothing on the market is open to Dana Reyes.")


def _units(*, but_of: UUID) -> list[tuple[UUID, UUID]]:
    """Return what is on the market outside the tour, with whose it is, always in one order."""
    tour = [f"{maker} {model}" for _, maker, model, *_ in FEATURED]
    market = select(Listing.id, Listing.clinic_id).where(
        Listing.state == ListingState.PUBLISHED, Listing.title.not_in(tour), Listing.clinic_id != but_of
    )
    return [(row.id, row.clinic_id) for row in db.session.execute(market.order_by(Listing.serial))]


def _ask(
    stage: Stage, buyer: str, units: Iterator[tuple[UUID, UUID]], message: str, now: datetime
) -> tuple[UUID, UUID]:
    """Ask for the first unit that waiting can help with; return the request, and who answers it."""
    for unit, clinic_id in units:
        with suppress(reserving.NothingToWaitFor):
            asked = reserving.ask(
                listing_id=unit, buyer_id=stage.people[buyer], site_id=stage.sites["lone_star"], message=message,
                at=now - timedelta(hours=26),
            )  # fmt: skip
            seller = next(house for house in HOUSES if stage.clinics[house.key] == clinic_id)
            return asked, stage.people[seller.people[0].name]
    raise LookupError(f"Nothing on the market is worth waiting for to {buyer}.")
