"""Forms that no page of ours sent: without its mark nothing is done, and what no form asks for is not taken."""

import pytest
from sqlalchemy import text

from marketplace.extensions import csrf, db
from tests.factories.orders import make_order, make_scene
from tests.pages import browser_of
from tests.web.test_bad_input import address, known

FOR_MACHINES = "webhooks.stripe"
"""Signed by whoever sends it: there is no form and no mark."""

BEYOND = {"account.sign_out", "buying.pay", "sales.open_account"}
"""These end the session, or lead to the payment provider."""
ODD = {
    "staff_role": "admin", "email_confirmed_at": "2026-01-01", "seller_standing": "verified", "state": "verified",
    "verified_by": "1", "approved_by": "1", "price_minor": "1", "fee_minor": "0", "fee_bps": "0", "is_staff": "on",
    "buyer_id": "1", "seller_clinic_id": "1", "holder_id": "1", "decision_id": "1", "rule_id": "1",
}  # fmt: skip
WRITTEN_BY_THE_HOUSE = (
    "SELECT id, staff_role, disabled_at IS NULL FROM users",
    "SELECT id, seller_standing, seller_checked_by FROM clinics WHERE seller_standing <> 'asked'",
    "SELECT id, holder_id, verified_by, state = 'verified' FROM credentials",
    "SELECT id, clinic_id, created_by, approved_by, price_minor FROM listings",
    "SELECT id, buyer_id, seller_clinic_id, price_minor, fee_minor, fee_bps, decision_id FROM orders",
)


def writing(app):
    return [rule for rule in sorted(app.url_map.iter_rules(), key=str) if "POST" in rule.methods]


class TestMark:
    @pytest.fixture(autouse=True)
    def _protected(self, app, monkeypatch):
        monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)

    @pytest.mark.parametrize(
        "headers",
        [
            {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
            {"HX-Request": "true", "X-Requested-With": "XMLHttpRequest"},
        ],
        ids=["another site's", "a script's"],
    )
    def test_without_it_no_form_is_taken_anywhere(self, app, now, monkeypatch, headers):
        scene = make_scene(now)
        ids = known(scene, make_order("awaiting_payment", scene, at=now))
        monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", False)
        browser = browser_of(app, scene.buyer)
        monkeypatch.setitem(app.config, "WTF_CSRF_ENABLED", True)

        taken = {
            rule.endpoint: status
            for rule in writing(app)
            if (status := browser.post(address(app, rule, ids), headers=headers).status_code) != 400
        }

        assert taken == {"eligibility.ask": 401}  # No cookie opens it, only a key that no browser has.
        assert browser.get("/account").status_code == 200  # Not even the sign-out was done.

    def test_only_what_machines_send_goes_without(self):
        assert csrf._exempt_views == {"marketplace.web.eligibility.ask", "marketplace.web.webhooks.stripe"}
        assert csrf._exempt_blueprints == set()


class TestFieldsThatNoFormHas:
    """Whoever adds fields to a form of ours: columns that only the house writes stay as they are."""

    def kept(self):
        return [sorted(map(str, db.session.execute(text(statement)))) for statement in WRITTEN_BY_THE_HOUSE]

    def test_set_nothing(self, app, now):
        scene = make_scene(now)
        ids = known(scene, make_order("awaiting_payment", scene, at=now))
        browsers = [browser_of(app, one) for one in (scene.buyer, scene.seller)]
        before = self.kept()

        for rule in writing(app):
            if not rule.endpoint.startswith("staff_") and rule.endpoint not in BEYOND:
                for browser in browsers:
                    browser.post(address(app, rule, ids), data=ODD)

        assert self.kept() == before

    def test_of_a_new_account_are_not_taken_either(self, app):
        account = {"name": "Mallory", "email": "m@x.example", "password": "violet tractor hums"}
        assert app.test_client().post("/register", data={**ODD, **account}).status_code == 303

        rows = db.session.execute(text("SELECT name, staff_role, email_confirmed_at FROM users"))
        assert [tuple(row) for row in rows] == [("Mallory", None, None)]
