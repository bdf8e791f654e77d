"""Mails as rows: promised with the event, sent once by a job."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from ..extensions import Base, Keyed


class MailState(StrEnum):
    """Where a mail is on its way."""

    PROMISED = "promised"
    SENT = "sent"
    FAILED = "failed"


class Mail(Keyed, Base):
    """One message to one address. `context` holds what the template needs; it is emptied once the mail is sent."""

    __tablename__ = "mails"
    __table_args__ = (CheckConstraint("(state = 'sent') = (sent_at IS NOT NULL)", name="sending_is_dated"),)

    to: Mapped[str]
    template: Mapped[str]
    context: Mapped[dict[str, Any]]
    state: Mapped[MailState] = mapped_column(default=MailState.PROMISED)
    promised_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
