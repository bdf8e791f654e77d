"""What would I need, and what may my clinic buy: the same gate, asked about what is not there."""

from datetime import timedelta
from functools import partial

import pytest

from marketplace.eligibility import foreseeing
from marketplace.kernel.terms import ClinicRole, ProcedureClass
from tests.factories.accounts import make_user
from tests.factories.catalog import make_model
from tests.factories.clinics import make_clinic, make_member, make_site
from tests.pages import browser_of, text
from tests.support import count_statements

HAIR = ProcedureClass.HAIR_NONABLATIVE


@pytest.fixture
def as_(app):
    return partial(browser_of, app)


class TestNeeds:
    def test_anybody_reads_what_a_model_asks_for_in_a_state(self, scene, client):
        model = make_model(modality_codes=("DIODE_HR",))
        page = text(client.get("/what-would-i-need", query_string={"model": model.id, "state": "TX"}))

        assert "The operator has not submitted" in page
        assert "For hair removal" in page
        assert "Issued by" in page
        assert "reference rule, not legal advice" in page
        assert "/credentials/new" in page
        assert "Alice" not in page

    def test_where_no_rule_opens_it_says_so(self, scene, client):
        page = text(client.get("/what-would-i-need", query_string={"listing": scene.listing.id, "state": "OH"}))

        assert "Hair removal: " in page

    def test_a_buyer_is_asked_about_at_their_own_site(self, scene, as_):
        query = {"listing": scene.listing.id, "state": "TX"}

        assert "Nothing is missing in Texas" in text(as_(scene.buyer).get("/what-would-i-need", query_string=query))
        assert "Nothing is missing" not in text(as_(make_user()).get("/what-would-i-need", query_string=query))

    def test_is_told_in_eight_statements(self, scene, as_):
        client = as_(scene.buyer)
        asked = f"/what-would-i-need?listing={scene.listing.id}&state=TX"
        client.get(asked)

        with count_statements() as sent:
            assert client.get(asked).status_code == 200
        assert len(sent) == 8

    @pytest.mark.parametrize("query", [{}, {"state": "TX"}, {"state": "XX"}, {"model": "x", "state": "TX"}])
    def test_asks_for_what_is_not_said(self, scene, client, query):
        page = text(client.get("/what-would-i-need", query_string=query))

        assert "Choose a model" in page
        assert "needs-title" not in page

    def test_a_device_that_is_not_there(self, scene, client):
        assert client.get(f"/what-would-i-need?listing={scene.site.id}&state=TX").status_code == 404
        assert client.get(f"/what-would-i-need?model={scene.site.id}&state=TX").status_code == 404

    def test_is_linked_from_the_device_and_from_the_rules(self, scene, client):
        assert "/what-would-i-need?listing=" in text(client.get(f"/devices/{scene.listing.id}?state=TX"))
        assert "/what-would-i-need?state=TX" in text(client.get("/rules/TX"))


class TestClinicCapacity:
    def test_says_who_operates_what_and_what_hangs_on_whom(self, scene, now):
        found = foreseeing.clinic_capacity(site_id=scene.site.id, at=now)

        diode = ("DIODE_HR", HAIR)
        assert {"Alice Martin"} <= set(found.operators[diode])
        losses = {loss.name: loss.lost for loss in found.losses}
        assert diode in losses["Dana Okafor"]
        assert losses["Olive Stone"] == ()
        assert set(losses["Dana Okafor"]) == set(found.operators)

    def test_names_the_next_lapses_with_their_moments(self, scene, now):
        found = foreseeing.clinic_capacity(site_id=scene.site.id, at=now)

        assert [lapse.at for lapse in found.lapses] == sorted(lapse.at for lapse in found.lapses)
        assert all(now < lapse.at <= now + timedelta(days=201) for lapse in found.lapses)
        by_holder = {lapse.holder: lapse for lapse in found.lapses}
        assert set(by_holder["Dana Okafor"].lost) == set(found.operators)
        assert {"The site", "Dana Okafor", "Alice Martin"} <= set(by_holder)

    def test_what_has_no_end_never_lapses(self, scene, now, monkeypatch):
        monkeypatch.setattr(foreseeing, "holds_until", lambda _held, _question: foreseeing.NEVER)

        assert foreseeing.clinic_capacity(site_id=scene.site.id, at=now).lapses == ()

    def test_an_officer_who_leaves_takes_the_office_along(self, scene):
        crew = foreseeing.crew_at(scene.site.id)

        assert crew.site.safety_officer_named
        assert not crew.without(person_id=scene.buyer.id).site.safety_officer_named
        assert crew.without(person_id=scene.owner.id).site.safety_officer_named

    def test_its_owner_reads_it(self, scene, as_):
        make_site(clinic=scene.clinic, state="OH", name="North")
        page = text(as_(scene.owner).get(f"/clinics/{scene.clinic.id}/capacity"))

        assert "If one person left" in page
        assert "Dana Okafor" in page
        assert "Nothing is open here yet." in page
        assert f"/clinics/{scene.clinic.id}/capacity" in text(as_(scene.owner).get(f"/clinics/{scene.clinic.id}"))

    def test_is_told_in_six_statements_and_two_for_each_site_more(self, scene, as_):
        client, address = as_(scene.owner), f"/clinics/{scene.clinic.id}/capacity"
        client.get(address)
        with count_statements() as one:
            client.get(address)
        make_site(clinic=scene.clinic, state="OH", name="North")
        client.get(address)
        with count_statements() as two:
            client.get(address)

        assert (len(one), len(two)) == (6, 8)

    def test_others_do_not(self, scene, as_):
        assert as_(scene.buyer).get(f"/clinics/{scene.clinic.id}/capacity").status_code == 403
        assert as_(scene.seller).get(f"/clinics/{scene.clinic.id}/capacity").status_code == 404

    def test_a_clinic_without_a_site(self, scene, as_):
        owner = make_user()
        clinic = make_clinic(owner=owner)
        make_member(clinic=clinic, user=scene.buyer, role=ClinicRole.MANAGER)

        assert "has no site yet" in text(as_(owner).get(f"/clinics/{clinic.id}/capacity"))
