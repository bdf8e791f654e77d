"""The whole sale in pages: each side sees what is theirs, does what is theirs, and nobody else does it."""

import re
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from marketplace.extensions import db
from marketplace.orders.models import Order
from marketplace.orders.states import OrderState
from tests.factories.accounts import make_user
from tests.factories.orders import make_order, make_scene, the_order
from tests.factories.payments import do_jobs, hear, onboarded, the_payment
from tests.support import sign_in


@pytest.fixture
def scene(now):
    return make_scene(now)


@pytest.fixture
def as_(app):
    """A browser that is signed in as somebody."""

    def browser(user):
        client = app.test_client()
        sign_in(client, user)
        return client

    return browser


def text(answer) -> str:
    return re.sub(r"\s+", " ", answer.get_data(as_text=True))


def token(page: str) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found, page
    return found[1]


def form_key(page: str) -> str:
    found = re.search(r'name="form_key"[^>]*value="([^"]+)"', page)
    assert found, page
    return found[1]


def press(client, page: str, action: str, **fields):
    """Send a form of the page."""
    assert f'action="{action}"' in page or "<form method=\"post\" novalidate" in page, page
    return client.post(action, data={"csrf_token": token(page), **fields})


class TestWholeSale:
    def test_from_the_order_to_the_sellers_money(self, scene, as_, local_stripe, now):
        buyer, practitioner, seller = as_(scene.buyer), as_(scene.practitioner), as_(scene.seller)
        onboarded(local_stripe, scene.seller_clinic.id, at=now)

        page = text(buyer.get(f"/devices/{scene.listing.id}/order"))
        assert "You can buy this in Texas" in page
        answer = buyer.post(
            f"/devices/{scene.listing.id}/order",
            data={"csrf_token": token(page), "form_key": form_key(page), "terms": "y"},
        )
        assert answer.status_code == 303
        order_id = db.session.scalars(select(Order.id)).one()
        address = f"/orders/{order_id}"
        assert answer.location == address
        assert "awaiting the practitioner" in text(buyer.get(address))

        page = text(practitioner.get(f"{address}/confirm"))
        assert f"serial number {scene.listing.serial}" in page
        signed = re.findall(r'name="statements" value="([^"]+)"', page)
        answer = practitioner.post(
            f"{address}/confirm", data={"csrf_token": token(page), "statements": signed, "sign": "y"}
        )
        assert (answer.status_code, answer.location) == (303, address)

        answer = press(buyer, text(buyer.get(address)), f"{address}/pay")
        assert answer.status_code == 303
        assert answer.location.startswith(f"{local_stripe.base_url}/c/pay/cs_test_")
        waiting = buyer.get(f"{address}?paid=1")
        assert "Payment being confirmed" in text(waiting)
        assert waiting.headers["Refresh"] == "5"

        # $42,500 is above what cards are taken for.
        checkout = the_payment(order_id).checkout_id
        local_stripe.choose_bank_transfer(checkout)
        hear(local_stripe)
        assert "is being confirmed by the bank" in text(buyer.get(address))
        local_stripe.money_arrives(checkout)
        hear(local_stripe)
        page = text(buyer.get(f"{address}?paid=1"))
        assert "Your payment of $42,500 is held until you accept the device." in page
        assert "Refresh" not in buyer.get(f"{address}?paid=1").headers

        page = text(seller.get(address))
        assert "You get $39,950: the price of $42,500 less our fee of $2,550, when the buyer accepts the device." in page
        assert press(seller, page, f"{address}/release").status_code == 303
        page = text(seller.get(f"{address}/dispatch"))
        assert "100 Main Street, Austin, TX 78701" in page
        answer = seller.post(
            f"{address}/dispatch", data={"csrf_token": token(page), "carrier": "ArcBest", "tracking": "4411"}
        )
        assert answer.status_code == 303

        page = text(buyer.get(address))
        assert "ArcBest, 4411" in page
        assert press(buyer, page, f"{address}/arrival").status_code == 303
        assert press(buyer, text(buyer.get(address)), f"{address}/accept").status_code == 303
        do_jobs()

        assert the_order(order_id).state is OrderState.SETTLED
        assert "We sent $39,950 to your account." in text(seller.get(address))
        assert "This purchase is complete." in text(buyer.get(address))
        assert "complete" in text(buyer.get("/orders"))
        assert "Lone Star Skin" in text(seller.get("/sales"))
