"""Findings are kept with both sides' numbers until they are gone; long holds are told of; the desk shows it all."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from marketplace.extensions import db, unit_of_work
from marketplace.jobs import JOBS
from marketplace.kernel.money import Money
from marketplace.notifications.models import Mail
from marketplace.orders import queries as order_queries
from marketplace.orders import service as orders
from marketplace.payments import desk
from marketplace.payments import service as payments
from marketplace.payments.amounts import Account
from marketplace.payments.books import Finding, FindingCode
from marketplace.payments.models import KeptFinding, Payment
from marketplace.payments.states import PaymentState
from tests.factories.accounts import make_staff
from tests.factories.orders import make_order, place_and_confirm, the_order
from tests.factories.payments import do_jobs, hear, onboarded, pay_page, the_payment
from tests.support import assert_refused_by, promised_mails

DAY = timedelta(days=1)


@pytest.fixture
def finance():
    return make_staff("finance")


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


def kept() -> list[KeptFinding]:
    return list(db.session.scalars(select(KeptFinding).order_by(KeptFinding.first_seen_at, KeptFinding.subject)))


def mails_to(person) -> list[dict]:
    return [mail.context for mail in promised_mails(Mail.to == person.email)]


def finding(**changed) -> Finding:
    usual = {"code": FindingCode.BOOKS_DIFFER, "subject": "it", "said": "It differs."}
    return Finding(**(usual | changed))


class TestKeepFindings:
    def test_keeps_each_once_with_the_newest_numbers_and_tells_of_it_once(self, finance, now):
        make_staff("admin")
        first = finding(ours=Money(1), theirs=Money(2))
        payments.keep_findings([first], at=now)
        payments.keep_findings([finding(ours=Money(1), theirs=Money(3))], at=now + DAY)

        (one,) = kept()
        assert (one.ours_minor, one.theirs_minor, one.currency) == (1, 3, "usd")
        assert (one.first_seen_at, one.last_seen_at, one.gone_at) == (now, now + DAY, None)
        assert [mail["lines"] for mail in mails_to(finance)] == [["It differs."]]

    def test_what_is_not_found_any_more_is_gone_and_may_come_back(self, finance, now):
        payments.keep_findings([finding()], at=now)
        payments.keep_findings([], at=now + DAY)
        payments.keep_findings([finding()], at=now + 2 * DAY)

        assert [(one.first_seen_at, one.gone_at) for one in kept()] == [(now, now + DAY), (now + 2 * DAY, None)]
        assert len(mails_to(finance)) == 2

    def test_nothing_found_is_nothing_told(self, finance, now):
        payments.keep_findings([], at=now)

        assert (kept(), mails_to(finance)) == ([], [])

    @pytest.mark.parametrize(
        ("constraint", "values"),
        [
            ("kept_findings_two_sides_or_none", {"ours_minor": 1}),
            ("kept_findings_two_sides_or_none", {"ours_minor": 1, "theirs_minor": 1}),
            ("kept_findings_seen_before_it_is_gone", {"last_seen_at": -1}),
            ("kept_findings_seen_before_it_is_gone", {"gone_at": -1}),
            ("one_open_finding_per_subject", {}),
        ],
    )
    def test_the_database_refuses_what_cannot_be(self, now, constraint, values):
        payments.keep_findings([finding()], at=now)
        moments = {name: now + value * DAY for name, value in values.items() if name.endswith("_at")}
        usual = {
            "subject": "it",
            "code": FindingCode.BOOKS_DIFFER,
            "said": "",
            "first_seen_at": now,
            "last_seen_at": now,
        }
        if values:
            usual["subject"] = "another"

        with assert_refused_by(constraint):
            db.session.add(KeptFinding(**(usual | values | moments)))
            db.session.flush()


class TestCompareBooks:
    def test_agreeing_books_leave_no_finding(self, order_id, local_stripe, now):
        assert orders.compare_books(live=False, at=now + DAY) == []
        assert kept() == []

    def test_news_that_was_lost_is_heard_of_and_is_no_finding(self, scene, now, local_stripe):
        order_id = place_and_confirm(scene, at=now)
        pay_page(order_id, scene.buyer.id, at=now)
        local_stripe.pay_by_card(the_payment(order_id).checkout_id)

        assert orders.compare_books(live=False, at=now + DAY) == []
        assert the_payment(order_id).state is PaymentState.HELD

    def test_a_difference_is_kept_with_both_sides_and_its_order(self, order_id, local_stripe, now, finance):
        db.session.execute(update(Payment).values(refunded_minor=7))
        db.session.commit()

        JOBS["compare_books"]()

        assert {one.code for one in kept()} == {
            FindingCode.STATE_AND_BOOKS_DIFFER,
            FindingCode.MONEY_UNACCOUNTED,
        }
        assert {one.order_id for one in kept()} == {order_id}
        assert len(mails_to(finance)) == 1


class TestCommand:
    def test_says_that_the_books_agree(self, app, order_id):
        result = app.test_cli_runner().invoke(args=["payments", "reconcile"])

        assert result.exit_code == 0
        assert result.output.endswith("The books agree.\n")
        assert "0 out of reach" in result.output

    def test_names_the_differences_and_fails(self, app, order_id, local_stripe):
        local_stripe.sweep()

        result = app.test_cli_runner().invoke(args=["payments", "reconcile"])

        assert result.exit_code == 1
        assert "balance_too_low" in result.output
        assert result.output.endswith("Error: 1 differences are on the finance desk.\n")
        assert [one.code for one in kept()] == [FindingCode.BALANCE_TOO_LOW]


class TestHolds:
    @pytest.mark.parametrize(
        ("days", "told"),
        [
            (44, []),
            (45, ["$42,500 has been held for 45 days. On day 85 somebody must decide."]),
            (85, ["$42,500 has been held for 85 days. Decide now: give it back, or release it."]),
            (89, ["$42,500 has been held for 85 days. Decide now: give it back, or release it."]),
        ],
    )
    def test_finance_is_told_when_an_alarm_is_reached(self, scene, now, finance, days, told):
        order = make_order("in_transit", scene, at=now)

        raised = payments.watch_holds(at=now + days * DAY)

        assert raised == len(told)
        assert [line for mail in mails_to(finance) for line in mail["lines"]] == told
        assert the_payment(order.id).hold_alarm_days == (min(days, 85) if told else None)

    def test_each_alarm_is_told_once(self, scene, now, finance):
        make_order("in_transit", scene, at=now)

        raised = [payments.watch_holds(at=now + days * DAY) for days in (45, 46, 60, 61, 75, 85, 86)]

        assert raised == [1, 0, 1, 0, 1, 1, 0]

    def test_money_that_has_gone_is_nobodys_alarm(self, scene, now, finance):
        make_order("accepted", scene, at=now)
        db.session.execute(update(Payment).values(state=PaymentState.RELEASED))
        JOBS["watch_holds"]()

        assert payments.watch_holds(at=now + 85 * DAY) == 0

    def test_the_database_knows_the_alarms(self, scene, now):
        order = make_order("in_transit", scene, at=now)

        with assert_refused_by("payments_hold_alarm_is_one_of_ours"):
            db.session.execute(update(Payment).where(Payment.order_id == order.id).values(hold_alarm_days=46))


class TestPartialWires:
    def test_what_is_missing_is_known_until_all_of_it_is_here(self, scene, now, local_stripe):
        order_id = place_and_confirm(scene, at=now)
        pay_page(order_id, scene.buyer.id, at=now)
        page = the_payment(order_id).checkout_id
        local_stripe.choose_bank_transfer(page)
        hear(local_stripe)
        assert payments.payment_of(order_id).arrived_in_part is None
        assert desk.tasks(at=now) == []

        local_stripe.money_arrives(page, 1_000_000)
        hear(local_stripe)
        seen = payments.payment_of(order_id)
        assert (seen.outstanding, seen.arrived_in_part) == (Money(3_250_000), Money(1_000_000))
        (task,) = desk.tasks(at=now)
        assert (task.kind, task.amount) == (desk.TaskKind.PARTIAL_WIRE, Money(3_250_000))
        assert task.said == "A bank transfer came in part; $32,500 of $42,500 is still to come."

        local_stripe.money_arrives(page)
        hear(local_stripe)
        assert payments.payment_of(order_id).outstanding is None
        assert desk.tasks(at=now) == []

    @pytest.mark.parametrize("minor", [-1, 4_250_001])
    def test_no_more_is_missing_than_was_asked(self, scene, now, minor):
        order = make_order("funds_held", scene, at=now)

        with assert_refused_by("payments_outstanding_is_within_the_amount"):
            db.session.execute(update(Payment).where(Payment.order_id == order.id).values(outstanding_minor=minor))


class TestDesk:
    def test_lists_what_must_be_decided_first(self, scene, now):
        order = make_order("in_transit", scene, at=now)
        assert desk.tasks(at=now + 44 * DAY) == []

        (held,) = desk.tasks(at=now + 45 * DAY)
        (decide,) = desk.tasks(at=now + 85 * DAY)

        assert (held.kind, held.order_id, held.since) == (desk.TaskKind.HELD_LONG, order.id, now)
        due = now + 85 * DAY
        assert held.said == f"Held for 45 days; somebody must decide by {due:%-d %b %Y}."
        assert (decide.kind, decide.said) == (
            desk.TaskKind.DECIDE,
            "Held for 85 days: give it back or release it now.",
        )
        db.session.execute(update(Payment).values(frozen_reason="fraud_warning"))
        assert [task.kind for task in desk.tasks(at=now + 85 * DAY)] == [desk.TaskKind.DECIDE, desk.TaskKind.FROZEN]

    def test_a_movement_that_does_not_go_through_is_a_task(self, unready, now, local_stripe):
        with unit_of_work():
            payments.request_release(order_id=unready, at=now)
        do_jobs()

        (task,) = desk.tasks(at=now)
        assert (task.kind, task.amount) == (desk.TaskKind.BLOCKED, Money(3_995_000))
        assert task.said == "The release does not go through: the seller cannot be paid: no account."

    def test_the_books_by_line_and_account(self, order_id, scene, now, local_stripe):
        onboarded(local_stripe, scene.seller_clinic.id, at=now)
        with unit_of_work():
            payments.request_release(order_id=order_id, at=now)
        do_jobs()

        lines, more = desk.lines()
        assert (lines[0].kind, len(lines), more) == ("released", 3, False)
        assert lines[0].sides == (
            (Account.HELD, Money(4_250_000)),
            (Account.FEE_REVENUE, Money(-255_000)),
            (Account.PROVIDER_CLEARING, Money(-3_995_000)),
        )
        assert [line.kind for line in desk.lines(account=Account.FEE_REVENUE)[0]] == ["released"]
        assert desk.lines(before=lines[2].id) == ([], False)
        assert [line.id for line in desk.lines(before=lines[0].id)[0]] == [lines[1].id, lines[2].id]
        assert sum(amount.minor for _, amount in desk.balances()) == 0
        assert dict(desk.balances())[Account.FEE_REVENUE] == Money(-255_000)

    def test_pages_of_the_books(self, order_id, monkeypatch):
        monkeypatch.setattr(desk, "PER_PAGE", 1)

        (newest,), more = desk.lines()
        assert more
        assert not desk.lines(before=newest.id)[1]

    def test_the_days_have_what_moved_on_them(self, order_id, scene, now, local_stripe):
        onboarded(local_stripe, scene.seller_clinic.id, at=now)
        with unit_of_work():
            payments.request_release(order_id=order_id, at=now)
        do_jobs()

        before, today = desk.days(last=now.date(), count=2)

        assert (today.received, today.to_sellers) == (Money(4_250_000), Money(3_995_000))
        assert (today.given_back, today.fees) == (Money(0), Money(255_000))
        assert (today.moved, before.moved) == (True, False)

    def test_orders_have_numbers_and_strangers_none(self, order_id):
        assert order_queries.numbers_of({order_id, the_order(order_id).buyer_id}) == {
            order_id: the_order(order_id).number
        }
