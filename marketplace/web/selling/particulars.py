"""The questions of `listings.fields` as fields of a form: which they are depends on the modalities of the unit."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, TypeVar, cast

from wtforms import BooleanField, DateField, SelectField, StringField, TextAreaField
from wtforms.validators import Length
from wtforms.validators import Optional as MayBeEmpty

from ...listings.fields import LONGEST, Field, Kind
from ..forms import Form, NeededBeforeReview
from ..options import options

F = TypeVar("F", bound=Form)


@cache
def form_with(base: type[F], fields: tuple[Field, ...], modality_codes: frozenset[str]) -> type[F]:
    """Return a form of `base` that also asks these questions of a unit with these modalities, each under its key."""
    asked = {
        field.key: _asked(field, [NeededBeforeReview()] if field.needed_for(modality_codes) else []) for field in fields
    }
    return cast("type[F]", type(base.__name__, (base,), asked))


def said_in(form: Form, fields: Sequence[Field]) -> dict[str, str]:
    """Return what was typed as answers to these questions, by their keys."""
    return {field.key: _typed(form[field.key].data) for field in fields}


def as_data(fields: Sequence[Field], said: Mapping[str, str]) -> dict[str, Any]:
    """Return kept answers as the form shows them."""
    return {field.key: _shown(field, said[field.key]) for field in fields if field.key in said}


def shown(form: Form, fields: Sequence[Field]) -> list[tuple[Any, Field, dict[str, str]]]:
    """Return each field of the form with its question and the attributes that suit a phone's keyboard."""
    keyboards = {Kind.NUMBER: {"inputmode": "numeric"}, Kind.NUMBERS: {"inputmode": "text"}}
    return [(form[field.key], field, keyboards.get(field.kind, {})) for field in fields]


def _asked(field: Field, marks: list[NeededBeforeReview]) -> Any:
    label = field.label
    match field.kind:
        case Kind.CHOICE:
            # What was not sent at all was not answered; what no answer is, `fields` refuses.
            return SelectField(label, marks, choices=options([("", "Choose"), *field.answers]), validate_choice=False)
        case Kind.CONFIRM:
            return BooleanField(label, marks)
        case Kind.DATE:
            return DateField(label, validators=[MayBeEmpty(), *marks])
        case Kind.NOTE:
            return TextAreaField(label, validators=[Length(max=LONGEST["note"]), *marks])
        case _:
            return StringField(label, validators=[Length(max=LONGEST["text"]), *marks])


def _typed(answer: Any) -> str:
    if answer is True:
        return "yes"
    return str(answer) if answer else ""


def _shown(field: Field, answer: str) -> Any:
    if field.kind is Kind.CONFIRM:
        return True
    return answer.replace(";", ", ") if field.kind is Kind.NUMBERS else answer
