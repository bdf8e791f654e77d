"""The public test vectors: every situation is answered as its file says, and no answer changes without a reason."""

import csv
import io
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import marketplace.catalog
from marketplace.catalog.terms import HazardClass
from marketplace.dev.vectors import writing
from marketplace.eligibility import vectors as public
from marketplace.eligibility.facts import Exclusion, Hazard
from marketplace.eligibility.policy import Policy
from marketplace.eligibility.reasons import Key, ReasonCode
from marketplace.kernel.terms import STATES, ProcedureClass
from tests.factories.gate import reference_policy

KEPT = public.vectors()
SCENARIOS = {scenario.id: scenario for scenario in KEPT.scenarios}
MODALITIES = Path(marketplace.catalog.__file__).parent / "data" / "modalities.json"


class TestTheAnswers:
    def test_are_what_the_gate_says_in_every_situation(self):
        wrong = {}
        for scenario in KEPT.scenarios:
            found = public.answer_to(scenario, KEPT.handpieces, reference_policy())
            if not public.meets(found, scenario.expected):
                wrong[scenario.id] = (scenario.expected, found)

        assert wrong == {}

    def test_do_not_change_until_the_changelog_says_why(self):
        assert KEPT.explained, "An answer changed: add an entry with its reason and the new digest."
        assert [change.version for change in KEPT.changelog] == list(range(1, len(KEPT.changelog) + 1))
        assert all(len(change.reason) > 10 for change in KEPT.changelog)
        assert len({change.digest for change in KEPT.changelog}) == len(KEPT.changelog)

    @pytest.mark.parametrize(
        "change",
        [{"cleared": False}, {"reasons": ("operator:STALE",)}, {"rules": ()}, {"cites": ()}],
        ids=lambda change: next(iter(change)),
    )
    def test_any_other_answer_is_unexplained_and_not_met(self, change):
        first = SCENARIOS["TX-HAIR-SENIOR/right"]
        other = replace(first, expected=replace(first.expected, **change))
        bent = tuple(other if each is first else each for each in KEPT.scenarios)

        assert not replace(KEPT, scenarios=bent).explained
        found = public.answer_to(first, KEPT.handpieces, reference_policy())
        # A text that the file does not name may stand behind an answer; one that it names must.
        assert public.meets(found, other.expected) is ("cites" in change)
        assert not public.meets(found, replace(first.expected, cites=("The Book",)))

    def test_are_the_ones_that_the_tables_come_to(self):
        text = public.VECTORS_FILE.read_text(encoding="utf-8")

        assert text == writing.text_of(writing.document(json.loads(text)["changelog"]))

    def test_of_two_policies_are_compared_one_by_one(self):
        before = reference_policy()
        document = before.document
        silent = Policy(replace(document, rules=tuple(rule for rule in document.rules if rule.id != "WV-MED-1")))

        changed = {
            scenario.id: (then.cleared, [one.code for one in now.objections])
            for scenario, then, now in public.differing(before, silent)
        }

        assert changed["WV-HAIR-PHYSICIAN"] == (True, [ReasonCode.NO_RULE])
        assert {SCENARIOS[name].place for name in changed} == {"WV"}
        assert list(public.differing(before, before)) == []


class TestTheSituations:
    def test_are_many_and_each_is_one_of_its_own(self):
        assert len(SCENARIOS) == len(KEPT.scenarios) >= 300
        assert len({scenario.words for scenario in KEPT.scenarios}) == len(KEPT.scenarios)

    def test_reach_every_place_and_answer_both_ways(self):
        assert {scenario.place for scenario in KEPT.scenarios} == set(STATES)
        answers = Counter(scenario.expected.cleared for scenario in KEPT.scenarios)
        assert min(answers.values()) > 100

    def test_know_every_reason_but_those_of_facts_they_do_not_speak_of(self):
        known = {reason.split(":", 1)[1] for scenario in KEPT.scenarios for reason in scenario.expected.reasons}

        assert set(ReasonCode) - known == {
            "MODEL_UNKNOWN", "ID_LABEL_NOT_SEEN", "RECALL_NOT_CHECKED", "EXCLUSION_NOT_CHECKED", "BUYER_SUSPENDED",
        }  # fmt: skip
        assert known <= set(ReasonCode)
        assert {reason.split(":")[0] for s in KEPT.scenarios for reason in s.expected.reasons} == set(Key)

    def test_use_handpieces_as_the_catalogue_knows_them(self):
        hazards = {HazardClass.CLASS_IV: Hazard.LASER, HazardClass.NOT_A_LASER: Hazard.NOT_A_LASER}
        known = {entry["code"]: entry for entry in json.loads(MODALITIES.read_text(encoding="utf-8"))}

        for code, part in KEPT.handpieces.items():
            entry = known[code]
            enables = frozenset(map(ProcedureClass, entry["procedure_classes"])) if entry["determined"] else None
            assert part.enables == enables, code
            assert part.hazard is hazards.get(HazardClass(entry["hazard_class"]), Hazard.UNKNOWN), code

    def test_become_the_facts_they_speak_of(self):
        facts = public.facts_of(SCENARIOS["TX-HAIR-SENIOR/excluded"], KEPT.handpieces)

        assert facts.operator.exclusion is Exclusion.OPEN
        assert (facts.place.state, facts.place.time_zone) == ("TX", "America/Chicago")
        assert [held.type for held in facts.site.colleagues[0].credentials] == ["US-TX:TDLR:LHR"]


class TestTheTable:
    def test_has_a_line_for_each_that_a_spreadsheet_reads(self):
        lines = list(csv.DictReader(io.StringIO(public.as_csv(KEPT))))

        assert [line["id"] for line in lines] == list(SCENARIOS)
        line = lines[list(SCENARIOS).index("AZ-HAIR-TECH/midnight")]
        assert (line["place"], line["answer"], line["reasons"]) == ("Arizona", "no", "operator:EXPIRED")
        assert line["moment"] == "2027-03-04T07:00:00+00:00"
        assert line["texts"] == "A.R.S. 32-516; A.A.C. R9-7-1438"
        assert {line["answer"] for line in lines} == {"yes", "no"}


class TestWriting:
    @pytest.fixture
    def file(self, tmp_path, monkeypatch):
        file = tmp_path / "vectors.json"
        monkeypatch.setattr(writing, "VECTORS_FILE", file)
        return file

    def test_writes_the_same_file_again(self, file):
        before = public.VECTORS_FILE.read_text(encoding="utf-8")
        file.write_text(before, encoding="utf-8")
        said = []

        writing.main(said.append)

        assert said == ["The answers are as the changelog says."]
        assert file.read_text(encoding="utf-8") == before

    def test_asks_for_a_reason_when_an_answer_is_another(self, file):
        file.write_text('{"changelog": [{"version": 1, "on": "2026-11-22", "reason": "x", "digest": "0"}]}', "utf-8")
        said = []

        writing.main(said.append)

        assert said == [
            f"The answers changed. Add an entry that says why, with this digest: {KEPT.changelog[-1].digest}"
        ]
