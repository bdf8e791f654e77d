"""What a device costs in all: to the cent, with nothing made up."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.kernel.money import Money
from marketplace.listings.landed import Basis, Part, Unit, landed

PRICE = Money(4_250_050)


def unit(**changed):
    return Unit(**{"price": PRICE, "asks_for_it": None, "quote": None, "lives": [("Diode", 10)], **changed})


def line(found, part):
    return next(one for one in found.lines if one.part is part)


class TestLanded:
    def test_what_nobody_knows_stays_unknown_and_is_not_added(self):
        found = landed(unit(), {})

        assert [(one.words, one.amount, one.basis) for one in found.lines] == [
            ("Price", PRICE, Basis.SELLER),
            ("Recertification by the maker", None, Basis.UNKNOWN),
            ("Taking it down at the seller's", None, Basis.UNKNOWN),
            ("Crate", None, Basis.UNKNOWN),
            ("Freight and insurance", None, Basis.UNKNOWN),
            ("Handpieces due", Money(0), Basis.COUNTERS),
            ("Training on the model", None, Basis.UNKNOWN),
            ("Our fee", Money(0), Basis.HOUSE),
        ]
        assert (found.total, found.words) == (PRICE, "at least $42,500.50")
        assert found.unknown == (
            "Recertification by the maker", "Taking it down at the seller's", "Crate", "Freight and insurance",
            "Training on the model",
        )  # fmt: skip

    @pytest.mark.parametrize(
        ("changed", "expected"),
        [
            ({}, None),
            ({"asks_for_it": True}, None),
            ({"asks_for_it": False}, PRICE),
            ({"quote": Money(900_000)}, Money(5_150_050)),
            ({"quote": Money(900_000), "lives": [("Diode", 79)], "training_included": True}, Money(5_150_050)),
            ({"quote": Money(900_000), "lives": [("Diode", 80)]}, None),
            ({"quote": Money(900_000), "lives": [("Diode", None)]}, None),
            ({"quote": Money(900_000), "lives": []}, None),
        ],
    )
    def test_units_are_set_in_order_where_all_is_known_that_is_their_own(self, changed, expected):
        assert landed(unit(**changed), {}).comparable == expected

    def test_the_readers_figures_make_it_whole(self):
        assumed = {part: Money(100_01) for part in Part}
        found = landed(unit(), assumed)

        assert (found.total, found.words, found.unknown) == (Money(4_310_056), "$43,100.56", ())
        assert {line(found, part).basis for part in Part} == {Basis.READER}

    @pytest.mark.parametrize(
        ("changed", "amount", "basis", "why"),
        [
            ({"quote": Money(900_000)}, Money(900_000), Basis.SELLER, "Quoted to the seller."),
            ({"asks_for_it": False}, Money(0), Basis.SELLER, "The seller states that the maker does not ask for it."),
            ({"asks_for_it": True}, None, Basis.UNKNOWN, "Ask the maker before you buy. $25,000 to $50,000."),
            ({"asks_for_it": False, "quote": Money(1)}, Money(1), Basis.SELLER, "Quoted to the seller."),
        ],
    )
    def test_recertification_is_what_the_seller_knows(self, changed, amount, basis, why):
        found = line(landed(unit(**changed), {}, published="$25,000 to $50,000."), Part.RECERTIFICATION)

        assert (found.amount, found.basis, found.why) == (amount, basis, why)

    def test_training_costs_nothing_where_the_seller_includes_it(self):
        found = line(landed(unit(training_included=True), {}), Part.TRAINING)

        assert (found.amount, found.why) == (Money(0), "The seller states that it is included.")

    @pytest.mark.parametrize(
        ("lives", "amount", "why"),
        [
            ([("A", 79)], Money(0), "None has used 80 % of its rated life; that limit is ours."),
            ([("A", 80), ("B", 5)], None, "80 % or more of the rated life is used: A (80 %). Ask for its price."),
            ([("A", 5), ("B", None)], None, "How much of the rated life is used is not known for every handpiece."),
            ([], None, "How much of the rated life is used is not known for every handpiece."),
        ],
    )
    def test_handpieces_are_due_by_their_counters(self, lives, amount, why):
        found = line(landed(unit(lives=lives), {}), Part.HANDPIECES)

        assert (found.amount, found.why) == (amount, why)

    @settings(deadline=None)
    @given(st.dictionaries(st.sampled_from(Part), st.integers(0, 99_999_999).map(Money)))
    def test_the_total_is_the_sum_of_its_lines(self, assumed):
        found = landed(unit(), assumed)

        assert found.total.minor == PRICE.minor + sum(amount.minor for amount in assumed.values())
        assert bool(found.unknown) == found.words.startswith("at least")
