"""What publishing a draft of the policy would do to the market as it stands: the facts, gathered for the gate."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from ..clinics import queries as clinics
from ..clinics.models import ClinicSite
from ..eligibility import editing, publishing, simulating
from ..eligibility.facts import Asked
from ..eligibility.simulating import OpenOrder, Simulation
from ..extensions import db
from ..listings import queries as listings
from . import steps
from .models import Order
from .states import OrderState

NEXT_ASKED = {
    OrderState.AWAITING_PRACTITIONER: Asked.ORDER,
    OrderState.AWAITING_PAYMENT: Asked.PAYMENT_START,
    OrderState.PAYMENT_PROCESSING: Asked.PAYMENT_RECEIVED,
    OrderState.HELD_NOT_CLEARED: Asked.PAYMENT_RECEIVED,
    OrderState.FUNDS_HELD: Asked.SHIP_RELEASE,
    OrderState.RELEASED_TO_SHIP: Asked.SHIP_RELEASE,
}
"""The moment at which the gate is asked next about an order, while the device is with its seller."""


def simulate(*, version_id: UUID, at: datetime) -> Simulation:
    """
    Compare a version with what is in force, on everything that is for sale and every order that is not shipped.

    :raises NotFound: there is no such version
    :raises NoPolicy: nothing is in force to compare it with
    """
    return simulating.simulate(
        before=publishing.published_policy().policy,
        after=editing.policy_in(editing.version(version_id)),
        sales=listings.sales_of(listings.for_sale()),
        sites=clinics.open_sites(),
        orders=_open_orders(),
        at=at,
    )


def _open_orders() -> list[OpenOrder]:
    # For a site that was closed the gate is shut under every policy, and cannot even be asked.
    open_sites = select(ClinicSite.id).where(ClinicSite.closed_at.is_(None))
    rows = db.session.scalars(
        select(Order).where(Order.state.in_(NEXT_ASKED), Order.site_id.in_(open_sites)).order_by(Order.id)
    ).all()
    units = {sale.listing_id: sale for sale in listings.sales_of(order.listing_id for order in rows)}
    return [
        OpenOrder(
            order.id,
            order.number,
            NEXT_ASKED[order.state],
            steps.configured(units[order.listing_id], order),
            steps.purchase_of(order),
        )
        for order in rows
    ]
