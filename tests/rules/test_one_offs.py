"""A decision of two members of staff opens exactly the purchase it is about, and nothing else."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from marketplace.credentials.states import CredentialState
from marketplace.eligibility.facts import Asked, Facts, OneOff, Practitioner, Site
from marketplace.eligibility.one_offs import rule_of
from marketplace.eligibility.verdict import Outcome
from marketplace.kernel.shapes import Misshapen
from marketplace.kernel.terms import ProcedureClass
from tests.factories.gate import NOON, against, asked_of, device, facts, handpiece, held, ordered_by, person, physician

LISTING, SITE, OTHER = UUID(int=501), UUID(int=502), UUID(int=599)
DOCTOR = physician("TX")
NO_RULE = [("rule", "NO_RULE_FOR_JURISDICTION_PROCEDURE", ("ABLATIVE",))]
DECIDED = OneOff(
    id=UUID(int=0xABCDEF << 104),
    state="TX",
    procedure=ProcedureClass.ABLATIVE,
    listing_id=LISTING,
    site_id=SITE,
    operator_id=DOCTOR.id,
    valid_from=date(2026, 11, 20),
    valid_to=date(2026, 11, 25),
    ref="Tex. Occ. Code 157.001",
    text_version="read 2026-11-19",
    evidence="P",
)


def purchase(decided: OneOff | None = DECIDED, **changes) -> Facts:
    """A Texas physician who orders an ablative laser for herself, of which no rule of Texas speaks."""
    question = facts(
        "TX",
        operator=DOCTOR,
        practitioner=Practitioner(DOCTOR),
        device=device(handpiece("CO2"), listing_id=LISTING),
        site=Site(id=SITE),
        one_offs=(decided,) if decided else (),
    )
    return replace(question, **changes)


def test_without_it_no_rule_opens():
    assert against(purchase(None)) == NO_RULE


def test_with_it_the_physician_is_cleared_by_it_with_its_text_and_its_last_day():
    verdict = asked_of(purchase())

    assert verdict.outcome is Outcome.YES
    assert verdict.rule_ids == ("ONE-OFF-abcdef00",)
    assert verdict.credential_ids == (DOCTOR.credentials[0].id,)
    assert verdict.limits == ("For this unit, this site and this physician only.",)
    assert verdict.valid_until == datetime(2026, 11, 26, 6, tzinfo=UTC)
    (operator,) = [answer for answer in verdict.answers if answer.key == "operator"]
    assert [citation.ref for citation in operator.citations] == ["Tex. Occ. Code 157.001"]


@pytest.mark.parametrize(
    "change",
    [
        {"procedure": ProcedureClass.HIFU},
        {"listing_id": OTHER},
        {"site_id": OTHER},
        {"operator_id": OTHER},
        {"state": "OK"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_one_about_anything_else_is_not_there(change):
    assert against(purchase(replace(DECIDED, **change))) == NO_RULE


@pytest.mark.parametrize(
    ("day", "opens"), [(date(2026, 11, 19), False), (date(2026, 11, 20), True), (date(2026, 11, 25), True),
                       (date(2026, 11, 26), False)],
)  # fmt: skip
def test_it_holds_from_its_first_day_through_its_last(day, opens):
    at = datetime(day.year, day.month, day.day, 18, tzinfo=UTC)

    assert asked_of(purchase(), at).cleared is opens


def test_its_last_day_ends_at_midnight_of_the_place():
    midnight = datetime(2026, 11, 26, 6, tzinfo=UTC)

    assert asked_of(purchase(), midnight - timedelta(seconds=1)).cleared
    assert against(purchase(), midnight) == NO_RULE


def test_whoever_operates_orders():
    colleague = person("Dr. Vance", held("MD_DO", id=UUID(int=9)))

    assert against(purchase(practitioner=Practitioner(colleague))) == NO_RULE
    assert against(purchase(operator=colleague)) == NO_RULE
    assert NO_RULE[0] in against(purchase(operator=None))
    assert NO_RULE[0] in against(purchase(practitioner=None))


@pytest.mark.parametrize("state", [CredentialState.REVOKED, CredentialState.SUSPENDED, CredentialState.IN_REVIEW])
def test_the_licence_is_asked_for_like_any_other(state):
    doctor = replace(DOCTOR, credentials=(replace(DOCTOR.credentials[0], state=state),))
    found = against(purchase(operator=doctor, practitioner=Practitioner(doctor)))

    assert ("operator", state.upper(), ("ABLATIVE",)) in found


def test_it_is_no_confirmation_of_the_order():
    question = purchase(asked=Asked.PAYMENT_START)

    assert [code for _, code, _ in against(question)] == ["ORDER_NOT_CONFIRMED"]
    assert against(replace(question, practitioner=ordered_by(DOCTOR))) == []


def test_beside_a_rule_it_is_not_even_looked_at():
    hair = replace(DECIDED, procedure=ProcedureClass.HAIR_NONABLATIVE)
    nurse = person("Nat", held("RN"))
    question = purchase(
        replace(hair, operator_id=nurse.id), device=device(handpiece("DIODE_HR"), listing_id=LISTING), operator=nurse
    )

    assert {code for _, code, _ in against(question)} >= {"ROUTE_CLOSED"}
    assert all("ONE-OFF" not in (entry.rule_id or "") for entry in asked_of(question).objections)


def test_each_procedure_of_a_device_needs_its_own():
    hybrid = purchase(device=device(handpiece("HYBRID_FRAC"), listing_id=LISTING))

    assert against(hybrid) == [("rule", "NO_RULE_FOR_JURISDICTION_PROCEDURE", ("FRACTIONAL_NONABLATIVE",))]


def test_a_text_that_was_not_read_makes_no_rule():
    assert not rule_of(replace(DECIDED, evidence="S"), "TX").gates
    assert against(purchase(replace(DECIDED, evidence="X"))) == NO_RULE
    with pytest.raises(ValueError, match="not a valid Evidence"):
        rule_of(replace(DECIDED, evidence=""), "TX")


def test_the_facts_are_kept_with_the_answer_and_read_back():
    question = purchase()

    assert Facts.from_json(question.to_json()) == question
    older = {name: value for name, value in question.to_json().items() if name != "one_offs"}
    assert Facts.from_json(older) == purchase(None)
    with pytest.raises(Misshapen):
        Facts.from_json({**question.to_json(), "one_offs": [{}]})


def test_the_clock_of_the_tests_is_within_its_days():
    assert DECIDED.valid_from <= NOON.date() <= DECIDED.valid_to
