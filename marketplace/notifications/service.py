"""Promise a mail with the event it belongs to; a job sends it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import update

from .. import queue
from ..extensions import adapter_of, db, unit_of_work
from .models import Mail, MailState
from .ports import Mailer, MailNotSent


def promise_mail(*, to: str, template: str, context: dict[str, Any], at: datetime) -> UUID:
    """
    Promise a message in the caller's transaction: no event, no mail; and the other way round.

    `template` names `templates/mail/<template>.txt` and `.html`; `context` must be JSON.
    """
    mail = Mail(to=to, template=template, context=context, promised_at=at)
    db.session.add(mail)
    db.session.flush()
    queue.promise("send_mail", mail_id=str(mail.id))
    return mail.id


def promise_mails(messages: Iterable[tuple[str, dict[str, Any]]], *, template: str, at: datetime) -> None:
    """
    Promise a message to each address, with its context, in two statements however many they are.

    Whoever tells all staff often holds locks that buyers and sellers wait for.
    """
    mails = [Mail(to=to, template=template, context=context, promised_at=at) for to, context in messages]
    if mails:
        db.session.add_all(mails)
        db.session.flush()
        queue.promise_each("send_mail", [{"mail_id": str(mail.id)} for mail in mails])


def send(*, mail_id: UUID, at: datetime) -> None:
    """
    Send a promised message, once: a second call finds it sent and does nothing.

    :raises MailNotSent: the mail server did not take it; the reason is kept and it may be tried again
    """
    with unit_of_work():  # It ends before the post is asked: a slow mail server must not hold a transaction open.
        mail = db.session.get_one(Mail, mail_id)
        if mail.state is MailState.SENT:
            return
        to, template, context = mail.to, mail.template, mail.context
    try:
        adapter_of(Mailer).send(mail_id=mail_id, to=to, template=template, context=context)
    except MailNotSent as trouble:
        with unit_of_work():
            db.session.execute(
                update(Mail).where(Mail.id == mail_id).values(state=MailState.FAILED, last_error=trouble.sentence)
            )
        raise
    with unit_of_work():
        # What it said is in the person's hands now; links with tokens have no business staying here.
        db.session.execute(
            update(Mail).where(Mail.id == mail_id).values(state=MailState.SENT, sent_at=at, context={}, last_error=None)
        )
