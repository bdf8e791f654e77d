"""What people do on the pages, one function for each act that several journeys share."""

import re
from uuid import UUID

from playwright.sync_api import Locator, Page, expect

from tests.journeys.house import House


def told(page: Page, words: str) -> None:
    """Claim that the page says this where it speaks to the person."""
    expect(page.locator(".flash").filter(has_text=words)).to_be_visible()


def heading(page: Page, words: str | re.Pattern[str]) -> None:
    """Claim that this is the page's heading."""
    expect(page.get_by_role("heading", level=1)).to_have_text(words)


def press(page: Page, name: str) -> None:
    """Press the button of that name."""
    page.get_by_role("button", name=name, exact=True).click()


def follow(page: Page, name: str) -> None:
    """Follow the link of that name."""
    page.get_by_role("link", name=name, exact=True).click()


def unfold(page: Page, name: str) -> None:
    """Open the question that stands behind a button of that name."""
    page.locator("summary").filter(has_text=re.compile(rf"^\s*{re.escape(name)}\b")).click()


def field(page: Page, label: str | re.Pattern[str], *, exact: bool = False) -> Locator:
    """Return what stands behind a label of the page itself; the search on top of every page is another matter."""
    return page.get_by_role("main").get_by_label(label, exact=exact)


def answer(page: Page, question: str, choice: str) -> None:
    """Choose an answer to a question with several."""
    page.get_by_role("group", name=question).get_by_label(choice).check()


def place_order(page: Page, listing: UUID, *, restricted: bool = False) -> UUID:
    """Order a device that its page says can be bought, signing the restriction if there is one; return the order."""
    page.goto(f"/devices/{listing}")
    follow(page, "Order this device")
    if restricted:
        page.get_by_label("I sign this restriction for my clinic").check()
    page.get_by_label("I order this device for use in a medical practice").check()
    press(page, "Place the order")
    told(page, "The device is reserved for you.")
    return order_of(page)


def order_of(page: Page) -> UUID:
    """Return the order whose page this is."""
    found = re.search(r"/orders/([0-9a-f-]{36})$", page.url.partition("?")[0])
    assert found is not None, page.url
    return UUID(found[1])


def confirm_order(page: Page, order: UUID) -> None:
    """Order the device as its practitioner, signing everything that is asked for."""
    page.goto(f"/orders/{order}")
    follow(page, "Read and confirm")
    # What is asked for is counted at once, so all of the page has to be there.
    expect(page.get_by_role("button", name="Sign the order")).to_be_visible()
    for box in page.get_by_role("checkbox").all():
        box.check()
    press(page, "Sign the order")
    told(page, "You have ordered the device. It can be paid for now.")


def reaches(house: House, order: UUID, state: str) -> None:
    """Claim that the worker brings the order there."""
    house.eventually(lambda: house.state_of(order) == state, what=f"the order is {state}")
