"""The policy as staff write it: who may, what a form says of a mistake, what is kept when two edit, what would change."""

import json
import re
from uuid import uuid4

import pytest

from marketplace.eligibility import editing, publishing
from marketplace.eligibility.models import PolicyState
from marketplace.kernel.spreadsheets import rows_of
from marketplace.kernel.terms import STATES
from marketplace.web.staff import simulations
from tests.factories.accounts import make_staff, make_user
from tests.factories.orders import make_order, make_scene
from tests.factories.rules import RULES, publish_rules
from tests.support import sign_in

NEVADA = "NV-ADV-EST-1"
TEXAS = "TX-HAIR-TDLR-1"


@pytest.fixture
def ada():
    return make_staff("admin", name="Ada Quist")


@pytest.fixture
def draft(ada, now):
    publish_rules(now)
    return editing.draft_from_published(actor_id=ada.id, at=now)


@pytest.fixture
def desk(client, ada):
    sign_in(client, ada)
    return client


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def rule_form(draft, **changes):
    """What the browser would send of the rule as it stands."""
    found = editing.version(draft)
    body = editing.rule_in(found, NEVADA)
    sent = {
        "revision": str(found.revision),
        "state": body["jurisdiction"][3:],
        "procedures": body["procedure_classes"],
        "outcome": body["outcome"],
        "evidence": body["evidence"],
        "eligible": "",
        "in_force_from": body["in_force_from"] or "",
        "in_force_to": body["in_force_to"] or "",
        "options": json.dumps(body["options"]),
        "requires": json.dumps(body["requires"]),
        "coverage": json.dumps(body["coverage"]) if body["coverage"] else "",
        "not_accepted": json.dumps(body["not_accepted"]),
        "excluded": "\n".join(body["excluded"]),
    }
    for number, cited in enumerate(body["citations"]):
        sent |= {f"citations-{number}-{key}": value or "" for key, value in cited.items()}
    return {**sent, **changes}


class TestDrafting:
    def test_a_draft_begins_from_what_is_in_force(self, desk, now):
        publish_rules(now)

        answer = desk.post("/staff/policy/drafts", follow_redirects=True)

        assert "It gates nothing until somebody else publishes it." in answer.text
        assert "Nothing yet: it says what version 1 says." in text_of(answer)

    def test_a_version_that_began_from_nothing_says_so(self, desk, draft):
        assert "It is not a copy of another version." in desk.get(f"/staff/policy/{RULES}").text
        assert desk.get(f"/staff/policy/{uuid4()}").status_code == 404

    @pytest.mark.parametrize("role", ["verifier", "moderator"])
    def test_others_of_the_staff_read_and_change_nothing(self, client, draft, role):
        sign_in(client, make_staff(role))
        page = client.get(f"/staff/policy/{draft}")

        assert page.status_code == 200
        assert "Publish it" not in page.text
        assert f"/rules/{NEVADA}" not in page.text
        for path in ("drafts", f"{draft}/publish", f"{draft}/discard", f"{RULES}/retire", f"{draft}/rules/{NEVADA}"):
            assert client.post(f"/staff/policy/{path}").status_code == 403
        assert len(publishing.versions()) == 2

    def test_members_see_none_of_it(self, client, draft):
        sign_in(client, make_user())
        assert client.get(f"/staff/policy/{draft}").status_code == 403

    def test_is_given_up_and_kept(self, desk, draft):
        answer = desk.post(f"/staff/policy/{draft}/discard", follow_redirects=True)

        assert "given up" in text_of(answer)
        page = text_of(desk.get(f"/staff/policy/{draft}"))
        assert "A draft that was given up." in page
        assert "Publish it" not in page


class TestRule:
    def test_is_shown_as_a_form_with_its_tree(self, desk, draft):
        page = desk.get(f"/staff/policy/{draft}/rules/{NEVADA}")

        assert page.status_code == 200
        assert "US-NV:COSMO:ADVANCED_ESTHETICIAN" in page.text
        assert "NRS 644A.545" in page.text
        assert desk.get(f"/staff/policy/{draft}/rules/XX-1").status_code == 404

    def test_unchanged_is_no_edit(self, desk, draft):
        assert desk.post(f"/staff/policy/{draft}/rules/{NEVADA}", data=rule_form(draft)).status_code == 303
        # The form writes what the document leaves out by default; the rule is the same.
        policy = editing.policy_in(editing.version(draft))
        assert policy.document == publishing.published_policy().policy.document

    def test_a_last_day_is_kept_and_shown_beside_what_was(self, desk, draft):
        form = rule_form(draft, in_force_to="2027-01-31")

        answer = desk.post(f"/staff/policy/{draft}/rules/{NEVADA}", data=form, follow_redirects=True)

        text = text_of(answer)
        assert f"{NEVADA} is saved in this draft." in text
        assert f"{NEVADA} (Nevada): changed" in text
        assert "It now says: It is in force through 31 Jan 2027." in text
        assert "It no longer says" not in text
        assert "Field by field, as the document writes it (1 place) in force to Added: 2027-01-31" in text
        assert "by Ada Quist" in text
        assert publishing.published_policy().version_id == RULES

    @pytest.mark.parametrize(
        ("field", "typed", "sentence"),
        [
            ("options", "[{", "options: this is not JSON"),
            ("options", '[{"name": "x", "requires": {"hope": 1}}]', "options[0].requires: one of all_of"),
            ("options", '[{"name": "x", "requires": {"all_of": []}}]', "an empty condition asks for nothing"),
            ("requires", '[{"credential": {"name": "x", "types": ["NOPE"]}}]', "no such credential type"),
            ("coverage", '{"moon": true}', "coverage.moon: this is not known here"),
            ("options", "", "a rule has options exactly if it says who may operate"),
            ("citations-0-evidence", "", "a rule that gates cites at least one text that was read"),
        ],
    )
    def test_a_mistake_is_shown_with_its_place_and_what_was_typed_stays(self, desk, draft, field, typed, sentence):
        form = rule_form(draft, **{field: typed})
        if field == "citations-0-evidence":
            form |= {name: "" for name in form if name.startswith("citations-") and name.endswith("evidence")}

        answer = desk.post(f"/staff/policy/{draft}/rules/{NEVADA}", data=form)

        assert answer.status_code == 422
        assert sentence in text_of(answer)
        assert 'aria-invalid="true"' in answer.text or "data-error-summary" in answer.text
        assert editing.version(draft).revision == 1

    def test_the_second_of_two_editors_is_told(self, desk, draft, now):
        form = rule_form(draft, in_force_to="2027-01-31")
        theirs = {**editing.rule_in(editing.version(draft), NEVADA), "excluded": ["EMS"]}
        editing.save_rule(version_id=draft, revision=1, rule=theirs, actor_id=make_staff("admin").id, at=now)

        answer = desk.post(f"/staff/policy/{draft}/rules/{NEVADA}", data=form)

        assert answer.status_code == 409
        assert "Somebody else has edited this draft" in answer.text
        assert editing.rule_in(editing.version(draft), NEVADA)["excluded"] == ["EMS"]

    def test_a_new_one_is_written(self, desk, draft):
        assert desk.get(f"/staff/policy/{draft}/rules/new").status_code == 200
        form = rule_form(draft, rule_id="NV-NEW-1", eligible="no", excluded="EMS\n\n HIFU ")

        answer = desk.post(f"/staff/policy/{draft}/rules/new", data=form, follow_redirects=True)

        assert "NV-NEW-1 (Nevada): added" in text_of(answer)
        body = editing.rule_in(editing.version(draft), "NV-NEW-1")
        assert (body["eligible_after_confirmation"], body["excluded"]) == (False, ["EMS", "HIFU"])
        assert body["needs_confirmation"] is True

    def test_a_new_one_needs_a_name(self, desk, draft):
        answer = desk.post(f"/staff/policy/{draft}/rules/new", data=rule_form(draft, rule_id="new rule"))

        assert answer.status_code == 422
        assert "Capital letters, digits and hyphens." in answer.text

    def test_is_left_out(self, desk, draft):
        path = f"/staff/policy/{draft}/rules/{NEVADA}/drop"
        assert desk.post(path, data={"revision": "x"}).status_code == 303
        assert editing.version(draft).revision == 1

        answer = desk.post(path, data={"revision": "1"}, follow_redirects=True)

        assert f"{NEVADA} (Nevada): left out" in text_of(answer)


class TestPublishing:
    def test_a_colleague_publishes_what_they_did_not_write(self, desk, app, draft):
        assert "a colleague publishes it" in desk.get(f"/staff/policy/{draft}").text
        assert desk.post(f"/staff/policy/{draft}/publish").status_code == 403
        other = app.test_client()
        sign_in(other, make_staff("auditor"))

        assert other.post(f"/staff/policy/{draft}/publish").status_code == 409
        read = editing.version(draft).digest
        assert f'name="read" value="{read}"' in other.get(f"/staff/policy/{draft}").text
        answer = other.post(f"/staff/policy/{draft}/publish", data={"read": read}, follow_redirects=True)

        assert "It is in force." in answer.text
        assert publishing.published_policy().version_id == draft
        assert "No longer in force" in text_of(other.get(f"/staff/policy/{RULES}"))

    def test_the_gate_is_shut_with_a_reason(self, desk, draft):
        assert desk.post(f"/staff/policy/{RULES}/retire", data={"reason": ""}).status_code == 422
        assert publishing.in_force() is not None

        answer = desk.post(f"/staff/policy/{RULES}/retire", data={"reason": "A rule is wrong."}, follow_redirects=True)

        assert "the gate is shut" in text_of(answer)
        assert publishing.in_force() is None
        assert "No rules are in force" in text_of(desk.get("/staff/policy?state=TX"))

    def test_spaces_are_no_reason(self, desk, draft):
        answer = desk.post(f"/staff/policy/{RULES}/retire", data={"reason": " . "})

        assert answer.status_code == 303
        assert editing.version(RULES).state is PolicyState.RETIRED


class TestSimulation:
    def test_shows_who_could_no_longer_buy_and_why(self, desk, ada, now):
        scene = make_scene(now)
        order = make_order("awaiting_practitioner", make_scene(now), at=now)
        draft = editing.draft_from_published(actor_id=ada.id, at=now)
        editing.drop_rule(version_id=draft, revision=1, rule_id=TEXAS, actor_id=ada.id, at=now)

        text = text_of(desk.get(f"/staff/policy/{draft}/simulation"))

        assert scene.buyer.name in text
        assert "can no longer buy" in text
        assert "No rule that was read and published says who may do this here" in text
        assert f"/orders/{order.id}" in desk.get(f"/staff/policy/{draft}/simulation").text
        assert str(order.number) in text
        assert scene.listing.title in text
        assert "Ask two members of staff for a review of hair removal." in text
        assert "newly stands" in text
        assert "TX-HAIR-SENIOR/right" in text
        assert "AZ-HAIR-TECH" not in text

    def test_is_turned_page_by_page_and_kept_as_a_table(self, desk, ada, now, monkeypatch):
        scene = make_scene(now)
        make_order("awaiting_practitioner", make_scene(now), at=now)
        draft = editing.draft_from_published(actor_id=ada.id, at=now)
        editing.drop_rule(version_id=draft, revision=1, rule_id=TEXAS, actor_id=ada.id, at=now)
        monkeypatch.setattr(simulations, "PER_PAGE", 1)
        monkeypatch.setattr(simulations, "MOST_NAMED", 0)

        first = desk.get(f"/staff/policy/{draft}/simulation").text
        later = desk.get(f"/staff/policy/{draft}/simulation?people=2&situations=9999").text
        answer = desk.get(f"/staff/policy/{draft}/simulation.csv")

        assert f'href="/staff/policy/{draft}/simulation?people=2"' in first
        assert "and 1 more, in the table" in first
        assert "people=2&amp;situations=" in later
        assert answer.headers["Content-Disposition"] == "attachment; filename=simulation-of-version-2.csv"
        rows = rows_of(answer.text)
        assert tuple(rows[0]) == simulations.COLUMNS
        mine = next(row for row in rows if row["who"] == scene.buyer.name and row["what"] == "person")
        assert (mine["device"], mine["becomes"]) == (scene.listing.title, "can no longer buy")
        assert mine["address"] == f"/devices/{scene.listing.id}"
        assert mine["reason"] == "NO_RULE_FOR_JURISDICTION_PROCEDURE"
        assert "No rule that was read" in mine["sentence"]
        assert mine["cures"] == "Ask two members of staff for a review of hair removal."
        assert {row["becomes"] for row in rows} == {"can no longer buy", "held", "in force", "draft"}

    def test_a_gain_says_what_stood_against_it(self, desk, ada, now):
        scene = make_scene(now)
        rule = editing.rule_in(editing.version(RULES), TEXAS)
        without = editing.draft_from_published(actor_id=ada.id, at=now)
        editing.drop_rule(version_id=without, revision=1, rule_id=TEXAS, actor_id=ada.id, at=now)
        publishing.publish_policy(version_id=without, published_by=make_staff("auditor").id, at=now)
        draft = editing.draft_from_published(actor_id=ada.id, at=now)
        editing.save_rule(version_id=draft, revision=1, rule=rule, actor_id=ada.id, at=now)

        text = text_of(desk.get(f"/staff/policy/{draft}/simulation"))
        rows = rows_of(desk.get(f"/staff/policy/{draft}/simulation.csv").text)

        assert "Until now it stood against it:" in text
        assert "falls away" in text
        assert {row["becomes"] for row in rows if row["who"] == scene.buyer.name} == {"can buy"}
        assert {row["sentence"] for row in rows if row["becomes"] == "draft"} >= {"Yes."}

    def test_a_draft_that_changes_nothing_changes_nothing(self, desk, draft):
        assert "0 devices that somebody could no longer buy, 0 that" in text_of(
            desk.get(f"/staff/policy/{draft}/simulation")
        )


def test_every_place_can_be_chosen(desk, draft):
    page = desk.get(f"/staff/policy/{draft}/rules/new").text

    assert all(f'value="{code}"' in page for code in STATES)
