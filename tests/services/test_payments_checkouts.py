"""Payment pages: one at a time for an order, opened once, closed with the order, and never inside a transaction."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from marketplace.adapters.stripe_gateway import StripeGateway
from marketplace.extensions import bind, db, unit_of_work
from marketplace.kernel import clock
from marketplace.kernel.money import Money
from marketplace.payments import service as payments
from marketplace.payments.amounts import Rate
from marketplace.payments.models import Payment, PaymentMove
from marketplace.payments.policy import Terms
from marketplace.payments.ports import (
    GatewayRejected,
    GatewayReplayedError,
    GatewayUnknown,
    PaymentGateway,
)
from marketplace.payments.states import PaymentState
from tests.factories.payments import CANCEL, SUCCESS, hear, make_payment, the_payment, waiting_jobs

PRICE = Money(4_250_000)


@pytest.fixture
def order(awaiting_payment):
    return awaiting_payment


def prepare(order, *, at) -> object:
    with unit_of_work():
        return payments.prepare_checkout(
            order_id=order.id,
            payee_clinic_id=order.seller_clinic_id,
            amount=PRICE,
            rate=Rate(600, Money(10_000)),
            order_closes_at=order.expires_at,
            at=at,
        )


def open_page(payment_id, *, at, buyer_name="Alice Martin") -> str:
    return payments.open_checkout(
        payment_id=payment_id,
        title="Candela GentleLASE",
        buyer_email="alice@example.test",
        buyer_name=buyer_name,
        success_url=SUCCESS,
        cancel_url=CANCEL,
        at=at,
    )


class Watching:
    """A gateway that notes what it is asked, and refuses to be asked inside a transaction."""

    def __init__(self, gateway: StripeGateway) -> None:
        self._gateway = gateway
        self.asked: list[str] = []

    def __getattr__(self, name):
        answer = getattr(self._gateway, name)

        def ask(*args, **given):
            assert not db.session().in_transaction(), f"{name} was called inside a transaction"
            self.asked.append(name)
            return answer(*args, **given)

        return ask


@pytest.fixture
def watching(app, local_stripe) -> Watching:
    watching = Watching(local_stripe.usual_gateway)
    bind(app, PaymentGateway, watching)
    return watching


class TestPrepare:
    def test_puts_the_price_and_our_fee_on_record(self, order, now):
        payment = db.session.get_one(Payment, prepare(order, at=now))

        assert (payment.amount_minor, payment.fee_bps, payment.fee_minor) == (4_250_000, 600, 255_000)
        assert payment.fee_least_minor == 10_000
        assert payment.state is PaymentState.NEW
        assert payment.expires_at == now + timedelta(hours=23)

    def test_finds_the_payment_that_waits(self, order, now):
        assert prepare(order, at=now) == prepare(order, at=now)

        assert db.session.scalar(select(func.count()).select_from(Payment)) == 1

    @pytest.mark.parametrize("state", sorted(set(PaymentState) - {"new", "checkout_open", "failed", "expired"}))
    def test_refuses_beside_a_payment_that_is_more_than_a_page(self, order, now, state):
        make_payment(order, state=state, at=now)

        with pytest.raises(payments.PaymentUnderWay):
            prepare(order, at=now)

        assert db.session.scalar(select(func.count()).select_from(Payment)) == 1

    @pytest.mark.parametrize("state", ["failed", "expired"])
    def test_begins_anew_after_one_that_ended_unpaid(self, order, now, state):
        ended = make_payment(order, state=state, at=now)

        assert prepare(order, at=now) != ended.id


class TestOpen:
    def test_opens_a_page_for_exactly_the_price(self, order, now, local_stripe):
        url = open_page(prepare(order, at=now), at=now)

        payment = the_payment(order.id)
        page = local_stripe.get(f"/v1/checkout/sessions/{payment.checkout_id}")
        assert payment.state is PaymentState.CHECKOUT_OPEN
        assert payment.checkout_url == url == page["url"]
        assert (page["amount_total"], page["currency"]) == (4_250_000, "usd")
        assert page["metadata"] == {"order_id": str(order.id)}
        assert page["expires_at"] == int(payment.expires_at.timestamp())

    @pytest.mark.parametrize(
        ("card_cap", "debit_cap", "offered"),
        [
            (PRICE, PRICE, ["card", "us_bank_account", "customer_balance"]),
            (PRICE - Money(1), PRICE, ["us_bank_account", "customer_balance"]),
            (PRICE, PRICE - Money(1), ["card", "customer_balance"]),
            (PRICE - Money(1), PRICE - Money(1), ["customer_balance"]),
        ],
    )
    def test_offers_cards_and_debits_up_to_their_caps_and_bank_transfer_always(
        self, app, monkeypatch, order, now, local_stripe, card_cap, debit_cap, offered
    ):
        terms = Terms(card_cap=card_cap, debit_cap=debit_cap, debit_risk_days=5)
        monkeypatch.setitem(app.extensions["second_light_ports"], Terms, terms)
        open_page(prepare(order, at=now), at=now)

        page = local_stripe.get(f"/v1/checkout/sessions/{the_payment(order.id).checkout_id}")
        assert page["payment_method_types"] == offered

    def test_a_second_click_finds_the_same_page(self, order, now, local_stripe):
        payment_id = prepare(order, at=now)

        assert open_page(payment_id, at=now) == open_page(payment_id, at=now)
        assert len(local_stripe.get("/v1/checkout/sessions")["data"]) == 1

    def test_is_never_asked_inside_a_transaction(self, order, now, watching):
        open_page(prepare(order, at=now), at=now)
        payments.close_checkout(order_id=order.id, live=False, at=now)

        assert watching.asked == ["create_checkout", "expire_checkout", "get_payment"]

    @pytest.mark.parametrize("fault", ["error_before", "error_after"])
    def test_a_silent_provider_leaves_the_same_question_for_the_next_click(self, order, now, local_stripe, fault):
        payment_id = prepare(order, at=now)
        local_stripe.fault("POST /v1/checkout/sessions", fault)

        with pytest.raises(GatewayUnknown):
            open_page(payment_id, at=now)
        assert the_payment(order.id).state is PaymentState.NEW
        open_page(payment_id, at=now)

        assert the_payment(order.id).state is PaymentState.CHECKOUT_OPEN
        assert len(local_stripe.get("/v1/checkout/sessions")["data"]) == 1

    def test_a_stored_failure_ends_this_payment_and_the_next_click_begins_another(self, order, now, local_stripe):
        payment_id = prepare(order, at=now)
        local_stripe.fault("POST /v1/checkout/sessions", "error_stored")
        with pytest.raises(GatewayUnknown):
            open_page(payment_id, at=now)

        with pytest.raises(GatewayReplayedError):
            open_page(payment_id, at=now)

        assert the_payment(order.id).state is PaymentState.FAILED
        again = prepare(order, at=now + timedelta(seconds=1))
        assert again != payment_id
        open_page(again, at=now)

    def test_a_definite_no_ends_this_payment(self, order, now, local_stripe):
        payment_id = prepare(order, at=now)
        db.session.get_one(Payment, payment_id).expires_at = now + timedelta(days=3)
        db.session.commit()

        with pytest.raises(GatewayRejected):
            open_page(payment_id, at=now)

        assert the_payment(order.id).state is PaymentState.FAILED
        assert waiting_jobs() == ["payment_changed"]

    def test_refuses_a_payment_that_went_on(self, order, now):
        payment = make_payment(order, state="paid", at=now)

        with pytest.raises(payments.PaymentUnderWay):
            open_page(payment.id, at=now)

    @pytest.mark.parametrize("error", [GatewayRejected("no", status=400), None])
    def test_closes_the_page_of_an_order_that_ended_while_it_was_opened(self, app, order, now, local_stripe, error):
        gateway = local_stripe.usual_gateway

        class Slow(Watching):
            def create_checkout(self, **given):
                if error is None:
                    answer = gateway.create_checkout(**given)
                payments.close_checkout(order_id=order.id, live=False, at=now)
                if error is not None:
                    raise error
                return answer

        bind(app, PaymentGateway, Slow(gateway))

        with pytest.raises(payments.CheckoutClosed if error is None else GatewayRejected):
            open_page(prepare(order, at=now), at=now)

        assert the_payment(order.id).state is PaymentState.EXPIRED
        pages = local_stripe.get("/v1/checkout/sessions")["data"]
        assert [page["status"] for page in pages] == (["expired"] if error is None else [])


class TestClose:
    def test_closes_an_open_page(self, order, now, local_stripe):
        open_page(prepare(order, at=now), at=now)

        payments.close_checkout(order_id=order.id, live=False, at=now)

        payment = the_payment(order.id)
        assert payment.state is PaymentState.EXPIRED
        assert local_stripe.get(f"/v1/checkout/sessions/{payment.checkout_id}")["status"] == "expired"

    def test_has_nothing_to_do_without_a_payment(self, order, now):
        payments.close_checkout(order_id=order.id, live=False, at=now)

        assert waiting_jobs() == []

    def test_finds_out_that_it_was_paid_on(self, order, now, local_stripe):
        open_page(prepare(order, at=now), at=now)
        local_stripe.pay_by_card(the_payment(order.id).checkout_id)

        with pytest.raises(payments.PaymentUnderWay):
            payments.close_checkout(order_id=order.id, live=False, at=clock.now())

        assert the_payment(order.id).state is PaymentState.HELD

    def test_takes_a_page_that_closed_itself_for_closed(self, order, now, local_stripe):
        open_page(prepare(order, at=now), at=now)
        local_stripe.advance(24 * 3600)

        payments.close_checkout(order_id=order.id, live=False, at=now)

        assert the_payment(order.id).state is PaymentState.EXPIRED

    def test_refuses_when_money_is_on_its_way(self, order, now, local_stripe):
        open_page(prepare(order, at=now), at=now)
        local_stripe.choose_bank_transfer(the_payment(order.id).checkout_id)
        hear(local_stripe)

        with pytest.raises(payments.PaymentUnderWay):
            payments.close_checkout(order_id=order.id, live=False, at=now)

        assert the_payment(order.id).state is PaymentState.PROCESSING

    def test_leaves_everything_when_the_provider_is_silent(self, order, now, local_stripe):
        open_page(prepare(order, at=now), at=now)
        local_stripe.fault("POST /v1/checkout/sessions/*", "error_before")

        with pytest.raises(GatewayUnknown):
            payments.close_checkout(order_id=order.id, live=False, at=now)

        assert the_payment(order.id).state is PaymentState.CHECKOUT_OPEN


def test_every_move_leaves_a_row(order, now, local_stripe):
    open_page(prepare(order, at=now), at=now)
    payments.close_checkout(order_id=order.id, live=False, at=now + timedelta(seconds=1))

    rows = db.session.scalars(select(PaymentMove).order_by(PaymentMove.position)).all()
    assert [(row.event, row.state, row.cause) for row in rows] == [
        ("checkout_opened", "checkout_open", "the buyer pays"),
        ("expired", "expired", "seen at the provider"),
    ]
