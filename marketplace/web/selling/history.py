"""What was done to the unit, written into its passport."""

from uuid import UUID

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from wtforms import DateField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from ...accounts.access import Permission
from ...kernel import clock
from ...listings import passport
from ...listings.terms import UnitEventKind
from ..access import me, requires
from ..forms import Form, applied
from ..options import options
from .common import STEPS, bp, mine

KINDS = {
    UnitEventKind.SERVICE: "Service",
    UnitEventKind.CALIBRATION: "Calibration",
    UnitEventKind.REPAIR: "Repair",
    UnitEventKind.PART_REPLACED: "A part or its counter was replaced",
}


class EventForm(Form):
    """One thing that was done to the unit."""

    kind = SelectField("What it was", choices=options(KINDS.items()))
    happened_on = DateField("When", validators=[InputRequired("Write the day.")])
    words = StringField("What was done, and by whom", validators=[InputRequired("Say what was done."), Length(max=500)])


@bp.route("/sell/<uuid:listing_id>/history", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
def history(listing_id: UUID) -> ResponseReturnValue:
    """Show the passport of the unit to its seller, who can add to it."""
    facts = mine(listing_id)
    form = EventForm()
    if form.validate_on_submit() and form.happened_on.data:
        with applied(form):
            passport.add_event(
                listing_id=listing_id,
                actor_id=me().id,
                kind=UnitEventKind(form.kind.data),
                happened_on=form.happened_on.data,
                words=form.words.data or "",
                at=clock.now(),
            )
            flash("It stands in the passport of the unit now.", "success")
            return redirect(url_for("selling.history", listing_id=listing_id), code=303)
    known = passport.of_unit(maker_id=facts.model.maker_id, serial_normal=facts.serial_normal)
    return (
        render_template("selling/history.html", form=form, listing=facts, steps=STEPS, passport=known, kinds=KINDS),
        form.http_status,
    )
