"""Where a device goes was changed: what has not left waits for a day, and its owners can object."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from marketplace import audit, ripple
from marketplace.clinics import service as clinics
from marketplace.credentials import service as credentials
from marketplace.extensions import db
from marketplace.notifications.models import Mail
from marketplace.orders import holding, queries, refusals, views, watching
from marketplace.orders import service as orders
from marketplace.orders.access import Act
from marketplace.orders.models import OrderHold
from marketplace.orders.service import Looked
from marketplace.orders.states import OrderState
from marketplace.ripple import Cause, Ground, Loss
from marketplace.web import order_words
from tests.factories.accounts import make_staff
from tests.factories.clinics import make_clinic, make_site
from tests.factories.orders import make_order, the_order
from tests.support import promised_mails

S = OrderState
DAY = timedelta(hours=24)
SECOND = timedelta(seconds=1)
BEFORE_IT_LEAVES = [
    "awaiting_practitioner",
    "awaiting_payment",
    "payment_processing",
    "held_not_cleared",
    "funds_held",
    "released_to_ship",
]
GONE = ["in_transit", "under_inspection", "accepted"]


def move(scene, *, at, actor=None, **changes):
    site = scene.site
    address = {
        "name": site.name, "street": "1 Elsewhere", "city": site.city, "postal_code": site.postal_code,
        "time_zone": site.time_zone,
    }  # fmt: skip
    clinics.correct_site(site_id=site.id, actor_id=(actor or scene.owner).id, at=at, **{**address, **changes})


def holds() -> list[OrderHold]:
    return list(db.session.scalars(select(OrderHold).order_by(OrderHold.placed_at, OrderHold.id)))


def a_while_ago(now):
    """A moment a day and a second ago, so that what it began is over now."""
    return now - DAY - SECOND


class TestAddressChanged:
    @pytest.mark.parametrize("state", BEFORE_IT_LEAVES)
    def test_what_has_not_left_waits_for_a_day(self, scene, now, state):
        order = make_order(state, scene, at=now)

        move(scene, at=now)

        [hold] = holds()
        assert (hold.order_id, hold.cause, hold.reference) == (order.id, Cause.ADDRESS_CHANGED, scene.site.id)
        assert (hold.placed_by, hold.placed_at, hold.until) == (scene.owner.id, now, now + DAY)
        assert the_order(order.id).state is S(state)

    @pytest.mark.parametrize("state", GONE)
    def test_what_has_left_is_not_held_any_more(self, scene, now, state):
        make_order(state, scene, at=now)

        move(scene, at=now)

        assert holds() == []

    def test_an_order_for_another_site_goes_on(self, scene, now):
        make_order("funds_held", scene, at=now)
        other = make_site(clinic=scene.clinic)

        clinics.correct_site(
            site_id=other.id, actor_id=scene.owner.id, name="B", street="9 Elm", city="Austin", postal_code="78701",
            time_zone="America/Chicago", at=now,
        )  # fmt: skip

        assert holds() == []

    @pytest.mark.parametrize("changes", [{"name": "Another name"}, {"time_zone": "America/Denver"}])
    def test_what_leads_nothing_elsewhere_holds_nothing_and_mails_nobody(self, scene, now, changes):
        make_order("funds_held", scene, at=now)
        before = len(promised_mails())

        move(scene, at=now, street=scene.site.street, **changes)

        assert holds() == []
        assert len(promised_mails()) == before

    def test_every_owner_is_told_where_it_was_and_where_it_is_whoever_did_it(self, scene, now):
        second = make_clinic()
        assert second.id != scene.clinic.id
        was = f"{scene.site.street}, {scene.site.city}, {scene.site.state} {scene.site.postal_code}"

        move(scene, at=now)

        [mail] = promised_mails(Mail.template == "site_moved")
        assert mail.to == scene.owner.email
        assert mail.context == {
            "name": scene.owner.name,
            "site": scene.site.name,
            "before": was,
            "after": f"1 Elsewhere, {scene.site.city}, {scene.site.state} {scene.site.postal_code}",
            "by": scene.owner.name,
            "path": f"/clinics/{scene.clinic.id}",
        }

    def test_both_sides_are_told_until_when_and_staff_see_it(self, scene, now):
        order = make_order("funds_held", scene, at=now)
        verifier = make_staff(name="Vera Lind")

        move(scene, at=now)

        told = {mail.to: mail for mail in promised_mails(Mail.template == "order_news", Mail.promised_at == now)}
        assert "waits for a day" in told[scene.buyer.email].context["subject"]
        assert "waits for a day" in told[scene.seller.email].context["subject"]
        assert "1 Elsewhere" not in str(told[scene.seller.email].context)
        assert [mail.to for mail in promised_mails(Mail.template == "ripple")].count(verifier.email) == 1
        assert [line.id for line in watching.on_hold()] == [order.id]

    def test_changed_again_the_day_begins_anew(self, scene, now):
        make_order("funds_held", scene, at=now)
        move(scene, at=now)

        move(scene, at=now + DAY / 2, street="2 Elsewhere")
        move(scene, at=now + DAY / 2, street="2 Elsewhere")  # The same again changes nothing.

        [hold] = holds()
        assert hold.until == now + DAY / 2 + DAY

    def test_a_loss_for_the_same_reason_is_not_turned_into_a_wait(self, scene, now):
        order = make_order("funds_held", scene, at=now)
        ground, words = Ground(site_id=scene.site.id), "x"
        lost = Loss(Cause.ADDRESS_CHANGED, ground, scene.site.id, words)
        ripple.lost(lost, actor_id=None, at=now)

        ripple.lost(Loss(lost.cause, ground, scene.site.id, words, until=now + DAY), actor_id=None, at=now)

        assert [(hold.order_id, hold.until) for hold in holds()] == [(order.id, None)]


class TestWhileItWaits:
    @pytest.mark.parametrize(("state", "act"), [("funds_held", "release"), ("released_to_ship", "dispatch")])
    def test_the_device_does_not_leave(self, scene, now, state, act):
        order = make_order(state, scene, at=now)
        move(scene, at=now)
        who = {"order_id": order.id, "actor_id": scene.seller.id}

        with pytest.raises(refusals.ChangeSettles) as refusal:
            if act == "release":
                orders.release_to_ship(**who, at=now + DAY - SECOND)
            else:
                orders.dispatch(**who, carrier="FedEx", tracking="1", at=now + DAY - SECOND)

        assert refusal.value.code == "change_settles"
        assert f"{now + DAY:%H:%M} UTC" in refusal.value.sentence
        assert (the_order(order.id).state, the_order(order.id).tracking) == (S(state), None)

    def test_a_yes_of_the_gate_does_not_shorten_it(self, scene, now):
        order = make_order("funds_held", scene, at=now)
        move(scene, at=now)

        with pytest.raises(refusals.ChangeSettles):
            orders.ask_again(order_id=order.id, actor_id=scene.buyer.id, at=now)
        assert holding.look(order_id=order.id, at=now) is Looked.STILL_HELD

        assert holds()[0].lifted_at is None

    def test_the_page_says_until_when_and_offers_no_button_that_would_be_refused(self, scene, now):
        order = make_order("funds_held", scene, at=now)
        move(scene, at=now)

        seen = views.order_for(order.id, user_id=scene.buyer.id)

        [(words, cure)] = order_words.holds(seen)
        assert words.endswith(f"to 1 Elsewhere, {scene.site.city}, {scene.site.state} {scene.site.postal_code}.")
        assert "The device is not released before" in cure
        assert Act.ASK_AGAIN not in seen.acts

    def test_something_that_is_lost_meanwhile_holds_it_beyond_the_day(self, scene, now):
        long_ago = a_while_ago(now)
        order = make_order("funds_held", scene, at=now)
        move(scene, at=long_ago)
        credentials.suspend(credential_id=scene.licence.id, actor_id=make_staff().id, words="A doubt.", at=now)

        with pytest.raises(refusals.OrderOnHold) as refusal:
            orders.release_to_ship(order_id=order.id, actor_id=scene.seller.id, at=now)

        assert refusal.value.code == "order_on_hold"
        assert the_order(order.id).state is S.FUNDS_HELD

    def test_a_no_of_the_gate_is_kept_as_a_reason_of_its_own(self, scene, now):
        order = make_order("funds_held", scene, at=now)
        move(scene, at=now)
        db.session.execute(
            text("UPDATE clinic_members SET left_at = now() WHERE user_id = :id"), {"id": scene.buyer.id}
        )

        assert holding.look(order_id=order.id, at=now) is Looked.HELD

        assert {hold.cause for hold in holds()} == {Cause.ADDRESS_CHANGED, Cause.ANSWER_TURNED}


class TestAfterwards:
    def test_it_goes_on_by_itself_and_the_gate_was_asked_again(self, scene, now):
        order = make_order("funds_held", scene, at=now)
        move(scene, at=a_while_ago(now))
        [job] = db.session.execute(
            text("SELECT scheduled_at, args FROM procrastinate_jobs WHERE task_name = 'look_at_order'")
        ).all()
        assert (job.scheduled_at, job.args) == (now - SECOND, {"order_id": str(order.id)})

        assert holding.look(order_id=order.id, at=now) is Looked.LIFTED

        [hold] = holds()
        assert (hold.lifted_at, hold.lifted_by) == (now, None)
        assert hold.lifted_decision_id is not None
        assert not queries.is_held(order.id)
        kinds = [event.kind for event in audit.events_about("order", order.id)]
        assert kinds[-2:] == ["order:held", "order:hold_lifted"]

    def test_whoever_needs_the_order_now_does_not_wait_for_the_job(self, scene, now):
        order = make_order("funds_held", scene, at=now)
        move(scene, at=a_while_ago(now))

        orders.release_to_ship(order_id=order.id, actor_id=scene.seller.id, at=now)

        assert the_order(order.id).state is S.RELEASED_TO_SHIP
        assert holds()[0].lifted_at == now

    def test_the_gate_may_have_turned_in_the_meantime(self, scene, now):
        order = make_order("funds_held", scene, at=now)
        move(scene, at=now)
        lapsed = now + timedelta(days=300)

        with pytest.raises(refusals.OrderOnHold) as refusal:
            orders.release_to_ship(order_id=order.id, actor_id=scene.seller.id, at=lapsed)

        assert refusal.value.code == "order_on_hold"
        assert the_order(order.id).state is S.FUNDS_HELD
        assert [(hold.cause, hold.lifted_at) for hold in holds()] == [
            (Cause.ADDRESS_CHANGED, None),
            (Cause.ANSWER_TURNED, None),
        ]
