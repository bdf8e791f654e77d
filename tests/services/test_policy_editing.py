"""Policies as staff work on them: drafts of what is in force, edited by several people, with nothing lost."""

from copy import deepcopy
from threading import Barrier, Thread
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from marketplace import audit
from marketplace.eligibility import editing, publishing
from marketplace.eligibility.models import PolicyEdit, PolicyState, PolicyVersion
from marketplace.eligibility.rulebook import reference_document
from marketplace.extensions import db
from marketplace.kernel.errors import ChangedSinceRead, Conflict, Invalid, NotFound
from marketplace.kernel.shapes import Misshapen
from tests.factories.accounts import make_staff
from tests.factories.orders import make_scene
from tests.factories.rules import RULES, publish_rules
from tests.patience import PATIENCE, let_end
from tests.support import assert_refused_by

NEVADA = "NV-ADV-EST-1"


@pytest.fixture
def published(now):
    publish_rules(now)


@pytest.fixture
def ada():
    return make_staff("admin", name="Ada Quist").id


@pytest.fixture
def draft(published, ada, now):
    return editing.draft_from_published(actor_id=ada, at=now)


@pytest.fixture
def nevada(draft):
    return editing.rule_in(editing.version(draft), NEVADA)


def save(draft, rule, *, by, at, revision=1):
    editing.save_rule(version_id=draft, revision=revision, rule=rule, actor_id=by, at=at)


def rules_of(draft):
    return {rule["id"]: rule for rule in editing.version(draft).document["rules"]}


class TestDraft:
    def test_begins_as_a_copy_of_what_is_in_force(self, draft, ada, now):
        found = editing.version(draft)

        assert found.document == reference_document()
        assert (found.state, found.number, found.proposed_by, found.revision) == (PolicyState.DRAFT, 2, ada, 1)
        assert found.based_on_id == RULES

    def test_gates_nothing(self, draft, nevada, ada, now):
        nevada["in_force_to"] = "2020-01-01"
        save(draft, nevada, by=ada, at=now)

        assert publishing.published_policy().version_id == RULES
        assert publishing.published_policy().policy.ways("NV", "HAIR_NONABLATIVE")[0].rule.in_force_to is None

    def test_needs_something_in_force(self, ada, now):
        with pytest.raises(publishing.NoPolicy):
            editing.draft_from_published(actor_id=ada, at=now)

    def test_there_is_no_such_version_or_rule(self, draft):
        with pytest.raises(NotFound):
            editing.version(uuid4())
        with pytest.raises(NotFound):
            editing.rule_in(editing.version(draft), "XX-1")


class TestEditing:
    def test_keeps_the_rule_its_digest_and_what_it_was_before(self, draft, nevada, ada, now):
        before = deepcopy(nevada)
        stored = rules_of(draft)[NEVADA]
        nevada["in_force_to"] = "2027-01-31"

        save(draft, nevada, by=ada, at=now)

        found = editing.version(draft)
        assert rules_of(draft)[NEVADA]["in_force_to"] == "2027-01-31"
        assert list(rules_of(draft)) == [rule["id"] for rule in reference_document()["rules"]]
        assert (found.revision, found.digest) == (2, publishing.digest_of(found.document))
        (edit,) = editing.edits_of(draft)
        assert (edit.rule_id, edit.actor_id, edit.revision, edit.before, edit.after) == (
            NEVADA, ada, 2, stored, nevada,
        )  # fmt: skip
        assert before["in_force_to"] is None
        assert audit.events_about("policy", draft)[-1].data["rule"] == NEVADA

    def test_adds_a_rule_that_is_new(self, draft, nevada, ada, now):
        save(draft, {**nevada, "id": "NV-NEW-1"}, by=ada, at=now)

        assert list(rules_of(draft))[-1] == "NV-NEW-1"
        assert editing.edits_of(draft)[0].before is None

    def test_leaves_a_rule_out(self, draft, ada, now):
        editing.drop_rule(version_id=draft, revision=1, rule_id=NEVADA, actor_id=ada, at=now)

        assert NEVADA not in rules_of(draft)
        (edit,) = editing.edits_of(draft)
        assert (edit.after, edit.before["id"]) == (None, NEVADA)
        with pytest.raises(NotFound):
            editing.drop_rule(version_id=draft, revision=2, rule_id=NEVADA, actor_id=ada, at=now)
        assert editing.version(draft).revision == 2

    def test_the_same_rule_again_is_no_edit(self, draft, ada, now):
        save(draft, rules_of(draft)[NEVADA], by=ada, at=now)

        assert editing.edits_of(draft) == []
        assert editing.version(draft).revision == 1

    @pytest.mark.parametrize(
        ("field", "value", "path"),
        [
            ("options", [{"name": "x", "requires": {"hope": 1}}], "options[0].requires"),
            ("evidence", "Q", "evidence"),
            ("in_force_from", "soon", "in_force_from"),
            ("not_accepted", [{"text": "x", "types": ["NOPE"]}], "not_accepted"),
            ("jurisdiction", "US-ZZ", NEVADA),
        ],
    )
    def test_what_is_no_rule_is_refused_with_its_place_in_the_rule(self, draft, nevada, ada, now, field, value, path):
        nevada[field] = value

        with pytest.raises(Misshapen) as refusal:
            save(draft, nevada, by=ada, at=now)

        assert refusal.value.path == path
        assert editing.version(draft).revision == 1
        assert editing.edits_of(draft) == []

    def test_the_second_of_two_editors_is_told_and_nothing_is_lost(self, draft, nevada, ada, now):
        ben = make_staff("admin").id
        theirs, mine = {**nevada, "in_force_to": "2027-01-31"}, {**nevada, "excluded": ["EMS"]}
        save(draft, theirs, by=ben, at=now)

        with pytest.raises(editing.DraftMoved) as refusal:
            save(draft, mine, by=ada, at=now)

        assert refusal.value.by == ben
        assert NEVADA in refusal.value.sentence
        assert rules_of(draft)[NEVADA] == theirs
        save(draft, {**theirs, "excluded": ["EMS"]}, by=ada, at=now, revision=2)
        assert [edit.actor_id for edit in editing.edits_of(draft)] == [ada, ben]

    @pytest.mark.parametrize("state", ["published", "discarded"])
    def test_only_a_living_draft_is_edited(self, draft, nevada, ada, now, state):
        if state == "published":
            publishing.publish_policy(version_id=draft, published_by=make_staff("admin").id, at=now)
        else:
            editing.discard(version_id=draft, actor_id=ada, at=now)
        nevada["excluded"] = ["EMS"]

        with pytest.raises(editing.NoDraft):
            save(draft, nevada, by=ada, at=now)
        with pytest.raises(editing.NoDraft):
            editing.discard(version_id=draft, actor_id=ada, at=now)
        assert editing.edits_of(draft) == []

    def test_what_is_not_there_is_not_edited(self, nevada, ada, now):
        with pytest.raises(NotFound):
            save(uuid4(), nevada, by=ada, at=now)


class TestPublishing:
    def test_what_was_edited_since_it_was_read_is_not_published(self, draft, nevada, ada, now):
        read = editing.version(draft).digest
        nevada["excluded"] = ["EMS"]
        save(draft, nevada, by=ada, at=now)
        in_force = publishing.published_policy().version_id

        with pytest.raises(ChangedSinceRead):
            publishing.publish_policy(version_id=draft, published_by=make_staff("auditor").id, at=now, read=read)

        assert publishing.published_policy().version_id == in_force

    def test_whoever_edited_it_does_not_publish_it(self, draft, nevada, now):
        ben = make_staff("admin").id
        nevada["excluded"] = ["EMS"]
        save(draft, nevada, by=ben, at=now)

        with pytest.raises(publishing.SamePerson):
            publishing.publish_policy(version_id=draft, published_by=ben, at=now)
        with assert_refused_by("editors_do_not_publish"):
            db.session.execute(
                text(
                    "UPDATE policy_versions SET state = 'published', published_by = :ben, published_at = now()"
                    " WHERE id = :id"
                ),
                {"ben": ben, "id": draft},
            )
        assert publishing.published_policy().version_id == RULES

    def test_its_rules_gate_from_then_on(self, draft, nevada, ada, now):
        nevada["excluded"] = ["EMS"]
        save(draft, nevada, by=ada, at=now)

        publishing.publish_policy(version_id=draft, published_by=make_staff("admin").id, at=now)

        assert publishing.published_policy().policy.ways("NV", "HAIR_NONABLATIVE")[0].rule.excluded == ("EMS",)
        assert editing.policy_in(editing.version(draft)) is publishing.published_policy().policy

    def test_a_discarded_draft_is_kept_and_never_published(self, draft, ada, now):
        editing.discard(version_id=draft, actor_id=ada, at=now)

        with pytest.raises(Conflict):
            publishing.publish_policy(version_id=draft, published_by=make_staff("admin").id, at=now)
        found = editing.version(draft)
        assert (found.state, found.discarded_by, found.discarded_at) == (PolicyState.DRAFT, ada, now)


class TestRetiring:
    def test_shuts_the_gate(self, published, ada, now):
        editing.retire(version_id=RULES, actor_id=ada, reason=" A rule is wrong. ", at=now)

        with pytest.raises(publishing.NoPolicy):
            publishing.published_policy()
        event = audit.events_about("policy", RULES)[-1]
        assert (event.kind, event.data["reason"]) == ("policy:retired", "A rule is wrong.")
        assert editing.version(RULES).retired_at == now

    def test_needs_a_reason_and_something_in_force(self, draft, ada, now):
        with pytest.raises(Invalid):
            editing.retire(version_id=RULES, actor_id=ada, reason=" ", at=now)
        with pytest.raises(Conflict):
            editing.retire(version_id=draft, actor_id=ada, reason="x", at=now)
        with pytest.raises(NotFound):
            editing.retire(version_id=uuid4(), actor_id=ada, reason="x", at=now)
        assert publishing.published_policy().version_id == RULES


class TestTables:
    def test_an_edit_is_kept_as_it_was_made(self, draft, nevada, ada, now):
        save(draft, {**nevada, "excluded": ["EMS"]}, by=ada, at=now)

        for change in ("UPDATE policy_edits SET rule_id = 'x'", "DELETE FROM policy_edits"):
            with assert_refused_by("policy_edits_is_append_only"):
                db.session.execute(text(change))
        with assert_refused_by("each_revision_is_one_edit"):
            db.session.add(PolicyEdit(version_id=draft, revision=2, actor_id=ada, at=now, rule_id="x"))
            db.session.flush()

    def test_only_a_draft_is_given_up_and_by_somebody(self, draft, ada, now):
        for version in (RULES, draft):
            with assert_refused_by("policy_versions_only_drafts_are_discarded"):
                db.session.execute(
                    text("UPDATE policy_versions SET discarded_at = now(), discarded_by = :who WHERE id = :id"),
                    {"who": ada if version == RULES else None, "id": version},
                )

    def test_revisions_count_from_one(self, draft):
        with assert_refused_by("policy_versions_revision_counts_from_one"):
            db.session.execute(text("UPDATE policy_versions SET revision = 0 WHERE id = :id"), {"id": draft})


@pytest.mark.own_database
def test_of_two_editors_at_the_same_instant_one_is_kept_and_one_is_told(own_app, now):
    with own_app.app_context():
        make_scene(now)
        ada, ben = make_staff("admin").id, make_staff("admin").id
        draft = editing.draft_from_published(actor_id=ada, at=now)
        rule = editing.rule_in(editing.version(draft), NEVADA)
        db.session.commit()
    together, told = Barrier(2), []

    def edit(who):
        with own_app.app_context():
            together.wait(PATIENCE)
            try:
                save(draft, {**rule, "excluded": [str(who)]}, by=who, at=now)
                told.append("kept")
            except editing.DraftMoved:
                told.append("told")

    threads = [Thread(target=edit, args=(who,)) for who in (ada, ben)]
    for thread in threads:
        thread.start()
    let_end(*threads)

    assert sorted(told) == ["kept", "told"]
    with own_app.app_context():
        assert db.session.scalars(select(PolicyVersion.revision).where(PolicyVersion.id == draft)).one() == 2
        assert len(editing.edits_of(draft)) == 1
