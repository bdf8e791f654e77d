"""The price guide: from completed sales, and never from so few that one could be told."""

from datetime import UTC, datetime

import pytest

from marketplace.guides import prices
from marketplace.guides.prices import Against
from marketplace.kernel.money import Money
from tests.factories.catalog import make_model
from tests.factories.listings import make_listing
from tests.factories.orders import make_order
from tests.factories.sales import make_sales
from tests.support import count_statements


@pytest.fixture
def model():
    return make_model(modality_codes=("DIODE_HR",), name="Sold Often")


def dollars(one):
    return one and (one.n, one.low.minor // 100, one.median.minor // 100, one.high.minor // 100)


class TestGuide:
    def test_counts_completed_sales_and_units_for_sale_by_year(self, scene, model, now):
        make_sales(scene, model, 20_000, 22_000, 30_000, year=2018)
        make_sales(scene, model, 40_000, year=2020)
        for price in (31_000, 33_000, 35_000):
            make_listing(model=model, price_minor=price * 100, year=2020)
        make_listing(model=make_model(), price_minor=10_000)
        model_id = model.id
        with count_statements() as sent:
            found = prices.guide(model_id)

        assert len(sent) == 1
        assert (found.sales, found.offers) == (4, 3)
        assert (dollars(found.whole.sold), dollars(found.whole.asked)) == (
            (4, 20_000, 26_000, 40_000), (3, 31_000, 33_000, 35_000),
        )  # fmt: skip
        assert [(one.year, dollars(one.sold), dollars(one.asked)) for one in found.years] == [
            (2020, None, (3, 31_000, 33_000, 35_000)),
            (2018, (3, 20_000, 22_000, 30_000), None),
        ]

    def test_two_sales_are_not_told(self, scene, model):
        make_sales(scene, model, 20_000, 22_000)

        found = prices.guide(model.id)
        assert (found.sales, found.whole.sold, found.years) == (2, None, ())
        assert prices.models_with_a_guide() == []

    def test_a_sale_under_way_is_no_price(self, scene, now):
        make_order("accepted", scene, at=now)

        assert prices.guide(scene.listing.model_id).sales == 0


class TestBeside:
    @pytest.mark.parametrize(
        ("price", "year", "against", "same_year"),
        [
            (19_999, 2018, Against.BELOW, True),
            (20_000, 2018, Against.WITHIN, True),
            (30_000, 2018, Against.WITHIN, True),
            (30_001, 2018, Against.ABOVE, True),
            (30_001, 2020, Against.WITHIN, False),
            (30_001, None, Against.WITHIN, False),
        ],
    )
    def test_says_where_a_price_stands(self, scene, model, price, year, against, same_year):
        make_sales(scene, model, 20_000, 22_000, 30_000, year=2018)
        make_sales(scene, model, 40_000, year=2020)

        found = prices.beside(model_id=model.id, year=year, price=Money(price * 100))
        assert (found.against, found.same_year) == (against, same_year)

    def test_says_nothing_of_too_few_or_in_other_money(self, scene, model):
        assert prices.beside(model_id=model.id, year=2018, price=Money(1)) is None
        make_sales(scene, model, 1_000, 2_000, 3_000)
        assert prices.beside(model_id=model.id, year=2018, price=Money(1, "eur")) is None


class TestDataset:
    def test_has_only_what_three_share_and_names_nobody(self, scene, model):
        june, july = datetime(2026, 6, 30, 23, tzinfo=UTC), datetime(2026, 7, 1, 1, tzinfo=UTC)
        make_sales(scene, model, 30_000, 20_000, 22_000, at=june)
        make_sales(scene, model, 41_000, 42_000, at=july)
        make_sales(scene, model, 51_000, 52_000, 53_000, at=july, grade="A")

        lines = prices.sold_csv().splitlines()
        assert lines == [
            "month,maker,model,year,grade,price_usd",
            "2026-07,Candela,Sold Often,2018,A,51000.00",
            "2026-07,Candela,Sold Often,2018,A,52000.00",
            "2026-07,Candela,Sold Often,2018,A,53000.00",
            "2026-06,Candela,Sold Often,2018,B,20000.00",
            "2026-06,Candela,Sold Often,2018,B,22000.00",
            "2026-06,Candela,Sold Often,2018,B,30000.00",
        ]

    def test_lists_the_models_that_have_a_guide(self, scene, model):
        make_sales(scene, model, 20_000, 22_000, 30_000)

        (found,) = prices.models_with_a_guide()
        assert (found.title, found.slug, found.sold.n) == ("Candela Sold Often", model.slug, 3)
