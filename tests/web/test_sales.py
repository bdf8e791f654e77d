"""The selling side of an order in pages, and being paid."""

from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy import text as sql

from marketplace.extensions import db
from marketplace.orders.states import OrderState
from marketplace.payments import queries as payment_queries
from marketplace.payments.models import SellerAccount
from tests.factories.accounts import make_user
from tests.factories.orders import make_order, place, the_order
from tests.factories.payments import the_payment
from tests.pages import browser_of, press, text, token


@pytest.fixture
def as_(app):
    """A browser that is signed in as somebody."""
    return partial(browser_of, app)


class TestSales:
    def test_an_empty_list_says_what_to_do(self, as_):
        page = text(as_(make_user()).get("/sales"))

        assert "No sales yet" in page
        assert "Being paid" not in page

    def test_lists_orders_without_naming_the_buyer_too_early(self, scene, as_, now):
        place(scene, at=now)

        page = text(as_(scene.seller).get("/sales"))

        assert scene.listing.title in page
        assert "Lone Star Skin" not in page


class TestShipping:
    def test_a_no_tells_the_seller_no_reasons(self, scene, as_, now):
        order = make_order("funds_held", scene, at=now)
        db.session.execute(
            sql("UPDATE credentials SET state = 'revoked', reason = 'a secret' WHERE id = :id"),
            {"id": scene.licence.id},
        )
        db.session.commit()
        browser = as_(scene.seller)

        answer = press(browser, text(browser.get(f"/orders/{order.id}")), f"/orders/{order.id}/release")

        page = text(answer)
        assert answer.status_code == 403
        assert "The buyer is not cleared at the moment." in page
        assert "a secret" not in page
        assert "revoked" not in page.lower()
        assert the_order(order.id).state is OrderState.FUNDS_HELD

    @pytest.mark.parametrize(
        ("typed", "sentence"),
        [
            ({"carrier": "", "tracking": "1"}, "Write who carries the device."),
            ({"carrier": "ArcBest", "tracking": ""}, "Write the tracking number."),
            ({"carrier": "x" * 101, "tracking": "1"}, "Field cannot be longer than 100 characters."),
        ],
    )
    def test_dispatch_needs_to_know_with_whom(self, scene, as_, now, typed, sentence):
        order = make_order("released_to_ship", scene, at=now)
        browser = as_(scene.seller)
        page = text(browser.get(f"/orders/{order.id}/dispatch"))

        answer = browser.post(f"/orders/{order.id}/dispatch", data={"csrf_token": token(page), **typed})

        assert answer.status_code == 422
        assert sentence in text(answer)
        assert the_order(order.id).state is OrderState.RELEASED_TO_SHIP

    def test_giving_the_payment_back_needs_a_reason(self, scene, as_, now):
        order = make_order("funds_held", scene, at=now)
        browser, address = as_(scene.seller), f"/orders/{order.id}/refund"
        page = text(browser.get(address))
        assert browser.post(address, data={"csrf_token": token(page)}).status_code == 422

        answer = browser.post(address, data={"csrf_token": token(page), "reason": "it broke"})

        assert answer.status_code == 303
        assert "is going back to the buyer." in text(browser.get(answer.location))
        assert the_order(order.id).state is OrderState.REFUNDING


class TestAccounts:
    def test_opening_leads_to_the_provider_and_coming_back_is_looked_at(self, scene, as_, local_stripe):
        browser, clinic_id = as_(scene.seller), scene.seller_clinic.id
        page = text(browser.get("/sales"))
        assert "no account yet" in page

        answer = press(browser, page, f"/sales/accounts/{clinic_id}")

        assert answer.status_code == 303
        assert answer.location.startswith(local_stripe.base_url)
        back = browser.get(f"/sales/accounts/{clinic_id}/answered")
        assert back.location == "/sales"
        page = text(browser.get("/sales"))
        assert "still needs something from you" in page
        assert "Go on with the account" in page

        reference = db.session.scalars(select(SellerAccount.reference)).one()
        local_stripe.onboard(reference)
        browser.get(f"/sales/accounts/{clinic_id}/answered")
        assert "Your clinic can be paid." in text(browser.get("/sales"))

    def test_is_for_those_in_charge_of_the_clinic(self, scene, as_, local_stripe):
        browser = as_(scene.buyer)
        data = {"csrf_token": token(text(browser.get("/sales")))}

        assert browser.post(f"/sales/accounts/{scene.seller_clinic.id}", data=data).status_code == 404
        assert browser.post(f"/sales/accounts/{scene.clinic.id}", data=data).status_code == 403
        assert browser.get(f"/sales/accounts/{scene.clinic.id}/answered").status_code == 403
        assert payment_queries.seller_account(scene.clinic.id).opened is False

    def test_a_silent_provider_is_an_honest_page(self, scene, as_, local_stripe):
        browser = as_(scene.seller)
        page = text(browser.get("/sales"))
        local_stripe.fault("POST /v2/core/accounts", "error_before")

        answer = press(browser, page, f"/sales/accounts/{scene.seller_clinic.id}")

        assert answer.status_code == 503
        assert "The payment provider could not be asked just now." in text(answer)

    @pytest.mark.parametrize(
        ("why", "says"),
        [
            ("the seller cannot be paid: no account", "$39,950 waits for you, but your account cannot receive it yet."),
            ("InvalidRequestError 400: insufficient funds", "$39,950 is being sent to your account."),
        ],
    )
    def test_money_that_waits_for_the_account_is_said_to_wait(self, scene, as_, now, local_stripe, why, says):
        order = make_order("accepted", scene, at=now)
        payment = the_payment(order.id)
        db.session.execute(sql("UPDATE money_intents SET state = 'blocked', last_error = :why"), {"why": why})
        db.session.commit()

        assert says in text(as_(scene.seller).get(f"/orders/{order.id}"))
        assert payment.state == "releasing"
