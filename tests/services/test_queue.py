"""A job is promised inside the transaction: both happen, or neither."""

from datetime import timedelta

import pytest
from procrastinate.exceptions import AppNotOpen
from sqlalchemy import text

from marketplace import queue
from marketplace.extensions import db, unit_of_work
from tests.support import promised_jobs


class TestPromise:
    def test_stands_with_the_transaction(self):
        with unit_of_work():
            queue.promise("send_mail", mail_id="7")

        assert promised_jobs() == [("send_mail", {"mail_id": "7"})]

    def test_falls_with_the_transaction(self):
        with pytest.raises(ZeroDivisionError), unit_of_work():
            queue.promise("send_mail", mail_id="7")
            raise ZeroDivisionError

        assert promised_jobs() == []

    def test_keeps_the_order_of_promising(self):
        with unit_of_work():
            for number in range(3):
                queue.promise("send_mail", mail_id=str(number))

        assert [arguments["mail_id"] for _, arguments in promised_jobs()] == ["0", "1", "2"]

    def test_may_wait_and_may_exclude_others(self, now):
        with unit_of_work():
            queue.promise("payment_changed", not_before=now + timedelta(hours=1), lock="order:7", order_id="7")

        row = db.session.execute(text("SELECT scheduled_at, lock FROM procrastinate_jobs")).one()
        assert (row.scheduled_at, row.lock) == (now + timedelta(hours=1), "order:7")

    def test_promises_many_of_one_kind_together(self):
        with unit_of_work():
            queue.promise_each("send_mail", [{"mail_id": str(number)} for number in range(40)])

        assert promised_jobs() == [("send_mail", {"mail_id": str(number)}) for number in range(40)]

    def test_never_opens_a_connection_of_its_own(self):
        with pytest.raises(AppNotOpen):
            queue.procrastinate_app.job_manager.check_connection()

    def test_takes_only_what_json_can_say(self):
        with pytest.raises(TypeError, match="not JSON serializable"), unit_of_work():
            queue.promise("send_mail", mail_id=object())

        assert promised_jobs() == []
