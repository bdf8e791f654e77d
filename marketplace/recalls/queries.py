"""What other rooms and pages ask about recalls, as plain values."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import SimpleNamespace
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, Uuid, cast, column, func, literal, literal_column, select, true
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from ..accounts import queries as accounts
from ..catalog.models import DeviceModel, Maker
from ..extensions import as_text, db, reading
from ..kernel.errors import NotFound
from ..kernel.told import day, key, moment
from ..registers.models import RegisterSnapshot
from ..registers.sources import RECALLS, sources
from .matching import Basis
from .models import Recall, RecallMatch, RecallMove, RecallRelease, ReleaseKind
from .states import MATCH, MatchEvent, MatchState

QUEUE_LENGTH = 200


@dataclass(frozen=True, slots=True)
class RecallFacts:
    """A recall as its newest file has it, beside one model."""

    match_id: UUID
    number: str
    event: str | None
    firm: str | None
    device: str | None
    codes: str | None
    reason: str | None
    classification: str | None
    status: str | None
    product_code: str | None
    k_numbers: tuple[str, ...]
    started_on: date | None
    posted_on: date | None
    ended_on: date | None
    source: str
    fetched_at: datetime
    model_id: UUID
    model: str
    basis: Basis
    state: MatchState
    found_at: datetime
    judged_by: UUID | None
    judged_at: datetime | None
    judged_because: str | None
    concerns: bool

    @property
    def is_open(self) -> bool:
        """Whether it closes the gate; for a unit that was let out of it, it does not."""
        return self.state is MatchState.CONFIRMED and self.concerns

    @property
    def events(self) -> tuple[MatchEvent, ...]:
        """What staff can say of it now."""
        return tuple(event for event in MATCH.events_from(self.state) if event is not MatchEvent.SAYS_MORE)


@dataclass(frozen=True, slots=True)
class Judged:
    """One judgement of the past."""

    event: MatchEvent
    by: str | None
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Open:
    """A recall that closes the gate for a model."""

    number: str
    firm: str | None
    classification: str | None
    source: str
    fetched_at: datetime


class Unit(NamedTuple):
    """A unit as recalls name it: a model and a normalised serial number; without one it may be any of the model."""

    model_id: UUID
    serial: str | None


@dataclass(frozen=True, slots=True)
class Looked:
    """What is known of open recalls: `checked` is False while no file of recalls was ever loaded."""

    checked: bool
    open: Mapping[Unit, tuple[Open, ...]]

    def stands_open(self, unit: Unit) -> bool | None:
        """Say whether one is open for the unit; None: nobody could look."""
        return True if unit in self.open else (False if self.checked else None)


_OPEN = (Recall.number, Recall.firm, Recall.classification, RegisterSnapshot.source_code, RegisterSnapshot.retrieved_at)


def is_near(match_id: UUID, *, person_id: UUID) -> bool:
    """
    Say whether a clinic of the person's sells or buys a unit of the recall's model, or ever did.

    Then it is not theirs to judge. A clinic that they have left counts as theirs.
    """
    return bool(db.session.scalar(select(func.recall_is_near(match_id, person_id))))


def looked_up(units: Collection[Unit], *, then: datetime | None = None) -> Looked:
    """Say which recalls are open for these units, now or as judged at `then`; one statement."""
    placed = select(RegisterSnapshot.id).where(
        RegisterSnapshot.source_code == RECALLS, RegisterSnapshot.current_since.is_not(None)
    )
    if then is not None:
        placed = placed.where(RegisterSnapshot.current_since <= then)
    listed = list(units)
    models = cast([unit.model_id for unit in listed], ARRAY(Uuid))
    serials = cast([unit.serial for unit in listed], ARRAY(Text))
    columns = column("model_id", Uuid), column("serial", Text)
    asked = func.unnest(models, serials).table_valued(*columns, name="asked").render_derived()
    standing = (
        _standing(then)
        .add_columns(asked.c.serial)
        .join(asked, asked.c.model_id == RecallMatch.model_id)
        .where(_concerns(asked.c.serial, then))
        .subquery()
    )
    checked = select(placed.exists().label("checked")).subquery()
    statement = select(checked.c.checked, *standing.c).select_from(checked.outerjoin(standing, true()))
    with reading() as connection:
        rows = connection.execute(statement).all()
    found: dict[Unit, tuple[Open, ...]] = {}
    for row in rows:
        if row.model_id is not None:
            unit = Unit(row.model_id, row.serial)
            one = Open(row.number, row.firm, row.classification, sources()[row.source_code].name, row.retrieved_at)
            found[unit] = (*found.get(unit, ()), one)
    return Looked(rows[0].checked, found)


LOOKED = f"SELECT FROM register_snapshots WHERE source_code = '{RECALLS}' AND current_since IS NOT NULL LIMIT 1"
"""Whether a file of recalls was ever loaded, for a larger statement."""


def looked_told(unit: Unit, found: Iterable[RecallFacts], looked: Sequence[Mapping[str, Any]]) -> Looked:
    """Return what `looked_up` would of one unit, from what `OF_UNIT` and `LOOKED` told."""
    standing = tuple(
        Open(one.number, one.firm, one.classification, one.source, one.fetched_at) for one in found if one.is_open
    )
    return Looked(bool(looked), {unit: standing} if standing else {})


def concerns(*, match_id: UUID, serial: str | None) -> bool:
    """Say whether a recall that stands beside a model concerns this unit of it: nobody has let it out."""
    return bool(db.session.scalar(select(func.recall_concerns(match_id, serial, None))))


def _concerns(serial: Any, then: datetime | None) -> Any:
    return func.recall_concerns(RecallMatch.id, serial, then)


def _standing(then: datetime | None) -> Any:
    """Return the statement that finds what is confirmed, now or at a moment that is over."""
    wanted = (
        select(RecallMatch.model_id, *_OPEN)
        .join(Recall, Recall.id == RecallMatch.recall_id)
        .join(RegisterSnapshot, RegisterSnapshot.id == Recall.snapshot_id)
        .order_by(Recall.number)
    )
    if then is None:
        return wanted.where(RecallMatch.state == MatchState.CONFIRMED)
    last = (
        select(RecallMove.state)
        .where(RecallMove.match_id == RecallMatch.id, RecallMove.at <= then)
        .order_by(RecallMove.at.desc(), RecallMove.position.desc())
        .limit(1)
        .scalar_subquery()
    )
    return wanted.where(last == literal(MatchState.CONFIRMED.value))


def shown_for(model_ids: Collection[UUID]) -> dict[UUID, list[RecallFacts]]:
    """Return, by model, the recalls that staff found to concern it, open ones first; one statement."""
    with reading() as connection:
        rows = connection.execute(_shown().where(RecallMatch.model_id.in_(model_ids))).all()
    found: dict[UUID, list[RecallFacts]] = {}
    for one in map(_view, rows):
        found.setdefault(one.model_id, []).append(one)
    return found


def told(found: Iterable[Mapping[str, Any]]) -> list[RecallFacts]:
    """Return recalls as the answer to `OF_UNIT` tells them."""
    return [
        _view(
            SimpleNamespace(
                **{
                    **one,
                    "id": UUID(one["id"]),
                    "model_id": UUID(one["model_id"]),
                    "retrieved_at": datetime.fromisoformat(one["retrieved_at"]),
                    "found_at": datetime.fromisoformat(one["found_at"]),
                    "decided_at": moment(one["decided_at"]),
                    "decided_by": key(one["decided_by"]),
                    "basis": Basis(one["basis"]),
                    "state": MatchState(one["state"]),
                    **{name: day(one[name]) for name in ("started_on", "posted_on", "ended_on")},
                }
            )
        )
        for one in found
    ]


def in_state(state: MatchState) -> list[RecallFacts]:
    """Return what stands in one state, the strongest reasons to look first, then the newest."""
    strength = func.array_position(literal([str(basis) for basis in Basis]), RecallMatch.basis)
    rows = db.session.execute(
        _facts()
        .where(RecallMatch.state == state)
        .order_by(strength, RecallMatch.found_at.desc(), Recall.number, DeviceModel.name)
        .limit(QUEUE_LENGTH)
    )
    return [_view(row) for row in rows]


def counts() -> dict[MatchState, int]:
    """Count what stands in each state."""
    rows = db.session.execute(select(RecallMatch.state, func.count().label("number")).group_by(RecallMatch.state))
    return {row.state: row.number for row in rows}


def one(match_id: UUID) -> RecallFacts:
    """
    Return one recall beside one model.

    :raises NotFound: there is none
    """
    row = db.session.execute(_facts().where(RecallMatch.id == match_id)).one_or_none()
    if row is None:
        raise NotFound("There is no such recall here.")
    return _view(row)


def judgements_of(match_id: UUID) -> list[Judged]:
    """Return what was made of it, oldest first."""
    moves: Sequence[RecallMove] = db.session.scalars(
        select(RecallMove).where(RecallMove.match_id == match_id).order_by(RecallMove.position)
    ).all()
    people = accounts.people({move.actor_id for move in moves if move.actor_id})
    return [
        Judged(move.event, people[move.actor_id].name if move.actor_id else None, move.reason, move.at)
        for move in moves
    ]


@dataclass(frozen=True, slots=True)
class Release:
    """Units that a recall does not concern, as proposed or agreed to; `named` are serial numbers or ranges."""

    id: UUID
    kind: ReleaseKind
    named: tuple[str, ...]
    performed_by: str | None
    performed_on: date | None
    has_paper: bool
    words: str
    proposed_by_id: UUID
    proposed_by: str
    proposed_at: datetime
    agreed_by: str | None
    agreed_at: datetime | None
    ended_by: str | None
    ended_at: datetime | None
    ended_because: str | None

    @property
    def counts(self) -> bool:
        """Whether it lets units out now."""
        return self.agreed_at is not None and self.ended_at is None


def releases_of(match_id: UUID) -> list[Release]:
    """Return what was let out of a recall, or is to be, the living first, the newest first."""
    rows = db.session.scalars(
        select(RecallRelease)
        .where(RecallRelease.match_id == match_id)
        .order_by(RecallRelease.ended_at.is_not(None), RecallRelease.proposed_at.desc(), RecallRelease.id)
        .execution_options(populate_existing=True)
    ).all()
    people = accounts.people(
        {who for row in rows for who in (row.proposed_by, row.confirmed_by, row.ended_by) if who is not None}
    )
    return [
        Release(
            id=row.id,
            kind=row.kind,
            named=(row.serial,) if row.serial else _ranges(row),
            performed_by=row.performed_by,
            performed_on=row.performed_on,
            has_paper=row.document_id is not None,
            words=row.words,
            proposed_by_id=row.proposed_by,
            proposed_by=people[row.proposed_by].name,
            proposed_at=row.proposed_at,
            agreed_by=people[row.confirmed_by].name if row.confirmed_by else None,
            agreed_at=row.confirmed_at,
            ended_by=people[row.ended_by].name if row.ended_by else None,
            ended_at=row.ended_at,
            ended_because=row.ended_because,
        )
        for row in rows
    ]


def _ranges(row: RecallRelease) -> tuple[str, ...]:
    pairs = zip(row.named_from or (), row.named_to or (), strict=True)
    return tuple(first if first == last else f"{first} to {last}" for first, last in pairs)


def _facts() -> Select[Any]:
    return (
        select(
            RecallMatch.id,
            *(getattr(Recall, name) for name in _WORDS),
            Recall.k_numbers,
            RegisterSnapshot.source_code,
            RegisterSnapshot.retrieved_at,
            RecallMatch.model_id,
            (Maker.name + " " + DeviceModel.name).label("model"),
            *(getattr(RecallMatch, name) for name in ("basis", "state", "found_at", "decided_by", "decided_at")),
            RecallMatch.reason.label("because"),
        )
        .select_from(RecallMatch)
        .join(Recall, Recall.id == RecallMatch.recall_id)
        .join(RegisterSnapshot, RegisterSnapshot.id == Recall.snapshot_id)
        .join(DeviceModel, DeviceModel.id == RecallMatch.model_id)
        .join(Maker, Maker.id == DeviceModel.maker_id)
    )


_WORDS = (
    "number", "event", "firm", "device", "codes", "reason", "classification", "status", "product_code", "started_on",
    "posted_on", "ended_on",
)  # fmt: skip


def _shown() -> Select[Any]:
    concern = RecallMatch.state.in_((MatchState.CONFIRMED, MatchState.CLOSED))
    return _facts().where(concern).order_by(RecallMatch.state.desc(), Recall.number)


OF_UNIT = as_text(
    _shown()
    .add_columns(literal_column("recall_concerns(recall_matches.id, unit.serial_normal, NULL)").label("concerns"))
    .where(RecallMatch.model_id == literal_column("unit.model_id"))
)
"""What `shown_for` finds for the model of a listing that is called `unit`, for a larger statement."""


def _view(row: Any) -> RecallFacts:
    return RecallFacts(
        match_id=row.id,
        **{name: getattr(row, name) for name in _WORDS},
        k_numbers=tuple(row.k_numbers),
        source=sources()[row.source_code].name,
        fetched_at=row.retrieved_at,
        model_id=row.model_id,
        model=row.model,
        basis=row.basis,
        state=row.state,
        found_at=row.found_at,
        judged_by=row.decided_by,
        judged_at=row.decided_at,
        judged_because=row.because,
        concerns=getattr(row, "concerns", True),
    )
