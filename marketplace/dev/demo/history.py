"""The demo's past: what was sold here in the last year and a half, day by day, as the house would have lived it."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import cycle
from uuid import UUID

from sqlalchemy import func, select

from ...credentials import reviewing
from ...credentials.looks import Look, record_check
from ...credentials.models import CheckMethod, CheckOutcome, Credential
from ...credentials.states import CredentialState
from ...extensions import db
from ...orders.models import Order
from ...orders.states import OrderState
from ...reviews import service as reviews
from ...reviews.models import Review
from . import rolls, shelves
from .cast import HOUSES
from .market import DAYS_OF_A_MONTH, Unit, sold
from .people import Stage
from .sales import PHYSICIANS, Market, Plan, sale_to
from .shelves import Shots
from .then import Calendar

_LAST_LOOK = timedelta(days=12)
"""When a verifier last looked at a licence that is good today."""

_SAID = (
    (5, "As described, down to the scratch on the left cover. The crate was sound and the keys were in it.", None),
    (
        4,
        "Good device. One pair of goggles was missing, and came by post within the week.",
        "Our packing list has a box for it now.",
    ),
    (5, "The counter on arrival was the one of the photo. Sent two days after the payment.", None),
    (5, "They sent the service papers before we asked.", None),
    (
        3,
        "The device is fine. The footswitch cable was stiffer than “light wear” had us expect.",
        "You are right; we would grade it C today.",
    ),
    (5, "Quick answers, clean optics.", None),
)


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
            calendar.let_pass(4)
            _say_how_it_went(stage, calendar)
        calendar.go_to(now - _LAST_LOOK)
        _look_again(stage, next(turns), at=calendar.now())


def _say_how_it_went(stage: Stage, calendar: Calendar) -> None:
    """Let buyers say how their sales went: most of them, and mostly well."""
    said = select(Review.order_id)
    waits = select(Order.id, Order.buyer_id, Order.seller_clinic_id).where(
        Order.state == OrderState.SETTLED, Order.id.not_in(said)
    )
    for order in db.session.execute(waits.order_by(Order.number)).all():
        number = db.session.scalars(select(func.count()).select_from(Review)).one()
        rating, words, answer = _SAID[number % len(_SAID)]
        review = reviews.write(
            order_id=order.id, actor_id=order.buyer_id, rating=rating, words=words, at=calendar.now()
        )
        if answer is not None:
            seller = next(house for house in HOUSES if stage.clinics[house.key] == order.seller_clinic_id)
            reviews.answer(
                review_id=review, actor_id=stage.people[seller.people[0].name], words=answer, at=calendar.now()
            )


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
