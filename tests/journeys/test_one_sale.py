"""One real sale, end to end: what a clinic, a technician, a practitioner and staff see, and what is so when it is over."""

import re
from datetime import timedelta
from uuid import UUID

from playwright.sync_api import Page, expect
from sqlalchemy import func, select

from marketplace.audit import AuditEvent
from marketplace.credentials.models import Credential, CredentialCheck
from marketplace.dev.demo import pictures
from marketplace.eligibility.models import EligibilityDecision
from marketplace.kernel import clock
from marketplace.listings.models import Listing, Photo
from marketplace.listings.shots import ASKED
from marketplace.payments.models import LedgerEntry, LedgerJournal, Payment, SellerAccount
from tests.journeys.acts import (
    answer,
    confirm_order,
    field,
    follow,
    heading,
    place_order,
    press,
    reaches,
    told,
    unfold,
)
from tests.journeys.house import House

MODEL = "Lumenis LightSheer Desire Light"


def test_a_device_goes_from_a_draft_to_its_buyer_and_the_money_to_its_seller(house: House, enter):
    seller, moderator = enter("Walter Finch"), enter("Mona Petit")
    verifier, technician, practitioner = enter("Vera Lind"), enter("Tess Moreno"), enter("Amir Khan")

    open_account(seller)
    listing = draft_listing(seller)
    approve(moderator, listing)
    wants_a_certificate(technician, listing)
    submit_certificate(technician)
    verify_certificate(verifier)
    assert_certificate_rests_on_evidence(house)
    order = place_order(technician, listing)
    assert_reserved(house, listing, order)
    confirm_order(practitioner, order)
    pay_by_card(technician, order)
    reaches(house, order, "funds_held")
    sees_the_money_held(technician, order)
    ship(seller, technician, order)
    accept(technician, order)
    reaches(house, order, "settled")
    sees_the_money_sent(seller, order, listing)
    assert_books_are_closed(house, listing, order, price=1_240_000, fee=74_400)
    assert_everybody_was_told(house)


def test_a_device_beyond_the_cards_limit_is_paid_by_bank_transfer(house: House, enter):
    listing = house.offer("Candela", "GentleLASE Pro / Pro LE", "ALEX", price=31_000)
    technician, practitioner = enter("Dana Reyes"), enter("Amir Khan")
    order = place_order(technician, listing, restricted=True)
    expect(technician.locator(".restriction").last).to_contain_text("It will not be used for vascular and pigment")
    confirm_order(practitioner, order)

    house.stripe.sim("settings", webhooks="hold")
    technician.goto(f"/orders/{order}")
    press(technician, "Pay $31,000")
    expect(technician.get_by_role("button", name="Pay by bank transfer")).to_be_visible()
    expect(technician.get_by_role("button", name=re.compile("by card"))).to_have_count(0)
    press(technician, "Pay by bank transfer")
    expect(technician.get_by_text("$31,000 to send")).to_be_visible()
    money_page = technician.url
    follow(technician, "Back to the shop")

    # Coming back proves nothing: the page waits for the provider's word, and looks again by itself.
    expect(technician.get_by_role("heading", name="Payment being confirmed")).to_be_visible()
    assert house.state_of(order) == "awaiting_payment"
    deliver_webhooks(house)
    # Whoever has closed the provider's page finds the account again.
    expect(technician.get_by_role("button", name="See the account and the reference")).to_be_visible()
    assert house.state_of(order) == "payment_processing"

    technician.goto(money_page)
    press(technician, "The money arrived: $31,000")
    reaches(house, order, "funds_held")
    technician.goto(f"/orders/{order}")
    expect(technician.get_by_text("Your payment of $31,000 is held until you accept the device.")).to_be_visible()
    payment = house.query(select(Payment.state, Payment.method).where(Payment.order_id == order))
    assert [tuple(map(str, row)) for row in payment] == [("held", "bank_transfer")]


# ---- what each of them does ----


def open_account(seller: Page) -> None:
    seller.goto("/sales")
    seller.get_by_role("button", name=re.compile("^Open the account")).click()
    expect(seller.get_by_role("heading", name="Receiving payments")).to_be_visible()
    press(seller, "Everything is answered")
    told(seller, "Your clinic can be paid.")


def describe_console(seller: Page) -> None:
    follow(seller, "Add: Console")
    field(seller, "What it shows").fill("1,900")
    field(seller, "Read on").fill((clock.now() - timedelta(days=3)).date().isoformat())
    press(seller, "Save the counter")
    told(seller, "The counter was saved.")
    field(seller, "Chiller or cooling unit").select_option("built in")
    press(seller, "Save and go on")


def attest(seller: Page) -> None:
    answer(seller, "Is the prescription legend on the device?", "Yes")
    answer(seller, "Is the maker’s label with its address and date on the device?", "Yes")
    answer(seller, "What was done to it since its maker sold it?", "Nothing but normal use")
    field(seller, "Whose is it?").select_option("our clinic’s own, and nothing rests on it")
    seller.get_by_label("It was cleaned and disinfected after its last use").check()
    field(seller, "Patients’ data in it").select_option("wiped")
    press(seller, "Save and go on")


def draft_listing(seller: Page) -> UUID:
    seller.goto("/sell")
    seller.get_by_role("link", name="Sell a device", exact=True).first.click()
    field(seller, "Clinic that sells it").select_option("Sonoran Laser Supply")
    field(seller, "Model").select_option("LightSheer Desire Light")
    field(seller, "Serial number").fill("LDL 20-4471")
    field(seller, "Year of manufacture").fill("2019")
    field(seller, "City").fill("Tucson")
    field(seller, "State", exact=True).select_option("Arizona")
    press(seller, "Save and go on")

    seller.get_by_role("link", name=re.compile("^Add: ")).first.click()
    field(seller, "What it is called").fill("HS handpiece, 22 × 35 mm")
    field(seller, re.compile("^Counter")).fill("1,200,000")
    field(seller, "Read on").fill((clock.now() - timedelta(days=3)).date().isoformat())
    field(seller, "Rated life").fill("10,000,000")
    field(seller, "Who says so").fill("Service report of the maker")
    field(seller, "Wavelengths").fill("805")
    field(seller, "Spot sizes").fill("22-35")
    field(seller, "Window, lens or tip").select_option("clean and whole")
    press(seller, "Save the handpiece")
    told(seller, "The handpiece was saved.")
    follow(seller, "Go on to the console")

    describe_console(seller)

    answer(seller, "Condition grade", "B · good")
    field(seller, "Last service").fill((clock.now() - timedelta(days=90)).date().isoformat())
    answer(seller, "Operator manual", "included")
    answer(seller, "Protective goggles for every wavelength", "absent")
    field(seller, "What else a buyer should know").fill("One room since new.\nA scratch on the left side.")

    field(seller, "How it looks").fill("Light scratches on the left side.")
    field(seller, "What was tested, and works").fill("Fires and cools on its handpiece.")
    field(seller, "Known faults").fill("None known.")
    press(seller, "Save and go on")

    attest(seller)
    answer(seller, "Does its maker ask a new owner for recertification?", "The maker does not ask for it")
    answer(seller, "Which warranty does the buyer get?", "None")
    field(seller, "Asking price (USD)").fill("$12,400")
    press(seller, "Save and go on")

    subject = pictures.Subject("Lumenis", "LightSheer Desire Light", ("DIODE_HR",))
    seller.locator("#photos").set_input_files(
        [
            {"name": f"{name}.jpg", "mimeType": "image/jpeg", "buffer": pictures.encoded(drawing)}
            for name, drawing in (("console", pictures.console(subject)), ("tray", pictures.handpieces(subject)))
        ]
    )
    expect(seller.get_by_role("listitem").filter(has_text="console.jpg")).to_be_visible()
    press(seller, "Add the photos")
    told(seller, "2 photos were added.")
    for number, words in enumerate(("The console with its handpiece hung up", "The handpiece on a tray")):
        for shown in ASKED.values() if number == 0 else ():
            seller.get_by_role("checkbox", name=shown).nth(number).check()
        field(seller, "What the photo shows").nth(number).fill(words)
        seller.get_by_role("button", name="Save the words").first.click()
        told(seller, "Saved what the photo shows.")
    # The worker has made them in the meantime, or the page fills them in as soon as it has.
    expect(seller.locator("picture.photo")).to_have_count(2)
    follow(seller, "Check and submit")
    expect(seller.get_by_role("heading", name="Ready to submit")).to_be_visible()
    press(seller, "Submit it")
    told(seller, "Submitted. Our staff look at it before it goes on the market.")
    return UUID(seller.url.rpartition("/")[2])


def approve(moderator: Page, listing: UUID) -> None:
    moderator.goto("/staff/listings")
    moderator.locator(f'a[href$="/staff/listings/{listing}"]').click()
    expect(moderator.get_by_text("LDL 20-4471", exact=True)).to_be_visible()
    press(moderator, "Put it on the market")
    told(moderator, "on the market")


def wants_a_certificate(technician: Page, listing: UUID) -> None:
    technician.goto(f"/devices/{listing}")
    heading(technician, re.compile(MODEL))
    verdict = technician.locator(".verdict")
    expect(verdict.get_by_role("heading")).to_have_text("One thing stands against this purchase")
    expect(verdict.locator(".verdict-objection")).to_contain_text("Tess Moreno")
    expect(technician.get_by_role("link", name="Order this device")).to_have_count(0)


def submit_certificate(technician: Page) -> None:
    technician.goto("/credentials")
    technician.get_by_role("link", name="Add a credential").first.click()
    field(technician, "State", exact=True).select_option("Texas")
    press(technician, "Go on")
    technician.get_by_role("link", name="Texas laser hair removal certificate (TDLR)", exact=True).click()
    expect(field(technician, "Name on the document")).to_have_value("Tess Moreno")
    field(technician, "Number", exact=True).fill("LHR-55102")
    field(technician, "Level").select_option("Senior technician")
    field(technician, "Issued on").fill((clock.now() - timedelta(days=200)).date().isoformat())
    field(technician, "Expires on").fill((clock.now() + timedelta(days=530)).date().isoformat())
    scan = pictures.document(["Tess Moreno", "Senior Technician", "No. LHR-55102"], title="TDLR")
    field(technician, "Scan or photographs of the document").set_input_files(
        {"name": "certificate.jpg", "mimeType": "image/jpeg", "buffer": pictures.encoded(scan)}
    )
    press(technician, "Submit for review")
    told(technician, "We have it. A verifier looks at it by")


def verify_certificate(verifier: Page) -> None:
    verifier.goto("/staff/credentials")
    verifier.locator("[data-queue] a").filter(has_text="Tess Moreno").click()
    expect(verifier.get_by_text("Take the case to see it; each look is recorded.")).to_be_visible()
    press(verifier, "Take the case")
    document = verifier.get_by_role("img", name="certificate.jpg")
    expect(document).to_be_visible()
    assert document.evaluate("image => image.decode().then(() => image.naturalWidth)") > 600

    source = verifier.get_by_role("region", name="What the source shows")
    for name, seen in (
        ("Name", "MORENO, TESS"),
        ("Number", "LHR-55102"),
        ("Level or procedures", "Senior Technician"),
        ("Standing", "Active"),
    ):
        source.get_by_role("row", name=re.compile(f"^{name}")).get_by_role("textbox").fill(seen)
    answer(verifier, "The source", "Confirms it")
    source.get_by_label("Note").fill("TDLR licence search: active, same name and number.")
    press(verifier, "Record the look")
    told(verifier, "The look is on record.")
    unfold(verifier, "Verify")
    press(verifier, "Yes, verify it")
    told(verifier, "Verified. The person has been told.")


def pay_by_card(technician: Page, order: UUID) -> None:
    technician.goto(f"/orders/{order}")
    press(technician, "Pay $12,400")
    heading(technician, re.compile(MODEL))
    press(technician, "Try a card that is declined")
    expect(technician.get_by_role("alert")).to_contain_text("Nothing was charged")
    press(technician, "Pay $12,400 by card")
    technician.wait_for_url(f"**/orders/{order}?paid=1")


def deliver_webhooks(house: House) -> None:
    house.stripe.sim("settings", webhooks="deliver")
    for delivery in house.stripe.deliveries():
        if delivery["state"] == "held":
            house.stripe.sim(f"webhooks/{delivery['id']}/deliver")


def sees_the_money_held(technician: Page, order: UUID) -> None:
    technician.goto(f"/orders/{order}")
    expect(technician.get_by_text("Your payment of $12,400 is held until you accept the device.")).to_be_visible()
    expect(technician.get_by_text("LDL 20-4471", exact=True)).to_be_visible()


def ship(seller: Page, technician: Page, order: UUID) -> None:
    seller.goto("/sales")
    seller.get_by_role("link", name=re.compile(MODEL)).click()
    expect(seller.get_by_text("You get $11,656: the price of $12,400 less our fee of $744")).to_be_visible()
    press(seller, "Get the release to ship")
    told(seller, "Released to ship.")
    expect(seller.get_by_text("1204 South Lamar Blvd, Austin, TX 78704")).to_be_visible()
    follow(seller, "Dispatch")
    field(seller, "Carrier").fill("Desert Freight")
    field(seller, "Tracking number").fill("DF-118-2044")
    press(seller, "It has left")
    told(seller, "The buyer knows that it is on its way.")
    technician.goto(f"/orders/{order}")
    expect(technician.get_by_text("Desert Freight, DF-118-2044")).to_be_visible()


def accept(technician: Page, order: UUID) -> None:
    follow(technician, "It has arrived")
    expect(field(technician, "Who signed for it?")).to_have_value(re.compile("^[0-9a-f-]{36}$"))
    press(technician, "It has arrived")
    told(technician, "Look the device over")
    unfold(technician, "Accept the device")
    expect(technician.get_by_text(f"Accept the {MODEL}?")).to_be_visible()
    press(technician, "Yes, accept it")
    told(technician, "You accepted the device. The seller is being paid.")


def sees_the_money_sent(seller: Page, order: UUID, listing: UUID) -> None:
    seller.goto(f"/orders/{order}")
    expect(seller.get_by_text("We sent $11,656 to your account.")).to_be_visible()
    expect(seller.locator(".timeline .is-done")).to_have_count(8)
    seller.goto(f"/sell/{listing}")
    expect(seller.locator(".page-head .chip")).to_have_text("sold")


# ---- what is so ----


def assert_certificate_rests_on_evidence(house: House) -> None:
    tess, vera = house.stage.people["Tess Moreno"], house.stage.people["Vera Lind"]
    [(state, verified_by, outcome, matched, note)] = house.query(
        select(
            Credential.state,
            Credential.verified_by,
            CredentialCheck.outcome,
            CredentialCheck.matched,
            CredentialCheck.note,
        )
        .join(CredentialCheck, CredentialCheck.id == Credential.deciding_check_id)
        .where(Credential.holder_id == tess)
    )
    assert (state, verified_by, outcome) == ("verified", vera, "confirmed")
    assert matched["number"] == "LHR-55102"
    assert note == "TDLR licence search: active, same name and number."


def assert_reserved(house: House, listing: UUID, order: UUID) -> None:
    assert house.query(select(Listing.state).where(Listing.id == listing)) == [("reserved",)]
    assert house.state_of(order) == "awaiting_practitioner"


def assert_books_are_closed(house: House, listing: UUID, order: UUID, *, price: int, fee: int) -> None:
    assert house.query(select(Listing.state).where(Listing.id == listing)) == [("sold",)]
    assert house.query(select(func.count()).select_from(Photo).where(Photo.listing_id == listing)) == [(2,)]
    payments = house.query(
        select(Payment.state, Payment.method, Payment.received_minor, Payment.transferred_minor).where(
            Payment.order_id == order
        )
    )
    assert payments == [("released", "card", price, price - fee)]
    sums = house.query(
        select(LedgerJournal.kind, func.sum(LedgerEntry.amount_minor))
        .join(LedgerEntry, LedgerEntry.journal_id == LedgerJournal.id)
        .where(LedgerJournal.order_id == order)
        .group_by(LedgerJournal.id, LedgerJournal.kind)
    )
    assert len(sums) >= 2
    assert {balance for _, balance in sums} == {0}
    # The provider's side of it: one transfer, of the price less our fee, to this seller.
    [(account,)] = house.query(
        select(SellerAccount.reference).where(SellerAccount.clinic_id == house.stage.clinics["sonoran"])
    )
    sent = [one for one in house.stripe.get("/v1/transfers")["data"] if one["metadata"].get("order_id") == str(order)]
    assert [(one["amount"], one["destination"], one["reversed"]) for one in sent] == [(price - fee, account, False)]
    # The gate was asked at every moment, for the release and once more when it left, and said yes each time.
    asked = house.query(
        select(EligibilityDecision.moment, EligibilityDecision.cleared)
        .where(EligibilityDecision.listing_id == listing)
        .order_by(EligibilityDecision.decided_at)
    )
    assert asked == [
        (moment, True) for moment in ("order", "payment_start", "payment_received", "ship_release", "ship_release")
    ]
    recorded = house.query(select(AuditEvent.kind).where(AuditEvent.subject_id == order).order_by(AuditEvent.position))
    assert [kind.removeprefix("order:") for (kind,) in recorded] == [
        "placed", "confirmed", "paid", "ship_released", "dispatched", "delivered", "accepted", "settled",
    ]  # fmt: skip


def assert_everybody_was_told(house: House) -> None:
    def mails(name: str) -> list[str]:
        return house.mails_to(name)

    house.eventually(lambda: f"You have been paid for the {MODEL}" in mails("Walter Finch"), what="the last mail")
    assert f"Please confirm the order of a {MODEL}" in mails("Amir Khan")
    assert {f"Your order of the {MODEL} can be paid", f"The {MODEL} is on its way"} <= set(mails("Tess Moreno"))
