"""Guessing is slowed down, and every web process counts together: real rows, real commits."""

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from marketplace import extensions, limits
from marketplace.app import create_app
from marketplace.extensions import db, limiter
from marketplace.kernel import clock
from tests.conftest import settings_for
from tests.factories.accounts import PASSWORD, make_staff, make_user

pytestmark = pytest.mark.own_database

MINUTES = timedelta(minutes=5)


@pytest.fixture
def address(fresh_database):
    return fresh_database()


@pytest.fixture
def open_app(address, tmp_path):
    """A function that starts another web process over the same database."""
    apps = []

    def start():
        app = create_app(settings_for(address, tmp_path), WTF_CSRF_ENABLED=False, RATELIMIT_ENABLED=True)
        apps.append(app)
        return app

    was_enabled = limiter.enabled
    yield start
    limiter.enabled = was_enabled  # One limiter serves all apps of a process; the next test counts nothing.
    for app in apps:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


@pytest.fixture
def own_app(open_app):
    return open_app()


def status(app, path, *, at="198.51.100.1", **data):
    return app.test_client().post(path, data=data, environ_base={"REMOTE_ADDR": at}).status_code


class TestStorage:
    @pytest.fixture(autouse=True)
    def _within(self, own_app):
        with own_app.app_context():
            yield

    @pytest.fixture
    def storage(self):
        return limits.PostgresStorage()

    def test_counts_within_a_window_and_begins_anew_after_it(self, storage, monkeypatch):
        start = clock.now()
        monkeypatch.setattr(clock, "now", lambda: start)
        assert [storage.incr("k", 300), storage.incr("k", 300), storage.incr("k", 300, amount=5)] == [1, 2, 7]
        assert storage.get("k") == 7
        assert storage.get_expiry("k") == pytest.approx((start + MINUTES).timestamp())

        monkeypatch.setattr(clock, "now", lambda: start + MINUTES - timedelta(seconds=1))
        assert storage.incr("k", 300) == 8

        monkeypatch.setattr(clock, "now", lambda: start + MINUTES)
        assert storage.get("k") == 0
        assert storage.get_expiry("k") == (start + MINUTES).timestamp()
        assert storage.incr("k", 300) == 1
        assert storage.get_expiry("k") == pytest.approx((start + 2 * MINUTES).timestamp())

    def test_forgets_one_or_all(self, storage):
        storage.incr("a", 300)
        storage.incr("b", 300)

        storage.clear("a")

        assert (storage.get("a"), storage.get("b")) == (0, 1)
        assert storage.reset() == 1
        assert storage.get("b") == 0

    def test_the_sweep_removes_only_what_is_over(self, storage):
        storage.incr("old", 0)
        storage.incr("new", 300)

        limits.sweep()

        with db.engine.connect() as connection:
            assert connection.scalars(text("SELECT key FROM rate_limits")).all() == ["new"]

    def test_is_there_when_the_database_is(self, storage):
        assert storage.check() is True
        assert issubclass(OperationalError, storage.base_exceptions)

    def test_keeps_its_counts_out_of_the_log(self):
        with db.engine.connect() as connection:
            kind = connection.scalar(text("SELECT relpersistence FROM pg_class WHERE relname = 'rate_limits'"))
        assert kind == "u"


class TestSignIn:
    def test_the_eleventh_wrong_try_from_one_address_is_too_many(self, own_app):
        tries = [status(own_app, "/sign-in", email=f"n{n}@example.test", password="x") for n in range(11)]

        assert tries == [422] * 10 + [429]
        assert status(own_app, "/sign-in", at="198.51.100.2", email="n@example.test", password="x") == 422

    def test_and_so_is_the_eleventh_for_one_account_from_anywhere(self, own_app):
        spellings = ("dana@example.test", " DANA@example.test")
        tries = [
            status(own_app, "/sign-in", at=f"198.51.100.{n}", email=spellings[n % 2], password="x") for n in range(11)
        ]

        assert tries == [422] * 10 + [429]

    def test_two_web_processes_count_together(self, open_app):
        one, two = open_app(), open_app()
        tries = [status((one, two)[n % 2], "/sign-in", email="dana@example.test", password="x") for n in range(11)]

        assert tries == [422] * 10 + [429]

    def test_signing_in_rightly_does_not_count(self, own_app):
        with own_app.app_context():
            email = make_user().email

        assert {status(own_app, "/sign-in", email=email, password=PASSWORD) for _ in range(11)} == {303}

    def test_the_right_password_does_not_help_once_it_is_too_many(self, own_app):
        with own_app.app_context():
            email = make_user().email
        for _ in range(10):
            status(own_app, "/sign-in", email=email, password="x")

        assert status(own_app, "/sign-in", at="198.51.100.9", email=email, password=PASSWORD) == 429


def test_a_sixth_reset_for_one_account_in_a_day_is_too_many(own_app):
    tries = [status(own_app, "/reset-password", at=f"198.51.100.{n}", email="dana@example.test") for n in range(6)]

    assert tries == [303] * 5 + [429]


def test_a_sixth_registration_of_one_address_in_an_hour_is_too_many(own_app):
    form = {"name": "Dana", "email": "dana@clinic.example", "password": "nine copper kettles"}
    tries = [status(own_app, "/register", at=f"198.51.100.{n}", **form) for n in range(6)]

    assert tries == [303] * 5 + [429]


def test_a_fourth_confirmation_mail_in_six_hours_is_too_many(own_app):
    with own_app.app_context():
        email = make_user(confirmed=False).email
    client = own_app.test_client()
    client.post("/sign-in", data={"email": email, "password": PASSWORD})

    assert [client.post("/account/confirm-email").status_code for _ in range(4)] == [303] * 3 + [429]


def test_a_fourth_address_in_six_hours_is_too_many(own_app):
    with own_app.app_context():
        email = make_user().email
    client = own_app.test_client()
    client.post("/sign-in", data={"email": email, "password": PASSWORD})

    asked = [client.post("/account/address", data={"email": f"a{n}@b.example"}).status_code for n in range(4)]
    assert asked == [303] * 3 + [429]


def test_nobody_sends_tables_without_end(own_app):
    with own_app.app_context():
        email = make_user().email
    client = own_app.test_client()
    client.post("/sign-in", data={"email": email, "password": PASSWORD})

    assert [client.post("/sell/import").status_code for _ in range(31)] == [422] * 30 + [429]


class TestEverythingThatIsSent:
    """However good each form is: nobody sends them faster than hands do."""

    @pytest.fixture(autouse=True)
    def _three(self, monkeypatch):
        monkeypatch.setattr(extensions, "MOST_SENT", "3 per minute")

    def test_is_counted_by_address_whatever_it_is(self, own_app):
        paths = ("/clinics/new", "/sell/new", "/sign-out", "/credentials/npi")

        assert [status(own_app, path) for path in paths] == [303, 303, 303, 429]
        assert status(own_app, "/sell/new", at="198.51.100.2") == 303

    def test_counts_beside_what_a_view_counts_itself(self, own_app):
        tries = [status(own_app, "/sign-in", email="d@example.test", password="x") for _ in range(4)]

        assert tries == [422] * 3 + [429]

    def test_does_not_count_who_reads_nor_the_providers_news(self, own_app):
        client = own_app.test_client()

        assert {client.get("/sign-in").status_code for _ in range(5)} == {200}
        assert {status(own_app, "/webhooks/stripe") for _ in range(5)} == {400}


def test_nobody_fills_the_house_with_parked_forms(own_app):
    for n in range(61):
        assert status(own_app, "/clinics/new", name=f"Clinic {n}") == 303

    with own_app.app_context(), db.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM parked_forms")) == 60


def test_what_cannot_be_counted_is_not_let_through(own_app):
    with own_app.app_context(), db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE rate_limits RENAME TO elsewhere"))

    with pytest.raises(Exception, match="rate_limits"):
        status(own_app, "/sign-in", email="dana@example.test", password="x")


class TestMailedLinks:
    """Nobody tries tokens, and nobody sends mail without end."""

    FORGED = "/answer/" + "A" * 43

    @pytest.mark.parametrize("path", [FORGED, f"{FORGED}/read"])
    def test_the_twenty_first_answer_from_one_address_is_too_many(self, own_app, path):
        assert [status(own_app, path) for _ in range(21)] == [404] * 20 + [429]
        assert status(own_app, path, at="198.51.100.2") == 404

    def test_so_is_the_sixty_first_look(self, own_app):
        client = own_app.test_client()
        assert [client.get(self.FORGED).status_code for _ in range(61)] == [404] * 60 + [429]

    @pytest.mark.parametrize(
        ("path", "most", "role"),
        [
            (f"/orders/{UUID(int=1)}/links", 20, None),
            ("/sign/" + "A" * 43, 30, None),
            (f"/staff/credentials/{UUID(int=1)}/questions/new", 30, "verifier"),
            (f"/staff/credentials/{UUID(int=1)}/questions/{UUID(int=2)}/again", 30, "verifier"),
        ],
    )
    def test_and_so_is_one_more_link_or_signature(self, own_app, path, most, role):
        with own_app.app_context():
            person = make_staff(role) if role else make_user()
            email = person.email
        client = own_app.test_client()
        client.post("/sign-in", data={"email": email, "password": PASSWORD})

        assert [client.post(path).status_code for _ in range(most + 1)] == [404] * most + [429]


def test_what_is_looked_for_is_not_said_without_end(own_app):
    with own_app.app_context():
        make_user(email="dana@example.test")
        db.session.commit()
    browser = own_app.test_client()
    browser.post("/sign-in", data={"email": "dana@example.test", "password": PASSWORD})
    statuses = [browser.post("/wanted/new").status_code for _ in range(21)]

    assert statuses == [422] * 20 + [429]
