"""What each seller's payments come to: always their sum, written by nobody else, waited for by nobody."""

import random
from threading import Barrier, Thread

import pytest
from sqlalchemy import create_engine, select, text, update
from sqlalchemy.orm import Session

from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.payments import payee_totals, statements
from marketplace.payments.amounts import Rate
from marketplace.payments.books import FindingCode
from marketplace.payments.models import Payment
from marketplace.payments.states import PaymentState
from tests.factories.orders import make_order, make_scene
from tests.factories.payments import make_payment
from tests.support import assert_refused_by


@pytest.fixture
def order(now):
    return make_order("awaiting_payment", make_scene(now), at=now)


def slow(clinic_id) -> dict[str, int]:
    """Add the statement up line by line, as whoever reads it would."""
    entries = statements.statement(clinic_id).entries
    sums = {name: sum(getattr(one, name).minor for one in entries) for name in payee_totals.FIGURES}
    return {"orders": len(entries), **sums}


@pytest.mark.parametrize("seed", range(3))
def test_are_the_sum_whatever_happens_to_payments(order, now, seed):
    chance, clinic_id = random.Random(seed), order.seller_clinic_id
    payments = [make_payment(order, state="expired", at=now).id for _ in range(4)]
    db.session.execute(text("SET LOCAL session_replication_role = replica"))
    db.session.execute(text("ALTER TABLE payments DROP CONSTRAINT payments_partial_refunds_leave_something"))
    db.session.execute(text("ALTER TABLE payments DROP CONSTRAINT payments_paid_means_received_in_full"))
    db.session.execute(text("DROP INDEX one_active_payment_per_order"))
    db.session.execute(text("SET LOCAL session_replication_role = origin"))
    for _ in range(40):
        state = chance.choice(list(PaymentState))
        price = chance.randint(100, 10**7)
        transferred = chance.choice([0, price // 2])
        changed = {
            "state": state, "amount_minor": price, "fee_minor": 0, "fee_bps": chance.choice([0, 600, 7_000]),
            "fee_least_minor": chance.choice([0, 50_000]), "conceded_minor": chance.choice([0, price // 3]),
            "received_minor": chance.choice([0, price, price]), "transferred_minor": 0, "hold_deadline": now,
        }  # fmt: skip
        if changed["received_minor"]:
            changed |= {"transferred_minor": transferred, "reversed_minor": transferred // 3,
                        "fronted_minor": transferred // 4}  # fmt: skip
        else:
            changed |= {"reversed_minor": 0, "fronted_minor": 0}
        savepoint = db.session.begin_nested()
        db.session.execute(
            update(Payment).where(Payment.id == chance.choice(payments)).values(outstanding_minor=None, **changed)
        )
        savepoint.rollback() if chance.random() < 0.2 else savepoint.commit()

        assert payee_totals.totals_of(clinic_id) == slow(clinic_id)
    one = statements.statement(clinic_id).entries[0]
    row = db.session.scalars(select(Payment).where(Payment.id == one.payment_id)).one()
    rate = Rate(row.fee_bps, one.price.__class__(row.fee_least_minor))
    assert one.fee == rate.fee_of(one.price.__class__(row.amount_minor - row.conceded_minor))
    assert list(payee_totals.differences()) == []


def test_a_share_that_is_no_whole_cent_is_held_as_it_will_be_paid(order, now):
    """Our fee is rounded down, the seller gets all the rest: on the statement as in the transfer."""
    make_payment(order, state="held", at=now)
    db.session.execute(update(Payment).values(amount_minor=4_250_033, received_minor=4_250_033))

    (one,) = statements.statement(order.seller_clinic_id).entries

    assert (one.fee.minor, one.held.minor) == (255_001, 3_995_032)
    assert payee_totals.totals_of(order.seller_clinic_id)["held"] == 3_995_032


def test_follow_a_payment_that_goes_or_is_anothers(order, now):
    clinic_id, other_id = order.seller_clinic_id, order.buyer_clinic_id
    make_payment(order, state="held", at=now)
    assert payee_totals.totals_of(clinic_id)["orders"] == 1

    db.session.execute(update(Payment).values(payee_clinic_id=other_id))
    assert (payee_totals.totals_of(clinic_id)["orders"], payee_totals.totals_of(other_id)["held"]) == (0, 3_995_000)

    db.session.execute(text("DELETE FROM payments"))
    assert set(payee_totals.totals_of(other_id).values()) == {0}
    assert list(payee_totals.differences()) == []


def test_are_written_by_nobody_else(order, now):
    make_payment(order, state="held", at=now)
    for lie in (
        "UPDATE payee_totals SET paid = paid + 1",
        "DELETE FROM payee_totals",
        "TRUNCATE payee_totals",
        "INSERT INTO payee_totals SELECT clinic_id, currency, 7, 0, 0, 0, 0, 0, 0, 0 FROM payee_totals",
    ):
        with assert_refused_by("payee_totals_follow_the_payments"):
            db.session.execute(text(lie))


def test_one_that_was_changed_all_the_same_is_found(order, now):
    make_payment(order, state="held", at=now)
    db.session.execute(text("SET LOCAL session_replication_role = replica"))
    db.session.execute(text("UPDATE payee_totals SET held = held + 1"))

    (found,) = payee_totals.differences()

    assert (found.code, found.subject) == (FindingCode.TOTALS_DIFFER, f"payee:{order.seller_clinic_id}:usd")
    assert "orders 1 / 1, price 4250000 / 4250000, given_back 0 / 0, held 3995000 / 3995001, paid 0 / 0" in found.said


@pytest.mark.own_database
def test_writers_at_once_wait_for_nobody_and_come_to_the_sum(own_app):
    with own_app.app_context():
        now = clock.now().replace(microsecond=0)
        order = make_order("awaiting_payment", make_scene(now), at=now)
        clinic_id = order.seller_clinic_id
        payments = [
            make_payment(order, state="expired", at=now, received_minor=100, hold_deadline=now).id for _ in range(4)
        ]
        url = db.engine.url
        db.session.rollback()
        engine, barrier = create_engine(url, connect_args={"options": "-c lock_timeout=5000"}), Barrier(len(payments))
        went = []

        def change(payment_id):
            with Session(engine) as session:
                session.execute(update(Payment).where(Payment.id == payment_id).values(transferred_minor=40))
                barrier.wait(timeout=30)  # All have written, and nobody has ended.
                session.commit()
                went.append(payment_id)

        writers = [Thread(target=change, args=(one,)) for one in payments]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join(timeout=60)
            assert not writer.is_alive()
        engine.dispose()

        assert sorted(went) == sorted(payments)
        assert payee_totals.totals_of(clinic_id) == slow(clinic_id)
        assert payee_totals.totals_of(clinic_id)["paid"] == 160
        assert db.session.scalar(text("SELECT count(*) FROM payee_totals")) == 4
