"""Statements that only read: alone where nothing was begun, part of the transaction where one was."""

import pytest
from sqlalchemy import text

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
        assert "reading" not in db.session().info


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
