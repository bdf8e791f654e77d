"""A test begins on the stage that it asks for by name, so no fixture of its own may have such a name."""

import ast
from pathlib import Path

from tests.stages import NAMES

TESTS = Path(__file__).parents[1]


def fixtures_of(tree: ast.Module):
    for one in ast.walk(tree):
        if isinstance(one, ast.FunctionDef) and any("fixture" in ast.unparse(mark) for mark in one.decorator_list):
            yield one.name, {argument.arg for argument in one.args.args}


def test_no_fixture_hides_a_stage():
    """But one that builds upon it, and those of tests that begin in a database of their own."""
    hiding = [
        f"{path.relative_to(TESTS)}: {name}"
        for path in sorted(TESTS.rglob("test_*.py"))
        if "pytestmark = pytest.mark.own_database" not in (source := path.read_text(encoding="utf-8"))
        for name, asked in fixtures_of(ast.parse(source))
        if name in NAMES and name not in asked
    ]
    assert hiding == []
