"""The form of an inspection: made of what is stated of this very unit, line by line. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..kernel.errors import Invalid
from .states import Outcome

LONGEST = 500


@dataclass(frozen=True, slots=True)
class Line:
    """Something that is stated of the unit, to be held against the unit itself."""

    place: str
    label: str
    stated: str


@dataclass(frozen=True, slots=True)
class Found:
    """What the inspector found at a line, in words where it differs."""

    outcome: Outcome
    note: str = ""


def lines_of(document: Mapping[str, Any]) -> list[Line]:
    """Return the lines of the form for a condition report: a diode gets other ones than a dye laser."""
    return list(_lines(document))


def require_whole(lines: list[Line], found: list[Found]) -> None:
    """
    Let findings through that answer every line, and say in words what differs.

    :raises Invalid: a line has no answer, differs without a word, or says too much; nothing at all was seen
    """
    if len(lines) != len(found):
        raise Invalid("What is stated of the device has changed. Open the form again.")
    for number, one in enumerate(found):
        if one.outcome is Outcome.DIFFERS and not one.note.strip():
            raise Invalid("Say how it differs.", field=f"note_{number}")
        if len(one.note) > LONGEST:
            raise Invalid(f"Write at most {LONGEST} signs.", field=f"note_{number}")
    if all(one.outcome is Outcome.NOT_SEEN for one in found):
        raise Invalid("Nothing was looked at: there is nothing to sign.")


def _lines(document: Mapping[str, Any]) -> Iterator[Line]:
    unit, condition, law = document["unit"], document["condition"], document["lawful_sale"]
    yield Line("The unit", "Maker and model", f"{unit['maker']} {unit['model']}")
    yield Line("The unit", "Serial number", unit["serial"] or "not stated")
    yield Line("The unit", "Year of manufacture", str(unit["year"] or "not stated"))
    yield Line("Labels", "Prescription legend", _YES[law["rx_label_present"]])
    yield Line("Labels", "Maker’s label with its address and date", _YES[law["id_label_present"]])
    for place, said in (("Condition", condition["said"]), ("Console", document["console"]["said"])):
        for label, words in said.items():
            yield Line(place, label, words)
    yield Line("Condition", "Grade", f"{condition['grade']}: {condition['definition']}")
    for counter in document["console"]["counters"]:
        yield Line("Counters", counter["part"], _counted(counter))
    for part in document["handpieces"]:
        place = f"Handpiece: {part['name']}"
        yield Line(place, "Serial number", part["serial"] or "not stated")
        yield Line(place, "Counter", _counted(part) if part["value"] is not None else "not stated")
        for label, words in part["said"].items():
            yield Line(place, label, words)
    for item, answer in document["inclusions"].items():
        if answer != "not_stated":
            yield Line("What comes with it", item, str(answer))


def _counted(part: Mapping[str, Any]) -> str:
    return f"{part['value']:,} {str(part['unit']).replace('_', ' ')}, counting {part['direction']}"


_YES = {True: "yes", False: "no", None: "not stated"}
