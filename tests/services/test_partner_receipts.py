"""What is kept of an answer to a partner can be checked by anybody, and its badge says what it is worth at this moment."""

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from marketplace.eligibility.models import PolicyStanding, PolicyState, PolicyVersion
from marketplace.extensions import db
from marketplace.kernel.errors import NotFound
from marketplace.kernel.terms import ProcedureClass
from marketplace.partners import asking, receipts, service, sharing
from marketplace.partners.asked import Question
from marketplace.partners.models import PartnerAnswer, SharingCode
from marketplace.partners.receipts import Standing
from marketplace.recalls.states import MatchState
from tests.factories.accounts import make_staff
from tests.factories.catalog import make_model
from tests.factories.partners import ask, holder, make_partner, share
from tests.factories.recalls import make_recall
from tests.support import assert_refused_by, count_statements

DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)


@pytest.fixture
def key(now):
    return make_partner(at=now)[1]


@pytest.fixture
def code(scene, key, now):
    return share(scene, holder(key, at=now).partner_id, at=now)


@pytest.fixture
def answer(scene, key, code, now):
    return db.session.get_one(PartnerAnswer, ask(scene, key, code, at=now))


def tamper(statement: str, **values) -> None:
    """Change what is kept, as only somebody with the database in their hands can."""
    table = statement.split()[1]
    db.session.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
    db.session.execute(text(statement), values)
    db.session.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
    db.session.commit()


class TestCheck:
    def test_says_this_and_no_more(self, scene, answer, now):
        device = answer.facts["device"]

        assert receipts.check(answer.receipt_code) == receipts.Checked(
            code=receipts.written(answer.receipt_code),
            intact=True,
            decided_at=now,
            valid_until=now + DAY,
            maker=device["maker"],
            model=device["model"],
            state="TX",
            uses=(),
            cleared=True,
            policy_number=1,
        )

    def test_reads_a_code_as_people_type_it(self, answer):
        typed = receipts.written(answer.receipt_code).lower().replace("0", "o").replace("1", "l")

        assert receipts.check(typed).intact

    def test_of_nothing_is_nothing(self, answer):
        assert receipts.check("0000-0000-0000-0000") is None
        assert receipts.badge("0000-0000-0000-0000", at=answer.answered_at) is None
        with pytest.raises(NotFound):
            receipts.answered(answer.person_id)

    def test_says_to_which_uses_a_yes_is_restricted(self, scene, key, code, now):
        uses = frozenset({ProcedureClass.HAIR_NONABLATIVE})
        question = Question(code=code, model=make_model(modality_codes=("ALEX",)).slug, uses=uses)
        asked = db.session.get_one(PartnerAnswer, asking.ask(holder=holder(key, at=now), question=question, at=now))

        assert receipts.check(asked.receipt_code).uses == (ProcedureClass.HAIR_NONABLATIVE,)
        shown = receipts.badge(asked.receipt_code, at=now)
        assert (shown.standing, shown.uses) == (Standing.CLEARED, (ProcedureClass.HAIR_NONABLATIVE,))

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE partner_answers SET facts = jsonb_set(facts, '{place,state}', '\"AZ\"')",
            "UPDATE partner_answers SET verdict = jsonb_set(verdict, '{limits}', '[\"x\"]')",
            "UPDATE partner_answers SET answered_at = answered_at - interval '1 second', valid_until = answered_at",
            "UPDATE partner_answers SET valid_until = valid_until - interval '1 second'",
            "UPDATE partner_answers SET handpieces = '{}'",
            "UPDATE partner_answers SET declared_uses = '{TATTOO}'",
            "UPDATE partner_answers SET left_open = '[]'",
            "UPDATE partner_answers SET evidence = '[]'",
            "UPDATE policy_versions SET digest = repeat('0', 64)",
        ],
    )
    def test_tells_that_what_was_kept_was_changed(self, answer, statement, now):
        tamper(statement)

        assert receipts.check(answer.receipt_code).intact is False
        assert receipts.badge(answer.receipt_code, at=now).standing is Standing.ASK_AGAIN

    @pytest.mark.parametrize(
        "statement", ["UPDATE partner_answers SET allowed = allowed", "DELETE FROM partner_answers"]
    )
    def test_an_answer_is_never_changed_and_never_removed(self, answer, statement):
        with assert_refused_by("partner_answers_is_append_only"):
            db.session.execute(text(statement))


class TestBadge:
    def standing(self, answer, at):
        return receipts.badge(answer.receipt_code, at=at).standing

    def test_says_cleared_for_a_day(self, answer, now):
        assert self.standing(answer, now) is Standing.CLEARED
        last = now + DAY - INSTANT
        assert self.standing(answer, last) is Standing.CLEARED
        assert self.standing(answer, now + DAY) is Standing.ASK_AGAIN

    def test_says_for_which_model_and_when(self, answer, now):
        shown = receipts.badge(answer.receipt_code, at=now)

        assert shown.model == f"{answer.facts['device']['maker']} {answer.facts['device']['model']}"
        assert (shown.answered_at, shown.code) == (now, receipts.written(answer.receipt_code))

    def test_says_no_for_a_no(self, scene, key, code, now):
        tamper("UPDATE credentials SET state = 'revoked', reason = 'x' WHERE id = :id", id=scene.licence.id)
        refused = db.session.get_one(PartnerAnswer, ask(scene, key, code, at=now))

        assert self.standing(refused, now) is Standing.NOT_CLEARED
        assert self.standing(refused, now + DAY) is Standing.ASK_AGAIN

    def test_no_longer_once_consent_is_taken_back(self, scene, answer, now):
        given = db.session.scalars(select(SharingCode.id)).one()
        sharing.revoke(sharing_id=given, person_id=scene.buyer.id, at=now)

        assert self.standing(answer, now) is Standing.ASK_AGAIN

    def test_no_longer_once_consent_is_over(self, scene, key, now):
        partner_id = holder(key, at=now).partner_id
        short = share(scene, partner_id, at=now, days=7)
        late = db.session.get_one(PartnerAnswer, ask(scene, key, short, at=now + 7 * DAY - INSTANT))

        assert self.standing(late, now + 7 * DAY - INSTANT) is Standing.CLEARED
        assert self.standing(late, now + 7 * DAY) is Standing.ASK_AGAIN

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE credentials SET state = 'revoked', reason = 'x' WHERE id = :licence",
            "UPDATE credentials SET state = 'suspended', reason = 'x' WHERE id = :prescriber",
            "UPDATE clinic_members SET left_at = now() WHERE user_id = :person",
            "UPDATE clinic_sites SET closed_at = now() WHERE id = :site",
            "UPDATE users SET disabled_at = now() WHERE id = :person",
            "UPDATE policy_versions SET state = 'retired', retired_at = now()",
            "UPDATE register_snapshots SET retrieved_at = retrieved_at - interval '400 days'",
        ],
    )
    def test_no_longer_once_something_it_rests_on_is_lost(self, scene, answer, now, statement):
        ids = {
            "licence": scene.licence.id, "prescriber": scene.prescriber.id, "person": scene.buyer.id,
            "site": scene.site.id,
        }  # fmt: skip
        tamper(statement, **{name: value for name, value in ids.items() if f":{name}" in statement})

        assert self.standing(answer, now) is Standing.ASK_AGAIN

    def test_no_longer_once_a_recall_of_the_model_is_open(self, scene, answer, now):
        make_recall(scene.listing.model_id, state=MatchState.CONFIRMED)

        assert self.standing(answer, now) is Standing.ASK_AGAIN

    def test_no_longer_once_the_partner_is_gone(self, answer, now):
        service.end_partner(name="Resale House", at=now)

        assert self.standing(answer, now) is Standing.ASK_AGAIN

    def test_no_longer_once_its_key_is_revoked(self, key, answer, now):
        service.revoke_key(prefix=key.split("_")[1], at=now)

        assert self.standing(answer, now) is Standing.ASK_AGAIN

    def test_is_asked_of_the_rules_in_force(self, answer, now):
        tamper("UPDATE policy_versions SET state = 'retired', retired_at = now()")
        old = db.session.scalars(select(PolicyVersion)).one()
        document = {**old.document, "rules": []}
        db.session.add(
            PolicyVersion(
                number=2, state=PolicyState.PUBLISHED, standing=PolicyStanding.REFERENCE, document=document,
                digest="0" * 64, proposed_by=make_staff().id, proposed_at=now, published_by=make_staff().id,
                published_at=now,
            )
        )  # fmt: skip
        db.session.commit()

        assert self.standing(answer, now) is Standing.ASK_AGAIN
        assert receipts.check(answer.receipt_code).policy_number == 1
        assert receipts.check(answer.receipt_code).intact

    def test_is_drawn_from_few_statements(self, answer, now):
        receipts.badge(answer.receipt_code, at=now)
        with count_statements() as sent:
            receipts.badge(answer.receipt_code, at=now)

        assert len(sent) == 5, "\n".join(sent)
