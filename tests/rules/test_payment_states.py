"""A payment moves forward only, and only towards what the provider says; what was not agreed stands still."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations, product
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.kernel.machine import IllegalMove
from marketplace.kernel.money import Money
from marketplace.payments import policy
from marketplace.payments.policy import Agreed, Freeze, Terms
from marketplace.payments.ports import DisputeSnapshot, DisputeStatus, PaymentMethod, PaymentSnapshot, PaymentStatus
from marketplace.payments.states import (
    DECIDED,
    DECISION,
    ENDED_UNPAID,
    PARTIAL,
    PAYMENT,
    DecisionEvent,
    DecisionState,
    PartialEvent,
    PartialState,
    PaymentEvent,
    PaymentState,
)
from tests.conftest import NOON

ORDER = UUID("00000000-0000-4000-8000-000000000001")
OTHER = UUID("00000000-0000-4000-8000-000000000002")
PRICE = Money(4_250_000)
AGREED = Agreed(ORDER, PRICE, live=False)
TERMS = Terms(card_cap=Money(1_500_000), debit_cap=Money(600_000), debit_risk_days=5)
FRIDAY = datetime(2026, 12, 4, tzinfo=UTC)
S, E = PaymentState, PaymentEvent


def seen(status=PaymentStatus.SUCCEEDED, **changed) -> PaymentSnapshot:
    arrived = status is PaymentStatus.SUCCEEDED
    return replace(
        PaymentSnapshot(
            checkout_id="cs_1",
            payment_id="pi_1",
            status=status,
            amount=PRICE,
            received=PRICE if arrived else Money(0),
            outstanding=Money(0) if arrived else PRICE,
            refunded=Money(0),
            charge_id="ch_1" if arrived else None,
            fee=Money(123_280) if arrived else None,
            available_on=NOON if arrived else None,
            dispute=None,
            method=PaymentMethod.CARD if arrived else None,
            failure=None,
            order_id=ORDER,
            livemode=False,
        ),
        **changed,
    )


def follow(state: PaymentState, *looks: PaymentSnapshot, at=NOON) -> PaymentState:
    """Where a payment ends that is looked at again and again."""
    for look in looks:
        while event := policy.next_event(state, look, safe_from=policy.release_not_before(look, TERMS), at=at):
            state = PAYMENT.after(state, event)
    return state


class TestTable:
    @pytest.mark.parametrize(("state", "event"), list(product(PaymentState, PaymentEvent)))
    def test_a_move_is_listed_or_refused(self, state, event):
        if event in PAYMENT.events_from(state):
            assert PAYMENT.after(state, event) in PaymentState
        else:
            with pytest.raises(IllegalMove):
                PAYMENT.after(state, event)

    @pytest.mark.parametrize(
        ("state", "decided"),
        [
            (S.REFUNDED, ()),
            (S.CHARGED_BACK, ()),
            (S.FAILED, (E.PAID_LATE,)),
            (S.EXPIRED, (E.PAID_LATE,)),
            (S.QUARANTINED, (E.REOPENED, E.READMITTED)),
        ],
    )
    def test_the_ends_are_ends_but_for_what_two_people_decide(self, state, decided):
        assert PAYMENT.events_from(state) == decided
        assert set(decided) <= DECIDED

    def test_a_release_is_called_off_by_two_people_and_leads_to_the_buyer(self):
        assert PAYMENT.after(S.RELEASING, E.RELEASE_CALLED_OFF) is S.REFUNDING
        assert PAYMENT.sources_of(E.RELEASE_CALLED_OFF) == (S.RELEASING,)

    def test_only_held_money_can_be_released(self):
        assert PAYMENT.sources_of(E.RELEASE_REQUESTED) == (S.HELD,)

    def test_nothing_leads_back_by_itself(self):
        rank = {state: position for position, state in enumerate(S)}
        back = {
            event
            for state in PaymentState
            for event in PAYMENT.events_from(state)
            if rank[PAYMENT.after(state, event)] <= rank[state]
        }
        assert back == {E.REOPENED, E.READMITTED, E.PAID_LATE}
        assert back <= DECIDED

    @pytest.mark.parametrize(("state", "event"), list(product(DecisionState, DecisionEvent)))
    def test_a_proposal_is_answered_once(self, state, event):
        if state is DecisionState.OPEN:
            assert DECISION.after(state, event).value == event.value
        else:
            assert not DECISION.allows(state, event)


class TestParts:
    @pytest.mark.parametrize(("state", "event"), list(product(PartialState, PartialEvent)))
    def test_a_move_is_listed_or_refused(self, state, event):
        if event in PARTIAL.events_from(state):
            assert PARTIAL.after(state, event) in PartialState
        else:
            with pytest.raises(IllegalMove):
                PARTIAL.after(state, event)

    def test_nothing_leads_back_and_what_has_arrived_has_arrived(self):
        rank = {state: position for position, state in enumerate(PartialState)}
        moves = [(state, PARTIAL.after(state, event)) for state in PartialState for event in PARTIAL.events_from(state)]

        assert all(rank[after] > rank[before] for before, after in moves)
        assert PARTIAL.events_from(PartialState.ARRIVED) == ()
        assert PARTIAL.sources_of(PartialEvent.SENT) == (PartialState.COVERED,)


class TestContradiction:
    def test_finds_none_in_what_was_agreed(self):
        assert policy.contradiction(AGREED, seen()) is None
        assert policy.contradiction(AGREED, seen(PaymentStatus.OPEN)) is None

    @pytest.mark.parametrize(
        ("changed", "differs"),
        [
            ({"livemode": True}, Freeze.LIVEMODE_DIFFERS),
            ({"order_id": OTHER}, Freeze.ORDER_DIFFERS),
            ({"order_id": None}, Freeze.ORDER_DIFFERS),
            ({"amount": Money(4_249_999)}, Freeze.AMOUNT_DIFFERS),
            ({"amount": Money(4_250_001)}, Freeze.AMOUNT_DIFFERS),
            ({"amount": Money(4_250_000, "eur")}, Freeze.AMOUNT_DIFFERS),
            ({"received": Money(4_249_999)}, Freeze.RECEIVED_DIFFERS),
        ],
    )
    def test_finds_each(self, changed, differs):
        assert policy.contradiction(AGREED, seen(**changed)) is differs

    def test_a_partial_payment_on_its_way_is_no_contradiction(self):
        assert policy.contradiction(AGREED, seen(PaymentStatus.PROCESSING, received=Money(1))) is None


class TestFreeze:
    @pytest.mark.parametrize("dispute", [DisputeStatus.OPEN, DisputeStatus.LOST])
    @pytest.mark.parametrize("state", PaymentState)
    def test_any_dispute_freezes_everywhere(self, state, dispute):
        assert policy.freeze(state, seen(dispute=dispute)) is Freeze.DISPUTED

    @pytest.mark.parametrize("state", sorted(ENDED_UNPAID))
    def test_money_after_the_end_freezes(self, state):
        assert policy.freeze(state, seen()) is Freeze.PAID_AFTER_THE_END

    def test_a_way_of_paying_that_we_do_not_know_freezes(self):
        assert policy.freeze(S.CHECKOUT_OPEN, seen(method=None)) is Freeze.METHOD_UNKNOWN

    @pytest.mark.parametrize("state", [S.PAID, S.HELD, S.RELEASING, S.RELEASED])
    def test_a_refund_that_we_did_not_ask_for_freezes(self, state):
        assert policy.freeze(state, seen(refunded=Money(1))) is Freeze.REFUNDED_ELSEWHERE

    @pytest.mark.parametrize("state", [S.PAID, S.HELD, S.RELEASING, S.RELEASED, S.REVERSING])
    def test_a_part_that_we_sent_back_does_not_and_a_cent_more_does(self, state):
        look = seen(refunded=Money(50_000))

        assert policy.freeze(state, look, conceded=Money(50_000)) is None
        assert policy.freeze(state, look, conceded=Money(49_999)) is Freeze.REFUNDED_ELSEWHERE

    @pytest.mark.parametrize("state", [S.REFUNDING, S.REFUNDED])
    def test_a_refund_that_we_asked_for_does_not(self, state):
        assert policy.freeze(state, seen(refunded=PRICE)) is None

    def test_an_open_page_is_nothing_to_freeze(self):
        assert policy.freeze(S.CHECKOUT_OPEN, seen(PaymentStatus.OPEN)) is None


class TestChargedBack:
    def lost(self, taken: Money, **changed) -> PaymentSnapshot:
        one = DisputeSnapshot("du_1", DisputeStatus.LOST, taken=taken, returned=Money(0), fee=Money(1_500))
        return seen(dispute=DisputeStatus.LOST, disputes=(one,), **changed)

    def test_is_what_a_lost_dispute_took_if_that_is_all_that_was_left(self):
        assert policy.charged_back(S.REFUNDING, self.lost(PRICE)) == PRICE
        assert policy.charged_back(S.REFUNDING, self.lost(PRICE - Money(1))) is None
        assert policy.charged_back(S.HELD, self.lost(PRICE - Money(500), refunded=Money(500))) == PRICE - Money(500)

    def test_is_not_said_of_a_bank_that_took_nothing(self):
        assert policy.charged_back(S.REFUNDING, self.lost(Money(0), refunded=PRICE)) is None

    def test_is_not_said_twice(self):
        assert policy.charged_back(S.CHARGED_BACK, self.lost(PRICE)) is None


class TestNextEvent:
    def test_money_is_held_from_the_moment_it_is_available(self):
        look = seen(available_on=NOON)

        assert follow(S.CHECKOUT_OPEN, look, at=NOON - timedelta(seconds=1)) is S.PAID
        assert follow(S.CHECKOUT_OPEN, look, at=NOON) is S.HELD

    @pytest.mark.parametrize("method", [PaymentMethod.CARD, PaymentMethod.BANK_TRANSFER])
    def test_what_cannot_fail_any_more_waits_for_nothing_else(self, method):
        assert policy.release_not_before(seen(method=method), TERMS) == NOON

    def test_a_bank_debit_can_fail_for_five_more_working_days(self):
        debit = seen(method=PaymentMethod.BANK_DEBIT, available_on=FRIDAY)
        next_friday = FRIDAY + timedelta(days=7)

        assert policy.release_not_before(debit, TERMS) == next_friday
        assert follow(S.PROCESSING, debit, at=next_friday - timedelta(seconds=1)) is S.PAID
        assert follow(S.PROCESSING, debit, at=next_friday) is S.HELD

    def test_the_days_of_risk_are_the_houses_to_decide(self):
        debit = seen(method=PaymentMethod.BANK_DEBIT, available_on=FRIDAY)

        assert policy.release_not_before(debit, replace(TERMS, debit_risk_days=0)) == FRIDAY
        assert policy.release_not_before(debit, replace(TERMS, debit_risk_days=1)) == FRIDAY + timedelta(days=3)

    def test_money_of_unknown_availability_is_never_held(self):
        assert follow(S.CHECKOUT_OPEN, seen(available_on=None), at=NOON + timedelta(days=365)) is S.PAID

    def test_money_by_an_unknown_way_is_never_held(self):
        assert follow(S.CHECKOUT_OPEN, seen(method=None), at=NOON + timedelta(days=365)) is S.PAID

    @pytest.mark.parametrize("state", [S.RELEASING, S.RELEASED, S.REFUNDING, S.REFUNDED, S.QUARANTINED])
    @pytest.mark.parametrize("status", PaymentStatus)
    def test_a_late_look_never_moves_anything_back(self, state, status):
        assert follow(state, seen(status)) is state

    @pytest.mark.parametrize("state", [S.PAID, S.HELD])
    @pytest.mark.parametrize("status", sorted(set(PaymentStatus) - {PaymentStatus.SUCCEEDED}))
    def test_paid_stays_paid(self, state, status):
        assert follow(state, seen(status)) is state

    def test_any_order_of_looks_ends_where_the_last_truth_is(self):
        looks = [seen(PaymentStatus.OPEN), seen(PaymentStatus.PROCESSING), seen(), seen()]

        assert {follow(S.CHECKOUT_OPEN, *order, seen()) for order in permutations(looks)} == {S.HELD}

    @given(st.lists(st.sampled_from(PaymentStatus), max_size=8))
    def test_money_that_was_seen_is_not_lost_by_any_later_look(self, statuses):
        state = follow(S.CHECKOUT_OPEN, seen(), *(seen(status) for status in statuses))

        assert state is S.HELD


class TestWaysOfPaying:
    @pytest.mark.parametrize(
        ("minor", "ways"),
        [
            (600_000, {PaymentMethod.CARD, PaymentMethod.BANK_DEBIT, PaymentMethod.BANK_TRANSFER}),
            (600_001, {PaymentMethod.CARD, PaymentMethod.BANK_TRANSFER}),
            (1_500_000, {PaymentMethod.CARD, PaymentMethod.BANK_TRANSFER}),
            (1_500_001, {PaymentMethod.BANK_TRANSFER}),
        ],
    )
    def test_depend_on_the_price(self, minor, ways):
        assert TERMS.methods_for(Money(minor)) == ways


class TestWaiting:
    def test_the_page_closes_with_its_order_as_far_as_the_provider_lets_us(self):
        soon, late = NOON + timedelta(minutes=10), NOON + timedelta(days=3)

        assert policy.closing_time(at=NOON, order_closes_at=soon) == NOON + timedelta(minutes=31)
        assert policy.closing_time(at=NOON, order_closes_at=late) == NOON + timedelta(hours=23)
        in_between = NOON + timedelta(hours=5)
        assert policy.closing_time(at=NOON, order_closes_at=in_between) == in_between

    @pytest.mark.parametrize(
        ("tries", "seconds"), [(0, 10), (1, 20), (2, 40), (11, 20_480), (12, 21_600), (500, 21_600)]
    )
    def test_each_vain_try_waits_longer_up_to_six_hours(self, tries, seconds):
        assert policy.back_off(tries) == timedelta(seconds=seconds)

    def test_an_event_is_overdue_a_quarter_of_an_hour_after_all_its_waiting(self):
        second = timedelta(seconds=1)
        first_due, second_due = timedelta(minutes=15), timedelta(minutes=15, seconds=20)

        assert not policy.event_overdue(received_at=NOON, attempts=0, at=NOON + first_due - second)
        assert policy.event_overdue(received_at=NOON, attempts=0, at=NOON + first_due)
        assert not policy.event_overdue(received_at=NOON, attempts=1, at=NOON + second_due - second)
        assert policy.event_overdue(received_at=NOON, attempts=1, at=NOON + second_due)
