"""Which units on the market a buyer is qualified for: every different question is judged once, the database finds."""

from datetime import datetime

from ..eligibility import service as eligibility
from ..eligibility.sale import Purchase
from . import queries, search


def configurations_for(*, purchase: Purchase, at: datetime) -> tuple[str, ...]:
    """
    Return the configurations on the market that the gate would clear for this purchase, for `search.Wanted`.

    What it costs grows with the different configurations, of which there are hundreds, not with the units.

    :raises NotFound: the site is not the clinic's
    :raises marketplace.eligibility.service.NoPolicy: no rules are published
    """
    keys = {known.listing_id: known.key for known in search.configurations()}
    sales = queries.sales_of(keys)
    verdicts = eligibility.previews(sales=sales, purchase=purchase, at=at)
    return tuple(keys[sale.listing_id] for sale, verdict in zip(sales, verdicts, strict=True) if verdict.cleared)
