"""Days end where people are."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel import clock
from marketplace.kernel.days import bank_holidays, day_in, end_of, is_working_day, working_days_after, written
from marketplace.kernel.terms import STATES, TIME_ZONES, time_zone_of

ZONES = st.sampled_from(sorted({*TIME_ZONES.values(), "America/New_York", "UTC"}))
DAYS = st.dates(date(2000, 1, 1), date(2099, 12, 30))


class TestEndOfADay:
    @pytest.mark.parametrize(
        ("day", "zone", "end"),
        [
            (date(2026, 6, 1), "America/Chicago", datetime(2026, 6, 2, 5, tzinfo=UTC)),
            (date(2026, 12, 31), "America/Chicago", datetime(2027, 1, 1, 6, tzinfo=UTC)),
            (date(2026, 3, 8), "America/New_York", datetime(2026, 3, 9, 4, tzinfo=UTC)),  # the clocks go forward
            (date(2026, 11, 1), "America/New_York", datetime(2026, 11, 2, 5, tzinfo=UTC)),  # and back
            (date(2026, 7, 4), "Pacific/Honolulu", datetime(2026, 7, 5, 10, tzinfo=UTC)),
            (date(2026, 7, 4), "America/Phoenix", datetime(2026, 7, 5, 7, tzinfo=UTC)),  # where they never move
        ],
    )
    def test_is_the_next_midnight_there(self, day, zone, end):
        assert end_of(day, zone) == end

    @given(DAYS, ZONES)
    def test_the_last_moment_belongs_to_the_day_and_the_end_to_the_next(self, day, zone):
        end = end_of(day, zone)

        assert day_in(end - timedelta(microseconds=1), zone) == day
        assert day_in(end, zone) == day + timedelta(days=1)

    @pytest.mark.parametrize("zone", ["America/New_York", "UTC", "Pacific/Honolulu"])
    def test_the_last_day_that_can_be_written_ends_as_well(self, zone):
        assert end_of(date.max, zone) == end_of(date(9999, 12, 30), zone) > end_of(date(9999, 12, 29), zone)

    @given(DAYS, ZONES)
    def test_a_day_has_about_twenty_four_hours(self, day, zone):
        assert end_of(day, zone) - end_of(day - timedelta(days=1), zone) in {
            timedelta(hours=hours) for hours in (23, 24, 25)
        }


def test_it_is_still_yesterday_in_texas_when_the_new_day_has_come_to_london():
    at = datetime(2026, 6, 2, 4, 59, tzinfo=UTC)

    assert day_in(at, "America/Chicago") == date(2026, 6, 1)


@pytest.mark.parametrize("state", STATES)
def test_every_state_has_a_time_zone(state):
    assert ZoneInfo(time_zone_of(state)).key == TIME_ZONES.get(state, "America/New_York")


def test_the_clock_knows_its_zone():
    assert clock.now().tzinfo is UTC


@pytest.mark.parametrize(
    ("day", "words"),
    [(date(2026, 11, 22), "22 Nov 2026"), (date(2026, 1, 1), "1 Jan 2026"), (date(2024, 2, 29), "29 Feb 2024")],
)
def test_a_day_is_written_so_that_nobody_mistakes_it(day, words):
    assert written(day) == words


class TestWorkingDays:
    @pytest.mark.parametrize(
        ("days", "after"),
        [
            (0, datetime(2026, 11, 20, 15, tzinfo=UTC)),
            (1, datetime(2026, 11, 23, 15, tzinfo=UTC)),
            (5, datetime(2026, 11, 30, 15, tzinfo=UTC)),  # Thanksgiving lies between.
            (6, datetime(2026, 12, 1, 15, tzinfo=UTC)),
        ],
    )
    def test_leave_weekends_and_bank_holidays_out_and_keep_the_hour(self, days, after):
        assert working_days_after(datetime(2026, 11, 20, 15, tzinfo=UTC), days) == after

    def test_from_a_weekend_the_first_is_monday(self):
        assert working_days_after(datetime(2026, 11, 21, 9, tzinfo=UTC), 1) == datetime(2026, 11, 23, 9, tzinfo=UTC)

    def test_a_bank_holiday_is_none(self):
        wednesday = datetime(2026, 11, 25, 15, tzinfo=UTC)

        assert working_days_after(wednesday, 1) == datetime(2026, 11, 27, 15, tzinfo=UTC)
        assert working_days_after(datetime(2026, 12, 24, 15, tzinfo=UTC), 4) == datetime(2026, 12, 31, 15, tzinfo=UTC)
        assert working_days_after(datetime(2026, 12, 31, 15, tzinfo=UTC), 1) == datetime(2027, 1, 4, 15, tzinfo=UTC)


class TestBankHolidays:
    def test_of_2026(self):
        assert sorted(bank_holidays(2026)) == [
            date(2026, 1, 1), date(2026, 1, 19), date(2026, 2, 16), date(2026, 5, 25), date(2026, 6, 19),
            date(2026, 7, 4), date(2026, 9, 7), date(2026, 10, 12), date(2026, 11, 11), date(2026, 11, 26),
            date(2026, 12, 25),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("day", "works"),
        [
            (date(2026, 7, 3), True),  # The Fourth is a Saturday: federal offices close on Friday, banks do not.
            (date(2026, 7, 6), True),
            (date(2027, 7, 4), False),  # A Sunday: kept on the Monday.
            (date(2027, 7, 5), False),
            (date(2027, 7, 6), True),
            (date(2023, 1, 2), False),
            (date(2022, 12, 31), False),  # a Saturday
        ],
    )
    def test_one_on_a_sunday_is_kept_on_monday_and_one_on_a_saturday_on_no_other_day(self, day, works):
        assert is_working_day(day) is works

    def test_are_those_that_others_keep(self):
        """The calendar of a library that people all over the world look after; from the year of the newest holiday."""
        for year in range(2022, 2100):
            kept = {day + timedelta(days=day.weekday() == 6) for day in holidays.US(years=year, observed=False)}
            assert bank_holidays(year) == kept, year
