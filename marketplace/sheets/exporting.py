"""A clinic's own listings as a table, in the very form in which tables come in, and as JSON."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select

from ..catalog.models import DeviceModel, Maker
from ..extensions import reading
from ..kernel.spreadsheets import csv_of
from ..listings import fields
from ..listings.conditions import INCLUSIONS, Included
from ..listings.fields import Place
from ..listings.models import ConsoleCounter, Handpiece, Listing
from ..listings.states import ListingState
from .columns import LINE, UNIT, Line, names

Cells = Mapping[str, str]

_GONE = frozenset({ListingState.WITHDRAWN, ListingState.SOLD})


@dataclass(frozen=True, slots=True)
class Exported:
    """One listing in the words of a table; `standing` and id are ours, and no table sets them."""

    id: UUID
    standing: ListingState
    device: Cells
    handpieces: tuple[Cells, ...]
    counters: tuple[Cells, ...]

    @property
    def lines(self) -> tuple[Cells, ...]:
        """Return its lines in the order in which a table has them."""
        return (self.device, *self.handpieces, *self.counters)


def exported(clinic_ids: Collection[UUID]) -> list[Exported]:
    """Return the listings of clinics, in the order of what they say: the same ones are always in the same order."""
    _l, parts, counters = Listing.__table__.c, Handpiece.__table__.c, ConsoleCounter.__table__.c
    mine = select(_l.id).where(_l.clinic_id.in_(clinic_ids))
    with reading() as connection:
        units = connection.execute(
            select(
                *_l,
                Maker.name.label("maker"),
                DeviceModel.name.label("model"),
                DeviceModel.modality_codes.label("codes"),
            )
            .join(DeviceModel, DeviceModel.id == _l.model_id)
            .join(Maker, Maker.id == DeviceModel.maker_id)
            .where(_l.clinic_id.in_(clinic_ids))
        ).all()
        handpieces = _by_unit(connection, select(*parts).where(parts.listing_id.in_(mine)).order_by(parts.position))
        counted = _by_unit(
            connection, select(*counters).where(counters.listing_id.in_(mine)).order_by(counters.position)
        )
    found = [_exported(unit, handpieces.get(unit.id, []), counted.get(unit.id, [])) for unit in units]
    return sorted(found, key=lambda one: ([[*line.values()] for line in one.lines], str(one.id)))


def as_table(units: Iterable[Exported]) -> str:
    """Return those that are still to be sold as a table that can be sent in as it is."""
    kept = [unit for unit in units if unit.standing not in _GONE]
    rows = chain.from_iterable(
        ({**line, UNIT: str(number)} for line in unit.lines) for number, unit in enumerate(kept, start=1)
    )
    return csv_of(names(), ([line[name] for name in names()] for line in rows))


def as_values(units: Iterable[Exported]) -> list[dict[str, Any]]:
    """Return all of them as values for JSON: what is said, by the names of columns, with id and standing."""
    return [
        {
            "id": str(unit.id),
            "standing": str(unit.standing),
            **_what_is_said(unit.device),
            "handpieces": [_what_is_said(line) for line in unit.handpieces],
            "counters": [_what_is_said(line) for line in unit.counters],
        }
        for unit in units
    ]


def _what_is_said(line: Cells) -> dict[str, str]:
    return {name: cell for name, cell in line.items() if cell and name not in {UNIT, LINE}}


def _by_unit(connection: Any, statement: Select[Any]) -> dict[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = {}
    for row in connection.execute(statement):
        found.setdefault(row.listing_id, []).append(row)
    return found


def _exported(unit: Any, parts: Collection[Any], counters: Collection[Any]) -> Exported:
    codes = [*unit.codes, *(part.modality_code for part in parts)]
    asked = [*fields.asked(Place.DEVICE, codes), *fields.asked(Place.CONDITION, codes)]
    stated = {answer: [item for item in INCLUSIONS if unit.inclusions.get(item) == answer] for answer in Included}
    device = _line(
        Line.DEVICE,
        maker=unit.maker,
        model=unit.model,
        serial=unit.serial,
        year=unit.year,
        grade=unit.grade,
        price_usd=_dollars(unit.price_minor),
        city=unit.city,
        state=unit.state_code,
        zip=unit.postal_code,
        description=unit.description,
        last_service_on=unit.last_service_on,
        recertification=unit.recertification,
        recertification_quote_usd=_dollars(unit.recertification_minor),
        warranty=unit.warranty,
        warranty_months=unit.warranty_months,
        warranty_transferable=_yes_or_no(unit.warranty_transferable),
        warranty_provider=unit.warranty_provider,
        training_included=_yes_or_no(unit.training_included),
        comes_with="; ".join(stated[Included.INCLUDED]),
        absent="; ".join(stated[Included.ABSENT]),
        **{field.key: unit.particulars.get(field.key) for field in asked},
    )
    return Exported(unit.id, unit.state, device, tuple(map(_handpiece, parts)), tuple(map(_counter, counters)))


def _handpiece(part: Any) -> Cells:
    return _line(
        Line.HANDPIECE,
        name=part.name,
        modality=part.modality_code,
        serial=part.serial,
        counter=part.counter_value,
        counter_unit=part.counter_unit,
        counter_direction=part.counter_direction,
        counter_read_on=part.counter_read_on,
        rated_life=part.rated_life,
        rated_life_source=part.rated_life_source,
        reduction_usd=_dollars(part.reduction_minor),
        **{field.key: part.particulars.get(field.key) for field in fields.asked(Place.HANDPIECE, [part.modality_code])},
    )


def _counter(one: Any) -> Cells:
    return _line(
        Line.COUNTER,
        name=one.part,
        serial=one.serial,
        counter=one.value,
        counter_unit=one.unit,
        counter_direction=one.direction,
        counter_read_on=one.read_on,
        rated_life=one.rated_life,
        rated_life_source=one.rated_life_source,
    )


def _line(line: Line, **said: object) -> Cells:
    return (
        dict.fromkeys(names(), "")
        | {LINE: str(line)}
        | {name: "" if value is None else str(value) for name, value in said.items()}
    )


def _dollars(minor: int | None) -> str | None:
    return None if minor is None else f"{minor // 100}.{minor % 100:02}"


def _yes_or_no(said: bool | None) -> str | None:  # noqa: FBT001  The answer is the whole question.
    return None if said is None else "yes" if said else "no"
