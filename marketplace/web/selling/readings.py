"""What a counter shows, of a part of the console and of a handpiece alike: its questions, its answers, its photo."""

from datetime import date
from typing import Any, Protocol
from uuid import UUID

from flask import flash, redirect, url_for
from flask.typing import ResponseReturnValue
from wtforms import DateField, FileField, SelectField, StringField
from wtforms.validators import Length, Optional

from ...accounts.access import Permission
from ...kernel import clock
from ...kernel.errors import Invalid
from ...listings import gallery
from ...listings.facts import ListingFacts
from ...listings.possible import Counter
from ...listings.terms import CounterDirection, CounterUnit
from .. import unit
from ..access import me, requires
from ..forms import Form, applied
from ..options import options
from ..unit import UNITS
from .common import LONGEST_LINE, WHOLE, bp, mine, number
from .pictures import files_in

PER_CENT = "percent"
"""The third way in which a counter can show something: neither used nor left, but per cent of a life that is left."""
WAYS = {
    CounterDirection.UP.value: "up: what was used",
    CounterDirection.DOWN.value: "down: what is left",
    PER_CENT: "per cent that is left",
}


class ScreenForm(Form):
    """The photo of one counter's screen."""

    photo = FileField("Photo of its screen")


class Known(Protocol):
    """What is kept of a counter, wherever it counts."""

    @property
    def rated_life(self) -> int | None:
        """Return the rated life, in the counter's unit."""
        ...

    @property
    def rated_life_source(self) -> str | None:
        """Return who states it."""
        ...


class ReadingForm(Form):
    """What a counter shows, when somebody looked, and what its part is rated for."""

    counter_value = StringField("Counter", validators=[Length(max=15), WHOLE])
    counter_unit = SelectField("What it counts", validate_choice=False)  # Of a counter in per cent it is not asked.
    counter_direction = SelectField("Which way it counts", choices=options(WAYS.items()))
    counter_read_on = DateField("Read on", validators=[Optional()])
    rated_life = StringField("Rated life", validators=[Length(max=15), WHOLE])
    rated_life_source = StringField("Who says so", validators=[Length(max=LONGEST_LINE)])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.counter_unit.choices = options(
            (value, words) for value, words in UNITS.items() if value is not CounterUnit.PERCENT_LEFT
        )

    @property
    def reading(self) -> Counter | None:
        """
        Return what the counter shows, as it was typed; None: nothing was.

        :raises Invalid: its unit is none of ours, or the figure is too large
        """
        value = number(self.counter_value)
        if value is None:
            return None
        unit, way, read_on = self.counter_unit.data, self.counter_direction.data, self.counter_read_on.data
        if way == PER_CENT or unit == CounterUnit.PERCENT_LEFT:
            return Counter(value, CounterUnit.PERCENT_LEFT, CounterDirection.DOWN, read_on)
        if unit not in set(CounterUnit):
            raise Invalid("Choose what it counts.", field="counter_unit")
        return Counter(value, CounterUnit(unit), CounterDirection(way), read_on)


def as_typed(
    known: Known,
    *,
    value: int | None,
    unit: CounterUnit | None,
    direction: CounterDirection | None,
    read_on: date | None,
) -> dict[str, Any]:
    """Return what is kept of a counter as `ReadingForm` asks it."""
    return {
        "counter_value": _grouped(value),
        "counter_unit": unit,
        "counter_direction": PER_CENT if unit is CounterUnit.PERCENT_LEFT else direction,
        "counter_read_on": read_on,
        "rated_life": _grouped(known.rated_life),
        "rated_life_source": known.rated_life_source,
    }


def screen_of(facts: ListingFacts, part_id: UUID) -> dict[str, Any]:
    """Return what the page of a counter shows of the photo of its screen."""
    return {
        "screen_kept": facts.screen_of(part_id),
        "screen_form": ScreenForm(formdata=None),
        "screen_shown": unit.screen_of(facts, part_id),
    }


@bp.post("/sell/<uuid:listing_id>/readings/<uuid:part_id>/photo")
@requires(Permission.LISTING_WRITE)
def photograph_screen(listing_id: UUID, part_id: UUID) -> ResponseReturnValue:
    """Add the photo of a counter's screen."""
    facts = mine(listing_id)
    form = ScreenForm()
    with applied(form):
        files = files_in([form.photo.data])
        gallery.add(listing_id=listing_id, actor_id=me().id, files=files, at=clock.now(), screen_of=part_id)
    for sentence in form.form_errors:
        flash(sentence, "error")
    if not form.errors:
        flash("The photo of the screen was added. It stands among the photos, too.", "success")
    if any(part.id == part_id for part in facts.handpieces):
        return redirect(url_for("selling.handpiece", listing_id=listing_id, handpiece_id=part_id), code=303)
    return redirect(url_for("selling.counter", listing_id=listing_id, counter_id=part_id), code=303)


def _grouped(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
