"""Programs that end when we end, however we end."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO

from marketplace.dev.trouble import Trouble

_PR_SET_PDEATHSIG = 1
# Nothing outlives SIGKILL but what waits for a disk that does not answer; nobody is kept waiting with it.
_KILLED_WITHIN = 30.0

# Only Linux can be asked to signal a child when its parent dies; elsewhere a watchdog does it.
kernel_ends_orphans = sys.platform == "linux"


def end_with_parent(parent: int, ending: int) -> None:
    """
    Ask the kernel to send `ending` to this process when the thread that made it ends.

    Runs in the child between fork and exec. The parent may have died before the request was made; then
    nobody would ever tell us, so we leave at once.
    """
    _libc.prctl(_PR_SET_PDEATHSIG, ending, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


# Loaded before any fork: opening a library in a forked child may wait for ever on a lock of another thread.
_libc = ctypes.CDLL(None, use_errno=True)


class Child:
    """
    A program in a session of its own, so that Ctrl-C reaches us and not it.

    It is sent `ending` when we are killed, even by a signal that nobody can catch. Standard output and error
    go to `log`. `user` and `group` are given up to before the program starts, with no other groups.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: IO[bytes] | None,
        ending: signal.Signals = signal.SIGTERM,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
        user: int | None = None,
        group: int | None = None,
        keep: Sequence[int] = (),
    ) -> None:
        """:raises Trouble: the program cannot be started"""
        if threading.current_thread() is not threading.main_thread():
            # The kernel follows the thread that forked, and would end the child together with it.
            raise RuntimeError("A child that must outlive its thread is started from the main thread.")
        self.name = Path(command[0]).name
        self._ending = ending
        try:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=directory,
                user=user,
                group=group,
                extra_groups=None if user is None else [],
                pass_fds=keep,
                start_new_session=True,
                preexec_fn=partial(end_with_parent, os.getpid(), ending) if kernel_ends_orphans else None,  # noqa: PLW1509  It only calls the kernel.
            )
        except (OSError, subprocess.SubprocessError) as problem:
            raise Trouble(f"{self.name} cannot be started: {problem}") from problem
        self._watchdog = None if kernel_ends_orphans else _watch(self._process.pid, ending)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """What the program ended with; nothing while it runs."""
        return self._process.poll()

    def wait(self, patience: float) -> int | None:
        """Return what the program ended with, or nothing when it still runs after that many seconds."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=patience)
        return self._process.returncode

    def ask_to_end(self) -> None:
        """Send the ending signal and come back at once, so that several programs can end side by side."""
        # Popen.send_signal does nothing for a program that has already been reaped.
        self._process.send_signal(self._ending)

    def stop(self, *, patience: float = 10.0) -> None:
        """End the program and everything in its session, politely first."""
        self.ask_to_end()
        self.wait(patience)
        # What did not listen, and whatever the program left behind in its process group.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self.wait(_KILLED_WITHIN)
        if self._watchdog:
            self._watchdog.kill()
            self._watchdog.communicate(timeout=_KILLED_WITHIN)


def _watch(pid: int, ending: signal.Signals) -> "subprocess.Popen[bytes]":
    """
    Start a shell that waits for our death and then ends the process.

    It reads from a pipe of which we alone hold the other end: however we die, the pipe closes.
    """
    return subprocess.Popen(
        ["/bin/sh", "-c", 'read -r _; kill -s "$1" "$0"', str(pid), ending.name.removeprefix("SIG")],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
