"""Who signed for a device when it came: kept with the order, told where nobody knows them, settled once by staff."""

import pytest
from sqlalchemy import select, text, update

from marketplace.audit import events_about
from marketplace.extensions import db
from marketplace.kernel.errors import Conflict, Invalid, NotFound
from marketplace.notifications.models import Mail
from marketplace.orders import receiving, views
from marketplace.orders import service as orders
from marketplace.orders.handovers import DeliveryReceipt
from marketplace.orders.models import Order
from marketplace.orders.receiving import LONGEST_FINDING, LONGEST_NAME, Signer
from marketplace.orders.states import OrderState
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_member
from tests.factories.orders import make_order, place_and_confirm, the_order
from tests.support import assert_refused_by, count_statements

FOUND = "Rang the clinic at the number of its licence: he is its night porter."


@pytest.fixture
def order_id(in_transit):
    return in_transit.id


@pytest.fixture
def finance():
    return make_staff("finance")


def arrives(order_id, scene, now, *, by=None, **signer):
    orders.report_arrival(order_id=order_id, actor_id=(by or scene.buyer).id, signer=Signer(**signer), at=now)


def receipt_of(order_id) -> DeliveryReceipt | None:
    return db.session.get(DeliveryReceipt, order_id, populate_existing=True)


def told_of(device: str) -> set[str]:
    mails = db.session.scalars(select(Mail).where(Mail.template == "order_news"))
    return {mail.to for mail in mails if mail.context["subject"] == f"Who took the {device}?"}


class TestSigning:
    def test_a_member_who_signed_is_kept_with_their_name(self, scene, order_id, now):
        arrives(order_id, scene, now, member_id=scene.owner.id)

        kept = receipt_of(order_id)
        assert (kept.signed_by, kept.member_id, kept.told_by, kept.told_at, kept.attested) == (
            "Olive Stone", scene.owner.id, scene.buyer.id, now, False,
        )  # fmt: skip
        assert the_order(order_id).state is OrderState.UNDER_INSPECTION
        assert the_order(order_id).moves[-1].cause == "the buyer reported its arrival; Olive Stone signed for it"
        assert told_of(scene.listing.title) == set()
        assert receiving.open_doubts() == []
        assert receiving.doubt_about(order_id) is None

    @pytest.mark.parametrize("name", ["olive stone", "  Olive   Stone, MD ", "OLIVE STONE"])
    def test_a_name_that_is_a_members_counts_as_theirs(self, scene, order_id, now, name):
        arrives(order_id, scene, now, name=name)

        assert receipt_of(order_id).member_id == scene.owner.id
        assert told_of(scene.listing.title) == set()

    def test_of_somebody_else_the_buyer_and_whoever_runs_the_clinic_hear(self, scene, order_id, now):
        arrives(order_id, scene, now, name=" Karl  Brandt ")

        assert (receipt_of(order_id).signed_by, receipt_of(order_id).member_id) == ("Karl Brandt", None)
        assert told_of(scene.listing.title) == {scene.buyer.email, scene.owner.email}
        assert the_order(order_id).state is OrderState.UNDER_INSPECTION  # The seller did what was asked of them.
        (doubt,) = receiving.open_doubts()
        assert doubt == receiving.doubt_about(order_id)
        assert (doubt.order_id, doubt.device, doubt.signed_by, doubt.told_at, doubt.attested, doubt.finding) == (
            order_id, scene.listing.title, "Karl Brandt", now, False, None,
        )  # fmt: skip

    def test_a_colleague_who_has_left_is_somebody_else(self, scene, order_id, now):
        gone = make_user(name="Gina Lost")
        make_member(clinic=scene.clinic, user=gone, left_at=now)
        with pytest.raises(Invalid, match="Choose who signed"):
            arrives(order_id, scene, now, member_id=gone.id)
        arrives(order_id, scene, now, name="Gina Lost")

        assert receipt_of(order_id).member_id is None

    @pytest.mark.parametrize("signer", [{}, {"name": "  "}, {"name": "x" * (LONGEST_NAME + 1)}])
    def test_without_a_name_nothing_has_arrived(self, scene, order_id, now, signer):
        with pytest.raises(Invalid, match="name that stands on the carrier's receipt"):
            arrives(order_id, scene, now, **signer)

        assert receipt_of(order_id) is None
        assert the_order(order_id).state is OrderState.IN_TRANSIT

    def test_the_sellers_people_are_not_the_buyers(self, scene, order_id, now):
        with pytest.raises(Invalid):
            arrives(order_id, scene, now, member_id=scene.seller.id)
        assert receipt_of(order_id) is None

    def test_what_the_carrier_attests_is_marked_as_such(self, scene, order_id, finance, now):
        orders.arrival_by_finance(order_id=order_id, actor_id=finance.id, signer=Signer(name="Karl Brandt"), at=now)

        assert (receipt_of(order_id).attested, receipt_of(order_id).told_by) == (True, finance.id)
        assert told_of(scene.listing.title) == {scene.buyer.email, scene.owner.email}

    def test_nothing_that_is_not_on_its_way_arrives(self, scene, finance, now):
        order_id = make_order("released_to_ship", scene, at=now).id
        for act in (
            lambda: arrives(order_id, scene, now, member_id=scene.buyer.id),
            lambda: orders.arrival_by_finance(
                order_id=order_id, actor_id=finance.id, signer=Signer(name="Karl Brandt"), at=now
            ),
        ):
            with pytest.raises(Conflict):
                act()
        assert receipt_of(order_id) is None

    def test_nothing_arrives_twice(self, scene, order_id, finance, now):
        arrives(order_id, scene, now, member_id=scene.owner.id)
        with pytest.raises(Conflict):
            arrives(order_id, scene, now, name="Karl Brandt")
        with pytest.raises(Conflict):
            orders.arrival_by_finance(order_id=order_id, actor_id=finance.id, signer=Signer(name="Karl Brandt"), at=now)
        assert receipt_of(order_id).signed_by == "Olive Stone"

    def test_the_buying_side_reads_the_name_and_the_seller_does_not(self, scene, order_id, now):
        arrives(order_id, scene, now, name="Karl Brandt")

        assert views.order_for(order_id, user_id=scene.buyer.id).signed_by == "Karl Brandt"
        assert views.order_for_staff(order_id).signed_by == "Karl Brandt"
        assert views.order_for(order_id, user_id=scene.seller.id).signed_by is None


class TestSettling:
    @pytest.fixture
    def doubted(self, scene, order_id, now):
        arrives(order_id, scene, now, name="Karl Brandt")
        return order_id

    def test_a_finding_is_kept_once(self, doubted, finance, now):
        orders.settle_delivery(order_id=doubted, actor_id=finance.id, finding=f" {FOUND} ", at=now)

        assert receiving.open_doubts() == []
        doubt = receiving.doubt_about(doubted)
        assert (doubt.finding, doubt.settled_at) == (FOUND, now)
        event = events_about("order", doubted)[-1]
        assert (event.kind, event.actor_id, event.data) == ("order:delivery_settled", finance.id, {"finding": FOUND})
        with pytest.raises(Conflict, match="settled it already"):
            orders.settle_delivery(order_id=doubted, actor_id=make_staff("finance").id, finding="Another", at=now)
        assert receiving.doubt_about(doubted).finding == FOUND

    @pytest.mark.parametrize("finding", ["", "  ", "x" * (LONGEST_FINDING + 1)])
    def test_a_finding_says_something(self, doubted, finance, now, finding):
        with pytest.raises(Invalid):
            orders.settle_delivery(order_id=doubted, actor_id=finance.id, finding=finding, at=now)
        assert receiving.doubt_about(doubted).settled_at is None

    def test_whoever_noted_the_delivery_does_not_settle_it(self, scene, order_id, finance, now):
        orders.arrival_by_finance(order_id=order_id, actor_id=finance.id, signer=Signer(name="Karl Brandt"), at=now)
        with pytest.raises(Conflict, match="You noted this delivery yourself"):
            orders.settle_delivery(order_id=order_id, actor_id=finance.id, finding=FOUND, at=now)
        assert len(receiving.open_doubts()) == 1

    def test_staff_do_not_settle_what_is_their_own_clinics(self, scene, doubted, finance, now):
        make_member(clinic=scene.clinic, user=finance, left_at=now)
        with pytest.raises(Exception, match="You belong, or belonged"):
            orders.settle_delivery(order_id=doubted, actor_id=finance.id, finding=FOUND, at=now)
        assert len(receiving.open_doubts()) == 1

    def test_where_a_member_signed_there_is_nothing_to_settle(self, scene, order_id, finance, now):
        for arrived in (False, True):
            if arrived:
                arrives(order_id, scene, now, member_id=scene.buyer.id)
            with pytest.raises(NotFound):
                orders.settle_delivery(order_id=order_id, actor_id=finance.id, finding=FOUND, at=now)

    def test_any_number_is_listed_in_one_statement_the_oldest_first(self, doubted, now):
        with count_statements() as sent:
            assert [doubt.order_id for doubt in receiving.open_doubts()] == [doubted]
        assert len(sent) == 1


class TestTheDatabase:
    def test_lets_nothing_arrive_that_nobody_signed_for(self, order_id):
        with assert_refused_by("arrival_names_who_signed"):
            db.session.execute(update(Order).where(Order.id == order_id).values(state=OrderState.UNDER_INSPECTION))

    def test_knows_whom_the_buying_clinic_names(self, scene, order_id, now):
        with assert_refused_by("signer_is_of_the_buying_clinic"):
            db.session.add(
                DeliveryReceipt(
                    order_id=order_id, signed_by="Selma Vogt", member_id=scene.seller.id, told_by=scene.buyer.id,
                    told_at=now, attested=False,
                )
            )  # fmt: skip
            db.session.flush()

    @pytest.mark.parametrize("change", [
        "UPDATE delivery_receipts SET signed_by = 'Olive Stone'",
        "UPDATE delivery_receipts SET member_id = told_by",
        "UPDATE delivery_receipts SET attested = true",
        "DELETE FROM delivery_receipts",
    ])  # fmt: skip
    def test_lets_nobody_change_what_was_told(self, scene, order_id, now, change):
        arrives(order_id, scene, now, name="Karl Brandt")
        with assert_refused_by("delivery_receipts_stay"):
            db.session.execute(text(change))

    def test_lets_nobody_settle_twice(self, scene, order_id, finance, now):
        arrives(order_id, scene, now, name="Karl Brandt")
        orders.settle_delivery(order_id=order_id, actor_id=finance.id, finding=FOUND, at=now)
        with assert_refused_by("delivery_receipts_stay"):
            db.session.execute(text("UPDATE delivery_receipts SET finding = 'Another'"))

    @pytest.mark.parametrize(("values", "rule"), [
        ({"finding": "Known."}, "delivery_receipts_receipt_is_settled_whole"),
        ({"settled_by": "finance", "finding": "Known."}, "delivery_receipts_receipt_is_settled_whole"),
        ({"settled_by": "finance", "settled_at": "now", "finding": " "}, "delivery_receipts_receipt_is_settled_whole"),
        ({"settled_by": "buyer", "settled_at": "now", "finding": "Known."}, "delivery_receipts_nobody_settles_what_they_told"),
    ])  # fmt: skip
    def test_settles_whole_and_by_another(self, scene, order_id, finance, now, values, rule):
        arrives(order_id, scene, now, name="Karl Brandt")
        who = {"finance": finance.id, "buyer": scene.buyer.id, "now": now}
        given = {name: who.get(value, value) for name, value in values.items()}
        with assert_refused_by(rule):
            db.session.execute(update(DeliveryReceipt).values(**given))

    def test_has_nothing_to_settle_where_a_member_signed(self, scene, order_id, finance, now):
        arrives(order_id, scene, now, member_id=scene.buyer.id)
        with assert_refused_by("delivery_receipts_only_a_doubt_is_settled"):
            db.session.execute(update(DeliveryReceipt).values(settled_by=finance.id, settled_at=now, finding="Known."))

    @pytest.mark.parametrize("name", ["", " ", "x" * 201])
    def test_names_the_signer(self, scene, now, name):
        order_id = place_and_confirm(scene, at=now)
        with assert_refused_by("delivery_receipts_signer_is_named"):
            db.session.add(
                DeliveryReceipt(order_id=order_id, signed_by=name, told_by=scene.buyer.id, told_at=now, attested=False)
            )
            db.session.flush()
