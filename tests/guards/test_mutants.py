"""The list of checks that the tests would miss is about the code as it stands."""

import re

import pytest

from tests.mutants.run import ROOT, mutants

LISTED = list(mutants())


@pytest.mark.parametrize("mutant", LISTED, ids=lambda mutant: mutant.says)
def test_a_mutant_takes_away_one_thing_that_is_there_and_names_tests_that_are(mutant):
    assert (ROOT / mutant.file).read_text(encoding="utf-8").count(mutant.original) == 1
    assert mutant.original != mutant.changed
    assert mutant.tests
    assert [name for name in mutant.tests if not (ROOT / name.partition("::")[0]).exists()] == []


FUNCTION = re.compile(r'(?:CREATE (?:OR REPLACE )?FUNCTION |^ *")(\w+)\([\w ,]*\)"?[:\s]', re.MULTILINE)


@pytest.mark.parametrize(
    "mutant", [one for one in LISTED if one.file.startswith("migrations/")], ids=lambda mutant: mutant.says
)
def test_a_mutant_of_the_database_changes_what_it_does_now(mutant):
    """A later migration that writes a function anew makes a mutant of the earlier one harmless, and unnoticed."""
    path = ROOT / mutant.file
    before, _, _ = path.read_text(encoding="utf-8").partition(mutant.original)
    (*_, name) = FUNCTION.findall(before + mutant.original)
    later = [other for other in path.parent.glob("*.py") if other.name > path.name]

    assert [other.name for other in later if name in FUNCTION.findall(other.read_text(encoding="utf-8"))] == []


def test_no_two_say_the_same():
    sentences = [mutant.says for mutant in LISTED]

    assert len(set(sentences)) == len(sentences)
