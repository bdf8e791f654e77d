"""What holds for every question: it is answered, the same way each time, and more proof never hurts."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.clinics.states import SellerStanding
from marketplace.credentials.states import CredentialState
from marketplace.credentials.types import Subject, credential_types
from marketplace.eligibility.facts import (
    Asked,
    Buyer,
    Confirmation,
    Device,
    Exclusion,
    Facts,
    Handpiece,
    Hazard,
    Held,
    Modification,
    Person,
    Place,
    Practitioner,
    Site,
    Uses,
)
from marketplace.eligibility.policy import judge
from marketplace.eligibility.reasons import Key, ReasonCode
from marketplace.eligibility.requirements import PractitionerAttests, atoms
from marketplace.eligibility.verdict import Outcome, Verdict
from marketplace.kernel.terms import STATES, ProcedureClass, time_zone_of
from tests.factories.gate import MODEL, NOON, reference_policy
from tests.factories.meeting import every_way, meeting

SOBER = settings(deadline=None, derandomize=True)
"""The same questions on every machine, however busy it is."""
POLICY = reference_policy()
TYPES = credential_types()
WAYS = every_way()
STATEMENTS = sorted(
    {
        atom.code
        for way, _ in WAYS
        for condition in way.conditions
        for atom in atoms(condition)
        if isinstance(atom, PractitionerAttests)
    }
)
# Mostly one small country, so that people, places and rules meet.
places = st.sampled_from(["TX", "AZ", "FL", "IL", "MA", "IA", "CO", *STATES]).map(lambda s: Place(s, time_zone_of(s)))
ids = st.integers(1, 40).map(lambda n: UUID(int=n))
procedures = st.frozensets(st.sampled_from(ProcedureClass), max_size=3)
moments = st.datetimes(datetime(2015, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  Hypothesis adds the zone.
near = st.one_of(st.just(NOON - timedelta(days=5)), moments)


@st.composite
def holdings(draw, subject=Subject.PERSON):
    kind = TYPES[draw(st.sampled_from([code for code, known in TYPES.items() if known.subject is subject]))]
    return Held(
        id=draw(ids),
        type=kind.code,
        type_name=kind.name,
        kind=kind.kind,
        jurisdiction=draw(st.sampled_from([*(kind.jurisdictions or ("TX", "AZ", "FL")), "NV"])),
        state=draw(st.one_of(st.just(CredentialState.VERIFIED), st.sampled_from(CredentialState))),
        issued_on=draw(st.none() | st.dates(date(2020, 1, 1), date(2027, 1, 1))),
        expires_on=draw(st.none() | st.dates(date(2025, 1, 1)) | st.dates()),
        verified_at=draw(st.none() | near),
        level=draw(st.sampled_from([None, *(level.code for level in kind.levels)])),
        endorsements=draw(st.frozensets(st.sampled_from([*(e.code for e in kind.endorsements), "other"]))),
        device_model_id=draw(st.sampled_from([None, MODEL])),
        does_not_open=kind.does_not_open,
    )


def people(member=None):
    return st.builds(
        Person,
        id=ids,
        name=st.sampled_from(["Ana", "Ben", "Cleo"]),
        member=st.booleans() if member is None else st.just(member),
        credentials=st.lists(holdings(), max_size=4).map(tuple),
        exclusion=st.sampled_from([None, *Exclusion]),
    )


handpieces = st.builds(
    Handpiece,
    id=ids,
    name=st.sampled_from(["left", "right", "round"]),
    modality=st.sampled_from(["IPL", "ALEX", "ELOS_IPL_RF", "?"]),
    enables=st.none() | procedures,
    hazard=st.sampled_from(Hazard),
)
devices = st.builds(
    Device,
    model_id=st.sampled_from([None, MODEL]),
    maker=st.just("Maker"),
    model=st.just("Model"),
    product_code=st.sampled_from([None, "GEX", "OHT"]),
    rx_label_seen=st.sampled_from([None, True, False]),
    id_label_seen=st.sampled_from([None, True, False]),
    modification=st.sampled_from(Modification),
    recall_open=st.sampled_from([None, True, False]),
    handpieces=st.lists(handpieces, max_size=3, unique_by=lambda part: part.id).map(tuple),
)
confirmations = st.none() | st.builds(Confirmation, at=near, statements=st.frozensets(st.sampled_from(STATEMENTS)))
anything = st.builds(
    Facts,
    asked=st.sampled_from(Asked),
    place=places,
    device=devices,
    seller=st.sampled_from(SellerStanding),
    buyer=st.builds(Buyer, id=ids, in_good_standing=st.booleans(), exclusion=st.sampled_from([None, *Exclusion])),
    site=st.builds(
        Site,
        credentials=st.lists(holdings(Subject.SITE), max_size=3).map(tuple),
        safety_officer_named=st.booleans(),
        colleagues=st.lists(people(), max_size=2).map(tuple),
    ),
    operator=st.none() | people(),
    practitioner=st.none() | st.builds(Practitioner, person=people(), confirmation=confirmations),
    uses=st.builds(Uses, declared=procedures, restriction_signed=st.booleans()),
)


CHANGES = {
    "device": devices,
    "uses": st.builds(Uses, declared=procedures, restriction_signed=st.booleans()),
    "site": st.builds(Site, credentials=st.lists(holdings(Subject.SITE), max_size=2).map(tuple)),
    "operator": people(),
    "practitioner": st.builds(Practitioner, person=people(), confirmation=confirmations),
    "seller": st.sampled_from(SellerStanding),
}


@st.composite
def met(draw):
    """A question that is answered yes: some way of some rule, met at some moment of the sale."""
    way, procedure = draw(st.sampled_from(WAYS))
    question, possible = meeting(way, procedure, asked=draw(st.sampled_from(Asked)))
    if not possible:
        way, procedure = WAYS[0]
        question, _ = meeting(way, procedure, asked=question.asked)
    return question


@st.composite
def nearly(draw):
    """A question close to a yes: a way that is met, in which a thing or two are otherwise."""
    question = draw(met())
    changes = draw(
        st.sets(st.sampled_from(["device", "uses", "site", "operator", "practitioner", "seller"]), max_size=2)
    )
    changed = {name: draw(CHANGES[name]) for name in sorted(changes)}
    if "operator" in changed and draw(st.booleans()):
        changed["operator"] = replace(
            question.operator, credentials=(*question.operator.credentials[1:], *changed["operator"].credentials)
        )
    if "device" in changed:
        parts = (*question.device.handpieces, *changed["device"].handpieces)
        unique = tuple({part.id: part for part in parts}.values())
        changed["device"] = replace(question.device, handpieces=unique)
    return replace(question, **changed)


@given(anything, moments)
@settings(SOBER, max_examples=60)
def test_every_question_has_one_answer_that_can_be_kept_and_given_again(facts, at):
    verdict = judge(facts, POLICY, at)

    assert verdict.cleared is (verdict.outcome is Outcome.YES)
    assert all(objection.sentence and objection.cures for objection in verdict.objections)
    assert all(cure.sentence for objection in verdict.objections for cure in objection.cures)
    assert Facts.from_json(facts.to_json()) == facts
    assert Verdict.from_json(verdict.to_json()) == verdict
    assert judge(Facts.from_json(facts.to_json()), POLICY, at) == verdict
    assert verdict.to_json()["cleared"] is verdict.cleared
    assert verdict.cleared or verdict.valid_until is None


@given(nearly())
@settings(SOBER, max_examples=150)
def test_a_yes_answers_for_every_procedure_that_is_sold(facts):
    verdict = judge(facts, POLICY, NOON)
    assert verdict.cleared is (verdict.outcome is Outcome.YES)
    if verdict.cleared:
        needed = {procedure for part in facts.device.handpieces for procedure in part.enables or ()}
        declared = facts.uses.declared or needed
        answered = {answer.subject for answer in verdict.answers if answer.key is Key.OPERATOR and answer.met}
        assert answered
        assert answered >= (needed & declared) | (needed & {ProcedureClass.ABLATIVE, ProcedureClass.RF_NEEDLE})
        assert all(answer.met for answer in verdict.answers)


@given(met(), st.lists(holdings(), max_size=3))
@settings(SOBER, max_examples=60)
def test_one_more_credential_never_turns_a_yes_into_a_no(question, more):
    assert judge(question, POLICY, NOON).cleared

    richer = replace(question.operator, credentials=(*question.operator.credentials, *more))

    assert judge(replace(question, operator=richer), POLICY, NOON).cleared


@given(met(), st.lists(people(member=True), max_size=2), st.lists(holdings(Subject.SITE), max_size=2))
@settings(SOBER, max_examples=60)
def test_one_more_colleague_or_paper_of_the_site_never_turns_a_yes_into_a_no(question, more, papers):
    site = replace(
        question.site,
        credentials=(*question.site.credentials, *papers),
        colleagues=(*question.site.colleagues, *more),
    )

    assert judge(replace(question, site=site), POLICY, NOON).cleared


@given(nearly(), st.lists(holdings(), min_size=1, max_size=2))
@settings(SOBER, max_examples=80)
def test_one_more_credential_never_adds_a_procedure_to_what_the_operator_lacks(facts, more):
    if facts.operator is None:
        return
    richer = replace(facts.operator, credentials=(*facts.operator.credentials, *more))

    before, after = judge(facts, POLICY, NOON), judge(replace(facts, operator=richer), POLICY, NOON)

    assert _lacking(after) <= _lacking(before)


@given(nearly())
@settings(SOBER, max_examples=100)
def test_leaving_a_handpiece_out_never_adds_an_operator_objection(facts):
    before = _lacking(judge(facts, POLICY, NOON))
    for part in facts.device.handpieces:
        fewer = replace(facts.device, handpieces=tuple(other for other in facts.device.handpieces if other != part))
        assert _lacking(judge(replace(facts, device=fewer), POLICY, NOON)) <= before


@given(met(), st.integers(0, 500 * 24 * 3600))
@settings(SOBER, max_examples=80)
def test_a_yes_holds_at_least_until_the_moment_it_names(question, seconds):
    verdict = judge(question, POLICY, NOON)
    assert verdict.valid_until is not None
    at = NOON + timedelta(seconds=seconds)

    assert judge(question, POLICY, at).cleared or at >= verdict.valid_until
    assert judge(question, POLICY, verdict.valid_until - timedelta(microseconds=1)).cleared


@given(met(), st.sampled_from(CredentialState))
@settings(SOBER, max_examples=60)
def test_nothing_but_verified_opens(question, state):
    unsure = tuple(replace(entry, state=state) for entry in question.operator.credentials)

    verdict = judge(replace(question, operator=replace(question.operator, credentials=unsure)), POLICY, NOON)

    assert verdict.cleared is (state is CredentialState.VERIFIED or not unsure)


@given(met())
@settings(SOBER, max_examples=40)
def test_an_open_exclusion_finding_stands_against_every_yes(question):
    for changed in (
        replace(question, operator=replace(question.operator, exclusion=Exclusion.OPEN)),
        replace(question, buyer=replace(question.buyer, exclusion=Exclusion.OPEN)),
        replace(
            question,
            practitioner=replace(
                question.practitioner, person=replace(question.practitioner.person, exclusion=Exclusion.OPEN)
            ),
        ),
    ):
        codes = [objection.code for objection in judge(changed, POLICY, NOON).objections]
        assert codes == [ReasonCode.EXCLUSION_OPEN]


def _lacking(verdict):
    """The procedures that nobody was found to do: for want of a rule or of a person."""
    keys = (Key.OPERATOR, Key.RULE)
    named = {ReasonCode.OPERATOR_NOT_MEMBER, ReasonCode.NO_OPERATOR, ReasonCode.USE_NOT_ENABLED}
    named |= {ReasonCode.HANDPIECE_WITHOUT_USE, ReasonCode.RESTRICTION_NOT_SIGNED}
    return {
        subject
        for objection in verdict.objections
        if objection.key in keys and objection.code not in named
        for subject in objection.subjects
    }
