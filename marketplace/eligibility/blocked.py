"""Where demand is blocked: for lack of which paper people were turned away, place by place, and never who."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import cast, func, select
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH

from ..clinics.models import ClinicSite
from ..credentials.types import credential_types
from ..extensions import db
from .models import EligibilityDecision
from .reasons import CureCode

PERIOD = timedelta(days=365)
FEWEST = 5
"""Fewer people than that are not told of: they could be known again."""

_MISSING = f'$.objections[*].cures[*] ? (@.code == "{CureCode.SUBMIT_CREDENTIAL}").target'


@dataclass(frozen=True, slots=True)
class Blocked:
    """So many people were refused in this place, and this paper would have been one way out."""

    state: str
    paper: str
    people: int


def blocked(*, at: datetime) -> list[Blocked]:
    """Return what was missing in the last year, the most people first; in one statement."""
    paper = func.jsonb_path_query(EligibilityDecision.verdict, cast(_MISSING, JSONPATH), type_=JSONB)
    asked = (
        select(ClinicSite.state, EligibilityDecision.buyer_id, paper.label("paper"))
        .join(ClinicSite, ClinicSite.id == EligibilityDecision.site_id)
        .where(~EligibilityDecision.cleared, EligibilityDecision.decided_at >= at - PERIOD)
        .subquery()
    )
    people = func.count(asked.c.buyer_id.distinct())
    rows = db.session.execute(
        select(asked.c.state, asked.c.paper, people.label("people"))
        .group_by(asked.c.state, asked.c.paper)
        .having(people >= FEWEST)
        .order_by(people.desc(), asked.c.state, asked.c.paper)
    )
    known = credential_types()
    return [Blocked(row.state, known[row.paper].name, row.people) for row in rows if row.paper in known]
