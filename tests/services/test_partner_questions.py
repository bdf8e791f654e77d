"""A partner asks about somebody who agreed: the gate's own answer, kept; about whoever did not agree, nothing is learnt."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select, text

from marketplace.audit import AuditEvent
from marketplace.clinics import service as clinics
from marketplace.eligibility import elsewhere
from marketplace.eligibility.facts import Facts, Modification
from marketplace.eligibility.publishing import NoPolicy
from marketplace.eligibility.verdict import Verdict
from marketplace.extensions import db
from marketplace.kernel.days import day_in, end_of
from marketplace.kernel.terms import ProcedureClass
from marketplace.partners import asking, receipts, service, sharing, told
from marketplace.partners.asked import Question, WrongShape
from marketplace.partners.asking import UnknownModel
from marketplace.partners.models import PartnerAnswer, SharingCode
from marketplace.partners.service import UnknownKey
from marketplace.partners.sharing import AskedTooOften, UnknownCode
from marketplace.partners.tokens import new_code
from marketplace.recalls.states import MatchState
from tests.factories.catalog import make_model
from tests.factories.partners import ask, holder, make_partner, share
from tests.factories.recalls import make_recall
from tests.support import count_statements

HAIR = ProcedureClass.HAIR_NONABLATIVE
DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)


@pytest.fixture
def partner(now):
    return make_partner(at=now)


@pytest.fixture
def key(partner):
    return partner[1]


@pytest.fixture
def code(scene, partner, now):
    return share(scene, partner[0], at=now)


def the_code() -> SharingCode:
    return db.session.scalars(select(SharingCode)).one()


def kept(answer_id) -> PartnerAnswer:
    return db.session.get_one(PartnerAnswer, answer_id)


def change(statement: str, **values) -> None:
    """Change what a guard keeps, as only somebody with the database in their hands can."""
    table = statement.split()[1]
    db.session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
    db.session.execute(text(statement), values)
    db.session.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
    db.session.commit()


def events(kind: str) -> list[AuditEvent]:
    return list(db.session.scalars(select(AuditEvent).where(AuditEvent.kind == kind)))


def answer_of(answer_id) -> dict:
    given = receipts.answered(answer_id)
    return told.answer(given.kept, code=given.code, receipt_url="r", badge_url="b")


def by_key(answer_id) -> dict[str, dict]:
    return {one["key"]: one for one in answer_of(answer_id)["keys"]}


class TestAsk:
    def test_is_answered_by_the_gate_and_kept(self, scene, partner, key, code, now):
        answer = kept(ask(scene, key, code, at=now))

        assert answer.allowed is True
        assert (answer.partner_id, answer.person_id, answer.site_id) == (partner[0], scene.buyer.id, scene.site.id)
        assert (answer.model_id, answer.handpieces) == (scene.listing.model_id, ["DIODE_HR"])
        assert (answer.answered_at, answer.valid_until) == (now, now + DAY)
        assert {one["credential"] for one in answer.evidence} == {
            str(one) for one in Verdict.from_json(answer.verdict).credential_ids
        }
        assert str(scene.licence.id) in {one["credential"] for one in answer.evidence}
        (event,) = events("partner:allowed")
        assert (event.subject_id, event.data["reasons"]) == (answer.sharing_code_id, [])

    def test_the_facts_say_what_nobody_has_seen(self, scene, key, code, now):
        facts = Facts.from_json(kept(ask(scene, key, code, at=now)).facts)

        assert (facts.device.rx_label_seen, facts.device.id_label_seen) == (None, None)
        assert facts.device.modification is Modification.UNKNOWN
        assert facts.seller == "unverified"

    def test_comes_to_the_same_again(self, scene, key, code, now):
        answer = kept(ask(scene, key, code, at=now))
        again = elsewhere.verdict_on(Facts.from_json(answer.facts), answer.policy_version_id, answer.answered_at)

        assert again.to_json() == answer.verdict

    def test_keys_that_hang_on_a_listing_are_never_met(self, scene, key, code, now):
        keys = by_key(ask(scene, key, code, at=now))

        assert {name: (one["state"], one["open"]) for name, one in keys.items()} == {
            "device": ("unknown", ["RX_LABEL_NOT_SEEN", "ID_LABEL_NOT_SEEN", "MODIFICATION_UNKNOWN"]),
            "seller": ("not_asked", ["SELLER_NOT_VERIFIED"]),
            "rule": ("met", []),
            "operator": ("met", []),
            "practitioner": ("not_asked", ["ORDER_NOT_CONFIRMED"]),
            "site": ("met", []),
            "supervision": ("met", []),
            "standing": ("met", []),
        }
        assert keys["operator"]["citations"][0]["ref"]

    def test_is_told_under_which_rules_and_that_nobody_confirmed_them(self, scene, key, code, now):
        answer = answer_of(ask(scene, key, code, at=now))

        assert answer["policy"] == {"version": 1, "standing": "reference", "notice": told.NOTICES["reference"]}
        assert answer["place"] == {"state": "TX"}
        assert (answer["as_of"], answer["valid_until"]) == (told.moment(now), told.moment(now + DAY))

    def test_holds_no_longer_than_what_it_rests_on(self, scene, key, code, now):
        today = day_in(now, scene.site.time_zone)
        change("UPDATE clinic_members SET ends_on = :day WHERE user_id = :id", day=today, id=scene.buyer.id)
        answer = kept(ask(scene, key, code, at=now))

        assert answer.allowed
        assert answer.valid_until == end_of(today, scene.site.time_zone) < now + DAY

    def test_a_lapsed_licence_is_a_no_with_its_reason_and_cure(self, scene, key, code, now):
        change(
            "UPDATE credentials SET expires_on = :day WHERE id = :id", day=(now - 2 * DAY).date(), id=scene.licence.id
        )
        answer_id = ask(scene, key, code, at=now)

        assert kept(answer_id).allowed is False
        operator = by_key(answer_id)["operator"]
        assert operator["state"] == "not_met"
        (reason,) = operator["reasons"]
        assert (reason["code"], reason["uses"]) == ("EXPIRED", ["HAIR_NONABLATIVE"])
        assert reason["cures"] == [
            {"code": "renew_credential", "text": "Renew it with its issuer and submit the renewed one."},
            {"code": "choose_operator", "text": "Name a colleague who is cleared for it as the operator."},
        ]
        assert reason["citations"]
        assert events("partner:refused")[0].data["reasons"] == ["EXPIRED"]

    def test_tells_of_nobody_by_name_number_or_day(self, scene, key, code, now):
        change("UPDATE credentials SET state = 'suspended', reason = 'x'")
        change("UPDATE clinic_sites SET laser_safety_officer_id = NULL")
        answer = kept(ask(scene, key, code, at=now))
        said = str(answer_of(answer.id)) + str(answer.facts) + str(answer.verdict)

        for person in (scene.buyer, scene.practitioner, scene.owner):
            assert person.name not in said
            assert person.email not in said
        assert "Priya" not in said
        told_only = str(answer_of(answer.id))
        for secret in (scene.clinic.name, scene.site.name, scene.licence.number or "?", str(scene.buyer.id), str(scene.licence.id)):  # fmt: skip
            assert secret not in told_only

    def test_of_colleagues_and_the_site_it_is_not_told_which_paper(self, scene, key, code, now):
        change("UPDATE credentials SET state = 'revoked', reason = 'x' WHERE id <> :id", id=scene.licence.id)
        keys = by_key(ask(scene, key, code, at=now))

        assert [one["code"] for one in keys["practitioner"]["reasons"]] == ["PRACTITIONER_NOT_READY"]
        assert [one["code"] for one in keys["site"]["reasons"]] == ["SITE_NOT_READY"]
        assert {cure["code"] for one in keys["site"]["reasons"] for cure in one["cures"]} == {"ask_the_person"}
        assert keys["operator"]["state"] == "met"

    def test_of_findings_it_is_told_that_something_is_not_settled(self, scene, key, code, now, monkeypatch):
        last_day = (now - 3 * DAY).date()
        change("UPDATE clinic_members SET ends_on = :day WHERE user_id = :id", day=last_day, id=scene.buyer.id)
        keys = by_key(ask(scene, key, code, at=now))

        assert [one["code"] for one in keys["standing"]["reasons"]] == ["STANDING_NOT_SETTLED"]
        assert keys["standing"]["reasons"][0]["citations"] == []

    def test_a_stale_list_of_exclusions_is_a_no(self, scene, key, code, now):
        change("UPDATE register_snapshots SET retrieved_at = :at", at=now - timedelta(days=400))
        keys = by_key(ask(scene, key, code, at=now))

        assert [one["code"] for one in keys["standing"]["reasons"]] == ["EXCLUSION_NOT_CHECKED"]

    def test_a_recall_of_the_model_is_open_for_every_unit_elsewhere(self, scene, key, code, now):
        make_recall(scene.listing.model_id, state=MatchState.CONFIRMED)
        keys = by_key(ask(scene, key, code, at=now))

        assert (keys["device"]["state"], keys["device"]["reasons"][0]["code"]) == ("not_met", "RECALL_OPEN")

    def test_declared_uses_narrow_it_and_say_so(self, scene, key, code, now):
        model = make_model(modality_codes=("ALEX",))
        whole = Question(code=code, model=model.slug)
        hair = replace(whole, uses=frozenset({HAIR}))
        no = kept(asking.ask(holder=holder(key, at=now), question=whole, at=now))
        yes = kept(asking.ask(holder=holder(key, at=now), question=hair, at=now))

        assert (no.allowed, yes.allowed) == (False, True)
        answer = answer_of(yes.id)
        assert answer["uses"] == answer["restriction"]["uses"] == ["HAIR_NONABLATIVE"]
        assert answer["restriction"]["left_out"] == ["VASCULAR_PIGMENT"]
        assert by_key(yes.id)["rule"]["open"] == ["RESTRICTION_NOT_SIGNED"]

    def test_handpieces_are_those_of_the_model(self, scene, key, code, now):
        model = make_model(modality_codes=("CO2", "DIODE_HR"))
        question = Question(code=code, model=str(model.id), handpieces=("DIODE_HR",))
        small = kept(asking.ask(holder=holder(key, at=now), question=question, at=now))
        whole = kept(asking.ask(holder=holder(key, at=now), question=replace(question, handpieces=None), at=now))

        assert (small.allowed, small.handpieces) == (True, ["DIODE_HR"])
        assert (whole.allowed, whole.handpieces) == (False, ["CO2", "DIODE_HR"])
        with pytest.raises(WrongShape) as refusal:
            asking.ask(holder=holder(key, at=now), question=replace(question, handpieces=("IPL",)), at=now)
        assert refusal.value.field == "handpieces"

    @pytest.mark.parametrize("model", ["no-such-model", "00000000-0000-0000-0000-000000000001"])
    def test_an_unknown_model_is_said(self, scene, key, code, now, model):
        with pytest.raises(UnknownModel):
            asking.ask(holder=holder(key, at=now), question=Question(code=code, model=model), at=now)

    def test_without_rules_nobody_is_answered(self, scene, key, code, now):
        change("UPDATE policy_versions SET state = 'retired', retired_at = now()")
        with pytest.raises(NoPolicy):
            ask(scene, key, code, at=now)

        assert db.session.scalars(select(PartnerAnswer)).all() == []

    def test_is_read_as_people_type_it(self, scene, key, code, now):
        typed = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")

        assert kept(ask(scene, key, typed, at=now)).allowed
        assert kept(ask(scene, key, code.removeprefix("SL-"), at=now)).allowed

    def test_fifty_questions_a_day_with_one_code(self, scene, partner, key, code, now):
        monday = now
        ask(scene, key, code, at=monday)
        others = "id, receipt_code, position"
        names = [column.name for column in PartnerAnswer.__table__.columns if column.name not in others]
        db.session.execute(text("ALTER TABLE partner_answers DISABLE TRIGGER USER"))
        db.session.execute(
            text(
                f"INSERT INTO partner_answers (id, receipt_code, {', '.join(names)})"
                f" SELECT gen_random_uuid(), lpad(n::text, 16, '0'), {', '.join(names)}"
                " FROM partner_answers, generate_series(1, 49) n"
            )
        )
        db.session.commit()
        with pytest.raises(AskedTooOften):
            ask(scene, key, code, at=monday + DAY - INSTANT)

        assert ask(scene, key, code, at=monday + DAY)

    def test_takes_so_many_statements(self, scene, key, code, now):
        ask(scene, key, code, at=now)
        question, who = Question(code=code, model=str(scene.listing.model_id)), holder(key, at=now)
        with count_statements() as sent:
            asking.ask(holder=who, question=question, at=now)

        assert len(sent) == 21, "\n".join(sent)


class TestNobodyAgreed:
    """Whatever is wrong with a code, the answer is the same, and nothing is kept."""

    def refused(self, scene, key, code, at):
        with pytest.raises(UnknownCode) as refusal:
            ask(scene, key, code, at=at)
        assert db.session.scalars(select(PartnerAnswer)).all() == []
        assert (refusal.value.sentence, refusal.value.code) == (UnknownCode().sentence, "unknown_code")

    def test_a_code_that_was_never_given(self, scene, key, now):
        self.refused(scene, key, new_code().shown, now)

    def test_anothers_code(self, scene, code, now):
        _, other = make_partner("Another", at=now)
        self.refused(scene, other, code, now)

    def test_a_code_that_is_over(self, scene, key, code, now):
        last = now + 30 * DAY - INSTANT
        holder_id = holder(key, at=last).partner_id
        assert sharing.consent_behind(code, partner_id=holder_id, at=last).person_id == scene.buyer.id
        self.refused(scene, key, code, now + 30 * DAY)

    def test_a_code_not_given_yet(self, scene, key, code, now):
        self.refused(scene, key, code, now - INSTANT)

    def test_a_code_that_was_taken_back(self, scene, key, code, now):
        sharing.revoke(sharing_id=the_code().id, person_id=scene.buyer.id, at=now)
        self.refused(scene, key, code, now)

    def test_of_somebody_who_left_the_clinic(self, scene, key, code, now):
        clinics.remove_member(clinic_id=scene.clinic.id, actor_id=scene.owner.id, user_id=scene.buyer.id, at=now)
        self.refused(scene, key, code, now)

    def test_of_a_site_that_is_closed(self, scene, key, code, now):
        change("UPDATE clinic_sites SET closed_at = now() WHERE id = :id", id=scene.site.id)
        self.refused(scene, key, code, now)

    def test_of_an_account_that_is_closed(self, scene, key, code, now):
        change("UPDATE users SET disabled_at = now() WHERE id = :id", id=scene.buyer.id)
        self.refused(scene, key, code, now)

    @pytest.mark.parametrize("end", [lambda key, now: service.revoke_key(prefix=key.split("_")[1], at=now),
        lambda _, now: service.end_partner(name="Resale House", at=now)])  # fmt: skip
    def test_a_key_that_ends_between_the_door_and_the_question(self, scene, key, code, now, end):
        who = holder(key, at=now)
        end(key, now)
        with pytest.raises(UnknownKey):
            asking.ask(holder=who, question=Question(code=code, model=str(scene.listing.model_id)), at=now)
