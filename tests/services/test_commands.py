"""Commands for the people who run the house."""

import json

import pytest
import structlog
from sqlalchemy import text

from marketplace import database, jobs, logs
from marketplace.cli.worker import worker
from marketplace.eligibility import publishing
from marketplace.eligibility.models import PolicyStanding
from marketplace.eligibility.rulebook import reference_document
from marketplace.extensions import db
from tests.factories.accounts import make_staff, make_user


@pytest.fixture
def run(own_app):
    def run(*arguments):
        return own_app.test_cli_runner().invoke(args=arguments)

    return run


@pytest.mark.own_database
class TestDatabase:
    def test_goes_down_and_up_again(self, run, own_app):
        assert run("database", "downgrade", "0001").output == "The database is at 0001.\n"
        with own_app.app_context(), db.engine.connect() as connection:
            assert not database.is_current(connection)

        assert run("database", "upgrade").output == f"The database is at {database.head()}.\n"
        with own_app.app_context(), db.engine.connect() as connection:
            assert database.is_current(connection)

    def test_says_when_all_is_as_expected(self, run):
        result = run("database", "check")

        assert (result.exit_code, result.output) == (0, "The database is as the models expect.\n")

    def test_names_what_differs_and_fails(self, run, own_app):
        with own_app.app_context(), db.engine.begin() as connection:
            connection.execute(text("ALTER TABLE mails DROP COLUMN last_error"))

        result = run("database", "check")

        assert result.exit_code == 1
        assert "last_error" in result.output
        assert result.output.endswith("Error: The database and the models differ.\n")


def test_the_queue_keeps_its_own_tables():
    assert not database.ours(None, "procrastinate_jobs", "table", True, None)
    assert database.ours(None, "orders", "table", True, None)
    assert database.ours(None, None, "table", True, None)


def test_the_worker_works_for_this_app_on_its_database(app, monkeypatch):
    given = []
    monkeypatch.setattr(jobs, "work", lambda *arguments: given.append(arguments))

    assert app.test_cli_runner().invoke(worker).exit_code == 0

    assert given == [(app, app.extensions["second_light_settings"].database_url)]


class TestPolicy:
    @pytest.fixture
    def run(self, app):
        def run(*arguments):
            result = app.test_cli_runner().invoke(args=["policy", *map(str, arguments)])
            return result.exit_code, result.output.strip()

        return run

    @pytest.fixture
    def two(self):
        return make_staff("admin").email, make_staff("admin").email

    def test_is_drafted_by_one_and_put_into_force_by_another(self, run, two):
        proposer, publisher = two

        assert run("draft", proposer) == (0, "Policy 1 is a draft.")
        assert run("publish", 1, proposer)[0] == 1
        assert run("publish", 1, publisher) == (0, "Policy 1 is in force.")
        assert publishing.published_policy().standing is PolicyStanding.REFERENCE

    def test_may_be_another_than_the_one_that_ships_and_confirmed(self, run, two, tmp_path):
        file = tmp_path / "policy.json"
        file.write_text(json.dumps({**reference_document(), "name": "Ours"}))

        assert run("draft", two[0], "--from", file, "--confirmed-by-counsel")[0] == 0
        assert run("publish", 1, two[1])[0] == 0
        assert publishing.published_policy().policy.document.name == "Ours"
        assert publishing.published_policy().standing is PolicyStanding.CONFIRMED_BY_COUNSEL

    @pytest.mark.parametrize("written", ["{", '{"format": 1}', "[]"])
    def test_what_is_no_policy_is_refused_in_a_sentence(self, run, two, tmp_path, written):
        file = tmp_path / "policy.json"
        file.write_text(written)

        code, said = run("draft", two[0], "--from", file)

        assert code == 1
        assert said.startswith("Error: This is no policy: ")
        assert publishing.versions() == []

    def test_somebody_unknown_proposes_nothing(self, run):
        assert run("draft", "nobody@example.test") == (1, "Error: Nobody has this address.")

    def test_who_could_not_do_it_on_the_pages_signs_nothing_here(self, run, two, now):
        gone = make_staff("admin", disabled_at=now)
        for person in (make_user(), make_staff("verifier"), gone):
            refused = (1, f"Error: {person.email} may not do this. Appoint them first: flask staff appoint.")
            assert run("draft", person.email) == refused
            run("draft", two[0])
            assert run("publish", 1, person.email) == refused

        assert publishing.in_force() is None

    def test_what_was_not_drafted_cannot_be_published(self, run, two):
        assert run("publish", 7, two[0]) == (1, "Error: There is no policy 7.")


class TestDemo:
    def test_is_loaded_in_demo_mode_only(self, app):
        result = app.test_cli_runner().invoke(args=["demo", "load"])

        assert result.exit_code == 1
        assert "only loaded where SECOND_LIGHT_MODE is demo" in result.output

    def test_names_the_accounts_to_try(self, app):
        accounts = json.loads(app.test_cli_runner().invoke(args=["demo", "accounts"]).output)

        assert len(accounts) > 3
        assert all("email" in account for account in accounts)


class TestLogs:
    @pytest.fixture(autouse=True)
    def _as_before(self):
        before = structlog.get_config()
        structlog.contextvars.clear_contextvars()
        yield
        structlog.configure(**before)

    def test_a_machine_gets_one_json_object_a_line(self, capsys):
        logs.configure(human=False)
        with structlog.contextvars.bound_contextvars(request_id="7"):
            logs.log.info("refused", reason="a\nline break", name="Zoë")

        (line,) = capsys.readouterr().err.splitlines()
        said = json.loads(line)
        assert said.pop("timestamp").endswith("Z")
        assert said == {
            "event": "refused", "level": "info", "reason": "a\nline break", "name": "Zoë", "request_id": "7",
        }  # fmt: skip

    def test_an_exception_stands_in_its_line(self, capsys):
        logs.configure(human=False)
        try:
            _ = 1 / 0
        except ZeroDivisionError as error:
            logs.log.exception("unexpected", exc_info=error)

        (line,) = capsys.readouterr().err.splitlines()
        assert "ZeroDivisionError" in json.loads(line)["exception"]

    def test_a_developer_reads_words(self, capsys):
        logs.configure(human=True)
        logs.log.info("worker_started", jobs=3)

        assert "worker_started" in capsys.readouterr().err

    def test_chatter_is_left_out(self, capsys):
        logs.configure(human=False)
        logs.log.debug("noise")

        assert capsys.readouterr().err == ""
