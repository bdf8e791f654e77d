"""What people ask staff to look at, whatever it is about."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Keyed


class Report(Keyed):
    """Somebody asks staff to look at something that others can read."""

    reporter_id: Mapped[UUID] = mapped_column(ForeignKey("users.id"))
    reason: Mapped[str]
    at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[UUID | None] = mapped_column(ForeignKey("users.id"))


def rules_of_reports() -> tuple[CheckConstraint, ...]:
    """Return what the database asks of each report."""
    return (
        CheckConstraint("length(trim(reason)) BETWEEN 1 AND 500", name="report_says_why"),
        CheckConstraint("(settled_at IS NULL) = (settled_by IS NULL)", name="settlement_is_signed"),
    )
