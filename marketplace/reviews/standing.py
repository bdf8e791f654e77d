"""What a seller's history earns: a badge whose every criterion is stated, with the figure for it. Pure."""

from dataclasses import dataclass
from datetime import timedelta

LOOKED_BACK = timedelta(days=730)
"""How far back the badge looks; what was before neither helps nor harms."""
SALES, CLINICS = 3, 2
"""Completed sales, and how many different clinics bought."""
GIVEN_BACK = 10
"""At most one paid order in so many may have gone back to its buyer before it was sent."""
DAYS = 10
"""Days from the payment being held to the dispatch, in the middle of all sales."""
REVIEWS, RATING = 3, 4.0
"""Reviews, and their mean."""


@dataclass(frozen=True, slots=True)
class History:
    """What happened within the time looked back. `days` None: nothing was sent; `rating` None: nobody said anything."""

    checked: bool
    sales: int
    clinics: int
    given_back: int
    days: float | None
    reviews: int
    rating: float | None


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that the badge asks for, what was found, and whether that is enough."""

    asked: str
    found: str
    met: bool


def criteria(history: History) -> tuple[Criterion, ...]:
    """Return everything that the badge asks for, always in one order."""
    paid = history.sales + history.given_back
    return (
        Criterion(
            "Two of our staff have checked that the clinic may hold and sell these devices.",
            "checked" if history.checked else "not checked",
            history.checked,
        ),
        Criterion(
            f"At least {SALES} sales here were accepted by their buyers, of at least {CLINICS} different clinics.",
            f"{_some(history.sales, 'sale')} to {_some(history.clinics, 'clinic')}",
            history.sales >= SALES and history.clinics >= CLINICS,
        ),
        Criterion(
            f"At most one paid order in {GIVEN_BACK} went back to its buyer.",
            f"{history.given_back} of {paid}",
            paid > 0 and history.given_back * GIVEN_BACK <= paid,
        ),
        Criterion(
            f"In the middle of all sales, the device was sent within {DAYS} days of its payment.",
            "nothing sent yet" if history.days is None else f"{history.days:.1f} days",
            history.days is not None and history.days <= DAYS,
        ),
        Criterion(
            f"At least {REVIEWS} buyers said how it went, {RATING:g} of 5 or better on average.",
            "no reviews yet"
            if history.rating is None
            else f"{history.rating:.1f} of 5 in {_some(history.reviews, 'review')}",
            history.rating is not None and history.reviews >= REVIEWS and history.rating >= RATING,
        ),
    )


def earned(history: History) -> bool:
    """Say whether the seller has the badge: nobody gives or takes it, and no column keeps it."""
    return all(one.met for one in criteria(history))


def _some(number: int, one: str) -> str:
    return f"{number} {one}{'' if number == 1 else 's'}"
