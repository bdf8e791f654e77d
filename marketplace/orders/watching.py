"""What nobody did and time brings about: orders under way whose answer has turned, seen every night and on demand."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from .. import audit, queue
from ..extensions import db, unit_of_work
from ..kernel.errors import Refusal
from ..logs import log
from .holding import Looked, look
from .models import Order, OrderHold
from .queries import OrderLine, lines_for_staff
from .states import UNSHIPPED

WATCHED = "orders:watched"
_THE_HOUSE = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Watch:
    """What one round came to: how many orders of each outcome."""

    at: datetime
    looked_at: int
    held: int
    lifted: int
    still_held: int
    failed: int


def watch(*, at: datetime) -> Watch:
    """Look at every order under way: hold what the gate would refuse now, let go on what it clears again."""
    with unit_of_work():
        under_way = list(db.session.scalars(select(Order.id).where(Order.state.in_(UNSHIPPED)).order_by(Order.id)))
    came_to = Counter(_look(order_id, at) for order_id in under_way)
    found = {
        "looked_at": len(under_way),
        "held": came_to[Looked.HELD],
        "lifted": came_to[Looked.LIFTED],
        "still_held": came_to[Looked.STILL_HELD],
        "failed": came_to[None],
    }
    log.info("orders_watched", **found)
    with unit_of_work():
        audit.record(WATCHED, actor_id=None, subject_type="house", subject_id=_THE_HOUSE, at=at, **found)
    return Watch(at=at, **found)


def ask_for_a_watch(*, actor_id: UUID, at: datetime) -> None:
    """Promise a round outside the night."""
    with unit_of_work():
        queue.promise("watch_orders")
        audit.record("orders:watch_asked_for", actor_id=actor_id, subject_type="house", subject_id=_THE_HOUSE, at=at)


def last_watches(*, limit: int = 14) -> list[Watch]:
    """Return what the last rounds found, the newest first."""
    wanted = audit.Wanted(kind=WATCHED, subject_type="house", subject_id=_THE_HOUSE)
    return [Watch(at=event.at, **event.data) for event in audit.newest(wanted, limit=limit)]


def on_hold() -> list[OrderLine]:
    """Return the orders under way that stand still, the newest first."""
    open_holds = select(OrderHold.order_id).where(OrderHold.lifted_at.is_(None))
    return lines_for_staff(Order.state.in_(UNSHIPPED) & Order.id.in_(open_holds))


def _look(order_id: UUID, at: datetime) -> Looked | None:
    try:
        return look(order_id=order_id, at=at)
    except Refusal as trouble:
        # Something moved under it, or no rules are published: one order must not keep the others from being seen.
        log.warning("order_not_watched", order_id=str(order_id), reason=trouble.sentence)
        return None
