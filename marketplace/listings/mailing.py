"""What sellers are mailed about their devices."""

from datetime import datetime

from ..clinics import queries as clinics
from ..clinics.access import MANAGERS
from ..notifications.service import promise_mails
from .models import Listing


def tell_seller(listing: Listing, template: str, *, at: datetime, **context: str) -> None:
    """Tell whoever wrote the listing; if they sell for its clinic no longer, everybody who does. A step."""
    sellers = [one for one in clinics.members_of(listing.clinic_id) if one.role in MANAGERS and one.account_open]
    told = [one for one in sellers if one.user_id == listing.created_by] or sellers
    said = {"title": listing.title, "listing_id": str(listing.id), **context}
    promise_mails([(one.email, {"name": one.name, **said}) for one in told], template=template, at=at)
