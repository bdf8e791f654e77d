"""A practitioner signs through a mailed link: the person, the unit and the order it was sent for, once, and nothing less."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text

from marketplace import audit
from marketplace.audit import AuditEvent
from marketplace.extensions import db
from marketplace.kernel.errors import Invalid, NotFound
from marketplace.kernel.machine import IllegalMove
from marketplace.kernel.terms import ClinicRole
from marketplace.links.models import LinkAnswer
from marketplace.links.service import LinkIsOver, LinkSpeaksOfAnother, NoSuchLink
from marketplace.links.states import Answer, LinkState, Worth
from marketplace.notifications.models import Mail
from marketplace.orders import service as orders
from marketplace.orders.models import OrderMove
from marketplace.orders.states import OrderState
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_member, make_site
from tests.factories.credentials import make_credential
from tests.factories.links import ask, the_link, tokens_mailed
from tests.factories.orders import make_order, place, the_order
from tests.support import promised_jobs

AWAITING, TO_PAY = OrderState.AWAITING_PRACTITIONER, OrderState.AWAITING_PAYMENT


@pytest.fixture
def order_id(awaiting_practitioner):
    return awaiting_practitioner.id


@pytest.fixture
def send(scene, order_id, now):
    """Send a link to the practitioner; returns it with the token in its mail."""

    def send(*, at=now, by=None, to=None):
        before = tokens_mailed("order_link")
        link_id = orders.send_link(
            order_id=order_id,
            practitioner_id=(to or scene.practitioner).id,
            actor_id=(by or scene.buyer).id,
            at=at,
        )
        (token,) = tokens_mailed("order_link") - before
        return link_id, token

    return send


def sign(token, who, *, at, signed=None):
    if signed is None:
        found = orders.to_sign_by_link(token=token, actor_id=who.id, at=at)
        signed = [code for code, _ in found.asked.required]
    return orders.confirm_by_link(token=token, actor_id=who.id, signed=signed, at=at)


def write(statement: str, **values) -> None:
    db.session.execute(text(statement), values)
    db.session.commit()


def nothing_signed(order_id, link_id, *, waiting=True) -> None:
    order = the_order(order_id)
    assert (order.state, order.practitioner_id, order.practitioner_statement) == (AWAITING, None, None)
    assert db.session.scalar(select(func.count()).select_from(LinkAnswer)) == 0
    if waiting:
        assert the_link(link_id).state is LinkState.WAITING


class TestSendLink:
    def test_mails_the_practitioner_what_it_is_about(self, scene, order_id, send, now):
        link_id, token = send()

        (mail,) = db.session.scalars(select(Mail).where(Mail.template == "order_link"))
        assert (mail.to, mail.context["name"], mail.context["sender"]) == (
            scene.practitioner.email, "Dana Okafor", "Alice Martin",
        )  # fmt: skip
        unit = f"GentleLASE {scene.listing.title.rpartition(' ')[2]}, serial number {scene.listing.serial}"
        assert mail.context["unit"].endswith(unit)
        assert mail.context["token"] == token
        assert ("send_mail", {"mail_id": str(mail.id)}) in promised_jobs()
        link = the_link(link_id)
        assert (link.subject_id, link.recipient_id, link.sent_by) == (order_id, scene.practitioner.id, scene.buyer.id)
        assert (link.bound["serial"], link.bound["operator"]) == (scene.listing.serial, str(scene.buyer.id))
        assert the_order(order_id).state is AWAITING

    def test_serves_48_hours(self, send, now):
        assert the_link(send()[0]).expires_at == now + timedelta(hours=48)

    def test_serves_no_longer_than_the_order_stands(self, send, order_id, now):
        late = now + timedelta(hours=30)
        order = the_order(order_id)
        ends = order.placed_at + timedelta(hours=72)
        assert the_link(send(at=late)[0]).expires_at == order.expires_at == ends

    def test_is_not_sent_once_the_order_has_run_out(self, send, now):
        with pytest.raises(orders.OrderExpired):
            send(at=now + timedelta(hours=72))
        assert tokens_mailed("order_link") == set()

    def test_the_owner_of_the_buying_clinic_can_send_it(self, scene, send):
        assert the_link(send(by=scene.owner)[0]).sent_by == scene.owner.id

    @pytest.mark.parametrize("who", ["seller", "practitioner"])
    def test_nobody_else_can(self, scene, send, who):
        with pytest.raises(orders.NotYourAct):
            send(by=getattr(scene, who))
        assert tokens_mailed("order_link") == set()

    def test_a_stranger_does_not_learn_of_the_order(self, send):
        with pytest.raises(NotFound):
            send(by=make_user())

    def test_goes_to_a_practitioner_of_the_clinic_only(self, scene, send):
        elsewhere = make_credential(type_code="MD_DO").holder_id
        for other in (scene.buyer, scene.owner, db.session.get_one(type(scene.buyer), elsewhere)):
            with pytest.raises(Invalid) as refusal:
                send(to=other, by=scene.owner)
            assert (refusal.value.field, refusal.value.sentence) == (
                "practitioner", "Choose a practitioner of your clinic.",
            )  # fmt: skip

    def test_who_is_the_practitioner_signs_on_the_page(self, scene, send, now):
        make_credential(
            type_code="MD_DO", holder=scene.owner, at=now - timedelta(days=2), expires_on=scene.prescriber.expires_on
        )
        with pytest.raises(Invalid) as refusal:
            send(by=scene.owner, to=scene.owner)
        assert refusal.value.sentence.startswith("You are the practitioner yourself")

    def test_a_new_one_ends_the_one_before(self, scene, send, now):
        first, second = send(), send(at=now + timedelta(minutes=1))

        with pytest.raises(LinkIsOver) as refusal:
            sign(first[1], scene.practitioner, at=now + timedelta(minutes=1))
        assert refusal.value.worth is Worth.REPLACED
        sign(second[1], scene.practitioner, at=now + timedelta(minutes=1))

    @pytest.mark.parametrize("state", [TO_PAY, OrderState.CANCELLED])
    def test_only_while_the_order_waits(self, scene, now, state):
        order = make_order(state, scene, at=now)
        with pytest.raises(IllegalMove):
            orders.send_link(order_id=order.id, practitioner_id=scene.practitioner.id, actor_id=scene.buyer.id, at=now)


class TestToSignByLink:
    def test_shows_exactly_what_is_signed_and_changes_nothing(self, scene, order_id, send, now):
        link_id, token = send()
        events = db.session.scalar(select(func.count()).select_from(AuditEvent))

        found = orders.to_sign_by_link(token=token, actor_id=scene.practitioner.id, at=now)

        page = orders.to_sign(order_id=order_id, actor_id=scene.practitioner.id, at=now)
        assert found.asked == page
        assert (found.sent_by, found.expires_at) == ("Alice Martin", now + timedelta(hours=48))
        nothing_signed(order_id, link_id)
        assert the_link(link_id).opened_at is None
        assert db.session.scalar(select(func.count()).select_from(AuditEvent)) == events

    def test_a_changed_order_is_not_shown_as_if_it_were_the_one_that_was_sent(self, scene, send, now):
        _, token = send()
        write("UPDATE listings SET serial = 'OTHER-1' WHERE id = :id", id=scene.listing.id)

        with pytest.raises(LinkSpeaksOfAnother):
            orders.to_sign_by_link(token=token, actor_id=scene.practitioner.id, at=now)


class TestConfirmByLink:
    def test_the_practitioner_signs_for_the_very_unit(self, scene, order_id, send, now):
        link_id, token = send()
        at = now + timedelta(seconds=1)

        assert sign(token, scene.practitioner, at=at) == order_id

        order = the_order(order_id)
        assert (order.state, order.practitioner_id) == (TO_PAY, scene.practitioner.id)
        assert order.practitioner_confirmed_at == at
        answer = db.session.get_one(LinkAnswer, link_id)
        assert (answer.answer, answer.name, answer.role) == (Answer.SIGNED, "Dana Okafor", "ordering practitioner")
        assert (answer.words, answer.answered_at) == (order.practitioner_statement, at)
        link = the_link(link_id)
        assert (link.state, link.ended_at) == (LinkState.USED, at)
        move = db.session.scalars(select(OrderMove).where(OrderMove.event == "confirmed")).one()
        assert move.cause == "the practitioner signed for it through the link that Alice Martin sent"
        confirmed = next(one for one in audit.events_about("order", order_id) if one.kind == "order:confirmed")
        assert confirmed.data["link"] == str(link_id)
        db.session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))

    def test_is_the_same_signature_as_the_pages(self, scene, now):
        by_page = make_order(TO_PAY, scene, at=now).practitioner_statement
        write("UPDATE orders SET state = 'cancelled' WHERE state = 'awaiting_payment'")
        write("UPDATE listings SET state = 'published' WHERE id = :id", id=scene.listing.id)
        order_id = place(scene, at=now)
        orders.send_link(order_id=order_id, practitioner_id=scene.practitioner.id, actor_id=scene.buyer.id, at=now)
        (token,) = tokens_mailed("order_link")
        sign(token, scene.practitioner, at=now)

        assert the_order(order_id).practitioner_statement == by_page

    def test_serves_once(self, scene, order_id, send, now):
        _, token = send()
        sign(token, scene.practitioner, at=now)

        for again in (
            lambda: sign(token, scene.practitioner, at=now, signed=[]),
            lambda: orders.to_sign_by_link(token=token, actor_id=scene.practitioner.id, at=now),
        ):
            with pytest.raises(LinkIsOver) as refusal:
                again()
            assert refusal.value.worth is Worth.USED
        assert db.session.scalar(select(func.count()).select_from(LinkAnswer)) == 1

    def test_its_last_instant_is_too_late_and_the_one_before_is_not(self, scene, order_id, send, now):
        link_id, token = send()
        end = now + timedelta(hours=48)

        with pytest.raises(LinkIsOver) as refusal:
            sign(token, scene.practitioner, at=end, signed=[])
        assert refusal.value.worth is Worth.EXPIRED
        nothing_signed(order_id, link_id)
        sign(token, scene.practitioner, at=end - timedelta(microseconds=1))
        assert the_order(order_id).state is TO_PAY

    @pytest.mark.parametrize("who", ["buyer", "owner", "seller", "another practitioner", "a stranger"])
    def test_passed_on_it_opens_nothing(self, scene, order_id, send, now, who):
        link_id, token = send()
        other = getattr(scene, who, None) or make_user()
        if who == "another practitioner":
            make_member(clinic=scene.clinic, user=other, role=ClinicRole.PRACTITIONER)

        for act in (
            lambda: sign(token, other, at=now, signed=[]),
            lambda: orders.to_sign_by_link(token=token, actor_id=other.id, at=now),
        ):
            with pytest.raises(orders.LinkIsAnothers):
                act()
        nothing_signed(order_id, link_id)

    def test_one_that_asks_about_a_claim_signs_no_order(self, scene, order_id, now):
        verifier = make_staff()
        claim = make_credential(state="in_review", verifier=verifier)
        link_id, token = ask(claim, verifier.id, at=now)

        with pytest.raises(NoSuchLink):
            sign(token, scene.practitioner, at=now, signed=[])
        nothing_signed(order_id, link_id)

    @pytest.mark.parametrize("gone", ["suspended", "revoked", "expired"])
    def test_a_licence_that_lapsed_since_signs_nothing(self, scene, order_id, send, now, gone):
        link_id, token = send()
        if gone == "expired":
            yesterday = (now - timedelta(days=2)).date()
            write("UPDATE credentials SET expires_on = :day WHERE id = :id", day=yesterday, id=scene.prescriber.id)
        else:
            write(
                "UPDATE credentials SET state = :state, reason = 'the register says so' WHERE id = :id",
                state=gone,
                id=scene.prescriber.id,
            )

        with pytest.raises(orders.NotCleared):
            sign(token, scene.practitioner, at=now)
        nothing_signed(order_id, link_id)

    def test_a_licence_of_another_state_signs_nothing(self, scene, order_id, send, now):
        other = make_user(name="Zed Okoro")
        make_member(clinic=scene.clinic, user=other, role=ClinicRole.PRACTITIONER)
        make_credential(
            type_code="MD_DO", holder=other, jurisdiction="AZ", at=now - timedelta(days=2),
            expires_on=scene.prescriber.expires_on,
        )  # fmt: skip
        link_id, token = send(to=other)

        with pytest.raises(orders.NotCleared):
            sign(token, other, at=now)
        nothing_signed(order_id, link_id)

    def test_who_has_left_the_clinic_signs_nothing(self, scene, order_id, send, now):
        link_id, token = send()
        write("UPDATE clinic_members SET left_at = :at WHERE user_id = :id", at=now, id=scene.practitioner.id)

        with pytest.raises(NotFound):
            sign(token, scene.practitioner, at=now, signed=[])
        nothing_signed(order_id, link_id)

    @pytest.mark.parametrize(
        "change",
        [
            "UPDATE listings SET serial = 'OTHER-1' WHERE id = :listing",
            "UPDATE listings SET model_id = :model WHERE id = :listing",
            "UPDATE listing_handpieces SET name = 'Another handpiece' WHERE listing_id = :listing",
            "UPDATE orders SET operator_id = :owner",
            "UPDATE orders SET site_id = :site",
            "UPDATE clinic_sites SET city = 'Dallas' WHERE id = (SELECT site_id FROM orders)",
            "UPDATE orders SET declared_uses = '{TATTOO}'",
            "UPDATE orders SET use_restriction = 'Only on Mondays.'",
        ],
        ids=["serial", "model", "handpiece", "operator", "site", "city", "uses", "restriction"],
    )
    def test_what_changed_after_the_mail_is_not_signed_with_it(self, scene, order_id, send, now, change):
        link_id, token = send()
        site, model = make_site(clinic=scene.clinic).id, self.other_model(scene)
        # The database's own guards would refuse most of these; here they look away.
        write("SET LOCAL session_replication_role = replica")
        values = {"listing": scene.listing.id, "owner": scene.owner.id, "site": site, "model": model}
        write(change, **{name: value for name, value in values.items() if f":{name}" in change})
        write("SET LOCAL session_replication_role = origin")

        with pytest.raises(LinkSpeaksOfAnother):
            sign(token, scene.practitioner, at=now, signed=[])
        nothing_signed(order_id, link_id)

    def other_model(self, scene):
        from tests.factories.catalog import make_model

        return make_model(modality_codes=("DIODE_HR",)).id

    def test_a_cancelled_order_is_signed_by_nothing(self, scene, order_id, send, now, local_stripe):
        _, token = send()
        orders.cancel(order_id=order_id, actor_id=scene.buyer.id, live=False, at=now)

        with pytest.raises(LinkIsOver) as refusal:
            sign(token, scene.practitioner, at=now, signed=[])
        assert refusal.value.worth is Worth.WITHDRAWN
        assert (the_order(order_id).state, the_order(order_id).practitioner_id) == (OrderState.CANCELLED, None)

    def test_a_signature_on_the_page_ends_the_links(self, scene, order_id, send, now):
        link_id, token = send()
        asked = orders.to_sign(order_id=order_id, actor_id=scene.practitioner.id, at=now)
        orders.confirm(
            order_id=order_id, actor_id=scene.practitioner.id, signed=[code for code, _ in asked.required], at=now
        )

        assert the_link(link_id).state is LinkState.WITHDRAWN
        with pytest.raises(LinkIsOver):
            sign(token, scene.practitioner, at=now, signed=[])

    def test_an_unsigned_statement_leaves_link_and_order_as_they_were(self, scene, order_id, send, now, monkeypatch):
        from dataclasses import replace

        from marketplace.eligibility.verdict import Statement
        from marketplace.orders import confirming

        link_id, token = send()
        judged = confirming._as_confirmed
        asked = (Statement("SUPERVISES", "I supervise the operator.", "TX-1"),)
        monkeypatch.setattr(confirming, "_as_confirmed", lambda *a, **k: replace(judged(*a, **k), statements=asked))

        with pytest.raises(Invalid) as refusal:
            sign(token, scene.practitioner, at=now, signed=[])
        assert refusal.value.field == "statements"
        nothing_signed(order_id, link_id)
        sign(token, scene.practitioner, at=now)
        assert the_order(order_id).practitioner_statement.endswith(" I supervise the operator.")


class TestWithdrawLink:
    def test_ends_it(self, scene, order_id, send, now):
        link_id, token = send()
        orders.withdraw_link(order_id=order_id, link_id=link_id, actor_id=scene.owner.id, at=now)

        with pytest.raises(LinkIsOver) as refusal:
            sign(token, scene.practitioner, at=now, signed=[])
        assert refusal.value.worth is Worth.WITHDRAWN
        nothing_signed(order_id, link_id, waiting=False)

    @pytest.mark.parametrize("who", ["seller", "practitioner"])
    def test_is_the_buying_sides(self, scene, order_id, send, now, who):
        link_id, _ = send()
        with pytest.raises(orders.NotYourAct):
            orders.withdraw_link(order_id=order_id, link_id=link_id, actor_id=getattr(scene, who).id, at=now)
        assert the_link(link_id).state is LinkState.WAITING

    def test_of_this_order_only(self, scene, order_id, now):
        with pytest.raises(NoSuchLink):
            orders.withdraw_link(order_id=order_id, link_id=uuid4(), actor_id=scene.buyer.id, at=now)


class TestAsking:
    def test_names_whom_one_can_ask_and_what_was_sent(self, scene, order_id, send, now):
        first, _ = send()
        second, _ = send(at=now + timedelta(minutes=1), by=scene.owner)

        found = orders.asking(order_id=order_id, actor_id=scene.buyer.id, at=now + timedelta(minutes=1))

        assert found.waits
        assert found.practitioners == ((scene.practitioner.id, "Dana Okafor"),)
        assert [(one.id, one.practitioner, one.sent_by, one.worth) for one in found.sent] == [
            (second, "Dana Okafor", "Olive Stone", Worth.WAITING),
            (first, "Dana Okafor", "Alice Martin", Worth.REPLACED),
        ]

    def test_an_order_that_does_not_wait_asks_nobody(self, scene, order_id, send, now):
        send()
        late = orders.asking(order_id=order_id, actor_id=scene.buyer.id, at=now + timedelta(hours=72))
        assert (late.waits, late.practitioners) == (False, ())
        assert [one.worth for one in late.sent] == [Worth.EXPIRED]

    def test_is_the_buying_sides(self, scene, order_id, now):
        with pytest.raises(orders.NotYourAct):
            orders.asking(order_id=order_id, actor_id=scene.seller.id, at=now)
        with pytest.raises(NotFound):
            orders.asking(order_id=order_id, actor_id=make_user().id, at=now)
