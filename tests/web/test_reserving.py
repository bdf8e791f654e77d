"""Reservations in pages: the buyer asks from the device, the seller answers, and others read that they must wait."""

from datetime import timedelta
from functools import partial

import pytest

from marketplace.orders import reserving
from tests.factories.accounts import make_user
from tests.factories.clinics import make_member
from tests.pages import browser_of, press, text, token


@pytest.fixture
def as_(app):
    return partial(browser_of, app)


@pytest.fixture
def ada(scene):
    ada = make_user(name="Ada Lamb")
    make_member(clinic=scene.clinic, user=ada)
    return ada


def ask(browser, scene, message="With the verifier since Monday."):
    address = f"/devices/{scene.listing.id}/reserve"
    page = text(browser.get(address))
    data = {"csrf_token": token(page), "site_id": scene.site.id, "message": message}
    return browser.post(address, data=data)


class TestReserving:
    def test_from_the_verdict_to_the_reservation_and_its_end(self, scene, ada, as_):
        device = f"/devices/{scene.listing.id}"
        buyer, seller, other = as_(ada), as_(scene.seller), as_(scene.buyer)

        assert f'href="{device}/reserve?site={scene.site.id}"' in text(buyer.get(device))
        assert ask(buyer, scene).location == "/reservations"
        assert "waiting for the seller" in text(buyer.get("/reservations"))

        page = text(seller.get("/reservations"))
        assert "Ada Lamb of" in page
        assert "With the verifier since Monday." in page
        (one,) = reserving.of_buyer(ada.id, at=scene.listing.created_at)
        answer = press(seller, page, f"/reservations/{one.id}/grant", days="3")
        assert (answer.status_code, answer.location) == (303, "/reservations")
        assert "You keep it until" in text(seller.get("/reservations"))

        assert "reserved for you" in text(buyer.get(device))
        page = text(other.get(device))
        assert "It is reserved for another buyer, until" in page
        assert "Ada" not in page
        page = text(other.get(f"{device}/order"))
        form_key = page.split('name="form_key"')[1].split('value="')[1].split('"')[0]
        answer = other.post(f"{device}/order", data={"csrf_token": token(page), "form_key": form_key, "terms": "y"})
        assert answer.status_code == 409
        assert "reserved for another buyer" in text(answer)

        page = text(buyer.get("/reservations"))
        assert press(buyer, page, f"/reservations/{one.id}/give-up").status_code == 303
        assert "given up" in text(buyer.get("/reservations"))
        assert "reserved for another" not in text(other.get(device))

    def test_the_seller_declines(self, scene, ada, as_):
        ask(as_(ada), scene)
        (one,) = reserving.of_buyer(ada.id, at=scene.listing.created_at)
        seller = as_(scene.seller)
        press(seller, text(seller.get("/reservations")), f"/reservations/{one.id}/decline")

        assert "declined" in text(as_(ada).get("/reservations"))

    def test_what_cannot_be_asked_is_said_beside_the_field(self, scene, ada, as_):
        answer = ask(as_(ada), scene, message=" ")

        assert answer.status_code == 422
        assert "Tell the seller in a few sentences what is still missing" in text(answer)

    def test_days_that_cannot_be_are_refused(self, scene, ada, as_, now):
        ask(as_(ada), scene)
        (one,) = reserving.of_buyer(ada.id, at=now)
        seller = as_(scene.seller)
        answer = press(seller, text(seller.get("/reservations")), f"/reservations/{one.id}/grant", days="15")

        assert answer.status_code == 422
        assert reserving.kept(scene.listing.id, at=now) is None

    def test_who_is_cleared_is_not_offered_it(self, scene, as_):
        assert "/reserve" not in text(as_(scene.buyer).get(f"/devices/{scene.listing.id}"))

    def test_who_has_no_site_is_told_to_make_one(self, scene, as_):
        assert "site" in text(as_(make_user()).get(f"/devices/{scene.listing.id}/reserve"))

    def test_a_stranger_answers_nothing(self, scene, ada, as_, now):
        ask(as_(ada), scene)
        (one,) = reserving.of_buyer(ada.id, at=now)
        stranger = as_(make_user())
        page = text(stranger.get("/account"))
        for act in ("grant", "decline", "give-up"):
            answer = stranger.post(f"/reservations/{one.id}/{act}", data={"csrf_token": token(page), "days": "3"})
            assert answer.status_code == 404
        assert reserving.kept(scene.listing.id, at=now + timedelta(hours=1)) is None
