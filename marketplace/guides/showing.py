"""A unit on display as its page shows it: everything in one statement, whose answer names the page as well."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ..catalog import queries as catalog
from ..eligibility import publishing
from ..eligibility.devices import Known, unit_of
from ..kernel.money import Money
from ..listings import passport, queries, telling
from ..listings.facts import ListingFacts
from ..listings.passport import Passport
from ..orders import reserving
from ..orders.reserving import Kept
from ..questions import queries as questions
from ..questions.queries import Asked
from ..recalls import queries as recalls
from ..recalls.queries import RecallFacts
from ..reviews import queries as reviews
from ..reviews.queries import Figure

# Put together once. What a page shows and is not asked for here, its name does not know: ask for it here.
_ASKED = telling.question(
    queries.ON_DISPLAY,
    prices=telling.PRICES,
    readings=passport.READINGS,
    events=passport.EVENTS,
    recalls=recalls.OF_UNIT,
    kept=reserving.OF_UNIT,
    asked=questions.OF_UNIT,
    looked=recalls.LOOKED,
    policy=publishing.IN_FORCE,
    said=reviews.OF_UNIT,
)


@dataclass(frozen=True, slots=True)
class Shown:
    """
    What is known of a unit now.

    `known` is what the gate looks at beside the sale; `policy_id`: the rules in force, None while the gate is shut.
    """

    listing: ListingFacts
    known: Known
    prices: list[tuple[Money, datetime]]
    passport: Passport
    recalls: Sequence[RecallFacts]
    kept: Kept | None
    asked: tuple[Asked, ...]
    said_of_seller: Figure
    policy_id: UUID | None


def told(listing_id: UUID, *, at: datetime) -> str:
    """
    Return everything that is known of a unit on display, as text; only who the reader is comes on top.

    :raises NotFound: there is none, or it is not on display
    """
    return telling.tell(_ASKED, listing_id, now=at)


def named(told: str) -> str:
    """Return what names a page that shows this: the same name is never given to anything else."""
    return f"{catalog.modalities_digest()}\0{told}"


def shown(told: str) -> Shown:
    """Return as values what was told."""
    known = json.loads(told)
    listing, found = telling.listing_told(known), recalls.told(known["recalls"] or ())
    looked = recalls.looked_told(unit_of(listing.sale), found, known["looked"] or ())
    policies = known["policy"]
    return Shown(
        listing=listing,
        known=Known(listing.model, looked, listing.seller_standing),
        prices=telling.prices_told(known["prices"] or ()),
        passport=passport.told(known["readings"] or (), known["events"] or ()),
        recalls=found,
        kept=reserving.told(known["kept"] or ()),
        asked=questions.told(known["asked"] or ()),
        said_of_seller=reviews.told(known["said"]),
        policy_id=UUID(policies[0]["id"]) if policies else None,
    )
