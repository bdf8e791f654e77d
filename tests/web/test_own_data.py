"""What is held about whoever asks: shown, and handed over to them alone."""

import io
import json
import zipfile

import pytest

from marketplace.adapters.mail import SmtpMailer
from marketplace.notifications.models import Mail
from tests.conftest import settings_for
from tests.factories.accounts import PASSWORD, make_staff
from tests.pages import browser_of, text
from tests.support import let_confirmations_lapse, promised_mails


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


class TestClose:
    def test_says_what_goes_and_what_stays(self, browser):
        page = text(browser.get("/account/close"))
        assert "<h2>What goes</h2>" in page
        assert "it must be provable later that a device went to somebody trained" in page
        assert ">Close my account</button>" in page
        assert 'href="/account/close"' in text(browser.get("/account/data"))

    def test_closes_it_signs_out_and_lets_nobody_in(self, browser, scene, client):
        answer = browser.post("/account/close")
        assert (answer.status_code, answer.location) == (303, "/")
        assert "Your account is closed." in text(browser.get("/"))
        assert browser.get("/account").location.startswith("/sign-in")
        answer = client.post("/sign-in", data={"email": scene.buyer.email, "password": PASSWORD})
        assert answer.status_code == 422

    def test_the_last_mail_can_be_read(self, browser, scene, app, tmp_path):
        browser.post("/account/close")
        (mail,) = promised_mails(Mail.template == "account_closed")
        mailer = SmtpMailer(app, settings_for("postgresql+psycopg://nowhere/none", tmp_path))

        message = mailer.written(mail_id=mail.id, to=mail.to, template=mail.template, context=mail.context)

        assert (message["Subject"], message["To"]) == ("Your account is closed", scene.buyer.email)
        for kind in ("plain", "html"):
            assert "Hello Alice Martin," in message.get_body((kind,)).get_content()

    def test_while_others_need_them_it_says_for_what(self, browser, funds_held, scene):
        page = text(browser.get("/account/close"))
        assert (
            f'<a href="/orders/{funds_held.id}">Order {funds_held.number} is under way.</a> See it through, or end it.'
            in page
        )
        assert "Close my account" not in page
        answer = browser.post("/account/close")
        assert (answer.status_code, f"Order {funds_held.number} is under way." in text(answer)) == (409, True)
        assert browser.get("/account").status_code == 200

    def test_asks_first_whether_it_is_still_them(self, browser):
        browser.get("/account/close")
        let_confirmations_lapse()
        assert browser.post("/account/close").location.startswith("/account/confirm")
        assert browser.get("/account").status_code == 200

    def test_is_not_for_staff(self, app):
        staff = browser_of(app, make_staff())
        assert 'href="/account/close"' not in text(staff.get("/account/data"))
        assert staff.post("/account/close").status_code == 403
        assert staff.get("/account").status_code == 200
