"""Questions about units, the answers to them, and what people reported."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from ..accounts.reports import Report, rules_of_reports
from ..extensions import Base, Keyed
from .states import QuestionEvent, QuestionState, Shown

_ORIGINAL = "As it was written, where contact was taken out of it; for staff alone."


class Question(Keyed, Base):
    """
    What somebody asks about a unit. Its words never change; others read `words`, staff `original` as well.

    `state` is written by `service._move` alone, and whether it is hidden by `moderating._show` alone.
    """

    __tablename__ = "questions"
    __table_args__ = (
        CheckConstraint("length(trim(words)) BETWEEN 1 AND 1000", name="question_asks_something"),
        CheckConstraint("(state = 'declined') = (declined_because IS NOT NULL)", name="declining_has_a_reason"),
        CheckConstraint(
            "(hidden_at IS NULL) = (hidden_because IS NULL) AND (hidden_at IS NULL) = (hidden_by IS NULL)",
            name="hiding_is_signed_and_has_a_reason",
        ),
        Index(
            "nobody_asks_the_same_twice", "listing_id", "asker_id", text("md5(words)"), unique=True,
            postgresql_where=text("state = 'open'"),
        ),
        Index("ix_questions_listing_id", "listing_id", "asked_at"),
    )  # fmt: skip

    listing_id: Mapped[UUID] = mapped_column(ForeignKey("listings.id"))
    asker_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True, comment="Nobody but staff learns who.")
    words: Mapped[str]
    original: Mapped[str | None] = mapped_column(comment=_ORIGINAL)
    state: Mapped[QuestionState] = mapped_column(default=QuestionState.OPEN)
    declined_because: Mapped[str | None] = mapped_column(comment="As who asked reads it; contact is taken out.")
    asked_at: Mapped[datetime]
    hidden_at: Mapped[datetime | None]
    hidden_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    hidden_because: Mapped[str | None]


class QuestionAnswer(Keyed, Base):
    """What the seller answered. It is never changed: a correction is another one, with its own day."""

    __tablename__ = "question_answers"
    __table_args__ = (
        UniqueConstraint("question_id", "number", name="answers_are_numbered_apart"),
        CheckConstraint("number > 0", name="answers_are_counted_from_one"),
        CheckConstraint("length(trim(words)) BETWEEN 1 AND 2000", name="answer_says_something"),
    )

    question_id: Mapped[UUID] = mapped_column(ForeignKey("questions.id"))
    number: Mapped[int]
    words: Mapped[str]
    original: Mapped[str | None] = mapped_column(comment=_ORIGINAL)
    answered_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    at: Mapped[datetime]


class QuestionMove(Keyed, Base):
    """Everything that happened to a question: what, who, why, when. No event and nothing shown: it was asked."""

    __tablename__ = "question_moves"

    question_id: Mapped[UUID] = mapped_column(ForeignKey("questions.id"), index=True)
    event: Mapped[QuestionEvent | None]
    shown: Mapped[Shown | None]
    state: Mapped[QuestionState]
    actor_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str | None]
    at: Mapped[datetime]


class QuestionReport(Report, Base):
    """Somebody asks staff to look at a question or what was answered to it."""

    __tablename__ = "question_reports"
    __table_args__ = (
        UniqueConstraint("question_id", "reporter_id", name="one_report_per_question_and_person"),
        *rules_of_reports(),
    )

    question_id: Mapped[UUID] = mapped_column(ForeignKey("questions.id"))
