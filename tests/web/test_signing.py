"""Signing through a mailed link, in pages: who asks, who signs, and who learns nothing of it."""

import re
from datetime import timedelta
from functools import partial

import pytest
import structlog
from sqlalchemy import func, select

from marketplace.accounts.models import ParkedForm
from marketplace.adapters.mail import SmtpMailer
from marketplace.audit import AuditEvent
from marketplace.extensions import ENGINE_OPTIONS, db
from marketplace.links.models import LinkAnswer, SignedLink
from marketplace.links.states import LinkState
from marketplace.notifications.models import Mail
from marketplace.orders import service as orders
from marketplace.orders.states import OrderState
from marketplace.web import shield
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_member
from tests.factories.credentials import make_credential
from tests.factories.links import ask, the_link, tokens_mailed
from tests.factories.orders import make_order, the_order
from tests.pages import browser_of, press, text, token
from tests.support import count_statements

AWAITING, TO_PAY = OrderState.AWAITING_PRACTITIONER, OrderState.AWAITING_PAYMENT


@pytest.fixture
def as_(app):
    """A browser that is signed in as somebody."""
    return partial(browser_of, app)


@pytest.fixture
def order_id(awaiting_practitioner):
    return awaiting_practitioner.id


@pytest.fixture
def link(scene, order_id, now):
    """A link that waits for the practitioner, and its token."""
    link_id = orders.send_link(
        order_id=order_id, practitioner_id=scene.practitioner.id, actor_id=scene.buyer.id, at=now
    )
    (mailed,) = tokens_mailed("order_link")
    return link_id, mailed


def signatures() -> int:
    return db.session.scalar(select(func.count()).select_from(LinkAnswer))


class TestAsking:
    def test_the_buyer_asks_sends_again_and_takes_back(self, scene, order_id, as_):
        buyer = as_(scene.buyer)
        address = f"/orders/{order_id}/links"
        assert f'href="{address}"' in text(buyer.get(f"/orders/{order_id}"))

        page = text(buyer.get(address))
        assert "None yet." in page
        answer = buyer.post(address, data={"csrf_token": token(page), "practitioner": str(scene.practitioner.id)})
        assert (answer.status_code, answer.location) == (303, address)
        page = text(buyer.get(address))
        assert "waits for an answer" in page
        assert "Sent by Alice Martin" in page
        answer = press(buyer, page, address, practitioner=str(scene.practitioner.id))
        assert answer.status_code == 303
        first, second = db.session.scalars(select(SignedLink).order_by(SignedLink.state)).all()
        assert (first.state, second.state) == (LinkState.REPLACED, LinkState.WAITING)
        page = text(buyer.get(address))
        assert "replaced by a newer one" in page
        answer = press(buyer, page, f"{address}/{second.id}/withdraw")
        assert (answer.status_code, answer.location) == (303, address)
        assert the_link(second.id).state is LinkState.WITHDRAWN
        assert "taken back" in text(buyer.get(address))

    def test_the_owner_of_the_buying_clinic_can_ask_too(self, scene, order_id, as_):
        assert as_(scene.owner).get(f"/orders/{order_id}/links").status_code == 200

    @pytest.mark.parametrize(("who", "status"), [("seller", 403), ("practitioner", 403), ("stranger", 404)])
    def test_nobody_else(self, scene, order_id, link, as_, who, status):
        browser = as_(getattr(scene, who, None) or make_user())
        address = f"/orders/{order_id}/links"

        assert browser.get(address).status_code == status
        assert browser.post(address, data={"practitioner": str(scene.practitioner.id)}).status_code == status
        assert browser.post(f"{address}/{link[0]}/withdraw").status_code == status
        assert the_link(link[0]).state is LinkState.WAITING
        assert len(tokens_mailed("order_link")) == 1

    def test_somebody_who_cannot_be_asked_is_not(self, scene, order_id, as_):
        answer = as_(scene.buyer).post(f"/orders/{order_id}/links", data={"practitioner": str(scene.seller.id)})
        assert answer.status_code == 422
        assert tokens_mailed("order_link") == set()

    def test_a_clinic_without_another_practitioner_is_told_what_to_do(self, scene, order_id, as_, now):
        scene.clinic.members[:] = scene.clinic.members
        for member in scene.clinic.members:
            if member.user_id == scene.practitioner.id:
                member.left_at = now
        db.session.commit()

        page = text(as_(scene.buyer).get(f"/orders/{order_id}/links"))
        assert "There is no other practitioner in your clinic." in page

    def test_an_order_that_waits_for_nobody_says_so(self, scene, as_, now):
        order = make_order(TO_PAY, scene, at=now)
        buyer = as_(scene.buyer)

        assert "does not wait for a practitioner" in text(buyer.get(f"/orders/{order.id}/links"))
        assert f"/orders/{order.id}/links" not in text(buyer.get(f"/orders/{order.id}"))

    def test_the_page_takes_as_many_statements_for_many_links_as_for_one(self, scene, order_id, as_, now):
        buyer, counts = as_(scene.buyer), []
        for minutes in range(4):
            orders.send_link(
                order_id=order_id, practitioner_id=scene.practitioner.id, actor_id=scene.buyer.id,
                at=now + timedelta(minutes=minutes),
            )  # fmt: skip
            with count_statements() as sent:
                assert buyer.get(f"/orders/{order_id}/links").status_code == 200
            counts.append(len([one for one in sent if one.startswith("SELECT")]))
        assert len(set(counts)) == 1


class TestSign:
    def test_the_practitioner_reads_and_signs(self, scene, order_id, link, as_):
        link_id, mailed = link
        browser = as_(scene.practitioner)

        page = text(browser.get(f"/sign/{mailed}"))
        assert f"serial number {scene.listing.serial}" in page
        assert "Alice Martin sent you this link." in page
        assert (the_link(link_id).state, the_order(order_id).state) == (LinkState.WAITING, AWAITING)
        signed = re.findall(r'name="statements" value="([^"]+)"', page)
        data = {"csrf_token": token(page), "statements": signed, "sign": "y"}
        answer = browser.post(f"/sign/{mailed}", data=data)
        assert (answer.status_code, answer.location) == (303, f"/orders/{order_id}")
        assert (the_link(link_id).state, the_order(order_id).state) == (LinkState.USED, TO_PAY)

        again = browser.post(f"/sign/{mailed}", data=data)
        assert again.status_code == 410
        assert "This link was used, and serves once." in text(again)
        assert browser.get(f"/sign/{mailed}").status_code == 410
        assert signatures() == 1

    def test_without_the_tick_nothing_is_signed(self, scene, order_id, link, as_):
        answer = as_(scene.practitioner).post(f"/sign/{link[1]}", data={})

        assert answer.status_code == 422
        assert (the_link(link[0]).state, the_order(order_id).state) == (LinkState.WAITING, AWAITING)

    @pytest.mark.parametrize("method", ["get", "head", "options"])
    def test_looking_changes_nothing(self, scene, order_id, link, as_, method):
        browser = as_(scene.practitioner)
        events = db.session.scalar(select(func.count()).select_from(AuditEvent))

        assert getattr(browser, method)(f"/sign/{link[1]}").status_code == 200

        found = the_link(link[0])
        assert (found.state, found.opened_at, the_order(order_id).state) == (LinkState.WAITING, None, AWAITING)
        assert db.session.scalar(select(func.count()).select_from(AuditEvent)) == events

    def test_who_is_not_signed_in_signs_in_first(self, client, scene, order_id, link):
        answer = client.get(f"/sign/{link[1]}")
        assert (answer.status_code, answer.location) == (303, f"/sign-in?next=/sign/{link[1]}")
        assert client.post(f"/sign/{link[1]}", data={"sign": "y"}).status_code == 303
        assert the_order(order_id).state is AWAITING

    @pytest.mark.parametrize("who", ["buyer", "owner", "seller", "another practitioner", "stranger"])
    def test_passed_on_it_opens_nothing(self, scene, order_id, link, as_, who):
        other = getattr(scene, who, None) or make_user()
        if who == "another practitioner":
            make_member(clinic=scene.clinic, user=other)
            make_credential(type_code="MD_DO", holder=other, expires_on=scene.prescriber.expires_on)
        browser = as_(other)

        for answer in (browser.get(f"/sign/{link[1]}"), browser.post(f"/sign/{link[1]}", data={"sign": "y"})):
            assert answer.status_code == 404
            assert "This link was sent to somebody else" in text(answer)
            assert scene.listing.serial not in text(answer)
        assert (the_link(link[0]).state, the_order(order_id).state) == (LinkState.WAITING, AWAITING)

    def test_staff_sign_nothing(self, as_, link):
        assert as_(make_staff("admin")).get(f"/sign/{link[1]}").status_code == 403

    def test_a_forged_one_and_one_for_something_else_are_none(self, scene, order_id, as_, now):
        verifier = make_staff()
        _, claims = ask(make_credential(state="in_review", verifier=verifier), verifier.id, at=now)
        browser = as_(scene.practitioner)
        for one in ("A" * 43, claims, "x"):
            for answer in (browser.get(f"/sign/{one}"), browser.post(f"/sign/{one}", data={"sign": "y"})):
                assert answer.status_code == 404
                assert "We have sent no such link." in text(answer)
        assert the_order(order_id).state is AWAITING

    def test_a_lapsed_licence_is_told_its_cure(self, scene, order_id, link, as_, now):
        scene.prescriber.expires_on = (now - timedelta(days=2)).date()
        db.session.commit()
        browser = as_(scene.practitioner)
        page = text(browser.get(f"/sign/{link[1]}"))
        signed = re.findall(r'name="statements" value="([^"]+)"', page)

        answer = browser.post(f"/sign/{link[1]}", data={"statements": signed, "sign": "y"})
        assert answer.status_code == 403
        assert (the_link(link[0]).state, the_order(order_id).state) == (LinkState.WAITING, AWAITING)

    def test_what_changed_since_is_said(self, scene, link, as_):
        scene.listing.serial = "OTHER-1"
        db.session.commit()
        answer = as_(scene.practitioner).get(f"/sign/{link[1]}")

        assert answer.status_code == 409
        assert "has changed since it was sent" in text(answer)


class TestTokens:
    """A token is in the mail and in the address, and nowhere else."""

    def test_answers_at_its_address_are_kept_by_nobody_and_tell_nobody(self, scene, link, as_):
        browser = as_(scene.practitioner)
        for path in (f"/sign/{link[1]}", f"/sign/{'A' * 43}", f"/sign-in?next=/sign/{link[1]}", f"/no/{link[1]}"):
            headers = browser.get(path).headers
            assert headers["Referrer-Policy"] == "strict-origin"
            assert headers["X-Robots-Tag"] == "noindex, nofollow"
            assert headers["Cache-Control"] == "no-store"
        assert browser.get("/orders").headers["Referrer-Policy"] == "same-origin"

    def test_no_log_line_has_it(self, scene, link, as_):
        browser = as_(scene.practitioner)
        with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
            browser.get(f"/sign/{'A' * 43}")
            as_(make_user()).get(f"/sign/{link[1]}")
        assert [line["path"] for line in lines if line["event"] == "refused"] == ["/sign/(token)"] * 2
        assert link[1] not in str(lines)
        assert "A" * 43 not in str(lines)

    def test_a_form_that_is_kept_over_a_sign_in_does_not_keep_it(self, client, link):
        client.post(f"/sign/{link[1]}", data={"sign": "y"})

        assert db.session.scalars(select(ParkedForm.path)).all() == ["/sign/(token)"]

    @pytest.mark.parametrize(
        "path",
        [
            "/orders/3f0c1c52-7a53-4a44-a7a5-0f6b6a3a2d10",
            "/devices",
            "/" + "X" * 44,
            "/" + "X" * 42,
            "/models/" + "a-model-with-a-long-name" + "-and-more-of-it-abc",
        ],
    )
    def test_what_is_no_token_is_written_as_it_is(self, path):
        assert shield.without_tokens(path) == path

    @pytest.mark.parametrize("place", range(43))
    def test_a_token_is_known_by_one_capital_letter_anywhere(self, place):
        token = "a" * place + "Z" + "_" * (42 - place)
        assert shield.without_tokens(f"/sign/{token}?next=/answer/{token}") == "/sign/(token)?next=/answer/(token)"

    def test_an_error_of_the_database_does_not_repeat_what_was_sent(self):
        assert ENGINE_OPTIONS["hide_parameters"]

    def test_it_is_not_in_the_audit_trail(self, scene, link, as_):
        as_(scene.practitioner).get(f"/sign/{link[1]}")
        assert all(link[1] not in str(event.data) for event in db.session.scalars(select(AuditEvent)))

    def test_the_mail_leads_there_in_text_and_html(self, app, scene, link):
        (mail,) = db.session.scalars(select(Mail).where(Mail.template == "order_link"))
        mailer = SmtpMailer(app, app.extensions["second_light_settings"])
        message = mailer.written(mail_id=mail.id, to=mail.to, template=mail.template, context=mail.context)

        assert message["Subject"] == f"{mail.context['clinic']} asks you to sign order {mail.context['number']}"
        for part in ("plain", "html"):
            body = message.get_body((part,)).get_content()
            assert f"http://localhost/sign/{link[1]}" in body
            assert f"serial number {scene.listing.serial}" in body
