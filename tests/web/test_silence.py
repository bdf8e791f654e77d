"""A database that takes what it is asked and answers nothing: pages say so soon, and ask no more than one a second."""

import time

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from marketplace import silence as quiet
from marketplace.app import create_app
from marketplace.extensions import db, reading
from marketplace.silence import Silence, Silent
from marketplace.web.access import public
from tests.conftest import settings_for

pytestmark = pytest.mark.own_database
SORRY = "We cannot answer right now"


@pytest.fixture
def silence(monkeypatch):
    """What this process knows, known to this test alone."""
    own = Silence()
    monkeypatch.setattr(quiet, "silence", own)
    return own


@pytest.fixture
def app(fresh_database, tmp_path, silence):
    """A house of its own, with a page that asks for as many seconds as its address says, and another that only reads."""
    app = create_app(settings_for(fresh_database(), tmp_path))

    @app.get("/slow/<seconds>")
    @public
    def slow(seconds: str) -> str:
        db.session.execute(text("SELECT pg_sleep(:seconds)"), {"seconds": float(seconds)})
        return "answered"

    @app.get("/reads")
    @public
    def reads() -> str:
        with reading() as connection:
            return connection.execute(text("SELECT 'read'")).scalar_one()

    app.config["DATABASE_ANSWERS_WITHIN"] = 0.1
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def client(app):
    return app.test_client()


def later(silence, *, by: float) -> None:
    silence._asked_again_at -= by


class TestSilence:
    def test_a_page_says_so_soon_and_changes_nothing(self, client, silence):
        began = time.monotonic()
        answer = client.get("/slow/1")

        assert (answer.status_code, SORRY in answer.text, answer.headers["Retry-After"]) == (503, True, "5")
        assert time.monotonic() - began < 0.9
        assert silence.on

    def test_those_after_it_are_told_at_once_and_ask_nothing(self, app, client, monkeypatch):
        client.get("/slow/1")
        monkeypatch.setattr(quiet.Patient, "connect", lambda *_, **__: pytest.fail("It was asked."))

        assert [client.get(path).status_code for path in ("/reads", "/readyz")] == [503, 503]
        assert client.get("/healthz").status_code == 200

    def test_one_a_second_asks_and_ends_it_for_all(self, client, silence):
        client.get("/slow/1")
        later(silence, by=quiet.ASKED_AGAIN_AFTER)

        assert client.get("/reads").text == "read"
        assert not silence.on
        assert client.get("/slow/0").text == "answered"

    def test_one_that_asks_in_vain_lets_the_others_wait_on(self, client, silence):
        client.get("/slow/1")
        later(silence, by=quiet.ASKED_AGAIN_AFTER)

        assert client.get("/slow/1").status_code == 503
        assert client.get("/reads").status_code == 503
        assert silence.on

    def test_a_connection_that_nobody_accepts_is_silence_too(self, app, client, silence, monkeypatch):
        asked = []

        def nobody(*_arguments, **named):
            asked.append(named["connect_timeout"])
            raise psycopg.errors.ConnectionTimeout

        monkeypatch.setattr(quiet.Patient, "connect", nobody)
        assert [client.get("/reads").status_code for _ in range(3)] == [503] * 3
        assert (asked, silence.on) == ([quiet.CONNECTS_WITHIN], True)

    def test_a_kept_connection_is_not_asked_amid_silence_either(self, client, silence):
        assert client.get("/reads").status_code == 200
        silence.begin()

        assert client.get("/reads").status_code == 503
        later(silence, by=quiet.ASKED_AGAIN_AFTER)
        assert client.get("/reads").status_code == 200

    def test_work_without_a_page_waits_and_asks_as_ever(self, app, silence):
        silence.begin()
        with app.app_context():
            assert db.session.execute(text("SELECT pg_sleep(0.15)")).rowcount == 1
            db.session.remove()

    def test_a_limit_of_the_driver_itself_is_no_silence(self, app, silence):
        url = make_url(app.config["SQLALCHEMY_DATABASE_URI"]).set(drivername="postgresql")
        with app.test_request_context(), quiet.connect(url.render_as_string(hide_password=False)) as connection:
            with pytest.raises(psycopg.errors._WaitTimeout):
                connection.wait(psycopg.generators.fetch(_asked(connection)), timeout=0.02)
            connection.close()
        assert not silence.on


def _asked(connection):
    connection.pgconn.send_query(b"SELECT pg_sleep(1)")
    return connection.pgconn


def test_one_of_many_at_one_instant_is_let_through():
    own = Silence()
    assert own.lets_ask()
    own.begin()
    assert not own.lets_ask()
    later(own, by=quiet.ASKED_AGAIN_AFTER)

    assert [own.lets_ask() for _ in range(5)] == [True, False, False, False, False]
    assert issubclass(Silent, psycopg.OperationalError)
