"""
Where people stand in the tables, and what of it is theirs to have: `data/columns.csv` and `data/groups.csv`. Pure.

Every column that names a person has a row, and a test sees to it: a new one is decided when it is made. It is `about`
them and handed over, an `act` of theirs, which the trail of what happened tells, or `withheld`.
"""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

from ..kernel.spreadsheets import rows_of


class Standing(StrEnum):
    """What a column that names a person makes of its row."""

    ABOUT = "about"
    ACT = "act"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that belong together, in words, and why they are kept and how long."""

    code: str
    words: str
    because: str


@dataclass(frozen=True, slots=True)
class Column:
    """A column that names a person; where it is about them, what its rows are called and what is left out of them."""

    table: str
    name: str
    standing: Standing
    group: str
    words: str
    without: frozenset[str]

    @property
    def key(self) -> str:
        """What it is called where a file needs a name."""
        return f"{self.table}.{self.name}"


@cache
def groups() -> tuple[Group, ...]:
    """Return the groups in the order in which they are shown."""
    return tuple(Group(row["group"], row["words"], row["because"]) for row in _rows("groups.csv"))


@cache
def columns() -> tuple[Column, ...]:
    """Return every column that names a person."""
    return tuple(
        Column(
            row["table"], row["column"], Standing(row["standing"]), row["group"], row["words"],
            frozenset(filter(None, row["without"].split(";"))),
        )
        for row in _rows("columns.csv")
    )  # fmt: skip


def about() -> tuple[Column, ...]:
    """Return the columns whose rows are handed over."""
    return tuple(one for one in columns() if one.standing is Standing.ABOUT)


def _rows(name: str) -> list[dict[str, str]]:
    return rows_of((files(__package__) / "data" / name).read_text(encoding="utf-8"))
