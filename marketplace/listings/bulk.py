"""Many listings at once: a clinic's own as a table, and drafts from a table, each under the rules of a single one."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import select

from ..catalog.models import DeviceModel, Maker
from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict, Invalid
from ..kernel.money import Money, parse_money
from ..kernel.terms import STATES
from . import drafting
from .models import Listing
from .terms import Grade

COLUMNS = ("maker", "model", "serial", "year", "grade", "price_usd", "city", "state", "zip", "description")
"""What a table may say of a unit; the first two and the place must be there. Every other column is left out."""

NEEDED = ("maker", "model", "city", "state")
MOST_ROWS = 200
_TABLES = UUID("7ab1e000-0000-4000-8000-000000000001")  # The names of rows are made under it.


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it would become a draft. `problems`: what is wrong with it, by column; with one it is left out."""

    number: int
    cells: Mapping[str, str]
    model_id: UUID | None = None
    year: int | None = None
    grade: Grade | None = None
    price: Money | None = None
    problems: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row: the draft, or why there is none."""

    row: Row
    listing_id: UUID | None = None
    problem: str | None = None


def exported(clinic_ids: Collection[UUID]) -> list[dict[str, str]]:
    """Return the listings of these clinics as a table says them, the newest first, with id and standing in front."""
    rows = db.session.execute(
        select(Listing, Maker.name, DeviceModel.name)
        .join(DeviceModel, DeviceModel.id == Listing.model_id)
        .join(Maker, Maker.id == DeviceModel.maker_id)
        .where(Listing.clinic_id.in_(clinic_ids))
        .order_by(Listing.created_at.desc(), Listing.id)
    )
    return [
        {
            "id": str(one.id),
            "standing": str(one.state),
            "maker": maker,
            "model": model,
            "serial": one.serial or "",
            "year": str(one.year or ""),
            "grade": str(one.grade or ""),
            "price_usd": "" if one.price_minor is None else f"{one.price_minor // 100}.{one.price_minor % 100:02}",
            "city": one.city,
            "state": one.state_code,
            "zip": one.postal_code or "",
            "description": one.description,
        }
        for one, maker, model in rows
    ]


def read(table: Sequence[Mapping[str, str]]) -> list[Row]:
    """
    Read a table by its header, row by row, and say what is wrong with each; nothing is written.

    :raises Invalid: a column that must be there is not, there is no row, or there are too many
    """
    if not table:
        raise Invalid("The table has no row below its header.", field="file")
    if missing := [name for name in NEEDED if name not in table[0]]:
        raise Invalid(f"These columns are missing: {', '.join(missing)}.", field="file")
    if len(table) > MOST_ROWS:
        raise Invalid(f"A table may have {MOST_ROWS} rows; this one has {len(table)}.", field="file")
    names = db.session.execute(
        select(Maker.name, DeviceModel.name, DeviceModel.id).join(Maker, Maker.id == DeviceModel.maker_id)
    )
    known = {(maker.casefold(), model.casefold()): model_id for maker, model, model_id in names}
    return [_row(number, cells, known) for number, cells in enumerate(table, start=2)]


def write(*, rows: Sequence[Row], clinic_id: UUID, actor_id: UUID, at: datetime) -> list[Outcome]:
    """
    Make a draft of every row that has no problem, each in a transaction of its own.

    The same rows sent again, after an interruption or by mistake, find the drafts that they made: none is made twice.

    :raises NotFound: the clinic is not the person's
    :raises Refused: the person is neither owner nor manager of it
    """
    return [Outcome(row) if row.problems else _drafted(row, clinic_id, actor_id, at) for row in rows]


def _drafted(row: Row, clinic_id: UUID, actor_id: UUID, at: datetime) -> Outcome:
    said = "\0".join([str(clinic_id), str(row.number), *row.cells.values()])
    assert row.model_id is not None
    try:
        listing_id = drafting.draft(
            actor_id=actor_id,
            clinic_id=clinic_id,
            model_id=row.model_id,
            city=row.cells["city"],
            state_code=row.cells["state"].upper(),
            postal_code=row.cells["zip"],
            serial=row.cells["serial"],
            year=row.year,
            form_key=uuid5(_TABLES, hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()),
            at=at,
        )
        _fill(listing_id, row, actor_id)
    except (Invalid, Conflict) as refusal:
        return Outcome(row, problem=refusal.sentence)
    return Outcome(row, listing_id)


def _fill(listing_id: UUID, row: Row, actor_id: UUID) -> None:
    """Say what the row says beyond the device itself, where nothing is said yet: what somebody wrote since stays."""
    with unit_of_work():
        listing = drafting.draft_of(listing_id, actor_id)
        listing.grade = listing.grade or row.grade
        listing.description = listing.description or row.cells["description"]
        if listing.price_minor is None and row.price is not None:
            listing.price_minor = row.price.minor


def _row(number: int, cells: Mapping[str, str], known: Mapping[tuple[str, str], UUID]) -> Row:
    said = {name: cells.get(name, "").strip() for name in COLUMNS}
    problems: list[tuple[str, str]] = []
    model_id = known.get((said["maker"].casefold(), said["model"].casefold()))
    if model_id is None:
        problems.append(("model", "The catalogue does not know this maker and model."))
    problems += [(name, "This must not be empty.") for name in ("city", "state") if not said[name]]
    if said["state"] and said["state"].upper() not in STATES:
        problems.append(("state", "Write the state by its two letters, such as TX."))
    year = int(said["year"]) if said["year"].isascii() and said["year"].isdecimal() else None
    if said["year"] and year is None:
        problems.append(("year", "Write the year in four figures."))
    grade = {str(one): one for one in Grade}.get(said["grade"].upper())
    if said["grade"] and grade is None:
        problems.append(("grade", f"A grade is one of {', '.join(Grade)}."))
    price = None
    if said["price_usd"]:
        try:
            price = parse_money(said["price_usd"])
            drafting.require_payable(price)
        except Invalid as refusal:
            problems.append(("price_usd", refusal.sentence))
    return Row(number, said, model_id, year, grade, price, tuple(problems))


def lines_of(outcomes: Sequence[Outcome]) -> Iterator[tuple[int, str, str]]:
    """Yield what is wrong with rows: number, column and sentence."""
    for one in outcomes:
        yield from ((one.row.number, column, sentence) for column, sentence in one.row.problems)
        if one.problem is not None:
            yield one.row.number, "row", one.problem
