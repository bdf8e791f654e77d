"""Time travel: what history says of a moment is what the gate said at that moment, whatever happened since."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from marketplace.clinics import history as clinic_history
from marketplace.credentials import history as credential_history
from marketplace.credentials import moving
from marketplace.credentials.models import Credential, CredentialMove
from marketplace.credentials.states import CREDENTIAL, CredentialEvent, CredentialState
from marketplace.eligibility import history, reviews, service
from marketplace.eligibility.models import Moment, PolicyStanding
from marketplace.eligibility.reasons import ReasonCode
from marketplace.eligibility.rulebook import reference_document
from marketplace.eligibility.sale import Purchase
from marketplace.eligibility.verdict import Evidence, Outcome
from marketplace.extensions import db, unit_of_work
from marketplace.kernel.errors import NotFound
from marketplace.kernel.terms import ClinicRole, ProcedureClass
from marketplace.listings import queries as listings
from tests.factories.accounts import kept, make_staff, make_user
from tests.factories.clinics import make_member
from tests.factories.credentials import make_check, make_credential
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.orders import RULES, make_scene

HAIR = ProcedureClass.HAIR_NONABLATIVE
_S, _E = CredentialState, CredentialEvent


@pytest.fixture
def scene(now):
    scene = make_scene(now)
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
    version = service.draft_policy(
        document=document, standing=PolicyStanding.REFERENCE, proposed_by=make_staff().id, at=at
    )
    service.publish_policy(version_id=version, published_by=make_staff().id, at=at)


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
        suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8, deadline=None, derandomize=True,
        phases=[Phase.generate],
    )  # fmt: skip
    @given(data=st.data())
    def test_history_comes_to_the_answer_that_was_given(self, scene, sale, purchase, now, clock, data):
        # The examples share one house, so each lives after the one before.
        clock["at"] = at = max(clock.get("at", now), now) + timedelta(hours=1)
        publish(reference_document(), at)
        verifier, answers = make_staff(), []
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
            step = data.draw(st.sampled_from(["nothing", "leave", "policy", *possible]), label="step")
            if step == "leave":
                leave(people[name], at)
            elif step == "policy":
                publish({**reference_document(), **data.draw(st.sampled_from([{}, {"rules": []}]))}, at)
            elif step != "nothing":
                happen(step, papers[name], verifier, at)
            moment = data.draw(st.sampled_from([Moment.ORDER, Moment.PAYMENT_START]))
            clock["at"] = at = at + timedelta(minutes=5)
            answers.append(service.assess(moment=moment, sale=sale, purchase=asked, at=at).id)
        db.session.expire_all()

        found = [history.compared(answer) for answer in answers]

        for each in found:
            assert history._essence(each.given) == history._essence(each.rebuilt)
        assert [each.rebuilt.cleared for each in found] == [each.decision.cleared for each in found]

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
        with pytest.raises(NotFound, match="No rules were in force then"):
            history.policy_at(now - timedelta(seconds=1))
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
