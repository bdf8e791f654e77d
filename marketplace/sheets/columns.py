"""
The form of a table of devices: a line for each device, and below it one for each of its handpieces and counters. Pure.

What the questions of `listings.fields` ask becomes columns by itself. What a seller attests (labels, title, cleaning,
patients' data, what was changed) has no column: it is attested for one device at a time, by whoever looked at it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from ..kernel.spreadsheets import csv_of
from ..listings import fields
from ..listings.conditions import INCLUSIONS
from ..listings.fields import Kind, Place
from ..listings.terms import CounterDirection, CounterUnit, Grade, Recertification, Warranty


class Line(StrEnum):
    """What a line of the table is about."""

    DEVICE = "device"
    HANDPIECE = "handpiece"
    COUNTER = "counter"


REMARK = "#"
"""A line whose first cell begins so is a remark: it is passed over."""

UNIT, LINE, PROBLEMS = "unit", "line", "problems"

_D, _H, _C = Line.DEVICE, Line.HANDPIECE, Line.COUNTER


@dataclass(frozen=True, slots=True)
class Column:
    """One column: on which lines it says something, on which of them it must, and what is written there."""

    name: str
    lines: tuple[Line, ...]
    said: str
    needed: tuple[Line, ...] = ()
    example: tuple[str, str, str] = ("", "", "")


def _one_of(kind: type[StrEnum]) -> str:
    return ", ".join(kind)


_GROUPING = (
    Column(
        UNIT,
        (_D, _H, _C),
        "Your own word for the device, such as a stock number: lines with the same word are one device. Empty on a line"
        " of a handpiece or counter: it belongs to the device above it.",
        example=("A-1", "A-1", "A-1"),
    ),
    Column(LINE, (_D, _H, _C), f"{_one_of(Line)}; empty: device.", example=("device", "handpiece", "counter")),
)
_DEVICE = (
    Column("maker", (_D,), "As the catalogue writes it.", (_D,), ("Candela", "", "")),
    Column("model", (_D,), "As the catalogue writes it, without its maker.", (_D,), ("GentleMax Pro", "", "")),
    Column("serial", (_D, _H, _C), "Serial number.", example=("9914-0401", "HP-2210", "")),
    Column("year", (_D,), "Of manufacture, in four figures.", example=("2018", "", "")),
    Column("grade", (_D,), f"{_one_of(Grade)}.", example=("B", "", "")),
    Column("price_usd", (_D,), "42500 or 42500.00.", example=("42500", "", "")),
    Column("city", (_D,), "Where it stands.", (_D,), ("Austin", "", "")),
    Column("state", (_D,), "Its two letters, such as TX.", (_D,), ("TX", "", "")),
    Column("zip", (_D,), "Five figures.", example=("78704", "", "")),
    Column("description", (_D,), "In your words."),
    Column("last_service_on", (_D,), "A day, as 2026-05-31.", example=("2026-03-02", "", "")),
    Column("recertification", (_D,), f"Does the maker ask for it of a new owner? {_one_of(Recertification)}."),
    Column("recertification_quote_usd", (_D,), "What the maker asks for it."),
    Column("warranty", (_D,), f"{_one_of(Warranty)}."),
    Column("warranty_months", (_D,), "That are left, 1 to 120."),
    Column("warranty_transferable", (_D,), "yes or no; empty: not known."),
    Column("warranty_provider", (_D,), "Who gives it."),
    Column("training_included", (_D,), "yes or no."),
    Column(
        "comes_with", (_D,), f"Of {', '.join(INCLUSIONS)}; with ; between them.", example=("keys; footswitch", "", "")
    ),
    Column("absent", (_D,), "Those of the same list that do not come with it.", example=("crate", "", "")),
)
_PARTS = (
    Column(
        "name",
        (_H, _C),
        "Of the handpiece; of a counter, which part counts.",
        (_H, _C),
        ("", "18 mm handpiece", "Alexandrite laser head"),
    ),
    Column("modality", (_H,), "Its code or name, as the catalogue writes it.", (_H,), ("", "ALEX", "")),
    Column("counter", (_H, _C), "The figure that it shows.", (_C,), ("", "412000", "1200000")),
    Column("counter_unit", (_H, _C), f"{_one_of(CounterUnit)}.", (_C,), ("", "shots", "pulses")),
    Column(
        "counter_direction",
        (_H, _C),
        f"{_one_of(CounterDirection)}: what was used, or what is left.",
        (_C,),
        ("", "up", "up"),
    ),
    Column("counter_read_on", (_H, _C), "The day on which somebody looked.", (_C,), ("", "2026-05-04", "2026-05-04")),
    Column("rated_life", (_H, _C), "In the unit of the counter."),
    Column("rated_life_source", (_H, _C), "Who says so."),
    Column("reduction_usd", (_H,), "By how much the price falls for a buyer who leaves the handpiece out."),
)
_ASKED = {Place.DEVICE: _D, Place.CONDITION: _D, Place.HANDPIECE: _H}


@cache
def columns() -> tuple[Column, ...]:
    """Return every column there is, in the order in which a table of ours has them."""
    return (*_GROUPING, *_DEVICE, *_PARTS, *_questions())


@cache
def names() -> tuple[str, ...]:
    """Return the names of the columns."""
    return tuple(column.name for column in columns())


def needed() -> tuple[str, ...]:
    """Return the columns without which a table cannot say which device it means."""
    return tuple(column.name for column in columns() if _D in column.needed)


def template() -> str:
    """Return a table to fill in: what is written in each column, and a device as an example, both as remarks."""
    explained = [f"{REMARK} {columns()[0].said}", *(column.said for column in columns()[1:])]
    examples = [[column.example[number] for column in columns()] for number in range(len(Line))]
    for line in examples:
        line[0] = f"{REMARK} {line[0]}"
    return csv_of(names(), [explained, *examples])


def _questions() -> Iterator[Column]:
    for field in fields.table():
        line = _ASKED.get(field.place)
        if line is not None:
            yield Column(field.key, (line,), _said(field))


def _said(field: fields.Field) -> str:
    shape = {
        Kind.NUMBER: "a whole number",
        Kind.NUMBERS: "numbers with commas between them",
        Kind.DATE: "a day, as 2026-05-31",
    }.get(field.kind, "")
    if field.answers:
        shape = ", ".join(answer for answer, _ in field.answers)
    unit = f" ({field.unit})" if field.unit else ""
    return f"{field.label}{unit}{': ' + shape if shape else ''}."
