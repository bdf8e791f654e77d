"""What pages ask about imports, as plain values."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, func, select, text

from ..accounts.models import User
from ..clinics.models import Clinic
from ..extensions import db
from ..kernel.errors import NotFound
from .judging import Problem
from .models import ImportUnit, ListingImport
from .reading import Row, to_repair
from .states import ImportState

MOST_SHOWN = 100
"""Problems that a page lists; all of them stand in the table to repair."""

_MOST_KINDS = 20


@dataclass(frozen=True, slots=True)
class ImportFacts:
    """One import of `units` devices: of those that were tried, how many are `wrong`, were `found`, are `made`."""

    id: UUID
    clinic_id: UUID
    clinic_name: str
    created_by: str
    state: ImportState
    filename: str
    size_bytes: int
    header: tuple[str, ...]
    units: int
    wrong: int
    found: int
    made: int
    remarks: int
    checked_through: int
    written_through: int
    refusal: str | None
    created_at: datetime
    ended_at: datetime | None

    @property
    def sound(self) -> int:
        """Return of how many a draft could be made, or was."""
        return self.units - self.wrong - self.found

    @property
    def percent(self) -> int:
        """Return how much is done of what is being done."""
        through = self.checked_through if self.state is ImportState.RECEIVED else self.written_through
        return 100 * through // self.units if self.units else 0


_I, _U = ListingImport.__table__.c, ImportUnit.__table__.c
_FACTS = (
    select(
        *(column for column in _I if column.name not in {"content", "form_key", "created_by"}),
        Clinic.name.label("clinic_name"),
        User.name.label("created_by"),
    )
    .join(Clinic, Clinic.id == _I.clinic_id)
    .join(User, User.id == _I.created_by)
)


def one(import_id: UUID) -> ImportFacts:
    """
    Return an import. Asks nothing about the reader.

    :raises NotFound: there is none
    """
    row = db.session.execute(_FACTS.where(_I.id == import_id)).mappings().one_or_none()
    if row is None:
        raise NotFound("There is no such import.")
    return _facts(row)


def newest_of(clinic_ids: Collection[UUID], *, limit: int = 20) -> list[ImportFacts]:
    """Return the imports of these clinics, newest first."""
    rows = db.session.execute(
        _FACTS.where(_I.clinic_id.in_(clinic_ids)).order_by(_I.created_at.desc(), _I.id).limit(limit)
    )
    return [_facts(row) for row in rows.mappings()]


def problems_of(import_id: UUID) -> list[Problem]:
    """Return the first of what is wrong in an import, in the order of its rows."""
    rows = db.session.scalars(
        select(_U.problems)
        .where(_U.import_id == import_id, func.jsonb_array_length(_U.problems) > 0)
        .order_by(_U.number)
        .limit(MOST_SHOWN)
    )
    return [Problem(*problem) for problems in rows for problem in problems][:MOST_SHOWN]


@dataclass(frozen=True, slots=True)
class Kind:
    """What is wrong alike in many rows, and in which of them first."""

    column: str
    sentence: str
    number: int
    first_row: int


def kinds_of(import_id: UUID) -> list[Kind]:
    """Return what is wrong in an import by its kinds, the most frequent first."""
    rows = db.session.execute(
        text(
            "SELECT problem ->> 1, problem ->> 2, count(*), min((problem ->> 0)::int) AS first"
            " FROM listing_import_units, jsonb_array_elements(problems) problem WHERE import_id = :id"
            " GROUP BY 1, 2 ORDER BY 3 DESC, first, 1 LIMIT :most"
        ),
        {"id": import_id, "most": _MOST_KINDS},
    )
    return [Kind(*row) for row in rows]


def repairs(facts: ImportFacts) -> str:
    """Return the devices of an import with which something is wrong, as the table they were sent in."""
    rows = db.session.execute(
        select(_U.rows, _U.problems)
        .where(_U.import_id == facts.id, func.jsonb_array_length(_U.problems) > 0)
        .order_by(_U.number)
    )
    groups = []
    for lines, problems in rows:
        wrong: dict[int, list[str]] = {}
        for number, column, sentence in problems:
            wrong.setdefault(number, []).append(f"{column}: {sentence}")
        groups.append(([Row(*line) for line in lines], {number: " ".join(said) for number, said in wrong.items()}))
    return to_repair(facts.header, groups)


def _facts(row: RowMapping) -> ImportFacts:
    return ImportFacts(**{**row, "header": tuple(row["header"])})
