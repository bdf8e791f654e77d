"""A part of the price goes back: asked for and agreed on pages, decided by finance, shown to everybody it concerns."""

from functools import partial

import pytest
from sqlalchemy import select

from marketplace.extensions import db
from marketplace.kernel.money import Money
from marketplace.orders import service as orders
from marketplace.orders.models import RefundProposal
from marketplace.payments.models import PartialRefund
from marketplace.payments.states import PaymentState
from tests.factories import deals
from tests.factories.accounts import make_staff, make_user
from tests.factories.orders import make_order
from tests.factories.payments import do_jobs, hear, the_payment
from tests.pages import browser_of, press, text, token
from tests.support import count_statements

TYPED = {"amount": "$1,250", "reason": "A scratched panel."}


@pytest.fixture
def as_(app):
    return partial(browser_of, app)


@pytest.fixture
def order(under_inspection):
    return under_inspection


def send(browser, address, page, **fields):
    return browser.post(address, data={"csrf_token": token(page), **fields})


class TestTheTwoSides:
    def test_a_buyer_asks_the_seller_agrees_and_everybody_sees_it(self, held, scene, as_, local_stripe):
        buyer, seller = as_(scene.buyer), as_(scene.seller)
        order, address = f"/orders/{held}", f"/orders/{held}/partial-refund"
        assert "Ask for a part back" in text(buyer.get(order))
        page = text(buyer.get(address))
        assert "The seller is asked, and has to agree." in page
        assert send(buyer, address, page, **TYPED).status_code == 303
        assert "Withdraw it" in text(buyer.get(address))

        assert "Answer a proposal about a part of the price" in text(seller.get(order))
        page = text(seller.get(address))
        assert "Let $1,250 go back to the buyer?" in page
        proposal = db.session.scalars(select(RefundProposal.id)).one()
        assert press(seller, page, f"{address}/{proposal}/agree").location == order
        assert "$1,250 of the $42,500 paid is going back to you." in text(buyer.get(order))
        do_jobs()

        page = text(buyer.get(order))
        assert "Your payment of $41,250 is held until you accept the device." in page
        assert "$1,250 of the $42,500 paid went back to you." in page
        assert "A part of the payment given back" in page
        page = text(seller.get(order))
        assert "You get $38,775: the price of $41,250 less our fee of $2,475" in page
        assert "$1,250 of the $42,500 paid went back to the buyer." in page
        page = text(buyer.get(f"{order}/payment-receipt"))
        assert "Goes back in part" in page
        assert "The sale stands for" in page
        assert "A scratched panel." in text(buyer.get(address))
        assert "$38,775" in text(seller.get(f"/sales/payouts/{scene.seller_clinic.id}"))
        assert [one["amount"] for one in local_stripe.get("/v1/refunds")["data"]] == [125_000]

    def test_the_seller_is_told_what_came_from_their_account(self, held, scene, as_, now, local_stripe):
        deals.accepted(held, scene, at=now)
        hear(local_stripe)
        orders.decide_by_finance(order_id=held, actor_id=make_staff().id, amount=Money(125_000), reason="Worn.", at=now)
        waiting = text(as_(scene.buyer).get(f"/orders/{held}"))
        assert "is going back to you. First the seller’s share" in waiting.replace("&#39;", "’")
        do_jobs()

        page = text(as_(scene.seller).get(f"/orders/{held}"))
        assert "We sent $39,950 to your account. $1,250 of the $42,500 paid went back to the buyer." in page
        assert "$1,175 of it came from your account." in page
        assert the_payment(held).state is PaymentState.RELEASED
        staff = text(as_(make_staff("finance")).get(f"/staff/orders/{held}"))
        assert "$1,250, of which $1,175 taken back from the seller and $75 of our fee." in staff

    def test_declined_and_withdrawn_it_is_a_line_of_the_past(self, order, scene, as_):
        buyer, seller, address = as_(scene.buyer), as_(scene.seller), f"/orders/{order.id}/partial-refund"
        for browser, answer in ((seller, "decline"), (buyer, "withdraw")):
            send(buyer, address, text(buyer.get(address)), **TYPED)
            proposal = db.session.scalars(select(RefundProposal.id).where(RefundProposal.state == "open")).one()
            page = text(browser.get(address))
            assert press(browser, page, f"{address}/{proposal}/{answer}").location == address

        page = text(seller.get(address))
        assert "declined" in page
        assert "withdrawn" in page
        assert "Offer it to the buyer" in page
        assert db.session.scalars(select(PartialRefund)).all() == []

    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            ({"amount": "a lot"}, "Write an amount such as $42,500 or 42500.00."),
            ({"amount": "$42,500"}, "Only a part can go back here: less than the $42,500 that the sale stands for."),
            ({"amount": "0.99"}, "The least that can go back is $1."),
            ({"amount": ""}, "Write how much goes back."),
            ({"reason": ""}, "Write a sentence that both sides will read."),
        ],
    )
    def test_what_cannot_be_is_said_beside_its_field(self, order, scene, as_, typed, said):
        buyer, address = as_(scene.buyer), f"/orders/{order.id}/partial-refund"
        answer = send(buyer, address, text(buyer.get(address)), **(TYPED | typed))

        assert answer.status_code == 422
        assert said in text(answer)
        assert db.session.scalars(select(RefundProposal)).all() == []

    def test_is_for_the_two_sides(self, order, scene, as_):
        address = f"/orders/{order.id}/partial-refund"
        for person, status in (
            (scene.buyer, 200), (scene.seller, 200), (scene.practitioner, 404), (make_user(), 404),
            (make_staff("finance"), 403),
        ):  # fmt: skip
            assert as_(person).get(address).status_code == status

        assert "Ask for a part back" not in text(as_(scene.practitioner).get(f"/orders/{order.id}"))

    def test_where_no_part_can_go_back_it_says_so(self, scene, now, as_):
        accepted = make_order("accepted", scene, at=now)
        buyer = as_(scene.buyer)

        assert "No part can go back at the moment" in text(buyer.get(f"/orders/{accepted.id}/partial-refund"))
        assert "Ask for a part back" not in text(buyer.get(f"/orders/{accepted.id}"))

    def test_an_order_that_nobody_began_to_pay_has_no_such_page(self, scene, now, as_):
        order = make_order("awaiting_payment", scene, at=now)

        assert as_(scene.buyer).get(f"/orders/{order.id}/partial-refund").status_code == 404

    def test_is_asked_of_the_database_in_few_statements(self, order, scene, as_):
        buyer, address = as_(scene.buyer), f"/orders/{order.id}/partial-refund"
        buyer.get(address)
        with count_statements() as sent:
            buyer.get(address)

        assert len([one for one in sent if "payments" in one or "refund" in one]) == 2


class TestFinance:
    def test_decides_a_part(self, order, scene, as_):
        finance, address = as_(make_staff("finance")), f"/staff/orders/{order.id}"
        page = text(finance.get(address))
        assert "Give a part back" in page
        typed = {f"part-{name}": value for name, value in TYPED.items()}
        wrong = send(finance, f"{address}/partial-refund", page, **(typed | {"part-amount": "$42,501"}))
        assert wrong.status_code == 422
        assert "Only a part can go back here" in text(wrong)
        assert send(finance, f"{address}/partial-refund", page, **typed).status_code == 303

        page = text(finance.get(address))
        assert "$1,250 is going back just now. When it has arrived, another part can follow." in page
        assert "Give this part back" not in page
        waits = text(as_(scene.buyer).get(f"/orders/{order.id}/partial-refund"))
        assert "$1,250 is going back just now. When it has arrived, another part can be proposed." in waits
        assert "part 1: covered" in page
        assert "$1,250, of which $1,175 less for the seller and $75 of our fee." in page
        assert db.session.scalars(select(PartialRefund.amount_minor)).all() == [125_000]

    def test_sees_what_the_sides_proposed(self, order, scene, as_, now):
        orders.propose(order_id=order.id, actor_id=scene.buyer.id, amount=Money(125_000), reason="A scratch.", at=now)

        page = text(as_(make_staff("auditor")).get(f"/staff/orders/{order.id}"))
        assert "Proposed about parts of the price" in page
        assert "A scratch." in page
        assert "Give a part back" not in page

    def test_it_is_finances_to_do(self, order, scene, as_):
        for person in (scene.buyer, scene.seller, make_staff("auditor"), make_staff("verifier")):
            browser = as_(person)
            page = text(browser.get("/account"))
            answer = send(browser, f"/staff/orders/{order.id}/partial-refund", page, **TYPED)
            assert answer.status_code == 403

        assert db.session.scalars(select(PartialRefund)).all() == []
