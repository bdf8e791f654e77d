"""The demo: what it starts, it ends; what stands in its way, it says in a sentence."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from marketplace.dev import postgres, postgres_places, supervisor
from marketplace.dev.household import Household, Ports, State
from marketplace.dev.trouble import Trouble
from tests.patience import PATIENCE, let_end, running

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable
ACCOUNTS = [{"email": "ada@example.test", "password": "a long password", "story": "May buy a laser."}]

# Answers for `python -m …` as the real programs would, in milliseconds.
STAND_IN = """#!{python} -IS
import http.server, json, os, sys, time
said = " ".join(sys.argv[1:])
with open({diary!r}, "a") as diary:
    diary.write(said + "\\n")
if "granian" in said:
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if os.path.exists({well!r}) else 503)
            self.end_headers()
        def log_message(self, *_): pass
    http.server.HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Page).serve_forever()
elif said == {failing!r}:
    print("the first line")
    print("No space left on device" if {full!r} else "the reason")
    sys.exit(3)
elif "database upgrade" in said:
    pass
elif "demo load" in said:
    time.sleep(0.3)
else:
    time.sleep(600)
"""


def free_ports():
    """Four in a row that nobody holds; workers of one run look in different places."""
    for web in range(10000 + os.getpid() % 1000 * 16, 32000, 8):
        try:
            Ports(web).expect_free()
        except Trouble:
            continue
        return Ports(web)
    raise AssertionError("no free ports")


def wait_until(claim, *, seconds=30):
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.02)


@contextmanager
def as_soon_as(claim, act):
    """
    Act in a thread of its own once the claim has become true, while the demo runs in this one, which only a signal ends.

    When it does not become true, or acting fails, the demo is ended as by Ctrl-C, and the test fails.
    """
    over, trouble = threading.Event(), []

    def run():
        try:
            wait_until(lambda: over.is_set() or claim(), seconds=2 * PATIENCE)
            if not over.is_set():
                act()
        except Exception as problem:  # noqa: BLE001  Whatever it was: without us the demo would run for ever.
            trouble.append(problem)
            os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        let_end(thread)
    assert trouble == []


def processes_of(text):
    """The living processes whose command line holds the text."""
    listed = subprocess.run(
        ["ps", "-axww", "-o", "pid=,stat=,command="], capture_output=True, text=True, check=True, timeout=30
    )
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    return [int(pid) for pid, state, command in rows if text in command and not state.startswith("Z")]


@pytest.fixture
def ports():
    return free_ports()


@pytest.fixture
def directory(tmp_path):
    yield tmp_path / "demo"
    postgres.erase(tmp_path / "demo" / "postgres")


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """A machine whose Python plays every program of the demo; `said()` tells which were asked for."""
    diary, well, program = tmp_path / "diary", tmp_path / "well", tmp_path / "python"
    diary.touch()
    well.touch()

    class StandIn:
        healthy = well

        def said(self):
            return diary.read_text()

        def write(self, *, failing="", full=False):
            program.write_text(
                STAND_IN.format(
                    python=PYTHON, diary=str(diary), well=str(well), failing=failing, full=full,
                )
            )  # fmt: skip
            program.chmod(0o755)

    monkeypatch.setattr(supervisor.sys, "executable", str(program))
    monkeypatch.setattr(supervisor.cast, "accounts", lambda: ACCOUNTS)
    monkeypatch.setenv("DATABASE_URL", "postgresql://elsewhere/shop")
    stand_in = StandIn()
    stand_in.write()
    return stand_in


@pytest.fixture
def own_database(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)


class TestDemo:
    def run_until_open(self, capsys, directory, ports, *arguments, ending=signal.SIGINT):
        """Run the demo in this process; end it by a signal as soon as it has said that it is open."""
        before = len((directory.parent / "diary").read_text())

        def is_open():
            # Only a demo that is open writes its address; one that fails ends by itself.
            return (
                any(path.read_text() for path in directory.parent.glob("demo*/lock"))
                and "wsgi worker" in (directory.parent / "diary").read_text()[before:]
            )

        with as_soon_as(is_open, lambda: os.kill(os.getpid(), ending)):
            status = supervisor.main(["--port", str(ports.web), "--directory", str(directory), *arguments])
        said = capsys.readouterr()
        assert said.err == ""
        return status, said.out

    def test_starts_everything_and_says_where(self, capsys, directory, ports, stand_in, own_database):
        status, said = self.run_until_open(capsys, directory, ports)

        assert status == 0
        assert f"http://localhost:{ports.web}\n" in said
        assert "ada@example.test" in said
        assert "a long password\n        May buy a laser.\n" in said
        assert said.endswith("Everything has ended.\n")
        programs = stand_in.said()
        for program in ("marketplace.dev.stripe", "marketplace.dev.mailbox", "granian", "wsgi worker"):
            assert program in programs
        assert [line for line in programs.splitlines() if "flask" in line and "worker" not in line] == [
            "-m flask --app wsgi database upgrade",
            "-m flask --app wsgi demo load",
        ]
        assert processes_of(str(directory.parent)) == []
        assert (directory / "lock").read_text() == ""
        ports.expect_free()

    def test_a_second_start_loads_nothing_anew(self, capsys, directory, ports, stand_in, own_database):
        self.run_until_open(capsys, directory, ports)
        before = stand_in.said()
        secret = (directory / "secret_key").read_text()
        status, said = self.run_until_open(capsys, directory, ports, ending=signal.SIGTERM)

        assert status == 0
        assert "ada@example.test" in said
        assert "demo load" not in stand_in.said()[len(before) :]
        assert "upgrade" not in stand_in.said()[len(before) :]
        assert (directory / "secret_key").read_text() == secret
        assert (directory / "secret_key").stat().st_mode & 0o777 == 0o600

    def test_fresh_begins_anew(self, capsys, directory, ports, stand_in, own_database):
        self.run_until_open(capsys, directory, ports)
        (directory / "files").mkdir()
        secret = (directory / "secret_key").read_text()
        before = stand_in.said()
        self.run_until_open(capsys, directory, ports, "--fresh")

        assert "demo load\n" in stand_in.said()[len(before) :]
        assert (directory / "secret_key").read_text() != secret
        assert not (directory / "files").exists()

    def test_leaves_a_database_that_was_given_to_its_owner(self, capsys, directory, ports, stand_in):
        self.run_until_open(capsys, directory, ports)

        assert "demo load\n" in stand_in.said()
        assert not directory.exists()
        (beside,) = directory.parent.glob("demo-*")
        assert not (beside / "postgres").exists()

    def test_does_not_empty_a_database_that_was_given(self, capsys, directory, ports, stand_in):
        status = supervisor.main(["--port", str(ports.web), "--directory", str(directory), "--fresh"])

        assert status == 1
        assert "DATABASE_URL names a database that is not ours to empty" in capsys.readouterr().err
        assert stand_in.said() == ""

    @pytest.mark.parametrize(
        ("failing", "full", "sentence"),
        [
            ("-m flask --app wsgi demo load", False, r"The demo data has ended: the reason \(the whole story is in"),
            ("-m flask --app wsgi demo load", True, "The demo data has ended: there is no space left on the disk."),
            ("-m flask --app wsgi worker", False, r"The worker has ended: the reason"),
        ],
    )
    def test_a_program_that_fails_ends_all_in_a_sentence(
        self, capsys, directory, ports, stand_in, failing, full, sentence
    ):
        stand_in.write(failing=failing, full=full)
        status = supervisor.main(["--port", str(ports.web), "--directory", str(directory)])

        assert status == 1
        (beside,) = directory.parent.glob("demo-*")
        assert re.search(sentence, capsys.readouterr().err)
        assert processes_of(str(directory.parent)) == []
        # What was interrupted is not taken for whole.
        assert (beside / "accounts.json").exists() is ("worker" in failing)

    def test_a_web_server_that_never_answers_is_given_up(self, directory, ports, stand_in, monkeypatch):
        stand_in.healthy.unlink()
        monkeypatch.setattr(supervisor, "_PATIENCE", 0.5)
        with pytest.raises(Trouble, match=f"did not answer on port {ports.web} within"):
            supervisor.run(ports=ports, directory=directory, fresh=False)

    def test_a_dead_database_ends_all(self, capsys, directory, ports, stand_in, own_database):
        def is_open():
            return (directory / "lock").exists() and (directory / "lock").read_text()

        def kill_database():
            place = postgres_places.place_of(directory / "postgres")
            os.kill(int((place.data / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)

        with as_soon_as(is_open, kill_database):
            status = supervisor.main(["--port", str(ports.web), "--directory", str(directory)])

        assert status == 1
        assert "PostgreSQL has ended: " in capsys.readouterr().err


class TestInTheWay:
    def test_a_port_in_use_is_named_before_anything_starts(self, capsys, directory, ports, stand_in):
        with socket.create_server(("127.0.0.1", ports.mailbox)):
            status = supervisor.main(["--port", str(ports.web), "--directory", str(directory)])

        assert status == 1
        assert f"Port {ports.mailbox} cannot be used (Address already in use)" in capsys.readouterr().err
        assert stand_in.said() == ""

    def test_a_port_that_a_killed_demo_still_holds_is_waited_for(self, ports):
        held = socket.create_server(("127.0.0.1", ports.web))
        timer = threading.Timer(0.3, held.close)
        timer.start()
        ports.expect_free(patience=20)
        let_end(timer)

    @pytest.mark.parametrize("port", ["0", "65533", "many"])
    def test_a_port_that_is_none(self, port):
        with pytest.raises(SystemExit) as refusal:
            supervisor.main(["--port", port])
        assert refusal.value.code == 2

    def test_a_second_demo_is_told_where_the_first_is(self, tmp_path):
        state = State(tmp_path)
        with state.own() as lock:
            with pytest.raises(Trouble, match="The demo is already running: it is just starting"):
                State(tmp_path).own()
            lock.write("http://localhost:8000")
            lock.flush()
            with pytest.raises(Trouble, match="The demo is already running: http://localhost:8000"):
                State(tmp_path).own()

    def test_a_directory_that_cannot_be_made(self, capsys, tmp_path, ports, stand_in):
        (tmp_path / "file").touch()
        status = supervisor.main(["--port", str(ports.web), "--directory", str(tmp_path / "file" / "demo")])
        assert status == 1
        assert "The demo cannot keep its data: " in capsys.readouterr().err

    def test_a_silent_program_is_named_by_its_status(self, tmp_path):
        with (
            pytest.raises(Trouble, match="The step has ended: exit status 1 "),
            Household(tmp_path / "logs", os.environ) as household,
        ):
            household.run("step", "false")


class TestTheRealTree:
    """The real programs in a directory with a space in its name, without demo data, which is slow to load."""

    @pytest.fixture
    def start(self, tmp_path, ports):
        directory = tmp_path / "a place" / "demo"
        directory.mkdir(parents=True)
        (directory / "accounts.json").write_text(json.dumps(ACCOUNTS))
        started = ExitStack()

        def start():
            environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
            command = [sys.executable, "-m", "marketplace.dev.supervisor"]
            program = running(
                [*command, "--port", str(ports.web), "--directory", str(directory)], seconds=2 * PATIENCE,
                cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
            demo = started.enter_context(program)
            said = []
            for line in demo.stdout:
                said.append(line)
                if "Ctrl-C ends it" in line:
                    return demo
            raise AssertionError("".join(said))

        with started:
            yield start
        wait_until(lambda: self.left(directory) == [])
        postgres.erase(directory / "postgres")

    @staticmethod
    def left(directory):
        place = postgres_places.place_of(directory / "postgres")
        return processes_of(str(directory)) + processes_of(str(place.base))

    @staticmethod
    def tree(pid):
        """The process and everything below it."""
        listed = subprocess.run(
            ["ps", "-axo", "pid=,ppid="], capture_output=True, text=True, check=True, timeout=30
        ).stdout
        parents = {int(child): int(parent) for child, parent in map(str.split, listed.splitlines())}
        found = {pid}
        while more := {child for child, parent in parents.items() if parent in found} - found:
            found |= more
        return found

    @staticmethod
    def living(pids):
        listed = subprocess.run(
            ["ps", "-axo", "pid=,stat="], capture_output=True, text=True, check=True, timeout=30
        ).stdout
        alive = {int(pid) for pid, state in map(str.split, listed.splitlines()) if not state.startswith("Z")}
        return alive & pids

    def test_a_kill_that_cannot_be_caught_leaves_nothing_and_the_next_start_works(self, start, ports):
        demo = start()
        tree = self.tree(demo.pid)
        # Two workers of the web server below it, and PostgreSQL's own processes.
        assert len(tree) >= 10
        demo.kill()
        demo.wait(PATIENCE)

        # It waits for whatever is still ending.
        again = start()
        assert self.living(tree) == set()
        with urllib.request.urlopen(f"http://127.0.0.1:{ports.web}/healthz", timeout=5) as answer:
            assert answer.status == 200
        tree = self.tree(again.pid)
        again.send_signal(signal.SIGINT)
        assert again.wait(20) == 0
        assert self.living(tree) == set()
        ports.expect_free()
