"""The thread of an order as one side of it, or staff, may read it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text

from ..accounts.models import User
from ..extensions import db
from ..kernel.errors import NotFound
from ..orders import belonging
from ..orders.models import Order, OrderMove
from .access import CLOSED, SHARING_CONTACT, Speaker, speaks_for
from .models import OrderMessage, ThreadMark


@dataclass(frozen=True, slots=True)
class MessageView:
    """One message. `author` is None where the reader may not know it; `hidden`: contact was taken out of `words`."""

    speaker: Speaker
    author: str | None
    words: str
    hidden: bool
    at: datetime
    read_by: tuple[Speaker, ...]


@dataclass(frozen=True, slots=True)
class Thread:
    """What was written about an order, the oldest first."""

    speaker: Speaker
    contact_is_shared: bool
    is_open: bool
    messages: tuple[MessageView, ...]


def thread(order_id: UUID, *, user_id: UUID) -> Thread:
    """
    Return the thread as one of its sides may read it.

    :raises NotFound: there is no such order, or its thread is not this person's
    """
    order = db.session.get(Order, order_id)
    speaker = speaks_for(belonging.parties_of(order, user_id)) if order is not None else None
    if order is None or speaker is None:
        raise NotFound("There is no such order, or its messages are not yours to see.")
    return _thread(order, speaker)


def thread_for_staff(order_id: UUID) -> Thread:
    """
    Return the whole thread, as it was written.

    :raises NotFound: there is no such order
    """
    order = db.session.get(Order, order_id)
    if order is None:
        raise NotFound("There is no such order.")
    return _thread(order, Speaker.STAFF)


def unread(order_id: UUID, *, user_id: UUID) -> int:
    """Return how many messages of others came since the person has read the thread."""
    read_at = (
        select(ThreadMark.read_at)
        .where(ThreadMark.order_id == order_id, ThreadMark.user_id == user_id)
        .scalar_subquery()
    )
    new = select(func.count()).where(
        OrderMessage.order_id == order_id,
        OrderMessage.author_id != user_id,
        OrderMessage.at > func.coalesce(read_at, text("'-infinity'::timestamptz")),
    )
    return db.session.scalar(new) or 0


def with_news_for(user_id: UUID) -> frozenset[UUID]:
    """Return the orders in whose threads something waits that the person was told of, in one statement."""
    told = select(ThreadMark.order_id).where(ThreadMark.user_id == user_id, ThreadMark.told_at.is_not(None))
    return frozenset(db.session.scalars(told))


def contact_is_shared(order_id: Any) -> ColumnElement[bool]:
    """Say in a statement whether the payment of an order was ever held for a cleared buyer."""
    return select(OrderMove.id).where(OrderMove.order_id == order_id, OrderMove.event.in_(SHARING_CONTACT)).exists()


def _thread(order: Order, reader: Speaker) -> Thread:
    shared = bool(db.session.scalar(select(contact_is_shared(order.id))))
    marks: Any = db.session.execute(
        select(ThreadMark.speaker, func.max(ThreadMark.read_at))
        .where(ThreadMark.order_id == order.id, ThreadMark.read_at.is_not(None))
        .group_by(ThreadMark.speaker)
    )
    read: dict[Speaker, datetime] = dict(marks.all())
    rows = db.session.execute(
        select(OrderMessage, User.name)
        .join(User, User.id == OrderMessage.author_id)
        .where(OrderMessage.order_id == order.id)
        .order_by(OrderMessage.at, OrderMessage.id)
    )
    whole = shared or reader is Speaker.STAFF
    return Thread(
        speaker=reader,
        contact_is_shared=shared,
        is_open=order.state not in CLOSED,
        messages=tuple(
            MessageView(
                speaker=one.speaker,
                # Before the payment is held the two sides are nobody in particular to each other.
                author=name if whole or one.speaker is reader else None,
                words=one.words if whole or one.masked is None else one.masked,
                hidden=one.masked is not None and not whole,
                at=one.at,
                read_by=tuple(side for side, at in read.items() if side is not one.speaker and at >= one.at),
            )
            for one, name in rows
        ),
    )
