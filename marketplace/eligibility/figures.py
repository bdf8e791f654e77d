"""From a refusal of the gate to its cure: how many people came back and were cleared."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import cast, func, select
from sqlalchemy.dialects.postgresql import JSONPATH

from ..credentials.models import Credential
from ..credentials.states import CredentialState
from ..extensions import db
from .models import EligibilityDecision

PERIOD = timedelta(days=90)


class Answer(NamedTuple):
    """One kept answer of the gate to one person about one device; `codes` of what stood against it."""

    buyer_id: UUID
    listing_id: UUID
    uses: tuple[str, ...]
    cleared: bool
    at: datetime
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Funnel:
    """
    How many purchases the gate refused, and of those: the person handed something in, was verified, was cleared later.

    A purchase is one person and one device; cleared counts for the same device, or another for the same uses.
    `reasons`: code, refused, and of those cleared.
    """

    refused: int
    handed_in: int
    verified: int
    cleared: int
    reasons: tuple[tuple[str, int, int], ...]


def funnel(*, at: datetime) -> Funnel:
    """Measure the way from refusal to cure over the last `PERIOD`, in two statements."""
    columns = EligibilityDecision.__table__.c
    codes = func.jsonb_path_query_array(columns.verdict, cast("$.objections[*].code", JSONPATH))
    answers = [
        Answer(row.buyer_id, row.listing_id, tuple(row.declared_uses), row.cleared, row.decided_at, tuple(row.codes))
        for row in db.session.execute(
            select(
                columns.buyer_id, columns.listing_id, columns.declared_uses, columns.cleared, columns.decided_at,
                codes.label("codes"),
            )
            .where(columns.decided_at >= at - PERIOD)
            .order_by(columns.decided_at)
        )
    ]  # fmt: skip
    people = {answer.buyer_id for answer in answers if not answer.cleared}
    rows = db.session.execute(
        select(Credential.holder_id, Credential.submitted_at, Credential.state).where(Credential.holder_id.in_(people))
    )
    return counted(answers, [(holder, submitted, state) for holder, submitted, state in rows if holder])


def counted(answers: Iterable[Answer], handed_in: Iterable[tuple[UUID, datetime, CredentialState]]) -> Funnel:
    """Count, from answers in their order and from who handed in what when and what became of it."""
    first: dict[tuple[UUID, UUID], Answer] = {}
    waiting: defaultdict[tuple[UUID, tuple[str, ...]], list[tuple[UUID, UUID]]] = defaultdict(list)
    cured: set[tuple[UUID, UUID]] = set()
    for answer in answers:
        purchase, alike = (answer.buyer_id, answer.listing_id), (answer.buyer_id, answer.uses)
        if not answer.cleared:
            if purchase not in first:
                first[purchase] = answer
                waiting[alike].append(purchase)
            continue
        if purchase in first:
            cured.add(purchase)
        if answer.uses:
            cured.update(waiting.pop(alike, ()))
    # Whether anything came after a refusal hangs on the last that came.
    papers: dict[UUID, datetime] = {}
    good: dict[UUID, datetime] = {}
    for who, when, state in handed_in:
        for latest in (papers, good) if state is CredentialState.VERIFIED else (papers,):
            latest[who] = max(when, latest.get(who, when))
    tried, verified = (
        sum(who in latest and latest[who] > refused.at for (who, _), refused in first.items())
        for latest in (papers, good)
    )
    stood_against = Counter(code for answer in first.values() for code in set(answer.codes))
    cleared = Counter(code for key in cured for code in set(first[key].codes))
    return Funnel(
        refused=len(first),
        handed_in=tried,
        verified=verified,
        cleared=len(cured),
        reasons=tuple((code, number, cleared[code]) for code, number in stood_against.most_common()),
    )
