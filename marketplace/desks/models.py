"""That the desks were told, once a day."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base


class DeskDigest(Base):
    """The one mail of a working day about what waits on desks that people look at now and then."""

    __tablename__ = "desk_digests"
    __table_args__ = (
        CheckConstraint(
            "leads >= 0 AND inspections >= 0 AND releases >= 0 AND doubts >= 0"
            " AND leads + inspections + releases + doubts > 0",
            name="desk_digest_is_about_something",
        ),
        CheckConstraint("extract(isodow FROM on_day) < 6", name="desk_digest_is_of_a_working_day"),
    )

    on_day: Mapped[date] = mapped_column(primary_key=True)
    sent_at: Mapped[datetime]
    leads: Mapped[int]
    inspections: Mapped[int]
    releases: Mapped[int]
    doubts: Mapped[int]
