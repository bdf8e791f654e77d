"""
What dealers asked for used devices elsewhere, as somebody saw it: no sales, and none of this market. Pure.

An entry stands here only where what was listed names a model of the catalogue beyond doubt.
"""

import csv
import io
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ..kernel.money import Money

COLUMNS = ("maker", "model", "as_listed", "year", "price_usd", "seen", "source")


@dataclass(frozen=True, slots=True)
class Listed:
    """One device as a dealer listed it; `year` None: not said. `seen`: when, as well as that is known."""

    maker: str
    model: str
    as_listed: str
    year: int | None
    price: Money
    seen: str
    source: str


@cache
def shipped() -> tuple[Listed, ...]:
    """Return everything that was seen, in the order of the file; read once for a process."""
    text = (files("marketplace.guides") / "data" / "asking_prices.csv").read_text(encoding="utf-8")
    return tuple(
        Listed(
            maker=row["maker"],
            model=row["model"],
            as_listed=row["as_listed"],
            year=int(row["year"]) if row["year"] else None,
            price=Money(int(row["price_usd"]) * 100),
            seen=row["seen"],
            source=row["source"],
        )
        for row in csv.DictReader(io.StringIO(text))
    )


def listed(*, maker: str, model: str) -> list[Listed]:
    """Return what was seen of one model."""
    return [one for one in shipped() if (one.maker, one.model) == (maker, model)]
