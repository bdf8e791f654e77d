"""What happens to orders when a credential, a person, a site or a seller is lost, and how they go on."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from marketplace import audit, ripple
from marketplace.accounts import staffing
from marketplace.catalog.models import DeviceModel
from marketplace.clinics import service as clinics
from marketplace.clinics.states import SellerStanding
from marketplace.credentials import service as credentials
from marketplace.credentials.models import CheckMethod, CheckOutcome, Credential
from marketplace.eligibility.models import DecisionCredential, EligibilityDecision
from marketplace.eligibility.verdict import Verdict
from marketplace.extensions import db
from marketplace.kernel.errors import NotFound
from marketplace.notifications.models import Mail
from marketplace.orders import hold_wording, holding, queries, reach, steps, views
from marketplace.orders import service as orders
from marketplace.orders.models import OrderHold
from marketplace.orders.service import Looked
from marketplace.orders.states import OrderState
from marketplace.payments.states import PaymentState
from marketplace.ripple import Cause, Ground
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_member
from tests.factories.credentials import make_check, make_credential
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.orders import make_order, make_scene, place, the_order
from tests.factories.payments import make_payment, pay_page
from tests.support import promised_jobs, run_jobs, sign_in

S = OrderState
UNSHIPPED = [
    "awaiting_practitioner",
    "awaiting_payment",
    "payment_processing",
    "held_not_cleared",
    "funds_held",
    "released_to_ship",
]


@pytest.fixture
def verifier():
    return make_staff(name="Vera Lind")


def another_unit(scene):
    """The same people over another device of the same seller."""
    return replace(scene, listing=make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("DIODE_HR")]))


def revoke(credential, verifier, at, words="The board revoked it."):
    credentials.revoke(credential_id=credential.id, actor_id=verifier.id, words=words, at=at)


def reinstate(credential, verifier, at):
    look = credentials.Look(
        source_name="Board",
        method=CheckMethod.PORTAL,
        outcome=CheckOutcome.CONFIRMED,
        retrieved_at=at,
        note="Active again.",
    )
    credentials.record_check(credential_id=credential.id, actor_id=verifier.id, look=look, at=at)
    credentials.reinstate(credential_id=credential.id, actor_id=verifier.id, at=at)


def holds(order) -> list[OrderHold]:
    return list(db.session.scalars(select(OrderHold).where(OrderHold.order_id == order.id)))


def causes(order) -> list[Cause]:
    return [hold.cause for hold in holds(order) if hold.lifted_at is None]


def mails(subject_words: str) -> set[str]:
    found = db.session.scalars(select(Mail))
    return {mail.to for mail in found if subject_words in mail.context.get("subject", "")}


def looked_at() -> list[str]:
    return [arguments["order_id"] for name, arguments in promised_jobs() if name == "look_at_order"]


class TestCredential:
    @pytest.mark.parametrize("state", UNSHIPPED)
    def test_a_revoked_licence_holds_the_order_wherever_it_is_before_it_left(self, scene, verifier, now, state):
        order = make_order(state, scene, at=now)

        revoke(scene.licence, verifier, now)

        (hold,) = holds(order)
        assert hold.cause is Cause.CREDENTIAL_REVOKED
        assert hold.reference == scene.licence.id
        assert (hold.placed_by, hold.placed_at, hold.lifted_at) == (verifier.id, now, None)
        assert hold.words == "Texas laser hair removal certificate (TDLR) of Alice Martin was revoked."
        assert the_order(order.id).state == state

    @pytest.mark.parametrize("state", ["in_transit", "under_inspection", "accepted", "cancelled"])
    def test_what_has_left_or_ended_is_not_held(self, scene, verifier, now, state):
        order = make_order(state, scene, at=now)

        revoke(scene.licence, verifier, now)

        assert holds(order) == []

    def test_the_licences_of_the_practitioner_of_a_colleague_and_of_the_site_count_as_well(self, verifier, now):
        for part in ("prescriber", "colleague", "site"):
            scene = make_scene(now)
            order = make_order("funds_held", scene, at=now)
            rested = db.session.scalars(
                select(Credential)
                .join(DecisionCredential, DecisionCredential.credential_id == Credential.id)
                .where(DecisionCredential.decision_id == order.payment_decision_id)
            ).all()
            wanted = {
                "prescriber": lambda one, scene=scene: one.holder_id == scene.practitioner.id,
                "colleague": lambda one, scene=scene: (
                    one.holder_id not in {None, scene.buyer.id, scene.practitioner.id}
                ),
                "site": lambda one, scene=scene: one.site_id == scene.site.id,
            }[part]
            credential = next(one for one in rested if wanted(one))

            credentials.suspend(credential_id=credential.id, actor_id=verifier.id, words="Looked into.", at=now)

            assert causes(order) == [Cause.CREDENTIAL_SUSPENDED], part

    def test_orders_of_other_people_are_left_alone(self, scene, verifier, now):
        order = make_order("funds_held", make_scene(now), at=now)

        revoke(scene.licence, verifier, now)

        assert holds(order) == []

    def test_buyer_seller_and_staff_are_told_and_only_the_buying_side_why(self, scene, verifier, now):
        admin, finance = make_staff("admin"), make_staff("finance")
        closed = make_staff("verifier", disabled_at=now)
        order = make_order("funds_held", scene, at=now)
        gone = make_order("in_transit", another_unit(scene), at=now)

        revoke(scene.licence, verifier, now)

        assert mails("Your order of the") == {scene.buyer.email, scene.owner.email}
        assert mails("Keep the") == {scene.seller.email}
        (to_seller,) = [
            mail for mail in db.session.scalars(select(Mail)) if "Keep the" in mail.context.get("subject", "")
        ]
        assert "Alice Martin" not in str(to_seller.context["lines"])
        to_staff = {mail.to: mail.context for mail in db.session.scalars(select(Mail).where(Mail.template == "ripple"))}
        assert to_staff.keys() >= {verifier.email, admin.email}
        assert to_staff.keys().isdisjoint({finance.email, closed.email})
        told = to_staff[admin.email]
        assert told["held"] == [order.number]
        assert len(told["gone"]) == 1
        assert f"order {gone.number}" in told["gone"][0]
        assert told["path"] == f"/staff/reach/credentials/{scene.licence.id}"
        assert [event.kind for event in audit.events_about("order", order.id)][-1] == "order:held"

    def test_what_rests_on_nothing_troubles_nobody(self, scene, verifier, now):
        revoke(scene.licence, verifier, now)

        assert db.session.scalars(select(Mail).where(Mail.template == "ripple")).all() == []

    def test_suspended_and_then_revoked_are_two_causes_and_repeated_loss_is_one(self, scene, verifier, now):
        order = make_order("funds_held", scene, at=now)
        credentials.suspend(credential_id=scene.licence.id, actor_id=verifier.id, words="x", at=now)
        revoke(scene.licence, verifier, now)
        ripple.lost(
            ripple.Loss(Cause.CREDENTIAL_REVOKED, Ground(person_id=scene.buyer.id), scene.licence.id, "x"),
            actor_id=None,
            at=now,
        )

        assert causes(order) == [Cause.CREDENTIAL_SUSPENDED, Cause.CREDENTIAL_REVOKED]

    def test_a_renewal_and_a_new_licence_only_promise_a_look(self, scene, verifier, now):
        order = make_order("funds_held", scene, at=now)
        renewed = make_credential(
            holder=scene.buyer,
            level="SENIOR_TECHNICIAN",
            number=scene.licence.number,
            state="in_review",
            verifier=verifier,
            expires_on=scene.licence.expires_on + timedelta(days=365),
        )
        make_check(renewed, verifier=verifier, retrieved_at=now)

        credentials.verify(credential_id=renewed.id, actor_id=verifier.id, at=now)

        assert holds(order) == []
        assert set(looked_at()) == {str(order.id)}


class TestPeopleAndPlaces:
    @pytest.mark.parametrize("who", ["buyer", "practitioner"])
    def test_somebody_who_leaves_the_clinic_takes_the_order_with_them(self, scene, now, who):
        order = make_order("funds_held", scene, at=now)
        person = getattr(scene, who)

        clinics.remove_member(clinic_id=scene.clinic.id, actor_id=scene.owner.id, user_id=person.id, at=now)

        assert Cause.MEMBERSHIP_ENDED in causes(order)
        assert holds(order)[0].words == f"{person.name} no longer belongs to {scene.clinic.name}."

    def test_a_colleague_whom_nothing_rests_on_leaves_and_nothing_happens(self, scene, now):
        order = make_order("funds_held", scene, at=now)
        someone = make_user()
        make_member(clinic=scene.clinic, user=someone)

        clinics.remove_member(clinic_id=scene.clinic.id, actor_id=scene.owner.id, user_id=someone.id, at=now)

        assert holds(order) == []

    def test_leaving_another_clinic_holds_nothing_here(self, scene, now):
        order = make_order("funds_held", scene, at=now)
        elsewhere = make_member(user=scene.buyer)

        clinics.remove_member(clinic_id=elsewhere.clinic_id, actor_id=scene.buyer.id, user_id=scene.buyer.id, at=now)

        assert holds(order) == []

    def test_a_closed_site_holds_what_was_to_go_there(self, scene, now):
        order = make_order("funds_held", scene, at=now)

        clinics.close_site(site_id=scene.site.id, actor_id=scene.owner.id, at=now)

        assert causes(order) == [Cause.SITE_CLOSED]

    def test_a_closed_account_holds_the_orders_of_its_person(self, scene, now):
        order = make_order("funds_held", scene, at=now)

        staffing.disable(user_id=scene.buyer.id, actor_id=make_staff("admin").id, reason="Fraud.", at=now)

        assert causes(order) == [Cause.ACCOUNT_CLOSED]

    def test_a_site_without_a_safety_officer_is_held_where_the_rule_asks_for_one(self, scene, now):
        order = make_order("funds_held", scene, at=now)

        clinics.name_laser_safety_officer(site_id=scene.site.id, actor_id=scene.owner.id, officer_id=None, at=now)

        assert causes(order) == [Cause.SAFETY_OFFICER_UNNAMED]

    def test_and_not_where_it_does_not(self, scene, now, monkeypatch):
        order = make_order("funds_held", scene, at=now)
        monkeypatch.setattr(holding, "_answer_now", lambda _order, _at: Verdict())

        clinics.name_laser_safety_officer(site_id=scene.site.id, actor_id=scene.owner.id, officer_id=None, at=now)

        assert holds(order) == []

    def test_a_seller_who_may_not_sell_for_now_ships_nothing(self, scene, verifier, now):
        order = make_order("funds_held", scene, at=now)

        clinics.decide_seller_standing(
            clinic_id=scene.seller_clinic.id,
            actor_id=verifier.id,
            standing=SellerStanding.SUSPENDED,
            evidence="A complaint.",
            reason="We are looking into a complaint.",
            at=now,
        )

        assert causes(order) == [Cause.SELLER_SUSPENDED]


class TestStandingStill:
    def test_nothing_brings_the_device_nearer(self, scene, verifier, now):
        order = make_order("funds_held", scene, at=now)
        credentials.suspend(credential_id=scene.licence.id, actor_id=verifier.id, words="x", at=now)
        kept = db.session.scalars(select(EligibilityDecision.id)).all()

        with pytest.raises(orders.OrderOnHold):
            orders.release_to_ship(order_id=order.id, actor_id=scene.seller.id, at=now)

        assert the_order(order.id).state is S.FUNDS_HELD
        assert db.session.scalars(select(EligibilityDecision.id)).all() == kept

    def test_nor_does_the_one_writer_of_the_state(self, scene, verifier, now):
        order = make_order("released_to_ship", scene, at=now)
        revoke(scene.licence, verifier, now)
        with pytest.raises(orders.OrderOnHold):
            orders.dispatch(order_id=order.id, actor_id=scene.seller.id, carrier="A", tracking="1", at=now)
        with pytest.raises(orders.OrderOnHold):
            steps.move(the_order(order.id), steps.OrderEvent.DISPATCHED, cause="x", actor_id=None, at=now)

        assert the_order(order.id).state is S.RELEASED_TO_SHIP

    def test_nobody_pays_for_what_may_not_reach_them(self, scene, verifier, now):
        order = make_order("awaiting_payment", scene, at=now)
        revoke(scene.licence, verifier, now)

        with pytest.raises(orders.OrderOnHold):
            pay_page(order.id, scene.buyer.id, at=now)

    def test_money_that_arrives_stays_with_us_and_is_not_cleared(self, scene, verifier, now):
        order = make_order("awaiting_payment", scene, at=now)
        credentials.suspend(credential_id=scene.licence.id, actor_id=verifier.id, words="x", at=now)
        reinstate(scene.licence, verifier, now + timedelta(seconds=1))
        make_payment(the_order(order.id), state=PaymentState.HELD, at=now)

        # The gate says yes again; the hold is what stops it.
        orders.payment_changed(order_id=order.id, at=now + timedelta(seconds=2))

        order = the_order(order.id)
        assert order.state is S.HELD_NOT_CLEARED
        assert order.reason == "Texas laser hair removal certificate (TDLR) of Alice Martin was suspended."
        assert order.payment_decision_id is None
        with pytest.raises(orders.OrderOnHold):
            orders.retry_clearance(order_id=order.id, actor_id=scene.buyer.id, at=now)

    def test_what_leads_away_from_the_device_stays_open(self, scene, verifier, now):
        order = make_order("funds_held", scene, at=now)
        revoke(scene.licence, verifier, now)

        orders.refund(order_id=order.id, actor_id=scene.seller.id, reason="It will not do.", at=now)

        assert the_order(order.id).state is S.REFUNDING


class TestAskAgain:
    @pytest.fixture
    def order(self, funds_held, scene, verifier, now):
        order = funds_held
        credentials.suspend(credential_id=scene.licence.id, actor_id=verifier.id, words="x", at=now)
        return order

    def test_a_no_leaves_the_hold_and_says_why(self, scene, order, now):
        with pytest.raises(orders.NotCleared) as refusal:
            orders.ask_again(order_id=order.id, actor_id=scene.buyer.id, at=now)

        assert [one.code for one in refusal.value.verdict.objections] == ["SUSPENDED"]
        assert causes(order) == [Cause.CREDENTIAL_SUSPENDED]

    def test_a_yes_lifts_it_and_the_sale_goes_on(self, scene, order, verifier, now):
        later = now + timedelta(seconds=1)
        reinstate(scene.licence, verifier, later)

        orders.ask_again(order_id=order.id, actor_id=scene.buyer.id, at=later)

        (hold,) = holds(order)
        answer = db.session.get_one(EligibilityDecision, hold.lifted_decision_id)
        assert (hold.lifted_at, hold.lifted_by) == (later, scene.buyer.id)
        assert (answer.cleared, answer.moment) == (True, "ship_release")
        assert mails("goes on") == {scene.buyer.email, scene.owner.email, scene.seller.email}
        assert [event.kind for event in audit.events_about("order", order.id)][-1] == "order:hold_lifted"
        orders.release_to_ship(order_id=order.id, actor_id=scene.seller.id, at=later)
        assert the_order(order.id).state is S.RELEASED_TO_SHIP

    def test_the_reinstatement_itself_has_it_looked_at(self, order, scene, verifier, now):
        reinstate(scene.licence, verifier, now)

        assert looked_at() == [str(order.id)]
        run_jobs(only="look_at_order")
        assert causes(order) == []
        assert holds(order)[0].lifted_by is None

    def test_a_paid_order_is_cleared_by_the_same_yes(self, scene, verifier, now):
        order = make_order("held_not_cleared", scene, at=now)
        credentials.suspend(credential_id=scene.licence.id, actor_id=verifier.id, words="x", at=now)
        reinstate(scene.licence, verifier, now)

        orders.ask_again_by_staff(order_id=order.id, actor_id=verifier.id, at=now)

        order = the_order(order.id)
        assert (order.state, order.reason) == (S.FUNDS_HELD, None)
        assert causes(order) == []

    def test_before_the_practitioner_signed_it_is_asked_as_at_the_order(self, scene, verifier, now):
        order = the_order(place(scene, at=now))
        credentials.suspend(credential_id=scene.licence.id, actor_id=verifier.id, words="x", at=now)
        reinstate(scene.licence, verifier, now)

        orders.ask_again(order_id=order.id, actor_id=scene.owner.id, at=now)

        assert causes(order) == []

    def test_is_for_the_buying_side(self, scene, order, now):
        with pytest.raises(orders.NotYourAct):
            orders.ask_again(order_id=order.id, actor_id=scene.seller.id, at=now)
        with pytest.raises(NotFound):
            orders.ask_again(order_id=order.id, actor_id=make_user().id, at=now)

    def test_there_must_be_something_to_lift(self, scene, now):
        order = make_order("funds_held", scene, at=now)
        with pytest.raises(orders.NotOnHold):
            orders.ask_again(order_id=order.id, actor_id=scene.buyer.id, at=now)

    def test_a_loss_after_the_question_is_not_answered_by_it(self, scene, order, verifier, now):
        reinstate(scene.licence, verifier, now)
        loss = ripple.Loss(Cause.SITE_CLOSED, Ground(site_id=scene.site.id), scene.site.id, "It was closed.")
        ripple.lost(loss, actor_id=None, at=now + timedelta(seconds=1))

        with pytest.raises(orders.GateMoved):
            orders.ask_again(order_id=order.id, actor_id=scene.buyer.id, at=now)

        assert set(causes(order)) == {Cause.CREDENTIAL_SUSPENDED, Cause.SITE_CLOSED}

    def test_a_yes_that_fell_at_this_moment_lifts_nothing(self, scene, order, verifier, now, monkeypatch):
        reinstate(scene.licence, verifier, now)
        monkeypatch.setattr(steps, "still_stands", lambda _: False)

        with pytest.raises(orders.GateMoved):
            orders.ask_again(order_id=order.id, actor_id=scene.buyer.id, at=now)

        assert causes(order) == [Cause.CREDENTIAL_SUSPENDED]

    def test_what_somebody_else_lifted_meanwhile_is_not_lifted_again(self, scene, order, verifier, now, monkeypatch):
        reinstate(scene.licence, verifier, now)
        asked = steps.ask_the_gate

        def overtaken(*args, **given):
            decision = asked(*args, **given)
            monkeypatch.setattr(steps, "ask_the_gate", asked)
            orders.ask_again(order_id=order.id, actor_id=scene.buyer.id, at=now)
            return decision

        monkeypatch.setattr(steps, "ask_the_gate", overtaken)

        with pytest.raises(orders.NotOnHold):
            orders.ask_again(order_id=order.id, actor_id=scene.buyer.id, at=now)

        assert all(hold.lifted_at is not None for hold in holds(order))

    def test_a_no_to_the_question_itself_leaves_the_hold(self, scene, order, verifier, now, monkeypatch):
        """What looked like a yes a moment ago is asked about in earnest, and the answer counts."""
        reinstate(scene.licence, verifier, now)
        asked = steps.ask_the_gate

        def turned(*args, **given):
            db.session.execute(
                text("UPDATE credentials SET expires_on = current_date - 2, issued_on = NULL WHERE id = :id"),
                {"id": scene.licence.id},
            )
            db.session.commit()
            return asked(*args, **given)

        monkeypatch.setattr(steps, "ask_the_gate", turned)

        assert orders.look(order_id=order.id, at=now) is Looked.STILL_HELD
        assert causes(order) == [Cause.CREDENTIAL_SUSPENDED]


class TestLook:
    def test_finds_what_stands_standing(self, scene, now):
        order = make_order("funds_held", scene, at=now)

        assert orders.look(order_id=order.id, at=now) is Looked.STANDS
        assert holds(order) == []

    def test_holds_what_time_has_turned_to_no(self, scene, now):
        order = make_order("funds_held", scene, at=now)
        db.session.execute(
            text("UPDATE credentials SET expires_on = current_date - 2, issued_on = NULL WHERE id = :id"),
            {"id": scene.licence.id},
        )

        assert orders.look(order_id=order.id, at=now) is Looked.HELD
        assert orders.look(order_id=order.id, at=now) is Looked.STILL_HELD

        (hold,) = holds(order)
        assert hold.cause is Cause.ANSWER_TURNED
        assert "expired" in hold.words

    def test_what_is_over_is_over(self, scene, now):
        assert orders.look(order_id=make_order("in_transit", scene, at=now).id, at=now) is Looked.OVER

    def test_holds_what_cannot_be_asked_about_any_more(self, scene, now):
        order = make_order("funds_held", scene, at=now)
        db.session.execute(text("UPDATE clinic_sites SET closed_at = now() WHERE id = :id"), {"id": scene.site.id})

        assert orders.look(order_id=order.id, at=now) is Looked.HELD
        assert holds(order)[0].words == "The gate cannot be asked about it now."

    def test_a_paid_order_that_was_not_cleared_needs_no_hold_besides(self, scene, now):
        order = make_order("held_not_cleared", scene, at=now)
        db.session.execute(
            text("UPDATE credentials SET state = 'revoked', reason = 'x' WHERE id = :id"), {"id": scene.licence.id}
        )

        assert orders.look(order_id=order.id, at=now) is Looked.STILL_HELD
        assert holds(order) == []


class TestReach:
    def test_shows_what_is_under_way_and_what_has_left(self, scene, now):
        gone = make_order("in_transit", scene, at=now)
        under_way = make_order("funds_held", another_unit(scene), at=now)

        seen = reach.reach_of(Ground(credential_id=scene.licence.id))

        assert [line.id for line in seen.under_way] == [under_way.id]
        (transfer,) = seen.transferred
        assert (transfer.order_id, transfer.state, transfer.buyer_clinic) == (gone.id, S.IN_TRANSIT, scene.clinic.name)

    @pytest.mark.parametrize(
        ("ground", "kind"),
        [
            ("credential_id", "credentials"),
            ("person_id", "people"),
            ("site_id", "sites"),
            ("seller_id", "sellers"),
        ],
    )
    def test_has_a_page_for_each_ground(self, scene, ground, kind):
        assert reach.path_of(Ground(**{ground: scene.site.id})) == f"/staff/reach/{kind}/{scene.site.id}"


class TestSeenByTheSides:
    def test_the_buyer_reads_why_and_the_seller_only_that(self, scene, verifier, now):
        order = make_order("funds_held", scene, at=now)
        revoke(scene.licence, verifier, now)

        to_buyer = views.order_for(order.id, user_id=scene.buyer.id)
        to_seller = views.order_for(order.id, user_id=scene.seller.id)

        assert to_buyer.held
        assert to_seller.held
        assert to_buyer.holds[0].words == "Texas laser hair removal certificate (TDLR) of Alice Martin was revoked."
        assert to_seller.holds[0].words is None
        assert [line.held for line in queries.sales_of(scene.seller.id)] == [True]


class TestPages:
    @pytest.fixture
    def order(self, funds_held, scene, verifier, now):
        order = funds_held
        credentials.suspend(credential_id=scene.licence.id, actor_id=verifier.id, words="x", at=now)
        return order

    def page(self, client, user, path):
        sign_in(client, user)
        answer = client.get(path)
        assert answer.status_code == 200
        return answer.get_data(as_text=True)

    def test_the_buyer_sees_why_what_cures_it_and_the_one_button(self, client, scene, order):
        page = self.page(client, scene.buyer, f"/orders/{order.id}")

        assert "Texas laser hair removal certificate (TDLR) of Alice Martin was suspended." in page
        assert hold_wording.CURES[Cause.CREDENTIAL_SUSPENDED] in page
        assert f"/orders/{order.id}/ask-again" in page
        assert "on hold, payment held" in page
        assert "on hold" in self.page(client, scene.buyer, "/orders")

    def test_the_seller_sees_that_it_is_held_and_no_button(self, client, scene, order):
        page = self.page(client, scene.seller, f"/orders/{order.id}")

        assert "This sale is on hold: something that it rests on has changed." in page
        assert "Put on hold" in page
        assert "Alice Martin was suspended" not in page
        assert "ask-again" not in page
        assert "Get the release to ship</button>" not in page
        assert "on hold" in self.page(client, scene.seller, "/sales")

    def test_asking_again_is_answered_by_the_gate(self, client, scene, order, verifier, now):
        sign_in(client, scene.buyer)
        refused = client.post(f"/orders/{order.id}/ask-again")
        assert refused.status_code == 403
        assert "suspended" in refused.get_data(as_text=True)

        reinstate(scene.licence, verifier, now)
        assert client.post(f"/orders/{order.id}/ask-again").status_code == 303

        page = client.get(f"/orders/{order.id}").get_data(as_text=True)
        assert "No longer on hold" in page
        assert "by Alice Martin" in page

    def test_a_stale_button_is_refused_in_words(self, client, scene, order):
        sign_in(client, scene.seller)
        answer = client.post(f"/orders/{order.id}/release")

        assert answer.status_code == 409
        assert "This order is on hold." in answer.get_data(as_text=True)

    def test_finance_sees_the_hold_and_can_have_it_asked_about(self, client, scene, order, verifier, now):
        path = f"/staff/orders/{order.id}"
        page = self.page(client, make_staff("finance"), path)
        assert "was suspended" in page
        assert client.post(f"{path}/ask-again").status_code == 403
        reinstate(scene.licence, verifier, now)
        assert client.post(f"{path}/ask-again").status_code == 303
        assert causes(order) == []

    @pytest.mark.parametrize("kind", list(reach.Kind))
    def test_staff_see_what_rests_on_each_ground(self, client, scene, order, verifier, now, kind):
        gone = make_order("in_transit", make_scene(now), at=now)
        reference = {
            reach.Kind.CREDENTIAL: scene.licence,
            reach.Kind.PERSON: scene.buyer,
            reach.Kind.SITE: scene.site,
            reach.Kind.SELLER: scene.seller_clinic,
            reach.Kind.MODEL: db.session.get_one(DeviceModel, scene.listing.model_id),
        }[kind].id
        page = self.page(client, make_staff("auditor"), f"/staff/reach/{kind}/{reference}")

        assert str(order.number) in page
        assert "No device has left its seller on the strength of it." in page
        beyond = self.page(client, make_staff(), f"/staff/reach/people/{gone.buyer_id}")
        assert str(gone.number) in beyond
        assert "No order that could still be held back rests on it." in beyond

    def test_there_is_nothing_else_to_ask_about(self, app, client, scene):
        sign_in(client, make_staff())
        assert client.get(f"/staff/reach/devices/{scene.site.id}").status_code == 404
        assert client.get(f"/staff/reach/people/{scene.site.id}").status_code == 404
        member = app.test_client()
        sign_in(member, scene.buyer)
        assert member.get(f"/staff/reach/people/{scene.buyer.id}").status_code == 403
