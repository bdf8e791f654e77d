"""What prices come to, to the cent; nothing of fewer than three."""

from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.catalog import service as catalog
from marketplace.catalog.parsing import parse
from marketplace.guides import elsewhere
from marketplace.guides.spread import ROW, WIDTH, Bar, Chart, ChartRow, Spread, chart, spread
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


def test_the_chart_ends_at_the_highest_price_of_all_and_keeps_each_series_apart():
    paid = Spread(3, Money(1_000_000), Money(1_500_000), Money(2_000_000))
    asked = Spread(3, Money(4_000_000), Money(4_000_000), Money(4_000_000))

    assert chart([("All", paid, asked, [Money(3_000_000)]), ("2014", paid, None, [])]) == Chart(
        rows=(
            ChartRow("All", 0, Bar(90, 90, 135), Bar(WIDTH, 2, WIDTH), (270,)),
            ChartRow("2014", ROW, Bar(90, 90, 135), None, ()),
        ),
        ticks=((0, "$0"), (180, "$20k"), (WIDTH, "$40k")),
        height=2 * ROW,
    )


def test_what_a_dealer_asked_elsewhere_may_be_the_highest():
    paid = Spread(3, Money(1_000_000), Money(1_500_000), Money(2_000_000))

    assert chart([("All", paid, None, [Money(10_000_000)])]).rows[0].elsewhere == (WIDTH,)
    assert chart([("All", None, paid, [])]).rows[0].sold is None


@pytest.mark.parametrize(("dollars", "steps"), [(900, 1), (40_000, 3), (41_000, 3), (99_999, 2), (999_999, 2)])
def test_few_round_amounts_stand_below_the_chart(dollars, steps):
    paid = Spread(3, Money(100), Money(100), Money(dollars * 100))

    assert len(chart([("All", paid, None, [])]).ticks) == steps
    assert chart([]) == Chart((), ((0, "$0"),), 0)


class TestElsewhere:
    def test_every_entry_names_a_model_of_the_catalogue_its_source_and_when_it_was_seen(self):
        models = {(model.maker, model.name) for model in parse(catalog.shipped()).models}

        assert {(one.maker, one.model) for one in elsewhere.shipped()} <= models
        assert len(elsewhere.shipped()) == 8
        assert all(one.source and one.seen and one.as_listed and one.price.minor > 0 for one in elsewhere.shipped())

    def test_is_told_of_one_model_alone(self):
        (one,) = elsewhere.listed(maker="Candela", model="Vbeam Prima")

        assert (one.year, one.price, one.seen) == (None, Money(4_700_000), "undated; 2024-08 or later")
        assert elsewhere.listed(maker="Candela", model="GentleMax Pro") == []
