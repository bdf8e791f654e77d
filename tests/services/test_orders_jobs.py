"""The work that nobody promises: every five minutes lost news is found and forgotten orders are let go."""

from datetime import timedelta
from uuid import uuid4

from sqlalchemy import select

from marketplace.adapters.mail import SmtpMailer
from marketplace.extensions import db
from marketplace.jobs import JOBS
from marketplace.kernel.money import Money
from marketplace.notifications.models import Mail
from marketplace.orders.states import OrderState
from tests.factories.orders import make_scene, place, place_and_confirm, the_order
from tests.factories.payments import pay_page, the_payment


def test_a_payment_whose_every_webhook_was_lost_is_found(now, local_stripe):
    scene = make_scene(now)
    order_id = place_and_confirm(scene, at=now)
    pay_page(order_id, scene.buyer.id, at=now)
    local_stripe.pay_by_card(the_payment(order_id).checkout_id)

    JOBS["reconcile_payments"]()

    assert the_payment(order_id).received_minor == Money(4_250_000).minor
    assert the_order(order_id).state is OrderState.FUNDS_HELD


def test_an_order_that_nobody_paid_is_let_go(now):
    scene = make_scene(now)
    order_id = place(scene, at=now)
    JOBS["lapse_orders"]()
    assert the_order(order_id).state is OrderState.AWAITING_PRACTITIONER
    the_order(order_id).expires_at = now - timedelta(seconds=1)
    db.session.commit()

    JOBS["lapse_orders"]()

    assert the_order(order_id).state is OrderState.LAPSED


def test_news_is_written_in_text_and_html(app, now):
    scene = make_scene(now)
    order_id = place(scene, at=now)
    mail = db.session.scalars(select(Mail).where(Mail.to == scene.practitioner.email)).one()
    mailer = SmtpMailer(app, app.extensions["second_light_settings"])

    message = mailer.written(mail_id=uuid4(), to=mail.to, template=mail.template, context=mail.context)

    assert message["Subject"] == f"Please confirm the order of a {scene.listing.title}"
    plain = message.get_body(("plain",)).get_content()
    assert f"http://localhost/orders/{order_id}/confirm" in plain
    assert "Hello Dana Okafor," in plain
    assert f'href="http://localhost/orders/{order_id}/confirm"' in message.get_body(("html",)).get_content()
