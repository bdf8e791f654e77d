"""Calendar days and the moments at which they end where people are."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from .wording import gettext_noop

_LAST_BUT_ONE = date.max - timedelta(days=1)
_MONDAY, _THURSDAY, _SUNDAY = 0, 3, 6
_MONTHS = (
    gettext_noop("Jan"), gettext_noop("Feb"), gettext_noop("Mar"), gettext_noop("Apr"), gettext_noop("May"),
    gettext_noop("Jun"), gettext_noop("Jul"), gettext_noop("Aug"), gettext_noop("Sep"), gettext_noop("Oct"),
    gettext_noop("Nov"), gettext_noop("Dec"),
)  # fmt: skip


def end_of(day: date, zone: str) -> datetime:
    """
    Return the first moment, in UTC, that no longer belongs to `day` in the IANA `zone`.

    A licence that expires on a day is good through that whole day where it is used: it holds while `at < end_of(...)`.
    31 Dec 9999, by which registers mean that there is no such day, ends with the day before: there is no next one.
    """
    return datetime.combine(min(day, _LAST_BUT_ONE) + timedelta(days=1), time(), ZoneInfo(zone)).astimezone(UTC)


def day_in(at: datetime, zone: str) -> date:
    """Return the calendar day that `at` falls on in the IANA `zone`."""
    return at.astimezone(ZoneInfo(zone)).date()


def written(day: date, tell: Callable[[str], str] = str) -> str:
    """Write a day so that nobody can mistake it: "22 Nov 2026". `tell` says a month in the reader's language."""
    # Not strftime: its month names follow the host's locale.
    return f"{day.day} {tell(_MONTHS[day.month - 1])} {day.year}"


def is_working_day(day: date) -> bool:
    """Say whether US banks, and whoever keeps their hours, are at work on a day."""
    return day.weekday() < 5 and day not in bank_holidays(day.year)


def working_days_after(moment: datetime, days: int) -> datetime:
    """Return the same hour so many working days later; its zone says which day it is."""
    while days:
        moment += timedelta(days=1)
        days -= is_working_day(moment.date())
    return moment


@cache
def bank_holidays(year: int) -> frozenset[date]:
    """
    Return the days of a year on which the Federal Reserve Banks, and with them the payments between banks, stand still.

    These are the federal holidays of 5 U.S.C. 6103(a). One that falls on a Sunday is kept on the Monday; one that falls
    on a Saturday is not kept on the Friday, unlike in federal offices.
    """
    holidays = [
        date(year, 1, 1),  # New Year's Day
        _nth(year, 1, _MONDAY, 3),  # Birthday of Martin Luther King, Jr.
        _nth(year, 2, _MONDAY, 3),  # Washington's Birthday
        _nth(year, 6, _MONDAY, 1) - timedelta(days=7),  # Memorial Day, the last of May
        date(year, 6, 19),  # Juneteenth National Independence Day
        date(year, 7, 4),  # Independence Day
        _nth(year, 9, _MONDAY, 1),  # Labor Day
        _nth(year, 10, _MONDAY, 2),  # Columbus Day
        date(year, 11, 11),  # Veterans Day
        _nth(year, 11, _THURSDAY, 4),  # Thanksgiving Day
        date(year, 12, 25),  # Christmas Day
    ]
    return frozenset(day + timedelta(days=day.weekday() == _SUNDAY) for day in holidays)


def _nth(year: int, month: int, weekday: int, number: int) -> date:
    """Return the day that is the `number`th of its weekday in a month."""
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (number - 1))
