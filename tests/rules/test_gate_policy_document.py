"""The policy document: what is asked is asked whole, and nothing that contradicts itself is read."""

from copy import deepcopy
from datetime import date

import pytest

from marketplace.credentials.types import credential_types
from marketplace.eligibility.policy import Policy
from marketplace.eligibility.requirements import AnyOf, HoldsCredential, NotEvidenced, atoms
from marketplace.eligibility.rulebook import reference_document
from marketplace.eligibility.rules import RuleOutcome
from marketplace.kernel.shapes import Misshapen, read
from marketplace.kernel.terms import ProcedureClass
from tests.factories.gate import reference_policy

DOCUMENT = reference_policy().document
RULES = {rule.id: rule for rule in DOCUMENT.rules}


class TestTheRules:
    def test_a_condition_is_never_dropped_for_a_bare_licence(self):
        explained = {
            # Their condition is the kind of the credential itself, a level of it, or what it must list.
            ("AZ-LASERTECH-1", "Prescribing health professional in Arizona: physician (MD or DO)"),
        }
        for rule in RULES.values():
            for option in rule.options:
                if option.conditions and (rule.id, option.name) not in explained:
                    parts = list(atoms(option.requires))
                    asks_more = len(parts) > 1 or isinstance(option.requires, AnyOf)
                    scoped = isinstance(parts[0], HoldsCredential) and (
                        parts[0].levels or parts[0].endorsements or parts[0].on_model or option.procedure_classes
                    )
                    assert asks_more or scoped, (rule.id, option.name)

    def test_what_cannot_be_shown_yet_is_said_in_every_option_that_waits_for_it(self):
        waiting = [
            rule.id
            for rule in RULES.values()
            for option in rule.options
            if any(isinstance(atom, NotEvidenced) for atom in atoms(option.requires))
        ]

        assert waiting == [
            "CO-R800-1", "MA-NURSE-1", "MD-COSMED-1", "MN-APE-1", "OR-CAE-1", "RI-ELECTROLOGIST-1", "SC-MED-1",
            "TX-HAIR-TDLR-1", "WY-MED-1",
        ]  # fmt: skip

    def test_dates_are_kept_where_a_text_names_them(self):
        dated = {
            rule.id: (rule.in_force_from, rule.in_force_to)
            for rule in RULES.values()
            if rule.in_force_from or rule.in_force_to
        }

        assert dated == {
            "ND-ADV-EST-S": (date(2026, 1, 1), None),
            "OK-LHR-1": (date(2024, 11, 1), None),
            "TX-HAIR-TDLR-1": (date(2017, 11, 1), None),
            "TX-OTHER-TMB-1": (None, date(2025, 1, 8)),
            "UT-MASTER-EST-1": (date(2026, 1, 1), date(2026, 6, 30)),
        }

    def test_there_is_a_note_for_every_state_with_a_rule_but_one(self):
        assert {rule.state for rule in RULES.values()} - DOCUMENT.notes.keys() == set()


class TestTheDocument:
    def test_reads_back_to_itself(self):
        assert read(type(DOCUMENT), reference_policy().to_document()) == DOCUMENT

    def test_never_narrows_ablative_work_or_needling(self):
        assert DOCUMENT.narrowing.never == (ProcedureClass.ABLATIVE, ProcedureClass.RF_NEEDLE)

    def test_reads_endorsements_as_the_credential_types_do(self):
        meanings = {
            code: {entry.code: frozenset(entry.procedure_classes) for entry in kind.endorsements}
            for code, kind in credential_types().items()
            if code in DOCUMENT.endorsements
        }

        assert {
            code: {name: frozenset(classes) for name, classes in entries.items()}
            for code, entries in DOCUMENT.endorsements.items()
        } == meanings
        assert len(meanings["US-AZ:ADHS:LASER_TECHNICIAN"]) == 17

    def test_a_rule_that_says_nothing_about_operators_has_no_options(self):
        for rule in RULES.values():
            assert bool(rule.options) is (rule.outcome is RuleOutcome.OPERATORS)


def _edited(path, value):
    document = deepcopy(reference_document())
    target = document
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = value
    return document


_RULE = 2  # AZ-LASERTECH-1
_OPTION = ("rules", _RULE, "options", 1, "requires")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("rulez",), [], "rulez: this is not known here"),
        (("rules", _RULE, "evidnce"), "P", "rules[2].evidnce: this is not known here"),
        (("rules", _RULE, "evidence"), "A", "rules[2].evidence: one of P, O, S, X expected, not 'A'"),
        (("rules", _RULE, "id"), "AR-MED-1", "rules[2].id: AR-MED-1 is listed twice"),
        (("rules", _RULE, "jurisdiction"), "US-ZZ", "AZ-LASERTECH-1: no such jurisdiction: 'US-ZZ'"),
        (("rules", _RULE, "options"), [], "AZ-LASERTECH-1: a rule has options exactly if it says who may operate"),
        (("rules", _RULE, "outcome"), "deny", "AZ-LASERTECH-1: a rule has options exactly if it says who may operate"),
        (("rules", _RULE, "citations"), [], "AZ-LASERTECH-1: a rule that gates cites at least one text that was read"),
        (
            ("rules", _RULE, "options", 0, "procedure_classes"),
            ["ABLATIVE"],
            (
                "AZ-LASERTECH-1: ADHS laser technician certificate that lists the procedure: a procedure that the rule is not"
                " about"
            ),
        ),
        (_OPTION, {"all_of": []}, "all_of: an empty condition asks for nothing; write what is asked"),
        (_OPTION, {"any_of": []}, "any_of: an empty condition asks for nothing; write what is asked"),
        (_OPTION, {"credential": {"name": "x", "types": []}}, "credential: an empty condition asks for nothing"),
        (_OPTION, {"member_holds": {"name": "x", "types": []}}, "member_holds: an empty condition asks for nothing"),
        (_OPTION, {"site_credential": {"name": "x", "types": []}}, "site_credential: an empty condition asks"),
        (_OPTION, {"hope": "x"}, "rules[2].options[1].requires: one of all_of, any_of, credential"),
        (_OPTION, {"credential": {"name": "x", "types": ["NOPE"]}}, "no such credential type: 'NOPE'"),
        (
            _OPTION,
            {"credential": {"name": "x", "types": ["MD_DO"], "levels": ["HIGH"]}},
            "no such level or endorsement: 'HIGH'",
        ),
        (
            _OPTION,
            {"credential": {"name": "x", "types": ["MD_DO"], "endorsements": ["ALL"]}},
            "no such level or endorsement: 'ALL'",
        ),
        (
            _OPTION,
            {"site_credential": {"name": "a licence", "types": ["MD_DO"]}},
            "a licence: not held by a site",
        ),
        (
            _OPTION,
            {"member_holds": {"name": "a paper", "types": ["US-TX:TDLR:LHR_FACILITY"]}},
            "a paper: not held by a person",
        ),
        (
            _OPTION,
            {"practitioner_attests": {"code": "NV_REACHABLE", "text": "Anything."}},
            "statement NV_REACHABLE has two texts",
        ),
        (("rules", _RULE, "not_accepted"), [{"text": "x", "types": ["NOPE"]}], "no such credential type: 'NOPE'"),
        (
            ("rules", _RULE, "requires"),
            [{"credential": {"name": "x", "types": ["NOPE"]}}],
            "rules[2].requires: no such",
        ),
        (("floors", 0, "requires"), {"credential": {"name": "x", "types": ["NOPE"]}}, "floors.LICENSED_PROFESSIONAL:"),
        (("ordering", "prescribers", 0, "types"), ["NOPE"], "ordering.prescribers: no such credential type"),
        (
            ("ordering", "prescribers", 0, "states"),
            ["TX"],
            "ordering.prescribers: one of them must count in every state",
        ),
        (("endorsements", "NOPE"), {}, "endorsements: no such credential type: 'NOPE'"),
        (
            ("endorsements", "PHYSICIAN_DELEGATION", "DANCING"),
            [],
            "endorsements.PHYSICIAN_DELEGATION: no such endorsement: 'DANCING'",
        ),
        (("notes", "ZZ"), "", "notes.ZZ: no such state"),
        (("freshness",), {}, "freshness: STATE_LICENSE is missing"),
        (("narrowing", "sentence"), "only {hope}", "narrowing.sentence: only {device}, {uses} and {left_out}"),
        (("format",), True, "format: int expected, not True"),
    ],
)
def test_a_document_that_is_wrong_is_refused_with_the_place(path, value, message):
    with pytest.raises(Misshapen) as refusal:
        Policy.from_document(_edited(path, value))

    assert message in str(refusal.value)


def test_prescribers_of_some_states_count_there_beside_those_of_all():
    document = deepcopy(reference_document())
    document["ordering"]["prescribers"].append({"types": ["APRN"], "name": "a nurse practitioner's", "states": ["OR"]})

    policy = Policy.from_document(document)

    assert policy.prescribers["OR"].types == ("MD_DO", "APRN")
    assert policy.prescribers["TX"].types == ("MD_DO",)


def test_types_of_another_house_can_be_given():
    with pytest.raises(Misshapen, match="no such credential type"):
        Policy.from_document(reference_document(), types={})
