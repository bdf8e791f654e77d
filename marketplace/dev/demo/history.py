"""The demo's past: what was sold here in the last year and a half, day by day, as the house would have lived it."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import cycle
from uuid import UUID

from sqlalchemy import select

from ...credentials import reviewing
from ...credentials.looks import Look, record_check
from ...credentials.models import CheckMethod, CheckOutcome, Credential
from ...credentials.states import CredentialState
from ...extensions import db
from . import rolls, shelves
from .market import DAYS_OF_A_MONTH, Unit, sold
from .people import Stage
from .sales import PHYSICIANS, Market, Plan, sale_to
from .shelves import Shots
from .then import Calendar

_LAST_LOOK = timedelta(days=12)
"""When a verifier last looked at a licence that is good today."""


def live_through(
    stage: Stage, market: Market, calendar: Calendar, units: Sequence[Unit], shots: Shots, *, now: datetime
) -> None:
    """Sell what is sold before anybody looks, each unit in its month, with all that the gate asks for by then."""
    with calendar.past(now - timedelta(days=max(unit.days_ago for unit in units) + 1)):
        market.open_accounts()
        shelves.fill(stage, units, shots, now=now)
        days: dict[int, list[Plan]] = defaultdict(list)
        for sale in sold():
            days[sale.months_ago].append(sale_to(sale))
        # What opens this much takes two verifiers, who take turns.
        turns = cycle((stage.verifier, stage.second_verifier))
        for months in sorted(days, reverse=True):
            day = now - timedelta(days=months * DAYS_OF_A_MONTH)
            calendar.go_to(day - timedelta(days=2))
            rolls.load_exclusions(now=calendar.now())
            _look_again(stage, next(turns), at=calendar.now())
            calendar.go_to(day)
            market.play(days[months])
        calendar.go_to(now - _LAST_LOOK)
        _look_again(stage, next(turns), at=calendar.now())


def _look_again(stage: Stage, verifier: UUID, *, at: datetime) -> None:
    """Let the licences of those who buy rest on a look of today."""
    holders = [stage.people[name] for name in PHYSICIANS.values()]
    held = db.session.scalars(
        select(Credential.id)
        .where(Credential.holder_id.in_(holders), Credential.state == CredentialState.VERIFIED)
        .order_by(Credential.number)
    ).all()
    for credential_id in held:
        look = Look(
            source_name="The board’s public register (specimen)",
            method=CheckMethod.PORTAL,
            outcome=CheckOutcome.CONFIRMED,
            retrieved_at=at,
            note="Name, number and expiry as submitted; specimen data.",
        )
        record_check(credential_id=credential_id, actor_id=verifier, look=look, at=at)
        reviewing.reconfirm(credential_id=credential_id, actor_id=verifier, at=at)
