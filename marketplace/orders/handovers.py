"""What is kept about a device changing hands: that nothing rests on it any more, and who signed for it when it came."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base, Sequenced


class LienRelease(Sequenced, Base):
    """
    A paper by which a seller shows that nothing rests on an ordered unit any more, and what finance found of it.

    Without a confirmed one a unit with a lien, stated or found, does not leave (trigger). It is judged once (trigger).
    """

    __tablename__ = "lien_releases"
    __table_args__ = (
        CheckConstraint("length(trim(words)) BETWEEN 1 AND 200", name="lien_release_is_named"),
        CheckConstraint(
            "(judged_at IS NULL) = (judged_by IS NULL) AND (judged_at IS NULL) = (confirmed IS NULL)"
            " AND (judged_at IS NULL) = (length(trim(coalesce(because, ''))) = 0)",
            name="lien_judgement_is_whole",
        ),
        CheckConstraint("judged_by <> handed_in_by", name="nobody_judges_their_own_release"),
        Index("one_lien_release_waits", "order_id", unique=True, postgresql_where=text("judged_at IS NULL")),
        Index("one_lien_release_frees", "order_id", unique=True, postgresql_where=text("confirmed")),
    )

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"))
    document_id: Mapped[UUID] = mapped_column(ForeignKey("documents.id"), unique=True)
    words: Mapped[str] = mapped_column(comment="What it is, in the seller's words.")
    handed_in_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    handed_in_at: Mapped[datetime]
    confirmed: Mapped[bool | None]
    because: Mapped[str | None] = mapped_column(comment="How finance found that out; both sides read it.")
    judged_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    judged_at: Mapped[datetime | None]


class DeliveryReceipt(Base):
    """
    Who signed for a device when it came.

    No order comes under inspection without one (trigger). What was told stays; somebody whom the buying clinic does
    not name is a doubt, which staff settle once with what they found (triggers).
    """

    __tablename__ = "delivery_receipts"
    __table_args__ = (
        CheckConstraint("length(trim(signed_by)) BETWEEN 1 AND 200", name="signer_is_named"),
        CheckConstraint(
            "(settled_at IS NULL) = (settled_by IS NULL)"
            " AND (settled_at IS NULL) = (length(trim(coalesce(finding, ''))) = 0)",
            name="receipt_is_settled_whole",
        ),
        CheckConstraint("settled_at IS NULL OR member_id IS NULL", name="only_a_doubt_is_settled"),
        CheckConstraint("settled_by <> told_by", name="nobody_settles_what_they_told"),
        Index(
            "ix_delivery_receipts_open", "told_at",
            postgresql_where=text("member_id IS NULL AND settled_at IS NULL"),
        ),
    )  # fmt: skip

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    signed_by: Mapped[str] = mapped_column(comment="The name that stands on the carrier's receipt.")
    member_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("users.id"), comment="Whose name of the buying clinic it is; empty: nobody's there."
    )
    told_by: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    told_at: Mapped[datetime]
    attested: Mapped[bool] = mapped_column(comment="By the carrier, read by staff.")
    finding: Mapped[str | None] = mapped_column(comment="What staff found of somebody whom the clinic does not name.")
    settled_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))
    settled_at: Mapped[datetime | None]
