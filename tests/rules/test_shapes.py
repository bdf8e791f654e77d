"""Frozen dataclasses as JSON and back, strictly."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

import pytest

from marketplace.kernel.shapes import Misshapen, read, write


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Leaf:
    TAG: ClassVar[str] = "leaf"
    name: str
    size: int = 1


@dataclass(frozen=True, slots=True)
class Branch:
    TAG: ClassVar[str] = "branch"
    parts: "tuple[Leaf | Branch, ...]"


@dataclass(frozen=True, slots=True)
class Whole:
    colour: Colour
    id: UUID
    on: date
    at: datetime
    yes: bool
    tree: Leaf | Branch
    maybe: Leaf | None = None
    colours: frozenset[Colour] = frozenset()
    counts: Mapping[str, int] | None = None
    by_colour: Mapping[Colour, tuple[str, ...]] | None = None


WHOLE = Whole(
    Colour.RED,
    UUID(int=1),
    date(2026, 1, 2),
    datetime(2026, 1, 2, 3, tzinfo=UTC),
    yes=True,
    tree=Branch((Leaf("a"), Branch((Leaf("b", 2),)))),
    maybe=Leaf("c"),
    colours=frozenset({Colour.RED, Colour.BLUE}),
    counts={"x": 1},
    by_colour={Colour.BLUE: ("sky",)},
)
DOCUMENT = {
    "colour": "red",
    "id": "00000000-0000-0000-0000-000000000001",
    "on": "2026-01-02",
    "at": "2026-01-02T03:00:00+00:00",
    "yes": True,
    "tree": {"branch": [{"leaf": {"name": "a", "size": 1}}, {"branch": [{"leaf": {"name": "b", "size": 2}}]}]},
    "maybe": {"leaf": {"name": "c", "size": 1}},
    "colours": ["blue", "red"],
    "counts": {"x": 1},
    "by_colour": {"blue": ["sky"]},
}


def test_a_value_is_written_as_plain_json_and_read_back():
    assert write(WHOLE) == DOCUMENT
    assert read(Whole, DOCUMENT) == WHOLE


def test_what_is_absent_takes_its_default():
    short = {key: DOCUMENT[key] for key in ("colour", "id", "on", "at", "yes", "tree")}

    assert read(Whole, short).maybe is None
    assert read(Whole, {**short, "maybe": None}).colours == frozenset()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": "green"}, "colour: one of red, blue expected, not 'green'"),
        ({"colour": 1}, "colour: one of red, blue expected, not 1"),
        ({"id": "one"}, "id: a UUID expected, not 'one'"),
        ({"on": "yesterday"}, "on: an ISO day expected, not 'yesterday'"),
        ({"at": "2026-01-02T03:00:00"}, "at: an ISO moment with its offset expected"),
        ({"yes": 1}, "yes: bool expected, not 1"),
        ({"counts": {"x": True}}, "counts.x: int expected, not True"),
        ({"counts": [1]}, "counts: an object expected, not [1]"),
        ({"by_colour": {"green": []}}, "by_colour.green: one of red, blue expected"),
        ({"colours": "red"}, "colours: a list expected, not 'red'"),
        ({"tree": {"twig": {}}}, "tree: one of branch, leaf expected, not {'twig': {}}"),
        ({"tree": {"leaf": {"name": "a"}, "branch": []}}, "tree: one of branch, leaf expected"),
        ({"tree": "leaf"}, "tree: one of branch, leaf expected, not 'leaf'"),
        ({"tree": {"leaf": []}}, "tree.leaf: an object expected, not []"),
        ({"tree": {"leaf": {}}}, "tree.leaf.name: this is missing"),
        ({"tree": {"branch": [{"leaf": {"name": "a", "hue": 1}}]}}, "tree.branch[0].leaf.hue: this is not known here"),
        ({"maybe": {"branch": []}}, "maybe: one of leaf expected"),
        ({"more": 1}, "more: this is not known here"),
    ],
)
def test_what_has_another_shape_is_refused_with_its_path(change, message):
    with pytest.raises(Misshapen) as refusal:
        read(Whole, {**DOCUMENT, **change})

    assert str(refusal.value).startswith(message)


def test_a_document_that_is_no_object_is_called_the_document():
    with pytest.raises(Misshapen, match=r"^document: an object expected, not \[\]"):
        read(Whole, [])
