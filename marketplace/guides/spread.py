"""What prices come to: how many, the middle, the range; nothing where they are too few to stand for a market. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..kernel.money import Money

FEWEST = 3
"""Fewer prices than this are nobody's business but their sellers' and buyers'."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Prices of one kind: their number, the lowest, the one in the middle, the highest."""

    n: int
    low: Money
    median: Money
    high: Money


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of the chart, in its units: from the lowest to the highest price, with the middle one marked."""

    y: int
    x: int
    width: int
    middle: int


ROW, WIDTH = 28, 600
"""The chart's units: the height of a row, and the width of the highest price."""


def spread(minors: Iterable[int], currency: str = "usd") -> Spread | None:
    """Return what the prices (in minor units) come to; None: they are fewer than `FEWEST`."""
    prices = sorted(minors)
    if len(prices) < FEWEST:
        return None
    low, high = (len(prices) - 1) // 2, len(prices) // 2
    middle = (prices[low] + prices[high]) // 2  # Of an even number the mean of the two in the middle, in whole cents.
    return Spread(len(prices), *(Money(minor, currency) for minor in (prices[0], middle, prices[-1])))


def bars(spreads: Sequence[Spread]) -> list[Bar]:
    """Return a chart of ranges, each below the one before; the highest price of all is as wide as there is room."""
    most = max((one.high.minor for one in spreads), default=1)

    def at(amount: Money) -> int:
        return amount.minor * WIDTH // most

    return [
        Bar(number * ROW, at(one.low), max(2, at(one.high) - at(one.low)), at(one.median))
        for number, one in enumerate(spreads)
    ]
