"""Where a ZIP code lies. What stands in no table stays unknown. Pure."""

from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from math import asin, cos, radians, sin, sqrt

ZIP_DIGITS = 5
_DIAMETER = 2 * 3958.8
"""Of the earth, in miles."""


@dataclass(frozen=True, slots=True)
class Point:
    """A place on the earth, in degrees."""

    latitude: float
    longitude: float


def is_zip(text: str) -> bool:
    """Say whether this is how a ZIP code is written, in five digits."""
    return len(text) == ZIP_DIGITS and text.isascii() and text.isdigit()


@lru_cache(maxsize=4096)
def point_of(zip_code: str) -> Point | None:
    """Return the middle of a ZIP code's area; None: the Census knows no area of this code."""
    if not is_zip(zip_code):
        return None
    table = _table()
    at = table.find(f"\n{zip_code},")
    if at < 0:
        return None
    _, latitude, longitude = table[at + 1 : table.index("\n", at + 1)].split(",")
    return Point(float(latitude), float(longitude))


def miles(here: Point, there: Point) -> float:
    """Return the way between two points along the earth's surface, as the database's `miles_between` does."""
    north = sin(radians(there.latitude - here.latitude) / 2)
    east = sin(radians(there.longitude - here.longitude) / 2)
    return _DIAMETER * asin(sqrt(north**2 + cos(radians(here.latitude)) * cos(radians(there.latitude)) * east**2))


@cache
def _table() -> str:
    return "\n" + (files("marketplace.listings") / "data" / "zip_centroids.csv").read_text(encoding="ascii")
