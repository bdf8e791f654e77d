"""The list of checks that the tests would miss is about the code as it stands."""

import re

import pytest

from tests.mutants import changes
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


SOURCE = """
LATEST = 3 if today else 4

def late(day, days: int | None = None, extra=not LATEST):
    require(day)
    log.info("asked")
    if day > LATEST and days:
        raise Late
    return query.where(Row.day == day).filter(not (Row.gone | (Row.lost < 1)))
"""
LEFT = "query.where(Row.day == day).filter(not Row.gone | (Row.lost < 1))"
CHANGES = [
    (5, "require(day)", ""),
    (7, "day > LATEST and days", "False"),
    (7, "day > LATEST and days", "True"),
    (7, "day > LATEST and days", "days"),
    (7, "day > LATEST and days", "day > LATEST"),
    (7, "day > LATEST", "day >= LATEST"),
    (9, LEFT, "query.where(Row.day == day)"),
    (9, "query.where(Row.day == day)", "query"),
    (9, "Row.day == day", "Row.day != day"),
    (9, "not Row.gone | (Row.lost < 1)", "Row.gone | (Row.lost < 1)"),
    (9, "Row.gone | (Row.lost < 1)", "Row.gone"),
    (9, "Row.gone | (Row.lost < 1)", "Row.lost < 1"),
    (9, "Row.lost < 1", "Row.lost <= 1"),
]


def test_a_look_takes_away_all_that_is_asked_within_functions():
    _, found = changes.changed(SOURCE, first=0)

    assert [(change.line, change.was, change.now) for change in found] == CHANGES


def test_a_change_keeps_its_name_while_its_function_stands_as_it_stood():
    def named(source):
        _, found = changes.changed(source, first=0)
        return changes.names("late.py", source, found)

    late = "def late(day, end):\n    return day > end or day > end\n"
    before = named(late)
    assert len(set(before)) == 4
    assert named(f"LATEST = 3\n\n{late}\ndef gone(day):\n    return day.gone\n") == before
    assert set(named(late.replace("> end or", "> end - 1 or"))).isdisjoint(before)


def test_a_look_at_refusals_keeps_to_the_lines_that_decide_them():
    assert changes.refusals(SOURCE) == {5, 7}


def test_one_change_is_on_at_a_time():
    tree, found = changes.changed("def late(day, end):\n    return day > end and not day.known\n", first=7)
    assert [change.now for change in found] == ["not day.known", "day > end", "day >= end", "day.known"]

    class Day(int):
        known = False

    answers = []
    for on in (None, 7, 8, 9, 10):
        room = {changes.ASKED: on.__eq__ if on else lambda _: False}
        exec(compile(tree, "late.py", "exec"), room)  # noqa: S102 - The two lines above.
        answers.append([room["late"](Day(day), 5) for day in (4, 5, 6)])
    assert answers == [
        [False, False, True],
        [True, True, True],
        [False, False, True],
        [False, True, True],
        [False, False, False],
    ]
