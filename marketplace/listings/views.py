"""How often a unit is looked at: counted in memory, written now and then, a figure a day and nothing about people."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from threading import Lock
from uuid import UUID

from sqlalchemy import func, select, text

from ..extensions import db, unit_of_work
from .models import ViewsOfDay

WRITTEN_AFTER = timedelta(seconds=60)
WRITTEN_AT = 100
"""Views that wait at most: to write costs more than a kept page. What waits in a process that dies is lost."""
COUNTED_BACK = timedelta(days=30)

# One statement, however many units: it is not put together anew each time. A unit may have gone since it was looked at.
_WRITE = text("""
    INSERT INTO listing_views (listing_id, day, number)
    SELECT looked.unit, looked.day, looked.number
    FROM unnest(cast(:units AS uuid[]), cast(:days AS date[]), cast(:numbers AS int[])) looked (unit, day, number)
    JOIN listings ON listings.id = looked.unit
    ORDER BY looked.unit, looked.day
    ON CONFLICT (listing_id, day) DO UPDATE SET number = listing_views.number + excluded.number
""")

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
        db.session.execute(
            _WRITE,
            {
                "units": [known for (known, _), _ in gathered],
                "days": [day for (_, day), _ in gathered],
                "numbers": [number for _, number in gathered],
            },
        )


def lately(listing_ids: Iterable[UUID], *, at: datetime) -> dict[UUID, int]:
    """Return how often units were looked at within thirty days, as far as it is written, in one statement."""
    rows = db.session.execute(
        select(ViewsOfDay.listing_id, func.sum(ViewsOfDay.number))
        .where(ViewsOfDay.listing_id.in_(list(listing_ids)), ViewsOfDay.day > (at - COUNTED_BACK).date())
        .group_by(ViewsOfDay.listing_id)
    )
    return {listing_id: int(number) for listing_id, number in rows}
