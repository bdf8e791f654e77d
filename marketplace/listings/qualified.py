"""Which units on the market a buyer is qualified for: each different question is judged once, the database finds."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from ..eligibility import service as eligibility
from ..eligibility.models import RuleReview
from ..eligibility.sale import Purchase
from ..eligibility.states import ReviewState
from ..extensions import db
from . import queries, search


@dataclass(frozen=True, slots=True)
class Qualified:
    """What a buyer is qualified for, for `search.Wanted`: all units of these configurations, and these units."""

    configurations: tuple[str, ...] = ()
    units: tuple[UUID, ...] = ()


def qualified_for(*, purchase: Purchase, at: datetime) -> Qualified:
    """
    Return what on the market the gate would clear for this purchase.

    What it costs grows with the different configurations, of which there are hundreds, not with the units. A unit about
    which staff decided on its own, for this site, is asked about on its own.

    :raises NotFound: the site is not the clinic's
    :raises marketplace.eligibility.service.NoPolicy: no rules are published
    """
    keys = {known.listing_id: known.key for known in search.configurations()}
    # Under another id: what was decided for one unit must not speak for all that are like it.
    alike = [replace(sale, listing_id=UUID(keys[sale.listing_id])) for sale in queries.sales_of(keys)]
    decided = db.session.scalars(
        select(RuleReview.listing_id)
        .where(RuleReview.site_id == purchase.site_id, RuleReview.state == ReviewState.APPROVED)
        .distinct()
    ).all()
    own = queries.sales_of(decided) if decided else []
    cleared = eligibility.cleared(sales=[*alike, *own], purchase=purchase, at=at)
    units = {sale.listing_id for sale in own}
    return Qualified(
        configurations=tuple(one.hex for one in cleared if one not in units),
        units=tuple(one for one in cleared if one in units),
    )
