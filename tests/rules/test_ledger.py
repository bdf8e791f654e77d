"""The books, to the cent: whatever the amounts, every journal balances and nothing is rounded away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.money import MAX_MINOR, Money
from marketplace.payments import amounts
from marketplace.payments.amounts import Account, JournalKind, Rate, Split

prices = st.integers(1, MAX_MINOR).map(Money)
rates = st.integers(0, 10_000)
fees = st.integers(0, 10**7).map(Money)


def total(*journals) -> dict[Account, int]:
    """What the accounts stand at after these journals, debit positive; accounts at zero are left out."""
    standing: dict[Account, int] = {}
    for journal in journals:
        for account, amount in journal.sides:
            standing[account] = standing.get(account, 0) + amount.minor
    return {account: minor for account, minor in standing.items() if minor}


class TestSplit:
    @given(prices, rates)
    def test_the_parts_are_the_price_exactly(self, price, bps):
        parts = amounts.split(price, Rate(bps))

        assert parts.payout + parts.fee == price
        assert parts.fee.minor == price.minor * bps // 10_000
        assert parts.payout.minor >= 0

    @pytest.mark.parametrize(
        ("price", "bps", "fee", "payout"),
        [
            (4_250_000, 600, 255_000, 3_995_000),
            (1, 600, 0, 1),  # less than a cent is nobody's but the seller's
            (99, 101, 0, 99),
            (10_000, 10_000, 10_000, 0),
            (333, 3_333, 110, 223),
        ],
    )
    def test_rounds_our_part_down(self, price, bps, fee, payout):
        assert amounts.split(Money(price), Rate(bps)) == Split(payout=Money(payout), fee=Money(fee))


class TestRate:
    @pytest.mark.parametrize(
        ("price", "fee"),
        [
            (4_250_000, 255_000),
            (166_667, 10_000),
            (166_666, 10_000),
            (20_001, 10_000),
            (20_000, 10_000),
            (19_999, 9_999),
        ],
    )
    def test_does_not_fall_below_the_least_and_takes_no_more_than_half_for_it(self, price, fee):
        assert Rate(600, Money(10_000)).fee_of(Money(price)) == Money(fee)

    @given(prices, rates)
    def test_without_a_least_it_is_the_share(self, price, bps):
        assert Rate(bps).fee_of(price) == price.share(bps)


class TestReduction:
    @given(
        st.integers(10_000, 15_000_000),
        st.integers(0, 9_500),
        st.integers(0, 50_000),
        st.lists(st.integers(100, 900_000), max_size=6),
    )
    def test_in_however_many_parts_and_in_whatever_order_the_shares_are_those_of_what_is_left(
        self, price, bps, least, parts
    ):
        rate = Rate(bps, Money(least))
        price, parts = Money(price), [Money(part) for part in parts]
        ends: list[object] = []
        for order in (parts, parts[::-1], [Money(sum(part.minor for part in parts))]):
            left, payout, fee = price, Money(0), Money(0)
            for part in order:
                if part >= left:
                    continue
                share = amounts.reduction(left, part, rate)
                assert share.payout + share.fee == part
                assert share.fee.minor >= 0
                left, payout, fee = left - part, payout + share.payout, fee + share.fee
            assert amounts.split(price, rate).payout - payout == amounts.split(left, rate).payout
            assert amounts.split(price, rate).fee - fee == amounts.split(left, rate).fee
            ends.append((left, payout, fee))
        if sum(part.minor for part in parts) < price.minor:
            assert ends[0] == ends[1]
            assert not parts or ends[0] == ends[2]

    @given(st.integers(101, 15_000_000), st.integers(0, 9_500), st.integers(0, 50_000))
    def test_of_a_dollar_something_is_always_the_sellers(self, price, bps, least):
        assert amounts.reduction(Money(price), Money(100), Rate(bps, Money(least))).payout.minor > 0

    def test_to_the_cent(self):
        assert amounts.reduction(Money(4_250_000), Money(100_001), Rate(600)) == Split(Money(94_000), Money(6_001))
        assert amounts.reduction(Money(4_149_999), Money(100_001), Rate(600)) == Split(Money(94_001), Money(6_000))


class TestJournals:
    @given(prices, rates, fees)
    def test_each_balances(self, price, bps, fee):
        for journal in (
            amounts.paid(price),
            amounts.provider_fee(fee),
            amounts.released(amounts.split(price, Rate(bps))),
            amounts.refunded(price),
            amounts.refund_sent(price),
            amounts.refund_arrived(price),
            amounts.reversed_release(amounts.split(price, Rate(bps))),
            amounts.fronted(amounts.split(price, Rate(bps))),
            amounts.recovered(price),
            amounts.surplus_came(price),
            amounts.surplus_sent(price),
            amounts.surplus_came_back(price),
            amounts.dispute_taken(price),
            amounts.dispute_fee(fee),
            amounts.dispute_returned(price),
            amounts.charged_back(price),
            amounts.charged_back_late(amounts.split(price, Rate(bps)), Money(0)),
            amounts.charged_back_late(amounts.split(price, Rate(bps)), fee),
        ):
            assert sum(amount.minor for _, amount in journal.sides) == 0
            assert all(amount.minor for _, amount in journal.sides)

    @given(prices, rates, fees)
    def test_after_a_sale_nothing_is_held_and_we_keep_our_fee_less_the_providers(self, price, bps, fee):
        parts = amounts.split(price, Rate(bps))
        standing = total(amounts.paid(price), amounts.provider_fee(fee), amounts.released(parts))

        assert standing.get(Account.HELD, 0) == 0
        assert standing.get(Account.FEE_REVENUE, 0) == -parts.fee.minor
        assert standing.get(Account.PROVIDER_CLEARING, 0) == parts.fee.minor - fee.minor

    @given(prices, fees)
    def test_after_a_refund_only_the_providers_fee_is_gone(self, price, fee):
        before = (amounts.paid(price), amounts.provider_fee(fee))
        gone = {Account.PROVIDER_FEES: fee.minor, Account.PROVIDER_CLEARING: -fee.minor} if fee.minor else {}

        assert total(*before, amounts.refunded(price)) == gone
        assert total(*before, amounts.refund_sent(price), amounts.refund_arrived(price)) == gone

    def test_a_release_says_who_got_what(self):
        journal = amounts.released(Split(payout=Money(3_995_000), fee=Money(255_000)))

        assert journal.kind is JournalKind.RELEASED
        assert journal.sides == (
            (Account.HELD, Money(4_250_000)),
            (Account.PROVIDER_CLEARING, Money(-3_995_000)),
            (Account.FEE_REVENUE, Money(-255_000)),
        )

    def test_a_fee_of_nothing_leaves_no_trace(self):
        assert amounts.provider_fee(Money(0)).sides == ()
