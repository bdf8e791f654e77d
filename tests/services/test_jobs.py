"""The worker: promised jobs are done, failed ones are tried again, and a stopped one leaves nothing half done."""

import os
import signal
from contextvars import Context
from datetime import timedelta
from itertools import count
from threading import Thread
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from marketplace import jobs, queue
from marketplace.extensions import bind, db, unit_of_work
from marketplace.kernel import clock
from marketplace.notifications import service as notifications
from marketplace.notifications.ports import Mailer, MailNotSent
from marketplace.payments.ports import GatewayUnknown, PaymentGateway
from tests.patience import let_end, until
from tests.support import promised_jobs, run_jobs

SCHEDULED = {name for name, _ in jobs.worker_app.periodic_registry.periodic_tasks}


class AwayProvider:
    """A payment provider that says at once that it is away, so that nobody spends a test's seconds on trying again."""

    def events(self, *, since):
        raise GatewayUnknown("away")

    def bookings(self):
        raise GatewayUnknown("away")


class TestRegister:
    def test_a_job_answers_to_its_name(self):
        assert jobs.JOBS["send_mail"].__wrapped__ is jobs.send_mail

    def test_every_job_is_known_to_the_queue(self):
        assert set(jobs.worker_app.tasks) >= set(jobs.JOBS)

    @pytest.mark.parametrize("name", sorted(jobs.JOBS))
    def test_a_job_says_what_it_does(self, name):
        assert jobs.JOBS[name].__doc__

    @pytest.mark.parametrize("name", sorted(set(jobs.JOBS) - SCHEDULED))
    def test_what_is_promised_is_tried_for_about_a_day(self, name):
        retry = jobs.worker_app.tasks[name].retry_strategy
        waits = []
        for tries in count():
            again = retry.get_retry_decision(exception=Exception(), job=SimpleNamespace(attempts=tries))
            if again is None:
                break
            waits.append(again.retry_at - clock.now())

        assert len(waits) == 10
        assert waits[0] < timedelta(seconds=4)
        assert timedelta(hours=24) < sum(waits, timedelta()) < timedelta(hours=25)

    @pytest.mark.parametrize("name", sorted(SCHEDULED))
    def test_what_is_due_by_the_clock_is_queued_once(self, name):
        assert jobs.worker_app.tasks[name].queueing_lock == name

    @pytest.mark.own_database
    def test_what_is_due_by_the_clock_runs_with_nothing_to_do(self, own_app):
        bind(own_app, PaymentGateway, AwayProvider())
        with own_app.app_context():
            for name in sorted(SCHEDULED):
                jobs.worker_app.tasks[name].func(timestamp=0)

    def test_a_job_outside_the_worker_is_a_mistake(self):
        with pytest.raises(RuntimeError, match=r"not started by jobs\.work"):
            Context().run(jobs.JOBS["send_mail"], mail_id="7")


@pytest.mark.own_database
def test_the_worker_does_what_was_promised_and_stops_when_told(own_app, monkeypatch):
    monkeypatch.setattr(jobs, "_app", None)  # and put back: the next test works within its own transaction
    sent = []

    class Post:
        def send(self, **message):
            sent.append(message["to"])
            if message["to"] == "away@example.test":
                raise MailNotSent("The mail server is away.")

    bind(own_app, Mailer, Post())
    bind(own_app, PaymentGateway, AwayProvider())  # What is due by the clock asks it, beside what was promised.
    with own_app.app_context():
        for to in ("alice@example.test", "away@example.test"):
            with unit_of_work():
                notifications.promise_mail(to=to, template="confirm_email", context={}, at=clock.now())
        url = db.engine.url.render_as_string(hide_password=False)
        db.session.remove()

    def stop():
        try:
            until(lambda: len(sent) == 2)
        finally:
            # Before it listens the signal would end the process that runs the tests.
            if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
                os.kill(os.getpid(), signal.SIGTERM)

    stopping = Thread(target=stop)
    stopping.start()

    jobs.work(own_app, url)

    let_end(stopping)
    assert sorted(sent) == ["alice@example.test", "away@example.test"]
    with own_app.app_context():
        rows = db.session.execute(
            text(
                "SELECT args ->> 'mail_id' AS mail, status, attempts, scheduled_at FROM procrastinate_jobs WHERE task_name = 'send_mail'"
            )
        ).all()
        states = dict(db.session.execute(text('SELECT "to", state FROM mails')).all())
        # What was done is gone; what failed waits for its next try.
        assert [(row.status, row.attempts, row.scheduled_at > clock.now()) for row in rows] == [("todo", 1, True)]
        assert states == {"alice@example.test": "sent", "away@example.test": "failed"}


def test_run_jobs_does_also_what_jobs_promise(now):
    with unit_of_work():
        queue.promise("answer_reset_request", email="nobody@example.test")

    assert run_jobs() == ["answer_reset_request"]
    assert promised_jobs() == []
