"""The gate as a service: asked with what is known now, its answers kept for ever, its rules published by two."""

from dataclasses import replace
from datetime import timedelta
from itertools import count
from uuid import UUID, uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from marketplace import audit
from marketplace.accounts.models import User
from marketplace.audit import Wanted
from marketplace.credentials import service as credentials
from marketplace.credentials.findings import FindingEvent, RegisterFinding
from marketplace.credentials.models import CheckMethod
from marketplace.eligibility import publishing, service
from marketplace.eligibility.models import (
    DecisionCredential,
    EligibilityDecision,
    Moment,
    PolicyStanding,
    PolicyState,
    PolicyVersion,
)
from marketplace.eligibility.reasons import ReasonCode
from marketplace.eligibility.rulebook import reference_document
from marketplace.eligibility.sale import Purchase
from marketplace.eligibility.verdict import Outcome, Verdict
from marketplace.extensions import db
from marketplace.kernel.errors import Conflict, NotFound
from marketplace.kernel.shapes import Misshapen
from marketplace.kernel.terms import ClinicRole, ProcedureClass
from marketplace.listings import queries as listings
from marketplace.registers.models import RegisterSnapshot
from tests.factories.accounts import kept, make_staff, make_user
from tests.factories.clinics import make_clinic, make_member, make_site
from tests.factories.credentials import make_check, make_credential
from tests.factories.listings import make_handpiece, make_listing
from tests.factories.orders import publish_rules
from tests.factories.registers import make_row, make_snapshot
from tests.support import assert_refused_by, count_statements

_numbers = count(1000)


@pytest.fixture
def sale(scene):
    return listings.sale_of(scene.listing.id)


@pytest.fixture
def purchase(scene):
    return Purchase(
        buyer_id=scene.buyer.id, clinic_id=scene.clinic.id, site_id=scene.site.id, operator_id=scene.buyer.id
    )


def codes(verdict: Verdict) -> set[ReasonCode]:
    return {objection.code for objection in verdict.objections}


def decisions() -> list[EligibilityDecision]:
    return list(db.session.scalars(select(EligibilityDecision)))


def end(credential, when) -> None:
    db.session.execute(
        text("UPDATE credentials SET expires_on = :day WHERE id = :id"), {"day": when, "id": credential.id}
    )
    db.session.commit()


class TestExclusions:
    def test_without_a_list_nobody_has_looked(self, scene, sale, purchase, now):
        db.session.execute(text("DELETE FROM register_rows"))
        db.session.execute(text("DELETE FROM register_snapshots"))

        assert codes(service.preview(sale=sale, purchase=purchase, at=now)) == {ReasonCode.EXCLUSION_NOT_CHECKED}

    def test_a_list_of_a_month_ago_is_none(self, scene, sale, purchase, now):
        fetched = now - timedelta(days=31)
        db.session.execute(text("UPDATE register_snapshots SET retrieved_at = :at"), {"at": fetched})
        verdict = service.preview(sale=sale, purchase=purchase, at=now)
        assert (verdict.cleared, verdict.valid_until) == (True, now + timedelta.resolution)

        late = service.preview(sale=sale, purchase=purchase, at=now + timedelta(seconds=1))
        assert codes(late) == {ReasonCode.EXCLUSION_NOT_CHECKED}

    @pytest.mark.parametrize("who", ["buyer", "practitioner"])
    def test_an_entry_that_fits_closes_until_staff_have_judged_it(self, scene, sale, purchase, now, who):
        given, family = getattr(scene, who).name.split()
        make_row(db.session.scalars(select(RegisterSnapshot)).one(), 2, family_name=family, given_name=given)
        assert codes(service.preview(sale=sale, purchase=purchase, at=now)) == {ReasonCode.EXCLUSION_OPEN}

        credentials.screen_everyone(at=now)
        finding = db.session.scalars(select(RegisterFinding)).one()
        verifier = make_staff()
        credentials.resolve_finding(
            finding_id=finding.id, event=FindingEvent.CONFIRMED, actor_id=verifier.id, reason="It is.", at=now
        )
        found = service.preview(sale=sale, purchase=purchase, at=now).objections
        assert {objection.sentence for objection in found} >= {
            f"Found in a list of excluded persons: {getattr(scene, who).name}."
        }

        credentials.resolve_finding(
            finding_id=finding.id, event=FindingEvent.DISMISSED, actor_id=verifier.id, reason="Another.", at=now
        )
        assert service.preview(sale=sale, purchase=purchase, at=now).cleared


class TestRegisters:
    def test_a_licence_confirmed_from_a_register_stands_as_long_as_the_register_is_fresh(
        self, scene, sale, purchase, now
    ):
        roster = make_snapshot("TX:TDLR", retrieved_at=now - timedelta(days=31))
        check = make_check(
            scene.licence,
            verifier=db.session.get(User, scene.licence.verified_by),
            retrieved_at=now - timedelta(days=31),
            method=CheckMethod.REGISTER_FILE,
            snapshot_id=roster.id,
            row_digest=b"\1" * 32,
        )
        db.session.execute(
            text("UPDATE credentials SET deciding_check_id = :check WHERE id = :id"),
            {"check": check.id, "id": scene.licence.id},
        )

        # The licence itself was looked at yesterday: what closes is the age of the register.
        assert service.preview(sale=sale, purchase=purchase, at=now).cleared
        late = now + timedelta(seconds=1)
        assert codes(service.preview(sale=sale, purchase=purchase, at=late)) == {ReasonCode.STALE}

        db.session.execute(text("UPDATE register_snapshots SET state = 'replaced' WHERE id = :id"), {"id": roster.id})
        make_snapshot("TX:TDLR", retrieved_at=now)
        assert service.preview(sale=sale, purchase=purchase, at=late).cleared


class TestPreview:
    def test_says_yes_to_somebody_who_is_cleared_and_keeps_nothing(self, sale, purchase, now):
        verdict = service.preview(sale=sale, purchase=purchase, at=now)

        assert verdict.outcome is Outcome.YES
        assert decisions() == []
        assert [kind for kind in audit.extent().kinds if kind.startswith("gate:")] == []

    def test_the_yes_ends_with_what_it_rests_on(self, scene, sale, purchase, now):
        verdict = service.preview(sale=sale, purchase=purchase, at=now)

        assert scene.licence.id in verdict.credential_ids
        assert now < verdict.valid_until <= now + timedelta(days=202)

    def test_sees_what_changed_since(self, scene, sale, purchase, now):
        end(scene.licence, now.date() - timedelta(days=2))

        verdict = service.preview(sale=sale, purchase=purchase, at=now)

        assert ReasonCode.EXPIRED in codes(verdict)

    def test_whose_account_is_closed_buys_and_operates_nothing(self, scene, sale, purchase, now):
        scene.buyer.disabled_at = now
        db.session.flush()

        verdict = service.preview(sale=sale, purchase=purchase, at=now)

        assert {ReasonCode.BUYER_SUSPENDED, ReasonCode.OPERATOR_NOT_MEMBER} <= set(codes(verdict))

    def test_a_site_of_somebody_else_is_not_found(self, sale, purchase, now):
        with pytest.raises(NotFound):
            service.preview(sale=sale, purchase=replace(purchase, site_id=make_site().id), at=now)

    def test_without_rules_the_gate_stays_shut(self, scene, sale, purchase, now):
        db.session.execute(text("UPDATE policy_versions SET state = 'retired'"))

        with pytest.raises(publishing.NoPolicy) as refusal:
            service.preview(sale=sale, purchase=purchase, at=now)

        assert refusal.value.cure == "Staff must publish a policy first."

    def test_a_seller_that_staff_did_not_check_stands_against_it(self, scene, sale, purchase, now):
        other = make_clinic()

        verdict = service.preview(sale=replace(sale, seller_clinic_id=other.id), purchase=purchase, at=now)

        assert codes(verdict) == {ReasonCode.SELLER_NOT_VERIFIED}

    def test_a_model_that_the_catalogue_does_not_know_stands_against_it(self, sale, purchase, now):
        verdict = service.preview(sale=replace(sale, model_id=uuid4()), purchase=purchase, at=now)

        assert ReasonCode.MODEL_UNKNOWN in codes(verdict)

    def test_nobody_named_is_no_operator(self, sale, purchase, now):
        verdict = service.preview(sale=sale, purchase=replace(purchase, operator_id=None), at=now)

        assert ReasonCode.NO_OPERATOR in codes(verdict)

    def test_who_has_left_the_clinic_neither_buys_nor_operates(self, scene, sale, purchase, now):
        db.session.execute(
            text("UPDATE clinic_members SET left_at = :now WHERE user_id = :id"), {"now": now, "id": scene.buyer.id}
        )
        db.session.commit()

        verdict = service.preview(sale=sale, purchase=purchase, at=now)

        assert {ReasonCode.OPERATOR_NOT_MEMBER, ReasonCode.BUYER_SUSPENDED} <= codes(verdict)

    def test_a_safety_officer_who_has_left_is_none(self, scene, sale, purchase, now):
        officer = make_user()
        db.session.execute(
            text("UPDATE clinic_sites SET laser_safety_officer_id = :officer WHERE id = :id"),
            {"officer": officer.id, "id": scene.site.id},
        )
        db.session.commit()

        assert ReasonCode.SAFETY_OFFICER_NOT_NAMED in codes(service.preview(sale=sale, purchase=purchase, at=now))


class TestPractitioner:
    def test_whoever_is_nearest_to_ordering_is_asked(self, scene, sale, purchase, now):
        db.session.execute(
            text("UPDATE credentials SET state = 'revoked', reason = 'Revoked.' WHERE id = :id"),
            {"id": scene.prescriber.id},
        )
        db.session.commit()
        other = make_user(name="Aaron Able")
        make_member(clinic=scene.clinic, user=other, role=ClinicRole.PRACTITIONER)
        make_credential(
            type_code="MD_DO", holder=other, verifier=make_staff(), at=now - timedelta(days=2),
            expires_on=(now + timedelta(days=50)).date(),
        )  # fmt: skip

        decision = service.assess(moment=Moment.ORDER, sale=sale, purchase=purchase, at=now)

        assert decision.cleared
        assert service.decision(decision.id).practitioner_id == other.id

    def test_a_clinic_without_one_is_told_so(self, scene, sale, purchase, now):
        db.session.execute(
            text("UPDATE clinic_members SET left_at = :now WHERE user_id = :id"),
            {"now": now, "id": scene.practitioner.id},
        )
        db.session.commit()

        verdict = service.preview(sale=sale, purchase=purchase, at=now)

        assert ReasonCode.NO_PRACTITIONER in codes(verdict)

    def test_one_who_is_named_but_unknown_here_is_none(self, sale, purchase, now):
        verdict = service.preview(sale=sale, purchase=replace(purchase, practitioner_id=uuid4()), at=now)

        assert ReasonCode.NO_PRACTITIONER in codes(verdict)

    @pytest.mark.parametrize("confirmed", [True, False])
    def test_before_the_money_the_very_order_must_be_confirmed(self, scene, sale, purchase, now, confirmed):
        asked = replace(purchase, practitioner_id=scene.practitioner.id, confirmed_at=now if confirmed else None)
        statements = frozenset(s.code for s in service.preview(sale=sale, purchase=asked, at=now).statements)

        decision = service.assess(
            moment=Moment.PAYMENT_START, sale=sale, purchase=replace(asked, statements=statements), at=now
        )

        assert decision.cleared is confirmed
        assert (ReasonCode.ORDER_NOT_CONFIRMED in codes(decision.verdict)) is not confirmed


class TestPreviews:
    def test_answers_for_each_as_for_one(self, scene, sale, purchase, now):
        other = make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("CO2")])
        sales = [sale, listings.sale_of(other.id)]

        assert service.previews(sales=sales, purchase=purchase, at=now) == [
            service.preview(sale=each, purchase=purchase, at=now) for each in sales
        ]

    def test_asks_no_more_for_many_than_for_one(self, scene, sale, purchase, now):
        sales = [sale] + [
            listings.sale_of(make_listing(clinic=make_clinic(seller=True), handpieces=[make_handpiece("CO2")]).id)
            for _ in range(6)
        ]
        service.previews(sales=sales, purchase=purchase, at=now)  # Some things are read once per process.
        with count_statements() as one:
            service.previews(sales=sales[:1], purchase=purchase, at=now)
        with count_statements() as many:
            verdicts = service.previews(sales=sales, purchase=purchase, at=now)

        assert len(verdicts) == 7
        assert len(many) == len(one)

    def test_a_device_that_serves_more_is_answered_for_the_uses_that_are_open(self, scene, purchase, now):
        # An alexandrite laser removes hair and treats vessels; in Texas only hair is open to her.
        alex = listings.sale_of(make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("ALEX")]).id)

        (verdict,) = service.previews(sales=[alex], purchase=purchase, at=now)

        assert verdict.cleared
        assert verdict.restriction.uses == (ProcedureClass.HAIR_NONABLATIVE,)

    def test_what_was_declared_is_answered_as_declared(self, scene, purchase, now):
        alex = listings.sale_of(make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("ALEX")]).id)
        all_of_it = frozenset({ProcedureClass.HAIR_NONABLATIVE, ProcedureClass.VASCULAR_PIGMENT})

        (verdict,) = service.previews(sales=[alex], purchase=replace(purchase, declared_uses=all_of_it), at=now)

        assert not verdict.cleared

    def test_nothing_asked_nothing_answered(self, purchase, scene, now):
        assert service.previews(sales=[], purchase=purchase, at=now) == []


class TestCapacity:
    def test_tells_what_a_person_could_operate_apart_from_any_unit(self, scene, purchase, now):
        make_listing(clinic=scene.seller_clinic, handpieces=[make_handpiece("CO2")])

        answers = service.capacity(purchase=purchase, at=now)

        assert answers["DIODE_HR", ProcedureClass.HAIR_NONABLATIVE].cleared
        assert not answers["CO2", ProcedureClass.ABLATIVE].cleared


class TestAssess:
    def test_keeps_a_yes_with_everything_it_rests_on(self, scene, sale, purchase, now):
        decision = service.assess(moment=Moment.ORDER, sale=sale, purchase=purchase, at=now)

        row = service.decision(decision.id)
        assert decision.cleared
        assert (row.moment, row.listing_id, row.buyer_id, row.operator_id, row.site_id) == (
            Moment.ORDER, scene.listing.id, scene.buyer.id, scene.buyer.id, scene.site.id,
        )  # fmt: skip
        assert (row.cleared, row.decided_at, row.valid_until) == (True, now, decision.verdict.valid_until)
        assert row.practitioner_id == scene.practitioner.id
        assert row.policy_version_id == publishing.published_policy().version_id
        assert {held.credential_id for held in row.credentials} == set(decision.verdict.credential_ids)
        assert scene.licence.id in decision.verdict.credential_ids
        assert Verdict.from_json(row.verdict) == decision.verdict

    def test_keeps_a_no_with_its_reasons(self, scene, sale, purchase, now):
        end(scene.licence, now.date() - timedelta(days=2))

        decision = service.assess(moment=Moment.ORDER, sale=sale, purchase=purchase, at=now)

        row = service.decision(decision.id)
        assert (decision.cleared, row.cleared, row.valid_until) == (False, False, None)
        assert [entry["code"] for entry in row.verdict["objections"]] == [o.code for o in decision.verdict.objections]

    def test_leaves_an_event_either_way(self, scene, sale, purchase, now):
        yes = service.assess(moment=Moment.ORDER, sale=sale, purchase=purchase, at=now)
        end(scene.licence, now.date() - timedelta(days=2))
        no = service.assess(moment=Moment.PAYMENT_START, sale=sale, purchase=purchase, at=now)

        second, first = audit.newest(Wanted(subject_type="listing", subject_id=scene.listing.id), limit=2)
        assert (first.kind, first.data["decision"], first.data["reasons"]) == ("gate:cleared", str(yes.id), [])
        assert (second.kind, second.data["decision"], second.data["moment"]) == (
            "gate:refused", str(no.id), "payment_start",
        )  # fmt: skip
        assert ReasonCode.EXPIRED in second.data["reasons"]

    @pytest.mark.parametrize("moment", Moment)
    def test_an_expiry_day_counts_whole_and_not_a_day_longer(self, scene, sale, purchase, now, moment):
        asked = replace(purchase, practitioner_id=scene.practitioner.id, confirmed_at=now)
        statements = frozenset(s.code for s in service.preview(sale=sale, purchase=asked, at=now).statements)
        asked = replace(asked, statements=statements)
        last = service.assess(moment=moment, sale=sale, purchase=asked, at=now).verdict.valid_until

        assert not service.assess(moment=moment, sale=sale, purchase=asked, at=last).cleared
        assert service.assess(moment=moment, sale=sale, purchase=asked, at=last - timedelta(seconds=1)).cleared

    def test_there_is_no_such_decision(self):
        with pytest.raises(NotFound):
            service.decision(uuid4())
        with pytest.raises(NotFound):
            service.replay(uuid4())


class TestReplay:
    @settings(max_examples=25, deadline=None, derandomize=True)
    @given(data=st.data())
    def test_comes_to_the_answer_that_was_given(self, scene, sale, purchase, now, data):
        state = data.draw(st.sampled_from(["verified", "suspended", "revoked"]), label="licence")
        days = data.draw(st.integers(-3, 400), label="days left")
        db.session.execute(
            text("UPDATE credentials SET expires_on = :day, state = :state, reason = 'As drawn.' WHERE id = :id"),
            {"day": (now + timedelta(days=days)).date(), "state": state, "id": scene.licence.id},
        )
        asked = replace(
            purchase,
            operator_id=data.draw(st.sampled_from([scene.buyer.id, scene.owner.id, scene.practitioner.id])),
            declared_uses=data.draw(st.frozensets(st.sampled_from(ProcedureClass), max_size=3)),
            restriction_signed=data.draw(st.booleans()),
            practitioner_id=data.draw(st.sampled_from([None, scene.practitioner.id, scene.owner.id])),
            confirmed_at=data.draw(st.sampled_from([None, now, now - timedelta(days=200)])),
        )

        decision = service.assess(
            moment=data.draw(st.sampled_from(Moment)), sale=sale, purchase=asked,
            at=now + timedelta(hours=data.draw(st.integers(0, 5000))),
        )  # fmt: skip
        db.session.expire_all()

        assert service.replay(decision.id) == decision.verdict

    def test_stays_with_the_rules_of_its_time(self, scene, sale, purchase, now):
        decision = service.assess(moment=Moment.ORDER, sale=sale, purchase=purchase, at=now)
        silent = {**reference_document(), "rules": []}
        version = publishing.draft_policy(
            document=silent, standing=PolicyStanding.REFERENCE, proposed_by=make_staff().id, at=now
        )
        publishing.publish_policy(version_id=version, published_by=make_staff().id, at=now)

        assert service.preview(sale=sale, purchase=purchase, at=now).outcome is Outcome.NO_RULE
        assert service.replay(decision.id) == decision.verdict


class TestPolicy:
    @pytest.fixture
    def proposer(self):
        return make_staff(name="Paula Proposes")

    @pytest.fixture
    def draft(self, proposer, now) -> UUID:
        return publishing.draft_policy(
            document=reference_document(), standing=PolicyStanding.REFERENCE, proposed_by=proposer.id, at=now
        )

    def test_a_draft_gates_nothing(self, draft):
        with pytest.raises(publishing.NoPolicy):
            publishing.published_policy()

    def test_a_draft_is_kept_whole_with_its_digest(self, draft, proposer, now):
        row = db.session.get_one(PolicyVersion, draft)

        assert (row.number, row.state, row.proposed_by, row.proposed_at) == (1, PolicyState.DRAFT, proposer.id, now)
        assert row.document == reference_document()
        assert row.digest == publishing.digest_of(row.document)
        assert audit.events_about("policy", draft)[0].kind == "policy:drafted"

    def test_the_digest_does_not_depend_on_the_order_of_keys(self):
        assert publishing.digest_of({"a": 1, "b": 2}) == publishing.digest_of({"b": 2, "a": 1})
        assert publishing.digest_of({"a": 1}) != publishing.digest_of({"a": 2})

    def test_what_is_no_policy_is_not_kept(self, proposer, now):
        with pytest.raises(Misshapen):
            publishing.draft_policy(
                document={"format": 1}, standing=PolicyStanding.REFERENCE, proposed_by=proposer.id, at=now
            )

        assert publishing.versions() == []

    def test_is_published_by_a_second_person(self, draft, now):
        publisher = make_staff()

        publishing.publish_policy(version_id=draft, published_by=publisher.id, at=now)

        published = publishing.published_policy()
        assert (published.version_id, published.number, published.standing) == (draft, 1, PolicyStanding.REFERENCE)
        row = db.session.get_one(PolicyVersion, draft, populate_existing=True)
        assert (row.published_by, row.published_at) == (publisher.id, now)
        assert audit.events_about("policy", draft)[-1].kind == "policy:published"

    def test_is_not_published_by_the_one_who_proposed_it(self, draft, proposer, now):
        with pytest.raises(publishing.SamePerson):
            publishing.publish_policy(version_id=draft, published_by=proposer.id, at=now)

        assert db.session.get_one(PolicyVersion, draft, populate_existing=True).state is PolicyState.DRAFT
        assert [event.kind for event in audit.events_about("policy", draft)] == ["policy:drafted"]

    def test_takes_the_place_of_the_one_before(self, draft, proposer, now):
        publishing.publish_policy(version_id=draft, published_by=make_staff().id, at=now)
        second = publishing.draft_policy(
            document=reference_document(), standing=PolicyStanding.CONFIRMED_BY_COUNSEL, proposed_by=proposer.id, at=now
        )
        publishing.publish_policy(version_id=second, published_by=make_staff().id, at=now)

        assert [(v.number, v.state) for v in publishing.versions()] == [
            (2, PolicyState.PUBLISHED), (1, PolicyState.RETIRED),
        ]  # fmt: skip
        assert publishing.published_policy().standing is PolicyStanding.CONFIRMED_BY_COUNSEL
        assert db.session.get_one(PolicyVersion, draft, populate_existing=True).retired_at == now

    def test_is_published_once(self, draft, now):
        publishing.publish_policy(version_id=draft, published_by=make_staff().id, at=now)

        with pytest.raises(Conflict):
            publishing.publish_policy(version_id=draft, published_by=make_staff().id, at=now)

    def test_what_is_not_there_cannot_be_published(self, now):
        with pytest.raises(NotFound):
            publishing.publish_policy(version_id=uuid4(), published_by=make_staff().id, at=now)


class TestTables:
    """What the database refuses, whoever asks it."""

    @pytest.fixture
    def published(self, now) -> PolicyVersion:
        publish_rules(now)
        return publishing.versions()[0]

    @pytest.fixture
    def colleagues(self) -> tuple[UUID, UUID]:
        return make_staff().id, make_staff().id

    @pytest.fixture
    def version(self, colleagues, now):
        """A function that makes a draft, or what its changes make of it."""

        def make(**changed) -> PolicyVersion:
            values = {
                "number": next(_numbers),
                "standing": PolicyStanding.REFERENCE,
                "document": {},
                "digest": "0" * 64,
                "proposed_by": colleagues[0],
                "proposed_at": now,
            }
            return PolicyVersion(**{**values, **changed})

        return make

    @pytest.mark.parametrize(
        "change",
        [
            "document = '{}'",
            f"digest = '{'a' * 64}'",
            "number = 99",
            "standing = 'confirmed_by_counsel'",
            "state = 'draft', published_at = NULL, published_by = NULL",
        ],
    )
    def test_a_published_policy_keeps_its_words(self, published, change):
        with assert_refused_by("published_policy_is_fixed"):
            db.session.execute(text(f"UPDATE policy_versions SET {change} WHERE id = :id"), {"id": published.id})

    @pytest.mark.parametrize("state", ["published", "retired"])
    def test_a_policy_that_was_in_force_is_not_removed(self, published, state):
        db.session.execute(text("UPDATE policy_versions SET state = :state"), {"state": state})

        with assert_refused_by("published_policy_is_fixed"):
            db.session.execute(text("DELETE FROM policy_versions WHERE id = :id"), {"id": published.id})

    def test_a_draft_may_be_bettered_and_thrown_away(self, version):
        draft = kept(version())

        db.session.execute(text("UPDATE policy_versions SET number = 98 WHERE id = :id"), {"id": draft.id})
        db.session.execute(text("DELETE FROM policy_versions WHERE id = :id"), {"id": draft.id})

        assert publishing.versions() == []

    def test_there_is_one_published_policy(self, published, version, colleagues, now):
        with assert_refused_by("one_published_policy"):
            db.session.add(version(state=PolicyState.PUBLISHED, published_by=colleagues[1], published_at=now))
            db.session.flush()

    def test_a_number_belongs_to_one_version(self, published, version):
        number = published.number

        with assert_refused_by("uq_policy_versions_number"):
            db.session.add(version(number=number))
            db.session.flush()

    @pytest.mark.parametrize("missing", ["published_by", "published_at", "proposed_by"])
    def test_publication_is_signed(self, version, colleagues, now, missing):
        signed = {"published_by": colleagues[1], "published_at": now} | {missing: None}

        with assert_refused_by("policy_versions_publication_is_signed"):
            db.session.add(version(state=PolicyState.PUBLISHED, **signed))
            db.session.flush()

    def test_publication_is_by_two(self, version, colleagues, now):
        with assert_refused_by("policy_versions_published_by_two"):
            db.session.add(version(published_by=colleagues[0], published_at=now))
            db.session.flush()

    @pytest.mark.parametrize("digest", ["", "0" * 63, "0" * 65, "G" * 64])
    def test_a_digest_is_one(self, version, digest):
        with assert_refused_by("policy_versions_digest_is_sha256"):
            db.session.add(version(digest=digest))
            db.session.flush()

    @pytest.mark.parametrize("statement", ["UPDATE {0} SET {1} = {1}", "DELETE FROM {0}", "TRUNCATE {0} CASCADE"])
    @pytest.mark.parametrize(
        ("table", "column"), [("eligibility_decisions", "cleared"), ("decision_credentials", "credential_id")]
    )
    def test_an_answer_is_never_changed(self, sale, purchase, now, table, column, statement):
        service.assess(moment=Moment.ORDER, sale=sale, purchase=purchase, at=now)

        with assert_refused_by(f"{table}_is_append_only"):
            db.session.execute(text(statement.format(table, column)))

    def test_a_yes_has_nothing_against_it(self, scene, sale, purchase, now):
        end(scene.licence, now.date() - timedelta(days=2))
        no = service.assess(moment=Moment.ORDER, sale=sale, purchase=purchase, at=now)

        with assert_refused_by("eligibility_decisions_cleared_means_no_objection"):
            copy_decision(no.id, cleared=True)

    def test_a_decision_is_about_one_thing(self, sale, purchase, now):
        yes = service.assess(moment=Moment.ORDER, sale=sale, purchase=purchase, at=now)
        db.session.execute(text("ALTER TABLE eligibility_decisions DROP CONSTRAINT pk_eligibility_decisions CASCADE"))

        with assert_refused_by("decision_is_about_this"):
            copy_decision(yes.id, id=yes.id)

    def test_an_answer_rests_on_a_credential_once(self, sale, purchase, now):
        yes = service.assess(moment=Moment.ORDER, sale=sale, purchase=purchase, at=now)

        with assert_refused_by("pk_decision_credentials"):
            db.session.add(DecisionCredential(decision_id=yes.id, credential_id=yes.verdict.credential_ids[0]))
            db.session.flush()


def copy_decision(decision_id: UUID, **changed) -> None:
    """Send the row again under another id, with other values."""
    given = {"id": uuid4(), **changed}
    columns = [column.name for column in EligibilityDecision.__table__.columns]
    values = ", ".join(f":{name}" if name in given else name for name in columns)
    db.session.execute(
        text(
            f"INSERT INTO eligibility_decisions ({', '.join(columns)}) SELECT {values} FROM eligibility_decisions WHERE id = :old"
        ),
        {**given, "old": decision_id},
    )
