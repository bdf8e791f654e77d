"""Write to the other side of an order, and read what came. One mail tells of what is new until it is read."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from .. import audit
from ..extensions import db, unit_of_work
from ..kernel.contacts import cleaned
from ..kernel.errors import Conflict, Invalid, NotFound
from ..orders import belonging, steps
from ..orders.models import Order
from ..orders.wording import News
from ..payments import queries as payments
from ..payments.policy import Freeze
from . import queries
from .access import CLOSED, Speaker, speaks_for
from .models import OrderMessage, ThreadMark

LONGEST = 1_000
_WHO = {Speaker.BUYER: "The buyer", Speaker.SELLER: "The seller", Speaker.STAFF: "Our staff"}


def write(*, order_id: UUID, actor_id: UUID, words: str, at: datetime) -> UUID:
    """
    Write to the other side of an order; the same sent twice in a row is one message.

    Until the payment is held, what says how to reach somebody is hidden from the reader.

    :raises NotFound: there is no such order, or its thread is not this person's
    :raises Invalid: it says nothing, or too much
    :raises Conflict: the order came to nothing before it was paid
    """
    said = _said(words)
    with unit_of_work():
        order = steps.locked(order_id)
        speaker = speaks_for(belonging.parties_of(order, actor_id))
        if speaker is None:
            raise NotFound("There is no such order, or its messages are not yours to see.")
        if order.state in CLOSED:
            raise Conflict("This order came to nothing: what was written stays, and nothing is added.")
        return _add(order, speaker, actor_id=actor_id, words=said, at=at)


def write_as_staff(*, order_id: UUID, actor_id: UUID, words: str, at: datetime) -> UUID:
    """
    Write to both sides of an order whose payment is disputed.

    :raises NotFound: there is no such order
    :raises marketplace.orders.refusals.OwnOrder: the person belongs, or belonged, to one of its clinics
    :raises Invalid: it says nothing, or too much
    :raises Conflict: no dispute is open
    """
    said = _said(words)
    with unit_of_work():
        order = steps.locked_by_staff(order_id, actor_id=actor_id)
        if not is_disputed(order_id):
            raise Conflict("No dispute about this order is open: the two sides write to each other alone.")
        return _add(order, Speaker.STAFF, actor_id=actor_id, words=said, at=at)


def read(*, order_id: UUID, user_id: UUID, at: datetime) -> queries.Thread:
    """
    Return the thread as one of its sides may read it, and keep that they have read it.

    :raises NotFound: there is no such order, or its thread is not this person's
    """
    with unit_of_work():
        found = queries.thread(order_id, user_id=user_id)
        mark = {"order_id": order_id, "user_id": user_id, "speaker": found.speaker, "read_at": at, "told_at": None}
        keys = [ThreadMark.order_id, ThreadMark.user_id]
        db.session.execute(insert(ThreadMark).values(**mark).on_conflict_do_update(index_elements=keys, set_=mark))
        return found


def is_disputed(order_id: UUID) -> bool:
    """Say whether the buyer's bank disputes the order's payment now."""
    payment = payments.payment_of(order_id)
    return payment is not None and payment.frozen_reason == Freeze.DISPUTED


def _add(order: Order, speaker: Speaker, *, actor_id: UUID, words: str, at: datetime) -> UUID:
    newest = db.session.scalars(
        select(OrderMessage)
        .where(OrderMessage.order_id == order.id)
        .order_by(OrderMessage.at.desc(), OrderMessage.id)
        .limit(1)
    ).one_or_none()
    if newest is not None and (newest.author_id, newest.words) == (actor_id, words):
        return newest.id
    clean = cleaned(words)
    # Staff give the house's own addresses, to whom they wish.
    hides = bool(clean.found) and speaker is not Speaker.STAFF
    message = OrderMessage(
        order_id=order.id,
        speaker=speaker,
        author_id=actor_id,
        words=words,
        masked=clean.words if hides else None,
        at=at,
    )
    db.session.add(message)
    db.session.flush()
    told = {"contact_hidden": list(clean.found)} if hides else {}
    audit.record(
        "order:message_written", actor_id=actor_id, subject_type="order", subject_id=order.id, at=at,
        speaker=speaker, **told,
    )  # fmt: skip
    for side in (Speaker.BUYER, Speaker.SELLER):
        if side is not speaker:
            _tell(order, side, by=speaker, at=at)
    return message.id


def _tell(order: Order, side: Speaker, *, by: Speaker, at: datetime) -> None:
    """Tell those of one side who have read what they were told of before."""
    people = _readers(order, side)
    marks = [{"order_id": order.id, "user_id": one, "speaker": side, "told_at": at} for one in sorted(people)]
    if not marks:
        return
    new = db.session.scalars(
        insert(ThreadMark)
        .values(marks)
        .on_conflict_do_update(
            index_elements=[ThreadMark.order_id, ThreadMark.user_id],
            set_={"told_at": at},
            where=ThreadMark.told_at.is_(None),
        )
        .returning(ThreadMark.user_id)
    ).all()
    news = News(
        subject=f"{_WHO[by]} wrote to you about order {order.number}",
        lines=(f"{_WHO[by]} wrote to you about order {order.number}. You get no other mail until you have read it.",),
        action="Read it",
    )
    steps.tell(news, new, order, at=at, page="/messages")


def _readers(order: Order, side: Speaker) -> Iterable[UUID]:
    if side is Speaker.SELLER:
        return belonging.in_charge_of(order.seller_clinic_id)
    gone = belonging.buyer_is_gone(order.id)
    return belonging.in_charge_of(order.buyer_clinic_id) if gone else [order.buyer_id]


def _said(words: str) -> str:
    said = words.strip()
    if not said:
        raise Invalid("Write a sentence.", field="words")
    if len(said) > LONGEST:
        raise Invalid(f"Write at most {LONGEST} signs.", field="words")
    return said
