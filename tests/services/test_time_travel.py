"""Time travel: what history says of a moment is what the gate said at that moment, whatever happened since."""

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select, text

from marketplace import database
from marketplace.accounts import staffing
from marketplace.accounts.models import AccountClosure, User
from marketplace.clinics import history as clinic_history
from marketplace.clinics import service as clinics
from marketplace.clinics.models import ClinicMember, ClinicSite, MemberBefore, SiteBefore
from marketplace.credentials import history as credential_history
from marketplace.credentials import moving
from marketplace.credentials.models import Credential, CredentialMove
from marketplace.credentials.states import CREDENTIAL, CredentialEvent, CredentialState
from marketplace.eligibility import history, publishing, reviews, service
from marketplace.eligibility.models import Moment, PolicyStanding, PolicyVersion
from marketplace.eligibility.reasons import ReasonCode
from marketplace.eligibility.rulebook import reference_document
from marketplace.eligibility.sale import Purchase
from marketplace.eligibility.verdict import Evidence, Outcome
from marketplace.extensions import db, unit_of_work
from marketplace.kernel.errors import NotFound, Refusal
from marketplace.kernel.terms import ClinicRole, ProcedureClass
from marketplace.listings import queries as listings
from tests.factories.accounts import kept, make_staff, make_user
from tests.factories.clinics import make_clinic, make_invitation, make_member, make_site
from tests.factories.credentials import make_check, make_credential
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.rules import RULES
from tests.support import assert_refused_by, count_statements

HAIR = ProcedureClass.HAIR_NONABLATIVE
_S, _E = CredentialState, CredentialEvent


@pytest.fixture
def scene(scene, now):
    # A scene begins at once; history begins when its people came.
    db.session.execute(text("UPDATE clinic_members SET joined_at = :long_ago"), {"long_ago": now - timedelta(days=9)})
    db.session.execute(text("UPDATE clinic_sites SET created_at = :long_ago"), {"long_ago": now - timedelta(days=9)})
    db.session.commit()
    return scene


@pytest.fixture
def sale(scene):
    return listings.sale_of(scene.listing.id)


@pytest.fixture
def purchase(scene):
    return Purchase(
        buyer_id=scene.buyer.id, clinic_id=scene.clinic.id, site_id=scene.site.id, operator_id=scene.buyer.id
    )


def happen(event, credential, verifier, at):
    """Let something happen to a credential, as the desk would let it happen."""
    changes = {}
    if event in (_E.REINSTATED, _E.RECONFIRMED):
        check = make_check(credential, verifier=verifier, retrieved_at=at - timedelta(minutes=1))
        changes = {
            "deciding_check_id": check.id,
            "verified_at": check.retrieved_at,
            "verified_by": verifier.id,
            "decided_at": at,
        }
    with unit_of_work():
        credential = db.session.get(Credential, credential.id, populate_existing=True)
        moving.move(credential, event, actor_id=verifier.id, at=at, reason="A reason.", **changes)


def leave(user, at):
    db.session.execute(
        text("UPDATE clinic_members SET left_at = :at WHERE user_id = :id AND left_at IS NULL"),
        {"at": at, "id": user.id},
    )
    db.session.commit()


def publish(document, at):
    version = publishing.draft_policy(
        document=document, standing=PolicyStanding.REFERENCE, proposed_by=make_staff().id, at=at
    )
    publishing.publish_policy(version_id=version, published_by=make_staff().id, at=at)


def then(scene, at, **changes):
    asked = {
        "operator_id": scene.buyer.id,
        "site_id": scene.site.id,
        "modality_code": "DIODE_HR",
        "procedure": HAIR,
        "then": at,
    }
    return history.cleared_then(**{**asked, **changes})


@pytest.fixture
def clock():
    return {}


class TestWhateverHappened:
    @settings(
        max_examples=12, deadline=None, derandomize=True,
        phases=[Phase.generate],
    )  # fmt: skip
    @given(data=st.data())
    def test_history_comes_to_the_answer_that_was_given(self, scene, sale, purchase, now, clock, data):
        # The examples share one house, so each lives after the one before.
        clock["at"] = at = max(clock.get("at", now), now) + timedelta(hours=1)
        publish(reference_document(), at)
        verifier, answers, asides = make_staff(), [], []
        people = {"licence": make_user(), "prescriber": make_user()}
        for user in people.values():
            make_member(clinic=scene.clinic, user=user, joined_at=at)
        papers = {}
        for name, code, level in (("licence", "US-TX:TDLR:LHR", "TECHNICIAN"), ("prescriber", "MD_DO", None)):
            seen = at - timedelta(days=data.draw(st.integers(115, 121), label="days since the look"))
            ends = at + timedelta(days=data.draw(st.integers(0, 9), label="days left"))
            papers[name] = make_credential(
                type_code=code, holder=people[name], verifier=verifier, level=level, at=seen - timedelta(hours=1),
                verified_at=seen, expires_on=ends.date(),
            )  # fmt: skip
        asked = replace(purchase, operator_id=people["licence"].id, practitioner_id=people["prescriber"].id)
        for _ in range(data.draw(st.integers(2, 6), label="steps")):
            at += timedelta(hours=data.draw(st.integers(1, 40)))
            name = data.draw(st.sampled_from(sorted(papers)))
            state = db.session.get(Credential, papers[name].id, populate_existing=True).state
            possible = [event for event in CREDENTIAL.events_from(state) if event in _HAPPENS]
            step = data.draw(st.sampled_from(["nothing", "leave", "policy", *_IN_THE_CLINIC, *possible]), label="step")
            if step == "leave":
                leave(people[name], at)
            elif step == "policy":
                publish({**reference_document(), **data.draw(st.sampled_from([{}, {"rules": []}]))}, at)
            elif step in _IN_THE_CLINIC:
                with suppress(Refusal):  # Of those who have left, for one; what is refused changes nothing.
                    _IN_THE_CLINIC[step](scene, people[name], data, at)
            elif step != "nothing":
                happen(step, papers[name], verifier, at)
            moment = data.draw(st.sampled_from([Moment.ORDER, Moment.PAYMENT_START]))
            clock["at"] = at = at + timedelta(minutes=5)
            named = data.draw(st.sampled_from([None, asked.practitioner_id]))
            answer = service.assess(moment=moment, sale=sale, purchase=replace(asked, practitioner_id=named), at=at)
            answers.append(answer.id)
            asides.append((at, then(scene, at, operator_id=asked.operator_id)))
        db.session.expire_all()

        found = [history.compared(answer) for answer in answers]

        for each in found:
            assert history._essence(each.given) == history._essence(each.rebuilt)
        assert [each.rebuilt.cleared for each in found] == [each.decision.cleared for each in found]
        for moment, said in asides:
            assert then(scene, moment, operator_id=asked.operator_id) == said

    def test_a_suspension_since_does_not_reach_back(self, scene, sale, purchase, now):
        decision = service.assess(moment=Moment.ORDER, sale=sale, purchase=purchase, at=now)
        happen(_E.SUSPENDED, scene.licence, make_staff(), now + timedelta(days=1))

        assert history.compared(decision.id).same
        assert history.compared(decision.id).rebuilt.cleared
        assert then(scene, now).verdict.cleared
        codes = {entry.code for entry in then(scene, now + timedelta(days=2)).verdict.objections}
        assert codes == {ReasonCode.SUSPENDED}

    def test_a_history_that_was_bent_shows(self, scene, sale, purchase, now):
        decision = service.assess(moment=Moment.ORDER, sale=sale, purchase=purchase, at=now)
        kept(CredentialMove(credential_id=scene.licence.id, event=_E.REVOKED, state=_S.REVOKED,
                            actor_id=make_staff().id, at=now))  # fmt: skip

        found = history.compared(decision.id)

        assert not found.same
        assert (found.given.cleared, found.rebuilt.cleared) == (True, False)

    def test_a_renewed_look_does_not_make_old_evidence_fresh(self, scene, now):
        long_after = now + timedelta(days=130)
        happen(_E.RECONFIRMED, scene.licence, make_staff(), long_after)

        before = then(scene, long_after - timedelta(hours=1)).verdict
        after = then(scene, long_after).verdict
        assert (ReasonCode.STALE in {entry.code for entry in before.objections if entry.key == "operator"}) is True
        assert "operator" not in {entry.key for entry in after.objections}


def _name_officer(scene, person, data, at):
    officer = data.draw(st.sampled_from([None, person.id, scene.buyer.id]), label="officer")
    clinics.name_laser_safety_officer(site_id=scene.site.id, actor_id=scene.owner.id, officer_id=officer, at=at)


def _change_role(scene, person, data, at):
    role = data.draw(st.sampled_from([ClinicRole.TECHNICIAN, ClinicRole.PRACTITIONER]), label="role")
    clinics.change_role(clinic_id=scene.clinic.id, actor_id=scene.owner.id, user_id=person.id, role=role, at=at)


def _end_soon(scene, person, data, at):
    last_day = at.date() + timedelta(days=data.draw(st.integers(0, 5), label="days of membership left"))
    clinics.end_on(clinic_id=scene.clinic.id, actor_id=person.id, user_id=person.id, last_day=last_day, at=at)


def _correct_the_zone(scene, _person, data, at):
    zone = data.draw(st.sampled_from(["America/Chicago", "America/Denver"]), label="zone")
    address = {"name": "Main Street", "street": "100 Main Street", "city": "El Paso", "postal_code": "79901"}
    clinics.correct_site(site_id=scene.site.id, actor_id=scene.owner.id, time_zone=zone, at=at, **address)


def _close_or_open_the_account(scene, person, _data, at):
    closed = db.session.get(User, person.id, populate_existing=True).disabled_at is not None
    (staffing.enable if closed else staffing.disable)(
        user_id=person.id, actor_id=make_staff("admin").id, reason="A reason.", at=at
    )


_IN_THE_CLINIC = {
    "officer": _name_officer,
    "role": _change_role,
    "end": _end_soon,
    "zone": _correct_the_zone,
    "account": _close_or_open_the_account,
}
_HAPPENS = {_E.SUSPENDED, _E.REINSTATED, _E.RECONFIRMED, _E.REVOKED}


class TestAsking:
    def test_who_had_not_come_yet_or_had_left_was_not_cleared(self, scene, now):
        leave(scene.buyer, now + timedelta(days=3))

        assert then(scene, now).verdict.cleared
        assert then(scene, now + timedelta(days=2)).verdict.cleared
        for moment in (now + timedelta(days=3), now + timedelta(days=4)):
            assert ReasonCode.OPERATOR_NOT_MEMBER in {entry.code for entry in then(scene, moment).verdict.objections}

    def test_what_was_not_submitted_yet_is_not_there(self, scene, now):
        held = credential_history.held_at([scene.buyer.id], now - timedelta(days=3))

        assert held == {}

    def test_the_rules_of_the_moment_decide(self, scene, now):
        publish({**reference_document(), "rules": []}, now + timedelta(days=1))

        past, later = then(scene, now), then(scene, now + timedelta(days=2))

        assert (past.policy_number, past.verdict.outcome) == (1, Outcome.YES)
        assert (later.policy_number, later.verdict.outcome) == (2, Outcome.NO_RULE)
        assert history.policy_at(now).version_id == RULES

    def test_before_any_rules_and_after_the_last_the_gate_was_shut(self, scene, now):
        begun = db.session.scalars(select(PolicyVersion.published_at)).one()
        with pytest.raises(NotFound, match="No rules were in force then"):
            history.policy_at(begun - timedelta(seconds=1))
        assert history.policy_at(begun).number == 1
        db.session.execute(
            text("UPDATE policy_versions SET state = 'retired', retired_at = :at"), {"at": now + timedelta(days=1)}
        )
        db.session.commit()

        assert history.policy_at(now).number == 1
        with pytest.raises(NotFound):
            history.policy_at(now + timedelta(days=1))

    def test_a_site_was_open_from_its_first_day_until_it_was_closed(self, scene, now):
        db.session.execute(text("UPDATE clinic_sites SET closed_at = :at"), {"at": now + timedelta(days=1)})
        db.session.commit()

        assert clinic_history.site_at(scene.site.id, now).state == "TX"
        for moment in (now - timedelta(days=10), now + timedelta(days=1)):
            with pytest.raises(NotFound):
                clinic_history.site_at(scene.site.id, moment)
        assert [site.id for site in clinic_history.sites_ever_of(scene.buyer.id)] == [scene.site.id]

    def test_a_modality_that_is_none_is_not_found(self, scene, now):
        with pytest.raises(NotFound):
            then(scene, now, modality_code="MAGIC")
        with pytest.raises(NotFound):
            then(scene, now, site_id=uuid4())

    def test_the_kept_answers_stand_beside(self, scene, sale, purchase, now):
        first = service.assess(moment=Moment.ORDER, sale=sale, purchase=purchase, at=now)
        second = service.assess(moment=Moment.ORDER, sale=sale, purchase=purchase, at=now + timedelta(hours=1))
        about = {"operator_id": scene.buyer.id, "site_id": scene.site.id}

        found = history.kept_about(**about, until=now + timedelta(hours=2))

        assert [each.decision.id for each in found] == [second.id, first.id]
        assert all(each.same for each in found)
        assert [each.decision.id for each in history.kept_about(**about, until=now)] == [first.id]
        assert len(history.kept_about(**about, until=now + timedelta(hours=2), limit=1)) == 1
        with pytest.raises(NotFound):
            history.compared(uuid4())


class TestOneOffs:
    def test_holds_between_its_approval_and_its_end(self, scene, purchase, now):
        laser = listings.sale_of(make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("CO2")]).id)
        first, second = make_staff("verifier").id, make_staff("verifier").id
        doctor = replace(purchase, operator_id=scene.practitioner.id)
        review = reviews.ask(
            actor_id=scene.buyer.id, sale=laser, site_id=scene.site.id, operator_id=scene.practitioner.id,
            procedure=ProcedureClass.ABLATIVE, question="Why not?", at=now,
        )  # fmt: skip
        proposal = reviews.Proposal(
            scene.prescriber.id, "It is medicine.", "Tex. Occ. Code 157.001", "", "read today", Evidence.PRIMARY,
            now.date() - timedelta(days=1), now.date() + timedelta(days=60),
        )  # fmt: skip
        asked = {"moment": Moment.ORDER, "sale": laser, "purchase": doctor}
        answers = [service.assess(**asked, at=now)]
        reviews.propose(review_id=review, actor_id=first, proposal=proposal, at=now + timedelta(hours=1))
        reviews.approve(review_id=review, actor_id=second, at=now + timedelta(hours=2))
        answers.append(service.assess(**asked, at=now + timedelta(hours=3)))
        reviews.end(review_id=review, actor_id=first, reason="The board wrote.", at=now + timedelta(hours=4))
        answers.append(service.assess(**asked, at=now + timedelta(hours=5)))

        assert [answer.cleared for answer in answers] == [False, True, False]
        assert [history.compared(answer.id).same for answer in answers] == [True, True, True]


class TestOrder:
    def test_moves_of_one_instant_follow_each_other(self, now):
        verifier = make_staff()
        credential = make_credential(verifier=verifier, at=now)
        db.session.execute(text("ALTER TABLE credential_moves DISABLE TRIGGER USER"))
        db.session.execute(text("UPDATE credential_moves SET at = :now"), {"now": now})
        db.session.execute(text("ALTER TABLE credential_checks DISABLE TRIGGER USER"))
        db.session.execute(text("UPDATE credential_checks SET retrieved_at = :now, recorded_at = :now"), {"now": now})
        db.session.commit()

        ((row,),) = credential_history.held_at([credential.holder_id], now).values()

        assert (row.state, row.verified_at) == (_S.VERIFIED, now)

    def test_those_of_a_site_are_its_own(self, scene, now):
        (held,) = credential_history.held_by_sites_at([scene.site.id], now).values()

        assert {row.type_code for row in held} == {"US-TX:TDLR:LHR_FACILITY", "US-TX:CONSULTING_PHYSICIAN_CONTRACT"}
        assert {row.state for row in held} == {_S.VERIFIED}


def test_a_member_of_then_is_one_of_then(scene, now):
    late = make_user(name="Late Comer")
    make_member(clinic=scene.clinic, user=late, role=ClinicRole.TECHNICIAN, joined_at=now + timedelta(days=1))

    names = {member.name for member in clinic_history.members_at(scene.clinic.id, now)}

    assert "Late Comer" not in names
    assert {"Alice Martin", "Dana Okafor"} <= names


class TestWhatWasBefore:
    """Officers, roles, days, zones and closed accounts: each as it was, told by the database whoever changed it."""

    def officer(self, scene, moment):
        return clinic_history.site_at(scene.site.id, moment).laser_safety_officer_id

    def member(self, scene, user, moment):
        (found,) = [each for each in clinic_history.members_at(scene.clinic.id, moment) if each.user_id == user.id]
        return found

    def test_the_officer_of_a_moment_is_who_was_named_then(self, scene, now):
        first, second = now + timedelta(days=1), now + timedelta(days=2)
        named = {"site_id": scene.site.id, "actor_id": scene.owner.id}
        clinics.name_laser_safety_officer(**named, officer_id=None, at=first)
        clinics.name_laser_safety_officer(**named, officer_id=scene.practitioner.id, at=second)

        assert self.officer(scene, first - timedelta(seconds=1)) == scene.buyer.id
        assert self.officer(scene, first) is None
        assert self.officer(scene, second - timedelta(seconds=1)) is None
        assert self.officer(scene, second) == scene.practitioner.id
        answers = [then(scene, moment).verdict for moment in (now, first, second)]
        assert [answer.cleared for answer in answers] == [True, False, True]
        assert {entry.code for entry in answers[1].objections} == {ReasonCode.SAFETY_OFFICER_NOT_NAMED}

    def test_an_officer_who_leaves_was_one_until_then(self, scene, now):
        gone = now + timedelta(days=1)
        clinics.remove_member(clinic_id=scene.clinic.id, actor_id=scene.owner.id, user_id=scene.buyer.id, at=gone)

        assert self.officer(scene, now) == scene.buyer.id
        assert self.officer(scene, gone) is None

    def test_a_role_and_a_last_day_are_those_of_the_moment(self, scene, now):
        first, second = now + timedelta(days=1), now + timedelta(days=2)
        ids = {"clinic_id": scene.clinic.id, "actor_id": scene.owner.id, "user_id": scene.practitioner.id}
        clinics.change_role(**ids, role=ClinicRole.TECHNICIAN, at=first)
        clinics.end_on(**ids, last_day=(now + timedelta(days=30)).date(), at=second)

        found = [self.member(scene, scene.practitioner, moment) for moment in (now, first, second)]

        until = (now + timedelta(days=30)).date()
        assert [(each.role, each.ends_on) for each in found] == [
            (ClinicRole.PRACTITIONER, None), (ClinicRole.TECHNICIAN, None), (ClinicRole.TECHNICIAN, until),
        ]  # fmt: skip

    def test_the_zone_of_a_moment_ended_its_days(self, scene, now):
        corrected = now + timedelta(days=1)
        clinics.correct_site(site_id=scene.site.id, actor_id=scene.owner.id, name="Mesa", street="1 Mesa Street",
                             city="El Paso", postal_code="79901", time_zone="America/Denver", at=corrected)  # fmt: skip

        zones = [clinic_history.site_at(scene.site.id, moment).time_zone for moment in (now, corrected)]
        assert zones == ["America/Chicago", "America/Denver"]

    def test_an_account_was_closed_from_its_closing_until_it_opened_again(self, scene, now):
        closed, opened = now + timedelta(days=1), now + timedelta(days=2)
        ids = {"user_id": scene.buyer.id, "actor_id": make_staff("admin").id, "reason": "Looked into."}
        staffing.disable(**ids, at=closed)
        assert self.member(scene, scene.buyer, closed).account_open is False
        staffing.enable(**ids, at=opened)

        moments = (now, closed, opened - timedelta(seconds=1), opened)
        assert [self.member(scene, scene.buyer, moment).account_open for moment in moments] == [
            True,
            False,
            False,
            True,
        ]

    def test_what_only_was_corrected_elsewhere_leaves_no_trace(self, scene, now):
        clinics.correct_site(site_id=scene.site.id, actor_id=scene.owner.id, name="Mesa", street="1 Mesa Street",
                             city="Austin", postal_code="78701", time_zone="America/Chicago", at=now)  # fmt: skip

        assert db.session.scalars(select(SiteBefore)).all() == []

    def test_two_changes_of_one_instant_leave_what_was_before_both(self, scene, now):
        named = {"site_id": scene.site.id, "actor_id": scene.owner.id, "at": now + timedelta(days=1)}
        clinics.name_laser_safety_officer(**named, officer_id=None)
        clinics.name_laser_safety_officer(**named, officer_id=scene.owner.id)

        assert self.officer(scene, now) == scene.buyer.id
        assert self.officer(scene, now + timedelta(days=1)) == scene.owner.id

    def test_a_change_by_hand_is_kept_as_one_of_now(self, scene, now):
        for statement in (
            "UPDATE clinic_sites SET laser_safety_officer_id = NULL",
            "UPDATE clinic_members SET role = 'technician' WHERE role = 'practitioner'",
            "UPDATE users SET disabled_at = now() - interval '1 day' WHERE id = :buyer",
            "UPDATE users SET disabled_at = NULL WHERE id = :buyer",
        ):
            db.session.execute(text(statement), {"buyer": scene.buyer.id} if ":buyer" in statement else {})
        db.session.commit()
        moment = db.session.scalar(text("SELECT now()"))

        site, member = db.session.scalars(select(SiteBefore)).one(), db.session.scalars(select(MemberBefore)).one()
        closure = db.session.scalars(select(AccountClosure)).one()
        assert (site.laser_safety_officer_id, site.state, site.until) == (scene.buyer.id, "TX", moment)
        assert (member.role, member.starts_on, member.ends_on, member.until) == (
            ClinicRole.PRACTITIONER, None, None, moment,
        )  # fmt: skip
        assert (closure.user_id, closure.closed_at, closure.reopened_at) == (
            scene.buyer.id, moment - timedelta(days=1), moment,
        )  # fmt: skip
        assert db.session.get(ClinicSite, scene.site.id, populate_existing=True).changed_at == moment

    @pytest.mark.parametrize("table", ["clinic_sites_before", "clinic_members_before", "account_closures"])
    def test_what_was_is_neither_changed_nor_removed(self, scene, now, table):
        db.session.execute(text("UPDATE clinic_sites SET laser_safety_officer_id = NULL"))
        db.session.execute(text("UPDATE clinic_members SET role = 'technician' WHERE role = 'practitioner'"))
        for closed in ("now()", "NULL"):
            db.session.execute(text(f"UPDATE users SET disabled_at = {closed} WHERE id = :id"), {"id": scene.buyer.id})
        for statement in (f"UPDATE {table} SET number = DEFAULT", f"DELETE FROM {table}", f"TRUNCATE {table}"):
            with assert_refused_by(f"{table}_is_append_only"):
                db.session.execute(text(statement))

    def test_an_account_opens_after_it_closed(self, scene, now):
        with assert_refused_by("account_closures_reopening_follows_closing"):
            db.session.execute(
                insert(AccountClosure).values(
                    user_id=scene.buyer.id, closed_at=now, reopened_at=now - timedelta(seconds=1)
                )
            )

    def test_a_role_of_before_is_one_that_there_is(self, scene):
        with assert_refused_by("clinic_members_before_clinicrole"):
            db.session.execute(
                text(
                    "INSERT INTO clinic_members_before (member_id, role, until)"
                    " SELECT id, 'king', now() FROM clinic_members LIMIT 1"
                )
            )

    def test_asking_takes_one_statement_each(self, scene, now):
        clinic_id, site_id = scene.clinic.id, scene.site.id
        with count_statements() as sent:
            clinic_history.members_at(clinic_id, now)
            clinic_history.site_at(site_id, now)

        assert len(sent) == 2


@pytest.mark.own_database
def test_what_the_trail_kept_becomes_history(own_app, now):
    """A house that lived before this history did has it from the trail: exactly what it would have been."""
    with own_app.app_context():
        day = timedelta(days=1)
        owner, technician, other = make_user(), make_user(), make_user()
        clinic = make_clinic(owner=owner)
        site = make_site(clinic=clinic)
        token, _ = make_invitation(
            clinic=clinic, email=technician.email, at=now - 60 * day, expires_at=now, ends_on=(now + 90 * day).date()
        )
        at = iter(now - number * day for number in range(50, 0, -1))
        clinics.accept_invitation(token=token, user_id=technician.id, at=now - 55 * day)
        ids = {"clinic_id": clinic.id, "actor_id": owner.id, "user_id": technician.id}
        named = {"site_id": site.id, "actor_id": owner.id}
        address = {"name": "Mesa", "street": "1 Mesa Street", "city": "El Paso", "postal_code": "79901"}
        added = clinics.add_site(clinic_id=clinic.id, actor_id=owner.id, state="TX", at=next(at), **address)
        clinics.name_laser_safety_officer(**named, officer_id=technician.id, at=next(at))
        clinics.name_laser_safety_officer(site_id=added, actor_id=owner.id, officer_id=technician.id, at=next(at))
        clinics.correct_site(site_id=added, actor_id=owner.id, time_zone="America/Denver", at=next(at), **address)
        clinics.name_laser_safety_officer(**named, officer_id=None, at=next(at))
        clinics.change_role(**ids, role=ClinicRole.MANAGER, at=next(at))
        clinics.end_on(**ids, last_day=(now + 60 * day).date(), at=next(at))
        clinics.change_role(**ids, role=ClinicRole.PRACTITIONER, at=next(at))
        make_member(clinic=clinic, user=other, joined_at=now - 55 * day)
        clinics.change_role(**{**ids, "user_id": other.id}, role=ClinicRole.OWNER, at=next(at))
        closing = {"user_id": other.id, "actor_id": make_staff("admin").id, "reason": "Looked into."}
        staffing.disable(**closing, at=next(at))
        staffing.enable(**closing, at=next(at))
        staffing.disable(**closing, at=next(at))
        clinics.remove_member(**{**ids, "actor_id": technician.id}, at=next(at))
        told = (SiteBefore.__table__, MemberBefore.__table__, AccountClosure.__table__)

        def history_of_it():
            rows = [sorted(str(row[1:]) for row in db.session.execute(select(table))) for table in told]
            marks = [
                db.session.scalars(select(column).order_by(column)).all()
                for column in (ClinicSite.changed_at, ClinicMember.changed_at, User.reopened_at)
            ]
            db.session.rollback()
            return rows, marks

        before = history_of_it()
        assert [len(rows) for rows in before[0]] == [5, 4, 1]

        database.downgrade(db.engine, "0009")
        database.upgrade(db.engine)

        assert history_of_it() == before
