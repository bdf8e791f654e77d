"""Step: the console: what its parts have counted, and what is asked of such consoles."""

from datetime import date
from typing import Any
from uuid import UUID

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import DateField, SelectField, StringField
from wtforms.validators import InputRequired, Length

from ...accounts.access import Permission
from ...kernel import clock
from ...kernel.errors import Invalid
from ...listings import counting, drafting, fields, queries
from ...listings.fields import Place
from ...listings.possible import Counter
from ...listings.queries import CounterFacts, ListingFacts
from ...listings.terms import CounterDirection, CounterUnit
from ..access import me, requires
from ..forms import Form, applied
from ..options import options
from ..unit import UNITS
from .common import LONGEST_LINE, STEPS, WHOLE, ActForm, bp, codes_of, mine, number, with_notes
from .particulars import as_data, form_with, said_in, shown

PER_CENT = "percent"
"""The third way in which a counter can show something: neither used nor left, but per cent of a life that is left."""
WAYS = {
    CounterDirection.UP.value: "up: what was used",
    CounterDirection.DOWN.value: "down: what is left",
    PER_CENT: "per cent that is left",
}


class CounterForm(Form):
    """What one part of the console has counted."""

    part = StringField("Part that counts", validators=[InputRequired("Name the part."), Length(max=LONGEST_LINE)])
    serial = StringField("Serial number of the part", validators=[Length(max=LONGEST_LINE)])
    value = StringField(
        "What it shows", validators=[InputRequired("Write what the counter shows."), Length(max=15), WHOLE]
    )
    direction = SelectField("Which way it counts")
    unit = SelectField("What it counts")
    read_on = DateField("Read on", validators=[InputRequired("Write the day on which you looked at it.")])
    rated_life = StringField("Rated life", validators=[Length(max=15), WHOLE])
    rated_life_source = StringField("Who says so", validators=[Length(max=LONGEST_LINE)])


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


def with_counter_choices(unit: SelectField, direction: SelectField) -> None:
    """Give the two questions about a counter their answers."""
    unit.choices = options((value, words) for value, words in UNITS.items() if value is not CounterUnit.PERCENT_LEFT)
    unit.validate_choice = False  # Of a counter in per cent it is not asked.
    direction.choices = options(WAYS.items())


def counter_of(value: int, unit: str, way: str, read_on: date | None) -> Counter:
    """
    Return what a counter shows, as it was typed.

    :raises Invalid: its unit is none of ours
    """
    if way == PER_CENT or unit == CounterUnit.PERCENT_LEFT:
        return Counter(value, CounterUnit.PERCENT_LEFT, CounterDirection.DOWN, read_on)
    if unit not in set(CounterUnit):
        raise Invalid("Choose what it counts.", field="unit")
    return Counter(value, CounterUnit(unit), CounterDirection(way), read_on)


def way_of(unit: CounterUnit | None, direction: CounterDirection | None) -> str | None:
    """Return which way a kept counter counts, as the form asks it."""
    return PER_CENT if unit is CounterUnit.PERCENT_LEFT else direction


def _page(facts: ListingFacts, known: CounterFacts | None) -> ResponseReturnValue:
    form = CounterForm(data=_kept(known) if known else _usual(facts))
    with_counter_choices(form.unit, form.direction)
    if form.validate_on_submit():
        with applied(form):
            counting.put(
                listing_id=facts.id,
                actor_id=me().id,
                counter_id=known.id if known else None,
                part=form.part.data or "",
                serial=form.serial.data or "",
                counter=counter_of(number(form.value) or 0, form.unit.data, form.direction.data, form.read_on.data),
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
        ),
        form.http_status,
    )


def _kept(known: CounterFacts) -> dict[str, Any]:
    return {
        "part": known.part,
        "serial": known.serial,
        "value": f"{known.value:,}",
        "unit": known.unit,
        "direction": way_of(known.unit, known.direction),
        "read_on": known.read_on,
        "rated_life": "" if known.rated_life is None else f"{known.rated_life:,}",
        "rated_life_source": known.rated_life_source,
    }


def _usual(facts: ListingFacts) -> dict[str, Any]:
    """Return the beginning of a counter that such a console usually has, if the address names one."""
    for template in fields.counters_of(codes_of(facts)):
        if template.key == request.args.get("usual"):
            return {"part": template.part, "unit": template.unit, "direction": template.direction}
    return {}
