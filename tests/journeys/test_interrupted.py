"""Nothing is lost and nothing happens twice: sessions that end, two tabs, forms sent again, the back button."""

from uuid import uuid4

from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from marketplace.listings.models import Listing
from marketplace.orders.models import Order
from tests.journeys.acts import field, heading, order_of, place_order, press, told
from tests.journeys.conftest import sign_in_as
from tests.journeys.house import House


def test_a_session_that_ends_in_the_middle_of_a_form_keeps_what_was_typed(house: House, enter):
    page, elsewhere = enter("Walter Finch"), enter("Walter Finch")
    page.goto("/sell/new")
    serial = f"KEPT-{uuid4().hex[:6]}"
    _describe(page, serial)

    elsewhere.goto("/account")
    press(elsewhere, "End all others")
    press(page, "Save and go on")

    heading(page, "Sign in")
    told(page, "What you typed is kept: nothing was sent yet.")
    assert _drafts(house, serial) == 0
    sign_in_as(page, house.email("Walter Finch"))
    told(page, "This is what you had typed. Nothing was sent yet: look it over and send it.")
    expect(field(page, "Serial number")).to_have_value(serial)
    expect(field(page, "City")).to_have_value("Tucson")
    press(page, "Save and go on")
    heading(page, "Lumenis LightSheer Duet")
    assert _drafts(house, serial) == 1


def test_a_reload_keeps_what_was_typed_in_a_long_form_until_it_was_sent(enter):
    page = enter("Walter Finch")
    page.goto("/sell/new")
    serial = f"RELOADED-{uuid4().hex[:6]}"
    _describe(page, serial)
    page.reload()
    expect(field(page, "Serial number")).to_have_value(serial)
    press(page, "Save and go on")
    heading(page, "Lumenis LightSheer Duet")

    # The next device is another one.
    page.goto("/sell/new")
    expect(field(page, "Serial number")).to_have_value("")

    # Whoever signs out leaves nothing behind of what they typed.
    field(page, "Serial number").fill("MINE")
    assert "MINE" in page.evaluate("JSON.stringify(sessionStorage)")
    page.evaluate("document.querySelector(\"form[action$='/sign-out']\").requestSubmit()")
    expect(page.locator("form[action$='/sign-out']")).to_have_count(0)
    assert page.evaluate("JSON.stringify(sessionStorage)") == "{}"


def test_the_same_draft_sent_from_two_tabs_is_one_draft(house: House, enter):
    page = enter("Walter Finch")
    page.goto("/sell/new")
    serial = f"TWICE-{uuid4().hex[:6]}"
    _describe(page, serial)
    typed = page.evaluate("Object.fromEntries(new FormData(document.querySelector('main form')))")
    answers = [page.request.post("/sell/new", form=typed) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[0].url == answers[1].url
    assert _drafts(house, serial) == 1


def test_of_two_tabs_one_orders_and_the_other_is_told(house: House, enter):
    listing = house.offer("Lumenis", "LightSheer Duet", "DIODE_HR")
    first = enter("Dana Reyes")
    second = first.context.new_page()
    second.goto(f"/devices/{listing}/order")
    second.get_by_label("I order this device for use in a medical practice").check()
    order = place_order(first, listing)

    press(second, "Place the order")
    expect(second.get_by_text("You have ordered this device already, and that order stands.")).to_be_visible()
    assert house.query(select(Order.id).where(Order.listing_id == listing)) == [(order,)]


def test_of_two_clinics_one_orders_and_the_other_is_told(house: House, enter):
    listing = house.offer("Lumenis", "LightSheer Duet", "DIODE_HR")
    winner, rival = enter("Dana Reyes"), enter("Nora Castillo")
    rival.goto(f"/devices/{listing}/order")
    rival.get_by_label("I order this device for use in a medical practice").check()
    order = place_order(winner, listing)

    press(rival, "Place the order")
    expect(rival.get_by_text("Somebody else has just reserved this device.")).to_be_visible()
    assert _only_order(house, listing) == order


def test_an_order_sent_again_is_the_same_order(house: House, enter):
    listing = house.offer("Lumenis", "LightSheer Duet", "DIODE_HR")
    page = enter("Dana Reyes")
    page.goto(f"/devices/{listing}/order")
    page.get_by_label("I order this device for use in a medical practice").check()
    sent = page.evaluate("Object.fromEntries(new FormData(document.querySelector('main form[method=post]')))")
    answers = [page.request.post(f"/devices/{listing}/order", form=sent) for _ in range(3)]
    assert {answer.url for answer in answers} == {f"{house.address}/orders/{_only_order(house, listing)}"}


def test_going_back_after_ordering_offers_no_second_order(house: House, enter):
    listing = house.offer("Lumenis", "LightSheer Duet", "DIODE_HR")
    page = enter("Dana Reyes")
    order = place_order(page, listing)
    page.go_back()
    expect(page.get_by_role("heading", name="It is reserved")).to_be_visible()
    expect(page.get_by_role("button", name="Place the order")).to_have_count(0)
    assert _only_order(house, listing) == order


def test_a_button_pressed_twice_acts_once(house: House, enter):
    listing = house.offer("Lumenis", "LightSheer Duet", "DIODE_HR")
    page = enter("Dana Reyes")
    page.goto(f"/devices/{listing}/order")
    page.get_by_label("I order this device for use in a medical practice").check()
    page.get_by_role("button", name="Place the order").dblclick()
    told(page, "The device is reserved for you.")
    assert order_of(page) == _only_order(house, listing)


def _describe(page: Page, serial: str) -> None:
    field(page, "Clinic that sells it").select_option("Sonoran Laser Supply")
    field(page, "Model").select_option("LightSheer Duet")
    field(page, "Serial number").fill(serial)
    field(page, "City").fill("Tucson")
    field(page, "State", exact=True).select_option("Arizona")


def _drafts(house: House, serial: str) -> int:
    return house.query(select(func.count()).select_from(Listing).where(Listing.serial == serial))[0][0]


def _only_order(house: House, listing):
    [(order,)] = house.query(select(Order.id).where(Order.listing_id == listing))
    return order
