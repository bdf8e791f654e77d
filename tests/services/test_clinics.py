"""Clinics: founding, sites, invitations, roles, and the standing as a seller. Refusals change nothing."""

from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from uuid import UUID

import pytest
from sqlalchemy import insert, select, text

from marketplace import audit
from marketplace.clinics import places, queries, service
from marketplace.clinics.models import Clinic, ClinicInvitation, ClinicMember, ClinicSite
from marketplace.clinics.queries import InvitationIsDead, WrongRole
from marketplace.clinics.service import SecondLookIsAnothers
from marketplace.clinics.states import SellerBasis, SellerStanding
from marketplace.extensions import db
from marketplace.kernel.errors import Invalid, NotFound
from marketplace.kernel.machine import IllegalMove
from marketplace.kernel.terms import ClinicRole
from marketplace.notifications.models import Mail
from tests.conftest import NOON
from tests.factories.accounts import make_staff, make_user
from tests.factories.clinics import make_clinic, make_invitation, make_member, make_site
from tests.support import assert_refused_by, count_statements, promised_jobs

SECOND = timedelta(seconds=1)
NOBODY = UUID(int=0)
R = ClinicRole
ADDRESS = {
    "name": "Main Street",
    "street": "1 Main Street",
    "city": "Austin",
    "state": "TX",
    "postal_code": "78701",
}


@pytest.fixture
def owner():
    return make_user(name="Olga Owner")


@pytest.fixture
def clinic(owner):
    return make_clinic(owner=owner)


@pytest.fixture
def manager(clinic):
    return person_of(clinic, R.MANAGER)


@pytest.fixture
def technician(clinic):
    return person_of(clinic, R.TECHNICIAN)


def person_of(clinic, role):
    user = make_user(name=f"{role} of it")
    make_member(clinic=clinic, user=user, role=role)
    return user


def events(clinic_id) -> list[str]:
    return [event.kind for event in audit.events_about("clinic", clinic_id)]


def mails() -> list[tuple[str, str]]:
    return [(mail.to, mail.template) for mail in db.session.scalars(select(Mail).order_by(Mail.to))]


def roles_in(clinic) -> dict[UUID, ClinicRole]:
    return {member.user_id: member.role for member in queries.members_of(clinic.id)}


class TestFound:
    def test_makes_the_founder_its_owner(self, owner):
        clinic_id = service.found(
            owner_id=owner.id, name=" Lone  Star Skin ", legal_name="Lone Star Skin PLLC", at=NOON
        )

        clinic = queries.clinic(clinic_id)
        assert (clinic.name, clinic.legal_name) == ("Lone Star Skin", "Lone Star Skin PLLC")
        assert clinic.seller_standing is SellerStanding.UNVERIFIED
        [member] = queries.members_of(clinic_id)
        assert (member.user_id, member.name, member.email, member.role, member.joined_at) == (
            owner.id, "Olga Owner", owner.email, R.OWNER, NOON,
        )  # fmt: skip
        assert events(clinic_id) == ["clinic:founded"]

    @pytest.mark.parametrize(
        ("names", "field"),
        [(("", "L"), "name"), (("L", "  "), "legal_name"), (("x" * 121, "L"), "name"), (("a\x07b", "L"), "name")],
    )
    def test_refuses_names_that_will_not_do(self, owner, names, field):
        with pytest.raises(Invalid) as refusal:
            service.found(owner_id=owner.id, name=names[0], legal_name=names[1], at=NOON)

        assert refusal.value.field == field
        assert db.session.scalars(select(Clinic)).all() == []


class TestSites:
    def test_a_site_keeps_the_usual_zone_of_its_state(self, clinic, owner):
        site_id = service.add_site(clinic_id=clinic.id, actor_id=owner.id, **ADDRESS, at=NOON)

        assert queries.site(site_id) == queries.Site(
            id=site_id, clinic_id=clinic.id, clinic_name="Lone Star Skin", name="Main Street", street="1 Main Street",
            city="Austin", state="TX", postal_code="78701", time_zone="America/Chicago", laser_safety_officer_id=None,
        )  # fmt: skip
        assert events(clinic.id) == ["clinic:site_added"]

    def test_or_another_of_our_zones(self, clinic, manager):
        site_id = service.add_site(
            clinic_id=clinic.id, actor_id=manager.id, **ADDRESS, time_zone="America/Denver", at=NOON
        )

        assert queries.site(site_id).time_zone == "America/Denver"

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"state": "ZZ"}, "state"),
            ({"postal_code": "1"}, "postal_code"),
            ({"time_zone": "UTC"}, "time_zone"),
            ({"name": ""}, "name"),
            ({"street": " "}, "street"),
            ({"city": ""}, "city"),
        ],
    )
    def test_refuses_an_address_that_will_not_do(self, clinic, owner, change, field):
        with pytest.raises(Invalid) as refusal:
            service.add_site(clinic_id=clinic.id, actor_id=owner.id, **{**ADDRESS, **change}, at=NOON)

        assert refusal.value.field == field
        assert queries.sites_of(clinic.id) == []
        assert events(clinic.id) == []

    def test_refuses_strangers_and_those_who_do_not_run_the_clinic(self, clinic, technician):
        with pytest.raises(NotFound):
            service.add_site(clinic_id=clinic.id, actor_id=make_user().id, **ADDRESS, at=NOON)
        with pytest.raises(WrongRole):
            service.add_site(clinic_id=clinic.id, actor_id=technician.id, **ADDRESS, at=NOON)
        assert queries.sites_of(clinic.id) == []

    def test_corrects_an_address(self, clinic, manager):
        site = make_site(clinic=clinic)

        service.correct_site(
            site_id=site.id, actor_id=manager.id, name="Annex", street="2 Side Street", city="El Paso",
            postal_code=" 79901 ", time_zone="America/Denver", at=NOON,
        )  # fmt: skip

        now = queries.site(site.id)
        assert (now.name, now.street, now.city, now.postal_code, now.time_zone, now.state) == (
            "Annex", "2 Side Street", "El Paso", "79901", "America/Denver", "TX",
        )  # fmt: skip
        assert events(clinic.id) == ["clinic:site_corrected"]

    def test_corrects_nothing_for_a_stranger(self, clinic):
        site = make_site(clinic=clinic)

        with pytest.raises(NotFound):
            service.correct_site(
                site_id=site.id, actor_id=make_user().id, name="Mine", street="x", city="x", postal_code="79901",
                time_zone="America/Denver", at=NOON,
            )  # fmt: skip
        assert queries.site(site.id).name == "Main Street"

    def test_a_closed_site_is_no_place_of_use(self, clinic, owner):
        site = make_site(clinic=clinic)

        service.close_site(site_id=site.id, actor_id=owner.id, at=NOON)

        assert queries.sites_of(clinic.id) == []
        for ask in (queries.site, lambda site_id: service.close_site(site_id=site_id, actor_id=owner.id, at=NOON)):
            with pytest.raises(NotFound):
                ask(site.id)
        assert events(clinic.id) == ["clinic:site_closed"]

    def test_a_site_closed_at_the_same_moment_is_not_touched(self, clinic, owner, monkeypatch):
        site = make_site(clinic=clinic)
        facts = queries.site(site.id)
        service.close_site(site_id=site.id, actor_id=owner.id, at=NOON)
        monkeypatch.setattr(places, "site_facts", lambda _id: facts)

        with pytest.raises(NotFound):
            service.close_site(site_id=site.id, actor_id=owner.id, at=NOON + SECOND)
        assert site.closed_at == NOON

    def test_closing_takes_somebody_who_runs_the_clinic(self, clinic, technician):
        site = make_site(clinic=clinic)

        with pytest.raises(WrongRole):
            service.close_site(site_id=site.id, actor_id=technician.id, at=NOON)
        assert site.closed_at is None


class TestLaserSafetyOfficer:
    def test_names_a_member_and_takes_it_back(self, clinic, owner, technician):
        site = make_site(clinic=clinic)

        service.name_laser_safety_officer(site_id=site.id, actor_id=owner.id, officer_id=technician.id, at=NOON)
        assert queries.site(site.id).laser_safety_officer_id == technician.id
        service.name_laser_safety_officer(site_id=site.id, actor_id=owner.id, officer_id=None, at=NOON)
        assert queries.site(site.id).laser_safety_officer_id is None
        assert events(clinic.id) == ["clinic:safety_officer_named"] * 2

    def test_refuses_somebody_from_elsewhere(self, clinic, owner):
        site = make_site(clinic=clinic)

        with pytest.raises(Invalid) as refusal:
            service.name_laser_safety_officer(site_id=site.id, actor_id=owner.id, officer_id=make_user().id, at=NOON)
        assert refusal.value.field == "officer"
        assert site.laser_safety_officer_id is None

    def test_who_leaves_is_officer_no_more(self, clinic, owner, technician):
        site = make_site(clinic=clinic, laser_safety_officer_id=technician.id)
        elsewhere = make_site(laser_safety_officer_id=technician.id)

        service.remove_member(clinic_id=clinic.id, actor_id=owner.id, user_id=technician.id, at=NOON)

        assert queries.site(site.id).laser_safety_officer_id is None
        assert queries.site(elsewhere.id).laser_safety_officer_id == technician.id
        assert audit.events_about("clinic", clinic.id)[-1].data["without_officer"] == [str(site.id)]


class TestInvite:
    def invite(self, clinic, actor, email="new@person.example", role=R.TECHNICIAN, at=NOON):
        return service.invite(clinic_id=clinic.id, actor_id=actor.id, email=email, role=role, at=at)

    def test_mails_a_link_of_which_only_the_digest_is_kept(self, clinic, owner):
        invitation_id = self.invite(clinic, owner, email=" New@Person.example")

        mail = db.session.scalars(select(Mail)).one()
        assert (mail.to, mail.template) == ("new@person.example", "invitation")
        assert mail.context["clinic"] == "Lone Star Skin"
        assert mail.context["inviter"] == "Olga Owner"
        row = db.session.get(ClinicInvitation, invitation_id)
        assert row.token_digest == sha256(mail.context["token"].encode()).digest()
        assert row.expires_at == NOON + timedelta(days=7)
        assert events(clinic.id) == ["clinic:invited"]

    @pytest.mark.parametrize("role", [R.OWNER, R.MANAGER])
    def test_managers_invite_those_who_treat_and_nobody_above(self, clinic, manager, role):
        self.invite(clinic, manager, role=R.PRACTITIONER)

        with pytest.raises(WrongRole):
            self.invite(clinic, manager, email="boss@person.example", role=role)
        assert mails() == [("new@person.example", "invitation")]

    def test_technicians_and_strangers_invite_nobody(self, clinic, technician):
        with pytest.raises(WrongRole):
            self.invite(clinic, technician)
        with pytest.raises(NotFound):
            self.invite(clinic, make_user())
        with pytest.raises(NotFound):
            service.invite(clinic_id=NOBODY, actor_id=technician.id, email="a@b.co", role=R.OWNER, at=NOON)
        assert promised_jobs() == []

    def test_refuses_what_is_no_address(self, clinic, owner):
        with pytest.raises(Invalid) as refusal:
            self.invite(clinic, owner, email="new")
        assert refusal.value.field == "email"

    def test_refuses_a_members_address(self, clinic, owner, technician):
        with pytest.raises(service.AlreadyMember):
            self.invite(clinic, owner, email=technician.email)
        assert promised_jobs() == []

    def test_a_newer_invitation_replaces_the_older(self, clinic, owner):
        older, row = make_invitation(clinic=clinic, email="new@person.example", at=NOON)

        newer_id = self.invite(clinic, owner, at=NOON + SECOND)

        assert row.withdrawn_at == NOON + SECOND
        assert [one.id for one in queries.invitations_of(clinic.id, at=NOON + SECOND)] == [newer_id]
        with pytest.raises(InvitationIsDead):
            queries.invitation(older, at=NOON + SECOND)

    def test_withdraws_once(self, clinic, owner, technician):
        token, row = make_invitation(clinic=clinic, email="new@person.example", at=NOON)

        with pytest.raises(WrongRole):
            service.withdraw_invitation(invitation_id=row.id, actor_id=technician.id, at=NOON)
        with pytest.raises(NotFound):
            service.withdraw_invitation(invitation_id=row.id, actor_id=make_user().id, at=NOON)
        assert queries.invitation(token, at=NOON).id == row.id
        service.withdraw_invitation(invitation_id=row.id, actor_id=owner.id, at=NOON)
        for invitation_id in (row.id, NOBODY):
            with pytest.raises(InvitationIsDead):
                service.withdraw_invitation(invitation_id=invitation_id, actor_id=owner.id, at=NOON)
        assert events(clinic.id) == ["clinic:invitation_withdrawn"]


class TestAcceptInvitation:
    def test_joins_the_clinic_once(self, clinic):
        user = make_user()
        token, _ = make_invitation(clinic=clinic, email=user.email, role=R.PRACTITIONER, at=NOON)

        assert service.accept_invitation(token=token, user_id=user.id, at=NOON) == clinic.id

        assert roles_in(clinic)[user.id] is R.PRACTITIONER
        assert queries.invitations_of(clinic.id, at=NOON) == []
        with pytest.raises(InvitationIsDead):
            service.accept_invitation(token=token, user_id=user.id, at=NOON)
        assert events(clinic.id) == ["clinic:member_joined"]

    @pytest.mark.parametrize("role", [R.OWNER, R.TECHNICIAN])
    def test_dies_with_the_membership_of_who_sent_it(self, clinic, owner, role):
        other, user = make_user(), make_user()
        make_member(clinic=clinic, user=other, role=R.OWNER)
        token, row = make_invitation(clinic=clinic, email=user.email, role=role, invited_by=other.id, at=NOON)
        kept = make_invitation(clinic=clinic, email="kept@person.example", invited_by=owner.id, at=NOON)[1]

        service.remove_member(clinic_id=clinic.id, actor_id=owner.id, user_id=other.id, at=NOON)

        assert (row.withdrawn_at, kept.withdrawn_at) == (NOON, None)
        with pytest.raises(InvitationIsDead):
            service.accept_invitation(token=token, user_id=user.id, at=NOON)
        assert user.id not in roles_in(clinic)

    def test_dies_with_the_right_to_offer_that_role(self, clinic, owner):
        other = make_user()
        make_member(clinic=clinic, user=other, role=R.OWNER)
        manager, technician = (
            make_invitation(clinic=clinic, email=f"{role}@person.example", role=role, invited_by=other.id, at=NOON)[1]
            for role in (R.MANAGER, R.TECHNICIAN)
        )

        service.change_role(clinic_id=clinic.id, actor_id=owner.id, user_id=other.id, role=R.MANAGER, at=NOON)

        assert (manager.withdrawn_at, technician.withdrawn_at) == (NOON, None)

    @pytest.mark.parametrize("lost", ["account", "membership"])
    def test_is_not_accepted_of_somebody_who_could_not_send_it_now(self, clinic, owner, lost):
        other, user = make_user(), make_user()
        member = make_member(clinic=clinic, user=other, role=R.OWNER)
        token, row = make_invitation(clinic=clinic, email=user.email, invited_by=other.id, at=NOON)
        if lost == "account":
            other.disabled_at = NOON
        else:
            member.left_at = NOON + SECOND
        db.session.commit()

        with pytest.raises(InvitationIsDead):
            service.accept_invitation(token=token, user_id=user.id, at=NOON)
        assert row.accepted_at is None
        assert user.id not in roles_in(clinic)

    def test_holds_the_clinic_before_its_invitation_as_whoever_replaces_it_does(self, clinic):
        user = make_user()
        token, _ = make_invitation(clinic=clinic, email=user.email, at=NOON)
        with count_statements() as statements:
            service.accept_invitation(token=token, user_id=user.id, at=NOON)

        held = next(number for number, one in enumerate(statements) if "FOR NO KEY UPDATE" in one)
        taken = next(number for number, one in enumerate(statements) if one.startswith("UPDATE clinic_invitations"))
        assert "FROM clinics" in statements[held]
        assert held < taken

    def test_refuses_anybody_else_and_stays_open(self, clinic):
        token, _ = make_invitation(clinic=clinic, email="invited@person.example", at=NOON)
        thief = make_user()

        with pytest.raises(service.AnotherAddress):
            service.accept_invitation(token=token, user_id=thief.id, at=NOON)

        assert thief.id not in roles_in(clinic)
        assert queries.invitation(token, at=NOON).email == "invited@person.example"

    def test_refuses_an_address_that_is_not_confirmed(self, clinic):
        user = make_user(confirmed=False)
        token, _ = make_invitation(clinic=clinic, email=user.email, at=NOON)

        with pytest.raises(service.AnotherAddress):
            service.accept_invitation(token=token, user_id=user.id, at=NOON)
        assert user.id not in roles_in(clinic)

    @pytest.mark.parametrize(("after", "stands"), [(timedelta(days=7) - SECOND, True), (timedelta(days=7), False)])
    def test_stands_for_a_week(self, clinic, after, stands):
        user = make_user()
        token, _ = make_invitation(clinic=clinic, email=user.email, at=NOON)

        if stands:
            service.accept_invitation(token=token, user_id=user.id, at=NOON + after)
        else:
            with pytest.raises(InvitationIsDead):
                service.accept_invitation(token=token, user_id=user.id, at=NOON + after)
        assert (user.id in roles_in(clinic)) is stands

    def test_a_member_does_not_join_twice(self, clinic, technician):
        token, row = make_invitation(clinic=clinic, email=technician.email, at=NOON)

        with pytest.raises(service.AlreadyMember):
            service.accept_invitation(token=token, user_id=technician.id, at=NOON)
        assert row.accepted_at is None

    def test_who_left_may_come_back(self, clinic, owner, technician):
        service.remove_member(clinic_id=clinic.id, actor_id=owner.id, user_id=technician.id, at=NOON)
        token, _ = make_invitation(clinic=clinic, email=technician.email, at=NOON, invited_by=owner.id)

        service.accept_invitation(token=token, user_id=technician.id, at=NOON + SECOND)

        assert roles_in(clinic)[technician.id] is R.TECHNICIAN


class TestRoles:
    def change(self, clinic, actor, user, role):
        service.change_role(clinic_id=clinic.id, actor_id=actor.id, user_id=user.id, role=role, at=NOON)

    def test_an_owner_gives_any_role(self, clinic, owner, technician):
        self.change(clinic, owner, technician, R.OWNER)

        assert roles_in(clinic)[technician.id] is R.OWNER
        event = audit.events_about("clinic", clinic.id)[-1]
        assert event.data == {"member": str(technician.id), "before": "technician", "role": "owner"}

    def test_a_manager_moves_only_those_who_treat(self, clinic, owner, manager, technician):
        self.change(clinic, manager, technician, R.PRACTITIONER)

        for user, role in ((technician, R.MANAGER), (owner, R.TECHNICIAN), (manager, R.OWNER)):
            with pytest.raises(WrongRole):
                self.change(clinic, manager, user, role)
        assert roles_in(clinic) == {owner.id: R.OWNER, manager.id: R.MANAGER, technician.id: R.PRACTITIONER}

    def test_nobody_raises_themself(self, clinic, technician):
        with pytest.raises(WrongRole):
            self.change(clinic, technician, technician, R.OWNER)
        assert roles_in(clinic)[technician.id] is R.TECHNICIAN

    def test_strangers_change_and_are_changed_nowhere(self, clinic, owner):
        stranger = make_user()

        for actor, user in ((stranger, owner), (owner, stranger)):
            with pytest.raises(NotFound):
                self.change(clinic, actor, user, R.TECHNICIAN)
        assert roles_in(clinic) == {owner.id: R.OWNER}

    def test_the_last_owner_stays_one(self, clinic, owner, technician):
        with pytest.raises(service.LastOwner):
            self.change(clinic, owner, owner, R.TECHNICIAN)
        assert roles_in(clinic)[owner.id] is R.OWNER

        self.change(clinic, owner, technician, R.OWNER)
        self.change(clinic, owner, owner, R.TECHNICIAN)
        assert roles_in(clinic)[owner.id] is R.TECHNICIAN


class TestRemoveMember:
    def remove(self, clinic, actor, user):
        service.remove_member(clinic_id=clinic.id, actor_id=actor.id, user_id=user.id, at=NOON)

    def test_ends_the_membership_and_keeps_its_row(self, clinic, owner, technician):
        self.remove(clinic, owner, technician)

        assert technician.id not in roles_in(clinic)
        assert queries.ever_member(user_id=technician.id, clinic_id=clinic.id)
        assert queries.memberships_of(technician.id) == []
        assert events(clinic.id) == ["clinic:member_left"]
        with pytest.raises(NotFound):
            self.remove(clinic, owner, technician)

    def test_everybody_may_leave(self, clinic, technician):
        self.remove(clinic, technician, technician)

        assert technician.id not in roles_in(clinic)

    def test_the_last_owner_cannot_go(self, clinic, owner):
        with pytest.raises(service.LastOwner):
            self.remove(clinic, owner, owner)
        assert roles_in(clinic) == {owner.id: R.OWNER}

    @pytest.mark.parametrize("until", [{"ends_on": date(2027, 1, 1)}, {"closed": True}])
    def test_an_owner_who_does_not_stay_is_no_other_owner(self, clinic, owner, until):
        other = make_user(disabled_at=NOON if until.pop("closed", False) else None)
        make_member(clinic=clinic, user=other, role=R.OWNER, **until)

        with pytest.raises(service.LastOwner):
            self.remove(clinic, owner, owner)
        with pytest.raises(service.LastOwner):
            service.change_role(clinic_id=clinic.id, actor_id=owner.id, user_id=owner.id, role=R.MANAGER, at=NOON)
        self.remove(clinic, owner, other)

    def test_an_owner_among_several_can(self, clinic, owner):
        other = person_of(clinic, R.OWNER)

        self.remove(clinic, other, owner)

        assert roles_in(clinic) == {other.id: R.OWNER}

    def test_refuses_those_below_and_strangers(self, clinic, owner, manager, technician):
        for actor, user in ((technician, manager), (manager, owner), (technician, owner)):
            with pytest.raises(WrongRole):
                self.remove(clinic, actor, user)
        with pytest.raises(NotFound):
            self.remove(clinic, make_user(), technician)
        with pytest.raises(NotFound):
            service.remove_member(clinic_id=NOBODY, actor_id=owner.id, user_id=owner.id, at=NOON)
        assert len(roles_in(clinic)) == 3


class TestAskForSellerStanding:
    def ask(self, clinic, actor, statement="Texas LLC 0803412345."):
        service.ask_for_seller_standing(
            clinic_id=clinic.id, actor_id=actor.id, basis=SellerBasis.PRACTICE, statement=statement, at=NOON
        )

    def test_puts_the_clinic_before_the_verifiers(self, clinic, manager):
        self.ask(clinic, manager)

        [asked] = queries.sellers(SellerStanding.IN_REVIEW)
        assert (asked.id, asked.seller_basis, asked.seller_statement, asked.seller_asked_at) == (
            clinic.id, SellerBasis.PRACTICE, "Texas LLC 0803412345.", NOON,
        )  # fmt: skip
        assert asked.may_ask_to_sell is False
        assert events(clinic.id) == ["clinic:seller_asked"]

    def test_refuses_when_nothing_or_too_much_is_stated(self, clinic, owner):
        for statement in ("  ", "x" * 4001):
            with pytest.raises(Invalid) as refusal:
                self.ask(clinic, owner, statement)
            assert refusal.value.field == "statement"
        assert clinic.seller_standing is SellerStanding.UNVERIFIED

    def test_refuses_those_who_do_not_run_the_clinic(self, clinic, technician):
        with pytest.raises(WrongRole):
            self.ask(clinic, technician)
        with pytest.raises(NotFound):
            self.ask(clinic, make_user())
        assert clinic.seller_standing is SellerStanding.UNVERIFIED

    def test_does_not_ask_twice(self, clinic, owner):
        self.ask(clinic, owner)

        with pytest.raises(IllegalMove):
            self.ask(clinic, owner, "More.")
        assert clinic.seller_statement == "Texas LLC 0803412345."

    def test_those_who_waited_longest_come_first(self, owner):
        for name, hours in (("Late", 2), ("Early", 1)):
            make_clinic(
                owner=owner, name=name, seller_standing=SellerStanding.IN_REVIEW, seller_basis=SellerBasis.PRACTICE,
                seller_statement="x", seller_asked_at=NOON + timedelta(hours=hours),
            )  # fmt: skip

        assert [clinic.name for clinic in queries.sellers(SellerStanding.IN_REVIEW)] == ["Early", "Late"]


class TestDecideSellerStanding:
    def decide(self, clinic, actor, standing, **changes):
        given = {"evidence": "Register: active.", "reason": "The register says inactive.", **changes}
        service.decide_seller_standing(clinic_id=clinic.id, actor_id=actor.id, standing=standing, **given, at=NOON)

    @pytest.fixture
    def asking(self, owner):
        return make_clinic(
            owner=owner, seller_standing=SellerStanding.IN_REVIEW, seller_basis=SellerBasis.PRACTICE,
            seller_statement="Look.", seller_asked_at=NOON,
        )  # fmt: skip

    def test_verifies_on_evidence_and_tells_those_who_run_it(self, asking, owner):
        verifier = make_staff()
        manager, technician = person_of(asking, R.MANAGER), person_of(asking, R.TECHNICIAN)

        first = make_staff()
        self.decide(asking, first, SellerStanding.AWAITING_SECOND, reason="", evidence="Entity found.")
        assert (asking.seller_standing, mails()) == (SellerStanding.AWAITING_SECOND, [])
        assert asking.seller_first_evidence == "Entity found."
        self.decide(asking, verifier, SellerStanding.VERIFIED, reason="", basis=SellerBasis.DISTRIBUTOR)

        facts = queries.clinic(asking.id)
        assert facts.seller_standing is SellerStanding.VERIFIED
        assert (facts.seller_basis, facts.seller_evidence, facts.seller_reason) == (
            SellerBasis.DISTRIBUTOR, "Register: active.", None,
        )  # fmt: skip
        assert (facts.seller_checked_by, facts.seller_checked_at) == (verifier.id, NOON)
        assert facts.seller_first_checked_by == first.id
        assert {to for to, _ in mails()} == {owner.email, manager.email}
        assert technician.email not in dict(mails())
        assert [
            (event.kind, event.actor_id, event.data["before"]) for event in audit.events_about("clinic", asking.id)
        ] == [
            ("clinic:seller_first_approved", first.id, "in_review"),
            ("clinic:seller_verified", verifier.id, "awaiting_second"),
        ]

    def test_takes_two_people_to_let_a_clinic_sell(self, asking):
        victor = make_staff()
        with pytest.raises(IllegalMove):
            self.decide(asking, victor, SellerStanding.VERIFIED)
        self.decide(asking, victor, SellerStanding.AWAITING_SECOND)
        with pytest.raises(SecondLookIsAnothers):
            self.decide(asking, victor, SellerStanding.VERIFIED)

        assert queries.seller_standings([asking.id]) == {asking.id: SellerStanding.AWAITING_SECOND}
        assert mails() == []

    def test_who_gave_the_first_yes_may_still_say_no(self, asking):
        victor = make_staff()
        self.decide(asking, victor, SellerStanding.AWAITING_SECOND)
        self.decide(asking, victor, SellerStanding.REFUSED)

        assert queries.seller_standings([asking.id]) == {asking.id: SellerStanding.REFUSED}

    def test_the_second_may_find_otherwise_and_a_new_request_begins_anew(self, asking, owner):
        self.decide(asking, make_staff(), SellerStanding.AWAITING_SECOND)
        self.decide(asking, make_staff(), SellerStanding.REFUSED)
        assert queries.seller_standings([asking.id]) == {asking.id: SellerStanding.REFUSED}

        service.ask_for_seller_standing(
            clinic_id=asking.id, actor_id=owner.id, basis=SellerBasis.PRACTICE, statement="Now.", at=NOON + SECOND
        )

        assert queries.clinic(asking.id).seller_first_checked_by is None

    def test_refuses_with_a_reason_that_the_clinic_reads(self, asking, owner):
        self.decide(asking, make_staff(), SellerStanding.REFUSED)

        facts = queries.clinic(asking.id)
        assert (facts.seller_standing, facts.seller_reason) == (SellerStanding.REFUSED, "The register says inactive.")
        assert facts.seller_basis is SellerBasis.PRACTICE
        mail = db.session.scalars(select(Mail)).one()
        assert (mail.context["standing"], mail.context["reason"]) == ("refused", "The register says inactive.")

    def test_a_refused_clinic_may_ask_again(self, asking, owner):
        self.decide(asking, make_staff(), SellerStanding.REFUSED)

        service.ask_for_seller_standing(
            clinic_id=asking.id, actor_id=owner.id, basis=SellerBasis.PRACTICE, statement="Now.", at=NOON + SECOND
        )

        facts = queries.clinic(asking.id)
        assert (facts.seller_standing, facts.seller_reason) == (SellerStanding.IN_REVIEW, None)

    def test_suspends_and_reinstates(self, owner):
        clinic = make_clinic(owner=owner, seller=True)

        self.decide(clinic, make_staff(), SellerStanding.SUSPENDED)
        assert queries.seller_standings([clinic.id, NOBODY]) == {clinic.id: SellerStanding.SUSPENDED}
        first = make_staff()
        with pytest.raises(IllegalMove):
            self.decide(clinic, first, SellerStanding.VERIFIED)
        self.decide(clinic, first, SellerStanding.AWAITING_SECOND)
        with pytest.raises(service.SecondLookIsAnothers):
            self.decide(clinic, first, SellerStanding.VERIFIED)
        assert queries.seller_standings([clinic.id]) == {clinic.id: SellerStanding.AWAITING_SECOND}
        self.decide(clinic, make_staff(), SellerStanding.VERIFIED)
        assert queries.seller_standings([clinic.id]) == {clinic.id: SellerStanding.VERIFIED}

    @pytest.mark.parametrize(
        ("standing", "change", "field"),
        [
            (SellerStanding.VERIFIED, {"evidence": " "}, "evidence"),
            (SellerStanding.REFUSED, {"reason": ""}, "reason"),
            (SellerStanding.UNVERIFIED, {}, "standing"),
            (SellerStanding.IN_REVIEW, {}, "standing"),
        ],
    )
    def test_decides_nothing_without_evidence_reason_or_a_decision(self, asking, standing, change, field):
        with pytest.raises(Invalid) as refusal:
            self.decide(asking, make_staff(), standing, **change)

        assert refusal.value.field == field
        assert asking.seller_standing is SellerStanding.IN_REVIEW
        assert (asking.seller_evidence, mails()) == (None, [])

    @pytest.mark.parametrize("left_at", [None, NOON])
    def test_nobody_decides_about_their_own_clinic_even_after_leaving(self, asking, left_at):
        verifier = make_staff()
        make_member(clinic=asking, user=verifier, left_at=left_at)

        with pytest.raises(service.OwnClinic):
            self.decide(asking, verifier, SellerStanding.VERIFIED)
        assert asking.seller_standing is SellerStanding.IN_REVIEW

    def test_decides_once(self, asking):
        self.decide(asking, make_staff(), SellerStanding.REFUSED)

        with pytest.raises(IllegalMove):
            self.decide(asking, make_staff(), SellerStanding.AWAITING_SECOND)
        assert asking.seller_standing is SellerStanding.REFUSED

    def test_knows_when_there_is_no_such_clinic(self):
        with pytest.raises(NotFound):
            service.decide_seller_standing(
                clinic_id=NOBODY, actor_id=make_staff().id, standing=SellerStanding.VERIFIED, evidence="x", at=NOON
            )
        with pytest.raises(NotFound):
            queries.clinic(NOBODY)


class TestQueries:
    def test_memberships_say_what_a_person_is_where(self, clinic, technician):
        other = make_clinic(name="Aurora", owner=technician, seller=True)

        assert queries.memberships_of(technician.id) == [
            queries.Membership(other.id, "Aurora", R.OWNER, SellerStanding.VERIFIED),
            queries.Membership(clinic.id, "Lone Star Skin", R.TECHNICIAN, SellerStanding.UNVERIFIED),
        ]

    def test_require_role(self, clinic, owner, technician):
        assert queries.require_role(user_id=technician.id, clinic_id=clinic.id) is R.TECHNICIAN
        assert queries.require_role(user_id=owner.id, clinic_id=clinic.id, roles={R.OWNER}) is R.OWNER
        with pytest.raises(WrongRole):
            queries.require_role(user_id=technician.id, clinic_id=clinic.id, roles={R.OWNER, R.MANAGER})
        for user_id, clinic_id in ((make_user().id, clinic.id), (owner.id, NOBODY)):
            with pytest.raises(NotFound):
                queries.require_role(user_id=user_id, clinic_id=clinic_id)

    def test_the_open_sites_of_a_persons_clinics(self, clinic, technician):
        mine = make_site(clinic=clinic, name="B")
        first = make_site(clinic=make_clinic(name="Aurora", owner=technician), name="A")
        make_site(clinic=clinic, name="C", closed_at=NOON)
        make_site(clinic=make_member(user=technician, left_at=NOON).clinic)
        make_site()

        assert [site.id for site in queries.sites_of_person(technician.id)] == [first.id, mine.id]

    def test_a_member_by_id(self, clinic, technician):
        assert queries.member(clinic_id=clinic.id, user_id=technician.id).role is R.TECHNICIAN
        with pytest.raises(NotFound):
            queries.member(clinic_id=clinic.id, user_id=NOBODY)


@pytest.fixture
def ids(clinic, owner):
    """Loaded now: inside a refusal the session cannot load anything."""
    return clinic.id, owner.id


class TestConstraints:
    def update(self, clinic_id, **values):
        columns = ", ".join(f"{name} = :{name}" for name in values)
        db.session.execute(text(f"UPDATE clinics SET {columns} WHERE id = :id"), {"id": clinic_id, **values})

    def test_a_clinic_has_a_name(self, ids):
        with assert_refused_by("clinics_name_is_given"):
            self.update(ids[0], name=" ")

    def test_a_verified_seller_has_evidence(self, ids):
        first = self.first(make_staff().id)
        for nothing in (" ", None):
            with assert_refused_by("clinics_verified_seller_has_evidence"):
                self.update(ids[0], seller_standing="verified", seller_basis="practice", seller_checked_by=ids[1],
                            seller_checked_at=NOON, seller_evidence=nothing, **first)  # fmt: skip

    def first(self, user_id):
        return {
            "seller_first_checked_by": user_id, "seller_first_checked_at": NOON, "seller_first_evidence": "Entity found."
        }  # fmt: skip

    @pytest.mark.parametrize("first", ["nobody", "the same", "another"])
    def test_two_people_verify_a_seller(self, ids, first):
        given = {} if first == "nobody" else self.first(ids[1] if first == "the same" else make_staff().id)
        decided = {
            "seller_standing": "verified", "seller_basis": "practice", "seller_checked_by": ids[1],
            "seller_checked_at": NOON, "seller_evidence": "Register: active.",
        }  # fmt: skip
        if first == "another":
            self.update(ids[0], **decided, **given)
        else:
            with assert_refused_by("clinics_two_people_verify_a_seller"):
                self.update(ids[0], **decided, **given)

    def test_a_second_look_follows_a_first(self, ids):
        with assert_refused_by("clinics_second_look_follows_a_first"):
            self.update(ids[0], seller_standing="awaiting_second")

    @pytest.mark.parametrize("missing", ["seller_first_checked_by", "seller_first_checked_at", "seller_first_evidence"])
    def test_a_first_look_has_evidence(self, ids, missing):
        with assert_refused_by("clinics_first_look_has_evidence"):
            self.update(ids[0], **{**self.first(ids[1]), missing: None})

    def test_asking_states_a_basis(self, ids):
        with assert_refused_by("clinics_asking_states_a_basis"):
            self.update(ids[0], seller_standing="in_review", seller_asked_at=NOON, seller_statement="x")
        with assert_refused_by("clinics_asking_states_a_basis"):
            self.update(ids[0], seller_standing="in_review", seller_asked_at=NOON, seller_basis="practice")

    @pytest.mark.parametrize("standing", ["refused", "suspended"])
    def test_a_seller_is_told_why(self, ids, standing):
        with assert_refused_by("clinics_seller_is_told_why"):
            self.update(ids[0], seller_standing=standing)

    def test_standing_and_basis_are_of_ours(self, ids):
        with assert_refused_by("clinics_sellerstanding"):
            self.update(ids[0], seller_standing="trusted")
        with assert_refused_by("clinics_sellerbasis"):
            self.update(ids[0], seller_basis="friend")

    def site(self, clinic_id, **changes):
        given = {**ADDRESS, "clinic_id": clinic_id, "time_zone": "America/Chicago", "created_at": NOON, **changes}
        db.session.execute(insert(ClinicSite).values(given))

    def test_a_state_is_a_postal_code(self, ids):
        with assert_refused_by("clinic_sites_state_is_a_postal_code"):
            self.site(ids[0], state="Texas")

    def test_a_postal_code_is_a_zip(self, ids):
        with assert_refused_by("clinic_sites_postal_code_is_a_zip"):
            self.site(ids[0], postal_code="787")

    def test_a_site_belongs_to_one_clinic(self, ids):
        self.site(ids[0], id=NOBODY)
        with assert_refused_by("site_belongs_to_one_clinic"):
            # Other tables point at the pair; it holds by itself, not only by the grace of the key.
            db.session.execute(text("ALTER TABLE clinic_sites DROP CONSTRAINT pk_clinic_sites CASCADE"))
            self.site(ids[0], id=NOBODY)

    def member(self, ids, **changes):
        given = {"clinic_id": ids[0], "user_id": ids[1], "role": R.OWNER, "joined_at": NOON, **changes}
        db.session.execute(insert(ClinicMember).values(given))

    def test_one_membership_per_person(self, ids):
        with assert_refused_by("one_membership_per_person"):
            self.member(ids)
        self.member(ids, left_at=NOON)

    def test_leaving_follows_joining(self, ids):
        with assert_refused_by("clinic_members_leaving_follows_joining"):
            self.member(ids, left_at=NOON - SECOND)

    def test_a_membership_does_not_end_before_it_begins(self, ids):
        with assert_refused_by("clinic_members_end_follows_start"):
            self.member(ids, left_at=NOON, starts_on=NOON.date(), ends_on=NOON.date() - timedelta(days=1))

    def test_nor_is_such_a_one_offered(self, ids):
        with assert_refused_by("clinic_invitations_offered_end_follows_start"):
            self.invitation(ids, starts_on=NOON.date(), ends_on=NOON.date() - timedelta(days=1))

    def test_a_role_is_one_of_ours(self, ids):
        with assert_refused_by("clinic_members_clinicrole"):
            db.session.execute(text("UPDATE clinic_members SET role = 'king'"))

    def invitation(self, ids, **changes):
        given = {
            "clinic_id": ids[0], "email": "a@b.co", "role": R.OWNER, "token_digest": b"d" * 32, "invited_by": ids[1],
            "invited_at": NOON, "expires_at": NOON, **changes,
        }  # fmt: skip
        db.session.execute(insert(ClinicInvitation).values(given))

    def test_one_open_invitation_per_address(self, ids):
        self.invitation(ids)
        with assert_refused_by("one_open_invitation_per_address"):
            self.invitation(ids, token_digest=b"e" * 32)
        self.invitation(ids, token_digest=b"f" * 32, withdrawn_at=NOON)

    def test_an_invitations_token_is_digested_and_its_own(self, ids):
        with assert_refused_by("clinic_invitations_token_is_digested"):
            self.invitation(ids, token_digest=b"d")
        self.invitation(ids)
        with assert_refused_by("uq_clinic_invitations_token_digest"):
            self.invitation(ids, email="c@d.co")

    def test_an_invitations_role_is_one_of_ours(self, ids):
        self.invitation(ids)
        with assert_refused_by("clinic_invitations_clinicrole"):
            db.session.execute(text("UPDATE clinic_invitations SET role = 'king'"))


class TestDays:
    """A membership is agreed by both sides, from a day through a day, and either side ends it."""

    TODAY = NOON.date()

    def offered(self, clinic, owner, **days):
        service.invite(
            clinic_id=clinic.id, actor_id=owner.id, email="op@example.test", role=R.TECHNICIAN, at=NOON, **days
        )
        mail = db.session.scalars(select(Mail).where(Mail.template == "invitation")).one()
        return mail.context

    def test_what_was_offered_is_what_is_accepted(self, clinic, owner):
        person = make_user(email="op@example.test")
        days = {"starts_on": self.TODAY, "ends_on": self.TODAY + timedelta(days=30)}
        told = self.offered(clinic, owner, **days)

        assert (told["starts_on"], told["ends_on"]) == ("1 Jun 2026", "1 Jul 2026")
        shown = queries.invitation(told["token"], at=NOON)
        assert (shown.starts_on, shown.ends_on) == tuple(days.values())
        service.accept_invitation(token=told["token"], user_id=person.id, at=NOON)
        member = queries.member(clinic_id=clinic.id, user_id=person.id)
        assert (member.starts_on, member.ends_on, member.account_open) == (*days.values(), True)

    @pytest.mark.parametrize(
        "days",
        [{"starts_on": date(2026, 6, 3), "ends_on": date(2026, 6, 2)}, {"ends_on": date(2026, 5, 31)}],
    )
    def test_days_that_cannot_be_are_not_offered(self, clinic, owner, days):
        with pytest.raises(Invalid) as refusal:
            self.offered(clinic, owner, **days)

        assert refusal.value.field == "ends_on"
        assert db.session.scalars(select(ClinicInvitation)).all() == []

    def test_one_day_can_be_offered(self, clinic, owner):
        day = self.TODAY + timedelta(days=2)
        told = self.offered(clinic, owner, starts_on=day, ends_on=day)

        shown = queries.invitation(told["token"], at=NOON)
        assert (shown.starts_on, shown.ends_on) == (day, day)

    def test_either_side_writes_the_last_day_and_only_an_earlier_one(self, clinic, owner):
        person = make_user()
        make_member(clinic=clinic, user=person)
        ids = {"clinic_id": clinic.id, "user_id": person.id, "at": NOON}

        service.end_on(actor_id=owner.id, last_day=date(2026, 7, 1), **ids)
        service.end_on(actor_id=person.id, last_day=date(2026, 6, 20), **ids)
        with pytest.raises(Invalid, match="It was agreed that it ends on 20 Jun 2026"):
            service.end_on(actor_id=owner.id, last_day=date(2026, 6, 21), **ids)

        assert queries.member(clinic_id=clinic.id, user_id=person.id).ends_on == date(2026, 6, 20)
        kinds = [event.kind for event in audit.events_about("clinic", clinic.id)]
        assert kinds == ["clinic:membership_shortened"] * 2

    def test_a_last_day_lies_neither_behind_us_nor_before_the_first(self, clinic, owner):
        person = make_user()
        make_member(clinic=clinic, user=person, starts_on=date(2026, 6, 10))
        ids = {"clinic_id": clinic.id, "user_id": person.id, "actor_id": owner.id, "at": NOON}
        with pytest.raises(Invalid, match="This day is over"):
            service.end_on(last_day=date(2026, 5, 31), **ids)
        with pytest.raises(Invalid, match="before the first"):
            service.end_on(last_day=date(2026, 6, 9), **ids)

    def test_the_first_day_may_be_the_last_and_the_agreed_one_may_be_said_again(self, clinic, owner):
        person = make_user()
        make_member(clinic=clinic, user=person, starts_on=date(2026, 6, 10), ends_on=date(2026, 6, 20))
        ids = {"clinic_id": clinic.id, "user_id": person.id, "actor_id": owner.id, "at": NOON}
        for day in (date(2026, 6, 20), date(2026, 6, 10)):
            service.end_on(last_day=day, **ids)
            assert queries.member(clinic_id=clinic.id, user_id=person.id).ends_on == day

    def test_the_last_owner_has_no_last_day(self, clinic, owner):
        with pytest.raises(service.LastOwner):
            service.end_on(clinic_id=clinic.id, actor_id=owner.id, user_id=owner.id, last_day=date(2026, 7, 1), at=NOON)

    def test_it_ends_with_the_end_of_its_last_day_where_the_clinic_is_and_stays_on_record(self, clinic):
        person = make_user()
        make_site(clinic=clinic)  # Texas: midnight is 05:00 UTC in June.
        make_member(clinic=clinic, user=person, ends_on=date(2026, 6, 1))
        midnight = datetime(2026, 6, 2, 5, tzinfo=UTC)

        assert service.end_those_over(at=midnight - SECOND) == 0
        assert service.end_those_over(at=midnight) == 1
        assert service.end_those_over(at=midnight) == 0

        row = db.session.scalars(select(ClinicMember).where(ClinicMember.user_id == person.id)).one()
        assert (row.left_at, row.left_by) == (midnight, None)

    def test_a_clinic_without_a_site_waits_for_the_last_of_the_zones(self, clinic):
        make_member(clinic=clinic, ends_on=date(2026, 6, 1))

        assert service.end_those_over(at=datetime(2026, 6, 2, 9, 59, 59, tzinfo=UTC)) == 0
        assert service.end_those_over(at=datetime(2026, 6, 2, 10, tzinfo=UTC)) == 1

    def test_who_ended_it_stays_on_record(self, clinic, owner):
        person = make_user()
        make_member(clinic=clinic, user=person)
        service.remove_member(clinic_id=clinic.id, actor_id=person.id, user_id=person.id, at=NOON)

        row = db.session.scalars(select(ClinicMember).where(ClinicMember.user_id == person.id)).one()
        assert (row.left_at, row.left_by) == (NOON, person.id)
