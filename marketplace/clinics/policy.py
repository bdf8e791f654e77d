"""What a site's address must look like, and how long an invitation stands. Pure."""

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from ..kernel.days import end_of
from ..kernel.terms import STATES, TIME_ZONES

INVITATION_LASTS = timedelta(days=7)
LONGEST_LINE = 120
LONGEST_TEXT = 4000

ZONES: dict[str, str] = {
    "America/New_York": "Eastern",
    "America/Detroit": "Eastern (Detroit)",
    "America/Indiana/Indianapolis": "Eastern (Indiana)",
    "America/Kentucky/Louisville": "Eastern (Louisville)",
    "America/Chicago": "Central",
    "America/Denver": "Mountain",
    "America/Boise": "Mountain (Boise)",
    "America/Phoenix": "Mountain, no daylight saving (Arizona)",
    "America/Los_Angeles": "Pacific",
    "America/Anchorage": "Alaska",
    "Pacific/Honolulu": "Hawaii",
    "America/Puerto_Rico": "Atlantic (Puerto Rico)",
}
"""The zones that a site can keep, and their names for people."""

assert set(TIME_ZONES.values()) <= ZONES.keys()

_ZIP = re.compile(r"[0-9]{5}(-[0-9]{4})?")


def site_problem(*, state: str, postal_code: str, time_zone: str) -> tuple[str, str] | None:
    """Return which field of an address will not do and why, or None."""
    if state not in STATES:
        return "state", "Choose the state in which the device will be used."
    if not _ZIP.fullmatch(postal_code):
        return "postal_code", "Write a ZIP code such as 78701 or 78701-1234."
    if time_zone not in ZONES:
        return "time_zone", "Choose the time zone that the place keeps."
    return None


def is_over(ends_on: date, zones: Iterable[str], *, at: datetime) -> bool:
    """Say whether the last day of a membership is over in every one of the clinic's time zones."""
    return all(at >= end_of(ends_on, zone) for zone in zones)
