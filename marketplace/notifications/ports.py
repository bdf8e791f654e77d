"""What the notifications room asks of the post."""

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

from ..kernel.errors import Unavailable


class MailNotSent(Unavailable):
    """The mail server did not take the message; it may be tried again."""

    code = "mail_not_sent"


class Mailer(Protocol):
    """Writes a message from its template and hands it to a mail server."""

    def send(self, *, mail_id: UUID, to: str, template: str, context: Mapping[str, Any]) -> None:
        """
        Send the message.

        :raises MailNotSent: the server did not take it
        """
        ...
