"""What becomes of an order whose buyer has left the clinic: they act no more, and those who run it bring it to its end."""

from functools import partial

import pytest
from sqlalchemy import select

from marketplace.accounts import staffing
from marketplace.accounts.models import User
from marketplace.clinics import service as clinics
from marketplace.extensions import db
from marketplace.kernel.terms import ClinicRole
from marketplace.notifications.models import Mail
from marketplace.orders import belonging, queries
from marketplace.orders import service as orders
from marketplace.orders.access import Party
from marketplace.orders.states import OrderState
from marketplace.payments.models import MoneyIntent
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_member
from tests.factories.orders import make_order, place, place_and_confirm, the_order
from tests.pages import browser_of, press, text


@pytest.fixture
def as_(app):
    """A browser that is signed in as somebody."""
    return partial(browser_of, app)


@pytest.fixture
def manager(scene):
    manager = make_user(name="Mo Rivera")
    make_member(clinic=scene.clinic, user=manager, role=ClinicRole.MANAGER)
    return manager


def leaves(user, scene, now) -> None:
    clinics.remove_member(clinic_id=scene.clinic.id, actor_id=scene.owner.id, user_id=user.id, at=now)


def account_closes(user, _scene, now) -> None:
    staffing.disable(user_id=user.id, actor_id=make_staff("admin").id, reason="Asked for.", at=now)


def subjects_to(user) -> list[str]:
    sent = db.session.scalars(select(Mail).where(Mail.to == user.email, Mail.template == "order_news"))
    return [mail.context["subject"] for mail in sent]


class TestWhoHasLeft:
    @pytest.mark.parametrize(("state", "act"), [
        ("under_inspection", "accept"), ("in_transit", "arrival"), ("awaiting_payment", "cancel"),
        ("awaiting_payment", "pay"), ("held_not_cleared", "clearance"),
    ])  # fmt: skip
    def test_acts_for_the_clinic_no_more(self, scene, as_, now, state, act):
        order = make_order(state, scene, at=now)
        browser = as_(scene.buyer)
        leaves(scene.buyer, scene, now)

        answer = browser.post(f"/orders/{order.id}/{act}")

        assert answer.status_code == 404
        assert the_order(order.id).state is OrderState(state)
        assert db.session.scalars(select(MoneyIntent)).all() == []

    def test_sees_no_more_of_it(self, scene, as_, now):
        order = make_order("under_inspection", scene, at=now)
        browser = as_(scene.buyer)
        assert scene.listing.title in text(browser.get("/orders"))
        leaves(scene.buyer, scene, now)

        assert scene.listing.title not in text(browser.get("/orders"))
        for page in ("", "/report", "/payment-receipt", f"/receipts/{order.decision_id}"):
            assert browser.get(f"/orders/{order.id}{page}").status_code == 404

    def test_nor_does_who_was_to_operate_it(self, scene, as_, now):
        colleague = db.session.scalars(select(User).where(User.name == "Priya Nair")).one()
        order = make_order("under_inspection", scene, at=now, operator_id=colleague.id)
        browser = as_(colleague)
        assert browser.get(f"/orders/{order.id}").status_code == 200
        leaves(colleague, scene, now)

        assert browser.get(f"/orders/{order.id}").status_code == 404
        assert queries.purchases_of(colleague.id) == []

    def test_is_written_to_no_more_and_those_who_run_the_clinic_are(self, scene, manager, now):
        order = make_order("held_not_cleared", scene, at=now)
        leaves(scene.buyer, scene, now)
        before = subjects_to(scene.buyer)

        orders.refund_by_finance(order_id=order.id, actor_id=make_staff("finance").id, reason="They left.", at=now)

        news = f"The payment for the {scene.listing.title} goes back to the buyer"
        assert subjects_to(scene.buyer) == before
        assert news in subjects_to(manager)
        assert news in subjects_to(scene.owner)


class TestThoseWhoRunTheClinic:
    @pytest.mark.parametrize("gone", [leaves, account_closes])
    def test_bring_it_to_its_end(self, scene, manager, as_, now, gone):
        order = make_order("in_transit", scene, at=now)
        gone(scene.buyer, scene, now)
        page = f"/orders/{order.id}"

        arrival = text(as_(manager).get(f"{page}/arrival"))
        assert press(as_(manager), arrival, f"{page}/arrival", member=str(manager.id)).status_code == 303
        assert press(as_(scene.owner), text(as_(scene.owner).get(page)), f"{page}/accept").status_code == 303

        assert the_order(order.id).state is OrderState.ACCEPTED
        assert [move.actor_id for move in the_order(order.id).moves[-2:]] == [manager.id, scene.owner.id]

    def test_do_not_while_whoever_placed_it_is_there(self, scene, manager, as_, now):
        order = make_order("under_inspection", scene, at=now)

        assert f'/orders/{order.id}/accept"' not in text(as_(manager).get(f"/orders/{order.id}"))
        assert as_(manager).post(f"/orders/{order.id}/accept").status_code == 403
        assert the_order(order.id).state is OrderState.UNDER_INSPECTION

    def test_take_it_back_as_the_buyer(self, scene, as_, now):
        order_id = place(scene, at=now)
        leaves(scene.buyer, scene, now)

        assert as_(scene.owner).post(f"/orders/{order_id}/cancel").status_code == 303

        assert the_order(order_id).reason == "The buyer cancelled the order before it was paid."
        ended = f"The order of the {scene.listing.title} has ended"
        assert ended in subjects_to(scene.seller)
        assert ended not in subjects_to(scene.owner)  # Nobody is told what they did themselves.

    def test_do_not_pay_for_what_nobody_is_cleared_for(self, scene, as_, now):
        order_id = place_and_confirm(scene, at=now)
        leaves(scene.buyer, scene, now)

        assert as_(scene.owner).post(f"/orders/{order_id}/pay").status_code == 409
        assert the_order(order_id).state is OrderState.AWAITING_PAYMENT

    def test_nobody_else_of_the_clinic_stands_in(self, scene, as_, now):
        order = make_order("under_inspection", scene, at=now)
        leaves(scene.buyer, scene, now)

        assert as_(scene.practitioner).post(f"/orders/{order.id}/accept").status_code == 403
        assert Party.BUYER not in belonging.parties_of(the_order(order.id), scene.seller.id)
        assert the_order(order.id).state is OrderState.UNDER_INSPECTION

    def test_are_shown_in_the_list_what_waits_for_them(self, scene, as_, now):
        make_order("under_inspection", scene, at=now)
        (line,) = queries.purchases_of(scene.owner.id)
        assert line.due is None
        leaves(scene.buyer, scene, now)

        (line,) = queries.purchases_of(scene.owner.id)
        assert line.due == "accept"
