"""The receipt of a payment: whole for the buying clinic, without what the seller gets, and nothing for anybody else."""

import re
from functools import partial
from io import BytesIO

import pytest
from pypdf import PdfReader
from sqlalchemy import update

from marketplace.extensions import db
from marketplace.orders import service as orders
from marketplace.payments import queries as payments
from marketplace.payments.models import Payment
from marketplace.payments.states import PaymentState
from marketplace.web import payment_receipts
from tests.factories import deals
from tests.factories.accounts import make_staff, make_user
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.orders import make_order, the_order
from tests.factories.payments import do_jobs, hear, the_payment
from tests.pages import browser_of, text
from tests.support import count_statements

HELD = "yes: it is held by us, and goes on to the seller when the device is accepted"


@pytest.fixture
def as_(app):
    return partial(browser_of, app)


@pytest.fixture
def settled(held, scene, now, local_stripe):
    deals.accepted(held, scene, at=now)
    hear(local_stripe)
    return held


def address(order_id, ending="") -> str:
    return f"/orders/{order_id}/payment-receipt{ending}"


def squeezed(words: str) -> str:
    return "".join(words.split())


def printed(answer) -> str:
    return squeezed(" ".join(page.extract_text() for page in PdfReader(BytesIO(answer.data)).pages))


@pytest.fixture
def lines(scene, monkeypatch):
    """Return the receipt's lines, as the buyer reads them."""

    def lines(order_id) -> dict[str, list[str]]:
        monkeypatch.setattr(payment_receipts, "me", lambda: scene.buyer)
        _, sections = payment_receipts._receipt(order_id)
        monkeypatch.undo()
        return {section.title: [f"{line.label}: {line.text}" for line in section.lines] for section in sections}

    return lines


class TestWhatItSays:
    def test_what_when_how_for_which_unit_by_whom_and_to_whom(self, held, scene, lines):
        payment, order = payments.payment_of(held), the_order(held)
        (paid,) = [one.at for one in payments.journals_of(held) if one.kind == "paid"]
        at = payment_receipts.moment(paid)

        said = lines(held)

        assert said["What was paid"] == [
            "Amount: $42,500",
            f"Paid on: {at}",
            "Way of paying: card",
            f"Paid by: {scene.clinic.name}, ordered by Alice Martin",
            f"Paid to: Second Light, for {scene.seller_clinic.name}",
            f"Payment held until acceptance: {HELD}",
            f"Payment number: {payment.reference}",
        ]
        bought = said["For what"]
        assert bought[0] == f"Order: {order.number}, placed {payment_receipts.moment(order.placed_at)}"
        assert f"Serial number: {scene.listing.serial}" in bought
        assert "Price: $42,500" in bought
        assert f"Seller: {scene.seller_clinic.name}" in bought
        assert said["What happened to the payment"] == [f"Received: $42,500, {at}"]

    def test_page_and_paper_say_all_of_it(self, held, scene, lines, as_):
        buyer = as_(scene.buyer)
        page, paper = text(buyer.get(address(held))), buyer.get(address(held, ".pdf"))

        for title, said in lines(held).items():
            for words in (title, *(part for line in said for part in line.split(": ", 1))):
                assert words in page
                assert squeezed(words) in printed(paper)
        assert (paper.mimetype, paper.headers["Cache-Control"]) == ("application/pdf", "private, no-store")
        number = the_order(held).number
        assert paper.headers["Content-Disposition"] == f'inline; filename="payment-receipt-{number}.pdf"'
        assert buyer.get(address(held, ".pdf")).data == paper.data
        assert PdfReader(BytesIO(paper.data)).metadata.title == f"Payment receipt of order {number}"

    def test_a_seller_who_was_paid_and_nothing_of_how_much(self, settled, scene, lines, as_):
        said = lines(settled)

        assert (
            "Payment held until acceptance: the device was accepted, and the seller was paid" in said["What was paid"]
        )
        received, passed_on = said["What happened to the payment"]
        assert received.startswith("Received: $42,500, ")
        assert passed_on.startswith("Passed on to the seller: ")
        assert "$" not in passed_on
        page = text(as_(scene.buyer).get(address(settled)))
        assert "$39,950" not in page
        assert "$2,550" not in page
        assert re.search(r"\bfees?\b", page, re.IGNORECASE) is None  # As a word: it also stands in some ids.

    def test_what_is_not_part_of_the_sale_is_named(self, scene, now, lines):
        scene.listing = make_listing(
            clinic=scene.seller_clinic, handpieces=[make_handpiece("DIODE_HR", name="Diode"), make_handpiece("CO2")]
        )
        order = make_order("funds_held", scene, left_out=[scene.listing.handpieces[1].id], at=now)

        said = lines(order.id)

        assert [line for line in said["For what"] if line.startswith("Sold without: ")] != []
        assert [line for line in said["What was paid"] if line.startswith("Payment number")] == []
        assert "What happened to the payment" not in said  # A row that was made for the test: no book knows of it.

    def test_a_refund_and_its_day(self, held, scene, now, local_stripe, lines):
        orders.refund(order_id=held, actor_id=scene.seller.id, reason="It fell off the truck.", at=now)
        do_jobs()
        hear(local_stripe)
        assert the_payment(held).state is PaymentState.REFUNDED

        said = lines(held)

        assert "Payment held until acceptance: it went back to the buyer" in said["What was paid"]
        assert "Refunded in all: $42,500" in said["What was paid"]
        (day,) = [one.at for one in payments.journals_of(held) if one.kind == "refunded"]
        assert said["What happened to the payment"][1:] == [f"Refunded: $42,500, {payment_receipts.moment(day)}"]

    def test_money_beyond_the_price_and_its_way_back(self, opened, local_stripe, lines):
        page = the_payment(opened).checkout_id
        local_stripe.choose_bank_transfer(page)
        local_stripe.money_arrives(page, 4_250_000 + 70_000)
        hear(local_stripe)

        said = lines(opened)

        assert "Way of paying: bank transfer" in said["What was paid"]
        assert "Amount: $42,500" in said["What was paid"]
        assert [line.rpartition(", ")[0].rpartition(", ")[0] for line in said["What happened to the payment"]] == [
            "Received: $42,500",
            "Came beyond the price: $700",
            "Sent back, beyond the price: $700",
        ]

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({"state": "paid"}, HELD),
            ({"state": "releasing"}, "the device was accepted; the payment is on its way to the seller"),
            ({"state": "reversing"}, "it is going back to the buyer; first it is taken back from the seller"),
            ({"state": "refunding"}, "it is going back to the buyer"),
            ({"state": "charged_back"}, "no longer: the buyer's bank took it back"),
            (
                {"state": "charged_back", "frozen_reason": "disputed"},
                "no longer: the buyer's bank took it back",
            ),
            (
                {"frozen_reason": "disputed"},
                "we are looking at this payment; until that is done nothing moves",
            ),
            ({"state": "quarantined"}, "we are looking at this payment; until that is done nothing moves"),
        ],
    )
    def test_where_the_money_is(self, held, values, words):
        if "state" in values:
            values = values | {"state": PaymentState(values["state"])}
        db.session.execute(update(Payment).values(**values))

        assert payment_receipts.stands(payments.payment_of(held)) == words

    def test_a_way_of_paying_that_we_do_not_know_keeps_the_page_open(self, held, scene, lines):
        db.session.execute(update(Payment).values(method=None, frozen_reason="method_unknown"))

        assert "Way of paying" not in str(lines(held))

    def test_accepted_and_not_safe_yet(self, held, scene, now, local_stripe):
        deals.accepted(held, scene, at=now)
        db.session.execute(update(Payment).values(state=PaymentState.PAID))

        assert payment_receipts.stands(payments.payment_of(held)) == (
            "the device was accepted; the payment goes on to the seller when it can no longer fail at the bank"
        )


class TestWhoReadsIt:
    def test_the_buying_side_is_led_there(self, held, scene, as_):
        for side in (scene.buyer, scene.owner, scene.practitioner):
            browser = as_(side)
            assert f'href="{address(held)}"' in browser.get(f"/orders/{held}").get_data(as_text=True)
            assert browser.get(address(held)).status_code == 200
            assert browser.get(address(held, ".pdf")).status_code == 200

    @pytest.mark.parametrize("ending", ["", ".pdf"])
    def test_nobody_else_finds_it(self, held, scene, as_, client, ending):
        seller = as_(scene.seller)
        assert "payment-receipt" not in seller.get(f"/orders/{held}").get_data(as_text=True)
        assert seller.get(address(held, ending)).status_code == 404
        assert as_(make_user()).get(address(held, ending)).status_code == 404
        assert as_(make_staff("finance")).get(address(held, ending)).status_code == 403
        assert client.get(address(held, ending)).status_code == 303

    @pytest.mark.parametrize("ending", ["", ".pdf"])
    def test_before_it_is_paid_there_is_none(self, opened, scene, as_, ending):
        buyer = as_(scene.buyer)

        assert "payment-receipt" not in buyer.get(f"/orders/{opened}").get_data(as_text=True)
        assert buyer.get(address(opened, ending)).status_code == 404

    def test_what_it_asks_of_the_database_does_not_grow(self, settled, scene, as_):
        buyer = as_(scene.buyer)
        buyer.get(address(settled))

        with count_statements() as sent:
            buyer.get(address(settled))

        assert len(sent) == 11
