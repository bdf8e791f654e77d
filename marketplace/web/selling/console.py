"""Step: the console: what its parts have counted, and what is asked of such consoles."""

from typing import Any
from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import DateField, StringField
from wtforms.validators import InputRequired, Length

from ...accounts.access import Permission
from ...kernel import clock
from ...kernel.days import day_in
from ...kernel.terms import time_zone_of
from ...listings import counting, drafting, fields, queries
from ...listings.facts import CounterFacts, ListingFacts
from ...listings.fields import Place
from ..access import me, requires
from ..forms import Form, applied
from ..unit import UNITS
from .common import LONGEST_LINE, STEPS, WHOLE, ActForm, bp, codes_of, mine, number, with_notes
from .particulars import as_data, form_with, said_in, shown
from .readings import ReadingForm, as_typed, screen_of


class CounterForm(ReadingForm):
    """What one part of the console has counted."""

    part = StringField("Part that counts", validators=[InputRequired("Name the part."), Length(max=LONGEST_LINE)])
    serial = StringField("Serial number of the part", validators=[Length(max=LONGEST_LINE)])
    counter_value = StringField(
        "What it shows", validators=[InputRequired("Write what the counter shows."), Length(max=15), WHOLE]
    )
    counter_read_on = DateField("Read on", validators=[InputRequired("Write the day on which you looked at it.")])


class ConsoleForm(Form):
    """What is asked of a console: which questions depends on the modalities of the unit."""


@bp.route("/sell/<uuid:listing_id>/console", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
def console(listing_id: UUID) -> ResponseReturnValue:
    """Say what is asked of such a console, and see what its counters show."""
    facts = mine(listing_id)
    asked = fields.asked(Place.DEVICE, codes_of(facts))
    form = form_with(ConsoleForm, asked, codes_of(facts))(data=as_data(asked, facts.particulars))
    if form.validate_on_submit():
        with applied(form):
            drafting.answer(listing_id=listing_id, actor_id=me().id, place=Place.DEVICE, said=said_in(form, asked))
            return redirect(url_for("selling.condition", listing_id=listing_id), code=303)
    with_notes(form, facts, "console")
    there = {counter.part for counter in facts.counters}
    return (
        render_template(
            "selling/console.html",
            form=form,
            act=ActForm(formdata=None),
            listing=facts,
            steps=STEPS,
            particulars=shown(form, asked),
            counters=facts.counters,
            templates=[template for template in fields.counters_of(codes_of(facts)) if template.part not in there],
            units=UNITS,
        ),
        form.http_status,
    )


@bp.route("/sell/<uuid:listing_id>/counters/new", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
def new_counter(listing_id: UUID) -> ResponseReturnValue:
    """Add a counter of the console."""
    return _page(mine(listing_id), None)


@bp.route("/sell/<uuid:listing_id>/counters/<uuid:counter_id>", methods=["GET", "POST"])
@requires(Permission.LISTING_WRITE)
def counter(listing_id: UUID, counter_id: UUID) -> ResponseReturnValue:
    """Say what a counter of the console shows now."""
    facts = mine(listing_id)
    return _page(facts, queries.counter_of(facts, counter_id))


@bp.post("/sell/<uuid:listing_id>/counters/<uuid:counter_id>/remove")
@requires(Permission.LISTING_WRITE)
def remove_counter(listing_id: UUID, counter_id: UUID) -> ResponseReturnValue:
    """Take a counter out of the listing."""
    counting.remove(listing_id=listing_id, actor_id=me().id, counter_id=counter_id)
    flash("The counter is no longer part of the listing.", "success")
    return redirect(url_for("selling.console", listing_id=listing_id), code=303)


def _page(facts: ListingFacts, known: CounterFacts | None) -> ResponseReturnValue:
    form = CounterForm(data=_kept(known) if known else _usual(facts))
    if form.validate_on_submit():
        with applied(form):
            counting.put(
                listing_id=facts.id,
                actor_id=me().id,
                counter_id=known.id if known else None,
                part=form.part.data or "",
                serial=form.serial.data or "",
                counter=form.reading,
                rated_life=number(form.rated_life),
                rated_life_source=form.rated_life_source.data or "",
                at=clock.now(),
            )
            flash("The counter was saved.", "success")
            return redirect(url_for("selling.console", listing_id=facts.id), code=303)
    if known:
        with_notes(form, facts, "console", known.id)
    return (
        render_template(
            "selling/counter.html",
            form=form,
            listing=facts,
            counter=known,
            steps=STEPS,
            part_id=known.id if known else None,
            **(screen_of(facts, known.id) if known else {}),
        ),
        form.http_status,
    )


def _kept(known: CounterFacts) -> dict[str, Any]:
    reading = as_typed(known, value=known.value, unit=known.unit, direction=known.direction, read_on=known.read_on)
    return {"part": known.part, "serial": known.serial, **reading}


def _usual(facts: ListingFacts) -> dict[str, Any]:
    """Return the beginning of a counter, read today: one that such consoles usually have, if the address names it."""
    begun: dict[str, Any] = {"counter_read_on": day_in(clock.now(), time_zone_of(facts.state_code))}
    for template in fields.counters_of(codes_of(facts)):
        if template.key == request.args.get("usual"):
            begun |= {"part": template.part, "counter_unit": template.unit, "counter_direction": template.direction}
    return begun
