"""Messages about an order, and how far each person has read."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base, Keyed
from .access import Speaker


class OrderMessage(Keyed, Base):
    """One message. It is never changed or deleted: a dispute is decided by what was written."""

    __tablename__ = "order_messages"
    __table_args__ = (
        CheckConstraint("length(trim(words)) BETWEEN 1 AND 2000", name="message_says_something"),
        Index("ix_order_messages_order_id", "order_id", "at"),
    )

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    speaker: Mapped[Speaker]
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    words: Mapped[str] = mapped_column(comment="As it was written.")
    masked: Mapped[str | None] = mapped_column(comment="What is read until the payment is held; empty: the same.")
    at: Mapped[datetime]


class ThreadMark(Base):
    """How far somebody has read the thread of an order, and whether a mail about what is new is on its way to them."""

    __tablename__ = "order_thread_marks"
    __table_args__ = (Index("ix_order_thread_marks_told", "user_id", postgresql_where=text("told_at IS NOT NULL")),)

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), primary_key=True)
    speaker: Mapped[Speaker] = mapped_column(comment="For whom they read.")
    read_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None] = mapped_column(comment="A mail was promised; no other until they have read.")
