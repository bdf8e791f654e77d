"""A purchase without a mouse, and the verifier's keys: the focus is always to be seen, and no key decides by itself."""

from datetime import timedelta

from playwright.sync_api import Page, expect
from sqlalchemy import select

from marketplace.credentials import service as credentials
from marketplace.credentials.models import Credential
from marketplace.credentials.policy import Claim
from marketplace.dev import rosters
from marketplace.dev.demo import pictures
from marketplace.kernel import clock
from marketplace.registers import service as registers
from tests.factories.accounts import make_user
from tests.journeys.acts import confirm_order, order_of, told
from tests.journeys.house import House

MOST_STEPS = 90
LHR = "Laser Hair Removal Technician"
FOCUS = """() => {
  const element = document.activeElement;
  const label = element.labels?.[0]?.innerText ?? element.getAttribute("aria-label") ?? element.innerText;
  return (label ?? "").replace(/\\s+/g, " ").trim();
}"""
# Whether the focused element looks different from how it looks without focus.
IS_SEEN = """() => {
  const element = document.activeElement;
  const look = () => { const s = getComputedStyle(element); return [s.outlineStyle, s.outlineWidth, s.outlineColor,
    s.boxShadow, s.borderColor, s.backgroundColor].join("|"); };
  const box = element.getBoundingClientRect();
  const style = getComputedStyle(element);
  const ringed = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  return (ringed || style.boxShadow !== "none") && box.width > 0 && box.height > 0
    && box.bottom > 0 && box.top < innerHeight;
}"""


def tab_to(page: Page, label: str) -> None:
    """Press Tab until the focus stands on the control of that name, and claim that it is seen at every stop."""
    passed = []
    for _ in range(MOST_STEPS):
        page.keyboard.press("Tab")
        where = page.evaluate(FOCUS)
        if page.evaluate("document.activeElement !== document.body"):
            assert page.evaluate(IS_SEEN), f"The focus on “{where}” cannot be seen."
        if where.startswith(label):
            return
        passed.append(where)
    raise AssertionError(f"“{label}” is not reached by Tab; passed were {passed}")


def test_a_purchase_needs_no_mouse(house: House, enter):
    listing = house.offer("Lumenis", "LightSheer Duet", "DIODE_HR")
    page, practitioner = enter(), enter("Amir Khan")

    page.goto(f"/devices/{listing}")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    tab_to(page, "Sign in to buy")
    page.keyboard.press("Enter")

    page.wait_for_url("**/sign-in?**")
    tab_to(page, "E-mail address")
    page.keyboard.type(house.email("Dana Reyes"))
    tab_to(page, "Password")
    page.keyboard.type("demo second light")
    page.keyboard.press("Enter")

    page.wait_for_url(f"{house.address}/devices/{listing}")
    tab_to(page, "Order this device")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{house.address}/devices/{listing}/order")
    tab_to(page, "I order this device for use in a medical practice")
    page.keyboard.press("Space")
    tab_to(page, "Place the order")
    page.keyboard.press("Enter")
    told(page, "The device is reserved for you.")
    order = order_of(page)

    confirm_order(practitioner, order)
    page.reload()
    tab_to(page, "Pay $12,400")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{house.stripe.base_url}/**")
    tab_to(page, "Pay $12,400 by card")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/orders/{order}?paid=1")
    house.eventually(lambda: house.state_of(order) == "funds_held", what="the payment is held")


def test_the_menu_closes_on_escape_and_gives_the_focus_back(enter):
    page = enter("Dana Reyes")
    tab_to(page, "Dana Reyes")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Credentials").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    assert page.evaluate(FOCUS).startswith("Dana Reyes")


def test_a_verifier_claims_the_case_that_is_marked(enter):
    page = enter("Owen Marsh")
    page.goto("/staff/credentials?show=free")
    cases = page.locator("[data-queue] a")
    expect(cases.nth(1)).to_be_attached()
    page.keyboard.press("c")  # Nothing is marked yet.
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(cases.nth(1)).to_be_focused()
    marked = cases.nth(1).get_attribute("href")
    page.keyboard.press("c")

    page.wait_for_url(f"**{marked}")
    page.get_by_role("button", name="Put it back into the queue").click()
    page.wait_for_url("**/staff/credentials")


def test_the_verifiers_keys_move_and_open_and_decide_nothing(house: House, enter):
    page = enter("Owen Marsh")
    page.goto("/staff/credentials")
    cases = page.locator("[data-queue] a")
    expect(cases.nth(1)).to_be_attached()
    page.keyboard.press("j")
    expect(cases.nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(cases.nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(cases.nth(0)).to_be_focused()
    page.keyboard.press("Enter")

    page.wait_for_url("**/staff/credentials/*")
    first = page.url
    page.keyboard.press("j")
    page.wait_for_url(lambda url: url != first)
    page.keyboard.press("k")
    page.wait_for_url(first)

    tab_to(page, "Take the case")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Decision")).to_be_visible()
    for key, words in (("v", "Yes, verify it"), ("r", "Yes, reject it"), ("i", "Send the question")):
        page.keyboard.press(key)
        expect(page.get_by_role("button", name=words)).to_be_visible()
        expect(page.locator("details[data-key][open]")).to_have_count(1)
        # While somebody types, the letters are letters.
        page.evaluate("document.activeElement.blur()")
    page.keyboard.press("i")
    # The focus is on the first reason: letters that were meant for the words do nothing there.
    page.keyboard.type("very rough, just in kind")
    words = page.locator("details[data-key][open] textarea")
    words.focus()
    page.keyboard.type("very rough, just in kind")
    expect(words).to_have_value("very rough, just in kind")
    assert page.url == first
    case = first.rpartition("/")[2]
    assert house.query(select(Credential.state).where(Credential.id == case)) == [("in_review",)]
    page.get_by_role("button", name="Put it back into the queue").press("Enter")
    told(page, "It is back in the queue.")


def clean_cases(house: House, *names: str) -> list[str]:
    """Hand in certificates that wait longer than any other, and load a roster in which each stands as it says."""
    with house.inside():
        now, people = clock.now(), []
        until = (now + timedelta(days=400)).date()
        for number, name in enumerate(names, start=40_501):
            scan = pictures.encoded(pictures.document([name, f"No. {number}"], title="Texas"))
            claim = Claim(
                type_code="US-TX:TDLR:LHR", jurisdiction="TX", number=str(number), name_on_credential=name,
                level="TECHNICIAN", expires_on=until,
            )  # fmt: skip
            at = now - timedelta(days=41_000 - number)
            person = make_user(name=name, created_at=at).id
            case = credentials.submit(actor_id=person, claim=claim, files=[("scan.jpg", scan)], at=at)
            given, family = name.upper().split()
            people.append((str(case), rosters.Licence(LHR, str(number), family, given, expires=until)))
        credentials.map_types(source_code="TX:TDLR", meanings={LHR: "US-TX:TDLR:LHR"}, actor_id=None, at=now)
        file = registers.receive(
            source_code="TX:TDLR", filename="ltlicfile.csv", retrieved_at=now, actor_id=None, at=now,
            chunks=rosters.written(rosters.tdlr(row for _, row in people)),
        )  # fmt: skip
        registers.load(snapshot_id=file, at=now)
        return [case for case, _ in people]


def test_a_clean_case_takes_two_presses_and_two_pages(house: House, enter):
    first, second = clean_cases(house, "Nora Quist", "Ines Haas")
    page = enter("Owen Marsh")
    page.goto("/staff/credentials")
    pages: list[str] = []
    page.on("framenavigated", lambda frame: pages.append(frame.url))

    page.keyboard.press("n")
    page.wait_for_url(f"**/{first}")
    # Scan, register row and decision stand side by side on a small desk screen; nothing was scrolled or clicked.
    row = page.get_by_role("article", name="Row 1 of")
    expect(row).to_be_focused()
    for part in (page.locator(".page-picture img"), row.get_by_role("table"), row.get_by_role("button").first):
        expect(part).to_be_in_viewport(ratio=0.95)
    assert page.evaluate("scrollY") == 0
    # The next page's clock stands still, as for a hand that was too fast.
    page.add_init_script("performance.now = () => window.later ?? 0")
    page.wait_for_timeout(800)
    page.keyboard.press("Control+Enter")
    page.wait_for_url(f"**/{second}")

    told(page, "Verified. The person has been told. This is the next case.")
    assert pages == [f"{house.address}/staff/credentials/{case}" for case in (first, second)]

    # The key that was meant for the first one decides nothing about the second; a moment later it does, alone.
    page.keyboard.press("Control+Enter")
    states = select(Credential.state).where(Credential.id == second)
    assert house.query(states) == [("in_review",)]
    page.evaluate("window.later = 1000")
    page.keyboard.press("Control+Enter")
    page.wait_for_url(lambda url: not url.endswith(second))
    assert house.query(states) == [("verified",)]
    assert len(pages) == 3
    page.evaluate("window.later = 1000")
    page.keyboard.press("l")
    told(page, "It is back in the queue.")
