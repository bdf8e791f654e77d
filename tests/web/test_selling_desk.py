"""The seller's desk: pausing, prices that were asked, and how often a unit is looked at."""

import pytest

from marketplace.extensions import db
from marketplace.listings import views
from marketplace.listings.models import Listing
from marketplace.listings.states import ListingState
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_clinic
from tests.factories.listings import make_listing
from tests.pages import browser_of, text
from tests.support import count_statements


@pytest.fixture
def seller():
    return make_user(name="Sella Ruiz")


@pytest.fixture
def unit(seller):
    return make_listing(clinic=make_clinic(owner=seller, seller=True))


@pytest.fixture
def mine(app, seller):
    return browser_of(app, seller)


def state_of(unit):
    db.session.expire_all()
    return db.session.get(Listing, unit.id).state


def test_a_unit_is_paused_and_comes_back(client, mine, unit):
    mine.post(f"/sell/{unit.id}/pause")
    assert state_of(unit) is ListingState.PAUSED
    assert "paused" in text(mine.get("/sell"))
    html = text(client.get(f"/devices/{unit.id}"))
    assert "Its seller has paused the sale. It may come back." in html
    assert "Sign in to buy" not in html
    mine.post(f"/sell/{unit.id}/resume")
    assert state_of(unit) is ListingState.PUBLISHED
    assert "Sign in to buy" in text(client.get(f"/devices/{unit.id}"))


def test_buttons_are_those_of_the_state(mine, unit):
    html = text(mine.get(f"/sell/{unit.id}"))
    assert f'action="/sell/{unit.id}/pause"' in html
    assert f'action="/sell/{unit.id}/resume"' not in html
    mine.post(f"/sell/{unit.id}/pause")
    assert f'action="/sell/{unit.id}/resume"' in text(mine.get(f"/sell/{unit.id}"))


@pytest.mark.parametrize("act", ["pause", "resume"])
def test_nobody_elses_unit_is_paused(app, unit, act):
    assert browser_of(app, make_user()).post(f"/sell/{unit.id}/{act}").status_code == 404
    assert state_of(unit) is ListingState.PUBLISHED


def test_buyers_see_what_was_asked_before(client, mine, unit):
    assert "Prices that were asked" not in text(client.get(f"/devices/{unit.id}"))
    for price in ("$45,000", "$41,000"):
        mine.post(f"/sell/{unit.id}/price", data={"price": price})
    for html in (text(client.get(f"/devices/{unit.id}")), text(mine.get(f"/sell/{unit.id}"))):
        assert "Prices that were asked" in html
        assert "$45,000" in html


def test_looks_are_counted_but_for_the_sellers_own_and_staffs(app, client, mine, unit):
    address = f"/devices/{unit.id}"
    for browser in (client, browser_of(app, make_user()), mine, browser_of(app, make_staff("moderator"))):
        assert browser.get(address).status_code == 200
    views.write()
    assert "Looked at 2 times within thirty days" in text(mine.get(f"/sell/{unit.id}"))
    assert "2 views in 30 days" in text(mine.get("/sell"))


def test_the_list_takes_as_many_statements_for_one_unit_as_for_many(mine, unit, seller):
    with count_statements() as one:
        mine.get("/sell")
    clinic = db.session.get(Listing, unit.id).clinic_id
    for _ in range(3):
        make_listing(clinic=db.session.get(type(make_clinic()), clinic))
    with count_statements() as many:
        mine.get("/sell")
    assert len(many) == len(one)
