"""Payments of orders: rows in any state, and the same brought about through the local Stripe."""

from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy import select, text

from marketplace.extensions import db
from marketplace.jobs import JOBS
from marketplace.kernel import clock
from marketplace.orders import service as orders
from marketplace.orders.models import Order
from marketplace.payments import service as payments
from marketplace.payments.models import Payment, SellerAccount
from marketplace.payments.states import PaymentState
from tests.factories.accounts import kept
from tests.support import promised_jobs

_numbers = count(1)
S = PaymentState

_RECEIVED = {S.PAID, S.HELD, S.RELEASING, S.RELEASED, S.REFUNDING, S.REFUNDED, S.REVERSING, S.CHARGED_BACK}
OUR_JOBS = (
    "process_provider_event", "payment_changed", "run_money_intent", "recover_from_seller", "look_at_payment",
)  # fmt: skip
# To be taken is to be gone, as for a worker that did it.
_NEXT = text(
    "DELETE FROM procrastinate_jobs WHERE id = (SELECT id FROM procrastinate_jobs WHERE status = 'todo'"
    " AND task_name = ANY(:ours) AND (scheduled_at IS NULL OR scheduled_at <= clock_timestamp())"
    " ORDER BY id LIMIT 1) RETURNING task_name, args"
)
SUCCESS, CANCEL = "http://localhost/orders/paid", "http://localhost/orders/back"


def make_payment(order: Order, *, state: PaymentState | str = S.NEW, at: datetime, **values: Any) -> Payment:
    """Keep a payment of the order in `state`; money that arrived came by card and is available since `at`."""
    state = PaymentState(state)
    number = next(_numbers)
    values = {
        "order_id": order.id,
        "payee_clinic_id": order.seller_clinic_id,
        "amount_minor": order.price_minor,
        "currency": order.currency,
        "fee_bps": order.fee_bps,
        "fee_least_minor": order.fee_least_minor,
        "fee_minor": order.fee_minor,
        "expires_at": at + timedelta(hours=23),
        "created_at": at,
        **values,
    }
    if state is not S.NEW:
        values.setdefault("checkout_id", f"cs_made_{number}")
        values.setdefault("checkout_url", f"http://127.0.0.1:9/c/pay/cs_made_{number}")
    if state in _RECEIVED:
        values = {
            "charge_id": f"ch_made_{number}",
            "method": "card",
            "received_minor": order.price_minor,
            "available_on": at,
            "release_not_before": at,
            "hold_deadline": at + timedelta(days=90),
            **values,
        }
    return kept(Payment(state=state, **values))


def pay_page(order_id: UUID, buyer_id: UUID, *, at: datetime) -> str:
    """Open the order's payment page as its buyer; return its address."""
    return orders.start_payment(
        order_id=order_id,
        actor_id=buyer_id,
        success_url=SUCCESS,
        cancel_url=CANCEL,
        live=False,
        at=at,
    )


def the_payment(order_id: UUID) -> Payment:
    """Return the order's newest payment as it is now."""
    return db.session.scalars(
        select(Payment)
        .where(Payment.order_id == order_id)
        .order_by(Payment.created_at.desc(), Payment.id)
        .limit(1)
        .execution_options(populate_existing=True)
    ).one()


def hear(stripe, *types: str) -> int:
    """Receive what the local Stripe has to tell and do the jobs that come of it; return how many events it was."""
    heard = stripe.take_events(*types)
    for event in heard:
        payments.receive(raw=event.raw, signature=event.signature, at=clock.now())
    do_jobs()
    return len(heard)


def do_jobs() -> list[str]:
    """Do the due jobs of orders and money in order, also those they promise; mails and later jobs stay promised."""
    done = []
    while True:
        row = db.session.execute(_NEXT, {"ours": list(OUR_JOBS)}).one_or_none()
        db.session.commit()
        if row is None:
            return done
        JOBS[row.task_name](**row.args)
        done.append(row.task_name)


def come_to_rest(stripe) -> None:
    """Hear what is left to be heard, and let one cycle of reconciling find what was forgotten, as a quiet hour would."""
    hear(stripe)
    payments.reconcile(live=False, at=clock.now() + timedelta(hours=1))
    do_jobs()
    orders.catch_up(at=clock.now())
    hear(stripe)


def onboarded(stripe, clinic_id: UUID, *, at: datetime) -> str:
    """Open the clinic's account with the local Stripe and answer everything; return its reference."""
    payments.open_seller_account(
        clinic_id=clinic_id, email="selma@example.test", name="Desert Aesthetics LLC", actor_id=clinic_id, at=at
    )
    reference = account_of(clinic_id)
    stripe.onboard(reference)
    payments.refresh_seller_account(clinic_id=clinic_id, at=at)
    return reference


def account_of(clinic_id: UUID) -> str:
    """Return the reference of the clinic's account with the local Stripe."""
    return db.session.scalars(select(SellerAccount.reference).where(SellerAccount.clinic_id == clinic_id)).one()


def waiting_jobs() -> list[str]:
    """Return the names of the promised jobs, without mails."""
    return [name for name, _ in promised_jobs() if name != "send_mail"]
