"""Recalls beside models: the shortest legal rows."""

from typing import Any
from uuid import UUID

from sqlalchemy import select

from marketplace.extensions import db
from marketplace.kernel import clock
from marketplace.recalls.matching import Basis
from marketplace.recalls.models import Recall, RecallMatch
from marketplace.recalls.states import MatchState
from marketplace.registers.models import RegisterSnapshot
from marketplace.registers.sources import RECALLS
from marketplace.registers.states import SnapshotState
from tests.factories.accounts import kept, make_staff
from tests.factories.registers import make_snapshot


def make_recall(
    model_id: UUID, *, number: str = "Z-1-2026", state: MatchState = MatchState.CANDIDATE, **values: Any
) -> RecallMatch:
    """Keep a recall beside a model; what is not a candidate was judged by somebody."""
    file = db.session.scalar(
        select(RegisterSnapshot.id).where(
            RegisterSnapshot.source_code == RECALLS, RegisterSnapshot.state == SnapshotState.CURRENT
        )
    )
    recall = kept(
        Recall(
            number=number,
            k_numbers=[],
            snapshot_id=file or make_snapshot(RECALLS).id,
            **{"firm": "Candela Corporation", **values},
        )
    )
    judged = {}
    if state is not MatchState.CANDIDATE:
        judged = {"decided_by": make_staff().id, "decided_at": clock.now(), "reason": "It was read."}
    return kept(
        RecallMatch(
            recall_id=recall.id, model_id=model_id, basis=Basis.NAME, state=state, found_at=clock.now(), **judged
        )
    )
