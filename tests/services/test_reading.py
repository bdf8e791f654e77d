"""Statements that only read: alone where nothing was begun, part of the transaction where one was."""

import psycopg
import pytest
from flask import g
from sqlalchemy import text
from sqlalchemy.engine import make_url

from marketplace import extensions
from marketplace.extensions import db, reading, unit_of_work
from tests.factories.accounts import make_user
from tests.support import count_statements

ALONE = text("SELECT now() = statement_timestamp()")
PEOPLE = text("SELECT count(*) FROM users")


@pytest.mark.own_database
def test_stands_alone_where_nothing_was_begun(own_app):
    with own_app.app_context():
        with reading() as connection, reading() as again:
            assert again is connection
            assert [connection.scalar(ALONE), connection.scalar(ALONE)] == [True, True]
            assert connection.connection.driver_connection.autocommit
        assert not db.session().in_transaction()
        assert "reading" not in g


@pytest.mark.own_database
def test_leaves_the_connection_as_it_found_it(own_app):
    with own_app.app_context():
        with reading() as connection:
            connection.scalar(ALONE)
        with unit_of_work() as session:
            assert not session.connection().connection.driver_connection.autocommit


@pytest.mark.own_database
def test_sees_what_its_own_transaction_wrote(own_app):
    with own_app.app_context(), unit_of_work() as session:
        make = text(
            "INSERT INTO users (id, email, name, password_hash, created_at) VALUES (gen_random_uuid(), 'a@b', 'A', '-', now())"
        )
        session.execute(make)
        with reading() as connection:
            assert connection.scalar(PEOPLE) == 1


@pytest.mark.own_database
def test_forgets_the_connection_when_a_statement_fails(own_app):
    with own_app.app_context():
        with pytest.raises(Exception, match="no_such"), reading() as connection:
            connection.execute(text("SELECT no_such"))
        with reading() as connection:
            assert connection.scalar(PEOPLE) == 0


def test_reads_within_the_transaction_of_a_test():
    make_user()
    with count_statements() as sent, reading() as connection:
        assert connection.scalar(PEOPLE) == 1
    assert len(sent) == 1


@pytest.mark.own_database
class TestPool:
    """A connection is asked whether it is there where that is not plain, and only there."""

    def backend(self):
        with reading() as connection:
            return connection.scalar(text("SELECT pg_backend_pid()"))

    def end(self, app, backend):
        with psycopg.connect(plain_url(app), autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [backend])

    def test_one_that_was_just_used_is_not_asked(self, own_app, monkeypatch):
        with own_app.app_context():
            first = self.backend()
            asked = []
            monkeypatch.setattr(psycopg.Connection, "execute", lambda _, words: asked.append(words))
            assert self.backend() == first
            assert asked == []

    def test_one_that_was_idle_is_asked_and_kept(self, own_app, monkeypatch):
        with own_app.app_context():
            first = self.backend()
            monkeypatch.setattr(extensions, "ASKED_AFTER", 0.0)
            asked = []
            execute = psycopg.Connection.execute
            monkeypatch.setattr(
                psycopg.Connection, "execute", lambda self, words: (asked.append(words), execute(self, words))
            )
            assert self.backend() == first
            assert asked == [""]
            with unit_of_work() as session:
                assert session.scalar(text("SELECT pg_backend_pid()")) == first

    def test_one_that_the_server_ended_is_replaced(self, own_app):
        with own_app.app_context():
            first = self.backend()
            self.end(own_app, first)
            assert self.backend() != first
            with unit_of_work() as session:
                assert session.scalar(PEOPLE) == 0

    def test_one_that_was_closed_is_replaced(self, own_app):
        with own_app.app_context():
            first = self.backend()
            with reading() as connection:
                inner = connection.connection.driver_connection
            inner.close()
            assert self.backend() != first


def plain_url(app):
    return (
        make_url(app.config["SQLALCHEMY_DATABASE_URI"])
        .set(drivername="postgresql")
        .render_as_string(hide_password=False)
    )
