"""Pages that say what the gate would answer their reader: how many statements each takes, and that changes are seen."""

import pytest

from marketplace.extensions import db
from marketplace.listings import figures
from tests.factories.clinics import make_member, make_site
from tests.factories.listings import make_handpiece, make_listing
from tests.pages import browser_of, text
from tests.support import count_statements


@pytest.fixture
def scene(scene):
    for code in ("CO2", "IPL", "ALEX"):
        make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece(code)])
    return scene


@pytest.fixture
def buyer(app, scene):
    return browser_of(app, scene.buyer)


def statements(browser, address) -> int:
    """How many a page takes when the process knows the kinds and the names, and nothing else of it."""
    browser.get(address)
    figures.forget()
    with count_statements() as sent:
        assert browser.get(address).status_code == 200
    return len(sent)


@pytest.mark.parametrize(
    ("address", "most"),
    [
        # Who is there; what the market is and what stands around them; the figures; and the page.
        ("/", 3),
        ("/devices", 4),
        ("/devices?q=laser&sort=price", 4),
        ("/devices?verdict=today", 4),
        ("/devices?verdict=today&verdict=missing&max=90000&sort=price", 4),
        ("/devices?verdict=today&max=90000&q=candlea", 4),
        # Who is there and what stands around them.
        ("/what-may-i-buy", 2),
    ],
)
def test_pages_of_a_buyer_take_few_statements(buyer, address, most):
    assert statements(buyer, address) == most


def test_a_device_takes_three_statements_and_a_comparison_of_it_seven(buyer, scene):
    assert statements(buyer, f"/devices/{scene.listing.id}") == 3
    assert statements(buyer, f"/compare?d={scene.listing.id}") == 7


def test_the_page_before_an_order_takes_eleven_statements(buyer, scene):
    assert statements(buyer, f"/devices/{scene.listing.id}/order") == 11


def test_nobody_orders_for_the_clinic_that_sells_though_its_site_comes_first(buyer, scene):
    make_member(clinic=scene.seller_clinic, user=scene.buyer)
    make_site(clinic=scene.seller_clinic, state="AZ", name="A First Street")

    page = text(buyer.get(f"/devices/{scene.listing.id}/order"))
    assert "You can buy this in Texas" in page
    assert "A First Street" not in page


def test_what_changed_a_moment_ago_is_on_the_next_page(buyer, scene):
    def chip() -> str:
        said = {
            "You can buy this in Texas" in text(buyer.get(address))
            for address in ("/", "/devices?sort=price", f"/devices/{scene.listing.id}")
        }
        [yes] = said
        return "yes" if yes else "no"

    assert chip() == "yes"
    for thing, name, away in (
        (scene.licence, "jurisdiction", "AZ"),
        (scene.site, "laser_safety_officer_id", None),
        (scene.seller_clinic, "seller_reason", "Sold what it did not own."),
    ):
        before = getattr(thing, name)
        if thing is scene.seller_clinic:
            thing.seller_standing = "suspended"
        setattr(thing, name, away)
        db.session.flush()
        assert chip() == "no", name
        if thing is scene.seller_clinic:
            thing.seller_standing = "verified"
        setattr(thing, name, before)
        db.session.flush()
        assert chip() == "yes", name


def test_the_reader_looks_from_the_site_in_the_address(buyer, scene):
    annex = make_site(clinic=scene.clinic, name="Annex", state="OK")

    assert "Annex" in text(buyer.get(f"/devices/{scene.listing.id}?site={annex.id}"))
    assert "You can buy this in Texas" in text(buyer.get(f"/devices/{scene.listing.id}?site={scene.site.id}"))
    assert "You can buy this in Texas" not in text(buyer.get(f"/devices/{scene.listing.id}?site=nonsense"))
