"""Step: how the unit is, and what comes with it."""

from typing import Any, cast
from uuid import UUID

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import DateField, RadioField, SelectField, TextAreaField
from wtforms.validators import Length, Optional

from ...accounts.access import Permission
from ...kernel import clock
from ...listings import drafting
from ...listings.conditions import GRADES, INCLUSIONS, Included, checklist
from ...listings.terms import Grade
from ..access import me, requires
from ..forms import Form, applied
from ..options import options
from .common import LONGEST_TEXT, STEPS, bp, mine


class ConditionForm(Form):
    """How the unit is, and what comes with it: each item of the checklist is a field of its own."""

    grade = RadioField("Condition grade", validators=[Optional()])
    last_service_on = DateField("Last service", validators=[Optional()])
    description = TextAreaField("What else a buyer should know", validators=[Length(max=LONGEST_TEXT)])


for _item, _words in INCLUSIONS.items():
    setattr(ConditionForm, f"has_{_item}", SelectField(_words))


@bp.route("/sell/<uuid:listing_id>/condition", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
def condition(listing_id: UUID) -> ResponseReturnValue:
    """Say how the unit is and what comes with it."""
    facts = mine(listing_id)
    stated: dict[str, Any] = {f"has_{item}": str(answer) for item, answer in checklist(facts.inclusions).items()}
    form = ConditionForm(
        data={
            "grade": facts.grade,
            "last_service_on": facts.last_service_on,
            "description": facts.description,
            **stated,
        }
    )
    form.grade.choices = options((grade, f"{grade} · {meaning.name}") for grade, meaning in GRADES.items())
    answers = {item: cast("SelectField", form[f"has_{item}"]) for item in INCLUSIONS}
    for answer in answers.values():
        answer.choices = options(
            ((Included.NOT_STATED, "not stated"), (Included.INCLUDED, "included"), (Included.ABSENT, "absent"))
        )
    if form.validate_on_submit():
        with applied(form):
            drafting.describe_condition(
                listing_id=listing_id,
                actor_id=me().id,
                grade=Grade(form.grade.data) if form.grade.data else None,
                inclusions={item: answer.data for item, answer in answers.items()},
                last_service_on=form.last_service_on.data,
                description=form.description.data or "",
                at=clock.now(),
            )
            return redirect(url_for("selling.terms", listing_id=listing_id), code=303)
    return (
        render_template(
            "selling/condition.html",
            form=form,
            listing=facts,
            answers=answers.values(),
            meanings={str(grade): meaning.definition for grade, meaning in GRADES.items()},
            steps=STEPS,
        ),
        form.http_status,
    )
