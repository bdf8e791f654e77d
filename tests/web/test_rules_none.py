"""While no rules are in force the pages that show them say so plainly."""

import pytest

from marketplace.eligibility.models import PolicyState, PolicyVersion
from marketplace.extensions import db
from tests.factories.accounts import make_staff
from tests.factories.orders import make_scene
from tests.pages import browser_of, text


@pytest.fixture(autouse=True)
def _none(now):
    make_scene(now)
    rules = db.session.query(PolicyVersion).filter_by(state=PolicyState.PUBLISHED).one()
    rules.state, rules.retired_at = PolicyState.RETIRED, rules.published_at
    db.session.commit()


@pytest.mark.parametrize("address", ["/rules", "/rules?procedure=TATTOO", "/rules/TX"])
def test_everybody_reads_what_that_means_for_them(client, address):
    answer = client.get(address)

    shown = text(answer)
    assert (answer.status_code, "<h1>No rules are in force</h1>" in shown) == (200, True)
    assert "Until rules are published nobody can buy here" in shown
    assert "/staff/policy" not in shown


def test_staff_are_led_to_where_rules_are_published(app):
    assert 'href="/staff/policy"' in text(browser_of(app, make_staff("admin")).get("/rules"))


def test_what_is_no_state_is_not_there(client):
    assert client.get("/rules/XX").status_code == 404
