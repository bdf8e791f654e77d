"""A person sets up a second factor, shuts the account for a new browser, changes their address, and has it back."""

import pyotp
import pytest
from playwright.sync_api import Page, expect

from marketplace.accounts import service as accounts
from marketplace.kernel import clock
from tests.journeys.acts import field, press, told
from tests.journeys.axe import LOOKS, looked_at
from tests.journeys.house import House

EMAIL = "tess@carefully.example"
PASSWORD = "nine copper kettles"
ANOTHER = "eleven quiet harbours"
MOVED = "tess@moved.example"


@pytest.fixture
def no_harm(watch):
    """A function that claims that nothing on the page stands in anybody's way."""

    def look(page: Page) -> None:
        with watch.looking_away():
            wrong = looked_at(page, LOOKS[0])
        page.set_viewport_size({"width": 1280, "height": 900})
        assert wrong == []

    return look


def knock(page: Page, password: str = PASSWORD) -> None:
    """Come to the door with the password."""
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(EMAIL)
    page.get_by_label("Password").fill(password)
    press(page, "Sign in")


def test_a_second_factor_is_set_up_a_new_browser_disowned_and_an_address_changed(house: House, enter, no_harm):
    with house.inside():
        accounts.register(name="Tess Careful", email=EMAIL, password=PASSWORD, at=clock.now())
    page, other = enter(), enter()
    knock(page)
    page.wait_for_url(lambda url: "/sign-in" not in url)
    page.goto("/account/security")
    press(page, "Set up a second factor")
    no_harm(page)
    secret = page.get_by_role("main").locator("code").inner_text().replace(" ", "")
    picture = page.get_by_alt_text("QR code").evaluate("one => one.naturalWidth")
    assert picture > 0
    field(page, "Code").fill("000000")
    press(page, "Turn it on")
    expect(page.get_by_role("main")).to_contain_text("does not fit")
    field(page, "Code").fill(pyotp.TOTP(secret).now())
    press(page, "Turn it on")
    no_harm(page)
    codes = page.get_by_role("main").locator("li code").all_inner_texts()
    assert len(codes) == 10

    knock(other)
    no_harm(other)
    field(other, "Code").fill(codes[0])
    press(other, "Sign in")
    other.wait_for_url(lambda url: "/sign-in" not in url)

    page.goto(house.link_mailed_to(EMAIL, leading_to="/not-me/"))
    no_harm(page)
    press(page, "That was not me")
    told(page, "Whoever it was is signed out")
    expect(page.get_by_role("heading", level=1)).to_have_text("New password")
    other.goto("/account/security")
    assert "/sign-in" in other.url

    page.get_by_role("textbox", name="New password").fill(ANOTHER)
    press(page, "Set the new password")
    knock(page, ANOTHER)
    field(page, "Code").fill(codes[1])
    press(page, "Sign in")
    page.wait_for_url(lambda url: "/sign-in" not in url)
    the_address_is_changed_and_taken_back(house, page, other, no_harm)


def the_address_is_changed_and_taken_back(house: House, page: Page, other: Page, no_harm) -> None:
    page.goto("/account/address")
    field(page, "New e-mail address").fill(MOVED)
    press(page, "Send the link")
    told(page, "A link is on its way to the new address.")
    page.goto(house.link_mailed_to(MOVED, leading_to="/account/address/"))
    no_harm(page)
    press(page, "Yes, change my address")
    told(page, "Your address is changed.")
    other.goto(house.link_mailed_to(EMAIL, leading_to="/not-my-address/"))
    no_harm(other)
    press(other, "That was not me")
    told(other, "The account has your address")
    page.goto("/account")
    assert "/sign-in" in page.url
