"""The desk of those who look after the money."""

from functools import partial

import pytest
from sqlalchemy import select

from marketplace.extensions import db
from marketplace.orders.states import OrderState
from marketplace.payments.models import MoneyIntent
from tests.factories.accounts import make_staff
from tests.factories.clinics import make_member
from tests.factories.orders import make_order, place, place_and_confirm, the_order
from tests.factories.payments import hear, pay_page, the_payment
from tests.pages import browser_of, press, text, token


@pytest.fixture
def as_(app):
    """A browser that is signed in as somebody."""
    return partial(browser_of, app)


class TestDesk:
    @pytest.mark.parametrize("role", ["finance", "auditor", "admin"])
    def test_is_open_to_those_who_look_after_money(self, scene, as_, now, role):
        order = make_order("funds_held", scene, at=now)
        browser = as_(make_staff(role))

        assert scene.listing.title in text(browser.get("/staff/orders"))
        assert "No orders here" in text(browser.get("/staff/orders?state=settled"))
        assert scene.listing.title in text(browser.get("/staff/orders?state=nonsense"))
        page = text(browser.get(f"/staff/orders/{order.id}"))
        assert "ch_made_" in page
        assert ("back to the buyer</button>" in page) is (role == "finance")

    def test_is_shut_to_members_and_other_staff(self, scene, as_, now):
        order_id = place(scene, at=now)
        for somebody in (scene.buyer, make_staff("verifier")):
            browser = as_(somebody)
            assert browser.get("/staff/orders").status_code == 403
            assert browser.get(f"/staff/orders/{order_id}").status_code == 403

    def test_shows_an_order_without_money_and_the_books_of_one_with(self, scene, as_, now, local_stripe):
        browser = as_(make_staff("finance"))
        order_id = place_and_confirm(scene, at=now)
        page = text(browser.get(f"/staff/orders/{order_id}"))
        assert "No payment was ever begun." in page
        assert "No money has moved." in page

        pay_page(order_id, scene.buyer.id, at=now)
        local_stripe.pay_by_card(the_payment(order_id).checkout_id)
        hear(local_stripe)

        page = text(browser.get(f"/staff/orders/{order_id}"))
        assert "provider clearing" in page
        assert "-$42,500" in page

    def test_finance_gives_money_back_with_a_reason(self, scene, as_, now):
        order = make_order("held_not_cleared", scene, at=now)
        browser, address = as_(make_staff("finance")), f"/staff/orders/{order.id}"
        page = text(browser.get(address))
        assert browser.post(f"{address}/refund", data={"csrf_token": token(page)}).status_code == 422

        answer = browser.post(f"{address}/refund", data={"csrf_token": token(page), "reason": "not cured in time"})

        assert answer.status_code == 303
        assert "Second Light gave the payment back: not cured in time" in text(browser.get(address))
        assert "refund: pending" in text(browser.get(address))

    def test_finance_notes_an_arrival(self, scene, as_, now):
        order = make_order("in_transit", scene, at=now)
        browser, address = as_(make_staff("finance")), f"/staff/orders/{order.id}"

        page = text(browser.get(address))
        unsaid = press(browser, page, f"{address}/arrival")
        assert unsaid.status_code == 422
        assert "Write the name that stands on the receipt." in text(unsaid)
        assert the_order(order.id).state is OrderState.IN_TRANSIT
        answer = press(browser, page, f"{address}/arrival", **{"arrival-name": scene.buyer.name})

        assert answer.status_code == 303
        assert the_order(order.id).state is OrderState.UNDER_INSPECTION

    @pytest.mark.parametrize("side", ["clinic", "seller_clinic"])
    @pytest.mark.parametrize(("act", "state"), [
        ("refund", "funds_held"), ("arrival", "in_transit"), ("ask-again", "funds_held"), ("front", "funds_held"),
        ("surplus", "funds_held"), ("partial-refund", "funds_held"),
    ])  # fmt: skip
    def test_nobody_in_finance_touches_an_order_of_a_clinic_of_theirs(self, scene, as_, now, side, act, state):
        order = make_order(state, scene, at=now)
        finance = make_staff("finance")
        make_member(clinic=getattr(scene, side), user=finance, left_at=now)
        browser, address = as_(finance), f"/staff/orders/{order.id}"

        page = text(browser.get(address))
        typed = {
            "reason": "for a friend", "part-amount": "$100", "part-reason": "for a friend", "arrival-name": "A. Friend",
        }  # fmt: skip
        answer = browser.post(f"{address}/{act}", data={"csrf_token": token(page), **typed})

        assert "What is done about this order is done by a colleague." in page
        assert f'action="{address}' not in page
        assert answer.status_code == 403
        assert "You belong, or belonged, to a clinic that buys or sells here." in text(answer)
        assert the_order(order.id).state is OrderState(state)
        assert db.session.scalars(select(MoneyIntent)).all() == []

    def test_an_auditor_changes_nothing(self, scene, as_, now):
        order = make_order("funds_held", scene, at=now)
        browser = as_(make_staff("auditor"))
        data = {"csrf_token": token(text(browser.get(f"/staff/orders/{order.id}"))), "reason": "x"}

        for act in ("refund", "arrival"):
            assert browser.post(f"/staff/orders/{order.id}/{act}", data=data).status_code == 403
        assert the_order(order.id).state is OrderState.FUNDS_HELD
