"""What a buyer can buy of what is for sale: each different question is judged once, the database finds and counts."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import Connection, Text, func, literal_column, select
from sqlalchemy.orm import aliased

from ..eligibility import service as eligibility
from ..eligibility import told
from ..eligibility.alike import Sold, sold_in
from ..eligibility.facts import OneOff
from ..eligibility.sale import Purchase, Sale, SoldHandpiece
from ..eligibility.told import Around, Told
from ..eligibility.verdict import Gist, Reach
from ..extensions import db
from . import figures, kinds, queries, search
from .asked import Wanted, ask
from .kinds import QUESTION, Market
from .market import MarketKind, MarketUnit
from .models import Listing
from .search import Card


@dataclass(frozen=True, slots=True)
class Reached:
    """
    What the gate would answer one buyer about everything on the market.

    `kinds`: by configuration, of sellers that were checked; what others sell is closed. `units`: those that staff
    decided about on their own, for this site: what they would be by their configuration, and what they are.
    """

    kinds: Mapping[str, Gist] = field(default_factory=dict)
    units: Mapping[UUID, tuple[Reach, Reach]] = field(default_factory=dict)

    def narrow(self, wanted: Wanted, chosen: Collection[Reach]) -> Wanted:
        """Return what is wanted, of that only what the gate answers in one of these ways; none chosen: all of it."""
        if not chosen:
            return wanted
        return replace(
            wanted,
            configurations=tuple(one for one, gist in self.kinds.items() if gist.reach in chosen),
            unchecked=Reach.CLOSED in chosen,
            units=tuple(one for one, (_, reach) in self.units.items() if reach in chosen),
            but=tuple(one for one, (_, reach) in self.units.items() if reach not in chosen),
        )

    def count(self, wanted: Wanted, *, version: str | None = None) -> dict[Reach, int]:
        """
        Return how many of the wanted units the gate answers in each way, whichever ways are chosen.

        No statement where the search was told what will be counted `next_to` it, or has just counted the same.
        """
        everything = _whatever_is_answered(wanted)

        def counted(connection: Connection, market: Market) -> Counter[Reach]:
            found: Counter[Reach] = Counter()
            for kind_id, number in figures.counts(connection, market, ask(market, everything)).by_kind.items():
                kind = market.kinds.get(kind_id)
                if kind is None:
                    raise figures.NewKind
                # A configuration that came to the market since the gate was asked is closed until it is asked again.
                gist = self.kinds.get(kind.configuration) if kind.checked else None
                found[gist.reach if gist else Reach.CLOSED] += number
            for (before, now), of_these in self._moved(everything):
                number = figures.counts(connection, market, ask(market, of_these)).total
                found[before] -= number
                found[now] += number
            return found

        return {reach: number for reach, number in search.asking(counted, version).items() if number}

    def next_to(self, wanted: Wanted) -> list[Wanted]:
        """Return the questions whose figures `count` takes."""
        everything = _whatever_is_answered(wanted)
        return [everything, *(of_these for _, of_these in self._moved(everything))]

    def _moved(self, everything: Wanted) -> list[tuple[tuple[Reach, Reach], Wanted]]:
        """Return, by what they would be and what they are, the units that staff decided about on their own."""
        return [
            (
                turn,
                replace(
                    everything, configurations=(), units=tuple(one for one, own in self.units.items() if own == turn)
                ),
            )
            for turn in sorted(set(self.units.values()))
        ]


def _whatever_is_answered(wanted: Wanted) -> Wanted:
    return replace(wanted, configurations=None, unchecked=False, units=(), but=())


def look(*, reader_id: UUID, site_id: UUID | None) -> tuple[Told, str]:
    """Return from where a person looks at the market, and what the market is now, in one statement."""
    found, version = told.look(reader_id=reader_id, site_id=site_id, beside=kinds.VERSION)
    return found, version or ""


def reached_by(*, purchase: Purchase | Around, at: datetime, version: str | None = None) -> Reached:
    """
    Return what the gate would answer this purchase about everything on the market.

    What it costs grows with the different configurations, of which there are hundreds, not with the units. A unit about
    which staff decided on its own, for this site, is asked about on its own. `version`: what the market is now, where
    the caller has just asked for it.

    :raises NotFound: the site is not the clinic's
    :raises marketplace.eligibility.publishing.NoPolicy: no rules are published
    """
    around = told.around(purchase)
    gists = _gists(_alike(search.version() if version is None else version), around, at)
    own = _decided_alone(around.circumstances.one_offs)
    reach = eligibility.reach(sales=[sale for sale, _ in own], purchase=around, at=at) if own else {}
    return Reached(
        gists,
        {
            sale.listing_id: (gists[key].reach, reach[sale.listing_id])
            for sale, key in own
            if key in gists and gists[key].reach is not reach[sale.listing_id]
        },
    )


def of_cards(cards: Sequence[Card], *, purchase: Around, at: datetime, version: str) -> dict[UUID, Gist]:
    """
    Return what the gate would answer this purchase about each unit among others; as `reached_by`, but of each unit.

    Those that answer as all of their kind do cost no statement.

    :raises marketplace.eligibility.service.NoPolicy: no rules are published
    """
    alike, alone = _alike(version), {one.listing_id for one in purchase.circumstances.one_offs}
    by_kind = {card.id: card.alike for card in cards if card.alike in alike and card.id not in alone}
    gists = _gists({key: alike[key] for key in by_kind.values()}, purchase, at)
    found = {listing_id: gists[key] for listing_id, key in by_kind.items()}
    own = queries.sales_of(rest) if (rest := [card.id for card in cards if card.id not in found]) else []
    verdicts = eligibility.previews(sales=own, purchase=purchase, at=at) if own else []
    return found | {sale.listing_id: verdict.gist for sale, verdict in zip(own, verdicts, strict=True)}


def _gists(alike: Mapping[str, Sold], around: Around, at: datetime) -> dict[str, Gist]:
    found = eligibility.gists(sold=alike.values(), purchase=around, at=at)
    return {key: found[sold] for key, sold in alike.items()}


_known: list[tuple[str, dict[str, Sold]]] = [("", {})]


def _alike(version: str) -> dict[str, Sold]:
    """Return, by configuration, what units of checked sellers ask the gate, remembered while the market stays."""
    known = _known[0]
    if known[0] != version:
        keys = {one.listing_id: one.key for one in search.configurations()}
        sold = sold_in(_of_kind(sale, keys[sale.listing_id]) for sale in queries.sales_of(keys))
        known = _known[0] = (version, {listing_id.hex: one for listing_id, one in sold.items()})
    return known[1]


def _of_kind(sale: Sale, key: str) -> Sale:
    """
    Return the question that every unit of a kind asks, whichever of them is at hand.

    Under another id: what was decided for one unit must not speak for all that are like it.
    """
    parts = sorted(part.modality_code for part in sale.handpieces)
    return replace(
        sale,
        listing_id=UUID(key),
        handpieces=tuple(
            SoldHandpiece(uuid5(sale.model_id, f"{place} {code}"), code, code) for place, code in enumerate(parts)
        ),
    )


def _decided_alone(one_offs: Iterable[OneOff]) -> list[tuple[Sale, str]]:
    """Return the units that staff decided about for this site, and what all that are alike ask the gate."""
    ids = {one.listing_id for one in one_offs}
    if not ids:
        return []
    kind = aliased(MarketKind, name="kind")
    rows = db.session.execute(
        select(Listing.id, func.coalesce(literal_column(QUESTION, Text), Listing.configuration).label("configuration"))
        .outerjoin(MarketUnit, MarketUnit.listing_id == Listing.id)
        .outerjoin(kind, kind.id == MarketUnit.kind_id)
        .where(Listing.id.in_(ids))
    )
    key_of = {row.id: row.configuration for row in rows}
    return [(sale, key_of[sale.listing_id]) for sale in queries.sales_of(ids)]
