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
    """From the lowest to the highest price, with the middle one marked, in the chart's units."""

    x: int
    width: int
    middle: int


@dataclass(frozen=True, slots=True)
class ChartRow:
    """One row: what was paid here, what is asked here now, and what dealers asked elsewhere; each on its own."""

    label: str
    y: int
    sold: Bar | None
    asked: Bar | None
    elsewhere: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """Rows from above to below, the amounts that are written under them, and how high it is."""

    rows: tuple[ChartRow, ...]
    ticks: tuple[tuple[int, str], ...]
    height: int


ROW, WIDTH = 34, 360
"""The chart's units: the height of a row, and the width of the highest price."""

_STEPS = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000)
_MOST_TICKS = 4


def spread(minors: Iterable[int], currency: str = "usd") -> Spread | None:
    """Return what the prices (in minor units) come to; None: they are fewer than `FEWEST`."""
    prices = sorted(minors)
    if len(prices) < FEWEST:
        return None
    low, high = (len(prices) - 1) // 2, len(prices) // 2
    middle = (prices[low] + prices[high]) // 2  # Of an even number the mean of the two in the middle, in whole cents.
    return Spread(len(prices), *(Money(minor, currency) for minor in (prices[0], middle, prices[-1])))


def chart(rows: Sequence[tuple[str, Spread | None, Spread | None, Sequence[Money]]]) -> Chart:
    """
    Return a chart of prices, each row below the one before; the highest price of all is as wide as there is room.

    A row is its label, what was paid, what is asked, and what was asked elsewhere.
    """
    highest = [one.high.minor for _, sold, asked, _ in rows for one in (sold, asked) if one]
    most = max([*highest, *(price.minor for _, _, _, elsewhere in rows for price in elsewhere)], default=1)

    def at(amount: Money) -> int:
        return amount.minor * WIDTH // most

    def bar(one: Spread | None) -> Bar | None:
        return Bar(at(one.low), max(2, at(one.high) - at(one.low)), at(one.median)) if one else None

    drawn = [
        ChartRow(label, number * ROW, bar(sold), bar(asked), tuple(map(at, elsewhere)))
        for number, (label, sold, asked, elsewhere) in enumerate(rows)
    ]
    step = next((step for step in _STEPS if most // 100 // step < _MOST_TICKS), _STEPS[-1])
    ticks = [
        (at(Money(dollars * 100)), f"${dollars // 1000}k" if dollars else "$0")
        for dollars in range(0, most // 100 + 1, step)
    ]
    return Chart(tuple(drawn), tuple(ticks), len(drawn) * ROW)
