"""Our books beside the provider's: equal as multisets, or a finding with both sides' numbers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from marketplace.kernel.money import Money
from marketplace.payments.amounts import Account
from marketplace.payments.books import (
    Finding,
    FindingCode,
    Moved,
    Movement,
    OrderBooks,
    Parts,
    Seen,
    attributed,
    differences,
    inconsistencies,
)
from marketplace.payments.ports import Booking, BookingKind
from marketplace.payments.states import PaymentState

THEN = datetime(2026, 6, 1, 12, tzinfo=UTC)
ORDER, OTHER = UUID(int=7), UUID(int=8)
PRICE, PAYOUT, FEE = Money(100_000), Money(94_000), Money(6_000)


def minus(amount: Money) -> Money:
    return Money(-amount.minor)


def moved(movement: Movement, amount: Money, order_id: UUID = ORDER) -> Moved:
    return Moved(order_id, movement, amount)


def seen(movement: Movement, amount: Money, *, reference: str = "tr_1", at: datetime = THEN) -> Seen:
    return Seen(moved(movement, amount), reference, at)


def found(ours, theirs, *, settled_before=THEN) -> list[Finding]:
    return list(differences(ours, theirs, settled_before=settled_before))


class TestDifferences:
    def test_equal_books_have_none(self):
        ours = [moved(Movement.CHARGE, PRICE), moved(Movement.TRANSFER, minus(PAYOUT))]

        assert found(ours, [Seen(one, "x", THEN) for one in reversed(ours)]) == []

    def test_a_transfer_sent_twice_is_found_though_our_books_balance(self):
        # What a ledger alone cannot reveal.
        (finding,) = found(
            [moved(Movement.TRANSFER, minus(PAYOUT))],
            [seen(Movement.TRANSFER, minus(PAYOUT)), seen(Movement.TRANSFER, minus(PAYOUT), reference="tr_2")],
        )

        assert (finding.code, finding.order_id) == (FindingCode.BOOKS_DIFFER, ORDER)
        assert finding.subject == f"{ORDER}:transfer"
        assert (finding.ours, finding.theirs) == (Money(-94_000), Money(-188_000))
        assert finding.said == "transfer: 1 × -$940 in our books, 2 × -$940 at the provider (tr_1, tr_2)."
        assert str(finding).endswith("(ours -$940, the provider's -$1,880)")

    def test_one_cent_is_a_difference(self):
        (finding,) = found([moved(Movement.CHARGE, PRICE)], [seen(Movement.CHARGE, PRICE - Money(1))])

        assert (finding.ours, finding.theirs) == (PRICE, Money(99_999))

    def test_the_same_sum_in_other_parts_is_a_difference(self):
        halves = [seen(Movement.REFUND, Money(-50_000), reference=name) for name in ("re_1", "re_2")]

        assert [one.code for one in found([moved(Movement.REFUND, minus(PRICE))], halves)] == [FindingCode.BOOKS_DIFFER]

    @pytest.mark.parametrize(("after", "findings"), [(0, 1), (1, 0)])
    def test_what_just_happened_there_may_still_be_on_its_way_here(self, after, findings):
        young = seen(Movement.CHARGE, PRICE, at=THEN + timedelta(seconds=after))

        assert len(found([], [young])) == findings

    def test_nothing_excuses_what_is_in_our_books_only(self):
        (finding,) = found([moved(Movement.REFUND, minus(PRICE))], [], settled_before=THEN - timedelta(days=9))

        assert finding.said == "refund: 1 × -$1,000 in our books, nothing at the provider."

    def test_many_names_are_cut_short(self):
        (finding,) = found([], [seen(Movement.REFUND, Money(-1), reference=f"re_{n}") for n in range(6)])

        assert finding.said.endswith("(re_0, re_1, re_2, re_3, re_4, …).")


CHARGE = Booking("txn_1", BookingKind.CHARGE, PRICE, Money(2_930), "ch_1", "ch_1", ORDER, THEN)


class TestAttributed:
    def test_a_charge_brings_its_fee(self):
        theirs, strange = attributed([CHARGE])

        assert strange == []
        assert [(one.moved, one.reference) for one in theirs] == [
            (moved(Movement.CHARGE, PRICE), "ch_1"),
            (moved(Movement.PROVIDER_FEE, Money(-2_930)), "txn_1"),
        ]

    def test_what_names_only_its_charge_or_transfer_finds_the_order_in_any_order(self):
        transfer = Booking("txn_2", BookingKind.TRANSFER, minus(PAYOUT), Money(0), "tr_1", "tr_1", ORDER, THEN)
        back = Booking("txn_3", BookingKind.REVERSAL, PAYOUT, Money(0), "trr_1", "tr_1", None, THEN)
        refund = Booking("txn_4", BookingKind.REFUND, minus(PRICE), Money(0), None, "ch_1", None, THEN)

        theirs, strange = attributed([refund, back, transfer, replace(CHARGE, fee=Money(0))])

        assert strange == []
        assert [(one.moved.movement, one.moved.order_id, one.reference) for one in theirs] == [
            (Movement.REFUND, ORDER, "txn_4"),
            (Movement.REVERSAL, ORDER, "trr_1"),
            (Movement.TRANSFER, ORDER, "tr_1"),
            (Movement.CHARGE, ORDER, "ch_1"),
        ]

    def test_money_moved_for_no_order_is_a_finding(self):
        (finding,) = attributed([replace(CHARGE, order_id=None)])[1]

        assert (finding.code, finding.subject, finding.theirs) == (FindingCode.NOT_OURS, "txn_1", PRICE)
        assert str(finding) == (
            "not_ours: txn_1: The provider booked $1,000 (charge, ch_1) for no order of ours."
            " (ours $0, the provider's $1,000)"
        )

    def test_payouts_of_our_own_are_nobodys(self):
        payout = Booking("txn_9", BookingKind.OTHER, Money(-5), Money(0), "po_1", None, None, THEN)

        assert attributed([payout]) == ([], [])


PART = Money(10_000)
NO_PARTS = Parts(decided=Money(0), covered=Money(0), sent=Money(0))
HELD = OrderBooks(
    order_id=ORDER,
    state=PaymentState.HELD,
    received=PRICE,
    transferred=Money(0),
    reversed=Money(0),
    refunded=Money(0),
    conceded=Money(0),
    surplus=Money(0),
    parts=NO_PARTS,
    balances={Account.HELD: minus(PRICE), Account.PROVIDER_CLEARING: PRICE},
    moved={Movement.CHARGE: PRICE},
)
RELEASED = replace(
    HELD,
    state=PaymentState.RELEASED,
    transferred=PAYOUT,
    balances={Account.HELD: Money(0), Account.FEE_REVENUE: minus(FEE), Account.PROVIDER_CLEARING: FEE},
    moved={Movement.CHARGE: PRICE, Movement.TRANSFER: minus(PAYOUT)},
)


class TestInconsistencies:
    @pytest.mark.parametrize(
        "order",
        [
            HELD,
            RELEASED,
            replace(HELD, state=PaymentState.RELEASING),
            replace(
                HELD,
                state=PaymentState.REFUNDING,
                balances={Account.REFUND_PENDING: minus(PRICE), Account.PROVIDER_CLEARING: PRICE},
            ),
            replace(
                HELD,
                state=PaymentState.REFUNDED,
                refunded=PRICE,
                surplus=Money(0),
                balances={},
                moved={Movement.CHARGE: PRICE, Movement.REFUND: minus(PRICE)},
            ),
            # A tenth is on its way back before the seller is paid, and after it was taken back from them.
            replace(
                HELD,
                conceded=PART,
                parts=Parts(decided=PART, covered=Money(0), sent=PART),
                balances={Account.HELD: minus(PRICE - PART), Account.REFUND_PENDING: minus(PART)},
            ),
            replace(
                RELEASED,
                reversed=PART,
                conceded=PART,
                parts=Parts(decided=PART, covered=PART, sent=Money(0)),
                balances={**RELEASED.balances, Account.HELD: minus(PART)},
                moved={**RELEASED.moved, Movement.REVERSAL: PART},
            ),
            replace(HELD, state=PaymentState.CHECKOUT_OPEN, received=Money(0), balances={}, moved={}),
        ],
        ids=lambda order: order.state,
    )
    def test_a_sale_as_it_should_be_has_none(self, order):
        assert list(inconsistencies(order)) == []

    @pytest.mark.parametrize("field", ["received", "transferred", "reversed", "refunded"])
    def test_the_payment_says_what_the_ledger_says(self, field):
        wrong = replace(RELEASED, **{field: getattr(RELEASED, field) + Money(1)})

        assert FindingCode.STATE_AND_BOOKS_DIFFER in {one.code for one in inconsistencies(wrong)}

    def test_what_goes_back_in_parts_is_what_the_parts_come_to(self):
        (finding,) = inconsistencies(replace(HELD, conceded=PART))

        assert (finding.code, finding.subject) == (FindingCode.STATE_AND_BOOKS_DIFFER, f"{ORDER}:parts")
        assert finding.said == "The payment says $100 goes back in parts; the parts come to $0."

    def test_money_that_went_nowhere_is_found(self):
        short = replace(RELEASED, balances={**RELEASED.balances, Account.FEE_REVENUE: Money(-5_999)})

        (finding,) = inconsistencies(short)
        assert finding.code is FindingCode.MONEY_UNACCOUNTED
        assert finding.said == (
            "$1,000 came in; the seller's part, our fee, refunds, what banks took back and what is held come to $999.99."
        )

    @pytest.mark.parametrize("state", [PaymentState.RELEASED, PaymentState.REFUNDED])
    def test_money_that_is_held_after_the_end_is_found(self, state):
        (finding,) = inconsistencies(replace(HELD, state=state))

        assert finding.subject == f"{ORDER}:held"
        assert finding.said == f"A payment that is {state} must hold $0; the ledger holds $1,000."
