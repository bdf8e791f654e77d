"""From the promise to the payment page: the gate first, one buyer, nothing half done."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text, update

from marketplace.eligibility.models import EligibilityDecision, Moment
from marketplace.eligibility.reasons import ReasonCode
from marketplace.eligibility.verdict import Statement
from marketplace.extensions import db
from marketplace.kernel.errors import Invalid, NotFound
from marketplace.kernel.machine import IllegalMove
from marketplace.kernel.money import Money
from marketplace.kernel.terms import ClinicRole, ProcedureClass
from marketplace.listings.models import Listing
from marketplace.listings.service import ListingTaken
from marketplace.listings.states import ListingState
from marketplace.notifications.models import Mail
from marketplace.orders import confirming, placing, queries, steps, views
from marketplace.orders import service as orders
from marketplace.orders.models import Order
from marketplace.orders.states import OrderState
from marketplace.payments import service as payments
from marketplace.payments.amounts import Rate
from marketplace.payments.ports import GatewayUnknown
from marketplace.payments.queries import payment_of
from marketplace.payments.states import PaymentState
from tests.factories.accounts import make_user
from tests.factories.clinics import make_clinic, make_member, make_site
from tests.factories.credentials import make_credential
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.orders import make_order, make_scene, place, place_and_confirm, the_order
from tests.factories.payments import do_jobs, hear, make_payment, pay_page, the_payment
from tests.support import count_statements, promised_jobs


def subjects(template="order_news") -> list[str]:
    mails = db.session.scalars(select(Mail).where(Mail.template == template).order_by(Mail.promised_at, Mail.to))
    return sorted(mail.context["subject"] for mail in mails)


def count(model) -> int:
    return db.session.scalar(select(func.count()).select_from(model))


def revoke(credential) -> None:
    db.session.execute(
        text("UPDATE credentials SET state = 'revoked', reason = 'the register says so' WHERE id = :id"),
        {"id": credential.id},
    )
    db.session.commit()


def state_of(scene) -> ListingState:
    return db.session.get_one(Listing, scene.listing.id, populate_existing=True).state


class TestPlace:
    def test_our_fee_does_not_fall_below_its_least_and_both_are_frozen(self, scene, now):
        order = the_order(place(scene, at=now, rate=Rate(600, Money(300_000))))

        assert (order.fee_minor, order.fee_bps, order.fee_least_minor) == (300_000, 600, 300_000)
        paid = make_payment(order, state="held", at=now)
        assert payment_of(order.id).payout == Money(3_950_000)
        assert (paid.fee_bps, paid.fee_least_minor) == (600, 300_000)

    def test_promises_the_device_for_72_hours(self, scene, now):
        order = the_order(place(scene, at=now))

        assert order.state is OrderState.AWAITING_PRACTITIONER
        assert (order.price_minor, order.fee_minor, order.fee_bps) == (4_250_000, 255_000, 600)
        assert order.expires_at == now + timedelta(hours=72)
        assert state_of(scene) is ListingState.RESERVED
        (decision,) = db.session.scalars(select(EligibilityDecision)).all()
        assert (order.decision_id, decision.moment, decision.cleared) == (decision.id, Moment.ORDER, True)
        (placed,) = order.moves
        assert (placed.event, placed.state, placed.actor_id) == (None, "awaiting_practitioner", scene.buyer.id)
        title = scene.listing.title
        assert subjects() == [f"Please confirm the order of a {title}", f"Your {title} is reserved"]

    def test_refuses_a_lapsed_licence_and_changes_nothing_but_keeps_the_answer(self, scene, now):
        scene.licence.expires_on = (now - timedelta(days=2)).date()
        db.session.commit()

        with pytest.raises(orders.NotCleared) as refusal:
            place(scene, at=now)

        assert [one.code for one in refusal.value.verdict.objections] == [ReasonCode.EXPIRED]
        assert count(Order) == 0
        assert state_of(scene) is ListingState.PUBLISHED
        assert promised_jobs() == []
        (kept,) = db.session.scalars(select(EligibilityDecision)).all()
        assert (kept.id, kept.cleared) == (refusal.value.decision_id, False)

    def test_the_same_form_twice_is_one_order(self, scene, now):
        key = uuid4()

        assert place(scene, at=now, form_key=key) == place(scene, at=now, form_key=key)
        assert count(Order) == 1
        assert count(EligibilityDecision) == 1

    def test_the_same_form_of_somebody_else_is_not_theirs(self, scene, now):
        key = uuid4()
        place(scene, at=now, form_key=key)
        other = make_user()
        make_member(clinic=scene.clinic, user=other)

        with pytest.raises(NotFound):
            place(scene, at=now, form_key=key, buyer_id=other.id)

    def test_a_form_that_was_overtaken_by_itself_finds_its_order(self, scene, now, monkeypatch):
        key = uuid4()
        promise = placing._promise
        overtaken = []

        def slow(*args, **given):
            monkeypatch.setattr(placing, "_promise", promise)
            db.session.info.pop("in_unit_of_work")
            overtaken.append(place(scene, at=now, form_key=key))
            return promise(*args, **given)

        monkeypatch.setattr(placing, "_promise", slow)

        assert place(scene, at=now, form_key=key) == overtaken[0]
        assert count(Order) == 1

    def test_another_tab_is_told_that_the_device_is_theirs_already(self, scene, now):
        first = place(scene, at=now)

        with pytest.raises(orders.AlreadyYours) as refusal:
            place(scene, at=now)

        assert refusal.value.order_id == first

    def test_somebody_else_is_told_that_it_is_taken(self, scene, now):
        place(scene, at=now)
        other = make_user()
        make_member(clinic=scene.clinic, user=other)
        make_credential(holder=other, level="SENIOR_TECHNICIAN", expires_on=scene.licence.expires_on)

        with pytest.raises(ListingTaken):
            place(scene, at=now, buyer_id=other.id, operator_id=other.id)

        assert count(Order) == 1

    def test_refuses_ones_own_device(self, scene, now):
        mine = make_listing(clinic=scene.clinic, handpieces=[make_handpiece("DIODE_HR")])

        with pytest.raises(orders.OwnClinic):
            place(scene, at=now, listing_id=mine.id)

        assert count(EligibilityDecision) == 0

    @pytest.mark.parametrize("state", ["draft", "in_review"])
    def test_knows_nothing_of_what_was_never_on_the_market(self, scene, now, state):
        listing = make_listing(state=state, clinic=scene.seller_clinic)

        with pytest.raises(NotFound):
            place(scene, at=now, listing_id=listing.id)
        with pytest.raises(NotFound):
            place(scene, at=now, listing_id=uuid4())

    @pytest.mark.parametrize("who", ["buyer", "operator", "site", "closed site", "clinic"])
    def test_clinic_site_and_people_belong_together(self, scene, now, who):
        changed = {
            "buyer": lambda: {"buyer_id": make_user().id},
            "operator": lambda: {"operator_id": make_user().id},
            "site": lambda: {"site_id": make_site().id},
            "closed site": lambda: {"site_id": make_site(clinic=scene.clinic, name="Old", closed_at=now).id},
            "clinic": lambda: {"clinic_id": make_clinic().id},
        }[who]()

        with pytest.raises(NotFound):
            place(scene, at=now, **changed)

        assert count(Order) == count(EligibilityDecision) == 0

    def test_narrowed_uses_are_signed_and_kept(self, scene, now):
        listing = make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("ALEX")])
        hair = (ProcedureClass.HAIR_NONABLATIVE,)
        with pytest.raises(orders.NotCleared) as refusal:
            place(scene, at=now, listing_id=listing.id, declared_uses=hair)
        assert ReasonCode.RESTRICTION_NOT_SIGNED in {one.code for one in refusal.value.verdict.objections}

        order = the_order(place(scene, at=now, listing_id=listing.id, declared_uses=hair, restriction_signed=True))

        assert order.declared_uses == ["HAIR_NONABLATIVE"]
        assert order.use_restriction is not None

    def test_a_yes_that_fell_before_the_order_was_written_is_no_yes(self, scene, now, monkeypatch):
        promise = placing._promise

        def slow(*args, **given):
            db.session.execute(
                text("UPDATE credentials SET state = 'revoked', reason = 'x' WHERE id = :id"),
                {"id": scene.licence.id},
            )
            return promise(*args, **given)

        monkeypatch.setattr(placing, "_promise", slow)

        with pytest.raises(orders.GateMoved):
            place(scene, at=now)

        assert count(Order) == 0
        assert state_of(scene) is ListingState.PUBLISHED


class TestConfirm:
    @pytest.fixture
    def order_id(self, awaiting_practitioner):
        return awaiting_practitioner.id

    def sign(self, scene, order_id, *, at, actor=None, signed=None) -> None:
        actor = actor or scene.practitioner
        if signed is None:
            asked = orders.to_sign(order_id=order_id, actor_id=actor.id, at=at)
            signed = [code for code, _ in asked.required]
        orders.confirm(order_id=order_id, actor_id=actor.id, signed=signed, at=at)

    def test_the_practitioner_signs_for_the_very_unit(self, scene, order_id, now):
        self.sign(scene, order_id, at=now)

        order = the_order(order_id)
        assert order.state is OrderState.AWAITING_PAYMENT
        assert (order.practitioner_id, order.practitioner_confirmed_at) == (scene.practitioner.id, now)
        unit = f"GentleLASE {scene.listing.title.rpartition(' ')[2]}, serial number {scene.listing.serial}"
        assert unit in order.practitioner_statement
        assert "for Lone Star Skin at Main Street, Austin, TX" in order.practitioner_statement
        assert f"Your order of the {scene.listing.title} can be paid" in subjects()

    def test_every_statement_of_the_rule_is_signed_or_nothing_is(self, scene, order_id, now):
        asked = orders.to_sign(order_id=order_id, actor_id=scene.practitioner.id, at=now)
        if asked.required:
            with pytest.raises(Invalid):
                self.sign(scene, order_id, at=now, signed=[])
            assert the_order(order_id).state is OrderState.AWAITING_PRACTITIONER

    @pytest.mark.parametrize("who", ["buyer", "owner", "seller"])
    def test_nobody_else_signs(self, scene, order_id, now, who):
        with pytest.raises(orders.NotYourAct):
            self.sign(scene, order_id, at=now, actor=getattr(scene, who))

    def test_a_stranger_does_not_learn_of_it(self, scene, order_id, now):
        with pytest.raises(NotFound):
            self.sign(scene, order_id, at=now, actor=make_user())

    def test_a_practitioner_without_a_licence_there_cannot_sign(self, scene, order_id, now):
        other = make_user(name="Zed Okoro")
        make_member(clinic=scene.clinic, user=other, role=ClinicRole.PRACTITIONER)

        with pytest.raises(orders.NotCleared) as refusal:
            self.sign(scene, order_id, at=now, actor=other)

        assert refusal.value.order_id == order_id
        assert the_order(order_id).state is OrderState.AWAITING_PRACTITIONER

    def test_is_signed_once(self, scene, order_id, now):
        self.sign(scene, order_id, at=now)
        with pytest.raises(IllegalMove):
            self.sign(scene, order_id, at=now, signed=[])

    def test_the_72_hours_end_at_the_second(self, scene, now):
        early, late = place(scene, at=now - timedelta(minutes=5)), now - timedelta(minutes=5) + timedelta(hours=72)
        with pytest.raises(orders.OrderExpired):
            orders.confirm(order_id=early, actor_id=scene.practitioner.id, signed=[], at=late)

        assert the_order(early).state is OrderState.AWAITING_PRACTITIONER

    def test_statements_of_a_rule_are_kept_with_their_codes(self, scene, order_id, now, monkeypatch):
        judged = confirming._as_confirmed

        def asking(*args, **given):
            asked = (Statement("SUPERVISES", "I supervise the operator.", "TX-1"),)
            return replace(judged(*args, **given), statements=asked)

        monkeypatch.setattr(confirming, "_as_confirmed", asking)
        with pytest.raises(Invalid) as refusal:
            self.sign(scene, order_id, at=now, signed=["SOMETHING_ELSE"])
        assert refusal.value.field == "statements"

        self.sign(scene, order_id, at=now)

        order = the_order(order_id)
        assert order.practitioner_statements == ["SUPERVISES"]
        assert order.practitioner_statement.endswith(" I supervise the operator.")


class TestStartPayment:
    def test_leads_to_one_page_however_often_it_is_pressed(self, scene, now, local_stripe):
        order_id = place_and_confirm(scene, at=now)

        first = pay_page(order_id, scene.buyer.id, at=now)

        assert pay_page(order_id, scene.buyer.id, at=now) == first
        moments = db.session.scalars(select(EligibilityDecision.moment)).all()
        assert moments.count(Moment.PAYMENT_START) == 2

    def test_a_page_that_closed_is_replaced(self, scene, now, local_stripe):
        order_id = place_and_confirm(scene, at=now)
        first = pay_page(order_id, scene.buyer.id, at=now)
        local_stripe.usual_gateway.expire_checkout(the_payment(order_id).checkout_id)

        assert pay_page(order_id, scene.buyer.id, at=now + timedelta(seconds=1)) != first
        assert the_payment(order_id).state is PaymentState.CHECKOUT_OPEN

    def test_is_refused_when_the_gate_says_no(self, scene, now, local_stripe):
        order_id = place_and_confirm(scene, at=now)
        revoke(scene.licence)

        with pytest.raises(orders.NotCleared):
            pay_page(order_id, scene.buyer.id, at=now)

        assert payments.payment_of(order_id) is None

    def test_is_refused_before_the_practitioner_has_signed(self, scene, now, local_stripe):
        order_id = place(scene, at=now)
        with pytest.raises(IllegalMove):
            pay_page(order_id, scene.buyer.id, at=now)

    def test_is_the_buyers(self, scene, now, local_stripe):
        order_id = place_and_confirm(scene, at=now)
        for other in (scene.owner, scene.practitioner, scene.seller):
            with pytest.raises(orders.NotYourAct):
                pay_page(order_id, other.id, at=now)
        with pytest.raises(NotFound):
            pay_page(order_id, make_user().id, at=now)
        with pytest.raises(NotFound):
            pay_page(uuid4(), scene.buyer.id, at=now)

    def test_ends_with_the_72_hours(self, scene, now, local_stripe, monkeypatch):
        order_id = place_and_confirm(scene, at=now)
        the_order(order_id).expires_at = now
        db.session.commit()

        with pytest.raises(orders.OrderExpired):
            pay_page(order_id, scene.buyer.id, at=now)

    def test_what_was_paid_without_our_hearing_is_not_paid_again(self, scene, now, local_stripe):
        order_id = place_and_confirm(scene, at=now)
        pay_page(order_id, scene.buyer.id, at=now)
        local_stripe.pay_by_card(the_payment(order_id).checkout_id)

        with pytest.raises(payments.PaymentUnderWay):
            pay_page(order_id, scene.buyer.id, at=now)

        do_jobs()
        assert the_order(order_id).state is OrderState.FUNDS_HELD


class TestCancel:
    def cancel(self, order_id, actor, *, at) -> None:
        orders.cancel(order_id=order_id, actor_id=actor.id, live=False, at=at)

    @pytest.mark.parametrize("who", ["buyer", "seller"])
    def test_frees_the_device_and_tells_the_other_side(self, scene, now, who):
        order_id = place(scene, at=now)

        self.cancel(order_id, getattr(scene, who), at=now)

        order = the_order(order_id)
        assert (order.state, order.reason) == (
            OrderState.CANCELLED,
            f"The {who} cancelled the order before it was paid.",
        )
        assert state_of(scene) is ListingState.PUBLISHED
        assert f"The order of the {scene.listing.title} has ended" in subjects()

    def test_closes_the_payment_page(self, scene, now, local_stripe):
        order_id = place_and_confirm(scene, at=now)
        pay_page(order_id, scene.buyer.id, at=now)

        self.cancel(order_id, scene.buyer, at=now)

        assert the_payment(order_id).state is PaymentState.EXPIRED
        do_jobs()
        assert the_order(order_id).state is OrderState.CANCELLED

    def test_does_not_happen_while_the_page_may_be_open(self, scene, now, local_stripe):
        order_id = place_and_confirm(scene, at=now)
        pay_page(order_id, scene.buyer.id, at=now)
        local_stripe.fault("POST /v1/checkout/sessions/*", "error_before")

        with pytest.raises(GatewayUnknown):
            self.cancel(order_id, scene.buyer, at=now)

        assert the_order(order_id).state is OrderState.AWAITING_PAYMENT
        assert state_of(scene) is ListingState.RESERVED

    def test_is_too_late_once_it_was_paid(self, scene, now, local_stripe):
        order_id = place_and_confirm(scene, at=now)
        pay_page(order_id, scene.buyer.id, at=now)
        local_stripe.pay_by_card(the_payment(order_id).checkout_id)

        with pytest.raises(payments.PaymentUnderWay):
            self.cancel(order_id, scene.buyer, at=now)
        do_jobs()
        with pytest.raises(IllegalMove):
            self.cancel(order_id, scene.buyer, at=now)

        assert the_order(order_id).state is OrderState.FUNDS_HELD

    def test_a_page_opened_meanwhile_keeps_the_order(self, scene, now, monkeypatch):
        order_id = place_and_confirm(scene, at=now)
        close = payments.close_checkout

        def late(**given):
            close(**given)
            make_payment(the_order(order_id), at=now)

        monkeypatch.setattr(payments, "close_checkout", late)

        with pytest.raises(payments.PaymentUnderWay):
            self.cancel(order_id, scene.buyer, at=now)

        assert the_order(order_id).state is OrderState.AWAITING_PAYMENT


class TestLapse:
    def test_frees_the_device_when_the_time_is_over_to_the_second(self, scene, now, local_stripe):
        order_id = place_and_confirm(scene, at=now)
        pay_page(order_id, scene.buyer.id, at=now)
        over = now + timedelta(hours=72)

        assert orders.lapse_expired(live=False, at=over - timedelta(seconds=1)) == 0
        assert orders.lapse_expired(live=False, at=over) == 1
        assert orders.lapse_expired(live=False, at=over) == 0

        assert the_order(order_id).state is OrderState.LAPSED
        assert state_of(scene) is ListingState.PUBLISHED
        assert the_payment(order_id).state is PaymentState.EXPIRED

    def test_an_order_that_was_given_more_time_meanwhile_stands(self, scene, now, local_stripe, monkeypatch):
        """A bank transfer that failed gives it 72 hours more, at any moment between the list and the lock."""
        order_id = place_and_confirm(scene, at=now)
        pay_page(order_id, scene.buyer.id, at=now)
        over = now + timedelta(hours=72)
        close, longer = payments.close_checkout, {"expires_at": over + timedelta(hours=1)}

        def close_slowly(**given):
            close(**given)
            db.session.execute(update(Order).where(Order.id == order_id).values(longer))
            db.session.commit()

        monkeypatch.setattr(payments, "close_checkout", close_slowly)
        assert orders.lapse_expired(live=False, at=over) == 0
        assert the_order(order_id).state is OrderState.AWAITING_PAYMENT

        db.session.execute(update(Order).where(Order.id == order_id).values(expires_at=over))
        db.session.commit()
        locked = steps.locked

        def lock_slowly(order_id):
            db.session.execute(update(Order).where(Order.id == order_id).values(longer))
            return locked(order_id)

        monkeypatch.setattr(steps, "locked", lock_slowly)
        monkeypatch.setattr(payments, "close_checkout", None)  # Whoever closed its page would fail.
        assert orders.lapse_expired(live=False, at=over) == 0
        assert the_order(order_id).state is OrderState.AWAITING_PAYMENT
        assert state_of(scene) is ListingState.RESERVED

    def test_waits_while_the_provider_is_silent_or_money_is_here(self, scene, now, local_stripe):
        order_id = place_and_confirm(scene, at=now)
        pay_page(order_id, scene.buyer.id, at=now)
        local_stripe.fault("POST /v1/checkout/sessions/*", "error_before")
        over = now + timedelta(hours=72)
        assert orders.lapse_expired(live=False, at=over) == 0

        local_stripe.pay_by_card(the_payment(order_id).checkout_id)
        assert orders.lapse_expired(live=False, at=over) == 0

        assert the_order(order_id).state is OrderState.AWAITING_PAYMENT
        hear(local_stripe)
        assert the_order(order_id).state is OrderState.FUNDS_HELD


class TestViews:
    def test_lists_take_the_same_few_statements_however_long_they_are(self, scene, now):
        place(scene, at=now)
        for _ in range(2):
            listing = make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("DIODE_HR")])
            place(scene, at=now, listing_id=listing.id)
        buyer_id, seller_id = scene.buyer.id, scene.seller.id
        with count_statements() as sent:
            assert len(queries.purchases_of(buyer_id)) == 3
        assert len([one for one in sent if one.startswith("SELECT")]) == 2
        with count_statements() as sent:
            assert len(queries.sales_of(seller_id)) == 3
        assert len([one for one in sent if one.startswith("SELECT")]) == 2
        assert queries.purchases_of(make_user().id) == queries.sales_of(make_user().id) == []
        assert (
            len(queries.orders_for_staff())
            == len(queries.orders_for_staff(state=OrderState.AWAITING_PRACTITIONER))
            == 3
        )
        assert queries.orders_for_staff(state=OrderState.SETTLED) == []

    def test_an_order_shows_the_first_photo_of_its_unit(self, scene, now):
        pictured = make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("DIODE_HR")], photos=2)
        bare_id, order_id = place(scene, at=now), place(scene, at=now, listing_id=pictured.id)
        cover = pictured.photos[0].storage_key

        assert views.order_for(order_id, user_id=scene.buyer.id).cover == cover
        assert views.order_for(bare_id, user_id=scene.buyer.id).cover is None
        assert {line.id: line.cover for line in queries.purchases_of(scene.buyer.id)} == {
            order_id: cover,
            bare_id: None,
        }

    def test_the_seller_does_not_see_who_buys_before_the_money_is_held(self, scene, now):
        order_id = place_and_confirm(scene, at=now)

        seen = views.order_for(order_id, user_id=scene.seller.id)

        assert (seen.buyer, seen.statement, seen.decisions) == (None, None, ())
        assert {move.actor_name for move in seen.moves} == {None}
        (line,) = queries.sales_of(scene.seller.id)
        assert line.buyer_clinic_name is None

    def test_the_seller_sees_where_to_send_it_afterwards(self, scene, now):
        order_id = make_order("funds_held", scene, at=now).id

        seen = views.order_for(order_id, user_id=scene.seller.id)

        assert (seen.buyer.clinic_name, seen.buyer.street) == ("Lone Star Skin", "100 Main Street")
        # That the gate said yes, and when; what it said of whom is not theirs to read.
        assert seen.statement is None
        assert {one.cleared for one in seen.decisions} == {True}
        assert seen.payout == Money(3_995_000)

    def test_the_reasons_of_a_no_are_the_buyers_own(self, scene, now):
        order_id = make_order("held_not_cleared", scene, at=now).id

        assert views.order_for(order_id, user_id=scene.buyer.id).reason == "The licence has expired."
        seen = views.order_for(order_id, user_id=scene.seller.id)
        assert (seen.reason, seen.buyer) == (None, None)

    def test_the_buyer_sees_the_serial_number_once_they_paid(self, scene, now):
        order_id = place_and_confirm(scene, at=now)
        assert views.order_for(order_id, user_id=scene.buyer.id).serial is None
        assert views.order_for(order_id, user_id=scene.buyer.id).statement is None
        assert views.order_for(order_id, user_id=scene.practitioner.id).serial == scene.listing.serial

    def test_a_stranger_sees_nothing(self, scene, now):
        order_id = place(scene, at=now)
        for somebody in (make_user(), make_clinic().members[0]):
            with pytest.raises(NotFound):
                views.order_for(order_id, user_id=getattr(somebody, "user_id", None) or somebody.id)
        with pytest.raises(NotFound):
            views.order_for(uuid4(), user_id=scene.buyer.id)
        with pytest.raises(NotFound):
            views.order_for_staff(uuid4())

    def test_staff_see_all_of_it(self, scene, now):
        seen = views.order_for_staff(make_order("funds_held", scene, at=now).id)

        assert seen.serial == scene.listing.serial
        assert [decision.moment for decision in seen.decisions] == [Moment.ORDER, Moment.PAYMENT_RECEIVED]


def test_an_order_that_does_not_exist_is_not_locked():
    with pytest.raises(NotFound):
        steps.locked(uuid4())


class TestUnpaid:
    """One clinic keeps only so many devices from the market without having paid."""

    @pytest.fixture(autouse=True)
    def _two_at_most(self, monkeypatch):
        monkeypatch.setattr(placing, "MOST_UNPAID", 2)

    def another(self, scene):
        return make_listing(clinic=scene.seller_clinic, handpieces=["DIODE_HR"])

    def test_one_more_than_that_is_refused_and_stays_on_the_market(self, scene, now):
        place(scene, at=now)
        place_and_confirm(scene, at=now, listing_id=self.another(scene).id)
        third = self.another(scene)
        answers = count(EligibilityDecision)

        with pytest.raises(orders.TooManyUnpaid) as refusal:
            place(scene, at=now, listing_id=third.id)

        assert refusal.value.sentence == "Your clinic has 2 orders that are not paid yet."
        assert count(Order) == 2
        assert count(EligibilityDecision) == answers
        assert db.session.get_one(Listing, third.id, populate_existing=True).state is ListingState.PUBLISHED

    def test_what_is_paid_or_taken_back_makes_room(self, scene, now):
        make_order("funds_held", scene, at=now)
        first = place(scene, at=now, listing_id=self.another(scene).id)
        place(scene, at=now, listing_id=self.another(scene).id)
        with pytest.raises(orders.TooManyUnpaid):
            place(scene, at=now, listing_id=self.another(scene).id)

        orders.cancel(order_id=first, actor_id=scene.buyer.id, live=False, at=now)

        assert place(scene, at=now, listing_id=self.another(scene).id)

    def test_who_counted_before_another_was_written_counts_again(self, scene, now, monkeypatch):
        place(scene, at=now)
        second, third = self.another(scene).id, self.another(scene).id
        asks, others = placing.eligibility.assess, [second]

        def meanwhile(**asked):
            if others:
                place(scene, at=now, listing_id=others.pop())
            return asks(**asked)

        monkeypatch.setattr(placing.eligibility, "assess", meanwhile)
        with pytest.raises(orders.TooManyUnpaid):
            place(scene, at=now, listing_id=third)

        assert count(Order) == 2

    def test_the_orders_of_another_clinic_do_not_count(self, scene, now):
        place(scene, at=now)
        place(scene, at=now, listing_id=self.another(scene).id)

        assert place(make_scene(now), at=now)
