"""What the gate looks at in units for sale, once in a process for all that are alike."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID
from weakref import WeakValueDictionary

from ..clinics.states import SellerStanding
from .devices import devices_of
from .facts import Device
from .gathering import sellers_of
from .sale import Sale


@dataclass(frozen=True, eq=False)
class Sold:
    """What the gate looks at in a unit and its seller. Of two that are alike there is only one in a process."""

    device: Device
    seller: SellerStanding


_sold: WeakValueDictionary[tuple[Device, SellerStanding], Sold] = WeakValueDictionary()


def sold_in(sales: Iterable[Sale]) -> dict[UUID, Sold]:
    """Return, by listing, what the gate looks at in each unit and its seller."""
    sales = list(sales)
    devices, sellers = devices_of(sales), sellers_of(sales)
    found = {}
    for sale in sales:
        alike = devices[sale.listing_id], sellers[sale.seller_clinic_id]
        found[sale.listing_id] = _sold.setdefault(alike, Sold(*alike))
    return found
