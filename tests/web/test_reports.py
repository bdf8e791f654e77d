"""The condition report on the order: what both sides, staff and strangers see of it, and of its papers."""

import io

import pytest
from pypdf import PdfReader

from marketplace.extensions import db
from marketplace.listings import reports
from marketplace.listings.models import Paper
from marketplace.listings.terms import CounterDirection, CounterUnit, PaperKind, Warranty
from tests.conftest import NOON
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_clinic
from tests.factories.documents import make_document, picture
from tests.factories.listings import make_counter, make_handpiece, make_listing
from tests.factories.orders import make_order, make_scene
from tests.pages import browser_of, text


@pytest.fixture
def scene(scene):
    listing = scene.listing
    listing.serial = "PRIVATE-4471"
    listing.warranty, listing.warranty_months, listing.warranty_provider = Warranty.SELLER, 6, "us"
    listing.warranty_transferable, listing.recertification_minor = True, 500_000
    listing.handpieces[0].serial = "HAND-9921"
    listing.counters = [
        make_counter(),
        make_counter(position=2, part="Card", value=4, unit=CounterUnit.CYCLES, direction=CounterDirection.DOWN, rated_life=None, rated_life_source=None),
    ]  # fmt: skip
    document = make_document(owner=scene.seller)
    db.session.add(
        Paper(
            listing_id=listing.id,
            document_id=document.id,
            kind=PaperKind.SERVICE,
            words="Service of March",
            added_at=NOON,
        )
    )
    db.session.commit()
    return scene


def report_of(app, person, order):
    return browser_of(app, person).get(f"/orders/{order.id}/report")


class TestReport:
    def test_is_the_same_for_both_sides_but_for_serial_numbers(self, app, scene, now):
        order = make_order("awaiting_payment", scene, at=now)
        buyers, sellers = (text(report_of(app, person, order)) for person in (scene.buyer, scene.seller))

        for html in (buyers, sellers):
            assert "version 1, frozen" in html
            assert "Light scratches or marks that do not touch function" in html
            assert "600,000 pulses, read on" in html
            assert "4 cycles left" in html
            assert "Service of March" in html
            assert "The seller’s own" in html
        assert "PRIVATE-4471" in sellers
        assert "HAND-9921" in sellers
        assert "PRIVATE" not in buyers
        assert "HAND" not in buyers
        assert "••••71" in buyers

    def test_names_the_whole_serial_number_once_the_payment_is_held(self, app, scene, now):
        order = make_order("funds_held", scene, at=now)
        html = text(report_of(app, scene.buyer, order))
        assert "PRIVATE-4471" in html
        paper = next(part for part in html.split('"') if part.startswith(f"/orders/{order.id}/papers/"))
        assert browser_of(app, scene.buyer).get(paper).status_code == 200
        assert browser_of(app, make_user()).get(paper).status_code == 404

    def test_its_papers_wait_for_the_payment(self, app, scene, now):
        order = make_order("awaiting_payment", scene, at=now)
        document_id = scene.listing.id
        assert browser_of(app, scene.buyer).get(f"/orders/{order.id}/papers/{document_id}").status_code == 404
        assert "They can be opened once the payment is held." in text(report_of(app, scene.buyer, order))

    def test_is_linked_from_the_order_and_nobody_elses(self, app, scene, now):
        order = make_order("awaiting_payment", scene, at=now)
        assert f'href="/orders/{order.id}/report"' in text(browser_of(app, scene.buyer).get(f"/orders/{order.id}"))
        assert report_of(app, make_user(), order).status_code == 404

    def test_is_seen_by_finance(self, app, scene, now):
        order = make_order("funds_held", scene, at=now)
        finance = browser_of(app, make_staff("finance"))
        assert f'href="/staff/orders/{order.id}/report"' in text(finance.get(f"/staff/orders/{order.id}"))
        assert "PRIVATE-4471" in text(finance.get(f"/staff/orders/{order.id}/report"))

    def test_older_orders_have_none(self, app, scene, now):
        order = make_order("awaiting_payment", scene, at=now)
        db.session.execute(db.text("ALTER TABLE orders DISABLE TRIGGER USER"))
        order.report_id = None
        db.session.commit()
        assert report_of(app, scene.buyer, order).status_code == 404
        assert "/report" not in text(browser_of(app, scene.buyer).get(f"/orders/{order.id}"))


def printed(answer):
    """Return what a PDF says, as one line."""
    return " ".join(" ".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.data)).pages).split())


class TestOnPaper:
    def pdf_of(self, app, person, order):
        return browser_of(app, person).get(f"/orders/{order.id}/report.pdf")

    def test_says_what_the_page_says_to_either_side(self, app, scene, now):
        scene.listing.description = "Stood in a dry room.\nSold because we move."
        db.session.commit()
        order = make_order("funds_held", scene, at=now)
        digest = reports.of_version(scene.listing.id, 1).digest
        for person in (scene.buyer, scene.seller):
            answer = self.pdf_of(app, person, order)
            assert (answer.mimetype, answer.headers["Cache-Control"]) == ("application/pdf", "private, no-store")
            assert f'filename="condition-report-order-{order.number}.pdf"' in answer.headers["Content-Disposition"]
            said = printed(answer)
            for words in (
                "Second Light: condition report", "PRIVATE-4471", "HAND-9921", "600,000 pulses, read on",
                "Light scratches or marks that do not touch function", "Stood in a dry room. Sold because we move.",
                "Service of March", "The seller’s own", digest[:40], "does not change any more",
            ):  # fmt: skip
                assert words in said
            assert "masked" not in said
            assert self.pdf_of(app, person, order).data == answer.data
        assert f'href="/orders/{order.id}/report.pdf"' in text(report_of(app, scene.buyer, order))

    def test_masks_serial_numbers_until_the_payment_is_held(self, app, scene, now):
        order = make_order("awaiting_payment", scene, at=now)
        buyers, sellers = (printed(self.pdf_of(app, person, order)) for person in (scene.buyer, scene.seller))
        assert "PRIVATE-4471" in sellers
        assert "PRIVATE" not in buyers
        assert "HAND" not in buyers
        assert "masked until the payment is held" in buyers

    def test_names_what_the_buyer_left_out(self, app, now):
        scene = make_scene(now)
        parts = [make_handpiece("DIODE_HR", name="Spot 9"), make_handpiece("CO2", name="Scanner")]
        scene.listing = make_listing(clinic=scene.seller_clinic, handpieces=parts)
        order = make_order("funds_held", scene, left_out=[scene.listing.handpieces[1].id], at=now)
        assert "Scanner: what is said of it is not part of this order." in printed(self.pdf_of(app, scene.buyer, order))

    def test_holds_what_is_longer_than_a_page(self, app, scene, now):
        scene.listing.description = "\n".join(["It hums."] * 400)
        db.session.commit()
        order = make_order("funds_held", scene, at=now)
        assert printed(self.pdf_of(app, scene.buyer, order)).count("It hums.") == 400

    def test_is_nobody_elses(self, app, scene, now):
        assert self.pdf_of(app, make_user(), make_order("funds_held", scene, at=now)).status_code == 404


class TestBareReport:
    def test_says_what_is_not_known(self, app, now):
        scene = make_scene(now)
        part = scene.listing.handpieces[0]
        part.counter_value = part.counter_unit = part.counter_direction = part.counter_read_on = None
        part.rated_life = None
        scene.listing.warranty = scene.listing.recertification = None
        db.session.commit()
        html = text(report_of(app, scene.buyer, make_order("awaiting_payment", scene, at=now)))
        assert '<dt>Counter</dt><dd><span class="muted">not known' in html

    def test_a_counter_without_a_day(self, app, now):
        scene = make_scene(now)
        scene.listing.handpieces[0].counter_read_on = None
        db.session.commit()
        html = text(report_of(app, scene.buyer, make_order("awaiting_payment", scene, at=now)))
        assert "<dd>400,000 shots</dd>" in html


class TestPapersOfADraft:
    @pytest.fixture
    def seller(self):
        return make_user()

    @pytest.fixture
    def draft(self, seller):
        return make_listing(state="draft", clinic=make_clinic(owner=seller, seller=True))

    @pytest.fixture
    def mine(self, app, seller):
        return browser_of(app, seller)

    def given(self, **changes):
        return {"kind": "service", "words": "Service of March", "file": (io.BytesIO(picture()), "march.png"), **changes}

    def test_are_added_seen_and_taken_out(self, app, mine, draft):
        answer = mine.post(f"/sell/{draft.id}/papers", data=self.given())
        assert answer.location == f"/sell/{draft.id}/condition#papers"
        paper = db.session.query(Paper).one()
        address = f"/sell/{draft.id}/papers/{paper.id}"
        assert address in text(mine.get(f"/sell/{draft.id}/condition"))
        assert mine.get(address).mimetype == "image/png"
        moderator = browser_of(app, make_staff("moderator"))
        assert f"/staff/listings/{draft.id}/papers/{paper.id}" in text(moderator.get(f"/staff/listings/{draft.id}"))
        assert moderator.get(f"/staff/listings/{draft.id}/papers/{paper.id}").status_code == 200
        assert moderator.get(f"/staff/listings/{draft.id}/papers/{draft.id}").status_code == 404
        stranger = browser_of(app, make_user())
        assert (stranger.get(address).status_code, stranger.post(f"{address}/remove").status_code) == (404, 404)
        assert stranger.post(f"/sell/{draft.id}/papers", data=self.given()).status_code == 404
        mine.post(f"{address}/remove")
        assert db.session.query(Paper).all() == []

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"words": ""}, "Say in a few words what the paper is."),
            ({"file": (io.BytesIO(b""), "")}, "Choose the file of the paper."),
            ({"file": "march.png"}, "Choose the file of the paper."),
            ({"file": (io.BytesIO(b"MZ"), "x.pdf")}, "“x.pdf” is not a PDF, JPEG or PNG file."),
        ],
    )
    def test_that_are_none_are_refused(self, mine, draft, changes, said):
        answer = mine.post(f"/sell/{draft.id}/papers", data=self.given(**changes))
        assert (answer.status_code, said in text(answer)) == (422, True)
        assert db.session.query(Paper).all() == []
