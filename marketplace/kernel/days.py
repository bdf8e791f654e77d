"""Calendar days and the moments at which they end where people are."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def end_of(day: date, zone: str) -> datetime:
    """
    Return the first moment, in UTC, that no longer belongs to `day` in the IANA `zone`.

    A licence that expires on a day is good through that whole day where it is used: it holds while `at < end_of(...)`.
    """
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)


def day_in(at: datetime, zone: str) -> date:
    """Return the calendar day that `at` falls on in the IANA `zone`."""
    return at.astimezone(ZoneInfo(zone)).date()


def written(day: date) -> str:
    """Write a day so that nobody can mistake it: "22 Nov 2026"."""
    # Not strftime: its month names follow the host's locale.
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


def working_days_after(moment: datetime, days: int) -> datetime:
    """Return the same hour so many working days later. Saturdays and Sundays are none; holidays are not known here."""
    while days:
        moment += timedelta(days=1)
        days -= moment.weekday() < 5
    return moment
