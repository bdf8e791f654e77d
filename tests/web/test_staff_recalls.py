"""The pages of recalls: what may concern a model, what is made of it, and what buyers see of it."""

from datetime import timedelta
from io import BytesIO
from uuid import uuid4

import pytest

from marketplace.clinics.models import Clinic
from marketplace.extensions import db
from marketplace.recalls import queries
from marketplace.recalls.states import MatchState
from tests.factories.accounts import make_staff, make_user
from tests.factories.catalog import make_model
from tests.factories.clinics import make_member
from tests.factories.documents import pdf
from tests.factories.listings import make_listing
from tests.factories.orders import make_scene
from tests.factories.recalls import make_recall
from tests.pages import browser_of, text
from tests.support import sign_in

_S = MatchState


@pytest.fixture
def verifier(client):
    user = make_staff(name="Vera Lind")
    sign_in(client, user)
    return user


class TestDesk:
    def test_lists_what_waits_and_says_that_no_file_was_loaded(self, client, verifier):
        page = text(client.get("/staff/recalls?state=odd"))

        assert "Nothing here" in page
        assert "No file of recalls was loaded yet." in page

    def test_lists_by_state_with_why_it_is_here(self, client, verifier):
        match = make_recall(make_model().id, number="Z-9-2025", classification="Class I")
        make_recall(make_model().id, number="Z-8-2025", state=_S.CONFIRMED)

        page = text(client.get("/staff/recalls"))
        assert f'href="/staff/recalls/{match.id}">Z-9-2025<' in page
        assert ("Z-8-2025" in page, "It names the maker and the model" in page, "Class I" in page) == (
            False,
            True,
            True,
        )
        assert "To judge (1)" in page
        assert "Open (1)" in page
        assert "Z-8-2025" in text(client.get("/staff/recalls?state=confirmed"))

    def test_a_judgement_is_kept_and_shown(self, client, verifier):
        match = make_recall(make_model().id)
        answer = client.post(f"/staff/recalls/{match.id}", data={"event": "confirmed", "reason": "Page 4 names it."})

        assert (answer.status_code, answer.location) == (303, f"/staff/recalls/{match.id}")
        assert queries.one(match.id).state is _S.CONFIRMED
        page = text(client.get(answer.location))
        assert "Page 4 names it." in page
        assert "Vera Lind" in page
        assert 'value="closed"' in page
        assert 'value="confirmed"' not in page

    def test_whose_clinic_sells_such_a_unit_is_told_and_offered_nothing(self, client, verifier):
        listing = make_listing()
        make_member(clinic=db.session.get(Clinic, listing.clinic_id), user=verifier)
        match = make_recall(listing.model_id, state=_S.CONFIRMED)

        page = text(client.get(f"/staff/recalls/{match.id}"))
        assert "a colleague judges this" in page
        assert ("Judge it" in page, "Propose it" in page, "Verifiers judge this" in page) == (False, False, False)
        sent = client.post(f"/staff/recalls/{match.id}", data={"event": "closed", "reason": "Over."})
        assert sent.status_code == 403
        assert "Leave this recall to a colleague." in text(sent)
        assert queries.one(match.id).state is _S.CONFIRMED

    @pytest.mark.parametrize("sent", [{"event": "confirmed"}, {"reason": "x"}, {"event": "says_more", "reason": "x"}])
    def test_half_a_judgement_is_none(self, client, verifier, sent):
        match = make_recall(make_model().id)

        assert client.post(f"/staff/recalls/{match.id}", data=sent).status_code == 422
        assert queries.one(match.id).state is _S.CANDIDATE

    def test_a_judgement_of_blanks_is_sent_back(self, client, verifier):
        match = make_recall(make_model().id)
        sent = {"event": "confirmed", "reason": "\u2003"}

        assert client.post(f"/staff/recalls/{match.id}", data=sent).status_code == 422

    def test_others_of_staff_read_and_do_not_judge(self, app):
        match, auditor = make_recall(make_model().id), browser_of(app, make_staff("auditor"))

        assert "Verifiers judge this." in text(auditor.get(f"/staff/recalls/{match.id}"))
        assert auditor.post(f"/staff/recalls/{match.id}", data={"event": "confirmed", "reason": "x"}).status_code == 403
        assert queries.one(match.id).state is _S.CANDIDATE

    def test_members_do_not_come_in(self, app):
        member = browser_of(app, make_user())

        assert member.get("/staff/recalls").status_code == 403
        assert member.get(f"/staff/recalls/{make_recall(make_model().id).id}").status_code == 403

    def test_there_is_nothing_where_nothing_is(self, client, verifier):
        assert client.get(f"/staff/recalls/{uuid4()}").status_code == 404

    def test_the_reach_of_a_model_is_shown(self, client, verifier):
        model = make_model(name="GentleX")

        assert "GentleX" in text(client.get(f"/staff/reach/models/{model.id}"))
        assert client.get(f"/staff/reach/models/{uuid4()}").status_code == 404


class TestReleases:
    @pytest.fixture
    def match(self):
        return make_recall(make_model().id, state=_S.CONFIRMED)

    def sent(self, now, **changes):
        given = {
            "serial": "A 150", "performed_by": "Candela service", "performed_on": now.date().isoformat(),
            "words": "Kit 7 fitted.", "paper": (BytesIO(pdf()), "report.pdf"), **changes,
        }  # fmt: skip
        return {f"correct-{name}": value for name, value in given.items()}

    def test_one_proposes_another_agrees_and_it_is_taken_back(self, app, client, verifier, match, now):
        answer = client.post(f"/staff/recalls/{match.id}/correct", data=self.sent(now))
        assert (answer.status_code, answer.location) == (303, f"/staff/recalls/{match.id}")
        (proposed,) = queries.releases_of(match.id)
        page = text(client.get(answer.location))
        assert "Corrected: A150" in page
        assert "waits for a second person" in page
        agree = f"/staff/recalls/{match.id}/releases/{proposed.id}/agree"
        assert agree not in page
        assert client.post(agree).status_code == 403

        owen = browser_of(app, make_staff(name="Owen Marsh"))
        assert agree in text(owen.get(answer.location))
        assert owen.post(agree).location == answer.location
        page = text(owen.get(answer.location))
        assert ("agreed by Owen Marsh" in page, "Agree</button>" in page) == (True, False)
        paper = owen.get(f"/staff/recalls/{match.id}/releases/{proposed.id}/paper")
        assert (paper.status_code, paper.mimetype, paper.data[:4]) == (200, "application/pdf", b"%PDF")

        end = f"/staff/recalls/{match.id}/releases/{proposed.id}/end"
        assert owen.post(end, data={f"end-{proposed.id}-reason": ""}).status_code == 422
        assert owen.post(end, data={f"end-{proposed.id}-reason": "Another unit."}).status_code == 303
        assert "ended by Owen Marsh" in text(owen.get(answer.location))

    def test_the_units_that_a_notice_names(self, client, verifier, match):
        address = f"/staff/recalls/{match.id}/narrow"
        assert client.post(address, data={"narrow-named": "A2 to A1", "narrow-words": "Page 2."}).status_code == 422
        named = "\n".join(f"B{number}" for number in range(25))

        assert client.post(address, data={"narrow-named": named, "narrow-words": "Page 2."}).status_code == 303

        page = text(client.get(f"/staff/recalls/{match.id}"))
        assert "All but those that the notice names" in page
        assert "B19 and 5 more" in page

    @pytest.mark.parametrize("missing", ["serial", "performed_by", "performed_on", "words", "paper"])
    def test_half_a_proposal_is_none(self, client, verifier, match, now, missing):
        sent = self.sent(now)
        del sent[f"correct-{missing}"]

        assert client.post(f"/staff/recalls/{match.id}/correct", data=sent).status_code == 422
        assert queries.releases_of(match.id) == []

    def test_a_proposal_that_cannot_be_is_sent_back(self, client, verifier, match, now):
        sent = self.sent(now, performed_on=(now.date() + timedelta(days=2)).isoformat())

        assert client.post(f"/staff/recalls/{match.id}/correct", data=sent).status_code == 422

    @pytest.mark.parametrize("path", ["narrow", "correct", "releases/{id}/agree", "releases/{id}/end"])
    def test_who_only_reads_lets_nothing_out(self, app, match, path):
        auditor = browser_of(app, make_staff("auditor"))
        assert auditor.post(f"/staff/recalls/{match.id}/{path.format(id=uuid4())}").status_code == 403
        assert auditor.get(f"/staff/recalls/{match.id}/releases/{uuid4()}/paper").status_code == 403
        assert "Clear one unit" not in text(auditor.get(f"/staff/recalls/{match.id}"))

    def test_what_is_not_there_is_not_there(self, client, verifier, match):
        assert client.post(f"/staff/recalls/{match.id}/releases/{uuid4()}/agree").status_code == 404
        assert client.get(f"/staff/recalls/{match.id}/releases/{uuid4()}/paper").status_code == 404
        end = {"end-" + (one := str(uuid4())) + "-reason": "x"}
        assert client.post(f"/staff/recalls/{match.id}/releases/{one}/end", data=end).status_code == 404

    def test_the_page_of_a_unit_says_that_it_is_not_this_one(self, app, client, verifier, now):
        listing = make_listing(model=make_model())
        match = make_recall(listing.model_id, number="Z-1", state=_S.CONFIRMED)
        stranger = app.test_client()
        assert "open recall" in text(stranger.get(f"/devices/{listing.id}"))

        client.post(f"/staff/recalls/{match.id}/correct", data=self.sent(now, serial=listing.serial))
        (proposed,) = queries.releases_of(match.id)
        browser_of(app, make_staff()).post(f"/staff/recalls/{match.id}/releases/{proposed.id}/agree")

        page = text(stranger.get(f"/devices/{listing.id}"))
        assert "not this unit" in page
        assert "it is open for other units of this model, and not for this one" in page


class TestDevice:
    def test_everybody_sees_an_open_recall_and_a_past_one_and_no_candidate(self, client):
        model = make_model()
        listing = make_listing(model=model)
        make_recall(model.id, number="Z-1", state=_S.CONFIRMED, reason="It may misfire", classification="Class II")
        make_recall(model.id, number="Z-2", state=_S.CLOSED, firm=None)
        make_recall(model.id, number="Z-3")

        page = text(client.get(f"/devices/{listing.id}"))

        assert "open recall" in page
        assert "FDA recall Z-1 of Candela Corporation, Class II: It may misfire. Nobody can buy a unit" in page
        assert "past recall" in page
        assert "FDA recall Z-2. <span" in page
        assert "Z-3" not in page

    def test_the_verdict_names_it(self, app, now):
        scene = make_scene(now)
        make_recall(scene.listing.model_id, number="Z-1-2026", state=_S.CONFIRMED)

        page = text(browser_of(app, scene.buyer).get(f"/devices/{scene.listing.id}"))

        assert "Our staff found that a recall concerns this model, and it is open: Z-1-2026 of Candela" in page
        assert "FDA device recalls: Z-1-2026" in page
