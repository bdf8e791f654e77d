"""Step: the handpieces that are sold with the unit."""

from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import DateField, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from ...accounts.access import Permission
from ...catalog import queries as catalog
from ...kernel import clock
from ...listings import drafting, queries
from ...listings.drafting import Counter
from ...listings.queries import HandpieceFacts, ListingFacts
from ...listings.terms import CounterDirection, CounterUnit
from ..access import me, requires
from ..forms import Form, applied
from ..options import grouped_options, options
from ..unit import UNITS
from .common import LONGEST_LINE, STEPS, WHOLE, ActForm, amount, bp, mine, nothing_yet, number


class HandpieceForm(Form):
    """A part that treats."""

    name = StringField("What it is called", validators=[InputRequired("Name the handpiece."), Length(max=LONGEST_LINE)])
    modality_code = SelectField("Modality", validators=[InputRequired("Choose the modality.")])
    serial = StringField("Serial number of the handpiece", validators=[Length(max=LONGEST_LINE)])
    counter_value = StringField("Counter", validators=[Length(max=15), WHOLE])
    counter_unit = SelectField("What it counts")
    counter_direction = SelectField("Which way it counts")
    counter_read_on = DateField("Read on", validators=[Optional()])
    rated_life = StringField("Rated life", validators=[Length(max=15), WHOLE])
    rated_life_source = StringField("Who says so", validators=[Length(max=LONGEST_LINE)])
    reduction = StringField("What the price falls by without it", validators=[Length(max=30)])


@bp.get("/sell/<uuid:listing_id>/handpieces")
@requires(Permission.LISTING_READ)
def handpieces(listing_id: UUID) -> ResponseReturnValue:
    """List the handpieces that are sold with the unit."""
    facts = mine(listing_id)
    modalities = catalog.modalities()
    return render_template(
        "selling/handpieces.html",
        listing=facts,
        modalities=modalities,
        offered=[modalities[code] for code in facts.model.modality_codes],
        form=ActForm(),
        units=UNITS,
        steps=STEPS,
    )


@bp.route("/sell/<uuid:listing_id>/handpieces/new", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
def new_handpiece(listing_id: UUID) -> ResponseReturnValue:
    """Add a handpiece."""
    return _handpiece_page(mine(listing_id), None)


@bp.route("/sell/<uuid:listing_id>/handpieces/<uuid:handpiece_id>", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
def handpiece(listing_id: UUID, handpiece_id: UUID) -> ResponseReturnValue:
    """Say of a handpiece what it is now."""
    facts = mine(listing_id)
    return _handpiece_page(facts, queries.handpiece_of(facts, handpiece_id))


@bp.post("/sell/<uuid:listing_id>/handpieces/<uuid:handpiece_id>/remove")
@requires(Permission.LISTING_WRITE)
def remove_handpiece(listing_id: UUID, handpiece_id: UUID) -> ResponseReturnValue:
    """Leave a handpiece out of the sale."""
    drafting.remove_handpiece(listing_id=listing_id, actor_id=me().id, handpiece_id=handpiece_id)
    flash("The handpiece is no longer part of the sale.", "success")
    return redirect(url_for("selling.handpieces", listing_id=listing_id), code=303)


def _handpiece_page(facts: ListingFacts, part: HandpieceFacts | None) -> ResponseReturnValue:
    modalities = catalog.modalities()
    own = facts.model.modality_codes
    form = HandpieceForm(
        name=part.name if part else None,
        modality_code=part.modality_code if part else request.args.get("modality", ""),
        serial=part.serial if part else None,
        counter_value="" if part is None or part.counter_value is None else f"{part.counter_value:,}",
        counter_unit=part.counter_unit if part else None,
        counter_direction=part.counter_direction if part else None,
        counter_read_on=part.counter_read_on if part else None,
        rated_life="" if part is None or part.rated_life is None else f"{part.rated_life:,}",
        rated_life_source=part.rated_life_source if part else None,
        reduction=str(part.reduction or "") if part else None,
    )
    form.modality_code.choices = [
        *nothing_yet("Choose what it treats with"),
        *grouped_options(
            {
                "Of this model": [(code, modalities[code].name) for code in own],
                "Others": [(code, known.name) for code, known in modalities.items() if code not in own],
            }
        ),
    ]
    form.counter_unit.choices = options(UNITS.items())
    form.counter_direction.choices = options(
        ((CounterDirection.UP, "up: what was used"), (CounterDirection.DOWN, "down: what is left"))
    )
    if form.validate_on_submit():
        with applied(form):
            value = number(form.counter_value)
            drafting.put_handpiece(
                listing_id=facts.id,
                actor_id=me().id,
                handpiece_id=part.id if part else None,
                name=form.name.data or "",
                modality_code=form.modality_code.data,
                serial=form.serial.data or "",
                counter=None
                if value is None
                else Counter(
                    value,
                    CounterUnit(form.counter_unit.data),
                    CounterDirection(form.counter_direction.data),
                    form.counter_read_on.data,
                ),
                rated_life=number(form.rated_life),
                rated_life_source=form.rated_life_source.data or "",
                reduction=amount(form.reduction),
                at=clock.now(),
            )
            flash("The handpiece was saved.", "success")
            return redirect(url_for("selling.handpieces", listing_id=facts.id), code=303)
    return (
        render_template("selling/handpiece.html", form=form, listing=facts, part=part, steps=STEPS),
        form.http_status,
    )
