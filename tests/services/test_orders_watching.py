"""What the nightly round over orders and evidence finds, and where staff see it."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from marketplace import jobs
from marketplace.eligibility import ageing
from marketplace.extensions import db
from marketplace.orders import service as orders
from marketplace.orders import watching
from marketplace.orders.models import OrderHold
from marketplace.orders.watching import Watch
from tests.factories.accounts import make_staff
from tests.factories.credentials import make_credential
from tests.factories.orders import make_order, make_scene, publish_rules
from tests.support import promised_jobs, run_jobs, sign_in


@pytest.fixture
def lapsed(now):
    """An order that is paid, and the licence it rests on has expired since."""
    scene = make_scene(now)
    order = make_order("funds_held", scene, at=now)
    db.session.execute(
        text("UPDATE credentials SET expires_on = current_date - 2, issued_on = NULL WHERE id = :id"),
        {"id": scene.licence.id},
    )
    db.session.commit()
    return order


class TestWatch:
    def test_holds_what_has_turned_leaves_what_stands_and_lets_go_on_what_was_cured(self, lapsed, now):
        standing = make_order("funds_held", make_scene(now), at=now)

        assert orders.watch(at=now) == Watch(at=now, looked_at=2, held=1, lifted=0, still_held=0, failed=0)
        assert db.session.scalars(select(OrderHold.order_id)).all() == [lapsed.id]
        assert [line.id for line in watching.on_hold()] == [lapsed.id]

        db.session.execute(text("UPDATE credentials SET expires_on = current_date + 200"))
        assert orders.watch(at=now) == Watch(at=now, looked_at=2, held=0, lifted=1, still_held=0, failed=0)
        assert watching.on_hold() == []
        assert (
            standing.id not in db.session.scalars(select(OrderHold.order_id).where(OrderHold.lifted_at.is_(None))).all()
        )
        assert [(round_.held, round_.lifted) for round_ in watching.last_watches()] == [(0, 1), (1, 0)]

    def test_one_order_that_cannot_be_seen_keeps_nobody_from_the_others(self, lapsed, now, monkeypatch):
        def moved(**_):
            raise orders.GateMoved

        monkeypatch.setattr(watching, "look", moved)

        assert orders.watch(at=now).failed == 1


class TestEvidenceDue:
    def test_is_due_three_weeks_before_it_is_too_old(self, now):
        publish_rules(now)
        limit = ageing.published_policy().policy.decision_limits
        fresh = make_credential(at=now - timedelta(days=2))
        days = limit[_kind(fresh)]
        due = make_credential(verified_at=now - days + ageing.LEAD, at=now - days)
        make_credential(verified_at=now - days + ageing.LEAD + timedelta(seconds=1), at=now - days)
        make_credential(verified_at=now - days, at=now - days, expires_on=now.date() - timedelta(days=1))
        make_credential(verified_at=now - days, at=now - days, state="suspended")

        (found,) = ageing.evidence_due(at=now)

        assert (found.credential_id, found.verified_at) == (due.id, due.verified_at)
        assert found.stale_at == due.verified_at + days


def _kind(credential):
    return ageing.credential_types()[credential.type_code].kind


class TestPage:
    def test_staff_see_what_was_found_and_ask_for_another_round(self, app, client, lapsed, now):
        sign_in(client, make_staff("verifier"))
        page = client.get("/staff/monitoring").get_data(as_text=True)
        assert "No round yet" in page
        assert "No order stands still." in page
        assert "recently enough for the next three weeks" in page

        assert client.post("/staff/monitoring/watch").status_code == 303
        assert ("watch_orders", {}) in promised_jobs()
        run_jobs(only="watch_orders")

        page = client.get("/staff/monitoring").get_data(as_text=True)
        assert str(lapsed.number) in page
        assert "on hold, payment held" in page
        auditor = app.test_client()
        sign_in(auditor, make_staff("auditor"))
        assert "Look at every order now" not in auditor.get("/staff/monitoring").get_data(as_text=True)
        assert auditor.post("/staff/monitoring/watch").status_code == 403

    def test_the_night_does_it_by_itself(self, lapsed):
        jobs.JOBS["watch_orders_nightly"]()
        jobs.JOBS["end_memberships"]()

        assert [round_.held for round_ in watching.last_watches()] == [1]

    def test_evidence_that_is_due_is_listed(self, client, now):
        publish_rules(now)
        make_credential(at=now - timedelta(days=100), verified_at=now - timedelta(days=115))
        sign_in(client, make_staff())

        assert "Opens nothing from" in client.get("/staff/monitoring").get_data(as_text=True)
