"""Pages of what people want arranged: its person sees what a partner would read, staff propose, strangers see nothing."""

import re

import pytest

from marketplace.extensions import db
from marketplace.leads import queries, service
from marketplace.leads.service import HandedIn
from marketplace.leads.states import LeadKind, LeadState
from tests.factories.accounts import make_staff, make_user
from tests.pages import browser_of, text
from tests.support import count_statements, promised_mails


@pytest.fixture
def buyer(app, scene):
    return browser_of(app, scene.buyer)


@pytest.fixture
def desk(app):
    return browser_of(app, make_staff("moderator"))


@pytest.fixture
def lead(scene, now):
    said = HandedIn(LeadKind.CONSIGNMENT, scene.clinic.id, "Lumenis M22, 2016", "It works.")
    return service.hand_in(user_id=scene.buyer.id, said=said, at=now)


def proposed(desk, lead_id, **changed):
    given = {"partner": "First Dealer", "partner_email": "desk@dealer.example", "words": "They sell for clinics."}
    return desk.post(f"/staff/arrangements/{lead_id}/propose", data=given | changed)


def answer(browser, lead_id, way, number=None):
    """Press what the page of the request shows, or showed."""
    if number is None:
        number = number_on(text(browser.get(f"/arrangements/{lead_id}")))
    return browser.post(f"/arrangements/{lead_id}/answer/{way}", data={"read": number})


def number_on(page) -> str:
    return re.search(r'name="read" value="(\d+)"', page)[1]


class TestFinancing:
    def test_is_asked_from_the_devices_page_beside_the_gates_answer(self, scene, buyer):
        address = f"/devices/{scene.listing.id}/finance"
        assert f'href="{address}"' in text(buyer.get(f"/devices/{scene.listing.id}"))
        page = text(buyer.get(address))
        assert "The gate asks for the same, however a device is paid for." in page
        assert "verdict" in page
        answer = buyer.post(address, data={"site_id": scene.site.id, "amount": "$4,000", "months": "24"})
        (lead,) = queries.of_person(scene.buyer.id)
        assert answer.location == f"/arrangements/{lead.id}"
        page = text(buyer.get(answer.location))
        assert "our staff look for a partner" in page
        assert "24 months" in page
        assert "$4,000" in page

    def test_says_what_is_wrong_beside_the_field(self, scene, buyer):
        for given, said in (("$99,999", "Name an amount up to the price"), ("lots", "Write an amount such as")):
            answer = buyer.post(
                f"/devices/{scene.listing.id}/finance", data={"site_id": scene.site.id, "amount": given}
            )
            assert (answer.status_code, said in text(answer)) == (422, True)
        assert queries.of_person(scene.buyer.id) == []

    def test_needs_a_place_of_use(self, app, scene):
        page = text(browser_of(app, make_user()).get(f"/devices/{scene.listing.id}/finance"))
        assert "site" in page
        assert "Amount to be financed" not in page

    def test_strangers_are_asked_to_sign_in(self, client, scene):
        assert client.get(f"/devices/{scene.listing.id}/finance").location.startswith("/sign-in")
        assert "Ask about financing" not in text(client.get(f"/devices/{scene.listing.id}"))


class TestHandingIn:
    def test_says_first_what_the_house_does_and_does_not(self, client, buyer):
        for page in (text(client.get("/arrangements")), text(buyer.get("/arrangements"))):
            assert "No money of it passes through us." in page
        assert "What you asked for" in page
        assert "What you asked for" not in text(client.get("/arrangements"))

    def test_is_asked_for_a_clinic(self, scene, buyer):
        assert "Whose device it is" in text(buyer.get("/arrangements/new"))
        given = {"kind": "trade_in", "clinic_id": scene.clinic.id, "device": "M22", "amount": "12,000"}
        answer = buyer.post("/arrangements/new", data=given)
        assert answer.status_code == 303
        assert "Trade-in: M22" in text(buyer.get("/arrangements/mine"))
        assert "$12,000" in text(buyer.get(answer.location))

    def test_says_what_is_wrong(self, scene, buyer):
        answer = buyer.post("/arrangements/new", data={"kind": "trade_in", "clinic_id": scene.clinic.id, "device": ""})
        assert (answer.status_code, "Say which device it is." in text(answer)) == (422, True)
        given = {"kind": "trade_in", "clinic_id": scene.clinic.id, "device": "M22", "amount": "x"}
        assert "Write an amount such as" in text(buyer.post("/arrangements/new", data=given))
        assert "You asked for nothing" in text(buyer.get("/arrangements/mine"))

    def test_who_belongs_to_no_clinic_is_told_so(self, app):
        assert "You belong to no clinic yet" in text(browser_of(app, make_user()).get("/arrangements/new"))


class TestHandingOn:
    def test_shows_what_would_be_read_and_goes_out_with_a_press(self, scene, buyer, desk, lead):
        assert "What they would read" not in text(buyer.get(f"/arrangements/{lead}"))
        assert proposed(desk, lead).status_code == 303
        page = text(buyer.get(f"/arrangements/{lead}"))
        for words in ("First Dealer", "They sell for clinics.", "What they would read", scene.buyer.email):
            assert words in page
        assert "desk@dealer.example" not in page

        assert answer(buyer, lead, "agree").status_code == 303
        assert promised_mails()[-1].to == "desk@dealer.example"
        page = text(buyer.get(f"/arrangements/{lead}"))
        assert "handed on" in page
        assert "Take it back" not in page
        assert "agreed" in text(desk.get("/staff/arrangements"))

    def test_or_not(self, buyer, desk, lead, scene):
        proposed(desk, lead)
        assert answer(buyer, lead, "decline").status_code == 303
        assert "not handed on" in text(buyer.get(f"/arrangements/{lead}"))
        assert buyer.post(f"/arrangements/{lead}/withdraw").status_code == 303
        assert queries.own(scene.buyer.id, lead).state is LeadState.WITHDRAWN
        assert buyer.post(f"/arrangements/{lead}/answer/else").status_code == 404

    def test_a_page_that_is_out_of_date_hands_nothing_on(self, scene, buyer, desk, lead):
        proposed(desk, lead)
        number = number_on(text(buyer.get(f"/arrangements/{lead}")))
        answer(buyer, lead, "decline")
        proposed(desk, lead, partner="Second Dealer", partner_email="desk@second.example")

        for stale in (number, "", "x"):
            refusal = answer(buyer, lead, "agree", stale)
            assert refusal.status_code == 409
            assert "Somebody else is proposed by now." in text(refusal)

        assert queries.own(scene.buyer.id, lead).state is LeadState.PROPOSED
        assert {mail.template for mail in promised_mails()} == {"lead_news"}

    def test_is_nobody_elses(self, app, scene, desk, lead):
        proposed(desk, lead)
        for person in (scene.owner, scene.seller, make_user()):
            browser = browser_of(app, person)
            assert browser.get(f"/arrangements/{lead}").status_code == 404
            assert browser.post(f"/arrangements/{lead}/answer/agree").status_code == 404
        assert [mail.template for mail in promised_mails()] == ["lead_news"]


class TestDesk:
    def test_moderators_propose_and_close_and_others_only_read(self, app, buyer, desk, lead):
        page = text(desk.get("/staff/arrangements"))
        assert "Consignment: Lumenis M22, 2016" in page
        assert "<summary>Propose somebody" in page
        auditor = browser_of(app, make_staff("auditor"))
        assert "<summary>Propose somebody" not in text(auditor.get("/staff/arrangements"))
        assert proposed(auditor, lead).status_code == 403
        assert proposed(buyer, lead).status_code == 403
        assert buyer.get("/staff/arrangements").status_code == 403

        assert desk.post(f"/staff/arrangements/{lead}/close", data={"because": "No dealer."}).status_code == 303
        assert "No dealer." in text(buyer.get(f"/arrangements/{lead}"))
        assert "Nobody waits." in text(desk.get("/staff/arrangements"))

    def test_says_what_is_wrong(self, desk, lead):
        for changed, said in (({"partner": ""}, "Name the partner."), ({"partner_email": "x"}, "Write a whole e-mail")):
            answer = proposed(desk, lead, **changed)
            assert (answer.status_code, said in text(answer)) == (422, True)
        answer = desk.post(f"/staff/arrangements/{lead}/close", data={})
        assert (answer.status_code, "Say why: its person reads it." in text(answer)) == (422, True)

    def test_asks_for_the_same_however_much_waits(self, scene, desk, lead, now):
        desk.get("/staff/arrangements")
        with count_statements() as one:
            desk.get("/staff/arrangements")
        for number in range(4):
            said = HandedIn(LeadKind.TRADE_IN, scene.clinic.id, f"M22 {number}")
            service.hand_in(user_id=scene.buyer.id, said=said, at=now)
        db.session.expire_all()
        with count_statements() as many:
            desk.get("/staff/arrangements")
        assert len(many) == len(one)
