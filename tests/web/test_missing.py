"""For lack of which paper people were turned away: told by place, and never of so few that they could be known."""

from datetime import timedelta

import pytest

from marketplace.eligibility.blocked import FEWEST, PERIOD, Blocked, blocked
from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.orders.refusals import NotCleared
from tests.factories.accounts import make_user
from tests.factories.clinics import make_member
from tests.factories.orders import place
from tests.pages import text
from tests.support import count_statements

PAPER = "Texas laser hair removal certificate (TDLR)"


def turned_away(scene, at, *, times: int = 1) -> None:
    """Let somebody without any paper ask for the device."""
    person = make_user()
    make_member(clinic=scene.clinic, user=person)
    for _ in range(times):
        with pytest.raises(NotCleared):
            place(scene, at=at, buyer_id=person.id, operator_id=person.id)


def of_the_certificate(at) -> list[Blocked]:
    return [one for one in blocked(at=at) if one.paper == PAPER]


@pytest.fixture(autouse=True)
def nothing_is_kept(app):
    """Nobody has asked in this hour."""
    app.extensions.pop("second_light_missing", None)
    yield
    app.extensions.pop("second_light_missing", None)


def test_five_people_are_told_of_and_four_are_not(app, scene, client, now):
    for _ in range(FEWEST - 1):
        turned_away(scene, now, times=2)
    assert blocked(at=now) == []
    assert "Nothing to tell yet" in text(client.get("/rules/missing"))

    turned_away(scene, now)

    assert of_the_certificate(now) == [Blocked("TX", PAPER, FEWEST)]
    app.extensions["second_light_missing"].clear()
    page = text(client.get("/rules/missing"))
    assert PAPER in page
    assert 'href="/rules/TX"' in page
    assert scene.clinic.name not in page


def test_is_of_the_last_year_and_takes_one_statement(scene, now):
    for _ in range(FEWEST):
        turned_away(scene, now)
    db.session.rollback()

    assert of_the_certificate(now + PERIOD) == [Blocked("TX", PAPER, FEWEST)]
    with count_statements() as sent:
        assert blocked(at=now + PERIOD + timedelta(seconds=1)) == []
    assert len(sent) == 1


def test_a_year_is_read_once_an_hour(app, client):
    hour = clock.now().replace(minute=0, second=0, microsecond=0)
    app.extensions["second_light_missing"] = {
        hour + timedelta(hours=ahead): [Blocked("TX", "A paper", 7)] for ahead in (0, 1)
    }

    with count_statements() as sent:
        page = text(client.get("/rules/missing"))

    assert "A paper" in page
    assert [statement for statement in sent if "eligibility_decisions" in statement] == []


def test_a_yes_is_none(scene, now):
    place(scene, at=now)

    assert blocked(at=now) == []


def test_is_linked_from_the_rules(scene, client):
    assert 'href="/rules/missing"' in text(client.get("/rules"))
