"""A seller's statement: what each order earned, on the page, in the table and on paper."""

from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from sqlalchemy import text as sql
from sqlalchemy import update

from marketplace.extensions import db
from marketplace.kernel.money import Money
from marketplace.kernel.terms import ClinicRole
from marketplace.payments import statements
from marketplace.payments.models import Payment
from marketplace.payments.states import PaymentState
from marketplace.web import payouts_pdf
from tests.factories.accounts import make_user
from tests.factories.clinics import make_member
from tests.factories.orders import make_order
from tests.factories.payments import make_payment
from tests.pages import browser_of, text
from tests.support import count_statements

PRICE, PAYOUT, NOTHING = Money(4_250_000), Money(3_995_000), Money(0)


@pytest.fixture
def as_(app):
    return partial(browser_of, app)


@pytest.fixture
def clinic_id(scene):
    return scene.seller_clinic.id


def entry(clinic_id, **values) -> statements.Entry:
    if values:
        db.session.execute(update(Payment).values(**values))
    (one,) = statements.statement(clinic_id).entries
    return one


class TestStatement:
    def test_money_that_waits_is_earned_and_held(self, scene, clinic_id, now):
        order = make_order("funds_held", scene, at=now)

        one = entry(clinic_id)

        assert (one.order_id, one.received_at, one.price, one.fee) == (order.id, now, PRICE, Money(255_000))
        assert (one.earned, one.held, one.paid, one.reversed, one.owed) == (PAYOUT, PAYOUT, NOTHING, NOTHING, NOTHING)
        assert (one.paid_at, one.transfer) == (None, None)

    @pytest.mark.parametrize(
        ("values", "earned", "kept", "paid", "back", "owed"),
        [
            ({"state": "released", "transferred_minor": PAYOUT.minor}, PAYOUT, NOTHING, PAYOUT, NOTHING, NOTHING),
            ({"state": "reversing", "transferred_minor": PAYOUT.minor}, PAYOUT, NOTHING, PAYOUT, NOTHING, NOTHING),
            (
                {"state": "refunding", "transferred_minor": PAYOUT.minor, "reversed_minor": PAYOUT.minor},
                NOTHING, NOTHING, PAYOUT, PAYOUT, NOTHING,
            ),
            (
                {"state": "refunding", "transferred_minor": PAYOUT.minor, "fronted_minor": PAYOUT.minor},
                NOTHING, NOTHING, PAYOUT, NOTHING, PAYOUT,
            ),
            ({"state": "charged_back", "transferred_minor": PAYOUT.minor}, NOTHING, NOTHING, PAYOUT, NOTHING, PAYOUT),
            ({"state": "charged_back"}, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING),
            ({"state": "refunded", "refunded_minor": PRICE.minor}, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING),
        ],
    )  # fmt: skip
    def test_each_end_to_the_cent(self, scene, clinic_id, now, values, earned, kept, paid, back, owed):
        make_order("funds_held", scene, at=now)

        one = entry(clinic_id, **(values | {"state": PaymentState(values["state"])}))

        assert (one.earned, one.held, one.paid, one.reversed, one.owed) == (earned, kept, paid, back, owed)

    def test_a_release_names_its_transfer_and_day(self, scene, clinic_id, now):
        make_order("accepted", scene, at=now)
        db.session.execute(sql("UPDATE money_intents SET state = 'done', reference = 'tr_1', done_at = now()"))

        one = entry(clinic_id)

        assert one.transfer == "tr_1"
        assert one.paid_at is not None

    def test_what_was_never_paid_is_on_no_statement(self, scene, clinic_id, now):
        make_order("awaiting_payment", scene, at=now)

        assert statements.statement(clinic_id).entries == ()
        assert set(statements.statement(clinic_id).totals.values()) == {NOTHING}


class TestPages:
    def test_the_page_the_table_and_the_paper_say_the_same(self, scene, clinic_id, as_, now):
        order = make_order("accepted", scene, at=now)
        db.session.execute(update(Payment).values(state=PaymentState.RELEASED, transferred_minor=PAYOUT.minor))
        db.session.execute(sql("UPDATE money_intents SET state = 'done', reference = 'tr_1', done_at = now()"))
        seller = as_(scene.seller)

        page = text(seller.get(f"/sales/payouts/{clinic_id}"))
        assert f"Order {order.number}" in page
        assert page.count("$39,950") >= 4
        assert f"/sales/payouts/{clinic_id}" in text(seller.get("/sales"))

        header, row = seller.get(f"/sales/payouts/{clinic_id}.csv").get_data(as_text=True).splitlines()
        assert header.endswith(
            "order,received,price,given_back,our_fee,earned,held,paid,taken_back,owed,paid_on,transfer,currency"
        )
        day = now.date().isoformat()
        assert row == f"{order.number},{day},4250000,0,255000,3995000,0,3995000,0,0,{day},tr_1,usd"

        paper = seller.get(f"/sales/payouts/{clinic_id}.pdf")
        assert (paper.status_code, paper.mimetype) == (200, "application/pdf")
        assert paper.data.startswith(b"%PDF-")
        assert paper.headers["Cache-Control"] == "private, no-store"
        lines = payouts_pdf.table_of(statements.statement(clinic_id), {order.id: order.number})
        assert lines[1][:6] == (str(order.number), lines[1][1], "$42,500", "$0", "$2,550", "$39,950")
        assert lines[-1] == ("Total", "", "$42,500", "$0", "", "$39,950", "$0", "$39,950", "$0", "$0", "")

    def test_long_ones_are_turned_page_by_page_and_their_sums_are_of_all(self, scene, clinic_id, as_, now, monkeypatch):
        order = make_order("accepted", scene, at=now)
        db.session.execute(update(Payment).values(state=PaymentState.RELEASED, transferred_minor=PAYOUT.minor))
        for days in range(1, 5):  # Tries that ended stand beside the one that counts; here they brought money, too.
            late = now + timedelta(days=90 - days)
            make_payment(
                order, state="failed", at=now, received_minor=PRICE.minor, transferred_minor=PAYOUT.minor,
                hold_deadline=late,
            )  # fmt: skip
        monkeypatch.setattr(statements, "PER_PAGE", 2)
        seller = as_(scene.seller)
        address = f"/sales/payouts/{clinic_id}"
        with count_statements() as sent:
            pages = [text(seller.get(address))]
        assert len([one for one in sent if "FROM payments" in one or "FROM payee_totals" in one]) == 2
        ids = [one.payment_id for one in statements.statement(clinic_id).entries]
        older = [f"{address}?before={ids[place]}" for place in (1, 3)]
        pages += [text(seller.get(one)) for one in older]

        assert [page.count(f"Order {order.number}") for page in pages] == [2, 2, 1]
        assert all("$199,750" in page for page in pages)  # Five times $39,950.
        assert [f'href="{older[0]}" rel="next">Older' in page for page in pages] == [True, False, False]
        assert [f'href="{older[1]}" rel="next">Older' in page for page in pages] == [False, True, False]
        assert [f'href="{address}">Newest' in page for page in pages] == [False, True, True]
        shown = [statements.page_of_statement(clinic_id, before=one).entries for one in (None, ids[1], ids[3])]
        assert [one.payment_id for entries in shown for one in entries] == ids
        for nowhere in (ids[-1], uuid4()):
            assert seller.get(f"{address}?before={nowhere}").headers["Location"] == address
        assert len(seller.get(f"/sales/payouts/{clinic_id}.csv").get_data(as_text=True).splitlines()) == 6

    def test_money_that_waits_has_no_day_of_payment(self, scene, clinic_id, as_, now):
        order = make_order("funds_held", scene, at=now)

        rows = as_(scene.seller).get(f"/sales/payouts/{clinic_id}.csv").get_data(as_text=True).splitlines()
        assert rows[1].endswith(",3995000,3995000,0,0,0,,,usd")
        assert payouts_pdf.table_of(statements.statement(clinic_id), {order.id: 1})[1][-1] == "not yet"

    def test_an_empty_one_says_so(self, scene, clinic_id, as_):
        assert "Nothing earned yet" in text(as_(scene.seller).get(f"/sales/payouts/{clinic_id}"))

    @pytest.mark.parametrize("ending", ["", ".csv", ".pdf"])
    def test_is_for_those_in_charge_of_the_clinic(self, scene, clinic_id, as_, ending):
        technician = make_user()
        make_member(clinic=scene.seller_clinic, user=technician, role=ClinicRole.TECHNICIAN)
        address = f"/sales/payouts/{clinic_id}{ending}"

        assert as_(scene.seller).get(address).status_code == 200
        assert as_(technician).get(address).status_code == 403
        assert as_(scene.buyer).get(address).status_code == 404
