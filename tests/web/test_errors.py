"""Every no is a page: what happened, that nothing was changed, and what to do next."""

import errno
import time
from uuid import UUID

import pytest
from flask import Flask, Response
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from marketplace.accounts.tokens import LinkIsDead
from marketplace.app import create_app
from marketplace.extensions import db
from marketplace.kernel.errors import Conflict, Invalid, NotFound, Refusal, Refused, TooMany, Unavailable
from marketplace.web import errors
from tests.conftest import settings_for
from tests.factories.accounts import make_user
from tests.support import count_statements, sign_in


@pytest.fixture
def away(tmp_path) -> Flask:
    """The app while nobody answers on the database's port."""
    return create_app(settings_for("postgresql+psycopg://nobody@127.0.0.1:1/none", tmp_path), WTF_CSRF_ENABLED=False)


@pytest.fixture
def raising(tmp_path):
    """A function that makes a page which raises, and asks for it."""

    def ask(error, method="GET"):
        app = create_app(settings_for("postgresql+psycopg://nobody@127.0.0.1:1/none", tmp_path), WTF_CSRF_ENABLED=False)

        @app.route("/raise", methods=["GET", "POST"])
        def view():
            raise error

        view.access = "public"
        return app.test_client().open("/raise", method=method)

    return ask


class TestDisk:
    def test_what_is_wrong_with_it_otherwise_is_a_fault_of_ours(self, raising, tmp_path):
        with pytest.raises(OSError, match="worn out"):
            raising(OSError(errno.EIO, "worn out"))

        app = create_app(settings_for("postgresql+psycopg://nobody@127.0.0.1:1/none", tmp_path), TESTING=False)

        @app.get("/raise")
        def view():
            raise OSError(errno.EIO, "worn out")

        view.access = "public"
        answer = app.test_client().get("/raise")
        assert answer.status_code == 500
        assert "Something broke on our side" in answer.text


class TestTable:
    @pytest.mark.parametrize(
        ("refusal", "status"),
        [
            (NotFound("There is no such order."), 404),
            (Refused("Not you."), 403),
            (Conflict("Somebody was first."), 409),
            (Invalid("Write a price."), 422),
            (TooMany("Too often."), 429),
            (Unavailable("The provider is away."), 503),
            (LinkIsDead(), 410),
            (Refusal("No."), 403),
        ],
    )
    def test_the_nearest_class_decides_the_status(self, refusal, status):
        assert errors.status_of(refusal) == status

    def test_a_class_of_its_own_answers_like_its_parent(self):
        class TooEarly(Conflict):
            code = "too_early"

        assert errors.status_of(TooEarly("Not yet.")) == 409

    def test_a_refusal_is_shown_with_its_own_sentence_and_cure(self, raising):
        answer = raising(Conflict("Somebody else was first.", cure="Look for another device."))

        assert answer.status_code == 409
        assert "Somebody else was first." in answer.text
        assert "Look for another device." in answer.text

    def test_a_refusal_without_a_cure_gets_the_usual_one(self, raising):
        assert "Look at it again and decide anew." in raising(Conflict("Somebody else was first.")).text

    def test_what_was_sent_and_refused_says_that_nothing_was_changed(self, raising):
        assert "as they were before you pressed" in raising(Conflict("No."), method="POST").text

    @pytest.mark.parametrize("status", sorted(errors.WORDS))
    def test_every_status_has_its_page(self, app, status):
        with app.test_request_context("/"):
            body, answered = errors.page(status)

        assert answered == status
        assert errors.WORDS[status][0] in body

    @pytest.mark.parametrize(("status", "like"), [(418, 400), (505, 500)])
    def test_a_status_without_words_borrows_them(self, app, status, like):
        with app.test_request_context("/"):
            body, answered = errors.page(status)

        assert (answered, errors.WORDS[like][0] in body) == (status, True)


class TestHttp:
    def test_keeps_the_headers_that_belong_to_the_answer(self, client):
        answer = client.put("/sign-in")

        assert answer.status_code == 405
        assert {"GET", "HEAD", "OPTIONS", "POST"} == set(answer.headers["Allow"].split(", "))
        assert "That does not work here" in answer.text

    def test_a_redirect_stays_one(self, raising):
        answer = raising(RequestRedirect("http://localhost/elsewhere"))

        assert (answer.status_code, answer.location) == (308, "http://localhost/elsewhere")

    def test_an_answer_that_was_raised_stays_as_it_is(self, raising):
        assert raising(HTTPException(response=Response("as it is", status=207))).data == b"as it is"


@pytest.mark.own_database
class TestTooOften:
    @pytest.fixture
    def limited(self, fresh_database, tmp_path):
        app = create_app(settings_for(fresh_database(), tmp_path), WTF_CSRF_ENABLED=False, RATELIMIT_ENABLED=True)
        yield app
        with app.app_context():
            db.engine.dispose()

    def test_says_when_to_come_back(self, limited):
        for _ in range(10):
            limited.test_client().post("/sign-in", data={"email": "a@b.test", "password": "wrong"})
        answer = limited.test_client().post("/sign-in", data={"email": "a@b.test", "password": "wrong"})

        assert answer.status_code == 429
        assert "That was too often" in answer.text
        assert 1 <= int(answer.headers["Retry-After"]) <= 300

    def test_without_a_limit_to_name_a_minute_will_do(self, app):
        with app.test_request_context():
            _, status, headers = errors._too_often(None)

        assert (status, headers) == (429, {"Retry-After": "60"})


class TestCrash:
    def test_is_logged_and_told_without_details(self, tmp_path, capsys):
        app = create_app(settings_for("postgresql+psycopg://nobody@127.0.0.1:1/none", tmp_path), TESTING=False)

        @app.get("/crash")
        def crash():
            raise ZeroDivisionError("4111 1111 1111 1111")

        crash.access = "public"
        answer = app.test_client().get("/crash")

        assert answer.status_code == 500
        assert "Something broke on our side" in answer.text
        assert "4111 1111" not in answer.text
        assert "<dd>Nothing.</dd>" in answer.text
        assert "ZeroDivisionError" in capsys.readouterr().err


class TestDatabaseAway:
    PAGES = ("/", "/devices", f"/devices/{UUID(int=1)}", "/rules", "/readyz")

    @pytest.mark.parametrize("path", PAGES)
    def test_pages_say_so_within_five_seconds(self, away, path):
        begun = time.monotonic()
        answer = away.test_client().get(path)

        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "5"
        assert "We cannot answer right now" in answer.text
        assert time.monotonic() - begun < 5

    def test_also_to_somebody_whose_cookie_says_they_are_signed_in(self, away, app, client):
        sign_in(client, make_user())
        theirs = away.test_client()
        theirs.set_cookie("second_light", client.get_cookie("second_light").value)

        answer = theirs.get("/account")

        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
        assert "Sign out" not in answer.text

    def test_whoever_pressed_something_is_not_told_that_nothing_was_changed(self, away):
        answer = away.test_client().post("/sign-in", data={"email": "a@b.test", "password": "seven ruby lanterns"})

        assert answer.status_code == 503
        assert "We cannot tell from here: what you pressed may have been done just before." in answer.text
        assert "Nothing" not in answer.text

    def test_the_process_is_alive_and_files_are_served(self, away):
        assert away.test_client().get("/healthz").status_code == 200
        assert away.test_client().get("/static/css/second-light.css", buffered=True).status_code == 200
        assert away.test_client().get("/no-such-page").status_code in {404, 503}

    def test_limits_that_cannot_be_counted_let_nobody_through(self, tmp_path):
        app = create_app(
            settings_for("postgresql+psycopg://nobody@127.0.0.1:1/none", tmp_path),
            WTF_CSRF_ENABLED=False,
            RATELIMIT_ENABLED=True,
        )

        assert app.test_client().post("/register", data={}).status_code == 503

    @pytest.mark.parametrize("error", [OperationalError("SELECT 1", {}, Exception("gone")), PoolTimeout("none free")])
    def test_the_page_asks_the_database_nothing(self, raising, error):
        with count_statements() as sent:
            answer = raising(error)

        assert (answer.status_code, sent) == (503, [])
