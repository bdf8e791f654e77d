"""The condition report: what each grade means, what may come with a unit, how much of a life is used. Pure."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from ..kernel.wording import gettext_noop
from .terms import CounterDirection, CounterUnit, Grade, Modification


@dataclass(frozen=True, slots=True)
class GradeDefinition:
    """What a seller states by choosing a grade. A buyer compares the arriving unit with exactly these words."""

    name: str
    definition: str


GRADES: dict[Grade, GradeDefinition] = {
    Grade.A: GradeDefinition(
        gettext_noop("as new"),
        gettext_noop(
            "Everything works to the maker's specification. No visible wear beyond handling, no repair ever beyond"
            " planned maintenance, and no part past a quarter of its rated life where that is known."
        ),
    ),
    Grade.B: GradeDefinition(
        gettext_noop("good"),
        gettext_noop(
            "Everything works to the maker's specification. Light scratches or marks that do not touch function;"
            " worn parts were replaced, and none is due now."
        ),
    ),
    Grade.C: GradeDefinition(
        gettext_noop("worn"),
        gettext_noop(
            "It treats, and every safety function works. Visible wear, or parts near the end of their life: what is"
            " worn is named in the description."
        ),
    ),
    Grade.D: GradeDefinition(
        gettext_noop("for parts or repair"),
        gettext_noop(
            "It does not treat as its maker specifies, or a safety function fails or was not tested. Not for use on a"
            " person until repaired and checked; what fails is named in the description."
        ),
    ),
}


class Included(StrEnum):
    """Whether an item of the checklist comes with the unit."""

    INCLUDED = "included"
    ABSENT = "absent"
    NOT_STATED = "not_stated"


INCLUSIONS: dict[str, str] = {
    "operator_manual": gettext_noop("Operator manual"),
    "keys": gettext_noop("Keys"),
    "interlock_connector": gettext_noop("Remote interlock connector"),
    "emergency_stop": gettext_noop("Emergency stop, working"),
    "emission_indicator": gettext_noop("Emission indicator, working"),
    "goggles": gettext_noop("Protective goggles for every wavelength"),
    "footswitch": gettext_noop("Footswitch"),
    "service_record": gettext_noop("Service and calibration record"),
    "certification_label": gettext_noop("Maker's certification statement"),
    "hazard_label": gettext_noop("Laser class and danger label"),
    "aperture_label": gettext_noop("Aperture label"),
    "treatment_record_wiped": gettext_noop("Patients' data wiped"),
    "lien_release": gettext_noop("Statement that no lien or maker's lock rests on it"),
    "crate": gettext_noop("Transport crate"),
}
"""What a lawful used sale should carry: item -> how it is written. 21 CFR 1010.2, 1010.3, 1040.10, 1040.11."""


def checklist(stated: dict[str, str]) -> dict[str, Included]:
    """Return every item of the checklist; what was never stated is not stated."""
    return {item: Included(stated.get(item, Included.NOT_STATED)) for item in INCLUSIONS}


def life_used(
    *, value: int | None, unit: CounterUnit | None, direction: CounterDirection | None, rated: int | None
) -> int | None:
    """
    Return how much of a part's life is used, in whole per cent; None: not known. More than 100 is past its rated life.

    A part that shows the per cent it has left needs no rated life; any other figure says nothing without one.
    """
    if value is None:
        return None
    if unit is CounterUnit.PERCENT_LEFT:
        return 100 - value
    if rated is None:
        return None
    used = value if direction is CounterDirection.UP else rated - value
    return max(0, round(100 * used / rated))


def left(
    *, value: int | None, unit: CounterUnit | None, direction: CounterDirection | None, rated: int | None
) -> int | None:
    """Return how many shots or pulses a part has left before its rated life ends; None: not known, or no such count."""
    if value is None or unit not in (CounterUnit.SHOTS, CounterUnit.PULSES):
        return None
    if direction is CounterDirection.DOWN:
        return value
    return None if rated is None else max(0, rated - value)


def configuration(
    *,
    model_id: UUID,
    modality_codes: Iterable[str],
    rx_label_present: bool | None,
    id_label_present: bool | None,
    modification: Modification | None,
) -> str:
    """
    Return a digest of what the gate looks at in a unit: two units with the same one get the same answer.

    `modality_codes` are those of its handpieces, each as often as there are handpieces that have it.
    """
    parts = (model_id, ",".join(sorted(modality_codes)), rx_label_present, id_label_present, modification)
    # As the database writes them in `configuration_of`, which refuses a listing that says something else.
    words: dict[object, str] = {None: "", True: "t", False: "f"}
    return hashlib.sha256("|".join(words.get(part, str(part)) for part in parts).encode()).hexdigest()[:32]
