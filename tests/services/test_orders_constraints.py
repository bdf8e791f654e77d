"""What the database refuses to keep of an order, whoever asks it."""

from uuid import uuid4

import pytest
from sqlalchemy import text

from marketplace.eligibility.models import Moment
from marketplace.extensions import db
from tests.factories.accounts import make_user
from tests.factories.orders import decide, make_order, make_scene, place, the_order
from tests.support import assert_refused_by


@pytest.fixture
def scene(now):
    return make_scene(now)


@pytest.fixture
def order(scene, now):
    return the_order(place(scene, at=now))


def change(order, setting: str, **values) -> None:
    db.session.execute(text(f"UPDATE orders SET {setting} WHERE id = :id"), {"id": order.id, **values})


def without_the_guard() -> None:
    """Let only the constraints speak."""
    db.session.execute(text("ALTER TABLE orders DISABLE TRIGGER orders_ask_the_gate"))


def copy(order, **changed) -> None:
    """Send the order's row again under another id, with other values."""
    columns = {column.name: getattr(order, column.name) for column in order.__table__.columns}
    columns |= {"id": uuid4(), "form_key": uuid4(), "number": order.number + 1} | changed
    names = ", ".join(columns)
    marks = ", ".join(f":{name}" for name in columns)
    db.session.execute(
        text(f"INSERT INTO orders ({names}) OVERRIDING SYSTEM VALUE VALUES ({marks})"),
        {name: getattr(value, "value", value) for name, value in columns.items()},
    )


class TestGate:
    """An order cannot exist, be held or be shipped without a yes for exactly this."""

    @pytest.mark.parametrize(
        "changed",
        [
            {"buyer_id": "other"},
            {"operator_id": "other"},
            {"decision_id": "other"},
        ],
    )
    def test_no_order_without_a_yes_for_exactly_this(self, scene, order, changed):
        other = make_user().id
        with assert_refused_by("orders_are_cleared"):
            copy(order, **dict.fromkeys(changed, other))

    def test_no_order_on_a_no(self, scene, order, now):
        db.session.execute(
            text("UPDATE credentials SET state = 'revoked', reason = 'x' WHERE id = :id"), {"id": scene.licence.id}
        )
        with assert_refused_by("orders_are_cleared"):
            copy(order)

    def test_no_order_on_a_licence_that_has_lapsed(self, scene, order):
        db.session.execute(
            text("UPDATE credentials SET expires_on = current_date - 2, issued_on = NULL WHERE id = :id"),
            {"id": scene.licence.id},
        )
        with assert_refused_by("orders_are_cleared"):
            copy(order)

    def test_an_order_begins_at_the_beginning(self, order):
        with assert_refused_by("orders_begin_at_the_beginning"):
            copy(order, state="funds_held")

    def test_an_order_repeats_the_price_of_its_listing(self, order):
        with assert_refused_by("orders_match_their_listing"):
            copy(order, price_minor=order.price_minor - 1)

    def test_buyer_and_operator_belong_to_the_buying_clinic(self, scene, order, now):
        db.session.execute(
            text("UPDATE clinic_members SET left_at = :at WHERE user_id = :user"), {"at": now, "user": scene.buyer.id}
        )
        with assert_refused_by("orders_people_are_members"):
            copy(order)

    @pytest.mark.parametrize(
        "setting",
        [
            "price_minor = price_minor - 1",
            "fee_minor = 0",
            "declared_uses = ARRAY['TATTOO']",
            "buyer_id = operator_id, operator_id = seller_clinic_id",
        ],
    )
    def test_what_was_promised_does_not_change(self, order, setting):
        with assert_refused_by("orders_promise_is_fixed"):
            change(order, setting)

    def test_money_is_not_held_without_another_yes(self, scene, now):
        order = make_order("awaiting_payment", scene, at=now)
        with assert_refused_by("orders_payment_is_cleared"):
            change(order, "state = 'funds_held', payment_decision_id = decision_id")
        with assert_refused_by("orders_payment_is_cleared"):
            change(order, "state = 'funds_held'")

    def test_nothing_is_shipped_on_the_yes_of_the_payment(self, scene, now):
        order = make_order("funds_held", scene, at=now)
        with assert_refused_by("orders_shipping_is_cleared"):
            change(order, "state = 'released_to_ship', release_decision_id = payment_decision_id")

    def test_nothing_is_shipped_when_the_licence_fell_after_the_yes(self, scene, now):
        order = make_order("funds_held", scene, at=now)
        decision = decide(order, Moment.SHIP_RELEASE, at=now)
        db.session.execute(
            text("UPDATE credentials SET state = 'suspended', reason = 'x' WHERE id = :id"), {"id": scene.licence.id}
        )
        with assert_refused_by("orders_shipping_is_cleared"):
            change(order, "state = 'released_to_ship', release_decision_id = :decision", decision=decision)

    @pytest.mark.parametrize("state", ["in_transit", "under_inspection", "settled"])
    def test_no_step_of_a_delivery_is_left_out(self, scene, now, state):
        order = make_order("funds_held", scene, at=now)
        with assert_refused_by("orders_leave_no_step_out"):
            change(order, f"state = '{state}', release_decision_id = payment_decision_id")


SIGNED = "practitioner_id = buyer_id, practitioner_confirmed_at = now()"


class TestFacts:
    @pytest.mark.parametrize(
        ("constraint", "setting"),
        [
            ("orders_price_is_positive", "price_minor = 0, fee_minor = 0"),
            ("orders_currency_is_iso", "currency = 'USD'"),
            ("orders_fee_is_within_the_price", "fee_minor = price_minor + 1"),
            ("orders_fee_is_within_the_price", "fee_minor = -1"),
            ("orders_buyer_is_not_seller", "seller_clinic_id = buyer_clinic_id"),
            ("orders_rests_on_a_yes", "decision_cleared = false"),
            ("orders_rests_on_a_yes", "decision_moment = 'payment_start'"),
            ("orders_paid_orders_are_ordered_by_a_practitioner", "state = 'awaiting_payment'"),
            ("orders_acceptance_is_dated", "accepted_at = now()"),
            (
                "orders_payment_was_cleared",
                "state = 'funds_held', " + SIGNED,
            ),
            (
                "orders_shipping_was_cleared",
                "state = 'released_to_ship', payment_decision_id = decision_id, " + SIGNED,
            ),
        ],
    )
    def test_the_database_refuses(self, order, constraint, setting):
        without_the_guard()
        with assert_refused_by(constraint):
            change(order, setting)

    def test_a_unit_has_one_live_order(self, order, now):
        another = decide(order, Moment.ORDER, at=now)
        without_the_guard()
        with assert_refused_by("one_live_order_per_unit"):
            copy(order, decision_id=another)

    @pytest.mark.parametrize("state", ["cancelled", "lapsed", "refunded"])
    def test_an_order_that_ended_leaves_the_unit_to_the_next_but_not_its_yes(self, order, now, state):
        another = decide(order, Moment.ORDER, at=now)
        without_the_guard()
        change(order, f"state = '{state}', {SIGNED}")
        with assert_refused_by("uq_orders_decision_id"):
            copy(order)
        copy(order, decision_id=another)

    def test_a_form_is_one_order(self, order, now):
        another = decide(order, Moment.ORDER, at=now)
        without_the_guard()
        change(order, "state = 'cancelled'")
        with assert_refused_by("uq_orders_form_key"):
            copy(order, decision_id=another, form_key=order.form_key)

    def test_a_number_is_one_order(self, order, now):
        another = decide(order, Moment.ORDER, at=now)
        without_the_guard()
        change(order, "state = 'cancelled'")
        with assert_refused_by("uq_orders_number"):
            copy(order, decision_id=another, number=order.number)

    def test_moves_are_never_changed(self, order):
        for statement in ("UPDATE order_moves SET cause = 'x'", "DELETE FROM order_moves"):
            with assert_refused_by("order_moves_is_append_only"):
                db.session.execute(text(statement))
