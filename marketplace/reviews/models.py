"""What the buyer of a completed sale says of it, and what its seller answers."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base, Keyed


class Review(Keyed, Base):
    """
    One buyer's word on one sale: of a sale that is accepted, by its buyer, who has no part in its seller.

    Rating and words never change (trigger). Staff may hide the words and say why; the rating counts all the same, so
    that nobody's figure is made better by it.
    """

    __tablename__ = "reviews"
    __table_args__ = (
        CheckConstraint("rating BETWEEN 1 AND 5", name="rating_is_from_one_to_five"),
        CheckConstraint("length(trim(words)) BETWEEN 1 AND 2000", name="review_has_words"),
        CheckConstraint(
            "(answer IS NULL) = (answered_at IS NULL) AND (answer IS NULL) = (answered_by IS NULL)",
            name="answer_is_signed",
        ),
        CheckConstraint("length(trim(coalesce(answer, '-'))) BETWEEN 1 AND 2000", name="answer_has_words"),
        CheckConstraint(
            "(hidden_because IS NULL) = (hidden_at IS NULL) AND (hidden_because IS NULL) = (hidden_by IS NULL)",
            name="hiding_is_signed",
        ),
        CheckConstraint("length(trim(coalesce(hidden_because, '-'))) BETWEEN 1 AND 500", name="hiding_says_why"),
        Index("ix_reviews_seller", "seller_clinic_id", "written_at"),
    )

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), unique=True, comment="One review of one sale.")
    seller_clinic_id: Mapped[UUID] = mapped_column(ForeignKey("clinics.id"))
    author_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"), index=True)
    rating: Mapped[int]
    words: Mapped[str]
    written_at: Mapped[datetime]
    answer: Mapped[str | None] = mapped_column(comment="The seller's one answer.")
    answered_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    answered_at: Mapped[datetime | None]
    hidden_because: Mapped[str | None] = mapped_column(comment="Why staff took the words away; everybody reads it.")
    hidden_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    hidden_at: Mapped[datetime | None]
