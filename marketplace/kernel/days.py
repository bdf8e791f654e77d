"""Calendar days and the moments at which they end where people are."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def end_of(day: date, zone: str) -> datetime:
    """
    Return the first moment, in UTC, that no longer belongs to `day` in the IANA `zone`.

    A licence that expires on a day is good through that whole day where it is used: it holds while `at < end_of(...)`.
    """
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)


def day_in(at: datetime, zone: str) -> date:
    """Return the calendar day that `at` falls on in the IANA `zone`."""
    return at.astimezone(ZoneInfo(zone)).date()
