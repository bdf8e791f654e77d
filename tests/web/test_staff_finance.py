"""The finance desk: who may look, and what they see."""

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select, update

from marketplace.extensions import db
from marketplace.kernel.money import Money
from marketplace.payments import service as payments
from marketplace.payments.books import Finding, FindingCode
from marketplace.payments.desk import Day
from marketplace.payments.models import LedgerJournal, Payment
from marketplace.web.staff import finance
from tests.factories.accounts import make_staff
from tests.factories.orders import make_order, place_and_confirm
from tests.factories.payments import hear, pay_page, the_payment
from tests.pages import browser_of, text


@pytest.fixture
def as_(app):
    return partial(browser_of, app)


def test_is_open_to_those_who_look_after_money_and_to_nobody_else(scene, as_):
    for role, status in (("finance", 200), ("auditor", 200), ("admin", 200), ("verifier", 403)):
        browser = as_(make_staff(role))
        for page in ("", "/ledger", "/days.csv"):
            assert browser.get(f"/staff/finance{page}").status_code == status
    assert as_(scene.seller).get("/staff/finance").status_code == 403


def test_an_empty_desk_says_so(as_):
    browser = as_(make_staff("finance"))

    page = text(browser.get("/staff/finance"))
    for words in ("Nothing waits", "No difference stands", "No money has moved."):
        assert words in page
    assert "No line of the books touches this account." in text(browser.get("/staff/finance/ledger"))


def test_shows_tasks_and_findings_with_both_sides(scene, as_, now):
    order = make_order("in_transit", scene, at=now)
    db.session.execute(update(Payment).values(frozen_reason="refund_failed"))
    payments.keep_findings(
        [
            Finding(FindingCode.BOOKS_DIFFER, "x", "Sent twice.", order.id, Money(-100), Money(-200)),
            Finding(FindingCode.NOT_OURS, "y", "A stranger's.", None, Money(0), Money(900)),
            Finding(FindingCode.EVENT_OVERDUE, "z", "Late.", scene.buyer.id),
        ],
        at=now,
    )
    payments.keep_findings([Finding(FindingCode.BOOKS_DIFFER, "x", "Sent twice.", order.id, Money(-100), Money(-200))],
                           at=now + timedelta(seconds=1))  # fmt: skip

    page = text(as_(make_staff("finance")).get("/staff/finance"))

    assert f'<a href="/staff/orders/{order.id}">Order {order.number}</a>' in page
    assert "Stands still: refund failed." in page
    assert "-$1" in page
    assert "-$2" in page
    assert page.count("No order of ours") == 2
    assert page.count("one side only") == 2
    assert page.index("Sent twice.") < page.index("A stranger")


def test_the_ledger_leads_from_page_to_page(scene, as_, now, local_stripe, monkeypatch):
    order_id = place_and_confirm(scene, at=now)
    pay_page(order_id, scene.buyer.id, at=now)
    local_stripe.pay_by_card(the_payment(order_id).checkout_id)
    hear(local_stripe)
    monkeypatch.setattr("marketplace.payments.desk.PER_PAGE", 1)
    browser = as_(make_staff("auditor"))

    first = text(browser.get("/staff/finance/ledger"))
    newest, oldest = db.session.scalars(
        select(LedgerJournal.id).order_by(LedgerJournal.at.desc(), LedgerJournal.id.desc())
    )
    assert f"/staff/finance/ledger?before={newest}" in first
    second = text(browser.get(f"/staff/finance/ledger?before={newest}"))
    assert 'href="/staff/finance/ledger">Newest' in second
    assert "Older" not in second
    assert browser.get(f"/staff/finance/ledger?before={oldest}").headers["Location"] == "/staff/finance/ledger"
    assert "provider fees" in text(browser.get("/staff/finance/ledger?account=provider_fees"))
    assert "No line of the books" in text(browser.get("/staff/finance/ledger?account=suspense"))

    rows = browser.get("/staff/finance/days.csv").get_data(as_text=True).splitlines()
    assert rows[0].endswith("day,received,to_sellers,given_back,fees,currency")
    assert rows[-1] == f"{now.date().isoformat()},4250000,0,0,0,usd"
    assert len(rows) == 31
    assert "<rect" in text(browser.get("/staff/finance"))


def test_the_chart_is_as_high_as_its_largest_day(now):
    def day(received, out):
        return Day(now.date(), Money(received), Money(out), Money(0), Money(0))

    assert finance.chart_of([day(100, 0), day(0, 50), day(0, 0)]) == [
        finance.Bar(0, 80, 0),
        finance.Bar(24, 0, 40),
        finance.Bar(48, 0, 0),
    ]
    assert finance.chart_of([day(0, 0)]) == [finance.Bar(0, 0, 0)]
