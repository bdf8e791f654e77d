"""Receipts in pages: whole for the buying side, a check for everybody, and nothing about people for those who only check."""

from dataclasses import replace
from functools import partial
from io import BytesIO

import pytest
from pypdf import PdfReader
from sqlalchemy import text as sql

from marketplace.eligibility import receipts
from marketplace.eligibility.models import Moment
from marketplace.extensions import db
from marketplace.kernel.terms import ProcedureClass
from marketplace.web.receipts import Line, _answered
from tests.factories.accounts import make_staff, make_user
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.orders import decide, make_order
from tests.pages import browser_of, text


@pytest.fixture
def scene(scene):
    scene.listing = make_listing(
        clinic=scene.seller_clinic,
        handpieces=[make_handpiece("DIODE_HR", name="Diode é €"), make_handpiece("CO2", name="CO2")],
        serial="XK-778899",
    )
    return scene


@pytest.fixture
def as_(app):
    return partial(browser_of, app)


def ordered(scene, state, now):
    return make_order(state, scene, left_out=[scene.listing.handpieces[1].id], at=now)


@pytest.fixture
def order(scene, now):
    return ordered(scene, "funds_held", now)


def address(order, ending=""):
    return f"/orders/{order.id}/receipts/{order.payment_decision_id}{ending}"


def printed(answer):
    """Return what a PDF says, as one line."""
    return " ".join(" ".join(page.extract_text() for page in PdfReader(BytesIO(answer.data)).pages).split())


class TestReceipt:
    def test_the_buying_side_reads_and_prints_it(self, scene, order, as_):
        code = receipts.receipt(order.payment_decision_id).code
        for side in (scene.buyer, scene.owner, scene.practitioner):
            browser = as_(side)
            assert address(order) in text(browser.get(f"/orders/{order.id}"))
            page = text(browser.get(address(order)))
            for words in (code, "XK-778899", "Alice Martin", "Dana Okafor", "Diode é €", "Sold without", "version 1", f"http://localhost/check/{code}"):  # fmt: skip
                assert words in page

    def test_the_pdf_says_the_same(self, scene, order, as_):
        answer = as_(scene.buyer).get(address(order, ".pdf"))
        said = " ".join(page.extract_text() for page in PdfReader(BytesIO(answer.data)).pages)
        kept = receipts.receipt(order.payment_decision_id)

        assert (answer.mimetype, answer.headers["Cache-Control"]) == ("application/pdf", "private, no-store")
        for words in (kept.code, "XK-778899", "Alice Martin", "Diode é €", "Sold without", kept.digest):
            assert words in said
        assert as_(scene.buyer).get(address(order, ".pdf")).data == answer.data

    def test_the_rules_own_limits_are_said(self, order):
        kept = receipts.receipt(order.payment_decision_id)
        limited = replace(kept, verdict=replace(kept.verdict, limits=("Not on the face.",)))

        assert list(_answered(limited)) == [*_answered(kept), Line("The rule's own limit", "Not on the face.")]

    def test_a_no_says_what_stood_against_it_on_the_page_and_on_paper(self, scene, order, as_, now):
        suspended = "UPDATE credentials SET state = 'suspended', reason = 'x' WHERE id = :id"
        db.session.execute(sql(suspended), {"id": scene.licence.id})
        left = "UPDATE clinic_members SET left_at = :now WHERE user_id = :id"
        db.session.execute(sql(left), {"now": now, "id": scene.practitioner.id})
        db.session.commit()
        refused = decide(order, Moment.SHIP_RELEASE, at=now)
        where = f"/orders/{order.id}/receipts/{refused}"

        page = text(as_(scene.buyer).get(where))
        said = printed(as_(scene.buyer).get(f"{where}.pdf"))

        for words in ("not cleared", "Against it: SUSPENDED", "is suspended"):
            assert words in page
            assert words in said
        assert "Could hold until" not in said
        assert "Ordering practitioner" not in said

    def test_a_restriction_that_was_signed_stands_first(self, scene, as_, now):
        scene.listing = make_listing(clinic=scene.seller_clinic, handpieces=["ALEX"])
        uses = (ProcedureClass.HAIR_NONABLATIVE,)
        order = make_order("funds_held", scene, declared_uses=uses, restriction_signed=True, at=now)

        answer = as_(scene.buyer).get(address(order, ".pdf"))

        assert "Use restriction, signed" in printed(answer)

    def test_a_buyer_who_has_not_paid_does_not_read_the_serial_number(self, scene, as_, now):
        order = ordered(scene, "awaiting_payment", now)
        page = text(as_(scene.buyer).get(f"/orders/{order.id}/receipts/{order.decision_id}"))

        assert "XK-778899" not in page
        assert "shown once the payment is held" in page

    def test_the_seller_reads_codes_of_a_yes_and_no_receipt(self, scene, order, as_):
        seller, code = as_(scene.seller), receipts.receipt(order.payment_decision_id).code
        page = text(seller.get(f"/orders/{order.id}"))

        assert f'href="/check/{code}"' in page
        assert "/receipts/" not in page
        assert seller.get(address(order)).status_code == 404

    def test_others_find_nothing(self, scene, order, as_, client):
        assert as_(make_user()).get(address(order)).status_code == 404
        assert as_(make_staff("finance")).get(address(order)).status_code == 403
        assert client.get(address(order)).status_code in {302, 303}

    def test_a_receipt_belongs_to_its_order(self, scene, order, as_, now):
        scene.listing = make_listing(clinic=scene.seller_clinic, handpieces=["DIODE_HR", "CO2"])
        other = ordered(scene, "funds_held", now)
        mixed = f"/orders/{order.id}/receipts/{other.payment_decision_id}"

        assert as_(scene.buyer).get(mixed).status_code == 404
        assert as_(scene.buyer).get(mixed + ".pdf").status_code == 404


class TestCheck:
    def test_says_to_anybody_that_it_is_real_and_nothing_about_anybody(self, scene, order, client):
        kept = receipts.receipt(order.payment_decision_id)
        page = text(client.get(f"/check/{kept.code}"))

        for words in ("This receipt is valid", kept.facts.device.maker, "8899", "yes"):
            assert words in page
        for secret in ("XK-778899", "Alice", "Dana", scene.clinic.name, scene.site.name, "Texas", "Order "):
            assert secret not in page

    def test_takes_the_code_from_a_form(self, order, client):
        code = receipts.receipt(order.payment_decision_id).code
        answer = client.get("/check", query_string={"code": f" {code.lower()} "})

        assert (answer.status_code, answer.location) == (303, f"/check/{code.lower()}")
        assert "This receipt is valid" in text(client.get(answer.location))

    def test_asks_for_a_code(self, client):
        page = text(client.get("/check"))

        assert "Verification code" in page
        assert "There is no receipt" not in page

    @pytest.mark.parametrize("code", ["0000-0000-0000-0000", "a/b", "<script>"])
    def test_knows_no_other(self, client, code):
        answer = client.get("/check", query_string={"code": code}, follow_redirects=True)

        assert answer.status_code == 404
        assert "There is no receipt with this code" in text(answer)
        assert "<script>" not in answer.get_data(as_text=True)
