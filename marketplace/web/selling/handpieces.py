"""Step: the handpieces that are sold with the unit."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectField, StringField
from wtforms.validators import InputRequired, Length

from ...accounts.access import Permission
from ...catalog import queries as catalog
from ...catalog import rated
from ...catalog.wavelengths import emitted, numbers
from ...kernel import clock
from ...kernel.days import day_in
from ...kernel.terms import time_zone_of
from ...listings import drafting, fields, queries
from ...listings.facts import HandpieceFacts, ListingFacts
from ...listings.fields import Field, Place
from ..access import me, requires
from ..forms import amount, applied
from ..options import grouped_options
from ..unit import UNITS
from .common import LONGEST_LINE, STEPS, ActForm, bp, mine, nothing_yet, number, with_notes
from .particulars import as_data, form_with, said_in, shown
from .readings import ReadingForm, as_typed, screen_of


class HandpieceForm(ReadingForm):
    """A part that treats, and what it has counted."""

    name = StringField("What it is called", validators=[InputRequired("Name the handpiece."), Length(max=LONGEST_LINE)])
    modality_code = SelectField("Modality", validators=[InputRequired("Choose the modality.")])
    serial = StringField("Serial number of the handpiece", validators=[Length(max=LONGEST_LINE)])
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
    code = _modality_asked_for(part, modalities)
    asked = fields.asked(Place.HANDPIECE, [code]) if code else ()
    kind = form_with(HandpieceForm, asked, frozenset([code]))
    form = kind(data=_kept(part, asked) if part else _beginning(facts, code))
    form.modality_code.choices = [
        *nothing_yet("Choose what it treats with"),
        *grouped_options(
            {
                "Of this model": [(code, modalities[code].name) for code in own],
                "Others": [(code, known.name) for code, known in modalities.items() if code not in own],
            }
        ),
    ]
    if form.validate_on_submit():
        with applied(form):
            drafting.put_handpiece(
                listing_id=facts.id,
                actor_id=me().id,
                handpiece_id=part.id if part else None,
                name=form.name.data or "",
                modality_code=form.modality_code.data,
                serial=form.serial.data or "",
                counter=form.reading,
                rated_life=number(form.rated_life),
                rated_life_source=form.rated_life_source.data or "",
                reduction=amount(form.reduction),
                particulars=said_in(form, asked) if form.modality_code.data == code else None,
                at=clock.now(),
            )
            if form.modality_code.data != code and fields.asked(Place.HANDPIECE, [form.modality_code.data]):
                # It treats with something else now: what is asked of such a handpiece was not on this page.
                flash("The handpiece was saved. What it treats with asks for a few more answers.", "success")
                return redirect(
                    url_for("selling.handpiece", listing_id=facts.id, handpiece_id=_written(facts, part)), code=303
                )
            flash("The handpiece was saved.", "success")
            if (then := request.form.get("then", "")) in own:
                return redirect(url_for("selling.new_handpiece", listing_id=facts.id, modality=then), code=303)
            return redirect(url_for("selling.handpieces", listing_id=facts.id), code=303)
    if part:
        with_notes(form, facts, "handpieces", part.id)
    return (
        render_template(
            "selling/handpiece.html",
            form=form,
            part_id=part.id if part else None,
            **(screen_of(facts, part.id) if part and part.counter_value is not None else {}),
            listing=facts,
            part=part,
            steps=STEPS,
            particulars=shown(form, asked),
            after_it=next(
                (
                    modalities[one]
                    for one in own
                    if one not in {code, *(named.modality_code for named in facts.handpieces)}
                ),
                None,
            ),
            published=rated.of_model(facts.model.slug),
            general=rated.in_general(code) if code else (),
        ),
        form.http_status,
    )


def _modality_asked_for(part: HandpieceFacts | None, modalities: Mapping[str, Any]) -> str:
    """Return the modality whose questions the page asks: that which the page was opened with."""
    code = part.modality_code if part else request.args.get("modality", "")
    return code if code in modalities else ""


def _beginning(facts: ListingFacts, code: str) -> dict[str, Any]:
    """Return what a new handpiece begins with: the one line that it emits on this model, and today, where it stands."""
    begun: dict[str, Any] = {
        "modality_code": code,
        "counter_read_on": day_in(clock.now(), time_zone_of(facts.state_code)),
    }
    if code in facts.model.modality_codes:
        bands = emitted(
            modality=code,
            usual=catalog.modalities()[code].bands,
            model_modalities=facts.model.modality_codes,
            model=facts.model.bands,
        )
        if len(bands) == 1 and bands[0][0] == bands[0][1]:
            begun["wavelengths_nm"] = numbers(bands)[0]
    return begun


def _written(facts: ListingFacts, part: HandpieceFacts | None) -> UUID:
    return part.id if part else queries.listing(facts.id).handpieces[-1].id


def _kept(part: HandpieceFacts, asked: Sequence[Field]) -> dict[str, Any]:
    reading = as_typed(
        part,
        value=part.counter_value,
        unit=part.counter_unit,
        direction=part.counter_direction,
        read_on=part.counter_read_on,
    )
    return {
        "name": part.name,
        "modality_code": part.modality_code,
        "serial": part.serial,
        "reduction": str(part.reduction or ""),
        **reading,
        **as_data(asked, part.particulars),
    }
