"""Pages of liens: both sides see where one stands, its seller hands in, finance reads, strangers find nothing."""

import io
from datetime import timedelta

import pytest

from marketplace.extensions import db
from marketplace.listings import liens
from marketplace.listings.liens import Search
from marketplace.listings.terms import FilingFound
from marketplace.orders import freeing
from tests.factories.accounts import make_staff, make_user
from tests.factories.documents import picture
from tests.factories.orders import make_order, make_scene
from tests.pages import browser_of, text
from tests.support import count_statements


@pytest.fixture
def scene(scene, now):
    said = {
        "title": "financed",
        "lender": "First Equipment Finance",
        "payoff_through": str((now + timedelta(9)).date()),
    }
    scene.listing.particulars = {**scene.listing.particulars, **said}
    db.session.commit()
    return scene


@pytest.fixture
def order(funds_held):
    return funds_held


@pytest.fixture
def seller(app, scene):
    return browser_of(app, scene.seller)


@pytest.fixture
def buyer(app, scene):
    return browser_of(app, scene.buyer)


@pytest.fixture
def finance(app):
    return browser_of(app, make_staff("finance"))


def given(**changed):
    return {"words": "Release of 20 November", "file": (io.BytesIO(picture()), "release.png"), **changed}


def handed_in(order, scene, now):
    return freeing.hand_in(
        order_id=order.id, actor_id=scene.seller.id, words="Release", filename="a.png", content=picture(), at=now
    )


class TestBeforeTheOrder:
    def test_the_device_and_the_order_form_say_so(self, scene, buyer):
        page = text(buyer.get(f"/devices/{scene.listing.id}"))
        assert "a loan or lien rests on it: its payoff letter is attached" in page
        assert "First Equipment Finance" in page
        assert "A loan or lien of First Equipment Finance rests on the device." in text(
            buyer.get(f"/devices/{scene.listing.id}/order")
        )


class TestOrder:
    def test_tells_each_side_what_stands_in_the_way(self, order, buyer, seller):
        buyers, sellers = (text(one.get(f"/orders/{order.id}")) for one in (buyer, seller))
        assert "A payment waits with us meanwhile." in buyers
        assert "Hand in the release" in sellers
        assert "Get the release to ship" not in sellers
        refused = seller.post(f"/orders/{order.id}/release")
        assert refused.status_code == 409
        assert "A loan or lien rests on this device" in text(refused)

    def test_goes_on_once_it_is_freed(self, order, scene, buyer, seller, finance, now):
        handed_in(order, scene, now)
        said = {"because": "Called them back."}
        assert finance.post(f"/staff/orders/{order.id}/lien/confirm", data=said).status_code == 303
        page = text(seller.get(f"/orders/{order.id}"))
        assert "Get the release to ship" in page
        assert "The lien on this device was released" in page
        assert "Called them back." in text(buyer.get(f"/orders/{order.id}/lien"))

    def test_asks_once_more_where_nothing_rests(self, now, app):
        scene = make_scene(now)
        order = make_order("funds_held", scene, at=now)
        browser = browser_of(app, scene.buyer)
        assert "/lien" not in text(browser.get(f"/orders/{order.id}"))
        assert browser.get(f"/orders/{order.id}/lien").status_code == 404
        order_id = order.id
        with count_statements() as sent:
            freeing.of_order(order_id)
        assert len(sent) == 1

    def test_tells_both_sides_of_a_filing_that_was_found_later(self, app, now):
        scene = make_scene(now)
        order = make_order("funds_held", scene, at=now)
        moderator = make_staff("moderator")
        made = Search("Desert", "Arizona, online", now.date(), FilingFound.THIS_UNIT, "2024-1", now)
        freeing.note_search(listing_id=scene.listing.id, actor_id=moderator.id, made=made)
        buyer, seller = browser_of(app, scene.buyer), browser_of(app, scene.seller)
        for one in (buyer, seller):
            page = text(one.get(f"/orders/{order.id}"))
            assert "A loan or lien that was found at a filing office rests on this device." in page
            assert "not stated by the seller: see what was found" in text(one.get(f"/orders/{order.id}/lien"))
        handed_in(order, scene, now)
        assert "a filing that was found, handed in" in text(browser_of(app, make_staff("finance")).get("/staff/liens"))
        order_id = order.id
        freeing.judge(order_id=order_id, actor_id=make_staff("finance").id, confirmed=True, because="Called.", at=now)
        assert "The lien on this device was released" in text(seller.get(f"/orders/{order_id}"))


class TestLien:
    def test_its_seller_hands_in_what_both_sides_read(self, order, scene, seller, buyer):
        assert "Hand it in" in text(seller.get(f"/orders/{order.id}/lien"))
        assert "Hand it in" not in text(buyer.get(f"/orders/{order.id}/lien"))
        answer = seller.post(f"/orders/{order.id}/lien", data=given())
        assert answer.location == f"/orders/{order.id}/lien"
        (release,) = freeing.of_order(order.id).releases
        for side in (seller, buyer):
            page = text(side.get(f"/orders/{order.id}/lien"))
            assert "Release of 20 November" in page
            assert "waits to be read" in page
            assert side.get(f"/orders/{order.id}/lien/{release.document_id}").mimetype == "image/png"
            assert side.get(f"/orders/{order.id}/lien/{order.id}").status_code == 404
        assert "Hand it in" not in text(seller.get(f"/orders/{order.id}/lien"))

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"words": ""}, "Say in a few words what the paper is, and of whom."),
            ({"file": (io.BytesIO(b""), "")}, "Choose the file of the paper."),
            ({"file": (io.BytesIO(b"MZ"), "x.pdf")}, "“x.pdf” is not a PDF, JPEG or PNG file."),
        ],
    )
    def test_says_what_is_wrong(self, order, seller, changed, said):
        answer = seller.post(f"/orders/{order.id}/lien", data=given(**changed))
        assert (answer.status_code, said in text(answer)) == (422, True)
        assert freeing.of_order(order.id).releases == ()

    def test_shows_what_our_staff_searched(self, order, scene, buyer, now):
        assert "Our staff have not searched filings on it." in text(buyer.get(f"/orders/{order.id}/lien"))
        office = "Arizona Secretary of State, online"
        made = Search("Desert Aesthetics LLC", office, now.date(), FilingFound.TERMINATED, "2019-77", now)
        freeing.note_search(listing_id=scene.listing.id, actor_id=make_staff("moderator").id, made=made)
        page = text(buyer.get(f"/orders/{order.id}/lien"))
        assert "a filing on this unit that is terminated, 2019-77" in page

    def test_is_nobody_elses(self, app, order, scene, buyer, now):
        document = handed_in(order, scene, now)
        stranger = browser_of(app, make_user())
        for address in (f"/orders/{order.id}/lien", f"/orders/{order.id}/lien/{document}"):
            assert stranger.get(address).status_code == 404
        assert stranger.post(f"/orders/{order.id}/lien", data=given()).status_code == 404
        assert buyer.post(f"/orders/{order.id}/lien", data=given()).status_code == 403


class TestDesk:
    def test_finance_reads_and_says_and_others_only_look(self, app, order, scene, finance, seller, now):
        assert "No release waits" in text(finance.get("/staff/liens"))
        document = handed_in(order, scene, now)
        page = text(finance.get("/staff/liens"))
        assert "lien of First Equipment Finance" in page
        assert finance.get(f"/staff/orders/{order.id}/lien/{document}").mimetype == "image/png"
        auditor = browser_of(app, make_staff("auditor"))
        assert "It frees the device" not in text(auditor.get("/staff/liens"))
        for browser in (auditor, seller):
            answer = browser.post(f"/staff/orders/{order.id}/lien/confirm", data={"because": "x"})
            assert answer.status_code == 403
        answer = finance.post(f"/staff/orders/{order.id}/lien/refuse", data={"because": ""})
        assert (answer.status_code, "Say how you found that out." in text(answer)) == (422, True)
        answer = finance.post(f"/staff/orders/{order.id}/lien/refuse", data={"because": "Another serial number."})
        assert answer.status_code == 303
        assert "Another serial number." in text(seller.get(f"/orders/{order.id}/lien"))
        assert finance.post(f"/staff/orders/{order.id}/lien/else", data={"because": "x"}).status_code == 404

    def test_a_paper_there_is_not_is_not_found(self, finance, order, now):
        assert finance.get(f"/staff/orders/{order.id}/lien/{order.id}").status_code == 404
        free = make_order("funds_held", make_scene(now), at=now)
        assert finance.get(f"/staff/orders/{free.id}/lien/{free.id}").status_code == 404


class TestFilings:
    @pytest.fixture
    def moderator(self, app):
        return browser_of(app, make_staff("moderator"))

    def filed(self, **changed):
        return {
            "debtor_name": "Desert Aesthetics LLC", "office": "Arizona Secretary of State", "through": "2026-01-05",
            "found": "nothing", "file_number": "", **changed,
        }  # fmt: skip

    def test_are_kept_by_moderators_under_the_name_that_is_searched(self, app, scene, moderator):
        address = f"/staff/listings/{scene.listing.id}/filings"
        assert f'href="{address}"' in text(moderator.get(f"/staff/listings/{scene.listing.id}"))
        page = text(moderator.get(address))
        assert 'value="Desert Aesthetics LLC"' in page
        assert "First Equipment Finance" in page
        assert moderator.post(address, data=self.filed()).status_code == 303
        assert "Arizona Secretary of State" in text(moderator.get(address))
        auditor = browser_of(app, make_staff("auditor"))
        assert "Keep a search" not in text(auditor.get(address))
        assert auditor.post(address, data=self.filed()).status_code == 403
        assert browser_of(app, make_user()).get(address).status_code == 403

    def test_say_what_is_wrong(self, scene, moderator, now):
        address = f"/staff/listings/{scene.listing.id}/filings"
        for changed, said in (
            ({"found": "this_unit"}, "Write the number of the filing that was found."),
            ({"through": str(now.date() + timedelta(2))}, "cannot be complete up to a day that lies ahead"),
            ({"office": ""}, "Say where."),
        ):
            answer = moderator.post(address, data=self.filed(**changed))
            assert (answer.status_code, said in text(answer)) == (422, True)
        assert liens.searches_of(scene.listing.id) == []

    def test_of_a_unit_on_which_nothing_rests(self, scene, moderator):
        scene.listing.particulars = {**scene.listing.particulars, "title": "free"}
        db.session.commit()
        assert "Nothing rests on it" in text(moderator.get(f"/staff/listings/{scene.listing.id}/filings"))
