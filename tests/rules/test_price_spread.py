"""What prices come to, to the cent; nothing of fewer than three."""

from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.guides.spread import ROW, WIDTH, Bar, Spread, bars, spread
from marketplace.kernel.money import Money

prices = st.integers(1, 99_999_999)


@pytest.mark.parametrize("few", [[], [1], [1, 2]])
def test_fewer_than_three_say_nothing(few):
    assert spread(few) is None


def test_three_do():
    assert spread([300, 100, 200]) == Spread(3, Money(100), Money(200), Money(300))


@settings(deadline=None)
@given(st.lists(prices, min_size=3))
def test_the_middle_is_the_median_in_whole_cents(minors):
    found = spread(minors)

    assert (found.n, found.low.minor, found.high.minor) == (len(minors), min(minors), max(minors))
    assert found.median.minor == int(median(minors))


def test_the_chart_ends_at_the_highest_price_of_all():
    one = Spread(3, Money(50), Money(75), Money(100))
    two = Spread(3, Money(100), Money(100), Money(100))

    assert bars([one, two]) == [Bar(0, WIDTH // 2, WIDTH // 2, 450), Bar(ROW, WIDTH, 2, WIDTH)]
    assert bars([]) == []
