"""The post: messages written from templates, handed to an SMTP server."""

import smtplib
import ssl
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import Any
from uuid import UUID

from flask import Flask

from ..config import Settings
from ..notifications.ports import MailNotSent


class SmtpMailer:
    """Answers for `notifications.ports.Mailer`."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    def send(self, *, mail_id: UUID, to: str, template: str, context: Mapping[str, Any]) -> None:
        """
        Write the message from `templates/mail/<template>` and hand it over.

        :raises MailNotSent: the server is away or refused
        """
        message = self.written(mail_id=mail_id, to=to, template=template, context=context)
        settings = self._settings
        try:
            with smtplib.SMTP(settings.mail_host, settings.mail_port, timeout=10) as server:
                if settings.mail_tls:
                    # Without a context of its own smtplib would take any certificate.
                    server.starttls(context=ssl.create_default_context())
                if settings.mail_username is not None:
                    server.login(settings.mail_username, settings.mail_password or "")
                server.send_message(message)
        except (OSError, smtplib.SMTPException) as trouble:
            raise MailNotSent(f"The mail server did not take the message: {trouble}") from trouble

    def written(self, *, mail_id: UUID, to: str, template: str, context: Mapping[str, Any]) -> EmailMessage:
        """Return the message: text and HTML, the subject from the first line of the text."""
        with self._app.app_context():
            given = {**context, "base_url": self._settings.base_url}
            text = self._app.jinja_env.get_template(f"mail/{template}.txt").render(given)
            html = self._app.jinja_env.get_template(f"mail/{template}.html").render(given)
        subject, _, body = text.partition("\n")
        message = EmailMessage()
        # As one line: a subject with any other break of a line in it is refused, and its mail would never go.
        message["Subject"] = " ".join(subject.removeprefix("Subject:").split())
        message["From"] = self._settings.mail_from
        message["To"] = to
        message["Date"] = formatdate()
        # The row's own id: a message that was sent twice is one message to the reader's mail program.
        message["Message-ID"] = f"<{mail_id}@{_domain(self._settings.mail_from)}>"
        message.set_content(body.strip() + "\n")
        message.add_alternative(html, subtype="html")
        return message


def _domain(address: str) -> str:
    return parseaddr(address)[1].partition("@")[2] or "second-light.invalid"
