"""Who may operate what: the published rules for everybody, and in full for staff."""

import re
from pathlib import Path

import pytest

from marketplace.eligibility.requirements import (
    AllOf,
    AnyOf,
    HoldsCredential,
    MemberHolds,
    NotEvidenced,
    PractitionerAttests,
    SafetyOfficerNamed,
    SiteHolds,
)
from marketplace.eligibility.rulebook import Policy, reference_document
from marketplace.eligibility.rules import Coverage, NotAccepted
from marketplace.eligibility.vectors import as_csv, vectors
from marketplace.kernel.terms import STATES, ProcedureClass
from marketplace.web import rule_words, state_map
from marketplace.web.filters import plural
from tests.factories.accounts import make_staff, make_user
from tests.factories.orders import publish_rules
from tests.support import count_statements, sign_in

EITHER = (
    "either the site holds a permit, "
    "or what cannot be shown here yet: an exam and the site has named a laser safety officer"
)


@pytest.fixture(scope="module")
def policy():
    return Policy.from_document(reference_document())


@pytest.fixture
def published(now):
    publish_rules(now)


def text_of(answer) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


def _tiles(page: str) -> dict[str, tuple[int, str]]:
    """Return what each tile of the map says aloud, and its shade."""
    found = re.findall(r'<a class="shade-(\d)" href="/rules/(..)">.*?<span class="visually-hidden">(.*?)</span>', page)
    return {code: (int(shade), said) for shade, code, said in found}


class TestPublicPages:
    def test_lists_every_place_with_what_is_open_there(self, client, published):
        answer = client.get("/rules")
        text = text_of(answer)

        assert answer.status_code == 200
        assert all(f'href="/rules/{code}"' in answer.text for code in STATES)
        assert "Reference rules, not confirmed by counsel. Version 1." in text
        assert "Texas Hair removal" in text

    def test_narrows_to_the_places_where_something_is_open(self, client, published, policy):
        answer = client.get("/rules?procedure=TATTOO")

        listed = set(re.findall(r'href="/rules/([A-Z]{2})"', answer.text.partition("rule-places")[2]))
        assert listed == {code for code in STATES if policy.ways(code, ProcedureClass.TATTOO)}
        assert "Not known well enough yet" not in answer.text

    def test_the_map_shows_for_how_many_procedures_somebody_can_be_cleared(self, client, published, policy):
        tiles = _tiles(client.get("/rules").text)

        numbers = {code: sum(bool(policy.ways(code, kind)) for kind in ProcedureClass) for code in STATES}
        assert {code: said for code, (_, said) in tiles.items()} == {
            code: f"{STATES[code]}: {plural(number, 'procedure')}" for code, number in numbers.items()
        }
        assert {(numbers[code], shade) for code, (shade, _) in tiles.items()} <= {
            (0, 0), (1, 1), (2, 1), (3, 2), (4, 2), (5, 2), *((many, 3) for many in range(6, 13))
        }  # fmt: skip
        assert {shade for shade, _ in tiles.values()} == {0, 1, 2, 3}

    def test_the_map_shows_where_somebody_can_be_cleared_for_one_procedure(self, client, published, policy):
        tiles = _tiles(client.get("/rules?procedure=TATTOO").text)

        assert tiles == {
            code: (3, f"{name}: open") if policy.ways(code, ProcedureClass.TATTOO) else (0, f"{name}: not open")
            for code, name in STATES.items()
        }
        assert {shade for shade, _ in tiles.values()} == {0, 3}

    def test_every_place_has_a_tile_of_its_own_on_the_map(self, policy):
        laid_out = state_map.tiles(policy)

        assert sorted(tile.code for tile in laid_out) == sorted(STATES)
        assert len({(tile.row, tile.column) for tile in laid_out}) == len(STATES)
        assert {tile.row for tile in laid_out} == set(range(1, 9))
        assert {tile.column for tile in laid_out} == set(range(1, 12))
        styles = (Path(state_map.__file__).parents[1] / "static/css/rules.css").read_text()
        assert all(f".map-row-{tile.row} {{" in styles for tile in laid_out)
        assert all(f".map-column-{tile.column} {{" in styles for tile in laid_out)

    def test_says_so_where_nobody_can_be_cleared(self, client, published, policy):
        closed = next(kind for kind in ProcedureClass if not any(policy.ways(code, kind) for code in STATES))

        assert "Nowhere yet" in client.get(f"/rules?procedure={closed}").text

    def test_a_procedure_that_is_none_narrows_nothing(self, client, published):
        assert 'href="/rules/TX"' in client.get("/rules?procedure=MAGIC").text

    def test_shows_the_rule_of_a_place_with_its_texts(self, client, published):
        text = text_of(client.get("/rules/TX"))

        assert "Hair removal Any one of these may operate" in text
        assert "TDLR laser hair removal certificate" in text
        assert "the site holds the laser hair removal facility licence of TDLR" in text
        assert "Tex. H&amp;S Code 401.504" in text
        assert "reference rule, not legal advice" in text
        assert "No rule here yet" in text

    @pytest.mark.parametrize("code", ["tx", "XX", "Texas"])
    def test_no_other_place_is_known(self, client, published, code):
        assert client.get(f"/rules/{code}").status_code == 404

    @pytest.mark.parametrize("path", ["/rules", "/rules/TX"])
    def test_without_a_policy_it_says_that_the_gate_is_shut(self, client, path):
        answer = client.get(path)

        assert answer.status_code == 200
        assert "<h1>No rules are in force</h1>" in answer.text
        assert "without a rule the answer is no" in answer.text

    @pytest.mark.parametrize("path", ["/rules", "/rules/TX"])
    def test_takes_one_question_to_the_database(self, client, published, path):
        client.get(path)
        with count_statements() as sent:
            client.get(path)

        assert len(sent) <= 2

    def test_the_footer_leads_there(self, client):
        assert 'href="/rules"' in client.get("/sign-in").text


class TestVectors:
    def test_are_for_everybody_with_why_they_are_so(self, client):
        text = text_of(client.get("/rules/vectors"))

        assert f"{len(vectors().scenarios)} situations" in text
        assert "The first edition." in text
        assert "TX-HAIR-SENIOR" not in text

    def test_show_the_situations_of_a_place(self, client):
        text = text_of(client.get("/rules/vectors?state=AZ"))

        assert "AZ-HAIR-TECH/midnight" in text
        assert "operator:EXPIRED" in text
        assert "A.R.S. 32-516" in text
        assert "TX-HAIR-SENIOR" not in text

    def test_of_no_place_are_not_shown(self, client):
        assert "<table" not in client.get("/rules/vectors?state=XX").text

    def test_can_be_saved_to_read_and_to_run(self, client):
        table, file = client.get("/rules/vectors.csv"), client.get("/rules/vectors.json")

        assert table.headers["Content-Disposition"] == 'attachment; filename="gate-vectors.csv"'
        assert table.text == as_csv(vectors())
        assert len(file.json["scenarios"]) == len(vectors().scenarios)

    def test_can_be_printed(self, app):
        assert app.test_cli_runner().invoke(args=["policy", "vectors"]).output == as_csv(vectors()).replace(
            "\r\n", "\n"
        )


class TestStaffPage:
    def test_shows_standing_signatures_and_versions(self, client, published):
        sign_in(client, make_staff("verifier"))
        text = text_of(client.get("/staff/policy"))

        assert "Policy, version 1" in text
        assert "Reference rules, not confirmed by counsel" in text
        assert "by Victor Stone" in text

    def test_shows_every_rule_of_a_place_also_those_that_open_nothing(self, client, published, policy):
        sign_in(client, make_staff("auditor"))
        text = text_of(client.get("/staff/policy?state=TX"))

        for rule in policy.document.rules:
            assert (rule.id in text) == (rule.state == "TX")
        assert "never opens anything" in text
        assert "Known from text read" in text

    @pytest.mark.parametrize("state", ["MO", "VT"])
    def test_shows_a_place_where_no_text_was_found(self, client, published, state):
        sign_in(client, make_staff("auditor"))
        answer = client.get(f"/staff/policy?state={state}")

        assert answer.status_code == 200
        assert "no procedure by name" in text_of(answer).lower()

    def test_every_place_can_be_shown(self, policy):
        assert sum(len(rule_words.rules_of(policy, code)) for code in STATES) == len(policy.document.rules)

    @pytest.mark.parametrize("state", ["", "XX"])
    def test_no_place_no_rules(self, client, published, state):
        sign_in(client, make_staff("moderator"))

        assert "TX-HAIR-TDLR-1" not in client.get(f"/staff/policy?state={state}").text

    def test_a_place_of_which_nothing_is_known(self, client, published, policy):
        sign_in(client, make_staff("admin"))
        silent = next(code for code in STATES if not any(rule.state == code for rule in policy.document.rules))

        assert "Nothing was written down for" in client.get(f"/staff/policy?state={silent}").text

    def test_is_not_open_to_finance_members_or_nobody(self, app, published):
        for user in (make_staff("finance"), make_user()):
            theirs = app.test_client()
            sign_in(theirs, user)
            assert theirs.get("/staff/policy").status_code == 403
        assert app.test_client().get("/staff/policy").status_code == 303


class TestWords:
    @pytest.mark.parametrize("code", STATES)
    def test_every_procedure_stands_in_exactly_one_chapter(self, policy, code):
        titles = " ".join(chapter.title.lower() for chapter in rule_words.chapters(policy, code))

        # The words of one may be part of another's: "ablative resurfacing".
        once = " ".join(kind.words for kind in ProcedureClass)
        assert [kind for kind in ProcedureClass if titles.count(kind.words) != once.count(kind.words)] == []

    @pytest.mark.parametrize("code", STATES)
    def test_what_is_shown_as_open_is_what_opens(self, policy, code):
        shown = {
            (chapter.title.lower(), way.name, way.rule_id)
            for chapter in rule_words.chapters(policy, code)
            for way in chapter.ways
        }
        for kind in ProcedureClass:
            for way in policy.ways(code, kind):
                assert any(
                    kind.words in title and (name, rule) == (way.option.name, way.rule.id)
                    for title, name, rule in shown
                )
            if not policy.ways(code, kind):
                assert not any(kind.words in title.split(", ") for title, _, _ in shown)

    @pytest.mark.parametrize(
        ("condition", "words"),
        [
            (HoldsCredential("a licence", ("MD_DO",)), ["the operator holds a licence"]),
            (
                HoldsCredential("a training record", ("X",), on_model=True),
                ["the operator holds a training record for this very model"],
            ),
            (MemberHolds("a licence", ("MD_DO",)), ["somebody at the clinic holds a licence"]),
            (SiteHolds("a permit", ("X",)), ["the site holds a permit"]),
            (SiteHolds("a permit", ("X",), lasers_only=True), ["the site holds a permit, for lasers"]),
            (SafetyOfficerNamed(lasers_only=False), ["the site has named a laser safety officer"]),
            (SafetyOfficerNamed(lasers_only=True), ["the site has named a laser safety officer, for lasers"]),
            (PractitionerAttests("S", "I supervise."), ["the ordering practitioner signs: “I supervise.”"]),
            (NotEvidenced("an exam on site"), ["what cannot be shown here yet: an exam on site"]),
            (
                AllOf((SafetyOfficerNamed(lasers_only=False), NotEvidenced("an exam"))),
                ["the site has named a laser safety officer", "what cannot be shown here yet: an exam"],
            ),
            (
                AnyOf(
                    (
                        SiteHolds("a permit", ("X",)),
                        AllOf((NotEvidenced("an exam"), SafetyOfficerNamed(lasers_only=False))),
                    )
                ),
                [EITHER],
            ),
        ],
    )
    def test_every_condition_has_its_words(self, condition, words):
        assert rule_words.conditions(condition) == words

    @pytest.mark.parametrize(
        ("noted", "words"),
        [
            ("ESTHETICIAN", "Esthetician"),
            ("MASTER_ESTHETICIAN_MANAGER", "Master esthetician manager"),
            ("LPN (proposed rule, S)", "LPN (proposed rule, second-hand)"),
            ("ESTHETICIAN, ELECTROLOGIST on own authority (S)", "Esthetician, electrologist on own authority (second-hand)"),
            ("ELECTROLOGIST (needle method only, P)", "Electrologist (needle method only, text read)"),
            ("AESTHETICIAN (S, 2009: 'may not')", "Aesthetician (second-hand, 2009: 'may not')"),
            ("US-TX:TDLR:LHR", "Texas laser hair removal certificate (TDLR)"),
            ("US-XX:NOBODY:KNOWS", "Us-xx:nobody:knows"),
            ("any medical esthetics certificate: the board issues none", "Any medical esthetics certificate: the board issues none"),
        ],
    )  # fmt: skip
    def test_whom_a_rule_turns_away_is_named_in_words(self, noted, words):
        assert rule_words.turned_away(NotAccepted(noted, ("ANY",))) == words

    @pytest.mark.parametrize("code", STATES)
    def test_nobody_is_turned_away_by_a_code(self, policy, code):
        named = [who for chapter in rule_words.chapters(policy, code) for who in chapter.turned_away]
        assert [who for who in named if re.search(r"[A-Z]_[A-Z]|[A-Z]{7}|\b[PSOX][),]", who)] == []

    def test_what_a_rule_reaches_is_said(self):
        assert rule_words.coverage(
            Coverage(lasers_only=True, modalities=("ALEX", "CO2"), except_modalities=("IPL",))
        ) == [
            "only handpieces that emit laser light",
            "only these kinds of device: ALEX, CO2",
            "not these kinds of device: IPL",
        ]
        assert rule_words.coverage(Coverage()) == []
