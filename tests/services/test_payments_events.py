"""The provider's events: kept once, in any order, as often as they come; what was not agreed stands still."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from marketplace.extensions import bind, db
from marketplace.kernel import clock
from marketplace.kernel.money import Money
from marketplace.payments import ledger, queries
from marketplace.payments import service as payments
from marketplace.payments.amounts import Account, JournalKind
from marketplace.payments.models import LedgerJournal, ProviderEvent, ProviderEventState
from marketplace.payments.policy import GIVE_UP_AFTER
from marketplace.payments.ports import PaymentGateway, WebhookRefused
from marketplace.payments.states import PaymentState
from tests.factories.orders import place_and_confirm, the_order
from tests.factories.payments import do_jobs, hear, make_payment, the_payment, waiting_jobs

FEE = 123_280  # 2.9 % + 30 cents of $42,500


@pytest.fixture
def order_id(opened):
    """An order whose payment page is open."""
    return opened


@pytest.fixture
def page(order_id) -> str:
    return the_payment(order_id).checkout_id


def events() -> list[ProviderEvent]:
    return list(
        db.session.scalars(
            select(ProviderEvent)
            .order_by(ProviderEvent.received_at, ProviderEvent.event_id)
            .execution_options(populate_existing=True)
        )
    )


def process(event_id, *, at=None, live=False) -> ProviderEventState:
    return payments.process_event(event_id=event_id, live=live, at=at or clock.now())


class TestReceive:
    def test_keeps_an_event_and_promises_to_look(self, order_id, page, local_stripe):
        local_stripe.pay_by_card(page)
        event = local_stripe.take_events("checkout.session.completed")[0]

        payments.receive(raw=event.raw, signature=event.signature, at=clock.now())

        (kept,) = events()
        assert (kept.kind, kept.object_id, kept.livemode) == ("checkout.session.completed", page, False)
        assert kept.state is ProviderEventState.PENDING
        assert kept.body.encode() == event.raw
        assert waiting_jobs()[-1] == "process_provider_event"

    def test_the_same_event_again_changes_nothing(self, order_id, page, local_stripe):
        local_stripe.pay_by_card(page)
        event = local_stripe.take_events("checkout.session.completed")[0]

        for _ in range(3):
            payments.receive(raw=event.raw, signature=event.signature, at=clock.now())

        assert len(events()) == 1
        assert waiting_jobs().count("process_provider_event") == 1

    def test_another_version_is_an_alarm_and_taken_all_the_same(self, order_id, page, local_stripe, capsys):
        local_stripe.pay_by_card(page)
        event = local_stripe.take_events("checkout.session.completed")[0]
        raw = event.raw.replace(b"2026-10-28.endive", b"2027-01-01.future")
        signature = replace(event, raw=raw).signed_at(clock.now())

        payments.receive(raw=raw, signature=signature, at=clock.now())
        do_jobs()

        assert "event_of_another_version" in capsys.readouterr().err
        assert the_payment(order_id).state is PaymentState.HELD

    def test_keeps_nothing_of_a_forgery(self, order_id, page, local_stripe):
        local_stripe.pay_by_card(page)
        event = local_stripe.take_events("checkout.session.completed")[0]

        with pytest.raises(WebhookRefused):
            payments.receive(raw=event.raw + b" ", signature=event.signature, at=clock.now())

        assert events() == []
        assert the_payment(order_id).state is PaymentState.CHECKOUT_OPEN

    def test_keeps_nothing_that_is_not_from_now(self, order_id, page, local_stripe):
        local_stripe.pay_by_card(page)
        event = local_stripe.take_events("checkout.session.completed")[0]

        for moment in (timedelta(seconds=305), timedelta(seconds=-305)):
            with pytest.raises(WebhookRefused):
                payments.receive(raw=event.raw, signature=event.signature, at=clock.now() + moment)

        assert events() == []


class TestProcess:
    def test_money_that_arrived_is_held_and_in_the_books(self, order_id, page, local_stripe):
        local_stripe.pay_by_card(page)

        hear(local_stripe)

        payment = the_payment(order_id)
        assert payment.state is PaymentState.HELD
        assert (payment.received_minor, payment.method) == (4_250_000, "card")
        assert payment.hold_deadline is not None
        assert [(one.kind, one.sides) for one in queries.journals_of(order_id)] == [
            (
                JournalKind.PAID,
                ((Account.PROVIDER_CLEARING, Money(4_250_000)), (Account.HELD, Money(-4_250_000))),
            ),
            (
                JournalKind.PROVIDER_FEE,
                ((Account.PROVIDER_FEES, Money(FEE)), (Account.PROVIDER_CLEARING, Money(-FEE))),
            ),
        ]
        assert ledger.balance_of(Account.HELD) == Money(-4_250_000)

    def test_a_declined_card_leaves_the_page_open(self, order_id, page, local_stripe):
        local_stripe.decline_card(page)

        hear(local_stripe)

        assert the_payment(order_id).state is PaymentState.CHECKOUT_OPEN
        assert {event.state for event in events()} <= {ProviderEventState.DONE, ProviderEventState.IGNORED}

    def test_a_bank_transfer_is_on_its_way_until_all_of_it_is_here(self, order_id, page, local_stripe):
        local_stripe.choose_bank_transfer(page)
        hear(local_stripe)
        assert the_payment(order_id).state is PaymentState.PROCESSING

        local_stripe.money_arrives(page, 4_000_000)
        hear(local_stripe)
        assert the_payment(order_id).state is PaymentState.PROCESSING
        assert queries.journals_of(order_id) == []

        local_stripe.money_arrives(page)
        hear(local_stripe)
        assert the_payment(order_id).state is PaymentState.HELD
        assert ledger.balance_of(Account.HELD) == Money(-4_250_000)

    def test_money_that_clears_later_is_paid_now_and_held_then(self, order_id, page, local_stripe, now):
        local_stripe.sim("settings", clearing_days=2)
        local_stripe.pay_by_card(page)
        hear(local_stripe)
        payment = the_payment(order_id)
        assert payment.state is PaymentState.PAID
        available = payment.available_on

        payments.converge(payment_id=payment.id, live=False, at=available - timedelta(seconds=1))
        assert the_payment(order_id).state is PaymentState.PAID
        payments.converge(payment_id=payment.id, live=False, at=available)

        assert the_payment(order_id).state is PaymentState.HELD

    def test_a_page_that_closed_ends_the_payment(self, order_id, page, local_stripe):
        local_stripe.advance(24 * 3600)

        hear(local_stripe)

        assert the_payment(order_id).state is PaymentState.EXPIRED

    def test_what_nobody_asked_about_is_ignored(self, order_id, local_stripe):
        hear(local_stripe)

        (event,) = [event for event in events() if event.kind == "customer.created"]
        assert event.state is ProviderEventState.IGNORED
        assert process(event.event_id) is ProviderEventState.IGNORED

    def test_an_event_that_is_done_is_not_done_again(self, order_id, page, local_stripe):
        local_stripe.pay_by_card(page)
        hear(local_stripe)
        event = next(event for event in events() if event.state is ProviderEventState.DONE)

        assert process(event.event_id) is ProviderEventState.DONE
        assert event.attempts == 1

    @pytest.mark.parametrize("seed", range(6))
    @pytest.mark.parametrize("method", ["card", "bank_debit", "bank_transfer"])
    def test_any_order_and_number_of_the_same_events_ends_in_the_same_place(
        self, order_id, page, local_stripe, method, seed
    ):
        local_stripe.sim("settings", thin_too=True)
        if method == "card":
            local_stripe.decline_card(page)
            local_stripe.pay_by_card(page)
        elif method == "bank_debit":
            local_stripe.choose_bank_debit(page)
            local_stripe.settle_debit(page, "succeeded")
        else:
            local_stripe.choose_bank_transfer(page)
            local_stripe.money_arrives(page, 1_000_000)
            local_stripe.money_arrives(page)
        shuffled = random.Random(seed)
        heard = local_stripe.take_events()
        storm = heard + shuffled.choices(heard, k=5)
        shuffled.shuffle(storm)

        for event in storm:
            payments.receive(raw=event.raw, signature=event.signature, at=clock.now())
        kept = [event.event_id for event in events()]
        for event_id in shuffled.choices(kept, k=5) + shuffled.sample(kept, k=len(kept)):
            process(event_id)
        do_jobs()

        assert len(kept) == len(heard) >= 10
        payment = the_payment(order_id)
        safe = PaymentState.PAID if method == "bank_debit" else PaymentState.HELD
        assert (payment.state, payment.received_minor) == (safe, 4_250_000)
        assert ledger.balance_of(Account.HELD) == Money(-4_250_000)
        assert db.session.scalar(select(func.count()).select_from(LedgerJournal)) == 2
        assert the_order(order_id).state == "funds_held"


class TestNotYet:
    def test_an_event_before_our_own_record_is_looked_into_again(self, order_id, page, local_stripe, now):
        payment = the_payment(order_id)
        payment.checkout_id = "cs_not_recorded_yet"
        db.session.commit()
        local_stripe.pay_by_card(page)
        event = local_stripe.take_events("checkout.session.completed")[0]
        payments.receive(raw=event.raw, signature=event.signature, at=clock.now())
        (kept,) = events()

        assert process(kept.event_id) is ProviderEventState.PENDING
        assert kept.attempts == 1
        assert "No payment of ours has the page" in kept.last_error

        payment.checkout_id = page
        db.session.commit()
        assert process(kept.event_id) is ProviderEventState.DONE
        assert the_payment(order_id).state is PaymentState.HELD
        assert kept.last_error is None

    def test_a_silent_provider_is_asked_again(self, order_id, page, local_stripe):
        local_stripe.pay_by_card(page)
        event = local_stripe.take_events("checkout.session.completed")[0]
        payments.receive(raw=event.raw, signature=event.signature, at=clock.now())
        (kept,) = events()
        local_stripe.fault("GET /v1/checkout/sessions/*", "error_before")

        assert process(kept.event_id) is ProviderEventState.PENDING
        assert the_payment(order_id).state is PaymentState.CHECKOUT_OPEN
        assert process(kept.event_id) is ProviderEventState.DONE

    def test_what_is_never_found_is_given_up_and_kept(self, order_id, page, local_stripe):
        payment = the_payment(order_id)
        payment.checkout_id = "cs_somebody_elses"
        db.session.commit()
        local_stripe.pay_by_card(page)
        event = local_stripe.take_events("checkout.session.completed")[0]
        payments.receive(raw=event.raw, signature=event.signature, at=clock.now())
        (kept,) = events()

        states = [process(kept.event_id) for _ in range(GIVE_UP_AFTER)]

        assert states == [ProviderEventState.PENDING] * (GIVE_UP_AFTER - 1) + [ProviderEventState.FAILED]

    def test_a_transfer_that_nobody_here_asked_for_is_an_alarm(self, app, order_id, local_stripe, capsys):
        hear(local_stripe)
        gateway = local_stripe.usual_gateway
        account = gateway.create_seller_account(
            clinic_id=order_id, email="x@example.test", name="X", country="US", key="stray"
        )
        local_stripe.onboard(account.account_id)
        local_stripe.sweep(-1_000_000)
        gateway.create_transfer(
            order_id=order_id,
            amount=Money(500),
            destination=account.account_id,
            charge_id=None,
            transfer_group="order:stray",
            step="stray",
            key="stray:1",
        )
        event = local_stripe.take_events("transfer.created")[0]
        payments.receive(raw=event.raw, signature=event.signature, at=clock.now())
        (kept,) = [event for event in events() if event.kind == "transfer.created"]

        assert process(kept.event_id) is ProviderEventState.PENDING
        assert "was not asked for here" in kept.last_error


class TestQuarantine:
    @pytest.mark.parametrize(
        ("changed", "reason"),
        [
            ({"amount": Money(4_249_900)}, "amount_differs"),
            ({"amount": Money(4_250_000, "eur")}, "amount_differs"),
            ({"received": Money(4_249_900)}, "received_differs"),
            ({"order_id": None}, "order_differs"),
            ({"livemode": True}, "livemode_differs"),
        ],
    )
    def test_what_was_not_agreed_stands_still(self, app, order_id, page, local_stripe, now, changed, reason):
        local_stripe.pay_by_card(page)
        true = local_stripe.usual_gateway.get_payment(page)

        class Lying:
            def get_payment(self, _):
                return replace(true, **changed)

        bind(app, PaymentGateway, Lying())
        payment = the_payment(order_id)
        payments.converge(payment_id=payment.id, live=False, at=now)

        payment = the_payment(order_id)
        assert (payment.state, payment.frozen_reason) == (PaymentState.QUARANTINED, reason)
        assert queries.journals_of(order_id) == []
        assert the_order(order_id).state == "awaiting_payment"

        # Also when the next look is as agreed: only a person lets it go on.
        local_stripe.bind(app)
        payments.converge(payment_id=payment.id, live=False, at=now)
        assert the_payment(order_id).state is PaymentState.QUARANTINED

    def test_money_that_moves_to_the_seller_is_frozen_where_it_is(self, app, scene, now, local_stripe, order_id, page):
        local_stripe.pay_by_card(page)
        hear(local_stripe)
        payment = the_payment(order_id)
        payment.state = PaymentState.RELEASING
        db.session.commit()
        local_stripe.edit(page, amount_total=1)
        true = local_stripe.usual_gateway.get_payment(page)

        class Lying:
            def get_payment(self, _):
                return replace(true, amount=Money(1))

        bind(app, PaymentGateway, Lying())
        payments.converge(payment_id=payment.id, live=False, at=now)

        payment = the_payment(order_id)
        assert (payment.state, payment.frozen_reason) == (PaymentState.RELEASING, "amount_differs")

    def test_money_for_a_payment_that_ended_is_seen_and_stands_still(self, app, order_id, page, local_stripe, now):
        local_stripe.pay_by_card(page)
        payment = the_payment(order_id)
        payment.state = PaymentState.EXPIRED
        db.session.commit()

        payments.converge(payment_id=payment.id, live=False, at=now)

        payment = the_payment(order_id)
        assert (payment.state, payment.frozen_reason) == (PaymentState.EXPIRED, "paid_after_the_end")

    def test_a_payment_without_a_page_is_not_looked_for(self, scene, now):
        order_id = place_and_confirm(scene, at=now)
        payment = make_payment(the_order(order_id), state="new", at=now)

        payments.converge(payment_id=payment.id, live=False, at=now)

        assert the_payment(order_id).state is PaymentState.NEW


class TestFreeze:
    def test_a_dispute_freezes_and_the_first_reason_stays(self, order_id, page, local_stripe):
        local_stripe.pay_by_card(page)
        hear(local_stripe)
        local_stripe.dispute(the_payment(order_id).charge_id)

        assert hear(local_stripe) == 2

        payment = the_payment(order_id)
        assert (payment.state, payment.frozen_reason) == (PaymentState.HELD, "disputed")

    def test_an_early_fraud_warning_freezes(self, app, order_id, page, local_stripe, now):
        local_stripe.pay_by_card(page)
        hear(local_stripe)
        true = local_stripe.usual_gateway.get_payment(page)

        class EarlyWarning:
            def get_payment(self, reference):
                assert reference == "issfr_1"
                return true

        db.session.add(
            ProviderEvent(
                event_id="evt_warning",
                kind="radar.early_fraud_warning.created",
                object_id="issfr_1",
                livemode=False,
                created_at=now,
                received_at=now,
                body="{}",
            )
        )
        db.session.commit()
        bind(app, PaymentGateway, EarlyWarning())

        assert process("evt_warning") is ProviderEventState.DONE
        assert the_payment(order_id).frozen_reason == "fraud_warning"

    def test_a_refund_made_elsewhere_freezes(self, order_id, page, local_stripe):
        local_stripe.pay_by_card(page)
        hear(local_stripe)
        gateway = local_stripe.usual_gateway
        gateway.refund(charge_id=the_payment(order_id).charge_id, amount=Money(100), step="by hand", key="by hand")

        hear(local_stripe)

        assert the_payment(order_id).frozen_reason == "refunded_elsewhere"
