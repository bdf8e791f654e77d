"""What `judge()` costs for the questions that are asked most, and for one in which every way has to be explained."""

from collections.abc import Iterator
from functools import partial

from benchmarks.figures import Benchmark, Figure, measured
from marketplace.eligibility.facts import Facts
from marketplace.eligibility.policy import judge
from tests.factories import gate

WITHIN = 100.0  # microseconds
ROUNDS = 6_000


def questions() -> dict[str, Facts]:
    """Return what is asked, by what it is."""
    hair = gate.texas_hair()
    return {
        "one procedure, yes": hair,
        "two procedures, one of them no": gate.texas_hair(device=gate.device(gate.handpiece("ALEX"))),
        "three procedures, two of them no": gate.texas_hair(
            device=gate.device(gate.handpiece("ALEX"), gate.handpiece("NDYAG_QS"))
        ),
        "nobody named, two procedures": gate.texas_hair(device=gate.device(gate.handpiece("IPL")), operator=None),
    }


def measure(scale: float) -> Iterator[Figure]:
    """Ask each question many times."""
    policy = gate.reference_policy()
    for what, facts in questions().items():
        verdict = judge(facts, policy, gate.NOON)
        cost = measured(what, partial(judge, facts, policy, gate.NOON), round(ROUNDS * scale))
        yield Figure(
            what, cost.cpu * 1000, "µs CPU", WITHIN,
            f"{len(verdict.objections)} objections; p50 {cost.p50 * 1000:.0f} µs",
        )  # fmt: skip


BENCHMARK = Benchmark(
    "The gate itself",
    """`judge(facts, policy, at)` in one process, with the reference rules, about a device for a clinic in Texas.
CPU of the least disturbed of fifteen batches.""",
    measure,
)
