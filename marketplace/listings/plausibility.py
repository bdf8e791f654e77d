"""
What makes somebody look twice at a listing: shown to its seller before it is submitted, and to the moderator. Pure.

A doubt never refuses anything. The measures are this house's own, not a maker's and not the law's: they are set so wide
that what they catch is usually a slip of the finger.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median

from ..catalog.rated import figure
from ..kernel.money import Money
from .facts import CounterFacts, HandpieceFacts, ListingFacts
from .terms import CounterDirection, CounterUnit

MOST_SHOTS_A_MONTH = 250_000
FEWEST_SHOTS_A_MONTH = 20
READING_IS_OLD_AFTER = 120
"""Days."""
PRICES_TO_COMPARE = 3
FARTHEST_PRICE = 3
"""Times the middle of what others ask for the same model, or that part of it."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """What looks odd, and the step that can set it right."""

    step: str
    sentence: str


@dataclass(frozen=True, slots=True)
class _Count:
    part: str
    value: int
    unit: CounterUnit
    direction: CounterDirection
    read_on: date | None
    rated_life: int | None


def doubts(listing: ListingFacts, *, prices: Sequence[int], at: date) -> list[Doubt]:
    """
    Return everything that looks odd, in the order of the steps.

    `prices` are what others ask now for the same model, in minor units.
    """
    return [
        *(doubt for count in _counts(listing) for doubt in _of_a_counter(count, listing, at)),
        *_of_the_service(listing),
        *_of_the_price(listing, prices),
    ]


def _counts(listing: ListingFacts) -> Iterator[_Count]:
    for part in listing.handpieces:
        yield from _of_handpiece(part)
    for counter in listing.counters:
        yield _of_console(counter)


def _of_handpiece(part: HandpieceFacts) -> Iterator[_Count]:
    if part.counter_value is not None and part.counter_unit is not None and part.counter_direction is not None:
        yield _Count(
            part.name,
            part.counter_value,
            part.counter_unit,
            part.counter_direction,
            part.counter_read_on,
            part.rated_life,
        )


def _of_console(counter: CounterFacts) -> _Count:
    return _Count(counter.part, counter.value, counter.unit, counter.direction, counter.read_on, counter.rated_life)


def _of_a_counter(count: _Count, listing: ListingFacts, at: date) -> Iterator[Doubt]:
    if listing.year is not None and count.direction is CounterDirection.UP and count.unit in _SHOTS:
        # Made some time in that year: the middle of it, and never less than a month ago.
        months = max(1, (at.year - listing.year) * 12 + at.month - 6)
        a_month = round(count.value / months)
        if a_month > MOST_SHOTS_A_MONTH:
            yield Doubt(
                "handpieces",
                f"{count.part}: {count.value:,} {count.unit} since {listing.year} would be {a_month:,} a month."
                " Look at the counter again.",
            )
        elif months >= 24 and a_month < FEWEST_SHOTS_A_MONTH:
            yield Doubt(
                "handpieces",
                f"{count.part}: {count.value:,} {count.unit} since {listing.year} is next to nothing. If the part or"
                " its counter was replaced, say so in the condition.",
            )
    if count.read_on is not None and (at - count.read_on).days > READING_IS_OLD_AFTER:
        yield Doubt("handpieces", f"{count.part}: its counter was read more than four months ago. Read it again.")
    if count.rated_life is not None and count.unit is not CounterUnit.PERCENT_LEFT and count.value > count.rated_life:
        past = "is past its rated life" if count.direction is CounterDirection.UP else "has more left than it ever had"
        yield Doubt("handpieces", f"{count.part} {past}, as you state it.")
    published = figure(listing.model.slug, count.unit)
    if published is not None and published.most is not None and (count.rated_life or 0) > published.most:
        yield Doubt(
            "handpieces", f"{count.part}: its maker published {published.most:,} {published.unit}, which is less."
        )


def _of_the_service(listing: ListingFacts) -> Iterator[Doubt]:
    if listing.last_service_on is not None and listing.year is not None and listing.last_service_on.year < listing.year:
        yield Doubt("condition", "The last service lies before the year of manufacture.")


def _of_the_price(listing: ListingFacts, prices: Sequence[int]) -> Iterator[Doubt]:
    if listing.price is None:
        return
    if listing.recertification_quote is not None and listing.recertification_quote > listing.price:
        yield Doubt("terms", "The maker’s quote for recertification is more than the price.")
    if len(prices) >= PRICES_TO_COMPARE:
        middle = round(median(prices))
        asked = listing.price.minor
        if asked * FARTHEST_PRICE < middle or asked > middle * FARTHEST_PRICE:
            yield Doubt(
                "terms",
                f"{len(prices)} others of this model are on the market, in the middle at"
                f" {Money(middle, listing.price.currency)}. Is {listing.price} what you mean?",
            )


_SHOTS = frozenset({CounterUnit.SHOTS, CounterUnit.PULSES})
