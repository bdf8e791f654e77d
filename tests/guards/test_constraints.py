"""Whatever the database refuses, a test has seen it refuse, by name."""

import re
from pathlib import Path

from sqlalchemy import CheckConstraint, Enum, UniqueConstraint

from marketplace.database import metadata

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"


def _facts() -> set[str]:
    names = set()
    for table in metadata().tables.values():
        enums = {column.type.name for column in table.columns if isinstance(column.type, Enum)}
        for constraint in table.constraints:
            if isinstance(constraint, CheckConstraint | UniqueConstraint):
                written = str(constraint.name)
                # The values of an enum are refused by one generated constraint, tried once for all of them.
                if written.removeprefix(f"{table.name}_") not in enums:
                    names.add(written)
        names |= {index.name for index in table.indexes if index.unique}
    for migration in (ROOT / "migrations" / "versions").glob("*.py"):
        names |= set(re.findall(r"CONSTRAINT = '(\w+)'", migration.read_text(encoding="utf-8")))
    return names


def test_every_constraint_was_seen_to_refuse():
    spoken = "\n".join(path.read_text(encoding="utf-8") for path in TESTS.rglob("*.py"))

    assert sorted(name for name in _facts() if name not in spoken) == []


def test_words_that_are_demanded_cannot_be_absent():
    """A CHECK lets through what it cannot decide: the length of nothing is not too short, it is unknown."""
    undecided = [
        f"{table.name}.{column}: {constraint.name}"
        for table in metadata().tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
        for column in re.findall(r"(?<!coalesce\()length\((?:trim\()?(\w+)\)", str(constraint.sqltext))
        if table.columns[column].nullable
    ]

    assert undecided == []
