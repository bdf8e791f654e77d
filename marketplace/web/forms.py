"""The ground of all forms: refusals stand beside their field, and what was typed survives an expired session."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import wtforms
from flask import request
from flask_wtf import FlaskForm

from ..kernel.errors import Invalid
from ..kernel.money import Money, parse_money
from ..kernel.wording import gettext_noop
from ..logs import log
from . import parking
from .language import gettext

OF_WTFORMS = (
    gettext_noop("This field is required."),
    gettext_noop("Field cannot be longer than %(max)d characters."),
    gettext_noop("Not a valid choice."),
    gettext_noop("Not a valid integer value."),
    gettext_noop("Not a valid date value."),
    gettext_noop("Not a valid datetime value."),
    gettext_noop("Invalid choice(s): one or more data inputs could not be coerced."),
    gettext_noop("'%(value)s' is not a valid choice for this field."),
    gettext_noop("'%(value)s' are not valid choices for this field."),
)
"""What WTForms says of its own where a field of ours does not say it better: marked here, told through `_Words`."""


class _Words:
    """The words of WTForms in the language that is spoken, their values still to be filled in."""

    def gettext(self, message: str) -> str:
        return gettext(message)

    def ngettext(self, one: str, many: str, number: int) -> str:
        return gettext(one if number == 1 else many)


_WORDS = _Words()


class NeededBeforeReview:
    """
    Mark what a draft may leave open but must say before our staff look at it.

    It refuses nothing: a draft is saved as it is. The label says so instead of "optional".
    """

    field_flags: ClassVar[dict[str, Any]] = {"needed_before_review": True}

    def __call__(self, form: wtforms.Form, field: wtforms.Field) -> None:
        """Let every answer pass, none as well."""


class Form(FlaskForm):
    """
    A form of ours. Shown after an expired session it finds what was typed, on the page where it was typed.

    A view needs nothing for that, only to build the form when its page is shown.
    """

    class Meta(FlaskForm.Meta):
        """Where the fields' contents come from, and the words of those who look at them."""

        def get_translations(self, _form: wtforms.Form) -> _Words:
            """Let WTForms speak as the page does."""
            return _WORDS

        def wrap_formdata(self, form: wtforms.Form, formdata: Any) -> Any:
            """Take what was sent; on a page that is merely shown, what was parked for this form."""
            sent = super().wrap_formdata(form, formdata)
            if sent is None and formdata is not None:
                sent = parking.parked_fields({field.name for field in form if field.name != "csrf_token"})
            return sent

    def validate(self, extra_validators: Mapping[str, Sequence[Any]] | None = None) -> bool:
        """Check the shape of what was sent; a form that passes is no longer kept for anybody."""
        days = {name: [_can_be_meant] for name, field in self._fields.items() if isinstance(field, wtforms.DateField)}
        passes = super().validate({**days, **(extra_validators or {})})
        if passes:
            parking.forget()
        return passes

    @property
    def http_status(self) -> int:
        """The status with which a page that shows the form again answers."""
        return 422 if self.errors else 200


_YEARS = range(1900, 2200)


def _can_be_meant(_form: wtforms.Form, field: wtforms.Field) -> None:
    """:raises ValidationError: a day of another age, which is a slip of the pen or a try"""
    if field.data is not None and field.data.year not in _YEARS:
        first, last = _YEARS[0], _YEARS[-1]
        raise wtforms.ValidationError(gettext("Write a day between %(first)s and %(last)s.", first=first, last=last))


@contextmanager
def applied(form: Form) -> Iterator[None]:
    """
    Call a use-case with what the form says: an `Invalid` it raises stands beside the field it names, or on top.

    The view goes on after the block and shows the form again, with `form.http_status`.
    """
    try:
        yield
    except Invalid as refusal:
        log.info("refused", code=refusal.code, status=422, endpoint=request.endpoint)
        field = form[refusal.field] if refusal.field is not None and refusal.field in form else None
        sentence = " ".join(gettext(one) for one in (refusal.sentence, refusal.cure) if one)
        if field is None:
            form.form_errors = [*form.form_errors, sentence]
        else:
            field.errors = [*field.errors, sentence]


def amount(field: Any) -> Money | None:
    """
    Read an amount of money as it was typed; None for nothing.

    :raises Invalid: it is none, with the name of its field
    """
    typed = (field.data or "").strip()
    if not typed:
        return None
    try:
        return parse_money(typed)
    except Invalid as refusal:
        raise Invalid(refusal.sentence, field=field.short_name) from None
