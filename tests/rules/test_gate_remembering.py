"""What the gate remembers is what it would answer: nothing but time can change between two looks, and that is watched."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from marketplace.eligibility.facts import Confirmation, Exclusion
from marketplace.eligibility.policy import judge
from marketplace.eligibility.remembering import Memory, steady
from tests.factories import gate
from tests.factories.gate import NOON
from tests.rules.test_gate_properties import POLICY, SOBER, anything, moments, nearly

TICK = timedelta.resolution
DAY = timedelta(days=1)
SOON, MIDNIGHT = NOON + timedelta(hours=2), datetime(2026, 11, 23, 6, tzinfo=UTC)
CERTIFICATE = gate.texas_hair().operator.credentials[0]
near_noon = st.integers(-200 * 24 * 60, 200 * 24 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes))
questions = st.one_of(nearly(), anything)


@given(questions, st.one_of(near_noon, moments), st.floats(0, 1, exclude_max=True))
@SOBER
def test_between_two_edges_time_changes_nothing(facts, at, part):
    assume(datetime(1971, 1, 1, tzinfo=UTC) < at < datetime(2090, 1, 1, tzinfo=UTC))
    since, until = steady(facts, POLICY, at)
    assert since <= at < until

    answer = judge(facts, POLICY, at)
    for other in (since, until - TICK, since + (until - TICK - since) * part):
        assert judge(facts, POLICY, other) == answer


class TestEdges:
    """Every kind of moment at which an answer can turn is an edge: one that was forgotten would be found here."""

    @pytest.mark.parametrize(
        ("changes", "edge", "turns_at"),
        [
            ({"verified_at": SOON}, SOON, SOON),
            # The limit itself still counts, and so does the moment until which a register may be relied on.
            ({"verified_at": SOON - POLICY.decision_limits[CERTIFICATE.kind]}, SOON, SOON + TICK),
            ({"register_until": SOON}, SOON, SOON + TICK),
            # In Texas that day ends at six in the morning, UTC.
            ({"expires_on": NOON.date()}, MIDNIGHT, MIDNIGHT),
            ({"issued_on": NOON.date() + DAY}, MIDNIGHT, MIDNIGHT),
        ],
    )
    def test_of_papers(self, changes, edge, turns_at):
        hair = gate.texas_hair()
        certificate, *others = hair.operator.credentials
        facts = replace(hair, operator=replace(hair.operator, credentials=(replace(certificate, **changes), *others)))

        assert steady(facts, POLICY, NOON)[1] == edge
        assert steady(facts, POLICY, turns_at)[0] == turns_at
        assert judge(facts, POLICY, turns_at).cleared is not judge(facts, POLICY, turns_at - TICK).cleared

    def test_of_the_list_of_exclusions(self):
        facts = replace(gate.texas_hair(), exclusions_until=NOON + timedelta(hours=3))

        assert steady(facts, POLICY, NOON)[1] == NOON + timedelta(hours=3)
        assert steady(facts, POLICY, NOON + timedelta(hours=3))[1] == NOON + timedelta(hours=3) + TICK

    def test_of_a_confirmation(self):
        hair = gate.texas_hair()
        days = timedelta(days=POLICY.document.ordering.confirmation_days)
        signed = Confirmation(at=NOON - days + timedelta(minutes=5), statements=frozenset())
        facts = replace(hair, practitioner=replace(hair.practitioner, confirmation=signed))

        assert steady(facts, POLICY, NOON)[1] == NOON + timedelta(minutes=5)

    def test_of_a_day(self):
        assert steady(gate.texas_hair(operator=None, practitioner=None), POLICY, NOON) == (
            datetime(2026, 11, 22, 6, tzinfo=UTC),
            MIDNIGHT,
        )


class TestMemory:
    def test_knows_within_the_edges_and_not_behind_them(self):
        memory, facts = Memory(8), gate.texas_hair()
        since, until = steady(facts, POLICY, NOON)
        memory.answers("clinic", lambda: facts, POLICY, NOON)["unit"] = True

        assert memory.answers("clinic", lambda: facts, POLICY, since) == {"unit": True}
        assert memory.answers("clinic", lambda: facts, POLICY, until - TICK) == {"unit": True}
        assert memory.answers("clinic", lambda: facts, POLICY, until) == {}
        # Nor does it come back: what was known then is gone.
        assert memory.answers("clinic", lambda: facts, POLICY, NOON) == {}

    def test_knows_nothing_of_other_circumstances(self):
        memory, facts = Memory(8), gate.texas_hair()
        memory.answers("clinic", lambda: facts, POLICY, NOON)["unit"] = True

        assert memory.answers("other clinic", lambda: facts, POLICY, NOON) == {}

    def test_forgets_what_was_asked_about_longest_ago(self):
        memory, facts = Memory(2), gate.texas_hair()
        for name in ("a", "b"):
            memory.answers(name, lambda: facts, POLICY, NOON)["unit"] = True
        memory.answers("a", lambda: facts, POLICY, NOON)
        memory.answers("c", lambda: facts, POLICY, NOON)

        assert memory.answers("a", lambda: facts, POLICY, NOON) == {"unit": True}
        assert memory.answers("b", lambda: facts, POLICY, NOON) == {}

    def test_facts_that_differ_are_other_circumstances(self):
        one, other = (
            gate.texas_hair(),
            gate.texas_hair(buyer=replace(gate.texas_hair().buyer, exclusion=Exclusion.OPEN)),
        )

        assert one != other
        assert hash(one) == hash(gate.texas_hair())
