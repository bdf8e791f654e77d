"""Staff keep the list of stolen units: entries come from files or one by one, and are withdrawn in words."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, func, select

from .. import audit
from ..catalog.models import Maker
from ..catalog.parsing import Catalogue, Row, rows
from ..clinics import queries as clinics
from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict, Invalid, NotFound, Refused
from ..kernel.text import normal_number, slug
from . import service
from .models import Listing
from .states import LIVE
from .units import StolenUnit

FILE = "stolen.csv"
COLUMNS = ("maker", "serial", "reported_on")
MOST_ROWS = 5_000


class ListRefused(Invalid):
    """Something in the file is wrong; `problems` says what, row by row. Nothing was loaded."""

    code = "stolen_list_refused"

    def __init__(self, problems: list[str]) -> None:
        super().__init__("Nothing was loaded. " + " ".join(problems[:20]), field="file")
        self.problems = problems


class OwnUnit(Refused):
    """Nobody takes an entry off the list that stands against a device of their own clinic."""

    code = "own_stolen_unit"

    def __init__(self) -> None:
        super().__init__(
            "It stands against a device of a clinic to which you belong or belonged.", cure="Leave it to a colleague."
        )


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did: how many entries are new, and how many units on the market they stopped."""

    added: int
    known: int
    stopped: int


def load(*, actor_id: UUID, text: str, source: str, at: datetime) -> Loaded:
    """
    Add the entries of a file, read by its header; those that stand already are left as they are.

    Units on the market that they name are stopped, and moderators are told.

    :raises ListRefused: a row is wrong; nothing was loaded
    :raises Invalid: nobody is named who reports them
    """
    if not source.strip():
        raise Invalid("Say who reports them, and where that can be read.", field="source")
    found = Catalogue()
    read = [_read(row) for row in rows(FILE, text, COLUMNS, found)]
    problems = [str(problem) for problem in found.problems]
    if len(read) > MOST_ROWS:
        problems.append(f"A file has at most {MOST_ROWS} rows.")
    if not read and not problems:
        problems.append("There is no row in it.")
    if problems:
        raise ListRefused(problems)
    return _add([row for row in read if row], actor_id=actor_id, source=source.strip(), at=at)


def withdraw(*, entry_id: UUID, actor_id: UUID, because: str, at: datetime) -> None:
    """
    Let an entry stand no longer; it stays on record with the reason.

    :raises NotFound: there is none
    :raises Conflict: it was withdrawn already
    :raises OwnUnit: it stands against a device of a clinic of theirs, on the market or not
    :raises Invalid: no reason is given
    """
    if not because.strip():
        raise Invalid("Say why it stands no longer.", field="because")
    with unit_of_work():
        row = db.session.get(StolenUnit, entry_id, with_for_update=True)
        if row is None:
            raise NotFound("There is no such entry.")
        if row.withdrawn_at is not None:
            raise Conflict("This entry was withdrawn already.")
        of_clinics = select(Listing.clinic_id).where(*_named_by(row))
        if not clinics.clinics_ever_of(actor_id).isdisjoint(db.session.scalars(of_clinics)):
            raise OwnUnit
        row.withdrawn_at, row.withdrawn_by, row.withdrawn_because = at, actor_id, because.strip()
        db.session.flush()
        _record("stolen_unit:withdrawn", row.id, actor_id=actor_id, at=at)


def as_file(*, maker: str, serial: str, reported_on: date | None) -> str:
    """Write one entry as a file of one row, for a form that adds a single one."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerow([maker.strip(), serial.strip(), reported_on.isoformat() if reported_on else ""])
    return out.getvalue()


def live_units(row: StolenUnit) -> list[UUID]:
    """Return the units under way here that an entry names."""
    live = select(Listing.id).where(*_named_by(row), Listing.state.in_(LIVE))
    return list(db.session.scalars(live.order_by(Listing.id)))


def _named_by(row: StolenUnit) -> list[ColumnElement[bool]]:
    """Return the conditions of a listing that an entry names. One without a maker names every maker's."""
    of_maker = [] if row.maker_id is None else [Listing.maker_id == row.maker_id]
    return [Listing.serial_normal == row.serial_normal, *of_maker]


def _add(read: list[tuple[str, str, date | None]], *, actor_id: UUID, source: str, at: datetime) -> Loaded:
    new: list[StolenUnit] = []
    with unit_of_work():
        # Two loads of one file wait for each other, and the second finds what the first added.
        db.session.execute(select(func.pg_advisory_xact_lock(0x57013E)))
        makers = _makers()
        standing = {
            (row.maker, row.serial_normal)
            for row in db.session.execute(
                select(StolenUnit.maker, StolenUnit.serial_normal).where(
                    StolenUnit.source == source, StolenUnit.withdrawn_at.is_(None)
                )
            )
        }
        for maker, serial, reported_on in read:
            key = (maker, normal_number(serial))
            if key in standing:
                continue
            standing.add(key)
            row = StolenUnit(
                maker=maker,
                maker_id=makers.get(slug(maker)) if maker else None,
                serial=serial,
                serial_normal=key[1],
                source=source,
                reported_on=reported_on,
                added_by=actor_id,
                added_at=at,
            )
            db.session.add(row)
            new.append(row)
        db.session.flush()
        named = {row.id: live_units(row) for row in new}
        # All devices before the audit trail, and in one order: who buys one holds it while they wait for the trail.
        _lock(unit for units in named.values() for unit in units)
        for row in new:
            _record("stolen_unit:added", row.id, actor_id=actor_id, at=at)
        stopped = sum(service.stop_stolen(unit, at=at) for units in named.values() for unit in units)
    return Loaded(len(new), len(read) - len(new), stopped)


def _lock(listing_ids: Iterable[UUID]) -> None:
    db.session.scalars(
        select(Listing.id).where(Listing.id.in_(set(listing_ids))).order_by(Listing.id).with_for_update()
    ).all()


def _makers() -> dict[str, UUID]:
    known: dict[str, UUID] = {}
    for maker_id, name, aliases in db.session.execute(select(Maker.id, Maker.name, Maker.aliases)):
        known |= {slug(word): maker_id for word in (*aliases, name)}
    return known


def _read(row: Row) -> tuple[str, str, date | None] | None:
    serial = row.needed("serial")
    if serial and not normal_number(serial):
        row.wrong("serial", "There is no letter and no figure in it.")
    written = row.cells["reported_on"]
    try:
        reported_on = date.fromisoformat(written) if written else None
    except ValueError:
        row.wrong("reported_on", "Write the day as 2026-05-31.")
        return None
    return row.cells["maker"], serial, reported_on


def _record(kind: str, entry_id: UUID, *, actor_id: UUID, at: datetime) -> None:
    audit.record(kind, actor_id=actor_id, subject_type="stolen_unit", subject_id=entry_id, at=at)
