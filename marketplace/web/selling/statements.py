"""Step: what the seller attests, so that the device can be sold lawfully."""

from uuid import UUID

from flask import redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import RadioField
from wtforms.validators import Optional

from ...accounts.access import Permission
from ...listings import drafting, fields
from ...listings.fields import Place
from ...listings.terms import Modification
from ..access import me, requires
from ..forms import Form, NeededBeforeReview, applied
from ..options import options
from ..unit import MODIFICATIONS
from .common import ANSWERS, STEPS, answer_of, bp, codes_of, mine, stated, with_notes
from .particulars import as_data, form_with, said_in, shown


class StatementsForm(Form):
    """The labels, and what was changed; what else is stated follows from the table."""

    rx_label = RadioField("Is the prescription legend on the device?", validators=[Optional(), NeededBeforeReview()])
    id_label = RadioField(
        "Is the maker’s label with its address and date on the device?", validators=[Optional(), NeededBeforeReview()]
    )
    modification = RadioField(
        "What was done to it since its maker sold it?", validators=[Optional(), NeededBeforeReview()]
    )


@bp.route("/sell/<uuid:listing_id>/statements", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
def statements(listing_id: UUID) -> ResponseReturnValue:
    """Attest the labels, what was changed, whose it is, and that it is clean of dirt and of patients' data."""
    facts = mine(listing_id)
    asked = fields.asked(Place.STATEMENT, codes_of(facts))
    form = form_with(StatementsForm, asked, codes_of(facts))(
        data={
            "rx_label": answer_of(facts.rx_label_present),
            "id_label": answer_of(facts.id_label_present),
            "modification": facts.modification,
            **as_data(asked, facts.particulars),
        }
    )
    form.rx_label.choices = options(ANSWERS)
    form.id_label.choices = options(ANSWERS)
    form.modification.choices = options(MODIFICATIONS.items())
    if form.validate_on_submit():
        with applied(form):
            drafting.attest(
                listing_id=listing_id,
                actor_id=me().id,
                rx_label_present=stated(form.rx_label.data),
                id_label_present=stated(form.id_label.data),
                modification=Modification(form.modification.data) if form.modification.data else None,
                said=said_in(form, asked),
            )
            return redirect(url_for("selling.terms", listing_id=listing_id), code=303)
    with_notes(form, facts, "statements")
    return (
        render_template(
            "selling/statements.html", form=form, listing=facts, steps=STEPS, particulars=shown(form, asked)
        ),
        form.http_status,
    )
