"""The programs of the demo, what it keeps between two runs, and where it listens."""

import errno
import fcntl
import os
import secrets
import shutil
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Self

from marketplace.dev import endings, postgres
from marketplace.dev.processes import Child
from marketplace.dev.trouble import Trouble

ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Ports:
    """Four in a row, so that the addresses inside the kept data stay true after a restart."""

    web: int

    @property
    def stripe(self) -> int:
        """Where the local Stripe listens."""
        return self.web + 1

    @property
    def mailbox(self) -> int:
        """Where the mails can be read."""
        return self.web + 2

    @property
    def smtp(self) -> int:
        """Where mail is taken."""
        return self.web + 3

    def expect_free(self, *, patience: float = 0.0) -> None:
        """:raises Trouble: naming the first one that another program holds, and goes on holding for so many seconds"""
        deadline = time.monotonic() + patience
        for port in (self.web, self.stripe, self.mailbox, self.smtp):
            while (problem := _why_not(port)) is not None:
                if time.monotonic() >= deadline:
                    raise Trouble(
                        f"Port {port} cannot be used ({problem}): end what holds it, or choose four others "
                        f"with --port, for instance --port {self.web + 100}."
                    )
                endings.heed()
                time.sleep(0.1)


def _why_not(port: int) -> str | None:
    """Return why the port cannot be listened on; nothing if it can."""
    with socket.socket() as probe:
        # What the servers themselves do: a connection that has just ended does not hold the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as problem:
            return problem.strerror
    return None


@dataclass(frozen=True, slots=True)
class State:
    """What a demo keeps between two runs."""

    directory: Path

    def own(self) -> IO[str]:
        """
        Hold the state for as long as the file is open.

        :raises Trouble: another demo holds it
        """
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (self.directory / "lock").open("a+")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as problem:
            lock.seek(0)
            address = lock.read()
            lock.close()
            raise Trouble(f"The demo is already running: {address or 'it is just starting'}.") from problem
        lock.seek(0)
        return lock

    def erase(self) -> None:
        """Forget everything but the lock we hold."""
        postgres.erase(self.directory / "postgres")
        for path in self.directory.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != "lock":
                path.unlink()

    def secret(self, name: str) -> str:
        """Return a secret that is made once and that only we can read."""
        path = self.directory / name
        with suppress(FileExistsError):
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(32))
        return path.read_text()

    @property
    def loaded(self) -> bool:
        """Whether the demo data was loaded to its end."""
        return self.accounts.is_file()

    @property
    def accounts(self) -> Path:
        """The demo accounts as JSON."""
        return self.directory / "accounts.json"

    def remembers(self, name: str, value: str) -> bool:
        """Say whether `remember` was last told this value."""
        path = self.directory / name
        return path.is_file() and path.read_text() == value

    def remember(self, name: str, value: str) -> None:
        """Keep a value for the next run."""
        (self.directory / name).write_text(value)


@dataclass
class Progress:
    """One line per step, with the seconds since the start."""

    begun: float = field(default_factory=time.monotonic)

    def say(self, what: str) -> None:
        """
        Print the step.

        :raises KeyboardInterrupt: we were told to end
        """
        endings.heed()
        print(f"{time.monotonic() - self.begun:5.1f} s  {what}", flush=True)


class Household:
    """The programs of the demo; leaving the context ends them all, those that need others first."""

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        logs.mkdir(exist_ok=True)
        self._logs = logs
        self._environment = environment
        self._children: dict[str, Child] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children.values():
            child.ask_to_end()
        for child in self._children.values():
            child.stop(patience=5)

    def add(self, name: str, *command: str | Path) -> None:
        """Start a program, and expect it to run until the end."""
        with self._log(name).open("wb") as log:
            self._children[name] = Child(command, log=log, environment=self._environment, directory=ROOT)

    def run(self, name: str, *command: str | Path) -> None:
        """
        Run a program to its end.

        :raises Trouble: it failed
        """
        with self._log(name).open("wb") as log:
            step = Child(command, log=log, environment=self._environment, directory=ROOT)
        try:
            while step.wait(0.2) is None:
                self.expect_running()
        finally:
            step.stop(patience=1)
        if step.exit_status != 0:
            raise self._trouble(name, step)

    def expect_running(self) -> None:
        """
        Go on while all is well.

        :raises Trouble: one of the programs has ended by itself
        :raises KeyboardInterrupt: we were told to end
        """
        endings.heed()
        for name, child in self._children.items():
            if child.exit_status is not None:
                raise self._trouble(name, child)

    def _log(self, name: str) -> Path:
        return self._logs / f"{name.replace(' ', '-')}.log"

    def _trouble(self, name: str, child: Child) -> Trouble:
        said = self._log(name).read_text(errors="replace").strip()
        if os.strerror(errno.ENOSPC) in said:
            return Trouble(f"The {name} has ended: there is no space left on the disk.")
        last = said.splitlines()[-1] if said else f"exit status {child.exit_status}"
        return Trouble(f"The {name} has ended: {last} (the whole story is in {self._log(name)})")
