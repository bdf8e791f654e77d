"""How often a unit is looked at: counted in memory, written now and then, a figure a day and nothing about people."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from threading import Lock
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from ..extensions import db, unit_of_work
from .models import Listing, ViewsOfDay

WRITTEN_AFTER = timedelta(seconds=60)
WRITTEN_AT = 100
"""Views that wait at most: to write costs more than a kept page. What waits in a process that dies is lost."""
COUNTED_BACK = timedelta(days=30)

_lock = Lock()
_waiting: Counter[tuple[UUID, date]] = Counter()
_since: list[datetime] = []


def seen(listing_id: UUID, *, at: datetime) -> None:
    """Count one look at a unit; every so often the look that comes then writes what has gathered, in one statement."""
    with _lock:
        _waiting[listing_id, at.date()] += 1
        if not _since:
            _since.append(at)
        due = sum(_waiting.values()) >= WRITTEN_AT or at - _since[0] >= WRITTEN_AFTER
    if due:
        write()


def write() -> None:
    """Write what has gathered in this process."""
    with _lock:
        gathered = sorted(_waiting.items())  # In one order, so that two processes never wait for each other in a ring.
        _waiting.clear()
        _since.clear()
    if not gathered:
        return
    with unit_of_work():
        # A unit may have gone since it was looked at.
        there = set(db.session.scalars(select(Listing.id).where(Listing.id.in_({known for (known, _), _ in gathered}))))
        rows = [
            {"listing_id": known, "day": day, "number": number} for (known, day), number in gathered if known in there
        ]
        if rows:
            statement = insert(ViewsOfDay).values(rows)
            db.session.execute(
                statement.on_conflict_do_update(
                    index_elements=[ViewsOfDay.listing_id, ViewsOfDay.day],
                    set_={"number": ViewsOfDay.number + statement.excluded.number},
                )
            )


def lately(listing_ids: Iterable[UUID], *, at: datetime) -> dict[UUID, int]:
    """Return how often units were looked at within thirty days, as far as it is written, in one statement."""
    rows = db.session.execute(
        select(ViewsOfDay.listing_id, func.sum(ViewsOfDay.number))
        .where(ViewsOfDay.listing_id.in_(list(listing_ids)), ViewsOfDay.day > (at - COUNTED_BACK).date())
        .group_by(ViewsOfDay.listing_id)
    )
    return {listing_id: int(number) for listing_id, number in rows}
