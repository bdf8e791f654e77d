"""The provider's own list of events: what no webhook brought is read there, into the same inbox."""

from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy.dialects.postgresql import insert

from ..extensions import adapter_of, db, unit_of_work
from ..logs import log
from . import inbox
from .models import EventCursor
from .ports import PaymentGateway

OVERLAP = timedelta(minutes=15)
"""Read again each time: for what the provider writes down late, and for clocks that differ."""

FIRST_LOOK = timedelta(days=3)
"""How far back the first look goes: as long as the provider itself keeps trying to tell us."""

AT_ONCE = 100  # events in one transaction


def poll_events(*, at: datetime) -> int:
    """
    Read every event since the last look, and return how many of them nobody had told us of.

    The list comes newest first, so only a look that came to its end moves the cursor: after any other, the next one
    reads the same again, and what is known already changes nothing.

    :raises GatewayError: the list could not be read to its end
    """
    with unit_of_work() as session:
        cursor = session.get(EventCursor, EventCursor.ONLY)
        since = cursor.read_until - OVERLAP if cursor is not None else at - FIRST_LOOK
    listed = adapter_of(PaymentGateway).events(since=since)
    new = 0
    while some := list(islice(listed, AT_ONCE)):
        with unit_of_work():
            new += inbox.keep(some, at=at)
    with unit_of_work():
        _read_until(at)
    if new:
        log.warning("events_not_told", events=new, since=since.isoformat())
    return new


def _read_until(at: datetime) -> None:
    """Move the cursor, which never goes back: a slow look may end after a later one."""
    row = insert(EventCursor).values(id=EventCursor.ONLY, read_until=at)
    db.session.execute(
        row.on_conflict_do_update(
            index_elements=[EventCursor.id],
            set_={"read_until": row.excluded.read_until},
            where=EventCursor.read_until < row.excluded.read_until,
        )
    )
