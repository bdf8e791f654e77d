"""What can happen to an order, whose act it is, and what each side may know; and what is signed and told."""

from datetime import UTC, datetime
from itertools import product

import pytest

from marketplace.kernel.machine import IllegalMove
from marketplace.kernel.money import Money
from marketplace.kernel.terms import ProcedureClass
from marketplace.orders import hold_wording, money_wording, wording
from marketplace.orders.access import (
    ACTS,
    Act,
    Party,
    acts_of,
    event_of,
    may,
    may_know_the_buyer,
    may_know_the_serial,
    stopped_by_a_hold,
)
from marketplace.orders.states import (
    ENDED_WITHOUT_SALE,
    MONEY_HELD,
    ORDER,
    TRANSFERRED,
    UNSHIPPED,
    OrderEvent,
    OrderState,
)
from marketplace.ripple import Cause

S, E, P = OrderState, OrderEvent, Party
SELLER, BUYER = frozenset({P.SELLER}), frozenset({P.BUYER})
TOLD = wording.Told(number=10001, device="Candela GentleMax Pro", price=Money(4_250_000))


class TestTable:
    @pytest.mark.parametrize(("state", "event"), list(product(OrderState, OrderEvent)))
    def test_a_move_is_listed_or_refused(self, state, event):
        if event in ORDER.events_from(state):
            assert ORDER.after(state, event) in OrderState
        else:
            with pytest.raises(IllegalMove):
                ORDER.after(state, event)

    @pytest.mark.parametrize("state", sorted(ENDED_WITHOUT_SALE))
    def test_the_ends_are_ends(self, state):
        assert ORDER.events_from(state) == ()

    def test_every_state_but_the_first_can_be_reached(self):
        reached = {ORDER.after(state, event) for state in S for event in ORDER.events_from(state)}

        assert reached == set(S) - {S.AWAITING_PRACTITIONER}

    def test_the_device_leaves_only_after_the_release_to_ship(self):
        assert ORDER.sources_of(E.DISPATCHED) == (S.RELEASED_TO_SHIP,)
        assert ORDER.sources_of(E.SHIP_RELEASED) == (S.FUNDS_HELD,)

    def test_money_goes_back_before_the_device_has_left_or_when_the_sale_is_complete(self):
        assert set(ORDER.sources_of(E.REFUND_STARTED)) == {
            S.HELD_NOT_CLEARED,
            S.FUNDS_HELD,
            S.RELEASED_TO_SHIP,
            S.SETTLED,
        }

    def test_an_order_with_money_is_not_cancelled(self):
        assert not any(ORDER.allows(state, E.CANCELLED) for state in MONEY_HELD)


class TestActs:
    @pytest.mark.parametrize(
        ("state", "party", "acts"),
        [
            (S.AWAITING_PRACTITIONER, P.PRACTITIONER, (Act.CONFIRM,)),
            (S.AWAITING_PRACTITIONER, P.BUYER, (Act.CANCEL,)),
            (S.AWAITING_PRACTITIONER, P.SELLER, (Act.CANCEL,)),
            (S.AWAITING_PAYMENT, P.BUYER, (Act.PAY, Act.CANCEL)),
            (S.AWAITING_PAYMENT, P.PRACTITIONER, ()),
            (S.PAYMENT_PROCESSING, P.BUYER, ()),
            (S.HELD_NOT_CLEARED, P.BUYER, (Act.RETRY_CLEARANCE,)),
            (S.HELD_NOT_CLEARED, P.SELLER, (Act.REFUND,)),
            (S.FUNDS_HELD, P.SELLER, (Act.RELEASE_TO_SHIP, Act.REFUND)),
            (S.FUNDS_HELD, P.BUYER, ()),
            (S.RELEASED_TO_SHIP, P.SELLER, (Act.DISPATCH, Act.REFUND)),
            (S.IN_TRANSIT, P.BUYER, (Act.REPORT_ARRIVAL,)),
            (S.IN_TRANSIT, P.SELLER, ()),
            (S.UNDER_INSPECTION, P.BUYER, (Act.ACCEPT,)),
            (S.UNDER_INSPECTION, P.SELLER, ()),
            (S.UNDER_INSPECTION, P.FINANCE, ()),
            (S.ACCEPTED, P.BUYER, ()),
            (S.FUNDS_HELD, P.FINANCE, (Act.REFUND,)),
            (S.IN_TRANSIT, P.FINANCE, (Act.REPORT_ARRIVAL,)),
        ],
    )
    def test_each_side_has_its_own(self, state, party, acts):
        assert acts_of(state, frozenset({party})) == acts

    @pytest.mark.parametrize("party", [P.OPERATOR, P.BUYING_CLINIC])
    @pytest.mark.parametrize("state", OrderState)
    def test_operators_and_managers_look_and_do_not_act(self, state, party):
        assert acts_of(state, frozenset({party})) == ()

    @pytest.mark.parametrize("state", OrderState)
    def test_a_stranger_has_none(self, state):
        assert acts_of(state, frozenset()) == ()

    @pytest.mark.parametrize("act", ACTS)
    def test_every_act_belongs_to_somebody_and_can_happen_somewhere(self, act):
        event, whose = ACTS[act]

        assert event_of(act) is event
        assert whose
        assert ORDER.sources_of(event)
        assert all(may(act, frozenset({party})) is (party in whose) for party in Party)

    @pytest.mark.parametrize("state", OrderState)
    def test_no_button_promises_what_the_table_forbids(self, state):
        everybody = frozenset(Party)

        assert all(ORDER.allows(state, event_of(act)) for act in acts_of(state, everybody))


class TestHolds:
    @pytest.mark.parametrize(
        ("state", "party", "acts"),
        [
            (S.AWAITING_PRACTITIONER, P.PRACTITIONER, (Act.CONFIRM,)),
            (S.AWAITING_PAYMENT, P.BUYER, (Act.CANCEL, Act.ASK_AGAIN)),
            (S.AWAITING_PAYMENT, P.BUYING_CLINIC, (Act.ASK_AGAIN,)),
            (S.HELD_NOT_CLEARED, P.BUYER, (Act.ASK_AGAIN,)),
            (S.FUNDS_HELD, P.SELLER, (Act.REFUND,)),
            (S.FUNDS_HELD, P.FINANCE, (Act.REFUND, Act.ASK_AGAIN)),
            (S.RELEASED_TO_SHIP, P.SELLER, (Act.REFUND,)),
            (S.RELEASED_TO_SHIP, P.OPERATOR, ()),
            (S.IN_TRANSIT, P.BUYER, (Act.REPORT_ARRIVAL,)),
            (S.CANCELLED, P.BUYER, ()),
        ],
    )
    def test_a_hold_closes_what_brings_the_device_nearer_and_opens_the_asking_again(self, state, party, acts):
        assert acts_of(state, frozenset({party}), held=True) == acts

    def test_exactly_these_acts_wait_for_it(self):
        assert {act for act in ACTS if stopped_by_a_hold(act)} == {
            Act.PAY,
            Act.RETRY_CLEARANCE,
            Act.RELEASE_TO_SHIP,
            Act.DISPATCH,
        }

    @pytest.mark.parametrize("party", Party)
    def test_the_buying_side_and_staff_ask_again(self, party):
        assert may(Act.ASK_AGAIN, frozenset({party})) is (party in {P.BUYER, P.BUYING_CLINIC, P.FINANCE})

    def test_what_can_be_held_back_and_what_has_left_are_told_apart(self):
        left = {S.IN_TRANSIT, S.UNDER_INSPECTION, S.ACCEPTED, S.SETTLED}
        assert left == TRANSFERRED
        assert set(OrderState) - left - ENDED_WITHOUT_SALE - {S.REFUNDING} == UNSHIPPED

    @pytest.mark.parametrize("cause", Cause)
    def test_every_cause_has_a_cure_that_the_buyer_reads_and_the_seller_does_not(self, cause):
        to_buyer = hold_wording.held_to_buyer(TOLD, words="It was lost.", cause=cause, paid=True)
        to_seller = hold_wording.held_to_seller(TOLD)

        assert to_buyer.lines[:3] == (
            "It was lost.",
            "Your payment is safe with us and has not gone to the seller.",
            hold_wording.CURES[cause],
        )
        assert "It was lost." not in " ".join(to_seller.lines)

    def test_whoever_has_not_paid_reads_that_nothing_was_charged(self):
        unpaid = hold_wording.held_to_buyer(TOLD, words="It was lost.", cause=Cause.SITE_CLOSED, paid=False)

        assert unpaid.lines[1] == "Nothing was charged."


class TestKnowing:
    def test_the_seller_learns_who_buys_once_the_money_is_held(self):
        known = {state for state in OrderState if may_know_the_buyer(state, SELLER)}

        assert known == {
            S.FUNDS_HELD,
            S.RELEASED_TO_SHIP,
            S.IN_TRANSIT,
            S.UNDER_INSPECTION,
            S.ACCEPTED,
            S.SETTLED,
        }

    @pytest.mark.parametrize("state", OrderState)
    def test_the_buying_side_and_staff_always_know(self, state):
        assert all(may_know_the_buyer(state, frozenset({party})) for party in set(Party) - {P.SELLER})
        assert may_know_the_buyer(state, SELLER | BUYER)

    def test_the_buyer_learns_the_serial_number_once_they_paid(self):
        hidden = {state for state in OrderState if not may_know_the_serial(state, BUYER)}

        assert hidden == {
            S.AWAITING_PRACTITIONER,
            S.AWAITING_PAYMENT,
            S.PAYMENT_PROCESSING,
            S.CANCELLED,
            S.LAPSED,
            S.REFUNDING,
            S.REFUNDED,
        }

    @pytest.mark.parametrize("state", OrderState)
    def test_the_practitioner_orders_by_the_serial_number(self, state):
        assert may_know_the_serial(state, frozenset({P.PRACTITIONER}))
        assert may_know_the_serial(state, SELLER)


class TestStatement:
    def test_names_the_very_unit_the_place_and_the_uses(self):
        signed = wording.statement_of(
            practitioner="Dana Reyes",
            maker="Candela",
            model="GentleMax Pro",
            serial="SN-00017",
            clinic="Lone Star Skin",
            site="Main Street, Austin, TX",
            uses=[ProcedureClass.HAIR_NONABLATIVE, ProcedureClass.TATTOO],
            required=["I supervise the operator."],
        )

        assert signed == (
            "I, Dana Reyes, order the Candela GentleMax Pro, serial number SN-00017, for Lone Star Skin at"
            " Main Street, Austin, TX, for hair removal, tattoo removal, for use in the course of my professional"
            " practice. I supervise the operator."
        )

    def test_says_so_when_no_use_was_declared(self):
        signed = wording.statement_of(
            practitioner="D",
            maker="M",
            model="X",
            serial="1",
            clinic="C",
            site="S",
            uses=[],
            required=[],
        )

        assert signed == (
            "I, D, order the M X, serial number 1, for C at S, for every use that the device enables,"
            " for use in the course of my professional practice."
        )


class TestInspection:
    @pytest.mark.parametrize(
        ("arrived", "ends"),
        [
            # Central time, UTC-5 in June: the day ends at 05:00 UTC.
            (datetime(2026, 6, 1, 17, tzinfo=UTC), datetime(2026, 6, 5, 5, tzinfo=UTC)),  # Monday -> Thursday
            (datetime(2026, 6, 5, 17, tzinfo=UTC), datetime(2026, 6, 11, 5, tzinfo=UTC)),  # Friday -> Wednesday
            (datetime(2026, 6, 6, 17, tzinfo=UTC), datetime(2026, 6, 11, 5, tzinfo=UTC)),  # Saturday -> Wednesday
            (datetime(2026, 6, 2, 4, 59, tzinfo=UTC), datetime(2026, 6, 5, 5, tzinfo=UTC)),  # still Monday there
            (datetime(2026, 6, 2, 5, 0, tzinfo=UTC), datetime(2026, 6, 6, 5, tzinfo=UTC)),  # Tuesday
            (
                datetime(2026, 6, 17, 17, tzinfo=UTC),
                datetime(2026, 6, 24, 5, tzinfo=UTC),
            ),  # before Juneteenth, a Friday
        ],
    )
    def test_lasts_to_the_end_of_the_third_business_day_where_the_device_stands(self, arrived, ends):
        assert wording.inspection_end(arrived, "America/Chicago") == ends


NEWS = [
    wording.placed_to_seller(TOLD),
    wording.placed_to_practitioner(TOLD, buyer="Alice Martin"),
    wording.confirmed_to_buyer(TOLD, practitioner="Dana Reyes"),
    money_wording.paid_to_buyer(TOLD),
    money_wording.paid_to_seller(TOLD),
    hold_wording.not_cleared_to_buyer(TOLD, against=["The licence has expired."], paid=True),
    hold_wording.not_cleared_to_buyer(TOLD, against=["The licence has expired."], paid=False),
    money_wording.payment_failed_to_buyer(TOLD),
    wording.dispatched_to_buyer(TOLD, carrier="ArcBest", tracking="1Z 99"),
    wording.arrived_to_seller(TOLD),
    wording.accepted_to_seller(TOLD, payout=Money(3_995_000)),
    money_wording.settled_to_seller(TOLD, payout=Money(3_995_000)),
    wording.ended(TOLD, reason="The buyer cancelled the order before it was paid."),
    money_wording.refund_started(TOLD, amount=TOLD.price, reason="The seller gave the payment back."),
    money_wording.paid_too_late_to_buyer(TOLD),
    hold_wording.held_to_buyer(TOLD, words="It was lost.", cause=Cause.SITE_CLOSED, paid=True),
    hold_wording.held_to_seller(TOLD),
    hold_wording.lifted(TOLD),
]


class TestNews:
    @pytest.mark.parametrize("news", NEWS, ids=lambda news: news.subject)
    def test_each_names_the_device_and_one_thing_to_do(self, news):
        assert "Candela GentleMax Pro" in news.subject
        assert "\n" not in news.subject
        assert news.action
        assert all(news.lines)

    def test_the_seller_is_not_told_who_buys(self):
        assert wording.placed_to_seller(TOLD).lines[0] == (
            "A buyer who is cleared for it has ordered your Candela GentleMax Pro for $42,500."
        )

    def test_money_that_waits_is_said_to_wait(self):
        assert "Your payment is held until you accept the device." in money_wording.paid_to_buyer(TOLD).lines[0]
        held, free = NEWS[5], NEWS[6]
        assert "Your payment is safe with us" in held.lines[0]
        assert "Nothing was charged" in free.lines[0]
