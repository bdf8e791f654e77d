"""Find which recalls may concern a model here, and keep what staff make of each."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from .. import audit, ripple
from ..catalog.models import DeviceModel, Maker
from ..extensions import db, unit_of_work
from ..kernel.errors import Invalid, NotFound
from ..registers import queries as registers
from ..registers.models import RegisterNotice
from ..registers.sources import ENFORCEMENT, RECALLS
from ..ripple import Cause, Ground, Loss
from .matching import Basis, Known, basis_of
from .models import Recall, RecallMatch, RecallMove
from .releasing import living, lock_model, over, require_stranger
from .states import MATCH, MatchEvent, MatchState

LONGEST_REASON = 2_000
SAYS_MORE = "A newer file describes the devices or the units otherwise."

_COPIED = (
    "event", "firm", "product_code", "k_numbers", "device", "codes", "reason", "classification", "status", "started_on",
    "posted_on", "ended_on",
)  # fmt: skip
_JUDGED_BY = ("device", "codes")
"""What a judgement rests on: where a newer file says something else there, somebody has to look again."""


def match(*, at: datetime) -> int:
    """
    Look in the files that count for recalls that may concern a model, and bring known ones to their newest words.

    Nothing is judged by it. Return how many candidates are new, or wait anew.
    """
    files = {code: found.id for code, found in registers.current([RECALLS, ENFORCEMENT]).items()}
    known = _models()
    k_numbers = {number for one in known.values() for number in one.k_numbers}
    firms = {maker for one in known.values() for maker in one.makers}
    notices: dict[str, tuple[RegisterNotice, UUID]] = {}
    for code in (ENFORCEMENT, RECALLS):  # The second has more to match by; the first adds the class.
        if code in files:
            found = registers.notices_about(files[code], k_numbers=k_numbers, firms=firms)
            notices |= {notice.number: (notice, files[code]) for notice in found}
    classes = registers.notices_numbered(files[ENFORCEMENT], list(notices)) if ENFORCEMENT in files else {}
    with unit_of_work():
        new, losses = 0, list[Loss]()
        for number, (notice, snapshot_id) in notices.items():
            fits = {
                model_id: basis
                for model_id, one in known.items()
                if (
                    basis := basis_of(
                        one,
                        firm=notice.firm,
                        device=notice.device,
                        k_numbers=notice.k_numbers,
                        product_code=notice.product_code,
                    )
                )
            }
            if fits:
                classed = classes.get(number)
                values = {name: getattr(notice, name) for name in _COPIED} | {"snapshot_id": snapshot_id}
                values["classification"] = classed.classification if classed else notice.classification
                new += _keep(number, values, fits, losses, at)
        if losses:
            ripple.lost(*losses, actor_id=None, at=at)
        if new:
            audit.record(
                "recalls:found",
                actor_id=None,
                subject_type="register_snapshot",
                subject_id=next(iter(files.values())),
                at=at,
                candidates=new,
            )
        return new


def judge(*, match_id: UUID, event: MatchEvent, actor_id: UUID, reason: str, at: datetime) -> None:
    """
    Say what a recall is to a model. Confirmed, it closes the gate for every unit of it, and holds what has not left.

    :raises NotFound: there is no such recall
    :raises NotYoursToJudge: a clinic of the person's sells or buys such a unit
    :raises Invalid: no reason
    :raises marketplace.kernel.machine.IllegalMove: it stands where this cannot be said of it
    """
    said = reason.strip()[:LONGEST_REASON]
    if not said:
        raise Invalid("Say why, for the record.", field="reason")
    with unit_of_work():
        model_id = db.session.scalar(select(RecallMatch.model_id).where(RecallMatch.id == match_id))
        if model_id is None:
            raise NotFound("There is no such recall here.")
        require_stranger(match_id, actor_id)
        lock_model(model_id)
        one = db.session.get_one(RecallMatch, match_id, with_for_update=True, populate_existing=True)
        before = one.state
        _move(one, event, actor_id=actor_id, reason=said, at=at)
        recall = db.session.get_one(Recall, one.recall_id)
        if one.state is MatchState.CONFIRMED:
            model = db.session.get_one(DeviceModel, model_id)
            words = f"Recall {recall.number} was found to concern the {model.maker.name} {model.name}."
            loss = Loss(Cause.RECALL_CONFIRMED, Ground(model_id=model_id), match_id, words)
            ripple.lost(loss, actor_id=actor_id, at=at)
        elif before is MatchState.CONFIRMED:
            ripple.changed(Ground(model_id=model_id))
        audit.record(
            f"recall:{event}",
            actor_id=actor_id,
            subject_type="recall_match",
            subject_id=match_id,
            at=at,
            before=before,
            recall=recall.number,
            model=model_id,
            reason=said,
        )


def _models() -> dict[UUID, Known]:
    rows = db.session.execute(
        select(
            DeviceModel.id, DeviceModel.name, DeviceModel.k_numbers, DeviceModel.product_code, Maker.name, Maker.aliases
        )
        .join(Maker, Maker.id == DeviceModel.maker_id)
        .order_by(DeviceModel.id)
    )
    return {
        model_id: Known((maker, *aliases), name, frozenset(k_numbers), product_code)
        for model_id, name, k_numbers, product_code, maker, aliases in rows
    }


def _keep(number: str, values: Mapping[str, Any], fits: Mapping[UUID, Basis], losses: list[Loss], at: datetime) -> int:
    """Keep a recall in its newest words, and beside each model that it may concern; return how many are to be seen."""
    recall = db.session.scalar(select(Recall).where(Recall.number == number).with_for_update())
    matches: Iterable[RecallMatch] = ()
    if recall is None:
        recall = Recall(number=number, **values)
        db.session.add(recall)
        db.session.flush()
        says_more = False
    else:
        says_more = any(getattr(recall, name) != values[name] for name in _JUDGED_BY)
        for name, value in values.items():
            setattr(recall, name, value)
        matches = db.session.scalars(
            select(RecallMatch).where(RecallMatch.recall_id == recall.id).with_for_update()
        ).all()
    again = [one for one in matches if says_more and MATCH.allows(one.state, MatchEvent.SAYS_MORE)]
    for one in again:
        _move(one, MatchEvent.SAYS_MORE, actor_id=None, reason=SAYS_MORE, at=at)
    reopened = [one for one in matches if says_more and _let_in_again(one, losses, at)]
    new = [model_id for model_id in fits if model_id not in {one.model_id for one in matches}]
    db.session.add_all(
        RecallMatch(recall_id=recall.id, model_id=model_id, basis=fits[model_id], found_at=at) for model_id in new
    )
    db.session.flush()
    return len(new) + len(again) + len(reopened)


def _let_in_again(one: RecallMatch, losses: list[Loss], at: datetime) -> bool:
    """What was let out of a recall was judged by other words of its notice: it is under it again, until seen anew."""
    if one.state is not MatchState.CONFIRMED:
        return False
    lock_model(one.model_id)
    releases = living(one.id)
    losses.extend(over(one, releases, because=SAYS_MORE, actor_id=None, at=at))
    return bool(releases)


def _move(one: RecallMatch, event: MatchEvent, *, actor_id: UUID | None, reason: str, at: datetime) -> None:
    one.state = MATCH.after(one.state, event)
    judged = one.state is not MatchState.CANDIDATE
    one.decided_by, one.decided_at = (actor_id, at) if judged else (None, None)
    one.reason = reason if judged else None
    db.session.add(RecallMove(match_id=one.id, event=event, state=one.state, actor_id=actor_id, reason=reason, at=at))
    db.session.flush()
