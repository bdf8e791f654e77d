"""Was this person cleared then? Asked at a desk, answered from history beside the answers that were kept."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from marketplace.eligibility import service
from marketplace.eligibility.models import Moment
from marketplace.eligibility.sale import Purchase
from marketplace.extensions import db
from marketplace.listings import queries as listings
from tests.factories.accounts import make_staff, make_user
from tests.support import sign_in


@pytest.fixture
def scene(scene, now):
    for table, column in (("clinic_members", "joined_at"), ("clinic_sites", "created_at")):
        db.session.execute(text(f"UPDATE {table} SET {column} = :then"), {"then": now - timedelta(days=9)})
    db.session.commit()
    return scene


@pytest.fixture
def desk(client):
    sign_in(client, make_staff("auditor"))
    return client


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def asked(scene, at, **changes):
    local = at.astimezone(ZoneInfo(scene.site.time_zone))
    return {
        "email": scene.buyer.email,
        "site": str(scene.site.id),
        "modality": "DIODE_HR",
        "procedure": "HAIR_NONABLATIVE",
        "then": (local + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M"),
        **changes,
    }


class TestAsking:
    def test_begins_with_the_person(self, desk, scene):
        first, second = (
            desk.get("/staff/history"),
            desk.get("/staff/history", query_string={"email": scene.buyer.email}),
        )

        assert "Find the sites" in first.text
        assert str(scene.site.id) in second.text
        assert "A question without a kept answer is about a sound device" in second.text

    def test_answers_with_what_was_kept_beside(self, desk, scene, now):
        purchase = Purchase(scene.buyer.id, scene.clinic.id, scene.site.id, scene.buyer.id)
        service.assess(moment=Moment.ORDER, sale=listings.sale_of(scene.listing.id), purchase=purchase, at=now)

        page = text_of(desk.get("/staff/history", query_string=asked(scene, now)))

        assert "You can buy this in Texas" in page
        assert "Under version 1 of the policy." in page
        assert "cleared" in page
        assert "the same" in page

    def test_before_the_rules_there_is_nothing_to_answer(self, desk, scene, now):
        answer = desk.get("/staff/history", query_string=asked(scene, now - timedelta(days=1)))

        assert answer.status_code == 404
        assert "No rules were in force then" in answer.text

    @pytest.mark.parametrize("change", [{"then": "yesterday"}, {"then": ""}, {"site": "x"}, {"modality": "MAGIC"}])
    def test_what_is_no_question_is_shown_again(self, desk, scene, now, change):
        answer = desk.get("/staff/history", query_string=asked(scene, now, **change))

        assert answer.status_code == 422
        assert "Under version" not in answer.text

    def test_a_person_nobody_knows_is_not_found(self, desk):
        assert desk.get("/staff/history?email=nobody@example.test").status_code == 404

    def test_is_for_staff(self, client):
        sign_in(client, make_user())
        assert client.get("/staff/history").status_code == 403
