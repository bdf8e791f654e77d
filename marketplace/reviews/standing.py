"""What a seller's history earns: a badge whose every criterion is stated, with the figure for it. Pure."""

from dataclasses import dataclass
from datetime import timedelta

from ..kernel.wording import ENGLISH, Teller

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
_LEAST_RATING = f"{RATING:g}"


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


def rated(reviews: int, rating: str, teller: Teller) -> str:
    """Say how a seller was rated, by how many: "4.7 of 5 in 3 reviews"."""
    return teller.ngettext(
        "%(rating)s of 5 in %(num)s review", "%(rating)s of 5 in %(num)s reviews", reviews, rating=rating
    )


def criteria(history: History, teller: Teller = ENGLISH) -> tuple[Criterion, ...]:
    """Return everything that the badge asks for, always in one order."""
    gettext, ngettext = teller.gettext, teller.ngettext
    paid = history.sales + history.given_back
    days, rating = (None if figure is None else f"{figure:.1f}" for figure in (history.days, history.rating))
    return (
        Criterion(
            gettext("Two of our staff have checked that the clinic may hold and sell these devices."),
            gettext("checked") if history.checked else gettext("not checked"),
            history.checked,
        ),
        Criterion(
            gettext(
                "At least %(sales)s sales here were accepted by their buyers,"
                " of at least %(clinics)s different clinics.",
                sales=SALES,
                clinics=CLINICS,
            ),
            gettext(
                "%(sales)s to %(clinics)s",
                sales=ngettext("%(num)s sale", "%(num)s sales", history.sales),
                clinics=ngettext("%(num)s clinic", "%(num)s clinics", history.clinics),
            ),
            history.sales >= SALES and history.clinics >= CLINICS,
        ),
        Criterion(
            gettext("At most one paid order in %(orders)s went back to its buyer.", orders=GIVEN_BACK),
            gettext("%(given_back)s of %(paid)s", given_back=history.given_back, paid=paid),
            paid > 0 and history.given_back * GIVEN_BACK <= paid,
        ),
        Criterion(
            gettext("In the middle of all sales, the device was sent within %(days)s days of its payment.", days=DAYS),
            gettext("nothing sent yet") if days is None else gettext("%(days)s days", days=days),
            history.days is not None and history.days <= DAYS,
        ),
        Criterion(
            gettext(
                "At least %(reviews)s buyers said how it went, %(rating)s of 5 or better on average.",
                reviews=REVIEWS,
                rating=_LEAST_RATING,
            ),
            gettext("no reviews yet") if rating is None else rated(history.reviews, rating, teller),
            history.rating is not None and history.reviews >= REVIEWS and history.rating >= RATING,
        ),
    )


def earned(history: History) -> bool:
    """Say whether the seller has the badge: nobody gives or takes it, and no column keeps it."""
    return all(one.met for one in criteria(history))
