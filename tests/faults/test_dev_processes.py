"""Whatever we start is gone when we are gone."""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from marketplace.dev import postgres, processes
from marketplace.dev.processes import Child
from marketplace.dev.trouble import Trouble
from tests.patience import PATIENCE, running

ROOT = Path(__file__).resolve().parents[2]


def alive(pid):
    """A zombie that nobody has buried yet is not alive."""
    answer = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False, timeout=30
    )
    return bool(answer.stdout.strip()) and not answer.stdout.startswith("Z")


def wait_until(claim, *, seconds=10):
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.02)


def run_and_kill(program, *arguments):
    """Run a Python program until it has printed a line of process ids, then kill it beyond appeal."""
    command = [sys.executable, "-c", program, *arguments]
    with running(command, seconds=120, stdout=subprocess.PIPE, cwd=ROOT, text=True) as parent:
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert pids
        assert all(alive(pid) for pid in pids)
        parent.kill()
    return pids


class TestKilledParent:
    @pytest.mark.parametrize("kernel", [processes.kernel_ends_orphans, False])
    def test_takes_its_child_with_it(self, kernel):
        pids = run_and_kill(
            "import sys, time\n"
            "from marketplace.dev import processes\n"
            "processes.kernel_ends_orphans = sys.argv[1] == 'True'\n"
            "child = processes.Child(['sleep', '600'], log=None)\n"
            "print(child.pid, flush=True)\n"
            "time.sleep(600)\n",
            str(kernel),
        )
        wait_until(lambda: not any(alive(pid) for pid in pids))

    def test_takes_its_database_with_it_and_the_data_survives(self, tmp_path):
        program = (
            "import sys, time\n"
            "from pathlib import Path\n"
            "from marketplace.dev.postgres import Server\n"
            "server = Server.start(Path(sys.argv[1]), durable=True)\n"
            "server.create_database('kept')\n"
            "pids = [line.split()[0] for line in (server._place.data / 'postmaster.pid').read_text().splitlines()[:1]]\n"
            "print(*pids, flush=True)\n"
            "time.sleep(600)\n"
        )
        pids = run_and_kill(program, str(tmp_path / "postgres"))
        # The next start waits until the last process of the killed one has let go of the lock.
        with postgres.Server.start(tmp_path / "postgres", durable=True) as server:
            assert server.ours
            assert not any(alive(pid) for pid in pids)
            assert server.has_database("kept")
        postgres.erase(tmp_path / "postgres")

    def test_two_starts_at_once_make_one_server(self, tmp_path):
        program = (
            "import sys\n"
            "from pathlib import Path\n"
            "from marketplace.dev.postgres import Server\n"
            "with Server.start(Path(sys.argv[1]), durable=True) as server:\n"
            "    print(int(server.ours), int(server.has_database('postgres')), flush=True)\n"
            "    sys.stdin.read()\n"
        )
        command = [sys.executable, "-c", program, str(tmp_path / "postgres")]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "cwd": ROOT, "text": True}
        with ExitStack() as all_of_them:
            starts = [all_of_them.enter_context(running(command, seconds=120, **pipes)) for _ in range(3)]
            answers = sorted(start.stdout.readline() for start in starts)
            assert answers == ["0 1\n", "0 1\n", "1 1\n"]
            for start in starts:
                start.communicate(timeout=PATIENCE)
        postgres.erase(tmp_path / "postgres")


class TestEndWithParent:
    def test_leaves_at_once_when_the_parent_is_gone_already(self, monkeypatch):
        left = []
        monkeypatch.setattr(os, "_exit", left.append)
        try:
            processes.end_with_parent(os.getppid(), signal.SIGTERM)
            assert left == []
            processes.end_with_parent(os.getppid() + 1, signal.SIGTERM)
            assert left == [1]
        finally:
            processes._libc.prctl(processes._PR_SET_PDEATHSIG, 0, 0, 0, 0)


class TestChild:
    def test_that_cannot_be_started_is_a_sentence(self):
        with pytest.raises(Trouble, match="no-such-program cannot be started"):
            Child(["/no-such-program"], log=None)

    @pytest.mark.parametrize("kernel", [processes.kernel_ends_orphans, False])
    def test_is_stopped_politely(self, monkeypatch, kernel):
        monkeypatch.setattr(processes, "kernel_ends_orphans", kernel)
        child = Child(["sleep", "600"], log=None)
        assert child.exit_status is None

        child.stop()
        assert child.exit_status == -signal.SIGTERM
        child.stop()

    def test_that_does_not_listen_is_killed_with_its_own_children(self, tmp_path):
        log = (tmp_path / "log").open("wb")
        with log:
            child = Child(["sh", "-c", "trap '' TERM; sleep 600 & echo $!; while :; do wait; done"], log=log)
        wait_until(lambda: (tmp_path / "log").read_bytes().endswith(b"\n"))
        grandchild = int((tmp_path / "log").read_text())

        child.stop(patience=0.1)
        assert child.exit_status == -signal.SIGKILL
        wait_until(lambda: not alive(grandchild))

    def test_does_not_hear_ctrl_c_of_its_parent(self):
        child = Child(["sleep", "600"], log=None)
        assert os.getpgid(child.pid) != os.getpgrp()
        child.stop()
