"""
The seventy drafts as a lawyer's researcher wrote them, beside the policy they became: nothing is lost, nothing is added.

`drafts.json` is the research as it was handed over, untouched; its digest stands below.
"""

import hashlib
import json
from pathlib import Path

import pytest

from marketplace.credentials.types import credential_types
from marketplace.eligibility.requirements import AllOf, AnyOf, HoldsCredential, MemberHolds, SiteHolds, atoms
from marketplace.eligibility.rules import GATING
from marketplace.eligibility.verdict import Evidence
from marketplace.kernel.shapes import write
from tests.factories.gate import reference_policy

RESEARCH = json.loads((Path(__file__).parent / "drafts.json").read_text("utf-8"))
DRAFTS = {draft["rule_id"]: draft for draft in RESEARCH["rules"]}
DOCUMENT = reference_policy().document
RULES = {rule.id: rule for rule in DOCUMENT.rules}
DIGEST = "02763b800ffe0e7d577b8823cecb5179d1e95aef9b537f5cf82fd9fe28da5be0"

BELIEVED_BESIDE = {("WA-LLRP-1", "Washington Master Esthetician as a delegate")}
"""What is known of beside the drafts, kept as believed; never enabled."""

CORRECTED = {("TX-HAIR-TDLR-1", "Tex. H&S Code 401.504"), ("TX-HAIR-TDLR-1", "21 CFR 801.109")}
"""Texts to which a draft gave the version of another text beside them."""

LICENSED = ("MD_DO", "PA", "APRN", "RN", "LPN")
NAMES = {
    "DELEGATE": ("PHYSICIAN_DELEGATION",),
    "PHYSICIAN_DELEGATE": ("PHYSICIAN_DELEGATION",),
    "LICENSED_DELEGATE": ("PHYSICIAN_DELEGATION",),
    "PRESCRIBING_HEALTH_PROFESSIONAL": ("MD_DO",),
    "HEALTH_PROFESSIONAL": LICENSED,
    "LICENSED_HCP_IN_SCOPE": LICENSED,
    "LICENSED_MEDICAL_PROVIDER": ("MD_DO", "PA", "APRN", "RN"),
    "PA_OR_APRN": ("PA", "APRN"),
    "NP": ("APRN",),
    "CNP": ("APRN",),
    "US-KY:KBC:ESTHETICIAN": ("ESTHETICIAN",),
    "US-MA:BRCB:AESTHETICIAN": ("ESTHETICIAN",),
    "ELECTROLOGIST": ("US-MA:BRCB:ELECTROLOGIST",),
}
"""What the drafts call a credential -> the types it became; every other name is a type's own."""

ABOUT = {
    "supervision": "supervision",
    "practice_of_medicine": "practice_of_medicine",
    "term": "term",
    "ce": "continuing_education",
    "training": "training",
    "device_registration": "device_registration",
    "device_condition": "device_condition",
    "public_register": "public_register",
    "ansi": "safety_standard",
    "conflict": "conflict",
    "overlaps": "overlaps",
    "scope_note": "scope_note",
    "note": "note",
}
"""A draft's words beside the rule -> where the policy keeps them."""

TOLD = {
    "rule_id", "jurisdiction", "procedure_class", "operator_any_of", "citations", "evidence", "site_prereqs", "excluded",
    "needs_human_confirmation", "eligible_after_confirmation", "purchase_authority", "not_accepted",
    "not_accepted_inferred", "outcome", "reason_code", *ABOUT,
}  # fmt: skip

each_rule = pytest.mark.parametrize("rule_id", DRAFTS)


def _types(option):
    return {
        code
        for atom in atoms(option.requires)
        if isinstance(atom, HoldsCredential | MemberHolds | SiteHolds)
        for code in atom.types
    }


def _named(draft_option):
    names = draft_option["credential_type"].split("|")
    return {code for name in names for code in NAMES.get(name, (name,))}


def _words(draft_option):
    """The words of a draft's option, as the policy keeps them beside the conditions."""
    words = [draft_option["condition"]] if "condition" in draft_option else []
    for key, label in (
        ("credential_name", "credential"), ("issuer", "issuer"), ("status", "status"), ("endorsement", "endorsement"),
    ):  # fmt: skip
        if key in draft_option:
            words.append(f"{label}: {draft_option[key]}")
    if "levels" in draft_option:
        words.append(f"levels: {', '.join(draft_option['levels'])}")
    if "modality_limit" in draft_option:
        words.append(f"modality: {', '.join(draft_option['modality_limit'])}")
    if "and_any_of" in draft_option:
        words.append("training: " + " or ".join(" and ".join(both) for both in draft_option["and_any_of"]))
    return words


def test_the_research_is_as_it_was_handed_over():
    canonical = json.dumps(RESEARCH, sort_keys=True, separators=(",", ":")).encode()

    assert hashlib.sha256(canonical).hexdigest() == DIGEST


def test_no_field_of_a_draft_goes_unread_here():
    assert {field for draft in DRAFTS.values() for field in draft} == TOLD


def test_all_seventy_are_here_and_nothing_else():
    assert list(RULES) == list(DRAFTS)
    assert len(RULES) == 70
    assert len({rule.jurisdiction for rule in RULES.values()}) == 50


def test_the_notes_and_the_default_are_kept():
    assert {state: DOCUMENT.notes[state] for state in RESEARCH["notes"]} == RESEARCH["notes"]
    default = RESEARCH["default_rule"]
    assert (DOCUMENT.default.rule_id, DOCUMENT.default.appeal) == (default["rule_id"], default["appeal"])
    assert {level.value: words for level, words in DOCUMENT.evidence_levels.items()} == RESEARCH["evidence_levels"]


@each_rule
def test_what_it_is_about_and_how_well_it_is_known(rule_id):
    rule, draft = RULES[rule_id], DRAFTS[rule_id]

    assert rule.jurisdiction == draft["jurisdiction"]
    assert list(rule.procedure_classes) == draft["procedure_class"]
    assert rule.evidence == draft["evidence"]
    assert rule.needs_confirmation is draft["needs_human_confirmation"] is True
    assert rule.eligible_after_confirmation == draft.get("eligible_after_confirmation")
    assert rule.outcome == draft.get("outcome", "operators")
    # The drafts give a reason code only where they say no, and it is the one of the default.
    assert draft.get("reason_code", "NO_RULE_FOR_JURISDICTION_PROCEDURE") == RESEARCH["default_rule"]["reason_code"]


@each_rule
def test_every_citation_with_its_address_version_and_evidence(rule_id):
    rule, draft = RULES[rule_id], DRAFTS[rule_id]

    assert [citation.ref for citation in rule.citations] == [cited["ref"] for cited in draft["citations"]]
    for citation, cited in zip(rule.citations, draft["citations"], strict=True):
        assert citation.url == cited["url"]
        if (rule_id, citation.ref) not in CORRECTED:
            assert cited["text_version"] in (None, citation.text_version)
        assert cited.get("mark", citation.evidence) == citation.evidence
        # Where the researcher wrote the level into the reference, it is that.
        if "mark" not in cited and "(S)" in citation.ref:
            assert citation.evidence is Evidence.SECONDARY


@each_rule
def test_every_exclusion_and_every_word_beside_it(rule_id):
    rule, draft = RULES[rule_id], DRAFTS[rule_id]

    inferred = draft.get("not_accepted_inferred", [])
    assert [named.text for named in rule.not_accepted] == draft.get("not_accepted", []) + inferred
    assert [named.text for named in rule.not_accepted if named.inferred] == inferred
    assert list(rule.excluded) == draft.get("excluded", [])
    assert list(rule.about.site_prerequisites) == draft.get("site_prereqs", [])
    assert list(rule.about.purchase_authority) == draft.get("purchase_authority", [])
    spoken = {True: "yes", False: "no"}
    words = {
        ABOUT[field]: spoken.get(value, value) if isinstance(value, bool) else value
        for field, value in draft.items()
        if field in ABOUT and value is not None
    }
    assert {name: text for name, text in write(rule.about).items() if isinstance(text, str)} == words


@each_rule
def test_every_option_with_whom_it_names_its_conditions_and_whether_it_is_enabled(rule_id):
    options = [option for option in RULES[rule_id].options if (rule_id, option.name) not in BELIEVED_BESIDE]
    unmatched = list(options)
    for wanted in DRAFTS[rule_id]["operator_any_of"]:
        words, enabled = _words(wanted), wanted.get("enabled", True)
        # One option of a draft may have become several that say the same for different people or handpieces.
        became = [
            option
            for option in unmatched
            if sorted(option.conditions) == sorted(words)
            and option.enabled is enabled
            and _types(option) & _named(wanted)
        ]
        assert became, wanted
        # Whom a draft names together with others may stand in an option of their own.
        expected = set(wanted.get("levels", ())) & set(LICENSED) or _named(wanted)
        assert expected <= {code for option in options for code in _types(option)}, wanted
        mark = wanted.get("mark")
        for option in became:
            if mark in {"P", "O", "S", "X"}:
                assert option.evidence == mark
            elif mark == "O/S":
                assert option.evidence is Evidence.SECONDARY
            elif mark is not None:
                assert option.evidence_note == mark
        levels = {level for level in wanted.get("levels", ()) if level not in LICENSED}
        for option in became:
            asked = {level for atom in atoms(option.requires) for level in getattr(atom, "levels", ())}
            assert levels <= asked
            unmatched.remove(option)

    assert unmatched == []


@each_rule
def test_nothing_of_second_hand_evidence_or_switched_off_ever_gates(rule_id):
    rule, draft = RULES[rule_id], DRAFTS[rule_id]

    if draft["evidence"] not in {"P", "O"} or draft.get("eligible_after_confirmation") is False:
        assert not rule.gates
    for option in rule.options:
        if not option.enabled or (option.evidence is not None and option.evidence not in GATING):
            assert not option.gates


def test_the_two_ways_of_florida_are_both_there():
    (option, _physician) = RULES["FL-ELECTROLOGIST-1"].options
    (either,) = (part for part in option.requires.conditions if isinstance(part, AnyOf))

    assert [[atom.types[0] for atom in atoms(both)] for both in either.conditions] == (
        DRAFTS["FL-ELECTROLOGIST-1"]["operator_any_of"][0]["and_any_of"]
    )
    assert all(isinstance(both, AllOf) for both in either.conditions)


def test_every_name_that_was_translated_is_a_type():
    assert {code for codes in NAMES.values() for code in codes} <= set(credential_types())
