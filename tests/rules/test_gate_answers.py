"""Key by key: what turned it, or the first thing that stands against it."""

from dataclasses import replace

import pytest

from marketplace.clinics.states import SellerStanding
from marketplace.eligibility.facts import Exclusion, Practitioner, Site
from marketplace.eligibility.reasons import Key
from tests.factories.gate import asked_of, device, facts, handpiece, held, person, physician, texas_facility, texas_hair

TEXAS = texas_hair()


def by_key(question):
    return {answer.key: answer for answer in asked_of(question).answers}


def test_a_yes_has_an_answer_for_every_key_and_all_are_met():
    assert {key: answer.met for key, answer in by_key(TEXAS).items()} == dict.fromkeys(Key, True)


@pytest.mark.parametrize(
    ("question", "shut"),
    [
        (texas_hair(device=device(handpiece("DIODE_HR"), recall_open=True, rx_label_seen=None)), Key.DEVICE),
        (texas_hair(seller=SellerStanding.SUSPENDED), Key.SELLER),
        (texas_hair(practitioner=Practitioner(physician("NV"))), Key.PRACTITIONER),
        (texas_hair(practitioner=None), Key.PRACTITIONER),
        (texas_hair(site=replace(texas_facility(), safety_officer_named=False)), Key.SITE),
        (texas_hair(site=Site()), Key.SITE),
        (texas_hair(buyer=replace(TEXAS.buyer, exclusion=Exclusion.OPEN)), Key.STANDING),
    ],
)
def test_a_key_that_something_stands_against_is_not_turned_and_says_what_comes_first(question, shut):
    first = next(entry for entry in asked_of(question).objections if entry.key is shut)

    answers = by_key(question)
    assert [key for key, answer in answers.items() if not answer.met] == [shut]
    assert (answers[shut].sentence, answers[shut].credential_ids) == (first.sentence, ())


def test_what_no_rule_opens_turns_neither_the_rule_nor_the_operator():
    answers = by_key(facts("MT", handpiece("ER_GLASS_FRAC"), operator=person("Nobody")))

    assert [key for key, answer in answers.items() if not answer.met] == [Key.RULE, Key.OPERATOR]


def test_names_the_papers_that_turned_it_and_none_of_somebody_else():
    answers = by_key(TEXAS)

    (level,) = TEXAS.site.colleagues[0].credentials
    assert answers[Key.OPERATOR].credential_ids == (held("US-TX:TDLR:LHR", level="SENIOR_TECHNICIAN").id,)
    assert set(answers[Key.SITE].credential_ids) == {level.id, *(paper.id for paper in TEXAS.site.credentials)}
    assert answers[Key.PRACTITIONER].credential_ids == (TEXAS.practitioner.person.credentials[0].id,)
