"""Units that an open recall does not, or no longer, concern: proposed by one verifier, agreed to by another."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select

from .. import audit, ripple
from ..catalog.models import DeviceModel
from ..documents import service as documents
from ..documents.models import Document
from ..documents.service import KeptFile
from ..extensions import db, unit_of_work
from ..kernel.errors import Conflict, Invalid, NotFound, Refused
from ..kernel.text import normal_number
from ..ripple import Cause, Ground, Loss
from .models import Recall, RecallMatch, RecallRelease, ReleaseKind
from .queries import is_near
from .states import MatchState

LONGEST_WORDS = 2_000
MOST_NAMED = 5_000
_RANGE = re.compile(r"\s+(?:to|through|[-–])(?:\s+|$)", re.IGNORECASE)
_COUNTED = re.compile(r"[0-9]+$")


class NotYoursToJudge(Refused):
    """A clinic of the person's sells or buys such a unit: what is found of the recall is money to them."""

    code = "recall_not_yours_to_judge"

    def __init__(self) -> None:
        super().__init__(
            "A clinic that you belong or belonged to sells or buys a unit of this model.",
            cure="Leave this recall to a colleague.",
        )


class NeedsAnother(Refused):
    """Two people, and this is the first of them."""

    code = "release_needs_another"

    def __init__(self) -> None:
        super().__init__("Somebody else has to agree to what you proposed.", cure="Ask another verifier to look at it.")


@dataclass(frozen=True, slots=True)
class Named:
    """Serial numbers as a notice names them: one, where both ends are the same, or all between two."""

    first: str
    last: str


def named_in(text: str) -> tuple[Named, ...]:
    """
    Return the serial numbers that a text names, one or one range on a line: "A100", or "A100 to A250".

    :raises Invalid: nothing is named, a line names none, or the ends of a range are not of one series
    """
    found = tuple(_named(line) for line in text.splitlines() if line.strip())
    if not found:
        raise Invalid("Write the serial numbers that the notice names.", field="named")
    if len(found) > MOST_NAMED:
        raise Invalid(f"At most {MOST_NAMED:,} lines, please.", field="named")
    return found


def _named(line: str) -> Named:
    first, *rest = (normal_number(part) for part in _RANGE.split(line.strip()))
    last = rest[-1] if rest else first
    if not first or not last or len(rest) > 1:
        raise Invalid(f"This line names no serial number: “{line.strip()[:60]}”.", field="named")
    series = _COUNTED.sub("", first)
    if first != last and (
        len(first) != len(last) or series != _COUNTED.sub("", last) or len(series) == len(first) or first > last
    ):
        raise Invalid(
            f"These are not the ends of one series: “{line.strip()[:60]}”.",
            field="named",
            cure="Write both ends with as many digits, the smaller one first, or each number on its own line.",
        )
    return Named(first, last)


def narrow(*, match_id: UUID, actor_id: UUID, named: str, words: str, at: datetime) -> UUID:
    """
    Propose that an open recall concerns only the units that its notice names. Nothing changes until somebody agrees.

    :raises NotFound: there is no such recall
    :raises NotYoursToJudge: a clinic of the person's sells or buys such a unit
    :raises Invalid: nothing is named, or nobody says where
    :raises Conflict: it is not open, or is narrowed or to be narrowed already
    """
    found = named_in(named)
    with unit_of_work():
        match = _open(match_id, actor_id)
        _refuse_second(RecallRelease.match_id == match_id, RecallRelease.kind == ReleaseKind.NARROWED)
        firsts, lasts = [one.first for one in found], [one.last for one in found]
        release = RecallRelease(
            match_id=match.id, kind=ReleaseKind.NARROWED, named_from=firsts, named_to=lasts, words=_said(words),
            proposed_by=actor_id, proposed_at=at,
        )  # fmt: skip
        return _kept(release, actor_id, at)


def correct(
    *,
    match_id: UUID,
    actor_id: UUID,
    serial: str,
    performed_by: str,
    performed_on: date,
    paper: tuple[str, bytes],
    words: str,
    at: datetime,
) -> UUID:
    """
    Propose that the correction was performed on one unit, with the paper that shows it. Nothing changes until somebody
    agrees. Return the proposal's id.

    :raises NotFound: there is no such recall
    :raises NotYoursToJudge: a clinic of the person's sells or buys such a unit
    :raises Invalid: no serial number, nobody who performed it, a day in the future, a paper that cannot be kept
    :raises Conflict: it is not open, or the unit is cleared or to be cleared already
    """
    unit, firm = normal_number(serial), performed_by.strip()[:200]
    if not unit:
        raise Invalid("Write the unit's serial number.", field="serial")
    if not firm:
        raise Invalid("Say who performed the correction.", field="performed_by")
    if performed_on > at.date():
        raise Invalid("It cannot have been performed in the future.", field="performed_on")
    filename, content = paper
    examined = documents.examine(filename=filename, content=content, field="paper")
    with unit_of_work():
        match = _open(match_id, actor_id)
        _refuse_second(RecallRelease.match_id == match_id, RecallRelease.serial == unit)
        release = RecallRelease(
            match_id=match.id, kind=ReleaseKind.CORRECTED, serial=unit, performed_by=firm, performed_on=performed_on,
            document_id=documents.receive(owner_id=actor_id, file=examined, at=at, quota=None), words=_said(words),
            proposed_by=actor_id, proposed_at=at,
        )  # fmt: skip
        return _kept(release, actor_id, at)


def agree(*, release_id: UUID, actor_id: UUID, at: datetime) -> None:
    """
    Agree as the second person: from now on the recall does not close the gate for these units.

    :raises NotFound: there is no such proposal
    :raises NotYoursToJudge: a clinic of the person's sells or buys such a unit
    :raises NeedsAnother: it is the person's own
    :raises Conflict: it is agreed to or over already, or the recall is not open
    """
    with unit_of_work():
        release = _locked(release_id, actor_id)
        if release.proposed_by == actor_id:
            raise NeedsAnother
        if release.confirmed_at is not None or release.ended_at is not None:
            raise Conflict("Somebody has just decided about this.", cure="Look at it again.")
        match = _open(release.match_id, actor_id)
        release.confirmed_by, release.confirmed_at = actor_id, at
        db.session.flush()
        ripple.changed(Ground(model_id=match.model_id))
        _record("agreed", release, actor_id, at)


def end(*, release_id: UUID, actor_id: UUID, reason: str, at: datetime) -> None:
    """
    Take a proposal or an agreed release back. The gate closes again for what it had let out, and orders are held.

    :raises NotFound: there is none
    :raises NotYoursToJudge: a clinic of the person's sells or buys such a unit
    :raises Invalid: no reason
    :raises Conflict: it is over already
    """
    because = _said(reason, field="reason")
    with unit_of_work():
        release = _locked(release_id, actor_id)
        if release.ended_at is not None:
            raise Conflict("It is over already.", cure="Look at it again.")
        match = db.session.get_one(RecallMatch, release.match_id)
        losses = over(match, [release], because=because, actor_id=actor_id, at=at)
        if losses:
            ripple.lost(*losses, actor_id=actor_id, at=at)
        _record("ended", release, actor_id, at, reason=because)


def over(
    match: RecallMatch, releases: Iterable[RecallRelease], *, because: str, actor_id: UUID | None, at: datetime
) -> list[Loss]:
    """End releases as a step of the caller's work, whose model is locked; return what it takes away from orders."""
    counted = False
    for release in releases:
        release.ended_by, release.ended_at, release.ended_because = actor_id, at, because
        counted = counted or release.confirmed_at is not None
    db.session.flush()
    if not counted or match.state is not MatchState.CONFIRMED:
        return []
    number = db.session.get_one(Recall, match.recall_id).number
    words = f"Units that were let out of recall {number} are under it again: {because}"
    return [Loss(Cause.RECALL_CONFIRMED, Ground(model_id=match.model_id), match.id, words)]


def living(match_id: UUID) -> Sequence[RecallRelease]:
    """Return what is proposed or agreed to and not over, locked for the caller's work."""
    return db.session.scalars(
        select(RecallRelease)
        .where(RecallRelease.match_id == match_id, RecallRelease.ended_at.is_(None))
        .order_by(RecallRelease.proposed_at, RecallRelease.id)
        .with_for_update()
    ).all()


def paper_of(*, release_id: UUID, reader_id: UUID, at: datetime) -> KeptFile:
    """
    Give a verifier the paper that shows a correction; that it was looked at is recorded.

    :raises NotFound: there is none
    """
    with unit_of_work():
        release = db.session.get(RecallRelease, release_id)
        if release is None or release.document_id is None:
            raise NotFound("There is no such document.")
        document_id = release.document_id
        _record("paper_viewed", release, reader_id, at)
    return documents.content_of(document_id)


def lock_model(model_id: UUID) -> None:
    """Wait for whoever acts on a yes for this model, so that they then see us."""
    db.session.execute(
        select(DeviceModel.id).where(DeviceModel.id == model_id).with_for_update(of=DeviceModel, key_share=True)
    )


def require_stranger(match_id: UUID, actor_id: UUID) -> None:
    """
    Let nobody judge a recall that is money to a clinic of theirs.

    :raises NotYoursToJudge: it is
    """
    if is_near(match_id, person_id=actor_id):
        raise NotYoursToJudge


def _open(match_id: UUID, actor_id: UUID) -> RecallMatch:
    """Return an open recall that the person may judge, its model locked."""
    model_id = db.session.scalar(select(RecallMatch.model_id).where(RecallMatch.id == match_id))
    if model_id is None:
        raise NotFound("There is no such recall here.")
    require_stranger(match_id, actor_id)
    lock_model(model_id)
    match = db.session.get_one(RecallMatch, match_id, with_for_update=True, populate_existing=True)
    if match.state is not MatchState.CONFIRMED:
        raise Conflict("Only an open recall has units to let out.", cure="Look at it again.")
    return match


def _locked(release_id: UUID, actor_id: UUID) -> RecallRelease:
    found = select(RecallMatch.id, RecallMatch.model_id).join(RecallRelease, RecallRelease.match_id == RecallMatch.id)
    match = db.session.execute(found.where(RecallRelease.id == release_id)).one_or_none()
    if match is None:
        raise NotFound("There is no such proposal.")
    require_stranger(match.id, actor_id)
    lock_model(match.model_id)
    return db.session.get_one(RecallRelease, release_id, with_for_update=True, populate_existing=True)


def _refuse_second(*same: ColumnElement[bool]) -> None:
    living_one = select(RecallRelease.id).where(*same, RecallRelease.ended_at.is_(None))
    if db.session.scalar(living_one) is not None:
        raise Conflict("This is proposed or agreed to already.", cure="Take that one back first.")


def _said(words: str, field: str = "words") -> str:
    said = words.strip()[:LONGEST_WORDS]
    if not said:
        raise Invalid("Say where it stands, for the record.", field=field)
    return said


def _kept(release: RecallRelease, actor_id: UUID, at: datetime) -> UUID:
    db.session.add(release)
    db.session.flush()
    _record("proposed", release, actor_id, at)
    return release.id


def _record(what: str, release: RecallRelease, actor_id: UUID | None, at: datetime, **beside: object) -> None:
    digest = None
    if release.document_id is not None:
        digest = db.session.scalar(select(Document.digest).where(Document.id == release.document_id))
    audit.record(
        f"recall_release:{what}",
        actor_id=actor_id,
        subject_type="recall_match",
        subject_id=release.match_id,
        at=at,
        release=release.id,
        release_kind=release.kind,
        serial=release.serial,
        paper=digest,
        **beside,
    )
