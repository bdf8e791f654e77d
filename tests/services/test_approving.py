"""Above a limit of the buying clinic a second person of it approves before an order can be paid."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from marketplace import audit
from marketplace.clinics import queries as clinics
from marketplace.clinics import service as clinic_service
from marketplace.clinics.models import Clinic
from marketplace.clinics.queries import WrongRole
from marketplace.eligibility.models import EligibilityDecision, Moment
from marketplace.extensions import db
from marketplace.kernel.errors import NotFound
from marketplace.kernel.machine import IllegalMove
from marketplace.kernel.money import Money
from marketplace.kernel.terms import ClinicRole
from marketplace.notifications.models import Mail
from marketplace.orders import approving, placing, queries, views
from marketplace.orders import service as orders
from marketplace.orders.access import Act
from marketplace.orders.models import Order, OrderHold
from marketplace.orders.refusals import GateMoved, NotApproved, NotCleared, NotYourAct, OrderOnHold
from marketplace.orders.states import OrderState
from marketplace.payments.queries import payment_of
from marketplace.ripple import Cause
from tests.factories.accounts import make_user
from tests.factories.clinics import make_member
from tests.factories.orders import decide, make_order, place, place_and_confirm, the_order
from tests.factories.payments import pay_page
from tests.support import assert_refused_by, promised_mails

LIMIT = Money(2_500_000)
DAY, SECOND = timedelta(hours=24), timedelta(seconds=1)


@pytest.fixture
def scene(scene):
    set_limit(scene, LIMIT)
    return scene


def set_limit(scene, limit: Money | None) -> None:
    scene.clinic.purchase_limit_minor = limit.minor if limit else None
    db.session.commit()


def limit_to(scene, limit: Money | None, *, at):
    return clinic_service.limit_purchases(clinic_id=scene.clinic.id, actor_id=scene.owner.id, limit=limit, at=at)


def approve(order_id, person, at) -> None:
    orders.approve(order_id=order_id, actor_id=person.id, at=at)


def told(*, since: int = 0) -> list[tuple[str, str]]:
    mails = promised_mails(Mail.template == "order_news")[since:]
    return sorted((mail.to, mail.context["subject"]) for mail in mails)


def unchanged(order_id) -> None:
    order = the_order(order_id)
    assert (order.approved_by, order.approved_at, order.approval_decision_id) == (None, None, None)
    assert "order:approved" not in [event.kind for event in audit.events_about("order", order_id)]


def revoke(credential) -> None:
    db.session.execute(
        text("UPDATE credentials SET state = 'revoked', reason = 'the register says so' WHERE id = :id"),
        {"id": credential.id},
    )
    db.session.commit()


class TestLimit:
    def test_an_owner_sets_it_and_the_others_who_run_the_clinic_are_told(self, scene, now):
        manager, technician = make_user(name="Max Manager"), scene.buyer
        make_member(clinic=scene.clinic, user=manager, role=ClinicRole.MANAGER)

        clinic_service.limit_purchases(
            clinic_id=scene.clinic.id, actor_id=scene.owner.id, limit=Money(1_000_000), at=now
        )

        assert clinics.clinic(scene.clinic.id).purchase_limit == Money(1_000_000)
        (event,) = [
            one for one in audit.events_about("clinic", scene.clinic.id) if one.kind == "clinic:purchases_limited"
        ]
        assert (event.data["before"], event.data["after"]) == (2_500_000, 1_000_000)
        (mail,) = promised_mails(Mail.template == "purchase_limit")
        assert mail.to == manager.email
        assert (mail.context["by"], mail.context["before"], mail.context["after"]) == (
            "Olive Stone", "$25,000", "$10,000",
        )  # fmt: skip
        assert technician.email != mail.to

    def test_taking_it_away_is_told_too_and_setting_the_same_is_not(self, scene, now):
        make_member(clinic=scene.clinic, user=make_user(), role=ClinicRole.MANAGER)
        limit_to(scene, LIMIT, at=now)
        limit_to(scene, None, at=now)
        limit_to(scene, None, at=now + DAY)

        assert clinics.clinic(scene.clinic.id).limit_at(now + DAY) is None
        (mail,) = promised_mails(Mail.template == "purchase_limit")
        assert (mail.context["before"], mail.context["after"]) == ("$25,000", None)

    @pytest.mark.parametrize("higher", [Money(2_500_001), None])
    def test_a_higher_one_or_none_counts_a_day_later(self, scene, now, higher):
        make_member(clinic=scene.clinic, user=make_user(), role=ClinicRole.MANAGER)

        assert limit_to(scene, higher, at=now) == now + DAY

        facts = clinics.clinic(scene.clinic.id)
        assert (facts.limit_at(now + DAY - SECOND), facts.limit_at(now + DAY)) == (LIMIT, higher)
        (mail,) = promised_mails(Mail.template == "purchase_limit")
        assert mail.context["since"] == f"{now + DAY:%B %-d, %Y, %H:%M} UTC"
        event = audit.events_about("clinic", scene.clinic.id)[-1]
        assert (event.data["before"], event.data["after"]) == (2_500_000, higher.minor if higher else None)

    def test_a_lower_one_counts_at_once_and_ends_a_higher_one_that_waits(self, scene, now):
        limit_to(scene, None, at=now)

        assert limit_to(scene, Money(1_000_000), at=now) == now
        assert clinics.clinic(scene.clinic.id).limit_at(now + 2 * DAY) == Money(1_000_000)

    def test_the_same_again_ends_a_higher_one_that_waits_and_everybody_is_told(self, scene, now):
        make_member(clinic=scene.clinic, user=make_user(), role=ClinicRole.MANAGER)
        limit_to(scene, None, at=now)

        assert limit_to(scene, LIMIT, at=now) == now
        assert clinics.clinic(scene.clinic.id).limit_at(now + 2 * DAY) == LIMIT
        mails = promised_mails(Mail.template == "purchase_limit")
        assert [mail.context["after"] for mail in mails] == [None, "$25,000"]

    def test_who_lifts_it_does_not_buy_alone_that_day(self, scene, now):
        limit_to(scene, None, at=now - DAY + SECOND)

        order = the_order(place(scene, at=now))

        assert order.approval_limit_minor == LIMIT.minor

    def test_an_order_of_the_day_after_keeps_to_the_new_one(self, scene, now):
        limit_to(scene, None, at=now - DAY)

        assert the_order(place(scene, at=now)).approval_limit_minor is None

    @pytest.mark.parametrize(
        "change",
        [
            "purchase_limit_then_minor = 1",
            "purchase_limit_then_at = now(), purchase_limit_then_minor = 2500000",
            "purchase_limit_then_at = now(), purchase_limit_minor = NULL",
        ],
    )
    def test_only_a_higher_one_waits(self, scene, change):
        with assert_refused_by("clinics_purchase_limit_is_only_raised_later"):
            db.session.execute(text(f"UPDATE clinics SET {change} WHERE id = :id"), {"id": scene.clinic.id})

    def test_nobody_but_an_owner_sets_it(self, scene, now):
        manager = make_user()
        make_member(clinic=scene.clinic, user=manager, role=ClinicRole.MANAGER)

        for person, refusal in ((manager, WrongRole), (scene.buyer, WrongRole), (scene.seller, NotFound)):
            with pytest.raises(refusal):
                clinic_service.limit_purchases(clinic_id=scene.clinic.id, actor_id=person.id, limit=None, at=now)

        assert clinics.clinic(scene.clinic.id).purchase_limit == LIMIT

    def test_is_never_negative(self, scene):
        with assert_refused_by("clinics_purchase_limit_is_not_negative"):
            db.session.execute(text("UPDATE clinics SET purchase_limit_minor = -1"))


class TestPlace:
    @pytest.mark.parametrize(
        ("limit", "kept"),
        [(4_249_999, 4_249_999), (4_250_000, None), (4_250_001, None), (0, 0), (None, None)],
    )
    def test_an_order_above_the_limit_keeps_it(self, scene, now, limit, kept):
        scene.clinic.purchase_limit_minor = limit
        db.session.commit()

        order = the_order(place(scene, at=now))

        assert (order.approval_limit_minor, order.awaits_approval) == (kept, kept is not None)

    def test_is_refused_where_nobody_else_could_approve(self, scene, now):
        make_member(clinic=scene.clinic, user=make_user(), role=ClinicRole.PRACTITIONER)
        make_member(clinic=scene.clinic, user=make_user(disabled_at=now), role=ClinicRole.MANAGER)

        with pytest.raises(approving.NobodyApproves) as refused:
            place(scene, at=now, buyer_id=scene.owner.id, operator_id=scene.buyer.id)

        assert "$25,000" in refused.value.sentence
        assert db.session.scalar(select(Order.id)) is None
        # Somebody who does not run the clinic has the owner to approve.
        assert the_order(place(scene, at=now)).awaits_approval

    def test_a_limit_that_falls_later_does_not_reach_an_order_that_stands(self, scene, now):
        set_limit(scene, None)
        order_id = place_and_confirm(scene, at=now)
        set_limit(scene, LIMIT)

        assert not the_order(order_id).awaits_approval
        assert Act.PAY in views.order_for(order_id, user_id=scene.buyer.id).acts


class TestApprove:
    @pytest.fixture
    def order_id(self, scene, now):
        return place_and_confirm(scene, at=now)

    def test_the_practitioners_signature_asks_for_it(self, scene, now, order_id):
        assert [subject for to, subject in told() if to == scene.owner.email] == [
            f"Please approve the order of a {scene.listing.title}"
        ]
        assert (scene.buyer.email, f"Your order of the {scene.listing.title} waits for a second person") in told()

    def test_cannot_be_paid_before(self, scene, order_id, local_stripe, now):
        with pytest.raises(NotApproved):
            pay_page(order_id, scene.buyer.id, at=now)

        assert payment_of(order_id) is None
        assert the_order(order_id).state is OrderState.AWAITING_PAYMENT
        assert Act.PAY not in views.order_for(order_id, user_id=scene.buyer.id).acts

    def test_lets_it_be_paid_on_a_fresh_yes_of_the_gate(self, scene, order_id, local_stripe, now):
        before = len(promised_mails(Mail.template == "order_news"))
        approve(order_id, scene.owner, now)

        order = the_order(order_id)
        assert (order.approved_by, order.approved_at, order.state) == (
            scene.owner.id, now, OrderState.AWAITING_PAYMENT,
        )  # fmt: skip
        decision = db.session.get_one(EligibilityDecision, order.approval_decision_id)
        assert (decision.moment, decision.cleared) == (Moment.PAYMENT_START, True)
        (event,) = [one for one in audit.events_about("order", order_id) if one.kind == "order:approved"]
        assert (event.actor_id, event.data["limit_minor"]) == (scene.owner.id, 2_500_000)
        assert told(since=before) == [(scene.buyer.email, f"Your order of the {scene.listing.title} can be paid")]
        seen = views.order_for(order_id, user_id=scene.buyer.id)
        assert (seen.acts, seen.approval.by) == ((Act.PAY, Act.CANCEL), "Olive Stone")
        assert pay_page(order_id, scene.buyer.id, at=now).startswith("http")

    def test_whoever_placed_it_does_not_approve_it(self, scene, now):
        scene.clinic.purchase_limit_minor = LIMIT.minor
        make_member(clinic=scene.clinic, user=(second := make_user()), role=ClinicRole.MANAGER)
        order_id = place_and_confirm(scene, at=now, buyer_id=scene.owner.id, operator_id=scene.buyer.id)

        with pytest.raises(NotYourAct):
            approve(order_id, scene.owner, now)

        unchanged(order_id)
        assert Act.APPROVE not in views.order_for(order_id, user_id=scene.owner.id).acts
        approve(order_id, second, now)
        assert the_order(order_id).approved_by == second.id

    def test_nobody_does_who_does_not_run_the_buying_clinic(self, scene, now, order_id):
        for person, refusal in (
            (scene.buyer, NotYourAct),
            (scene.practitioner, NotYourAct),
            (scene.seller, NotYourAct),
            (make_user(), NotFound),
        ):
            with pytest.raises(refusal):
                approve(order_id, person, now)

        unchanged(order_id)

    def test_waits_for_the_practitioner(self, scene, now):
        order_id = place(scene, at=now)

        with pytest.raises(IllegalMove):
            approve(order_id, scene.owner, now)

        unchanged(order_id)
        assert views.order_for(order_id, user_id=scene.owner.id).acts == ()

    def test_the_gate_is_asked_again(self, scene, now, order_id):
        revoke(scene.licence)

        with pytest.raises(NotCleared):
            approve(order_id, scene.owner, now)

        unchanged(order_id)

    def test_a_yes_that_has_moved_approves_nothing(self, scene, now, order_id, monkeypatch):
        monkeypatch.setattr(approving.steps, "still_stands", lambda _decision: False)

        with pytest.raises(GateMoved):
            approve(order_id, scene.owner, now)

        unchanged(order_id)

    def test_an_order_on_hold_waits(self, scene, now, order_id):
        db.session.add(
            OrderHold(
                order_id=order_id, cause=Cause.ANSWER_TURNED, reference=scene.clinic.id, words="It turned.",
                placed_at=now,
            )
        )  # fmt: skip
        db.session.commit()

        with pytest.raises(OrderOnHold):
            approve(order_id, scene.owner, now)

        unchanged(order_id)
        assert Act.APPROVE not in views.order_for(order_id, user_id=scene.owner.id).acts

    def test_its_time_is_that_of_the_order(self, scene, now, order_id):
        with pytest.raises(orders.OrderExpired):
            approve(order_id, scene.owner, now + timedelta(hours=72))

        unchanged(order_id)

    def test_once_is_enough(self, scene, now, order_id):
        approve(order_id, scene.owner, now)
        answer = the_order(order_id).approval_decision_id

        with pytest.raises(approving.NothingToApprove):
            approve(order_id, scene.owner, now)

        assert the_order(order_id).approval_decision_id == answer

    def test_an_order_below_the_limit_has_none(self, scene, now):
        set_limit(scene, None)
        order_id = place_and_confirm(scene, at=now)

        with pytest.raises(approving.NothingToApprove):
            approve(order_id, scene.owner, now)

        seen = views.order_for(order_id, user_id=scene.owner.id)
        assert (seen.approval, seen.acts) == (None, ())

    def test_the_list_says_whose_turn_it_is_and_the_seller_does_not_learn_of_it(self, scene, order_id):
        due = {person.id: queries.purchases_of(person.id)[0].due for person in (scene.owner, scene.buyer)}
        assert due == {scene.owner.id: Act.APPROVE, scene.buyer.id: None}
        assert views.order_for(order_id, user_id=scene.seller.id).approval is None


class TestDatabase:
    @pytest.fixture
    def order(self, scene, now):
        return make_order("awaiting_payment", scene, at=now)

    @staticmethod
    def change(order, setting: str, **values) -> None:
        db.session.execute(text(f"UPDATE orders SET {setting} WHERE id = :id"), {"id": order.id, **values})

    @staticmethod
    def without_the_guard() -> None:
        db.session.execute(text("ALTER TABLE orders DISABLE TRIGGER orders_ask_for_approval"))

    def approved(self, order, person, decision) -> None:
        self.change(
            order, "approved_by = :by, approved_at = now(), approval_decision_id = :decision",
            by=person.id, decision=decision,
        )  # fmt: skip

    def test_an_order_takes_the_limit_of_its_clinic(self, scene, now, monkeypatch):
        monkeypatch.setattr(placing.approving, "limit_above", lambda *_, **__: None)

        with pytest.raises(DBAPIError) as refusal:
            place(scene, at=now)

        assert refusal.value.orig.diag.constraint_name == "orders_take_the_limit_of_their_clinic"
        assert db.session.scalar(select(Order.id)) is None

    def test_the_limit_stays(self, order):
        with assert_refused_by("orders_approval_is_fixed"):
            self.change(order, "approval_limit_minor = NULL")

    def test_so_does_the_approval(self, scene, order, now):
        approve(order.id, scene.owner, now)

        with assert_refused_by("orders_approval_is_fixed"):
            self.change(order, "approved_by = NULL, approved_at = NULL, approval_decision_id = NULL")

    def test_nobody_approves_who_does_not_run_the_clinic(self, scene, order, now):
        decision = decide(order, Moment.PAYMENT_START, at=now)

        for person in (scene.practitioner, scene.seller):
            with assert_refused_by("orders_are_approved_by_those_in_charge"):
                self.approved(order, person, decision)

    def test_no_approval_without_a_fresh_yes(self, scene, order):
        with assert_refused_by("orders_approval_is_cleared"):
            self.approved(order, scene.owner, order.decision_id)

    def test_nobody_approves_their_own_order(self, order):
        self.without_the_guard()
        with assert_refused_by("orders_nobody_approves_their_own_order"):
            self.change(order, "approved_by = buyer_id, approved_at = now(), approval_decision_id = decision_id")

    def test_nothing_is_held_for_what_nobody_approved(self, order):
        with assert_refused_by("orders_dear_orders_are_approved_before_they_are_paid"):
            self.change(order, "state = 'payment_processing'")

    @pytest.mark.parametrize(
        "setting", ["approved_at = now()", "approval_decision_id = decision_id", "approved_by = operator_id"]
    )
    def test_an_approval_is_whole(self, order, setting):
        self.without_the_guard()
        with assert_refused_by("orders_approval_is_whole"):
            self.change(order, setting)

    def test_is_asked_above_the_limit_only(self, order):
        self.without_the_guard()
        with assert_refused_by("orders_approval_is_asked_above_the_limit"):
            self.change(order, "approval_limit_minor = price_minor")


def test_the_limit_of_another_clinic_is_none_of_its_business(scene, now):
    db.session.execute(
        text("UPDATE clinics SET purchase_limit_minor = 1 WHERE id = :id"), {"id": scene.seller_clinic.id}
    )
    set_limit(scene, None)

    assert db.session.get_one(Clinic, scene.seller_clinic.id, populate_existing=True).purchase_limit_minor == 1
    assert the_order(place(scene, at=now)).approval_limit_minor is None
