"""What a seller does beyond one device: many photos put in order without a mouse, and a table that goes out and comes back."""

import csv
from pathlib import Path
from uuid import UUID

from playwright.sync_api import Page, expect
from sqlalchemy import select

from marketplace.dev.demo import pictures
from marketplace.listings.models import Listing, ListingState, Photo
from tests.journeys.acts import heading, press
from tests.journeys.house import House

SUBJECT = pictures.Subject("Lumenis", "LightSheer Duet", ("DIODE_HR",))


def test_photos_are_sent_several_at_once_and_put_in_order_by_keyboard(house: House, enter):
    listing = house.draft("Lumenis", "LightSheer Duet", "DIODE_HR")
    page = enter("Walter Finch")
    page.goto(f"/sell/{listing}/photos")
    picture = pictures.encoded(pictures.console(SUBJECT))
    page.get_by_label("Other photos, several at once").set_input_files(
        [{"name": f"{name}.jpg", "mimeType": "image/jpeg", "buffer": picture} for name in ("left", "right", "back")]
    )
    press(page, "Add the photos")
    expect(page.get_by_role("heading", name="4 photos")).to_be_visible()
    expect(page.locator(".photo-rows img")).to_have_count(4)  # The worker made them while the page waited.

    first, left, right, back = photos_of(house, listing)
    move(page, back, "Move earlier")
    move(page, back, "Move earlier")
    move(page, first, "Move later")

    assert photos_of(house, listing) == [back, first, left, right]
    assert shown(page) == [back, first, left, right]


def move(page: Page, photo: UUID, way: str) -> None:
    """Press the button as somebody does who has no mouse; the photo stands elsewhere, and the reader still beside it."""
    before = shown(page)
    page.locator(f"#photo-{photo}").get_by_role("button", name=way).focus()
    page.keyboard.press("Enter")
    page.wait_for_function(
        "before => [...document.querySelectorAll('.photo-rows > li')].map(one => one.id).join() !== before",
        arg=",".join(f"photo-{one}" for one in before),
    )
    assert page.url.endswith(f"#photo-{photo}")


def shown(page: Page) -> list[UUID]:
    return [
        UUID(one.removeprefix("photo-"))
        for one in page.locator(".photo-rows > li").evaluate_all("a => a.map(one => one.id)")
    ]


def photos_of(house: House, listing: UUID) -> list[UUID]:
    """Return the photos of a unit in their order."""
    return [row.id for row in house.query(select(Photo.id).where(Photo.listing_id == listing).order_by(Photo.position))]


def test_a_table_goes_out_is_changed_and_comes_back_as_drafts(house: House, enter, tmp_path: Path):
    listing = house.draft("Candela", "GentleMax Pro", "ALEX", "NDYAG_LP", price=38_000)
    serial = house.query(select(Listing.serial).where(Listing.id == listing))[0].serial
    page = enter("Walter Finch")
    before = of_unit(exported(page), serial)
    assert [line["line"] for line in before] == ["device", "handpiece", "handpiece"]

    another = [changed(line, unit="another", serial=f"{serial}-B", price_usd="36500.00") for line in before]
    table = tmp_path / "stock.csv"
    with table.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, another[0].keys())
        writer.writeheader()
        writer.writerows(another)
    send_in(page, table)
    press(page, "Import 1 device")
    expect(page.get_by_text("1 draft made.")).to_be_visible()

    made = of_unit(exported(page), f"{serial}-B")
    assert [changed(line, unit="another") for line in made] == another
    assert [changed(line, unit="") for line in of_unit(exported(page), serial)] == [
        changed(line, unit="") for line in before
    ]
    assert house.query(select(Listing.state, Listing.price_minor).where(Listing.serial == f"{serial}-B")) == [
        (ListingState.DRAFT, 3_650_000)
    ]

    send_in(page, table)  # Once more, as somebody does who is not sure.
    expect(page.get_by_text("All devices of it are drafts already. There is nothing to make.")).to_be_visible()
    assert len(house.query(select(Listing.id).where(Listing.serial == f"{serial}-B"))) == 1


def exported(page: Page) -> list[dict[str, str]]:
    """Take home what the clinic has to sell, as a table; return its lines."""
    page.goto("/sell/import")
    with page.expect_download() as given:
        page.get_by_role("link", name="What you have to sell, as such a table").click()
    return list(csv.DictReader(given.value.path().read_text(encoding="utf-8-sig").splitlines()))


def of_unit(lines: list[dict[str, str]], serial: str) -> list[dict[str, str]]:
    """Return the lines of the table that are about the unit of that number."""
    unit = next(line["unit"] for line in lines if line["line"] == "device" and line["serial"] == serial)
    return [line for line in lines if line["unit"] == unit]


def changed(
    line: dict[str, str], *, unit: str, serial: str | None = None, price_usd: str | None = None
) -> dict[str, str]:
    """Return the line with other words in these columns, the last two of which only a device has."""
    of_device = {"serial": serial, "price_usd": price_usd} if line["line"] == "device" else {}
    return line | {"unit": unit} | {name: words for name, words in of_device.items() if words is not None}


def send_in(page: Page, table: Path) -> None:
    """Send a table in, to be tried."""
    page.goto("/sell/import")
    page.get_by_label("Table", exact=True).set_input_files(table)
    press(page, "Try it, make nothing")
    heading(page, table.name)
