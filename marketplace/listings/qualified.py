"""What a buyer can buy of what is for sale: each different question is judged once, the database finds and counts."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, Text, func, literal_column, select
from sqlalchemy.orm import aliased

from ..eligibility import service as eligibility
from ..eligibility.models import RuleReview
from ..eligibility.sale import Purchase, Sale
from ..eligibility.states import ReviewState
from ..eligibility.verdict import Reach
from ..extensions import db
from . import figures, queries, search
from .asked import Wanted, ask
from .kinds import QUESTION, Market
from .market import MarketKind, MarketUnit
from .models import Listing


@dataclass(frozen=True, slots=True)
class Reached:
    """
    What the gate would answer one buyer about everything on the market.

    `kinds`: by configuration, of sellers that were checked; what others sell is closed. `units`: those that staff
    decided about on their own, for this site: what they would be by their configuration, and what they are.
    """

    kinds: Mapping[str, Reach] = field(default_factory=dict)
    units: Mapping[UUID, tuple[Reach, Reach]] = field(default_factory=dict)

    def narrow(self, wanted: Wanted, chosen: Collection[Reach]) -> Wanted:
        """Return what is wanted, of that only what the gate answers in one of these ways; none chosen: all of it."""
        if not chosen:
            return wanted
        return replace(
            wanted,
            configurations=tuple(one for one, reach in self.kinds.items() if reach in chosen),
            unchecked=Reach.CLOSED in chosen,
            units=tuple(one for one, (_, reach) in self.units.items() if reach in chosen),
            but=tuple(one for one, (_, reach) in self.units.items() if reach not in chosen),
        )

    def count(self, wanted: Wanted, *, version: str | None = None) -> dict[Reach, int]:
        """
        Return how many of the wanted units the gate answers in each way, whichever ways are chosen.

        One statement beside those of the search, or none where nothing is chosen; one more for units decided alone.
        """
        everything = replace(wanted, configurations=None, unchecked=False, units=(), but=())

        def counted(connection: Connection, market: Market) -> Counter[Reach]:
            found: Counter[Reach] = Counter()
            for kind_id, number in figures.counts(connection, market, ask(market, everything)).by_kind.items():
                kind = market.kinds.get(kind_id)
                if kind is None:
                    raise figures.NewKind
                # A configuration that came to the market since the gate was asked is closed until it is asked again.
                reach = self.kinds.get(kind.configuration, Reach.CLOSED) if kind.checked else Reach.CLOSED
                found[reach] += number
            for before, now in sorted(set(self.units.values())):
                moved = tuple(one for one, turned in self.units.items() if turned == (before, now))
                of_these = replace(everything, configurations=(), units=moved)
                number = figures.counts(connection, market, ask(market, of_these)).total
                found[before] -= number
                found[now] += number
            return found

        return {reach: number for reach, number in search.asking(counted, version).items() if number}


def reached_by(*, purchase: Purchase, at: datetime, version: str | None = None) -> Reached:
    """
    Return what the gate would answer this purchase about everything on the market.

    What it costs grows with the different configurations, of which there are hundreds, not with the units. A unit about
    which staff decided on its own, for this site, is asked about on its own. `version`: what the market is now, where
    the caller has just asked for it.

    :raises NotFound: the site is not the clinic's
    :raises marketplace.eligibility.publishing.NoPolicy: no rules are published
    """
    alike = _questions(search.version() if version is None else version)
    own, key_of = _decided_alone(purchase.site_id)
    reach = eligibility.reach(sales=[*alike, *own], purchase=purchase, at=at)
    kinds = {sale.listing_id.hex: reach[sale.listing_id] for sale in alike}
    return Reached(
        kinds,
        {
            sale.listing_id: (kinds[key_of[sale.listing_id]], reach[sale.listing_id])
            for sale in own
            if kinds.get(key_of[sale.listing_id], reach[sale.listing_id]) is not reach[sale.listing_id]
        },
    )


_asked: list[tuple[str, list[Sale]]] = [("", [])]


def _questions(version: str) -> list[Sale]:
    """Return every different question that units of checked sellers ask the gate, remembered while the market stays."""
    known = _asked[0]
    if known[0] != version:
        keys = {one.listing_id: one.key for one in search.configurations()}
        # Under another id: what was decided for one unit must not speak for all that are like it.
        alike = [replace(sale, listing_id=UUID(keys[sale.listing_id])) for sale in queries.sales_of(keys)]
        known = _asked[0] = (version, alike)
    return known[1]


def _decided_alone(site_id: UUID) -> tuple[list[Sale], dict[UUID, str]]:
    """Return the units that staff decided about for this site, and the configuration of each."""
    kind = aliased(MarketKind, name="kind")
    rows = db.session.execute(
        select(Listing.id, func.coalesce(literal_column(QUESTION, Text), Listing.configuration).label("configuration"))
        .join(RuleReview, RuleReview.listing_id == Listing.id)
        .outerjoin(MarketUnit, MarketUnit.listing_id == Listing.id)
        .outerjoin(kind, kind.id == MarketUnit.kind_id)
        .where(RuleReview.site_id == site_id, RuleReview.state == ReviewState.APPROVED)
        .distinct()
    ).all()
    return (queries.sales_of(row.id for row in rows) if rows else []), {row.id: row.configuration for row in rows}
