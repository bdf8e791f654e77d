"""Mails are promised with the event they belong to, and sent once."""

from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import NoResultFound

from marketplace.extensions import bind, db, unit_of_work
from marketplace.kernel.errors import Unavailable
from marketplace.notifications import service
from marketplace.notifications.models import Mail, MailState
from marketplace.notifications.ports import Mailer, MailNotSent
from tests.factories.accounts import kept
from tests.support import assert_refused_by, count_statements, promised_jobs, run_jobs


class Post:
    """A post that keeps what it is given, or is away."""

    def __init__(self) -> None:
        self.taken: list[dict] = []
        self.away = False
        self.in_transaction: list[bool] = []

    def send(self, **message) -> None:
        self.in_transaction.append(db.session().in_transaction())
        if self.away:
            raise MailNotSent("The mail server is away.")
        self.taken.append(message)


@pytest.fixture
def post(app):
    usual = app.extensions["second_light_ports"][Mailer]
    post = Post()
    bind(app, Mailer, post)
    yield post
    bind(app, Mailer, usual)


@pytest.fixture
def promised(now) -> UUID:
    with unit_of_work():
        return service.promise_mail(
            to="alice@example.test", template="confirm_email", context={"link": "/confirm/x"}, at=now
        )


class TestPromising:
    def test_keeps_the_mail_and_the_job_together(self, promised, now):
        mail = db.session.get_one(Mail, promised)

        assert (mail.to, mail.template, mail.context) == ("alice@example.test", "confirm_email", {"link": "/confirm/x"})
        assert (mail.state, mail.promised_at, mail.sent_at) == (MailState.PROMISED, now, None)
        assert promised_jobs() == [("send_mail", {"mail_id": str(promised)})]

    def test_leaves_neither_when_the_event_did_not_happen(self, now):
        with pytest.raises(ZeroDivisionError), unit_of_work():
            service.promise_mail(to="alice@example.test", template="confirm_email", context={}, at=now)
            raise ZeroDivisionError

        assert db.session.scalars(select(Mail)).all() == []
        assert promised_jobs() == []

    def test_promises_many_with_one_statement_for_the_mails(self, now):
        told = [(f"person{number}@example.test", {"name": str(number)}) for number in range(40)]
        with unit_of_work(), count_statements() as sent:
            service.promise_mails(told, template="ripple", at=now)

        kept = db.session.scalars(select(Mail)).all()
        assert sorted((mail.to, mail.context["name"]) for mail in kept) == sorted((to, at["name"]) for to, at in told)
        assert {(mail.template, mail.promised_at, mail.state) for mail in kept} == {("ripple", now, MailState.PROMISED)}
        assert sorted(arguments["mail_id"] for _, arguments in promised_jobs()) == sorted(str(mail.id) for mail in kept)
        assert [statement.split()[0] for statement in sent] == ["INSERT"]

    def test_promises_nothing_to_nobody(self, now):
        with unit_of_work():
            service.promise_mails([], template="ripple", at=now)

        assert db.session.scalars(select(Mail)).all() == []
        assert promised_jobs() == []


class TestSending:
    def test_hands_it_over_and_forgets_what_it_said(self, promised, post, now):
        service.send(mail_id=promised, at=now)

        assert post.taken == [
            {
                "mail_id": promised,
                "to": "alice@example.test",
                "template": "confirm_email",
                "context": {"link": "/confirm/x"},
            }
        ]
        mail = db.session.get_one(Mail, promised, populate_existing=True)
        assert (mail.state, mail.sent_at, mail.context, mail.last_error) == (MailState.SENT, now, {}, None)

    def test_a_second_call_does_nothing(self, promised, post, now):
        service.send(mail_id=promised, at=now)
        service.send(mail_id=promised, at=now)

        assert len(post.taken) == 1

    def test_the_job_does_it(self, promised, post):
        assert run_jobs() == ["send_mail"]

        assert len(post.taken) == 1

    def test_keeps_everything_for_another_try_while_the_server_is_away(self, promised, post, now):
        post.away = True

        with pytest.raises(Unavailable):
            service.send(mail_id=promised, at=now)

        mail = db.session.get_one(Mail, promised, populate_existing=True)
        assert (mail.state, mail.sent_at, mail.last_error) == (MailState.FAILED, None, "The mail server is away.")
        assert mail.context == {"link": "/confirm/x"}

        post.away = False
        service.send(mail_id=promised, at=now)
        mail = db.session.get_one(Mail, promised, populate_existing=True)
        assert (mail.state, mail.last_error, len(post.taken)) == (MailState.SENT, None, 1)

    def test_a_slow_server_holds_no_transaction_open(self, promised, post, now):
        service.send(mail_id=promised, at=now)

        assert post.in_transaction == [False]

    def test_a_mail_that_was_never_promised_is_a_mistake(self, post, now):
        with pytest.raises(NoResultFound):
            service.send(mail_id=uuid4(), at=now)

        assert post.taken == []


class TestTable:
    def test_what_is_sent_has_its_moment(self, now):
        with assert_refused_by("mails_sending_is_dated"):
            db.session.add(Mail(to="a@b.test", template="x", context={}, promised_at=now, state=MailState.SENT))
            db.session.flush()

    def test_what_has_a_moment_is_sent(self, now):
        mail = kept(Mail(to="a@b.test", template="x", context={}, promised_at=now))

        with assert_refused_by("mails_sending_is_dated"):
            db.session.execute(text("UPDATE mails SET sent_at = now() WHERE id = :id"), {"id": mail.id})
