"""A whole business operation or nothing."""

import pytest
from sqlalchemy import text

from marketplace.extensions import UnitsOfWorkDoNotNest, adapter_of, bind, db, unit_of_work
from tests.factories.accounts import make_user


def _rename(user_id, name):
    db.session.execute(text("UPDATE users SET name = :name WHERE id = :id"), {"id": user_id, "name": name})


def _name(user_id):
    return db.session.execute(text("SELECT name FROM users WHERE id = :id"), {"id": user_id}).scalar_one()


class TestUnitOfWork:
    def test_keeps_everything(self):
        user_id = make_user(name="Alice").id

        with unit_of_work() as session:
            assert session is db.session()
            _rename(user_id, "Bob")
        db.session.rollback()

        assert _name(user_id) == "Bob"

    @pytest.mark.parametrize("trouble", [ZeroDivisionError, KeyboardInterrupt, SystemExit])
    def test_keeps_nothing_after_any_exception(self, trouble):
        user_id = make_user(name="Alice").id

        with pytest.raises(trouble), unit_of_work():
            _rename(user_id, "Bob")
            raise trouble

        assert _name(user_id) == "Alice"

    def test_does_not_nest_and_then_keeps_nothing(self):
        user_id = make_user(name="Alice").id

        with pytest.raises(UnitsOfWorkDoNotNest), unit_of_work():
            _rename(user_id, "Bob")
            with unit_of_work():
                pytest.fail("a unit of work began inside another")

        assert _name(user_id) == "Alice"

    def test_another_may_follow_after_one_that_failed(self):
        user_id = make_user(name="Alice").id
        with pytest.raises(ZeroDivisionError), unit_of_work():
            raise ZeroDivisionError

        with unit_of_work():
            _rename(user_id, "Bob")

        assert _name(user_id) == "Bob"


class TestPorts:
    def test_the_adapter_that_was_bound_answers(self, app):
        class Port:
            pass

        mine = Port()
        bind(app, Port, mine)

        assert adapter_of(Port) is mine

    def test_a_port_without_an_adapter_is_a_mistake(self):
        class Port:
            pass

        with pytest.raises(KeyError):
            adapter_of(Port)


def test_the_database_guards_itself_against_slow_statements(app):
    limits = {
        name: db.session.execute(text(f"SHOW {name}")).scalar_one()
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "application_name")
    }

    assert limits == {
        "statement_timeout": "5s",
        "lock_timeout": "3s",
        "idle_in_transaction_session_timeout": "10s",
        "application_name": "second-light",
    }
