"""Whoever is not cleared is told exactly what stands against it, and gets past it by no route."""

import re
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from playwright.sync_api import Locator, expect
from sqlalchemy import func, select

from marketplace.eligibility.models import EligibilityDecision
from marketplace.kernel import clock
from marketplace.listings.models import Listing
from marketplace.orders.models import Order
from tests.journeys.house import House

HAIR = ("Lumenis", "LightSheer Duet", "DIODE_HR")
PLATFORM = ("Lumenis", "M22", "IPL", "ER_GLASS_FRAC")
CERTIFICATE = "Texas laser hair removal certificate (TDLR)"
WANTED = "a TDLR laser hair removal certificate as Technician, Senior Technician or Professional"


@dataclass(frozen=True)
class Refused:
    """One person, the unit they want, and what they must be told: what is wrong, the cure, where it begins, the text."""

    person: str
    unit: tuple[str, ...]
    sentence: str
    cure: str
    leads_to: str
    citation: str


def _expired_day() -> str:
    return (clock.now() - timedelta(days=34)).strftime("%-d %b %Y")


CASES = {
    "expired": Refused(
        "Priya Nair",
        HAIR,
        f"Hair removal in Texas: Priya Nair's {CERTIFICATE} expired at the end of {_expired_day()}.",
        "Renew it with its issuer and submit the renewed one.",
        "/credentials",
        "16 TAC 118.20",
    ),
    "wrong scope": Refused(
        "Ben Yazzie",
        PLATFORM,
        "Fractional non-ablative resurfacing in Arizona: Ben Yazzie's Arizona laser technician certificate (ADHS)"
        " does not list fractional non-ablative resurfacing.",
        "Have the issuer add the procedure, then submit the new certificate.",
        "/credentials",
        "A.R.S. 32-3233",
    ),
    "another state": Refused(
        "Sam Porter",
        HAIR,
        f"Hair removal in Arizona: Sam Porter's {CERTIFICATE} was issued in Texas; the device would be used in Arizona.",
        "Submit it for verification: an ADHS laser technician certificate that lists the procedure.",
        "/credentials/new/AZ/US-AZ:ADHS:LASER_TECHNICIAN",
        "A.A.C. R9-7-1438",
    ),
    "in review": Refused(
        "Elena Soto",
        HAIR,
        f"Hair removal in Texas: Elena Soto's {CERTIFICATE} is waiting to be verified against its source.",
        "Wait for the verifier; you are told by mail.",
        "/credentials",
        "16 TAC 118.20",
    ),
    "repair certificate": Refused(
        "Marcus Webb",
        HAIR,
        "Hair removal in Texas: Marcus Webb's Certified Laser Repair Technician is not an operator certificate: it shows"
        f" training in repairing lasers, not in treating people with them. Asked for: {WANTED}.",
        f"Submit it for verification: {WANTED}.",
        "/credentials/new/TX/US-TX:TDLR:LHR",
        "Tex. H&S Code 401.504",
    ),
    "no ordering practitioner": Refused(
        "Tyler Brooks",
        HAIR,
        "The clinic has no member who may order prescription devices in Texas.",
        "Invite the practitioner who orders for your clinic: a physician's licence (MD or DO) from the place of use.",
        "/clinics/",
        "21 CFR 801.109(a)(2)",
    ),
}


@pytest.fixture(scope="module")
def units(house: House) -> dict[tuple[str, ...], UUID]:
    return {unit: house.offer(*unit) for unit in (HAIR, PLATFORM)}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_person_is_told_what_to_do_and_cannot_order(house: House, enter, units, case: Refused):
    listing = units[case.unit]
    page = enter(case.person)

    page.goto(f"/devices/{listing}")
    explains(page.locator(".verdict"), case)
    expect(page.get_by_role("link", name="Order this device")).to_have_count(0)

    page.get_by_role("link", name="Prepare an order").click()
    explains(page.locator(".verdict"), case)
    expect(page.get_by_role("button", name="Place the order")).to_have_count(0)

    # Past the page: what its form would send, with the page's own token.
    token = page.locator("input[name=csrf_token]").first.input_value()
    made = {"csrf_token": token, "form_key": str(uuid4()), "terms": "y", "restriction": "y"}
    refusal = page.request.post(f"/devices/{listing}/order", form=made)
    assert refusal.status == 403
    page.set_content(refusal.text())
    explains(page.locator(".verdict"), case)

    assert house.query(select(func.count()).select_from(Order).where(Order.listing_id == listing)) == [(0,)]
    assert house.query(select(Listing.state).where(Listing.id == listing)) == [("published",)]
    # The answer is kept, for whoever asks later why.
    kept = house.query(
        select(EligibilityDecision.moment, EligibilityDecision.cleared).where(
            EligibilityDecision.buyer_id == house.stage.people[case.person]
        )
    )
    assert kept == [("order", False)]


def explains(verdict: Locator, case: Refused) -> None:
    """Claim that exactly this stands against it, with the cure, where that begins, and the text that asks for it."""
    expect(verdict.get_by_role("heading")).to_have_text("One thing stands against this purchase")
    expect(verdict.locator(".verdict-objection")).to_have_text(re.compile(re.escape(case.sentence) + r"\s*$"))
    cure = verdict.get_by_text(case.cure, exact=True)
    expect(cure).to_have_attribute("href", re.compile(f"^{re.escape(case.leads_to)}"))
    expect(verdict.get_by_text(case.citation).filter(visible=True).first).to_be_visible()
