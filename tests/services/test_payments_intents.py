"""Money is moved once: on record first, looked for before it is sent again, blocked where anything speaks against it."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select

from marketplace.extensions import bind, db, unit_of_work
from marketplace.kernel import clock
from marketplace.kernel.money import Money
from marketplace.payments import converging, intents, ledger, queries, reconciling, sellers
from marketplace.payments import service as payments
from marketplace.payments.amounts import Account, JournalKind
from marketplace.payments.models import (
    IntentState,
    LedgerJournal,
    MoneyIntent,
    Payment,
    ProviderEvent,
    ProviderEventState,
    SellerAccount,
)
from marketplace.payments.ports import GatewayUnknown, PaymentGateway, RefundStatus
from marketplace.payments.states import PaymentState
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.orders import place_and_confirm, the_order
from tests.factories.payments import do_jobs, hear, make_payment, onboarded, pay_page, the_payment, waiting_jobs

PAYOUT = Money(3_995_000)
TRANSFERS = "POST /v1/transfers"


@pytest.fixture
def seller(scene, local_stripe, now) -> str:
    """The seller's account, which can be paid."""
    return onboarded(local_stripe, scene.seller_clinic.id, at=now)


@pytest.fixture
def order_id(held):
    """An order whose money is held."""
    return held


@pytest.fixture
def unready(scene, now, local_stripe):
    """The same, of a seller who has no account yet to be paid on."""
    order_id = place_and_confirm(scene, at=now)
    pay_page(order_id, scene.buyer.id, at=now)
    local_stripe.pay_by_card(the_payment(order_id).checkout_id)
    hear(local_stripe)
    return order_id


def release(order_id, *, at):
    with unit_of_work():
        return payments.request_release(order_id=order_id, at=at)


def refund(order_id, *, at):
    with unit_of_work():
        return payments.request_refund(order_id=order_id, cause="a test asks for it", at=at)


def run(intent_id, *, at) -> IntentState:
    return payments.run_intent(intent_id=intent_id, live=False, at=at)


def intent(intent_id) -> MoneyIntent:
    return db.session.get_one(MoneyIntent, intent_id, populate_existing=True)


def sent(local_stripe) -> list[tuple[int, str]]:
    return [(one["amount"], one["destination"]) for one in local_stripe.get("/v1/transfers")["data"]]


def books() -> dict[Account, Money]:
    return {account: ledger.balance_of(account) for account in Account if ledger.balance_of(account).minor}


class TestRequest:
    def test_a_second_request_finds_the_first(self, order_id, now):
        assert release(order_id, at=now) == release(order_id, at=now)

        assert waiting_jobs().count("run_money_intent") == 1
        assert the_payment(order_id).state is PaymentState.RELEASING

    def test_what_is_asked_is_frozen(self, order_id, now):
        asked = intent(release(order_id, at=now))

        assert asked.dedupe == f"{order_id}:release"
        assert asked.payload == {
            "order_id": str(order_id),
            "amount_minor": 3_995_000,
            "currency": "usd",
            "charge_id": the_payment(order_id).charge_id,
        }

    def test_refuses_what_was_never_paid(self, scene, now):
        order_id = place_and_confirm(scene, at=now)
        for ask in (release, refund):
            with pytest.raises(payments.MoneyNotHere):
                ask(order_id, at=now)

        assert db.session.scalar(select(func.count()).select_from(MoneyIntent)) == 0

    def test_money_goes_one_way_only(self, order_id, now):
        release(order_id, at=now)
        with pytest.raises(payments.MoneyNotHere):
            refund(order_id, at=now)

        assert the_payment(order_id).state is PaymentState.RELEASING

    def test_money_that_goes_back_is_not_released(self, order_id, now):
        assert refund(order_id, at=now) == refund(order_id, at=now)
        with pytest.raises(payments.MoneyNotHere):
            release(order_id, at=now)

    def test_a_release_that_waits_for_the_money_keeps_it_from_going_back(self, scene, now):
        order_id = place_and_confirm(scene, at=now)
        make_payment(the_order(order_id), state="paid", at=now)
        release(order_id, at=now)

        with pytest.raises(payments.MoneyNotHere):
            refund(order_id, at=now)


class TestRelease:
    def test_sends_the_sellers_part_once(self, order_id, seller, local_stripe, now):
        intent_id = release(order_id, at=now)

        assert run(intent_id, at=now) is IntentState.DONE
        assert run(intent_id, at=now) is IntentState.DONE

        payment = the_payment(order_id)
        assert sent(local_stripe) == [(3_995_000, seller)]
        assert (payment.state, payment.transferred_minor) == (PaymentState.RELEASED, 3_995_000)
        assert books() == {
            Account.PROVIDER_CLEARING: Money(255_000 - 123_280),
            Account.PROVIDER_FEES: Money(123_280),
            Account.FEE_REVENUE: Money(-255_000),
        }
        assert db.session.scalar(select(func.count()).select_from(LedgerJournal)) == 3
        # The provider tells of it, and it is known.
        assert hear(local_stripe, "transfer.created") == 1
        kinds = select(ProviderEvent.state).where(ProviderEvent.kind == "transfer.created")
        assert db.session.scalars(kinds).one() is ProviderEventState.DONE

    @pytest.mark.parametrize(
        ("fault", "tries"),
        [("error_before", 1), ("error_after", 1), ("hang_after", 1)],
    )
    def test_a_silent_provider_is_asked_the_same_again(self, app, order_id, seller, local_stripe, now, fault, tries):
        bind(app, PaymentGateway, local_stripe.gateway(timeout=(1, 1)))
        intent_id = release(order_id, at=now)
        local_stripe.fault(TRANSFERS, fault)

        assert run(intent_id, at=now) is IntentState.PENDING
        waits = intent(intent_id)
        assert (waits.attempt, waits.tries, waits.next_try_at) == (1, tries, now + timedelta(seconds=20))
        assert the_payment(order_id).state is PaymentState.RELEASING
        assert run(intent_id, at=now) is IntentState.DONE

        assert sent(local_stripe) == [(3_995_000, seller)]

    @pytest.mark.parametrize("executed", [False, True])
    def test_a_stored_failure_is_looked_behind_then_asked_under_another_key(
        self, order_id, seller, local_stripe, now, executed
    ):
        intent_id = release(order_id, at=now)
        local_stripe.fault(TRANSFERS, "error_stored", executed=executed)

        states = [run(intent_id, at=now) for _ in range(4)]

        assert states[-1] is IntentState.DONE
        assert sent(local_stripe) == [(3_995_000, seller)]
        assert intent(intent_id).attempt == (1 if executed else 2)

    def test_keys_that_the_provider_forgot_do_not_send_twice(self, order_id, seller, local_stripe, now):
        intent_id = release(order_id, at=now)
        local_stripe.fault(TRANSFERS, "error_after")
        run(intent_id, at=now)
        local_stripe.sim("prune_keys")

        assert run(intent_id, at=now) is IntentState.DONE
        assert sent(local_stripe) == [(3_995_000, seller)]

    def test_an_answer_lost_behind_a_stored_failure_is_found(self, app, order_id, seller, local_stripe, now):
        """The look before sees nothing, the call replays a failure, the look after sees the transfer."""
        intent_id = release(order_id, at=now)
        gateway = local_stripe.usual_gateway
        local_stripe.fault(TRANSFERS, "error_stored", executed=True)

        class Blind:
            def __init__(self):
                self.looks = 0

            def __getattr__(self, name):
                return getattr(gateway, name)

            def find_transfers(self, group):
                self.looks += 1
                return () if self.looks in {1, 2} else gateway.find_transfers(group)

        bind(app, PaymentGateway, Blind())

        states = [run(intent_id, at=now) for _ in range(2)]

        assert states == [IntentState.PENDING, IntentState.DONE]
        assert sent(local_stripe) == [(3_995_000, seller)]

    def test_waits_for_a_seller_who_cannot_be_paid_and_goes_on_by_itself(self, scene, unready, local_stripe, now):
        intent_id = release(unready, at=now)
        assert run(intent_id, at=now) is IntentState.BLOCKED
        assert intent(intent_id).last_error == "the seller cannot be paid: no account"

        onboarded(local_stripe, scene.seller_clinic.id, at=now)
        assert intent(intent_id).state is IntentState.PENDING
        do_jobs()

        assert intent(intent_id).state is IntentState.DONE
        assert len(sent(local_stripe)) == 1

    def test_the_event_of_the_sellers_account_wakes_it(self, order_id, seller, local_stripe, now):
        local_stripe.restrict(seller)
        hear(local_stripe)
        intent_id = release(order_id, at=now)
        assert run(intent_id, at=now) is IntentState.BLOCKED
        assert "the seller cannot be paid: " in intent(intent_id).last_error
        assert sent(local_stripe) == []

        local_stripe.onboard(seller)
        hear(local_stripe)

        assert intent(intent_id).state is IntentState.DONE

    def test_a_seller_restricted_at_the_last_moment_is_seen(self, order_id, seller, local_stripe, now):
        intent_id = release(order_id, at=now)
        local_stripe.restrict(seller)  # and no event arrives

        assert run(intent_id, at=now) is IntentState.BLOCKED
        assert sent(local_stripe) == []
        assert the_payment(order_id).state is PaymentState.RELEASING

    def test_a_dispute_at_the_last_moment_is_seen(self, order_id, seller, local_stripe, now):
        intent_id = release(order_id, at=now)
        local_stripe.dispute(the_payment(order_id).charge_id)  # and no event arrives

        assert run(intent_id, at=now) is IntentState.BLOCKED
        assert run(intent_id, at=now) is IntentState.BLOCKED
        assert intent(intent_id).last_error == "frozen: disputed"
        assert sent(local_stripe) == []
        # Nothing but the first promise: what is blocked does not wake itself.
        assert waiting_jobs().count("run_money_intent") == 1

    def test_a_definite_no_blocks_under_the_next_key(self, order_id, seller, local_stripe, now):
        intent_id = release(order_id, at=now)
        charge = the_payment(order_id).charge_id
        local_stripe.usual_gateway.create_transfer(
            order_id=order_id,
            amount=Money(1_000_000),
            destination=seller,
            charge_id=charge,
            transfer_group="somebody else's",
            step="other",
            key="other",
        )

        assert run(intent_id, at=now) is IntentState.BLOCKED
        blocked = intent(intent_id)
        assert (blocked.attempt, blocked.tries) == (2, 1)
        assert "must not exceed the source amount" in blocked.last_error

    def test_a_no_to_the_look_says_nothing_of_what_was_sent_so_the_key_stands(
        self, order_id, seller, local_stripe, now
    ):
        intent_id = release(order_id, at=now)
        local_stripe.fault("GET /v1/transfers", "error_before", status=400)

        assert run(intent_id, at=now) is IntentState.BLOCKED
        assert (intent(intent_id).attempt, intent(intent_id).tries) == (1, 1)
        assert sent(local_stripe) == []

    def test_what_another_worker_finished_is_not_blocked_by_one_that_only_looks(
        self, app, order_id, seller, local_stripe, now
    ):
        intent_id = release(order_id, at=now)
        local_stripe.dispute(the_payment(order_id).charge_id)
        gateway = local_stripe.usual_gateway

        class Overtaken:
            def __getattr__(self, name):
                return getattr(gateway, name)

            def find_transfers(self, _group):
                with unit_of_work():
                    done = intent(intent_id)
                    done.state, done.reference, done.done_at = IntentState.DONE, "tr_of_another", now
                return ()

        bind(app, PaymentGateway, Overtaken())

        assert run(intent_id, at=now) is IntentState.DONE
        assert intent(intent_id).last_error is None
        assert sent(local_stripe) == []

    def test_money_that_is_not_available_yet_is_sent_when_it_is(self, scene, seller, local_stripe, now):
        local_stripe.sim("settings", clearing_days=2)
        order_id = place_and_confirm(scene, at=now)
        pay_page(order_id, scene.buyer.id, at=now)
        local_stripe.pay_by_card(the_payment(order_id).checkout_id)
        hear(local_stripe)
        payment = the_payment(order_id)
        assert payment.state is PaymentState.PAID
        available = payment.release_not_before
        intent_id = release(order_id, at=now)

        assert run(intent_id, at=now) is IntentState.PENDING
        assert intent(intent_id).next_try_at == available
        assert sent(local_stripe) == []
        assert run(intent_id, at=available) is IntentState.DONE

    def test_money_whose_availability_nobody_knows_waits(self, app, scene, seller, local_stripe, now):
        order_id = place_and_confirm(scene, at=now)
        pay_page(order_id, scene.buyer.id, at=now)
        page = the_payment(order_id).checkout_id
        local_stripe.pay_by_card(page)
        gateway = local_stripe.usual_gateway

        class NotBooked:
            def __getattr__(self, name):
                return getattr(gateway, name)

            def get_payment(self, reference):
                return replace(gateway.get_payment(reference), available_on=None, fee=None)

        bind(app, PaymentGateway, NotBooked())
        hear(local_stripe)
        intent_id = release(order_id, at=now)

        assert run(intent_id, at=now) is IntentState.PENDING
        assert intent(intent_id).next_try_at == now + timedelta(seconds=10)
        assert [one.kind for one in queries.journals_of(order_id)] == [JournalKind.PAID]

    def test_money_held_since_the_request_is_released_in_one_step(self, order_id, seller, local_stripe, now):
        payment = the_payment(order_id)
        payment.state = PaymentState.PAID
        payment.release_not_before = now + timedelta(days=1)
        db.session.commit()
        intent_id = release(order_id, at=now)
        payment.release_not_before = now
        db.session.commit()

        assert run(intent_id, at=clock.now()) is IntentState.DONE

    def test_a_transfer_that_differs_is_not_taken_for_ours(self, app, order_id, seller, local_stripe, now):
        intent_id = release(order_id, at=now)
        local_stripe.usual_gateway.create_transfer(
            order_id=order_id,
            amount=Money(1),
            destination=seller,
            charge_id=the_payment(order_id).charge_id,
            transfer_group=f"order:{order_id}",
            step="release",
            key="other",
        )

        assert run(intent_id, at=now) is IntentState.BLOCKED
        assert intent(intent_id).last_error == "frozen: transfer_differs"
        assert the_payment(order_id).frozen_reason == "transfer_differs"
        assert len(sent(local_stripe)) == 1

    @pytest.mark.parametrize("late", ["found", "silent"])
    def test_a_slower_worker_changes_nothing(self, app, order_id, seller, local_stripe, now, late):
        """While one worker waits for the provider's answer, another finishes the same intent."""
        intent_id = release(order_id, at=now)
        gateway = local_stripe.usual_gateway

        class Overtaken:
            def __getattr__(self, name):
                return getattr(gateway, name)

            def find_transfers(self, group):
                bind(app, PaymentGateway, gateway)
                assert run(intent_id, at=now) is IntentState.DONE
                if late == "silent":
                    local_stripe.fault("GET /v1/transfers", "error_before")
                return gateway.find_transfers(group)

        bind(app, PaymentGateway, Overtaken())

        assert run(intent_id, at=now) is IntentState.DONE
        assert sent(local_stripe) == [(3_995_000, seller)]
        assert db.session.scalar(select(func.count()).select_from(LedgerJournal)) == 3

    def test_a_worker_that_finds_it_done_before_the_call_makes_none(self, app, order_id, seller, local_stripe, now):
        intent_id = release(order_id, at=now)
        gateway = local_stripe.usual_gateway

        class Overtaken:
            def __getattr__(self, name):
                return getattr(gateway, name)

            def get_payment(self, reference):
                bind(app, PaymentGateway, gateway)
                assert run(intent_id, at=now) is IntentState.DONE
                return gateway.get_payment(reference)

        bind(app, PaymentGateway, Overtaken())

        assert run(intent_id, at=now) is IntentState.DONE
        assert len(sent(local_stripe)) == 1


class TestRefund:
    def test_sends_everything_back_once(self, order_id, local_stripe, now):
        intent_id = refund(order_id, at=now)
        local_stripe.sweep(-200_000)  # The provider kept its fee; the house pays it.

        assert run(intent_id, at=now) is IntentState.DONE
        assert run(intent_id, at=now) is IntentState.DONE

        payment = the_payment(order_id)
        assert (payment.state, payment.refunded_minor) == (PaymentState.REFUNDED, 4_250_000)
        assert [one["amount"] for one in local_stripe.get("/v1/refunds")["data"]] == [4_250_000]
        assert books() == {Account.PROVIDER_CLEARING: Money(-123_280), Account.PROVIDER_FEES: Money(123_280)}

    def test_a_refund_that_waits_is_on_its_way_until_it_arrives(self, order_id, local_stripe, now):
        local_stripe.sweep()
        intent_id = refund(order_id, at=now)
        assert run(intent_id, at=now) is IntentState.DONE
        assert the_payment(order_id).state is PaymentState.REFUNDING
        assert books()[Account.REFUND_PENDING] == Money(-4_250_000)
        payments.reconcile(live=False, at=now)
        assert the_payment(order_id).state is PaymentState.REFUNDING

        local_stripe.settle_refund(intent(intent_id).reference, "succeeded")
        hear(local_stripe)

        assert the_payment(order_id).state is PaymentState.REFUNDED
        assert Account.REFUND_PENDING not in books()

    def test_a_refund_that_fails_on_its_way_stands_still_for_a_person(self, order_id, local_stripe, now):
        local_stripe.sweep()
        intent_id = refund(order_id, at=now)
        run(intent_id, at=now)
        local_stripe.settle_refund(intent(intent_id).reference, "failed")

        hear(local_stripe)

        payment = the_payment(order_id)
        assert (payment.state, payment.frozen_reason) == (PaymentState.REFUNDING, "refund_failed")

    def test_a_refund_that_fails_at_once_is_blocked_under_the_next_key(self, app, order_id, local_stripe, now):
        intent_id = refund(order_id, at=now)
        local_stripe.sweep(-200_000)
        gateway = local_stripe.usual_gateway

        class Failing:
            def __getattr__(self, name):
                return getattr(gateway, name)

            def refund(self, **given):
                return replace(gateway.refund(**given), status=RefundStatus.FAILED, failure="account closed")

        bind(app, PaymentGateway, Failing())

        assert run(intent_id, at=now) is IntentState.BLOCKED
        assert intent(intent_id).last_error == "the refund failed: account closed"
        assert intent(intent_id).attempt == 2

    def test_a_refund_is_found_again(self, order_id, local_stripe, now):
        local_stripe.sweep(-200_000)
        intent_id = refund(order_id, at=now)
        local_stripe.fault("POST /v1/refunds", "error_after")
        assert run(intent_id, at=now) is IntentState.PENDING
        local_stripe.sim("prune_keys")

        assert run(intent_id, at=now) is IntentState.DONE
        assert len(local_stripe.get("/v1/refunds")["data"]) == 1

    def test_settling_what_somebody_settled_meanwhile_changes_nothing(self, app, order_id, local_stripe, now):
        local_stripe.sweep()
        intent_id = refund(order_id, at=now)
        run(intent_id, at=now)
        local_stripe.settle_refund(intent(intent_id).reference, "succeeded")
        gateway = local_stripe.usual_gateway
        payment_id = the_payment(order_id).id

        class Overtaken:
            def __getattr__(self, name):
                return getattr(gateway, name)

            def find_refunds(self, charge_id):
                bind(app, PaymentGateway, gateway)
                payments.reconcile(live=False, at=now)
                return gateway.find_refunds(charge_id)

        bind(app, PaymentGateway, Overtaken())
        intents.settle_refund(payment_id=payment_id, at=now)

        assert the_payment(order_id).state is PaymentState.REFUNDED
        assert db.session.scalar(select(func.count()).select_from(LedgerJournal)) == 4


class TestSellers:
    def test_an_account_is_opened_once(self, scene, local_stripe, now):
        for _ in range(2):
            payments.open_seller_account(
                clinic_id=scene.seller_clinic.id,
                email="selma@example.test",
                name="Desert Aesthetics LLC",
                actor_id=scene.seller.id,
                at=now,
            )

        (account,) = db.session.scalars(select(SellerAccount)).all()
        assert account.reference.startswith("acct_")
        assert (account.payable, account.checked_at) == (False, now)
        view = queries.seller_account(scene.seller_clinic.id)
        assert (view.opened, view.payable) == (True, False)

    def test_an_answer_that_was_lost_opens_no_second_account(self, scene, local_stripe, now):
        opening = {
            "clinic_id": scene.seller_clinic.id,
            "email": "selma@example.test",
            "name": "Desert Aesthetics LLC",
            "actor_id": scene.seller.id,
            "at": now,
        }
        local_stripe.fault("POST /v2/core/accounts", "error_after")
        with pytest.raises(GatewayUnknown):
            payments.open_seller_account(**opening)
        assert queries.seller_account(scene.seller_clinic.id).opened is False

        payments.open_seller_account(**opening)

        assert queries.seller_account(scene.seller_clinic.id).opened is True

    def test_two_who_open_it_at_once_keep_the_first(self, app, scene, local_stripe, now):
        opening = {"clinic_id": scene.seller_clinic.id, "actor_id": scene.seller.id, "at": now}
        gateway = local_stripe.usual_gateway

        class Overtaken:
            def __getattr__(self, name):
                return getattr(gateway, name)

            def create_seller_account(self, **given):
                bind(app, PaymentGateway, gateway)
                payments.open_seller_account(email="other@example.test", name="Other", **opening)
                return gateway.create_seller_account(**given)

        bind(app, PaymentGateway, Overtaken())

        payments.open_seller_account(email="selma@example.test", name="Desert", **opening)

        (account,) = db.session.scalars(select(SellerAccount)).all()
        kept = local_stripe.get(f"/v2/core/accounts/{account.reference}")
        assert kept["contact_email"] == "other@example.test"

    def test_becomes_payable_when_its_owner_has_answered(self, scene, local_stripe, now):
        reference = onboarded(local_stripe, scene.seller_clinic.id, at=now)

        assert queries.seller_account(scene.seller_clinic.id).payable is True
        local_stripe.restrict(reference)
        assert payments.refresh_seller_account(clinic_id=scene.seller_clinic.id, at=now) is False
        assert queries.seller_account(scene.seller_clinic.id).payable is False

    def test_the_link_is_the_providers(self, scene, seller, local_stripe):
        link = payments.onboarding_link(
            clinic_id=scene.seller_clinic.id, return_url="http://localhost/a", refresh_url="http://localhost/b"
        )

        assert link.startswith(local_stripe.base_url)

    def test_without_an_account_there_is_nothing_to_link_to_or_ask_about(self, scene, local_stripe, now):
        with pytest.raises(payments.NoSellerAccount):
            payments.onboarding_link(clinic_id=scene.seller_clinic.id, return_url="x", refresh_url="y")
        with pytest.raises(payments.NoSellerAccount):
            payments.refresh_seller_account(clinic_id=scene.seller_clinic.id, at=now)

    def test_an_account_that_is_not_ours_is_not_noted(self, scene, local_stripe, now):
        stray = local_stripe.usual_gateway.create_seller_account(
            clinic_id=scene.clinic.id, email="x@example.test", name="X", country="US", key="stray"
        )

        with pytest.raises(payments.NoSellerAccount):
            sellers.refresh_by_reference(reference=stray.account_id, at=now)


class TestReconcile:
    def test_finds_money_whose_event_never_came(self, scene, local_stripe, now):
        order_id = place_and_confirm(scene, at=now)
        pay_page(order_id, scene.buyer.id, at=now)
        local_stripe.pay_by_card(the_payment(order_id).checkout_id)

        found = payments.reconcile(live=False, at=clock.now())

        assert (found.looked_at, found.unreachable) == (1, 0)
        assert the_payment(order_id).state is PaymentState.HELD

    def test_a_silent_provider_spoils_only_its_own_payment(self, scene, local_stripe, now):
        order_id = place_and_confirm(scene, at=now)
        pay_page(order_id, scene.buyer.id, at=now)
        local_stripe.fault("GET /v1/checkout/sessions/*", "error_before")

        found = payments.reconcile(live=False, at=now)

        assert (found.looked_at, found.unreachable) == (0, 1)
        assert the_payment(order_id).state is PaymentState.CHECKOUT_OPEN

    @pytest.mark.parametrize("away", [False, True])
    def test_more_than_one_round_can_take_wait_and_none_of_them_for_ever(self, app, scene, now, monkeypatch, away):
        monkeypatch.setattr(reconciling, "AT_ONCE", 2)
        pages = []
        for number in range(5):
            scene.listing = make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("DIODE_HR", name="D")])
            order = the_order(place_and_confirm(scene, at=now))
            payment = make_payment(order, state="checkout_open", at=now + timedelta(seconds=number))
            pages.append((payment.checkout_id, payment.version))
        asked = []

        class Provider:
            def get_payment(self, checkout_id):
                asked.append(checkout_id)
                if away:
                    raise GatewayUnknown("away")
                return SimpleNamespace(cash=None)

        monkeypatch.setattr(converging, "take_over", lambda *_, **__: None)
        bind(app, PaymentGateway, Provider())

        for minutes in (0, 5, 10):
            payments.reconcile(live=False, at=now + timedelta(minutes=minutes))

        a, b, c, d, e = (page for page, _ in pages)
        assert asked == [a, b, c, d, e, a]
        rows = db.session.execute(
            select(Payment.checkout_id, Payment.version, Payment.looked_at).order_by(Payment.created_at)
        ).all()
        assert [(row.checkout_id, row.version) for row in rows] == pages
        assert [(row.looked_at - now) // timedelta(minutes=1) for row in rows] == [10, 0, 5, 5, 10]

    def test_ends_a_payment_whose_page_was_never_opened(self, scene, now):
        order_id = place_and_confirm(scene, at=now)
        payment = make_payment(the_order(order_id), state="new", at=now)

        assert payments.reconcile(live=False, at=payment.expires_at - timedelta(seconds=1)).never_opened == 0
        assert payments.reconcile(live=False, at=payment.expires_at).never_opened == 1

        assert the_payment(order_id).state is PaymentState.EXPIRED

    def test_promises_again_what_was_forgotten(self, order_id, seller, local_stripe, now):
        intent_id = release(order_id, at=now)
        quarter = now + timedelta(minutes=15)
        assert payments.reconcile(live=False, at=quarter - timedelta(seconds=1)).intents_resumed == 0

        assert payments.reconcile(live=False, at=quarter).intents_resumed == 1
        assert payments.reconcile(live=False, at=quarter).intents_resumed == 0
        assert run(intent_id, at=now) is IntentState.DONE
        assert payments.reconcile(live=False, at=now + timedelta(days=1)).intents_resumed == 0

    def test_promises_again_an_event_that_was_never_looked_into(self, order_id, local_stripe, now):
        event = db.session.scalars(select(ProviderEvent).limit(1)).one()
        event.state, event.attempts = ProviderEventState.PENDING, 0
        db.session.commit()

        early = payments.reconcile(live=False, at=event.received_at + timedelta(minutes=14))
        late = payments.reconcile(live=False, at=event.received_at + timedelta(minutes=15))

        assert (early.events_resumed, late.events_resumed) == (0, 1)
