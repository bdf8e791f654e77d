"""
The passport of a unit: what its counters showed, what happened to it, each sale here. It survives a resale.

A unit is told by its maker and its serial number in normal form. What stands in a passport stays there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from sqlalchemy import func, literal_column, select
from sqlalchemy.dialects.postgresql import insert

from ..extensions import as_text, db, unit_of_work
from ..kernel.errors import Conflict, Invalid
from ..kernel.wording import gettext_noop
from .drafting import draft_of
from .models import Listing
from .terms import CounterDirection, CounterUnit, UnitEventKind
from .units import UnitEvent, UnitReading


@dataclass(frozen=True, slots=True)
class Reading:
    """What a counter showed on a day."""

    part: str
    value: int
    unit: CounterUnit
    direction: CounterDirection
    read_on: date


@dataclass(frozen=True, slots=True)
class Happened:
    """Something that happened to the unit; `stated` by a seller, or seen by the house itself."""

    kind: UnitEventKind
    on: date
    words: str
    stated: bool


@dataclass(frozen=True, slots=True)
class Rollback:
    """A counter that showed less use on a later day than on an earlier one."""

    part: str
    before: Reading
    after: Reading


@dataclass(frozen=True, slots=True)
class Passport:
    """Everything that is known of one unit, oldest first."""

    readings: tuple[Reading, ...]
    events: tuple[Happened, ...]

    @property
    def rollbacks(self) -> tuple[Rollback, ...]:
        """Return every counter that went the wrong way."""
        return rollbacks(self.readings)


def rollbacks(readings: Iterable[Reading]) -> tuple[Rollback, ...]:
    """
    Return where a counter showed less use on a later day, part by part.

    A counter that counts up shows less use when it falls; one that shows what is left, when it rises.
    """
    by_part: dict[tuple[str, CounterUnit], list[Reading]] = {}
    for reading in readings:
        by_part.setdefault((reading.part.casefold(), reading.unit), []).append(reading)
    found = []
    for series in by_part.values():
        ordered = sorted(series, key=lambda reading: reading.read_on)
        for before, after in pairwise(ordered):
            up = after.direction is CounterDirection.UP
            if before.direction is after.direction and (
                after.value < before.value if up else after.value > before.value
            ):
                found.append(Rollback(after.part, before, after))
    return tuple(found)


_READ = select(
    UnitReading.part, UnitReading.value, UnitReading.unit, UnitReading.direction, UnitReading.read_on
).order_by(UnitReading.read_on, UnitReading.part, UnitReading.id)
_HAPPENED = select(UnitEvent.kind, UnitEvent.happened_on, UnitEvent.words, UnitEvent.stated_by).order_by(
    UnitEvent.happened_on, UnitEvent.id
)
# An empty number is that of no unit; where it is not known, it is equal to none.
READINGS, EVENTS = (
    as_text(
        statement.where(
            of.maker_id == literal_column("unit.maker_id"),
            of.serial_normal == func.nullif(literal_column("unit.serial_normal"), ""),
        )
    ).replace("unit_events.", "")  # Nothing else it could mean: the whole is kept short.
    for statement, of in ((_READ, UnitReading), (_HAPPENED, UnitEvent))
)
"""Of the listing that is called `unit`, for a larger statement; `told` reads the answers."""


def of_unit(*, maker_id: UUID, serial_normal: str | None) -> Passport:
    """Return the passport of a unit; an empty one where nothing is known, or it has no serial number."""
    if not serial_normal:
        return Passport((), ())
    readings = db.session.execute(
        _READ.where(UnitReading.maker_id == maker_id, UnitReading.serial_normal == serial_normal)
    )
    events = db.session.execute(
        _HAPPENED.where(UnitEvent.maker_id == maker_id, UnitEvent.serial_normal == serial_normal)
    )
    return Passport(
        tuple(Reading(*row) for row in readings),
        tuple(Happened(row.kind, row.happened_on, row.words, row.stated_by is not None) for row in events),
    )


def told(readings: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]]) -> Passport:
    """Return a passport as a larger statement told it."""
    return Passport(
        tuple(
            Reading(
                one["part"],
                one["value"],
                CounterUnit(one["unit"]),
                CounterDirection(one["direction"]),
                date.fromisoformat(one["read_on"]),
            )
            for one in readings
        ),
        tuple(
            Happened(
                UnitEventKind(one["kind"]),
                date.fromisoformat(one["happened_on"]),
                one["words"],
                one["stated_by"] is not None,
            )
            for one in events
        ),
    )


def note_readings(listing: Listing, *, at: datetime) -> None:
    """Keep what the counters of a unit show, as its seller states it. A step of the caller's work."""
    rows = [
        {
            "maker_id": listing.maker_id,
            "serial_normal": listing.serial_normal,
            "listing_id": listing.id,
            "at": at,
            "part": reading.part,
            "value": reading.value,
            "unit": reading.unit,
            "direction": reading.direction,
            "read_on": reading.read_on,
        }
        for reading in stated(listing)
    ]
    if rows:
        # Submitted again without another look, it is the same reading.
        db.session.execute(insert(UnitReading).values(rows).on_conflict_do_nothing(constraint="a_reading_is_kept_once"))


def stated(listing: Listing) -> Sequence[Reading]:
    """Return what the counters of a listing show, as far as a day is named."""
    parts = [
        Reading(part.name, part.counter_value, part.counter_unit, part.counter_direction, part.counter_read_on)
        for part in listing.handpieces
        if part.counter_value is not None
        and part.counter_unit is not None
        and part.counter_direction is not None
        and part.counter_read_on is not None
    ]
    return [
        *parts,
        *(Reading(row.part, row.value, row.unit, row.direction, row.read_on) for row in listing.counters),
    ]


def note_sale(listing: Listing, *, at: datetime) -> None:
    """Keep that the unit was sold here. A step of the caller's work."""
    _keep(listing, UnitEventKind.SOLD_HERE, at.date(), gettext_noop("Sold on Second Light"), stated_by=None, at=at)


def add_event(
    *, listing_id: UUID, actor_id: UUID, kind: UnitEventKind, happened_on: date, words: str, at: datetime
) -> None:
    """
    Write into the passport of a draft's unit what was done to it. It stays there, also when the unit is sold on.

    :raises NotFound: it is not the person's draft
    :raises Conflict: it is no longer a draft, or its serial number is not said yet
    :raises Invalid: nothing is told, it lies ahead, or only the house can state it
    """
    if not words.strip():
        raise Invalid("Say what was done, and by whom.", field="words")
    if happened_on > at.date():
        raise Invalid("What was done cannot lie ahead of us.", field="happened_on")
    if kind is UnitEventKind.SOLD_HERE:
        raise Invalid("A sale here is noted by itself.", field="kind")
    with unit_of_work():
        listing = draft_of(listing_id, actor_id)
        if not listing.serial_normal:
            raise Conflict(
                "The passport belongs to a serial number, and the draft has none yet.",
                cure="Write the serial number on the first step.",
            )
        _keep(listing, kind, happened_on, words.strip(), stated_by=actor_id, at=at)


def _keep(listing: Listing, kind: UnitEventKind, on: date, words: str, *, stated_by: UUID | None, at: datetime) -> None:
    db.session.add(
        UnitEvent(
            maker_id=listing.maker_id,
            serial_normal=listing.serial_normal,
            kind=kind,
            happened_on=on,
            words=words,
            listing_id=listing.id,
            stated_by=stated_by,
            at=at,
        )
    )
