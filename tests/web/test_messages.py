"""Pages of messages: both sides write from the order, contact is shown from the payment on, staff join a dispute."""

import pytest
from sqlalchemy import select, update

from marketplace.extensions import db
from marketplace.kernel.contacts import HIDDEN
from marketplace.messages import service
from marketplace.messages.models import OrderMessage
from marketplace.payments.models import Payment
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_member
from tests.factories.orders import make_order, place
from tests.pages import browser_of, hidden, text
from tests.support import count_statements

WITH_CONTACT = "Call 512 555 0100 about the crate."


def written():
    return db.session.scalars(select(OrderMessage.words).order_by(OrderMessage.at)).all()


class TestThread:
    def test_is_written_and_read_from_the_order(self, app, scene, now):
        order = place(scene, at=now)
        buyer, seller = browser_of(app, scene.buyer), browser_of(app, scene.seller)
        address = f"/orders/{order}/messages"
        assert "Read and write to the seller" in text(buyer.get(f"/orders/{order}"))
        assert "Nothing yet" in text(buyer.get(address))
        answer = buyer.post(address, data={"words": "When can it leave?"})

        assert (answer.status_code, answer.location) == (303, address)
        assert "Not read yet" in text(buyer.get(address))
        page = text(seller.get(f"/orders/{order}"))
        assert "Read and write to the buyer" in page
        assert "1 new message" in page
        page = text(seller.get(address))
        assert "When can it leave?" in page
        assert "Alice Martin" not in page
        assert "new message" not in text(seller.get(f"/orders/{order}"))
        assert "Read by the seller" in text(buyer.get(address))

    def test_is_announced_in_the_lists_until_it_is_read(self, app, scene, now):
        order = place(scene, at=now)
        buyer, seller = browser_of(app, scene.buyer), browser_of(app, scene.seller)
        service.write(order_id=order, actor_id=scene.buyer.id, words="When can it leave?", at=now)
        assert f'href="/orders/{order}/messages">New message' in seller.get("/sales").text
        assert "New message" not in text(buyer.get("/orders"))
        seller.get(f"/orders/{order}/messages")
        assert "New message" not in text(seller.get("/sales"))
        service.write(order_id=order, actor_id=scene.seller.id, words="On Monday.", at=now)
        assert "New message" in text(buyer.get("/orders"))
        assert "New message" not in text(browser_of(app, scene.owner).get("/orders"))

    def test_shows_before_the_payment_what_will_arrive(self, app, scene, now):
        order = place(scene, at=now)
        buyer, address = browser_of(app, scene.buyer), f"/orders/{order}/messages"
        page = buyer.post(address, data={"words": WITH_CONTACT})

        assert "We hid a telephone number." in text(page)
        assert written() == []
        sent = {"words": WITH_CONTACT, "seen": hidden(page.text, "seen")}
        assert buyer.post(address, data=sent).status_code == 303
        for reader in (buyer, browser_of(app, scene.seller)):
            page = text(reader.get(address))
            assert f"Call {HIDDEN} about the crate." in page
            assert "It is shown once the payment is held." in page
            assert "512 555" not in page.partition("<main")[2]

    def test_shows_everything_once_the_payment_is_held(self, app, scene, now):
        order = make_order("funds_held", scene, at=now).id
        address = f"/orders/{order}/messages"
        assert browser_of(app, scene.buyer).post(address, data={"words": WITH_CONTACT}).status_code == 303
        page = text(browser_of(app, scene.seller).get(address))
        assert WITH_CONTACT in page
        assert "Alice Martin" in page
        assert "we hide e-mail addresses" not in page

    @pytest.mark.parametrize(
        ("words", "sentence"), [("", "Write a sentence."), ("x" * 1001, "Write at most 1000 signs.")]
    )
    def test_says_what_is_wrong(self, app, scene, now, words, sentence):
        address = f"/orders/{place(scene, at=now)}/messages"
        page = browser_of(app, scene.buyer).post(address, data={"words": words})
        assert page.status_code == 422
        assert sentence in text(page)
        assert written() == []

    def test_is_closed_where_the_order_came_to_nothing(self, app, scene, now):
        order = make_order("cancelled", scene, at=now).id
        buyer, address = browser_of(app, scene.buyer), f"/orders/{order}/messages"
        assert "This order came to nothing." in text(buyer.get(address))
        assert buyer.post(address, data={"words": "Hello"}).status_code == 409
        assert written() == []

    def test_is_not_for_those_of_an_order_who_do_not_speak_for_a_side(self, app, scene, now):
        order = place(scene, at=now)
        for person in (scene.practitioner, make_user()):
            browser = browser_of(app, person)
            assert browser.get(f"/orders/{order}/messages").status_code == 404
            assert browser.post(f"/orders/{order}/messages", data={"words": "Hello"}).status_code == 404
        assert "Read and write" not in text(browser_of(app, scene.practitioner).get(f"/orders/{order}"))
        assert written() == []

    def test_takes_no_more_statements_with_more_messages(self, app, scene, now):
        order = place(scene, at=now)
        buyer, address = browser_of(app, scene.buyer), f"/orders/{order}/messages"
        taken = []
        for number in range(3):
            service.write(order_id=order, actor_id=scene.buyer.id, words=f"No. {number}", at=now)
            buyer.get(address)
            with count_statements() as sent:
                buyer.get(address)
            taken.append(len(sent))
        assert len(set(taken)) == 1


class TestDispute:
    @pytest.fixture
    def order(self, funds_held):
        return funds_held.id

    def test_is_decided_with_the_thread_before_ones_eyes(self, app, scene, order, now):
        staff = browser_of(app, make_staff("finance", name="Felix Roth"))
        address = f"/staff/orders/{order}"
        assert "What the sides wrote to each other" not in text(staff.get(address))
        service.write(order_id=order, actor_id=scene.buyer.id, words="It hums.", at=now)
        page = text(staff.get(address))
        assert "It hums." in page
        assert "Write to both sides" not in page
        assert staff.post(f"{address}/messages", data={"message-words": "Hello"}).status_code == 409

        db.session.execute(update(Payment).values(frozen_reason="disputed"))
        db.session.commit()
        assert "Write to both sides" in text(staff.get(address))
        page = staff.post(f"{address}/messages", data={"message-words": ""})
        assert (page.status_code, "Write a sentence." in text(page)) == (422, True)
        page = staff.post(f"{address}/messages", data={"message-words": "x" * 1001})
        assert page.status_code == 422
        answer = staff.post(f"{address}/messages", data={"message-words": "Send photos to us."})
        assert (answer.status_code, answer.location) == (303, f"{address}#thread")
        for person in (scene.buyer, scene.seller):
            page = text(browser_of(app, person).get(f"/orders/{order}/messages"))
            assert "Second Light" in page.partition("What was written")[2]
            assert "Send photos to us." in page
        assert written() == ["It hums.", "Send photos to us."]

    def test_shows_an_empty_thread_and_no_form_to_who_only_reads(self, app, scene, order):
        db.session.execute(update(Payment).values(frozen_reason="disputed"))
        db.session.commit()
        auditor, own = make_staff("auditor"), make_staff("finance")
        make_member(clinic=scene.clinic, user=own)
        page = text(browser_of(app, auditor).get(f"/staff/orders/{order}"))
        assert "Nothing yet." in page
        for person, status in ((auditor, 403), (own, 403)):
            browser = browser_of(app, person)
            assert "Write to both sides" not in text(browser.get(f"/staff/orders/{order}"))
            answer = browser.post(f"/staff/orders/{order}/messages", data={"message-words": "Hello"})
            assert answer.status_code == status
        assert written() == []
