"""The pages on which a buyer says who signed for a device, and staff what they found of somebody nobody names."""

from functools import partial

import pytest

from marketplace.extensions import db
from marketplace.orders.handovers import DeliveryReceipt
from marketplace.orders.states import OrderState
from tests.factories.accounts import make_staff
from tests.factories.orders import make_order, the_order
from tests.pages import browser_of, press, text


@pytest.fixture
def as_(app):
    return partial(browser_of, app)


@pytest.fixture
def address(in_transit):
    return f"/orders/{in_transit.id}"


def test_offers_the_clinics_people_and_somebody_else(scene, as_, address):
    page = text(as_(scene.buyer).get(f"{address}/arrival"))

    assert f'<option selected value="{scene.buyer.id}">Alice Martin</option>' in page
    assert f'<option value="{scene.owner.id}">Olive Stone</option>' in page
    assert '<option value="else">somebody else</option>' in page
    assert "ArcBest, 4411" in page
    assert "Selma Vogt" not in page


def test_a_name_is_asked_for_where_somebody_else_signed(scene, as_, address):
    browser = as_(scene.buyer)
    page = text(browser.get(f"{address}/arrival"))
    unnamed = press(browser, page, f"{address}/arrival", member="else")
    assert unnamed.status_code == 422
    assert "Write the name that stands on the carrier&#39;s receipt." in text(unnamed)
    assert '<option selected value="else">' in text(unnamed)

    assert press(browser, page, f"{address}/arrival", member="else", name="Karl Brandt").status_code == 303
    assert "<dt>Signed for by</dt><dd>Karl Brandt</dd>" in text(browser.get(address))
    assert "Karl Brandt" not in text(as_(scene.seller).get(address))


def test_nobody_but_the_clinics_people_can_be_chosen(scene, as_, address):
    browser = as_(scene.buyer)
    page = text(browser.get(f"{address}/arrival"))

    assert press(browser, page, f"{address}/arrival", member=str(scene.seller.id)).status_code == 422
    assert db.session.query(DeliveryReceipt).all() == []


def test_the_seller_is_shown_no_names_and_reports_nothing(scene, as_, address):
    browser = as_(scene.seller)
    answer = browser.get(f"{address}/arrival")
    assert (answer.status_code, answer.location) == (303, address)

    refused = browser.post(f"{address}/arrival", data={"member": str(scene.buyer.id)})
    assert refused.status_code == 403
    assert "Olive Stone" not in text(refused)


def test_what_is_not_on_its_way_has_no_such_page(scene, as_, now):
    address = f"/orders/{make_order('under_inspection', scene, at=now).id}"
    browser = as_(scene.buyer)

    assert browser.get(f"{address}/arrival").location == address
    assert browser.post(f"{address}/arrival", data={"member": str(scene.buyer.id)}).status_code == 409


class TestStaff:
    @pytest.fixture
    def doubted(self, scene, as_, address):
        browser = as_(scene.buyer)
        page = text(browser.get(f"{address}/arrival"))
        press(browser, page, f"{address}/arrival", member="else", name="Karl Brandt")
        return f"/staff{address}"

    def test_find_it_on_the_finance_desk_and_settle_it(self, as_, doubted):
        browser = as_(make_staff("finance"))
        desk = text(browser.get("/staff/finance"))
        assert "Who took these devices?" in desk
        assert f'href="{doubted}#delivery"' in desk

        page = text(browser.get(doubted))
        assert "“Karl Brandt” signed for it, as the buyer told us" in page
        unsaid = press(browser, page, f"{doubted}/delivery")
        assert unsaid.status_code == 422
        assert "Write what you found." in text(unsaid)
        assert press(browser, page, f"{doubted}/delivery", **{"delivery-finding": "Its porter."}).status_code == 303

        page = text(browser.get(doubted))
        assert "Its porter." in page
        assert f'action="{doubted}/delivery"' not in page
        assert "Who took these devices?" not in text(browser.get("/staff/finance"))

    def test_an_auditor_reads_and_settles_nothing(self, as_, doubted):
        browser = as_(make_staff("auditor"))
        page = text(browser.get(doubted))

        assert "“Karl Brandt” signed for it" in page
        assert f'action="{doubted}/delivery"' not in page
        assert browser.post(f"{doubted}/delivery", data={"delivery-finding": "x"}).status_code == 403
        assert db.session.query(DeliveryReceipt).one().settled_at is None

    def test_an_order_without_doubt_says_nothing_of_it(self, scene, as_, now):
        order = make_order("under_inspection", scene, at=now)

        assert "Who took the device" not in text(as_(make_staff("finance")).get(f"/staff/orders/{order.id}"))
        assert the_order(order.id).state is OrderState.UNDER_INSPECTION
