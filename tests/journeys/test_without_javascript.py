"""The buyer's path and the filters in a browser that runs no script."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.acts import confirm_order, follow, heading, place_order, press, reaches, told, unfold
from tests.journeys.house import House


@pytest.fixture
def plainly(enter):
    """A function that gives somebody a browser without scripts."""
    return lambda name=None, **settings: enter(name, java_script_enabled=False, **settings)


@pytest.mark.parametrize("width", [1280, 320])
def test_filters_live_in_the_address_and_come_off_one_by_one(house: House, plainly, width):
    house.offer("Lumenis", "LightSheer Duet", "DIODE_HR")
    house.offer("Candela", "GentleLASE Pro / Pro LE", "ALEX", price=21_000)
    page = plainly(viewport={"width": width, "height": 800})

    page.goto("/")
    page.get_by_label("Maker, model or wavelength").last.fill("Lumenis")
    press(page, "Search devices")
    expect(page.locator(".card-device")).not_to_have_count(0)
    expect(page.locator(".card-device").filter(has_text="Candela")).to_have_count(0)

    page.goto("/devices")
    everything = page.locator(".card-device").count()
    _open_filters(page)
    page.get_by_role("group", name="Maker").get_by_label("Candela").check()
    page.get_by_role("group", name="Price (USD)").get_by_label("From", exact=True).fill("$20,000")
    press(page, "Show devices")
    expect(page.get_by_role("list", name="Active filters")).to_be_visible()
    assert "maker=Candela" in page.url
    assert 0 < page.locator(".card-device").count() < everything
    expect(page.locator(".card-device").filter(has_text="Lumenis")).to_have_count(0)
    chips = page.get_by_role("list", name="Active filters")
    expect(chips.get_by_role("link")).to_have_text([re.compile("Candela"), re.compile(r"From \$20,000"), "Clear all"])

    chips.get_by_role("link", name="Remove filter: Candela").click()
    assert "maker" not in page.url
    expect(page.locator(".filter-chips")).to_contain_text("From $20,000")
    page.go_back()
    expect(page.locator(".card-device").filter(has_text="Lumenis")).to_have_count(0)
    _open_filters(page)
    expect(page.get_by_role("group", name="Maker").get_by_label("Candela")).to_be_checked()


def test_a_person_is_shown_what_is_open_to_them(house: House, plainly):
    house.offer("Lumenis", "LightSheer Duet", "DIODE_HR")
    house.offer("Lumenis", "M22", "IPL", "ER_GLASS_FRAC", price=39_000)
    page = plainly("Dana Reyes")
    page.goto("/devices")
    page.get_by_label("I can buy this today").check()
    press(page, "Show devices")
    heading(page, re.compile("you can buy today$"))
    expect(page.locator(".card-device").filter(has_text="LightSheer Duet")).not_to_have_count(0)
    expect(page.locator(".card-device").filter(has_text="M22")).to_have_count(0)


def test_a_whole_purchase(house: House, plainly):
    listing = house.offer("Lumenis", "LightSheer Duet", "DIODE_HR")
    buyer, practitioner, seller = plainly("Dana Reyes"), plainly("Amir Khan"), plainly("Walter Finch")
    order = place_order(buyer, listing)
    confirm_order(practitioner, order)
    buyer.goto(f"/orders/{order}")
    press(buyer, "Pay $12,400")
    press(buyer, "Pay $12,400 by card")
    reaches(house, order, "funds_held")

    seller.goto(f"/orders/{order}")
    press(seller, "Get the release to ship")
    follow(seller, "Dispatch")
    press(seller, "It has left")
    expect(seller.get_by_role("alert")).to_contain_text("Write who carries the device.")
    seller.get_by_label("Carrier").fill("Desert Freight")
    seller.get_by_label("Tracking number").fill("DF-9")
    press(seller, "It has left")
    told(seller, "The buyer knows that it is on its way.")

    buyer.goto(f"/orders/{order}")
    follow(buyer, "It has arrived")
    press(buyer, "It has arrived")
    unfold(buyer, "Accept the device")
    press(buyer, "Yes, accept it")
    told(buyer, "You accepted the device.")


def _open_filters(page: Page) -> None:
    fold = page.locator(".filters-fold > summary")
    if fold.is_visible() and not page.locator(".filters").is_visible():
        fold.click()
