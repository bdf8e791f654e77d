"""A membership counts from its first through its last day, where the device is used, for everybody the gate asks about."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from marketplace.eligibility.facts import Tenure
from tests.factories.gate import NOON, against, asked_of, person, texas_hair

TODAY = date(2026, 11, 22)
FIRST, LAST = Tenure(starts_on=TODAY), Tenure(ends_on=TODAY)
LATER, OVER = Tenure(starts_on=TODAY + timedelta(days=1)), Tenure(ends_on=TODAY - timedelta(days=1))


def of_operator(tenure):
    question = texas_hair()
    return replace(question, operator=replace(question.operator, tenure=tenure))


def of_practitioner(tenure):
    question = texas_hair()
    who = question.practitioner
    return replace(question, practitioner=replace(who, person=replace(who.person, tenure=tenure)))


def of_buyer(tenure):
    question = texas_hair()
    return replace(question, buyer=replace(question.buyer, tenure=tenure))


def of_colleague(tenure):
    question = texas_hair()
    (colleague,) = question.site.colleagues
    return replace(question, site=replace(question.site, colleagues=(replace(colleague, tenure=tenure),)))


EVERYBODY = {
    of_operator: "OPERATOR_NOT_MEMBER",
    of_practitioner: "PRACTITIONER_NOT_MEMBER",
    of_buyer: "BUYER_SUSPENDED",
    of_colleague: "LEVEL_NOT_COVERED",  # The site has nobody of the level any more.
}


@pytest.mark.parametrize("tenure", [FIRST, LAST])
@pytest.mark.parametrize("whose", EVERYBODY)
def test_the_first_and_the_last_day_count(whose, tenure):
    assert against(whose(tenure)) == []


@pytest.mark.parametrize("tenure", [LATER, OVER])
@pytest.mark.parametrize(("whose", "code"), EVERYBODY.items())
def test_before_and_after_them_nobody_counts(whose, code, tenure):
    assert code in [found for _, found, _ in against(whose(tenure))]


def test_the_day_ends_where_the_device_is_used():
    midnight = datetime(2026, 11, 23, 6, tzinfo=UTC)  # In Texas, in winter.

    assert against(of_operator(LAST), midnight - timedelta(seconds=1)) == []
    assert against(of_operator(LAST), midnight) != []


@pytest.mark.parametrize("whose", EVERYBODY)
def test_a_yes_holds_no_longer_than_the_membership_of_those_it_rests_on(whose):
    assert asked_of(whose(LAST), NOON).valid_until == datetime(2026, 11, 23, 6, tzinfo=UTC)


def test_nor_does_a_colleague_on_whom_nothing_rests_shorten_it():
    question = texas_hair()
    leaving = person("Cleo", tenure=LAST)
    beside = replace(question, site=replace(question.site, colleagues=(*question.site.colleagues, leaving)))

    until = asked_of(question).valid_until
    assert until > datetime(2026, 11, 23, 6, tzinfo=UTC)
    assert asked_of(beside).valid_until == until
