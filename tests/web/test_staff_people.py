"""The desks for people and sellers: as those they are for, as other staff, as members, signed out."""

import pytest

from marketplace.accounts.models import SessionEnd
from marketplace.clinics import queries
from marketplace.clinics.states import SellerBasis, SellerStanding
from marketplace.kernel import clock
from marketplace.kernel.terms import StaffRole
from tests.factories.accounts import make_session, make_staff, make_user
from tests.factories.clinics import make_clinic, make_member, make_site
from tests.support import sign_in

REASON = {"reason": "Reported stolen."}
DECISION = {"standing": "verified", "basis": "distributor", "evidence": "Register: active.", "reason": ""}


def text_of(answer) -> str:
    return answer.get_data(as_text=True)


@pytest.fixture
def person():
    user = make_user(name="Paula Person", email="paula@person.example")
    make_session(user, at=clock.now())
    return user


@pytest.fixture
def asking():
    clinic = make_clinic(
        name="Asking Clinic", seller_standing=SellerStanding.IN_REVIEW, seller_basis=SellerBasis.PRACTICE,
        seller_statement="Texas LLC 1.", seller_asked_at=clock.now(),
    )  # fmt: skip
    make_site(clinic=clinic)
    return clinic


def enter(client, role) -> None:
    sign_in(client, make_staff(role) if role else make_user())


class TestPeopleDesk:
    PATHS = ("/staff/people", "/staff/people/{person}")
    ACTS = ("end-sessions", "disable", "enable")

    @pytest.mark.parametrize("role", [*StaffRole, None])
    def test_is_read_by_auditors_and_used_by_administrators(self, client, person, role):
        enter(client, role)

        reads = role in {StaffRole.AUDITOR, StaffRole.ADMIN}
        for path in self.PATHS:
            answer = client.get(path.format(person=person.id))
            assert answer.status_code == (200 if reads else 403)
            assert ("Paula Person" in text_of(answer)) is reads
        if role is not StaffRole.ADMIN:
            for act in self.ACTS:
                assert client.post(f"/staff/people/{person.id}/{act}", data=REASON).status_code == 403
            assert person.disabled_at is None

    def test_is_nothing_for_the_signed_out(self, client, person):
        assert client.get("/staff/people").location == "/sign-in?next=/staff/people"
        for act in self.ACTS:
            assert client.post(f"/staff/people/{person.id}/{act}", data=REASON).status_code == 303
        assert person.disabled_at is None

    def test_finds_people(self, client, person):
        enter(client, StaffRole.ADMIN)

        assert "Paula Person" in text_of(client.get("/staff/people?q=paula+person.example"))
        assert "Nobody found" in text_of(client.get("/staff/people?q=nobody"))
        for odd in ("page=0", "page=-3", "page=x", "page=99999", "page=" + "9" * 40, "q=%25", "q=" + "x" * 5000):
            assert client.get(f"/staff/people?{odd}").status_code == 200

    def test_has_pages(self, client, monkeypatch):
        monkeypatch.setattr("marketplace.accounts.queries.PEOPLE_PER_PAGE", 1)
        make_user(name="Paula One"), make_user(name="Paula Two")
        enter(client, StaffRole.ADMIN)

        assert "/staff/people?q=Paula&amp;page=2" in text_of(client.get("/staff/people?q=Paula"))

    def test_ends_sessions(self, client, person):
        _, session = make_session(person, at=clock.now())
        enter(client, StaffRole.ADMIN)

        answer = client.post(f"/staff/people/{person.id}/end-sessions")

        assert answer.location == f"/staff/people/{person.id}"
        assert session.ended_because is SessionEnd.ENDED_BY_STAFF
        assert "Sessions ended" in text_of(client.get(answer.location))

    def test_closes_an_account_and_opens_it_again(self, client, person):
        make_member(clinic=make_clinic(name="Where She Works"), user=person)
        enter(client, StaffRole.ADMIN)
        path = f"/staff/people/{person.id}"

        assert client.post(f"{path}/disable", data={"reason": ""}).status_code == 422
        assert client.post(f"{path}/enable", data={"reason": ""}).status_code == 422
        assert client.post(f"{path}/disable", data={"reason": "\u00a0"}).status_code == 422
        assert client.post(f"{path}/enable", data={"reason": "\u00a0"}).status_code == 422
        assert person.disabled_at is None
        assert client.post(f"{path}/disable", data=REASON).location == path
        assert person.disabled_at is not None
        page = text_of(client.get(path))
        assert "Reported stolen." in page
        assert "Open the account again" in page
        assert "Where She Works" in page
        assert client.post(f"{path}/disable", data=REASON).status_code == 409
        assert client.post(f"{path}/enable", data=REASON).location == path
        assert person.disabled_at is None

    def test_nobody_closes_their_own(self, client):
        admin = make_staff(StaffRole.ADMIN)
        sign_in(client, admin)

        assert "Close the account" not in text_of(client.get(f"/staff/people/{admin.id}"))
        assert client.post(f"/staff/people/{admin.id}/disable", data=REASON).status_code == 403
        assert admin.disabled_at is None

    def test_knows_when_there_is_no_such_person(self, client):
        enter(client, StaffRole.ADMIN)

        for path in ("", "/disable"):
            nobody = f"/staff/people/00000000-0000-0000-0000-000000000000{path}"
            assert (client.post(nobody, data=REASON) if path else client.get(nobody)).status_code == 404


class TestSellersDesk:
    @pytest.mark.parametrize("role", [*StaffRole, None])
    def test_is_read_by_those_who_review_and_decided_by_verifiers(self, client, asking, role):
        enter(client, role)

        reads = role in {StaffRole.VERIFIER, StaffRole.MODERATOR, StaffRole.AUDITOR, StaffRole.ADMIN}
        for path in ("/staff/clinics", f"/staff/clinics/{asking.id}"):
            answer = client.get(path)
            assert answer.status_code == (200 if reads else 403)
            assert ("Asking Clinic" in text_of(answer)) is reads
        if role is not StaffRole.VERIFIER:
            assert client.post(f"/staff/clinics/{asking.id}/decide", data=DECISION).status_code == 403
            assert asking.seller_standing is SellerStanding.IN_REVIEW

    def test_decides_and_shows_what_was_decided(self, client, asking):
        path = f"/staff/clinics/{asking.id}"
        enter(client, StaffRole.VERIFIER)
        assert client.post(f"{path}/decide", data={**DECISION, "standing": "awaiting_second"}).status_code == 303
        assert "It may sell" not in text_of(client.get(path))
        assert client.post(f"{path}/decide", data=DECISION).status_code == 422
        client.post("/sign-out")
        enter(client, StaffRole.VERIFIER)

        answer = client.post(f"{path}/decide", data=DECISION)

        assert answer.location == "/staff/clinics"
        facts = queries.clinic(asking.id)
        assert (facts.seller_standing, facts.seller_basis) == (SellerStanding.VERIFIED, SellerBasis.DISTRIBUTOR)
        assert "Decided: Asking Clinic may sell." in text_of(client.get("/staff/clinics"))
        assert "Asking Clinic" not in text_of(client.get("/staff/clinics"))
        assert "Asking Clinic" in text_of(client.get("/staff/clinics?standing=verified"))
        assert "Register: active." in text_of(client.get(f"/staff/clinics/{asking.id}"))

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"evidence": ""}, "evidence"),
            ({"standing": "refused"}, "reason"),
            ({"standing": "suspended"}, "standing-0"),
            ({"standing": "in_review"}, "standing-0"),
            ({"basis": "friend"}, "basis-0"),
        ],
    )
    def test_says_what_is_missing(self, client, asking, change, field):
        enter(client, StaffRole.VERIFIER)

        answer = client.post(f"/staff/clinics/{asking.id}/decide", data={**DECISION, **change})

        assert (answer.status_code, f'href="#{field}"' in text_of(answer)) == (422, True)
        assert asking.seller_standing is SellerStanding.IN_REVIEW

    def test_offers_nothing_when_there_is_nothing_to_decide(self, client):
        enter(client, StaffRole.VERIFIER)
        clinic = make_clinic()

        assert "There is nothing to decide" in text_of(client.get(f"/staff/clinics/{clinic.id}"))
        assert client.post(f"/staff/clinics/{clinic.id}/decide", data=DECISION).status_code == 422

    def test_nobody_decides_about_their_own(self, client, asking):
        verifier = make_staff()
        make_member(clinic=asking, user=verifier)
        sign_in(client, verifier)

        assert "another verifier decides" in text_of(client.get(f"/staff/clinics/{asking.id}"))
        first = {**DECISION, "standing": "awaiting_second"}
        assert client.post(f"/staff/clinics/{asking.id}/decide", data=first).status_code == 403
        assert asking.seller_standing is SellerStanding.IN_REVIEW

    def test_an_odd_standing_shows_those_who_ask(self, client, asking):
        enter(client, StaffRole.VERIFIER)

        assert "Asking Clinic" in text_of(client.get("/staff/clinics?standing=king"))
