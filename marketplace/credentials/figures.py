"""How the desk does: what waits, what was decided, how fast, and why people were refused."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from statistics import median

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import aliased

from ..extensions import db
from .models import Credential, CredentialMove
from .policy import Rejection
from .standards import review_is_due, working_days
from .states import OPEN, CredentialEvent, CredentialState

PERIOD = timedelta(days=30)
AGES = ((1, "less than one"), (2, "one to two"), (5, "two to five"), (float("inf"), "more than five"))
"""Working days of waiting: up to how many, and how that is said."""

_DECISIONS = (CredentialEvent.VERIFIED, CredentialEvent.REJECTED, CredentialEvent.INFO_ASKED)


@dataclass(frozen=True, slots=True)
class Day:
    """What was decided on one day (UTC)."""

    day: date
    verified: int
    rejected: int
    asked: int


@dataclass(frozen=True, slots=True)
class DeskFigures:
    """
    The desk over the last `PERIOD`; counts of what waits are of this moment.

    `median_days` are working days from handing in to the decision, None where nothing was decided; `in_time` is how
    many of the `decided` were within the service target.
    """

    ages: tuple[tuple[str, int], ...]
    late: int
    days: tuple[Day, ...]
    refusals: tuple[tuple[str, int], ...]
    decided: int
    in_time: int
    median_days: float | None

    @property
    def waiting(self) -> int:
        """How many cases are open."""
        return sum(number for _, number in self.ages)


def desk_figures(*, at: datetime) -> DeskFigures:
    """Measure the desk, in two statements."""
    waiting = db.session.scalars(select(Credential.submitted_at).where(Credential.state.in_(OPEN))).all()
    decisions = db.session.execute(_decisions(since=at - PERIOD)).all()
    final = [row for row in decisions if row.event is not CredentialEvent.INFO_ASKED]
    by_day = Counter((row.at.date(), row.event) for row in decisions)
    return DeskFigures(
        ages=_ages(waiting, at),
        late=sum(review_is_due(since) < at for since in waiting),
        days=tuple(
            Day(day, *(by_day[day, event] for event in _DECISIONS))
            for day in (at.date() - timedelta(days=back) for back in range(PERIOD.days, -1, -1))
        ),
        refusals=tuple(
            Counter(_words(row.reason_code) for row in decisions if row.event is CredentialEvent.REJECTED).most_common()
        ),
        decided=len(final),
        in_time=sum(row.at <= review_is_due(row.handed_in) for row in final),
        median_days=median(working_days(row.handed_in, row.at) for row in final) if final else None,
    )


def _ages(waiting: Iterable[datetime], at: datetime) -> tuple[tuple[str, int], ...]:
    bands = Counter(next(words for limit, words in AGES if working_days(since, at) < limit) for since in waiting)
    return tuple((words, bands[words]) for _, words in AGES)


def _words(code: str) -> str:
    return Rejection(code).words if code in set(Rejection) else "Decided before reasons were kept as codes."


def _decisions(*, since: datetime) -> Select[CredentialEvent | None, str | None, datetime, datetime]:
    """Return the statement for every decision, with the moment its case was handed in or answered last."""
    earlier = aliased(CredentialMove)
    handed_in = (
        select(earlier.at)
        .where(
            earlier.credential_id == CredentialMove.credential_id,
            earlier.state == CredentialState.SUBMITTED,
            or_(earlier.event.is_(None), earlier.event == CredentialEvent.RESUBMITTED),
            earlier.at <= CredentialMove.at,
        )
        .order_by(earlier.at.desc())
        .limit(1)
        .scalar_subquery()
    )
    return select(
        CredentialMove.event, CredentialMove.reason_code, CredentialMove.at, handed_in.label("handed_in")
    ).where(CredentialMove.event.in_(_DECISIONS), CredentialMove.at >= since)
