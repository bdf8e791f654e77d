"""A paid order that stands still waits thirty days for its cure; then the payment goes back by itself."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select, text, update

from marketplace import jobs
from marketplace.credentials.models import Credential
from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.listings.models import ListingState
from marketplace.notifications.models import Mail
from marketplace.orders import queries, views
from marketplace.orders import service as orders
from marketplace.orders.states import OrderState
from marketplace.orders.wording import CURE_PERIOD
from marketplace.payments.models import MoneyIntent
from marketplace.payments.states import PaymentState
from marketplace.web import order_words
from tests.factories.orders import make_order, the_order
from tests.factories.payments import do_jobs, the_payment
from tests.support import assert_nothing_lost

SECOND = timedelta(seconds=1)


def expire(scene, at):
    db.session.execute(text("ALTER TABLE credentials DISABLE TRIGGER USER"))
    db.session.execute(update(Credential).where(Credential.id == scene.licence.id).values(expires_on=at.date()))
    db.session.execute(text("ALTER TABLE credentials ENABLE TRIGGER USER"))
    db.session.commit()


def seen_by(person, order_id):
    return views.order_for(order_id, user_id=person.id)


def test_an_order_whose_licence_ended_goes_back_when_the_cure_period_ends(held, scene, local_stripe, now):
    """Case 19: the credential ends between payment and dispatch, the device stays, and nobody cures it."""
    expire(scene, now - timedelta(days=3))
    with pytest.raises(orders.BuyerNotCleared):
        orders.release_to_ship(order_id=held, actor_id=scene.seller.id, at=now)
    stopped = now + timedelta(hours=1)
    orders.watch(at=stopped)
    ends = stopped + CURE_PERIOD
    assert seen_by(scene.buyer, held).cure_ends_at == ends
    assert order_words.cure_ends(seen_by(scene.buyer, held)).endswith("the whole payment goes back to you.")
    told = db.session.scalars(select(Mail).where(Mail.to == scene.buyer.email)).all()
    assert any("There are 30 days for that" in str(mail.context) for mail in told)

    assert orders.refund_uncured(at=ends - SECOND) == 0
    assert the_order(held).state is OrderState.FUNDS_HELD
    assert orders.refund_uncured(at=ends) == 1
    assert orders.refund_uncured(at=ends) == 0
    do_jobs()

    order, payment = the_order(held), the_payment(held)
    reason = "What stopped this order was not cured within 30 days."
    assert (order.state, order.reason) == (OrderState.REFUNDED, reason)
    assert (payment.state, payment.refunded_minor) == (PaymentState.REFUNDED, payment.amount_minor)
    assert [one["amount"] for one in local_stripe.get("/v1/refunds")["data"]] == [payment.amount_minor]
    assert scene.listing.state is ListingState.PUBLISHED
    assert seen_by(scene.buyer, held).cure_ends_at is None
    assert_nothing_lost()


def test_what_was_cured_and_nobody_told_us_goes_on(held, scene, now, monkeypatch):
    monkeypatch.setattr("marketplace.orders.curing.CURE_PERIOD", timedelta(0))
    expire(scene, now - timedelta(days=3))
    orders.watch(at=now)
    expire(scene, now + timedelta(days=400))

    assert orders.refund_uncured(at=clock.now()) == 0

    assert the_order(held).state is OrderState.FUNDS_HELD
    assert not queries.is_held(held)


def test_one_that_was_paid_and_not_cleared_counts_from_its_payment(scene, now):
    order = make_order("held_not_cleared", scene, at=now)
    expire(scene, now - timedelta(days=3))
    assert seen_by(scene.buyer, order.id).cure_ends_at == now + CURE_PERIOD

    assert orders.refund_uncured(at=now + CURE_PERIOD - SECOND) == 0
    assert orders.refund_uncured(at=now + CURE_PERIOD) == 1

    assert the_order(order.id).state is OrderState.REFUNDING
    assert the_payment(order.id).state is PaymentState.REFUNDING


@pytest.mark.parametrize("trouble", ["frozen_reason = 'disputed'", "state = 'quarantined'", "state = 'expired'"])
def test_a_payment_that_is_not_there_to_be_given_back_waits_and_keeps_nobody_waiting(scene, now, trouble):
    order = make_order("held_not_cleared", scene, at=now)
    expire(scene, now - timedelta(days=3))
    db.session.execute(text(f"UPDATE payments SET {trouble}"))

    assert orders.refund_uncured(at=now + CURE_PERIOD) == 0

    assert the_order(order.id).state is OrderState.HELD_NOT_CLEARED
    assert db.session.scalar(select(func.count()).select_from(MoneyIntent)) == 0


def test_whoever_is_cured_at_this_very_moment_is_not_given_back(scene, now, monkeypatch):
    order = make_order("held_not_cleared", scene, at=now)
    expire(scene, now - timedelta(days=3))

    def cured(**_asked):
        db.session.execute(text("UPDATE orders SET state = 'cancelled'"))

    monkeypatch.setattr("marketplace.orders.curing.look", cured)

    assert orders.refund_uncured(at=now + CURE_PERIOD) == 0
    assert the_payment(order.id).state is PaymentState.HELD


def test_an_order_that_nothing_stops_has_no_end_of_a_cure(scene, now):
    order = make_order("funds_held", scene, at=now)

    assert seen_by(scene.buyer, order.id).cure_ends_at is None
    assert order_words.cure_ends(seen_by(scene.buyer, order.id)) is None
    jobs.JOBS["refund_uncured"]()
    assert orders.refund_uncured(at=now + timedelta(days=400)) == 0


def test_the_seller_reads_to_whom_it_goes(scene, now):
    order = make_order("held_not_cleared", scene, at=now)

    said = order_words.cure_ends(seen_by(scene.seller, order.id))
    assert said.endswith("the whole payment goes back to the buyer.")
