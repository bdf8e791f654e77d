"""Whoever looks for something hears of it by mail, each thing once, and ends the mails from within a mail."""

import re
from datetime import timedelta

from playwright.sync_api import Page, expect

from marketplace.jobs import JOBS
from marketplace.kernel import clock
from tests.journeys.acts import answer, field, follow, heading, press, told
from tests.journeys.house import House

FITS = "For what you look for: Lumenis LightSheer Desire Light 2019, $30,100"
DESIRE_LIGHT = ("Lumenis", "LightSheer Desire Light", "DIODE_HR")


def look(house: House, *names: str) -> None:
    """Do now what the clock would have done within five minutes or a day."""
    with house.inside():
        for name in names:
            JOBS[name]()


def save_search(page: Page, words: str, *, name: str, how_soon: str) -> None:
    page.goto(f"/devices?q={words}")
    follow(page, "Save this search and hear of new devices")
    field(page, "Name").fill(name)
    answer(page, "Hear of new devices", how_soon)
    press(page, "Save it")
    told(page, "The search is saved.")


def has_mails(house: House, name: str, subject: str, *, number: int = 1) -> None:
    """Claim that this person is sent so many mails of that subject."""
    house.eventually(lambda: house.mails_to(name).count(subject) >= number, what=f"{name} is mailed: {subject}")
    assert house.mails_to(name).count(subject) == number


def test_a_lower_price_a_new_device_and_a_want_that_is_met(house: House, enter):
    watched = house.offer(*DESIRE_LIGHT, price=31_000)
    buyer, seller = enter("Tess Moreno"), enter("Walter Finch")
    buyer.goto(f"/devices/{watched}")
    follow(buyer, "Watch it: hear of a lower price, or that it is sold")
    press(buyer, "Watch it")
    told(buyer, "You hear of it when its price falls or it is sold.")
    save_search(buyer, "desire light", name="A Desire Light", how_soon="At once")
    buyer.goto("/wanted/new")
    field(buyer, re.compile(r"^Model\b")).select_option(label="LightSheer Desire Light")
    field(buyer, "At most").fill("$30,500")
    field(buyer, "Until").fill(str((clock.now() + timedelta(days=30)).date()))
    press(buyer, "Let sellers know")
    told(buyer, "Sellers whose device fits see it from now on, without your name.")
    want = buyer.url

    seller.goto(f"/sell/{watched}")
    field(seller, "New price").fill("$30,900")
    press(seller, "Change the price")
    told(seller, "The price is $30,900 now.")
    fitting = house.offer(*DESIRE_LIGHT, price=30_100)
    look(house, "look_at_watched", "look_for_new_at_once", "match_changed")

    has_mails(house, "Tess Moreno", "New for your search “A Desire Light”")
    has_mails(house, "Tess Moreno", "Lumenis LightSheer Desire Light: now $30,900")
    has_mails(house, "Tess Moreno", FITS)
    buyer.goto(want)
    expect(buyer.get_by_role("link", name="Lumenis LightSheer Desire Light 2019")).to_have_attribute(
        "href", f"/devices/{fitting}"
    )

    seller.goto("/sell")
    seller.locator(f"a[href='/sell/{fitting}/wanted']").click()
    seller.get_by_role("main").get_by_role("link", name="Lumenis LightSheer Desire Light").first.click()
    press(seller, "Offer this device")
    has_mails(house, "Tess Moreno", FITS, number=2)  # It fits; and then its seller says: here is mine.
    buyer.goto(want)
    expect(buyer.get_by_text("offered to you")).to_be_visible()

    look(house, "look_at_watched", "look_for_new_at_once", "match_changed")  # Nothing is told twice.
    before = house.mails_to("Tess Moreno")
    stop = house.link_mailed_to(house.email("Tess Moreno"), leading_to="/stop/")
    stranger = enter()
    stranger.goto(stop)
    heading(stranger, "No more mails?")
    press(stranger, "Yes, no more mails")
    heading(stranger, "No more of these mails")
    assert house.mails_to("Tess Moreno") == before


def test_a_digest_names_all_that_a_day_brought_in_one_mail(house: House, enter):
    page = enter("Amir Khan")
    save_search(page, "motus", name="A Motus AX", how_soon="Once a day")
    offered = [house.offer("DEKA", "Motus AX", "ALEX", price=price) for price in (21_000, 22_000)]
    look(house, "look_for_new_at_once")
    assert "New for your search “A Motus AX”" not in house.mails_to("Amir Khan")
    look(house, "look_for_new_daily")

    has_mails(house, "Amir Khan", "New for your search “A Motus AX”")
    number = next(
        number
        for number in house.letters.names()
        if house.letters.read(number)["Subject"] == "New for your search “A Motus AX”"
    )
    plain = str(house.letters.read(number).get_body(("plain",)).get_content())
    assert set(re.findall(r"/devices/([0-9a-f-]{36})", plain)) == {str(one) for one in offered}
