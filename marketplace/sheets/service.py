"""
A table comes in, is tried device by device, and becomes drafts: in the background, a few devices in each transaction.

Each transaction moves the cursor, leaves what became of its devices, and promises the job for the next ones. A worker
that dies in the middle leaves nothing half done, and whoever takes the job up again finds where to go on.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import delete, func, insert, select, update

from .. import audit
from ..catalog import queries as catalog
from ..clinics import queries as clinics
from ..clinics.access import MANAGERS
from ..documents.service import shown_name
from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict, Invalid, NotFound, Refusal
from ..kernel.text import normal_number
from ..listings import whole
from ..listings.models import Listing
from ..listings.states import ListingState
from ..listings.whole import Whole
from ..queue import promise
from . import reading
from .columns import UNIT, Line
from .judging import Known, Problem, judge
from .models import ImportUnit, ListingImport
from .reading import Entry, Row, entry
from .states import IMPORT, MOVING, ImportEvent, ImportState

CHECKED_AT_ONCE, WRITTEN_AT_ONCE = 500, 50
"""Devices of one transaction. Who writes holds the audit trail: others must not wait for it for long."""

KEPT = timedelta(days=90)
"""For so long the lines of an import are kept after its end, to be repaired."""

_TABLES = UUID("7ab1e000-0000-4000-8000-000000000001")  # The names of devices in tables are made under it.
_GONE = (ListingState.WITHDRAWN, ListingState.SOLD)
_S, _E = ImportState, ImportEvent


def receive(*, clinic_id: UUID, actor_id: UUID, filename: str, content: bytes, form_key: UUID, at: datetime) -> UUID:
    """
    Keep a table for a clinic, and have it tried; nothing is made of it yet. The same form sent twice is one import.

    :raises NotFound: the clinic is not the person's
    :raises Refused: the person is neither owner nor manager of it
    :raises Invalid: it is no such table
    :raises Conflict: another table of the clinic is being read or written
    """
    header = reading.header(reading.text_of(content))
    with unit_of_work() as session:
        clinics.require_role(user_id=actor_id, clinic_id=clinic_id, roles=MANAGERS)
        # Whoever sends for this clinic at the same time waits here, and finds what the first began.
        session.execute(select(func.pg_advisory_xact_lock(clinic_id.int % 2**63)))
        known = session.scalar(select(ListingImport.id).where(ListingImport.form_key == form_key))
        if known is not None:
            return known
        moving = select(ListingImport.id).where(ListingImport.clinic_id == clinic_id, ListingImport.state.in_(MOVING))
        if session.scalar(moving) is not None:
            raise Conflict("Another table of this clinic is being read.", cure="Wait until it is done, or cancel it.")
        sheet = ListingImport(
            clinic_id=clinic_id,
            created_by=actor_id,
            form_key=form_key,
            filename=shown_name(filename),
            size_bytes=len(content),
            content=content,
            header=list(header),
            created_at=at,
        )
        session.add(sheet)
        session.flush()
        _record("received", sheet, actor_id, at)
        _promise_next(sheet, "check_listing_import")
        return sheet.id


def check(*, import_id: UUID, at: datetime) -> None:
    """
    Take a table apart; then try its next devices: say of each whether a draft could be made of it. Nothing is made.

    :raises NotFound: there is no such import
    """
    whole_table = _whole_table(import_id)
    with unit_of_work():
        sheet = _locked(import_id)
        if sheet.state is not _S.RECEIVED:
            return
        if not sheet.units:
            _take_apart(sheet, whole_table, at)
            return
        units = _next(sheet, sheet.checked_through, CHECKED_AT_ONCE)
        _judged(sheet, units, at)
        sheet.checked_through = units[-1].number
        if sheet.checked_through < sheet.units:
            _promise_next(sheet, "check_listing_import")
        else:
            _move(sheet, _E.CHECKED, actor_id=None, at=at)


def start(*, import_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Have drafts made of the devices of a table with which nothing is wrong.

    :raises NotFound: there is no such import, or its clinic is not the person's
    :raises Refused: the person is neither owner nor manager there
    :raises Invalid: there is nothing to make
    :raises Conflict: it was not tried, or was started, or is over; or another table of the clinic is being read
    """
    with unit_of_work() as session:
        sheet = _of_seller(import_id, actor_id)
        if sheet.state is _S.CHECKED and sheet.units == sheet.wrong + sheet.found:
            raise Invalid("There is no device in it of which a draft could be made.")
        moving = select(ListingImport.id).where(
            ListingImport.clinic_id == sheet.clinic_id, ListingImport.state.in_(MOVING), ListingImport.id != sheet.id
        )
        if session.scalar(moving) is not None:
            raise Conflict("Another table of this clinic is being read.", cure="Wait until it is done, or cancel it.")
        _move(sheet, _E.STARTED, actor_id=actor_id, at=at)
        _promise_next(sheet, "write_listing_import")


def write(*, import_id: UUID, at: datetime) -> None:
    """
    Make drafts of the next devices of a table; each is looked at again first, as the house is now.

    Drafts, cursor and the promise of the next ones are one transaction. A draft that was there already stays as it is.

    :raises NotFound: there is no such import
    """
    with unit_of_work():
        sheet = _locked(import_id)
        if sheet.state is not _S.WRITING:
            return
        try:
            clinics.require_role(user_id=sheet.created_by, clinic_id=sheet.clinic_id, roles=MANAGERS)
        except Refusal:
            _move(sheet, _E.REFUSED, actor_id=None, at=at, refusal="Who sent it no longer sells for this clinic.")
            return
        units = _next(sheet, sheet.written_through, WRITTEN_AT_ONCE)
        sound = _judged(sheet, [unit for unit in units if not unit.problems and not unit.found], at)
        drafts = whole.begin_all(
            clinic_id=sheet.clinic_id,
            actor_id=sheet.created_by,
            said=[(unit.form_key, said) for unit, said in sound],
            at=at,
        )
        for unit, _ in sound:
            unit.listing_id = drafts[unit.form_key]
        sheet.made += len(drafts)
        sheet.written_through = units[-1].number
        if sheet.written_through < sheet.units:
            _promise_next(sheet, "write_listing_import")
        else:
            _move(sheet, _E.FINISHED, actor_id=None, at=at)


def cancel(*, import_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Leave a table as it is, before the rest of it becomes drafts. Drafts that were made stay.

    :raises NotFound: there is no such import, or its clinic is not the person's
    :raises Refused: the person is neither owner nor manager there
    :raises Conflict: it is over
    """
    with unit_of_work():
        _move(_of_seller(import_id, actor_id), _E.CANCELLED, actor_id=actor_id, at=at, content=None)


def sweep(*, at: datetime) -> int:
    """Forget the lines of imports that ended long ago, and end those that nobody started; return how many that were."""
    with unit_of_work() as session:
        old = session.scalars(
            select(ListingImport)
            .where(ListingImport.state == _S.CHECKED, ListingImport.created_at < at - KEPT)
            .with_for_update(key_share=True)
        ).all()
        for sheet in old:
            _move(sheet, _E.CANCELLED, actor_id=None, at=at)
        over = select(ListingImport.id).where(ListingImport.ended_at < at - KEPT)
        gone = session.scalars(
            delete(ImportUnit).where(ImportUnit.import_id.in_(over)).returning(ImportUnit.import_id)
        ).all()
        return len(old) + len(set(gone))


def _whole_table(import_id: UUID) -> reading.Sheet | Invalid | None:
    """
    Return a table taken apart, or why it cannot be; None: it was before.

    It takes seconds, and no transaction stays open for so long.
    """
    with unit_of_work() as session:
        content = session.scalar(select(ListingImport.content).where(ListingImport.id == import_id))
    if content is None:
        return None
    try:
        return reading.read(reading.text_of(content))
    except Invalid as refusal:
        return refusal


def _take_apart(sheet: ListingImport, table: reading.Sheet | Invalid | None, at: datetime) -> None:
    """Keep the devices of a table instead of its bytes."""
    assert table is not None  # The database holds it: it keeps the bytes until there are devices.
    if isinstance(table, Invalid):
        sentence = f"{table.sentence} {table.cure or ''}".strip()
        _move(sheet, _E.REFUSED, actor_id=None, at=at, refusal=sentence, content=None)
        return
    naming = _Naming(sheet.clinic_id)
    rows = []
    for number, group in enumerate(table.groups, start=1):
        entries = [entry(table.header, row) for row in group]
        rows.append(
            {
                "import_id": sheet.id,
                "number": number,
                "rows": [[row.number, list(row.cells)] for row in group],
                "form_key": naming.key_of(entries),
                "problems": naming.said_before(entries),
            }
        )
    db.session.execute(insert(ImportUnit), rows)
    sheet.units, sheet.remarks, sheet.content = len(rows), table.remarks, None
    _promise_next(sheet, "check_listing_import")


class _Naming:
    """Gives each device of a table its key, by what is said of it, and sees which stand in it twice."""

    def __init__(self, clinic_id: UUID) -> None:
        self._clinic_id = clinic_id
        self._before: Counter[bytes] = Counter()
        self._first: dict[tuple[str, str], int] = {}

    def key_of(self, group: Sequence[Entry]) -> UUID:
        """Return its key: of what is said of it and, where several say the same, of how many came before."""
        said = "\0".join(
            f"{name}\1{cell}" for line in group for name, cell in sorted(line.cells.items()) if name != UNIT
        )
        digest = hashlib.sha256(said.encode()).digest()
        key = uuid5(_TABLES, f"{self._clinic_id} {self._before[digest]} {digest.hex()}")
        self._before[digest] += 1
        return key

    def said_before(self, group: Sequence[Entry]) -> list[list[object]]:
        """Return what is wrong with a device that stands in the table before: the same maker and serial number."""
        for line in group:
            serial = normal_number(line.cells["serial"])
            if line.line is Line.DEVICE and serial:
                row = self._first.setdefault((line.cells["maker"].casefold(), serial), line.number)
                if row != line.number:
                    return [list(Problem(line.number, "serial", f"This device stands in row {row} already."))]
        return []


def _next(sheet: ListingImport, cursor: int, most: int) -> Sequence[ImportUnit]:
    return db.session.scalars(
        select(ImportUnit)
        .where(ImportUnit.import_id == sheet.id, ImportUnit.number > cursor)
        .order_by(ImportUnit.number)
        .limit(most)
    ).all()


def _judged(sheet: ListingImport, units: Sequence[ImportUnit], at: datetime) -> list[tuple[ImportUnit, Whole]]:
    """
    Say of devices what is wrong with them, and whose draft is here already; return those of which one can be made.

    What is sent again finds its draft by its key. Another device of this maker and serial number is wrong.
    """
    known = _known()
    judged = [
        judge([entry(sheet.header, Row(number, tuple(cells))) for number, cells in unit.rows], known, at=at)
        for unit in units
    ]
    drafts = _drafts_of(sheet.clinic_id, [unit.form_key for unit in units])
    there = _there_already(sheet.clinic_id, [said for said, _ in judged if said is not None])
    sound = []
    for unit, (said, problems) in zip(units, judged, strict=True):
        unit.listing_id = drafts.get(unit.form_key)
        unit.found = unit.listing_id is not None
        if said is not None and _unit_of(said) in there:
            state = str(there[_unit_of(said)]).replace("_", " ")
            sentence = f"Your clinic has this device here already. It is {state}."
            problems.append(Problem(unit.rows[0][0], "serial", sentence))
        unit.problems = [] if unit.found else [*unit.problems, *map(list, problems)]
        sheet.found += unit.found
        sheet.wrong += bool(unit.problems)
        if said is not None and not unit.found and not unit.problems:
            sound.append((unit, said))
    return sound


def _drafts_of(clinic_id: UUID, keys: Sequence[UUID]) -> dict[UUID, UUID]:
    rows = db.session.execute(
        select(Listing.form_key, Listing.id).where(Listing.clinic_id == clinic_id, Listing.form_key.in_(keys))
    )
    return {row.form_key: row.id for row in rows}


def _there_already(clinic_id: UUID, said: Iterable[Whole]) -> Mapping[tuple[UUID, str], ListingState]:
    serials = {serial for one in said if (serial := normal_number(one.serial))}
    rows = db.session.execute(
        select(Listing.maker_id, Listing.serial_normal, Listing.state).where(
            Listing.clinic_id == clinic_id, Listing.serial_normal.in_(serials), Listing.state.not_in(_GONE)
        )
    )
    return {(row.maker_id, row.serial_normal): row.state for row in rows}


def _unit_of(said: Whole) -> tuple[UUID, str]:
    return said.model.maker_id, normal_number(said.serial)


def _known() -> Known:
    ids = (model_id for models in catalog.models_for_choice().values() for model_id, _ in models)
    models = catalog.models_by_id(ids).values()
    modalities = catalog.modalities().values()
    return Known(
        {(model.maker.casefold(), model.name.casefold()): model for model in models},
        {one.name.casefold(): one for one in modalities} | {one.code.casefold(): one for one in modalities},
    )


def _locked(import_id: UUID) -> ListingImport:
    sheet = db.session.get(ListingImport, import_id, with_for_update={"key_share": True}, populate_existing=True)
    if sheet is None:
        raise NotFound("There is no such import.")
    return sheet


def _of_seller(import_id: UUID, actor_id: UUID) -> ListingImport:
    sheet = _locked(import_id)
    try:
        clinics.require_role(user_id=actor_id, clinic_id=sheet.clinic_id, roles=MANAGERS)
    except NotFound:
        raise NotFound("There is no such import.") from None
    return sheet


def _promise_next(sheet: ListingImport, job: str) -> None:
    # The tables of one clinic are read and written one after the other: none finds what another is about to make.
    promise(job, lock=f"listing_import:{sheet.clinic_id}", import_id=str(sheet.id))


def _move(sheet: ListingImport, event: ImportEvent, *, actor_id: UUID | None, at: datetime, **changes: Any) -> None:
    before = sheet.state
    after = IMPORT.after(before, event)
    if not IMPORT.events_from(after):
        changes["ended_at"] = at
    db.session.flush()
    won = db.session.scalar(
        update(ListingImport)
        .where(ListingImport.id == sheet.id, ListingImport.state == before)
        .values({"state": after, **changes})
        .returning(ListingImport.id)
        .execution_options(synchronize_session=False)
    )
    if won is None:
        raise Conflict("Somebody has just moved this import on.")
    db.session.refresh(sheet)
    _record(event, sheet, actor_id, at, before=before)


def _record(what: str, sheet: ListingImport, actor_id: UUID | None, at: datetime, **data: Any) -> None:
    audit.record(
        f"listing_import:{what}",
        actor_id=actor_id,
        subject_type="listing_import",
        subject_id=sheet.id,
        at=at,
        units=sheet.units,
        made=sheet.made,
        **data,
    )
