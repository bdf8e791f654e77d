"""What a draft would change before it is published: who could no longer buy what, or could at last, and why."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from ..clinics.queries import Site
from ..clinics.states import SellerStanding
from .comparing import Comparison, compare
from .devices import devices_of
from .facts import Asked, Buyer, Device, Facts
from .gathering import Circumstances, sellers_of
from .narrowing import narrowed
from .policy import Policy, judge
from .reasons import ReasonCode
from .sale import Purchase, Sale
from .told import Told, at_site
from .vectors import Scenario, differing
from .verdict import Objection, Verdict


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that the gate will be asked about again, and at which moment next."""

    order_id: UUID
    number: int
    asked: Asked
    sale: Sale
    purchase: Purchase


@dataclass(frozen=True, slots=True)
class Flip:
    """
    One person at one site for whom units change sides together, for the same reasons.

    `gains`: they could be bought; otherwise they no longer could. `why` is what stands against them, in the policy
    that says no.
    """

    user_id: UUID
    name: str
    site: Site
    gains: bool
    listing_ids: tuple[UUID, ...]
    why: tuple[Objection, ...]


@dataclass(frozen=True, slots=True)
class OrderFlip:
    """An open order whose next answer would be another; `listing_id`: its unit, `buyer_id`: who would be told."""

    order_id: UUID
    number: int
    listing_id: UUID
    buyer_id: UUID
    gains: bool
    why: tuple[Objection, ...]


@dataclass(frozen=True, slots=True)
class SituationFlip:
    """A public situation with another answer: what stands against it now, and what would."""

    scenario: Scenario
    before: tuple[Objection, ...]
    after: tuple[Objection, ...]


@dataclass(frozen=True, slots=True)
class ReasonCount:
    """How many a reason turns: people at sites, units for sale, open orders. `sentence` is one of its own."""

    code: ReasonCode
    gains: bool
    sentence: str
    standpoints: int
    listings: int
    orders: int


@dataclass(frozen=True, slots=True)
class Simulation:
    """Everything that would change. `looked_at`: units and pairs of a person with a site that were asked about."""

    comparison: Comparison
    flips: tuple[Flip, ...]
    orders: tuple[OrderFlip, ...]
    vectors: tuple[SituationFlip, ...]
    looked_at: tuple[int, int]

    @property
    def listings_lost(self) -> int:
        """Count the units that somebody could no longer buy."""
        return len({listing for flip in self.flips if not flip.gains for listing in flip.listing_ids})

    @property
    def listings_gained(self) -> int:
        """Count the units that somebody could buy at last."""
        return len({listing for flip in self.flips if flip.gains for listing in flip.listing_ids})

    @property
    def reasons(self) -> tuple[ReasonCount, ...]:
        """Count what changes by reason: losses first, then the most frequent."""
        said: dict[tuple[bool, ReasonCode], str] = {}
        standpoints: Counter[tuple[bool, ReasonCode]] = Counter()
        orders: Counter[tuple[bool, ReasonCode]] = Counter()
        units: dict[tuple[bool, ReasonCode], set[UUID]] = defaultdict(set)
        for flip in self.flips:
            for key, sentence in _named(flip):
                said.setdefault(key, sentence)
                standpoints[key] += 1
                units[key].update(flip.listing_ids)
        for order in self.orders:
            for key, sentence in _named(order):
                said.setdefault(key, sentence)
                orders[key] += 1
        counted = [
            ReasonCount(
                code, gains, said[gains, code], standpoints[gains, code], len(units[gains, code]), orders[gains, code]
            )
            for gains, code in said
        ]
        return tuple(sorted(counted, key=lambda one: (one.gains, -one.standpoints - one.orders, one.code)))


def simulate(
    *,
    before: Policy,
    after: Policy,
    sales: Sequence[Sale],
    sites: Sequence[Site],
    orders: Sequence[OpenOrder],
    at: datetime,
) -> Simulation:
    """
    Ask the gate under both policies: for every member at every site the units for sale, and every open order.

    Sites in places that the change does not reach are not asked about. Units that are alike to the gate are asked about
    once, so the time grows with the kinds of units and the people, not with the units. There is one statement for each
    site that is asked about, whoever buys for it.
    """
    comparison = compare(before.document, after.document)
    reached = [site for site in sites if comparison.reaches(site.state)]
    there = _told_of(reached, orders)
    standpoints = [standpoint for site in reached for standpoint in _standpoints(site, there[site.id])]
    # A unit with an open order is not for sale, so each is asked about as one of the two.
    everything = [*sales, *(order.sale for order in orders)]
    devices, sellers = devices_of(everything), sellers_of(everything)
    units = [_Unit(sale.listing_id, devices[sale.listing_id], sellers[sale.seller_clinic_id]) for sale in sales]
    asked_about = [
        (
            order,
            there[order.purchase.site_id]
            .around(order.purchase)
            .circumstances.with_device(
                asked=order.asked,
                device=devices[order.sale.listing_id],
                seller=sellers[order.sale.seller_clinic_id],
            ),
        )
        for order in orders
    ]
    flips = [
        flip for site, person in standpoints for flip in _flips(site, person, _kinds(units, person), before, after, at)
    ]
    return Simulation(
        comparison,
        tuple(flips),
        tuple(_order_flips(asked_about, before, after, at)),
        tuple(
            SituationFlip(scenario, then.objections, now.objections) for scenario, then, now in differing(before, after)
        ),
        (len(sales), len(standpoints)),
    )


class _Unit(NamedTuple):
    listing_id: UUID
    device: Device
    seller: SellerStanding


def _told_of(sites: Iterable[Site], orders: Iterable[OpenOrder]) -> dict[UUID, Told]:
    """Return what stands around each site, and around those who buy for it."""
    people: dict[UUID, set[UUID]] = {site.id: set() for site in sites}
    for order in orders:
        wish = order.purchase
        people.setdefault(wish.site_id, set()).update({wish.buyer_id, wish.operator_id or wish.buyer_id})
    return {site_id: at_site(site_id, whom) for site_id, whom in people.items()}


def _standpoints(site: Site, there: Told) -> Iterator[tuple[Site, Circumstances]]:
    """Yield where every member of the clinic stands at this site, as buyer and operator in one."""
    some_id = next((member.user_id for member in there.members), None)
    if some_id is None:
        return
    around = there.around(Purchase(some_id, site.clinic_id, site.id, None)).circumstances
    for member in around.site.colleagues:
        buyer = Buyer(id=member.id, in_good_standing=True, exclusion=member.exclusion)
        yield site, replace(around, operator=member, buyer=buyer)


def _kinds(units: Iterable[_Unit], around: Circumstances) -> list[list[_Unit]]:
    """Put units together that the gate cannot tell apart for this person."""
    assert around.operator is not None
    # A model counts only for somebody who was trained on one, a unit only where somebody decided about it.
    trained = {held.device_model_id for held in around.operator.credentials}
    decided = {one_off.listing_id for one_off in around.one_offs}
    kinds: dict[tuple[object, ...], list[_Unit]] = defaultdict(list)
    for unit in units:
        device = unit.device
        looks = (
            unit.seller,
            device.model_id if device.model_id is None or device.model_id in trained else "a known model",
            device.product_code,
            device.rx_label_seen,
            device.id_label_seen,
            device.modification,
            device.recall_open,
            device.recalls,
            tuple(sorted(part.modality for part in device.handpieces)),
            unit.listing_id if unit.listing_id in decided else None,
        )
        kinds[looks].append(unit)
    return list(kinds.values())


def _flips(
    site: Site, around: Circumstances, kinds: list[list[_Unit]], before: Policy, after: Policy, at: datetime
) -> Iterator[Flip]:
    assert around.operator is not None
    together: dict[tuple[bool, tuple[Objection, ...]], list[UUID]] = defaultdict(list)
    for alike in kinds:
        facts = around.with_device(asked=Asked.PREVIEW, device=alike[0].device, seller=alike[0].seller)
        then, now = narrowed(facts, before, at), narrowed(facts, after, at)
        if then.cleared is not now.cleared:
            together[now.cleared, _why(then, now)].extend(unit.listing_id for unit in alike)
    for (gains, why), listings in together.items():
        yield Flip(around.operator.id, around.operator.name, site, gains, tuple(listings), why)


def _order_flips(
    orders: Iterable[tuple[OpenOrder, Facts]], before: Policy, after: Policy, at: datetime
) -> Iterator[OrderFlip]:
    for order, facts in orders:
        then, now = judge(facts, before, at), judge(facts, after, at)
        if then.cleared is not now.cleared:
            unit, buyer = order.sale.listing_id, order.purchase.buyer_id
            yield OrderFlip(order.order_id, order.number, unit, buyer, now.cleared, _why(then, now))


def _why(then: Verdict, now: Verdict) -> tuple[Objection, ...]:
    """Return what stands against it in the policy that says no."""
    return (then if now.cleared else now).objections


def _named(flip: Flip | OrderFlip) -> Iterator[tuple[tuple[bool, ReasonCode], str]]:
    """Yield each reason of a flip once, with a sentence of it."""
    yield from {(flip.gains, one.code): one.sentence for one in reversed(flip.why)}.items()
