"""Each of the 28 things that can go wrong with money has a test that exists."""

import ast
from functools import cache
from pathlib import Path

from tests.faults.cases import named, registry

ROOT = Path(__file__).parents[2]


@cache
def _tests_of(file: str) -> frozenset[str]:
    found = set()
    for node in ast.parse((ROOT / file).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return frozenset(found)


def _exists(test: str) -> bool:
    file, _, name = test.partition("::")
    return (ROOT / file).is_file() and name in _tests_of(file)


def test_every_case_has_a_test():
    assert [case["number"] for case in registry()["case"]] == list(range(1, 29))
    assert [case["number"] for case in registry()["case"] if not case["tests"]] == []


def test_every_test_of_a_case_exists():
    assert sorted(test for test in named() if not _exists(test)) == []


def test_what_is_left_to_be_found_belongs_to_a_case():
    assert sorted(set(registry()["finds"]) - named()) == []
