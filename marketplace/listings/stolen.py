"""The list of stolen units: asked before a unit goes to the market. `reporting` writes it."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import or_, select

from .. import audit
from ..accounts import queries as accounts
from ..extensions import db
from ..kernel.errors import Conflict
from ..kernel.terms import StaffRole
from ..notifications.service import promise_mails
from .models import Listing
from .units import StolenUnit


class StolenUnitReported(Conflict):
    """The unit stands on the list of stolen units; it cannot go to the market while it does."""

    code = "stolen_unit_reported"


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the list, for staff alone."""

    id: UUID
    maker: str
    serial: str
    source: str
    reported_on: date | None
    added_at: datetime
    withdrawn_at: datetime | None
    withdrawn_because: str | None


def entries() -> list[Entry]:
    """Return the list, the newest first; what was withdrawn behind what stands."""
    found = db.session.scalars(
        select(StolenUnit).order_by(StolenUnit.withdrawn_at.is_not(None), StolenUnit.added_at.desc(), StolenUnit.id)
    )
    return [_entry(row) for row in found]


def hits(*, maker_id: UUID, serial_normal: str | None) -> list[Entry]:
    """Return what stands on the list against a unit. An entry without a maker stands against every maker's."""
    found = db.session.scalars(
        select(StolenUnit)
        .where(
            StolenUnit.serial_normal == serial_normal,
            StolenUnit.withdrawn_at.is_(None),
            or_(StolenUnit.maker_id.is_(None), StolenUnit.maker_id == maker_id),
        )
        .order_by(StolenUnit.added_at, StolenUnit.id)
    )
    return [_entry(row) for row in found]


def refuse_stolen(listing: Listing) -> None:
    """
    Let a unit through that nobody reports.

    :raises StolenUnitReported: it stands on the list
    """
    found = hits(maker_id=listing.maker_id, serial_normal=listing.serial_normal)
    if found:
        raise StolenUnitReported(
            f"This unit stands on the list of stolen units ({found[0].source}).",
            cure="Find out whose it is. Only when the entry is withdrawn can the unit go to the market.",
        )


def alert(listing: Listing, *, at: datetime) -> None:
    """Tell every moderator that a unit on the list was offered, unless it is not on it. A step of the caller's work."""
    found = hits(maker_id=listing.maker_id, serial_normal=listing.serial_normal)
    if not found:
        return
    audit.record(
        "listing:stolen_unit_offered",
        actor_id=None,
        subject_type="listing",
        subject_id=listing.id,
        at=at,
        entry=found[0].id,
    )
    said = {"title": listing.title, "source": found[0].source, "listing_id": str(listing.id)}
    told = [(person.email, {"name": person.name, **said}) for person in accounts.at_work(StaffRole.MODERATOR)]
    promise_mails(told, template="stolen_unit", at=at)


def _entry(row: StolenUnit) -> Entry:
    return Entry(
        row.id, row.maker, row.serial, row.source, row.reported_on, row.added_at, row.withdrawn_at,
        row.withdrawn_because,
    )  # fmt: skip
