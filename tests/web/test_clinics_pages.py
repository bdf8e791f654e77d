"""The pages of a clinic: as those who run it, as those who work there, as strangers, signed out."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select

from marketplace.clinics import queries
from marketplace.clinics.models import Clinic, ClinicInvitation, ClinicSite
from marketplace.clinics.states import SellerStanding
from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.kernel.terms import ClinicRole
from marketplace.notifications.models import Mail
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_clinic, make_invitation, make_member, make_site
from tests.pages import without_languages
from tests.support import count_statements, sign_in

ADDRESS = {
    "name": "Main Street",
    "street": "1 Main Street",
    "city": "Austin",
    "state": "TX",
    "postal_code": "78701",
    "time_zone": "",
}


def text_of(answer) -> str:
    return answer.get_data(as_text=True)


@pytest.fixture
def owner(client):
    return make_user(name="Olga Owner")


@pytest.fixture
def clinic(owner):
    return make_clinic(owner=owner)


@pytest.fixture
def site(clinic):
    return make_site(clinic=clinic)


@pytest.fixture
def technician(clinic):
    user = make_user(name="Tom Technician")
    make_member(clinic=clinic, user=user)
    return user


@pytest.fixture
def reading(clinic, site, technician):
    """Pages that only show, with those that show a form."""
    return {
        "open": [f"/clinics/{clinic.id}"],
        "managing": [
            f"/clinics/{clinic.id}/sites/new",
            f"/sites/{site.id}",
            f"/sites/{site.id}/officer",
            f"/clinics/{clinic.id}/invite",
            f"/clinics/{clinic.id}/sell",
            f"/clinics/{clinic.id}/limit",
        ],
        "member": [f"/clinics/{clinic.id}/members/{technician.id}"],
    }


@pytest.fixture
def acting(clinic, site, technician):
    """What a form or a button of the clinic sends."""
    _, invitation = make_invitation(clinic=clinic, email="a@b.example", at=clock.now())
    return {
        f"/clinics/{clinic.id}/sites/new": ADDRESS,
        f"/sites/{site.id}": {**ADDRESS, "name": "Taken over", "time_zone": "America/Chicago"},
        f"/sites/{site.id}/close": {},
        f"/sites/{site.id}/officer": {"officer": str(technician.id)},
        f"/clinics/{clinic.id}/invite": {"email": "x@y.example", "role": "technician"},
        f"/clinics/{clinic.id}/invitations/{invitation.id}/withdraw": {},
        f"/clinics/{clinic.id}/sell": {"basis": "practice", "statement": "x"},
        f"/clinics/{clinic.id}/limit": {"limit": "$25,000"},
    }


def everything() -> list:
    """What the clinics' tables hold."""
    tables = (Clinic, ClinicSite, ClinicInvitation)
    return [
        tuple(row)
        for table in tables
        for row in db.session.execute(select(*table.__table__.c).order_by(table.__table__.c.id))
    ]


class TestWhoSeesWhat:
    def test_nobody_without_a_sign_in(self, client, reading, acting):
        before = everything()
        for path in [*reading["open"], *reading["managing"], "/clinics", "/clinics/new", "/invitations/x"]:
            assert client.get(path).location == f"/sign-in?next={path}"
        for path, form in acting.items():
            assert client.post(path, data=form).location.startswith("/sign-in?next=/")
        assert everything() == before

    def test_strangers_learn_not_even_that_it_exists(self, client, reading, acting, clinic):
        sign_in(client, make_user())
        before = everything()

        for path in [path for paths in reading.values() for path in paths]:
            assert client.get(path).status_code == 404, path
        for path, form in acting.items():
            assert client.post(path, data=form).status_code == 404, path
        missing = without_languages(text_of(client.get(f"/clinics/{uuid4()}")))
        assert missing == without_languages(text_of(client.get(f"/clinics/{clinic.id}")))
        assert everything() == before

    def test_those_who_work_there_see_it_and_change_nothing(self, client, reading, acting, technician):
        sign_in(client, technician)
        before = everything()

        for path in (*reading["open"], *reading["member"]):
            assert client.get(path).status_code == 200, path
        for path in reading["managing"]:
            assert client.get(path).status_code == 403, path
        for path, form in acting.items():
            assert client.post(path, data=form).status_code == 403, path
        assert everything() == before
        page = text_of(client.get(reading["open"][0]))
        assert "Invite a colleague" not in page
        assert "a@b.example" not in page

    def test_those_who_run_it_see_everything(self, client, reading, owner):
        sign_in(client, owner)

        for path in [path for paths in reading.values() for path in paths]:
            assert client.get(path).status_code == 200, path

    def test_staff_have_no_business_here(self, client, reading):
        sign_in(client, make_staff("admin"))

        for path in ("/clinics", "/clinics/new", *reading["open"]):
            assert client.get(path).status_code == 403

    def test_costs_the_same_however_many_belong_to_it(self, client, clinic, owner):
        sign_in(client, owner)

        path = f"/clinics/{clinic.id}"

        def cost():
            with count_statements() as sent:
                client.get(path)
            return len([statement for statement in sent if "SAVEPOINT" not in statement])

        first = cost()
        for _ in range(5):
            make_member(clinic=clinic)
            make_site(clinic=clinic)
        assert (first, cost()) == (6, 6)


class TestFounding:
    def test_from_nothing_to_a_clinic_with_a_site(self, client, owner):
        sign_in(client, owner)
        assert "No clinic yet" in text_of(client.get("/clinics"))

        answer = client.post("/clinics/new", data={"name": "Lone Star", "legal_name": "Lone Star LLC"})
        clinic_id = db.session.scalars(select(Clinic.id)).one()
        assert (answer.status_code, answer.location) == (303, f"/clinics/{clinic_id}/sites/new")
        assert "No site yet" in text_of(client.get(f"/clinics/{clinic_id}"))

        answer = client.post(answer.location, data=ADDRESS)
        assert (answer.status_code, answer.location) == (303, f"/clinics/{clinic_id}")
        page = text_of(client.get(answer.location))
        assert "1 Main Street, Austin, TX 78701" in page
        assert "Texas rules, Central time" in page
        assert "Lone Star" in text_of(client.get("/clinics"))

    def test_shows_the_form_again_with_what_was_typed(self, client, clinic, owner):
        sign_in(client, owner)

        answer = client.post(f"/clinics/{clinic.id}/sites/new", data={**ADDRESS, "postal_code": "787"})

        page = text_of(answer)
        assert answer.status_code == 422
        assert "Write a ZIP code such as 78701 or 78701-1234." in page
        assert 'href="#postal_code"' in page
        assert 'value="1 Main Street"' in page
        assert queries.sites_of(clinic.id) == []

    def test_a_name_that_nobody_could_read_is_none(self, client, owner):
        sign_in(client, owner)

        answer = client.post("/clinics/new", data={"name": "x", "legal_name": "a\x07b"})

        assert answer.status_code == 422
        assert db.session.scalars(select(Clinic)).all() == []


class TestSites:
    def test_corrects_and_closes(self, client, clinic, site, owner):
        sign_in(client, owner)
        form = {**ADDRESS, "name": "Annex", "time_zone": "America/Denver", "state": "CA"}

        assert client.post(f"/sites/{site.id}", data=form).location == f"/clinics/{clinic.id}"
        now = queries.site(site.id)
        assert (now.name, now.time_zone, now.state) == ("Annex", "America/Denver", "TX")
        wrong = client.post(f"/sites/{site.id}", data={**form, "postal_code": "1"})
        assert (wrong.status_code, 'value="Annex"' in text_of(wrong)) == (422, True)

        assert client.post(f"/sites/{site.id}/close").location == f"/clinics/{clinic.id}"
        assert client.get(f"/sites/{site.id}").status_code == 404

    def test_names_a_laser_safety_officer(self, client, clinic, site, owner, technician):
        sign_in(client, owner)

        answer = client.post(f"/sites/{site.id}/officer", data={"officer": str(technician.id)})
        assert answer.location == f"/clinics/{clinic.id}"
        assert "Laser safety officer: Tom Technician" in text_of(client.get(answer.location))
        assert client.post(f"/sites/{site.id}/officer", data={"officer": ""}).status_code == 303
        assert "No laser safety officer named" in text_of(client.get(answer.location))

    def test_names_nobody_from_elsewhere(self, client, site, owner):
        sign_in(client, owner)

        answer = client.post(f"/sites/{site.id}/officer", data={"officer": str(make_user().id)})

        assert answer.status_code == 422
        assert queries.site(site.id).laser_safety_officer_id is None


class TestInvitations:
    def test_from_the_invitation_to_the_membership(self, client, clinic, owner):
        sign_in(client, owner)
        answer = client.post(f"/clinics/{clinic.id}/invite", data={"email": "New@person.example", "role": "manager"})
        assert answer.location == f"/clinics/{clinic.id}"
        assert "new@person.example" in text_of(client.get(answer.location))
        link = f"/invitations/{db.session.scalars(select(Mail)).one().context['token']}"
        client.post("/sign-out")
        invited = make_user(email="new@person.example")
        assert client.get(link).location == f"/sign-in?next={link}"
        sign_in(client, invited)

        assert "Join Lone Star Skin?" in text_of(client.get(link))
        assert queries.memberships_of(invited.id) == []  # Opening the link is not accepting it.
        assert client.post(link).location == f"/clinics/{clinic.id}"

        assert queries.require_role(user_id=invited.id, clinic_id=clinic.id) is ClinicRole.MANAGER
        assert client.get(link).status_code == 410
        assert client.post(link).status_code == 410

    def test_is_for_nobody_else(self, client, clinic):
        token, _ = make_invitation(clinic=clinic, email="new@person.example", at=clock.now())
        thief = make_user()
        sign_in(client, thief)

        page = text_of(client.get(f"/invitations/{token}"))
        assert "This invitation is for somebody else" in page
        assert "new@person.example" not in page
        assert "Lone Star Skin" not in page
        assert client.post(f"/invitations/{token}").status_code == 403
        assert queries.memberships_of(thief.id) == []

    def test_managers_are_offered_only_what_they_may_give(self, client, clinic):
        manager = make_user()
        make_member(clinic=clinic, user=manager, role="manager")
        sign_in(client, manager)

        page = text_of(client.get(f"/clinics/{clinic.id}/invite"))
        assert 'value="technician"' in page
        assert 'value="owner"' not in page
        answer = client.post(f"/clinics/{clinic.id}/invite", data={"email": "x@y.example", "role": "owner"})
        assert answer.status_code == 422
        assert db.session.scalars(select(Mail)).all() == []

    def test_says_what_is_wrong_with_an_address(self, client, clinic, owner):
        sign_in(client, owner)

        answer = client.post(f"/clinics/{clinic.id}/invite", data={"email": "x", "role": "owner"})

        assert (answer.status_code, 'href="#email"' in text_of(answer)) == (422, True)

    def test_withdraws(self, client, clinic, owner):
        token, row = make_invitation(clinic=clinic, email="new@person.example", at=clock.now())
        sign_in(client, owner)

        answer = client.post(f"/clinics/{clinic.id}/invitations/{row.id}/withdraw")

        assert answer.location == f"/clinics/{clinic.id}"
        assert "new@person.example" not in text_of(client.get(answer.location))
        assert client.get(f"/invitations/{token}").status_code == 410


class TestMembers:
    def test_changes_a_role(self, client, clinic, owner, technician):
        sign_in(client, owner)
        path = f"/clinics/{clinic.id}/members/{technician.id}"

        assert client.post(path, data={"role": "practitioner"}).location == f"/clinics/{clinic.id}"

        assert queries.member(clinic_id=clinic.id, user_id=technician.id).role is ClinicRole.PRACTITIONER
        assert client.post(path, data={"role": "king"}).status_code == 422

    def test_the_last_owner_is_told_why_not(self, client, clinic, owner):
        sign_in(client, owner)
        path = f"/clinics/{clinic.id}/members/{owner.id}"

        for answer in (client.post(path, data={"role": "technician"}), client.post(f"{path}/remove")):
            assert answer.status_code == 409
            assert "A clinic needs an owner who stays, and this is its last." in text_of(answer)
        assert queries.member(clinic_id=clinic.id, user_id=owner.id).role is ClinicRole.OWNER

    def test_removes_a_member(self, client, clinic, owner, technician):
        sign_in(client, owner)

        answer = client.post(f"/clinics/{clinic.id}/members/{technician.id}/remove")

        assert answer.location == f"/clinics/{clinic.id}"
        assert "Tom Technician" not in text_of(client.get(answer.location))

    def test_writes_the_last_day_of_a_membership(self, client, clinic, owner, technician):
        sign_in(client, owner)
        path = f"/clinics/{clinic.id}/members/{technician.id}/last-day"
        soon = (clock.now() + timedelta(days=9)).date()

        for said in ("", "yesterday", "2020-01-01", "9999-12-31"):
            assert client.post(path, data={"last_day": said}).status_code == 422
        assert queries.member(clinic_id=clinic.id, user_id=technician.id).ends_on is None
        answer = client.post(path, data={"last_day": soon.isoformat()})

        assert answer.location == f"/clinics/{clinic.id}"
        assert "The membership ends with it." in text_of(client.get(answer.location))
        assert queries.member(clinic_id=clinic.id, user_id=technician.id).ends_on == soon

    def test_leaves(self, client, clinic, technician):
        sign_in(client, technician)
        assert "Leave this clinic" in text_of(client.get(f"/clinics/{clinic.id}/members/{technician.id}"))

        answer = client.post(f"/clinics/{clinic.id}/members/{technician.id}/remove")

        assert answer.location == "/clinics"
        assert client.get(f"/clinics/{clinic.id}").status_code == 404

    def test_a_colleague_below_can_only_look(self, client, clinic, owner, technician):
        sign_in(client, technician)
        path = f"/clinics/{clinic.id}/members/{owner.id}"

        assert "Only an owner can change this." in text_of(client.get(path))
        assert client.post(path, data={"role": "technician"}).status_code == 422
        assert client.post(f"{path}/remove").status_code == 403
        assert queries.member(clinic_id=clinic.id, user_id=owner.id).role is ClinicRole.OWNER


class TestAskingToSell:
    def test_asks_and_waits(self, client, clinic, owner):
        sign_in(client, owner)
        path = f"/clinics/{clinic.id}/sell"

        assert client.post(path, data={"basis": "practice", "statement": " "}).status_code == 422
        assert client.post(path, data={"basis": "practice", "statement": "LLC 1."}).location == f"/clinics/{clinic.id}"

        assert queries.clinic(clinic.id).seller_standing is SellerStanding.IN_REVIEW
        assert "Being checked" in text_of(client.get(f"/clinics/{clinic.id}"))
        assert "There is nothing to ask for now." in text_of(client.get(path))
        assert client.post(path, data={"basis": "practice", "statement": "Again."}).status_code == 409

    def test_a_refused_clinic_reads_why_but_not_the_evidence(self, client, owner):
        clinic = make_clinic(
            owner=owner, seller_standing=SellerStanding.REFUSED, seller_reason="The licence has ended.",
            seller_evidence="Register, line 7.",
        )  # fmt: skip
        sign_in(client, owner)

        for path in (f"/clinics/{clinic.id}", f"/clinics/{clinic.id}/sell"):
            page = text_of(client.get(path))
            assert "The licence has ended." in page
            assert "Register, line 7." not in page


class TestLimit:
    def test_an_owner_sets_it_changes_it_and_takes_it_away(self, client, clinic, owner):
        sign_in(client, owner)
        page, address = f"/clinics/{clinic.id}", f"/clinics/{clinic.id}/limit"
        assert "Whoever orders a device can also pay for it" in text_of(client.get(page))

        for typed, words in (
            ("$25,000", "Above $25,000 a second person, an owner or manager other than the one who ordered, approves"),
            ("0", "A second person, an owner or manager other than the one who ordered, approves"),
            ("", "A second person, an owner or manager other than the one who ordered, approves"),
        ):
            answer = client.post(address, data={"limit": typed})
            assert (answer.status_code, answer.location) == (303, page)
            shown = " ".join(text_of(client.get(page)).split())
            assert words in shown
        assert "It counts in 24 hours." in shown
        assert "nobody else has to approve. Until then an owner can set another limit." in shown
        client.post(address, data={"limit": "$1,000"})
        client.post(address, data={"limit": "$2,000"})
        assert "only above $2,000. Until then" in " ".join(text_of(client.get(page)).split())

    def test_what_is_no_amount_is_said_beside_the_field(self, client, clinic, owner):
        sign_in(client, owner)

        answer = client.post(f"/clinics/{clinic.id}/limit", data={"limit": "a lot"})

        assert answer.status_code == 422
        assert "Write an amount such as $42,500" in text_of(answer)
        assert queries.clinic(clinic.id).purchase_limit is None

    def test_a_manager_reads_it_and_does_not_set_it(self, client, clinic):
        manager = make_user()
        make_member(clinic=clinic, user=manager, role=ClinicRole.MANAGER)
        sign_in(client, manager)

        assert client.get(f"/clinics/{clinic.id}/limit").status_code == 403
        assert "Ask for a second person" not in text_of(client.get(f"/clinics/{clinic.id}"))
