"""Values that came as JSON are what they were, and nothing stays nothing."""

from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from marketplace.kernel import told
from marketplace.listings.terms import Grade


@pytest.mark.parametrize(
    ("read", "written", "value"),
    [
        (told.day, "2026-05-06", date(2026, 5, 6)),
        (told.moment, "2026-05-06T07:08:09.000123+00:00", datetime(2026, 5, 6, 7, 8, 9, 123, tzinfo=UTC)),
        (told.moment, "2026-05-06T09:08:09+02:00", datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC)),
        (told.key, str(UUID(int=7)), UUID(int=7)),
        (lambda written: told.one_of(Grade, written), "B", Grade.B),
    ],
)
def test_is_read_and_nothing_stays_nothing(read, written, value):
    assert read(written) == value
    assert read(None) is None


def test_octets_are_read_as_the_database_writes_them():
    assert told.octets(r"\x00ff10") == b"\x00\xff\x10"
