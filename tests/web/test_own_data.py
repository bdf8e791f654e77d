"""What is held about whoever asks: shown, and handed over to them alone."""

import io
import json
import zipfile

import pytest

from tests.pages import browser_of, text
from tests.support import let_confirmations_lapse


@pytest.fixture
def browser(app, scene):
    return browser_of(app, scene.buyer)


class TestPage:
    def test_says_what_is_held_and_why_and_how_long(self, browser):
        page = text(browser.get("/account/data"))
        assert "<dt>Credentials</dt><dd>1</dd>" in page
        assert "The papers themselves are deleted 90 days after the decision" in page
        assert "Passwords, codes and tokens" in page
        assert '<h2 id="buying">' not in page

    def test_is_found_on_the_account_page(self, browser):
        assert 'href="/account/data"' in text(browser.get("/account"))


class TestTake:
    def test_as_json(self, browser, scene):
        answer = browser.post("/account/data/json")
        assert (answer.status_code, answer.mimetype) == (200, "application/json")
        assert answer.headers["Content-Disposition"] == "attachment; filename=second-light-my-data.json"
        assert answer.headers["Cache-Control"] == "no-store"
        assert json.loads(answer.data)["person"]["email"] == scene.buyer.email

    def test_as_tables(self, browser):
        answer = browser.post("/account/data/csv")
        assert (answer.status_code, answer.mimetype) == (200, "application/zip")
        with zipfile.ZipFile(io.BytesIO(answer.data)) as pack:
            assert "credentials-holder_id.csv" in pack.namelist()

    def test_is_told_on_the_page_of_security(self, browser):
        assert "What is held about you was taken along" not in text(browser.get("/account/security"))
        browser.post("/account/data/json")
        assert "What is held about you was taken along" in text(browser.get("/account/security"))

    @pytest.mark.parametrize("kind", ["json", "csv"])
    def test_asks_first_whether_it_is_still_them(self, browser, kind):
        browser.get("/account/data")
        let_confirmations_lapse()
        answer = browser.post(f"/account/data/{kind}")
        assert answer.status_code == 303
        assert answer.location.startswith("/account/confirm")
