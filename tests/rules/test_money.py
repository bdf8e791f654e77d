"""Money: whole minor units of one currency, read and written as people do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.errors import Invalid
from marketplace.kernel.money import MAX_MINOR, Money, parse_money

AMOUNTS = st.integers(min_value=0, max_value=MAX_MINOR).map(Money)


class TestReading:
    @pytest.mark.parametrize(
        ("typed", "minor"),
        [
            ("$42,500", 4_250_000),
            ("42500.00", 4_250_000),
            ("42,500 USD", 4_250_000),
            ("42500usd", 4_250_000),
            ("  $ 42,500.5 ", 4_250_050),
            ("0", 0),
            ("$0.01", 1),
            ("0.1", 10),
            ("007", 700),
            ("1,234,567.89"[2:], 23_456_789),
            ("$999,999.99", MAX_MINOR),
        ],
    )
    def test_takes_an_amount_as_people_type_it(self, typed, minor):
        assert parse_money(typed) == Money(minor, "usd")

    @pytest.mark.parametrize(
        "typed",
        [
            "", " ", "$", "free", "-5", "+5", "1.234", "1,23", "12,3456", "1,2345", ",500", "42.", ".5", "4 2", "1e5",
            "£5", "$$5", "5 EUR", "0x10", "٤٢", "½", "１２", "5\n6", "5\0", "1,000,00",
        ],
    )  # fmt: skip
    def test_refuses_what_is_no_amount(self, typed):
        with pytest.raises(Invalid) as refusal:
            parse_money(typed)

        assert refusal.value.sentence == "Write an amount such as $42,500 or 42500.00."

    @pytest.mark.parametrize("typed", ["1000000", "$1,000,000.00", "9" * 4000])
    def test_refuses_more_than_the_provider_takes(self, typed):
        with pytest.raises(Invalid) as refusal:
            parse_money(typed)

        assert refusal.value.sentence == "The largest amount that can be paid here is $999,999.99."

    @given(AMOUNTS)
    def test_reads_back_whatever_it_writes(self, amount):
        assert parse_money(str(amount)) == amount

    @given(AMOUNTS)
    def test_takes_the_plain_figure_too(self, amount):
        assert parse_money(f"{amount.minor // 100}.{amount.minor % 100:02}") == amount

    @given(st.text(max_size=40))
    def test_answers_or_refuses_and_never_breaks(self, typed):
        try:
            amount = parse_money(typed)
        except Invalid:
            return
        assert 0 <= amount.minor <= MAX_MINOR


class TestWriting:
    @pytest.mark.parametrize(
        ("amount", "written"),
        [
            (Money(4_250_000), "$42,500"),
            (Money(4_250_050), "$42,500.50"),
            (Money(5), "$0.05"),
            (Money(0), "$0"),
            (Money(-4_250_005), "-$42,500.05"),
            (Money(123_456, "eur"), "1,234.56 EUR"),
            (Money(-100, "eur"), "-1 EUR"),
        ],
    )
    def test_writes_as_people_read(self, amount, written):
        assert str(amount) == written


class TestReckoning:
    @given(AMOUNTS, AMOUNTS)
    def test_takes_away_what_was_added(self, one, other):
        assert one + other - other == one

    @given(AMOUNTS, st.integers(min_value=0, max_value=10_000))
    def test_a_share_never_exceeds_the_amount_and_rounds_down(self, amount, basis_points):
        share = amount.share(basis_points)

        assert 0 <= share.minor <= amount.minor
        assert share.minor * 10_000 <= amount.minor * basis_points < (share.minor + 1) * 10_000

    def test_six_per_cent_of_an_odd_cent_is_rounded_down(self):
        assert Money(1_999).share(600) == Money(119)

    def test_currencies_do_not_mix(self):
        for mix in (lambda: Money(1) + Money(1, "eur"), lambda: Money(1) - Money(1, "eur")):
            with pytest.raises(ValueError, match="usd and eur do not add up"):
                mix()

    def test_amounts_compare(self):
        assert Money(1) < Money(2) <= Money(2)
