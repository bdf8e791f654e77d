"""A PostgreSQL server of our own: started from carried or installed programs, gone when we are gone."""

import errno
import fcntl
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import psycopg
from psycopg import sql

from marketplace.dev import postgres_places, postgres_programs
from marketplace.dev.postgres_places import PORT, Place, clear, own, place_of, remove, still_the_same, sweep
from marketplace.dev.processes import Child
from marketplace.dev.trouble import Trouble

_USER: Final = "second_light"
# A crashed server may have a long log to replay before it answers.
_PATIENCE: Final = 60.0
# Nothing of the host's locale or of its PG* settings may reach the server.
_ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C", "LANG": "C"}


class Server:
    """
    One running server, ours or found running, reached over a Unix socket that only we may open.

    Leaving the context ends a server that we started; one that we only attached to is left alone.
    """

    def __init__(self, place: Place, *, child: Child | None, lock: int | None) -> None:
        self._place = place
        self._child = child
        self._lock = lock

    @classmethod
    def start(cls, directory: Path, *, durable: bool) -> Self:
        """
        Start the server of this directory, or attach to it when it runs.

        A server that is not durable is fast, begins empty, and is erased when it stops. Call from the main
        thread: the server ends with the thread that started it.

        :raises Trouble: with a sentence on what the machine lacks
        """
        try:
            place = place_of(directory, durable=durable)
            lock = _claim(place)
            if lock is None:
                return cls(place, child=None, lock=None)
            try:
                child = _start(place, lock=lock, durable=durable)
            except BaseException:
                remove(place.sockets)
                os.close(lock)
                raise
        except OSError as problem:
            raise _sentence(problem) from problem
        return cls(place, child=child, lock=lock)

    @property
    def ours(self) -> bool:
        """Whether we started it and will end it."""
        return self._child is not None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server if it is ours: no new work, running statements cancelled, everything written."""
        if self._child is None or self._lock is None:
            return
        self._child.stop(patience=_PATIENCE)
        # They may lie outside of our place, where nobody else would clear them away.
        remove(self._place.sockets)
        if self._place.disposable.exists():
            clear(self._place)
        os.close(self._lock)
        self._child = self._lock = None

    def expect_running(self) -> None:
        """:raises Trouble: the server that we started has ended by itself"""
        if self._child is not None and self._child.exit_status is not None:
            raise _failure(self._place, "PostgreSQL has ended")

    def url(self, database: str) -> str:
        """Return the address of a database on this server, as SQLAlchemy reads it."""
        # The port is said because PGPORT of the host would otherwise choose the name of the socket.
        host = quote(str(self._place.sockets), safe="/")
        return f"postgresql+psycopg://{_USER}@/{quote(database, safe='')}?host={host}&port={PORT}"

    def create_database(self, name: str, template: str | None = None) -> None:
        """Make an empty database, or a copy of another one to which nobody is connected."""
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._command(statement.format(sql.Identifier(name), sql.Identifier(template or "template0")))

    def drop_database(self, name: str) -> None:
        """Remove a database if it is there, and end whoever is still connected to it."""
        self._command(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def has_database(self, name: str) -> bool:
        """Say whether the database is there."""
        with _connect(self._place) as connection:
            return bool(connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).rowcount)

    def _command(self, statement: sql.Composed) -> None:
        with _connect(self._place) as connection:
            connection.execute(statement)


def erase(directory: Path) -> None:
    """
    Remove the server's data, to begin anew.

    :raises Trouble: the server runs, or the disk refuses
    """
    try:
        place = place_of(directory)
        lock = _claim(place)
        if lock is None:
            raise Trouble(f"The database in {directory} is in use; end what uses it first.")
        clear(place)
        os.close(lock)
    except OSError as problem:
        raise _sentence(problem) from problem


def _claim(place: Place) -> int | None:
    """
    Return the lock of this place, or nothing when a living server answers there.

    The server inherits the lock, so that it is free only when no process of the server is left, even if
    whoever started it was killed.

    :raises Trouble: somebody holds the place, yet no server answers
    """
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        lock = os.open(place.lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if still_the_same(place.lock, lock):
                return lock
        os.close(lock)
        if _answers(place):
            return None
        time.sleep(0.02)
    raise Trouble(f"Another start holds {place.lock}, but its database does not answer; see {place.log}.")


def _start(place: Place, *, lock: int, durable: bool) -> Child:
    programs = postgres_programs.find(readable_copy_in=postgres_places.SHARED if place.account else None)
    if not durable:
        sweep()
        remove(place.data)
        place.disposable.touch()
    # The lock is ours, so no server lives here: what a killed one left in its room of sockets is waste.
    remove(place.sockets)
    own(place.sockets, mode=0o700, account=place.account)
    if not place.data.exists():
        _make_cluster(place, programs, lock=lock, durable=durable)
    _expect_version(place, programs)
    # Its number may by now be that of another process, which would keep the server from starting.
    (place.data / "postmaster.pid").unlink(missing_ok=True)
    child = _spawn(place, _server_command(place, programs, durable=durable), lock=lock)
    deadline = time.monotonic() + _PATIENCE
    try:
        while not (answers := _answers(place)) and child.exit_status is None and time.monotonic() < deadline:
            time.sleep(0.01)
    except BaseException:
        child.stop()
        raise
    if not answers:
        child.stop()
        raise _failure(place, "PostgreSQL did not start")
    return child


def _make_cluster(place: Place, programs: postgres_programs.Programs, *, lock: int, durable: bool) -> None:
    """Make the cluster under another name first: half a cluster is never taken for a whole one."""
    unfinished = place.base / "data.unfinished"
    remove(unfinished)
    own(unfinished, mode=0o700, account=place.account)
    command = [programs.directory / "initdb", "-D", unfinished, *_cluster_choices(programs.major)]
    if not durable:
        command.append("--no-sync")
    maker = _spawn(place, command, lock=lock)
    try:
        finished = maker.wait(_PATIENCE) == 0
    finally:
        maker.stop()
    if not finished:
        raise _failure(place, "The database could not be made")
    unfinished.rename(place.data)


def _cluster_choices(major: int) -> list[str | Path]:
    """Return how to make a cluster that sorts and matches the same on every machine."""
    # Without a character type that knows UTF-8, pg_trgm drops every letter that is not ASCII.
    character_type = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
    choices: list[str | Path] = ["-U", _USER, "-E", "UTF8", "-A", "trust", "--no-instructions"]
    choices += ["--locale=C", f"--lc-ctype={character_type}"]
    if major >= 17:
        choices += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return choices


def _server_command(place: Place, programs: postgres_programs.Programs, *, durable: bool) -> list[str | Path]:
    quoted = str(place.sockets).replace('"', '""')
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": f'"{quoted}"',
        "unix_socket_permissions": "0700",
        "port": str(PORT),
        "timezone": "UTC",
        "log_timezone": "UTC",
        "max_connections": "200",
    }
    if not durable:
        settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    return [programs.directory / "postgres", "-D", place.data, *options]


def _spawn(place: Place, command: list[str | Path], *, lock: int) -> Child:
    account = place.account
    with place.log.open("wb") as log:
        return Child(
            command,
            log=log,
            ending=signal.SIGINT,
            environment=_ENVIRONMENT,
            directory=place.base,
            user=account.user if account else None,
            group=account.group if account else None,
            keep=[lock],
        )


def _expect_version(place: Place, programs: postgres_programs.Programs) -> None:
    made_by = (place.data / "PG_VERSION").read_text().strip()
    if made_by != str(programs.major):
        raise Trouble(
            f"The data in {place.data} was made by PostgreSQL {made_by}, but this machine now has "
            f"{programs.major}: begin anew with --fresh, or bring the old one back."
        )


def _connect(place: Place) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(
        host=str(place.sockets), port=PORT, user=_USER, dbname="postgres", autocommit=True, connect_timeout=5,
        options="-c statement_timeout=60000",
    )  # fmt: skip


def _answers(place: Place) -> bool:
    try:
        _connect(place).close()
    except psycopg.OperationalError:
        return False
    return True


def _failure(place: Place, what: str) -> Trouble:
    said = place.log.read_text(errors="replace").strip()
    if os.strerror(errno.ENOSPC) in said:
        return Trouble(f"{what}: there is no space left on the disk of {place.base}.")
    last = said.splitlines()[-1] if said else "it said nothing"
    return Trouble(f"{what}: {last} (the whole story is in {place.log})")


def _sentence(problem: OSError) -> Trouble:
    return Trouble(f"The database cannot be kept: {problem.strerror} ({problem.filename}).")
