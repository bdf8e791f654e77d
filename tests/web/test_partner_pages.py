"""A badge that stands in other people's pages, and the page that tells resellers how to ask."""

import pytest
from sqlalchemy import select, text

from marketplace.extensions import db
from marketplace.partners import receipts, sharing
from marketplace.partners.contract import PROBLEMS
from marketplace.partners.models import SharingCode
from marketplace.web import eligibility
from tests.factories.catalog import make_model
from tests.factories.partners import ask as asked
from tests.factories.partners import make_partner, share
from tests.pages import browser_of


@pytest.fixture
def ask(scene, now):
    """A function that asks about the scene's buyer and returns the code of the receipt."""
    partner_id, key = make_partner(at=now)
    code = share(scene, partner_id, at=now)

    def answered(model=None) -> str:
        if model is not None:
            scene.listing.model_id = model.id
        return receipts.answered(asked(scene, key, code, at=now)).code

    return answered


class TestBadge:
    def picture(self, client, code):
        answer = client.get(f"/badge/{code}.svg")
        return answer, answer.get_data(as_text=True)

    def test_stands_in_other_peoples_pages_and_does_nothing_there(self, ask, client):
        code = ask()
        answer, drawn = self.picture(client, code)

        assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'"
        assert answer.headers["Cache-Control"] == "public, max-age=300"
        assert "Set-Cookie" not in answer.headers
        assert "Cleared by Second Light" in drawn
        assert f"for {receipts.check(code).maker} {receipts.check(code).model} on " in drawn
        assert '<title id="t">Cleared by Second Light for ' in drawn
        for active in ("<script", "href", "<style", "onload", "url("):
            assert active not in drawn

    def test_is_the_same_for_everybody(self, app, ask, scene):
        answer, _ = self.picture(browser_of(app, scene.buyer), ask())

        assert answer.headers["Cache-Control"] == "public, max-age=300"
        assert "Cookie" not in answer.headers.get("Vary", "")

    def test_says_no_longer_cleared_once_the_code_is_taken_back(self, ask, client, scene, now):
        code = ask()
        sharing.revoke(sharing_id=db.session.scalars(select(SharingCode.id)).one(), person_id=scene.buyer.id, at=now)
        _, drawn = self.picture(client, code)

        assert "Expired: ask Second Light again" in drawn
        assert "Cleared by" not in drawn

    def test_says_a_no_and_not_to_whom(self, ask, client, scene):
        db.session.execute(
            text("UPDATE credentials SET state = 'revoked', reason = 'x' WHERE id = :id"), {"id": scene.licence.id}
        )
        db.session.commit()
        _, drawn = self.picture(client, ask())

        assert "Not cleared by Second Light" in drawn
        assert "Alice" not in drawn

    def test_of_nothing_says_so(self, client, scene):
        answer, drawn = self.picture(client, "0000-0000-0000-0000")

        assert answer.status_code == 404
        assert "No such receipt at Second Light" in drawn
        assert client.get("/badge/" + "A" * 500 + ".svg").status_code == 404

    def test_a_name_is_written_not_run(self, ask, client):
        model = make_model(name='X<script>"&', modality_codes=("DIODE_HR",))
        _, drawn = self.picture(client, ask(model))

        assert "<script>" not in drawn
        assert "X&lt;script&gt;" in drawn

    def test_is_wide_enough_for_its_words(self):
        assert eligibility.width_of(["a" * 10, "b" * 30]) == 64 + 210


def test_the_page_for_resellers_shows_what_is_true(client):
    page = client.get("/partners").get_data(as_text=True)

    for code, (status, _) in PROBLEMS.items():
        assert f'id="{code}"' in page
        assert str(status) in page
    for words in (
        "RX_LABEL_NOT_SEEN",
        "STANDING_NOT_SETTLED",
        "120 per 5 minutes",
        "/eligibility/openapi.json",
        "slk_…",
    ):
        assert words in page
    assert "EXCLUSION_OPEN" not in page
    assert "In this demo" not in page


def test_the_page_of_the_demo_has_an_example_that_works(client, app, monkeypatch):
    monkeypatch.setitem(app.extensions, "second_light_demo_partner", ("slk_DEMO", "SL-DEMO"))
    page = client.get("/partners").get_data(as_text=True)

    assert "Bearer slk_DEMO" in page
    assert "SL-DEMO" in page
    assert "In this demo" in page
