"""What two people of finance decide, on the order's page: proposed by one, approved by another."""

from functools import partial

import pytest
from sqlalchemy import func, select, update

from marketplace.accounts.models import User
from marketplace.extensions import db
from marketplace.payments.models import MoneyDecision, Payment
from tests.factories.accounts import make_staff
from tests.factories.orders import make_order, make_scene, the_order
from tests.factories.payments import the_payment
from tests.pages import browser_of, press, text, token

LIFT = {"lift-reason": "The bank says it was a mistake.", "lift-evidence": "Letter of May 3."}


@pytest.fixture
def as_(app):
    return partial(browser_of, app)


@pytest.fixture
def order(now):
    order = make_order("under_inspection", make_scene(now), at=now)
    db.session.execute(update(Payment).values(frozen_reason="fraud_warning"))
    db.session.commit()
    return order


def count() -> int:
    return db.session.scalar(select(func.count()).select_from(MoneyDecision))


def test_a_freeze_is_proposed_by_one_and_lifted_by_another(order, as_, monkeypatch):
    monkeypatch.setattr("marketplace.payments.decisions.look", lambda _: None)
    address, ada, ben = f"/staff/orders/{order.id}", as_(make_staff("finance", name="Ada Osei")), as_(
        make_staff("finance", name="Ben Ilves")
    )  # fmt: skip
    page = text(ada.get(address))
    assert "Let the payment go on" in page
    assert press(ada, page, f"{address}/decisions/lift", **LIFT).headers["Location"] == f"{address}#decisions"

    page = text(ada.get(address))
    assert "nobody approves what they proposed themselves" in page
    assert "Approve as the second person" not in page
    (decision,) = db.session.scalars(select(MoneyDecision.id))
    answer = ada.post(f"{address}/decisions/{decision}/approve", data={"csrf_token": token(page)})
    assert (answer.status_code, "You proposed this yourself." in text(answer)) == (403, True)
    assert the_payment(order.id).frozen_reason == "fraud_warning"

    page = text(ben.get(address))
    for words in ("Ada Osei", "The bank says it was a mistake.", "Letter of May 3.", "fraud warning"):
        assert words in page
    assert press(ben, page, f"{address}/decisions/{decision}/approve").status_code == 303
    assert the_payment(order.id).frozen_reason is None
    page = text(ben.get(address))
    assert "approved" in page
    assert "Let the payment go on</h3>" not in page


def test_what_is_missing_is_said_beside_its_field_and_nothing_is_kept(order, as_):
    browser, address = as_(make_staff("finance")), f"/staff/orders/{order.id}"
    page = text(browser.get(address))

    answer = press(browser, page, f"{address}/decisions/lift", **{"lift-reason": "Right.", "lift-evidence": ""})
    assert (answer.status_code, "Write what you looked at, and where." in text(answer)) == (422, True)
    sent = {"csrf_token": token(page), "give_back-reason": "x", "give_back-evidence": "y"}
    answer = browser.post(f"{address}/decisions/give_back", data=sent)
    assert (answer.status_code, "Say where the device is." in text(answer)) == (422, True)
    assert browser.post(f"{address}/decisions/something", data={"csrf_token": token(page)}).status_code == 404
    assert count() == 0


def test_a_colleague_declines_and_whoever_proposed_withdraws(order, as_):
    address, ada, ben = f"/staff/orders/{order.id}", as_(make_staff("finance")), as_(make_staff("finance"))
    for closing, state in ((ben, "declined"), (ada, "withdrawn")):
        press(ada, text(ada.get(address)), f"{address}/decisions/lift", **LIFT)
        decision = db.session.scalars(select(MoneyDecision.id).where(MoneyDecision.state == "open")).one()
        page = text(closing.get(address))
        assert press(closing, page, f"{address}/decisions/{decision}/close").status_code == 303
        assert db.session.get_one(MoneyDecision, decision, populate_existing=True).state == state
    assert the_payment(order.id).frozen_reason == "fraud_warning"
    assert the_order(order.id).state == "under_inspection"


def test_money_is_given_back_from_the_page(now, as_):
    order = make_order("under_inspection", make_scene(now), at=now)
    address, ada = f"/staff/orders/{order.id}", as_(make_staff("finance"))
    page = text(ada.get(address))
    assert "Give it back, although the device has left" in page
    assert "Pay the seller, although" not in page

    answer = press(
        ada, page, f"{address}/decisions/give_back",
        **{"give_back-reason": "It never worked.", "give_back-evidence": "Photos.", "give_back-device": "with_seller"},
    )  # fmt: skip

    assert answer.status_code == 303
    assert "Back with the seller" in text(ada.get(address))
    assert the_payment(order.id).state == "held"


def test_auditors_read_and_cannot_act_nor_can_the_sides(order, as_):
    address = f"/staff/orders/{order.id}"
    auditor = as_(make_staff("auditor"))
    assert "Propose it to a colleague" not in text(auditor.get(address))
    for browser in (auditor, as_(db.session.get_one(User, order.buyer_id))):
        sent = {"csrf_token": token(text(browser.get("/account"))), **LIFT}
        assert browser.post(f"{address}/decisions/lift", data=sent).status_code == 403
    assert count() == 0
