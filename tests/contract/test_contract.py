"""What the house relies on at the payment provider, with nobody pressing buttons there: the same here and at Stripe."""

from itertools import islice
from uuid import uuid4

import pytest

from marketplace.kernel import clock
from marketplace.kernel.money import Money
from marketplace.payments.ports import (
    BookingKind,
    CheckoutStatus,
    GatewayConfig,
    GatewayRejected,
    GatewayReplayedError,
    PaymentStatus,
    RefundStatus,
)
from tests.contract.conftest import PRICE, checkout
from tests.services.test_stripe_gateway_types import SPOKEN
from tests.stripe_talks import listening
from tests.stripe_types import deviations


@pytest.fixture
def order():
    return uuid4()


@pytest.fixture
def said():
    """Every exchange of a test, compared with the pinned client's own types when it is over."""
    with listening() as exchanges:
        yield exchanges
    found = set()
    for one in exchanges:
        route = f"{one.method} {one.path}"
        if route in SPOKEN:
            found.update(deviations(one.answered, SPOKEN[route][1], f"{route} answers"))
    assert found == set()


def seller(side, clinic):
    return side.gateway.create_seller_account(
        clinic_id=clinic, email="alice@example.com", name="Alice Aesthetics", country="US", key=f"contract:{clinic}"
    )


class TestSellers:
    def test_a_new_one_cannot_be_paid_and_is_one_under_one_key(self, side, said):
        clinic = uuid4()
        account = seller(side, clinic)

        assert (account.payable, bool(account.due), bool(account.reason)) == (False, True, True)
        assert seller(side, clinic).account_id == account.account_id
        assert side.gateway.get_seller_account(account.account_id) == account

    def test_every_link_is_new_and_not_over(self, side, said):
        account = seller(side, uuid4()).account_id
        urls = {"return_url": "https://shop.example/back", "refresh_url": "https://shop.example/again"}
        links = [side.gateway.onboarding_link(account_id=account, **urls) for _ in range(2)]

        assert links[0].url != links[1].url
        assert all(link.expires_at > clock.now() for link in links)

    def test_who_has_answered_nothing_gets_no_money(self, side, said, order):
        charge, account = side.charge(order), seller(side, uuid4()).account_id
        with pytest.raises(GatewayRejected):
            side.gateway.create_transfer(
                order_id=order,
                amount=Money(100),
                destination=account,
                charge_id=charge,
                transfer_group=f"order:{order}",
                step="release",
                key=f"contract:release:{order}",
            )

        assert side.gateway.find_transfers(f"order:{order}") == ()


class TestPages:
    def test_one_opens_once_under_one_key(self, side, said, order):
        opened = checkout(side.gateway, order)

        assert (opened.status, bool(opened.url)) == (CheckoutStatus.OPEN, True)
        assert checkout(side.gateway, order).checkout_id == opened.checkout_id
        seen = side.gateway.get_payment(opened.checkout_id)
        assert (seen.status, seen.amount, seen.outstanding) == (PaymentStatus.OPEN, PRICE, PRICE)
        assert (seen.order_id, seen.livemode) == (order, False)

    def test_the_same_key_is_not_for_another_price(self, side, order):
        checkout(side.gateway, order)

        with pytest.raises(GatewayReplayedError):
            checkout(side.gateway, order, amount=PRICE + Money(1))

    def test_one_closes_once(self, side, order):
        opened = checkout(side.gateway, order).checkout_id

        assert side.gateway.expire_checkout(opened).status is CheckoutStatus.EXPIRED
        with pytest.raises(GatewayRejected):
            side.gateway.expire_checkout(opened)
        assert side.gateway.get_payment(opened).status is PaymentStatus.EXPIRED


class TestRefunds:
    def test_one_is_sent_once_and_found_again(self, side, said, order):
        charge = side.charge(order)
        ask = {"charge_id": charge, "amount": Money(4_000), "step": "refund", "key": f"contract:refund:{order}"}
        first, again = side.gateway.refund(**ask), side.gateway.refund(**ask)

        assert first.refund_id == again.refund_id
        assert first.status in {RefundStatus.SUCCEEDED, RefundStatus.PENDING}
        (found,) = side.gateway.find_refunds(charge)
        assert (found.refund_id, found.amount, found.step) == (first.refund_id, Money(4_000), "refund")

    def test_never_more_than_was_paid(self, side, order):
        charge = side.charge(order)
        with pytest.raises(GatewayRejected):
            side.gateway.refund(charge_id=charge, amount=PRICE + Money(1), step="refund", key=f"contract:over:{order}")

        assert side.gateway.find_refunds(charge) == ()

    def test_a_surplus_leaves_the_customers_cash(self, side, said):
        customer = side.customer_with_cash(500)
        client = side.gateway._client.v1
        refund = client.refunds.create(
            {"customer": customer, "origin": "customer_balance", "amount": 300, "currency": "usd"}
        )

        assert refund.status in {"pending", "requires_action", "succeeded"}
        assert client.customers.cash_balance.retrieve(customer).available.to_dict() == {"usd": 200}
        moved = client.customers.cash_balance_transactions.list(customer).data[0]
        assert (moved.type, moved.net_amount, moved.ending_balance) == ("return_initiated", -300, 200)


class TestBooksAndStrangers:
    def test_what_was_charged_is_booked(self, side, said, order):
        charge = side.charge(order)

        booked = next(one for one in islice(side.gateway.bookings(), 100) if one.source == charge)
        assert (booked.kind, booked.amount, booked.order_id) == (BookingKind.CHARGE, PRICE, order)

    @pytest.mark.parametrize("reference", ["cs_test_0", "ch_0", "pi_0", "re_0", "du_0"])
    def test_what_does_not_exist_is_a_definite_no(self, side, reference):
        with pytest.raises(GatewayRejected):
            side.gateway.get_payment(reference)

    def test_a_stranger_is_told_nothing(self, side):
        with pytest.raises(GatewayConfig):
            side.stranger.get_payment("cs_test_0")
