"""Somebody outside is asked: they see the claim and no more, answer once, and nobody else learns of it."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from marketplace.adapters.mail import SmtpMailer
from marketplace.app import create_app
from marketplace.audit import AuditEvent
from marketplace.credentials import service
from marketplace.extensions import db
from marketplace.links.models import LinkAnswer
from marketplace.links.states import Answer, LinkPurpose, LinkState
from marketplace.notifications.models import Mail
from tests.conftest import settings_for
from tests.factories.accounts import make_staff, make_user
from tests.factories.credentials import make_credential
from tests.factories.links import ask, make_link, the_link
from tests.pages import press, text, token
from tests.support import count_statements

ANSWER = {"answer": "confirmed", "name": "Carla Munoz", "role": "licensing clerk", "words": "In force."}


@pytest.fixture
def vera():
    return make_staff(name="Vera Lind")


@pytest.fixture
def claim(vera):
    return make_credential(
        holder=make_user(name="Dana Reyes", email="dana@clinic.example"), state="in_review", verifier=vera,
        number="LHR-10442",
    )  # fmt: skip


@pytest.fixture
def link(claim, vera, now):
    return ask(claim, vera.id, at=now)


def answers() -> list[LinkAnswer]:
    return list(db.session.scalars(select(LinkAnswer)))


class TestAnswer:
    def test_is_read_and_answered_without_an_account(self, client, link):
        link_id, mailed = link
        page = text(client.get(f"/answer/{mailed}"))
        assert "A question to Board of Lasers" in page
        assert "Dana Reyes" not in page
        assert 'name="answer"' not in page

        answer = press(client, page, f"/answer/{mailed}/read")
        assert (answer.status_code, answer.location) == (303, f"/answer/{mailed}")
        page = text(client.get(f"/answer/{mailed}"))
        for shown in ("Dana Reyes", "LHR-10442", "Texas", "Did your office issue this"):
            assert shown in page
        answer = client.post(f"/answer/{mailed}", data=ANSWER)
        assert (answer.status_code, answer.location) == (303, "/answered")
        assert "Your answer is kept." in text(client.get("/answered"))
        (kept,) = answers()
        assert (kept.link_id, kept.answer, kept.words) == (link_id, Answer.CONFIRMED, "In force.")

        for again in (
            client.get(f"/answer/{mailed}"),
            client.post(f"/answer/{mailed}", data={**ANSWER, "answer": "not_confirmed"}),
            client.post(f"/answer/{mailed}/read"),
        ):
            assert again.status_code == 410
            assert "This link was used, and serves once." in text(again)
            assert "Dana Reyes" not in text(again)
        assert [one.answer for one in answers()] == [Answer.CONFIRMED]

    def test_nothing_private_beyond_the_claim_is_shown(self, client, claim, link):
        client.post(f"/answer/{link[1]}/read")
        page = text(client.get(f"/answer/{link[1]}"))

        for hidden in ("dana@clinic.example", "Vera Lind", str(claim.id), str(claim.holder_id)):
            assert hidden not in page

    @pytest.mark.parametrize("method", ["get", "head", "options"])
    def test_looking_changes_nothing(self, client, link, method):
        events = db.session.scalar(select(func.count()).select_from(AuditEvent))
        assert getattr(client, method)(f"/answer/{link[1]}").status_code == 200

        found = the_link(link[0])
        assert (found.state, found.opened_at) == (LinkState.WAITING, None)
        assert db.session.scalar(select(func.count()).select_from(AuditEvent)) == events

    def test_to_read_takes_a_button(self, client, link):
        assert client.get(f"/answer/{link[1]}/read").status_code == 405
        assert the_link(link[0]).opened_at is None

    def test_an_answer_before_it_was_read_is_not_kept(self, client, link):
        answer = client.post(f"/answer/{link[1]}", data=ANSWER)
        assert answer.status_code == 422
        assert answers() == []

    @pytest.mark.parametrize("missing", ["answer", "name", "role"])
    def test_says_who_and_what(self, client, link, missing):
        client.post(f"/answer/{link[1]}/read")
        answer = client.post(f"/answer/{link[1]}", data={**ANSWER, missing: ""})
        assert answer.status_code == 422
        assert "In force." in text(answer)
        assert answers() == []

    @pytest.mark.parametrize("forged", ["A" * 43, "x", "%20"])
    def test_a_forged_link_is_none_of_ours(self, client, link, forged):
        for answer in (
            client.get(f"/answer/{forged}"),
            client.post(f"/answer/{forged}", data=ANSWER),
            client.post(f"/answer/{forged}/read"),
        ):
            assert answer.status_code == 404
            assert "We have sent no such link." in text(answer)
        assert answers() == []

    def test_a_link_that_signs_an_order_answers_nothing(self, client, now):
        issued = make_link(at=now, purpose=LinkPurpose.SIGN_ORDER, recipient_id=make_user().id)
        for answer in (
            client.get(f"/answer/{issued.token}"),
            client.post(f"/answer/{issued.token}", data=ANSWER),
            client.post(f"/answer/{issued.token}/read"),
        ):
            assert answer.status_code == 404
        assert the_link(issued.id).state is LinkState.WAITING

    def test_a_link_whose_time_is_over_says_what_to_do(self, client, claim, vera, now):
        _, mailed = ask(claim, vera.id, at=now - timedelta(days=14, seconds=1))
        for answer in (client.get(f"/answer/{mailed}"), client.post(f"/answer/{mailed}", data=ANSWER)):
            assert answer.status_code == 410
            assert "The time of this link is over." in text(answer)
            assert "ask whoever sent it for a new one" in text(answer)
        assert answers() == []

    def test_a_withdrawn_link_opens_nothing(self, client, claim, vera, link, now):
        service.withdraw_question(credential_id=claim.id, link_id=link[0], actor_id=vera.id, at=now)
        answer = client.get(f"/answer/{link[1]}")
        assert answer.status_code == 410
        assert "This link was taken back" in text(answer)

    def test_takes_two_questions_to_the_database(self, client, link):
        for _ in range(2):
            with count_statements() as sent:
                assert client.get(f"/answer/{link[1]}").status_code == 200
            assert len([one for one in sent if one.startswith("SELECT")]) == 2
            client.post(f"/answer/{link[1]}/read")

    def test_is_found_by_no_search_engine_and_tells_no_other_site(self, client, link):
        headers = client.get(f"/answer/{link[1]}").headers
        assert (headers["X-Robots-Tag"], headers["Referrer-Policy"]) == ("noindex, nofollow", "strict-origin")
        assert headers["Cache-Control"] == "no-store"

    @pytest.mark.parametrize("template", ["claim_question", "claim_answered"])
    def test_mails_name_nobody(self, app, client, link, template):
        client.post(f"/answer/{link[1]}/read")
        client.post(f"/answer/{link[1]}", data=ANSWER)
        (mail,) = db.session.scalars(select(Mail).where(Mail.template == template))
        mailer = SmtpMailer(app, app.extensions["second_light_settings"])
        message = mailer.written(mail_id=mail.id, to=mail.to, template=mail.template, context=mail.context)

        assert "Board of Lasers" in message["Subject"]
        for part in ("plain", "html"):
            body = message.get_body((part,)).get_content()
            leads_to = f"/answer/{link[1]}" if template == "claim_question" else "/staff/credentials/"
            assert leads_to in body
            assert "Dana Reyes" not in body
            assert "10442" not in body


@pytest.mark.own_database
def test_over_https_a_browser_that_tells_only_our_origin_can_answer(fresh_database, tmp_path, now):
    """With "no-referrer" the mark of the form would be refused there: the check asks for a Referer of our own."""
    app = create_app(settings_for(fresh_database(), tmp_path, base_url="https://localhost"))
    app.config["WTF_CSRF_SSL_STRICT"] = True
    with app.app_context():
        verifier = make_staff()
        _, mailed = ask(make_credential(state="in_review", verifier=verifier), verifier.id, at=now)
        db.session.remove()
        browser = app.test_client()
        page = browser.get(f"/answer/{mailed}", base_url="https://localhost").text
        sent = {"base_url": "https://localhost", "data": {"csrf_token": token(page)}}
        assert browser.post(f"/answer/{mailed}/read", **sent).status_code == 400
        told = {"headers": {"Referer": "https://localhost/"}}
        assert browser.post(f"/answer/{mailed}/read", **sent, **told).status_code == 303
        db.engine.dispose()
