"""What somebody would need: the fewest steps that any choice of ways leaves, each once."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from marketplace.eligibility.needs import _Step, needs_of, shortest
from marketplace.eligibility.reasons import Key, ReasonCode
from tests.factories.gate import NOON, asked_of, facts, handpiece, held, person, reference_policy, texas_hair


def step(number: int, farness: int = 1) -> _Step:
    return _Step(ReasonCode.NO_CREDENTIAL, f"Step {number}", (), farness, Key.OPERATOR)


STEPS = st.frozensets(st.integers(0, 6).map(step), min_size=1, max_size=4)


class TestShortest:
    @given(st.lists(st.frozensets(STEPS, min_size=1, max_size=4), max_size=4))
    def test_is_as_short_as_trying_everything(self, choices):
        every = [frozenset().union(*picked) for picked in product(*choices)]

        found = shortest(choices)

        assert len(found) == min(len(way) for way in every)
        assert found in every

    def test_what_serves_two_procedures_is_asked_for_once(self):
        both, one, other = step(1), step(2), step(3)

        assert shortest([frozenset({frozenset({one}), frozenset({both})}), frozenset({frozenset({other}), frozenset({both})})]) == {both}  # fmt: skip

    def test_of_two_as_short_the_nearer(self):
        near, far = step(1, farness=1), step(2, farness=9)

        assert shortest([frozenset({frozenset({far}), frozenset({near})})]) == {near}

    def test_what_cannot_be_shown_here_comes_last_however_short(self):
        closed = step(1)._replace(code=ReasonCode.ROUTE_CLOSED)
        long = frozenset({step(2), step(3)})

        assert shortest([frozenset({frozenset({closed}), long})]) == long


class TestNeeds:
    def test_nothing_where_the_gate_says_yes(self):
        assert asked_of(texas_hair()).cleared
        assert needs_of(texas_hair(), reference_policy(), NOON) == ()

    def test_what_the_gate_says_where_there_is_one_way(self):
        nobody = texas_hair(operator=person("Nell"))
        needed = needs_of(nobody, reference_policy(), NOON)

        assert {one.code for one in needed} == {one.code for one in asked_of(nobody).objections}
        assert all(one.citations and one.cures for one in needed)

    def test_a_newcomer_reads_the_shortest_way_of_all(self):
        """In Texas a physician needs neither certificate nor facility, and orders the device as well."""
        nobody = facts("TX", handpiece("DIODE_HR"), operator=person("Nell"), practitioner=None)
        needed = needs_of(nobody, reference_policy(), NOON)

        assert [(one.key, one.subjects[:1]) for one in needed] == [
            (Key.OPERATOR, ("HAIR_NONABLATIVE",)),
            (Key.PRACTITIONER, ("ordering practitioner",)),
        ]

    def test_a_place_without_a_rule_is_said_first(self):
        (first, *_) = needs_of(facts("OH", handpiece("DIODE_HR"), operator=person("Nell")), reference_policy(), NOON)

        assert (first.code, first.cures) == (ReasonCode.NO_RULE, ())

    def test_getting_what_is_needed_opens_the_gate(self):
        """Dana lacks only her certificate; with it nothing is needed, and the gate agrees."""
        lacking = texas_hair(operator=person("Dana"))
        (need,) = needs_of(lacking, reference_policy(), NOON)
        assert need.key is Key.OPERATOR
        assert need.cures[0].target == "US-TX:TDLR:LHR"

        dana = person("Dana", held("US-TX:TDLR:LHR", level="SENIOR_TECHNICIAN"))
        assert needs_of(texas_hair(operator=dana), reference_policy(), NOON) == ()
