"""One link in many hands at the same instant: one signature, one answer, one waiting link."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from marketplace.credentials import service as credentials
from marketplace.credentials.models import Credential
from marketplace.credentials.states import CredentialState
from marketplace.extensions import db, unit_of_work
from marketplace.kernel import clock
from marketplace.links.models import LinkAnswer, SignedLink
from marketplace.links.service import LinkIsOver, Said
from marketplace.links.states import Answer, LinkState
from marketplace.notifications.models import Mail
from marketplace.orders import service as orders
from marketplace.orders.models import Order, OrderMove
from marketplace.orders.states import OrderState
from tests.factories.accounts import make_staff
from tests.factories.credentials import make_credential
from tests.factories.links import BOARD, ask, tokens_mailed
from tests.factories.orders import make_scene, place

pytestmark = pytest.mark.own_database

HANDS = 4


def kinds(answers) -> list[str]:
    return sorted(type(answer).__name__ for answer in answers)


@pytest.fixture
def waiting(own_app):
    """An order that waits for its practitioner, who has a link: the ids, the token and what is to be signed."""
    with own_app.app_context():
        now = clock.now().replace(microsecond=0)
        scene = make_scene(now)
        order_id = place(scene, at=now)
        practitioner, buyer, licence = scene.practitioner.id, scene.buyer.id, scene.prescriber.id
        link_id = orders.send_link(order_id=order_id, practitioner_id=practitioner, actor_id=buyer, at=now)
        (token,) = tokens_mailed("order_link")
        asked = orders.to_sign(order_id=order_id, actor_id=practitioner, at=now)
        signed = [code for code, _ in asked.required]
        db.session.rollback()

        def sign():
            return orders.confirm_by_link(token=token, actor_id=practitioner, signed=signed, at=now)

        return {
            "order": order_id, "practitioner": practitioner, "buyer": buyer, "licence": licence, "link": link_id,
            "sign": sign, "signed": signed, "now": now,
        }  # fmt: skip


def test_a_link_used_by_many_hands_signs_once(own_app, at_once, waiting):
    answers = at_once(*[waiting["sign"]] * HANDS)

    assert kinds(answers) == ["LinkIsOver"] * (HANDS - 1) + ["UUID"]
    with own_app.app_context():
        assert db.session.scalar(select(func.count()).select_from(LinkAnswer)) == 1
        moves = db.session.scalars(select(OrderMove.event).where(OrderMove.event.is_not(None))).all()
        assert moves == ["confirmed"]
        assert db.session.get_one(SignedLink, waiting["link"]).state is LinkState.USED


def test_link_and_page_at_once_sign_once(own_app, at_once, waiting):
    def on_the_page():
        orders.confirm(
            order_id=waiting["order"], actor_id=waiting["practitioner"], signed=waiting["signed"], at=waiting["now"]
        )
        return True

    answers = at_once(waiting["sign"], on_the_page)

    assert len([one for one in answers if isinstance(one, Exception)]) == 1
    with own_app.app_context():
        by_link = db.session.scalar(select(func.count()).select_from(LinkAnswer))
        link = db.session.get_one(SignedLink, waiting["link"])
        assert (by_link, link.state) in {(1, LinkState.USED), (0, LinkState.WITHDRAWN)}
        assert db.session.get_one(Order, waiting["order"]).state is OrderState.AWAITING_PAYMENT


def test_taken_back_and_used_at_once_it_ends_once(own_app, at_once, waiting):
    def take_back():
        orders.withdraw_link(
            order_id=waiting["order"], link_id=waiting["link"], actor_id=waiting["buyer"], at=waiting["now"]
        )

    signed, taken_back = at_once(waiting["sign"], take_back)

    with own_app.app_context():
        state = db.session.get_one(Order, waiting["order"]).state
        link = db.session.get_one(SignedLink, waiting["link"]).state
        if isinstance(signed, LinkIsOver):
            assert (taken_back, state, link) == (None, OrderState.AWAITING_PRACTITIONER, LinkState.WITHDRAWN)
        else:
            assert isinstance(taken_back, Exception)
            assert (state, link) == (OrderState.AWAITING_PAYMENT, LinkState.USED)


def test_a_licence_that_is_revoked_at_the_same_instant_is_seen_or_was_still_good(own_app, at_once, waiting):
    def revoke():
        with unit_of_work():
            licence = db.session.get_one(Credential, waiting["licence"], with_for_update=True)
            licence.state, licence.reason = CredentialState.REVOKED, "The board says so."
        return "revoked"

    signed, revoked = at_once(waiting["sign"], revoke)

    assert revoked == "revoked"
    with own_app.app_context():
        state = db.session.get_one(Order, waiting["order"]).state
        if isinstance(signed, orders.NotCleared):
            assert state is OrderState.AWAITING_PRACTITIONER
            assert db.session.get_one(SignedLink, waiting["link"]).state is LinkState.WAITING
        else:
            assert (signed, state) == (waiting["order"], OrderState.AWAITING_PAYMENT)


def test_two_answers_at_once_are_one(own_app, at_once):
    with own_app.app_context():
        now, verifier = clock.now(), make_staff()
        _, token = ask(make_credential(state="in_review", verifier=verifier), verifier.id, at=now)
        credentials.read_question(token=token, at=now)
        db.session.rollback()

    def answer(given):
        said = Said(given, "Carla Munoz", "clerk")
        return lambda: credentials.answer_question(token=token, said=said, at=now)

    answers = at_once(answer(Answer.CONFIRMED), answer(Answer.NOT_CONFIRMED), answer(Answer.CANNOT_SAY))

    assert kinds(answers) == ["LinkIsOver", "LinkIsOver", "NoneType"]
    with own_app.app_context():
        assert len(db.session.scalars(select(LinkAnswer)).all()) == 1
        told = select(func.count()).where(Mail.template == "claim_answered")
        assert db.session.scalar(told) == 1


def test_two_questions_to_one_address_at_once_leave_one_link_waiting(own_app, at_once):
    with own_app.app_context():
        now = clock.now()
        credential_id = make_credential(state="in_review", verifier=None).id
        claimed_by = db.session.get_one(Credential, credential_id).claimed_by
        db.session.rollback()

    def send():
        at = now + timedelta(seconds=1)
        return credentials.ask_source(credential_id=credential_id, actor_id=claimed_by, whom=BOARD, at=at)

    answers = at_once(*[send] * HANDS)

    assert kinds(answers) == ["UUID"] * HANDS
    with own_app.app_context():
        states = sorted(db.session.scalars(select(SignedLink.state)))
        assert states == ["replaced"] * (HANDS - 1) + ["waiting"]
