"""Two policies side by side: everything that differs is said, rule by rule, and nothing else."""

from dataclasses import replace
from datetime import date

from marketplace.eligibility.comparing import Difference, compare
from marketplace.eligibility.rules import RuleOutcome
from marketplace.eligibility.verdict import Citation, Evidence
from tests.factories.gate import reference_policy

DOCUMENT = reference_policy().document
NEVADA = next(rule for rule in DOCUMENT.rules if rule.id == "NV-ADV-EST-1")


def with_nevada(**changes):
    rules = tuple(replace(rule, **changes) if rule is NEVADA else rule for rule in DOCUMENT.rules)
    return replace(DOCUMENT, rules=rules)


def only(comparison):
    (change,) = comparison.rules
    return change


def test_the_same_policy_does_not_differ():
    comparison = compare(DOCUMENT, DOCUMENT)

    assert comparison.same
    assert not comparison.reaches("NV")


def test_a_date_that_was_set_is_one_difference():
    comparison = compare(DOCUMENT, with_nevada(in_force_to=date(2027, 1, 31)))

    change = only(comparison)
    assert (change.rule_id, change.state, change.kind) == ("NV-ADV-EST-1", "NV", "changed")
    assert change.differences == (Difference("in force to", None, "2027-01-31"),)
    assert comparison.reaches("NV")
    assert not comparison.reaches("TX")
    assert not comparison.same


def test_a_changed_option_is_named_and_only_what_changed_in_it_is_shown():
    first, *others = NEVADA.options
    comparison = compare(DOCUMENT, with_nevada(options=(replace(first, enabled=False), *others)))

    (difference,) = only(comparison).differences
    assert difference == Difference(f"options › {first.name} › enabled", "yes", "no")


def test_a_citation_is_known_by_its_reference():
    citations = (*NEVADA.citations, Citation("NAC 644A.1", text_version="2026", evidence=Evidence.PRIMARY))
    (added,) = only(compare(DOCUMENT, with_nevada(citations=citations))).differences

    assert added.path == "citations › NAC 644A.1"
    assert added.before is None
    assert "text version: 2026" in added.after


def test_what_was_left_out_and_what_is_new_are_said():
    fewer = replace(DOCUMENT, rules=tuple(rule for rule in DOCUMENT.rules if rule is not NEVADA))

    gone = only(compare(DOCUMENT, fewer))
    assert (gone.rule_id, gone.kind, gone.differences) == ("NV-ADV-EST-1", "left out", ())
    new = only(compare(fewer, DOCUMENT))
    assert (new.rule_id, new.kind) == ("NV-ADV-EST-1", "added")
    assert Difference("evidence", None, "P") in new.differences
    assert all(difference.before is None for difference in new.differences)
    assert compare(fewer, DOCUMENT).reaches("NV")


def test_a_list_that_became_nothing_is_a_difference():
    silent = with_nevada(options=(), outcome=RuleOutcome.DENY, excluded=("everything", "else"))
    paths = {difference.path: difference for difference in only(compare(DOCUMENT, silent)).differences}

    assert paths["outcome"] == Difference("outcome", "operators", "deny")
    assert paths["excluded › 2"].after == "else"


def test_what_stands_beside_the_rules_reaches_every_place():
    comparison = compare(DOCUMENT, replace(DOCUMENT, name="Another", floors=()))

    assert comparison.rules == ()
    assert Difference("name", DOCUMENT.name, "Another") in comparison.beside
    assert comparison.reaches("TX")
    assert not comparison.same
