"""What the command line says of registers."""

from datetime import UTC, datetime, timedelta

import pytest

from marketplace.dev import rosters
from marketplace.dev.rosters import licences
from marketplace.registers import queries
from tests.factories.accounts import make_user
from tests.factories.registers import make_exclusions, make_snapshot


@pytest.fixture
def run(app):
    return lambda *words: app.test_cli_runner().invoke(args=["register", *words])


@pytest.fixture
def written(tmp_path):
    def write(lines):
        path = tmp_path / "list.csv"
        path.write_bytes(b"".join(rosters.written(lines)))
        return str(path)

    return write


class TestImport:
    def test_loads_the_whole_file_and_says_what_was_wrong_in_it(self, run, written):
        lines = [*rosters.tdlr(licences(30))]
        lines[4] += ",20"

        done = run("import", "TX:TDLR", written(lines), "--fetched", "2026-01-05T10:00")

        assert done.output == (
            "Another number of columns than the header: not loaded: 1 rows, the first is row 4"
            " (20 columns where the header has 19).\n"
            "29 of 30 rows of Texas TDLR, all licences count now.\n"
        )
        assert queries.current(["TX:TDLR"])["TX:TDLR"].retrieved_at == datetime(2026, 1, 5, 10, tzinfo=UTC)

    @pytest.mark.parametrize(
        ("lines", "said"),
        [
            (["a\0"], "Error: Line 1 has a NUL byte in it"),
            ([*rosters.leie(licences(2)), '"SHORT"'], "Error: Nothing was loaded. Row 3 has 1 columns"),
        ],
    )
    def test_fails_in_a_sentence(self, run, written, lines, said):
        done = run("import", "US:LEIE", written(lines))
        assert (done.exit_code, said in done.output) == (1, True)
        assert queries.current(["US:LEIE"]) == {}


def test_match_looks_everybody_up(run):
    make_user(name="Dana Reyes")
    make_exclusions({"family_name": "REYES", "given_name": "DANA"})
    assert run("match").output == "1 new findings wait for staff.\n"


def test_status_says_how_old_everything_is(run, now):
    make_exclusions(retrieved_at=now - timedelta(days=40))
    make_snapshot(retrieved_at=now - timedelta(days=2))

    lines = run("status").output.splitlines()

    assert lines[0] == "TX:TDLR\t1 rows, 2 of 31 days\tTexas TDLR, all licences"
    assert lines[1].startswith("US:LEIE\t1 rows, 40 of 31 days, TOO OLD\t")
    assert lines[2].startswith("US:NPPES\tnever loaded\t")
