"""Messages about an order: hidden contact until the payment is held, one mail until it is read, kept for a dispute."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select, text, update

from marketplace.audit import events_about
from marketplace.clinics import service as clinics
from marketplace.extensions import db
from marketplace.kernel.contacts import HIDDEN
from marketplace.kernel.errors import Conflict, Invalid, NotFound
from marketplace.kernel.terms import ClinicRole
from marketplace.messages import queries, service
from marketplace.messages.access import CLOSED, Speaker, speaks_for
from marketplace.messages.models import OrderMessage, ThreadMark
from marketplace.messages.queries import MessageView
from marketplace.notifications.models import Mail
from marketplace.orders.access import Party
from marketplace.orders.refusals import OwnOrder
from marketplace.orders.states import OrderEvent, OrderState
from marketplace.payments.models import Payment
from tests.factories import orders as made
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_member
from tests.factories.orders import make_order
from tests.support import assert_refused_by, promised_mails

WITH_CONTACT = "Call 512 555 0100 about the crate."
MASKED = f"Call {HIDDEN} about the crate."
LATER = timedelta(minutes=1)


@pytest.fixture
def order(awaiting_practitioner):
    return awaiting_practitioner.id


def write(order_id, person, at, words="When can it leave?"):
    return service.write(order_id=order_id, actor_id=person.id, words=words, at=at)


def mails(person):
    return [
        mail.context["subject"]
        for mail in promised_mails(Mail.to == person.email, Mail.context["path"].astext.endswith("/messages"))
    ]


def written():
    return db.session.scalars(select(OrderMessage.words).order_by(OrderMessage.at)).all()


class TestWhoSpeaks:
    @pytest.mark.parametrize(
        ("party", "speaker"),
        [
            (Party.BUYER, Speaker.BUYER),
            (Party.BUYING_CLINIC, Speaker.BUYER),
            (Party.SELLER, Speaker.SELLER),
            (Party.OPERATOR, None),
            (Party.PRACTITIONER, None),
            (Party.SECOND_PERSON, None),
            (Party.FINANCE, None),
        ],
    )
    def test_for_each_side_those_who_act_for_it(self, party, speaker):
        assert speaks_for(frozenset({party})) is speaker

    def test_nobody_without_a_part(self):
        assert speaks_for(frozenset()) is None

    def test_a_thread_is_closed_where_the_order_came_to_nothing_unpaid(self):
        assert {OrderState.CANCELLED, OrderState.LAPSED} == CLOSED


class TestWrite:
    def test_reaches_the_other_side_and_is_on_record(self, scene, order, now):
        write(order, scene.buyer, now)
        write(order, scene.owner, now + LATER, "We have a lift gate.")
        write(order, scene.seller, now + 2 * LATER, "On Monday.")
        seen = queries.thread(order, user_id=scene.seller.id)

        assert (seen.speaker, seen.contact_is_shared, seen.is_open) == (Speaker.SELLER, False, True)
        assert [(one.speaker, one.author, one.words, one.at) for one in seen.messages] == [
            (Speaker.BUYER, None, "When can it leave?", now),
            (Speaker.BUYER, None, "We have a lift gate.", now + LATER),
            (Speaker.SELLER, "Selma Vogt", "On Monday.", now + 2 * LATER),
        ]
        recorded = [event for event in events_about("order", order) if event.kind == "order:message_written"]
        assert [event.data for event in recorded] == [{"speaker": "buyer"}, {"speaker": "buyer"}, {"speaker": "seller"}]

    def test_hides_contact_until_the_payment_is_held(self, scene, order, now):
        write(order, scene.buyer, now, WITH_CONTACT)
        for reader in (scene.buyer, scene.seller):
            (one,) = queries.thread(order, user_id=reader.id).messages
            assert (one.words, one.hidden) == (MASKED, True)
        (staff,) = queries.thread_for_staff(order).messages
        assert (staff.words, staff.author, staff.hidden) == (WITH_CONTACT, "Alice Martin", False)
        (event,) = [one for one in events_about("order", order) if one.kind == "order:message_written"]
        assert event.data == {"speaker": "buyer", "contact_hidden": ["a telephone number"]}

    def test_shows_all_of_it_once_the_payment_is_held_and_ever_after(self, scene, now):
        order = make_order("awaiting_payment", scene, at=now).id
        write(order, scene.buyer, now, WITH_CONTACT)
        made._STEPS[OrderEvent.PAID](order, scene, now)
        write(order, scene.seller, now + LATER, "Mine: a@b.example")
        for reader in (scene.buyer, scene.seller):
            seen = queries.thread(order, user_id=reader.id)
            assert seen.contact_is_shared
            assert [(one.author, one.words, one.hidden) for one in seen.messages] == [
                ("Alice Martin", WITH_CONTACT, False),
                ("Selma Vogt", "Mine: a@b.example", False),
            ]

    def test_held_without_a_yes_of_the_gate_hides_still(self, scene, now):
        order = make_order("held_not_cleared", scene, at=now).id
        write(order, scene.buyer, now, WITH_CONTACT)

        assert queries.thread(order, user_id=scene.seller.id).messages[0].words == MASKED

    def test_is_not_for_strangers_nor_for_those_who_have_left(self, scene, order, now):
        former = make_user()
        make_member(clinic=scene.seller_clinic, user=former, role=ClinicRole.MANAGER)
        clinics.remove_member(clinic_id=scene.seller_clinic.id, actor_id=scene.seller.id, user_id=former.id, at=now)
        for who in (make_user(), former, scene.practitioner):
            for act in (write, lambda order_id, person, at: service.read(order_id=order_id, user_id=person.id, at=at)):
                with pytest.raises(NotFound):
                    act(order, who, now)
        with pytest.raises(NotFound):
            queries.thread(scene.site.id, user_id=scene.buyer.id)
        with pytest.raises(NotFound):
            queries.thread_for_staff(scene.site.id)
        assert written() == []
        assert db.session.scalars(select(ThreadMark)).all() == []

    @pytest.mark.parametrize("words", ["", " ", "x" * 1001])
    def test_says_something_and_not_too_much(self, scene, order, now, words):
        with pytest.raises(Invalid) as refusal:
            write(order, scene.buyer, now, words)
        assert refusal.value.field == "words"
        assert written() == []

    def test_the_same_twice_in_a_row_is_one_message(self, scene, order, now):
        assert write(order, scene.buyer, now) == write(order, scene.buyer, now + LATER)
        write(order, scene.seller, now + 2 * LATER, "On Monday.")
        write(order, scene.buyer, now + 3 * LATER)
        assert written() == ["When can it leave?", "On Monday.", "When can it leave?"]

    def test_nothing_is_added_to_an_order_that_came_to_nothing(self, scene, now):
        order = make_order("cancelled", scene, at=now).id
        with pytest.raises(Conflict):
            write(order, scene.buyer, now)
        assert written() == []
        assert not queries.thread(order, user_id=scene.buyer.id).is_open


class TestMails:
    def test_come_once_until_they_are_read(self, scene, order, now):
        number = db.session.scalar(text("SELECT number FROM orders"))
        for minute in range(3):
            write(order, scene.buyer, now + minute * LATER, f"Message {minute}")
        assert mails(scene.seller) == [f"The buyer wrote to you about order {number}"]
        assert mails(scene.buyer) == []
        service.read(order_id=order, user_id=scene.seller.id, at=now + 5 * LATER)
        write(order, scene.buyer, now + 6 * LATER, "Another")
        assert len(mails(scene.seller)) == 2

        write(order, scene.seller, now + 7 * LATER, "On Monday.")
        assert mails(scene.buyer) == [f"The seller wrote to you about order {number}"]

    def test_go_to_everybody_who_sells_each_on_their_own(self, scene, order, now):
        manager = make_user()
        make_member(clinic=scene.seller_clinic, user=manager, role=ClinicRole.MANAGER)
        write(order, scene.buyer, now)
        service.read(order_id=order, user_id=manager.id, at=now + LATER)
        write(order, scene.buyer, now + 2 * LATER, "More")
        assert (len(mails(manager)), len(mails(scene.seller))) == (2, 1)

    def test_go_to_those_who_stand_in_for_a_buyer_who_is_gone(self, scene, order, now):
        clinics.remove_member(clinic_id=scene.clinic.id, actor_id=scene.owner.id, user_id=scene.buyer.id, at=now)
        write(order, scene.seller, now)
        assert (len(mails(scene.owner)), mails(scene.buyer)) == (1, [])

    def test_go_to_nobody_where_nobody_is(self, scene, order, now, monkeypatch):
        monkeypatch.setattr(service.belonging, "in_charge_of", lambda _clinic: [])
        write(order, scene.buyer, now)
        assert written() == ["When can it leave?"]
        assert db.session.scalars(select(ThreadMark)).all() == []


class TestRead:
    def test_marks_what_was_read_for_the_other_side(self, scene, order, now):
        write(order, scene.buyer, now)
        assert queries.unread(order, user_id=scene.seller.id) == 1
        assert queries.unread(order, user_id=scene.buyer.id) == 0
        assert queries.thread(order, user_id=scene.buyer.id).messages[0].read_by == ()
        service.read(order_id=order, user_id=scene.seller.id, at=now + LATER)
        write(order, scene.buyer, now + 2 * LATER, "And its papers?")

        assert queries.unread(order, user_id=scene.seller.id) == 1
        assert [one.read_by for one in queries.thread(order, user_id=scene.buyer.id).messages] == [
            (Speaker.SELLER,),
            (),
        ]


class TestDispute:
    @pytest.fixture
    def disputed(self, scene, now):
        order = make_order("funds_held", scene, at=now).id
        db.session.execute(update(Payment).values(frozen_reason="disputed"))
        db.session.commit()
        return order

    def test_lets_staff_write_to_both_sides(self, scene, disputed, now):
        finance = make_staff("finance", name="Felix")
        service.write_as_staff(order_id=disputed, actor_id=finance.id, words="Send us photos: a@b.example", at=now)
        for reader in (scene.buyer, scene.seller):
            (one,) = queries.thread(disputed, user_id=reader.id).messages
            assert one == MessageView(
                Speaker.STAFF, "Felix", "Send us photos: a@b.example", hidden=False, at=now, read_by=()
            )
            assert [subject.partition(" wrote")[0] for subject in mails(reader)] == ["Our staff"]
        assert db.session.scalar(select(OrderMessage.masked)) is None

    def test_only_while_it_is_open_and_only_to_staff_without_a_part(self, scene, disputed, now):
        partial = make_staff("finance")
        make_member(clinic=scene.clinic, user=partial)
        with pytest.raises(OwnOrder):
            service.write_as_staff(order_id=disputed, actor_id=partial.id, words="Hello", at=now)
        db.session.execute(update(Payment).values(frozen_reason="fraud_warning"))
        with pytest.raises(Conflict):
            service.write_as_staff(order_id=disputed, actor_id=make_staff("finance").id, words="Hello", at=now)
        assert written() == []

    def test_is_none_before_anything_was_paid(self, order):
        assert not service.is_disputed(order)


class TestConstraints:
    def test_a_message_says_something(self, scene, order, now):
        row = {"order_id": order, "speaker": "buyer", "author_id": scene.buyer.id, "words": " ", "at": now}
        with assert_refused_by("order_messages_message_says_something"):
            db.session.add(OrderMessage(**row))
            db.session.flush()

    def test_a_message_is_never_changed(self, scene, order, now):
        write(order, scene.buyer, now)
        for statement in (
            update(OrderMessage).values(words="Else"),
            delete(OrderMessage),
            text("TRUNCATE order_messages"),
        ):
            with assert_refused_by("order_messages_is_append_only"):
                db.session.execute(statement)
        assert db.session.scalar(select(func.count()).select_from(OrderMessage)) == 1
