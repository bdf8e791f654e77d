"""Which handpieces to leave out so that a unit can be bought: as few as possible, and none where that does not help."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from marketplace.eligibility.facts import Uses
from marketplace.eligibility.smaller import without_what_is_closed
from tests.factories.gate import HAIR, TATTOO, enabling, facts

A, B, C = (enabling(HAIR, name=name) for name in "ABC")


@pytest.mark.parametrize(
    ("cleared", "left_out"),
    [
        ([{A}, {B}, {A, B}], (C,)),
        ([{A}], (B, C)),
        ([{A}, {B}, {C}, {A, B, C}], None),  # Nothing stands in the way.
        ([], None),
        # What is cleared alone is not cleared together: then nobody is told that it would be.
        ([{A}, {B}], None),
    ],
)
def test_leaves_out_what_is_closed_and_asks_about_the_rest_as_a_whole(cleared, left_out):
    def ask(question):
        return SimpleNamespace(cleared=set(question.device.handpieces) in cleared)

    found = without_what_is_closed(facts("TX", A, B, C), ask)

    assert (found and found[0]) == left_out
    assert found is None or found[1].cleared


def test_keeps_the_declared_uses_that_what_is_left_still_serves():
    hair, tattoo = enabling(HAIR, name="hair"), enabling(TATTOO, name="tattoo")
    asked = {}

    def ask(question):
        asked[question.device.handpieces] = question.uses
        return SimpleNamespace(cleared=tattoo not in question.device.handpieces)

    declared = Uses(declared=frozenset({HAIR, TATTOO}), restriction_signed=True)
    left_out, _ = without_what_is_closed(replace(facts("TX", hair, tattoo), uses=declared), ask)

    assert left_out == (tattoo,)
    assert asked == {
        (hair,): Uses(declared=frozenset({HAIR}), restriction_signed=True),
        (tattoo,): Uses(declared=frozenset({TATTOO}), restriction_signed=True),
    }
