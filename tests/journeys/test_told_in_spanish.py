"""Pages in another language: longer words fit, screen readers hear which language it is, a choice stays chosen."""

from itertools import cycle

import pytest
from playwright.sync_api import expect

from tests.journeys.axe import LOOKS, looked_at
from tests.journeys.house import House

SPANISH = "?lang=es"


@pytest.fixture
def offered(house: House):
    return f"/devices/{house.offer('Lumenis', 'M22', 'IPL', 'ER_GLASS_FRAC', price=39_000)}"


def wrong_in(page, addresses) -> list[str]:
    looks, wrong = cycle(LOOKS), []
    for address in addresses:
        page.goto(address)
        if page.evaluate("() => document.documentElement.lang") != "es":
            wrong.append(f"{address}: is not told in Spanish")
        wrong += [f"{address}: {one}" for one in looked_at(page, next(looks))]
    return wrong


def test_no_page_for_strangers_is_wrong(house: House, enter, offered):
    page = enter(locale="es-US")

    assert wrong_in(page, [
        "/", "/devices", "/devices?q=depilación&max=90000&zip=78701&within=500", "/devices?q=nada", f"{offered}?state=TX",
        "/models", "/prices", f"/compare?d={offered.rsplit('/', 1)[-1]}", "/what-may-i-buy", "/wanted", "/sign-in",
        "/register", "/forgotten-password", "/nothing-here",
    ]) == []  # fmt: skip


def test_no_page_for_buyers_is_wrong(house: House, enter, offered):
    page = enter("Dana Reyes")
    page.goto(f"/{SPANISH}")

    assert wrong_in(page, ["/devices", offered, "/what-may-i-buy", "/watching", "/wanted/new", "/wanted/mine"]) == []


def test_a_language_is_chosen_under_the_page_and_stays_chosen(house: House, enter, offered):
    page = enter()
    page.goto("/devices?q=m22")
    page.get_by_role("link", name="Español").click()

    expect(page.locator("html")).to_have_attribute("lang", "es")
    expect(page.locator("#site-search")).to_have_value("m22")
    page.locator(".card-device h3 a").first.click()
    expect(page.get_by_role("link", name="Inicie sesión para comprar")).to_be_visible()
    page.goto("/rules")
    expect(page.get_by_text("Por ahora, esta página solo existe en inglés.")).to_be_visible()
    page.get_by_role("link", name="English").click()
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Used cosmetic lasers, for people who may use them")
