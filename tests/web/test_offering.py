"""Offers in pages: the buyer names a price on the device's page, the seller answers, and the order has what was agreed."""

from functools import partial

import pytest
from sqlalchemy import select

from marketplace.extensions import db
from marketplace.kernel.money import Money
from marketplace.orders import offering, offers
from marketplace.orders.models import Order
from tests.factories.accounts import make_user
from tests.pages import browser_of, press, text, token


@pytest.fixture
def as_(app):
    return partial(browser_of, app)


@pytest.fixture
def offer_id(scene, now):
    return offering.make(
        listing_id=scene.listing.id, buyer_id=scene.buyer.id, site_id=scene.site.id, amount=Money(3_900_000), at=now
    )


def offer(browser, scene, amount="$39,000"):
    address = f"/devices/{scene.listing.id}/offer"
    page = text(browser.get(address))
    return browser.post(address, data={"csrf_token": token(page), "site_id": scene.site.id, "amount": amount})


def order(browser, scene):
    address = f"/devices/{scene.listing.id}/order"
    page = text(browser.get(address))
    form_key = page.split('name="form_key"')[1].split('value="')[1].split('"')[0]
    return page, browser.post(address, data={"csrf_token": token(page), "form_key": form_key, "terms": "y"})


def test_from_the_device_to_an_order_at_the_agreed_price(scene, as_):
    device = f"/devices/{scene.listing.id}"
    buyer, seller = as_(scene.buyer), as_(scene.seller)

    assert f'href="{device}/offer?site={scene.site.id}"' in text(buyer.get(device))
    assert offer(buyer, scene).location == "/offers"
    page = text(seller.get("/offers"))
    assert "$39,000 offered, $42,500 asked" in page
    assert "A cleared buyer in Texas" in page
    assert "Alice Martin" not in page
    (one,) = offers.of_buyer(scene.buyer.id, at=scene.listing.created_at)
    answer = press(seller, page, f"/offers/{one.id}/accept")
    assert (answer.status_code, answer.location) == (303, "/offers")

    assert f'href="{device}/order"' in text(buyer.get("/offers"))
    page = text(buyer.get(device))
    assert "reserved for you" in page
    assert "/offer?" not in page
    page, answer = order(buyer, scene)
    assert "$39,000 as agreed, until" in page
    assert answer.status_code == 303
    assert db.session.scalars(select(Order.price_minor)).one() == 3_900_000


def test_who_agreed_on_more_than_is_asked_by_now_pays_what_is_asked(scene, as_, offer_id):
    buyer, seller = as_(scene.buyer), as_(scene.seller)
    press(seller, text(seller.get("/offers")), f"/offers/{offer_id}/accept")
    scene.listing.price_minor = 3_800_000
    db.session.commit()

    page, answer = order(buyer, scene)

    assert "as agreed" not in page
    assert "$38,000" in page
    assert answer.status_code == 303
    assert db.session.scalars(select(Order.price_minor)).one() == 3_800_000


def test_the_seller_names_a_price_and_the_buyer_takes_it(scene, as_, offer_id):
    buyer, seller = as_(scene.buyer), as_(scene.seller)
    page = text(seller.get("/offers"))

    for amount, sentence in (("", "Write your price."), ("50,000", "below what you ask"), ("much", "amount")):
        wrong = seller.post(f"/offers/{offer_id}/counter", data={"csrf_token": token(page), "amount": amount})
        assert (wrong.status_code, sentence in text(wrong)) == (422, True)
    assert press(seller, page, f"/offers/{offer_id}/counter", amount="41,000").status_code == 303
    page = text(buyer.get("/offers"))
    assert "Take it for $41,000" in page
    assert press(buyer, page, f"/offers/{offer_id}/take").status_code == 303

    assert "agreed at $41,000" in " ".join(text(buyer.get("/offers")).replace("</span>", "").split())


def test_it_is_declined_or_taken_back(scene, as_, offer_id):
    buyer, seller = as_(scene.buyer), as_(scene.seller)
    press(seller, text(seller.get("/offers")), f"/offers/{offer_id}/decline")
    assert "declined" in text(buyer.get("/offers"))

    offer(buyer, scene)
    one = offers.of_buyer(scene.buyer.id, at=scene.listing.created_at)[0]
    press(buyer, text(buyer.get("/offers")), f"/offers/{one.id}/withdraw")
    assert "taken back" in text(buyer.get("/offers"))
    assert "No offers yet" in text(as_(make_user()).get("/offers"))


def test_what_cannot_be_offered_is_said_beside_the_field(scene, as_):
    buyer = as_(scene.buyer)

    for amount, sentence in (("45,000", "That is not below the price"), ("", "Write what you offer.")):
        answer = offer(buyer, scene, amount)
        assert (answer.status_code, sentence in text(answer)) == (422, True)


def test_who_is_not_cleared_reads_why_and_who_has_no_site_is_told(scene, as_):
    owner = as_(scene.owner)
    answer = offer(owner, scene)
    assert answer.status_code == 403
    assert "The gate does not clear this purchase" in text(answer)
    assert f"{scene.listing.id}/offer" not in text(owner.get(f"/devices/{scene.listing.id}"))

    page = as_(make_user()).get(f"/devices/{scene.listing.id}/offer")
    assert (page.status_code, "csrf_token" in text(page).split("<main")[1]) == (200, False)


def test_a_seller_says_which_offers_they_take(scene, as_, now):
    seller, address = as_(scene.seller), f"/sell/{scene.listing.id}/offers"
    assert f'href="{address}"' in text(seller.get(f"/sell/{scene.listing.id}"))
    page = text(seller.get(address))
    wrong = seller.post(address, data={"csrf_token": token(page), "taken": "y", "floor": "50,000"})
    assert (wrong.status_code, "It must lie below your price." in text(wrong)) == (422, True)
    assert seller.post(address, data={"csrf_token": token(page), "taken": "y", "floor": "40,000"}).status_code == 303

    assert offers.terms_of(scene.listing.id) == offers.Terms(taken=True, floor=Money(4_000_000))
    assert 'value="$40,000"' in text(seller.get(address))
    assert "$40,000" not in text(as_(scene.buyer).get(f"/devices/{scene.listing.id}"))
    assert as_(scene.buyer).get(address).status_code == 404
