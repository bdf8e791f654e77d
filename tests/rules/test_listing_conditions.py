"""The condition report: grades, checklist, used life, and what the gate looks at."""

from typing import ClassVar
from uuid import UUID

import pytest

from marketplace.listings.conditions import GRADES, INCLUSIONS, Included, checklist, configuration, left, life_used
from marketplace.listings.terms import CounterDirection, CounterUnit, Grade, Modification

UP, DOWN = CounterDirection.UP, CounterDirection.DOWN
SHOTS, PERCENT = CounterUnit.SHOTS, CounterUnit.PERCENT_LEFT
MODEL = UUID(int=1)


@pytest.mark.parametrize(
    ("value", "unit", "direction", "rated", "used"),
    [
        (None, None, None, None, None),
        (None, None, None, 1000, None),
        (500, SHOTS, UP, None, None),
        (0, SHOTS, UP, 1000, 0),
        (384, SHOTS, UP, 1000, 38),
        (1000, SHOTS, UP, 1000, 100),
        (1300, SHOTS, UP, 1000, 130),
        (1000, SHOTS, DOWN, 1000, 0),
        (250, SHOTS, DOWN, 1000, 75),
        (1500, SHOTS, DOWN, 1000, 0),
        (70, PERCENT, DOWN, None, 30),
        (0, PERCENT, DOWN, None, 100),
        (70, PERCENT, UP, 1000, 30),
    ],
)
def test_used_life_is_known_or_not_guessed(value, unit, direction, rated, used):
    assert life_used(value=value, unit=unit, direction=direction, rated=rated) == used


@pytest.mark.parametrize(
    ("value", "unit", "direction", "rated", "shots"),
    [
        (None, None, None, 1000, None),
        (384, SHOTS, UP, None, None),
        (384, SHOTS, UP, 1000, 616),
        (1000, CounterUnit.PULSES, UP, 1000, 0),
        (1300, SHOTS, UP, 1000, 0),
        (250, SHOTS, DOWN, None, 250),
        (70, PERCENT, DOWN, 1000, None),
        (70, CounterUnit.HOURS, UP, 1000, None),
    ],
)
def test_shots_that_are_left_are_known_or_not_guessed(value, unit, direction, rated, shots):
    assert left(value=value, unit=unit, direction=direction, rated=rated) == shots


def test_every_grade_has_its_definition():
    assert list(GRADES) == list(Grade)
    assert GRADES[Grade.D].name == "for parts or repair"


def test_what_was_never_stated_is_not_stated():
    answers = checklist({"keys": "included", "goggles": "absent"})

    assert list(answers) == list(INCLUSIONS)
    assert (answers["keys"], answers["goggles"], answers["footswitch"]) == (
        Included.INCLUDED,
        Included.ABSENT,
        Included.NOT_STATED,
    )


class TestConfiguration:
    GIVEN: ClassVar = {"model_id": MODEL, "modality_codes": ["ALEX", "IPL"], "rx_label_present": True, "id_label_present": True, "modification": Modification.NONE}  # fmt: skip

    def test_is_the_same_for_what_the_gate_cannot_tell_apart(self):
        assert configuration(**{**self.GIVEN, "modality_codes": ["IPL", "ALEX"]}) == configuration(**self.GIVEN)

    @pytest.mark.parametrize(
        "change",
        [
            {"model_id": UUID(int=2)},
            {"modality_codes": ["ALEX"]},
            {"modality_codes": ["ALEX", "IPL", "ALEX"]},
            {"rx_label_present": False},
            {"rx_label_present": None},
            {"id_label_present": False},
            {"modification": Modification.REMANUFACTURED},
            {"modification": None},
        ],
    )
    def test_is_another_for_everything_the_gate_looks_at(self, change):
        assert configuration(**{**self.GIVEN, **change}) != configuration(**self.GIVEN)
