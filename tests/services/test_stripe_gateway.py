"""The gateway against the local Stripe, over real sockets and through Stripe's own client."""

import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from threading import Thread
from uuid import UUID, uuid4

import pytest
import requests
import stripe

from marketplace import adapters
from marketplace.adapters import patience
from marketplace.adapters.stripe_gateway import API_VERSION, StripeGateway
from marketplace.adapters.stripe_gateway.hurrying import HurryingSession
from marketplace.dev.stripe import world
from marketplace.kernel import clock
from marketplace.kernel.money import Money
from marketplace.payments.ports import (
    BookingKind,
    Checkout,
    CheckoutStatus,
    DisputeStatus,
    GatewayConfig,
    GatewayRejected,
    GatewayReplayedError,
    GatewayUnknown,
    PaymentGateway,
    PaymentMethod,
    PaymentSnapshot,
    PaymentStatus,
    RefundSnapshot,
    RefundStatus,
    ReversalSnapshot,
    SellerAccount,
    TransferSnapshot,
)
from tests.patience import let_end, until

ORDER = UUID("00000000-0000-4000-8000-000000000007")
PRICE = Money(1_000_000)
FEE = Money(29_030)  # 2.9 % + 30 cents
BOTH = frozenset(PaymentMethod)
BY_CARD = frozenset({PaymentMethod.CARD})
BY_DEBIT = frozenset({PaymentMethod.BANK_DEBIT})
BY_WIRE = frozenset({PaymentMethod.BANK_TRANSFER})
SUCCESS = "http://shop.test/paid?checkout={CHECKOUT_SESSION_ID}"


@pytest.fixture
def gateway(stripe_alone) -> StripeGateway:
    return stripe_alone.gateway()


@pytest.fixture
def in_two_hours() -> datetime:
    return clock.now().replace(microsecond=0) + timedelta(hours=2)


def open_checkout(gateway, *, key="checkout:1", methods=BOTH, amount=PRICE, order_id=ORDER, **given) -> Checkout:
    return gateway.create_checkout(
        order_id=order_id,
        amount=amount,
        title="Candela GentleMax Pro, 2019",
        buyer_email="bob@example.com",
        buyer_name="Bob's Clinic",
        methods=methods,
        success_url=SUCCESS,
        cancel_url="http://shop.test/order",
        expires_at=given.get("expires_at", clock.now() + timedelta(hours=2)),
        transfer_group="order-7",
        key=key,
    )


def open_seller(gateway, key="seller:1") -> SellerAccount:
    return gateway.create_seller_account(
        clinic_id=uuid4(), email="alice@example.com", name="Alice Aesthetics", country="US", key=key
    )


@pytest.fixture
def paid(stripe_alone, gateway) -> PaymentSnapshot:
    checkout = open_checkout(gateway)
    stripe_alone.pay_by_card(checkout.checkout_id)
    return gateway.get_payment(checkout.checkout_id)


@pytest.fixture
def seller(stripe_alone, gateway) -> str:
    account = open_seller(gateway).account_id
    stripe_alone.onboard(account)
    return account


def transfer(gateway, paid, seller, *, minor=940_000, key="order-7:release:1", step="release") -> TransferSnapshot:
    return gateway.create_transfer(
        order_id=ORDER,
        amount=Money(minor),
        destination=seller,
        charge_id=paid.charge_id,
        transfer_group="order-7",
        step=step,
        key=key,
    )


class TestSellers:
    def test_a_new_seller_cannot_be_paid_and_is_told_what_is_missing(self, gateway):
        account = open_seller(gateway)

        assert account == SellerAccount(
            account_id=account.account_id,
            payable=False,
            reason="requirements_past_due",
            due=(
                "external_account",
                "identity.business_details.registered_name",
                "representative.given_name",
            ),
        )
        assert gateway.get_seller_account(account.account_id) == account

    def test_a_seller_who_answered_can_be_paid(self, stripe_alone, gateway):
        account = open_seller(gateway).account_id
        stripe_alone.onboard(account)

        assert gateway.get_seller_account(account) == SellerAccount(account, payable=True, reason=None, due=())

    def test_a_seller_can_be_restricted_again(self, stripe_alone, gateway, seller):
        stripe_alone.restrict(seller)

        assert gateway.get_seller_account(seller) == SellerAccount(
            seller, payable=False, reason="restricted_other", due=()
        )

    def test_an_account_of_another_kind_is_not_payable(self, gateway):
        other = gateway._client.v2.core.accounts.create({"display_name": "A customer only"})

        assert gateway.get_seller_account(other.id) == SellerAccount(
            other.id, payable=False, reason="not_requested", due=gateway.get_seller_account(other.id).due
        )

    def test_while_stripe_is_still_looking_that_is_the_reason(self, stripe_alone, gateway, seller):
        stripe_alone.sim(f"accounts/{seller}", status="pending")

        assert gateway.get_seller_account(seller) == SellerAccount(seller, payable=False, reason="pending", due=())

    def test_the_same_key_opens_one_account(self, stripe_alone, gateway):
        clinic = uuid4()
        ask = {"clinic_id": clinic, "email": "a@example.com", "name": "Alice", "country": "US", "key": "seller:9"}

        assert gateway.create_seller_account(**ask) == gateway.create_seller_account(**ask)
        assert [event.type for event in stripe_alone.take_events()] == ["v2.core.account.created"]

    def test_every_link_is_a_new_one_and_lasts_five_minutes(self, gateway, seller):
        before = clock.now().replace(microsecond=0)
        ask = {"account_id": seller, "return_url": "http://shop.test/r", "refresh_url": "http://shop.test/f"}

        first, second = gateway.onboarding_link(**ask), gateway.onboarding_link(**ask)

        assert first.url != second.url
        assert timedelta(minutes=5) <= first.expires_at - before <= timedelta(minutes=5, seconds=10)


class TestCheckout:
    def test_opens_a_page_that_offers_all_ways(self, stripe_alone, gateway, in_two_hours):
        checkout = open_checkout(gateway, expires_at=in_two_hours)

        assert checkout == Checkout(
            checkout_id=checkout.checkout_id,
            status=CheckoutStatus.OPEN,
            url=f"{stripe_alone.base_url}/c/pay/{checkout.checkout_id}",
            expires_at=in_two_hours,
        )
        session = stripe_alone.get(f"/v1/checkout/sessions/{checkout.checkout_id}")
        assert session["payment_method_types"] == ["card", "us_bank_account", "customer_balance"]
        assert session["metadata"] == {"order_id": str(ORDER)}
        assert session["client_reference_id"] == str(ORDER)
        customer = stripe_alone.get(f"/v1/customers/{session['customer']}")
        assert (customer["email"], customer["name"]) == ("bob@example.com", "Bob's Clinic")

    @pytest.mark.parametrize(
        ("methods", "offered"), [(BY_CARD, ["card"]), (BY_DEBIT, ["us_bank_account"]), (BY_WIRE, ["customer_balance"])]
    )
    def test_offers_only_what_is_allowed(self, stripe_alone, gateway, methods, offered):
        checkout = open_checkout(gateway, methods=methods)

        session = stripe_alone.get(f"/v1/checkout/sessions/{checkout.checkout_id}")
        assert session["payment_method_types"] == offered

    def test_the_same_key_opens_one_page(self, gateway, in_two_hours):
        assert open_checkout(gateway, expires_at=in_two_hours) == open_checkout(gateway, expires_at=in_two_hours)

    def test_the_same_key_with_another_price_is_refused(self, gateway, in_two_hours):
        open_checkout(gateway, expires_at=in_two_hours)

        with pytest.raises(GatewayReplayedError, match="same parameters"):
            open_checkout(gateway, expires_at=in_two_hours, amount=Money(1))

    def test_an_open_page_can_be_closed_once(self, gateway):
        checkout = open_checkout(gateway)

        closed = gateway.expire_checkout(checkout.checkout_id)

        assert (closed.status, closed.url) == (CheckoutStatus.EXPIRED, None)
        assert gateway.get_payment(checkout.checkout_id).status is PaymentStatus.EXPIRED
        with pytest.raises(GatewayRejected) as refusal:
            gateway.expire_checkout(checkout.checkout_id)
        assert refusal.value.status == 400

    def test_a_paid_page_cannot_be_closed(self, gateway, paid):
        with pytest.raises(GatewayRejected):
            gateway.expire_checkout(paid.checkout_id)

        assert gateway.get_payment(paid.checkout_id) == paid


class TestPayment:
    def test_nothing_is_paid_on_an_open_page(self, stripe_alone, gateway):
        checkout = open_checkout(gateway)

        assert gateway.get_payment(checkout.checkout_id) == PaymentSnapshot(
            checkout_id=checkout.checkout_id,
            payment_id=None,
            status=PaymentStatus.OPEN,
            amount=PRICE,
            received=Money(0),
            outstanding=PRICE,
            refunded=Money(0),
            charge_id=None,
            fee=None,
            available_on=None,
            dispute=None,
            method=None,
            failure=None,
            order_id=ORDER,
            livemode=False,
            customer_id=stripe_alone.get(f"/v1/checkout/sessions/{checkout.checkout_id}")["customer"],
        )

    def test_a_card_pays_at_once(self, stripe_alone, gateway):
        checkout = open_checkout(gateway)
        before = clock.now().replace(microsecond=0)
        stripe_alone.pay_by_card(checkout.checkout_id)

        paid = gateway.get_payment(checkout.checkout_id)

        assert paid.charge_id.startswith("ch_")
        assert before <= paid.available_on <= clock.now()
        assert paid == PaymentSnapshot(
            checkout_id=checkout.checkout_id,
            payment_id=paid.payment_id,
            status=PaymentStatus.SUCCEEDED,
            amount=PRICE,
            received=PRICE,
            outstanding=Money(0),
            refunded=Money(0),
            charge_id=paid.charge_id,
            fee=FEE,
            available_on=paid.available_on,
            dispute=None,
            method=PaymentMethod.CARD,
            failure=None,
            order_id=ORDER,
            livemode=False,
            customer_id=paid.customer_id,
            cash=None,
        )
        assert paid.customer_id.startswith("cus_")

    def test_a_charge_may_take_days_to_clear(self, stripe_alone, gateway):
        stripe_alone.sim("settings", clearing_days=2)
        checkout = open_checkout(gateway)
        before = clock.now().replace(microsecond=0)
        stripe_alone.pay_by_card(checkout.checkout_id)

        available_on = gateway.get_payment(checkout.checkout_id).available_on

        assert timedelta(days=2) <= available_on - before <= timedelta(days=2, seconds=10)

    def test_a_declined_card_leaves_the_page_open(self, stripe_alone, gateway):
        checkout = open_checkout(gateway)
        stripe_alone.decline_card(checkout.checkout_id)

        declined = gateway.get_payment(checkout.checkout_id)

        assert declined.status is PaymentStatus.OPEN
        assert declined.failure == "Your card was declined."
        assert (declined.charge_id, declined.method, declined.received) == (None, None, Money(0))
        stripe_alone.pay_by_card(checkout.checkout_id)
        paid = gateway.get_payment(checkout.checkout_id)
        assert (paid.status, paid.failure) == (PaymentStatus.SUCCEEDED, None)
        assert paid.payment_id == declined.payment_id

    def test_a_bank_debit_is_not_money_until_the_bank_has_answered(self, stripe_alone, gateway):
        checkout = open_checkout(gateway, methods=BY_DEBIT)
        stripe_alone.choose_bank_debit(checkout.checkout_id)
        drawn = gateway.get_payment(checkout.checkout_id)
        stripe_alone.settle_debit(checkout.checkout_id, "succeeded")
        here = gateway.get_payment(checkout.checkout_id)

        assert [(seen.status, seen.received, seen.outstanding, seen.method, seen.fee) for seen in (drawn, here)] == [
            (PaymentStatus.PROCESSING, Money(0), PRICE, PaymentMethod.BANK_DEBIT, None),
            (PaymentStatus.SUCCEEDED, PRICE, Money(0), PaymentMethod.BANK_DEBIT, Money(500)),
        ]
        assert (drawn.available_on, here.charge_id) == (None, drawn.charge_id)

    def test_a_bank_debit_may_fail(self, stripe_alone, gateway):
        checkout = open_checkout(gateway, methods=BY_DEBIT)
        stripe_alone.choose_bank_debit(checkout.checkout_id)
        stripe_alone.settle_debit(checkout.checkout_id, "failed")

        failed = gateway.get_payment(checkout.checkout_id)

        assert (failed.status, failed.received, failed.charge_id) == (PaymentStatus.FAILED, Money(0), None)
        assert failed.failure == "The bank refused the debit: there is not enough money in the account."

    def test_a_bank_debit_that_fails_after_it_had_succeeded_is_a_lost_dispute(self, stripe_alone, gateway):
        checkout = open_checkout(gateway, methods=BY_DEBIT)
        stripe_alone.choose_bank_debit(checkout.checkout_id)
        stripe_alone.settle_debit(checkout.checkout_id, "succeeded")
        stripe_alone.dispute(gateway.get_payment(checkout.checkout_id).charge_id, "bank_cannot_process")

        seen = gateway.get_payment(checkout.checkout_id)

        assert (seen.status, seen.dispute) == (PaymentStatus.SUCCEEDED, DisputeStatus.LOST)
        assert (seen.disputes[0].taken, seen.disputes[0].returned) == (PRICE, Money(0))

    def test_a_bank_that_asks_first_leaves_the_page_open(self, stripe_alone, gateway):
        checkout = open_checkout(gateway)
        stripe_alone.challenge_card(checkout.checkout_id)
        asked = gateway.get_payment(checkout.checkout_id)
        stripe_alone.answer_challenge(checkout.checkout_id, approved=True)
        proved = gateway.get_payment(checkout.checkout_id)

        assert (asked.status, asked.charge_id) == (PaymentStatus.OPEN, None)
        assert (proved.status, proved.received) == (PaymentStatus.SUCCEEDED, PRICE)

    def test_a_bank_transfer_is_not_money_until_all_of_it_is_here(self, stripe_alone, gateway):
        checkout = open_checkout(gateway, methods=BY_WIRE)
        stripe_alone.choose_bank_transfer(checkout.checkout_id)
        promised = gateway.get_payment(checkout.checkout_id)
        stripe_alone.money_arrives(checkout.checkout_id, 999_999)
        part = gateway.get_payment(checkout.checkout_id)
        stripe_alone.money_arrives(checkout.checkout_id, 1)
        whole = gateway.get_payment(checkout.checkout_id)

        assert [(seen.status, seen.received, seen.outstanding) for seen in (promised, part, whole)] == [
            (PaymentStatus.PROCESSING, Money(0), PRICE),
            (PaymentStatus.PROCESSING, Money(0), Money(1)),
            (PaymentStatus.SUCCEEDED, PRICE, Money(0)),
        ]
        assert whole.charge_id.startswith("py_")
        assert (whole.method, whole.fee) == (PaymentMethod.BANK_TRANSFER, Money(500))

    def test_what_is_sent_too_much_is_not_received(self, stripe_alone, gateway):
        checkout = open_checkout(gateway, methods=BY_WIRE)
        stripe_alone.choose_bank_transfer(checkout.checkout_id)
        stripe_alone.money_arrives(checkout.checkout_id, 1_000_500)

        assert gateway.get_payment(checkout.checkout_id).received == PRICE
        session = stripe_alone.get(f"/v1/checkout/sessions/{checkout.checkout_id}")
        assert stripe_alone.get(f"/v1/customers/{session['customer']}/cash_balance")["available"] == {"usd": 500}

    def test_every_id_leads_to_the_same_payment(self, stripe_alone, gateway, paid):
        refund = gateway.refund(charge_id=paid.charge_id, amount=Money(100), step="refund", key="refund:1")
        dispute = stripe_alone.dispute(paid.charge_id)
        now = gateway.get_payment(paid.checkout_id)

        for reference in (paid.payment_id, paid.charge_id, refund.refund_id, dispute):
            assert gateway.get_payment(reference) == now
        assert (now.refunded, now.dispute) == (Money(100), DisputeStatus.OPEN)

    @pytest.mark.parametrize("reference", ["cs_test_0", "ch_0", "pi_0", "re_0", "du_0", "tr_0", "nonsense", ""])
    def test_an_id_that_leads_nowhere_is_a_definite_no(self, gateway, reference):
        with pytest.raises(GatewayRejected) as refusal:
            gateway.get_payment(reference)

        assert refusal.value.status == 404

    @pytest.mark.parametrize(
        ("status", "intent", "seen"),
        [
            ("open", "requires_payment_method", PaymentStatus.OPEN),
            ("open", "requires_action", PaymentStatus.OPEN),
            ("complete", "requires_payment_method", PaymentStatus.FAILED),
            ("complete", "canceled", PaymentStatus.FAILED),
            ("complete", "processing", PaymentStatus.PROCESSING),
            ("complete", "invented_tomorrow", PaymentStatus.PROCESSING),
            ("expired", "canceled", PaymentStatus.EXPIRED),
            ("expired", "succeeded", PaymentStatus.SUCCEEDED),
        ],
    )
    def test_only_succeeded_is_money(self, stripe_alone, gateway, paid, status, intent, seen):
        stripe_alone.edit(paid.checkout_id, status=status)
        stripe_alone.edit(paid.payment_id, status=intent)

        assert gateway.get_payment(paid.checkout_id).status is seen

    @pytest.mark.parametrize(
        ("page", "payment", "read"),
        [
            ({"order_id": str(ORDER)}, {"order_id": str(ORDER)}, ORDER),
            ({"order_id": str(ORDER)}, {"order_id": str(uuid4())}, None),
            ({"order_id": str(ORDER)}, {}, None),
            ({}, {}, None),
            ({"order_id": "7"}, {"order_id": "7"}, None),
        ],
    )
    def test_the_order_is_known_only_if_page_and_payment_agree(self, stripe_alone, gateway, paid, page, payment, read):
        stripe_alone.edit(paid.checkout_id, metadata=page)
        stripe_alone.edit(paid.payment_id, metadata=payment)

        assert gateway.get_payment(paid.checkout_id).order_id == read

    def test_shows_what_does_not_fit(self, stripe_alone, gateway, paid):
        stripe_alone.edit(paid.payment_id, amount=1, currency="eur", livemode=True)

        seen = gateway.get_payment(paid.checkout_id)

        assert (seen.amount, seen.livemode) == (Money(1, "eur"), True)

    def test_a_charge_that_is_not_booked_yet_has_no_fee(self, stripe_alone, gateway, paid):
        stripe_alone.edit(paid.charge_id, balance_transaction=None)

        seen = gateway.get_payment(paid.checkout_id)

        assert (seen.fee, seen.available_on, seen.status) == (None, None, PaymentStatus.SUCCEEDED)

    @pytest.mark.parametrize(
        ("statuses", "stands"),
        [
            (["needs_response"], DisputeStatus.OPEN),
            (["appeal_under_review"], DisputeStatus.OPEN),
            (["invented_tomorrow"], DisputeStatus.OPEN),
            (["won"], DisputeStatus.WON),
            (["warning_closed"], DisputeStatus.WON),
            (["lost"], DisputeStatus.LOST),
            (["won", "lost"], DisputeStatus.LOST),
            (["lost", "under_review"], DisputeStatus.OPEN),
            ([], DisputeStatus.OPEN),
        ],
    )
    def test_the_worst_of_its_disputes_counts(self, stripe_alone, gateway, paid, statuses, stands):
        for status in statuses:
            dispute = stripe_alone.dispute(paid.charge_id)
            stripe_alone.edit(dispute, status=status)
            stripe_alone.edit(paid.charge_id, disputed=False)
        stripe_alone.edit(paid.charge_id, disputed=True)

        assert gateway.get_payment(paid.checkout_id).dispute is stands


class TestTransfers:
    def test_sends_the_seller_their_part_and_finds_it_again(self, gateway, paid, seller):
        sent = transfer(gateway, paid, seller)

        assert sent == TransferSnapshot(
            transfer_id=sent.transfer_id,
            amount=Money(940_000),
            reversed=Money(0),
            destination=seller,
            charge_id=paid.charge_id,
            transfer_group="order-7",
            step="release",
            order_id=ORDER,
        )
        assert gateway.find_transfers("order-7") == (sent,)
        assert gateway.find_transfers("order-8") == ()
        assert gateway.get_transfer(sent.transfer_id) == sent

    def test_the_same_key_sends_once(self, gateway, paid, seller):
        assert transfer(gateway, paid, seller, minor=300_000) == transfer(gateway, paid, seller, minor=300_000)
        assert len(gateway.find_transfers("order-7")) == 1

    def test_never_sends_more_than_was_paid(self, gateway, paid, seller):
        transfer(gateway, paid, seller)

        with pytest.raises(GatewayRejected, match="must not exceed the source amount"):
            transfer(gateway, paid, seller, minor=60_001, key="order-7:release:2")
        assert len(gateway.find_transfers("order-7")) == 1

    def test_sends_nothing_to_a_restricted_seller(self, stripe_alone, gateway, paid, seller):
        stripe_alone.restrict(seller)

        with pytest.raises(GatewayRejected) as refusal:
            transfer(gateway, paid, seller)

        assert refusal.value.reason == "insufficient_capabilities_for_transfer"
        assert gateway.find_transfers("order-7") == ()

    def test_finds_them_oldest_first_over_several_pages(self, gateway, paid, seller):
        sent = [
            transfer(gateway, paid, seller, minor=number, key=f"k{number}", step=f"s{number}")
            for number in range(1, 103)
        ]

        assert gateway.find_transfers("order-7") == tuple(sent)

    def test_takes_back_a_part_and_finds_it_again(self, gateway, paid, seller):
        sent = transfer(gateway, paid, seller)
        ask = {"transfer_id": sent.transfer_id, "amount": Money(40_000), "step": "claim", "key": "order-7:undo:1"}

        back = gateway.reverse_transfer(**ask)

        assert back == ReversalSnapshot(back.reversal_id, sent.transfer_id, Money(40_000), "claim")
        assert gateway.reverse_transfer(**ask) == back
        assert gateway.find_reversals(sent.transfer_id) == (back,)
        assert gateway.get_transfer(sent.transfer_id).reversed == Money(40_000)

    def test_takes_nothing_back_that_the_seller_has_spent(self, stripe_alone, gateway, paid, seller):
        sent = transfer(gateway, paid, seller)
        stripe_alone.spend(seller, 940_000)

        with pytest.raises(GatewayRejected):
            gateway.reverse_transfer(transfer_id=sent.transfer_id, amount=Money(1), step="claim", key="undo")

        assert gateway.find_reversals(sent.transfer_id) == ()

    def test_reads_a_transfer_that_is_not_ours(self, gateway, seller, paid):
        other = gateway._client.v1.transfers.create({"amount": 5, "currency": "usd", "destination": seller})

        assert gateway.get_transfer(other.id) == TransferSnapshot(
            other.id, Money(5), Money(0), seller, None, None, None, None
        )


class TestBookings:
    def test_reads_every_movement_with_what_it_belongs_to(self, stripe_alone, gateway, paid, seller):
        released = transfer(gateway, paid, seller)
        gateway.reverse_transfer(transfer_id=released.transfer_id, amount=Money(500), step="undo", key="undo")
        gateway.refund(charge_id=paid.charge_id, amount=Money(700), step="refund", key="refund")
        stripe_alone.dispute(paid.charge_id)

        read = [(one.kind, one.amount.minor, one.fee.minor, one.within, one.order_id) for one in gateway.bookings()]

        charge, sent = paid.charge_id, released.transfer_id
        assert read[:-1] == [
            (BookingKind.DISPUTE, -999_300, 1_500, charge, None),
            (BookingKind.REFUND, -700, 0, charge, None),
            (BookingKind.REVERSAL, 500, 0, sent, None),
            (BookingKind.TRANSFER, -940_000, 0, sent, ORDER),
            (BookingKind.CHARGE, 1_000_000, FEE.minor, charge, ORDER),
        ]
        assert read[-1][0] is BookingKind.OTHER  # What the platform keeps of its own.


class TestRefunds:
    def test_sends_money_back_and_finds_it_again(self, gateway, paid):
        ask = {"charge_id": paid.charge_id, "amount": PRICE, "step": "refund", "key": "order-7:refund:1"}

        back = gateway.refund(**ask)

        assert back == RefundSnapshot(back.refund_id, paid.charge_id, PRICE, RefundStatus.SUCCEEDED, "refund", None)
        assert gateway.refund(**ask) == back
        assert gateway.find_refunds(paid.charge_id) == (back,)
        assert gateway.get_payment(paid.checkout_id).refunded == PRICE

    def test_sends_no_more_back_than_was_paid(self, gateway, paid):
        gateway.refund(charge_id=paid.charge_id, amount=Money(1), step="refund", key="refund:1")

        with pytest.raises(GatewayRejected):
            gateway.refund(charge_id=paid.charge_id, amount=PRICE, step="refund", key="refund:2")

        assert gateway.get_payment(paid.checkout_id).refunded == Money(1)

    @pytest.mark.parametrize(
        ("outcome", "status", "failure", "refunded"),
        [
            ("succeeded", RefundStatus.SUCCEEDED, None, PRICE),
            ("failed", RefundStatus.FAILED, "lost_or_stolen_card", Money(0)),
        ],
    )
    def test_waits_while_the_balance_is_too_low(self, stripe_alone, gateway, paid, outcome, status, failure, refunded):
        stripe_alone.sweep()

        waiting = gateway.refund(charge_id=paid.charge_id, amount=PRICE, step="refund", key="refund:1")
        stripe_alone.settle_refund(waiting.refund_id, outcome)
        (settled,) = gateway.find_refunds(paid.charge_id)

        assert waiting.status is RefundStatus.PENDING
        assert (settled.status, settled.failure) == (status, failure)
        assert gateway.get_payment(paid.checkout_id).refunded == refunded

    @pytest.mark.parametrize(
        ("said", "read"),
        [
            ("canceled", RefundStatus.FAILED),
            ("requires_action", RefundStatus.PENDING),
            (None, RefundStatus.PENDING),
        ],
    )
    def test_what_is_not_known_to_be_over_is_pending(self, stripe_alone, gateway, paid, said, read):
        back = gateway.refund(charge_id=paid.charge_id, amount=PRICE, step="refund", key="refund:1")
        stripe_alone.edit(back.refund_id, status=said)

        assert gateway.find_refunds(paid.charge_id)[0].status is read


class TestWhatGoesWrong:
    def test_a_failure_before_the_work_is_unknown_and_leaves_nothing(self, stripe_alone, gateway, paid, seller):
        stripe_alone.fault("POST /v1/transfers", "error_before")

        with pytest.raises(GatewayUnknown):
            transfer(gateway, paid, seller)

        assert gateway.find_transfers("order-7") == ()
        assert transfer(gateway, paid, seller) == gateway.find_transfers("order-7")[0]

    def test_a_failure_after_the_work_is_unknown_and_the_same_key_finds_it_done(
        self, stripe_alone, gateway, paid, seller
    ):
        stripe_alone.fault("POST /v1/transfers", "error_after")

        with pytest.raises(GatewayUnknown):
            transfer(gateway, paid, seller)

        (done,) = gateway.find_transfers("order-7")
        assert transfer(gateway, paid, seller) == done
        assert gateway.find_transfers("order-7") == (done,)

    @pytest.mark.parametrize(("executed", "sent"), [(False, 0), (True, 1)])
    def test_a_stored_failure_is_repeated_for_ever_whatever_really_happened(
        self, stripe_alone, gateway, paid, seller, executed, sent
    ):
        stripe_alone.fault("POST /v1/transfers", "error_stored", executed=executed)

        with pytest.raises(GatewayUnknown):
            transfer(gateway, paid, seller)
        for _ in range(2):
            with pytest.raises(GatewayReplayedError):
                transfer(gateway, paid, seller)

        assert len(gateway.find_transfers("order-7")) == sent

    def test_another_key_gets_past_a_stored_failure(self, stripe_alone, gateway, paid, seller):
        stripe_alone.fault("POST /v1/transfers", "error_stored")
        with pytest.raises(GatewayUnknown):
            transfer(gateway, paid, seller)

        again = transfer(gateway, paid, seller, key="order-7:release:2")

        assert gateway.find_transfers("order-7") == (again,)

    def test_silence_is_unknown_and_the_work_may_be_done(self, stripe_alone, paid, seller):
        impatient = stripe_alone.gateway(timeout=(1, 0.2))
        stripe_alone.fault("POST /v1/transfers", "hang_after", seconds=20)

        with pytest.raises(GatewayUnknown, match="APIConnectionError"):
            transfer(impatient, paid, seller)

        (done,) = impatient.find_transfers("order-7")
        assert transfer(impatient, paid, seller) == done

    def test_a_forgotten_key_sends_again_so_look_first(self, stripe_alone, gateway, paid, seller):
        transfer(gateway, paid, seller, minor=300_000)
        stripe_alone.sim("prune_keys")
        transfer(gateway, paid, seller, minor=300_000)

        assert len(gateway.find_transfers("order-7")) == 2

    def test_a_refusal_is_kept_for_the_key_too(self, stripe_alone, gateway, paid, seller):
        stripe_alone.restrict(seller)
        with pytest.raises(GatewayRejected):
            transfer(gateway, paid, seller)
        stripe_alone.onboard(seller)

        with pytest.raises(GatewayRejected):
            transfer(gateway, paid, seller)
        transfer(gateway, paid, seller, key="order-7:release:2")

    @pytest.mark.parametrize("status", [409, 429, 502, 503])
    def test_come_again_is_unknown(self, stripe_alone, gateway, status):
        stripe_alone.fault("GET /v1/transfers", "error_before", status=status)

        with pytest.raises(GatewayUnknown):
            gateway.find_transfers("order-7")

    @pytest.mark.parametrize("status", [401, 403])
    def test_not_being_believed_is_a_matter_for_an_operator(self, stripe_alone, gateway, status):
        stripe_alone.fault("GET /v1/transfers", "error_before", status=status)

        with pytest.raises(GatewayConfig):
            gateway.find_transfers("order-7")

    @pytest.mark.parametrize("status", [400, 402, 404, 422])
    def test_a_definite_no(self, stripe_alone, gateway, status):
        stripe_alone.fault("GET /v1/transfers", "error_before", status=status)

        # Stripe's client has no class of its own for 422; the status decides.
        with pytest.raises(GatewayRejected) as refusal:
            gateway.find_transfers("order-7")
        assert refusal.value.status == status

    def test_the_client_tries_three_times_with_one_key(self, monkeypatch, stripe_alone, paid, seller):
        monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0)
        patient = stripe_alone.gateway(max_network_retries=2)
        stripe_alone.fault("POST /v1/transfers", "error_after", times=2)

        done = transfer(patient, paid, seller)

        assert patient.find_transfers("order-7") == (done,)

    def test_the_client_gives_up_after_three(self, monkeypatch, stripe_alone, paid, seller):
        monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0)
        patient = stripe_alone.gateway(max_network_retries=2)
        stripe_alone.fault("POST /v1/transfers", "error_before", times=3)

        with pytest.raises(GatewayUnknown):
            transfer(patient, paid, seller)
        assert transfer(patient, paid, seller)

    def test_two_at_once_with_one_key_send_once(self, stripe_alone, gateway, paid, seller):
        stripe_alone.fault("POST /v1/transfers", "slow", seconds=1)
        first = Thread(target=transfer, args=(stripe_alone.gateway(), paid, seller))
        first.start()
        until(stripe_alone.fault_is_used_up)

        with pytest.raises(GatewayUnknown, match="in-progress"):
            transfer(gateway, paid, seller)

        let_end(first)
        assert len(gateway.find_transfers("order-7")) == 1

    def test_a_page_waits_eight_seconds_in_all_and_a_job_as_long_as_it_takes(self, app):
        # Other tests let this app ask the local Stripe.
        adapters.bind_all(app, app.extensions["second_light_settings"])
        gateway = app.extensions["second_light_ports"][PaymentGateway]
        with app.test_request_context():
            first = gateway._seconds_left()
            again = gateway._seconds_left()

        # What the client sleeps before it tries again comes on top: at most 1 s after the last moment.
        assert patience.PAGE_WAITS == 8
        assert (stripe.HTTPClient.INITIAL_DELAY, gateway._max_network_retries, gateway._timeout) == (0.5, 2, (3, 20))
        assert again < first <= patience.PAGE_WAITS
        assert gateway._seconds_left() is None

    def test_whoever_waits_is_answered_in_time_and_nothing_more_is_asked(self, monkeypatch, stripe_alone, in_two_hours):
        monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0)
        left = iter([0.3, 0, -1])
        hurried = stripe_alone.gateway(max_network_retries=2, seconds_left=lambda: next(left))
        stripe_alone.fault("POST /v1/customers", "hang_after", seconds=30)

        with pytest.raises(GatewayUnknown, match="Nobody waits for the answer any more"):
            open_checkout(hurried, expires_at=in_two_hours)
        with pytest.raises(GatewayUnknown, match="Nobody waits for the answer any more"):
            hurried.find_transfers("order-7")

        assert stripe_alone.get("/v1/checkout/sessions")["data"] == []
        assert list(left) == []

    @pytest.mark.parametrize(
        ("left", "waited"), [(None, (3, 20)), (100.0, (3, 20)), (8.0, (2.4, 5.6)), (1.0, (0.3, 0.7))]
    )
    def test_a_request_waits_its_share_of_what_is_left(self, monkeypatch, left, waited):
        asked = []
        monkeypatch.setattr(requests.Session, "request", lambda *_args, timeout: asked.append(timeout))

        HurryingSession(lambda: left).request("GET", "http://127.0.0.1:9/", timeout=(3, 20))

        assert asked == [pytest.approx(waited)]

    def test_nobody_there_is_unknown(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        nobody = StripeGateway(
            api_key="sk_test_x", webhook_secrets=(), api_base=f"http://127.0.0.1:{port}", max_network_retries=0
        )

        with pytest.raises(GatewayUnknown):
            nobody.find_transfers("order-7")

    def test_the_log_learns_what_a_person_need_not(self, stripe_alone, gateway):
        with pytest.raises(GatewayRejected) as refusal:
            gateway.get_transfer("tr_0")

        assert str(refusal.value).startswith("InvalidRequestError 404: No such transfer: 'tr_0' (request req_")
        assert refusal.value.sentence == "The payment provider could not be asked just now."
        assert refusal.value.reason == "resource_missing"


class TestWhomItSpeaksTo:
    @pytest.mark.parametrize("key", ["sk_live_x", "rk_live_x", "rk_test_x", ""])
    def test_never_shows_another_than_a_test_key_to_a_stand_in(self, key):
        with pytest.raises(GatewayConfig):
            StripeGateway(api_key=key, webhook_secrets=(), api_base="http://127.0.0.1:1")

    @pytest.mark.parametrize("base", ["http://10.0.0.1:1", "https://stripe.example", "127.0.0.1:1"])
    def test_a_stand_in_is_on_this_machine(self, base):
        with pytest.raises(GatewayConfig):
            StripeGateway(api_key="sk_test_x", webhook_secrets=(), api_base=base)

    @pytest.mark.parametrize("base", ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"])
    def test_this_machine_has_three_names(self, base):
        StripeGateway(api_key="sk_test_x", webhook_secrets=(), api_base=base)

    def test_without_a_stand_in_it_speaks_to_stripe(self):
        client = StripeGateway(api_key="sk_live_x", webhook_secrets=())._client

        assert client._requestor.base_addresses["api"] == "https://api.stripe.com"
        assert client._requestor._client._timeout == (3, 20)
        assert client._requestor._options.max_network_retries == 2

    def test_a_proxy_in_the_environment_is_not_asked_about_this_machine(self, monkeypatch, stripe_alone):
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

        assert stripe_alone.gateway().find_transfers("order-7") == ()

    def test_nothing_is_written_into_a_home_directory(self, monkeypatch, stripe_alone, tmp_path):
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
        monkeypatch.setattr("stripe._telemetry_id._loaded", False)

        stripe_alone.gateway().find_transfers("order-7")

        assert list(tmp_path.iterdir()) == []

    def test_the_version_is_the_same_on_both_sides_and_in_the_client(self):
        assert stripe.api_version == API_VERSION == world.API_VERSION

    def test_importing_the_gateway_does_not_import_the_client(self):
        program = "import sys, marketplace.adapters.stripe_gateway; print('stripe' in sys.modules)"

        seen = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

        assert seen.stdout == "False\n"


def test_moments_are_aware(gateway, paid):
    assert paid.available_on.tzinfo is UTC
