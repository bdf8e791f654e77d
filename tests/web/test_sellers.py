"""Pages of sellers and of what buyers say: as the buyer, the seller, staff and a stranger."""

import pytest

from marketplace.reviews import service
from tests.factories.accounts import make_staff, make_user
from tests.pages import browser_of, press, text, token
from tests.support import count_statements

SAID = "It was as described, and packed well."


@pytest.fixture
def sold(accepted):
    return accepted


@pytest.fixture
def said(scene, sold, now):
    return service.write(order_id=sold.id, actor_id=scene.buyer.id, rating=4, words=SAID, at=now)


def test_a_buyer_says_how_it_went_and_everybody_reads_it_without_their_name(app, client, scene, sold):
    buyer = browser_of(app, scene.buyer)
    address = f"/orders/{sold.id}/review"

    assert f'href="{address}"' in text(buyer.get(f"/orders/{sold.id}"))
    page = text(buyer.get(address))
    wrong = buyer.post(address, data={"csrf_token": token(page), "words": "Fine."})
    assert (wrong.status_code, "Choose from one to five." in text(wrong)) == (422, True)
    answer = buyer.post(address, data={"csrf_token": token(page), "rating": "5", "words": SAID})
    assert (answer.status_code, answer.location) == (303, address)
    assert SAID in text(buyer.get(address))
    assert address not in text(buyer.get(f"/orders/{sold.id}"))

    page = text(client.get(f"/sellers/{scene.seller_clinic.id}"))
    assert SAID in page
    assert "a clinic in Texas" in page
    assert "Alice Martin" not in page
    assert scene.clinic.name not in page


def test_what_is_refused_by_the_house_stands_beside_its_field(app, scene, sold):
    buyer = browser_of(app, scene.buyer)
    page = text(buyer.get(f"/orders/{sold.id}/review"))

    answer = buyer.post(
        f"/orders/{sold.id}/review", data={"csrf_token": token(page), "rating": "5", "words": "\u2003 "}
    )

    assert (answer.status_code, "Say" in text(answer)) == (422, True)


def test_the_other_side_and_strangers_have_nothing_to_say(app, scene, sold):
    for somebody in (scene.seller, scene.practitioner, make_user()):
        assert browser_of(app, somebody).get(f"/orders/{sold.id}/review").status_code == 404


def test_the_seller_answers_once(app, client, scene, said):
    seller = browser_of(app, scene.seller)
    page = text(seller.get("/sales/reviews"))
    assert SAID in page

    empty = seller.post(f"/reviews/{said}/answer", data={"csrf_token": token(page), "words": ""})
    assert (empty.status_code, "Say something first." in text(empty)) == (422, True)
    blank = seller.post(f"/reviews/{said}/answer", data={"csrf_token": token(page), "words": "\u2003 \u2003"})
    assert blank.status_code == 422
    answer = press(seller, page, f"/reviews/{said}/answer", words="We are glad.")
    assert (answer.status_code, answer.location) == (303, "/sales/reviews")

    assert "We are glad." in text(client.get(f"/sellers/{scene.seller_clinic.id}"))
    assert "/answer" not in text(seller.get("/sales/reviews"))
    assert "Nobody has said anything yet" in text(browser_of(app, scene.buyer).get("/sales/reviews"))


def test_a_moderator_hides_words_and_everybody_reads_why(app, client, scene, said):
    moderator = browser_of(app, make_staff("moderator"))
    page = text(moderator.get("/staff/reviews"))

    empty = moderator.post(f"/staff/reviews/{said}/hide", data={"csrf_token": token(page), "because": ""})
    assert empty.status_code == 422
    assert press(moderator, page, f"/staff/reviews/{said}/hide", because="It names a person.").status_code == 303

    page = text(client.get(f"/sellers/{scene.seller_clinic.id}"))
    assert SAID not in page
    assert "It names a person. The rating counts all the same." in page
    assert "/hide" not in text(moderator.get("/staff/reviews"))
    assert "/hide" not in text(browser_of(app, make_staff("auditor")).get("/staff/reviews"))


def test_a_seller_is_told_with_its_badge_and_figures_in_six_statements(client, scene, said):
    address = f"/sellers/{scene.seller_clinic.id}"
    with count_statements() as sent:
        page = text(client.get(address))

    assert "Proven seller: not earned yet" in page
    assert "1 sale to 1 clinic" in page
    assert len([one for one in sent if one.startswith(("SELECT", "\n"))]) == 6
    assert client.get(f"/sellers/{scene.clinic.id}").status_code == 404


def test_a_device_leads_to_its_seller_with_what_was_said(client, scene, sold, now):
    page = text(client.get(f"/devices/{scene.listing.id}"))
    assert "No reviews yet: what it sold here" in page

    service.write(order_id=sold.id, actor_id=scene.buyer.id, rating=4, words=SAID, at=now)

    page = text(client.get(f"/devices/{scene.listing.id}"))
    assert "4.0 of 5 in 1 review: what it sold here" in page
    assert f'href="/sellers/{scene.seller_clinic.id}"' in page
