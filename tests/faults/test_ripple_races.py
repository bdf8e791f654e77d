"""A loss and a step at the same instant: the step is refused or its order is held; nothing slips through between them."""

import os
from collections import Counter
from time import sleep

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from marketplace.accounts import staffing
from marketplace.app import create_app
from marketplace.clinics import service as clinics
from marketplace.credentials import service as credentials
from marketplace.extensions import ENGINE_OPTIONS, db
from marketplace.kernel import clock
from marketplace.kernel.errors import Refusal
from marketplace.listings.models import Listing
from marketplace.listings.states import ListingState
from marketplace.orders import reach
from marketplace.orders import service as orders
from marketplace.orders.models import Order, OrderHold
from marketplace.orders.states import UNSHIPPED, OrderState
from marketplace.payments.states import PaymentState
from marketplace.recalls import service as recalls
from marketplace.recalls.states import MatchEvent
from marketplace.ripple import Ground
from tests.conftest import settings_for
from tests.factories.accounts import make_staff
from tests.factories.orders import make_order, make_scene, wish
from tests.factories.payments import make_payment
from tests.factories.recalls import make_recall
from tests.faults.test_order_races import PATIENT, at_once

pytestmark = pytest.mark.own_database

ROUNDS = int(os.environ.get("SECOND_LIGHT_RIPPLE_ROUNDS", "8"))
S = OrderState


@pytest.fixture
def house(fresh_database, tmp_path):
    """The app over a database of its own, where one connection too few would hide a race."""
    options = {**ENGINE_OPTIONS, "connect_args": PATIENT}
    app = create_app(settings_for(fresh_database(), tmp_path), SQLALCHEMY_ENGINE_OPTIONS=options)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def revoke(scene, verifier, at):
    ids = {"credential_id": scene.licence.id, "actor_id": verifier}
    return lambda: credentials.revoke(**ids, words="The register says so.", at=at)


def remove(scene, _verifier, at):
    ids = {"clinic_id": scene.clinic.id, "actor_id": scene.owner.id, "user_id": scene.buyer.id}
    return lambda: clinics.remove_member(**ids, at=at)


def close_account(scene, verifier, at):
    ids = {"user_id": scene.buyer.id, "actor_id": verifier}
    return lambda: staffing.disable(**ids, reason="Fraud.", at=at)


def close_site(scene, _verifier, at):
    ids = {"site_id": scene.site.id, "actor_id": scene.owner.id}
    return lambda: clinics.close_site(**ids, at=at)


def lose_the_practitioner(scene, verifier, at):
    ids = {"credential_id": scene.prescriber.id, "actor_id": verifier}
    return lambda: credentials.suspend(**ids, words="Looked into.", at=at)


def confirm_a_recall(scene, verifier, at):
    match = make_recall(scene.listing.model_id, number=f"Z-{scene.listing.id}").id
    words = {"event": MatchEvent.CONFIRMED, "reason": "It names the model."}
    return lambda: recalls.judge(match_id=match, actor_id=verifier, **words, at=at)


def place(scene, at):
    wanted = wish(scene, at=at)
    return lambda: orders.place(**wanted)


def confirm(scene, at):
    order_id = make_order("awaiting_practitioner", scene, at=at).id
    asked = orders.to_sign(order_id=order_id, actor_id=scene.practitioner.id, at=at)
    ids = {"order_id": order_id, "actor_id": scene.practitioner.id, "signed": [code for code, _ in asked.required]}
    return lambda: orders.confirm(**ids, at=at)


def receive_the_money(scene, at):
    order = make_order("awaiting_payment", scene, at=at)
    make_payment(order, state=PaymentState.HELD, at=at)
    order_id = order.id
    return lambda: orders.payment_changed(order_id=order_id, at=at)


def release(scene, at):
    order_id, seller_id = make_order("funds_held", scene, at=at).id, scene.seller.id
    return lambda: orders.release_to_ship(order_id=order_id, actor_id=seller_id, at=at)


def dispatch(scene, at):
    order_id, seller_id = make_order("released_to_ship", scene, at=at).id, scene.seller.id
    return lambda: orders.dispatch(order_id=order_id, actor_id=seller_id, carrier="A", tracking="1", at=at)


LOSSES = (revoke, remove, close_account, close_site, lose_the_practitioner, confirm_a_recall)
STEPS = (place, confirm, receive_the_money, release, dispatch)
PAIRS = [(loss, step) for step in STEPS for loss in LOSSES]


def test_no_step_slips_past_a_loss(house):
    """Each round one of the pairs of a loss and a step, in turn, each on a connection of its own."""
    came_of_it = Counter()
    desk = (
        make_staff(),
        make_staff(),
    )  # Every loss is told to all staff: a desk that grew by each round would slow it down.
    for number in range(ROUNDS):
        loss, step = PAIRS[number * 7 % len(PAIRS)]  # The first few rounds meet each loss and each step.
        now = clock.now().replace(microsecond=0)
        scene = make_scene(now, desk=desk)
        lose, take_the_step = loss(scene, desk[0].id, now), step(scene, now)
        # A step asks the gate first, so the loss would mostly win: it gives a start that differs from round to round.
        start = number % 11 / 60

        def lose_a_little_later(lose=lose, start=start):
            sleep(start)
            return lose()

        deeds = [lose_a_little_later, take_the_step]
        listing_id = scene.listing.id
        ground = Ground(person_id=scene.buyer.id)
        if loss is lose_the_practitioner:
            ground = Ground(person_id=scene.practitioner.id)
        elif loss is confirm_a_recall:
            ground = Ground(model_id=scene.listing.model_id)
        db.session.rollback()

        lost, stepped = at_once(house, deeds)

        assert lost is None, (loss, step, lost)
        assert stepped is None or not isinstance(stepped, Exception) or isinstance(stepped, Refusal), (loss, step)
        order = db.session.scalars(select(Order).where(Order.listing_id == listing_id)).one_or_none()
        if order is None:
            assert isinstance(stepped, orders.NotCleared | orders.GateMoved | Refusal)
            assert db.session.get_one(Listing, listing_id).state is ListingState.PUBLISHED
        elif order.state in UNSHIPPED:
            # Whatever the step came to, the order stands still now, and nothing else moves it.
            assert db.session.scalars(select(OrderHold).where(OrderHold.order_id == order.id)).all(), (loss, step)
        else:
            # It was on its way before the loss: staff find it among those that had left.
            assert order.state is S.IN_TRANSIT
            assert order.id in {one.order_id for one in reach.transferred(ground)}
        came_of_it[step.__name__, type(stepped).__name__] += 1
        db.session.rollback()
    print(sorted(came_of_it.items()))


def test_a_step_waits_for_a_revocation_under_way(house, now):
    """What a yes rests on is asked about under a lock: nobody ships on a licence that is being revoked this moment."""
    scene = make_scene(now)
    order = make_order("funds_held", scene, at=now)
    licence, decision = scene.licence.id, order.payment_decision_id
    db.session.remove()
    standing = text("SELECT credentials_stand(:decision)")

    with db.engine.connect() as desk, db.engine.connect() as shipping:
        shipping.execute(text("SET lock_timeout = '50ms'"))
        assert shipping.scalar(standing, {"decision": decision}) is True
        shipping.rollback()
        desk.execute(
            text("UPDATE credentials SET state = 'suspended', reason = 'Looked into.' WHERE id = :id"), {"id": licence}
        )
        shipping.execute(text("SET lock_timeout = '50ms'"))
        with pytest.raises(OperationalError, match="lock timeout"):
            shipping.scalar(standing, {"decision": decision})
        shipping.rollback()
        desk.commit()
        assert shipping.scalar(standing, {"decision": decision}) is False
