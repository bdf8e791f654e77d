"""Claims about all seventy rules: what meets a rule opens it, what a rule asks is asked, and nothing else opens."""

from dataclasses import replace

import pytest

from marketplace.credentials.types import Opens, credential_types
from marketplace.eligibility.answering import question_of
from marketplace.eligibility.facts import Asked, Practitioner, Site
from marketplace.eligibility.operators import rule_on
from marketplace.eligibility.reasons import Key, ReasonCode
from marketplace.eligibility.requirements import HoldsCredential, MemberHolds, PractitionerAttests, SiteHolds, atoms
from marketplace.eligibility.verdict import Outcome
from marketplace.kernel.terms import STATES, ProcedureClass
from tests.factories.gate import NOON, asked_of, enabling, facts, held, person, physician, reference_policy
from tests.factories.meeting import every_way, meeting

WAYS = [
    pytest.param(way, procedure, id=f"{way.rule.id}-{number}-{procedure}")
    for number, (way, procedure) in enumerate(every_way())
]
RULES = reference_policy().document.rules
NEVER_GATES = [rule for rule in RULES if not rule.gates]
PRIVATE = [code for code, kind in credential_types().items() if not kind.opens]
RELEASE = Asked.SHIP_RELEASE


def _everything_a_person_can_hold(state):
    return tuple(
        held(code, state)
        for code, kind in credential_types().items()
        if Opens.OPERATOR in kind.opens and kind.issued_in(state)
    )


@pytest.mark.parametrize(("way", "procedure"), WAYS)
def test_who_meets_a_rule_is_cleared_by_it_at_every_moment(way, procedure):
    for asked in Asked:
        question, possible = meeting(way, procedure, asked=asked)
        verdict = asked_of(question)
        # A way that cannot be shown yet may stand beside one that waits only for a signature.
        assert verdict.cleared is possible or (not possible and not asked.confirmation_is_due)
        if possible:
            assert way.rule.state in {rule.state for rule in RULES if rule.id in verdict.rule_ids}
            assert set(verdict.credential_ids) >= {entry.id for entry in question.practitioner.person.credentials}


@pytest.mark.parametrize(("way", "procedure"), WAYS)
def test_who_brings_nothing_is_not_cleared_by_it(way, procedure):
    question, _ = meeting(way, procedure)

    verdict = asked_of(replace(question, operator=person("Olga"), site=Site()))

    assert not verdict.cleared
    assert Key.OPERATOR in {objection.key for objection in verdict.objections}


@pytest.mark.parametrize(("way", "procedure"), WAYS)
def test_each_paper_that_a_rule_asks_for_is_missed_when_it_is_taken_away(way, procedure):
    question, possible = meeting(way, procedure, asked=RELEASE)
    verdict = asked_of(question)
    for paper in question.operator.credentials if possible else ():
        others = tuple(entry for entry in question.operator.credentials if entry is not paper)
        without = asked_of(replace(question, operator=replace(question.operator, credentials=others)))
        # Another way may be met with what is left; then the yes rests on that, and not on this paper.
        assert not without.cleared or paper.id not in without.credential_ids
        assert paper.id in verdict.credential_ids or without.cleared


@pytest.mark.parametrize(("way", "procedure"), WAYS)
def test_the_statements_of_a_rule_are_asked_before_money_moves(way, procedure):
    question, possible = meeting(way, procedure, asked=Asked.PAYMENT_START)
    asked = asked_of(question).statements
    unsigned = replace(question.practitioner.confirmation, statements=frozenset())
    verdict = asked_of(replace(question, practitioner=replace(question.practitioner, confirmation=unsigned)))
    if possible and asked:
        missing = {
            subject for entry in verdict.objections if entry.key is Key.SUPERVISION for subject in entry.subjects
        }
        assert missing <= {statement.code for statement in asked}
        assert missing or asked_of(question).cleared


@pytest.mark.parametrize("rule", NEVER_GATES, ids=lambda rule: rule.id)
def test_a_rule_that_was_not_read_never_opens_even_to_a_physician(rule):
    for procedure in rule.procedure_classes:
        ways = reference_policy().ways(rule.state, procedure)
        assert rule.id not in {way.rule.id for way in ways}
        question = facts(
            rule.state,
            enabling(procedure),
            operator=person("Olga", *_everything_a_person_can_hold(rule.state)),
            practitioner=Practitioner(physician(rule.state)),
        )
        verdict = asked_of(question)
        assert rule.id not in verdict.rule_ids
        if not ways:
            assert verdict.outcome is Outcome.NO_RULE


def test_twenty_one_rules_never_gate():
    assert [rule.id for rule in NEVER_GATES] == [
        "AK-MED-1", "AR-MED-1", "DC-EST-EXCL-1", "DC-NONE-1", "DE-NONE-1", "HI-ELECTRO-EXCL-1", "HI-NONE-1", "ME-MED-1",
        "MO-NONE-1", "MT-MED-S", "ND-ADV-EST-S", "NE-MED-S", "NJ-OTHER-MED-2", "NY-HAIR-S", "NY-OTHER-S",
        "OH-HAIR-VASC-S", "RI-ABLATIVE-1", "SD-MED-S", "TX-OTHER-TMB-1", "UT-MASTER-EST-1", "VT-NONE-1",
    ]  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_repair_certificate_and_private_papers_never_open_anything(rule):
    papers = tuple(held(code, rule.state) for code in PRIVATE)
    for procedure in rule.procedure_classes:
        question = facts(rule.state, enabling(procedure), operator=person("Rob", *papers))
        verdict = asked_of(question)
        assert not verdict.cleared
        for objection in verdict.objections:
            if objection.key is Key.OPERATOR:
                assert objection.code in (ReasonCode.NOT_AN_OPERATOR_CERTIFICATE, ReasonCode.NOT_ACCEPTED)
        assert {entry.type for entry in papers} >= {"CLRT", "NCLC:CERTIFICATE", "CPR_BLS_CARD", "BLS:CMLSO"}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("procedure", ProcedureClass, ids=str)
def test_where_no_rule_gates_the_answer_is_that_there_is_no_rule(state, procedure):
    if reference_policy().ways(state, procedure):
        return
    papers = _everything_a_person_can_hold(state)

    verdict = asked_of(facts(state, enabling(procedure), operator=person("Olga", *papers)))

    assert verdict.outcome is Outcome.NO_RULE
    objection = next(entry for entry in verdict.objections if entry.code is ReasonCode.NO_RULE)
    assert objection.cures[-1].action == f"ask_for_review:{procedure}"
    assert all(not route.confirmed for route in objection.routes)
    assert all(citation.evidence in ("P", "O") for citation in objection.citations)


def test_an_option_that_is_not_enabled_is_in_no_way():
    disabled = [(rule.id, option.name) for rule in RULES for option in rule.options if not option.gates]
    used = {(way.rule.id, way.option.name) for way, _ in every_way()}

    assert used.isdisjoint(disabled)
    assert [rule_id for rule_id, _ in disabled] == ["AK-MED-1", "AR-MED-1", "AR-MED-1", "IA-MEDSPA-1", "IN-MED-1", "LA-LASER-1", "ME-MED-1", "ME-MED-1", "WA-LLRP-1"]  # fmt: skip


def test_every_credential_that_can_open_is_asked_for_somewhere():
    asked = {
        code
        for rule in RULES
        for requirement in (*rule.requires, *(option.requires for option in rule.options))
        for atom in atoms(requirement)
        if isinstance(atom, HoldsCredential | MemberHolds | SiteHolds)
        for code in atom.types
    }
    offered = {code for code, kind in credential_types().items() if kind.opens}

    assert offered - asked == set()
    assert all(
        credential_types()[code].does_not_open
        for code in asked
        if credential_types()[code].kind in ("TRAINING_RECORD", "PRIVATE_CERT") and code != "QUALIFIED_LASER_TECHNICIAN"
    )


def test_each_statement_is_written_in_the_voice_of_somebody_who_signs():
    texts = {
        atom.text
        for rule in RULES
        for requirement in (*rule.requires, *(option.requires for option in rule.options))
        for atom in atoms(requirement)
        if isinstance(atom, PractitionerAttests)
    }

    assert len(texts) == 55
    assert all(text.endswith(".") and text[0].isupper() for text in texts)


def test_a_physician_of_the_place_may_operate_in_each_of_the_eight_states_but_oregon():
    for state in ("TX", "AZ", "FL", "GA", "IL", "NV", "CA"):
        own = asked_of(facts(state, enabling(ProcedureClass.HAIR_NONABLATIVE), operator=physician(state)), NOON)
        assert Key.OPERATOR not in {objection.key for objection in own.objections}, state


@pytest.mark.parametrize(("way", "procedure"), WAYS)
def test_while_nobody_is_named_trying_fewer_ways_finds_the_same_best_one(way, procedure):
    met, _ = meeting(way, procedure, asked=RELEASE)
    for site, officer in ((met.site, True), (Site(), False)):
        nobody = replace(met, operator=None, site=replace(site, safety_officer_named=officer))
        question = question_of(nobody, reference_policy(), NOON)
        handpieces = nobody.device.handpieces

        every = rule_on(procedure, handpieces, question)
        fewer = rule_on(procedure, handpieces, question, every_way=False)

        assert [ruling.best for ruling in fewer] == [ruling.best for ruling in every]
        assert [ruling.met for ruling in fewer] == [ruling.met for ruling in every]
        assert all(len(few.trials) <= len(all_.trials) for few, all_ in zip(fewer, every, strict=True))
        assert [ruling.routes for ruling in fewer] == [ruling.routes for ruling in every]


def test_somebody_who_is_named_is_told_of_every_way():
    ways = reference_policy().ways("TX", ProcedureClass.HAIR_NONABLATIVE)
    newcomer = facts("TX", enabling(ProcedureClass.HAIR_NONABLATIVE), operator=person("Olga"))

    (ruling,) = rule_on(
        ProcedureClass.HAIR_NONABLATIVE,
        newcomer.device.handpieces,
        question_of(newcomer, reference_policy(), NOON),
        every_way=False,
    )

    assert len(ruling.trials) == len(ways) == 5
    assert [route.name for route in ruling.routes if route.confirmed] == [way.option.name for way in ways]
