"""What the database refuses to keep of an order, whoever asks it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from marketplace.eligibility.models import Moment
from marketplace.extensions import db
from tests.factories.accounts import make_user
from tests.factories.orders import decide, make_order, the_order
from tests.support import assert_refused_by


@pytest.fixture
def order(awaiting_practitioner):
    return awaiting_practitioner


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


def answer_like(order, *, resting: bool = True, **changed):
    """Keep the answer that the order rests on once more, with other values; return its id."""
    known, columns = uuid4(), "moment listing_id buyer_id operator_id site_id practitioner_id declared_uses"
    columns += " policy_version_id facts verdict cleared decided_at valid_until"
    taken = ", ".join(changed.get(name, name) for name in columns.split())
    db.session.execute(
        text(
            f"INSERT INTO eligibility_decisions (id, {', '.join(columns.split())})"
            f" SELECT :known, {taken} FROM eligibility_decisions WHERE id = :first"
        ),
        {"known": known, "first": order.decision_id},
    )
    if resting:
        db.session.execute(
            text(
                "INSERT INTO decision_credentials SELECT :known, credential_id FROM decision_credentials"
                " WHERE decision_id = :first"
            ),
            {"known": known, "first": order.decision_id},
        )
    return known


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
        with assert_refused_by("orders_are_cleared"):
            copy(order, **dict.fromkeys(changed, scene.practitioner.id))

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

    @pytest.mark.parametrize(
        "answer",
        [
            # A refusal, even one of which everything it rests on stands.
            {"cleared": "false", "verdict": """'{"objections": [{}]}'"""},
            {"decided_at": "now() - interval '15 minutes 1 second'"},
            {"decided_at": "now() + interval '5 minutes 1 second'"},
            {"moment": "'payment_received'"},
            {"moment": "'offer'"},
            {"resting": False},
        ],
        ids=["a no", "too old", "not given yet", "of another moment", "of an offer", "resting on nothing"],
    )
    def test_no_order_on_an_answer_that_is_no_fresh_yes(self, scene, order, now, answer):
        no_yes = answer_like(order, **answer)

        with assert_refused_by("orders_are_cleared"):
            copy(order, decision_id=no_yes)

    @pytest.mark.parametrize("age", ["'14 minutes'", "'-4 minutes'"])
    def test_an_answer_counts_as_fresh_for_a_quarter_of_an_hour(self, order, age):
        answer = answer_like(order, decided_at=f"now() - interval {age}")

        # Another order for the same unit is refused for that alone: the gate has let it through.
        with assert_refused_by("one_live_order_per_unit"):
            copy(order, decision_id=answer)

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
        ("days", "belongs"),
        [
            ("starts_on = today, ends_on = today", True),
            ("starts_on = today + 1", False),
            ("ends_on = today - 1", False),
        ],
    )
    def test_a_membership_counts_from_its_first_to_its_last_day_where_the_device_is_used(
        self, scene, order, days, belongs
    ):
        db.session.execute(
            text(
                "UPDATE clinic_members SET "
                + days.replace("today", "(now() AT TIME ZONE 'America/Chicago')::date")
                + " WHERE user_id = :user"
            ),
            {"user": scene.buyer.id},
        )
        # Next in line is the answer, which serves one order.
        with assert_refused_by("uq_orders_decision_id" if belongs else "orders_people_are_members"):
            copy(order)

    def test_an_account_that_was_closed_buys_nothing(self, scene, order, now):
        db.session.execute(text("UPDATE users SET disabled_at = :at WHERE id = :id"), {"at": now, "id": scene.buyer.id})
        with assert_refused_by("orders_people_are_members"):
            copy(order)

    @pytest.mark.parametrize(
        "change_below",
        [
            "UPDATE clinic_sites SET closed_at = now() WHERE id = :site",
            "UPDATE clinic_sites SET laser_safety_officer_id = NULL WHERE id = :site",
            "UPDATE clinics SET seller_standing = 'unverified' WHERE id = :seller",
            "UPDATE clinic_members SET left_at = now() WHERE user_id = :practitioner",
        ],
    )
    def test_no_order_when_something_else_fell_that_the_yes_rests_on(self, scene, order, change_below):
        ids = {"site": scene.site.id, "seller": scene.seller_clinic.id, "practitioner": scene.practitioner.id}
        db.session.execute(text(change_below), {key: ids[key] for key in ids if f":{key}" in change_below})
        with assert_refused_by("orders_are_cleared"):
            copy(order)

    def test_who_signs_for_it_belongs_to_the_buying_clinic(self, scene, order):
        stranger = make_user().id
        with assert_refused_by("orders_practitioner_is_a_member"):
            change(order, "practitioner_id = :who, practitioner_confirmed_at = now()", who=stranger)

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
            ("orders_least_fee_is_not_negative", "fee_least_minor = -1"),
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


class TestHolds:
    """A hold stops an order in the database itself, and stays on record."""

    @pytest.fixture
    def on_hold(self, funds_held, now):
        self.hold(funds_held, now)
        return funds_held

    def hold(self, order, now, **values) -> None:
        values = {
            "id": uuid4(),
            "order_id": order.id,
            "cause": "credential_revoked",
            "reference": order.buyer_id,
            "words": "It was revoked.",
            "placed_at": now,
            **values,
        }
        db.session.execute(
            text(f"INSERT INTO order_holds ({', '.join(values)}) VALUES ({', '.join(f':{name}' for name in values)})"),
            values,
        )

    def lift(self, decision, now) -> None:
        db.session.execute(
            text("UPDATE order_holds SET lifted_at = :at, lifted_decision_id = :decision"),
            {"at": now, "decision": decision},
        )

    def test_an_order_on_hold_is_not_released(self, on_hold, now):
        decision = decide(on_hold, Moment.SHIP_RELEASE, at=now)
        with assert_refused_by("orders_on_hold_stand_still"):
            change(on_hold, "state = 'released_to_ship', release_decision_id = :decision", decision=decision)

    def test_an_order_on_hold_is_not_dispatched(self, scene, now):
        order = make_order("released_to_ship", scene, at=now)
        self.hold(order, now)
        with assert_refused_by("orders_on_hold_stand_still"):
            change(order, "state = 'in_transit'")

    def test_money_for_an_order_on_hold_is_not_held_as_cleared(self, scene, now):
        order = make_order("awaiting_payment", scene, at=now)
        decision = decide(order, Moment.PAYMENT_RECEIVED, at=now)
        self.hold(order, now)
        with assert_refused_by("orders_on_hold_stand_still"):
            change(order, "state = 'funds_held', payment_decision_id = :decision", decision=decision)

    def test_it_ends_by_a_fresh_yes_about_this_order_and_then_holds_no_more(self, on_hold, now):
        self.lift(decide(on_hold, Moment.SHIP_RELEASE, at=now), now)
        decision = decide(on_hold, Moment.SHIP_RELEASE, at=now)
        change(on_hold, "state = 'released_to_ship', release_decision_id = :decision", decision=decision)
        assert the_order(on_hold.id).state == "released_to_ship"

    def test_it_does_not_end_by_a_no(self, scene, on_hold, now):
        db.session.execute(
            text("UPDATE clinic_members SET left_at = now() WHERE user_id = :id"), {"id": scene.buyer.id}
        )
        decision = decide(on_hold, Moment.SHIP_RELEASE, at=now)
        with assert_refused_by("holds_are_lifted_by_a_yes"):
            self.lift(decision, now)

    def test_it_does_not_end_by_a_yes_that_was_given_before_it(self, scene, now):
        order = make_order("funds_held", scene, at=now)
        decision = decide(order, Moment.SHIP_RELEASE, at=now)
        self.hold(order, now + timedelta(seconds=1))
        with assert_refused_by("holds_are_lifted_by_a_yes"):
            self.lift(decision, now + timedelta(seconds=2))

    def test_it_does_not_end_by_a_yes_that_fell_since(self, scene, on_hold, now):
        decision = decide(on_hold, Moment.SHIP_RELEASE, at=now)
        db.session.execute(
            text("UPDATE credentials SET state = 'revoked', reason = 'x' WHERE id = :id"), {"id": scene.licence.id}
        )
        with assert_refused_by("holds_are_lifted_by_a_yes"):
            self.lift(decision, now)

    @pytest.mark.parametrize(
        "setting",
        [
            "words = 'other'",
            "cause = 'site_closed'",
            "placed_at = placed_at - interval '1 day'",
            "reference = order_id",
        ],
    )
    def test_it_keeps_what_was_written(self, on_hold, setting):
        with assert_refused_by("holds_keep_their_history"):
            db.session.execute(text(f"UPDATE order_holds SET {setting}"))

    def test_it_is_never_removed_nor_its_end_undone(self, on_hold, now):
        with assert_refused_by("holds_keep_their_history"):
            db.session.execute(text("DELETE FROM order_holds"))
        with assert_refused_by("order_holds_is_append_only"):
            db.session.execute(text("TRUNCATE order_holds"))
        self.lift(decide(on_hold, Moment.SHIP_RELEASE, at=now), now)
        with assert_refused_by("holds_keep_their_history"):
            db.session.execute(text("UPDATE order_holds SET lifted_at = NULL, lifted_decision_id = NULL"))

    def test_one_that_is_to_be_waited_out_may_become_longer_and_never_shorter(self, scene, now):
        order = make_order("funds_held", scene, at=now)
        hour = timedelta(hours=1)
        self.hold(order, now, until=now + hour)
        db.session.execute(text("UPDATE order_holds SET until = until + interval '1 hour'"))
        for setting in ("until = until - interval '1 second'", "until = NULL"):
            with assert_refused_by("holds_keep_their_history"):
                db.session.execute(text(f"UPDATE order_holds SET {setting}"))
        with assert_refused_by("holds_keep_their_history"):
            db.session.execute(text("UPDATE order_holds SET until = until + interval '1 hour', words = 'other'"))
        assert db.session.scalar(text("SELECT until FROM order_holds")) == now + 2 * hour

    def test_one_that_is_for_a_yes_alone_is_not_made_one_to_be_waited_out(self, on_hold):
        with assert_refused_by("holds_keep_their_history"):
            db.session.execute(text("UPDATE order_holds SET until = placed_at + interval '1 hour'"))

    def test_nothing_ends_it_before_it_is_waited_out(self, scene, now):
        order = make_order("funds_held", scene, at=now)
        self.hold(order, now, until=now + timedelta(hours=1))
        decision = decide(order, Moment.SHIP_RELEASE, at=now)
        with assert_refused_by("order_holds_waiting_is_waited_out"):
            self.lift(decision, now)

    def test_it_begins_by_holding(self, on_hold, now):
        with assert_refused_by("holds_begin_by_holding"):
            self.hold(on_hold, now, reference=uuid4(), lifted_at=now, lifted_decision_id=on_hold.decision_id)

    def test_there_is_one_for_each_cause(self, on_hold, now):
        with assert_refused_by("one_open_hold_per_cause"):
            self.hold(on_hold, now)

    @pytest.mark.parametrize(
        ("constraint", "values"),
        [
            ("order_holds_hold_says_why", {"words": " "}),
            ("order_holds_waiting_has_a_length", {"until": "now"}),
            ("order_holds_lifting_rests_on_an_answer", {"lifted_at": "now"}),
            ("order_holds_lifting_rests_on_an_answer", {"lifted_by": "buyer"}),
            ("order_holds_lifting_follows_placing", {"lifted_at": "before", "lifted_decision_id": "decision"}),
        ],
    )
    def test_what_is_written_makes_sense(self, on_hold, now, constraint, values):
        db.session.execute(text("ALTER TABLE order_holds DISABLE TRIGGER holds_keep_their_history"))
        meant = {
            "now": now,
            "before": now - timedelta(seconds=1),
            "decision": on_hold.decision_id,
            "buyer": on_hold.buyer_id,
        }
        with assert_refused_by(constraint):
            self.hold(
                on_hold, now, reference=uuid4(), **{key: meant.get(value, value) for key, value in values.items()}
            )
