"""Questions by many hands at the same instant: no order leaves an answer out, and nobody asks more than they may."""

import pytest
from sqlalchemy import func, select

from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.listings import reports
from marketplace.messages import service as messages
from marketplace.notifications.models import Mail
from marketplace.orders import service as orders
from marketplace.orders.models import Order
from marketplace.questions import service
from marketplace.questions.models import Question, QuestionAnswer
from marketplace.questions.service import MOST_OPEN, TooManyOpen
from tests.factories.accounts import make_user
from tests.factories.orders import make_scene, place, wish

pytestmark = pytest.mark.own_database


def test_an_answer_and_an_order_at_once_make_an_order_that_rests_on_what_was_answered_before_it(own_app, at_once):
    with own_app.app_context():
        now = clock.now()
        scene = make_scene(now)
        asker, seller, unit = make_user().id, scene.seller.id, scene.listing.id
        question = service.ask(listing_id=unit, asker_id=asker, words="Does it hum?", at=now)
        wanted = wish(scene, at=now)
        db.session.remove()

    def answer(words):
        return lambda: service.answer(question_id=question, actor_id=seller, words=words, at=now)

    made, *answered = at_once(lambda: orders.place(**wanted), answer("No."), answer("A little."), answer("At times."))

    assert answered == [None, None, None]
    with own_app.app_context():
        order = db.session.get_one(Order, made)
        kept = reports.report(order.report_id).document.get("questions", [])
        told = [answer["words"] for one in kept for answer in one["answers"]]
        in_turn = db.session.scalars(select(QuestionAnswer.words).order_by(QuestionAnswer.number)).all()
        assert sorted(in_turn) == ["A little.", "At times.", "No."]
        assert told == in_turn[: len(told)]


def test_nobody_asks_more_than_they_may_however_fast(own_app, at_once):
    with own_app.app_context():
        now = clock.now()
        scene = make_scene(now)
        asker, unit = scene.buyer.id, scene.listing.id
        db.session.remove()

    def ask(number):
        return lambda: service.ask(listing_id=unit, asker_id=asker, words=f"No. {number}?", at=now)

    found = at_once(*[ask(number % 5) for number in range(6)])

    assert {type(one) for one in found if isinstance(one, Exception)} == {TooManyOpen}
    with own_app.app_context():
        assert db.session.scalar(select(func.count()).select_from(Question)) == MOST_OPEN


def test_many_messages_at_once_are_one_mail(own_app, at_once):
    with own_app.app_context():
        now = clock.now()
        scene = make_scene(now)
        buyer, seller = scene.buyer.id, scene.seller.email
        order = place(scene, at=now)
        db.session.remove()

    def write(number):
        return lambda: messages.write(order_id=order, actor_id=buyer, words=f"No. {number}", at=now)

    assert not [one for one in at_once(*[write(number) for number in range(4)]) if isinstance(one, Exception)]
    with own_app.app_context():
        about = Mail.context["path"].astext == f"/orders/{order}/messages"
        assert db.session.scalars(select(Mail.to).where(about)).all() == [seller]
