"""
The steps in which ranges are counted, as data. Pure.

A step begins at one of the `starts` and ends before the next; the first is open downwards, the last upwards. So every
unit stands on one step, and whoever asks for a step as a range finds the units that were counted on it.
"""

from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple


class Step(NamedTuple):
    """A step, and how many units stand on it; both ends belong to it; None: open."""

    least: int | None
    most: int | None
    units: int


@dataclass(frozen=True, slots=True)
class Ladder:
    """A range in steps. `grain`: by what the database keeps figures of it; every start is a multiple of it."""

    starts: tuple[int, ...]
    grain: int = 1

    @property
    def spans(self) -> tuple[tuple[int | None, int | None], ...]:
        """Return from where to where each step goes."""
        return tuple(zip((None, *self.starts), (*(start - 1 for start in self.starts), None), strict=True))

    def of(self, grain: int) -> int:
        """Return which step a grain is a part of."""
        return bisect_right(self.starts, grain * self.grain)


LADDERS: dict[str, Ladder] = {
    "price": Ladder((1_000_000, 2_000_000, 3_000_000, 5_000_000, 8_000_000), grain=1_000_000),
    "year": Ladder((2010, 2013, 2016, 2019, 2022)),
    "used": Ladder((25, 50, 75, 100), grain=25),
}
"""By the name of a range, in its own unit: cents, years, per cent of a life. Other grains are another migration."""

LIGHT = Ladder((600, 800, 1000, 1200, 2100))
"""
Wavelengths in nm: green and yellow; ruby and alexandrite; diodes; Nd:YAG; what does not ablate; what does.

What emits on several of these steps is counted on each of them.
"""
