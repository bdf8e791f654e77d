"""Pages of inspections: three sides see one, strangers none; staff send; the form is that of the device; a PDF of what was signed."""

import io

import pytest
from pypdf import PdfReader

from marketplace.inspections import queries, service
from marketplace.inspections.states import InspectionKind, InspectionState
from tests.factories.accounts import make_staff, make_user
from tests.pages import browser_of, text
from tests.support import count_statements, let_confirmations_lapse


@pytest.fixture
def buyer(app, scene):
    return browser_of(app, scene.buyer)


@pytest.fixture
def seller(app, scene):
    return browser_of(app, scene.seller)


@pytest.fixture
def moderator():
    return make_staff("moderator")


@pytest.fixture
def desk(app, moderator):
    return browser_of(app, moderator)


@pytest.fixture
def inspector(moderator, now):
    person = make_user(name="Irma Looks")
    service.appoint(email=person.email, firm="Looks & Co", skills="Twenty years.", actor_id=moderator.id, at=now)
    return person


@pytest.fixture
def asked(scene, now):
    return service.ask(
        listing_id=scene.listing.id, asker_id=scene.buyer.id, kind=InspectionKind.OPERATING, words="Fire it.", at=now
    )


@pytest.fixture
def assigned(scene, asked, inspector, moderator, now):
    service.let_in(inspection_id=asked, actor_id=scene.seller.id, words="Tuesday at ten.", at=now)
    service.assign(inspection_id=asked, inspector_id=inspector.id, actor_id=moderator.id, at=now)
    return asked


def filled(browser, one, **changed):
    """Return the whole form of the device, everything as stated."""
    page = text(browser.get(f"/inspections/{one}/report"))
    names = [f"found_{number}" for number in range(page.count('name="found_'))]
    return {**dict.fromkeys(names, "as_stated"), "remarks": "It hums.", "name": "Irma Looks", **changed}


class TestAsking:
    def test_begins_on_the_page_of_the_device(self, scene, buyer):
        address = f"/devices/{scene.listing.id}/inspection"
        assert f'href="{address}"' in text(buyer.get(f"/devices/{scene.listing.id}"))
        assert "no money of it passes through us" in text(buyer.get(address))
        answer = buyer.post(address, data={"kind": "operating", "words": "Fire it."})
        (one,) = queries.of_person(scene.buyer.id)
        assert answer.location == f"/inspections/{one.id}"
        assert "waits for the seller" in text(buyer.get(answer.location))
        assert "Fire it." in text(buyer.get(answer.location))
        assert "You asked" in text(buyer.get("/inspections"))

    def test_says_what_is_wrong(self, scene, buyer, asked):
        address = f"/devices/{scene.listing.id}/inspection"
        answer = buyer.post(address, data={"kind": "operating", "words": ""})
        assert (answer.status_code, "Say what is to be looked at." in text(answer)) == (422, True)
        assert buyer.post(address, data={"kind": "operating", "words": "Again."}).status_code == 409

    def test_where_nothing_was_asked_the_page_says_how(self, app):
        assert "No inspections" in text(browser_of(app, make_user()).get("/inspections"))

    def test_can_be_taken_back(self, buyer, asked):
        assert "Take it back" in text(buyer.get(f"/inspections/{asked}"))
        assert buyer.post(f"/inspections/{asked}/withdraw").status_code == 303
        assert "taken back" in text(buyer.get(f"/inspections/{asked}"))


class TestAnswering:
    def test_is_the_sellers(self, scene, seller, buyer, asked):
        assert "Your answer" in text(seller.get(f"/inspections/{asked}"))
        assert "Your answer" not in text(buyer.get(f"/inspections/{asked}"))
        assert f"{scene.buyer.name} asked" in text(seller.get("/inspections"))
        answer = seller.post(f"/inspections/{asked}/answer/agree", data={"words": ""})
        assert (answer.status_code, "Write a sentence." in text(answer)) == (422, True)
        assert seller.post(f"/inspections/{asked}/answer/agree", data={"words": "Tuesday."}).status_code == 303
        assert "our staff find an inspector" in text(buyer.get(f"/inspections/{asked}"))
        assert "Your answer" not in text(seller.get(f"/inspections/{asked}"))

    def test_can_be_a_no(self, seller, buyer, asked):
        assert seller.post(f"/inspections/{asked}/answer/decline", data={"words": "Packed."}).status_code == 303
        assert "Packed." in text(buyer.get(f"/inspections/{asked}"))


class TestReport:
    def test_is_signed_on_the_form_of_this_device_and_read_by_both(
        self, app, scene, buyer, seller, inspector, assigned
    ):
        looks = browser_of(app, inspector)
        assert "You inspect" in text(looks.get("/inspections"))
        assert "Fill in the form and sign" in text(looks.get(f"/inspections/{assigned}"))
        page = text(looks.get(f"/inspections/{assigned}/report"))
        assert "Handpiece: DIODE_HR handpiece" in page
        assert "400,000 shots, counting up" in page
        answer = looks.post(
            f"/inspections/{assigned}/report", data=filled(looks, assigned, found_1="differs", note_1="It is 4472.")
        )
        assert answer.location == f"/inspections/{assigned}"
        for side in (buyer, seller, looks):
            page = text(side.get(f"/inspections/{assigned}"))
            for words in ("Signed by Irma Looks, Looks &amp; Co", "It is 4472.", "differs", "It hums."):
                assert words in page
            pdf = side.get(f"/inspections/{assigned}/report.pdf")
            said = " ".join(" ".join(one.extract_text() for one in PdfReader(io.BytesIO(pdf.data)).pages).split())
            assert (pdf.mimetype, pdf.headers["Cache-Control"]) == ("application/pdf", "private, no-store")
            for words in (
                "Second Light: inspection",
                "It is 4472.",
                "Irma Looks, Looks & Co",
                "It hums.",
                "no warranty",
            ):
                assert words in said
        assert looks.get(f"/inspections/{assigned}/report").status_code == 409

    def test_without_remarks_says_none_on_paper(self, app, inspector, assigned):
        looks = browser_of(app, inspector)
        looks.post(f"/inspections/{assigned}/report", data=filled(looks, assigned, remarks=""))
        pdf = looks.get(f"/inspections/{assigned}/report.pdf")
        said = " ".join(one.extract_text() for one in PdfReader(io.BytesIO(pdf.data)).pages)
        assert "What else was seen" not in said

    def test_says_what_is_wrong_and_keeps_nothing(self, app, inspector, assigned):
        looks = browser_of(app, inspector)
        for changed, said in (
            ({"name": ""}, "Sign with your name."),
            ({"name": "Else"}, "Write your name as your account has it."),
            ({"found_0": "differs"}, "Say how it differs."),
        ):
            answer = looks.post(f"/inspections/{assigned}/report", data=filled(looks, assigned, **changed))
            assert (answer.status_code, said in text(answer)) == (422, True)
        assert queries.signed(assigned) is None
        assert looks.get(f"/inspections/{assigned}/report.pdf").status_code == 404

    def test_asks_whether_it_is_the_inspector(self, app, inspector, assigned):
        looks = browser_of(app, inspector)
        given = filled(looks, assigned)
        let_confirmations_lapse()
        assert "/account/confirm" in looks.post(f"/inspections/{assigned}/report", data=given).location
        assert queries.signed(assigned) is None

    def test_is_the_inspectors_alone(self, app, buyer, seller, assigned):
        for browser in (buyer, seller, browser_of(app, make_user())):
            assert browser.get(f"/inspections/{assigned}/report").status_code == 404

    def test_strangers_find_nothing(self, app, assigned):
        stranger = browser_of(app, make_user())
        for address in ("", "/report.pdf"):
            assert stranger.get(f"/inspections/{assigned}{address}").status_code == 404
        assert stranger.post(f"/inspections/{assigned}/answer/agree", data={"words": "x"}).status_code == 404
        assert stranger.post(f"/inspections/{assigned}/withdraw").status_code == 404


class TestDesk:
    def test_sends_an_inspector(self, scene, desk, seller, inspector, asked):
        seller.post(f"/inspections/{asked}/answer/agree", data={"words": "Tuesday."})
        assert "Irma Looks, Looks &amp; Co" in text(desk.get("/staff/inspections"))
        assert (
            desk.post(f"/staff/inspections/{asked}/assign", data={"inspector": str(scene.buyer.id)}).status_code == 422
        )
        assert desk.post(f"/staff/inspections/{asked}/assign", data={"inspector": str(inspector.id)}).status_code == 303
        assert "Irma Looks is sent" in text(desk.get("/staff/inspections"))
        assert queries.one(asked, user_id=scene.buyer.id).state is InspectionState.ASSIGNED

    def test_closes_with_a_reason(self, desk, buyer, asked):
        answer = desk.post(f"/staff/inspections/{asked}/close", data={"because": ""})
        assert (answer.status_code, "Say why: both sides read it." in text(answer)) == (422, True)
        assert desk.post(f"/staff/inspections/{asked}/close", data={"because": "Nobody is near."}).status_code == 303
        assert "Nobody is near." in text(buyer.get(f"/inspections/{asked}"))
        assert "Nothing is under way" in text(desk.get("/staff/inspections"))

    def test_appoints_and_dismisses(self, desk):
        person = make_user(name="Otto Sees")
        given = {"email": person.email, "firm": "Sees Ltd", "skills": "Served lasers."}
        assert "Nobody is appointed yet." in text(desk.get("/staff/inspections"))
        assert desk.post("/staff/inspectors", data={**given, "firm": ""}).status_code == 422
        assert desk.post("/staff/inspectors", data=given).status_code == 303
        assert "Otto Sees" in text(desk.get("/staff/inspections"))
        assert desk.post(f"/staff/inspectors/{person.id}/dismiss").status_code == 303
        assert queries.inspectors() == []

    def test_others_only_look(self, app, buyer, asked):
        auditor = browser_of(app, make_staff("auditor"))
        assert "Appoint somebody" not in text(auditor.get("/staff/inspections"))
        for browser in (auditor, buyer):
            assert browser.post(f"/staff/inspections/{asked}/close", data={"because": "x"}).status_code == 403
            assert browser.post("/staff/inspectors", data={}).status_code == 403
        assert buyer.get("/staff/inspections").status_code == 403

    def test_asks_for_the_same_however_much_is_under_way(self, scene, desk, asked, now):
        desk.get("/staff/inspections")
        with count_statements() as one:
            desk.get("/staff/inspections")
        for person in (scene.owner, scene.practitioner):
            service.ask(listing_id=scene.listing.id, asker_id=person.id, kind=InspectionKind.PACKED, words="x", at=now)
        with count_statements() as many:
            desk.get("/staff/inspections")
        assert len(many) == len(one)
