"""Step: how the unit is, and what comes with it."""

from typing import Any, cast
from uuid import UUID

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import DateField, RadioField, TextAreaField
from wtforms.validators import Length, Optional

from ...accounts.access import Permission
from ...documents.contents import MAX_BYTES
from ...kernel import clock
from ...listings import drafting, fields
from ...listings.conditions import GRADES, INCLUSIONS, Included, checklist
from ...listings.facts import ListingFacts
from ...listings.fields import Field, Place
from ...listings.papers import MOST_PAPERS
from ...listings.terms import Grade
from ..access import me, requires
from ..forms import Form, NeededBeforeReview, applied
from ..options import options
from .common import LONGEST_TEXT, STEPS, ActForm, bp, codes_of, mine, with_notes
from .papers import KINDS, PaperForm
from .particulars import as_data, form_with, said_in, shown


class ConditionForm(Form):
    """How the unit is, and what comes with it: each item of the checklist is a field of its own."""

    grade = RadioField("Condition grade", validators=[Optional(), NeededBeforeReview()])
    last_service_on = DateField("Last service", validators=[Optional()])
    description = TextAreaField("What else a buyer should know", validators=[Length(max=LONGEST_TEXT)])


for _item, _words in INCLUSIONS.items():
    setattr(ConditionForm, f"has_{_item}", RadioField(_words))


@bp.route("/sell/<uuid:listing_id>/condition", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
def condition(listing_id: UUID) -> ResponseReturnValue:
    """Say how the unit is and what comes with it."""
    facts = mine(listing_id)
    asked, form = _form(facts)
    if form.validate_on_submit():
        with applied(form):
            drafting.describe_condition(
                listing_id=listing_id,
                actor_id=me().id,
                grade=Grade(form.grade.data) if form.grade.data else None,
                inclusions={item: form[f"has_{item}"].data for item in INCLUSIONS},
                last_service_on=form.last_service_on.data,
                description=form.description.data or "",
                at=clock.now(),
                said=said_in(form, asked),
            )
            return redirect(url_for("selling.statements", listing_id=listing_id), code=303)
    return condition_page(facts, form=form)


def condition_page(
    facts: ListingFacts, *, form: ConditionForm | None = None, paper: PaperForm | None = None
) -> ResponseReturnValue:
    """Show the step, with a form that was sent and is to be looked at again."""
    asked, unsent = _form(facts, sent=False)
    form = with_notes(form or unsent, facts, "condition")
    page = render_template(
        "selling/condition.html",
        form=form,
        paper=paper or PaperForm(formdata=None),
        act=ActForm(formdata=None),
        listing=facts,
        answers=[form[f"has_{item}"] for item in INCLUSIONS],
        particulars=shown(form, asked),
        meanings={str(grade): meaning.definition for grade, meaning in GRADES.items()},
        kinds=KINDS,
        most=MOST_PAPERS,
        max_bytes=MAX_BYTES,
        steps=STEPS,
    )
    return page, 422 if form.errors or paper else 200


def _form(facts: ListingFacts, *, sent: bool = True) -> tuple[tuple[Field, ...], ConditionForm]:
    asked = fields.asked(Place.CONDITION, codes_of(facts))
    data: dict[str, Any] = {f"has_{item}": str(answer) for item, answer in checklist(facts.inclusions).items()}
    data |= {
        "grade": facts.grade,
        "last_service_on": facts.last_service_on,
        "description": facts.description,
        **as_data(asked, facts.particulars),
    }
    kind = form_with(ConditionForm, asked, codes_of(facts))
    form = kind(data=data) if sent else kind(formdata=None, data=data)
    form.grade.choices = options((grade, f"{grade} · {meaning.name}") for grade, meaning in GRADES.items())
    for item in INCLUSIONS:
        cast("RadioField", form[f"has_{item}"]).choices = options(
            ((Included.INCLUDED, "included"), (Included.ABSENT, "absent"), (Included.NOT_STATED, "not stated"))
        )
    return asked, form
