"""What a partner sends: JSON of one shape, read strictly, and every mistake named by its field. Pure."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ..kernel.errors import Invalid
from ..kernel.terms import ProcedureClass

LARGEST = 4096
"""Bytes of a question; a whole one has a few hundred."""
MOST_HANDPIECES = 20
LONGEST = 100
FIELDS = {
    "code": "The sharing code that the person gave you.",
    "model": "The model: its id here, or its name as it stands in the address of its page (“candela-gentlemax-pro”).",
    "handpieces": "What treats and is sold with it, by modality; left out: everything that the model can have.",
    "uses": "What it will be used for, where it could do more; left out: everything that it does.",
}
NEEDED = ("code", "model")


class NotJson(Invalid):
    """The body cannot be read."""

    code = "not_json"

    def __init__(self) -> None:
        super().__init__("The body is not one JSON object in UTF-8.", cure="Send one object, each field once.")


class WrongShape(Invalid):
    """It is JSON, and not of the shape that is asked for."""

    code = "wrong_shape"


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it was sent. `handpieces` None: everything that the model can have."""

    code: str
    model: str
    handpieces: tuple[str, ...] | None = None
    uses: frozenset[ProcedureClass] = frozenset()

    @property
    def model_id(self) -> UUID | None:
        """Return the model's id, if it was named by that."""
        try:
            return UUID(self.model)
        except ValueError:
            return None


def question_of(body: bytes) -> Question:
    """
    Read a question.

    :raises NotJson: it is not one JSON object
    :raises WrongShape: a field is missing, unknown, or says what cannot be
    """
    sent = _object(body)
    for name in sent:
        if name not in FIELDS:
            raise WrongShape(f"There is no field “{name[:LONGEST]}”.", field=name[:LONGEST], cure="Leave it out.")
    for name in NEEDED:
        if name not in sent:
            raise WrongShape(f"The field “{name}” is missing.", field=name, cure=FIELDS[name])
    return Question(
        code=_text(sent["code"], "code"),
        model=_text(sent["model"], "model"),
        handpieces=tuple(_several(sent["handpieces"], "handpieces")) if "handpieces" in sent else None,
        uses=frozenset(map(_use, _several(sent["uses"], "uses"))) if "uses" in sent else frozenset(),
    )


def _object(body: bytes) -> dict[str, Any]:
    try:
        sent = json.loads(body.decode(), object_pairs_hook=_each_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise NotJson from None
    if not isinstance(sent, dict):
        raise NotJson
    return sent


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson  # Readers differ in which of two they take.
    return found


def _refuse(_constant: str) -> None:
    raise NotJson


def _text(value: object, field: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= LONGEST or not value.isprintable():
        raise WrongShape(f"“{field}” is a text of up to {LONGEST} signs.", field=field, cure=FIELDS[field])
    return value


def _several(value: object, field: str) -> list[str]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_HANDPIECES:
        raise WrongShape(f"“{field}” is a list of 1 to {MOST_HANDPIECES}.", field=field, cure=FIELDS[field])
    several = [_text(one, field) for one in value]
    if len(set(several)) != len(several):
        raise WrongShape(f"“{field}” names something twice.", field=field, cure="Name each once.")
    return several


def _use(word: str) -> ProcedureClass:
    try:
        return ProcedureClass(word)
    except ValueError:
        raise WrongShape(
            f"“{word}” is no use that the gate knows.", field="uses", cure=f"One of {', '.join(ProcedureClass)}."
        ) from None
