"""Somebody lets a reseller ask, sees every question that was asked, and takes their word back."""

import re
from functools import partial

import pytest
from sqlalchemy import select, text

from marketplace.extensions import db
from marketplace.partners import queries, sharing
from marketplace.partners.models import SharingCode
from tests.factories.accounts import make_user
from tests.factories.partners import ask, make_partner, share
from tests.pages import browser_of
from tests.pages import text as read
from tests.support import count_statements


@pytest.fixture
def as_(app):
    return partial(browser_of, app)


@pytest.fixture
def partner(now):
    return make_partner(at=now)


def given(browser, partner, scene, **changed):
    fields = {"partner_id": str(partner[0]), "site_id": str(scene.site.id), "days": "30", **changed}
    return browser.post("/sharing", data=fields)


class TestGiving:
    def test_shows_the_code_once_and_it_serves(self, scene, partner, as_, now):
        browser = as_(scene.buyer)
        page = read(given(browser, partner, scene))
        (code,) = re.findall(r"<code>(SL-[0-9A-Z-]+)</code>", page)

        assert "Your code for Resale House" in page
        assert ask(scene, partner[1], code, at=max(now, db.session.scalars(select(SharingCode.given_at)).one()))
        again = read(browser.get("/sharing"))
        assert code not in again
        assert f"Resale House, …{code[-4:]}" in again
        assert "1 question, last" in again

    @pytest.mark.parametrize("changed", [{"partner_id": "00000000-0000-0000-0000-000000000001"}, {"site_id": "x"},
        {"days": "365"}, {"days": ""}])  # fmt: skip
    def test_takes_what_is_offered_and_nothing_else(self, scene, partner, as_, changed):
        assert given(as_(scene.buyer), partner, scene, **changed).status_code == 422
        assert db.session.scalars(select(SharingCode)).all() == []

    def test_says_beside_the_form_what_stands_against_it(self, scene, partner, as_, monkeypatch):
        monkeypatch.setattr(sharing, "MOST_CODES", 0)
        answer = given(as_(scene.buyer), partner, scene)

        assert answer.status_code == 422
        assert "Take one of them back first." in read(answer)

    def test_offers_nothing_without_a_site_or_a_partner(self, scene, partner, as_, now):
        assert "you belong to no clinic" in read(as_(make_user()).get("/sharing"))
        from marketplace.partners import service

        service.end_partner(name="Resale House", at=now)
        page = read(as_(scene.buyer).get("/sharing"))
        assert "No reseller checks with us yet." in page
        assert "You gave no code" in page

    def test_is_for_members_alone(self, client):
        assert client.get("/sharing").status_code == 303


class TestLooking:
    def test_shows_every_question_and_what_was_told(self, scene, partner, as_, now):
        code = share(scene, partner[0], at=now)
        ask(scene, partner[1], code, at=now)
        db.session.execute(
            text("UPDATE credentials SET state = 'revoked', reason = 'x' WHERE id = :id"), {"id": scene.licence.id}
        )
        db.session.commit()
        ask(scene, partner[1], code, at=now)
        (one,) = queries.shared_by(scene.buyer.id)
        page = read(as_(scene.buyer).get(f"/sharing/{one.id}"))

        assert page.count("receipt <a href=") == 2
        for words in (
            "What Resale House asked about you",
            "you may",
            "not allowed",
            "The credential was revoked.",
            "may ask",
        ):
            assert words in page
        assert "Older" not in page

    def test_turns_pages(self, scene, partner, as_, now, monkeypatch):
        monkeypatch.setattr(queries, "PER_PAGE", 1)
        code = share(scene, partner[0], at=now)
        for _ in range(2):
            ask(scene, partner[1], code, at=now)
        browser, (one,) = as_(scene.buyer), queries.shared_by(scene.buyer.id)
        first, second, third = (read(browser.get(f"/sharing/{one.id}?page={page}")) for page in (-1, 2, 3))

        assert ("Older" in first, "Newer" in first) == (True, False)
        assert ("Older" in second, "Newer" in second) == (False, True)
        assert "Nothing was asked" in third

    def test_takes_the_same_statements_however_many_there_are(self, scene, partner, now):
        for _ in range(3):
            share(scene, partner[0], at=now)
        person_id = scene.buyer.id
        with count_statements() as sent:
            assert len(queries.shared_by(person_id)) == 3

        assert len(sent) == 1

    def test_is_nobody_elses(self, scene, partner, as_, now):
        share(scene, partner[0], at=now)
        (one,) = queries.shared_by(scene.buyer.id)

        assert as_(scene.owner).get(f"/sharing/{one.id}").status_code == 404


class TestTakingBack:
    def test_ends_it_at_once(self, scene, partner, as_, now):
        share(scene, partner[0], at=now)
        (one,) = queries.shared_by(scene.buyer.id)
        browser = as_(scene.buyer)
        for where in ("/sharing", f"/sharing/{one.id}"):
            assert f'action="/sharing/{one.id}/revoke"' in browser.get(where).get_data(as_text=True)
        page = browser.get("/sharing").get_data(as_text=True)
        answer = browser.post(f"/sharing/{one.id}/revoke")

        assert "Resale House" in page
        assert answer.status_code == 303
        assert db.session.scalars(select(SharingCode.revoked_at)).one() is not None
        for where in ("/sharing", f"/sharing/{one.id}"):
            after = read(browser.get(where))
            assert "taken back" in after.lower()
            assert "/revoke" not in after

    def test_is_its_persons_alone(self, scene, partner, as_, now):
        share(scene, partner[0], at=now)
        (one,) = queries.shared_by(scene.buyer.id)

        assert as_(scene.owner).post(f"/sharing/{one.id}/revoke").status_code == 404
        assert db.session.scalars(select(SharingCode.revoked_at)).one() is None

    def test_one_that_is_over_is_called_so(self, scene, partner, as_, now):
        share(scene, partner[0], at=now)
        db.session.execute(text("ALTER TABLE sharing_codes DISABLE TRIGGER USER"))
        db.session.execute(text("UPDATE sharing_codes SET given_at = given_at - interval '60 days', expires_at = given_at - interval '30 days'"))  # fmt: skip
        db.session.commit()

        assert "over</span>" in read(as_(scene.buyer).get("/sharing"))
