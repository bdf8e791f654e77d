"""Mailed links in the browser: each is pressed once by whom it is for; used, forged and late ones say what to do."""

import re
from datetime import timedelta

from playwright.sync_api import Page, expect
from sqlalchemy import select

from marketplace.accounts.models import User
from marketplace.credentials import service as credentials
from marketplace.credentials.asking import Address
from marketplace.credentials.policy import AddressFrom, Asked
from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.listings.models import Listing
from marketplace.orders.states import OrderState
from tests.factories.credentials import make_credential
from tests.journeys.acts import answer, field, follow, heading, place_order, press, told
from tests.journeys.house import House

HAIR = ("Lumenis", "LightSheer Duet", "DIODE_HR")
ASKED = {
    "Issuer": ("Texas Board of Lasers", "Did your office issue this"),
    "Employer": ("Capitol Laser Clinic", "Does this person work for you"),
    "Medical director": ("Dr. Ida Fell", "Do you direct this person’s work"),
}


def refused(page: Page, path: str, words: str, cure: str, *, status: int) -> None:
    """Claim that the link opens nothing, and that its page says why and what to do."""
    said = page.goto(path)
    assert said is not None
    assert said.status == status
    expect(page.get_by_role("main")).to_contain_text(words)
    expect(page.get_by_role("main")).to_contain_text(cure)
    expect(page.get_by_role("main").locator("form[method=post]")).to_have_count(0)


def forged(link: str) -> str:
    """Return the link with another last letter."""
    return link[:-1] + ("A" if link[-1] != "A" else "E")


def test_a_practitioner_signs_the_order_for_this_very_unit_through_a_link_that_serves_once(house: House, enter):
    buyer, practitioner = enter("Dana Reyes"), enter("Amir Khan")
    listing = house.offer(*HAIR)
    order = place_order(buyer, listing)
    with house.inside():
        serial = db.session.scalars(select(Listing.serial).where(Listing.id == listing)).one()
    follow(buyer, "Ask the practitioner by mail")
    field(buyer, "Practitioner").select_option("Amir Khan")
    press(buyer, "Send the link")
    told(buyer, "The link is on its way.")
    link = house.link_mailed_to(house.email("Amir Khan"), leading_to="/sign/")

    refused(buyer, link, "This link was sent to somebody else", "Sign in with the account", status=404)
    practitioner.goto(link)
    expect(practitioner.get_by_role("main")).to_contain_text("Lumenis")
    expect(practitioner.get_by_role("main")).to_contain_text("LightSheer Duet")
    expect(practitioner.get_by_role("main")).to_contain_text(serial)
    expect(practitioner.get_by_role("button", name="Sign the order")).to_be_visible()
    for box in practitioner.get_by_role("main").get_by_role("checkbox").all():
        box.check()
    press(practitioner, "Sign the order")
    told(practitioner, "You have ordered the device. It can be paid for now.")
    assert house.state_of(order) is OrderState.AWAITING_PAYMENT

    refused(practitioner, link, "This link was used, and serves once.", "There is nothing left to do.", status=410)
    refused(practitioner, forged(link), "We have sent no such link.", "whole", status=404)


def test_issuer_employer_and_director_answer_once_each_and_the_desk_sees_it(house: House, enter):
    with house.inside():
        tyler = db.session.get_one(User, house.stage.people["Tyler Brooks"])
        claim = make_credential(
            holder=tyler, state="submitted", number="SLK-90210", at=clock.now() - timedelta(minutes=5)
        ).id
    verifier = enter("Vera Lind")
    verifier.goto(f"/staff/credentials/{claim}")
    press(verifier, "Take the case")
    links = {}
    for asked, (office, _) in ASKED.items():
        address = f"{asked.split()[-1].lower()}@office.example"
        follow(verifier, "Ask the issuer, employer or medical director")
        answer(verifier, "Who is asked", asked)
        field(verifier, "Name of the office or person").fill(office)
        field(verifier, "Their e-mail address").fill(address)
        answer(verifier, "Where the address was found", "On the office’s own web page")
        field(verifier, "Where exactly").fill(f"https://{address.partition('@')[2]}/contact")
        press(verifier, "Send the question")
        told(verifier, "The question is on its way.")
        links[asked] = house.link_mailed_to(address, leading_to="/answer/")

    outside = enter()
    for asked, (office, question) in ASKED.items():
        outside.goto(links[asked])
        heading(outside, f"A question to {office}")
        expect(outside.get_by_text("SLK-90210")).to_have_count(0)
        press(outside, "Read the question")
        expect(outside.get_by_role("heading", name=re.compile(question))).to_be_visible()
        # Its number is for its issuer alone.
        expect(outside.get_by_text("SLK-90210")).to_have_count(1 if asked == "Issuer" else 0)
        answer(outside, "Your answer", "Yes, all of it is so")
        field(outside, "Your name").fill("Carla Munoz")
        field(outside, "What you are there").fill("clerk")
        press(outside, "Send the answer")
        outside.wait_for_url("**/answered")

        refused(outside, links[asked], "This link was used, and serves once.", "There is nothing left", status=410)

    verifier.goto("/staff/credentials?show=answered")
    row = verifier.locator("[data-queue] li").filter(has_text="Tyler Brooks")
    for who in ("the issuer answered", "the employer answered", "the medical director answered"):
        expect(row).to_contain_text(who)
    verifier.goto(f"/staff/credentials/{claim}")
    board = verifier.get_by_role("article", name="Issuer: Texas Board of Lasers")
    expect(board).to_contain_text("confirms it")
    board.get_by_role("button", name="Record it as my look").click()
    expect(verifier.get_by_role("main")).to_contain_text("Texas Board of Lasers: Carla Munoz, clerk")


def test_a_forged_link_and_one_whose_time_is_over_open_nothing(house: House, enter):
    ago, vera = clock.now() - timedelta(days=15), house.stage.people["Vera Lind"]
    with house.inside():
        tyler = db.session.get_one(User, house.stage.people["Tyler Brooks"])
        claim = make_credential(holder=tyler, state="submitted", number="SLK-90211", at=ago - timedelta(days=1)).id
        credentials.claim(credential_id=claim, actor_id=vera, at=ago)
        whom = Address(Asked.ISSUER, "Board of Lasers", "late@office.example", AddressFrom.REGISTER, "The register.")
        credentials.ask_source(credential_id=claim, actor_id=vera, whom=whom, at=ago)
    outside = enter()
    link = house.link_mailed_to("late@office.example", leading_to="/answer/")

    refused(outside, forged(link), "We have sent no such link.", "ask whoever sent it for a new one", status=404)
    refused(outside, link, "The time of this link is over.", "ask whoever sent it for a new one", status=410)
