"""What other rooms and pages ask about registers, as plain values."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, any_, cast, literal, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from ..extensions import db
from ..kernel.errors import NotFound
from ..kernel.told import day, octets
from .models import RegisterNotice, RegisterRow, RegisterSnapshot
from .normal import RegisterName
from .records import Problem
from .sources import Field, Source, sources
from .states import SnapshotState

PREVIOUS = 50
"""How many earlier files of a register its page lists."""

_ROWS = RegisterRow.__table__


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One file of a register."""

    id: UUID
    source: Source
    state: SnapshotState
    filename: str
    digest: str
    size: int
    lines: int
    headers: tuple[str, ...]
    columns: Mapping[str, Field]
    retrieved_at: datetime
    received_at: datetime
    received_by: UUID | None
    rows_read: int
    rows_loaded: int
    rows_refused: int
    report: Mapping[str, Any]
    refusal: str | None
    current_since: datetime | None

    @property
    def fresh_until(self) -> datetime:
        """The last moment at which what is in it may be relied on."""
        return self.retrieved_at + self.source.fresh_for

    def is_fresh(self, at: datetime) -> bool:
        """Say whether what is in it may still be relied on; the limit itself still counts."""
        return at <= self.fresh_until

    @property
    def problems(self) -> list[tuple[Problem, int, list[tuple[int, str]]]]:
        """Each kind of problem: how often, and the first rows that have it."""
        kinds = self.report.get("problems", {})
        return [
            (kind, kinds[kind]["count"], [(row, shown) for row, shown in kinds[kind]["first"]])
            for kind in Problem
            if kind in kinds
        ]

    @property
    def license_types(self) -> Mapping[str, int]:
        """How many rows it has of each licence type, in the register's words."""
        found: Mapping[str, int] = self.report.get("license_types", {})
        return found

    @property
    def progress(self) -> int:
        """How much of it was read, in per cent; never 100 before the end."""
        return min(99, self.rows_read * 100 // max(1, self.lines - 1))


@dataclass(frozen=True, slots=True)
class RegisterEntry:
    """One row of a register."""

    snapshot_id: UUID
    position: int
    license_type: str | None
    number: str | None
    number_key: str | None
    family_name: str | None
    given_name: str | None
    middle_name: str | None
    business_name: str | None
    family_head: str | None
    given_head: str | None
    status: str | None
    discipline: str | None
    expires_on: date | None
    issued_on: date | None
    npi: str | None
    city: str | None
    state: str | None
    zip: str | None
    flaw: str | None
    digest: bytes

    @property
    def person(self) -> RegisterName:
        """The name of a person, for comparing."""
        return RegisterName(self.family_name, self.given_name, self.middle_name)

    @property
    def name(self) -> str:
        """The name as people write it, or that of the firm."""
        parts = (self.given_name, self.middle_name, self.family_name)
        return " ".join(part for part in parts if part) or self.business_name or ""

    @property
    def place(self) -> str | None:
        """City and state, where it tells."""
        return ", ".join(part for part in (self.city, self.state) if part) or None


def snapshot(snapshot_id: UUID) -> Snapshot:
    """
    Return one file.

    :raises NotFound: there is none
    """
    return view(row(snapshot_id))


def current(source_codes: Iterable[str]) -> dict[str, Snapshot]:
    """Return, by source, the file that counts, whether it is fresh or not."""
    found = db.session.scalars(
        select(RegisterSnapshot).where(
            RegisterSnapshot.source_code.in_(list(source_codes)), RegisterSnapshot.state == SnapshotState.CURRENT
        )
    )
    return {one.source_code: view(one) for one in found}


def before(current_one: Snapshot) -> Snapshot | None:
    """Return the file that counted before this one, while its rows are still kept."""
    found = db.session.scalar(
        select(RegisterSnapshot)
        .where(
            RegisterSnapshot.source_code == current_one.source.code,
            RegisterSnapshot.state == SnapshotState.REPLACED,
            RegisterSnapshot.current_since < current_one.current_since,
        )
        .order_by(RegisterSnapshot.current_since.desc())
        .limit(1)
    )
    return view(found) if found else None


def snapshots_of(source_code: str) -> list[Snapshot]:
    """Return the files of one register, the newest first."""
    rows = db.session.scalars(
        select(RegisterSnapshot)
        .where(RegisterSnapshot.source_code == source_code)
        .order_by(RegisterSnapshot.received_at.desc(), RegisterSnapshot.id)
        .limit(PREVIOUS)
    )
    return [view(one) for one in rows]


def by_number(snapshot_ids: Collection[UUID], keys: Collection[str]) -> list[RegisterEntry]:
    """Return the rows with one of these core numbers, in one statement."""
    if not snapshot_ids or not keys:
        return []
    return _entries(
        select(_ROWS).where(_ROWS.c.snapshot_id.in_(snapshot_ids), _ROWS.c.number_key == any_(_array(keys)))
    )


def by_npi(snapshot_ids: Collection[UUID], npis: Collection[str]) -> list[RegisterEntry]:
    """Return the rows of some files with one of these National Provider Identifiers, in one statement."""
    if not npis or not snapshot_ids:
        return []
    return _entries(select(_ROWS).where(_ROWS.c.snapshot_id.in_(snapshot_ids), _ROWS.c.npi == any_(_array(npis))))


def by_name(snapshot_ids: Collection[UUID], heads: Collection[tuple[str, str]]) -> list[RegisterEntry]:
    """Return the rows filed under one of these (family, given) first words, in one statement."""
    if not snapshot_ids or not heads:
        return []
    families, givens = zip(*heads, strict=True)
    wanted = text(
        "(family_head, given_head) IN (SELECT * FROM unnest(CAST(:families AS text[]), CAST(:givens AS text[])))"
    ).bindparams(families=list(families), givens=list(givens))
    return _entries(select(_ROWS).where(_ROWS.c.snapshot_id.in_(snapshot_ids), wanted))


def entry_told(told: Mapping[str, Any]) -> RegisterEntry:
    """Return a row as a larger statement told it whole, in JSON."""
    days = {name: day(told[name]) for name in ("expires_on", "issued_on")}
    return RegisterEntry(**{**told, **days, "snapshot_id": UUID(told["snapshot_id"]), "digest": octets(told["digest"])})


def notices_about(snapshot_id: UUID, *, k_numbers: Collection[str], firms: Collection[str]) -> list[RegisterNotice]:
    """Return the records that name one of these 510(k) numbers, or whose firm has one of these words in its name."""
    by_number = RegisterNotice.k_numbers.op("&&")(_array(k_numbers))
    by_firm = RegisterNotice.firm.op("~*")(any_(_array([rf"\m{re.escape(firm)}" for firm in firms])))
    return list(
        db.session.scalars(
            select(RegisterNotice)
            .where(RegisterNotice.snapshot_id == snapshot_id, or_(by_number, by_firm))
            .order_by(RegisterNotice.position)
        )
    )


def notices_numbered(snapshot_id: UUID, numbers: Collection[str]) -> dict[str, RegisterNotice]:
    """Return, by number, the records with one of these numbers; of several the last."""
    found = db.session.scalars(
        select(RegisterNotice)
        .where(RegisterNotice.snapshot_id == snapshot_id, RegisterNotice.number == any_(_array(numbers)))
        .order_by(RegisterNotice.position)
    )
    return {notice.number: notice for notice in found}


def row(snapshot_id: UUID) -> RegisterSnapshot:
    """
    Return the row itself. For this room's use-cases only.

    :raises NotFound: there is no such file
    """
    found = db.session.get(RegisterSnapshot, snapshot_id, populate_existing=True)
    if found is None:
        raise NotFound("There is no such file.")
    return found


def view(one: RegisterSnapshot) -> Snapshot:
    """Return the row as a plain value. For this room's use-cases only."""
    return Snapshot(
        id=one.id,
        source=sources()[one.source_code],
        state=one.state,
        filename=one.filename,
        digest=one.file_digest,
        size=one.size_bytes,
        lines=one.lines,
        headers=tuple(one.headers),
        columns={header: Field(field) for header, field in one.columns.items()},
        retrieved_at=one.retrieved_at,
        received_at=one.received_at,
        received_by=one.received_by,
        rows_read=one.rows_read,
        rows_loaded=one.rows_loaded,
        rows_refused=one.rows_refused,
        report=one.report,
        refusal=one.refusal,
        current_since=one.current_since,
    )


def _array(values: Collection[str]) -> Any:
    return cast(literal(list(values), ARRAY(Text)), ARRAY(Text))


def _entries(statement: Select[Any]) -> list[RegisterEntry]:
    ordered = statement.order_by(_ROWS.c.snapshot_id, _ROWS.c.position)
    return [RegisterEntry(*found) for found in db.session.execute(ordered)]
