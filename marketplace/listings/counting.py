"""The counters of a draft's console: laser heads, lamps, tubes, cards, the console itself."""

from datetime import datetime
from uuid import UUID

from ..catalog import queries as catalog
from ..extensions import unit_of_work
from ..kernel.errors import Invalid, NotFound
from .derived import derive
from .drafting import draft_of, take_out
from .models import ConsoleCounter, Listing
from .possible import Counter, rated, require_possible

MOST_COUNTERS = 20


def put(
    *,
    listing_id: UUID,
    actor_id: UUID,
    counter_id: UUID | None,
    part: str,
    serial: str,
    counter: Counter | None,
    rated_life: int | None,
    rated_life_source: str,
    at: datetime,
) -> None:
    """
    Add a counter, or with `counter_id` say of one what it shows now.

    :raises NotFound: it is not the person's draft, or it has no such counter
    :raises Conflict: it is no longer a draft
    :raises Invalid: it cannot be, nobody is named who states the rated life, or there are too many
    """
    require_possible(counter, at)
    if not part.strip():
        raise Invalid("Name the part that counts.", field="part")
    if rated_life is not None and not rated_life_source.strip():
        raise Invalid("Name who states the rated life, or leave it empty.", field="rated_life_source")
    if counter is None:
        raise Invalid("Write what the counter shows.", field="counter_value")
    if counter.read_on is None:
        raise Invalid("Write the day on which you looked at it.", field="counter_read_on")
    with unit_of_work():
        listing = draft_of(listing_id, actor_id)
        model = catalog.model(listing.model_id)
        row = _to_write(listing, counter_id)
        row.part = part.strip()
        row.serial = serial.strip() or None
        row.value = counter.value
        row.unit = counter.unit
        row.direction = counter.direction
        row.read_on = counter.read_on
        row.rated_life, row.rated_life_source = rated(model, counter, rated_life, rated_life_source)
        derive(listing, model)


def remove(*, listing_id: UUID, actor_id: UUID, counter_id: UUID) -> None:
    """
    Take a counter out of the listing.

    :raises NotFound: it is not the person's draft, or it has no such counter
    :raises Conflict: it is no longer a draft
    """
    with unit_of_work():
        listing = draft_of(listing_id, actor_id)
        take_out(listing.counters, _counter_of(listing, counter_id))
        derive(listing, catalog.model(listing.model_id))


def _to_write(listing: Listing, counter_id: UUID | None) -> ConsoleCounter:
    if counter_id is not None:
        return _counter_of(listing, counter_id)
    if len(listing.counters) >= MOST_COUNTERS:
        raise Invalid(f"A device has at most {MOST_COUNTERS} counters here.")
    row = ConsoleCounter(position=len(listing.counters) + 1)
    listing.counters.append(row)
    return row


def _counter_of(listing: Listing, counter_id: UUID) -> ConsoleCounter:
    for row in listing.counters:
        if row.id == counter_id:
            return row
    raise NotFound("This device has no such counter.")
