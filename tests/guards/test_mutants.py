"""The list of checks that the tests would miss is about the code as it stands."""

import pytest

from tests.mutants.run import ROOT, mutants

LISTED = list(mutants())


@pytest.mark.parametrize("mutant", LISTED, ids=lambda mutant: mutant.says)
def test_a_mutant_takes_away_one_thing_that_is_there_and_names_tests_that_are(mutant):
    assert (ROOT / mutant.file).read_text(encoding="utf-8").count(mutant.original) == 1
    assert mutant.original != mutant.changed
    assert mutant.tests
    assert [name for name in mutant.tests if not (ROOT / name.partition("::")[0]).exists()] == []


def test_no_two_say_the_same():
    sentences = [mutant.says for mutant in LISTED]

    assert len(set(sentences)) == len(sentences)
